"""Budget windows over the calendar: changes of clocks, ends of months and years, and no gap anywhere."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.money.periods import Period, Window, window

CALENDAR: tuple[Period, ...] = ("day", "week", "month")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia",
         "America/Havana", "America/Sao_Paulo", "Africa/Cairo", "Pacific/Kiritimati"]  # fmt: skip


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("period", "zone", "at", "start", "end"),
    [
        # a day of 23 hours, and one of 25: the last Sundays of March and October
        ("day", "Europe/Berlin", "2026-03-29T00:30", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("day", "Europe/Berlin", "2026-10-25T22:59", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("day", "Europe/Berlin", "2026-10-25T23:00", "2026-10-25T23:00", "2026-10-26T23:00"),
        # the second Sunday of March, the first of November
        ("day", "America/New_York", "2026-03-08T07:00", "2026-03-08T05:00", "2026-03-09T04:00"),
        ("day", "America/New_York", "2026-11-01T06:30", "2026-11-01T04:00", "2026-11-02T05:00"),
        # half an hour: +10:30 in winter, +11 in summer, from the first Sunday of October to that of April
        ("day", "Australia/Lord_Howe", "2026-10-03T20:00", "2026-10-03T13:30", "2026-10-04T13:00"),
        ("day", "Australia/Lord_Howe", "2026-04-04T20:00", "2026-04-04T13:00", "2026-04-05T13:30"),
        # weeks begin on Monday, also the ones in which clocks change and the one over New Year
        ("week", "Europe/Berlin", "2026-03-29T21:59", "2026-03-22T23:00", "2026-03-29T22:00"),
        ("week", "America/New_York", "2026-11-01T12:00", "2026-10-26T04:00", "2026-11-02T05:00"),
        ("week", "UTC", "2027-01-01T00:00", "2026-12-28T00:00", "2027-01-04T00:00"),
        ("week", "UTC", "2026-11-23T00:00", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("week", "UTC", "2026-11-22T23:59", "2026-11-16T00:00", "2026-11-23T00:00"),
        # months: 31, 30, 28 and 29 days, over a change of clocks, over New Year
        ("month", "Europe/Berlin", "2026-10-31T22:59", "2026-09-30T22:00", "2026-10-31T23:00"),
        ("month", "Australia/Lord_Howe", "2026-04-30T13:29", "2026-03-31T13:00", "2026-04-30T13:30"),
        ("month", "UTC", "2026-04-30T23:59", "2026-04-01T00:00", "2026-05-01T00:00"),
        ("month", "UTC", "2027-02-28T23:59", "2027-02-01T00:00", "2027-03-01T00:00"),
        ("month", "UTC", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("day", "UTC", "2028-02-29T12:00", "2028-02-29T00:00", "2028-03-01T00:00"),
        ("month", "America/New_York", "2027-01-01T04:59", "2026-12-01T05:00", "2027-01-01T05:00"),
        ("month", "America/New_York", "2027-01-01T05:00", "2027-01-01T05:00", "2027-02-01T05:00"),
        # clocks change at midnight: it is skipped, so the day begins at one o'clock
        ("day", "Africa/Cairo", "2026-04-24T00:00", "2026-04-23T22:00", "2026-04-24T21:00"),
        # it comes twice: the first counts
        ("day", "America/Havana", "2026-11-01T05:30", "2026-11-01T04:00", "2026-11-02T05:00"),
        # a date comes back: at 00:01 of 7 November clocks went to 23:01 of the 6th. The 7th had begun, and goes on
        ("day", "America/St_Johns", "2010-11-07T02:30", "2010-11-07T02:30", "2010-11-08T03:30"),
        ("day", "America/St_Johns", "2010-11-07T03:00", "2010-11-07T02:30", "2010-11-08T03:30"),
        # in 1919 Toronto's clocks went from 23:30 to 00:30: what is left of the old day still belongs to it
        ("day", "America/Toronto", "1919-03-31T04:45", "1919-03-30T05:00", "1919-03-31T05:00"),
        # Samoa had no 30 December 2011
        ("day", "Pacific/Apia", "2011-12-30T09:59", "2011-12-29T10:00", "2011-12-30T10:00"),
        ("day", "Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00", "2011-12-31T10:00"),
    ],
)  # fmt: skip
def test_a_window_by_the_calendar(period: Period, zone: str, at: str, start: str, end: str) -> None:
    assert window(period, utc(at), ZoneInfo(zone)) == (utc(start), utc(end))


@pytest.mark.parametrize("zone", ZONES)
def test_a_call_and_once_have_no_end(zone: str) -> None:
    at = utc("2026-11-23T12:00")
    assert window("call", at, ZoneInfo(zone)) == Window(at, None)
    assert window("once", at, ZoneInfo(zone)) == window("once", at + 10**8, ZoneInfo(zone)) == Window(0, None)


@given(
    period=st.sampled_from(get_args(Period)),
    zone=st.sampled_from(ZONES),
    at=st.integers(utc("1990-01-01"), utc("2037-01-01")),
)
def test_an_instant_lies_in_its_window(period: Period, zone: str, at: int) -> None:
    start, end = window(period, at, ZoneInfo(zone))
    assert start <= at
    assert end is None or at < end


@given(
    period=st.sampled_from(CALENDAR),
    zone=st.sampled_from(ZONES),
    at=st.integers(utc("1990-01-01"), utc("2037-01-01")),
)
def test_windows_tile_the_line_of_time(period: Period, zone: str, at: int) -> None:
    found = window(period, at, ZoneInfo(zone))
    assert found.end is not None
    for inside in (found.start, found.start + 1, found.end - 1):
        assert window(period, inside, ZoneInfo(zone)) == found
    assert window(period, found.end, ZoneInfo(zone)).start == found.end
    assert window(period, found.start - 1, ZoneInfo(zone)).end == found.start


NEXT: dict[str, Callable[[datetime], datetime]] = {
    "day": lambda local: local + timedelta(days=1),
    "week": lambda local: local + timedelta(days=7),
    "month": lambda local: local.replace(year=local.year + local.month // 12, month=local.month % 12 + 1),
}


@pytest.mark.parametrize("period", CALENDAR)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_six_years_of_windows_begin_at_the_walls_midnight(period: Period, zone: str) -> None:
    """Walked by the clock on the wall, from a Monday that is the first of its month."""
    wall = datetime(2024, 1, 1, tzinfo=ZoneInfo(zone))
    at = int(wall.timestamp())
    while wall.year < 2030:
        start, end = window(period, at, ZoneInfo(zone))
        assert start == int(wall.timestamp())
        assert end is not None
        wall, at = NEXT[period](wall), end
