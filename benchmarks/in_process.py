"""The whole app in process, over a transport that answers at once, and a bare ASGI app beside it: no socket, no server.

What is counted is the process's own CPU time, which others on the machine disturb least.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.gateway.scenarios import AT_ONCE, body
from benchmarks.upstream import CHAT, MESSAGE, at_once_events
from polyglot_cloud import catalog, wire
from polyglot_cloud.app import Parts, choices, create_app
from polyglot_cloud.asgi import App
from polyglot_cloud.settings import load
from polyglot_cloud.transport import Incoming, NativeTransport, Outgoing, Timeouts

KEYS = {"OPENAI_API_KEY": "sk-bench-0123456789", "ANTHROPIC_API_KEY": "sk-ant-bench-0123456789"}
CALLS = {
    "chat passed through": ("/v1/openai/chat/completions", False),
    "chat translated to Messages": ("/v1/anthropic/chat/completions", False),
    "stream passed through": ("/v1/openai/chat/completions", True),
    "stream translated from Messages": ("/v1/anthropic/chat/completions", True),
}
"""Name -> (path, whether a stream is asked for)."""


class Answer(Incoming):
    """A reply that is all there."""

    def __init__(self, kind: str, body: bytes) -> None:
        self.status = 200
        self.headers = {"content-type": kind, "x-request-id": "req_0123456789"}
        self._body = body

    async def piece(self) -> bytes:
        body, self._body = self._body, b""
        return body

    async def close(self) -> None: ...


class Instant(NativeTransport):
    """In the network's place: the same answer to every request, by the path and by whether a stream is asked for."""

    answers: Mapping[tuple[bool, bool], tuple[str, bytes]] = {
        (messages, streamed): ("text/event-stream", at_once_events(messages, 64))
        if streamed
        else ("application/json", json.dumps(MESSAGE if messages else CHAT).encode())
        for messages in (False, True)
        for streamed in (False, True)
    }

    async def send(self, outgoing: Outgoing, timeouts: Timeouts) -> Answer:  # type: ignore[override]  # stands for the open reply
        body = bytes(outgoing.body)
        streamed = b'"stream":true' in body or b'"stream": true' in body
        return Answer(*self.answers[outgoing.url.endswith("/messages"), streamed])


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """The least that a JSON service does: takes a body, decodes it, encodes it, answers."""
    message = await receive()
    answer = wire.encode(wire.decode(message["body"]))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def gateway() -> App:
    settings = load(KEYS, Path("no-such-folder/.env"))
    rows = catalog.load()
    accesses = settings.credentials(list(rows.providers.values()), foreign=rows.foreign)
    rows = rows.choosing(choices(accesses, settings.aliases))
    return create_app(settings, rows, accesses, Parts(transport=Instant())).app


def scope(path: str, length: int) -> dict[str, Any]:
    headers = {
        "host": "127.0.0.1:8100", "content-type": "application/json", "authorization": "Bearer x", "accept": "*/*",
        "user-agent": "OpenAI/Python 3.0.0", "content-length": str(length),
    }  # fmt: skip
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "root_path": "",
        "path": path, "raw_path": path.encode(), "query_string": b"", "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8100),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip


async def call(app: App, path: str, content: bytes) -> list[dict[str, Any]]:
    """The messages that the app sends. A client that stays: it says nothing more after its body."""
    given: list[Any] = [{"type": "http.request", "body": content, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return given.pop() if given else await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope(path, len(content)), receive, send)
    return sent


async def cost(app: App, path: str, content: bytes, calls: int, turns: int) -> float:
    """Microseconds of CPU a call: the best of so many turns of so many calls."""
    first = await call(app, path, content)
    if first[0]["status"] != 200:
        raise SystemExit(f"{path} answers with {first[0]['status']}: {first[-1]}")
    found = []
    for _ in range(turns):
        began = time.process_time()
        for _ in range(calls):
            await call(app, path, content)
        found.append((time.process_time() - began) / calls * 1e6)
    return min(found)


async def costs(calls: int, turns: int, tell: Callable[[str, float, float], None]) -> None:
    """Tells name, microseconds of the app and of the echo, for each of CALLS. No log line is written meanwhile."""
    logging.disable(logging.CRITICAL)
    try:
        app = gateway()
        for name, (path, streamed) in CALLS.items():
            content = body(AT_ONCE, stream=streamed)
            beside = await cost(echo, path, content, calls * 4, turns)
            tell(name, await cost(app, path, content, calls, turns), beside)
    finally:
        logging.disable(logging.NOTSET)
