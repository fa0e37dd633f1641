"""One request and its answer, as ASGI has them: uvicorn's cycle, with fewer writes and a limit on bodies that trickle.

    head and body    what an app sends of an answer before it waits leaves in one write, its head with its first piece
    unread bodies    an answer that begins before the request's body has ended says `connection: close`; the protocol ends it then
    slow bodies      `receive` raises SlowCaller once a body has fallen behind its pace; the app tells it in its client's dialect
    broken heads     a name or value that cannot stand in a head is an error of the app, found by one look at the whole head

The ground is uvicorn 0.54 (protocols/http/httptools_impl.py).
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from polyglot_cloud.asgi import Headers
from polyglot_cloud.errors import SlowCaller

COPIED = 64 * 1024
"""Bytes of a body that is joined with what stands before it; a larger one is handed over as it is."""
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = bytes({*range(0x20), 0x7F} - {0x09})
_FRAMING = frozenset({b"content-length: ", b"transfer-encoding: ", b"connection: "})


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a client may be: `grace` seconds, and one more for each `bytes_per_second` that arrived."""

    grace: float = 60.0
    bytes_per_second: float = 16_384.0

    def allowed(self, received: int) -> float:
        """Seconds after which the body may be given up, if no more than `received` bytes have come."""
        return self.grace + received / self.bytes_per_second


DEFAULT_PACE = Pace()


class Cycle(RequestResponseCycle):
    """Made once the head is whole. `unread`: the answer began before the body had ended, so that the connection serves no other."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pace: Pace, **given: Any) -> None:
        super().__init__(**given)
        self._loop = loop
        self._pace = pace
        self._began = loop.time()
        self._received = 0
        self._slow = False
        self.unread = False
        self._head = b""  # written with what comes next, or when the app has nothing more to say for now
        self._flush: asyncio.Handle | None = None

    async def run_asgi(self, app: Any) -> None:
        """In uvicorn, a call that its shutdown cancels, and logs, is an error of the app as well."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                await self._failed(error)
            else:
                self.disconnected = True
                self.transport.abort()
        except BaseException as error:  # noqa: BLE001  # logged; nobody above would tell the client
            await self._failed(error)
        else:
            await self._returned()
        finally:
            self.on_response = _nothing

    async def _failed(self, error: BaseException) -> None:
        self.logger.error("Exception in ASGI application\n", exc_info=error)
        if self.response_started:
            self.transport.close()
        else:
            await self.send_500_response()

    async def _returned(self) -> None:
        if self.response_complete or self.disconnected:
            return
        if self.response_started:
            self.logger.error("ASGI callable returned without completing response.")
            self.transport.close()
        else:
            self.logger.error("ASGI callable returned without starting response.")
            await self.send_500_response()

    # --- what the app reads ---

    def add(self, piece: bytes) -> None:
        """A piece of the request's body."""
        self.body += piece
        self._received += len(piece)
        self.message_event.set()

    async def receive(self) -> Any:
        """Raises SlowCaller."""
        if self.message_event.is_set() or not self.more_body:
            return await super().receive()
        timer = self._loop.call_at(self._began + self._pace.allowed(self._received), self._give_up)
        try:
            message = await super().receive()
        finally:
            timer.cancel()
        if self._slow:
            raise SlowCaller(
                "The request body arrived too slowly, or its end never came.", headers={"connection": "close"}
            )
        return message

    def _give_up(self) -> None:
        self._slow = True
        self.message_event.set()

    # --- what the app says ---

    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.body" and self.response_started and not self.response_complete:
            self._continue(message.get("body", b""), more=message.get("more_body", False))
        elif kind == "http.response.start" and not self.response_started:
            self._start(message["status"], message.get("headers", []))
        else:
            raise RuntimeError(f"{kind} is not what an answer may have here.")

    def _start(self, status: int, headers: Headers) -> None:
        self.unread = self.more_body
        lines = [STATUS_LINE[status]]
        for name, value in headers:
            start = _named(name)
            if start in _FRAMING:
                self._frame(start, value)
            lines += (start, value, b"\r\n")
        for name, value in self.default_headers:
            lines += (name, b": ", value, b"\r\n")
        said = len(self.default_headers) + len(headers) + 1
        if (self.unread or not self.keep_alive) and b"connection: " not in lines:
            lines.append(b"connection: close\r\n")
            said += 1
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in {204, 304}:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
            said += 1
        lines.append(b"\r\n")
        head = b"".join(lines)
        # every control character but those that end our own lines stood in a value
        if len(head) - len(head.translate(None, _CONTROLS)) != 2 * (said + 1):
            raise RuntimeError("The value of a header holds a line break or another control character.")
        self.response_started = True
        self.waiting_for_100_continue = False
        self._head = head
        self._flush = self._loop.call_soon(self._write_head)

    def _frame(self, start: bytes, value: bytes) -> None:
        if start == b"connection: ":
            if b"close" in [token.strip() for token in value.lower().split(b",")]:
                self.keep_alive = False
        elif start == b"content-length: " and self.chunked_encoding is None:
            self.expected_content_length = int(value)
            self.chunked_encoding = False
        elif value.lower() == b"chunked":
            self.expected_content_length = 0
            self.chunked_encoding = True

    def _write_head(self) -> None:
        head, self._head = self._head, b""
        if head and not self.transport.is_closing():
            self.transport.write(head)

    def _continue(self, body: bytes, *, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            self._write(b"", b"", b"")
        elif self.chunked_encoding:
            before, after = (b"%x\r\n" % len(body), b"\r\n") if body else (b"", b"")
            self._write(before, body, after if more else after + b"0\r\n\r\n")
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("The body of the answer is longer than its Content-Length.")
            self._write(b"", body, b"")
        if not more:
            self._end()

    def _write(self, before: bytes, body: bytes, after: bytes) -> None:
        if self._head:
            before, self._head = self._head + before, b""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if len(body) <= COPIED:
            if piece := before + body + after:
                self.transport.write(piece)
        else:
            self.transport.writelines([before, body, after])

    def _end(self) -> None:
        if self.expected_content_length != 0:
            raise RuntimeError("The body of the answer is shorter than its Content-Length.")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive and not self.unread:
            self.transport.close()
        on_response: Callable[[], None] = self.on_response
        on_response()


@lru_cache(maxsize=512)  # the same few names stand in every answer
def _named(name: bytes) -> bytes:
    """`name: `, in lower case. Raises RuntimeError."""
    if not _TOKEN.fullmatch(name):
        raise RuntimeError(f"{name!r} is no name of a header.")
    return name.lower() + b": "


def _nothing() -> None:
    """Nobody is told of an answer twice."""
