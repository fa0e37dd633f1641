"""HTTP for the stand-ins: a request read whole, a reply sent plain or event by event, and the ways a reply can break.

Raw ASGI, no framework. A handler is a pure function from `Request` to `Reply`; `App` does the input and output, the pauses, and notices
a client that has gone.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

DELAY_VARIABLE = "POLYGLOT_SANDBOX_DELAY_MS"
DEFAULT_DELAY_MS = 8.0
_LONGEST_HANG = 3600.0
_INCOMPLETE = "ASGI callable returned without completing response."
_cutting: ContextVar[bool] = ContextVar("cutting", default=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its body read whole. Header names are lower case; `path` is decoded and has no query."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a reply travels. Seconds; counts of events; None means: not at all.

    `cut`: the connection dies after so many events. `clean_cut`: the body ends properly after so many. `error_after`: then the reply's
    own error event. `hang_after`: silence after so many, until the client goes. `split`: the body in pieces of so many bytes.
    """

    wait: float = 0.0
    gap: float | None = None
    cut: int | None = None
    clean_cut: int | None = None
    error_after: int | None = None
    hang_after: int | None = None
    split: int | None = None


AT_ONCE = Delivery()


@dataclass(frozen=True, slots=True)
class Reply:
    """`events` is a stream, else `body` is the whole. `error_event` is what the vendor sends in-band when a stream fails."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    events: Iterator[bytes] | None = None
    error_event: bytes = b""
    delivery: Delivery = AT_ONCE


class Refused(Exception):
    """A request the vendor would refuse, with the vendor's answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


Handler = Callable[[Request], Reply]


def dumps(value: Any) -> bytes:
    """Compact JSON, characters as they are. A lone surrogate, which UTF-8 cannot carry, stays an escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def loads(body: bytes) -> Any:
    """JSON as the vendors take it: UTF-8, no NaN, no Infinity. Raises ValueError."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def sse(value: Any, event: str = "") -> bytes:
    """One server-sent event with JSON data."""
    name = b"event: " + event.encode() + b"\n" if event else b""
    return name + b"data: " + dumps(value) + b"\n\n"


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, {"content-type": "application/json", **(headers or {})}, dumps(value))


class App:
    """An ASGI application around one handler.

    Args:
        cloud: the value of the header `x-polyglot-sandbox` on every answer.
        handle: the pure handler.
        pause: seconds between the events of a stream. None asks the environment (milliseconds) at each request.
    """

    def __init__(self, cloud: str, handle: Handler, pause: float | None = None) -> None:
        self.cloud = cloud
        self.handle = handle
        self.pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _read(receive)
        if body is None:
            return
        try:
            reply = self.handle(_request(scope, body))
        except Refused as refused:
            reply = refused.reply
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await self._deliver(reply, send, gone)
        finally:
            gone.cancel()

    async def _deliver(self, reply: Reply, send: Send, gone: "asyncio.Future[None]") -> None:
        if reply.delivery.wait and await _rest(gone, reply.delivery.wait):
            return
        headers = {**reply.headers, "x-polyglot-sandbox": self.cloud}
        if reply.events is None:
            headers["content-length"] = str(len(reply.body))
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
        if reply.events is None:
            await _send_plain(reply, send)
        else:
            await self._send_stream(reply, reply.events, send, gone)

    async def _send_stream(
        self, reply: Reply, events: Iterator[bytes], send: Send, gone: "asyncio.Future[None]"
    ) -> None:
        delivery = reply.delivery
        pause = self._pause(delivery)
        stop, ending = _ending(delivery)
        for number, event in enumerate(events):
            if number == stop:
                await self._break_off(ending, reply, send, gone)
                return
            for piece in _pieces(event, delivery.split):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if await _rest(gone, pause):
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    @staticmethod
    async def _break_off(ending: str, reply: Reply, send: Send, gone: "asyncio.Future[None]") -> None:
        if ending == "hang":
            await _rest(gone, _LONGEST_HANG)
        elif ending == "cut":
            _die_quietly()
        else:
            last = reply.error_event if ending == "error" else b""
            await send({"type": "http.response.body", "body": last, "more_body": False})

    def _pause(self, delivery: Delivery) -> float:
        if delivery.gap is not None:
            return delivery.gap
        return delay() if self.pause is None else self.pause


def delay() -> float:
    """Seconds between two events of a stream, from the environment."""
    try:
        return max(0.0, float(os.environ.get(DELAY_VARIABLE, DEFAULT_DELAY_MS)) / 1000)
    except ValueError:
        return DEFAULT_DELAY_MS / 1000


def _ending(delivery: Delivery) -> tuple[int | None, str]:
    """After how many events a stream ends early, and how."""
    ways = (
        (delivery.cut, "cut"),
        (delivery.clean_cut, "clean"),
        (delivery.error_after, "error"),
        (delivery.hang_after, "hang"),
    )
    return next(((count, way) for count, way in ways if count is not None), (None, ""))


async def _send_plain(reply: Reply, send: Send) -> None:
    """A plain reply. Cut, it stops in its middle: with `cut` short of its content-length."""
    body = reply.body
    if reply.delivery.cut is not None:
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        _die_quietly()
        return
    pieces = list(_pieces(body, reply.delivery.split)) or [b""]
    for piece in pieces[:-1]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": pieces[-1], "more_body": False})


def _pieces(data: bytes, size: int | None) -> Iterator[bytes]:
    if not size:
        yield data
        return
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def _read(receive: Receive) -> bytes | None:
    """The body, or None where the client left before its end."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _rest(gone: "asyncio.Future[None]", seconds: float) -> bool:
    """Waits, and says whether the client has gone meanwhile."""
    if seconds > 0:
        await asyncio.wait({gone}, timeout=seconds)
    else:
        await asyncio.sleep(0)
    return gone.done()


def _request(scope: Scope, body: bytes) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))
    return Request(scope["method"], scope["path"], query, headers, body)


def _die_quietly() -> None:
    """The app returns with its response unfinished, and uvicorn closes the connection. It would report that as an app's fault."""
    _cutting.set(True)
    logger = logging.getLogger("uvicorn.error")
    if _not_on_purpose not in logger.filters:
        logger.addFilter(_not_on_purpose)


def _not_on_purpose(record: logging.LogRecord) -> bool:
    return not (_cutting.get() and record.msg == _INCOMPLETE)
