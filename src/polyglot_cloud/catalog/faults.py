"""What is wrong with a catalog: which file, which entry, and why. All of it at once, so that a person mends it in one go."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path


class CatalogFault(ValueError):
    """One fault. `entry` names the place as a person would look for it: `model "gpt-6.2-sol", price 2026-11-17`."""

    def __init__(self, file: Path | str, entry: str, reason: str) -> None:
        super().__init__(f"{file}: {entry}: {reason}")
        self.file = file
        self.entry = entry
        self.reason = reason


class BrokenCatalog(ValueError):
    """All the faults that were found, a line each."""

    def __init__(self, faults: Sequence[CatalogFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def meant(word: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?` where a known word is near, else the known words."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1)
    return f'; did you mean "{near[0]}"?' if near else f"; there are {', '.join(words) or 'none'}"
