"""What one measurement found, as the load generators print it: one JSON object, in microseconds, percent and MiB."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figures:
    """Times in microseconds. Latencies of calls count to the end of the reply; with a rate, from the moment a call was due.

    chunk       between the moment a chunk was written by the upstream, which it says in its text, and that of its arrival
    cpu_share   of one core, 1.0 being all of it; 0 where no process was looked at
    failed      answers other than 200, and connections that broke
    waiting     calls of a fixed rate that were due at the end and not begun: above 0, the rate was not reached
    """

    calls_per_second: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    longest: float = 0.0
    first_byte_p50: float = 0.0
    events_per_second: float = 0.0
    chunk_p50: float = 0.0
    chunk_p99: float = 0.0
    cpu_share: float = 0.0
    cpu_per_call: float = 0.0
    cpu_per_event: float = 0.0
    rss_mb: float = 0.0
    failed: int = 0
    waiting: int = 0

    def with_the_better_of(self, other: "Figures") -> "Figures":
        """Figure by figure the better of two rounds; of failures and of memory the worse, which a lucky round must not hide."""
        return Figures(
            **{
                name: (max if name in MORE_IS_KEPT else min)(getattr(self, name), getattr(other, name))
                for name in NAMES
            }
        )


NAMES = {
    "calls_per_second": "rps", "p50": "p50_us", "p99": "p99_us", "longest": "max_us", "first_byte_p50": "ttfb_p50_us",
    "events_per_second": "ev_s", "chunk_p50": "ck_p50_us", "chunk_p99": "ck_p99_us", "cpu_share": "cpu_pct",
    "cpu_per_call": "cpu_us_req", "cpu_per_event": "cpu_us_ev", "rss_mb": "rss_mb", "waiting": "queue", "failed": "bad",
}  # fmt: skip
"""Ours -> as printed. `failed` is the sum of "bad" and "errs"; "cpu_pct" is in percent."""
MORE_IS_KEPT = {"calls_per_second", "events_per_second", "rss_mb", "failed"}


def parsed(printed: str) -> Figures:
    """Of the last line of a load generator's output. Raises ValueError where that is none of ours."""
    lines = printed.strip().splitlines()
    if not lines:
        raise ValueError("the load generator printed nothing")
    found: dict[str, Any] = json.loads(lines[-1])
    try:
        values = {ours: found[theirs] for ours, theirs in NAMES.items()}
        values["failed"] += found["errs"]
    except KeyError as missing:
        raise ValueError(f"the load generator did not print {missing}") from None
    values["cpu_share"] /= 100
    return Figures(**values)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of values in order; 0 where there is none. `share` is 0.99 for p99; 1 gives the largest."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
