"""Times as people write them."""

from datetime import UTC, datetime

import pytest

from polyglot_cloud.administration.spans import end, span
from polyglot_cloud.tenancy.directory import moment

NOW = 1_795_305_600_000_000
HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("text", "hours"), [("3600s", 1), ("60m", 1), ("24h", 24), ("7d", 168), ("2w", 336), ("0s", 0)]
)
def test_a_span(text: str, hours: int) -> None:
    assert span(text) == hours * HOUR
    assert end(text, NOW) == NOW + hours * HOUR


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2027-01-01", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2027-01-01T12:00:00Z", datetime(2027, 1, 1, 12, tzinfo=UTC)),
        ("2027-01-01T12:00:00+02:00", datetime(2027, 1, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_time(text: str, at: datetime) -> None:
    assert end(text, NOW) == int(at.timestamp()) * 1_000_000


def test_never() -> None:
    assert end("never", NOW) is None


@pytest.mark.parametrize("text", ["", "soon", "1y", "-1h", "1.5h", "9999999s", "999999w", "5201w", "٣h"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        span(text)
    with pytest.raises(ValueError, match="must be"):
        end(text, NOW)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_what_no_calendar_knows_in_utc(text: str) -> None:
    with pytest.raises(ValueError, match="must be a time"):
        end(text, NOW)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59Z", "5200w"])
def test_whatever_is_taken_can_be_told_again(text: str) -> None:
    found = end(text, NOW)
    assert found is not None
    assert moment(found).endswith("Z")
