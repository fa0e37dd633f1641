from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.catalog.entry import pico_dollars


@pytest.mark.parametrize(
    ("written", "pico"),
    [
        (2, 2_000_000),
        ("2", 2_000_000),
        (Decimal("0.1"), 100_000),
        ("0.0125", 12_500),
        (Decimal("0.000001"), 1),
        (0, 0),
        ("1e0", None),
        ("", None),
    ],
)
def test_prices_are_exact(written: Any, pico: int | None) -> None:
    if pico is None:
        with pytest.raises(ValueError, match="not an amount"):
            pico_dollars(written)
    else:
        assert pico_dollars(written) == pico


def test_a_binary_float_is_no_price() -> None:
    with pytest.raises(ValueError, match=r"0\.1, not an amount"):
        pico_dollars(0.1)


@pytest.mark.parametrize("written", ["0.0000005", "0.0000125", "0.1000000000000000000000000000000000001"])
def test_what_is_no_whole_pico_dollar_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a whole number of pico-dollars"):
        pico_dollars(Decimal(written))


@given(st.integers(min_value=0, max_value=10**40))
def test_every_whole_pico_dollar_survives(pico: int) -> None:
    with localcontext(prec=60):
        written = Decimal(pico) / 1_000_000
    assert pico_dollars(written) == pico
    assert pico_dollars(f"{written:f}") == pico
