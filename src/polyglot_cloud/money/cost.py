"""What a call cost, and what it may cost at most. Exact sums in pico-dollars (1e-12 USD), rounded once.

`estimated` and `unpriced` say where a figure is not the last word: what is estimated may be too high, what is unpriced is missing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from polyglot_cloud.amounts import Nano
from polyglot_cloud.money.tariff import TIERS, Table, band_of
from polyglot_cloud.neutral import Usage
from polyglot_cloud.rows import Price

PICO_IN_NANO = 1_000
PICO_IN_TICK = 100
"""xAI's tick is 1e-10 USD (docs.x.ai, "cost_in_usd_ticks", read 2026-11-22)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one attempt cost.

    nano       rounded half up from the exact sum of `parts`
    source     "rates": the price row; "ticks": the vendor's own figure; "unpriced": no price was known, and `nano` is 0
    parts      pico-dollars by kind of token or call as the price row has them, or "ticks"
    unpriced   kinds of usage that no rate covers, so that the true cost may be higher; output audio and images count as output meanwhile
    estimated  kinds booked at the dearest rate that could apply, because the row has none for them
    rates      pico-dollars a token (or a call) of each kind in `parts`, as far as rates made them
    """

    nano: Nano
    source: Literal["rates", "ticks", "unpriced"]
    parts: dict[str, int]
    unpriced: tuple[str, ...] = ()
    estimated: tuple[str, ...] = ()
    rates: Mapping[str, int] = field(default_factory=dict)


_WRITES = {
    "cache_write": "cache_write",
    "cache_write_5m": "cache_write",
    "cache_write_30m": "cache_write",
    "cache_write_1h": "cache_write_1h",
    "cache_write_12h": "cache_write_12h",
}
"""Anthropic's default lives 5 minutes, OpenAI's 30: each is what the row calls `cache_write`."""

_IN_THE_SUMS = {*_WRITES, "input_audio", "input_image", "accepted_prediction", "rejected_prediction", "tool_use_input"}
"""Kinds in `Usage.details` that some rate covers. Images are billed as input; predictions, also rejected ones, as output."""

_STANDARD = {"standard", "default", "auto", "standard_only"}
_TIERS = {"batch": ("batch",), "flex": ("flex",), "priority": ("priority",), "fast": ("fast", "priority")}
"""Whose rates count, the first that the row has: at OpenAI fast is the new name for priority, at Anthropic it has rates of its own."""
_CHEAPER = {"batch", "flex"}


def cost_of(usage: Usage, price: Price | None) -> Cost:
    """The cost of one attempt, of the model that answered. `price` None: nobody knows it."""
    details = usage.details
    if ticks := details.get("cost_usd_ticks", 0):
        pico = ticks * PICO_IN_TICK
        return Cost(_rounded(pico), "ticks", {"ticks": pico})
    counts = _counts(usage)
    beyond = tuple([kind for kind, count in details.items() if count and kind not in _IN_THE_SUMS]) if details else ()
    if price is None:
        return Cost(0, "unpriced", {}, (*counts, *beyond))
    table, missing, guessed = _table(usage, price)
    estimated = table.estimated
    rates = {kind: table.rates[kind] for kind in counts}
    parts = {kind: count * rates[kind] for kind, count in counts.items()}
    if beyond and price.calls:
        beyond = _called(parts, details, price, beyond)
    if "input_audio" in counts and _is_from_cache(usage):
        estimated = estimated | {"input_audio"}
    if not estimated.isdisjoint(counts):
        guessed = (*guessed, *(kind for kind in counts if kind in estimated))
    return Cost(_rounded(sum(parts.values())), "rates", parts, missing + beyond, guessed, rates)


def bound_of(input_tokens: int, output_tokens: int, price: Price, *, tiers: Collection[str] = TIERS) -> Nano:
    """The most that so many tokens can cost, whatever kinds they turn out to be; rounded up.

    `tiers` are the service tiers that may answer, all that the row has unless told; "standard" always may. Never less than `cost_of` for
    any usage within the counts. Not in it: what `cost_of` calls unpriced, and what a vendor bills by a figure of its own.
    """
    rates = band_of(price, input_tokens).dearest
    per_input, per_output = rates["standard"]
    for tier in tiers:
        if tier in rates:
            per_input, per_output = max(per_input, rates[tier][0]), max(per_output, rates[tier][1])
    return -(-(input_tokens * per_input + output_tokens * per_output) // PICO_IN_NANO)


def _called(parts: dict[str, int], details: dict[str, int], price: Price, beyond: tuple[str, ...]) -> tuple[str, ...]:
    """Adds what the vendor's own tools cost to `parts`; returns what is still beyond any rate."""
    searches = details.get("web_search_calls", 0)
    if not searches:
        return beyond
    if "web_search" in price.calls:
        parts["web_search"] = searches * price.calls["web_search"]
    else:
        parts["web_search_request"] = price.calls["web_search_request"]
    return tuple(kind for kind in beyond if kind != "web_search_calls")


def _rounded(pico: int) -> Nano:
    return (pico + PICO_IN_NANO // 2) // PICO_IN_NANO


def _counts(usage: Usage) -> dict[str, int]:
    """Tokens by the kinds of a price row, each counted once. Audio is taken from what was not cached, and beyond that from the cache:
    no vendor has a rate for cached audio in the catalog, and the audio rate is the dearer.
    """
    details, cached = usage.details, usage.cached
    if not details:  # what nearly every answer tells
        plain = {
            "input": max(0, usage.input - cached),
            "cache_read": cached,
            "output": max(0, usage.output - usage.reasoning),
            "reasoning_output": usage.reasoning,
        }
        return {kind: count for kind, count in plain.items() if count}
    writes: dict[str, int] = {}
    for kind, count in details.items():
        if kind in _WRITES:
            writes[_WRITES[kind]] = writes.get(_WRITES[kind], 0) + count
    fresh = max(0, usage.input - cached - sum(writes.values()))
    audio = min(details.get("input_audio", 0), fresh + cached)
    text = max(0, fresh - audio)
    counts = {
        "input": text,
        "cache_read": cached - (audio - (fresh - text)),
        **writes,
        "input_audio": audio,
        "output": max(0, usage.output - usage.reasoning),
        "reasoning_output": usage.reasoning,
    }
    return {kind: count for kind, count in counts.items() if count}


def _is_from_cache(usage: Usage) -> bool:
    """Where part of a prompt was cached, how much of that was audio is not told."""
    return bool(usage.cached) or any(usage.details.get(kind) for kind in _WRITES)


def _table(usage: Usage, price: Price) -> tuple[Table, tuple[str, ...], tuple[str, ...]]:
    """The rates that count for this call, and the tier where they are not its own: (table, unpriced, estimated)."""
    tables = band_of(price, usage.input).tables
    tier = (usage.tier or "standard").lower()
    if tier in _STANDARD:
        return tables["standard"], (), ()
    for own in _TIERS.get(tier, ()):
        if own in tables:
            return tables[own], (), ()
    if tier in _CHEAPER:
        return tables["standard"], (), (tier,)
    return tables["standard"], (tier if tier in _TIERS else "tier",), ()
