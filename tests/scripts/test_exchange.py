"""What is sent and what is kept, over a scripted transport; and how a conversation with tools goes on."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripts.recording import cases, turns
from scripts.recording.cases import Case
from scripts.recording.exchange import Recorder, Unexpected

from harness import HELLO, HOSTS, KEYS, replying, streamed
from polyglot_cloud import catalog
from polyglot_cloud.app import provider_of
from polyglot_cloud.providers import Provider
from polyglot_cloud.settings import load

TABLE = cases.load()
CHAT = Case("openai_chat", "text", {"messages": HELLO, "max_completion_tokens": 5})
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def provider(name: str) -> Provider:
    rows = catalog.load()
    accesses = load(KEYS, Path("no-such-folder/.env")).credentials(list(rows.providers.values()))
    return provider_of(rows, accesses[name])


def whole(message: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"choices": [{"message": message, "finish_reason": "stop"}]})


async def test_the_request_is_kept_as_it_was_sent() -> None:
    upstream, seen = replying(whole({"content": "hi"}), streamed(b"data: [DONE]\n\n"))
    exchange = await Recorder(upstream, TABLE).record(CHAT, provider("openai"), "gpt-6-luna")
    assert exchange.request == seen[0].content
    assert json.loads(exchange.request) == {"model": "gpt-6-luna", **CHAT.body}
    assert json.loads(seen[1].content) == {"model": "gpt-6-luna", **CHAT.body, **TABLE.stream["openai_chat"]}
    assert str(seen[0].url) == f"{HOSTS['openai']}/chat/completions"
    assert seen[0].headers["authorization"] == f"Bearer {KEYS['OPENAI_API_KEY']}"
    assert seen[0].headers["accept-encoding"] == "identity"
    assert exchange.answers["stream"].body == b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("case", "paths"),
    [
        (
            Case("gemini", "text", {"contents": []}),
            ["models/g:generateContent", "models/g:streamGenerateContent?alt=sse"],
        ),
        (
            Case("gemini", "count", {"contents": []}, modes=("plain",), path="models/{model}:countTokens"),
            ["models/g:countTokens"],
        ),
    ],
    ids=["text", "count"],
)
async def test_a_model_in_the_path_is_not_in_the_body(case: Case, paths: list[str]) -> None:
    upstream, seen = replying(httpx.Response(200, json={}), streamed(b"data: {}\n\n"))
    await Recorder(upstream, TABLE).record(case, provider("gemini"), "g")
    assert [str(request.url) for request in seen] == [f"{HOSTS['gemini']}/{path}" for path in paths]
    assert [json.loads(request.content) for request in seen] == [{"contents": []}] * len(paths)


@pytest.mark.parametrize(
    ("case", "reply", "words"),
    [
        (
            CHAT,
            httpx.Response(429, json={"error": "in organization org-Ab3dE6gH9"}),
            "status 429 instead of 200: .*org-000000001",
        ),
        (CHAT, httpx.Response(200, html="<p>a proxy</p>"), "content type text/html"),
        (CHAT, httpx.Response(200, content=b"{}"), "content type missing"),
        (replace(CHAT, expects=(400, 422)), whole({}), "status 200 instead of 400 or 422"),
        (replace(CHAT, modes=("stream",)), whole({}), "content type application/json"),
        (replace(CHAT, modes=("stream",)), streamed(b'data: {"error":{"message":"x"}}\n\n'), "the stream failed"),
        (replace(CHAT, modes=("stream",), fails=True), streamed(b"data: [DONE]\n\n"), "tells of no failure"),
    ],
)
async def test_another_reply_than_the_case_is_there_for_is_not_kept(
    case: Case, reply: httpx.Response, words: str
) -> None:
    with pytest.raises(Unexpected, match=words):
        await Recorder(replying(reply)[0], TABLE).record(case, provider("openai"), "m")


async def test_a_loop_goes_on_from_the_reply_of_the_same_provider() -> None:
    first, second = (
        replace(CHAT, modes=("plain",)),
        Case("openai_chat", "loop", follows="text", result='{"a":1}', modes=("plain",)),
    )
    said = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    upstream, seen = replying(whole({**said, "annotations": [], "refusal": None}), whole({"content": "done"}))
    recorder = Recorder(upstream, TABLE)
    await recorder.record(first, provider("openai"), "m")
    with pytest.raises(Unexpected, match="text, which comes before it, has no reply"):
        await recorder.record(second, provider("grok"), "m")
    await recorder.record(second, provider("openai"), "m")
    result = {"role": "tool", "tool_call_id": "call_1", "content": '{"a":1}'}
    assert json.loads(seen[1].content)["messages"] == [*HELLO, said, result]


SAID: dict[str, tuple[dict[str, Any], dict[str, Any], str, list[Any]]] = {
    "openai_responses": (
        {"input": [1]},
        {"output": [{"type": "reasoning"}, {"type": "function_call", "call_id": "c"}]},
        "input",
        [
            1,
            {"type": "reasoning"},
            {"type": "function_call", "call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": "{}"},
        ],
    ),
    "anthropic": (
        {"messages": [1]},
        {"content": [{"type": "tool_use", "id": "t"}]},
        "messages",
        [
            1,
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "{}"}]},
        ],
    ),
    "gemini": (
        {"contents": [1]},
        {
            "candidates": [
                {"content": {"parts": [{"functionCall": {"name": "f"}}, {"functionCall": {"name": "g", "id": "i"}}]}}
            ]
        },
        "contents",
        [
            1,
            {"parts": [{"functionCall": {"name": "f"}}, {"functionCall": {"name": "g", "id": "i"}}]},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "f", "response": {}}},
                    {"functionResponse": {"id": "i", "name": "g", "response": {}}},
                ],
            },
        ],
    ),
}


@pytest.mark.parametrize("dialect", SAID)
def test_the_next_turn(dialect: str) -> None:
    body, reply, name, expected = SAID[dialect]
    assert turns.NEXT[dialect]({**body, "max": 1}, reply, "{}") == {name: expected, "max": 1}


def test_without_a_call_there_is_no_next_turn() -> None:
    with pytest.raises(turns.NoCall):
        turns.next_chat({"messages": []}, {"choices": [{"message": {"content": "hi"}}]}, "{}")
