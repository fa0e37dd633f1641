"""Why an answer ended: Chat's words and the odd ones of its relatives."""

from typing import Any

from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.neutral import FinishReason

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "max_tokens": "length",
}
_PLAIN = frozenset({"stop", "length", "tool_calls", "function_call", "content_filter", ""})


def read_finish(word: str, called: bool) -> FinishReason:
    """A call that was made is what counts: xAI says "" or "end_turn" at times, and OpenAI "stop" after a forced call."""
    return settle(_REASONS.get(word, "stop"), called)


def settle(reason: FinishReason, called: bool) -> FinishReason:
    """The reason and the calls agree, unless the answer was cut short."""
    if reason in {"length", "content_filter"}:
        return reason
    return "tool_calls" if called else "stop"


def detail_of(choice: Object) -> str | None:
    """The provider's own word where it is none of Chat's, or says more (`native_finish_reason`, an extension many relays know)."""
    word: Any = choice.get("finish_reason")
    native: Any = choice.get("native_finish_reason")
    for said in (native, word):
        if isinstance(said, str) and said not in _PLAIN:
            return said
    return None
