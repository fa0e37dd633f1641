"""Messages reply -> neutral response (facts 2.3), and the readings that its stream shares with it."""

from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic.faults import raise_error
from polyglot_cloud.dialects.anthropic.usage import read_usage
from polyglot_cloud.errors import BrokenReply
from polyglot_cloud.neutral import Block, Choice, FinishReason, Opaque, Response, State, Text, Thinking, ToolCall
from polyglot_cloud.wire import encode

_FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "compaction": "length",
    "refusal": "content_filter",
}
_PLAIN = frozenset({"end_turn", "stop_sequence", "tool_use", "max_tokens"})


def read_response(body: Body) -> Response:
    """A whole reply. Raises BrokenReply where it is none or has no end, a ProviderError where a 200 carries an error."""
    if not isinstance(body, dict):
        raise BrokenReply("The provider's reply is not a JSON object.")
    if body.get("type") == "error":
        raise_error(body)
    content = body.get("content")
    if not isinstance(content, list):
        raise BrokenReply("The provider's reply has no content.")
    blocks = [read_block(raw) for raw in content if isinstance(raw, dict)]
    called = any(isinstance(block, ToolCall) for block in blocks)
    reason, detail = finish(body, called=called)
    if reason is None:
        raise BrokenReply("The provider's reply ended without a stop reason.")
    choice = Choice(blocks, reason, detail, string(body, "stop_sequence") or None)
    return Response(string(body, "id"), string(body, "model"), [choice], read_usage(body))


def read_block(raw: Body) -> Block:
    """One block of content; a kind without a neutral counterpart stays opaque."""
    match raw.get("type"):
        case "text":
            text = string(raw, "text")
            return Text(text, annotations(raw.get("citations"), len(text)) or None)
        case "thinking":
            return Thinking(string(raw, "thinking"), state=thinking_state(raw))
        case "redacted_thinking":
            return Thinking("", state=State(raw))
        case "tool_use":
            return ToolCall(string(raw, "id"), string(raw, "name"), arguments(raw.get("input")))
        case _:
            return Opaque("anthropic", raw, state=State({}))


def finish(reply: Body, *, called: bool) -> tuple[FinishReason | None, str | None]:
    """The finish reason of a reply or a `message_delta.delta`, with the vendor's word or explanation where it says more.

    None: the reply has no end. An unknown word is a stop that names it. `called`: the reply calls a tool of the client's.
    """
    word = string(reply, "stop_reason")
    if not word:
        return None, None
    reason = _FINISH.get(word, "stop")
    if reason in {"stop", "tool_calls"} and word != "stop_sequence":
        reason = "tool_calls" if called else "stop"
    if word == "refusal":
        return reason, _explanation(reply.get("stop_details"))
    return reason, None if word in _PLAIN else word


def thinking_state(raw: Body) -> State | None:
    """A thinking block can go back only with its signature; its text may be empty (display "omitted")."""
    return State(raw) if string(raw, "signature") else None


def arguments(value: Any) -> str:
    """A call's input as JSON text, "" for a call without any: a stream gives nothing then either."""
    return encode(value).decode() if value else ""


def annotations(citations: Any, length: int) -> list[dict[str, Any]]:
    """Citations of a text block of `length` characters, each of which backs the whole block.

    Those with a URL come in Chat's shape, the others (places in the client's own documents) in Anthropic's.
    """
    if not isinstance(citations, list):
        return []
    return [_annotation(citation, length) for citation in citations if isinstance(citation, dict)]


def string(raw: Body, name: str) -> str:
    value = raw.get(name)
    return value if isinstance(value, str) else ""


def _annotation(citation: Body, length: int) -> dict[str, Any]:
    url = string(citation, "url")
    if not url:
        return citation
    place = {"start_index": 0, "end_index": length, "title": string(citation, "title"), "url": url}
    return {"type": "url_citation", "url_citation": place}


def _explanation(details: Any) -> str:
    """The vendor's word, the category in brackets, and its sentence, as far as they are given."""
    raw: Body = details if isinstance(details, dict) else {}
    category, sentence = string(raw, "category"), string(raw, "explanation")
    word = f"refusal ({category})" if category else "refusal"
    return f"{word}: {sentence}" if sentence else word
