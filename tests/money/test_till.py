"""The till over a real journal: what it holds, books and says no to."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from counter import DOLLAR, START, Counter, counter, day
from harness import catalog_with
from polyglot_cloud.amounts import LARGEST
from polyglot_cloud.errors import BudgetHeld, BudgetSpent, LedgerDown, Unbounded
from polyglot_cloud.grants import BudgetRow
from polyglot_cloud.money.bounds import Bound, bound
from polyglot_cloud.money.budgets import Budget
from polyglot_cloud.money.faults import LedgerUnwritable
from polyglot_cloud.money.opening import open_till

TERRA = next(row for row in catalog_with(None).rows if row.id == "gpt-6.1-terra")
CAP = day(DOLLAR)
FACTS: dict[str, Any] = {
    "call": "c",
    "tenant": "acme",
    "key": "key_1",
    "run": "r",
    "provider": "openai",
    "model": "gpt-6.1-terra",
}


def bounded(nano: int) -> Bound:
    return Bound(1, 1, nano, TERRA.prices[-1])


async def test_a_hold_is_written_with_its_budgets_windows_and_settled_once(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        tab = await desk.till.open(FACTS, bounded(700), [CAP])
        assert (desk.book.held, desk.till.path.name) == (1, "ledger.sqlite3")
        await tab.written()
        tab.settle(120, "complete", {"model": "m"})
        tab.settle(999, "failed", {})
        tab.release("failed", {})
        assert (desk.book.held, desk.spent(CAP)) == (0, 120)
        held, settled = desk.entries()
    assert (held.kind, held.nano, held.at, held.attempt) == ("held", 700, START, tab.attempt)
    start = START // 1_000_000 // 86_400 * 86_400
    assert held.facts == {**FACTS, "budgets": [{"id": "process/day", "scope": "process", "start": start}]}
    assert (settled.kind, settled.nano, settled.facts) == ("settled", 120, {"model": "m", "outcome": "complete"})


async def test_a_release_costs_nothing(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        tab = await desk.till.open(FACTS, bounded(700), [CAP])
        tab.release("failed", {"error": "x"})
        tab.settle(120, "complete", {})
        assert (desk.book.held, desk.spent(CAP)) == (0, 0)
        assert [(entry.kind, entry.nano) for entry in desk.entries()] == [("held", 700), ("released", 0)]


async def test_a_cost_above_its_hold_is_booked_in_full_and_told(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        tab = await desk.till.open(FACTS, bounded(100), [CAP])
        tab.settle(150, "complete", {})
        assert desk.spent(CAP) == 150
        assert [(entry.kind, entry.nano) for entry in desk.entries()] == [
            ("held", 100),
            ("settled", 150),
            ("overrun", 50),
        ]


async def test_an_alert_is_told_once_in_the_ledger_too(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        for _ in range(3):
            tab = await desk.till.open(FACTS, bounded(DOLLAR // 4), [CAP])
            tab.settle(DOLLAR * 31 // 100, "complete", {})
        told = [(entry.facts["budget"], entry.facts["percent"]) for entry in desk.entries("alerted")]
    assert told == [("process/day", 75), ("process/day", 90)]


async def test_which_budgets_apply(tmp_path: Path) -> None:
    openai, own = day(2, "provider:openai"), BudgetRow("key:key_1", "day", 3, "UTC")
    with counter(tmp_path, CAP, openai) as desk:
        assert await desk.till.applying("openai", [own], None) == (CAP, openai, day(3, "key:key_1"))
        assert await desk.till.applying("grok", [], None) == (CAP,)


async def test_refusals_leave_nothing_behind(tmp_path: Path) -> None:
    call = Budget("process/call", "process", "call", 50)
    with counter(tmp_path, CAP) as desk:
        for most, budgets, kind in [
            (None, [CAP], Unbounded),
            (bounded(DOLLAR + 1), [CAP], BudgetSpent),
            (bounded(51), [call], BudgetSpent),
        ]:
            with pytest.raises(kind):
                await desk.till.open(FACTS, most, budgets)
        other = await desk.till.open(FACTS, bounded(DOLLAR), [CAP])
        with pytest.raises(BudgetHeld) as held:
            await desk.till.open(FACTS, bounded(1), [CAP])
        other.release("failed", {})
        assert (desk.book.held, desk.book.waiting, len(desk.entries())) == (0, 0, 2)
    assert held.value.retry_after == 2.0


async def test_an_amount_of_exactly_what_is_left_fits(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        (await desk.till.open(FACTS, bounded(1), [CAP])).settle(1, "complete", {})
        (await desk.till.open(FACTS, bounded(DOLLAR - 1), [CAP])).settle(DOLLAR - 1, "complete", {})
        with pytest.raises(BudgetSpent) as spent:
            await desk.till.open(FACTS, bounded(1), [CAP])
        assert spent.value.headers["x-polyglot-budget-resets"] == str((START // 86_400_000_000 + 1) * 86_400)
        desk.at += 86_400_000_000
        (await desk.till.open(FACTS, bounded(DOLLAR), [CAP])).release("failed", {})


async def test_a_call_waits_for_others_to_settle(tmp_path: Path) -> None:
    with counter(tmp_path, CAP, patience=60_000_000) as desk:
        first = await desk.till.open(FACTS, bounded(DOLLAR), [CAP])
        waiting = asyncio.create_task(desk.till.open(FACTS, bounded(DOLLAR // 2), [CAP]))
        while not desk.book.waiting:  # noqa: ASYNC110  # counted in turns of the loop
            await asyncio.sleep(0)
        first.settle(DOLLAR // 2, "complete", {})
        second = await waiting
        assert desk.book.held == 1
        second.settle(DOLLAR // 2, "complete", {})
        assert desk.spent(CAP) == CAP.limit


async def test_what_no_journal_holds_leaves_nothing_held(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        with pytest.raises(ValueError, match="JSON"):
            await desk.till.open({"call": object()}, bounded(5), [CAP])
        assert (desk.book.held, desk.entries()) == (0, [])


async def test_an_amount_that_no_column_holds_is_booked_as_the_most_it_takes(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        (await desk.till.open(FACTS, bounded(5), [CAP])).settle(10**40, "complete", {})
        (await desk.till.open(FACTS, bounded(0), [])).settle(-1, "complete", {})
        assert [entry.nano for entry in desk.entries("settled")] == [LARGEST, 0]
        assert desk.book.held == 0


# --- a ledger that cannot be written ---


async def test_while_it_cannot_be_written_nothing_is_opened(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        desk.journal.failure = LedgerUnwritable("The disk is full.")
        with pytest.raises(LedgerDown, match="disk is full"):
            await desk.till.open(FACTS, bounded(5), [CAP])
        desk.journal.failure = None
        assert (desk.book.held, desk.entries()) == (0, [])


@pytest.mark.parametrize("unbooked", [False, True])
async def test_a_hold_that_could_not_be_written_is_told(unbooked: bool, tmp_path: Path) -> None:
    with counter(tmp_path, CAP, unbooked=unbooked) as desk:
        desk.journal.close()
        tab = await desk.till.open(FACTS, bounded(5), [CAP])
        if unbooked:
            await tab.written()
        else:
            with pytest.raises(LedgerDown):
                await tab.written()
        tab.release("failed", {})
        assert desk.book.held == 0


# --- a restart ---


def opened(folder: Path, *budgets: Budget) -> Counter:
    return Counter(folder / "ledger.sqlite3", budgets)


async def test_what_is_open_when_the_process_ends_counts_at_its_bound(tmp_path: Path) -> None:
    desk = opened(tmp_path, CAP)
    tab = await desk.till.open(FACTS, bounded(DOLLAR // 4), [CAP])
    await tab.written()
    desk.till.close()
    again = opened(tmp_path, CAP)
    assert (again.till.swept, again.spent(CAP), again.book.held) == (1, DOLLAR // 4, 0)
    assert [entry.kind for entry in again.entries()] == ["held", "unknown"]
    again.till.close()


@pytest.mark.parametrize("scope", ["process", "provider:openai", "tenant:acme", "key:key_1"])
async def test_a_new_budget_finds_what_its_scope_spent_before(scope: str, tmp_path: Path) -> None:
    with counter(tmp_path) as desk:
        (await desk.till.open(FACTS, None, [])).settle(70, "complete", {})
        elsewhere = {**FACTS, "provider": "grok", "tenant": "b", "key": "key_2", "run": "s"}
        (await desk.till.open(elsewhere, None, [])).settle(1, "complete", {})
    budget = day(100, scope)
    with counter(tmp_path, budget) as desk:
        assert desk.spent(budget) == (71 if scope == "process" else 70)


async def test_another_day_begins_at_nothing(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        (await desk.till.open(FACTS, bounded(9), [CAP])).settle(9, "complete", {})
    till = open_till(
        tmp_path / "ledger.sqlite3", [BudgetRow("process", "day", DOLLAR, "UTC")], clock=lambda: START + 86_400_000_000
    )
    tab = await till.open(FACTS, bounded(DOLLAR), await till.applying("openai", [], None))
    tab.release("failed", {})
    till.close()


async def test_an_alert_that_was_missed_is_told_at_the_start_and_never_again(tmp_path: Path) -> None:
    with counter(tmp_path) as desk:
        (await desk.till.open(FACTS, None, [])).settle(DOLLAR * 3 // 4, "complete", {})
    told = []
    for _ in range(3):
        desk = await asyncio.to_thread(opened, tmp_path, CAP)  # no event loop at the start
        told.append([entry.facts["percent"] for entry in desk.entries("alerted")])
        desk.till.close()
    assert told == [[75]] * 3


def test_a_bound_of_the_catalog_is_what_the_till_takes() -> None:
    found = bound(100, TERRA, TERRA.prices[-1], media=False, max_tokens=9, choices=1, value={})
    assert found is not None
    assert 0 < found.nano <= LARGEST


async def test_a_clock_that_is_set_back_after_a_restart_spends_nothing_twice(tmp_path: Path) -> None:
    """Of the day before only the ledger knows, and is not asked: what is spent then counts in the day of the start."""
    with counter(tmp_path, CAP) as desk:
        (await desk.till.open(FACTS, bounded(DOLLAR), [CAP])).settle(DOLLAR, "complete", {})
    desk = Counter(tmp_path / "ledger.sqlite3", [], patience=0)
    desk.at = START + 86_400_000_000
    desk.till.remember([CAP])
    (await desk.till.open(FACTS, bounded(DOLLAR - 10), [CAP])).settle(DOLLAR - 10, "complete", {})
    desk.at = START
    with pytest.raises(BudgetSpent):
        await desk.till.open(FACTS, bounded(11), [CAP])
    desk.till.close()


async def test_a_start_by_a_clock_that_is_set_right_later_forgets_nothing(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        (await desk.till.open(FACTS, bounded(DOLLAR), [CAP])).settle(DOLLAR - 10, "complete", {})
    desk = Counter(tmp_path / "ledger.sqlite3", [], patience=0)
    desk.at = START - 3 * 86_400_000_000
    desk.till.remember([CAP])
    (await desk.till.open(FACTS, bounded(DOLLAR), [CAP])).settle(DOLLAR, "complete", {})
    desk.at = START
    with pytest.raises(BudgetSpent):
        await desk.till.open(FACTS, bounded(11), [CAP])
    (await desk.till.open(FACTS, bounded(10), [CAP])).settle(10, "complete", {})
    desk.till.close()
