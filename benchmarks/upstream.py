"""A stand-in upstream that costs next to nothing: the same answer to every request, plain or streamed, over bare asyncio.

    python -m benchmarks.upstream PORT

Speaks Chat Completions and Anthropic's Messages, by the path. No check of anything: it is the other end of a measurement.
"""

import asyncio
import json
import sys

import httptools
import uvloop

CHUNKS = 64
WORDS = "The gateway keeps its connections open and hands them out again. "
CHAT = {
    "id": "chatcmpl-bench", "object": "chat.completion", "created": 1, "model": "bench",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": WORDS * 14}, "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 200, "completion_tokens": 64, "total_tokens": 264},
}  # fmt: skip
MESSAGE = {
    "id": "msg_bench", "type": "message", "role": "assistant", "model": "bench", "stop_reason": "end_turn", "stop_sequence": None,
    "content": [{"type": "text", "text": WORDS * 14}], "usage": {"input_tokens": 200, "output_tokens": 64},
}  # fmt: skip


def event(value: object, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def chat_stream() -> bytes:
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": "bench"}

    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**head, "choices": [choice], "usage": None})

    parts = [chunk({"role": "assistant", "content": ""})]
    parts += [chunk({"content": f"word {number} "}) for number in range(CHUNKS)]
    usage = event({**head, "choices": [], "usage": CHAT["usage"]})
    return b"".join([*parts, chunk({}, "stop"), usage, b"data: [DONE]\n\n"])


def message_stream() -> bytes:
    start = {**MESSAGE, "content": [], "stop_reason": None}
    rows: list[dict[str, object]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"word {number} "}}
            for number in range(CHUNKS)
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 64},
        },
        {"type": "message_stop"},
    ]
    return b"".join(event(row, str(row["type"])) for row in rows)


def whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def chunked(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return b"%b%x\r\n%b\r\n0\r\n\r\n" % (head, len(body), body)


ANSWERS = {
    (False, False): whole(json.dumps(CHAT, separators=(",", ":")).encode()),
    (False, True): chunked(chat_stream()),
    (True, False): whole(json.dumps(MESSAGE, separators=(",", ":")).encode()),
    (True, True): chunked(message_stream()),
}
"""By (Messages, streamed)."""


class Upstream(asyncio.Protocol):
    """One connection; requests one after another."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # what a server's protocol is given
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._messages = self._streamed = False

    def on_url(self, url: bytes) -> None:
        self._messages = url.endswith(b"/messages")

    def on_body(self, body: bytes) -> None:
        self._streamed = self._streamed or b'"stream":true' in body or b'"stream": true' in body

    def on_message_complete(self) -> None:
        self._transport.write(ANSWERS[self._messages, self._streamed])


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
