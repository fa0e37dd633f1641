"""Large calls through a whole gateway: what goes up, what comes down, and how they are refused."""

import json
from typing import Any

import httpx
import pytest

from harness import Pieces, application, post, replying
from polyglot_cloud import wire

CHAT = "/v1/openai/chat/completions"
PICTURE = "iVBORw0KGgo" + "QUJD" * 100_000 + "A"
CONTENT: list[Any] = [
    {"type": "text", "text": 'A "picture"\n' * 30_000},
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
]
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def body(**members: Any) -> dict[str, Any]:
    return {"model": "gpt-5.4", "messages": [{"role": "user", "content": CONTENT}], **members}


def answer(text: str = "Hello") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}


async def test_the_very_bytes_go_up() -> None:
    upstream, seen = replying(httpx.Response(200, json=answer()))
    raw = json.dumps(body(), indent=1).encode()
    reply = await post(application(upstream), CHAT, raw)
    assert (reply.status_code, seen[0].content) == (200, raw)


async def test_an_edit_leaves_every_other_byte() -> None:
    upstream, seen = replying(httpx.Response(200, json=answer()))
    raw = json.dumps(body(model="openai/gpt-5.4"), indent=1).encode()
    reply = await post(application(upstream), CHAT, raw)
    assert reply.status_code == 200
    assert seen[0].content == raw.replace(b'"openai/gpt-5.4"', b'"gpt-5.4"')


async def test_a_translated_one_holds_all_of_its_texts() -> None:
    said: dict[str, Any] = {"id": "m", "type": "message", "role": "assistant", "model": "c", "stop_reason": "end_turn"}
    said |= {"content": [{"type": "text", "text": "Hi"}], "usage": {"input_tokens": 1, "output_tokens": 1}}
    upstream, seen = replying(httpx.Response(200, json=said))
    reply = await post(application(upstream), "/v1/anthropic/chat/completions", body(model="claude-opus-4-8"))
    assert reply.status_code == 200, reply.text
    text, image = wire.decode(seen[0].content)["messages"][0]["content"]
    assert text["text"] == CONTENT[0]["text"]
    assert image["source"]["data"] == PICTURE


@pytest.mark.parametrize("end", [b"", b'"}', b"]}}"])
async def test_what_is_no_json_is_refused(end: bytes) -> None:
    upstream, seen = replying()
    reply = await post(application(upstream), CHAT, json.dumps(body()).encode()[:-2] + end)
    assert (reply.status_code, reply.json()["error"]["code"], seen) == (400, "invalid_json", [])


async def test_a_member_that_stands_twice_is_refused() -> None:
    upstream, seen = replying()
    reply = await post(application(upstream), CHAT, json.dumps(body()).encode()[:-1] + b',"m\\u006fdel":"x"}')
    assert (reply.status_code, reply.json()["error"]["code"], seen) == (400, "duplicate_field", [])


@pytest.mark.parametrize("text", ["x" * 600_000, "\ud83d\ude00" * 100_000])
async def test_a_large_reply_passes_as_it_came(text: str) -> None:
    raw = json.dumps(answer(text)).encode()
    pieces = [raw[at : at + 100_000] for at in range(0, len(raw), 100_000)]
    upstream, _ = replying(httpx.Response(200, headers={"content-type": "application/json"}, stream=Pieces(pieces)))
    reply = await post(application(upstream), CHAT, {**body(), "messages": [{"role": "user", "content": "?"}]})
    assert (reply.status_code, reply.content) == (200, raw)
    assert reply.headers["content-length"] == str(len(raw))


async def test_a_large_reply_that_is_no_json_is_told() -> None:
    pieces = [b'{"a":"' + b"x" * 300_000, b"x" * 300_000]
    upstream, _ = replying(httpx.Response(200, headers={"content-type": "application/json"}, stream=Pieces(pieces)))
    reply = await post(application(upstream), CHAT, {**body(), "messages": [{"role": "user", "content": "?"}]})
    assert reply.status_code == 502
