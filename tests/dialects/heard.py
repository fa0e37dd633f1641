"""What a Chat client hears of an answer: read in its dialect, written as Chat, and put together by a plain eye."""

import json
from typing import Any

from dialects import cases
from dialects.test_laws import CONTEXT
from polyglot_cloud import wire

CHAT = cases.dialect("openai_chat")
Json = dict[str, Any]


def wired(events: list[Json | str], *, named: bool = False) -> bytes:
    """Events on the wire; a text stands for itself."""
    rows = []
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event)
        head = f"event: {event['type']}\n" if named and isinstance(event, dict) else ""
        rows.append(f"{head}data: {data}\n\n")
    return "".join(rows).encode()


def streamed(dialect: str, events: list[Json | str]) -> Json:
    assert CHAT.writer
    writer = CHAT.writer(CONTEXT)
    told = cases.read_stream(cases.dialect(dialect), wired(events, named=dialect in {"anthropic", "openai_responses"}))
    data = b"".join(writer.feed(event) for event in told) + writer.close()
    message: Json = {}
    for line in data.decode().split("\n\n"):
        payload = line.removeprefix("data: ")
        if payload.startswith("{"):
            _hear(message, json.loads(payload))
    return _tidy(message)


def _hear(message: Json, chunk: Json) -> None:
    if "error" in chunk:
        message["error"] = chunk["error"]["code"] or chunk["error"]["type"]
    if chunk.get("usage"):
        message["usage"] = chunk["usage"]
    for choice in chunk.get("choices", []):
        delta = choice["delta"]
        for name in ("content", "reasoning_content", "refusal"):
            message[name] = message.get(name, "") + (delta.get(name) or "")
        for fragment in delta.get("tool_calls", []):
            calls = message.setdefault("tool_calls", [])
            if fragment["index"] == len(calls):
                calls.append({"id": fragment["id"], "arguments": "", **fragment["function"]})
            else:
                calls[fragment["index"]]["arguments"] += fragment["function"]["arguments"]
        for name in ("annotations", "reasoning_details", "images"):
            message[name] = [*message.get(name, []), *delta.get(name, [])]
        message["finish"] = choice["finish_reason"] or message.get("finish")
        message["detail"] = choice.get("native_finish_reason") or message.get("detail")


def plain(dialect: str, body: Any) -> Json:
    read = cases.dialect(dialect).read_response
    assert read
    assert CHAT.write_response
    written = wire.decode(wire.encode(CHAT.write_response(read(body), CONTEXT).body))
    (choice,) = written["choices"]
    calls = [{"id": call["id"], **call["function"]} for call in choice["message"].get("tool_calls", [])]
    message = {**choice["message"], "tool_calls": calls, "finish": choice["finish_reason"]}
    message |= {"detail": choice.get("native_finish_reason"), "usage": written.get("usage")}
    return _tidy(message)


def _tidy(message: Json) -> Json:
    """Only what says something; of the usage the five counts that a bill is made of."""
    usage = message.get("usage")
    if usage:
        inner = usage["prompt_tokens_details"] | usage["completion_tokens_details"]
        written = inner.get("cache_write_tokens", 0)
        message["usage"] = (
            usage["prompt_tokens"],
            usage["completion_tokens"],
            inner["cached_tokens"],
            written,
            inner["reasoning_tokens"],
        )
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    for entry in message.get("images", []):
        entry.pop("index", None)
    kept = (
        "content",
        "reasoning_content",
        "refusal",
        "tool_calls",
        "annotations",
        "images",
        "finish",
        "detail",
        "error",
    )
    return {name: message[name] for name in (*kept, "usage", "reasoning_details") if message.get(name)}
