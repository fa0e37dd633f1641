"""Which transport serves: our own, or httpx's where something is asked for that only that one has."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import httpx

from polyglot_cloud.transport.native import NativeTransport
from polyglot_cloud.transport.origins import place, place_of
from polyglot_cloud.transport.proxies import Proxies
from polyglot_cloud.transport.tls import ssl_context

Kind = Literal["native", "httpx"]
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30.0)
"""httpcore 1.0.9 closes what is idle while more than so many are open, idle or not: with 20, no connection of 64 was used twice, and a
handshake takes longer than a call's CPU. But it walks all of them, for each of them, on every request and close: 200 made a call ten
times slower.
"""


class BadTransport(Exception):
    """What the settings ask of the transport cannot be had."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`kind` None: our own, unless one of the others is asked for. `urls` are what it will have to reach."""

    kind: Kind | None = None
    http2: bool = False
    certificate: Path | None = None
    key: Path | None = None
    proxies: Proxies = field(default_factory=lambda: Proxies({}))
    urls: tuple[str, ...] = ()

    @property
    def reasons(self) -> list[str]:
        """What is asked for that is httpx's to do, in words for a log."""
        reasons = []
        if proxied := _proxied(self.proxies, self.urls):
            reasons.append(f"the environment names a proxy for {', '.join(proxied)}")
        if self.http2:
            reasons.append("POLYGLOT_HTTP2 is on")
        if self.certificate is not None:
            reasons.append("POLYGLOT_CLIENT_CERT is set")
        return reasons

    @property
    def told(self) -> str | None:
        """A line for the log, where it is not what a reader would expect."""
        reasons = " and ".join(self.reasons)
        if self.kind is None and reasons:
            return f"httpx's transport is used, which is slower, since {reasons}. POLYGLOT_TRANSPORT says otherwise."
        if self.kind == "native" and _proxied(self.proxies, self.urls):
            return f"POLYGLOT_TRANSPORT is native, which goes directly, although {self.reasons[0]}."
        return None


def open_transport(choice: Choice | None = None) -> httpx.AsyncBaseTransport:
    """A pool of kept connections; TLS is always verified. Raises BadTransport."""
    choice = choice or Choice()
    kind = choice.kind or ("httpx" if choice.reasons else "native")
    context = _context(choice)
    if kind == "native":
        if choice.http2:
            raise BadTransport("POLYGLOT_HTTP2 is on, but POLYGLOT_TRANSPORT is native, which speaks HTTP/1.1 only.")
        return NativeTransport(context)
    if choice.http2 and find_spec("h2") is None:  # httpx would only find out at its first connection
        raise BadTransport("POLYGLOT_HTTP2 is on, but the package h2 is not installed.")
    return Routed(context, choice.proxies, http2=choice.http2)


def _context(choice: Choice) -> ssl.SSLContext:
    if choice.key is not None and choice.certificate is None:
        raise BadTransport("POLYGLOT_CLIENT_KEY is set, but POLYGLOT_CLIENT_CERT is not.")
    try:
        return ssl_context(choice.certificate, choice.key)
    except OSError as error:  # ssl.SSLError is one
        what = "POLYGLOT_CLIENT_CERT, POLYGLOT_CLIENT_KEY" if choice.certificate else "SSL_CERT_FILE, SSL_CERT_DIR"
        raise BadTransport(f"A certificate cannot be used ({what}): {error}.") from error


def _proxied(proxies: Proxies, urls: Iterable[str]) -> list[str]:
    """The hosts among `urls` for which there is a proxy."""
    origins = {place(url).origin for url in urls}
    return sorted(origin.host for origin in origins if proxies.proxy(*origin))


class Routed(httpx.AsyncBaseTransport):
    """httpx's own transports: one for direct connections, and one for each proxy."""

    def __init__(self, context: ssl.SSLContext, proxies: Proxies, *, http2: bool = False) -> None:
        self._proxies = proxies
        urls: list[str | None] = [None, *dict.fromkeys(proxies.by_scheme.values())]
        self._ways = {url: _httpx(context, url, http2=http2) for url in urls}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        way = self._proxies.proxy(*place_of(request.url).origin)
        return await self._ways[way].handle_async_request(request)

    async def aclose(self) -> None:
        for way in self._ways.values():
            await way.aclose()


def _httpx(context: ssl.SSLContext, proxy: str | None, *, http2: bool) -> httpx.AsyncHTTPTransport:
    try:
        return httpx.AsyncHTTPTransport(verify=context, http2=http2, limits=LIMITS, proxy=proxy, trust_env=False)
    except ImportError as error:
        raise BadTransport(
            f"The environment names a SOCKS proxy, but what that takes is not installed: {error}"
        ) from error
    except (ValueError, httpx.InvalidURL) as error:
        raise BadTransport(f"The environment names a proxy that cannot be used: {error}.") from error
