"""Where the inside of a JSON string may be cut in two: not within an escape, a pair of surrogates or a UTF-8 sequence."""

import re
from collections.abc import Iterator

from polyglot_cloud.large.segments import Segments

_LONGEST_ESCAPE = 6  # \uXXXX
_HIGH_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")


def boundary(inside: bytes, wanted: int) -> int:
    """The last place at or before `wanted` where a string may be cut whose inside begins so; `inside` holds more than `wanted` bytes.

    In what is no valid string the place may be any; whoever decodes the pieces will see that.
    """
    cut = _outside_escape(inside, _outside_character(inside, wanted))
    high = cut - _LONGEST_ESCAPE
    if high < 0 or not _HIGH_SURROGATE.fullmatch(inside, high, cut) or _outside_escape(inside, high) != high:
        return cut
    return high  # its other half may follow; two of them are no pair, so nothing before it belongs to it


def _outside_character(inside: bytes, at: int) -> int:
    for back in range(min(4, at + 1)):
        if inside[at - back] & 0xC0 != 0x80:
            return at - back
    return at


def _outside_escape(inside: bytes, at: int) -> int:
    """A run of backslashes begins where no escape is open, so of an odd one the last begins an escape, of an even one none."""
    last = inside.rfind(b"\\", max(at - _LONGEST_ESCAPE, 0), at)
    if last < 0:
        return at
    before = inside[: last + 1]
    run = len(before) - len(before.rstrip(b"\\"))
    begun = run % 2 == 1 and last + (_LONGEST_ESCAPE if inside[last + 1 : last + 2] == b"u" else 2) > at
    return last if begun else at


def pieces(body: Segments, start: int, end: int, size: int) -> Iterator[tuple[int, bytes]]:
    """[start, end), a string's inside or a part of it, in pieces of about `size` bytes, each a string's inside, and where each begins."""
    at = start
    while end - at > size:
        seen = body[at : at + size + 1]
        cut = boundary(seen, size) or size  # no string lacks a place to cut: the next piece shows it
        yield at, seen[:cut]
        at += cut
    yield at, body[at:end]
