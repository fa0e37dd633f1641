"""A till of a test's own: a real journal in a folder, a clock that stands until it is moved, and what was booked, read from the file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from harness import NOW
from money.tomlprices import rows
from polyglot_cloud.grants import BudgetRow
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.budgets import Budget
from polyglot_cloud.money.entries import Entry
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.opening import Recall
from polyglot_cloud.money.store import Store
from polyglot_cloud.money.till import Till

DOLLAR = 1_000_000_000
START = int(NOW) * 1_000_000


def day(limit: int, scope: str = "process", **more: Any) -> Budget:
    return Budget(f"{scope}/day", scope, "day", limit, **more)


class Counter:
    """`open_till` with its parts in reach. No call waits for others to settle unless `patience` (microseconds) says so."""

    def __init__(
        self,
        path: Path,
        budgets: Sequence[Budget] = (),
        *,
        unbooked: bool = False,
        before_send: bool = False,
        patience: int = 0,
        runs: Sequence[BudgetRow] = (),
    ) -> None:
        self.at = START
        self.book = Book(lambda: self.at)
        self.journal = Journal(path, clock=lambda: self.at)
        recall = Recall(path, lambda: self.at)
        self.till = Till(
            self.book, self.journal, budgets, clock=lambda: self.at, unbooked=unbooked, before_send=before_send, patience=patience,
            recall=recall, runs=runs,
        )  # fmt: skip
        self.till.remember(budgets)
        self._store = Store(path)

    def entries(self, *kinds: str) -> list[Entry]:
        self.journal.refreshed()
        return list(self._store.entries(kinds=kinds))

    def spent(self, budget: Budget) -> int:
        standing = self.book.standing(budget, self.at)
        return standing.spent if standing else 0


@contextmanager
def counter(folder: Path, *budgets: Budget, **more: Any) -> Iterator[Counter]:
    made = Counter(folder / "ledger.sqlite3", budgets, **more)
    try:
        yield made
    finally:
        made.till.close()


def price(model: str, **tokens: int) -> int:
    """Nano-dollars of tokens by kind at today's standard rates, from the catalog's text."""
    row = [each for each in rows() if each.model == model and each.since.isoformat() <= "2026-11-22"][-1]
    dollars = sum(row.tables["standard"][kind] * count for kind, count in tokens.items()) / 1_000_000
    exact = Fraction(dollars) * DOLLAR
    return int(exact + Fraction(1, 2))
