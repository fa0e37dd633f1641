"""The catalog for people: what `polyglot-cloud models` prints, as text and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

from polyglot_cloud.catalog.resolve import Catalog
from polyglot_cloud.rows import Model

COLUMNS = ("MODEL", "PROVIDER", "STATUS", "CONTEXT", "MAX OUT", "IN $/M", "OUT $/M", "RETIRES", "DIALECTS", "TAGS")
NUMERIC = {3, 4, 5, 6}


@dataclass(frozen=True, slots=True)
class Line:
    """One model as of a day. Prices are USD per million tokens, written exactly; None: not known."""

    id: str
    provider: str
    status: str
    context_window: int | None
    max_output: int | None
    input_usd_per_million: str | None
    output_usd_per_million: str | None
    retires: str | None
    successor: str | None
    dialects: tuple[str, ...]
    tags: tuple[str, ...]


def table(catalog: Catalog, today: date, provider: str | None = None) -> list[Line]:
    """Every model, the retired too, in the order of the catalog."""
    return [_line(row, today) for row in catalog.rows if provider in {None, row.provider}]


def as_text(lines: Sequence[Line]) -> str:
    """Aligned columns, without a line end after the last."""
    cells = [COLUMNS, *(_cells(line) for line in lines)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(COLUMNS))]
    return "\n".join(_aligned(row, widths) for row in cells)


def as_json(lines: Sequence[Line]) -> str:
    return json.dumps([asdict(line) for line in lines], indent=2)


def usd_per_million(pico_per_token: int) -> str:
    """2000000 -> "2", 75000 -> "0.075"."""
    return f"{(Decimal(pico_per_token) / 1_000_000).normalize():f}"


def _line(row: Model, today: date) -> Line:
    price = row.price_on(today)
    rates = price.rates.pico_per_token if price else {}
    return Line(
        id=row.id,
        provider=row.provider,
        status="retired" if row.retired_on(today) else row.status,
        context_window=row.context_window,
        max_output=row.max_output,
        input_usd_per_million=usd_per_million(rates["input"]) if rates else None,
        output_usd_per_million=usd_per_million(rates["output"]) if rates else None,
        retires=row.retires.isoformat() if row.retires else None,
        successor=row.successor,
        dialects=tuple(offer.dialect for offer in row.offers),
        tags=row.capabilities,
    )


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.id,
        line.provider,
        line.status,
        f"{line.context_window:,}" if line.context_window else "-",
        f"{line.max_output:,}" if line.max_output else "-",
        line.input_usd_per_million or "-",
        line.output_usd_per_million or "-",
        line.retires or "-",
        " ".join(line.dialects) or "-",
        " ".join(line.tags) or "-",
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        cell.rjust(width) if place in NUMERIC else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip()
