"""Opens the till on a database: what was spent before counts on, and what a crash left open counts at its bound."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from polyglot_cloud.grants import BudgetRow
from polyglot_cloud.money.amounts import Nano
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.budgets import Budget, Spent
from polyglot_cloud.money.caps import Run, RunPast, budgets_of
from polyglot_cloud.money.journal import Journal, microseconds
from polyglot_cloud.money.periods import Window, window
from polyglot_cloud.money.till import MICRO, Till

_AXES = ("provider", "tenant", "key")


def open_till(
    path: Path,
    caps: Sequence[BudgetRow],
    *,
    unbooked: bool = False,
    before_send: bool = False,
    key: bytes | None = None,
    synchronous: str = "NORMAL",
    clock: Callable[[], int] = microseconds,
) -> Till:
    """`caps` are those of the process and of providers; `key` and `synchronous` are the journal's, the rest is the till's.

    Blocks while it opens. Raises LedgerError: the file cannot be used, or another process has it.
    """
    journal = Journal(path, key=key, synchronous=synchronous, clock=clock)
    budgets, runs = budgets_of(caps)
    till = Till(
        Book(clock), journal, budgets, clock=clock, unbooked=unbooked, before_send=before_send, recall=Recall(path, clock), runs=runs
    )  # fmt: skip
    till.remember(budgets)
    return till


class Recall:
    """What was spent under budgets in their running windows, as the ledger has it: a query for each."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        from polyglot_cloud.money.store import Store  # noqa: PLC0415  # it imports SQLAlchemy

        self._store = Store(path)
        self._clock = clock

    def __call__(self, budgets: Iterable[Budget]) -> list[Spent]:
        """Attempts that nobody knows the end of are in it, at their bounds."""
        now, budgets = self._clock() // MICRO, list(budgets)
        told = self._store.alerts({budget.id for budget in budgets})
        return [
            Spent(budget, span.start, self._spent(budget, span), _percents(told, budget, span), first=number == 0)
            for budget in budgets
            for number, span in enumerate(self._spans(budget, now))
        ]

    def _spans(self, budget: Budget, now: int) -> list[Window]:
        """The running window, and those after it in which there is something: the clock may have been set back, and will be set right."""
        zone = ZoneInfo(budget.zone)
        running = window(budget.period, now, zone)
        later = {window(budget.period, start, zone) for start in self._store.starts(budget.id, running.start)}
        return [running, *sorted(later - {running})]

    def _spent(self, budget: Budget, span: Window) -> Nano:
        kind, _, name = budget.scope.partition(":")
        axis, value = (kind, name) if kind in _AXES else (None, None)
        end = None if span.end is None else span.end * MICRO
        nano = self._store.spent(axis, value, span.start * MICRO, end)  # type: ignore[arg-type]  # one of _AXES
        # what was held under this very budget counts too: by a tenant's budget, what the tenants below it spent
        return max(nano, self._store.counted(budget.id, span.start))

    def has_limits(self) -> bool:
        return self._store.has_limits()

    def run(self, run: Run, budgets: Mapping[str, Budget]) -> RunPast:
        """One look at the file: this is on the way of a run's first call."""
        named = {budget.id for budget in budgets.values()} | {run.limited(0, ()).id}
        limit, sums, told = self._store.run(run.tenant, run.name, run.scope, named)

        def spent(scope: str, budget: Budget) -> Spent:
            nano = sum(each.nano for each in sums if scope in {"process", *each.holders} or scope.startswith("tenant:"))
            return Spent(budget, 0, nano, tuple(percent for id_, percent in told if id_ == budget.id))

        found = tuple(spent(scope, budget) for scope, budget in budgets.items())
        return RunPast(found, spent("process", run.limited(*limit)) if limit else None)


def _percents(told: set[tuple[str, int, int]], budget: Budget, span: Window) -> tuple[int, ...]:
    return tuple(percent for id_, start, percent in told if (id_, start) == (budget.id, span.start))
