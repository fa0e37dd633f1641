import pytest
from hypothesis import given
from hypothesis import strategies as st

from money.book_time import DAY, MICRO, MONDAY, Time
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.budgets import Budget, Settled, Spent, Unresolved
from polyglot_cloud.money.periods import Period
from polyglot_cloud.money.verdicts import OverHeld, OverSpent, Refusal

NOW = Time().now


def budget(name: str = "process", limit: int = 100, period: Period = "day", **more: object) -> Budget:
    return Budget(name, f"scope of {name}", period, limit, **more)  # type: ignore[arg-type]  # tests name what they need


def book() -> Book:
    return Book(Time().clock)


def refused(book: Book, budgets: list[Budget], amount: int, now: int = NOW) -> Refusal:
    with pytest.raises(Refusal) as caught:
        book.hold("refused", budgets, amount, now)
    return caught.value


def figures(book: Book, of: Budget, now: int = NOW) -> tuple[int, int, int]:
    standing = book.standing(of, now)
    assert standing is not None
    return standing.spent, standing.held, standing.unknown


@pytest.mark.parametrize(
    ("spent", "held", "unknown", "amount", "verdict"),
    [
        (0, 0, 0, 100, None),
        (0, 0, 0, 101, OverSpent),
        (40, 0, 0, 60, None),
        (40, 0, 0, 61, OverSpent),
        (0, 40, 0, 60, None),
        (0, 40, 0, 61, OverHeld),
        (0, 40, 0, 100, OverHeld),
        (30, 40, 0, 70, OverHeld),
        (30, 40, 0, 71, OverSpent),
        (30, 40, 0, 30, None),
        (0, 0, 40, 60, None),
        (0, 0, 40, 61, OverSpent),
        (10, 20, 30, 40, None),
        (10, 20, 30, 41, OverHeld),
        (10, 20, 30, 60, OverHeld),
        (10, 20, 30, 61, OverSpent),
        (100, 0, 0, 1, OverSpent),
        (100, 0, 0, 0, None),
        (0, 100, 0, 0, None),
        (130, 0, 0, 0, None),
        (130, 0, 0, 1, OverSpent),
    ],
)
def test_what_fits_and_what_does_not(
    spent: int, held: int, unknown: int, amount: int, verdict: type[Refusal] | None
) -> None:
    day, till = budget(), book()
    till.hold("spent", [day], 0, NOW)
    till.settle("spent", spent, NOW)
    till.hold("held", [day], held, NOW)
    till.hold("unknown", [day], unknown, NOW)
    till.unknown("unknown", NOW)
    room = till.room([day], NOW)
    assert room == max(0, 100 - spent - held - unknown)
    if verdict is None:
        assert till.hold("new", [day], amount, NOW).amount == amount <= room
        assert figures(till, day) == (spent, held + unknown + amount, unknown)
    else:
        error = refused(till, [day], amount)
        assert type(error) is verdict
        assert (error.budget, error.amount, error.limit) == (day, amount, 100)
        assert (error.spent, error.held, error.unknown) == (spent, held + unknown, unknown)
        assert error.resets_at == MONDAY + DAY


@pytest.mark.parametrize(
    ("period", "resets_at"),
    [("day", MONDAY + DAY), ("week", MONDAY + 7 * DAY), ("month", MONDAY + 10 * DAY), ("once", None), ("call", None)],
)
def test_a_refusal_tells_when_the_budget_resets(period: Period, resets_at: int | None) -> None:
    error = refused(book(), [budget(period=period)], 101)
    assert (type(error), error.resets_at) == (OverSpent, resets_at)


def test_days_are_those_of_the_budgets_zone() -> None:
    tokyo = budget(zone="Asia/Tokyo")
    assert refused(book(), [tokyo], 101).resets_at == MONDAY + DAY - 9 * 3600


def test_of_several_budgets_the_one_in_the_way_is_named() -> None:
    process, tenant, key = budget("process", 1000), budget("tenant", 300), budget("key", 200)
    till = book()
    till.hold("a", [process, tenant], 250, NOW)
    for budgets in ([process, tenant, key], [key, tenant, process]):
        assert refused(till, budgets, 60).budget is tenant
        assert refused(till, budgets, 201).budget is key
        assert refused(till, budgets, 1001).budget in budgets
    assert till.room([process, tenant, key], NOW) == 50
    assert till.room([process], NOW) == 750
    assert till.room([], NOW) is None


def test_spending_is_named_before_holds_and_the_latest_reset_of_what_is_spent() -> None:
    day, week, once = budget("day", 100), budget("week", 90, "week"), budget("once", 80, "once")
    till = book()
    till.hold("a", [day, week], 90, NOW)
    assert refused(till, [day, week, once], 70).budget is week
    assert type(refused(till, [day, week, once], 70)) is OverHeld
    till.settle("a", 90, NOW)
    assert refused(till, [day, week, once], 70).budget is week
    assert refused(till, [day, week, once], 81).budget is once
    assert type(refused(till, [day], 11)) is OverSpent


def test_a_refused_hold_leaves_no_trace_in_any_budget() -> None:
    wide, narrow, till = budget("wide", 1000), budget("narrow", 10), book()
    refused(till, [wide, narrow], 11)
    assert figures(till, wide) == figures(till, narrow) == (0, 0, 0)
    assert till.held == 0
    till.hold("refused", [wide, narrow], 10, NOW)


def test_the_messages_tell_people_the_figures() -> None:
    day, till = budget("p-day", 2_000_000_000), book()
    till.hold("a", [day], 500_000_000, NOW)
    till.hold("b", [day], 250_000_000, NOW)
    till.unknown("b", NOW)
    spent = str(refused(till, [day], 1_750_000_001))
    assert spent.startswith("$1.750000001 is more than is left of budget p-day (scope of p-day, per day): $0.00 spent")
    assert "$0.75 held of $2.00, of which $0.25 until an operator frees it" in spent
    held = str(refused(till, [day], 1_500_000_000))
    assert held.startswith("$1.50 does not fit beside the calls in flight under budget p-day")


def test_a_budget_per_call_limits_each_hold_by_itself() -> None:
    call, day, till = budget("call", 50, "call"), budget("day", 1000), book()
    for number in range(5):
        till.hold(f"a{number}", [call, day], 50, NOW)
    error = refused(till, [call, day], 51)
    assert (type(error), error.budget, error.spent, error.held, error.limit) == (OverSpent, call, 0, 0, 50)
    assert till.room([call, day], NOW) == 50
    assert till.room([call], NOW) == 50
    assert till.settle("a0", 60, NOW) == Settled(overrun=10)
    assert till.standing(call, NOW) is None


def test_tightening_only_lowers() -> None:
    day, till = budget(), book()
    hold = till.hold("a", [day], 60, NOW)
    assert not till.tighten("a", 60, NOW)
    assert not till.tighten("a", 61, NOW)
    assert not till.tighten("b", 1, NOW)
    assert till.tighten("a", 20, NOW)
    assert (hold.amount, figures(till, day)) == (20, (0, 20, 0))
    assert till.settle("a", 25, NOW).overrun == 5
    assert figures(till, day) == (25, 0, 0)


def test_an_attempt_is_booked_once() -> None:
    day, till = budget(), book()
    till.hold("a", [day], 60, NOW)
    assert till.settle("a", 50, NOW) == Settled()
    assert till.settle("a", 50, NOW) == Settled(booked=False)
    assert not till.release("a", NOW)
    assert not till.unknown("a", NOW)
    assert not till.free("a", NOW)
    assert figures(till, day) == (50, 0, 0)


def test_an_unknown_hold_stays_counted_until_it_is_freed_or_billed() -> None:
    day, till = budget(), book()
    till.hold("a", [day], 60, NOW)
    till.hold("b", [day], 30, NOW)
    assert not till.free("a", NOW)
    assert till.unknown("a", NOW)
    assert till.unknown("b", NOW)
    assert not till.unknown("a", NOW)
    assert not till.release("a", NOW)
    assert not till.tighten("a", 1, NOW)
    assert figures(till, day) == (0, 90, 90)
    assert till.free("a", NOW)
    assert till.settle("b", 35, NOW) == Settled(overrun=5)
    assert figures(till, day) == (35, 0, 0)


def test_an_overrun_is_booked_in_full_in_every_budget() -> None:
    first, second, till = budget("first"), budget("second", 1000), book()
    till.hold("a", [first, second], 90, NOW)
    settled = till.settle("a", 150, NOW)
    assert settled.overrun == 60
    assert [(alert.budget, alert.percent) for alert in settled.alerts] == [(first, 75), (first, 90), (first, 100)]
    assert figures(till, first) == figures(till, second) == (150, 0, 0)
    assert till.room([first, second], NOW) == 0


def test_a_budget_named_twice_counts_once() -> None:
    day, till = budget(), book()
    till.hold("a", [day, day], 60, NOW)
    till.settle("a", 60, NOW)
    assert figures(till, day) == (60, 0, 0)


@pytest.mark.parametrize("amount", [-1, -(10**12)])
def test_amounts_and_costs_are_never_negative(amount: int) -> None:
    day, till = budget(), book()
    with pytest.raises(ValueError, match="zero or more"):
        till.hold("a", [day], amount, NOW)
    till.hold("a", [day], 10, NOW)
    with pytest.raises(ValueError, match="zero or more"):
        till.tighten("a", amount, NOW)
    with pytest.raises(ValueError, match="zero or more"):
        till.settle("a", amount, NOW)
    with pytest.raises(ValueError, match="zero or more"):
        budget(limit=amount)
    assert figures(till, day) == (0, 10, 0)


def test_an_attempt_has_one_hold() -> None:
    day, till = budget(), book()
    till.hold("a", [day], 10, NOW)
    with pytest.raises(ValueError, match="id of its own"):
        till.hold("a", [day], 10, NOW)
    assert figures(till, day) == (0, 10, 0)


def test_without_budgets_all_is_held_and_nothing_counted() -> None:
    till = book()
    assert till.hold("a", [], 10**15, NOW).windows == ()
    assert till.settle("a", 10**16, NOW) == Settled(overrun=10**16 - 10**15)


# windows


def test_a_hold_belongs_to_the_window_in_which_it_was_made() -> None:
    day, tomorrow, till = budget(), NOW + DAY * MICRO, book()
    hold = till.hold("a", [day], 100, NOW)
    assert hold.windows == (("process", MONDAY),)
    assert till.room([day], tomorrow) == 100
    assert till.hold("b", [day], 100, tomorrow).windows == (("process", MONDAY + DAY),)
    assert till.settle("a", 80, tomorrow).alerts[0].start == MONDAY
    assert figures(till, day, tomorrow) == (0, 100, 0)
    assert figures(till, day, NOW) == (80, 0, 0)


def test_a_window_begins_at_its_very_first_microsecond() -> None:
    day, end, till = budget(), (MONDAY + DAY) * MICRO, book()
    till.hold("a", [day], 100, NOW)
    assert refused(till, [day], 1, end - 1).resets_at == MONDAY + DAY
    assert till.hold("b", [day], 100, end).windows == (("process", MONDAY + DAY),)


def test_several_periods_roll_over_each_at_its_time() -> None:
    budgets = [budget("d", 100), budget("w", 150, "week"), budget("m", 260, "month"), budget("o", 270, "once")]
    till = book()
    for days, amount, then in [(0, 100, "d"), (1, 50, "w"), (7, 100, "d"), (8, 10, "m"), (14, 10, "o"), (21, 0, "o")]:
        now = NOW + days * DAY * MICRO
        assert till.room(budgets, now) == amount
        till.hold(f"a{days}", budgets, amount, now)
        till.settle(f"a{days}", amount, now)
        assert refused(till, budgets, 1, now).budget.id == then


def test_a_clock_set_back_finds_the_windows_that_it_left() -> None:
    day, till = budget(), book()
    for days in (0, 1, 2):
        till.hold(f"a{days}", [day], 60, NOW + days * DAY * MICRO)
        till.settle(f"a{days}", 60, NOW + days * DAY * MICRO)
    for days in (2, 1, 0, 2, 365, 1, 365, 2):
        assert till.room([day], NOW + days * DAY * MICRO) == (100 if days == 365 else 40)
        assert refused(till, [day], 101, NOW + days * DAY * MICRO).resets_at == MONDAY + (days + 1) * DAY


def test_a_clock_set_back_behind_what_is_forgotten_never_spends_the_same_money_twice() -> None:
    day, till = budget(), book()
    for days in range(6):
        till.hold(f"a{days}", [day], 100, NOW + days * DAY * MICRO)
        till.settle(f"a{days}", 100, NOW + days * DAY * MICRO)
    for days in range(6):
        assert type(refused(till, [day], 1, NOW + days * DAY * MICRO)) is OverSpent
        assert till.room([day], NOW + days * DAY * MICRO) == 0


def test_windows_in_which_nothing_was_spent_are_forgotten_without_regret() -> None:
    day, till = budget(), book()
    for days in range(6):
        till.hold(f"a{days}", [day], 100, NOW + days * DAY * MICRO)
        till.release(f"a{days}", NOW + days * DAY * MICRO)
    assert till.hold("again", [day], 100, NOW).windows == (("process", MONDAY),)


def test_old_windows_go_once_nothing_is_held_there() -> None:
    day, till = budget(), book()
    till.hold("long", [day], 100, NOW)
    for days in range(1, 400):
        now = NOW + days * DAY * MICRO
        till.hold("a", [day], 100, now)
        till.settle("a", 100, now)
    kept = till._accounts["process"].kept
    assert (len(kept), MONDAY in kept) == (4, True)
    till.settle("long", 10, now)
    till.hold("a", [day], 1, now + DAY * MICRO)
    assert MONDAY not in kept
    assert len(kept) == 3


def test_a_budget_can_be_forgotten_once_nothing_is_held() -> None:
    run, till = budget("run", period="once"), book()
    till.hold("a", [run], 10, NOW)
    assert not till.forget("run")
    till.settle("a", 10, NOW)
    assert till.forget("run")
    assert not till.forget("run")
    assert till.standing(run, NOW) is None
    assert till.room([run], NOW) == 100


def test_asking_for_room_leaves_no_trace() -> None:
    day, till = budget(), book()
    assert till.room([day], NOW) == 100
    assert till._accounts == {}
    till.hold("a", [day], 100, NOW)
    assert till.room([day], NOW + DAY * MICRO) == 100
    assert till.standing(day, NOW + DAY * MICRO) is None


# what the operator changes


def test_another_limit_holds_from_now_on() -> None:
    till = book()
    till.hold("a", [budget(limit=100)], 80, NOW)
    assert till.room([budget(limit=50)], NOW) == 0
    assert type(refused(till, [budget(limit=50)], 1)) is OverHeld
    assert till.room([budget(limit=200)], NOW) == 120
    settled = till.settle("a", 80, NOW)
    assert settled.alerts == ()
    till.hold("b", [budget(limit=100)], 0, NOW)
    assert [alert.percent for alert in till.settle("b", 0, NOW).alerts] == [75]


def test_another_period_begins_anew_and_old_holds_are_settled_where_they_are() -> None:
    till = book()
    till.hold("a", [budget()], 100, NOW)
    till.hold("b", [budget(period="month")], 100, NOW)
    till.settle("a", 10, NOW)
    assert figures(till, budget(period="month")) == (0, 100, 0)


# alerts


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        ([74], [[]]),
        ([75], [[75]]),
        ([80, 15, 5, 1], [[75], [90], [100], []]),
        ([95], [[75, 90]]),
        ([100], [[75, 90, 100]]),
        ([250, 250], [[75, 90, 100], []]),
        ([74, 1, 14, 1, 9, 1], [[], [75], [], [90], [], [100]]),
        ([0, 0], [[], []]),
    ],
)
def test_each_alert_is_told_once(costs: list[int], told: list[list[int]]) -> None:
    day, till = budget(alerts=(90, 75, 100)), book()
    seen = []
    for number, cost in enumerate(costs):
        till.hold(f"a{number}", [day], 0, NOW)
        alerts = till.settle(f"a{number}", cost, NOW).alerts
        assert all((a.budget, a.start, a.spent) == (day, MONDAY, sum(costs[: number + 1])) for a in alerts)
        seen.append([alert.percent for alert in alerts])
    assert seen == told


@pytest.mark.parametrize(
    ("limit", "cost", "told"), [(0, 0, []), (0, 1, [75, 90, 100]), (1, 1, [75, 90, 100]), (3, 2, [])]
)
def test_alerts_at_the_edges_of_small_limits(limit: int, cost: int, told: list[int]) -> None:
    day, till = budget(limit=limit), book()
    till.hold("a", [day], 0, NOW)
    assert [alert.percent for alert in till.settle("a", cost, NOW).alerts] == told


def test_alerts_begin_anew_with_each_period_and_fall_to_the_window_of_the_hold() -> None:
    day, tomorrow, till = budget(alerts=(50,)), NOW + DAY * MICRO, book()
    till.hold("a", [day], 60, NOW)
    till.hold("b", [day], 60, tomorrow)
    assert [alert.start for alert in till.settle("a", 60, tomorrow).alerts] == [MONDAY]
    assert [alert.start for alert in till.settle("b", 60, tomorrow).alerts] == [MONDAY + DAY]


def test_without_percentages_nothing_is_told() -> None:
    day, till = budget(alerts=()), book()
    till.hold("a", [day], 0, NOW)
    assert till.settle("a", 10**9, NOW).alerts == ()


# after a restart


def test_what_is_restored_counts_as_before() -> None:
    day, once, call = budget(), budget("once", 500, "once"), budget("call", 10, "call")
    till = book()
    told = till.restore(
        [Spent(day, MONDAY, 20), Spent(day, MONDAY, 15), Spent(day, MONDAY - DAY, 99, (75, 90)), Spent(once, 0, 134)],
        [Unresolved("a", 30, ((day, MONDAY), (once, 0), (call, 5))), Unresolved("b", 7, ((day, MONDAY - DAY),))],
        NOW,
    )
    assert told == []
    assert figures(till, day) == (35, 30, 30)
    assert figures(till, once) == (134, 30, 30)
    assert figures(till, day, NOW - DAY * MICRO) == (99, 7, 7)
    assert till.room([day, once], NOW) == 35
    assert not till.release("a", NOW)
    assert till.free("a", NOW)
    assert [alert.percent for alert in till.settle("b", 3, NOW).alerts] == [100]
    assert figures(till, day) == (35, 0, 0)


def test_rows_of_any_order_and_age_are_restored() -> None:
    day, till = budget(), book()
    rows = [Spent(day, MONDAY - days * DAY, 10 + days) for days in (5, 0, 300, 2, 1, 299, 3)]
    till.restore(rows, [Unresolved("old", 1, ((day, MONDAY - 300 * DAY),))], NOW)
    assert figures(till, day) == (10, 0, 0)
    assert figures(till, day, NOW - DAY * MICRO) == (11, 0, 0)
    assert len(till._accounts["process"].kept) == 4
    assert till.settle("old", 5, NOW).overrun == 4


def test_alerts_are_not_told_again_after_a_restart() -> None:
    day, till = budget(), book()
    assert till.restore([Spent(day, MONDAY, 95, (75, 90))], [], NOW) == []
    till.hold("a", [day], 5, NOW)
    assert [alert.percent for alert in till.settle("a", 4, NOW).alerts] == []
    till.hold("b", [day], 1, NOW)
    assert [alert.percent for alert in till.settle("b", 1, NOW).alerts] == [100]


def test_alerts_that_a_crash_kept_from_being_told_are_told_at_the_restart() -> None:
    day, till = budget(), book()
    told = till.restore([Spent(day, MONDAY, 95, (75,)), Spent(day, MONDAY - DAY, 95)], [], NOW)
    assert [(alert.percent, alert.start, alert.spent) for alert in told] == [(90, MONDAY, 95)]
    till.hold("a", [day], 5, NOW)
    assert [alert.percent for alert in till.settle("a", 1, NOW).alerts] == []


def test_per_call_rows_are_nothing_to_restore() -> None:
    till = book()
    assert till.restore([Spent(budget(period="call"), 5, 1000)], [], NOW) == []
    assert till._accounts == {}


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=30))
def test_the_room_told_is_the_room_there_is(calls: list[tuple[int, int]]) -> None:
    budgets, till = [budget("a", 97), budget("b", 140, "once"), budget("c", 60, "call")], book()
    for number, (amount, cost) in enumerate(calls):
        room = till.room(budgets, NOW)
        assert room is not None
        assert refused(till, budgets, room + 1).amount == room + 1
        till.hold("exactly", budgets, room, NOW)
        till.release("exactly", NOW)
        till.hold(f"a{number}", budgets, min(amount, room), NOW)
        if number % 3:
            till.settle(f"a{number}", cost, NOW)
