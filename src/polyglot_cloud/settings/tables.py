"""The tables of the configuration file while they are read: typed access by dotted key, which collects faults instead of stopping.

A reader of a value raises ValueError with a reason that reads on from the key: "must be a whole number".
"""

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from polyglot_cloud.settings.problems import Problem

T = TypeVar("T")
D = TypeVar("D")
Read = Callable[[Any], T]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(slots=True)
class Table:
    """One table. `path` is its dotted key, "" for the whole file; members of arrays are counted from 1."""

    path: str
    source: str
    values: dict[str, Any]
    faults: list[Problem]
    asked: set[str] = field(default_factory=set)

    def at(self, key: str) -> str:
        """The dotted key of a member, as TOML would have it written."""
        bare = key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)
        return f"{self.path}.{bare}" if self.path else bare

    def fault(self, reason: str, key: str | None = None, number: int | None = None) -> None:
        where = self.path if key is None else self.at(key)
        where += "" if number is None else f"[{number}]"
        self.faults.append(Problem(reason if reason.endswith("?") else f"{reason}.", where, self.source))

    def take(self, key: str, read: Read[T], default: D) -> T | D:
        """The value under `key`; `default` where it is absent, and where it is wrong (which is then a fault)."""
        self.asked.add(key)
        if key not in self.values:
            return default
        try:
            return read(self.values[key])
        except ValueError as error:
            self.fault(str(error), key)
            return default

    def need(self, key: str, read: Read[T], default: D) -> T | D:
        """As `take`, but absence is a fault."""
        if key not in self.values:
            self.fault("is missing", key)
        return self.take(key, read, default)

    def each(self, key: str, read: Read[T]) -> tuple[T, ...]:
        """The members of a list that may be left out but not be empty, each one once."""
        found: list[T] = []
        for number, item in enumerate(self.take(key, some_list, ()), 1):
            try:
                value = read(item)
                if value in found:
                    raise ValueError("stands there twice")  # noqa: TRY301  # told like any other fault of the member
                found.append(value)
            except ValueError as error:
                self.fault(str(error), key, number)
        return tuple(found)

    def pairs(self, key: str, read_name: Read[str], read: Read[T]) -> dict[str, T]:
        """A table of single values."""
        found: dict[str, T] = {}
        inner = self.inner(key)
        for name in inner.values:
            try:
                read_name(name)
            except ValueError as error:
                inner.fault(str(error), name)
                continue
            value = inner.take(name, read, None)
            if value is not None:
                found[name] = value
        return found

    def inner(self, key: str) -> "Table":
        """The table under `key`; an empty one where there is none."""
        return Table(self.at(key), self.source, self.take(key, table, {}), self.faults)

    def inners(self, key: str) -> Iterator[tuple[str, "Table"]]:
        """The tables in the table under `key`, by name."""
        outer = self.inner(key)
        for name in outer.values:
            yield name, outer.inner(name)

    def array(self, key: str) -> Iterator["Table"]:
        """The tables of the array under `key`."""
        for number, item in enumerate(self.take(key, tables, ()), 1):
            yield Table(f"{self.at(key)}[{number}]", self.source, item, self.faults)

    def close(self) -> None:
        """Refuses every key that nobody asked for."""
        for key in self.values:
            if key not in self.asked:
                self.fault(f"is no key here{meant(key, self.asked)}", key)


def meant(name: str, known: Iterable[str]) -> str:
    """`: did you mean x?` where a known word is near, else the known words."""
    words = sorted(known)
    near = difflib.get_close_matches(name, words, n=1, cutoff=0.5)
    return f'; did you mean "{near[0]}"?' if near else f"; there are: {', '.join(words) or 'none'}"


# --- values ---


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text in quotes")
    return value


def of_text(read: Callable[[str], T]) -> Read[T]:
    """A reader of texts as a reader of any value."""
    return lambda value: read(text(value))


def count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be a whole number, 1 or more")
    return value


def one_of(words: Collection[str]) -> Read[str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return read


def known(words: Collection[str], what: str) -> Read[str]:
    """A word of an open set, with the one that may be meant."""

    def read(value: Any) -> str:
        if text(value) not in words:
            raise ValueError(f"must name a {what} that is there{meant(value, words)}")
        return str(value)

    return read


def moment(value: Any) -> int:
    """A date and time with its offset, in Unix microseconds."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("must be a date and time with its offset, without quotes: 2027-01-01T00:00:00Z")
    try:
        since = value.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError:
        raise ValueError("must be a time that calendars know in UTC too") from None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def some_list(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list with something in it; leave it out to restrict nothing")
    return value


def table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table")  # noqa: TRY004  # readers raise one kind of error
    return value


def tables(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("must be an array of tables, each headed by [[...]]")
    return value
