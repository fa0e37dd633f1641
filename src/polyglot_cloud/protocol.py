"""HTTP/1.1 below the app: uvicorn's protocol over httptools, mended where a client could lose a request, a call or the connection.

    Upgrade             ignored, as RFC 9110 section 7.8 allows: the request is answered as what it is in HTTP/1.1
    a client leaves     every call of its connection learns of it, the pipelined ones too; those that wait never start
    heads               bounded in bytes, lines and seconds before a call begins: 431, 414, 408
    trailers            are read and dropped: the app has its headers already
    unread bodies       the answer says `connection: close`, and the connection ends after it

A refusal of this layer is JSON in OpenAI's error shape, whatever the port: no path has been read yet that could name another.
The ground is uvicorn 0.54 and httptools 0.9 (protocols/http/httptools_impl.py); every override says what is wrong with what it overrides.
"""

import asyncio
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from polyglot_cloud import wire
from polyglot_cloud.asgi import DEPARTURE, App, Departure, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application


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


def _departure(cycle: RequestResponseCycle) -> Departure:
    """The call's, which its app finds in the scope."""
    scope: Any = cycle.scope  # a key of ours, which uvicorn's type does not have
    departure: Departure = scope.setdefault(DEPARTURE, Departure())
    return departure


class Protocol(HttpToolsProtocol):
    """One connection. The limits are class attributes; sizes in bytes, times in seconds."""

    head_size = 64 * 1024
    head_lines = 100
    target_size = 16 * 1024
    head_seconds = 30.0
    linger_seconds = 5.0
    queued_calls = 16
    """So many pipelined calls may wait before the connection is read no further."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answering: RequestResponseCycle | None = None
        self._refusal: Refusal | None = None
        self._deaf = False  # what still comes is thrown away
        self._unread = False  # the answer began before its request's body had ended
        self._in_head = False
        self._head = 0
        self._silent = 0  # bytes since the last that belonged to a body or ended a message
        self._head_timer: asyncio.TimerHandle | None = None

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
        self._unset_keepalive_if_required()
        self._disconnect()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Called after the drain. A client that does not read would hold uvicorn up until it cancels the task, with a traceback."""
        super().shutdown()
        if self._deaf and self._idle:
            self.transport.close()
        self.loop.call_later((self.config.timeout_graceful_shutdown or 0) / 2, self.transport.abort)

    def _disconnect(self) -> None:
        for cycle in (self._answering, self.cycle, *(queued for queued, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
                _departure(cycle).leave()
        self.pipeline.clear()

    def _await_request(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    # --- what comes in ---

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._silent += len(data)
        try:
            rest = memoryview(data)
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
            if self._idle and not self._in_head:  # empty lines only, which are no reason to stay for ever
                self._await_request()

    def _feed(self, data: memoryview) -> int:
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
        self._start_head_timer()

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
        super().on_headers_complete()
        if 0 < len(self.pipeline) < self.queued_calls:
            self.flow.resume_reading()

    def on_body(self, body: bytes) -> None:
        self._silent = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._silent = 0
        super().on_message_complete()

    def _start_head_timer(self) -> None:
        self._stop_head_timer()
        self._head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        if self._idle:
            self._refuse(Refusal(408, "request_timeout", f"The head of the request took over {self.head_seconds:g} s."))
        else:  # costs nothing while an earlier call holds the connection anyway
            self._start_head_timer()

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
            alone = not self.pipeline and not self.cycle.response_started
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
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.linger_seconds, self.transport.abort)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() or not self._idle:
            return
        if self._refusal is not None:
            self._speak(self._refusal)
        elif self._unread:
            self._linger()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> None:
        self._answering = cycle
        _departure(cycle).gone = cycle.disconnected

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            await self._answer(cycle, app, scope, receive, send)  # type: ignore[arg-type]  # uvicorn's words for ASGI and ours

        super()._start_asgi_task(cycle, answer)

    async def _answer(self, cycle: RequestResponseCycle, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, self._closing(cycle, send) if cycle.more_body else send)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                raise
            # uvicorn's shutdown has cancelled it, which it has logged, and would take for an error of the app
            cycle.disconnected = True
            self.transport.abort()

    def _closing(self, cycle: RequestResponseCycle, send: Send) -> Send:
        """A `send` that ends the connection where the answer begins before the body has ended.

        uvicorn keeps it, and then what is left of the body stands where the next request should, unless the client did not send it at all
        (`Expect: 100-continue`): then the next request is taken for the body.
        """

        async def closing(message: Message) -> None:
            early = message["type"] == "http.response.start" and cycle.more_body
            if early:
                cycle.keep_alive = False  # makes uvicorn say so
            await send(message)
            if early:
                self._unread, cycle.keep_alive = True, True  # but the close is ours, in on_response_complete

        return closing
