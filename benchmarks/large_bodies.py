"""What large bodies cost, and what they cost the others: slow streams run through the gateway while one large body after another is sent.

    python -m benchmarks.large_bodies [--rounds 9] [--streams 8] [--only TEXT]

The upstream writes the time into each chunk of a stream, one every 10 ms, and the client looks at the clock when it has the chunk: the
difference is what the way took, a stall of the gateway included. Half of the streams pass, half are translated from Anthropic's events.
The gateway has the first core; upstream, streams and the sender of the bodies, a thread with a blocking socket, share the second. The
rows of *no gateway* are the harness's own: the same bodies and streams, sent to the upstream itself.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import httptools
import uvloop

from benchmarks.processes import CORES, free_ports, running
from benchmarks.upstream import WHOLE, WORDS, event

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
FACES = ("openai", "anthropic", "gemini", "grok")
PACE = 0.01
SLOW = b"slow-stream"
STAMP = re.compile(rb"at (\d+);")
SETTLE = 0.3
"""Seconds for which the streams run before the first body."""


# --- bodies ---


def chat(messages: list[Any], **members: Any) -> bytes:
    return json.dumps({"model": "bench", "messages": messages, **members}).encode()


def one_string() -> bytes:
    return chat([{"role": "user", "content": (WORDS + 'It said: "so it is".\n') * (300_000 // (len(WORDS) + 23))}])


def history() -> bytes:
    """An agent's: tool calls and their results, a thousand messages."""
    messages: list[Any] = [{"role": "system", "content": WORDS * 20}, {"role": "user", "content": WORDS}]
    for number in range(499):
        call = {"name": "read_file", "arguments": json.dumps({"path": f"src/{number}.py", "lines": [1, number]})}
        messages.append(
            {
                "role": "assistant",
                "content": "Let me look.",
                "tool_calls": [{"id": f"call_{number}", "type": "function", "function": call}],
            }
        )
        messages.append(
            {
                "role": "tool",
                "tool_call_id": f"call_{number}",
                "content": f'def f{number}():\n    return "{WORDS}"\n' * 3,
            }
        )
    parameters = {
        "type": "object",
        "properties": {"path": {"type": "string"}, "lines": {"type": "array", "items": {"type": "integer"}}},
    }
    tools = [{"type": "function", "function": {"name": "read_file", "description": WORDS, "parameters": parameters}}]
    return chat([*messages, {"role": "user", "content": "Go on."}], tools=tools)


def images() -> bytes:
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(1_875_000)).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    return chat([{"role": "user", "content": [{"type": "text", "text": "What is this?"}, *[part] * 8]}])


def small_messages() -> bytes:
    turn = [{"role": "user", "content": "Is it so?"}, {"role": "assistant", "content": "It is so."}]
    return chat([*turn * 200_000, {"role": "user", "content": "Go on."}])


BODIES = {
    "75,000 tokens in one string": one_string,
    "75,000 tokens in 1,000 messages": history,
    "20 MB of images": images,
    "20 MB of small messages": small_messages,
}


# --- upstream ---


def pieces(path: bytes) -> tuple[bytes, bytes]:
    """What begins a stream, and a chunk with %d in the place of its time."""
    if path.endswith(b"/messages"):
        message = {"id": "m", "type": "message", "role": "assistant", "model": "bench", "content": []}
        start = {"type": "message_start", "message": {**message, "usage": {"input_tokens": 1, "output_tokens": 1}}}
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "at %d;"}}
        return event(start, "message_start") + event(block, "content_block_start"), event(delta, "content_block_delta")
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "bench"}
    choice = {"index": 0, "delta": {"content": "at %d;"}, "finish_reason": None}
    role = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    return event({**head, "choices": [role]}), event({**head, "choices": [choice]})


def framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Upstream(asyncio.Protocol):
    """Answers at once, but for the slow model, whose stream goes on until it is left."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # what a server's protocol is given
        self._parser = httptools.HttpRequestParser(self)
        self._timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._slow, self._first = False, True

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, body: bytes) -> None:
        if self._first:
            self._first, self._slow = False, SLOW in body[:200]

    def on_message_complete(self) -> None:
        if not self._slow:
            self._transport.write(WHOLE[self._url.endswith(b"/messages")])
            return
        head, self._chunk = pieces(self._url)
        lines = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self._transport.write(lines + framed(head))
        self._go_on()

    def _go_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(framed(self._chunk % time.monotonic_ns()))
            self._timer = asyncio.get_running_loop().call_later(PACE, self._go_on)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


# --- the streams ---


class Stream(asyncio.Protocol):
    """One slow stream. Notes for each chunk when it came, and how long it took."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.delays: list[tuple[float, float]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]  # a client's is a Transport

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self.delays += [(now / 1e9, (now - int(stamp)) / 1e6) for stamp in STAMP.findall(data)]


def head(port: int, path: str, size: int) -> bytes:
    lines = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\nauthorization: Bearer x\r\n"
    return f"{lines}content-length: {size}\r\n\r\n".encode()


@dataclass(slots=True)
class Figures:
    """Milliseconds: of each body, and of the chunks that came meanwhile, by body."""

    bodies: list[float] = field(default_factory=list)
    chunks: list[list[float]] = field(default_factory=list)

    def cells(self) -> list[float]:
        """The median body; of each body's longest chunk the median, which a strange burst of load does not move, and the longest."""
        longest = [max(chunks) for chunks in self.chunks if chunks]
        every = sorted(chunk for chunks in self.chunks for chunk in chunks)
        return [median(self.bodies), median(longest), max(longest), every[len(every) // 2]]


def send_one(port: int, path: str, body: bytes) -> tuple[float, float]:
    """When it began and ended. A blocking socket: while the kernel copies, this process's streams are read."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        began = time.monotonic()
        connection.sendall(head(port, path, len(body)))
        connection.sendall(body)
        answer = connection.recv(65536)
        ended = time.monotonic()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"a bad answer: {answer[:600]!r}")
    return began, ended


async def measure(ports: dict[str, int], face: str, path: str, body: bytes, streams: int, rounds: int) -> Figures:
    loop, opened = asyncio.get_running_loop(), []
    for number in range(streams):
        port = ports["anthropic" if number % 2 else "openai"]
        asked = json.dumps(
            {"model": SLOW.decode(), "stream": True, "messages": [{"role": "user", "content": "?"}]}
        ).encode()
        way = MESSAGES if number % 2 and ports["anthropic"] == ports["openai"] else CHAT
        request = head(port, way, len(asked)) + asked
        opened.append(await loop.create_connection(lambda given=request: Stream(given), "127.0.0.1", port))  # type: ignore[misc]  # a lambda with a default
    await asyncio.sleep(SETTLE)
    figures = Figures()
    for _ in range(rounds):
        began, ended = await asyncio.to_thread(send_one, ports[face], path, body)
        await asyncio.sleep(4 * PACE)  # what was held up comes
        figures.bodies.append((ended - began) * 1e3)
        until = ended + 3 * PACE
        figures.chunks.append([took for _, each in opened for came, took in each.delays if began <= came <= until])
        for _, each in opened:
            each.delays.clear()
    for transport, _ in opened:
        transport.abort()
    return figures


# --- the whole ---


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is asked: a program, or the upstream itself where there is no command. `ports` by face."""

    name: str
    command: list[str]
    environment: dict[str, str]
    ports: dict[str, int]


def subjects(upstream: int) -> list[Subject]:
    ports = dict(zip(FACES, free_ports(len(FACES)), strict=True))
    serve = [sys.executable, "-m", "polyglot_cloud", "serve"]
    flags = [part for face, port in ports.items() for part in (f"--port-{face}", str(port))]
    base = f"http://127.0.0.1:{upstream}/v1"
    environment = {
        "OPENAI_BASE_URL": base, "OPENAI_API_KEY": "x", "ANTHROPIC_BASE_URL": base, "ANTHROPIC_API_KEY": "x",
    }  # fmt: skip
    own = Subject("no gateway", [], {}, dict.fromkeys(FACES, upstream))
    return [own, Subject("gateway", serve + flags, environment, ports)]


def rows(subject: Subject, given: argparse.Namespace) -> Iterator[str]:
    for name, make in BODIES.items():
        if given.only and given.only not in name:
            continue
        body = make()
        for kind, face in (("passed", "openai"), ("translated", "anthropic")):
            path = MESSAGES if not subject.command and face == "anthropic" else CHAT
            found = uvloop.run(measure(subject.ports, face, path, body, given.streams, given.rounds))
            cells = [f"{value:,.1f}" for value in found.cells()]
            yield f"| {name}, {kind} | {subject.name} | " + " | ".join(cells) + " |"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="of each body")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--only", default="", help="bodies whose name holds this")
    parser.add_argument("--upstream", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.upstream:
        uvloop.run(serve(given.upstream))
        return
    (upstream,) = free_ports(1)
    found = subjects(upstream)
    os.sched_setaffinity(0, {CORES[-1]})
    command = [sys.executable, "-m", "benchmarks.large_bodies", "--upstream", str(upstream)]
    with running(command, {}, upstream, core=CORES[-1]):
        print(
            "| body | | p50 ms | longest chunk, median ms | longest ms | p50 chunk ms |\n| --- | --- | ---: | ---: | ---: | ---: |"
        )
        for subject in found:
            if subject.command:
                with running(subject.command, subject.environment, subject.ports["openai"], core=CORES[0]):
                    print("\n".join(rows(subject, given)), flush=True)
            else:
                print("\n".join(rows(subject, given)), flush=True)


if __name__ == "__main__":
    main()
