"""An independent checker of Chat Completions on the wire: knows the format and the vendor's types, and nothing of our code."""

import json
from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

_CHUNK, _REPLY = TypeAdapter(ChatCompletionChunk), TypeAdapter(ChatCompletion)
_REASONS = {"stop", "length", "tool_calls", "content_filter"}


def check(data: bytes) -> None:
    """A stream: one role first, calls in their order, one finish, then usage, then the end mark; or an error and nothing more."""
    chunks = _events(data)
    if chunks[-1] == "error":
        return
    assert chunks.pop() == "done", "the stream has no end mark"
    usage = chunks.pop() if not chunks[-1]["choices"] else None
    assert usage is None or _sums(usage["usage"])
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    deltas, reasons = [], []
    sdk: ChatCompletionStreamState[Any] = ChatCompletionStreamState()  # raises where it cannot put a message together
    for chunk in chunks:
        sdk.handle_chunk(_CHUNK.validate_python(_less_custom(chunk)))
        assert chunk["object"] == "chat.completion.chunk"
        assert chunk.get("usage", "absent" if usage else None) is None
        (choice,) = chunk["choices"]
        assert choice["index"] == 0
        deltas.append(choice["delta"])
        reasons.append(choice["finish_reason"])
    assert deltas[0]["role"] == "assistant"
    assert not any("role" in delta for delta in deltas[1:])
    assert reasons[-1] in _REASONS
    assert set(reasons[:-1]) <= {None}
    assert deltas[-1] == {}
    calls = _calls(deltas)
    assert bool(calls) == (reasons[-1] == "tool_calls") or reasons[-1] in {"length", "content_filter"}


def _events(data: bytes) -> list[Any]:
    """The chunks; "done" for the end mark, "error" for an error event, either of which must be last."""
    text = data.decode("utf-8")
    assert text.endswith("\n\n"), "the last event is not closed"
    found: list[Any] = []
    for event in text.removesuffix("\n\n").split("\n\n"):
        assert found[-1:] not in (["done"], ["error"]), "something stands after the end"
        assert event.startswith("data: "), f"not a data line: {event[:40]}"
        assert "\n" not in event, "an event of several lines"
        payload = event.removeprefix("data: ")
        if payload == "[DONE]":
            found.append("done")
            continue
        chunk = json.loads(payload)
        if "error" in chunk:
            assert set(chunk) == {"error"}
            assert set(chunk["error"]) == {"message", "type", "param", "code"}
        found.append("error" if "error" in chunk else chunk)
    return found


def _calls(deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Puts the calls together as an SDK does: header first, numbered without a gap, arguments that are JSON."""
    calls: list[dict[str, Any]] = []
    for fragment in [fragment for delta in deltas for fragment in delta.get("tool_calls", [])]:
        index = fragment["index"]
        assert index <= len(calls), "a number was left out"
        kind = "custom" if "custom" in fragment else "function"
        name = "input" if kind == "custom" else "arguments"
        if index == len(calls):
            assert fragment["type"] == kind
            assert fragment["id"]
            assert fragment[kind]["name"]
            assert fragment[kind][name] == ""
            calls.append({"kind": kind, "text": ""})
        else:
            assert set(fragment) == {"index", kind}
            calls[index]["text"] += fragment[kind][name]
    return calls


def _less_custom(chunk: dict[str, Any]) -> dict[str, Any]:
    """The SDK's chunk types know function calls only, although its messages know custom ones: told to it as such."""
    copied: dict[str, Any] = json.loads(json.dumps(chunk))
    for choice in copied["choices"]:
        for fragment in choice["delta"].get("tool_calls", []):
            if custom := fragment.pop("custom", None):
                fragment["function"] = {"arguments": custom.pop("input"), **custom}
                if "type" in fragment:
                    fragment["type"] = "function"
    return copied


def check_reply(body: dict[str, Any]) -> None:
    _REPLY.validate_python(body)
    assert body["object"] == "chat.completion"
    for choice in body["choices"]:
        message = choice["message"]
        assert choice["finish_reason"] in _REASONS
        assert message["role"] == "assistant"
        assert message["content"] is None or isinstance(message["content"], str)
        assert bool(message.get("tool_calls")) == (choice["finish_reason"] == "tool_calls") or choice[
            "finish_reason"
        ] in {
            "length",
            "content_filter",
        }
    if "usage" in body:
        assert _sums(body["usage"])


def _sums(usage: dict[str, Any]) -> bool:
    inside = usage["completion_tokens_details"]["reasoning_tokens"] <= usage["completion_tokens"]
    cached = usage["prompt_tokens_details"]["cached_tokens"] <= usage["prompt_tokens"]
    total: bool = usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]
    return inside and cached and total
