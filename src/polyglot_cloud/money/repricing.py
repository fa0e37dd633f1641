"""History by corrected prices: what attempts cost by the price rows of their own day, from the usage that was kept.

The journal is only added to: a `repriced` entry names the one that it corrects and what stood there. Whatever the vendor billed by its
own figure stays; what no price is known for stays, too; what was booked at its bound is bounded anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import and_, func, select

from polyglot_cloud import wire
from polyglot_cloud.amounts import LARGEST, Nano
from polyglot_cloud.money.cost import bound_of, cost_of
from polyglot_cloud.money.entries import Entry
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.schema import attempts, journal
from polyglot_cloud.money.store import Store
from polyglot_cloud.neutral import Usage
from polyglot_cloud.rows import Price

PAGE = 1000
"""Attempts read, and entries written, at once."""
FIGURES = frozenset({"rates", "bound", "unpriced"})
"""Sources of a cost that a price can change; ticks are the vendor's own."""

PriceOf = Callable[[str, str, date], Price | None]
"""(provider, model, day) -> the row in force."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an attempt costs by the corrected price. `replaces` is the entry that said `was`."""

    attempt: str
    provider: str
    model: str
    replaces: int
    was: Nano
    now: Nano
    facts: dict[str, Any]

    def entry(self, who: str) -> Entry:
        return Entry(
            "repriced", self.attempt, self.now, {**self.facts, "replaces": self.replaces, "was": self.was, "who": who}
        )


def changes(store: Store, price_of: PriceOf, start: int, end: int, model: str | None = None) -> Iterator[Change]:
    """Of the attempts begun in [start, end) Unix microseconds, those whose cost or source would be another one, oldest first.

    `model`: only what it answered, or what was asked of it.
    """
    corrected = {entry.attempt: entry.seq for entry in store.entries(kinds=["repriced"])}
    for row in _settled(store, start, end):
        change = _change(row, price_of, corrected.get(row.attempt, row.ended_seq))
        if change is not None and model in {None, change.model, row.asked}:
            yield change


def write(path: Path, entries: Iterator[Entry]) -> int:
    """Adds them, in runs; what an end in between leaves out is found again. `entries` is asked once the ledger is ours alone.

    Raises LedgerError, LedgerBusy among them.
    """
    ledger = Journal(path)
    count = 0
    try:
        ledger.refreshed()
        for run in _runs(entries):
            ledger.write(*run)
            count += len(run)
        ledger.refreshed()
    finally:
        ledger.close()
    return count


def _runs(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    run: list[Entry] = []
    for entry in entries:
        run.append(entry)
        if len(run) == PAGE:
            yield run
            run = []
    if run:
        yield run


_held = journal.alias("held_entry")
_ended = journal.alias("ended_entry")


def _settled(store: Store, start: int, end: int) -> Iterator[Any]:
    begun = func.coalesce(attempts.c.held_at, attempts.c.ended_at)
    query = (
        select(
            attempts.c.attempt, attempts.c.cost, attempts.c.cost_source, attempts.c.ended_at, attempts.c.ended_seq,
            func.json_extract(_held.c.facts, "$.provider").label("provider"),
            func.json_extract(_held.c.facts, "$.wire_model").label("asked"),
            _ended.c.facts,
        )
        .select_from(
            attempts.join(_ended, _ended.c.seq == attempts.c.ended_seq).outerjoin(_held, _held.c.seq == attempts.c.held_seq)
        )
        .where(and_(attempts.c.state == "settled", begun >= start, begun < end))
        .order_by(attempts.c.ended_seq)
        .limit(PAGE)
    )  # fmt: skip
    after = 0
    while True:
        with store.connection() as connection:
            rows = connection.execute(query.where(attempts.c.ended_seq > after)).all()
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].ended_seq


def _change(row: Any, price_of: PriceOf, replaces: int) -> Change | None:
    source = row.cost_source or "rates"
    if source not in FIGURES or row.provider is None:
        return None
    facts = wire.decode(row.facts)
    day = datetime.fromtimestamp(row.ended_at // 1_000_000, UTC).date()
    answered = facts.get("model") or row.asked
    price = price_of(row.provider, answered, day) or price_of(row.provider, row.asked, day)
    figures = _figures(facts, price) if price is not None else None
    if figures is None or (figures.nano, figures.source) == (row.cost, source):
        return None
    return Change(row.attempt, row.provider, answered, replaces, row.cost, figures.nano, {
        "model": answered,
        "price": {"from": price.effective_from.isoformat(), "source": price.source} if price else None,
        "cost_source": figures.source,
        **({"unpriced": list(figures.unpriced)} if figures.unpriced else {}),
        **({"estimated": True} if figures.estimated or facts.get("estimated") else {}),
    })  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Figures:
    nano: Nano
    source: str
    unpriced: tuple[str, ...] = ()
    estimated: bool = False


def _figures(facts: dict[str, Any], price: Price) -> _Figures | None:
    """None where no usage was kept: what an attempt used that nobody could bound is still not known."""
    kept = facts.get("usage") or {}
    if "input" not in kept:
        return None
    usage = usage_of(kept)
    if facts.get("cost_source") == "bound":
        nano = bound_of(usage.input, usage.output, price, tiers=facts.get("tiers", ()))
        return _Figures(min(nano, LARGEST), "bound", estimated=True)
    cost = cost_of(usage, price)
    return _Figures(min(cost.nano, LARGEST), cost.source, cost.unpriced, bool(cost.estimated))


def usage_of(kept: dict[str, Any]) -> Usage:
    """Usage as it was before it was spelled for the ledger (`booking.spelled`)."""
    rest = dict(kept)
    return Usage(
        rest.pop("input"),
        rest.pop("output", 0),
        cached=rest.pop("cached", 0),
        reasoning=rest.pop("reasoning", 0),
        tier=rest.pop("tier", None),
        details=rest,
    )
