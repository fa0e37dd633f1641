"""HTTP/1.1 below the app: uvicorn's protocol over httptools, mended where a client could lose a request, a call or the connection.

    Upgrade             ignored, as RFC 9110 section 7.8 allows: the request is answered as what it is in HTTP/1.1
    a client leaves     every call of its connection learns of it, the pipelined ones too; those that wait never start
    heads               bounded in bytes, lines and seconds before a call begins: 431, 414, 408
    bodies              bounded in pace, as the app reads them (cycle.py)
    trailers            are read and dropped: the app has its headers already
    unread bodies       the answer says `connection: close`, and the connection ends after it

A refusal of this layer is JSON in OpenAI's error shape, whatever the port: no path has been read yet that could name another.
The ground is uvicorn 0.54 and httptools 0.9 (protocols/http/httptools_impl.py); every override says what is wrong with what it overrides.
"""

import asyncio
from collections import deque
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from polyglot_cloud import wire
from polyglot_cloud.asgi import DEPARTURE, Departure
from polyglot_cloud.cycle import DEFAULT_PACE, Cycle

_EARLY = 0.001
"""Timers may fire a moment early: a clock of milliseconds rounds."""


class Refusal(Exception):
    """What is answered in place of the app. Raised out of the parser's callbacks, it stops the parser where it stands."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code

    def response(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The whole answer, as bytes; `headers` stand before its own."""
        error = {"message": str(self), "type": "invalid_request_error", "param": None, "code": self.code}
        body = wire.encode({"error": error})
        own = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        lines = [name + b": " + value + b"\r\n" for name, value in headers + own]
        return b"".join([STATUS_LINE[self.status], *lines, b"\r\n", body])


def _too_much(what: str) -> Refusal:
    return Refusal(431, "request_header_fields_too_large", f"The head of the request is too large: {what}.")


def _departure(cycle: Cycle) -> Departure:
    """The call's, which its app finds in the scope."""
    scope: Any = cycle.scope  # a key of ours, which uvicorn's type does not have
    departure: Departure = scope[DEPARTURE]
    return departure


class Protocol(HttpToolsProtocol):
    """One connection. The limits are class attributes; sizes in bytes, times in seconds."""

    head_size = 64 * 1024
    head_lines = 100
    target_size = 16 * 1024
    head_seconds = 30.0
    linger_seconds = 5.0
    pace = DEFAULT_PACE
    queued_calls = 16
    """So many pipelined calls may wait before the connection is read no further."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cycle: Cycle = None  # type: ignore[assignment]  # as in uvicorn: there is none before the first request
        self._answering: Cycle | None = None
        self._refusal: Refusal | None = None
        self._queued: deque[Cycle] = deque()  # pipelined calls, in their order
        self._deaf = False  # what still comes is thrown away
        self._in_head = False
        self._head = 0
        self._silent = 0  # bytes since the last that belonged to a body or ended a message
        self._head_timer: asyncio.TimerHandle | None = None
        self._asked_by = 0.0  # when an idle connection has to have asked again
        self._lingering: asyncio.TimerHandle | None = None

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    # --- the connection ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn: a Transport
        """In uvicorn, a connection that never asks anything stays for ever."""
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """In uvicorn, only the newest call is told, which with pipelining is not the one that runs."""
        self._stop_head_timer()
        for timer in (self._lingering, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()
        self._disconnect()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Called after the drain. A client that does not read would hold uvicorn up until it cancels the task, with a traceback."""
        super().shutdown()
        if self._deaf and self._idle:
            self.transport.close()
        self.loop.call_later((self.config.timeout_graceful_shutdown or 0) / 2, self.transport.abort)

    def _disconnect(self) -> None:
        for cycle in (self._answering, self.cycle, *self._queued):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
                _departure(cycle).leave()
        self._queued.clear()

    def _await_request(self) -> None:
        """One timer for all waits of a connection: it is set anew when it fires, not at each request."""
        self._asked_by = self.loop.time() + self.timeout_keep_alive
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_at(self._asked_by, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if not self._idle or self._in_head or self._deaf:
            return  # the wait that comes next has its own
        if self.loop.time() + _EARLY < self._asked_by:
            self.timeout_keep_alive_task = self.loop.call_at(self._asked_by, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        """In uvicorn, each request takes down a timer that the next one puts up again."""

    # --- what comes in ---

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._silent += len(data)
        try:
            if (taken := self._feed(data)) < len(data):
                rest = memoryview(data)[taken:]
                while rest:
                    rest = rest[self._feed(rest) :]
            if (
                self._silent > self.head_size
            ):  # a line without end, of a head, a trailer or a chunk, which no callback shows
                raise _too_much(f"more than {self.head_size:,} bytes")
        except httptools.HttpParserError as error:
            self._refuse(error.__context__ if isinstance(error.__context__, Refusal) else self._malformed())
        except Refusal as refusal:
            self._refuse(refusal)
        else:
            if self._in_head:
                if self._head_timer is None:
                    self._head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)
            elif self._idle:  # empty lines only, which are no reason to stay for ever
                self._await_request()

    def _feed(self, data: bytes | memoryview) -> int:
        """Says how much of it was taken: all, or all up to the end of a head with an Upgrade, which llhttp reads no further than.

        That head has had no effect yet (`_should_upgrade`). It is fed again without the Upgrade, and then what follows is its body.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            taken: int = upgrade.args[0]
        else:
            return len(data)
        if self.parser.get_method() == b"CONNECT":  # an upgrade to llhttp, and never anything else
            raise self._malformed()
        head = self._head_without_upgrade()
        self.parser = httptools.HttpRequestParser(
            self
        )  # the old one reads nothing after an upgrade with `Connection: close`
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self.parser.feed_data(head)
        return taken

    def _head_without_upgrade(self) -> bytes:
        first = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([first, *lines, b"", b""])

    def _should_upgrade(self) -> bool:
        """Makes uvicorn's callbacks leave such a head alone, as they do where another protocol takes over."""
        return True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head = True, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self.target_size:
            raise Refusal(414, "uri_too_long", f"The URL of the request is longer than {self.target_size:,} bytes.")
        self._add_to_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """In uvicorn, a trailer is a header, and is appended to those of a call that runs."""
        if not self._in_head:
            return
        super().on_header(name, value)
        self._add_to_head(len(name) + len(value) + len(": \r\n"))
        if len(self.headers) > self.head_lines:
            raise _too_much(f"more than {self.head_lines} headers")

    def _add_to_head(self, size: int) -> None:
        self._head += size
        if self._head > self.head_size:
            raise _too_much(f"more than {self.head_size:,} bytes")

    def on_headers_complete(self) -> None:
        """In uvicorn, nothing is read while a pipelined call waits, and so nobody sees that the client left."""
        self._in_head = False
        self._stop_head_timer()
        version = self.parser.get_http_version()
        if self.parser.should_upgrade():
            return  # see `_feed`
        self._complete_scope(version)
        before, self.cycle = self.cycle, self._cycle(keep_alive=version != "1.0" and self.parser.should_keep_alive())
        if before is None or before.response_complete:
            self._begin(self.cycle)
            return
        self._queued.append(self.cycle)
        if len(self._queued) >= self.queued_calls:
            self.flow.pause_reading()

    def _complete_scope(self, version: str) -> None:
        scope: Any = self.scope  # a key of ours, which uvicorn's type does not have
        raw_path, query = _target(self.url)
        path = raw_path.decode("ascii")
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"], scope["query_string"] = raw_path, query
        scope[DEPARTURE] = Departure()

    def _cycle(self, *, keep_alive: bool) -> Cycle:
        return Cycle(
            self.loop,
            self.pace,
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )

    def on_body(self, body: bytes) -> None:
        self._silent = 0
        if self.parser.should_upgrade() or self.cycle.response_complete:
            return
        self.cycle.add(body)
        if len(self.cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        self._silent = 0
        super().on_message_complete()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        if self._idle:
            self._refuse(Refusal(408, "request_timeout", f"The head of the request took over {self.head_seconds:g} s."))
        else:  # costs nothing while an earlier call holds the connection anyway
            self._head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)

    # --- what goes out ---

    def _malformed(self) -> Refusal:
        message = "Invalid HTTP request received."
        self.logger.warning(message)
        return Refusal(400, "invalid_http", message)

    def _refuse(self, refusal: Refusal) -> None:
        """The connection's last word. uvicorn writes it into whatever answer is under way."""
        self._refusal, self._deaf = refusal, True
        self._stop_head_timer()
        if self._idle:
            self._speak(refusal)
        elif self.cycle.more_body:  # it broke within a body: that call can never be whole
            alone = not self._queued and not self.cycle.response_started
            self._disconnect()
            if alone:
                self._speak(refusal)
            else:
                self.transport.close()
        # else earlier calls are whole and have their answers first: on_response_complete

    def _speak(self, refusal: Refusal) -> None:
        self.transport.write(refusal.response(self.server_state.default_headers))
        self._linger()

    def _linger(self) -> None:
        """Closes our side, and the rest when the client has done so too.

        A close with bytes unread makes TCP reset the connection, and a client that is still sending never sees its answer (RFC 9112, 9.6).
        """
        self._deaf = True
        self.flow.resume_reading()
        self.transport.write_eof()
        self._lingering = self.loop.call_later(self.linger_seconds, self.transport.abort)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self._queued:
            self._begin(self._queued.popleft())
            return
        self._await_request()
        if self._refusal is not None:
            self._speak(self._refusal)
        elif self._answering is not None and self._answering.unread:
            self._linger()

    def _begin(self, cycle: Cycle) -> None:
        self._answering = cycle
        _departure(cycle).gone = cycle.disconnected
        task = self.loop.create_task(cycle.run_asgi(self.app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def _target(url: bytes) -> tuple[bytes, bytes]:
    """Path and query of a request's target; the absolute form, and a fragment, take the long way."""
    if not url.startswith(b"/") or url.startswith(b"//") or b"#" in url:
        parsed = httptools.parse_url(url)
        return parsed.path, parsed.query or b""
    path, _, query = url.partition(b"?")
    return path, query
