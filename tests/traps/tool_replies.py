"""Calls of tools as each vendor puts them on the wire, and a way through the whole gateway to them and back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import httpx

from harness import HELLO, application, post, replying, streamed
from polyglot_cloud import catalog
from polyglot_cloud.app import Application
from polyglot_cloud.rows import Model

Json = dict[str, Any]

CITY: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@dataclass(frozen=True)
class Made:
    """A call that a model makes. `arguments` is JSON text; `id` None where the vendor gives none."""

    name: str
    arguments: str = '{"city":"Bonn"}'
    id: str | None = "call_1"


# --- who is asked ---


@dataclass(frozen=True)
class Way:
    """A model, and the dialect in which a Chat client's call with tools reaches it.

    `rewritten`: only a body with members of our own is translated for it; any other passes as it is.
    """

    provider: str
    model: str
    dialect: str
    rewritten: bool = False

    def __str__(self) -> str:
        return f"{self.model}-{self.dialect}"


NEW = Way("openai", "gpt-6.1-sol", "openai_responses")
RESPONSES = Way("openai", "gpt-6.1-sol", "openai_responses", rewritten=True)
CLAUDE = Way("anthropic", "claude-haiku-5-5", "anthropic")
BUDGETED = Way("anthropic", "claude-haiku-4-5-20251001", "anthropic")
UNFORCED = Way("anthropic", "claude-opus-5-5", "anthropic")
GEMINI = Way("gemini", "gemini-3.8-flash", "gemini")
OLD_GEMINI = Way("gemini", "gemini-2.5-flash-lite", "gemini")
GROK = Way("grok", "grok-4.7", "openai_responses", rewritten=True)
CHAT = Way("openai", "gpt-4.1", "openai_chat", rewritten=True)
WAYS = (RESPONSES, CLAUDE, BUDGETED, UNFORCED, GEMINI, OLD_GEMINI, GROK, CHAT)
"""One for each kind of deviation that the catalog knows of tools. Chat to Chat is translated where a body holds what is only ours."""


@cache
def models(provider: str | None = None) -> list[Model]:
    return [row for row in catalog.load().models(provider, date(2026, 11, 22)) if row.kind == "chat" and row.offers]


# --- there and back ---


@dataclass
class Trip:
    """What went up, and what came back."""

    reply: httpx.Response
    sent: list[Json] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    @property
    def up(self) -> Json:
        assert self.sent, self.reply.text
        return self.sent[-1]

    @property
    def dropped(self) -> str:
        return str(self.reply.headers.get("x-polyglot-dropped", ""))

    @property
    def message(self) -> Json:
        assert self.reply.status_code == 200, self.reply.text
        message = self.reply.json()["choices"][0]["message"]
        assert isinstance(message, dict)
        return message

    @property
    def finish(self) -> str:
        return str(self.reply.json()["choices"][0]["finish_reason"])

    @property
    def chunks(self) -> list[Json]:
        """The choices of a stream, in their order. The stream must have ended well."""
        assert self.reply.status_code == 200, self.reply.text
        lines = [line.removeprefix("data: ") for line in self.reply.text.split("\n") if line.startswith("data: ")]
        assert lines[-1] == "[DONE]", self.reply.text
        return [choice for line in lines[:-1] for choice in json.loads(line)["choices"]]

    @property
    def fragments(self) -> list[Json]:
        return [each for choice in self.chunks for each in choice["delta"].get("tool_calls", ())]

    def refused(self) -> Json:
        """The error of a call that was refused before anything was sent."""
        assert self.reply.status_code == 400, self.reply.text
        assert self.sent == []
        error = self.reply.json()["error"]
        assert isinstance(error, dict)
        assert error["type"] == "invalid_request_error"
        return error


def function(name: str, parameters: Json | None = CITY, **members: Any) -> Json:
    given = {} if parameters is None else {"parameters": parameters}
    return {"type": "function", "function": {"name": name, **given, **members}}


def asked(way: Way, *, tools: Sequence[Json] | None = None, **members: Any) -> Json:
    """A client's Chat body with tools, translated for each way."""
    tools = [function("weather")] if tools is None else list(tools)
    messages: list[Json] = [dict(message) for message in members.pop("messages", HELLO)]
    if way.rewritten:
        messages[0]["reasoning_details"] = []
    return {"model": way.model, "messages": messages, **({"tools": tools} if tools else {}), **members}


class _Relay(httpx.AsyncBaseTransport):
    """The network of one gateway for all these tests: reading the catalog is most of what a gateway costs."""

    upstream: httpx.AsyncBaseTransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.upstream.handle_async_request(request)


_RELAY = _Relay()


@cache
def _gateway() -> Application:
    return application(_RELAY)


async def go(way: Way, body: Json, made: Sequence[Made] = (), reply: httpx.Response | None = None) -> Trip:
    """A body up to `way`, which answers with these calls; streamed where the body says so."""
    if reply is None:
        reply = stream_of(way.dialect, made) if body.get("stream") else whole_of(way.dialect, made)
    _RELAY.upstream, seen = replying(reply)
    got = await post(_gateway(), f"/v1/{way.provider}/chat/completions", body)
    return Trip(got, [json.loads(request.content) for request in seen], [request.url.path for request in seen])


def history(*turns: Sequence[tuple[str, str, str]], last: str = "go on") -> list[Json]:
    """A conversation in which each turn makes these (id, name, arguments) calls, each answered with "done <id>"."""
    messages: list[Json] = [{"role": "user", "content": "hello"}]
    for turn in turns:
        calls = [
            {"id": id_, "type": "function", "function": {"name": name, "arguments": text}} for id_, name, text in turn
        ]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages += [{"role": "tool", "tool_call_id": id_, "content": f"done {id_}"} for id_, _, _ in turn]
    return [*messages, {"role": "user", "content": last}]


def joined(fragments: Sequence[Json]) -> list[Json]:
    """The calls of a stream, put together as the SDKs do: by index."""
    calls: dict[int, Json] = {}
    for fragment in fragments:
        call = calls.setdefault(fragment["index"], {"arguments": ""})
        call |= {name: fragment[name] for name in ("id", "type") if name in fragment}
        call["name"] = fragment["function"].get("name", call.get("name"))
        call["arguments"] += fragment["function"].get("arguments", "")
    assert list(calls) == list(range(len(calls))), "indexes count calls, from 0, in order"
    return list(calls.values())


# --- what the vendors answer ---


def whole_of(dialect: str, made: Sequence[Made]) -> httpx.Response:
    body = json.dumps(_WHOLE[dialect](made)).encode()  # escapes a lone surrogate, which httpx's own encoder refuses
    return httpx.Response(200, content=body, headers={"content-type": "application/json"})


def stream_of(dialect: str, made: Sequence[Made]) -> httpx.Response:
    return streamed(_STREAM[dialect](made))


def events(rows: Sequence[Json], *, named: bool) -> bytes:
    head = ["event: " + row["type"] + "\n" if named else "" for row in rows]
    return "".join(f"{name}data: {json.dumps(row)}\n\n" for name, row in zip(head, rows, strict=True)).encode()


def _arguments(call: Made) -> Any:
    return json.loads(call.arguments or "{}")


def anthropic_whole(made: Sequence[Made]) -> Json:
    blocks = [{"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call)} for call in made]
    said = {"type": "text", "text": "I look."}
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [said, *blocks],
        "stop_reason": "tool_use" if made else "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }  # fmt: skip


def anthropic_stream(made: Sequence[Made]) -> bytes:
    """Thinking and text stand before the calls, so that a call's block index is never its number."""
    rows: list[Json] = [
        {"type": "message_start", "message": {**anthropic_whole(()), "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "I look."}},
        {"type": "content_block_stop", "index": 1},
    ]
    for at, call in enumerate(made, 2):
        block: Json = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        rows.append({"type": "content_block_start", "index": at, "content_block": block})
        pieces = [call.arguments[:4], call.arguments[4:]] if call.arguments else [""]
        rows += [
            {"type": "content_block_delta", "index": at, "delta": {"type": "input_json_delta", "partial_json": piece}}
            for piece in pieces
        ]
        rows.append({"type": "content_block_stop", "index": at})
    end = {"stop_reason": "tool_use" if made else "end_turn", "stop_sequence": None}
    rows += [{"type": "message_delta", "delta": end, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]
    return events(rows, named=True)


def gemini_whole(made: Sequence[Made]) -> Json:
    parts: list[Json] = [{"text": "I look."}]
    for call in made:
        inner: Json = {"name": call.name, "args": _arguments(call)} | ({"id": call.id} if call.id else {})
        if not call.arguments:
            del inner["args"]
        parts.append({"functionCall": inner})
    if made:
        parts[1]["thoughtSignature"] = "c2ln"
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4},
        "modelVersion": "gemini", "responseId": "resp",
    }  # fmt: skip


def gemini_stream(made: Sequence[Made]) -> bytes:
    """All calls in one record, as Gemini sends parallel ones."""
    whole = gemini_whole(made)
    candidate = whole["candidates"][0]
    said, *calls = candidate["content"]["parts"]
    first = {**whole, "candidates": [{"content": {"role": "model", "parts": [said]}, "index": 0}]}
    rest = {**whole, "candidates": [{**candidate, "content": {"role": "model", "parts": calls}}]}
    return events([first, rest], named=False)


def responses_whole(made: Sequence[Made]) -> Json:
    calls = [
        {
            "type": "function_call", "id": f"fc_{at}", "call_id": call.id, "name": call.name, "arguments": call.arguments,
            "status": "completed",
        }
        for at, call in enumerate(made)
    ]  # fmt: skip
    said = {"type": "output_text", "text": "I look.", "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [said]}
    return {
        "id": "resp_1", "object": "response", "created_at": 1.0, "status": "completed", "error": None, "model": "gpt",
        "output": [{"type": "reasoning", "id": "rs_1", "summary": []}, message, *calls],
        "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4},
    }  # fmt: skip


def responses_stream(made: Sequence[Made]) -> bytes:
    """All calls are open at once and their arguments come in turns: their places in the output begin at 2."""
    whole = responses_whole(made)
    rows: list[Json] = [{"type": "response.created", "response": {**whole, "output": [], "status": "in_progress"}}]
    for at, item in enumerate(whole["output"]):
        begun = {**item, "status": "in_progress"} | ({"arguments": ""} if "arguments" in item else {})
        begun |= {"content": []} if "content" in item else {}
        rows.append({"type": "response.output_item.added", "output_index": at, "item": begun})
        if item["type"] == "message":
            part: Json = {"item_id": item["id"], "output_index": at, "content_index": 0}
            rows.append({"type": "response.output_text.delta", **part, "delta": "I look."})
    texts = {at: item["arguments"] for at, item in enumerate(whole["output"]) if "arguments" in item}
    for start in range(0, max((len(text) for text in texts.values()), default=0), 4):
        rows += [
            {
                "type": "response.function_call_arguments.delta",
                "item_id": f"fc_{at - 2}",
                "output_index": at,
                "delta": piece,
            }
            for at, text in texts.items()
            if (piece := text[start : start + 4])
        ]
    for at, item in reversed(list(enumerate(whole["output"]))):
        if at in texts:
            done = {"type": "response.function_call_arguments.done", "item_id": item["id"], "output_index": at}
            rows.append({**done, "arguments": texts[at]})
        rows.append({"type": "response.output_item.done", "output_index": at, "item": item})
    rows.append({"type": "response.completed", "response": whole})
    return events([{**row, "sequence_number": at} for at, row in enumerate(rows)], named=True)


def chat_whole(made: Sequence[Made]) -> Json:
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in made
    ]
    message: Json = {"role": "assistant", "content": "I look.", "refusal": None}
    message |= {"tool_calls": calls} if calls else {}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop", "logprobs": None}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def chat_stream(made: Sequence[Made]) -> bytes:
    """Fragments of all calls in turns, several of them in a chunk."""
    head: Json = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[Json] = [{"role": "assistant", "content": "I look."}]
    heads = chat_whole(made)["choices"][0]["message"].get("tool_calls", [])
    for start in (None, 0, 4):
        pieces: list[Json] = []
        for at, call in enumerate(heads):
            text = call["function"]["arguments"]
            if start is None:
                pieces.append({"index": at, **call, "function": {**call["function"], "arguments": ""}})
            else:
                piece = text[:4] if start == 0 else text[4:]
                pieces.append({"index": at, "function": {"arguments": piece}})
        deltas += [{"tool_calls": pieces}] if pieces else []
    choices: list[Json] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls" if heads else "stop"})
    return events([{**head, "choices": [choice]} for choice in choices], named=False) + b"data: [DONE]\n\n"


_WHOLE = {
    "anthropic": anthropic_whole,
    "gemini": gemini_whole,
    "openai_responses": responses_whole,
    "openai_chat": chat_whole,
}
_STREAM = {
    "anthropic": anthropic_stream,
    "gemini": gemini_stream,
    "openai_responses": responses_stream,
    "openai_chat": chat_stream,
}
