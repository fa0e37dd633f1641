"""Anything that can happen to a book, in any order, against a model that keeps nothing but the list of what happened."""

import asyncio
import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from money.book_time import DAY, MICRO, Time, settle_down
from polyglot_cloud.money import waiting
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.budgets import Budget, Settled, Spent, Unresolved
from polyglot_cloud.money.verdicts import OverHeld, OverSpent, QueueFull, Refusal
from polyglot_cloud.money.waiting import Hold

BUDGETS = [
    Budget("process", "process", "day", 100),
    Budget("provider", "provider:x", "week", 150),
    Budget("parent", "tenant:p", "day", 80, alerts=(50, 120)),
    Budget("tenant", "tenant:t", "month", 300),
    Budget("key", "key:k", "call", 45),
    Budget("run", "run:r", "once", 500),
]
LINE = 4
LOOK = 6 * 3600
PROCESS, PROVIDER, PARENT, TENANT, KEY, RUN = BUDGETS
CHOICE = [
    [PROCESS], [PROVIDER], [PARENT], [PROCESS, PARENT], [PARENT, PROCESS], [PROVIDER, PARENT], [RUN, TENANT, PROVIDER],
    [TENANT], [PROCESS, PROVIDER, PARENT, TENANT, KEY, RUN], [PROCESS, KEY], [],
]  # fmt: skip
SIZES = [20, 30, 10, 40, 5, 25, 1, 35, 0, 45, 60, 80, 46, 81, 100, 101]
PARTS = [Fraction(0), Fraction(1, 20), Fraction(1, 10), Fraction(1, 3), Fraction(1), Fraction(3, 2)]
"""Of its hold, that an attempt costs in the end."""
PATIENCE = [3 * DAY, DAY, 3600, 0]
PASSING = [1, 25, 3600, DAY // 2, DAY, 7 * DAY]
JUMPS = [-3600, 3600, -DAY, DAY, 40 * DAY]
SETS, AMOUNTS = st.sampled_from(CHOICE), st.sampled_from(SIZES)
HOLDS = Bundle[str]("holds")
Made = MultipleResults[str] | str


def start_of(budget: Budget, now: int) -> int:
    """In Unix seconds, reckoned by hand from days since 1970-01-01, which was a Thursday; months of 2026 and 2027."""
    day = now // MICRO // DAY
    if budget.period == "day":
        return day * DAY
    if budget.period == "week":
        return (day - (day + 3) % 7) * DAY
    if budget.period == "month":
        return FIRSTS[bisect_right(FIRSTS, day) - 1] * DAY
    return 0


LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] * 40
FIRSTS = [20454 + sum(LENGTHS[:months]) for months in range(480)]
"""Days since 1970 on which months begin, from January 2026; leap days do not matter to a machine that never walks so far."""


@dataclass
class Attempt:
    budgets: list[Budget]
    amount: int
    at: int
    state: str = "held"
    cost: int = 0
    waits: int = 0


@dataclass
class Model:
    """Every attempt that ever had a hold, or waits for one. A balance is the sum over all of them, each time anew."""

    attempts: dict[str, Attempt] = field(default_factory=dict)

    def sums(self, budget: Budget, now: int) -> tuple[int, int, int]:
        start = start_of(budget, now)
        counted = [
            a
            for a in self.attempts.values()
            if budget in a.budgets and a.state != "waits" and start_of(budget, a.at) == start
        ]
        held = sum(a.amount for a in counted if a.state in {"held", "unknown"})
        return sum(a.cost for a in counted), held, sum(a.amount for a in counted if a.state == "unknown")

    def short(self, budgets: list[Budget], amount: int, now: int) -> list[Budget]:
        """Those that have no room for `amount`."""
        if not amount:
            return []
        return [b for b in budgets if sum(self.sums(b, now)[:2]) + amount > b.limit and b.period != "call"] + [
            b for b in budgets if b.period == "call" and amount > b.limit
        ]

    def hopeless(self, budgets: list[Budget], amount: int, now: int) -> list[Budget]:
        """Those that would have none if every known hold of theirs were settled at nothing."""
        found = []
        for budget in budgets if amount else []:
            spent, _, unknown = (0, 0, 0) if budget.period == "call" else self.sums(budget, now)
            if spent + unknown + amount > budget.limit:
                found.append(budget)
        return found

    @property
    def waiting(self) -> dict[str, Attempt]:
        return {name: a for name, a in self.attempts.items() if a.state == "waits"}


class BookMachine(RuleBasedStateMachine):
    holds = HOLDS

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.look_again, waiting.LOOK_AGAIN = (
            waiting.LOOK_AGAIN,
            float(LOOK),
        )  # days pass here, and nobody wants to look each minute
        self.time = Time()
        self.newest = self.time.now
        self.model = Model()
        self.told: dict[tuple[str, int], list[int]] = {}
        self.overrun: dict[tuple[str, int], int] = {}
        self.tasks: dict[str, asyncio.Task[Hold]] = {}
        self.count = 0
        self.book = Book(self.time.clock, self.time.later, line=LINE)

    def teardown(self) -> None:
        self.kill()
        self.loop.close()
        waiting.LOOK_AGAIN = self.look_again

    # what happens

    @rule(target=holds, budgets=SETS, amount=AMOUNTS)
    def hold(self, budgets: list[Budget], amount: int) -> Made:
        return self.held(budgets, amount)

    @rule(target=holds, budgets=SETS)
    def hold_all_the_room(self, budgets: list[Budget]) -> Made:
        room = self.book.room(budgets, self.time.now)
        self.settle_down()
        if not room:
            return multiple()
        assert self.held(budgets, room + 1) == multiple()
        name = self.held(budgets, room)
        assert isinstance(name, str)
        return name

    @rule(
        sets=st.lists(SETS, min_size=1, max_size=4),
        amounts=st.lists(AMOUNTS, min_size=4, max_size=4),
        seconds=st.sampled_from(PATIENCE),
    )
    def several_wait(self, sets: list[list[Budget]], amounts: list[int], seconds: int) -> None:
        for budgets, amount in zip(sets, amounts, strict=False):
            self.wait(budgets, amount, seconds)

    def wait(self, budgets: list[Budget], amount: int, seconds: int) -> None:
        name, now = self.name(), self.time.now
        self.model.attempts[name] = Attempt(budgets, amount, now, "waits", waits=self.count)
        self.tasks[name] = self.loop.create_task(self.book.wait(name, budgets, amount, now + seconds * MICRO))
        self.settle_down()

    @initialize(target=holds)
    def filled(self) -> Made:
        """There is something to wait for from the beginning."""
        made = [self.held([PROCESS], 90), self.held([PARENT, PROVIDER], 70), self.held([PROVIDER, TENANT], 75)]
        return multiple(*(name for name in made if isinstance(name, str)))

    @rule(name=holds, amount=AMOUNTS)
    def tighten(self, name: str, amount: int) -> None:
        attempt = self.attempt(name)
        done = self.book.tighten(name, amount, self.time.now)
        assert done == (attempt.state == "held" and amount < attempt.amount)
        if done:
            attempt.amount = amount

    @rule(name=consumes(holds), part=st.sampled_from(PARTS))
    def settle(self, name: str, part: Fraction) -> None:
        attempt = self.attempt(name)
        cost = int(part * attempt.amount)
        before = [self.model.sums(b, attempt.at)[0] for b in attempt.budgets]
        settled = self.book.settle(name, cost, self.time.now)
        if attempt.state not in {"held", "unknown"}:
            assert settled == Settled(booked=False)
            return
        attempt.state, attempt.cost = "settled", cost
        assert settled.overrun == max(0, cost - attempt.amount)
        expected = []
        for budget, spent in zip(attempt.budgets, before, strict=True):
            if budget.period != "call":
                window = budget.id, start_of(budget, attempt.at)
                self.overrun[window] = self.overrun.get(window, 0) + settled.overrun
                expected += [(budget.id, p, window[1]) for p in self.reached(budget, spent, spent + cost)]
                self.told.setdefault(window, []).extend(self.reached(budget, spent, spent + cost))
        assert sorted((a.budget.id, a.percent, a.start) for a in settled.alerts) == sorted(expected)
        assert not self.book.settle(name, cost, self.time.now).booked

    @rule(name=holds, how=st.sampled_from(["release", "unknown", "free"]))
    def end(self, name: str, how: str) -> None:
        attempt = self.attempt(name)
        done = {"release": self.book.release, "unknown": self.book.unknown, "free": self.book.free}[how](
            name, self.time.now
        )
        assert done == (attempt.state == ("unknown" if how == "free" else "held"))
        if done:
            attempt.state = "unknown" if how == "unknown" else "released"

    @rule(pick=st.integers(0, 100))
    def cancel(self, pick: int) -> None:
        if self.tasks:
            self.tasks[sorted(self.tasks)[pick % len(self.tasks)]].cancel()
            self.settle_down()

    @rule(pick=st.integers(0, 100), name=consumes(holds))
    def cancel_at_the_moment_of_a_release(self, pick: int, name: str) -> None:
        """The tasks have not run when it is cancelled, and what it was given must go to the next."""
        attempt = self.attempt(name)
        if self.book.release(name, self.time.now):
            attempt.state = "released"
        if self.tasks:
            self.tasks[sorted(self.tasks)[pick % len(self.tasks)]].cancel()

    @rule(target=holds)
    def collect(self) -> Made:
        """Waiters that were woken are holds as others are."""
        return multiple(*(n for n, a in self.model.attempts.items() if a.waits and a.state in {"held", "unknown"}))

    @rule(seconds=st.sampled_from(PASSING))
    def time_passes(self, seconds: int) -> None:
        self.pass_(seconds)

    @rule(seconds=st.sampled_from(JUMPS))
    def the_clock_jumps(self, seconds: int) -> None:
        """Never further back than a day before the newest it ever showed: what lies behind that may be forgotten."""
        self.time.now = max(self.time.now + seconds * MICRO, self.newest - DAY * MICRO)
        self.newest = max(self.newest, self.time.now)
        self.pass_(LOOK)

    @rule()
    def crash(self) -> None:
        """All that is left is what was told: what was booked, the alerts, and the holds that nobody ended."""
        self.settle_down()
        self.kill()
        self.book = Book(self.time.clock, self.time.later, line=LINE)
        spent, unresolved = [], []
        for name, attempt in self.model.attempts.items():
            windows = [(b, start_of(b, attempt.at)) for b in attempt.budgets]
            if attempt.state in {"held", "unknown"}:
                attempt.state = "unknown"
                unresolved.append(Unresolved(name, attempt.amount, tuple(windows)))
            spent += [Spent(b, start, attempt.cost) for b, start in windows]
        told = [Spent(b, start, 0, tuple(p)) for (name, start), p in self.told.items() for b in BUDGETS if b.id == name]
        assert self.book.restore(spent + told, unresolved, self.time.now) == []

    # what must be so

    @invariant()
    def nothing_is_overspent_and_every_balance_is_the_sum_of_what_happened(self) -> None:
        self.settle_down()
        for budget in BUDGETS:
            for now in (self.time.now, self.newest):
                spent, held, unknown = self.model.sums(budget, now)
                standing = self.book.standing(budget, now)
                if budget.period != "call":
                    window = budget.id, start_of(budget, now)
                    assert spent + held <= budget.limit + self.overrun.get(window, 0)
                    seen = (standing.spent, standing.held, standing.unknown) if standing else (0, 0, 0)
                    assert seen == (spent, held, unknown)
                    assert standing is None or standing.start == window[1]

    @invariant()
    def nobody_waits_for_what_it_could_have(self) -> None:
        """In order of arrival: who has room everywhere, and shares no budget with somebody before it who has none there, has been woken."""
        self.settle_down()
        blocked: list[Budget] = []
        for name, attempt in sorted(self.model.waiting.items(), key=lambda item: item[1].waits):
            short = self.model.short(attempt.budgets, attempt.amount, self.time.now)
            if not any(budget in blocked for budget in attempt.budgets):
                assert short, f"{name} fits, and waits"
                hopeless = self.model.hopeless(attempt.budgets, attempt.amount, self.time.now)
                assert not hopeless, f"{name} waits in vain"
            blocked += short
        assert self.book.waiting == len(self.model.waiting)

    @invariant()
    def little_is_kept(self) -> None:
        self.settle_down()
        for account in self.book._accounts.values():
            ended = [b for b in account.kept.values() if b.end <= self.time.now and not b.holds]
            assert len(ended) <= 2 + 4  # two, and those that ended or were settled since the last look
        assert self.book.held == sum(a.state in {"held", "unknown"} for a in self.model.attempts.values())
        if not self.book.waiting:
            assert not self.time.pending

    # how it is done

    def held(self, budgets: list[Budget], amount: int) -> Made:
        name, now = self.name(), self.time.now
        in_line = self.model.waiting
        short, room = self.model.short(budgets, amount, now), self.book.room(budgets, now)
        try:
            hold = self.book.hold(name, budgets, amount, now)
        except Refusal as error:
            refusal = error
        else:
            assert not short
            assert room is None or room >= amount
            self.check_windows(hold, budgets)
            self.model.attempts[name] = Attempt(budgets, amount, now)
            return name
        self.check_refusal(refusal, budgets, amount)
        assert room is not None
        assert amount > room
        if not short:
            assert type(refusal) is OverHeld
            assert refusal.ahead
            assert any(refusal.budget in a.budgets for a in in_line.values())
        return multiple()

    def check_windows(self, hold: Hold, budgets: list[Budget]) -> None:
        counted = [(b.id, start_of(b, self.time.now)) for b in budgets if b.period != "call"]
        assert sorted(hold.windows) == sorted(counted)

    def pass_(self, seconds: float) -> None:
        """Timer by timer, so that whoever is woken is seen at its moment."""
        end = self.time.ran + seconds
        while due := [timer.due for timer in self.time.pending if timer.due <= end]:
            self.time.pass_(max(0, min(due) - self.time.ran))
            self.settle_down()
        self.time.pass_(end - self.time.ran)
        self.newest = max(self.newest, self.time.now)

    def name(self) -> str:
        self.count += 1
        return f"a{self.count:05}"

    def attempt(self, name: str) -> Attempt:
        self.settle_down()
        return self.model.attempts[name]

    def settle_down(self) -> None:
        """Runs the tasks, and hears how those fared who waited: in order of arrival among those who want of the same budgets."""
        if self.tasks:
            self.loop.run_until_complete(settle_down())
        for name in [name for name, task in self.tasks.items() if task.done()]:
            task, attempt = self.tasks.pop(name), self.model.attempts[name]
            if task.cancelled():
                del self.model.attempts[name]
            elif (error := task.exception()) is not None:
                del self.model.attempts[name]
                assert isinstance(error, Refusal)
                assert error.budget in attempt.budgets
            else:
                self.woken(name, attempt, task.result())

    def woken(self, name: str, attempt: Attempt, hold: Hold) -> None:
        for other in self.model.waiting.values():
            same = {b.id for b in other.budgets} == {b.id for b in attempt.budgets}
            if same and attempt.amount:
                assert other.waits >= attempt.waits or self.finished(other), f"{name} came before its time"
        self.check_windows(hold, attempt.budgets)
        assert hold.amount == attempt.amount
        self.model.attempts[name] = replace(attempt, state="held", at=self.time.now)

    def finished(self, other: Attempt) -> bool:
        names = [name for name, task in self.tasks.items() if task.done()]
        return any(self.model.attempts[name] is other for name in names)

    def check_refusal(self, error: Refusal, budgets: list[Budget], amount: int) -> None:
        now = self.time.now
        assert type(error) is not QueueFull
        assert (error.amount, error.limit) == (amount, error.budget.limit)
        hopeless = self.model.hopeless(budgets, amount, now)
        assert isinstance(error, OverSpent) == bool(hopeless)
        if error.budget.period == "call":
            assert (error.spent, error.held, error.resets_at) == (0, 0, None)
            return
        assert (error.spent, error.held, error.unknown) == self.model.sums(error.budget, now)
        assert error.budget in (hopeless or self.model.short(budgets, amount, now) or budgets)
        if error.budget.period == "day":
            assert error.resets_at == start_of(error.budget, now) + DAY

    def reached(self, budget: Budget, before: int, after: int) -> list[int]:
        if not after:
            return []
        parts = [(p, Fraction(p, 100) * budget.limit) for p in budget.alerts]
        return [p for p, part in parts if before < part <= after]

    def kill(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        self.settle_down()


BookMachine.TestCase.settings = settings(
    stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
TestBook = BookMachine.TestCase


@pytest.mark.parametrize("seed", range(8))
def test_a_long_walk_in_a_crowd(seed: int) -> None:
    """The same machine by plain dice, which crowd the lines more than hypothesis does."""
    walk(random.Random(seed), 150)


def walk(dice: random.Random, steps: int) -> None:
    machine = BookMachine()
    try:
        machine.filled()
        for _ in range(steps):
            step(machine, dice)
            machine.little_is_kept()
            machine.nobody_waits_for_what_it_could_have()
            machine.nothing_is_overspent_and_every_balance_is_the_sum_of_what_happened()
    finally:
        machine.teardown()


def step(machine: BookMachine, dice: random.Random) -> None:
    pick, held = dice.choice, [n for n, a in machine.model.attempts.items() if a.state in {"held", "unknown"}]
    deeds: list[tuple[int, Callable[[], object]]] = [
        (3, lambda: machine.hold(pick(CHOICE), pick(SIZES))),
        (1, lambda: machine.hold_all_the_room(pick(CHOICE))),
        (4, lambda: machine.several_wait([pick(CHOICE), pick(CHOICE)], [pick(SIZES), pick(SIZES)], pick(PATIENCE))),
        (1, lambda: machine.cancel(dice.randrange(100))),
        (1, lambda: machine.time_passes(pick(PASSING))),
        (1, lambda: machine.the_clock_jumps(pick(JUMPS)) if dice.random() < 0.3 else None),
        (1, lambda: machine.crash() if dice.random() < 0.1 else None),
    ]
    if held:
        deeds += [
            (6, lambda: machine.settle(pick(held), pick(PARTS))),
            (2, lambda: machine.tighten(pick(held), pick(SIZES))),
            (3, lambda: machine.end(pick(held), pick(["release", "release", "unknown", "free", "free"]))),
            (1, lambda: machine.cancel_at_the_moment_of_a_release(dice.randrange(100), pick(held))),
        ]
    dice.choices([deed for _, deed in deeds], [weight for weight, _ in deeds])[0]()
