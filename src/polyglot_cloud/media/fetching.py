"""One URL of a client, fetched.

The client chose it, so each fetch is taken for an attack: `addresses` says where one may go, the connection is made to the very
address that was judged, and bytes and time are bounded. No header of the client's goes along, no cookie is kept, no proxy variable is
read (a proxy would look the name up by itself), and nothing of what was fetched stands in an error.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from ipaddress import ip_address

import httpx

from polyglot_cloud.addresses import Address, Allowed, Place, may_fetch, read_place
from polyglot_cloud.hosts import address

Resolve = Callable[[str, int], Awaitable[list[Address]]]
"""(host, port) -> all of its addresses. Raises OSError where it has none."""

_ACCEPT = "image/jpeg, image/png, image/webp, image/gif, application/pdf, text/plain, */*;q=0.5"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one URL: `item` bytes, `seconds` with all its redirects, `addresses` of a host that are tried. Of one call: `total` bytes
    (each use of a URL counts, since it is sent that often), `urls`, of them `parallel` at once, `total_seconds`.
    """

    item: int = 20 * 1024 * 1024
    seconds: float = 10.0
    redirects: int = 3
    addresses: int = 3
    total: int = 50 * 1024 * 1024
    urls: int = 64
    parallel: int = 8
    total_seconds: float = 30.0


class NotFetched(Exception):
    """`code` may have "{kind}" in it; `reason` is a sentence for the client, without a word of what was fetched."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def unreachable(reason: str) -> NotFetched:
    return NotFetched("{kind}_url_unreachable", reason)


def _blocked() -> NotFetched:
    """One answer for a name that is not there, one that leads inside, and one that was never looked up: else names could be probed."""
    return NotFetched(
        "blocked_address",
        "Its host must lead to addresses of the public internet, and to no others, on port 80, 443 or one above 1023.",
    )


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL led to; `media_type` is the server's word, in lower case and without parameters."""

    data: bytes
    media_type: str


class Allowance:
    """Bytes that the fetches of one call may bring together."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise NotFetched(
                "media_too_large", "All that this request names by URL is more than the gateway fetches for one."
            )


class Resolver:
    """Looks names up in threads of its own: a client who names hosts whose servers never answer holds up nobody but such clients."""

    def __init__(self, threads: int = 8) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="media-dns")

    async def __call__(self, host: str, port: int) -> list[Address]:
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [ip_address(where[0]) for *_, where in found]


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def open_connection() -> httpx.AsyncBaseTransport:
    """For one request: a kept connection would be known by its address alone, and answer for another name than it was checked for."""
    return httpx.AsyncHTTPTransport(verify=_tls())


class Fetcher:
    """Fetches URLs that clients named. Without state: it may serve all calls at once."""

    def __init__(
        self,
        allowed: Allowed | None = None,
        *,
        limits: Limits | None = None,
        user_agent: str = "polyglot-cloud",
        resolve: Resolve | None = None,
        connect: Callable[[], httpx.AsyncBaseTransport] = open_connection,
    ) -> None:
        self.limits = limits or Limits()
        self._allowed = allowed or Allowed()
        self._user_agent = user_agent
        self._resolve = resolve or Resolver()
        self._connect = connect

    async def fetch(self, url: str, allowance: Allowance, uses: int = 1) -> Fetched:
        """What is behind the URL, all redirects followed. Each byte is taken `uses` times from the allowance. Raises NotFetched."""
        try:
            place = read_place(url)
        except ValueError as error:
            raise NotFetched("invalid_{kind}_url", f"The URL {error}.") from None
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await self._follow(place, lambda size: allowance.take(size * uses))
        except TimeoutError:
            raise unreachable(f"It was not there within {self.limits.seconds:g} seconds.") from None

    async def _follow(self, place: Place, take: Callable[[int], None]) -> Fetched:
        for _ in range(self.limits.redirects + 1):
            answer = await self._get(place, take)
            if isinstance(answer, Fetched):
                return answer
            try:
                place = place.followed(answer)
            except ValueError as error:
                raise unreachable(f"It redirects to a URL that {error}.") from None
        raise unreachable(f"It redirects more than {self.limits.redirects} times.")

    async def _get(self, place: Place, take: Callable[[int], None]) -> Fetched | str:
        """What is there, or the location that it redirects to."""
        for found in await self._judged(place):
            try:
                return await self._ask(place, found, take)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except (httpx.HTTPError, httpx.InvalidURL):
                raise unreachable("The connection broke, or the answer was not HTTP.") from None
        raise unreachable("No connection could be made, or its certificate is not valid for this host.")

    async def _judged(self, place: Place) -> list[Address]:
        """The addresses that may be connected to. This is the only time that the name is looked up."""
        literal = address(place.host)
        try:
            found = [literal] if literal else await self._resolve(place.host, place.port)
        except (OSError, UnicodeError):
            found = []
        if not may_fetch(place, found, self._allowed):
            raise _blocked()
        return list(dict.fromkeys(found))[: self.limits.addresses]

    async def _ask(self, place: Place, found: Address, take: Callable[[int], None]) -> Fetched | str:
        share = self.limits.seconds / self.limits.addresses
        request = httpx.Request(
            "GET",
            place.at(found),
            headers={
                "host": place.authority,
                "user-agent": self._user_agent,
                "accept": _ACCEPT,
                "accept-encoding": "identity",
                "connection": "close",
            },
            # the certificate is checked against the name, since that is what is indicated (httpcore hands it to `server_hostname`)
            extensions={"sni_hostname": place.host, "timeout": {"connect": share}},
        )
        async with self._connect() as transport:
            response = await transport.handle_async_request(request)
            try:
                return await self._answer(response, take)
            finally:
                await response.aclose()

    async def _answer(self, response: httpx.Response, take: Callable[[int], None]) -> Fetched | str:
        if response.status_code in _REDIRECTS and response.headers.get("location"):
            return str(response.headers["location"])
        if response.status_code != 200:
            raise unreachable(f"Its server answered with the status {response.status_code}.")
        if response.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}:
            raise unreachable("Its server compressed it although it was asked not to.")
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(await self._read(response, take), media_type)

    async def _read(self, response: httpx.Response, take: Callable[[int], None]) -> bytes:
        """The body, given up as soon as it is too large or says that it will be."""
        data = bytearray()
        declared = response.headers.get("content-length", "")
        self._check_size(int(declared) if declared.isdecimal() else 0)
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101  # what an async transport returns
        async for piece in stream:
            data += piece
            self._check_size(len(data))
            take(len(piece))
        if not data:
            raise unreachable("It is empty.")
        return bytes(data)

    def _check_size(self, size: int) -> None:
        if size > self.limits.item:
            raise NotFetched("{kind}_too_large", f"It is larger than {self.limits.item} bytes.")
