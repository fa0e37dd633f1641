"""A stand-in upstream that costs next to nothing: prepared answers, plain or streamed, over bare asyncio, in the clear or over TLS.

    python -m benchmarks.upstream PORT [--certificate FILE --key FILE]

Speaks Chat Completions and Anthropic's Messages, by the path, and checks nothing: it is the other end of a measurement. What it does
stands in the model's name, anywhere in the body:

    bench-t0-g0-n64          64 chunks of a stream at once; t: milliseconds to the first byte, g: between two chunks
    bench-t0-g0-n64-e500     an error with this status
    bench-t0-g0-n64-cut      the connection breaks after half of the stream

Chunks with a pace carry `@T<nanoseconds>@` of the monotonic clock in their text, so that whoever reads them on the same machine can
tell how long they took. GET /counts tells how many connections (over TLS: handshakes) and requests there were.
"""

import argparse
import asyncio
import json
import re
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import ClassVar

import httptools
import uvloop

TAG = re.compile(rb"bench-t(\d+)-g(\d+)-n(\d+)(?:-e(\d+))?(-cut)?")
STREAMED = re.compile(rb'"stream": ?true')
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
FAILURE = {"type": "error", "error": {"type": "api_error", "message": "It failed, as it was asked to.", "code": None}}
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def event(value: object, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def chat_chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": "bench"}
    return event({**head, "choices": [choice], "usage": None})


@cache
def parts(messages: bool) -> tuple[bytes, bytes, bytes]:
    """The start of a stream, one chunk of it with `@T0@` in its text, and its end."""
    if messages:
        start = {**MESSAGE, "content": [], "stop_reason": None}
        delta = {"type": "text_delta", "text": " @T0@ word"}
        rows: list[dict[str, object]] = [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 64}},
            {"type": "message_stop"},
        ]
        events = [event(row, str(row["type"])) for row in rows]
        return b"".join(events[:2]), events[2], b"".join(events[3:])
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": "bench"}
    usage = event({**head, "choices": [], "usage": CHAT["usage"]})
    first = chat_chunk({"role": "assistant", "content": ""})
    return first, chat_chunk({"content": " @T0@ word"}), chat_chunk({}, "stop") + usage + b"data: [DONE]\n\n"


def at_once_events(messages: bool, count: int) -> bytes:
    """A whole stream as its events alone."""
    start, one, end = parts(messages)
    return start + one * count + end


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(value: object, status: int = 200) -> bytes:
    body = json.dumps(value, separators=(",", ":")).encode()
    return b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


WHOLE = {False: whole(CHAT), True: whole(MESSAGE)}


@cache
def at_once(messages: bool, count: int) -> bytes:
    """A stream without a pace, each event an HTTP chunk of its own."""
    start, one, end = parts(messages)
    return STREAM_HEAD + chunk(start) + chunk(one) * count + chunk(end) + END


def paced(messages: bool, count: int, *, cut: bool) -> Iterator[bytes]:
    """What is written at each beat; the last one ends the stream, where it is not cut."""
    start, one, end = parts(messages)
    for number in range(count):
        stamped = chunk(one.replace(b"@T0@", b"@T%d@" % time.monotonic_ns()))
        if number == 0:
            stamped = STREAM_HEAD + chunk(start) + stamped
        if number == count - 1 and not cut:
            stamped += chunk(end) + END
        yield stamped


class Upstream(asyncio.Protocol):
    """One connection; requests one after another."""

    counts: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # what a server's protocol is given
        self._parser = httptools.HttpRequestParser(self)
        self._timer: asyncio.TimerHandle | None = None
        self.counts["connections"] += 1
        tls = transport.get_extra_info("ssl_object")
        self.counts["resumed"] += bool(tls and tls.session_reused)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._body = b"", b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._path == b"/counts":
            self._transport.write(whole(self.counts))
            return
        self.counts["requests"] += 1
        tag = TAG.search(self._body)
        first, gap, count, status = (int(part or 0) for part in tag.group(1, 2, 3, 4)) if tag else (0, 0, 64, 0)
        cut = bool(tag and tag[5])
        messages = self._path.endswith(b"/messages")
        if status:
            beats: Iterator[bytes] = iter([whole(FAILURE, status)])
        elif not STREAMED.search(self._body):
            beats = iter([WHOLE[messages]])
        elif gap or cut:
            beats = paced(messages, max(1, count // 2) if cut else count, cut=cut)
        else:
            beats = iter([at_once(messages, count)])
        if first:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(first / 1000, self._beat, beats, loop.time() + first / 1000, gap / 1000, cut)
        else:
            self._beat(beats, 0.0, gap / 1000, cut)

    def _beat(self, beats: Iterator[bytes], due: float, gap: float, cut: bool) -> None:
        """Writes one piece. The next is due a gap after this one was, so that delays do not add up."""
        if self._transport.is_closing():
            return
        piece = next(beats, None)
        if piece is not None:
            self._transport.write(piece)
            if gap or cut:
                loop = asyncio.get_running_loop()
                due = (due or loop.time()) + gap
                self._timer = loop.call_at(due, self._beat, beats, due, gap, cut)
        elif cut:
            self._transport.abort()


async def main(port: int, context: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", port, backlog=4096, ssl=context)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    given = parser.parse_args()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if given.certificate else None
    if tls:
        tls.load_cert_chain(given.certificate, given.key)
    uvloop.run(main(given.port, tls))
