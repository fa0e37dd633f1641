"""Opens the till on a database: what was spent before counts on, and what a crash left open counts at its bound."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from polyglot_cloud.amounts import Nano
from polyglot_cloud.grants import BudgetRow
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.budgets import Budget, Spent, Standing, untouched
from polyglot_cloud.money.caps import Run, RunPast, budgets_of
from polyglot_cloud.money.journal import Journal, microseconds
from polyglot_cloud.money.periods import Window, window
from polyglot_cloud.money.till import MICRO, Till

if TYPE_CHECKING:
    from polyglot_cloud.money.store import Attempt

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


class Glance:
    """Budgets as they stand, by the ledger alone: nothing is opened to write, so a gateway may be running. What is held counts as spent.

    `path` None: there is no ledger, and nothing was spent. Raises LedgerError.
    """

    def __init__(self, path: Path | None, budgets: Sequence[Budget], clock: Callable[[], int] = microseconds) -> None:
        self._budgets = budgets
        self._clock = clock
        self._recall = None if path is None else Recall(path, clock)

    def applying(self, provider: str) -> tuple[Budget, ...]:
        named = "process", f"provider:{provider}"
        return tuple(budget for budget in self._budgets if budget.scope in named)

    def standing(self, budget: Budget) -> Standing:
        spent = 0 if self._recall is None else self._recall([budget])[0].nano
        return untouched(budget, self._clock() // MICRO, spent)


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

    def less(self, budget: Budget, freed: "Attempt") -> tuple[int, Nano]:
        """(a window's start, by how much less the budget counts there) since an attempt that counted at its bound was freed."""
        at = (freed.held_at or 0) // MICRO
        span = window(budget.period, at, self.zone(budget))
        axis, value = _axis(budget)
        own = freed.bound if axis is None or freed.held.get(axis) == value else 0
        listed = any((each["id"], each["start"]) == (budget.id, span.start) for each in freed.held.get("budgets", ()))
        spent, counted = self._sums(budget, span)
        before = max(spent + own, counted + (freed.bound if listed else 0))
        return span.start, before - max(spent, counted)

    @staticmethod
    def zone(budget: Budget) -> ZoneInfo:
        return ZoneInfo(budget.zone)

    def _sums(self, budget: Budget, span: Window) -> tuple[Nano, Nano]:
        """What its scope has spent in the window; and what was held under this very budget: of a tenant's, by the tenants below it too."""
        axis, value = _axis(budget)
        end = None if span.end is None else span.end * MICRO
        spent = self._store.spent(axis, value, span.start * MICRO, end)  # type: ignore[arg-type]  # one of _AXES
        return spent, self._store.counted(budget.id, span.start)

    def _spans(self, budget: Budget, now: int) -> list[Window]:
        """The running window, and those after it in which there is something: the clock may have been set back, and will be set right."""
        zone = self.zone(budget)
        running = window(budget.period, now, zone)
        later = {window(budget.period, start, zone) for start in self._store.starts(budget.id, running.start)}
        return [running, *sorted(later - {running})]

    def _spent(self, budget: Budget, span: Window) -> Nano:
        return max(self._sums(budget, span))

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


def _axis(budget: Budget) -> tuple[str | None, str | None]:
    """By what the attempts of a budget's scope are found; of the process, all are."""
    kind, _, name = budget.scope.partition(":")
    return (kind, name) if kind in _AXES else (None, None)
