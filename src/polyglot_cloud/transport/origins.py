"""A URL -> who is connected to, and what is asked for there."""

from functools import lru_cache
from typing import NamedTuple

import httpx

PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """What a connection leads to. `host` is a name in ASCII or an address, without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def secure(self) -> bool:
        return self.scheme == "https"


class Place(NamedTuple):
    """`authority` is the Host header, `target` what stands in the request line."""

    origin: Origin
    authority: str
    target: str


@lru_cache(maxsize=256)  # a gateway asks the same few URLs, and parsing one costs more than the rest of a head
def place(url: str) -> Place:
    """Raises httpx.InvalidURL and httpx.UnsupportedProtocol."""
    return place_of(httpx.URL(url))


def place_of(url: httpx.URL) -> Place:
    """As httpx reads a URL, so that both transports ask for the same."""
    if url.scheme not in PORTS or not url.host:
        raise httpx.UnsupportedProtocol("a URL has to begin with http:// or https:// and a host")
    if (url.port or 0) > 65535:  # what a socket makes of it differs, and none makes an error of it
        raise httpx.InvalidURL("the port is none")
    host = url.raw_host.decode("ascii")
    origin = Origin(url.scheme, host, url.port or PORTS[url.scheme])
    return Place(origin, url.netloc.decode("ascii"), url.raw_path.decode("ascii"))
