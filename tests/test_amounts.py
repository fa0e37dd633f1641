"""Amounts: exact decimal text, there and back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.amounts import LARGEST, shown, usd


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0", 0),
        ("10", 10_000_000_000),
        ("10.50", 10_500_000_000),
        ("0.012345", 12_345_000),
        ("0.000000001", 1),
        ("0.0000000010000", 1),
        ("007.1", 7_100_000_000),
        ("9223372036.854775807", LARGEST),
    ],
)
def test_dollars_are_read_exactly(text: str, nano: int) -> None:
    assert usd(text) == nano


@pytest.mark.parametrize(
    "text",
    ["", " 10", "10 ", "-1", "+1", "$10", "1e3", "1,000", "1_000", ".5", "5.", "1.2.3", "nan", "inf", "ten", "١", "10\n",
     "9" * 11, "1" * 5000],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount in US dollars"):
        usd(text)


def test_the_messages_tell_what_to_write() -> None:
    with pytest.raises(
        ValueError, match=r"^'\$10' is no amount in US dollars: write digits and at most one point, as in 10.50$"
    ):
        usd("$10")
    with pytest.raises(ValueError, match="is finer than a nano-dollar: at most 9 digits may follow the point"):
        usd("0.0000000001")
    with pytest.raises(ValueError, match=r"more than the ledger can hold, which is \$9223372036.854775807"):
        usd("9223372036.854775808")


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (12_345_000, "$0.012345"),
        (10_500_000_000, "$10.50"),
        (10_000_000_000, "$10.00"),
        (1, "$0.000000001"),
        (120_000_000, "$0.12"),
        (-10_000_000, "-$0.01"),
        (-1_234_500_000, "-$1.2345"),
    ],
)
def test_every_digit_that_counts_is_shown(nano: int, text: str) -> None:
    assert shown(nano) == text


@given(st.integers(0, LARGEST))
def test_what_is_shown_reads_back(nano: int) -> None:
    text = shown(nano)
    assert usd(text.removeprefix("$")) == nano
    assert Decimal(text.removeprefix("$")) == Decimal(nano).scaleb(-9)
