"""The one seam to the network: an `httpx.AsyncBaseTransport`, used without `AsyncClient` so that every byte passes as it came.

Tests put `httpx.MockTransport` (or respx's router inside one) where this goes.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import httpx

from polyglot_cloud.errors import BrokenReply, TimedOut, Unreachable, Unsendable, WireError


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. `read` is the longest silence between two reads, before the head as well."""

    connect: float = 10.0
    read: float = 600.0
    write: float = 60.0
    pool: float = 30.0

    @property
    def extension(self) -> dict[str, float]:
        return {"connect": self.connect, "read": self.read, "write": self.write, "pool": self.pool}


def open_transport() -> httpx.AsyncBaseTransport:
    """A pool of kept connections, TLS always verified; `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured.

    Few are kept: httpcore 1.0.9 walks all of them for each of them on every request and close, so 200 made a call ten times slower.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=30.0)
    return httpx.AsyncHTTPTransport(verify=ssl_context(), limits=limits)


def ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request for a provider, ready for the wire."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""


class Incoming:
    """An open reply: its head, and its body in the pieces that arrived. `close` frees the connection, finished or not."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: dict[str, str] = {name.lower(): value for name, value in response.headers.items()}

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Raises WireError where the body breaks off or stays silent for too long."""
        stream = self._response.stream
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101  # what an async transport returns
        try:
            async for piece in stream:
                yield piece
        except httpx.HTTPError as error:
            raise wire_error(error) from error

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises BrokenReply beyond `limit` bytes."""
        parts: list[bytes] = []
        size = 0
        async for piece in self.pieces():
            size += len(piece)
            if size > limit:
                raise BrokenReply(f"The provider's answer is larger than {limit} bytes.")
            parts.append(piece)
        return b"".join(parts)

    async def start(self, limit: int) -> bytes:
        """As much of the body as comes, `limit` bytes at most: an error counts by its status, however its body ends."""
        body = b""
        try:
            async for piece in self.pieces():
                body += piece
                if len(body) >= limit:
                    break
        except WireError:
            pass
        return body[:limit]

    async def close(self) -> None:
        # a cancelled call must still give its connection back
        await asyncio.shield(self._response.aclose())


async def send(transport: httpx.AsyncBaseTransport, outgoing: Outgoing, timeouts: Timeouts) -> Incoming:
    """Sends a request and waits for the reply's head. Raises WireError."""
    request = httpx.Request(
        outgoing.method,
        outgoing.url,
        headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in outgoing.headers.items()],
        content=outgoing.body,
        extensions={"timeout": timeouts.extension},
    )
    try:
        return Incoming(await transport.handle_async_request(request))
    except httpx.HTTPError as error:
        raise wire_error(error) from error


def wire_error(error: httpx.HTTPError) -> WireError:
    """Classified by type. httpx's own words may name hosts and addresses, never credentials."""
    match error:
        case (
            httpx.ConnectTimeout()
            | httpx.ConnectError()
            | httpx.PoolTimeout()
            | httpx.UnsupportedProtocol()
            | httpx.ProxyError()
        ):
            return Unreachable(f"The provider could not be reached ({type(error).__name__}: {error}).")
        case httpx.LocalProtocolError():
            return Unsendable(f"The request could not be put on the wire ({error}).")
        case httpx.TimeoutException():
            return TimedOut(f"The provider stayed silent for too long ({type(error).__name__}).")
        case _:
            return BrokenReply(f"The connection to the provider broke ({type(error).__name__}: {error}).")
