"""Our own transport: HTTP/1.1 over kept connections, on uvloop or the plain loop of asyncio.

A request is sent once. Only where it met a kept connection that ended without a byte in reply is it sent again, once, on a new one,
and only if its method is idempotent: RFC 9110, 9.2.2 and RFC 9112, 9.3.1 allow no more. A connection that ends so is most often one
that the peer closed while it was idle, but nothing proves that: a server may just as well have taken the request, begun to work, and
died. A POST costs money, so it fails, and whoever knows more (an idempotency key) may ask again. That this is rare is seen to before
anything is written: a kept connection whose end was heard, or lies unread at the socket, is not used.
"""

import asyncio
import math
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx

from polyglot_cloud.transport.connection import Ask, Connection
from polyglot_cloud.transport.dialing import AddressRule, Dial, Dialer
from polyglot_cloud.transport.failures import ON_THE_WIRE, wire_error
from polyglot_cloud.transport.heads import request_head
from polyglot_cloud.transport.messages import Outgoing, Timeouts
from polyglot_cloud.transport.origins import Origin, place, place_of
from polyglot_cloud.transport.pool import Bounds, Pool
from polyglot_cloud.transport.reply import Reply
from polyglot_cloud.transport.tls import ssl_context

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
DEFAULT_BOUNDS = Bounds()


class NativeTransport(httpx.AsyncBaseTransport):
    """`send` is the way in for the gateway, `exchange` the one for whoever has heads of their own; `handle_async_request` is httpx's,
    and costs the making of its Request and Response. A request's body is one piece: one that is made on the way is gathered first.

    For one event loop. `rule` may refuse an origin by its addresses; `dial` and `clock` are replaced in tests.
    """

    def __init__(
        self,
        context: ssl.SSLContext | None = None,
        *,
        bounds: Bounds = DEFAULT_BOUNDS,
        rule: AddressRule | None = None,
        dial: Dial | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dial = dial or Dialer(context or ssl_context(), rule)
        self._bounds = bounds
        self._clock = clock
        self._pools: dict[Origin, Pool] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    # --- the ways in ---

    async def send(self, outgoing: Outgoing, timeouts: Timeouts) -> Reply:
        """Sends a request and waits for the reply's head. Raises WireError."""
        try:
            origin, authority, target = place(outgoing.url)
            head = request_head(outgoing.method, target, authority, outgoing.headers, len(outgoing.body))
            return await self.exchange(origin, Ask(outgoing.method, head, outgoing.body), timeouts)
        except ON_THE_WIRE as error:
            raise wire_error(error) from error

    async def exchange(self, origin: Origin, ask: Ask, timeouts: Timeouts) -> Reply:
        """The open reply to `ask`. Raises httpx.TransportError."""
        pool = self._pools.get(origin) or self._pool(origin)
        if pool.slots is not None:
            await self._enter(pool, pool.slots, timeouts.pool)
        kept = pool.take()
        if kept is None:
            return await (await self._connection(origin, pool, timeouts.connect)).ask(ask, timeouts)
        try:
            return await kept.ask(ask, timeouts)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            if kept.heard or ask.method not in IDEMPOTENT:
                raise
        if pool.slots is not None:
            await self._enter(pool, pool.slots, timeouts.pool)
        return await (await self._connection(origin, pool, timeouts.connect)).ask(ask, timeouts)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        origin, authority, target = place_of(request.url)
        body = await request.aread()
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in _merged(request.headers)}
        head = request_head(request.method, target, given.get("host", authority), given, len(body))
        try:
            reply = await self.exchange(origin, Ask(request.method, head, body), _timeouts(request.extensions))
        except httpx.TransportError as error:
            error.request = request
            raise
        return httpx.Response(
            reply.status,
            headers=reply.lines,
            stream=_Body(reply),
            request=request,
            extensions={"http_version": b"HTTP/1.1"},
        )

    # --- connections ---

    def _pool(self, origin: Origin) -> Pool:
        if self._closed:
            raise httpx.ConnectError("the transport is closed")
        pool = self._pools[origin] = Pool(self._bounds, self._clock)
        if self._sweeper is None:
            self._sweep_later()
        return pool

    async def _enter(self, pool: Pool, slots: asyncio.Semaphore, seconds: float) -> None:
        pool.arriving += 1
        try:
            async with asyncio.timeout(_limit(seconds)):
                await slots.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("all connections are taken") from None
        finally:
            pool.arriving -= 1

    async def _connection(self, origin: Origin, pool: Pool, seconds: float) -> Connection:
        loop = asyncio.get_running_loop()
        pool.arriving += 1
        try:
            async with asyncio.timeout(_limit(seconds)):
                connection = await self._dial(origin, lambda: Connection(loop, pool))
            pool.admit(connection)
        except TimeoutError as error:
            pool.leave()
            raise httpx.ConnectTimeout(str(error) or "no connection in time") from None
        except (OSError, UnicodeError) as error:
            pool.leave()
            raise httpx.ConnectError(str(error) or type(error).__name__) from error
        except BaseException:
            pool.leave()
            raise
        finally:
            pool.arriving -= 1
        return connection

    # --- housekeeping ---

    def _sweep_later(self) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(self._bounds.idle_seconds / 2, self.sweep)

    def sweep(self) -> None:
        """Ends connections that are idle for too long, and forgets origins that nobody asks any more. Runs while there are any."""
        self._sweeper = None
        for origin, pool in list(self._pools.items()):
            pool.sweep()
            if not pool.used:
                del self._pools[origin]
        if self._pools:
            self._sweep_later()

    async def aclose(self) -> None:
        """Ends all connections; replies that are open break."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        pools = list(self._pools.values())
        self._pools.clear()
        for pool in pools:
            await pool.close()


class _Body(httpx.AsyncByteStream):
    """A reply's body as httpx has it: its errors are httpx's."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._reply.receive():
            yield piece

    async def aclose(self) -> None:
        self._reply.drop()


def _merged(headers: httpx.Headers) -> list[tuple[bytes, bytes]]:
    """By name, since a head is a mapping here; what stands several times is joined (RFC 9110, 5.3), cookies by their own sign."""
    merged: dict[bytes, bytes] = {}
    for raw, value in headers.raw:
        name = raw.lower()
        sign = b"; " if name == b"cookie" else b", "
        merged[name] = merged[name] + sign + value if name in merged else value
    return list(merged.items())


def _limit(seconds: float) -> float | None:
    return None if seconds == math.inf else seconds


def _timeouts(extensions: Mapping[str, Any]) -> Timeouts:
    """httpx's: None is no limit."""
    given = extensions.get("timeout", {})
    return Timeouts(
        **{name: math.inf if given.get(name) is None else given[name] for name in ("connect", "read", "write", "pool")}
    )
