"""A body's skeleton: what is decoded of it, with tokens where the middle of its long strings was.

    {"messages":[{"role":"user","content":"It was a dark and stormy <token> ever after."}]}

A token begins with a random number that nobody knew when the body was written, so none can stand in it already. It holds letters and
digits only: in JSON as in base64 it is like any other text. What was cut out is the inside of a string, still escaped as its client
wrote it, so it may stand in any string of any JSON, and goes into what is written for a provider as it is.

That skeleton and slices are valid is the same as that the body is: a slice holds no quote of its own and was decoded as a string, and
where the skeleton decodes, its token stood within one.
"""

import re
import secrets
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.large import runs
from polyglot_cloud.large.boundaries import boundary, pieces
from polyglot_cloud.large.runs import Frame
from polyglot_cloud.large.segments import Piece, Segments
from polyglot_cloud.large.strings import Span, long_strings

BULK = (
    "text", "content", "url", "image_url", "data", "file_data", "thinking", "prompt", "system", "input", "output", "instructions",
)  # fmt: skip
"""Members whose strings are passed on and hardly looked at. Never `arguments`, which readers parse, nor names."""
_MEMBER = re.compile(rb'"(?:%b)"[ \t\r\n]{0,16}:[ \t\r\n]{0,16}\Z' % "|".join(BULK).encode())
_FIRST_IMAGE = re.compile(rb'"images"[ \t\r\n]{0,16}:[ \t\r\n]{0,16}\[[ \t\r\n]{0,16}\Z')
_NEXT = re.compile(rb'"[ \t\r\n]{0,16},[ \t\r\n]{0,16}\Z')
_LOOK_BACK = 64
"""Bytes before a string in which its name must stand."""
PLAIN, WITH_JSON = "0000", "json"
"""How a token ends: the second where the text that it stands for holds that word. Four letters, since base64 counts in fours."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """In bytes. Bodies of `body` and more are scanned; of strings of `string` and more the middle is cut out, `head` and `tail` stay.
    A step looks at `window` bytes, or decodes a run of about as many.
    """

    body: int = 256 * 1024
    string: int = 8 * 1024
    head: int = 256
    tail: int = 64
    window: int = 64 * 1024


DEFAULT_SIZES = Sizes()


@dataclass(frozen=True, slots=True)
class Cut:
    """[start, end) of the body, for which `token` stands. `size` is what its text has in UTF-8."""

    token: str
    start: int
    end: int
    size: int


@dataclass(slots=True)
class Skeleton:
    """`text` is the skeleton as JSON, `value` what it decodes to. Without cuts `text` is the body.

    `frame` is `text` with its long arrays shortened. `unseen`: bytes of text, in UTF-8, that readers do not see in `value`; counted by
    whoever settles which of the cuts stay (translate/settling.py), as are `prints`, digests of whole texts by their cuts' tokens.
    """

    body: Segments
    text: Segments
    nonce: str
    cuts: list[Cut] = field(default_factory=list)
    value: dict[str, Any] = field(default_factory=dict)
    frame: Frame = field(default_factory=lambda: Frame(b""))
    unseen: int = 0
    prints: dict[str, str] = field(default_factory=dict)
    _tokens: re.Pattern[bytes] = field(init=False)
    _stand_ins: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self._tokens = re.compile(rb"%b([0-9a-f]{8})" % self.nonce.encode())
        self._stand_ins = re.compile(rf"{self.nonce}([0-9a-f]{{8}})")

    def found(self, text: str) -> Cut | None:
        """The cut whose token stands in this text."""
        match = self._stand_ins.search(text) if self.cuts else None
        return self.cuts[int(match[1], 16)] if match else None

    def printed(self, text: str) -> str | None:
        """The digest of the text that this one stands for, None where it stands for itself."""
        cut = self.found(text)
        return None if cut is None else self.prints[cut.token]

    def whole(self, text: str) -> str:
        """The text with what was cut out of it. A long step where that is long."""
        parts, at = list[str](), 0
        for match in self._stand_ins.finditer(text):
            cut = self.cuts[int(match[1], 16)]
            parts += [text[at : match.start()], wire.decode(b'"%b"' % self.body[cut.start : cut.end])]
            at = match.start() + len(cut.token)
        return "".join([*parts, text[at:]])

    def filled(self, encoded: Iterable[bytes]) -> Segments:
        """JSON that was made of this skeleton's value, in pieces that cut no token, with the cuts in the places of their tokens."""
        return Segments(part for piece in encoded for part in self._filled(piece))

    def _filled(self, encoded: bytes) -> Iterator[Piece]:
        at, given = 0, memoryview(encoded)
        for match in self._tokens.finditer(encoded) if self.cuts else ():
            cut = self.cuts[int(match[1], 16)]
            yield given[at : match.start()]
            yield from self.body.views(cut.start, cut.end)
            at = match.start() + len(cut.token)
        yield given[at:]

    def edited(self, frame: bytes) -> Segments:
        """The body with an edit of its frame."""
        return Segments(part for piece in self.frame.filled(frame, self.text) for part in self._filled(bytes(piece)))


def skeleton(
    body: Segments, reads: tuple[str, ...], sizes: Sizes
) -> Generator[None, None, tuple[Skeleton, str | None]]:
    """The body's skeleton, decoded, and the name among `reads` that stands twice at its top, None where none does.

    Raises wire.InvalidJson for what is no JSON object.
    """
    nonce = "q" + secrets.token_hex(16)  # outside of a string nothing in JSON begins so
    spans = yield from long_strings(body, sizes.string, sizes.window)
    found = Skeleton(body, body, nonce)
    for span in _bulk(body, spans):
        cut = yield from _cut(body, span, sizes, nonce, len(found.cuts))
        if cut is not None:
            found.cuts.append(cut)
    if found.cuts:
        found.text = Segments(_without(body, found.cuts))
        yield
    found.value, found.frame, twice = yield from runs.decoded(found.text, nonce, reads, sizes.window)
    return found, twice


def _bulk(body: Segments, spans: list[Span]) -> Iterator[Span]:
    """Those of the spans that are a bulk member's value, or one of a list of images."""
    last_image = -1  # the end of one
    for span in spans:
        quote = span.start - 1
        look = body[max(quote - _LOOK_BACK, 0) : quote]
        following = _NEXT.search(look)
        in_row = following is not None and quote - len(look) + following.start() == last_image
        if _FIRST_IMAGE.search(look) or in_row:
            last_image = span.end
            yield span
        elif _MEMBER.search(look):
            yield span


def _cut(body: Segments, span: Span, sizes: Sizes, nonce: str, number: int) -> Generator[None, None, Cut | None]:
    """Cuts the middle out and validates it. Raises wire.InvalidJson."""
    start = end = span.start + boundary(body[span.start : span.start + sizes.head + 1], sizes.head)
    last, size = span.end - sizes.tail, 0
    for at, piece in pieces(body, start, last, sizes.window):
        inside = piece
        if at + len(piece) == last:
            inside = piece[: boundary(body[at : last + 1], last - at)]
        size += _validated(inside, at)
        end = at + len(inside)
        yield
    if end <= start:
        return None
    head = f"{nonce}{number:08x}"
    return Cut(head + "x" * ((end - start - len(head)) % 4) + PLAIN, start, end, size)


def _validated(inside: bytes, at: int) -> int:
    """Bytes of the text in UTF-8. Raises wire.InvalidJson."""
    try:
        text = wire.decode(b'"%b"' % inside)
    except wire.InvalidJson:
        raise wire.InvalidJson(f"a string is broken between the bytes {at:,} and {at + len(inside):,}") from None
    return len(inside) if b"\\" not in inside else len(text.encode("utf-8", "surrogatepass"))


def _without(body: Segments, cuts: list[Cut]) -> Iterator[Piece]:
    at = 0
    for cut in cuts:
        yield from body.views(at, cut.start)
        yield cut.token.encode()
        at = cut.end
    yield from body.views(at, len(body))
