"""Bytes in several pieces. A large body is never laid out in one: to find the memory for it alone is a long step."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

PIECE = 64 * 1024
"""Bytes of a piece, about: smaller ones are put together."""

Piece = bytes | memoryview


class Segments:
    """Reads like bytes where a slice is asked for, which is copied. Not changed once made."""

    __slots__ = ("_ends", "_pieces")

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = [piece for piece in pieces if len(piece)]
        self._ends = list(accumulate(map(len, self._pieces)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __bytes__(self) -> bytes:
        return b"".join(self._pieces)

    def __getitem__(self, wanted: slice) -> bytes:
        start, stop, _ = wanted.indices(len(self))
        return b"".join(self.views(start, stop))

    def views(self, start: int, stop: int) -> Iterator[memoryview]:
        """[start, stop) without a copy."""
        at = bisect_right(self._ends, start)
        while start < stop:
            piece = self._pieces[at]
            begin = start - (self._ends[at] - len(piece))
            view = memoryview(piece)[begin : begin + stop - start]
            yield view
            start += len(view)
            at += 1


class Gathering:
    """Pieces of a body as they come, which may be of any size."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._small = bytearray()

    def add(self, piece: bytes) -> None:
        if len(piece) < PIECE:
            self._small += piece
        else:
            self._settle()
            self._pieces.append(piece)
        if len(self._small) >= PIECE:
            self._settle()

    def _settle(self) -> None:
        if self._small:
            self._pieces.append(bytes(self._small))
            self._small.clear()

    def whole(self) -> Segments:
        self._settle()
        return Segments(self._pieces)
