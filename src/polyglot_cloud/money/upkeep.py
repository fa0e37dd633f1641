"""What an operator asks of a ledger that is in use: how budgets stand, what a crash left open, and that it be let go.

What a former process left open counts as spent in the book, at its bound, since the book was filled from the ledger. So whatever the
ledger takes out of a budget when it is freed is taken out of the book too.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from polyglot_cloud.money.book import Book
from polyglot_cloud.money.budgets import Budget, Spent, Standing
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.periods import window

if TYPE_CHECKING:
    from polyglot_cloud.money.opening import Recall
    from polyglot_cloud.money.store import Attempt, Store


class NotUnknown(LookupError):
    """There is no such attempt, or its end is known."""


class Upkeep:
    """Of one till, on its event loop; queries run in a thread."""

    def __init__(self, book: Book, journal: Journal, recall: "Recall", clock: Callable[[], int]) -> None:
        self._book = book
        self._journal = journal
        self._recall = recall
        self._clock = clock
        self._freeing = asyncio.Lock()

    @cached_property
    def _store(self) -> "Store":
        from polyglot_cloud.money.store import Store  # noqa: PLC0415  # it imports SQLAlchemy

        return Store(self._journal.path)

    def counted(self) -> list[Budget]:
        """The budgets that calls of this process were counted under."""
        return self._book.budgets()

    async def standings(self, budgets: Sequence[Budget]) -> list[Standing]:
        """How each stands in its running window, in their order. Raises LedgerError."""
        now = self._clock()
        found = {budget.id: self._book.standing(budget, now) for budget in budgets}
        quiet = [budget for budget in budgets if found[budget.id] is None and budget.period != "call"]
        await self._journal.refresh()
        recalled = await asyncio.to_thread(self._recall, quiet)
        spent: dict[str, Spent] = {row.budget.id: row for row in recalled if row.first}
        return [found[budget.id] or self._told(budget, spent.get(budget.id), now) for budget in budgets]

    def _told(self, budget: Budget, spent: Spent | None, now: int) -> Standing:
        """Of a budget that nothing in this process has asked for."""
        if spent is None:
            return Standing(budget, 0, None, 0, 0, 0)
        span = window(budget.period, spent.start, self._recall.zone(budget))
        return Standing(budget, span.start, span.end, spent.nano, 0, 0)

    async def unknown(self) -> "list[Attempt]":
        """The oldest first. Raises LedgerError."""
        await self._journal.refresh()
        return await asyncio.to_thread(self._store.unknown)

    async def free(self, attempt: str, who: str, why: str) -> "Attempt":
        """Lets an unknown attempt go, as an entry; it no longer counts. Raises NotUnknown, LedgerError."""
        async with self._freeing:  # twice would give its money back twice
            await self._journal.refresh()
            found = await asyncio.to_thread(self._store.attempt, attempt)
            if found is None or found.state != "unknown":
                state = "there is no such attempt" if found is None else f"it is {found.state}"
                raise NotUnknown(f"{attempt[:64]} cannot be freed: {state}.")
            budgets = self._book.budgets()  # one that is filled from now on may be so without it
            await self._journal.append(self._store.entry_freeing(found, {"who": who, "why": why}))
            await self._journal.refresh()
            given = await asyncio.to_thread(self._credits, found, budgets)
            now = self._clock()
            for budget, start, nano in given:
                self._book.credit(budget, start, nano, now)
            return found

    def _credits(self, attempt: "Attempt", budgets: Iterable[Budget]) -> list[tuple[str, int, int]]:
        """(budget, its window's start, nano-dollars): by how much less the ledger counts now."""
        found = []
        for budget in budgets:
            start, nano = self._recall.less(budget, attempt)
            if nano:
                found.append((budget.id, start, nano))
        return found
