"""Host names and addresses, as they stand in settings and in a `Host` header."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

LOCALHOST = "localhost"
_LOOPBACK_4 = IPv4Network("127.0.0.0/8")
_LOOPBACK_6 = IPv6Address("::1")
_AUTHORITY = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{0,5}))?", re.ASCII
)


def address(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that `host` is written as, None for a name. Short and octal forms (`127.1`, `0177.0.0.1`) are names."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether `host` is `localhost`, in 127.0.0.0/8, or ::1. No name is looked up: a resolver may be made to lie."""
    if host == LOCALHOST:
        return True
    found = address(host)
    return found in _LOOPBACK_4 if isinstance(found, IPv4Address) else found == _LOOPBACK_6


def is_wildcard(host: str) -> bool:
    """Whether `host` stands for all addresses of a machine (`0.0.0.0`, `::`)."""
    found = address(host)
    return found is not None and found.is_unspecified


def named_by(authority: str) -> str | None:
    """The host of `host[:port]`, in lower case, without brackets and the final dot; None where it is malformed (RFC 3986, 3.2)."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return None
    host = (match["six"] or match["name"]).lower().removesuffix(".")
    if match["six"]:
        return host if isinstance(address(host), IPv6Address) else None
    return host or None


def in_url(host: str) -> str:
    """`host` as a URL has it: an IPv6 address stands in brackets."""
    return f"[{host}]" if ":" in host else host
