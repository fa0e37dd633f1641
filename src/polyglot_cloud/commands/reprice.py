"""polyglot-cloud reprice: restates history after a price fix, as entries that name the ones they correct."""

import argparse
import getpass
import json
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from polyglot_cloud.amounts import shown
from polyglot_cloud.commands.ledger import Common, NothingToDo, Place, Told, day_of, end_of, start_of, table
from polyglot_cloud.money.faults import LedgerBusy
from polyglot_cloud.rows import Price

if TYPE_CHECKING:
    from polyglot_cloud.money.repricing import Change

PriceOf = Callable[[str, str, date], Price | None]
Ask = Callable[[str], bool | None]
"""(what it would do) -> whether to do it; None where nobody can be asked."""


def add(commands: Any, common: Common, run: Callable[..., int]) -> None:
    parser = commands.add_parser(
        "reprice", help="restate what was spent by the catalog's corrected prices; no gateway may run"
    )
    parser.add_argument(
        "--since", metavar="DATE", required=True, help="2026-11-01; attempts begun from that day on, in UTC"
    )
    parser.add_argument("--until", metavar="DATE", help="up to and with that day; default: today")
    parser.add_argument("--model", help="only what this model answered, or what was asked of it")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, beside a running gateway too")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sandbox", action="store_true", help="of the sandbox's till, which is another one")
    common(parser)
    parser.set_defaults(run=run)


def tell(options: argparse.Namespace, place: Place, price_of: PriceOf, ask: Ask) -> Told:
    """Raises NothingToDo, LedgerError."""
    from polyglot_cloud.money.repricing import changes, write  # noqa: PLC0415  # it imports SQLAlchemy
    from polyglot_cloud.money.store import Store  # noqa: PLC0415  # as above

    since = day_of(options.since)
    until = day_of(options.until) if options.until else datetime.now(UTC).date()
    span = start_of(since), end_of(until)
    store = Store(place.ledger)

    def found() -> "Iterator[Change]":
        return changes(store, price_of, *span, options.model)

    rows = _summed(found())
    if not rows:
        return Told("[]\n" if options.json else f"Every attempt since {since} costs what the catalog says.\n")
    text = json.dumps(rows, indent=2) + "\n" if options.json else _table(rows)
    if options.dry_run:
        return Told(text)
    agreed = True if options.yes else ask(text)
    if agreed is None:
        raise NothingToDo("Nothing was written. Add --yes to write the corrections, or --dry-run to see them.")
    if not agreed:
        return Told("Nothing was written.\n")
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    try:
        count = write(place.ledger, (change.entry(who) for change in found()))
    except LedgerBusy as error:
        raise NothingToDo(f"{error} Stop it first: it counts what this changes.") from None
    _receipts(place, store)
    told = text if options.yes else ""
    return Told(told if options.json else f"{told}{count} attempts were repriced.\n")


def _receipts(place: Place, store: Any) -> None:
    from polyglot_cloud.money.receipts import Receipts  # noqa: PLC0415  # it imports SQLAlchemy

    receipts = Receipts(place.receipts, store)
    try:
        receipts.catch_up()
        receipts.save()
    finally:
        receipts.close()


def _summed(found: "Iterator[Change]") -> list[dict[str, Any]]:
    """One row for each model, by name."""
    sums: dict[tuple[str, str], list[int]] = {}
    for change in found:
        row = sums.setdefault((change.provider, change.model), [0, 0, 0])
        row[0] += 1
        row[1] += change.was
        row[2] += change.now
    return [
        {
            "provider": provider, "model": model, "attempts": count, "was_usd": _usd(was), "now_usd": _usd(now),
            "difference_usd": _usd(now - was),
        }
        for (provider, model), (count, was, now) in sorted(sums.items())
    ]  # fmt: skip


def _table(rows: Sequence[dict[str, Any]]) -> str:
    head = ("provider", "model", "attempts", "was", "now", "difference")
    return table(head, [[str(cell) for cell in row.values()] for row in rows])


def _usd(nano: int) -> str:
    return shown(nano).replace("$", "")


def asked_at_the_terminal(text: str) -> bool | None:
    if not sys.stdin.isatty():
        return None
    return input(f"{text}Write these corrections? [y/N] ").strip().lower() in {"y", "yes"}
