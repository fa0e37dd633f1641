"""The upper bound, worked out by hand."""

from datetime import date

import pytest
from scripts.recording.cost import dollars, most

from polyglot_cloud.rows import LongContext, Price, Rates

DAY = date(2026, 11, 22)


def price(long: tuple[LongContext, ...] = (), **rates: int) -> Price:
    return Price(DAY, Rates(rates), long, "a test")


def test_the_dearest_rate_that_may_apply_counts() -> None:
    asked = price(input=100, cache_write=125, cache_read=10, output=500, reasoning_output=600, priority_output=9999)
    assert most(asked, 1000, 10) == 1000 * 125 + 10 * 600


@pytest.mark.parametrize(("tokens", "rate"), [(999, 1), (1000, 2), (5000, 2)])
def test_a_long_prompt_has_the_long_rates(tokens: int, rate: int) -> None:
    long = LongContext(above=1000, inclusive=False, rates=Rates({"input": 2, "output": 3}))
    assert most(price((long,), input=1, output=1), tokens, 0) == tokens * rate


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (0, "$0.000000"),
        (1, "$0.000001"),
        (10**6, "$0.000001"),
        (10**6 + 1, "$0.000002"),
        (12_345_678_000_000, "$12.345678"),
    ],
)
def test_money_is_rounded_up(pico: int, text: str) -> None:
    assert dollars(pico) == text
