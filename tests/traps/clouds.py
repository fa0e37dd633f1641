"""A client's call through the whole app to a played cloud, and back: what went up, and what the client got.

The clouds answer in their own forms. A stream is made of the plain answer in the test, event by event as the vendor documents it, so both
modes tell the same and neither is our own writer's work.
"""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from harness import Pieces, application, post
from polyglot_cloud import catalog
from polyglot_cloud.app import Application
from polyglot_cloud.catalog import Catalog
from polyglot_cloud.rows import Model

Json = dict[str, Any]

HELLO: list[Json] = [{"role": "user", "content": "hello"}]
LOOKUP: Json = {
    "type": "function",
    "function": {
        "name": "lookup",
        "description": "Looks a word up.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    },
}
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


@functools.cache
def facts() -> Catalog:
    return catalog.load()


def chat_models(*providers: str) -> list[Model]:
    """Every chat model that can still be asked, of these providers or of all."""
    rows = [row for row in facts().rows if row.kind == "chat" and row.status != "retired"]
    return [row for row in rows if not providers or row.provider in providers]


def each_model(*providers: str) -> pytest.MarkDecorator:
    found = chat_models(*providers)
    return pytest.mark.parametrize("row", found, ids=[f"{row.provider}-{row.id}" for row in found])


class _Played(httpx.AsyncBaseTransport):
    """The network's place: answers with what was laid ready, and keeps what came."""

    def __init__(self) -> None:
        self.ready: list[httpx.Response] = []
        self.seen: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.seen.append(request)
        return self.ready.pop(0)


@functools.cache
def _house() -> tuple[Application, _Played]:
    played = _Played()
    return application(played), played


@dataclass
class Answer:
    """What the client got, a stream put together as a client would do it (OpenAI's API reference, chunk object)."""

    status: int
    headers: httpx.Headers
    raw: bytes
    message: Json = field(default_factory=dict)
    finish: str | None = None
    native: str | None = None
    usage: Json | None = None
    model: str | None = None
    id: str | None = None
    error: Json | None = None
    chunks: list[Json] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    done: bool = False

    @property
    def dropped(self) -> str:
        """All losses that were told: those of the request in the head, those of the answer at the end."""
        later = [text.partition("x-polyglot-dropped:")[2] for text in self.comments if "x-polyglot-dropped" in text]
        return ", ".join([self.headers.get("x-polyglot-dropped", ""), *later])


@dataclass
class Exchange:
    """`sent` is what went up, None where nothing was sent."""

    answer: Answer
    request: httpx.Request | None

    @property
    def sent(self) -> Json:
        assert self.request is not None, f"nothing was sent: {self.answer.raw!r}"
        value = json.loads(self.request.content)
        assert isinstance(value, dict)
        return value


async def ask(model: str, reply: httpx.Response | None = None, *, at: str = "any", **fields: Any) -> Exchange:
    """A Chat call for `provider/model`, answered with `reply`."""
    app, played = _house()
    played.ready, played.seen = [reply] if reply is not None else [], []
    body = {"model": model, "messages": HELLO, **fields}
    if reply is None:
        played.ready = [httpx.Response(599)]
    got = await post(app, f"/v1/{at}/chat/completions", body)
    return Exchange(_answer(got), played.seen[0] if played.seen else None)


def _answer(got: httpx.Response) -> Answer:
    answer = Answer(got.status_code, got.headers, got.content)
    if got.headers.get("content-type", "").startswith("text/event-stream"):
        _fold(answer, got.content)
        return answer
    value = got.json()
    answer.error, answer.usage, answer.model, answer.id = (
        value.get(name) for name in ("error", "usage", "model", "id")
    )
    for choice in value.get("choices", [])[:1]:
        answer.message = choice["message"]
        answer.finish, answer.native = choice["finish_reason"], choice.get("native_finish_reason")
    return answer


def _fold(answer: Answer, raw: bytes) -> None:
    for line in raw.decode().split("\n"):
        if line.startswith(":"):
            answer.comments.append(line[1:].strip())
        elif line == "data: [DONE]":
            answer.done = True
        elif line.startswith("data: "):
            assert not answer.done, "something came after [DONE]"
            _add(answer, json.loads(line.removeprefix("data: ")))
    for call in answer.message.get("tool_calls", ()):
        del call["index"]


def _add(answer: Answer, chunk: Json) -> None:
    if "error" in chunk:
        answer.error = chunk["error"]
        return
    answer.chunks.append(chunk)
    answer.id, answer.model = chunk["id"], chunk["model"]
    answer.usage = chunk.get("usage") or answer.usage
    for choice in chunk["choices"]:
        for name, value in choice["delta"].items():
            _grow(answer.message, name, value)
        answer.finish = choice["finish_reason"] or answer.finish
        answer.native = choice.get("native_finish_reason") or answer.native


def _grow(message: Json, name: str, value: Any) -> None:
    if name != "tool_calls":
        grows = name != "role" and isinstance(value, str) and isinstance(message.get(name), str)
        message[name] = message[name] + value if grows else value
        return
    calls = message.setdefault("tool_calls", [])
    for piece in value:
        if piece["index"] == len(calls):
            calls.append(json.loads(json.dumps(piece)))
        else:
            calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]


# --- what the clouds say ---


def plain(value: Any, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=value, headers=headers)


def events(raw: bytes | list[bytes], error: Exception | None = None) -> httpx.Response:
    pieces = [raw] if isinstance(raw, bytes) else raw
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces(pieces, error))


def record(value: Any, event: str | None = None) -> bytes:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def claude(*content: Json, stop: str = "end_turn", model: str = "claude-opus-5-5", **more: Any) -> Json:
    usage = {"input_tokens": 10, "output_tokens": 5}
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": list(content),
        "stop_reason": stop, "stop_sequence": None, "usage": usage, **more,
    }  # fmt: skip


def claude_stream(message: Json) -> bytes:
    return b"".join(claude_events(message))


_DELTAS = {
    "text": ("text", "text_delta"),
    "thinking": ("thinking", "thinking_delta"),
    "tool_use": ("input", "input_json_delta"),
}


def claude_events(message: Json) -> Iterator[bytes]:
    usage = message["usage"]
    began = {name: count for name, count in usage.items() if name != "output_tokens_details"}
    start = {**message, "content": [], "stop_reason": None, "usage": {**began, "output_tokens": 1}}
    yield record({"type": "message_start", "message": start}, "message_start")
    for index, block in enumerate(message["content"]):
        yield from _claude_block(index, block)
    delta = {name: message.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}
    ended = {name: usage[name] for name in ("output_tokens", "output_tokens_details") if name in usage}
    yield record({"type": "message_delta", "delta": delta, "usage": ended}, "message_delta")
    yield record({"type": "message_stop"}, "message_stop")


def _claude_block(index: int, block: Json) -> Iterator[bytes]:
    member, kind = _DELTAS.get(block["type"], ("", ""))
    empty: Json = {"input": {}} if member == "input" else {name: "" for name in (member, "signature") if name in block}
    yield record(
        {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}, "content_block_start"
    )
    deltas = []
    if member:
        value = json.dumps(block[member]) if member == "input" else block[member]
        name = "partial_json" if member == "input" else member
        half = len(value) // 2
        deltas = [{"type": kind, name: piece} for piece in (value[:half], value[half:]) if piece]
    if "signature" in block:
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    for delta in deltas:
        yield record({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
    yield record({"type": "content_block_stop", "index": index}, "content_block_stop")


def gemini(*parts: Json, finish: str | None = "STOP", model: str = "gemini-3.8-flash", **more: Any) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    return {
        "candidates": [candidate | ({"finishReason": finish} if finish else {})],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
        "modelVersion": model, "responseId": "resp-1", **more,
    }  # fmt: skip


def gemini_stream(reply: Json) -> bytes:
    """A chunk for each part; the last one has the reason. The counts stand in every chunk."""
    (candidate,) = reply["candidates"]
    parts = candidate["content"]["parts"]
    written = []
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        rest = {name: value for name, value in candidate.items() if last or name != "finishReason"}
        written.append(record({**reply, "candidates": [{**rest, "content": {"role": "model", "parts": [part]}}]}))
    return b"".join(written)


def responses(*items: Json, status: str = "completed", model: str = "gpt-6.1-terra", **more: Any) -> Json:
    return {
        "id": "resp_1", "object": "response", "created_at": 1795305600, "status": status, "error": None,
        "incomplete_details": None, "model": model, "output": list(items),
        "usage": {
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15,
        }, **more,
    }  # fmt: skip


def said(text: str) -> Json:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}


def called(name: str, arguments: str, id_: str = "call_1") -> Json:
    call = {"type": "function_call", "id": f"fc_{id_}", "call_id": id_, "name": name, "arguments": arguments}
    return {**call, "status": "completed"}


def responses_stream(response: Json) -> bytes:
    return b"".join(responses_events(response))


def responses_events(response: Json) -> Iterator[bytes]:
    empty = {**response, "status": "in_progress", "output": [], "usage": None}
    yield _event("response.created", response=empty)
    for at, item in enumerate(response["output"]):
        yield from _item(at, item)
    yield _event(f"response.{response['status']}", response=response)


def _event(kind: str, **members: Any) -> bytes:
    return record({"type": kind, "sequence_number": 0, **members}, kind)


def _item(at: int, item: Json) -> Iterator[bytes]:
    place = {"output_index": at, "item_id": item["id"]}
    shell: dict[str, Json] = {
        "message": {"content": []},
        "function_call": {"arguments": ""},
        "reasoning": {"summary": []},
    }
    bare = {name: value for name, value in item.items() if name != "encrypted_content"}
    yield _event("response.output_item.added", output_index=at, item=bare | shell.get(item["type"], {}))
    for index, part in enumerate(item.get("content") or ()):
        name = "refusal" if part["type"] == "refusal" else "text"
        kind = "response.refusal" if name == "refusal" else "response.output_text"
        for piece in _halves(part[name]):
            yield _event(f"{kind}.delta", **place, content_index=index, delta=piece, obfuscation="x7Kd")
        yield _event(f"{kind}.done", **place, content_index=index, **{name: part[name]})
    for index, part in enumerate(item.get("summary") or ()):
        for piece in _halves(part["text"]):
            yield _event("response.reasoning_summary_text.delta", **place, summary_index=index, delta=piece)
    if "arguments" in item:
        for piece in _halves(item["arguments"]):
            yield _event("response.function_call_arguments.delta", **place, delta=piece)
        yield _event("response.function_call_arguments.done", **place, arguments=item["arguments"])
    yield _event("response.output_item.done", output_index=at, item=item)


def _halves(text: str) -> list[str]:
    half = len(text) // 2
    return [piece for piece in (text[:half], text[half:]) if piece]


_STREAMS = {"anthropic": claude_stream, "gemini": gemini_stream, "openai": responses_stream, "grok": responses_stream}


def replied(provider: str, answer: Json, *, stream: bool) -> httpx.Response:
    """The cloud's answer, whole or as its stream. xAI ends a Responses stream with a mark of its own."""
    if not stream:
        return plain(answer)
    end = b"data: [DONE]\n\n" if provider == "grok" else b""
    return events(_STREAMS[provider](answer) + end)


SPEAKERS = (
    ("openai", "gpt-6.1-terra"),
    ("anthropic", "claude-opus-5-5"),
    ("gemini", "gemini-3.8-flash"),
    ("grok", "grok-4.7"),
)
"""A model of each cloud. With tools on, OpenAI's is asked in Responses; xAI's where the call needs a developer message."""
EACH_CLOUD = pytest.mark.parametrize(("provider", "model"), SPEAKERS, ids=[provider for provider, _ in SPEAKERS])


def text_of(provider: str, text: str, model: str) -> Json:
    """A plain answer of a cloud that says this."""
    match provider:
        case "anthropic":
            return claude({"type": "text", "text": text}, model=model)
        case "gemini":
            return gemini({"text": text}, model=model)
        case _:
            return responses(said(text), model=model)


def call_of(provider: str, arguments: Json, model: str) -> Json:
    """A plain answer of a cloud that calls `lookup`."""
    match provider:
        case "anthropic":
            use = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": arguments}
            return claude(use, stop="tool_use", model=model)
        case "gemini":
            return gemini({"functionCall": {"id": "g1", "name": "lookup", "args": arguments}}, model=model)
        case _:
            return responses(called("lookup", json.dumps(arguments)), model=model)


def translated(provider: str, **fields: Any) -> Json:
    """What makes a call one that is translated: tools for OpenAI's newest models, a developer message for xAI's."""
    if provider == "openai":
        return {"tools": [LOOKUP], **fields}
    if provider == "grok":
        return {"messages": [{"role": "developer", "content": "Be brief."}, *fields.pop("messages", HELLO)], **fields}
    return fields
