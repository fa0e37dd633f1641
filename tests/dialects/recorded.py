"""Real recorded traffic, where it lies beside the checkout (`../shared/wire/store`). Nothing of it is kept here; without it these lists
are empty, and what walks them is skipped.
"""

import functools
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dialects import cases
from polyglot_cloud.dialects import Dialect

STORE = Path(__file__).parents[3] / "shared" / "wire" / "store"
_ENDPOINTS = {
    "/chat/completions": "openai_chat",
    "/responses": "openai_responses",
    "/messages": "anthropic",
    "enerateContent": "gemini",
}
_END_MARKS = {"openai_chat": b"data: [DONE]", "openai_responses": b"response.completed", "anthropic": b"message_stop"}

needs_recordings = pytest.mark.skipif(not STORE.exists(), reason="no recordings beside the checkout (../shared/wire)")


@dataclass(frozen=True)
class Recording:
    """`body` are the reply's very bytes."""

    id: str
    provider: str
    dialect: str
    streaming: bool
    body: bytes

    @property
    def spoken(self) -> Dialect:
        return cases.dialect(self.dialect)


@functools.cache
def recordings() -> list[Recording]:
    """Every reply with status 200 of an endpoint that a dialect reads, one reply each."""
    found = [_recording(row) for path in sorted(STORE.glob("*.jsonl.gz")) for row in _rows(path)]
    return [each for each in found if each is not None]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _recording(row: dict[str, Any]) -> Recording | None:
    dialect = next((name for end, name in _ENDPOINTS.items() if row["endpoint"].endswith(end)), None)
    body = row["body"].encode()
    several = body.count(_END_MARKS.get(dialect or "", b"\0")) > 2  # an event names its kind twice
    if dialect is None or row["status"] != 200 or several:
        return None
    return Recording(row["id"], row["provider"], dialect, row["streaming"], body)


def sample(count: int, *, streaming: bool, longest: int = 60_000) -> list[Recording]:
    """At most so many of each dialect, of every length up to the longest (bytes), always the same ones."""
    chosen: list[Recording] = []
    for name in cases.NAMES:
        found = [each for each in recordings() if (each.dialect, each.streaming) == (name, streaming)]
        found = sorted(
            (each for each in found if len(each.body) <= longest), key=lambda each: (len(each.body), each.id)
        )
        chosen += found[:: max(1, len(found) // count)][:count]
    return chosen


def each_recording(chosen: list[Recording]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("recording", [pytest.param(one, id=f"{one.dialect}-{one.id}") for one in chosen])
