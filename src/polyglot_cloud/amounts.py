"""Amounts of money: integers of nano-dollars (1e-9 USD), read from and shown as exact decimal text."""

import re

Nano = int
"""Nano-dollars. Single tokens cost fractions of one, so a call is summed in pico-dollars and rounded once (see `cost`)."""

LARGEST: Nano = 2**63 - 1
"""What an integer column of the ledger holds: a little over nine thousand million dollars."""

_FINEST = 9
_AMOUNT = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,40}))?")


def usd(text: str) -> Nano:
    """Nano-dollars of a plain decimal: "10", "10.50", "0.000000001".

    ValueError for what is no such number (signs, exponents, currency signs, separators), for what is finer than a nano-dollar and for
    what no ledger could hold.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is no amount in US dollars: write digits and at most one point, as in 10.50")
    whole, fraction = found[1], (found[2] or "").rstrip("0")
    if len(fraction) > _FINEST:
        raise ValueError(f"{text!r} is finer than a nano-dollar: at most {_FINEST} digits may follow the point")
    nano = int(whole + fraction.ljust(_FINEST, "0"))
    if nano > LARGEST:
        raise ValueError(f"{text!r} is more than the ledger can hold, which is {shown(LARGEST)}")
    return nano


def shown(nano: Nano) -> str:
    """For people: "$10.50", "$0.012345", "-$0.01". Exact: at least two decimals, and as many more as are not trailing zeros."""
    whole, fraction = divmod(abs(nano), 10**_FINEST)
    digits = f"{fraction:0{_FINEST}}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano < 0 else ''}${whole}.{digits}"
