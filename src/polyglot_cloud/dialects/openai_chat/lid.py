"""How a Chat request is told to write less (OpenAI's and xAI's API references, 2026-11-22)."""

from polyglot_cloud.dialects import Lid
from polyglot_cloud.dialects.openai_chat.fields import Object

MAXIMA = ("max_completion_tokens", "max_tokens")
CLIENTS = frozenset({"function", "custom"})
"""Kinds of tools that the client runs."""


def asked(body: Object) -> int | None:
    """Where both maxima are set, nobody says which of them a host goes by."""
    given = [value for name in MAXIMA if type(value := body.get(name)) is int]
    return max(given) if given else None


def places(body: Object) -> list[tuple[str, ...]]:
    return [(name,) for name in MAXIMA if body.get(name) is not None] or [(MAXIMA[0],)]


def tools(body: Object) -> bool:
    return bool(body.get("tools") or body.get("functions"))


def billed(body: Object) -> str | None:
    for name in ("web_search_options", "search_parameters"):
        if body.get(name) is not None:
            return name
    for tool in body.get("tools") or ():
        if (kind := str(tool.get("type", "function"))) not in CLIENTS:
            return kind
    return None


LID = Lid(asked, places, lambda body: 0, tools, billed)
