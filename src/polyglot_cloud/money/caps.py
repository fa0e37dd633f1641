"""Which budgets a call must keep, each of them known, before it is used, with what was spent under it.

    process, providers   given at the start
    tenants, keys        come with their calls, and are looked up in the ledger at first sight
    runs                 a budget for each run, of every cap of the period "run" that binds the call, and of the run's own limit

A run is the tenant that calls and the name that it gives: runs of two tenants are two runs, whatever their names. A call that names no
run is bound by no budget of runs.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Protocol

from polyglot_cloud.grants import BudgetRow, Cap
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.budgets import Alert, Budget, Spent, Standing
from polyglot_cloud.money.faults import LedgerError

KEPT = 4096
"""Runs that are kept in memory. Of one that comes again after it was forgotten the ledger is asked once more."""
AT_ONCE = 8
"""The part of them (one in so many) that is looked at together where there are too many."""


@dataclass(frozen=True, slots=True)
class Run:
    """`tenant` None: no key is asked for."""

    tenant: str | None
    name: str

    @property
    def scope(self) -> str:
        return f"run:{self.tenant or ''}/{self.name}"  # no tenant's id has a slash

    def budget(self, row: BudgetRow) -> Budget:
        """What a cap of the period "run" means to this run."""
        return Budget(f"{row.id}:{self.tenant or ''}/{self.name}", self.scope, "once", row.limit, "UTC", row.alerts)

    def limited(self, limit: int, alerts: tuple[int, ...]) -> Budget:
        """The limit that was set for it alone."""
        return Budget(f"{self.scope}/once", self.scope, "once", limit, "UTC", alerts)


@dataclass(frozen=True, slots=True)
class RunPast:
    """What the ledger has of a run: under each of the budgets that were asked about, and its own limit, if one was set."""

    spent: tuple[Spent, ...]
    limit: Spent | None = None


class Past(Protocol):
    """What the ledger has of budgets in their running windows. Blocks; raises LedgerError."""

    def __call__(self, budgets: Iterable[Budget]) -> list[Spent]: ...
    def run(self, run: Run, budgets: Mapping[str, Budget]) -> RunPast:
        """`budgets` by the scope of the cap that each comes from: "process", "key:key_1"."""

    def has_limits(self) -> bool:
        """Whether any run ever got a limit of its own."""


@dataclass(slots=True)
class _Known:
    """Of a run: its budgets by the id of the cap that each comes from, its own limit, and the number of its last use."""

    budgets: dict[str, Budget] = field(default_factory=dict)
    limit: Budget | None = None
    used: int = 0

    @property
    def ids(self) -> list[str]:
        return [budget.id for budget in (*self.budgets.values(), *([self.limit] if self.limit else []))]


class Caps:
    """For one event loop. `refresh` brings the projections up to date, `tell` is given alerts that nobody was told of."""

    def __init__(
        self,
        book: Book,
        budgets: Sequence[Budget],
        runs: Sequence[BudgetRow],
        *,
        past: Past | None,
        refresh: Callable[[], Awaitable[None]],
        tell: Callable[[list[Alert]], None],
        clock: Callable[[], int],
        kept: int = KEPT,
    ) -> None:
        """`budgets` and `runs` (caps of the period "run") are those of the process and of providers. `past` None: nothing was spent."""
        self._book = book
        self._given = _by_scope(budgets)
        self._runs_given = {scope: [row for row in runs if row.scope == scope] for scope in {row.scope for row in runs}}
        self._past, self._refresh, self._tell, self._clock, self._kept = past, refresh, tell, clock, kept
        self._of_provider: dict[str, tuple[Budget, ...]] = {}
        self._own: dict[BudgetRow, Budget] = {}
        self._zones: dict[str, str] = {}
        self._runs: OrderedDict[Run, _Known] = OrderedDict()
        self._caught_up = {row.id for row in runs}  # caps whose runs have all they did in the projections, or in memory
        self._learning: dict[Hashable, asyncio.Task[None]] = {}
        self._limits = past is not None and past.has_limits()
        self._uses = 0
        self._trimming = False

    def remember(self, budgets: Iterable[Budget]) -> None:
        """Lets what was spent under these before count on. For the start: it blocks."""
        counted = [budget for budget in budgets if budget.period != "call"]
        if self._past is not None and counted:
            self._restore(self._past(counted))

    # --- of a call ---

    def known(self, provider: str, own: Sequence[BudgetRow], run: Run | None) -> tuple[Budget, ...] | None:
        """The budgets that a call must keep, `own` those of its key and tenants. None: some have to be looked up first (`learn`)."""
        found = self._of_provider.get(provider)
        if found is None:
            found = (*self._given.get("process", ()), *self._given.get(f"provider:{provider}", ()))
            self._of_provider[provider] = found
        if own:
            several = [self._budget(row) for row in own if row.period != "run"]
            if None in several:
                return None
            found += tuple(several)  # type: ignore[arg-type]  # None is not among them
        if run is None:
            return found
        caps = self._caps(provider, own)
        if not caps and not self._limits:
            return found
        of_run = self._of_run(run, caps)
        return None if of_run is None else found + of_run

    async def learn(self, provider: str, own: Sequence[BudgetRow], run: Run | None) -> tuple[Budget, ...]:
        """As `known`, after a look into the ledger where one is needed. Raises LedgerError."""
        while (found := self.known(provider, own, run)) is None:
            for row in own:
                if row.period != "run" and self._budget(row) is None:
                    await self._once(row.id, partial(self._learn_budget, row))
            caps = self._caps(provider, own)
            if run is not None and (caps or self._limits) and self._of_run(run, caps) is None:
                await self._once(run, partial(self._learn_run, run, caps))
                await self._trim()
        return found

    def _caps(self, provider: str, own: Sequence[BudgetRow]) -> list[BudgetRow]:
        """The caps of the period "run" that bind a call."""
        given = self._runs_given
        found = [*given.get("process", ()), *given.get(f"provider:{provider}", ())] if given else []
        found += [row for row in own if row.period == "run"]
        return found

    def _budget(self, row: BudgetRow) -> Budget | None:
        """The same object for the same row, since the book tells them apart so. None: nothing is known of it yet."""
        if self._learning and row.id in self._learning:
            return None
        if self._zones.get(row.id) != row.zone:  # another calendar: what was spent has to be counted anew
            return None
        budget = self._own.get(row)
        if budget is None:  # another limit is the same budget, which the book knows
            budget = self._own[row] = _plain(row)
        return budget

    def _of_run(self, run: Run, caps: Sequence[BudgetRow]) -> tuple[Budget, ...] | None:
        known = self._runs.get(run)
        if known is None or (self._learning and run in self._learning):
            return None
        found = []
        for row in caps:
            budget = known.budgets.get(row.id)
            if budget is None:
                return None
            if (budget.limit, budget.alerts) != (row.limit, row.alerts):
                budget = known.budgets[row.id] = run.budget(row)
            found.append(budget)
        self._uses += 1
        known.used = self._uses
        self._runs.move_to_end(run)
        return (*found, known.limit) if known.limit else tuple(found)

    # --- looking up ---

    async def _once(self, what: Hashable, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Whoever asks for the same meanwhile waits for the same look-up; who is cancelled leaves it to the others."""
        task = self._learning.get(what)
        if task is None:
            task = self._learning[what] = asyncio.create_task(self._worked(what, work))
            task.add_done_callback(_heard)
        await asyncio.shield(task)

    async def _worked(self, what: Hashable, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()
        finally:
            del self._learning[what]

    async def _learn_budget(self, row: BudgetRow) -> None:
        budget = _plain(row)
        if self._past is not None and row.period != "call":
            await self._refresh()
            self._restore(await asyncio.to_thread(self._past, [budget]))
        self._own[row] = budget
        self._zones[row.id] = row.zone

    async def _learn_run(self, run: Run, caps: Sequence[BudgetRow]) -> None:
        """What this process did of a run stands in memory, or was in the projections before it was forgotten; only a cap that is new has to
        wait for what was added before it came.
        """
        known = self._runs.get(run, _Known())
        wanted = [row for row in caps if row.id not in known.budgets]
        if new := {row.id for row in wanted} - self._caught_up:
            await self._refresh()
            self._caught_up |= new
        past = await self._asked(run, wanted)
        known.budgets |= {row.id: spent.budget for row, spent in zip(wanted, past.spent, strict=True)}
        self._restore(past.spent)
        if past.limit is not None and known.limit is None:
            known.limit = past.limit.budget
            self._restore([past.limit])
        self._runs[run] = known

    async def _asked(self, run: Run, rows: Sequence[BudgetRow]) -> RunPast:
        budgets = {row.scope: run.budget(row) for row in rows}  # a holder has one cap of a period
        if self._past is None:
            return RunPast(tuple(Spent(budget, 0, 0) for budget in budgets.values()))
        return await asyncio.to_thread(self._past.run, run, budgets)

    def _restore(self, spent: Iterable[Spent]) -> None:
        if alerts := self._book.restore(spent, (), self._clock()):
            self._tell(alerts)

    # --- a run's own limit ---

    async def limit(self, run: Run, cap: Cap) -> None:
        """Puts what the run may spend in all in force; the ledger has it already. What was spent before counts, what is in flight at its
        bound. Raises LedgerError.
        """
        self._limits = True
        while run in self._learning:
            await asyncio.wait([self._learning[run]])
        await self._once(run, partial(self._take_limit, run, cap))

    async def _take_limit(self, run: Run, cap: Cap) -> None:
        budget = run.limited(cap.limit, cap.alerts)
        known = self._runs.get(run, _Known())
        if known.limit is None:
            await self._refresh()  # calls of the run wait meanwhile, so nothing comes behind it
            past = await self._asked(run, ())
            self._restore([past.limit] if past.limit else [])
        self._restore([Spent(budget, 0, 0)])  # the book takes the limit over, and lets those in line know
        known.limit = budget
        self._runs[run] = known

    async def standings(self, run: Run) -> list[Standing]:
        """How a run stands under the process's caps of runs and under its own limit; nothing where neither is. Raises LedgerError."""
        await self.learn("", (), run)
        known = self._runs.get(run)
        budgets = [*known.budgets.values(), *([known.limit] if known.limit else [])] if known else []
        found = [self._book.standing(budget, self._clock()) for budget in budgets]
        return [standing for standing in found if standing is not None]

    # --- forgetting ---

    async def _trim(self) -> None:
        """Forgets runs that have not been used for longest, once all that they did stands in the projections."""
        if len(self._runs) <= self._kept or self._trimming:
            return
        self._trimming = True
        try:
            oldest = list(islice(self._runs.items(), max(1, self._kept // AT_ONCE)))
            idle = [(run, known, known.used) for run, known in oldest if self._idle(run, known)]
            await self._refresh()
            for run, known, used in idle:
                if known.used == used and self._idle(run, known):
                    for id_ in known.ids:
                        self._book.forget(id_)
                    del self._runs[run]
            for run, _ in oldest:
                if run in self._runs:
                    self._runs.move_to_end(run)
        except LedgerError:  # what the ledger does not have yet is kept here
            return
        finally:
            self._trimming = False

    def _idle(self, run: Run, known: _Known) -> bool:
        return run not in self._learning and all(self._book.idle(id_) for id_ in known.ids)


def _by_scope(budgets: Sequence[Budget]) -> dict[str, tuple[Budget, ...]]:
    return {scope: tuple(each for each in budgets if each.scope == scope) for scope in {b.scope for b in budgets}}


def _plain(row: BudgetRow) -> Budget:
    if row.period == "run":
        raise ValueError(f"{row.id} is a cap of runs: each run has a budget of its own from it")
    return Budget(row.id, row.scope, row.period, row.limit, row.zone, row.alerts)


def budgets_of(rows: Iterable[BudgetRow]) -> tuple[list[Budget], list[BudgetRow]]:
    """Budgets, and the caps of which every run gets one of its own."""
    rows = list(rows)
    return [_plain(row) for row in rows if row.period != "run"], [row for row in rows if row.period == "run"]


def _heard(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        task.exception()  # who asked hears it; where all of them left, nobody does
