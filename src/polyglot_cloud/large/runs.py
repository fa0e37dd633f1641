"""Long arrays in runs of their elements: each run is decoded, and encoded, in a step of its own.

Where an array may be divided is guessed (elements of one client begin alike) and then proved: text that decodes as `[...]` is a sequence
of whole values, so what follows its comma is the next element. The runs are taken out, the rest is decoded as it stands and shows by
that that all of it is JSON. An array whose elements have nothing in common is decoded in one.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from polyglot_cloud import wire
from polyglot_cloud.large.segments import Piece, Segments

ARRAYS = ("messages", "contents", "input", "tools", "system")
"""Members that grow with a conversation."""
_ARRAY = {name: re.compile(rb'"%b"[ \t\r\n]{0,8}:[ \t\r\n]{0,8}\[[ \t\r\n]{0,8}' % name.encode()) for name in ARRAYS}
_LEAD = 8
_GUESSES = 4
_SEARCHED = 256 * 1024
"""Bytes that are searched in a step."""
_OVERLAP = 64


@dataclass(slots=True)
class Frame:
    """An object whose long arrays were shortened: `text` is what is left, `taken` tells what went: [start, stop) of the whole text, by
    the token in its place.
    """

    text: bytes
    taken: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def filled(self, text: bytes, whole: Segments) -> Iterator[Piece]:
        """This frame, or an edit of it, with the runs in their places."""
        for token, (start, stop) in self.taken.items():
            before, _, text = text.partition(token)
            yield before
            yield from whole.views(start, stop)
        yield text


def decoded(
    text: Segments, nonce: str, reads: tuple[str, ...], window: int
) -> Generator[None, None, tuple[dict[str, Any], Frame, str | None]]:
    """The object, its frame, and the name among `reads` that stands twice in it. Raises wire.InvalidJson."""
    name, found = None, Run(0, 0, [])
    if len(text) > 4 * window:
        name, found = yield from _longest(text, window)
    token = f'"{nonce}",'.encode()
    frame = Frame(b"".join([*text.views(0, found.start), token, *text.views(found.stop, len(text))]))
    frame.taken[token] = found.start, found.stop
    if name is None or not found.elements:
        frame = Frame(bytes(text))
    yield
    value = wire.decode_object(frame.text)
    yield
    if name is not None and found.elements:
        held = value.get(name)
        if not (isinstance(held, list) and held and held[0] == nonce):  # it was another array of that name
            return wire.decode_object(bytes(text)), Frame(bytes(text)), wire.repeated(bytes(text), reads)
        found.elements.extend(held[1:])
        value[name] = found.elements
        yield
    return value, frame, wire.repeated(frame.text, reads)


class Run(NamedTuple):
    """Elements of an array, all but its last ones: [start, stop) of the text, with the comma behind them."""

    start: int
    stop: int
    elements: list[Any]


def _longest(text: Segments, window: int) -> Generator[None, None, tuple[str | None, Run]]:
    """What can be taken out of an array, of the first of ARRAYS where that is most of the text."""
    name, best = None, Run(0, 0, [])
    for each in ARRAYS:
        run = yield from _taken(text, each, window)
        if run.stop - run.start > best.stop - best.start:
            name, best = each, run
        if len(text) - (best.stop - best.start) <= 4 * window:
            break
    return name, best


def _taken(text: Segments, name: str, window: int) -> Generator[None, None, Run]:
    """The first elements of the array of this name. None where there is no such array, or they are not told apart."""
    opened = yield from _opened(text, name)
    elements: list[Any] = []
    if opened is None:
        return Run(0, 0, elements)
    at, lead = opened, re.compile(rb",[ \t\r\n]*" + re.escape(text[opened : opened + _LEAD]))
    while (run := _run(text, at, lead, window)) is not None:
        at = run[0]
        elements += run[1]
        yield
    return Run(opened, at, elements)


def _opened(text: Segments, name: str) -> Generator[None, None, int | None]:
    """Where the first element of the first array of this name begins."""
    for at in range(0, len(text), _SEARCHED):
        match = _ARRAY[name].search(text[at : at + _SEARCHED + _OVERLAP])
        if match:
            return at + match.end()
        yield
    return None


def _run(text: Segments, at: int, lead: re.Pattern[bytes], window: int) -> tuple[int, list[Any]] | None:
    """Elements of about a window, and where the next one begins; None where no more can be told apart."""
    seen = text[at : at + _GUESSES * window]
    searched = window
    for _ in range(_GUESSES):
        match = lead.search(seen, searched)
        if match is None:
            return None
        try:
            elements = wire.decode(b"[%b]" % seen[: match.start()])
        except wire.InvalidJson:
            searched = match.end()
        else:
            return at + match.start() + 1, elements
    return None


# --- and back ---

_RUN = 200
"""Elements of an array that are encoded in one step."""


def encoded(value: dict[str, Any]) -> Iterator[bytes]:
    """The object as `wire.encode` has it, in pieces: its long arrays in runs. In a thread, others have their turn between them."""
    if not any(isinstance(member, list) and len(member) > _RUN for member in value.values()):
        yield wire.encode(value)
        return
    before = b"{"
    for name, member in value.items():
        yield before + wire.encode(name) + b":"
        before = b","
        if isinstance(member, list):
            yield from _elements(member)
        else:
            yield wire.encode(member)
    yield b"}"


def _elements(member: list[Any]) -> Iterator[bytes]:
    before = b"["
    for at in range(0, len(member), _RUN):
        yield before + wire.encode(member[at : at + _RUN])[1:-1]
        before = b","
    yield b"]" if member else b"[]"
