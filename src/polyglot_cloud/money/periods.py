"""Budget periods: which stretch of time an instant belongs to, by the calendar of a time zone.

Periods that follow on each other leave no gap and do not overlap, whatever the clocks do: each begins where the one before ends.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Period = Literal["call", "day", "week", "month", "once"]


class Window(NamedTuple):
    """Unix seconds: from `start` to just before `end`. `end` None: it never ends."""

    start: int
    end: int | None


def window(period: Period, at: int, zone: ZoneInfo) -> Window:
    """The window that holds `at` (Unix seconds): `start <= at < end`.

    A day runs from midnight to midnight in `zone`, so one on which clocks change has 23 or 25 hours (23½ or 24½ on Lord Howe Island); a
    week begins on Monday, a month on its first. Where midnight is skipped the day begins at the change. "call" begins at `at` itself;
    "once" is one and the same for all time.
    """
    if period == "call":
        return Window(at, None)
    if period == "once":
        return Window(0, None)
    return _calendar(*_STEPS[period], at, zone)


_Day = Callable[[date], date]
_STEPS: dict[str, tuple[_Day, _Day]] = {
    "day": (lambda day: day, lambda day: day + timedelta(days=1)),
    "week": (lambda day: day - timedelta(days=day.weekday()), lambda day: day + timedelta(days=7)),
    "month": (lambda day: day.replace(day=1), lambda day: (day + timedelta(days=31)).replace(day=1)),
}
"""A period's first day, from any day of it; and the first day of the one after, from its first day."""


def _calendar(first_of: _Day, next_of: _Day, at: int, zone: ZoneInfo) -> Window:
    """Decided by the boundaries and not by the date of `at`: where clocks go back over midnight (St. John's did so at 00:01), a date
    returns after the next one has begun.
    """
    first = first_of(datetime.fromtimestamp(at, UTC).astimezone(zone).date())
    if _midnight(first, zone) > at:
        first = first_of(first - timedelta(days=1))
    end = _midnight(next_of(first), zone)
    while end <= at:
        first = next_of(first)
        end = _midnight(next_of(first), zone)
    return Window(_midnight(first, zone), end)


def _midnight(day: date, zone: ZoneInfo) -> int:
    """Of two midnights the first."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
