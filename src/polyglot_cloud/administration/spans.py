"""Times as people write them: 90s, 30m, 24h, 7d, 2w; 2027-01-01, 2027-01-01T12:00:00Z. ValueError says what they must be."""

import re
from datetime import UTC, datetime

_SPAN = re.compile(r"([0-9]{1,6})(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
MICRO = 1_000_000
_LONGEST = 5200 * 604_800 * MICRO
"""A hundred years: what a calendar can still tell."""
_END = "must be a time such as 2027-01-01, 2027-01-01T12:00:00Z or 30d, or never"


def span(text: str) -> int:
    """Microseconds."""
    match = _SPAN.fullmatch(text)
    found = int(match[1]) * _SECONDS[match[2]] * MICRO if match is not None else None
    if found is None or found > _LONGEST:
        raise ValueError("must be a span of time such as 90s, 30m, 24h, 7d or 2w, at most 5200w")
    return found


def end(text: str, now: int) -> int | None:
    """When something ends, in Unix microseconds; None for "never". A span counts from `now`, a time without a zone is one of UTC."""
    if text == "never":
        return None
    if _SPAN.fullmatch(text):
        return now + span(text)
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        return int(at.timestamp()) * MICRO
    except (ValueError, OverflowError):  # the first and the last day there is, in another zone
        raise ValueError(_END) from None
