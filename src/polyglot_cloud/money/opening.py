"""Opens the till on a database: what was spent before counts on, and what a crash left open counts at its bound."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from polyglot_cloud.money.amounts import Nano
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.budgets import Budget, Spent
from polyglot_cloud.money.journal import Journal, microseconds
from polyglot_cloud.money.periods import Window, window
from polyglot_cloud.money.till import MICRO, Till

if TYPE_CHECKING:
    from polyglot_cloud.money.store import Attempt

_AXES = ("provider", "tenant", "key", "run")


def open_till(
    path: Path, budgets: Sequence[Budget], *, unbooked: bool = False, clock: Callable[[], int] = microseconds
) -> Till:
    """Blocks while it opens. Raises LedgerError: the file cannot be used, or another process has it."""
    journal = Journal(path, clock=clock)
    till = Till(Book(clock), journal, budgets, clock=clock, unbooked=unbooked, recall=Recall(path, clock))
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
        now = self._clock()
        told = self._store.alerts()
        found = []
        for budget in budgets:
            span = window(budget.period, now // MICRO, self.zone(budget))
            percents = tuple(percent for id_, start, percent in told if (id_, start) == (budget.id, span.start))
            found.append(Spent(budget, span.start, max(self._sums(budget, span)), percents))
        return found

    def _sums(self, budget: Budget, span: Window) -> tuple[Nano, Nano]:
        """What its scope has spent in the window; and what was held under this very budget: of a tenant's, by the tenants below it too."""
        axis, value = _axis(budget)
        end = None if span.end is None else span.end * MICRO
        spent = self._store.spent(axis, value, span.start * MICRO, end)  # type: ignore[arg-type]  # one of _AXES
        return spent, self._store.counted(budget.id, span.start)

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


def _axis(budget: Budget) -> tuple[str | None, str | None]:
    """By what the attempts of a budget's scope are found; of the process, all are."""
    kind, _, name = budget.scope.partition(":")
    return (kind, name) if kind in _AXES else (None, None)
