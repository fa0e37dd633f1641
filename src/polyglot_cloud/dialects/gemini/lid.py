"""How generateContent is told to write less, and how its tokens are counted (ai.google.dev, countTokens; 2026-11-22)."""

from typing import Any
from urllib.parse import quote

from polyglot_cloud import wire
from polyglot_cloud.dialects import Body, Counter, Lid
from polyglot_cloud.dialects.gemini.address import CONFIG, MAXIMUM, integer
from polyglot_cloud.dialects.gemini.shape import count as whole
from polyglot_cloud.dialects.gemini.shape import mapping, mappings

CLIENTS = frozenset({"functionDeclarations", "function_declarations", "computerUse", "computer_use"})
"""Tools that the client runs."""
_THINKING = ("thinkingConfig", "thinking_config")
_BUDGET = ("thinkingBudget", "thinking_budget")
_COUNTED = (
    "contents", "systemInstruction", "system_instruction", "tools", "toolConfig", "tool_config", "generationConfig", "generation_config",
    "cachedContent", "cached_content",
)  # fmt: skip


def _spelled(body: Body, names: tuple[str, str]) -> str:
    """The spelling that stands in it; the first where none does."""
    return names[1] if names[1] in body and names[0] not in body else names[0]


def _config(body: Body) -> Body:
    return mapping(body.get(_spelled(body, CONFIG)))


def asked(body: Body) -> int | None:
    config = _config(body)
    given = config.get(_spelled(config, MAXIMUM))
    return None if given is None else integer(given)


def places(body: Body) -> list[tuple[str, ...]]:
    return [(_spelled(body, CONFIG), _spelled(_config(body), MAXIMUM))]


def thinks(body: Body) -> int:
    config = _config(body)
    thinking = mapping(config.get(_spelled(config, _THINKING)))
    return whole(thinking.get(_spelled(thinking, _BUDGET)))


def billed(body: Body) -> str | None:
    for tool in mappings(body.get("tools")):
        for name, value in tool.items():
            if name not in CLIENTS and value is not None:
                return name
    return None


def told(body: Any) -> int | None:
    found = whole(body.get("totalTokens")) if isinstance(body, dict) else 0
    return found or None


def _around(model: str) -> tuple[bytes, bytes]:
    named = wire.encode(f"models/{model.removeprefix('models/')}")
    return b'{"generateContentRequest":{"model":' + named + b",", b"}}"


LID = Lid(asked, places, thinks, lambda body: bool(body.get("tools")), billed)
COUNTER = Counter(
    path=lambda model: f"models/{quote(model.removeprefix('models/'), safe='')}:countTokens",
    counted=frozenset(_COUNTED),
    free=frozenset({"model", "safetySettings", "safety_settings", "serviceTier", "service_tier", "store", "labels"}),
    around=_around,
    read=told,
    margin=5,
)
"""Nobody says how near it comes to what is billed: as Anthropic's, a twentieth is added."""
