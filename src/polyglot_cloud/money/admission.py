"""How a call is let in that does not fit by its first bound, in this order:

    tightened   its bound is looked at again, then counted by the provider; and so are those in flight, the largest first
    waits       bounded and in order of arrival, for others to settle
    clamped     holds less than its bound: whoever sends it lowers its maximum of output to that

Nothing here runs for a call that fits at once.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from polyglot_cloud.money.book import Book
from polyglot_cloud.money.bounds import Bound
from polyglot_cloud.money.budgets import Budget
from polyglot_cloud.money.verdicts import OverSpent, Refusal
from polyglot_cloud.money.waiting import Hold

AT_ONCE = 16
"""Calls in flight whose bounds are tightened for one that does not fit."""


class Terms(Protocol):
    """What is known of a call beyond its first bound, by whoever sends it. Its methods raise no GatewayError, and no bound."""

    async def nearer(self, most: Bound) -> Bound:
        """A truer bound, by what stands in the call."""

    async def counted(self, most: Bound) -> Bound:
        """A truer bound, by what the provider counts; the same where it does not count, or takes too long."""

    def least(self, most: Bound) -> int:
        """The smallest maximum of output that the call may be given."""


@dataclass(slots=True)
class Loose:
    """A call in flight with a coarse bound. `tighten` is told a truer one, and whether the call had not ended meanwhile."""

    bound: Bound
    terms: Terms
    tighten: Callable[[Bound], bool]


class Admission:
    """For one book and one event loop. `loose` are calls in flight, by attempt; who puts one in takes it out."""

    def __init__(self, book: Book, clock: Callable[[], int], patience: int) -> None:
        self.loose: dict[str, Loose] = {}
        self._book = book
        self._clock = clock
        self._patience = patience
        self._round: asyncio.Task[None] | None = None

    async def squeezed(
        self, attempt: str, most: Bound, budgets: Sequence[Budget], terms: Terms | None, refusal: Refusal
    ) -> tuple[Hold, Bound]:
        """A hold, and the bound that it covers: its `maximum` is what the call may be sent with. `refusal` is what the book said to `most`.

        Raises OverSpent, OverHeld.
        """
        if terms is not None:
            most, hold = await self._tightened(attempt, most, budgets, terms, refusal)
            if hold is not None:
                return hold, most
        smallest = most if terms is None else most.writing(min(terms.least(most), most.maximum))
        deadline = self._clock() + self._patience
        hold = await self._book.wait(attempt, budgets, most.nano, deadline, least=min(smallest.nano, most.nano))
        if hold.amount >= most.nano:
            return hold, most
        most = most.writing(most.fitting(hold.amount))
        self._book.tighten(attempt, most.nano, self._clock())
        return hold, most

    async def _tightened(
        self, attempt: str, most: Bound, budgets: Sequence[Budget], terms: Terms, refusal: Refusal
    ) -> tuple[Bound, Hold | None]:
        if isinstance(refusal, OverSpent) and _is_hopeless(most, terms, refusal):
            return most, None
        most = await terms.nearer(most)
        hold = self._held(attempt, most, budgets)
        if hold is None:
            most, _ = await asyncio.gather(terms.counted(most), self._tighten_others(budgets))
            hold = self._held(attempt, most, budgets)
        return most, hold

    def _held(self, attempt: str, most: Bound, budgets: Sequence[Budget]) -> Hold | None:
        try:
            return self._book.hold(attempt, budgets, most.nano, self._clock())
        except Refusal:
            return None

    async def _tighten_others(self, budgets: Sequence[Budget]) -> None:
        """One round at a time: of two calls that come together the second waits for the first one's."""
        if self._round is None or self._round.done():
            chosen = [each for each in self._book.beside(budgets) if each in self.loose][:AT_ONCE]
            if not chosen:
                return
            tasks = [self._tighten(self.loose.pop(each)) for each in chosen]
            self._round = asyncio.ensure_future(_all(tasks))
        await asyncio.shield(self._round)

    async def _tighten(self, loose: Loose) -> None:
        most = loose.bound
        for truer in (loose.terms.nearer, loose.terms.counted):
            found = await truer(most)
            if found.nano < most.nano and not loose.tighten(found):
                return
            most = found


async def _all(tasks: Sequence[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*tasks)


def _is_hopeless(most: Bound, terms: Terms, refusal: OverSpent) -> bool:
    """Even without a token of input it would not fit: there is nothing to ask for."""
    hope = refusal.limit - refusal.spent - refusal.unknown
    return most.reading(0).writing(min(terms.least(most), most.maximum)).nano > hope
