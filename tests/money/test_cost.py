"""The rules of a cost, one by one, on a small price."""

from dataclasses import replace
from datetime import date

import pytest

from polyglot_cloud.money.cost import bound_of, cost_of
from polyglot_cloud.neutral import Usage
from polyglot_cloud.rows import LongContext, Price, Rates


def price(**rates: int) -> Price:
    return Price(date(2026, 1, 1), Rates({"input": 100, "output": 1000, **rates}), (), "a page")


def parts_of(usage: Usage, row: Price) -> dict[str, int]:
    return cost_of(usage, row).parts


# --- rounding ---


@pytest.mark.parametrize(("tokens", "nano"), [(0, 0), (4, 0), (5, 1), (14, 1), (15, 2), (1004, 100), (1005, 101)])
def test_half_a_nano_dollar_is_rounded_up(tokens: int, nano: int) -> None:
    assert cost_of(Usage(tokens, 0), price()).nano == nano


def test_the_sum_is_rounded_and_not_its_parts() -> None:
    """Four parts of 0.4 nano-dollars are 1.6, not nothing."""
    usage = Usage(12, 0, cached=4, details={"cache_write": 4, "input_audio": 0})
    assert cost_of(usage, price(cache_read=100, cache_write=100)).nano == 1
    assert cost_of(Usage(4, 0), price()).nano == 0


# --- no price, and the vendor's own ---


def test_without_a_price_everything_is_named() -> None:
    usage = Usage(10, 5, cached=4, reasoning=2, details={"cache_write_1h": 1, "web_search_calls": 3})
    cost = cost_of(usage, None)
    assert (cost.nano, cost.source, cost.parts) == (0, "unpriced", {})
    assert cost.unpriced == ("input", "cache_read", "cache_write_1h", "output", "reasoning_output", "web_search_calls")


def test_nothing_used_costs_nothing() -> None:
    cost = cost_of(Usage(), price())
    assert (cost.nano, cost.source, cost.parts, cost.unpriced, cost.estimated) == (0, "rates", {}, (), ())
    assert bound_of(0, 0, price()) == 0


@pytest.mark.parametrize("row", [None, price()])
def test_the_vendors_own_figure_is_preferred(row: Price | None) -> None:
    cost = cost_of(Usage(10, 5, details={"cost_usd_ticks": 25, "web_search_calls": 1}), row)
    assert (cost.nano, cost.source, cost.parts, cost.unpriced) == (3, "ticks", {"ticks": 2_500}, ())


# --- kinds of input ---


def test_cached_and_written_tokens_are_part_of_the_input() -> None:
    details = {
        "cache_write_5m": 100,
        "cache_write_30m": 50,
        "cache_write": 25,
        "cache_write_1h": 10,
        "cache_write_12h": 5,
    }
    usage = Usage(1000, 0, cached=500, details=details)
    row = price(cache_read=10, cache_write=125, cache_write_1h=200, cache_write_12h=250)
    assert parts_of(usage, row) == {
        "input": 310 * 100,
        "cache_read": 500 * 10,
        "cache_write": 175 * 125,
        "cache_write_1h": 10 * 200,
        "cache_write_12h": 5 * 250,
    }
    assert cost_of(usage, row).estimated == ()


def test_without_a_cache_rate_the_dearest_that_could_apply_counts() -> None:
    usage = Usage(30, 0, cached=10, details={"cache_write_12h": 10})
    cost = cost_of(usage, price(cache_write=125, cache_write_1h=200))
    assert cost.parts == {"input": 1000, "cache_read": 1000, "cache_write_12h": 2000}
    assert cost.estimated == ("cache_read", "cache_write_12h")


def test_a_write_rate_below_plain_input_is_not_borrowed() -> None:
    cost = cost_of(Usage(10, 0, details={"cache_write_1h": 10}), price(cache_write=50))
    assert cost.parts == {"cache_write_1h": 1000}


def test_more_cached_than_sent_is_billed_as_told() -> None:
    assert parts_of(Usage(10, 0, cached=30), price(cache_read=10)) == {"cache_read": 300}


@pytest.mark.parametrize(
    ("cached", "audio", "parts", "estimated"),
    [
        (0, 40, {"input": 60 * 100, "input_audio": 40 * 700}, ()),
        (30, 40, {"input": 30 * 100, "cache_read": 30 * 10, "input_audio": 40 * 700}, ("input_audio",)),
        (70, 40, {"cache_read": 60 * 10, "input_audio": 40 * 700}, ("input_audio",)),
        (100, 100, {"input_audio": 100 * 700}, ("input_audio",)),
        (0, 500, {"input_audio": 100 * 700}, ()),
    ],
)
def test_audio_counts_as_fresh_as_far_as_it_can(
    cached: int, audio: int, parts: dict[str, int], estimated: tuple[str, ...]
) -> None:
    cost = cost_of(Usage(100, 0, cached=cached, details={"input_audio": audio}), price(cache_read=10, input_audio=700))
    assert (cost.parts, cost.estimated) == (parts, estimated)


def test_what_one_call_marks_does_not_stay_for_the_next() -> None:
    row = price(cache_read=10, input_audio=700)
    details = {"input_audio": 5}
    assert cost_of(Usage(100, 0, cached=50, details=details), row).estimated == ("input_audio",)
    assert cost_of(Usage(100, 0, details=details), row).estimated == ()


def test_audio_without_a_rate_is_input() -> None:
    cost = cost_of(Usage(100, 0, details={"input_audio": 40}), price())
    assert (cost.parts, cost.estimated) == ({"input": 6000, "input_audio": 4000}, ("input_audio",))


# --- kinds of output, and what no rate covers ---


def test_reasoning_has_its_own_rate_or_that_of_output() -> None:
    usage = Usage(0, 100, reasoning=60)
    assert parts_of(usage, price(reasoning_output=3000)) == {"output": 40_000, "reasoning_output": 180_000}
    cost = cost_of(usage, price())
    assert (cost.parts, cost.estimated) == ({"output": 40_000, "reasoning_output": 60_000}, ())


def test_reasoning_that_was_left_out_of_the_output_is_billed() -> None:
    assert parts_of(Usage(0, 2, reasoning=60), price()) == {"reasoning_output": 60_000}


def test_what_no_rate_covers_is_named() -> None:
    details = {"web_search_calls": 2, "num_sources_used": 1, "advisor_input": 9, "output_image": 4, "something_new": 1, "input_image": 5,
               "tool_use_input": 3, "rejected_prediction": 2, "accepted_prediction": 1, "output_audio": 0}  # fmt: skip
    cost = cost_of(Usage(10, 10, details=details), price())
    assert cost.unpriced == ("web_search_calls", "num_sources_used", "advisor_input", "output_image", "something_new")
    assert cost.parts == {"input": 1000, "output": 10_000}


# --- service tiers ---


TIERED = price(
    cache_read=10, cache_write=125, input_audio=700, reasoning_output=1000,
    batch_input=50, batch_output=500, flex_input=50, flex_output=500, flex_cache_read=5, priority_input=200, priority_output=2500,
)  # fmt: skip


@pytest.mark.parametrize(
    ("tier", "rates"),
    [
        (None, (100, 1000)), ("", (100, 1000)), ("auto", (100, 1000)), ("default", (100, 1000)), ("STANDARD", (100, 1000)),
        ("standard_only", (100, 1000)), ("batch", (50, 500)), ("flex", (50, 500)), ("FLEX", (50, 500)),
        ("priority", (200, 2500)), ("fast", (200, 2500)),
    ],
)  # fmt: skip
def test_the_tier_that_answered_sets_the_rates(tier: str | None, rates: tuple[int, int]) -> None:
    cost = cost_of(Usage(10, 10, tier=tier), TIERED)
    assert cost.parts == {"input": 10 * rates[0], "output": 10 * rates[1]}
    assert (cost.unpriced, cost.estimated) == ((), ())


@pytest.mark.parametrize(
    ("tier", "unpriced", "estimated"),
    [
        ("batch", (), ("batch",)),
        ("flex", (), ("flex",)),
        ("priority", ("priority",), ()),
        ("fast", ("fast",), ()),
        ("scale", ("tier",), ()),
        ("whatever they invent", ("tier",), ()),
    ],
)
def test_a_tier_without_rates_is_named(tier: str, unpriced: tuple[str, ...], estimated: tuple[str, ...]) -> None:
    """Standard rates meanwhile: too much for a discount, too little for a surcharge."""
    cost = cost_of(Usage(10, 10, tier=tier), price())
    assert cost.parts == {"input": 1000, "output": 10_000}
    assert (cost.unpriced, cost.estimated) == (unpriced, estimated)


@pytest.mark.parametrize(
    ("tier", "kind", "rate", "estimated"),
    [
        ("flex", "cached", 5, False),  # its own
        ("batch", "cached", 50, True),  # the tier's plain rate: nobody says that cache reads are cheaper there
        ("batch", "cache_write", 125, True),  # the standard rate: nobody says that the discount reaches it
        ("priority", "cache_write", 250, True),  # the standard rate with the surcharge
        ("priority", "input_audio", 1400, True),
        ("batch", "reasoning", 500, False),  # costs what output costs, in every tier
        ("priority", "reasoning", 2500, False),
    ],
)
def test_a_gap_in_a_tier_falls_to_the_dearest(tier: str, kind: str, rate: int, estimated: bool) -> None:
    usage = {
        "cached": Usage(10, 0, cached=10, tier=tier),
        "reasoning": Usage(0, 10, reasoning=10, tier=tier),
    }.get(kind, Usage(10, 0, details={kind: 10}, tier=tier))
    cost = cost_of(usage, TIERED)
    assert list(cost.parts.values()) == [10 * rate]
    assert bool(cost.estimated) == estimated


def test_a_surcharge_is_scaled_up_to_the_next_pico_dollar() -> None:
    row = price(input_audio=7, priority_input=101, priority_output=1000)
    assert parts_of(
        Usage(10, 0, details={"input_audio": 10}, tier="priority"), price(input_audio=501, priority_input=333)
    ) == {
        "input_audio": 10 * 1669  # 501 * 333 / 100 = 1668.33
    }
    assert parts_of(Usage(10, 0, details={"input_audio": 10}, tier="priority"), row) == {"input_audio": 1010}


def test_a_tier_without_an_output_rate_has_the_standard_one() -> None:
    cost = cost_of(Usage(10, 10, tier="batch"), price(batch_input=50))
    assert (cost.parts, cost.estimated) == ({"input": 500, "output": 10_000}, ("output",))


def test_what_is_free_in_standard_scales_to_nothing() -> None:
    free = Price(date(2026, 1, 1), Rates({"input": 0, "output": 0, "input_audio": 5, "batch_input": 1}), (), "a page")
    assert parts_of(Usage(10, 0, details={"input_audio": 10}, tier="batch"), free) == {"input_audio": 50}


# --- long context ---


def stepped(*, inclusive: bool) -> Price:
    long = LongContext(1000, inclusive, Rates({"input": 200, "output": 1500, "cache_read": 20}))
    return replace(price(cache_read=10), long_context=(long,))


@pytest.mark.parametrize(
    ("inclusive", "prompt", "rate"), [(False, 1000, 100), (False, 1001, 200), (True, 999, 100), (True, 1000, 200)]
)
def test_the_whole_request_costs_the_long_rate(inclusive: bool, prompt: int, rate: int) -> None:
    """Cached tokens count towards the size of the prompt."""
    usage = Usage(prompt, 1, cached=prompt - 10)
    parts = {"input": 10 * rate, "cache_read": (prompt - 10) * rate // 10, "output": 1000 if rate == 100 else 1500}
    assert parts_of(usage, stepped(inclusive=inclusive)) == parts


def test_the_last_step_that_is_reached_counts() -> None:
    steps = tuple(
        LongContext(above, False, Rates({"input": rate, "output": 0})) for above, rate in ((10, 200), (20, 150))
    )
    row = replace(price(), long_context=steps)
    assert [cost_of(Usage(prompt, 0), row).parts["input"] // prompt for prompt in (10, 11, 20, 21)] == [
        100,
        200,
        200,
        150,
    ]
    assert bound_of(21, 0, row) == 5  # the prompt may turn out shorter: 21 tokens at 200
    assert bound_of(10, 0, row) == 1


# --- the bound ---


@pytest.mark.parametrize(
    ("rates", "per_input", "per_output"),
    [
        ({}, 100, 1000),
        ({"cache_read": 10}, 100, 1000),
        ({"cache_write": 125, "cache_write_1h": 200}, 200, 1000),
        ({"input_audio": 700}, 700, 1000),
        ({"reasoning_output": 3000}, 100, 3000),
        ({"flex_input": 50, "flex_output": 500}, 100, 1000),
        ({"priority_input": 200, "priority_output": 2000}, 200, 2000),
        ({"priority_input": 200, "priority_output": 2000, "cache_write": 125}, 250, 2000),
    ],
)
def test_each_token_is_bound_at_the_dearest_rate(rates: dict[str, int], per_input: int, per_output: int) -> None:
    row = price(**rates)
    assert bound_of(1_000_000, 0, row) == 1_000 * per_input
    assert bound_of(0, 1_000_000, row) == 1_000 * per_output


def test_a_bound_is_rounded_up() -> None:
    assert [bound_of(tokens, 0, price()) for tokens in (0, 1, 10, 11)] == [0, 1, 1, 2]


def test_a_bound_may_be_told_which_tiers_can_answer() -> None:
    assert bound_of(1000, 0, TIERED, tiers=()) == 700
    assert bound_of(1000, 0, TIERED, tiers=("batch", "unknown")) == 700
    assert bound_of(1000, 0, TIERED, tiers=("priority",)) == bound_of(1000, 0, TIERED) == 1400
