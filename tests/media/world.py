"""A small internet: names with their addresses, and servers at addresses. Nothing of it is on a network."""

from collections.abc import AsyncIterator, Callable, Mapping
from ipaddress import ip_address

import httpx

from polyglot_cloud.addresses import Address, Allowed
from polyglot_cloud.media import Fetcher, Limits

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
PDF = b"%PDF-1.7\n%%EOF"
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Body(httpx.AsyncByteStream):
    """A body that tells how much of it was read, and whether it was closed. `pieces` None: it never ends."""

    def __init__(self, pieces: list[bytes] | None = None, piece: bytes = bytes(1024)) -> None:
        self._pieces = pieces
        self._piece = piece
        self.read = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._pieces is None:
            self.read += len(self._piece)
            yield self._piece
        for piece in self._pieces:
            self.read += len(piece)
            yield piece

    async def aclose(self) -> None:
        self.closed = True


class World:
    """`names` maps a name to the addresses of its first look-up, its second, ...; the last holds. `answers` are by URL, with the name."""

    def __init__(self, names: Mapping[str, list[list[str]]], answers: Mapping[str, Answer]) -> None:
        self._names = names
        self._answers = answers
        self.looked_up: list[str] = []
        self.requests: list[httpx.Request] = []

    async def resolve(self, host: str, port: int) -> list[Address]:
        known = self._names.get(host)
        if known is None:
            raise OSError("no such name")
        times = self.looked_up.count(host)
        self.looked_up.append(host)
        return [ip_address(text) for text in known[min(times, len(known) - 1)]]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        url = f"{request.url.scheme}://{request.headers['host']}{request.url.raw_path.decode()}"
        answer = self._answers[url]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    @property
    def connected(self) -> list[str]:
        return [request.url.host for request in self.requests]

    def fetcher(self, *allowed: str, limits: Limits | None = None) -> Fetcher:
        return Fetcher(
            Allowed.of(allowed), limits=limits, resolve=self.resolve, connect=lambda: httpx.MockTransport(self._answer)
        )


def png(body: bytes = PNG, **headers: str) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "image/png", **headers}, stream=Body([body]))


def redirect(location: str, status: int = 302) -> httpx.Response:
    return httpx.Response(status, headers={"location": location})
