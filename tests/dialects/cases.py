"""The fixtures of every dialect: `tests/fixtures/<dialect>/<case>/`.

A case has `origin.json` and any of `request.json`, `response.json`, `stream.sse` (the very bytes) and `error.json`. In the origin, `twins`
says that the plain and the streamed answer tell the same, `fails` that the stream ends in an error, and `status` is that of `error.json`.
"""

import importlib
import importlib.util
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from polyglot_cloud.dialects import Dialect
from polyglot_cloud.neutral import Event
from polyglot_cloud.sse import Decoder, Record

FIXTURES = Path(__file__).parents[1] / "fixtures"
NAMES = ("openai_chat", "openai_responses", "anthropic", "gemini")


@dataclass(frozen=True)
class Case:
    dialect: str
    name: str
    folder: Path

    @property
    def origin(self) -> dict[str, Any]:
        return self.json("origin")

    def json(self, name: str) -> dict[str, Any]:
        value = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        assert isinstance(value, dict)
        return value

    @property
    def stream(self) -> bytes:
        return (self.folder / "stream.sse").read_bytes()

    def has(self, *files: str) -> bool:
        return all((self.folder / file).exists() for file in files)


def dialects() -> dict[str, Dialect]:
    """The dialects that are there. A package without an `__init__` is still to be built; a broken one is an error."""
    return {name: dialect(name) for name in NAMES if _exists(name)}


def _exists(name: str) -> bool:
    spec = importlib.util.find_spec(f"polyglot_cloud.dialects.{name}")
    return spec is not None and spec.origin is not None


def dialect(name: str) -> Dialect:
    found = importlib.import_module(f"polyglot_cloud.dialects.{name}").DIALECT
    assert isinstance(found, Dialect)
    return found


def cases(*files: str, names: Iterable[str] = NAMES, **origin: Any) -> list[Case]:
    """Cases that have all these files and whose origin says all this, of the dialects that are there."""
    return [
        case
        for name in names
        if _exists(name)
        for folder in sorted((FIXTURES / name).glob("*/"))
        if (case := Case(name, folder.name, folder)).has("origin.json", *files)
        and all(case.origin.get(key, False) == value for key, value in origin.items())
    ]


def each_case(*files: str, names: Iterable[str] = NAMES, **origin: Any) -> pytest.MarkDecorator:
    """Runs a test once for each such case."""
    found = [pytest.param(case, id=f"{case.dialect}-{case.name}") for case in cases(*files, names=names, **origin)]
    return pytest.mark.parametrize("case", found)


def records(data: bytes) -> list[Record]:
    decoder = Decoder()
    return [*decoder.feed(data), *decoder.close()]


def read_records(found: Dialect, given: Iterable[Record]) -> list[Event]:
    reader = found.reader()
    events = [event for record in given for event in reader.feed(record)]
    return events + reader.close()


def read_pieces(found: Dialect, pieces: Iterable[bytes]) -> list[Event]:
    """A stream's events, the bytes arriving in these pieces."""
    decoder, reader = Decoder(), found.reader()
    events = [event for piece in pieces for record in decoder.feed(piece) for event in reader.feed(record)]
    events += [event for record in decoder.close() for event in reader.feed(record)]
    return events + reader.close()


def read_stream(found: Dialect, data: bytes) -> list[Event]:
    return read_records(found, records(data))
