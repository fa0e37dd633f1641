"""Finds the long strings of a JSON text by a few searches in its bytes, without looking at the short ones.

A long string is a stretch without a quote. One that is `length` bytes or longer holds a multiple of half of that, from which on no quote
comes for another half: so a search at each such place finds it, whatever the rest looks like. Whether the quote before it opens a string
is told by how many there were. Escapes are blanked out first, so that each quote that is left is one of the text's own.
"""

from collections.abc import Generator
from typing import NamedTuple

from polyglot_cloud.large.segments import Segments


class Span(NamedTuple):
    """The inside of a string: [start, end) without its quotes."""

    start: int
    end: int


def long_strings(text: Segments, length: int, window: int) -> Generator[None, None, list[Span]]:
    """The strings of at least `length` bytes, in their order; takes `window` bytes a step.

    Of what is no JSON it finds anything: the spans are to be validated, and the rest of the text too.
    """
    found: list[Span] = []
    at, opened = 0, -1
    while at < len(text):
        seen = _whole_escapes(text, at, window)
        opened = _look(_blanked(seen), at, opened, length, found)
        at += len(seen)
        yield
    return found


def _whole_escapes(text: Segments, at: int, window: int) -> bytes:
    """A window that ends within no escape of two bytes; it begins within none."""
    seen = text[at : at + window]
    trailing = len(seen) - len(seen.rstrip(b"\\"))
    return text[at : at + window + 1] if trailing % 2 else seen


def _blanked(seen: bytes) -> bytes:
    return seen.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in seen else seen


def _look(seen: bytes, base: int, opened: int, length: int, found: list[Span]) -> int:
    """Adds the long strings that end in this window, which begins at `base`. `opened` is the quote of a string that is open, else -1.

    Gives the quote of the string that is open at the window's end.
    """
    outside = 0  # a place in the window where no string is open
    if opened >= 0:
        end = seen.find(b'"')
        if end < 0:
            return opened
        _add(found, opened + 1, base + end, length)
        outside = end + 1
    outside = _probe(seen, base, outside, length, found)
    if seen.count(b'"', outside) % 2 == 0:
        return -1
    return base + seen.rfind(b'"')


def _probe(seen: bytes, base: int, outside: int, length: int, found: list[Span]) -> int:
    half = max(length // 2, 1)
    probe = outside
    while (end := seen.find(b'"', probe)) >= 0:
        if end - probe >= half and (start := seen.rfind(b'"', outside, probe)) >= 0:
            if seen.count(b'"', outside, start) % 2 == 0:
                _add(found, base + start + 1, base + end, length)
                outside = end + 1
            else:
                outside = start + 1
        probe = max(end + 1, probe + half)
    return outside


def _add(found: list[Span], start: int, end: int, length: int) -> None:
    if end - start >= length:
        found.append(Span(start, end))
