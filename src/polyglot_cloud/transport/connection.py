"""One connection to an origin: a request out, a reply in, and then perhaps another. HTTP/1.1 (RFC 9112) over asyncio and httptools.

    framing      llhttp's strict reading: no bare line feeds, no folded lines, one Content-Length or one Transfer-Encoding. Besides,
                 only `chunked` is taken, from HTTP/1.1 alone: no other coding was asked for, and who adds one may frame it otherwise
    bounds       heads in bytes and lines, interim replies among them; chunk lines and trailers in bytes
    1xx          read and dropped; 101 is refused, since no upgrade is asked for
    HEAD         its reply ends with its head. The parser does not know and waits for a body, so the connection ends with it
    surplus      what comes after a reply's end belongs to nothing: the connection is not used again
    pressure     beyond HIGH_WATER unread bytes the peer is held back; while the peer takes nothing, no more of a body is written
    timeouts     one timer for each connection, set anew only when it fires: a wait costs a look at the clock

Over TLS, an end without close_notify looks like one with it (asyncio's ssl does not tell them apart), so a body that only the
connection's end delimits can be cut by somebody in between. Whoever reads one has to find its end mark, as the readers of streams do.
"""

import asyncio
import math
import select
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import httptools
import httpx

from polyglot_cloud.large import Segments
from polyglot_cloud.transport.heads import joined
from polyglot_cloud.transport.messages import Timeouts
from polyglot_cloud.transport.reply import Reply

MAX_HEAD = 64 * 1024
MAX_LINES = 256
MAX_BETWEEN = 16 * 1024
"""Bytes that may come within a body without being of it, from one read to the next: the lines of chunks, and trailers."""
HIGH_WATER = 256 * 1024
AT_ONCE = 64 * 1024
"""A body up to this leaves in one write with its head; a larger one in steps of it, as the peer takes them."""
IN_A_ROW = 8
"""So many of these steps without a turn for the others."""
WITHOUT_BODY = frozenset({204, 304})
RACE = 0.001
"""Timers may fire a moment early: a clock of milliseconds rounds."""


class Ask(NamedTuple):
    """A request as bytes. `head` ends with its empty line."""

    method: str
    head: bytes
    body: bytes | Segments = b""


class Keeper(Protocol):
    """Whom a connection tells how it fares."""

    def freed(self, connection: "Connection", *, reusable: bool) -> None:
        """The exchange is over. Told once for each."""

    def lost(self, connection: "Connection") -> None:
        """Nothing can be asked here any more."""

    def ended(self, connection: "Connection") -> None:
        """Its socket is closed."""


class _Refusal(Exception):
    """Raised within the parser's callbacks, it stops the parser where it stands."""


class Connection(asyncio.Protocol):
    """Made by a dialer, then `ask`ed by one caller at a time.

    `heard`: whether anything came back on the last request. `closed`: nothing can be asked any more. `ended`: the socket is closed.
    """

    __slots__ = (
        "_bodiless", "_complete", "_congested", "_deadline", "_held_back", "_in_head", "_keeper", "_lines", "_loop", "_overdue",
        "_parser", "_reply", "_reusable", "_sent", "_timer", "_timer_at", "_transport", "_unspent", "_until_close", "_waiter",
        "closed", "ended", "heard",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, keeper: Keeper) -> None:
        self._loop = loop
        self._keeper = keeper
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport = _NOT_YET
        self._reply: Reply | None = None
        self._lines: list[tuple[bytes, bytes]] = []
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = self._deadline = math.inf
        self._overdue: type[httpx.TimeoutException] = httpx.ReadTimeout
        self._congested = self._held_back = False
        self._reset(bodiless=False)
        self.closed = self.ended = False

    def _reset(self, *, bodiless: bool) -> None:
        self._bodiless = bodiless
        self._lines = []
        self._in_head = self._reusable = True
        self._complete = self._until_close = self._sent = self.heard = False
        self._unspent = 0  # bytes since the last that belonged to a body

    # --- asking ---

    async def ask(self, ask: Ask, timeouts: Timeouts) -> Reply:
        """Sends a request and waits for the reply's head. Raises httpx.TransportError; the connection has ended then, as it has
        where this is cancelled.
        """
        self._reset(bodiless=ask.method == "HEAD")
        reply = self._reply = Reply(self, timeouts.read)
        try:
            if len(ask.body) <= AT_ONCE:
                self._transport.write(ask.head + bytes(ask.body))
                self._sent = True
            else:
                await self._send(ask, reply, timeouts.write)
            while not reply.status and not reply.ended:
                await self.arrival(timeouts.read, httpx.ReadTimeout)
        except BaseException:
            self.abort()
            raise
        if not reply.status and reply.error is not None:
            raise reply.error
        return reply

    async def _send(self, ask: Ask, reply: Reply, seconds: float) -> None:
        """Ends early where the answer, or the connection's end, comes before all is said (RFC 9112, 9.5)."""
        self._transport.write(ask.head)
        for number, step in enumerate(_steps(ask.body), 1):
            while self._congested and not reply.status and not reply.ended:
                await self.arrival(seconds, httpx.WriteTimeout)
            if reply.status or reply.ended:
                return
            self._transport.write(step)
            if (
                number % IN_A_ROW == 0
            ):  # a peer that takes all at once would have the loop for as long as the kernel copies
                await asyncio.sleep(0)
        self._sent = True

    def arrival(self, seconds: float, overdue: type[httpx.TimeoutException]) -> "asyncio.Future[None]":
        """Done at the next thing that happens; after `seconds` of nothing the exchange fails with `overdue`."""
        self._waiter = waiter = self._loop.create_future()
        self._overdue = overdue
        self._deadline = self._loop.time() + seconds
        if self._deadline < self._timer_at:
            self._set_timer()
        return waiter

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        self._timer, self._timer_at = None, math.inf
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() + RACE >= self._deadline:
            self._fail(self._overdue("nothing came in time"))
        elif self._deadline < math.inf:
            self._set_timer()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # --- the end of an exchange ---

    def _finish(self, reply: Reply) -> None:
        self._reply = None
        reply.end()
        self._release()
        # an answer that came before all was said: what is left of the request would stand before the next one
        said = self._sent and not self._transport.get_write_buffer_size()
        reusable = self._reusable and said and not self.closed and not self._transport.is_closing()
        if not reusable:
            self._hang_up()
        self._keeper.freed(self, reusable=reusable)
        self._wake()

    def _fail(self, error: httpx.TransportError) -> None:
        self.abort(error)
        self._wake()

    def abort(self, error: httpx.TransportError | None = None) -> None:
        """Ends the connection, and with it the exchange that runs on it."""
        reply, self._reply = self._reply, None
        self._hang_up()
        if reply is not None:
            reply.end(error or httpx.ReadError("the connection was closed"))
            self._keeper.freed(self, reusable=False)
        self._wake()

    def _hang_up(self) -> None:
        if not self.closed:
            self.closed = True
            self._keeper.lost(self)
        self._transport.abort()

    def _hold_back(self) -> None:
        if not self._held_back and not self._transport.is_closing():
            self._held_back = True
            self._transport.pause_reading()

    def _release(self) -> None:
        if self._held_back:
            self._held_back = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    taken = _release
    """The consumer has taken all there was."""

    def readable(self) -> bool:
        """Whether something lies at the socket that the loop has not brought yet. On an idle connection that can only be its end."""
        number: int = self._transport.get_extra_info("socket").fileno()
        if number < 0 or not hasattr(
            select, "poll"
        ):  # no poll on Windows: there a stale connection shows when it is used
            return number < 0
        poll = select.poll()
        poll.register(number, select.POLLIN)
        return len(poll.poll(0)) > 0

    # --- what asyncio tells ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's transports are no subclasses of asyncio.Transport

    def pause_writing(self) -> None:
        self._congested = True

    def resume_writing(self) -> None:
        self._congested = False
        if not self._sent:
            self._wake()

    def data_received(self, data: bytes) -> None:
        reply = self._reply
        if reply is None or self._parser is None:
            self._hang_up()  # nothing was asked: it could only be taken for the answer to what is asked next
            return
        self.heard = True
        self._unspent += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self._fail(_broken(error))
                return
            self._reusable = False
        if self._complete:
            self._finish(reply)
        elif self._bodiless and not self._in_head:
            self._reusable = False
            self._finish(reply)
        elif self._unspent > (MAX_HEAD if self._in_head else MAX_BETWEEN):
            self._fail(httpx.RemoteProtocolError("too much between the bodies: a head, a chunk's line or trailers"))
        else:
            if reply.size > HIGH_WATER:
                self._hold_back()
            self._wake()

    def eof_received(self) -> None:
        self._over(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over(exc)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._parser = None  # it holds this object's methods: a circle that only the collector would find
        self.ended = True
        self._keeper.ended(self)

    def _over(self, exc: Exception | None) -> None:
        if not self.closed:
            self.closed = True
            self._keeper.lost(self)
        reply = self._reply
        if reply is None:
            return
        if exc is not None:
            failure = httpx.ReadError if self._sent else httpx.WriteError
            self._fail(failure(str(exc) or type(exc).__name__))
        elif self._until_close and not self._in_head:
            self._finish(reply)
        else:
            self._fail(httpx.RemoteProtocolError(_CUT if self.heard else _UNANSWERED))

    # --- what the parser tells ---

    def on_message_begin(self) -> None:
        if self._complete:
            raise _Refusal("bytes after the end of the reply")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else a trailer: nobody here asks for one
            self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None and self._reply is not None  # noqa: S101, PT018  # only fed while something is asked
        status = self._parser.get_status_code()
        self._check_size()
        if status < 200:
            if status < 100 or status == 101:
                raise _Refusal(f"the status {status} was not asked for")
            self._lines = []
            return
        headers = joined(self._lines)
        coding = headers.get("transfer-encoding")
        if coding is not None and (coding.lower() != "chunked" or self._parser.get_http_version() != "1.1"):
            raise _Refusal("a transfer coding other than chunked")
        self._until_close = coding is None and "content-length" not in headers and status not in WITHOUT_BODY
        self._in_head, self._unspent = False, 0
        self._reply.status, self._reply.headers, self._reply.lines = status, headers, self._lines

    def _check_size(self) -> None:
        if len(self._lines) > MAX_LINES:
            raise _Refusal(f"more than {MAX_LINES} lines of headers")
        # a head that comes with its body, or a larger part of it, in one read is not known by what was read
        if self._unspent > MAX_HEAD and sum(len(name) + len(value) + 4 for name, value in self._lines) > MAX_HEAD:
            raise _Refusal(f"a head of more than {MAX_HEAD} bytes")

    def on_body(self, body: bytes) -> None:
        self._unspent = 0
        if self._bodiless:
            self._reusable = False  # it should not be there, and then nothing is sure
        else:
            assert self._reply is not None  # noqa: S101  # only fed while something is asked
            self._reply.add(body)

    def on_message_complete(self) -> None:
        if self._in_head:  # an interim reply
            return
        assert self._parser is not None  # noqa: S101  # it is calling
        self._complete = True
        self._reusable = self._reusable and self._parser.should_keep_alive()


def _steps(body: bytes | Segments) -> Iterator[memoryview]:
    if isinstance(body, bytes):
        body = Segments([body])
    for start in range(0, len(body), AT_ONCE):
        yield from body.views(start, min(start + AT_ONCE, len(body)))


_CUT = "the connection ended before the reply did"
_UNANSWERED = "the connection ended without a reply"
_NOT_YET = asyncio.Transport()


def _broken(error: Exception) -> httpx.RemoteProtocolError:
    cause = error.__context__ if isinstance(error.__context__, _Refusal) else error
    return httpx.RemoteProtocolError(f"not HTTP as it should be: {cause}")
