"""Strings that count what is done with them: whether work grows with the square of a request is told without a clock."""

from typing import ClassVar


class Counted(str):
    """Counts comparisons and measurements of all its kind."""

    __slots__ = ()
    done: ClassVar[int] = 0

    def __eq__(self, other: object) -> bool:
        Counted.done += 1
        return str.__eq__(self, other)

    def __len__(self) -> int:
        Counted.done += 1
        return str.__len__(self)

    __hash__ = str.__hash__
