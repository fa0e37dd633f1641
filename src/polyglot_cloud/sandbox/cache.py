"""Prompt caches: which beginnings of a conversation have been seen, and how many tokens they had."""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

_REMEMBERED = 10_000


def digest(*values: Any) -> str:
    """A short stable fingerprint of JSON values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]


class Prefixes:
    """Seen beginnings, each for a time. Not one process's clock: `now` is an argument of the constructor, for tests."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()
        self._now = now

    def seen(self, key: str) -> bool:
        return self._until.get(key, 0.0) > self._now()

    def keep(self, key: str, seconds: float) -> None:
        self._until[key] = self._now() + seconds
        self._until.move_to_end(key)
        if len(self._until) > _REMEMBERED:
            self._until.popitem(last=False)

    def implicit(self, scope: str, pieces: Sequence[Any], tokens: Sequence[int], least: int, step: int) -> int:
        """Tokens of the longest seen beginning, as clouds count that cache by themselves; then keeps every beginning of this one.

        Args:
            scope: what else the cache depends on (model, cache key).
            pieces: the parts of the prompt in order, and `tokens`, what each weighs.
            least: the fewest tokens a cached beginning has; `step`: what it is rounded down to.
        """
        total, best, key = 0, 0, scope
        for piece, weight in zip(pieces, tokens, strict=True):
            key = digest(key, piece)
            total += weight
            if self.seen(key) and total >= least:
                best = total
            self.keep(key, 600)
        return best // step * step
