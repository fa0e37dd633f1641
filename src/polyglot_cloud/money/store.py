"""What is asked of the ledger: attempts, balances, costs, unknown holds; and the projections made anew.

Everything here reads through connections of its own and blocks, so an event loop calls it in a thread. What was committed a moment ago
stands in the projections after `Journal.refresh()`; without it they are behind by some hundredths of a second, under load by a few
thousand entries.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, and_, bindparam, case, func, select

from polyglot_cloud import wire
from polyglot_cloud.money.database import FAILURES, explained, reading, writing
from polyglot_cloud.money.entries import Entry
from polyglot_cloud.money.faults import LedgerDamaged, LedgerNewer
from polyglot_cloud.money.lock import Lock
from polyglot_cloud.money.projections import STRIDE, clear, project, reached
from polyglot_cloud.money.schema import (
    ABOUT_ALERTS,
    MIGRATIONS,
    alerts,
    attempts,
    balances,
    journal,
    limits,
    migrate,
    version_of,
)

State = Literal["held", "unknown", "freed", "released", "settled"]
Axis = Literal["tenant", "key", "run", "agent", "provider", "model", "answered", "outcome", "call"]
PAGE = 1000
"""Rows read at once where all are wanted."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Of a budget in the window that begins at `start` (Unix seconds); nano-dollars."""

    budget: str
    start: int
    scope: str
    spent: int
    held: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, as far as its entries tell.

    `model` is what was asked for, `answered` what answered. Times are Unix microseconds, amounts nano-dollars; `cost` None: not settled.
    `held` and `ended` are the facts of its first entry and of the one that ended it, `repriced` of the last that corrected its cost.
    """

    id: str
    state: State
    bound: int
    cost: int | None
    held_at: int | None
    ended_at: int | None
    held: dict[str, Any]
    ended: dict[str, Any]
    repriced: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """The sum of some attempts. `by`: the values of the axes that were asked for. `unpriced`: attempts of which no price is known."""

    by: tuple[str | None, ...]
    attempts: int
    input: int
    output: int
    nano: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Attempts at one provider, or by one registration at the swarm's Router. What was released cost nothing; nano-dollars."""

    name: str
    attempts: int
    tokens: int
    nano: int


@dataclass(frozen=True, slots=True)
class OfRun:
    """What was spent in a run with one key at one provider; nano-dollars."""

    key: str | None
    provider: str | None
    nano: int

    @property
    def holders(self) -> tuple[str, str]:
        """Whose caps it counts under, besides the process's and tenants'."""
        return f"key:{self.key}", f"provider:{self.provider}"


_COUNTED = case(
    (attempts.c.state == "settled", attempts.c.cost),
    (attempts.c.state.in_(["held", "unknown"]), attempts.c.bound),
    else_=0,
)
"""What an attempt adds to what was spent."""
_LIMIT = select(limits.c.nano, limits.c.alerts).where(limits.c.scope == bindparam("scope"))
_IN_RUN = (
    select(attempts.c.key, attempts.c.provider, func.sum(_COUNTED))
    .where(attempts.c.run == bindparam("of_run"), attempts.c.tenant.is_not_distinct_from(bindparam("of_tenant")))
    .group_by(attempts.c.key, attempts.c.provider)
)
_TOLD = select(alerts.c.budget, alerts.c.percent).where(alerts.c.budget.in_(bindparam("budgets", expanding=True)))
"""Made once: a run's first call waits for them."""
_held = journal.alias("held_entry")
_ended = journal.alias("ended_entry")
_NAME = func.coalesce(func.json_extract(_held.c.facts, "$.registration"), attempts.c.provider, "")
_TALLIED = (
    select(
        _NAME, func.count(), func.sum(attempts.c.input + attempts.c.output), func.coalesce(func.sum(attempts.c.cost), 0)
    )
    .select_from(attempts.outerjoin(_held, _held.c.seq == attempts.c.held_seq))
    .group_by(_NAME)
    .order_by(_NAME)
)
_WHOLE = select(
    attempts.c.attempt,
    attempts.c.state,
    attempts.c.bound,
    attempts.c.cost,
    attempts.c.held_at,
    attempts.c.ended_at,
    attempts.c.ended_seq,
    attempts.c.cost_source,
    _held.c.facts.label("held"),
    _ended.c.facts.label("ended"),
    _ended.c.nano.label("first_cost"),
).select_from(
    attempts.outerjoin(_held, _held.c.seq == attempts.c.held_seq).outerjoin(
        _ended, _ended.c.seq == attempts.c.ended_seq
    )
)


class Store:
    """A ledger to read. Raises LedgerError where the file is not there, is no ledger, or has other tables than this program's."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self._engine = reading(self.path)
        with self.connection() as connection:
            _fitting(version_of(connection), self.path)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One state of the ledger, for as long as the block lasts."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except FAILURES as error:
            raise explained(error, self.path) from error

    def balances(self) -> list[Balance]:
        """All budgets in all windows, by budget and start."""
        with self.connection() as connection:
            rows = connection.execute(select(balances).order_by(balances.c.budget, balances.c.start))
            return [Balance(*row) for row in rows]

    def alerts(self, of: Collection[str] | None = None) -> set[tuple[str, int, int]]:
        """(budget, window's start, percent) of each alert that was told; `of`: of these budgets alone."""
        query = select(alerts) if of is None else select(alerts).where(alerts.c.budget.in_(of))
        with self.connection() as connection:
            return {(row.budget, row.start, row.percent) for row in connection.execute(query)}

    def run(
        self, tenant: str | None, run: str, scope: str, budgets: Collection[str]
    ) -> tuple[tuple[int, tuple[int, ...]] | None, list[OfRun], set[tuple[str, int]]]:
        """The limit of its own that a run got, with the percents at which it is told; what was spent in it by key and provider; and which
        percents of which of `budgets` were told.
        """
        with self.connection() as connection:
            row = connection.execute(_LIMIT, {"scope": scope}).one_or_none()
            found = [OfRun(*each) for each in connection.execute(_IN_RUN, {"of_run": run, "of_tenant": tenant})]
            told = connection.execute(_TOLD, {"budgets": list(budgets)}) if found else ()
            percents = {(each.budget, each.percent) for each in told}
        return None if row is None else (row.nano, tuple(wire.decode(row.alerts))), found, percents

    def has_limits(self) -> bool:
        """Whether any run ever got a limit of its own."""
        with self.connection() as connection:
            return connection.execute(select(limits.c.scope).limit(1)).first() is not None

    def attempt(self, id_: str) -> Attempt | None:
        with self.connection() as connection:
            row = connection.execute(_WHOLE.where(attempts.c.attempt == id_)).one_or_none()
            return None if row is None else replace(_attempt(row), repriced=_repriced(connection, row))

    def unknown(self) -> list[Attempt]:
        """What nobody knows the end of, oldest first. It counts at its bound until it is freed."""
        with self.connection() as connection:
            rows = connection.execute(_WHOLE.where(attempts.c.state == "unknown").order_by(attempts.c.held_seq))
            return [_attempt(row) for row in rows]

    def freeing(self, id_: str, facts: dict[str, Any]) -> Entry:
        """The entry that frees an unknown hold; `facts` says who frees it and why. Raises LookupError where there is none."""
        attempt = self.attempt(id_)
        if attempt is None or attempt.state != "unknown":
            state = "there is no such attempt" if attempt is None else f"it is {attempt.state}"
            raise LookupError(f"{id_} cannot be freed: {state}. `polyglot-cloud ledger unknown` lists those that can.")
        return self.entry_freeing(attempt, facts)

    @staticmethod
    def entry_freeing(attempt: Attempt, facts: dict[str, Any]) -> Entry:
        """Of an attempt that is known to be unknown."""
        return Entry("freed", attempt.id, attempt.bound, facts)

    def spent(self, axis: Axis | None, value: str | None, start: int, end: int | None) -> int:
        """Nano-dollars of the attempts begun in [start, end) microseconds, open and unknown ones at their bounds.

        What a budget that is new finds spent already. `axis` None: of the whole process.
        """
        within = [attempts.c.held_at >= start]
        within += [attempts.c.held_at < end] if end is not None else []
        within += [attempts.c[axis] == value] if axis is not None else []
        with self.connection() as connection:
            return int(
                connection.execute(select(func.coalesce(func.sum(_COUNTED), 0)).where(and_(*within))).scalar_one()
            )

    def counted(self, budget: str, start: int) -> int:
        """Nano-dollars spent and held under a budget in the window that begins at `start` (Unix seconds)."""
        within = balances.c.budget == budget, balances.c.start == start
        with self.connection() as connection:
            row = connection.execute(select(balances.c.spent + balances.c.held).where(*within)).one_or_none()
            return 0 if row is None else int(row[0])

    def starts(self, budget: str, after: int) -> list[int]:
        """The later windows of a budget under which something was held: their starts in Unix seconds."""
        query = select(balances.c.start).where(balances.c.budget == budget, balances.c.start > after)
        with self.connection() as connection:
            return list(connection.execute(query).scalars())

    def began(self) -> int | None:
        """When the first attempt began, in Unix microseconds; None where there is none."""
        with self.connection() as connection:
            found: int | None = connection.execute(select(func.min(attempts.c.held_at))).scalar_one()
            return found

    def costs(self, start: int, end: int, by: Sequence[Axis] = (), **only: str) -> list[Cost]:
        """Settled attempts begun in [start, end) microseconds, summed by `by`, dearest first; `only`: of one tenant, key, run, ..."""
        axes = [attempts.c[name] for name in by]
        sums = (
            func.count(),
            func.sum(attempts.c.input),
            func.sum(attempts.c.output),
            func.sum(attempts.c.cost).label("nano"),
            func.sum(case((attempts.c.cost_source == "unpriced", 1), else_=0)),
        )
        within = [attempts.c.state == "settled", attempts.c.held_at >= start, attempts.c.held_at < end]
        within += [attempts.c[name] == value for name, value in only.items()]
        query = select(*axes, *sums).where(and_(*within)).group_by(*axes).having(func.count() > 0)
        with self.connection() as connection:
            rows = connection.execute(query.order_by(sums[3].desc(), *axes)).all()
        return [Cost(tuple(row[: len(axes)]), *row[len(axes) :]) for row in rows]

    def tallies(self, start: int, end: int, tenant: str | None = None) -> list[Tally]:
        """Attempts that began in [start, end) microseconds and have ended, by the name that the swarm knows who answered by; `tenant`: of
        one alone.
        """
        within = [attempts.c.state.in_(["settled", "released"]), attempts.c.held_at >= start, attempts.c.held_at < end]
        within += [attempts.c.tenant == tenant] if tenant is not None else []
        with self.connection() as connection:
            return [Tally(*row) for row in connection.execute(_TALLIED.where(and_(*within)))]

    def entries(self, after: int = 0, kinds: Sequence[str] = ()) -> Iterator[Entry]:
        """The journal from the entry after `after` on, a page at a time: it may be longer than the memory."""
        query = select(journal).order_by(journal.c.seq).limit(PAGE)
        if kinds:
            query = query.where(journal.c.kind.in_(kinds))
        while True:
            with self.connection() as connection:
                rows = connection.execute(query.where(journal.c.seq > after)).all()
            for row in rows:
                yield _entry(row)
            if len(rows) < PAGE:
                return
            after = rows[-1].seq

    def owed(self, since: int, most: int, ledger: bytes | None = None) -> tuple[list[Entry], bytes]:
        """Up to `most` alerts since then (Unix microseconds) of whose delivery the ledger knows no end, the oldest first; and its first
        entry's hash, by which it is told from others, unless that is known already.
        """
        recent = select(journal).where(ABOUT_ALERTS, journal.c.at >= since).order_by(journal.c.at, journal.c.seq)
        with self.connection() as connection:
            ended = {
                wire.decode(row.facts).get("alert")
                for row in connection.execute(recent.where(journal.c.kind != "alerted"))
            }
            rows = (row for row in connection.execute(recent) if row.kind == "alerted" and row.seq not in ended)
            found = [_entry(row) for row in islice(rows, most)]
            return found, ledger or self._first(connection)

    @staticmethod
    def _first(connection: Connection) -> bytes:
        found = connection.execute(select(journal.c.hash).where(journal.c.seq == 1)).scalar()
        return bytes(found or b"")

    def projected(self) -> int:
        """The entry up to which the projections have got."""
        with self.connection() as connection:
            return reached(connection)


def _fitting(version: int, path: Path) -> None:
    if version > len(MIGRATIONS):
        raise LedgerNewer(f"The ledger {path} was written by a newer polyglot-cloud. Install that one again.")
    if version == 0:
        raise LedgerDamaged(
            f"{path} is a database without a ledger: either nothing was booked there yet (the first `polyglot-cloud serve` begins one),"
            " or POLYGLOT_DATA_DIR names the wrong folder."
        )
    if version < len(MIGRATIONS):
        raise LedgerDamaged(
            f"The ledger {path} has the tables of an older polyglot-cloud. Start the gateway once: it brings them up to date."
        )


def _entry(row: Any) -> Entry:
    return Entry(row.kind, row.attempt, row.nano, wire.decode(row.facts), row.at, row.seq)


def _attempt(row: Any) -> Attempt:
    held, ended = (wire.decode(facts) if facts else {} for facts in (row.held, row.ended))
    return Attempt(row.attempt, row.state, row.bound, row.cost, row.held_at, row.ended_at, held, ended)


def _repriced(connection: Connection, row: Any) -> dict[str, Any] | None:
    """There is no index for it: it is looked for only where cost or source are not those of the settlement."""
    ended = wire.decode(row.ended) if row.ended else {}
    if row.state != "settled" or (row.cost, row.cost_source) == (row.first_cost, ended.get("cost_source")):
        return None
    of_it = journal.c.attempt == row.attempt, journal.c.kind == "repriced", journal.c.seq > row.ended_seq
    last = connection.execute(select(journal.c.facts).where(*of_it).order_by(journal.c.seq.desc()).limit(1)).scalar()
    return wire.decode(last) if last else None


def rebuild(path: Path, stride: int = STRIDE) -> int:
    """Makes all projections anew from the journal, in one transaction; returns the number of entries. No gateway may be running.

    Raises LedgerError.
    """
    path = path.expanduser().resolve()
    try:
        lock = Lock(f"The ledger {path}", path)
        try:
            with writing(path, "NORMAL").connect() as connection, connection.begin():
                migrate(connection)
                clear(connection)
                end = connection.execute(select(func.coalesce(func.max(journal.c.seq), 0))).scalar_one()
                for after in range(0, end, stride):
                    project(connection, after, min(after + stride, end))
                return int(end)
        finally:
            lock.release()
    except FAILURES as error:
        raise explained(error, path) from error
