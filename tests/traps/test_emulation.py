"""Traps 30, 32 and 43: several choices and stop sequences where a model has none, and a turn that its provider paused."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from harness import HELLO, Pieces, application, client, post, replying, streamed

OPENAI_RESPONSES = "gpt-6.1-terra"
ALL = [
    ("anthropic", "claude-sonnet-5-5"),
    ("gemini", "gemini-4-argon"),
    ("openai", OPENAI_RESPONSES),
    ("grok", "grok-4.7"),
]
PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": PARAMETERS}}]


def responses_reply(text: str, tokens: int = 5) -> dict[str, Any]:
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "up", "status": "completed",
        "output": [{
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }],
        "usage": {
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": tokens,
            "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 10 + tokens,
        },
    }  # fmt: skip


def anthropic_reply(text: str, tokens: int = 5, reason: str = "end_turn") -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "up", "stop_sequence": None,
        "content": [{"type": "text", "text": text}], "stop_reason": reason,
        "usage": {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": tokens},
    }  # fmt: skip


def gemini_reply(text: str, tokens: int = 5) -> dict[str, Any]:
    return {
        "responseId": "r1", "modelVersion": "up",
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": tokens, "totalTokenCount": 10 + tokens,
        },
    }  # fmt: skip


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def responses_stream(*pieces: str) -> list[bytes]:
    whole = responses_reply("".join(pieces))
    item = whole["output"][0]
    place = {"item_id": "msg_1", "output_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    return [
        event("response.created", response={**whole, "status": "in_progress", "output": [], "usage": None}),
        event("response.output_item.added", output_index=0, item={**item, "content": []}),
        event("response.content_part.added", **place, content_index=0, part=part),
        *(event("response.output_text.delta", **place, content_index=0, delta=piece) for piece in pieces),
        event("response.output_text.done", **place, content_index=0, text="".join(pieces)),
        event("response.output_item.done", output_index=0, item=item),
        event("response.completed", response=whole),
    ]


def shown(sse: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The chunks of a Chat stream, and its comments."""
    lines = [line for line in sse.split("\n") if line]
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: ") and line != "data: [DONE]"]
    return chunks, [line for line in lines if line.startswith(":")]


def words(chunks: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


# --- 30: n ---


@pytest.mark.parametrize(
    ("provider", "model", "reply"),
    [
        ("anthropic", "claude-sonnet-5-5", anthropic_reply),
        ("gemini", "gemini-4-argon", gemini_reply),
    ],
)
async def test_trap_30_choices_are_requests_side_by_side(provider: str, model: str, reply: Any) -> None:
    answers = [httpx.Response(200, json=reply(word, tokens)) for word, tokens in (("one", 5), ("two", 7), ("three", 9))]
    upstream, seen = replying(*answers)
    body = {"model": model, "messages": HELLO, "n": 3, "temperature": 0.5}
    answer = await post(application(upstream), f"/v1/{provider}/chat/completions", body)
    told = answer.json()
    assert answer.status_code == 200
    assert [(choice["index"], choice["message"]["content"]) for choice in told["choices"]] == [
        (0, "one"),
        (1, "two"),
        (2, "three"),
    ]
    assert {choice["finish_reason"] for choice in told["choices"]} == {"stop"}
    usage = told["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (30, 21, 51)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 12
    assert "/n (emulated)" in answer.headers["x-polyglot-dropped"]
    assert len({request.content for request in seen}) == 1
    assert not any(name in json.loads(seen[0].content) for name in ("n", "candidateCount"))


async def test_trap_30_a_model_with_choices_of_its_own_is_asked_once() -> None:
    upstream, seen = replying(httpx.Response(200, json={"choices": []}))
    await post(
        application(upstream), "/v1/openai/chat/completions", {"model": OPENAI_RESPONSES, "messages": HELLO, "n": 2}
    )
    assert [json.loads(request.content)["n"] for request in seen] == [2]


async def test_trap_30_the_requests_run_at_the_same_time() -> None:
    together = asyncio.Barrier(3)

    async def answer(_: httpx.Request) -> httpx.Response:
        await asyncio.wait_for(together.wait(), 10)  # one after another they would never meet
        return httpx.Response(200, json=anthropic_reply("hi"))

    app = application(httpx.MockTransport(answer))
    reply = await post(app, "/v1/anthropic/chat/completions", {"messages": HELLO, "n": 3})
    assert len(reply.json()["choices"]) == 3


async def test_trap_30_the_first_that_fails_is_the_answer_and_the_others_are_let_go() -> None:
    left = asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        if len(seen) == 0:
            seen.append(request)
            error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
            return httpx.Response(429, json=error, headers={"retry-after": "3", "request-id": "req_9"})
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        raise AssertionError

    seen: list[httpx.Request] = []
    app = application(httpx.MockTransport(answer))
    reply = await post(app, "/v1/anthropic/chat/completions", {"messages": HELLO, "n": 2})
    assert (reply.status_code, reply.json()["error"]["message"]) == (429, "slow down")
    assert (reply.headers["retry-after"], reply.headers["request-id"]) == ("3", "req_9")
    assert left.is_set()


@pytest.mark.parametrize(
    ("provider", "fields"),
    [
        ("anthropic", {"n": 2, "stream": True}),
        ("gemini", {"n": 2, "stream": True}),
        ("openai", {"n": 2, "stream": True, "tools": TOOLS, "stop": ["x"]}),
        ("anthropic", {"n": 17}),
        ("gemini", {"n": 0}),
    ],
)
async def test_trap_30_what_cannot_be_had_is_refused_before_anything_is_sent(
    provider: str, fields: dict[str, Any]
) -> None:
    upstream, seen = replying()
    reply = await post(application(upstream), f"/v1/{provider}/chat/completions", {"messages": HELLO, **fields})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "n")
    assert seen == []


# --- 32: stop ---


async def test_trap_32_a_plain_reply_is_cut_before_the_sequence_at_its_full_price() -> None:
    upstream, seen = replying(httpx.Response(200, json=responses_reply("one\nEND two")))
    body = {"model": OPENAI_RESPONSES, "messages": HELLO, "stop": "END", "tools": TOOLS}
    answer = await post(application(upstream), "/v1/openai/chat/completions", body)
    choice = answer.json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one\n", "stop")
    assert answer.json()["usage"]["completion_tokens"] == 5
    assert answer.headers["x-polyglot-dropped"] == "/stop (emulated)"
    assert "stop" not in json.loads(seen[0].content)


async def test_trap_32_a_stream_ends_at_the_sequence_and_its_provider_is_left() -> None:
    pieces = Pieces(responses_stream("one ", "E", "N", "x EN", "D two", " three"))
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=pieces)
    upstream, _ = replying(response)
    body = {
        "model": OPENAI_RESPONSES, "messages": HELLO, "stop": ["#", "END"], "tools": TOOLS, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    answer = await post(application(upstream), "/v1/openai/chat/completions", body)
    chunks, comments = shown(answer.text)
    assert words(chunks) == "one ENx "
    assert [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]][-1] == "stop"
    usage = chunks[-1]["usage"]
    assert usage["completion_tokens"] == 2  # eight bytes, since the provider told nothing yet
    assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]
    assert comments == [": x-polyglot-dropped: /usage (approximated)"]
    assert answer.text.index("[DONE]") < answer.text.index(comments[0])
    assert pieces.closed


async def test_trap_32_a_stream_without_the_sequence_comes_whole() -> None:
    upstream, _ = replying(streamed(responses_stream("one ", "E", "N", " EN")))
    body = {"model": OPENAI_RESPONSES, "messages": HELLO, "stop": ["END"], "tools": TOOLS, "stream": True}
    answer = await post(application(upstream), "/v1/openai/chat/completions", body)
    chunks, comments = shown(answer.text)
    assert (words(chunks), comments) == ("one EN EN", [])
    assert answer.text.endswith("data: [DONE]\n\n")


async def test_trap_32_a_cut_stream_is_no_success_with_a_stop_sequence_either() -> None:
    upstream, _ = replying(streamed(responses_stream("one ", "EN")[:5]))
    body = {"model": OPENAI_RESPONSES, "messages": HELLO, "stop": ["END"], "tools": TOOLS, "stream": True}
    answer = await post(application(upstream), "/v1/openai/chat/completions", body)
    assert "[DONE]" not in answer.text
    assert '"error"' in answer.text


async def test_trap_32_with_a_reasoning_grok_too() -> None:
    upstream, seen = replying(httpx.Response(200, json=responses_reply("a.b")))
    reply = await post(
        application(upstream), "/v1/grok/chat/completions", {"model": "grok-4.7", "messages": HELLO, "stop": ["."]}
    )
    assert reply.json()["choices"][0]["message"]["content"] == "a"
    assert "stop" not in json.loads(seen[0].content)


async def test_trap_32_anthropic_refuses_white_space_so_that_sequence_is_ours() -> None:
    upstream, seen = replying(httpx.Response(200, json=anthropic_reply("one\n\ntwo")))
    reply = await post(
        application(upstream), "/v1/anthropic/chat/completions", {"messages": HELLO, "stop": ["END", "\n\n"]}
    )
    assert reply.json()["choices"][0]["message"]["content"] == "one"
    assert json.loads(seen[0].content)["stop_sequences"] == ["END"]
    assert "/stop (emulated)" in reply.headers["x-polyglot-dropped"]


@pytest.mark.parametrize(("provider", "model"), ALL)
@pytest.mark.parametrize("stop", ["END", ["END"]])
async def test_trap_32_one_sequence_or_a_list_of_one_mean_the_same(provider: str, model: str, stop: Any) -> None:
    upstream, seen = replying(httpx.Response(500))
    await post(
        application(upstream), f"/v1/{provider}/chat/completions", {"model": model, "messages": HELLO, "stop": stop}
    )
    sent = json.loads(seen[0].content)
    found = sent.get("stop_sequences") or sent.get("generationConfig", {}).get("stopSequences")
    assert found in (["END"], None)
    assert found or provider in {"openai", "grok"}


async def test_trap_32_cut_and_several_at_once() -> None:
    upstream, seen = replying(*(httpx.Response(200, json=anthropic_reply(text)) for text in ("a b", "cd", " e")))
    reply = await post(
        application(upstream), "/v1/anthropic/chat/completions", {"messages": HELLO, "n": 3, "stop": " "}
    )
    assert [choice["message"]["content"] for choice in reply.json()["choices"]] == ["a", "cd", ""]
    assert len(seen) == 3


async def test_trap_32_the_connection_is_given_back_at_once() -> None:
    """The client has its end while the provider would still talk: nothing waits for more of it."""

    class Endless(Pieces):
        async def __aiter__(self) -> Any:
            for piece in self.pieces:
                yield piece
            await asyncio.Event().wait()

    pieces = Endless(responses_stream("one. two")[:4])
    upstream, _ = replying(httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=pieces))
    body = {"model": OPENAI_RESPONSES, "messages": HELLO, "stop": ".", "tools": TOOLS, "stream": True}
    async with client(application(upstream)) as http, asyncio.timeout(10):
        answer = await http.post("/v1/openai/chat/completions", json=body)
    assert answer.text.rstrip().split("\n")[-3] == "data: [DONE]"
    assert pieces.closed


# --- 43: pause_turn ---


async def test_trap_43_a_paused_turn_is_not_told_as_a_whole_one() -> None:
    """Only Anthropic's own server tools pause a turn, and no Chat request can ask for them: so it is told, not sent again."""
    upstream, _ = replying(httpx.Response(200, json=anthropic_reply("so far", reason="pause_turn")))
    reply = await post(application(upstream), "/v1/anthropic/chat/completions", {"messages": HELLO})
    choice = reply.json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("so far", "length")
    assert choice["native_finish_reason"] == "pause_turn"
