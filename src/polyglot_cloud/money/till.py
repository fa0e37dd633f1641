"""The one door to the money: what an attempt may cost is set aside before it is sent, and what it did cost is booked after it.

    tab = await till.open(facts, bound, budgets)    refused here, or held in memory; written while the provider works
    await tab.written()                             before a byte of the answer leaves; with `before_send` it is by then
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
from polyglot_cloud.amounts import LARGEST, Nano, shown
from polyglot_cloud.errors import BudgetHeld, BudgetSpent, LedgerDown, Unbounded
from polyglot_cloud.grants import BudgetRow, Cap
from polyglot_cloud.money.admission import Admission, Loose, Terms
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.bounds import Bound
from polyglot_cloud.money.budgets import Alert, Budget, Standing, untouched
from polyglot_cloud.money.caps import Caps, Run
from polyglot_cloud.money.commits import Commit
from polyglot_cloud.money.entries import NOTHING, AttemptIds, Entry, Line, Outcome, line_of, spelled
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
        before_send: bool = False,
        patience: int = PATIENCE,
        recall: "Recall | None" = None,
        runs: Sequence[BudgetRow] = (),
    ) -> None:
        """`recall` tells what was spent under budgets before this process; None: nothing was. `runs` are caps of the period "run".

        unbooked     calls go on where the ledger cannot be written
        before_send  a hold is written before its attempt is sent, not while the provider works
        """
        self._book = book
        self._journal = journal
        self._budgets = tuple(budgets)
        self._ids = AttemptIds(clock)
        self._clock = clock
        self._unbooked = unbooked
        self._before_send = before_send
        self._admission = Admission(book, clock, patience)
        self._recall = recall
        self._listening: list[Callable[[Notice], None]] = []
        self._caps = Caps(
            book, budgets, runs, past=recall, refresh=self._refreshed, tell=self._tell, clock=clock
        )  # fmt: skip

    def remember(self, budgets: Iterable[Budget]) -> None:
        """Lets what was spent under these budgets of the start before count on. Blocks."""
        self._caps.remember(budgets)

    async def _refreshed(self) -> None:
        await self._journal.refresh()

    def _tell(self, alerts: list[Alert]) -> None:
        now = self._clock()
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
        return self._budgets

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

    async def applying(self, provider: str, own: Sequence[BudgetRow], run: Run | None) -> tuple[Budget, ...]:
        """The budgets that a call to this provider must keep, `own` those of its key and tenants. At first sight of one the ledger is asked
        what was spent under it, in a thread. Raises LedgerDown.
        """
        found = self._caps.known(provider, own, run)
        if found is not None:
            return found
        try:
            return await self._caps.learn(provider, own, run)
        except LedgerError as error:
            if not self._unbooked:
                raise LedgerDown(f"{error} No call is sent whose budgets are not known.") from error
            log.error("a call goes on under the process's and the provider's budgets alone: %s", error)  # noqa: TRY400  # the text has it all
            return self._caps.known(provider, (), None) or ()

    async def limit(self, run: Run, cap: Cap) -> None:
        """What this run may spend in all, from now on; it takes the place of the limit that was set before. What it spent already counts.

        The ledger keeps it. Raises LedgerDown; ValueError for a cap of another period than "once".
        """
        if cap.period != "once":
            raise ValueError(f"a run's own limit is never renewed: its period is once, not {cap.period}")
        facts = {"scope": run.scope, "tenant": run.tenant, "run": run.name, "alerts": list(cap.alerts)}
        try:
            await self._journal.append(Entry("limited", "", cap.limit, facts, self._clock()))
            await self._caps.limit(run, cap)
        except LedgerError as error:
            raise LedgerDown(f"{error} The limit of this run was not set.") from error

    async def standings(self, run: Run) -> list[Standing]:
        """How a run stands: under what the process allows every run, and under its own limit. Raises LedgerDown."""
        try:
            return await self._caps.standings(run)
        except LedgerError as error:
            raise LedgerDown(str(error)) from error

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
        if self._before_send:
            try:
                await tab.written()
            except LedgerDown:
                self._book.release(attempt, self._clock())  # there is no entry, and nothing was sent
                raise
            except BaseException:
                tab.release("cancelled", {})
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
            raise BudgetSpent(
                f"The budget is used up: {told}.", resets_at=refusal.resets_at, scope=refusal.budget.scope
            ) from None
        except OverHeld as refusal:
            told = words(refusal, facts.get("tenant"), facts.get("key"))
            raise BudgetHeld(
                f"The budget has no room at the moment: {told}.", retry_after=AGAIN, scope=refusal.budget.scope
            ) from None
        scopes = {budget.id: budget.scope for budget in budgets}
        return [{"id": id_, "scope": scopes[id_], "start": start} for id_, start in hold.windows], bound

    # --- for tabs ---

    def tightened(self, tab: "Tab", bound: Bound) -> bool:
        """Lowers what is held. False: the attempt has ended."""
        now = self._clock()
        if not self._book.tighten(tab.attempt, bound.nano, now):
            return False
        self._journal.add(
            [("tightened", tab.attempt, _bookable(bound.nano), spelled({"input": bound.input}), now)], urgent=False
        )
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
        self._journal.add(lines, urgent=False)

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
        self._journal.add([("released", tab.attempt, 0, spelled(facts), now)], urgent=False)

    async def committed(self, tab: "Tab", written: Commit) -> None:
        try:
            await written
        except LedgerError as error:
            if not self._unbooked:
                raise LedgerDown(f"{error} The call is not answered, since it could not be booked.") from error
            if not tab.unbooked:
                log.error("attempt %s goes on unbooked: %s", tab.attempt, error)  # noqa: TRY400  # the text has it all
            tab.unbooked = True


def _bookable(nano: Nano) -> Nano:
    """What a column of the ledger takes: a provider may count what nobody could pay."""
    return max(0, min(nano, LARGEST))


class Tab:
    """What one attempt holds. `attempt` is its receipt's id; `unbooked`: its hold could not be written, and it goes on all the same."""

    __slots__ = ("_closed", "_till", "_written", "attempt", "bound", "held", "unbooked")

    def __init__(self, till: Till, attempt: str, bound: Bound | None, written: Commit, *, held: bool) -> None:
        self._till = till
        self._written = written
        self._closed = False
        self.attempt = attempt
        self.bound = bound
        self.held = held
        self.unbooked = False

    async def written(self) -> None:
        """Returns once the hold survives the end of this process. Raises LedgerDown."""
        if not self._written.stands:
            await self._till.committed(self, self._written)

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
