"""The most that a request can cost: every byte sent a token, every token allowed said, at the dearest rate that may apply.

Money is whole pico-dollars (1e-12 USD), as the catalog keeps its rates.
"""

from collections.abc import Iterator

from polyglot_cloud.rows import Price, Rates

INPUT = ("input", "cache_write", "cache_write_1h", "cache_write_12h")
OUTPUT = ("output", "reasoning_output")
_MICRO = 10**6


def most(price: Price, input_tokens: int, output_tokens: int) -> int:
    """Pico-dollars. What a request of ours never has is left out: audio, batches, other service tiers."""
    rates = list(_applicable(price, input_tokens))
    dearest_in = max(rate.pico_per_token.get(kind, 0) for rate in rates for kind in INPUT)
    dearest_out = max(rate.pico_per_token.get(kind, 0) for rate in rates for kind in OUTPUT)
    return input_tokens * dearest_in + output_tokens * dearest_out


def _applicable(price: Price, input_tokens: int) -> Iterator[Rates]:
    yield price.rates
    for tier in price.long_context:
        if input_tokens >= tier.above:
            yield tier.rates


def dollars(pico: int) -> str:
    """Rounded up to a millionth, so that no sum looks cheaper than it is."""
    micro = -(-pico // _MICRO)
    return f"${micro // _MICRO}.{micro % _MICRO:06d}"
