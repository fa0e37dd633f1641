"""The one door to the money: what an attempt may cost is set aside before it is sent, and what it did cost is booked after it.

    tab = await till.open(facts, bound, budgets)    refused here, or held in memory; written while the provider works
    await tab.written()                             before a byte of the answer leaves
    tab.settle(cost, facts)                         or tab.release(facts), once; a second word changes nothing

The journal is the truth, the book what this process knows of it. The ledger's failures are the journal's to report; a call whose hold
cannot be written is not answered, unless `unbooked` allows it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_cloud import wire
from polyglot_cloud.errors import BudgetHeld, BudgetSpent, LedgerDown, Unbounded
from polyglot_cloud.money.admission import Admission, Loose, Terms
from polyglot_cloud.money.amounts import LARGEST, Nano, shown
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.bounds import Bound
from polyglot_cloud.money.budgets import Alert, Budget, Standing, untouched
from polyglot_cloud.money.commits import Commit
from polyglot_cloud.money.entries import NOTHING, AttemptIds, Line, Outcome, line_of, spelled
from polyglot_cloud.money.faults import LedgerError
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.notices import Notice
from polyglot_cloud.money.outbox import Outbox
from polyglot_cloud.money.upkeep import Upkeep
from polyglot_cloud.money.verdicts import OverHeld, OverSpent, Refusal, words
from polyglot_cloud.money.views import Views

if TYPE_CHECKING:
    from polyglot_cloud.money.opening import Recall
    from polyglot_cloud.money.receipts import Follower

log = logging.getLogger("polyglot_cloud.money")

MICRO = 1_000_000
PATIENCE = 10 * MICRO
"""Microseconds for which a call waits for others to settle."""
AGAIN = 2.0
"""Seconds after which a call that only others' holds kept out may come again: nobody knows when they settle."""


class Till:
    """For one event loop. `budgets` are those of the process and of providers; a caller's own come with its calls."""

    def __init__(
        self,
        book: Book,
        journal: Journal,
        budgets: Sequence[Budget],
        *,
        clock: Callable[[], int],
        unbooked: bool = False,
        patience: int = PATIENCE,
        recall: "Recall | None" = None,
    ) -> None:
        """`recall` tells what was spent under budgets before this process; None: nothing was."""
        self._book = book
        self._journal = journal
        self._budgets = {
            scope: tuple(each for each in budgets if each.scope == scope) for scope in {b.scope for b in budgets}
        }
        self._applying: dict[str, tuple[Budget, ...]] = {}
        self._ids = AttemptIds(clock)
        self._clock = clock
        self._unbooked = unbooked
        self._admission = Admission(book, clock, patience)
        self._recall = recall
        self._listening: list[Callable[[Notice], None]] = []

    def remember(self, budgets: Iterable[Budget]) -> None:
        """Lets what was spent under these budgets before count on. To be called before they are used, once for each; may take a query."""
        counted = [budget for budget in budgets if budget.period != "call"]
        if self._recall is not None and counted:
            now = self._clock()
            alerts = self._book.restore(self._recall(counted), (), now)
            if alerts:
                self._journal.put([self._alerted(alert, now) for alert in alerts])

    def receipts(self, folder: Path) -> "Follower":
        """Keeps the files of receipts up to date until it is closed, which is to be after the till."""
        from polyglot_cloud.money.receipts import Follower, Receipts  # noqa: PLC0415  # it imports SQLAlchemy
        from polyglot_cloud.money.store import Store  # noqa: PLC0415  # as above

        return Follower(Receipts(folder, Store(self.path)), self._journal)

    def views(self) -> Views:
        """What this ledger tells of itself."""
        return Views(self._journal)

    def on_alert(self, listen: Callable[[Notice], None]) -> None:
        """`listen` is called in the event loop with every alert from now on, once its entry is on its way to the disk."""
        self._listening.append(listen)

    def outbox(self) -> Outbox:
        """The alerts that are still to be delivered."""
        return Outbox(self._journal)

    def upkeep(self) -> Upkeep:
        """What an operator asks of this till. Raises ValueError where it was opened without a way to look back."""
        if self._recall is None:
            raise ValueError("a till that cannot recall what was spent tells no operator of it")
        return Upkeep(self._book, self._journal, self._recall, self._clock)

    @property
    def own(self) -> tuple[Budget, ...]:
        """The budgets of the process and of providers."""
        return tuple(budget for budgets in self._budgets.values() for budget in budgets)

    def close(self) -> None:
        """Writes what is waiting, and lets the ledger go. Blocks."""
        self._journal.close()

    @property
    def path(self) -> Path:
        return self._journal.path

    @property
    def swept(self) -> int:
        """Attempts that a crash had left open: `polyglot-cloud ledger unknown` lists them."""
        return self._journal.swept

    def applying(self, provider: str, own: Sequence[Budget]) -> tuple[Budget, ...]:
        """The budgets that a call to this provider must keep."""
        ours = self._applying.get(provider)
        if ours is None:
            ours = (*self._budgets.get("process", ()), *self._budgets.get(f"provider:{provider}", ()))
            self._applying[provider] = ours
        return (*ours, *own) if own else ours

    def standing(self, budget: Budget) -> Standing:
        """How a budget stands now."""
        now = self._clock()
        return self._book.standing(budget, now) or untouched(budget, now // MICRO)

    async def open(
        self, facts: dict[str, Any], bound: Bound | None, budgets: Sequence[Budget], terms: Terms | None = None
    ) -> "Tab":
        """Sets aside what the attempt may cost. Raises Unbounded, BudgetSpent, BudgetHeld, LedgerDown.

        With `terms` a call that does not fit may be let in under a truer bound or a smaller maximum: the tab's `bound` has it.
        """
        attempt = self._ids.next()
        if self._journal.failure is not None and not self._unbooked:
            raise LedgerDown(f"{self._journal.failure} No call is sent that could not be booked.")
        if budgets:
            facts["budgets"], bound = await self._hold(attempt, bound, budgets, facts, terms)
        try:
            line: Line = ("held", attempt, _bookable(bound.nano) if bound else 0, spelled(facts), self._clock())
            tab = Tab(self, attempt, bound, self._journal.add([line]), held=bool(budgets))
        except BaseException:
            self._book.release(attempt, self._clock())  # an entry that no journal holds: nobody else would let it go
            raise
        if budgets and bound is not None and terms is not None and not bound.told:
            self._admission.loose[attempt] = Loose(bound, terms, tab.tighten)
        return tab

    async def _hold(
        self,
        attempt: str,
        bound: Bound | None,
        budgets: Sequence[Budget],
        facts: Mapping[str, Any],
        terms: Terms | None,
    ) -> tuple[list[dict[str, Any]], Bound]:
        if bound is None:
            raise Unbounded(
                "A budget applies to this call, and what it may cost is not known: the catalog has no price, no input limit or no "
                "output limit for this model. Add them to the catalog (POLYGLOT_CATALOG), or set the maximum of output tokens."
            )
        now = self._clock()
        try:
            try:
                hold = self._book.hold(attempt, budgets, bound.nano, now)
            except Refusal as refusal:
                hold, bound = await self._admission.squeezed(attempt, bound, budgets, terms, refusal)
        except OverSpent as refusal:
            told = words(refusal, facts.get("tenant"), facts.get("key"))
            raise BudgetSpent(f"The budget is used up: {told}.", resets_at=refusal.resets_at) from None
        except OverHeld as refusal:
            told = words(refusal, facts.get("tenant"), facts.get("key"))
            raise BudgetHeld(f"The budget has no room at the moment: {told}.", retry_after=AGAIN) from None
        scopes = {budget.id: budget.scope for budget in budgets}
        return [{"id": id_, "scope": scopes[id_], "start": start} for id_, start in hold.windows], bound

    # --- for tabs ---

    def tightened(self, tab: "Tab", bound: Bound) -> bool:
        """Lowers what is held. False: the attempt has ended."""
        now = self._clock()
        if not self._book.tighten(tab.attempt, bound.nano, now):
            return False
        self._journal.add([("tightened", tab.attempt, _bookable(bound.nano), spelled({"input": bound.input}), now)])
        return True

    def settled(self, tab: "Tab", cost: Nano, facts: Mapping[str, Any]) -> None:
        now, cost = self._clock(), _bookable(cost)
        lines: list[Line] = [("settled", tab.attempt, cost, spelled(facts), now)]
        if tab.held:
            self._admission.loose.pop(tab.attempt, None)
            settled = self._book.settle(tab.attempt, cost, now)
            if settled.overrun:
                log.warning("attempt %s cost %s more than was held for it", tab.attempt, shown(settled.overrun))
                lines.append(("overrun", tab.attempt, settled.overrun, NOTHING, now))
            lines += [self._alerted(alert, now) for alert in settled.alerts]
        self._journal.add(lines)

    def _alerted(self, alert: Alert, now: int) -> Line:
        budget, notice = alert.budget, Notice.of(alert, now)
        log.warning(
            "budget %s: %d%% spent, %s of %s", budget.id, alert.percent, shown(alert.spent), shown(budget.limit)
        )
        log.info("%s", wire.encode(notice.document()).decode())
        for listen in self._listening:  # later, so that whoever fails over it keeps nothing from being booked
            asyncio.get_running_loop().call_soon(listen, notice)
        return line_of(notice.entry(), now)

    def released(self, tab: "Tab", facts: Mapping[str, Any]) -> None:
        now = self._clock()
        if tab.held:
            self._admission.loose.pop(tab.attempt, None)
            self._book.release(tab.attempt, now)
        self._journal.add([("released", tab.attempt, 0, spelled(facts), now)])

    async def committed(self, written: Commit) -> None:
        try:
            await written
        except LedgerError as error:
            if not self._unbooked:
                raise LedgerDown(f"{error} The call is not answered, since it could not be booked.") from error


def _bookable(nano: Nano) -> Nano:
    """What a column of the ledger takes: a provider may count what nobody could pay."""
    return max(0, min(nano, LARGEST))


class Tab:
    """What one attempt holds. `attempt` is its receipt's id."""

    __slots__ = ("_closed", "_till", "_written", "attempt", "bound", "held")

    def __init__(self, till: Till, attempt: str, bound: Bound | None, written: Commit, *, held: bool) -> None:
        self._till = till
        self._written = written
        self._closed = False
        self.attempt = attempt
        self.bound = bound
        self.held = held

    async def written(self) -> None:
        """Returns once the hold survives the end of this process. Raises LedgerDown."""
        if not self._written.stands:
            await self._till.committed(self._written)

    def tighten(self, bound: Bound) -> bool:
        """A truer bound was found. False: it is too late."""
        if self._closed or not self._till.tightened(self, bound):
            return False
        self.bound = bound
        return True

    def settle(self, cost: Nano, outcome: Outcome, facts: Mapping[str, Any]) -> None:
        if not self._closed:
            self._closed = True
            self._till.settled(self, cost, {**facts, "outcome": outcome})

    def release(self, outcome: Outcome, facts: Mapping[str, Any]) -> None:
        """Nothing was spent."""
        if not self._closed:
            self._closed = True
            self._till.released(self, {**facts, "outcome": outcome})
