"""Trap 23, the part with the history: thinking of Claude 5.5 goes back only where the conversation before it is the same."""

import json
from typing import Any

import httpx
import pytest

from harness import application, post, replying, streamed

BOUND, FREE = "claude-opus-5-5", "claude-opus-4-6"
THINKING = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
REPLY = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "up", "stop_reason": "end_turn", "stop_sequence": None,
    "content": [THINKING, {"type": "text", "text": "two"}], "usage": {"input_tokens": 6, "output_tokens": 5},
}  # fmt: skip
START = {**REPLY, "content": [], "stop_reason": None}
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": START},
    {"type": "content_block_start", "index": 0, "content_block": {**THINKING, "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "two"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
]
STREAM = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in EVENTS)
PATH = "/v1/anthropic/chat/completions"
ONE = [{"role": "system", "content": "be"}, {"role": "user", "content": "one"}]


async def turn(model: str, *, stream: bool) -> dict[str, Any]:
    """An assistant message as a client gets it, to be handed back."""
    answer = streamed(STREAM) if stream else httpx.Response(200, json=REPLY)
    upstream, _ = replying(answer)
    reply = await post(application(upstream), PATH, {"model": model, "messages": ONE, "stream": stream})
    if not stream:
        message: dict[str, Any] = reply.json()["choices"][0]["message"]
        return message
    chunks = [json.loads(line[6:]) for line in reply.text.split("\n") if line.startswith("data: {")]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    details = next(delta["reasoning_details"] for delta in deltas if "reasoning_details" in delta)
    return {"role": "assistant", "content": "two", "reasoning_details": details}


async def sent(model: str, messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    upstream, seen = replying(httpx.Response(200, json=REPLY))
    reply = await post(application(upstream), PATH, {"model": model, "messages": messages})
    body = json.loads(seen[0].content)
    assistant = [message["content"] for message in body["messages"] if message["role"] == "assistant"]
    return assistant[-1], reply.headers.get("x-polyglot-dropped", "")


@pytest.mark.parametrize("stream", [False, True])
async def test_trap_23_an_untouched_history_takes_its_thinking_along(stream: bool) -> None:
    message = await turn(BOUND, stream=stream)
    content, lost = await sent(BOUND, [*ONE, message, {"role": "user", "content": "three"}])
    assert (content[0], lost) == (THINKING, "")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("edited", [[{"role": "user", "content": "one"}], [ONE[0], {"role": "user", "content": "uno"}]])
async def test_trap_23_an_edited_history_leaves_it_behind_and_says_so(stream: bool, edited: list[Any]) -> None:
    message = await turn(BOUND, stream=stream)
    content, lost = await sent(BOUND, [*edited, message, {"role": "user", "content": "three"}])
    assert content == [{"type": "text", "text": "two"}]
    assert lost.startswith("/messages/")


async def test_trap_23_a_model_that_does_not_bind_keeps_it() -> None:
    message = await turn(FREE, stream=False)
    content, _ = await sent(FREE, [{"role": "user", "content": "uno"}, message, {"role": "user", "content": "three"}])
    assert content[0] == THINKING
