"""polyglot-cloud ledger, receipts and costs: what they do, and what they tell. They read beside a running gateway, which goes on."""

import argparse
import csv
import getpass
import io
import json
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from polyglot_cloud.administration.documents import moment
from polyglot_cloud.amounts import shown
from polyglot_cloud.money.faults import LedgerBusy
from polyglot_cloud.money.journal import Journal

Common = Callable[[argparse.ArgumentParser], None]
BY = ("day", "model", "tenant", "run", "key", "provider", "agent", "outcome")
_AXES = {"model": "answered"}
"""What a column of the command is called in the ledger, where that differs."""


class NothingToDo(Exception):
    """The command line asks for something that is not there."""


@dataclass(frozen=True, slots=True)
class Told:
    """`status` is the command's exit status."""

    text: str
    status: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the ledger and the receipts lie, and what the ledger's hashes are keyed with."""

    ledger: Path
    receipts: Path
    key: bytes | None = None


def add(commands: Any, common: Common, run: Callable[..., int]) -> None:
    """Adds `ledger`, `receipts` and `costs` to the parser's commands. `run` is called with options whose `tell` gives what to print."""
    ledger = _group(
        commands, "ledger", "verify | unknown | free | rebuild", "what was spent, and whether it is as it was written"
    )
    _command(ledger, "verify", verify, common, run, "look at every entry, and at what is read out of them")
    _command(ledger, "unknown", unknown, common, run, "attempts that a crash left open; they count at their bounds")
    free = _command(
        ledger, "free", free_unknown, common, run, "let one of them go, as an entry of the ledger; no gateway may run"
    )
    free.add_argument("attempt")
    free.add_argument("--why", required=True, help="kept in the entry")
    _command(
        ledger,
        "rebuild",
        rebuild_ledger,
        common,
        run,
        "make attempts and balances anew from the entries; no gateway may run",
    )
    receipts = _group(commands, "receipts", "rebuild", "the files of receipts, one for each run")
    _command(receipts, "rebuild", rebuild_receipts, common, run, "write them all anew from the ledger")
    costs = commands.add_parser("costs", help="what was spent, by day, model, tenant, run, ...")
    costs.add_argument("by", nargs="*", metavar="BY", help=", ".join(BY))
    costs.add_argument("--since", metavar="DATE", help="2026-11-01; default: 30 days ago")
    costs.add_argument("--json", action="store_true")
    costs.add_argument("--csv", action="store_true")
    _sandbox(costs)
    common(costs)
    costs.set_defaults(run=run, tell=tell_costs)


def _group(commands: Any, name: str, metavar: str, text: str) -> Any:
    return commands.add_parser(name, help=text).add_subparsers(title="commands", required=True, metavar=metavar)


def _command(
    group: Any, name: str, tell: Callable[..., Told], common: Common, run: Callable[..., int], text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(name, help=text)
    parser.add_argument("--json", action="store_true")
    _sandbox(parser)
    common(parser)
    parser.set_defaults(run=run, tell=tell)
    return parser


def _sandbox(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sandbox", action="store_true", help="of the sandbox's till, which is another one")


# --- what they do; SQLAlchemy is imported only here ---


def verify(options: argparse.Namespace, place: Place) -> Told:
    from polyglot_cloud.money.verify import verify as verified  # noqa: PLC0415  # see above

    found = verified(place.ledger, place.key)
    if options.json:
        return Told(
            json.dumps({"entries": found.entries, "fault": found.fault, "seq": found.seq}) + "\n",
            int(found.fault is not None),
        )
    if found.fault is None:
        return Told(f"{found.entries} entries are as they were written: {place.ledger}\n")
    where = f" at entry {found.seq}" if found.seq is not None else ""
    return Told(f"{place.ledger} is not what was written{where}: {found.fault}\n", 1)


def unknown(options: argparse.Namespace, place: Place) -> Told:
    from polyglot_cloud.money.store import Store  # noqa: PLC0415  # see above

    rows = [
        {
            "attempt": each.id, "since": moment(each.held_at or 0), "bound": shown(each.bound), "provider": each.held.get("provider"),
            "model": each.held.get("wire_model"), "tenant": each.held.get("tenant"), "run": each.held.get("run"),
        }
        for each in Store(place.ledger).unknown()
    ]  # fmt: skip
    if options.json:
        return Told(json.dumps(rows) + "\n")
    if not rows:
        return Told("Every attempt has its end.\n")
    return Told(table(list(rows[0]), [[str(cell or "-") for cell in row.values()] for row in rows]))


def free_unknown(options: argparse.Namespace, place: Place) -> Told:
    from polyglot_cloud.money.store import Store  # noqa: PLC0415  # see above

    try:
        journal = Journal(place.ledger, key=place.key)
    except LedgerBusy as error:
        raise NothingToDo(f"{error} Stop it first: it counts what this frees.") from None
    try:
        journal.refreshed()
        who = f"{getpass.getuser()}@{socket.gethostname()}"
        entry = Store(place.ledger).freeing(options.attempt, {"who": who, "why": options.why})
        journal.write(entry)
    except LookupError as error:
        raise NothingToDo(str(error.args[0])) from None
    finally:
        journal.close()
    return Told(f"{options.attempt} no longer counts: {shown(entry.nano)} is free.\n")


def rebuild_ledger(_options: argparse.Namespace, place: Place) -> Told:
    from polyglot_cloud.money.store import rebuild  # noqa: PLC0415  # see above

    return Told(f"Attempts and balances were made anew from {rebuild(place.ledger)} entries.\n")


def rebuild_receipts(_options: argparse.Namespace, place: Place) -> Told:
    from polyglot_cloud.money.receipts import Receipts  # noqa: PLC0415  # see above
    from polyglot_cloud.money.store import Store  # noqa: PLC0415  # see above

    receipts = Receipts(place.receipts, Store(place.ledger))
    try:
        return Told(f"{receipts.rebuild()} receipts were written to {place.receipts}.\n")
    finally:
        receipts.close()


# --- costs ---


def tell_costs(options: argparse.Namespace, place: Place) -> Told:
    since = day_of(options.since) if options.since else datetime.now(UTC).date() - timedelta(days=30)
    by = list(dict.fromkeys(options.by)) or ["day"]
    if strange := [name for name in by if name not in BY]:
        raise NothingToDo(f"costs cannot be told by {strange[0]!r}, but by {', '.join(BY)}.")
    head = [*by, "attempts", "input tokens", "output tokens", "usd", "unpriced"]
    rows = costs(place, since, datetime.now(UTC).date(), by)
    if options.json:
        return Told(json.dumps([dict(zip(head, row, strict=True)) for row in rows]) + "\n")
    if options.csv:
        out = io.StringIO()
        csv.writer(out).writerows([head, *rows])
        return Told(out.getvalue())
    return Told(table(head, rows) if rows else f"Nothing was spent since {since}.\n")


def costs(place: Place, since: date, until: date, by: Sequence[str]) -> list[list[str]]:
    """One row for each combination of `by`, in text; days in UTC, oldest first."""
    from polyglot_cloud.money.store import Store  # noqa: PLC0415  # see above

    store = Store(place.ledger)
    axes = [_AXES.get(name, name) for name in by if name != "day"]
    spans = _days(_first(store, since), until) if "day" in by else [("", start_of(since), end_of(until))]
    found = []
    for day, start, end in spans:
        for cost in store.costs(start, end, axes):  # type: ignore[arg-type]  # BY holds the store's axes and "day"
            names = iter([name or "-" for name in cost.by])
            cells = [day if name == "day" else next(names) for name in by]
            figures = (cost.attempts, cost.input, cost.output, shown(cost.nano).removeprefix("$"), cost.unpriced)
            found.append([*cells, *map(str, figures)])
    return found


def _days(since: date, until: date) -> list[tuple[str, int, int]]:
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    return [(day.isoformat(), start_of(day), end_of(day)) for day in days]


def _first(store: Any, since: date) -> date:
    """`since`, or the day of the first attempt where that is later: each day is a question to the ledger."""
    began = store.began()
    return since if began is None else max(since, datetime.fromtimestamp(began // 1_000_000, UTC).date())


def start_of(day: date) -> int:
    """Its first moment in UTC, in Unix microseconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def end_of(day: date) -> int:
    """The first moment after it, which for the last day of the calendar is no date any more."""
    return start_of(day) + 86_400_000_000


def day_of(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NothingToDo(f"{text!r} is no date: write 2026-11-01.") from None


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [[cell.upper() for cell in head], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )
