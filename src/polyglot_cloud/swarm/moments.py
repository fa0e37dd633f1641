"""Points in time, as the swarm's services write them. Inside they are Unix microseconds."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]
"""Unix microseconds."""


def now() -> int:
    return time.time_ns() // 1000


def stamp(at: int) -> str:
    """2026-11-22T15:55:30.337683: UTC, without saying so, and always with microseconds."""
    return _naive(at).isoformat(timespec="microseconds")


def sqlite_stamp(at: int) -> str:
    """2026-11-22 15:56:57: what SQLite's CURRENT_TIMESTAMP gives. The Registry's `registered_at` alone has this form."""
    return _naive(at).isoformat(" ", "seconds")


def _naive(at: int) -> datetime:
    seconds, micro = divmod(at, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micro, tzinfo=None)
