"""Laws of cost and bound: each generated usage is held against every price of the catalog."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.catalog import load
from polyglot_cloud.money.cost import bound_of, cost_of
from polyglot_cloud.money.tariff import INPUT_KINDS, bands
from polyglot_cloud.neutral import Usage

PRICES = [price for model in load().rows for price in model.prices]
TIERS = (None, "default", "standard", "batch", "flex", "priority", "fast", "scale")
WRITES = ("cache_write", "cache_write_5m", "cache_write_30m", "cache_write_1h", "cache_write_12h")
PARTS = ("plain", "cached", *WRITES, "audio", "text", "reasoning")


@st.composite
def edges(draw: st.DrawFn) -> int:
    """Counts of every size, often beside a threshold."""
    near = st.sampled_from([0, 100_000, 200_000, 272_000]).flatmap(lambda at: st.integers(max(0, at - 3), at + 3))
    return draw(near | st.integers(0, 5_000) | st.integers(0, 10**9))


COUNTS = st.fixed_dictionaries(dict.fromkeys(PARTS, st.just(0) | edges()))
LATER = st.sampled_from(["input_image", "output_audio", "web_search_calls", "accepted_prediction"])


def usage_of(counts: dict[str, int], tier: str | None = None) -> Usage:
    """A usage in which every count is told apart: parts never overlap, sums hold them."""
    writes = {kind: counts[kind] for kind in WRITES if counts[kind]}
    audio = {"input_audio": counts["audio"]} if counts["audio"] else {}
    return Usage(
        input=counts["plain"] + counts["cached"] + sum(writes.values()) + counts["audio"],
        output=counts["text"] + counts["reasoning"],
        cached=counts["cached"],
        reasoning=counts["reasoning"],
        details=writes | audio,
        tier=tier,
    )


@st.composite
def within(draw: st.DrawFn, most_in: int, most_out: int) -> Usage:
    """Any usage within the counts. Audio may overlap with what was cached or written."""
    used, output = draw(st.just(most_in) | st.integers(0, most_in)), draw(st.just(most_out) | st.integers(0, most_out))
    cached = draw(st.integers(0, used))
    left, writes = used - cached, {}
    for kind in draw(st.lists(st.sampled_from(WRITES), unique=True)):
        writes[kind] = draw(st.integers(0, left))
        left -= writes[kind]
    details = writes | {"input_audio": draw(st.integers(0, used))}
    return Usage(used, output, cached, draw(st.integers(0, output)), details, draw(st.sampled_from(TIERS)))


@given(data=st.data(), most_in=edges(), most_out=edges())
def test_the_bound_holds_for_any_usage_within_it(data: st.DataObject, most_in: int, most_out: int) -> None:
    usage = data.draw(within(most_in, most_out))
    for price in PRICES:
        assert cost_of(usage, price).nano <= bound_of(most_in, most_out, price)


@given(counts=COUNTS, tier=st.sampled_from(TIERS))
def test_a_bound_for_one_tier_holds_for_that_tier(counts: dict[str, int], tier: str | None) -> None:
    usage = usage_of(counts, tier)
    mine = ("fast", "priority") if tier == "fast" else (tier or "standard",)
    for price in PRICES:
        bound = bound_of(usage.input, usage.output, price, tiers=mine)
        assert cost_of(usage, price).nano <= bound <= bound_of(usage.input, usage.output, price)


@given(counts=COUNTS, tier=st.sampled_from(TIERS), kind=st.sampled_from(PARTS), more=edges())
def test_more_of_anything_never_costs_less(counts: dict[str, int], tier: str | None, kind: str, more: int) -> None:
    fewer, rest = usage_of(counts, tier), usage_of(counts | {kind: counts[kind] + more}, tier)
    for price in PRICES:
        assert cost_of(fewer, price).nano <= cost_of(rest, price).nano
        assert bound_of(fewer.input, fewer.output, price) <= bound_of(rest.input, rest.output, price)


@given(counts=COUNTS, tier=st.sampled_from(TIERS))
def test_the_parts_make_the_whole_and_it_is_rounded_once(counts: dict[str, int], tier: str | None) -> None:
    for price in PRICES:
        cost = cost_of(usage_of(counts, tier), price)
        assert -500 <= sum(cost.parts.values()) - cost.nano * 1_000 < 500
        assert all(part >= 0 for part in cost.parts.values())
        assert {*cost.estimated} - {tier} <= cost.parts.keys()


@given(counts=COUNTS, tier=st.sampled_from(TIERS), name=LATER, count=st.integers(1, 99))
def test_what_has_no_rate_is_named_and_changes_no_sum_and_searches_cost_what_the_row_says(
    counts: dict[str, int], tier: str | None, name: str, count: int
) -> None:
    usage = usage_of(counts, tier)
    more = replace(usage, details=usage.details | {name: count})
    for price in PRICES:
        cost = cost_of(more, price)
        if name == "web_search_calls" and price.calls:
            assert cost.nano > cost_of(usage, price).nano
            assert name not in cost.unpriced
            continue
        assert cost.nano == cost_of(usage, price).nano
        assert (name in cost.unpriced) == (name in {"output_audio", "web_search_calls"})


@given(ticks=st.integers(1, 10**15))
def test_ticks_are_exact(ticks: int) -> None:
    cost = cost_of(Usage(1, 1, details={"cost_usd_ticks": ticks}), None)
    assert cost.parts == {"ticks": ticks * 100}
    assert cost.nano == ticks // 10 + (ticks % 10 >= 5)


def test_gaps_are_never_filled_below_plain_input_and_long_prompts_are_never_cheaper() -> None:
    """What the others rest on."""
    for found in map(bands, PRICES):
        assert all(type(table.estimated) is frozenset for band in found for table in band.tables.values())
        for table in (table for band in found for table in band.tables.values()):
            assert all(table.rates[kind] >= table.rates["input"] for kind in table.estimated & {*INPUT_KINDS})
        for lower, higher in pairwise(found):
            for tier, table in lower.tables.items():
                assert all(higher.tables[tier].rates[kind] >= rate for kind, rate in table.rates.items())
