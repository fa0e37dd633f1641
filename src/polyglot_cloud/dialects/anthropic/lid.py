"""How a Messages request is told to write less, and how its tokens are counted (platform.claude.com, token counting; 2026-11-22)."""

from typing import Any

from polyglot_cloud.dialects import Body, Counter, Lid

CLIENTS = ("bash_", "text_editor_", "memory_", "computer_")
"""How the names of the vendor's tool kinds begin that the client runs: they cost the tokens of their descriptions alone."""


def asked(body: Body) -> int | None:
    given = body.get("max_tokens")
    return given if type(given) is int else None


def thinks(body: Body) -> int:
    thinking = body.get("thinking")
    given = thinking.get("budget_tokens") if isinstance(thinking, dict) and thinking.get("type") == "enabled" else None
    return given if type(given) is int and given > 0 else 0


def billed(body: Body) -> str | None:
    if body.get("mcp_servers"):
        return "mcp_servers"
    tools = body.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        kind = str((tool.get("type") if isinstance(tool, dict) else None) or "custom")
        if kind != "custom" and not kind.startswith(CLIENTS):
            return kind
    return None


def count(body: Any) -> int | None:
    found = body.get("input_tokens") if isinstance(body, dict) else None
    return found if type(found) is int and found > 0 else None


LID = Lid(asked, lambda body: [("max_tokens",)], thinks, lambda body: bool(body.get("tools")), billed)
COUNTER = Counter(
    path=lambda model: "messages/count_tokens",
    counted=frozenset({
        "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "output_format", "cache_control",
    }),
    free=frozenset({
        "max_tokens", "stream", "metadata", "stop_sequences", "service_tier", "temperature", "top_p", "top_k", "speed",
        "inference_geo", "diagnostics",
    }),
    around=lambda model: (b"{", b"}"),
    read=count,
    margin=5,
)  # fmt: skip
"""An estimate, from which the true number "may differ by a small amount": how small nobody says, so a twentieth is added."""
