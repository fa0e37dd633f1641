"""Feeding streams to the reader, and what the recorded cases hold."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyglot_cloud.dialects.anthropic import DIALECT
from polyglot_cloud.neutral import Event
from polyglot_cloud.sse import Decoder

FIXTURES = Path(__file__).parents[2] / "fixtures" / "anthropic"


@dataclass(frozen=True)
class Case:
    """One folder of tests/fixtures/anthropic."""

    folder: Path

    @property
    def origin(self) -> dict[str, Any]:
        origin: dict[str, Any] = json.loads(self.bytes("origin.json"))
        return origin

    def json(self, name: str) -> Any:
        return json.loads(self.bytes(name))

    def bytes(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def __str__(self) -> str:
        return self.folder.name


CASES = [Case(folder) for folder in sorted(FIXTURES.iterdir())]


def cases_with(*names: str) -> list[Case]:
    return [case for case in CASES if all(case.has(name) for name in names)]


def read(chunks: Iterable[bytes]) -> list[Event]:
    """All events of a stream that came in these chunks and then ended."""
    decoder, reader = Decoder(), DIALECT.reader()
    events: list[Event] = []
    for chunk in chunks:
        for record in decoder.feed(chunk):
            events += reader.feed(record)
    for record in decoder.close():
        events += reader.feed(record)
    return [*events, *reader.close()]


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def wire(*events: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (str(row.get("type")).encode(), json.dumps(row).encode()) for row in events
    )
