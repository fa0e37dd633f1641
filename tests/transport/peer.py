"""A server that a test scripts byte by byte, and what is asked of it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from polyglot_cloud.transport import Incoming, Outgoing, Timeouts, send

TLS = Path(__file__).parents[1] / "fixtures" / "tls"
PATIENCE = Timeouts(connect=10, read=10, write=10, pool=10)
"""Longer than any test takes: no test waits for it."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Line:
    """One connection, as the server has it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def request(self) -> bytes:
        """The next request, whole; b"" where the client has hung up instead."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            return head + await self.reader.readexactly(int(length or 0))
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def say(self, *pieces: bytes) -> None:
        """Each in a segment of its own, as far as that can be told to a socket."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def gone(self) -> None:
        """Until the client has hung up."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass

    def reset(self) -> None:
        self.writer.transport.abort()


Talk = Callable[[Line], Awaitable[None]]


class Peer:
    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.heard: list[bytes] = []
        """Every request, in order, however many connections it took."""
        self.connections = 0
        self.open = 0
        self.url = ""
        self._running: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self.connections += 1
        self.open += 1
        try:
            await self.talk(Line(reader, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            writer.transport.abort()
            self._running.discard(task)

    async def end(self) -> None:
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)


@asynccontextmanager
async def peer(talk: Talk, *, context: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    served = Peer(talk)
    listening = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    served.url = f"{'https://localhost' if context else 'http://127.0.0.1'}:{port}/v1/x?y=1"
    try:
        yield served
    finally:
        listening.close()
        await served.end()


def answering(*replies: bytes, close: bool = False) -> Callable[[], tuple[Talk, list[bytes]]]:
    """A script: these replies in turn over all connections, and the requests that it hears. `close` hangs up after each."""
    waiting, heard = list(replies), list[bytes]()

    async def talk(line: Line) -> None:
        while waiting and (request := await line.request()):
            heard.append(request)
            await line.say(waiting.pop(0))
            if close:
                return
        await line.gone()

    return lambda: (talk, heard)


async def ask(
    transport: httpx.AsyncBaseTransport,
    url: str,
    method: str = "POST",
    body: bytes = b"{}",
    timeouts: Timeouts = PATIENCE,
    headers: Mapping[str, str] | None = None,
) -> Incoming:
    sized = {"content-length": str(len(body))} if body else {}
    return await send(transport, Outgoing(method, url, {**sized, **(headers or {})}, body), timeouts)


async def whole(incoming: Incoming) -> bytes:
    try:
        return await incoming.read(1 << 30)
    finally:
        await incoming.close()


async def until(condition: Callable[[], bool]) -> None:
    """Turns of the loop until something holds. A test that waits for what never comes is ended by the guard."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.001)


def server_context(name: str, *, client_authority: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / f"{name}.pem")
    if client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority)
    return context
