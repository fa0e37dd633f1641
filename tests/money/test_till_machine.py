"""Calls, cancels, failures, crashes and clocks that jump, in any order, over a till with a real ledger: what was spent and held never
passes a limit, and no money that a client was answered for is ever forgotten.

A crash is a copy of the files as they are at some moment, which the next till is opened on.
"""

import asyncio
import random
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import pytest

from counter import START, Counter, day
from harness import catalog_with
from polyglot_cloud.errors import BudgetHeld, BudgetSpent
from polyglot_cloud.grants import BudgetRow, Cap
from polyglot_cloud.money.bounds import Bound
from polyglot_cloud.money.caps import Run
from polyglot_cloud.money.till import Tab
from polyglot_cloud.money.verify import verify

PRICE = next(row for row in catalog_with(None).rows if row.id == "gpt-6.1-terra").prices[-1]
PROCESS, PROVIDER = day(1000), day(600, "provider:openai")
RUNS = BudgetRow("process", "run", 700, "UTC")
OWN = [
    [],
    [BudgetRow("key:key_1", "day", 400, "Europe/Berlin"), BudgetRow("tenant:acme", "month", 900, "UTC")],
    [BudgetRow("key:key_1", "day", 400, "Asia/Tokyo"), BudgetRow("key:key_1", "run", 300, "UTC")],
    [BudgetRow("key:key_2", "week", 500, "UTC"), BudgetRow("key:key_2", "call", 250, "UTC")],
]
NAMES = [None, "r1", "r2"]
SIZES = [10, 50, 100, 200, 350]
PARTS = [Fraction(0), Fraction(1, 10), Fraction(1, 2), Fraction(1)]
HOUR = 3_600_000_000
JUMPS = [HOUR, -HOUR, 10 * HOUR, 24 * HOUR, -24 * HOUR, -30 * HOUR, 40 * 24 * HOUR]
T = TypeVar("T")


@dataclass
class Open:
    """An attempt of which the client may be answered. `life` is the till's that opened it."""

    tab: Tab
    bound: int
    windows: tuple[tuple[str, int], ...]
    life: int


class TillMachine:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.root = Path(tempfile.mkdtemp(prefix="polyglot-till-"))
        self.life, self.at = 0, START
        self.costs: dict[tuple[str, int], int] = {}
        self.over: dict[tuple[str, int], int] = {}
        self.tabs: list[Open] = []
        self.desk = self.opened()

    def opened(self) -> Counter:
        self.life += 1
        folder = self.root / str(self.life)
        folder.mkdir(exist_ok=True)
        desk = Counter(folder / "ledger.sqlite3", [], runs=[RUNS])
        desk.at = self.at
        desk.till._caps._given = {each.scope: (each,) for each in (PROCESS, PROVIDER)}
        desk.till.remember([PROCESS, PROVIDER])
        return desk

    def teardown(self) -> None:
        self.desk.journal.refreshed()
        assert verify(self.desk.till.path).fault is None
        self.desk.till.close()
        self.loop.close()
        shutil.rmtree(self.root)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    # what happens

    def call(self, own: list[BudgetRow], run: str | None, bound: int, provider: str) -> None:
        if found := self.run(self.asked(own, run, bound, provider)):
            self.tabs.append(found)

    async def asked(self, own: list[BudgetRow], name: str | None, bound: int, provider: str) -> Open | None:
        run = Run("acme", name) if name else None
        budgets = await self.desk.till.applying(provider, own, run)
        self.found_more()
        key = own[0].scope.removeprefix("key:") if own else None
        facts = {"tenant": "acme", "key": key, "run": name, "provider": provider}
        try:
            tab = await self.desk.till.open(facts, Bound(1, 1, bound, PRICE), budgets)
        except (BudgetSpent, BudgetHeld):
            return None
        windows = self.desk.book._holds[tab.attempt].windows
        await tab.written()
        return Open(tab, bound, windows, self.life)

    def settle(self, tab: Open, part: Fraction) -> None:
        cost = int(part * tab.bound)
        if tab.life == self.life:
            self.run(self.told(tab, cost))
        # else: it was answered before the crash, and its bill was never told
        self.count(tab, cost)

    async def told(self, tab: Open, cost: int) -> None:
        tab.tab.settle(cost, "complete", {})

    def overrun(self, tab: Open) -> None:
        if tab.life == self.life:
            self.run(self.told_and_written(tab, 2 * tab.bound))
            self.count(
                tab, tab.bound
            )  # what is above may be missed where a budget changed its calendar meanwhile, until the next start
            self.found_more()

    async def told_and_written(self, tab: Open, cost: int) -> None:
        tab.tab.settle(cost, "complete", {})
        await self.desk.journal.refresh()

    def fail(self, tab: Open) -> None:
        if tab.life == self.life:
            self.run(self.failed(tab))

    async def failed(self, tab: Open) -> None:
        tab.tab.release("failed", {})

    def cancel(self, own: list[BudgetRow], run: str | None, bound: int, turns: int) -> None:
        self.run(self.cancelled(own, run, bound, turns))

    async def cancelled(self, own: list[BudgetRow], run: str | None, bound: int, turns: int) -> None:
        """Within the look-up of its budgets, in line, or while its hold is written; what was opened is settled at its bound, as it is."""
        task = asyncio.create_task(self.asked(own, run, bound, "openai"))
        for _ in range(turns):
            await asyncio.sleep(0)
        before = set(self.desk.book._holds)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (found := task.result()):
            found.tab.settle(bound, "cancelled", {})
            self.count(found, bound)
        for attempt in set(self.desk.book._holds) & before:  # of this call, or of others
            assert self.desk.book._holds[attempt].amount >= 0

    def limit(self, name: str, limit: int) -> None:
        run = Run("acme", name)
        self.run(self.desk.till.limit(run, Cap("once", limit)))
        self.found_more()

    def the_clock_jumps(self, by: int) -> None:
        self.at += by
        self.desk.at = self.at

    def restart(self) -> None:
        self.desk.till.close()
        self.move()

    def crash(self) -> None:
        self.move()

    def move(self) -> None:
        old = self.desk
        copy = self.root / str(self.life + 1)
        copy.mkdir()
        for path in (self.root / str(self.life)).iterdir():
            if path.suffix in {".sqlite3", ".sqlite3-wal", ".head"}:
                shutil.copy(path, copy)
        old.till.close()
        self.desk = self.opened()
        self.found_more()

    def found_more(self) -> None:
        """A budget that comes, or is looked up again, may find that more was spent than it allows, while it did not bind or by another
        clock; from then on it may not get more.
        """
        for window, counted, limit in self.standings():
            self.over[window] = max(self.over.get(window, 0), counted - limit)

    def standings(self) -> Iterator[tuple[tuple[str, int], int, int]]:
        for account in self.desk.book._accounts.values():
            if standing := self.desk.book.standing(account.budget, self.at):
                yield (standing.budget.id, standing.start), standing.spent + standing.held, standing.budget.limit

    # what must be so

    def nothing_is_overspent_and_nothing_forgotten(self) -> None:
        for window, counted, limit in self.standings():
            assert counted >= self.costs.get(window, 0), f"{window}: {counted} of {self.costs[window]} are known"
            assert counted <= limit + self.over.get(window, 0), f"{window}: {counted}"

    def taken(self, dice: random.Random) -> Open:
        return self.tabs.pop(dice.randrange(len(self.tabs)))

    def count(self, tab: Open, cost: int) -> None:
        for window in tab.windows:
            self.costs[window] = self.costs.get(window, 0) + cost


@pytest.mark.parametrize("seed", range(5))
def test_a_walk_through_all_that_can_happen(seed: int) -> None:
    """By dice, not by hypothesis: what a crash leaves depends on how far the ledger's thread has got."""
    dice, machine = random.Random(seed), TillMachine()
    try:
        for _ in range(50):
            step(machine, dice)
            machine.nothing_is_overspent_and_nothing_forgotten()
    finally:
        machine.teardown()


def step(machine: TillMachine, dice: random.Random) -> None:
    pick = dice.choice
    deeds: list[tuple[int, Callable[[], object]]] = [
        (12, lambda: machine.call(pick(OWN), pick(NAMES), pick(SIZES), pick(["openai", "openai", "grok"]))),
        (2, lambda: machine.cancel(pick(OWN), pick(NAMES), pick(SIZES), dice.randrange(7))),
        (1, lambda: machine.limit(pick(["r1", "r2"]), pick([50, 400, 2000]))),
        (1, lambda: machine.the_clock_jumps(pick(JUMPS))),
        (1, machine.restart),
        (1, machine.crash),
    ]
    if machine.tabs:
        deeds += [
            (6, lambda: machine.settle(machine.taken(dice), pick(PARTS))),
            (1, lambda: machine.overrun(machine.taken(dice))),
            (2, lambda: machine.fail(machine.taken(dice))),
        ]
    dice.choices([deed for _, deed in deeds], [weight for weight, _ in deeds])[0]()
