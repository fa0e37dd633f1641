"""The catalog's prices read straight from its TOML text, and what a call costs by them: written apart from the code under test, in exact
fractions of a dollar.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from typing import Any

from polyglot_cloud.catalog import default_path

Table = Mapping[str, Fraction]
MILLION = 1_000_000


@dataclass(frozen=True)
class Row:
    """One [[model.price]] table.

    `tables` by tier, in dollars per million tokens; `long` is (smallest prompt, tables); `calls` in dollars for each.
    """

    model: str
    provider: str
    since: date
    until: date | None
    tables: dict[str, dict[str, Fraction]]
    long: tuple[int, dict[str, dict[str, Fraction]]] | None
    calls: dict[str, Fraction]

    def at(self, prompt: int) -> dict[str, dict[str, Fraction]]:
        return self.long[1] if self.long and prompt >= self.long[0] else self.tables


@cache
def rows() -> tuple[Row, ...]:
    document = tomllib.loads(default_path().read_text("utf-8"), parse_float=Fraction)
    return tuple(row for model in document["model"] for row in _rows(model))


def _rows(model: dict[str, Any]) -> Iterator[Row]:
    prices = model.get("price", [])
    for number, price in enumerate(prices, 1):
        until = prices[number]["effective_from"] if number < len(prices) else None
        yield Row(
            model["id"], model["provider"], price["effective_from"], until, _tables(price), _long(price), _calls(price)
        )


def _tables(table: dict[str, Any]) -> dict[str, dict[str, Fraction]]:
    services = ("standard", "batch", "flex", "priority", "fast")
    return {name: {kind: Fraction(rate) for kind, rate in table[name].items()} for name in services if name in table}


def _calls(price: dict[str, Any]) -> dict[str, Fraction]:
    """In dollars for each."""
    return {kind: Fraction(rate) / 1000 for kind, rate in price.get("calls", {}).items()}


def _long(price: dict[str, Any]) -> tuple[int, dict[str, dict[str, Fraction]]] | None:
    match price.get("long_context", []):
        case []:
            return None
        case [only]:
            return only["above"] + (0 if only.get("inclusive") else 1), _tables(only)
        case _:
            raise AssertionError("these tests know one step of long context")


def nano(dollars_per_million: Fraction) -> int:
    """Nano-dollars of a sum of tokens times dollars per million, half up."""
    return int((dollars_per_million * 1_000_000_000 / MILLION + Fraction(1, 2)).__floor__())
