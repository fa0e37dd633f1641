"""Budgets that are met while the gateway runs: of keys, of tenants, of runs. A real ledger, whose look-ups may be held up."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from counter import DOLLAR, START, Counter, counter, day
from harness import catalog_with
from money.ledgers import held, settled
from polyglot_cloud.errors import BudgetSpent, LedgerDown
from polyglot_cloud.grants import BudgetRow, Cap
from polyglot_cloud.money import caps as caps_module
from polyglot_cloud.money.bounds import Bound
from polyglot_cloud.money.budgets import Budget, Spent
from polyglot_cloud.money.caps import Caps, Run, RunPast
from polyglot_cloud.money.faults import LedgerUnwritable
from polyglot_cloud.money.opening import Recall
from polyglot_cloud.money.verify import verify

PRICE = next(row for row in catalog_with(None).rows if row.id == "gpt-6.1-terra").prices[-1]
KEY = BudgetRow("key:key_1", "day", DOLLAR, "UTC")
RUNS = BudgetRow("process", "run", DOLLAR, "UTC")
OF_OPENAI = BudgetRow("provider:openai", "run", DOLLAR // 2, "UTC")
OF_KEY = BudgetRow("key:key_1", "run", DOLLAR // 4, "UTC")
R1 = Run("acme", "r1")


async def spend(
    desk: Counter, nano: int, run: Run | None, *own: BudgetRow, provider: str = "openai", bound: int | None = None, key: str = "key_1"
) -> None:  # fmt: skip
    """A call from its budgets to its bill."""
    tab = await begin(desk, nano if bound is None else bound, run, *own, provider=provider, key=key)
    tab.settle(nano, "complete", {})


async def begin(
    desk: Counter, bound: int, run: Run | None, *own: BudgetRow, provider: str = "openai", key: str = "key_1"
) -> Any:
    budgets = await desk.till.applying(provider, own, run)
    facts = {"tenant": run.tenant if run else None, "key": key, "run": run.name if run else None, "provider": provider}
    return await desk.till.open(facts, Bound(1, 1, bound, PRICE), budgets)


def spent(desk: Counter, budget: Budget) -> int:
    return desk.spent(budget)


class Slow:
    """The ledger's past, told when it is let; counts how often it was asked."""

    def __init__(self, path: Path) -> None:
        self.recall = Recall(path, lambda: START)
        self.asked: list[object] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, budgets: Iterable[Budget]) -> list[Spent]:
        budgets = list(budgets)
        self.asked.append([budget.id for budget in budgets])
        assert threading.current_thread() is not threading.main_thread(), "the event loop waits for no disk"
        self.gate.wait(5)
        return self.recall(budgets)

    def has_limits(self) -> bool:
        return self.recall.has_limits()

    def run(self, run: Run, budgets: Mapping[str, Budget]) -> RunPast:
        self.asked.append(run)
        assert threading.current_thread() is not threading.main_thread()
        self.gate.wait(5)
        return self.recall.run(run, budgets)


@contextmanager
def slow(folder: Path, runs: Iterable[BudgetRow] = (), kept: int = caps_module.KEPT) -> Iterator[tuple[Counter, Slow]]:
    with counter(folder) as desk:
        past = Slow(desk.till.path)
        till = desk.till
        till._caps = Caps(
            desk.book, [], list(runs), past=past, refresh=till._refreshed, tell=till._tell, clock=lambda: desk.at, kept=kept
        )  # fmt: skip
        yield desk, past


# --- at first sight ---


async def test_what_was_spent_is_looked_up_once_in_a_thread_and_all_wait_for_it(tmp_path: Path) -> None:
    with counter(tmp_path) as desk:
        desk.journal.write(held("a", 900, key="key_1", budgets=[]), settled("a", DOLLAR - 100))
    with slow(tmp_path) as (desk, past):
        past.gate.clear()
        calls = [asyncio.create_task(begin(desk, 60, None, KEY)) for _ in range(5)]
        while not past.asked:  # noqa: ASYNC110  # counted in turns of the loop
            await asyncio.sleep(0)
        calls[0].cancel()  # who asked first leaves it to the others
        await asyncio.sleep(0)
        assert not any(call.done() for call in calls[1:])
        past.gate.set()
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert past.asked == [["key:key_1/day"]]
        assert isinstance(done[0], asyncio.CancelledError)
        assert (
            sum(not isinstance(each, BaseException) for each in done[1:]) == 1
        )  # of a dollar 100 nano-dollars were left
        assert desk.book.held == 1


async def test_what_the_process_itself_spent_before_a_budget_came_counts(tmp_path: Path) -> None:
    with slow(tmp_path) as (desk, _):
        for _ in range(50):  # they need not be in the projections yet
            await spend(desk, 10, None)
        await spend(desk, 1, None, KEY)
        assert spent(desk, day(DOLLAR, "key:key_1")) == 501


@pytest.mark.parametrize("zones", [("Europe/Berlin",), ("Asia/Tokyo", "UTC", "Asia/Tokyo")])
async def test_another_calendar_counts_what_was_spent_anew(zones: tuple[str, ...], tmp_path: Path) -> None:
    with slow(tmp_path) as (desk, past):
        await spend(desk, 10, None, KEY)
        for number, zone in enumerate(zones, 2):
            row = BudgetRow("key:key_1", "day", DOLLAR, zone)
            await spend(desk, 10, None, row)
            assert spent(desk, Budget(row.id, row.scope, "day", DOLLAR, zone)) == 10 * number
        assert len(past.asked) == 1 + len(zones)


async def test_another_limit_needs_no_look(tmp_path: Path) -> None:
    with slow(tmp_path) as (desk, past):
        for limit in (DOLLAR, DOLLAR // 2, DOLLAR):
            await spend(
                desk,
                10,
                None,
                BudgetRow("key:key_1", "day", limit, "UTC"),
                BudgetRow("key:key_1", "call", limit, "UTC"),
            )
        assert spent(desk, day(DOLLAR, "key:key_1")) == 30
        assert len(past.asked) == 1


# --- runs ---


async def test_each_run_has_its_own_and_runs_of_two_tenants_are_two(tmp_path: Path) -> None:
    with counter(tmp_path, runs=[RUNS]) as desk:
        for run in (R1, Run("acme", "r2"), Run("other", "r1"), Run(None, "r1"), Run("acme", "r1/once")):
            await spend(desk, DOLLAR, run)
            with pytest.raises(BudgetSpent, match=r"process/run:.*never renewed") as caught:
                await begin(desk, 1, run)
            assert "x-polyglot-budget-resets" not in caught.value.headers
        await spend(desk, 5 * DOLLAR, None)
        assert desk.entries("held")[0].facts["budgets"] == [
            {"id": "process/run:acme/r1", "scope": "run:acme/r1", "start": 0}
        ]


async def test_a_run_is_bound_by_the_caps_of_all_that_hold_it(tmp_path: Path) -> None:
    for _ in range(2):  # the second time it is known from the ledger alone
        with counter(tmp_path, runs=[RUNS, OF_OPENAI]) as desk:
            before = {
                id_: desk.book.standing(Budget(id_, R1.scope, "once", 1), START)
                for id_ in ("process/run:acme/r1", "provider:openai/run:acme/r1", "key:key_1/run:acme/r1")
            }
            assert not any(before.values())
            await spend(desk, DOLLAR // 10, R1, OF_KEY)
            await spend(desk, DOLLAR // 100, R1, provider="grok", key="key_2")
            sums = {each.budget.id: each.spent for each in await desk.till.standings(R1)}
    assert sums["process/run:acme/r1"] == 2 * (DOLLAR // 10 + DOLLAR // 100)
    assert sums["provider:openai/run:acme/r1"] == 2 * DOLLAR // 10
    assert sums["key:key_1/run:acme/r1"] == 2 * DOLLAR // 10


async def test_a_runs_attempts_that_a_crash_left_open_count_at_their_bounds(tmp_path: Path) -> None:
    with counter(tmp_path, runs=[RUNS]) as desk:
        await begin(desk, DOLLAR - 5, R1)
    with counter(tmp_path, runs=[RUNS]) as desk:
        await spend(desk, 5, R1)
        with pytest.raises(BudgetSpent):
            await begin(desk, 1, R1)


async def test_an_alert_of_a_run_is_told_once_over_restarts(tmp_path: Path) -> None:
    for _ in range(3):
        with counter(tmp_path, runs=[RUNS]) as desk:
            await spend(desk, DOLLAR * 26 // 100, R1)
            told = [(entry.facts["budget"], entry.facts["percent"]) for entry in desk.entries("alerted")]
    assert told == [("process/run:acme/r1", 75)]


async def test_two_calls_of_a_new_run_do_not_race_past_its_budget(tmp_path: Path) -> None:
    with counter(tmp_path) as desk:
        await spend(desk, DOLLAR - 10, R1)
    with slow(tmp_path, [RUNS]) as (desk, past):
        past.gate.clear()
        calls = [asyncio.create_task(begin(desk, 10, R1)) for _ in range(20)]
        await asyncio.sleep(0.01)
        past.gate.set()
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert past.asked == [R1]
        assert sum(not isinstance(each, BaseException) for each in done) == 1


async def test_a_cap_of_a_key_that_comes_while_a_run_goes_on_counts_what_the_key_spent_in_it(tmp_path: Path) -> None:
    with slow(tmp_path, [RUNS]) as (desk, _):
        for _ in range(30):
            await spend(desk, 10, R1)
        await spend(desk, 10, R1, key="key_2")
        await spend(desk, 1, R1, OF_KEY)
        sums = {each.budget.id: each.spent for each in await desk.till.standings(R1)}
        assert sums == {"process/run:acme/r1": 311, "key:key_1/run:acme/r1": 301}
        await spend(desk, 1, R1, BudgetRow("key:key_1", "run", 400, "UTC"))
        with pytest.raises(BudgetSpent, match=r"\$0.0000004"):
            await begin(desk, 100, R1, BudgetRow("key:key_1", "run", 400, "UTC"))


# --- a run's own limit ---


async def test_a_limit_that_is_set_while_the_run_goes_on_counts_what_was_spent_and_stays(tmp_path: Path) -> None:
    with counter(tmp_path) as desk:
        for _ in range(50):
            await spend(desk, 10, R1)
        assert await desk.till.standings(R1) == []
        await desk.till.limit(R1, Cap("once", 600))
        (standing,) = await desk.till.standings(R1)
        assert (standing.budget.limit, standing.spent, standing.held, standing.end) == (600, 500, 0, None)
        with pytest.raises(BudgetSpent, match="run:acme/r1/once"):
            await begin(desk, 101, R1)
        await begin(desk, 101, Run("other", "r1"))
        await spend(desk, 100, R1)
    with counter(tmp_path) as desk:
        with pytest.raises(BudgetSpent):
            await begin(desk, 1, R1)
        await desk.till.limit(R1, Cap("once", 700, alerts=(50,)))
        await spend(desk, 100, R1)
        (standing,) = await desk.till.standings(R1)
        assert (standing.budget.limit, standing.budget.alerts, standing.spent) == (700, (50,), 700)
        told = [(entry.facts["percent"], entry.nano) for entry in desk.entries("alerted")]
        assert told == [(75, 500), (90, 600), (100, 600), (50, 600)]
    assert verify(desk.till.path).fault is None


async def test_a_lower_limit_lets_those_in_line_know(tmp_path: Path) -> None:
    with counter(tmp_path, patience=60_000_000) as desk:
        await desk.till.limit(R1, Cap("once", 100))
        tab = await begin(desk, 100, R1)
        waiting = asyncio.create_task(begin(desk, 50, R1))
        while not desk.book.waiting:  # noqa: ASYNC110  # counted in turns of the loop
            await asyncio.sleep(0)
        await desk.till.limit(R1, Cap("once", 40))
        with pytest.raises(BudgetSpent):
            await waiting
        tab.release("failed", {})
        await desk.till.limit(R1, Cap("once", 60))
        await spend(desk, 60, R1)


async def test_only_an_amount_for_good_can_be_a_runs_limit(tmp_path: Path) -> None:
    with counter(tmp_path) as desk:
        with pytest.raises(ValueError, match="once"):
            await desk.till.limit(R1, Cap("day", 1))
        assert desk.entries() == []


async def test_calls_that_begin_while_a_limit_is_being_set_are_counted(tmp_path: Path) -> None:
    with slow(tmp_path) as (desk, past):
        await spend(desk, 10, R1)
        past.gate.clear()
        setting = asyncio.create_task(desk.till.limit(R1, Cap("once", 100)))
        while not past.asked:  # noqa: ASYNC110  # counted in turns of the loop
            await asyncio.sleep(0)
        calls = [asyncio.create_task(begin(desk, 50, R1)) for _ in range(4)]
        again = asyncio.create_task(desk.till.limit(R1, Cap("once", 60)))
        await asyncio.sleep(0.01)
        past.gate.set()
        await setting
        await again
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(not isinstance(each, BaseException) for each in done) == 1
        (standing,) = await desk.till.standings(R1)
        assert standing.spent + standing.held == 60


# --- how much is kept ---


async def test_thousands_of_runs_are_forgotten_and_known_again(tmp_path: Path) -> None:
    with slow(tmp_path, [RUNS, OF_OPENAI], kept=32) as (desk, past):
        busy = await begin(desk, 7, Run("acme", "busy"))
        for number in range(300):
            await spend(desk, 10 + number, Run("acme", f"r{number}"), bound=DOLLAR // 2 - 1)
            assert len(desk.till._caps._runs) <= 32 + 1
        assert len(desk.book._accounts) <= 2 * 33
        assert len(past.asked) == 301
        for number in (0, 140, 299):
            sums = [each.spent for each in await desk.till.standings(Run("acme", f"r{number}"))]
            assert sums[0] == 10 + number
        busy.settle(5, "complete", {})
        assert [each.spent for each in await desk.till.standings(Run("acme", "busy"))] == [5, 5]
        assert desk.book.held == 0


async def test_what_cannot_be_written_is_not_forgotten(tmp_path: Path) -> None:
    with slow(tmp_path, [RUNS], kept=4) as (desk, _):
        for number in range(4):
            await spend(desk, DOLLAR, Run("acme", f"r{number}"))
        break_refresh(desk)
        for number in range(4, 12):
            await spend(desk, DOLLAR, Run("acme", f"r{number}"))
        for number in range(12):
            with pytest.raises(BudgetSpent):
                await begin(desk, 1, Run("acme", f"r{number}"))


def break_refresh(desk: Counter) -> None:
    async def fails() -> None:
        raise LedgerUnwritable("The disk is full.")

    desk.till._caps._refresh = fails


# --- a ledger that does not answer ---


@pytest.mark.parametrize("unbooked", [False, True])
async def test_a_call_whose_budgets_are_not_known_is_refused_unless_it_may_go_on(
    unbooked: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with counter(tmp_path, day(DOLLAR), unbooked=unbooked) as desk:
        break_refresh(desk)
        if unbooked:
            with caplog.at_level(logging.ERROR):
                assert await desk.till.applying("openai", [KEY], None) == (day(DOLLAR),)
            assert "disk is full" in caplog.text
        else:
            with pytest.raises(LedgerDown, match="budgets are not known"):
                await desk.till.applying("openai", [KEY], None)
            with pytest.raises(LedgerDown):
                await desk.till.limit(R1, Cap("once", 1))
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as file:
        file.execute("DROP TABLE limits")
    file.close()


async def test_without_a_past_runs_begin_at_nothing() -> None:
    from polyglot_cloud.money.book import Book  # noqa: PLC0415  # this test alone needs no counter

    async def refresh() -> None:
        return

    caps = Caps(Book(lambda: START), [], [RUNS], past=None, refresh=refresh, tell=lambda _: None, clock=lambda: START)
    assert caps.known("openai", [KEY], R1) is None
    assert [each.id for each in await caps.learn("openai", [KEY], R1)] == ["key:key_1/day", "process/run:acme/r1"]
    await caps.limit(R1, Cap("once", 3))
    assert [each.id for each in await caps.learn("openai", [], R1)] == ["process/run:acme/r1", "run:acme/r1/once"]


async def test_how_a_run_stands_cannot_be_told_without_its_past(tmp_path: Path) -> None:
    with slow(tmp_path, [RUNS]) as (desk, past):

        def fails(run: Run, budgets: Mapping[str, Budget]) -> RunPast:
            raise LedgerUnwritable("The disk gives errors.")

        past.run = fails  # type: ignore[method-assign]  # a disk that cannot be read is hard to come by
        for _ in range(2):  # and is asked again the next time
            with pytest.raises(LedgerDown):
                await desk.till.standings(R1)


def test_a_cap_of_runs_is_no_budget_itself() -> None:
    assert caps_module.budgets_of([RUNS, BudgetRow("process", "day", 5, "UTC")]) == ([day(5)], [RUNS])
    with pytest.raises(ValueError, match="each run has a budget of its own"):
        caps_module._plain(RUNS)
