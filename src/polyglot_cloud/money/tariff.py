"""Which rate counts for a token: a price row with its gaps filled, for each size of prompt and each service tier.

A price row states rates only where its source does. `estimated` names the kinds for which this module had to choose one: the dearest
that could apply, so that a budget never counts too little.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from polyglot_cloud.rows import Price, Rates

INPUT_KINDS = ("input", "cache_read", "cache_write", "cache_write_1h", "cache_write_12h", "input_audio")
OUTPUT_KINDS = ("output", "reasoning_output")
WRITE_KINDS = ("cache_write", "cache_write_1h", "cache_write_12h")
TIERS = ("standard", "batch", "flex", "priority", "fast")


@dataclass(frozen=True, slots=True)
class Table:
    """Pico-dollars a token for every kind of token."""

    rates: Mapping[str, int]
    estimated: frozenset[str]


@dataclass(frozen=True, slots=True)
class Band:
    """What counts for prompts of `first` tokens and more. By service tier; "standard" is always there.

    `dearest` has the largest (input, output) rate of any kind, in this band and those below it.
    """

    first: int
    tables: Mapping[str, Table]
    dearest: Mapping[str, tuple[int, int]]


@lru_cache(maxsize=1024)
def bands(price: Price) -> tuple[Band, ...]:
    """By size of prompt, the largest last. A prompt is priced whole by the last band whose `first` it reaches."""
    found = [Band(0, tables := _tables(price.rates), _dearest(tables, {}))]
    for each in price.long_context:
        tables = _tables(each.rates)
        found.append(Band(each.above + (not each.inclusive), tables, _dearest(tables, found[-1].dearest)))
    return tuple(found)


def band_of(price: Price, prompt: int) -> Band:
    """`prompt` counts every input token, cached ones and cache writes too."""
    found, *longer = bands(price)
    for band in longer:
        if prompt >= band.first:
            found = band
    return found


def dearest_of(price: Price, prompt: int, tiers: Collection[str], without: Collection[str]) -> tuple[int, int]:
    """The largest (input, output) rate that a token may have in a prompt of at most so many tokens, if none is of a kind in `without`."""
    per_input = per_output = 0
    for band in bands(price):
        if band.first > prompt:
            continue
        for tier in {"standard", *tiers} & band.tables.keys():
            rates = band.tables[tier].rates
            per_input = max(per_input, *(rates[kind] for kind in INPUT_KINDS if kind not in without))
            per_output = max(per_output, *(rates[kind] for kind in OUTPUT_KINDS))
    return per_input, per_output


def _dearest(tables: Mapping[str, Table], below: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {tier: _largest(table, *below.get(tier, (0, 0))) for tier, table in tables.items()}


def _largest(table: Table, per_input: int, per_output: int) -> tuple[int, int]:
    rates = table.rates
    return max(per_input, *map(rates.__getitem__, INPUT_KINDS)), max(per_output, *map(rates.__getitem__, OUTPUT_KINDS))


def _tables(rates: Rates) -> dict[str, Table]:
    standard = _standard(_stated(rates, "standard"))
    others = {tier: _stated(rates, tier) for tier in TIERS[1:]}
    return {"standard": standard} | {tier: _tier(own, standard) for tier, own in others.items() if own}


def _stated(rates: Rates, tier: str) -> dict[str, int]:
    prefix = "" if tier == "standard" else f"{tier}_"
    kinds = (*INPUT_KINDS, *OUTPUT_KINDS)
    return {kind: rates.pico_per_token[prefix + kind] for kind in kinds if prefix + kind in rates.pico_per_token}


def _standard(own: dict[str, int]) -> Table:
    """Reasoning is output, and costs the same where nothing else is said. A cache write falls to the dearest write of the row."""
    writes = max([own["input"], *(own[kind] for kind in WRITE_KINDS if kind in own)])
    filled = (
        dict.fromkeys(INPUT_KINDS, own["input"])
        | dict.fromkeys(WRITE_KINDS, writes)
        | dict.fromkeys(OUTPUT_KINDS, own["output"])
    )
    return Table(filled | own, frozenset(INPUT_KINDS).difference(own))


def _tier(own: dict[str, int], standard: Table) -> Table:
    rates, estimated = dict(own), set()
    for kinds in (INPUT_KINDS, OUTPUT_KINDS):
        base = kinds[0]  # "input" or "output"
        for kind in kinds:
            if kind in own:
                continue
            rates[kind] = _filled(kind, base, own, standard)
            if kind == base or kind in standard.estimated or standard.rates[kind] != standard.rates[base]:
                estimated.add(kind)
    return Table(rates, frozenset(estimated))


def _filled(kind: str, base: str, own: dict[str, int], standard: Table) -> int:
    """What costs as much as plain input (or output) does so in each tier. Of the rest nobody says whether the tier's discount or surcharge
    reaches it: the dearest of the tier's plain rate, the standard rate, and that one scaled as the plain rate is.
    """
    usual, plain = standard.rates[kind], standard.rates[base]
    if base not in own:
        return usual
    if usual == plain:
        return own[base]
    scaled = -(-usual * own[base] // plain) if plain else 0
    writes = [own[each] for each in WRITE_KINDS if each in own and kind in WRITE_KINDS]
    return max(own[base], usual, scaled, *writes)
