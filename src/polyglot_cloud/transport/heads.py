"""Heads of requests and replies: checked text -> bytes, and bytes -> checked text."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import httpx

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"host", "content-length", "transfer-encoding"})
"""Who is asked, and where the body ends, is said by the transport alone: two voices there are how requests are smuggled."""
_CONTROLS = bytes({*range(0x20), 0x7F} - {0x09})
_SIZED = frozenset({"POST", "PUT", "PATCH"})


def request_head(method: str, target: str, authority: str, headers: Mapping[str, str], size: int) -> bytes:
    """The head of a request with a body of `size` bytes, up to and with its empty line.

    Encodings that nobody asked for are refused with `accept-encoding: identity`: nothing here undoes one. Raises
    httpx.LocalProtocolError for what cannot stand in a head.
    """
    lines = [f"{_token(method)} {target} HTTP/1.1\r\nhost: {authority}"]
    for name, value in headers.items():
        if start := _start(name):
            lines.append(start + value)
    if "accept-encoding" not in headers:
        lines.append("accept-encoding: identity")
    if size or method in _SIZED:
        lines.append(f"content-length: {size}")
    lines.append("\r\n")
    return _encoded(lines)


def _encoded(lines: list[str]) -> bytes:
    try:
        head = "\r\n".join(lines).encode("latin-1")
    except UnicodeEncodeError as error:
        raise httpx.LocalProtocolError(f"a header holds {error.object[error.start]!r}, which is not Latin-1") from None
    # every control character but those that end our own lines stood in a value: one pass over all of them at once
    if len(head) - len(head.translate(None, _CONTROLS)) != 2 * (len(lines) + 1):
        raise httpx.LocalProtocolError("a header or the URL holds a line break or another control character")
    return head


@lru_cache(maxsize=64)
def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise httpx.LocalProtocolError("the method is not one word")
    return text


@lru_cache(maxsize=512)  # the same few names stand in every request
def _start(name: str) -> str:
    """`name: `, or "" for a header that is ours to set."""
    if not _TOKEN.fullmatch(name):
        raise httpx.LocalProtocolError("the name of a header holds a character that it may not have")
    return "" if name.lower() in _OURS else f"{name}: "


def joined(lines: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header lines by name in lower case; a name that stands several times has its values joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in lines:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").rstrip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
