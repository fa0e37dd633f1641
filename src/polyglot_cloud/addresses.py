"""Where the gateway may fetch from: a URL that a client named, taken apart, and the addresses behind its host. Pure; no name is
looked up here.

Nothing decides by how a host is spelled. A spelling that two programs may read in two ways is refused, and what a name leads to is
judged by all of its addresses, of which one is then connected to as it was judged.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from urllib.parse import quote, urljoin, urlsplit

from polyglot_cloud.hosts import address, in_url, named_by

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST_URL = 8192
"""Characters: signed links have up to about 2,000."""
_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f\\]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER_LAST = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
"""Resolvers take 2130706433, 0x7f.1 and 0177.0.0.1 for 127.0.0.1; a name never ends in a number (WHATWG URL, host parsing)."""
_DEVIATIONS = frozenset("\u00df\u03c2\u200c\u200d")
"""Sharp s, final sigma and the two joiners: one host in IDNA 2003, another in IDNA 2008 (UTS #46, section 7)."""
_KEPT = "!#$%&'()*+,/:;=?@[]~"


# --- URLs ---


@dataclass(frozen=True, slots=True)
class Place:
    """An http or https URL. `host` is a name in lower-case ASCII without a final dot, or an address in its canonical spelling;
    `target` is path and query, ready for a request line.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What the `Host` header says: the port only where it is not the scheme's own."""
        return in_url(self.host) + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    def at(self, found: Address) -> str:
        """The URL with an address where the host stands, so that whoever connects has nothing to look up."""
        return f"{self.scheme}://{in_url(str(found))}:{self.port}{self.target}"

    def followed(self, location: str) -> "Place":
        """Where a redirect leads. Raises ValueError as `read_place` does, and where https would become http."""
        try:
            joined = urljoin(self.url, location)
        except ValueError:
            raise ValueError("cannot be read") from None
        place = read_place(joined)
        if self.scheme == "https" and place.scheme == "http":
            raise ValueError("leads from https to http")
        return place


def read_place(url: str) -> Place:
    """Raises ValueError with a reason that reads on from "the URL". A fragment is left out, other characters than ASCII are encoded.

    >>> read_place("https://Example.com./a b?c#d").url
    'https://example.com/a%20b?c'
    """
    if len(url) > LONGEST_URL:
        raise ValueError(f"is longer than {LONGEST_URL} characters")
    if _UNREADABLE.search(url):
        raise ValueError("holds a control character or a backslash")
    try:
        parts = urlsplit(url.strip(" "))
        port = parts.port
        authority = parts.netloc if parts.netloc.isascii() else parts.netloc[:300].encode("idna").decode()
        target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_KEPT)
    except ValueError:  # a lone surrogate and a name that IDNA does not know as well
        raise ValueError("cannot be read") from None
    if _DEVIATIONS & set(parts.netloc):
        raise ValueError("names its host with a letter that is read in two ways; write the name as xn--...")
    if parts.scheme not in _PORTS:
        raise ValueError("must begin with https:// or http://")
    if "@" in authority:
        raise ValueError("holds a user name or a password")
    return Place(parts.scheme, _host(authority), _PORTS[parts.scheme] if port is None else port, target)


def _host(authority: str) -> str:
    host = named_by(authority) or ""
    literal = address(host)
    if literal is not None:
        return str(plain(literal))
    if _NUMBER_LAST.fullmatch(host):
        raise ValueError("names its host by a number; an address is written as 192.0.2.1 or [2001:db8::1]")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise ValueError("names no host that can be looked up")
    return host


# --- addresses ---


def plain(found: Address) -> Address:
    """An IPv4 address that was dressed up as ::ffff:a.b.c.d is that address: this is where a connection to it goes."""
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


_CLOSED_4 = tuple(IPv4Network(text) for text in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "168.63.129.16/32",
))  # fmt: skip
"""IANA's IPv4 special-purpose registry (2026-11-22) and multicast; the last is Azure's wire server, which is no public host though its
address looks like one (Microsoft's page "What is IP address 168.63.129.16")."""
_PUBLIC_6 = IPv6Network("2000::/3")
_CLOSED_6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
"""Within 2000::/3, which is all that IANA has given out: protocol assignments (Teredo, ORCHID, benchmarking), documentation, 6to4."""
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = 0x5EFE
_NEVER_BY_NAME: tuple[Network, ...] = (
    *(IPv4Network(text) for text in ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32")),
    *(IPv4Network(text) for text in ("100.100.100.200/32", "192.0.0.192/32")),
    *(
        IPv6Network(text)
        for text in ("::/128", "fe80::/10", "ff00::/8", "fd00:ec2::/32", "fd20:ce::/32", "fd00:42::42/128")
    ),
)
"""Link-local, multicast, unspecified, and where clouds keep the credentials of their machines (Amazon, Google, Microsoft, Alibaba,
Oracle, Scaleway). A name that is allowed does not open these, since who runs its zone could point it there; a network does."""


def is_public(found: Address) -> bool:
    """Whether this is one host of the public internet: globally routable unicast, and no wrapping of an address that is not."""
    found = plain(found)
    if isinstance(found, IPv4Address):
        return not _within(found, _CLOSED_4)
    if found.scope_id is not None:
        return False
    if found in _NAT64:  # how a network without IPv4 reaches it (RFC 6052)
        return is_public(IPv4Address(int(found) & 0xFFFFFFFF))
    if (int(found) >> 32) & 0xFDFFFFFF == _ISATAP:  # a tunnel to the IPv4 address in its tail (RFC 5214)
        return False
    return found in _PUBLIC_6 and not _within(found, _CLOSED_6)


def _within(found: Address, networks: Iterable[Network]) -> bool:
    return any(found in network for network in networks)


# --- what may be fetched ---


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator opens beside the public internet: names, whatever port and private address they lead to, and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, members: Iterable[str]) -> "Allowed":
        """From host names, addresses and networks (`files.internal`, `10.1.2.3`, `10.0.0.0/8`). Raises ValueError for what is none."""
        names: set[str] = set()
        networks: list[Network] = []
        for member in members:
            if "/" in member or address(member) is not None:
                networks.append(ip_network(member))
            else:
                names.add(_host(member.lower()))
        return cls(frozenset(names), tuple(networks))

    def covers(self, host: str, found: Address) -> bool:
        return _within(found, self.networks) or (host in self.names and not _within(found, _NEVER_BY_NAME))


def may_fetch(place: Place, found: Sequence[Address], allowed: Allowed) -> bool:
    """`found` are all addresses that the place's host has. One that is closed closes the host: which of them a connection takes is
    chance, or somebody's choice. Ports below 1024 other than 80 and 443 are left alone, so that nobody speaks to a mail server through us.
    """
    open_port = place.port in _PORTS.values() or place.port >= _FIRST_FREE_PORT
    return bool(found) and all(
        allowed.covers(place.host, each) or (open_port and is_public(each)) for each in map(plain, found)
    )
