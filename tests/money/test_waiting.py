import asyncio
import random
from collections.abc import Sequence

import pytest

from money.book_time import DAY, MICRO, MONDAY, Time, settle_down
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.budgets import Budget, Spent
from polyglot_cloud.money.verdicts import OverHeld, OverSpent, QueueFull, Refusal
from polyglot_cloud.money.waiting import Hold

CENT = 10_000_000
DOLLAR = 100 * CENT


def budget(name: str = "process", limit: int = 100, period: str = "day", zone: str = "UTC") -> Budget:
    return Budget(name, name, period, limit, zone)  # type: ignore[arg-type]  # a Period, from a table


A, B, C = budget("a"), budget("b"), budget("c")
WIDE = budget("wide", 1000)


class Scene:
    """A book, its time, and those who wait, by name; `woken` is the order in which they got their holds."""

    def __init__(self, line: int = 256) -> None:
        self.time = Time()
        self.book = Book(self.time.clock, self.time.later, line=line)
        self.tasks: dict[str, asyncio.Task[Hold]] = {}
        self.woken: list[str] = []

    def hold(self, name: str, budgets: Sequence[Budget], amount: int) -> None:
        self.book.hold(name, budgets, amount, self.time.now)

    def settle(self, name: str, cost: int) -> None:
        self.book.settle(name, cost, self.time.now)

    def release(self, name: str) -> None:
        assert self.book.release(name, self.time.now)

    async def wait(
        self, name: str, budgets: Sequence[Budget], amount: int, seconds: float = 30, least: int | None = None
    ) -> asyncio.Task[Hold]:
        deadline = self.time.now + round(seconds * MICRO)
        task = asyncio.create_task(self._wait(name, budgets, amount, deadline, least))
        self.tasks[name] = task
        await settle_down()
        return task

    async def _wait(self, name: str, budgets: Sequence[Budget], amount: int, deadline: int, least: int | None) -> Hold:
        hold = await self.book.wait(name, budgets, amount, deadline, least=least)
        self.woken.append(name)
        return hold

    async def seen(self) -> list[str]:
        await settle_down()
        return self.woken

    async def refusal(self, name: str) -> Refusal:
        await settle_down()
        assert self.tasks[name].done()
        error = self.tasks[name].exception()
        assert isinstance(error, Refusal)
        return error

    def clean(self) -> bool:
        accounts = self.book._accounts.values()
        return not (
            self.book.waiting or self.time.pending or any(account.line or account.asking for account in accounts)
        )


async def test_what_fits_does_not_wait() -> None:
    scene = Scene()
    hold = await scene.book.wait("w", [A, B], 100, 0)
    assert (hold.amount, hold.windows) == (100, (("a", MONDAY), ("b", MONDAY)))
    assert (await scene.book.wait("z", [A, B], 0, 0)).amount == 0
    assert scene.clean()


@pytest.mark.parametrize("how", ["settle", "release", "tighten", "free", "limit", "forward"])
async def test_whoever_waits_is_woken_as_soon_as_it_fits(how: str) -> None:
    scene, now = Scene(), Time().now
    scene.hold("unknown", [A], 30)
    scene.book.unknown("unknown", now)
    scene.hold("a", [A], 40)
    await scene.wait("w", [A], 31)
    assert (await scene.seen(), scene.book.waiting) == ([], 1)
    match how:
        case "settle":
            scene.settle("a", 39)
        case "release":
            scene.release("a")
        case "tighten":
            scene.book.tighten("a", 39, now)
        case "free":
            scene.book.free("unknown", now)
        case "limit":
            scene.hold("z", [budget("a", 101)], 0)
        case _:
            scene.book.hold("z", [A], 0, now + DAY * MICRO)
    assert await scene.seen() == ["w"]
    assert scene.clean()
    scene.release("w")


async def test_a_new_window_wakes_without_any_call() -> None:
    scene = Scene()
    scene.hold("a", [A], 100)
    await scene.wait("w", [A], 60, seconds=DAY)
    await scene.wait("x", [A], 40, seconds=DAY)
    await scene.wait("y", [A], 1, seconds=DAY)
    scene.time.pass_(DAY // 2 - 1)
    assert await scene.seen() == []
    scene.time.pass_(1)
    assert await scene.seen() == ["w", "x"]
    assert scene.tasks["w"].result().windows == (("a", MONDAY + DAY),)
    scene.settle("w", 0)
    assert await scene.seen() == ["w", "x", "y"]
    assert scene.clean()


async def test_a_clock_set_forward_is_noticed_within_a_minute_and_one_set_back_does_not_matter() -> None:
    scene = Scene()
    scene.hold("a", [A], 100)
    await scene.wait("w", [A], 60, seconds=3600)
    scene.time.jump(-3600)
    scene.time.pass_(120)
    assert await scene.seen() == []
    scene.time.jump(DAY)
    scene.time.pass_(60)
    assert await scene.seen() == ["w"]
    assert scene.clean()


async def test_deadlines_pass_by_a_clock_that_does_not_jump() -> None:
    scene = Scene()
    scene.hold("a", [A], 50)
    await scene.wait("w", [A], 60, seconds=30)
    scene.time.jump(-3600)
    scene.time.pass_(29.9)
    assert not scene.tasks["w"].done()
    scene.time.pass_(0.2)
    error = await scene.refusal("w")
    assert (type(error), error.budget, error.held, error.ahead) == (OverHeld, A, 50, 0)
    assert scene.clean()


async def test_a_deadline_that_is_over_is_no_wait() -> None:
    scene = Scene()
    scene.hold("a", [A], 50)
    with pytest.raises(OverHeld):
        await scene.book.wait("w", [A], 60, scene.time.now)
    assert scene.clean()


async def test_waiting_is_refused_as_soon_as_spending_rules_it_out() -> None:
    scene = Scene()
    scene.hold("a", [A], 90)
    await scene.wait("w", [A], 60)
    await scene.wait("x", [A], 40)
    scene.settle("a", 60)
    error = await scene.refusal("w")
    assert (type(error), error.amount, error.spent, error.held) == (OverSpent, 60, 60, 0)
    assert await scene.seen() == ["x"]
    with pytest.raises(OverSpent):
        await scene.book.wait("y", [A], 41, scene.time.now + MICRO)
    assert scene.clean()


async def test_who_waits_in_vain_is_told_wherever_in_line_it_is() -> None:
    scene = Scene()
    scene.hold("a", [A], 90)
    scene.hold("b", [B], 50)
    await scene.wait("first", [A], 20)
    await scene.wait("behind", [A], 60)
    await scene.wait("elsewhere", [A, B], 50)
    await scene.wait("last", [A], 10)
    scene.hold("a2", [A], 0)
    scene.settle("a2", 41)
    assert type(await scene.refusal("behind")) is OverSpent
    scene.settle("b", 51)
    error = await scene.refusal("elsewhere")
    assert (type(error), error.budget, error.spent) == (OverSpent, B, 51)
    assert scene.book.waiting == 2
    scene.release("a")
    assert await scene.seen() == ["first", "last"]
    assert scene.clean()


async def test_waiting_is_refused_when_what_it_waits_for_becomes_unknown() -> None:
    scene = Scene()
    scene.hold("a", [A], 90)
    await scene.wait("w", [A], 60)
    scene.book.unknown("a", scene.time.now)
    error = await scene.refusal("w")
    assert (type(error), error.held, error.unknown) == (OverSpent, 90, 90)


# fairness


async def test_order_of_arrival_also_before_smaller_ones_that_would_fit() -> None:
    scene = Scene()
    scene.hold("a", [A], 60)
    await scene.wait("large", [A], 70)
    await scene.wait("small", [A], 10)
    assert scene.book.room([A], scene.time.now) == 0
    with pytest.raises(OverHeld) as caught:
        scene.hold("tiny", [A], 1)
    assert caught.value.ahead == 2
    assert str(caught.value).endswith("; 2 in line before it")
    assert await scene.seen() == []
    scene.settle("a", 0)
    assert await scene.seen() == ["large", "small"]
    scene.hold("tiny", [A], 1)


async def test_nobody_is_held_up_by_those_who_wait_for_another_budget() -> None:
    scene = Scene()
    scene.hold("a", [A, WIDE], 60)
    await scene.wait("wa", [A, WIDE], 70)
    await scene.wait("wb", [B, WIDE], 40)
    assert await scene.seen() == ["wb"]
    scene.release("wb")
    await scene.wait("wab", [A, B], 10)
    scene.hold("b", [B], 100)
    await scene.wait("wb2", [B], 5)
    scene.settle("b", 0)
    assert await scene.seen() == ["wb", "wb2"]
    scene.settle("a", 0)
    assert await scene.seen() == ["wb", "wb2", "wa", "wab"]
    assert scene.clean()


async def test_two_lines_that_open_at_once_are_served_in_order_of_arrival() -> None:
    for first, second in (([A, C], [B, C]), ([B, C], [A, C])):
        scene = Scene()
        scene.hold("x", [A, B], 100)
        await scene.wait("first", first, 70)
        await scene.wait("second", second, 70)
        scene.release("x")
        assert await scene.seen() == ["first"]
        scene.release("first")
        assert await scene.seen() == ["first", "second"]
        assert scene.clean()


async def test_first_in_one_line_takes_its_place_in_the_other_by_arrival() -> None:
    scene = Scene()
    scene.hold("a", [A], 100)
    await scene.wait("both", [A, B], 50)
    scene.hold("b", [B], 80)
    await scene.wait("later", [B], 50)
    scene.release("a")
    assert await scene.seen() == []
    scene.release("b")
    assert await scene.seen() == ["both", "later"]


async def test_as_many_as_may_wait_for_one_budget() -> None:
    scene = Scene(line=2)
    scene.hold("a", [A, B], 100)
    await scene.wait("w1", [A], 10)
    await scene.wait("w2", [A], 10)
    with pytest.raises(QueueFull) as caught:
        await scene.book.wait("w3", [A, C], 10, scene.time.now + MICRO)
    assert (caught.value.budget, caught.value.ahead, caught.value.held) == (A, 2, 100)
    assert str(caught.value).startswith("2 calls, and no more may, wait for room under budget a")
    await scene.wait("w4", [B], 10)
    assert scene.book.waiting == 3
    scene.release("a")
    assert await scene.seen() == ["w1", "w2", "w4"]
    assert scene.clean()


# taking less


async def test_at_the_deadline_it_takes_what_there_is() -> None:
    scene = Scene()
    scene.hold("a", [A], 50)
    task = await scene.wait("w", [A], 80, least=20)
    assert not task.done()
    scene.time.pass_(30)
    await settle_down()
    assert task.result().amount == 50
    assert scene.clean()


async def test_at_the_deadline_nobody_overtakes() -> None:
    scene = Scene()
    scene.hold("a", [A], 50)
    await scene.wait("first", [A], 80, seconds=60)
    await scene.wait("second", [A], 80, seconds=30, least=20)
    scene.time.pass_(30)
    error = await scene.refusal("second")
    assert (type(error), error.ahead, error.amount) == (OverHeld, 1, 20)
    assert "; 1 in line before it" in str(error)
    scene.release("a")
    assert await scene.seen() == ["first"]
    assert scene.clean()


async def test_who_takes_less_at_its_deadline_lets_the_next_come_first() -> None:
    scene = Scene()
    scene.hold("a", [A], 50)
    await scene.wait("first", [A, B], 80, seconds=30, least=20)
    await scene.wait("second", [B], 80, seconds=60)
    assert await scene.seen() == ["second"]
    scene.release("second")
    scene.hold("b", [B], 70)
    await scene.wait("third", [A], 1, seconds=60)
    scene.time.pass_(30)
    assert await scene.seen() == ["second", "first", "third"]
    assert scene.tasks["first"].result().amount == 30
    assert scene.clean()


async def test_what_spending_rules_out_is_lowered_to_what_is_left() -> None:
    scene, call = Scene(), budget("call", 60, "call")
    scene.hold("a", [A], 0)
    scene.settle("a", 70)
    assert (await scene.book.wait("w", [A, B, call], 80, 0, least=20)).amount == 30
    scene.release("w")
    scene.hold("b", [A], 20)
    task = await scene.wait("x", [A], 80, least=20)
    scene.release("b")
    await settle_down()
    assert task.result().amount == 30
    assert (await scene.book.wait("y", [B, call], 80, 0, least=20)).amount == 60
    with pytest.raises(OverSpent) as caught:
        await scene.book.wait("z", [B, call], 80, 0, least=61)
    assert caught.value.budget is call
    with pytest.raises(OverSpent):
        await scene.book.wait("z", [A], 80, 0, least=31)
    assert scene.clean()


async def test_least_of_nothing_is_no_hold_of_nothing() -> None:
    scene = Scene()
    scene.hold("a", [A], 0)
    scene.settle("a", 120)
    with pytest.raises(OverSpent):
        await scene.book.wait("z", [A], 80, 0, least=0)


# leaving


async def cancelled(task: asyncio.Task[Hold]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_leaves_lets_the_next_come_first() -> None:
    scene = Scene()
    scene.hold("a", [A], 60)
    large = await scene.wait("large", [A], 70)
    await scene.wait("small", [A], 40)
    await cancelled(large)
    assert await scene.seen() == ["small"]
    assert scene.clean()
    assert scene.book.held == 2


async def test_who_leaves_in_the_moment_it_is_woken_passes_it_on() -> None:
    scene = Scene()
    scene.hold("a", [A], 100)
    first = await scene.wait("first", [A], 80)
    await scene.wait("second", [A], 80)
    scene.release("a")
    await cancelled(first)
    assert await scene.seen() == ["second"]
    assert scene.clean()
    scene.release("second")
    assert scene.book.room([A], scene.time.now) == 100


async def test_who_is_woken_in_the_moment_it_leaves_does_not_take_it() -> None:
    scene = Scene()
    scene.hold("a", [A], 100)
    first = await scene.wait("first", [A], 80)
    await scene.wait("second", [A], 80)
    first.cancel()
    scene.release("a")
    assert await scene.seen() == ["second"]
    assert first.cancelled()
    assert scene.clean()


async def test_a_deadline_in_the_moment_it_leaves_is_nobodys() -> None:
    scene = Scene()
    scene.hold("a", [A], 100)
    first = await scene.wait("first", [A], 80)
    first.cancel()
    scene.time.pass_(30)
    await settle_down()
    assert first.cancelled()
    assert scene.clean()


async def test_who_is_refused_in_the_moment_it_leaves_does_not_hear_it() -> None:
    scene = Scene()
    scene.hold("a", [A], 100)
    first = await scene.wait("first", [A], 80)
    await scene.wait("second", [A], 80)
    first.cancel()
    scene.settle("a", 100)
    assert type(await scene.refusal("second")) is OverSpent
    assert first.cancelled()
    assert scene.clean()


async def test_a_call_that_brings_a_new_window_comes_after_those_in_line_and_takes_all_the_rest() -> None:
    scene = Scene()
    scene.hold("a", [A], 100)
    await scene.wait("w", [A], 60)
    scene.time.jump(DAY)
    scene.hold("z", [A], 40)
    assert await scene.seen() == ["w"]
    with pytest.raises(OverHeld) as caught:
        scene.hold("y", [A], 1)
    assert (caught.value.held, caught.value.ahead) == (100, 0)


async def test_who_leaves_in_the_moment_it_is_refused_is_not_missed() -> None:
    scene = Scene()
    scene.hold("a", [A], 100)
    first = await scene.wait("first", [A], 80)
    scene.settle("a", 100)
    await cancelled(first)
    assert scene.clean()


async def test_at_its_deadline_it_may_find_a_new_window() -> None:
    scene = Scene()
    scene.hold("a", [A], 100)
    await scene.wait("w", [A], 80, seconds=30)
    scene.time.jump(DAY)
    scene.time.pass_(30)
    assert await scene.seen() == ["w"]
    assert scene.clean()


async def test_an_attempt_that_waits_has_its_id() -> None:
    scene = Scene()
    scene.hold("a", [A], 100)
    await scene.wait("w", [A], 80)
    with pytest.raises(ValueError, match="id of its own"):
        scene.hold("w", [B], 1)
    with pytest.raises(ValueError, match="id of its own"):
        await scene.book.wait("w", [B], 1, scene.time.now + MICRO)
    assert not scene.book.forget("a")


async def test_the_loops_own_timers_serve_where_no_others_are_given() -> None:
    book = Book(Time().clock)
    book.hold("a", [A], 50, Time().now)
    hold = await book.wait("w", [A], 80, Time().now + 1000, least=10)
    assert hold.amount == 50


async def test_after_a_restart_spending_and_unknown_holds_keep_others_waiting_no_longer_than_true() -> None:
    scene = Scene()
    scene.book.restore([Spent(A, MONDAY, 50)], [], scene.time.now)
    scene.hold("a", [A], 50)
    await scene.wait("w", [A], 50)
    scene.settle("a", 0)
    assert await scene.seen() == ["w"]


# many at once


@pytest.mark.parametrize("seed", range(5))
async def test_two_hundred_calls_under_one_cent_end_at_or_under_it_and_use_it_to_the_last_call_that_fits(
    seed: int,
) -> None:
    dice = random.Random(seed)
    time = Time()
    book = Book(time.clock, time.later)
    cap, wide = budget("cent", CENT), budget("wide", DOLLAR, "month")
    refused: list[int] = []
    costs: list[int] = []

    async def call(number: int) -> None:
        hold, steps = dice.randrange(CENT // 20), dice.randrange(20)
        cost = dice.randint(0, hold)
        try:
            await book.wait(f"{number}", [cap, wide], hold, time.now + DAY * MICRO)
        except OverSpent:
            refused.append(hold)
            return
        for _ in range(steps):
            standing = book.standing(cap, time.now)
            assert standing is not None
            assert standing.spent + standing.held <= CENT
            await asyncio.sleep(0)
        if steps % 3 == 0:
            book.tighten(f"{number}", (hold + cost) // 2, time.now)
        costs.append(cost)
        assert book.settle(f"{number}", cost, time.now).overrun == 0

    await asyncio.gather(*(call(number) for number in range(200)))
    standing = book.standing(cap, time.now)
    assert standing is not None
    assert (standing.spent, standing.held, book.waiting, time.pending) == (sum(costs), 0, 0, [])
    assert standing.spent <= CENT
    assert refused
    assert all(standing.spent + hold > CENT for hold in refused)


async def test_five_agents_with_large_holds_are_refused_only_when_the_money_is_truly_spent() -> None:
    """100,000 tokens of cached prompt at $0.50 a million, bound as a cache write at $6.25; 32,000 of output at $25, of which few come."""
    prompt, longest, shortest = 100_000 * 6250, 32_000 * 25_000, 4_096 * 25_000
    time, dice = Time(), random.Random(5)
    book = Book(time.clock, time.later)
    run = budget("run", 10 * DOLLAR, "once")
    spent_at_refusal: list[int] = []

    async def agent(name: int) -> None:
        for turn in range(1000):
            attempt = f"{name}.{turn}"
            try:
                hold = await book.wait(attempt, [run], 4 * prompt + longest, time.now + MICRO, least=prompt + shortest)
            except OverSpent as error:
                spent_at_refusal.append(error.spent)
                return
            for _ in range(dice.randrange(1, 5)):
                await asyncio.sleep(0)
            book.tighten(attempt, min(hold.amount, prompt + longest), time.now)
            for _ in range(dice.randrange(1, 5)):
                await asyncio.sleep(0)
            assert book.settle(attempt, 100_000 * 500 + dice.randrange(6000) * 25_000, time.now).overrun == 0
            await asyncio.sleep(0)

    await asyncio.gather(*(agent(name) for name in range(5)))
    assert len(spent_at_refusal) == 5
    assert min(spent_at_refusal) >= 9 * DOLLAR
    standing = book.standing(run, time.now)
    assert standing is not None
    assert (standing.held, standing.spent <= 10 * DOLLAR, book.waiting) == (0, True, 0)


async def test_a_long_line_under_steady_traffic_is_served_in_its_order() -> None:
    scene, dice = Scene(), random.Random(1)
    scene.hold("running", [A], 100)
    names = [f"w{number}" for number in range(60)]
    for name in names:
        await scene.wait(name, [A, B], dice.randint(1, 100), seconds=DAY)
    running = ["running"]
    while running:
        scene.release(running.pop(0))
        before = len(scene.woken)
        running += (await scene.seen())[before:]
    assert scene.woken == names
    assert scene.clean()
