"""How long a provider asks to wait, out of its reply's headers."""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, None where nothing usable is said. Names are in lower case.

    `retry-after-ms` is OpenAI's and Anthropic's finer word and wins; `retry-after` is seconds or an HTTP date (RFC 9110, 10.2.3). A date
    counts from the reply's own `date`, so that no clock of ours is needed.
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    asked = headers.get("retry-after", "")
    if (seconds := _number(asked)) is not None:
        return seconds
    try:
        until = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):  # TypeError: one of the dates names no zone
        return None
    return max(0.0, until.total_seconds())


def _number(digits: str | None) -> float | None:
    try:
        value = float(digits or "")
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None
