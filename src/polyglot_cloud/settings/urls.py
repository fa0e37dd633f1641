"""Base URLs: one spelling for all that people write, and whether one leads back to ourselves."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

_VERSION = re.compile(r"v\d+(?:(?:alpha|beta)\d*)?")
"""A version segment as the four vendors write it: v1, v1beta, v1alpha2."""
_VISIBLE_ASCII = re.compile(r"[!-~]+")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})


class BadUrl(ValueError):
    """Not a base URL that could be used. The message says why, and never repeats the URL: it may hold a password."""


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A base URL, taken apart. `text` has no slash at its end; `host` is lower case and without brackets."""

    text: str
    scheme: str
    host: str
    port: int

    @property
    def is_in_the_clear(self) -> bool:
        """Whether a key sent there could be read on the way."""
        return self.scheme == "http" and not is_loopback(self.host)


def normalise(text: str, default: str = "") -> BaseUrl:
    """The URL with the version segment of `default` at its end, unless its path has a version already. Raises BadUrl.

    A prefix stays: `/openai` becomes `/openai/v1`; `/v1/account/openai` has a version and is kept.
    """
    parts = _split(text.strip())
    path = parts.path.rstrip("/")
    segments = path.split("/")
    version = urlsplit(default).path.rstrip("/").rpartition("/")[2]
    if _VERSION.fullmatch(version) and not any(_VERSION.fullmatch(segment) for segment in segments):
        path = f"{path}/{version}"
    host = (parts.hostname or "").rstrip(".")
    netloc = f"[{host}]" if ":" in host else host
    netloc += "" if parts.port is None else f":{parts.port}"
    return BaseUrl(f"{parts.scheme}://{netloc}{path}", parts.scheme, host, parts.port or _DEFAULT_PORTS[parts.scheme])


def posted(text: str) -> BaseUrl:
    """A URL as it stands, with its query. Raises BadUrl."""
    bare, mark, query = text.partition("?")
    parts = _split(bare)
    if not _VISIBLE_ASCII.fullmatch(f"?{query}") or "#" in query:
        raise BadUrl("must be visible ASCII, without spaces and fragment")
    return BaseUrl(bare + mark + query, parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme])


def shown(text: str) -> str:
    """A URL that is a secret, for eyes: its origin."""
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.netloc}"


def _split(text: str) -> SplitResult:
    if not _VISIBLE_ASCII.fullmatch(text) or "\\" in text:
        raise BadUrl("must be visible ASCII, without spaces and backslashes")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadUrl("is not a URL: its host or port cannot be read") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise BadUrl("must begin with https:// or http://")
    if "@" in parts.netloc:
        raise BadUrl("must not hold a user or password: the key has a variable of its own")
    if not (parts.hostname or "").rstrip("."):
        raise BadUrl("names no host")
    if port == 0:
        raise BadUrl("has port 0, where nothing can listen")
    if "?" in text or "#" in text:
        raise BadUrl("must not have a query or a fragment")
    return parts


def is_loopback(host: str) -> bool:
    """Whether the host is this machine's loopback by its spelling: no name is looked up.

    Generous, where `hosts.is_loopback`, which guards the door, is strict: each errs to its own safe side.
    """
    name = host.lower().rstrip(".")
    if name in _LOOPBACK_NAMES or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, in the short and numeric spellings that resolvers take as well (127.1, 2130706433, 0x7f.1)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    else:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return mapped or address
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where this process listens: the names it answers to, besides loopback, and its ports."""

    names: frozenset[str]
    ports: frozenset[int]

    @classmethod
    def of(cls, names: Iterable[str], ports: Iterable[int]) -> "Listeners":
        return cls(frozenset(_canonical(name) for name in names), frozenset(ports))

    def own(self, url: BaseUrl) -> bool:
        """Whether a call to the URL would come back to us. The unspecified address leads to this machine as well."""
        if url.port not in self.ports:
            return False
        address = _address(url.host)
        here = is_loopback(url.host) or (address is not None and address.is_unspecified)
        return here or _canonical(url.host) in self.names


def _canonical(name: str) -> str:
    bare = name.lower().strip("[]").rstrip(".")
    return str(_address(bare) or bare)
