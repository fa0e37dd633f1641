"""A table of a catalog file while it is read: typed access that collects faults instead of stopping at the first."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from polyglot_cloud.catalog.faults import CatalogFault, meant

T = TypeVar("T")
D = TypeVar("D")
Read = Callable[[Any], T]
"""Reads one TOML value. Raises Wrong."""
NO_TABLE: dict[str, Any] = {}


class Wrong(ValueError):
    """Why a value will not do, worded to follow the key's name: "is not a date"."""


@dataclass(slots=True)
class Entry:
    """`files` says for each key which file it stands in (a user's file may have overridden it); `file` is where the entry began."""

    label: str
    file: Path
    table: Mapping[str, Any]
    report: list[CatalogFault]
    files: Mapping[str, Path] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def has(self, key: str) -> bool:
        return key in self.table

    def fault(self, reason: str, key: str = "") -> None:
        self.report.append(CatalogFault(self.files.get(key, self.file), self.label, reason))

    def take(self, key: str, read: Read[T], default: D) -> T | D:
        """The value under `key`; `default` where it is absent, and where it is wrong (which is then a fault)."""
        self.asked.add(key)
        if key not in self.table:
            return default
        try:
            return read(self.table[key])
        except Wrong as error:
            self.fault(f"{key} {error}", key)
            return default

    def need(self, key: str, read: Read[T], default: D) -> T | D:
        """As `take`, but absence is a fault."""
        if key not in self.table:
            self.fault(f"{key} is missing")
        return self.take(key, read, default)

    def inner(self, key: str, label: str | None = None) -> "Entry":
        """The table under `key`; an empty one where there is none."""
        table = self.take(key, a_table, NO_TABLE)
        return Entry(label or self.label, self.files.get(key, self.file), table, self.report)

    def inners(self, key: str, named: Callable[[int, Mapping[str, Any]], str]) -> Iterator["Entry"]:
        """The tables of the array under `key`, each labelled by its number and content."""
        for number, table in enumerate(self.take(key, tables, ()), 1):
            label = f"{self.label}, {named(number, table)}"
            yield Entry(label, self.files.get(key, self.file), table, self.report)

    def close(self) -> None:
        """Refuses every key that nobody asked for."""
        for key in self.table:
            if key not in self.asked:
                self.fault(f'"{key}" is not a key here{meant(key, self.asked)}', key)


# --- values ---


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Wrong("is not a text")
    return value


def any_text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("is not a text")
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("is neither true nor false")
    return value


def count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong("is not a whole number")
    if value < 0:
        raise Wrong("is negative")
    return value


def positive(value: Any) -> int:
    if count(value) == 0:
        raise Wrong("is zero")
    return int(value)


def day(value: Any) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise Wrong("is not a date (written 2026-11-22, without quotes)")
    return value


def texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Wrong("is not a list")
    seen = [text(item) for item in value]
    if twice := [item for item in seen if seen.count(item) > 1]:
        raise Wrong(f'names "{twice[0]}" twice')
    return tuple(seen)


def a_table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Wrong("is not a table")
    return value


def tables(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise Wrong("is not an array of tables")
    return [a_table(item) for item in value]


def word_of(words: Collection[T]) -> Read[T]:
    """One word of a closed set."""

    def read(value: Any) -> T:
        for word in words:
            if word == value and not isinstance(value, bool):
                return word
        raise Wrong(f'is "{value}"{meant(str(value), map(str, words))}')

    return read


def words_of(words: Collection[T], *, ascending: bool = False) -> Read[tuple[T, ...]]:
    """Words of a closed set; `ascending`: in the order of that set."""
    order = list(words)

    def read(value: Any) -> tuple[T, ...]:
        found = tuple(word_of(words)(item) for item in texts(value))
        places = [order.index(word) for word in found]
        if ascending and places != sorted(places):
            raise Wrong(f"is not in the order {', '.join(map(str, words))}")
        return found

    return read


_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


def pico_dollars(value: Any) -> int:
    """USD per million tokens -> pico-dollars per token, exactly. The value is an integer, a Decimal, or a text that is a number."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise InvalidOperation  # noqa: TRY301  # one message for all that is no number
        amount = Decimal(value)
        fine = amount.is_finite() and (not isinstance(value, str) or _NUMBER.fullmatch(value.removeprefix("-")))
    except InvalidOperation:
        fine = None
    if not fine:
        raise Wrong(f"is {value!r}, not an amount in USD per million tokens")
    pico = Fraction(amount) * 1_000_000
    if pico < 0:
        raise Wrong("is negative")
    if pico.denominator != 1:
        raise Wrong(f"is ${amount} per million tokens, which is not a whole number of pico-dollars per token")
    return int(pico)


def web_address(value: Any) -> str:
    """A base URL without a slash at its end."""
    address = text(value).rstrip("/")
    try:
        parts = urlsplit(address)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise Wrong(f'is "{value}", not a URL') from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine:
        raise Wrong(f'is "{value}", not a URL that begins with http:// or https://')
    if parts.query or parts.fragment or parts.username is not None:
        raise Wrong("has a query, a fragment or a user name in it; a base URL has none")
    return address


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def variables(value: Any) -> tuple[str, ...]:
    names = texts(value)
    for name in names:
        if not _VARIABLE.fullmatch(name):
            raise Wrong(f'names "{name}", which cannot be an environment variable')
    return names
