"""Replies of any httpx transport: httpx's own, where ours lacks what is asked for, and what tests put in the network's place."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import httpx

from polyglot_cloud.errors import Unsendable
from polyglot_cloud.transport.failures import ON_THE_WIRE, wire_error
from polyglot_cloud.transport.heads import joined
from polyglot_cloud.transport.messages import Incoming, Outgoing, Timeouts
from polyglot_cloud.transport.native import NativeTransport


class HttpxReply(Incoming):
    """An httpx.Response that nobody has read yet."""

    __slots__ = ("_pending", "_response", "_source")

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers = joined(response.headers.raw)
        self._source: AsyncIterator[bytes] | None = None
        self._pending: asyncio.Task[bytes] | None = None

    async def piece(self) -> bytes:
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._next())
        # shielded: httpx's iterators end for good where they are cancelled
        piece = await asyncio.shield(self._pending)
        self._pending = None
        return piece

    async def _next(self) -> bytes:
        if self._source is None:
            stream = self._response.stream
            assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101  # what an async transport returns
            self._source = aiter(stream)
        try:
            async for piece in self._source:
                if piece:
                    return piece
        except httpx.HTTPError as error:
            raise wire_error(error) from error
        return b""

    async def close(self) -> None:
        # a cancelled call must still give its connection back
        await asyncio.shield(self._close())

    async def _close(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.wait({self._pending})
            self._pending = None
        if isinstance(self._source, AsyncGenerator):
            await self._source.aclose()
        await self._response.aclose()


async def send(transport: httpx.AsyncBaseTransport, outgoing: Outgoing, timeouts: Timeouts) -> Incoming:
    """Sends a request and waits for the reply's head. Raises WireError. Through our own transport no httpx object is made."""
    if isinstance(transport, NativeTransport):
        return await transport.send(outgoing, timeouts)
    try:
        return HttpxReply(await transport.handle_async_request(_request(outgoing, timeouts)))
    except ON_THE_WIRE as error:
        raise wire_error(error) from error


def _request(outgoing: Outgoing, timeouts: Timeouts) -> httpx.Request:
    headers = {"accept-encoding": "identity", **outgoing.headers}
    try:
        lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    except UnicodeEncodeError as error:
        raise Unsendable(
            f"The request could not be put on the wire (a header holds {error.object[error.start]!r})."
        ) from None
    extensions = {"timeout": timeouts.extension}
    return httpx.Request(
        outgoing.method, outgoing.url, headers=lines, content=bytes(outgoing.body), extensions=extensions
    )
