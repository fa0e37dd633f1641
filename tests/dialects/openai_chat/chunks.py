"""Chunks of a stream, and what becomes of them."""

import json
from typing import Any

from polyglot_cloud import sse
from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.neutral import Event, ReplyContext

DONE = sse.Record("", b"[DONE]", b"data: [DONE]\n\n")
CONTEXT = ReplyContext(provider="p", model="m", created=5, id="chatcmpl-ours")
METERED = ReplyContext(provider="p", model="m", created=5, id="chatcmpl-ours", include_usage=True)


def record(value: Any, event: str = "") -> sse.Record:
    data = json.dumps(value).encode()
    return sse.Record(event, data, sse.encode(data, event))


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> sse.Record:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return record({"id": "c1", "created": 9, "model": "up", "choices": [choice]} | more)


def read(*records: sse.Record) -> list[Event]:
    """The events of a stream that ends here."""
    reader = DIALECT.reader()
    events = [event for found in records for event in reader.feed(found)]
    return events + reader.close()


def write(*events: Event, context: ReplyContext = CONTEXT, close: bool = True) -> list[dict[str, Any]]:
    """The chunks that a client gets; the end mark as {"done": True}."""
    assert DIALECT.writer
    writer = DIALECT.writer(context)
    data = b"".join(writer.feed(event) for event in events) + (writer.close() if close else b"")
    return parse(data)


def parse(data: bytes) -> list[dict[str, Any]]:
    payloads = [event.removeprefix("data: ") for event in data.decode().split("\n\n") if event]
    return [{"done": True} if payload == "[DONE]" else json.loads(payload) for payload in payloads]


def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found["choices"][0]["delta"] for found in chunks if found.get("choices")]


def fold(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The message as a client puts it together: strings are joined, calls by their index, lists appended."""
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls: dict[int, dict[str, Any]] = {}
    for delta in deltas(chunks):
        for name in ("content", "refusal", "reasoning_content"):
            if isinstance(delta.get(name), str):
                message[name] = (message.get(name) or "") + delta[name]
        for name in ("reasoning_details", "annotations", "images"):
            if name in delta:
                message[name] = message.get(name, []) + delta[name]
        for fragment in delta.get("tool_calls", []):
            _extend(calls, fragment)
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return message


def _extend(calls: dict[int, dict[str, Any]], fragment: dict[str, Any]) -> None:
    if fragment["index"] not in calls:
        calls[fragment["index"]] = {name: value for name, value in fragment.items() if name != "index"}
        return
    call = calls[fragment["index"]]
    kind, name = ("custom", "input") if call["type"] == "custom" else ("function", "arguments")
    call[kind][name] += fragment[kind][name]
