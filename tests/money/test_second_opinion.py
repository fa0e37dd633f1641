"""A second, independent opinion: genai-prices (its own reading of usage, its own price list) about the recorded traffic and the catalog.

Every difference is explained here, with who is right; the tests fail when one appears and when one vanishes. Both lists are asked for
the day on which they were compared, so that a scheduled price changes nothing here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider, TieredPrices

from dialects import cases
from dialects.recorded import Recording, needs_recordings, recordings
from dialects.twins import twin
from polyglot_cloud import wire
from polyglot_cloud.catalog import Catalog, load
from polyglot_cloud.money.cost import Cost, cost_of
from polyglot_cloud.neutral import Usage, collect
from polyglot_cloud.rows import Model, Price

DAY = date(2026, 11, 23)
PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "gemini": "google", "grok": "x-ai"}
FLAVOURS = {"openai_chat": "chat", "openai_responses": "responses", "anthropic": "default", "gemini": "default"}
NANO = 10**9


def instant(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def their_model(provider: str, name: str) -> tuple[Provider, ModelInfo] | None:
    try:
        return get_snapshot().find_provider_model(name, None, PROVIDERS[provider], None)
    except LookupError:
        return None


# --- recorded traffic ---


@dataclass(frozen=True)
class Recorded:
    """`difference` is ours less theirs, in dollars."""

    id: str
    difference: Decimal
    right: str
    why: str


_RETIRED_BETA = (
    "Prompts above 200,000 tokens of claude-sonnet-4-5, summed over the turns of a code execution. They double the rates, as the 1M beta "
    "had it, and say themselves that it was retired on 2026-04-30. The rates are flat now."
)
_COMPACTED = (
    "Compactions before the answer are billed at the model's rates but stand apart in `usage.iterations` (BetaUsage in anthropic 2.12.0). "
    "They read the top level only."
)
_TICKS = (
    "xAI tells its own figure, 123,456 ticks of 1e-10 USD, and that one counts (docs.x.ai). They compute from rates. The ticks of this "
    "recording look invented."
)
_GROUNDED = (
    "One search by Google at $14 per 1,000 (ai.google.dev pricing). They have the rate, and do not read `webSearchQueries`. What is given "
    "away each month neither counts."
)
RECORDED = [
    Recorded("ellmer-1d07e9d19c22", Decimal("0.014"), "ours", _GROUNDED),
    Recorded("ai-a427b8434357", Decimal("-1.001781"), "ours", _RETIRED_BETA),
    Recorded("ai-1fc4711439e7", Decimal("-2.955864"), "ours", _RETIRED_BETA),
    Recorded("ai-840afc565a34", Decimal("0.314975"), "ours", _COMPACTED),
    Recorded("ai-9fe9110e7663", Decimal("0.316725"), "ours", _COMPACTED),
    Recorded("ai-0506489488ad", Decimal("-0.000453654"), "ours", _TICKS),
    Recorded("ai-fd2afa549019", Decimal("-0.000453654"), "ours", _TICKS),
]


@dataclass(frozen=True)
class Opinion:
    recording: Recording
    model: Model
    usage: Usage
    ours: Cost
    theirs: int


@cache
def opinions() -> list[Opinion]:
    catalog = load()
    return [found for each in recordings() if (found := _opinion(catalog, each))]


def _opinion(catalog: Catalog, recording: Recording) -> Opinion | None:
    """None where there is no usage, or one of the two does not know the model."""
    body, usage = _read(recording)
    name = body.get("model") or body.get("modelVersion")
    if usage is None or not name:
        return None
    row = catalog.resolve(name, provider=recording.provider, today=DAY, retired="pass").row
    price, known = row.price_on(DAY) if row else None, their_model(recording.provider, name)
    if row is None or price is None or known is None:
        return None
    theirs = _theirs(*known, recording, body)
    return Opinion(recording, row, usage, cost_of(usage, price), theirs)


def _read(recording: Recording) -> tuple[dict[str, Any], Usage | None]:
    """The reply as a plain body, and our reading of its usage: of a stream by our reader, while they get its twin."""
    if recording.streaming:
        usage = collect(cases.read_stream(recording.spoken, recording.body)).usage
        return (twin(recording.dialect, recording.body) if recording.id not in CUT else None) or {}, usage
    body = wire.decode(recording.body)
    return (body, recording.spoken.read_usage(body)) if isinstance(body, dict) else ({}, None)


CUT = {"ai-855970bc1e22"}
"""Its tool's arguments end in the middle, so that it has no twin."""


def _theirs(provider: Provider, model: ModelInfo, recording: Recording, body: dict[str, Any]) -> int:
    _, usage = provider.extract_usage(body, api_flavor=FLAVOURS[recording.dialect])
    tier = body.get("service_tier")
    context = {"service_tier": tier} if isinstance(tier, str) else None
    found = model.calc_price(usage, provider, genai_request_timestamp=instant(DAY), price_context=context)
    return nano(found.total_price)


def nano(dollars: Decimal) -> int:
    return int((dollars * NANO).quantize(Decimal(1), ROUND_HALF_UP))


@needs_recordings
def test_recorded_traffic_costs_the_same_to_the_nano_dollar() -> None:
    found = {each.recording.id: each.ours.nano - each.theirs for each in opinions() if each.ours.nano != each.theirs}
    assert found == {each.id: int(each.difference * NANO) for each in RECORDED}


@needs_recordings
def test_there_is_enough_to_compare() -> None:
    assert len(opinions()) > 350
    assert {each.recording.dialect for each in opinions()} == set(cases.NAMES)
    assert len({each.model.id for each in opinions()}) >= 28
    assert sum(bool(each.usage.cached) for each in opinions()) > 20
    assert any("cache_write_5m" in each.usage.details for each in opinions())


@needs_recordings
def test_recorded_traffic_is_priced_by_the_rows_own_rates() -> None:
    """Nothing of it had to be estimated. Advisors they leave out too: another model, which the usage does not name."""
    assert {kind for each in opinions() for kind in each.ours.estimated} == set()
    assert {kind for each in opinions() for kind in each.ours.unpriced} == {
        "web_search_calls",
        "advisor_input",
        "advisor_output",
    }


# --- rates ---


KINDS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "input_audio": "input_audio_mtok",
}
CONTEXTS: dict[str, dict[str, str]] = {
    "standard": {},
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"speed": "fast"},
}
UNKNOWN_TO_THEM = {
    "gpt-6.2-astra", "gpt-6.2-sol", "claude-mythos-5", "claude-mythos-5-1", "gemini-4-carbon", "gemini-4-hydrogen",
}  # fmt: skip

Place = tuple[str, str, str, str]
"""Provider, tier, kind, model."""


@dataclass(frozen=True)
class Explained:
    """Differences with one reason. `where` has lines of "provider tiers kinds: models"; several tiers and kinds are joined by commas."""

    right: str
    why: str
    where: str

    def places(self) -> set[Place]:
        found = set()
        for line in self.where.strip().splitlines():
            left, models = line.split(":")
            provider, tiers, kinds = left.split()
            found |= {
                (provider, tier, kind, model)
                for tier in tiers.split(",")
                for kind in kinds.split(",")
                for model in models.split()
            }
        return found


_GEMINI = (
    "gemini-2.5-flash gemini-2.5-flash-lite gemini-2.5-pro gemini-3-flash-preview gemini-3.1-flash-lite gemini-3.1-pro-preview "
    "gemini-3.5-flash gemini-3.5-flash-lite gemini-3.6-flash gemini-3.7-flash gemini-3.8-flash gemini-4-argon"
)
_GROK_4 = "grok-4.20-0309-non-reasoning grok-4.20-0309-reasoning grok-4.20-multi-agent-0309 grok-4.3 grok-4.5 grok-4.6 grok-4.7"

EXPLAINED = [
    Explained(
        "ours",
        "They keep the doubled rates above 200,000 tokens of the 1M beta, which they say was retired on 2026-04-30: such requests are "
        "refused.",
        """anthropic standard,batch input,output,cache_read,cache_write,cache_write_1h: claude-sonnet-4-5-20250929""",
    ),
    Explained(
        "ours",
        "They show the standard tier and say in words: flex half, priority 1.8x (ai.google.dev pricing). The catalog has it from litellm "
        "1.109.1 and by that rule.",
        f"gemini flex,priority input,output: {_GEMINI}",
    ),
    Explained(
        "ours",
        "Batch is half; theirs are not modelled for these, though their comments say so. The catalog has it from litellm 1.109.1.",
        """gemini batch input,output,cache_read: gemini-3.5-flash gemini-3.7-flash
           gemini batch input: gemini-embedding-001
           openai batch input: text-embedding-3-large text-embedding-3-small""",
    ),
    Explained(
        "both",
        "The catalog states for audio what input costs; they leave it out.",
        "gemini standard input_audio: gemini-3.5-flash",
    ),
    Explained(
        "ours",
        "Priority costs double, for cached tokens too (docs.x.ai, by the catalog's rule); theirs is not modelled. Batch of grok-4.7: 20% "
        "off, from litellm 1.109.1.",
        f"""grok priority input,output,cache_read: {_GROK_4} grok-build-0.1
            grok batch input,output,cache_read: grok-4.7""",
    ),
    Explained(
        "unsettled",
        "No rate is published for cached tokens in these batches. They take the standard rate; we the batch's plain rate, `estimated`.",
        "openai batch cache_read: gpt-4.1 gpt-4.1-mini gpt-4o gpt-4o-mini o3",
    ),
    Explained(
        "unsettled",
        "The tables publish these tiers without long context, so they model none; the catalog extends the family rule (2x, 1.5x) to them. "
        "Ours is the careful reading.",
        """openai priority input,output,cache_read: gpt-5.4 gpt-5.5
           openai batch,flex input,output: gpt-5.5-pro""",
    ),
    Explained(
        "ours",
        "They have no such model and match its name to gpt-5. It is retired.",
        "openai batch,flex,priority input,output,cache_read: gpt-5-codex",
    ),
]


def test_every_difference_between_the_lists_is_explained_and_every_explanation_needed() -> None:
    explained = set[Place]()
    for each in EXPLAINED:
        assert not explained & each.places()
        explained |= each.places()
    assert rate_differences() - explained == set()
    assert explained - rate_differences() == set()


def test_standard_rates_agree_for_all_models_but_those_explained() -> None:
    """The tier that nearly all traffic has: input, output, cache and audio, plain and long, of every row from now on."""
    assert {place[3] for place in rate_differences() if place[1] == "standard"} == {
        "claude-sonnet-4-5-20250929",
        "gemini-3.5-flash",
    }
    assert len([row for row, _, _ in compared()]) > 70


def test_they_know_the_models_that_they_knew() -> None:
    assert {row.id for row in load().rows if row.prices and not their_model(row.provider, row.id)} == UNKNOWN_TO_THEM


DISPUTED = {"gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini"}
"""litellm says 25 dollars for a thousand searches, they say 10: the catalog says nothing, and the searches are told as unpriced."""


def test_searches_cost_the_same() -> None:
    ours, theirs = dict[str, Decimal](), dict[str, Decimal]()
    for row, price, model in compared():
        if price.calls:
            (pico,) = price.calls.values()
            ours[row.id] = Decimal(pico).scaleb(-9)
        if (rate := model.get_prices(instant(_day(price))).web_searches_kcount) is not None:
            assert isinstance(rate, Decimal)
            theirs[row.id] = rate
    assert theirs.keys() - ours.keys() == DISPUTED
    assert ours == {name: rate for name, rate in theirs.items() if name not in DISPUTED}


@cache
def rate_differences() -> set[Place]:
    return {
        (row.provider, tier, kind, row.id)
        for row, price, model in compared()
        for tier, context in CONTEXTS.items()
        for kind, key in KINDS.items()
        if _our_rates(price, tier, kind) != _their_rates(model, _day(price), context, key)
        and not (row.kind == "embedding" and kind == "output")
    }


def compared() -> Iterator[tuple[Model, Price, ModelInfo]]:
    for row in load().rows:
        for price in row.prices:
            known = their_model(row.provider, row.id)
            if known is not None:
                yield row, price, known[1]


def _day(price: Price) -> date:
    """The day they are asked for: a row's first, and for those in force the day of the comparison, from which on they have tiers."""
    return max(price.effective_from, DAY)


Rate = tuple[Decimal, int | None, Decimal | None]
"""Dollars per million; from which prompt on another counts, and which."""


def _our_rates(price: Price, tier: str, kind: str) -> Rate | None:
    name = kind if tier == "standard" else f"{tier}_{kind}"
    pico = price.rates.pico_per_token.get(name)
    if pico is None:
        return None
    first, rest = None, None
    for step in price.long_context:
        first, rest = step.above + (not step.inclusive), Decimal(step.rates.pico_per_token[name]).scaleb(-6)
    return Decimal(pico).scaleb(-6), first, rest


def _their_rates(model: ModelInfo, day: date, context: dict[str, str], key: str) -> Rate | None:
    """None where they have no rate for the tier. A tier that they have leaves at the standard rate what it does not name."""
    standard = getattr(model.get_prices(instant(day)), key)
    found = getattr(model.get_prices(instant(day), context or None), key)
    if context and found is standard and not any(each.when == context for each in model.price_variants or ()):
        return None
    if not isinstance(found, TieredPrices):
        return None if found is None else (found, None, None)
    (step,) = found.tiers
    return found.base, step.start + 1, step.price
