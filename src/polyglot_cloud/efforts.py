"""Words for how hard a model shall think, on one ladder for all vendors (facts of 2026-11-22; which model takes which is the catalog's)."""

from collections.abc import Iterable

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def nearest(asked: str, taken: Iterable[str]) -> str | None:
    """The level of `taken` that comes nearest, the weaker of two as near; None where none is left. Thinking is never switched off by
    rounding, so "none" answers to "none" alone.

    >>> nearest("minimal", ("none", "low", "high")), nearest("max", ("low", "high"))
    ('low', 'high')
    """
    known = [level for level in taken if level in EFFORTS and (level != "none" or asked == "none")]
    rank = EFFORTS.index(asked)
    return min(known, key=lambda level: (abs(EFFORTS.index(level) - rank), EFFORTS.index(level)), default=None)
