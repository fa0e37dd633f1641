"""The catalog that ships: sound in itself, and beside the research it was made from where that is at hand."""

import json
import os
import tomllib
from dataclasses import fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from polyglot_cloud.catalog import Catalog, default_path
from polyglot_cloud.catalog.reading import QUIRKS
from polyglot_cloud.rows import TIERS, Quirks

TODAY = date(2026, 11, 22)
PLAN = [
    "gpt-5-codex", "gpt-4-turbo", "gpt-3.5-turbo", "claude-sonnet-4-5-20250929", "claude-haiku-4-5",
    "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite", "grok-beta", "grok-1",
]  # fmt: skip
RETIRED = {"gpt-5-codex", "gpt-4-turbo", "gpt-3.5-turbo", "grok-beta", "grok-1"}
FACTS = Path(os.environ.get("POLYGLOT_FACTS", default_path().parents[2] / "shared" / "facts")) / "catalog.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return tomllib.loads(default_path().read_text("utf-8"), parse_float=Decimal)


@pytest.fixture(scope="module")
def facts() -> list[dict[str, Any]]:
    if not FACTS.is_file():
        pytest.skip(f"no {FACTS.name} beside the checkout")
    models: list[dict[str, Any]] = json.loads(FACTS.read_text("utf-8"), parse_float=Decimal)["models"]
    return models


@pytest.mark.parametrize("name", PLAN)
def test_the_plans_models_are_there(real: Catalog, name: str) -> None:
    found = real.resolve(name, provider=None, today=TODAY, retired="pass").row
    assert found
    assert found.retired_on(TODAY) == (name in RETIRED)
    if name in RETIRED:
        assert found.successor


def test_ports_keys_and_tiers(real: Catalog) -> None:
    rows = real.providers.values()
    assert [row.port for row in rows] == [8100, 8101, 8102, 8103]
    assert [row.key_variables for row in rows] == [
        ("OPENAI_API_KEY",),
        ("ANTHROPIC_API_KEY",),
        ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        ("XAI_API_KEY", "GROK_API_KEY"),
    ]
    assert all(tuple(row.tiers) == TIERS and row.default == "medium" for row in rows)


def test_whoever_goes_has_a_successor(real: Catalog) -> None:
    """Embedding models have none: vectors of another model do not fit an index."""
    going = [row for row in real.rows if (row.retires or row.retired_on(TODAY)) and row.kind == "chat"]
    assert going
    assert [row.id for row in going if row.successor is None] == []


def test_no_ability_is_filled_in(document: dict[str, Any], real: Catalog) -> None:
    """Every chat model states its offers or names the group that does, and each offer states its needs."""
    groups = document["abilities"]
    used = set()
    for table in document["model"]:
        if table["kind"] == "embedding":
            continue
        assert ("offers" in table) != ("abilities" in table), table["id"]
        used.add(table.get("abilities"))
        offers = table["offers"] if "offers" in table else groups[table["abilities"]]["offers"]
        row = real.names[table["provider"]][table["id"]]
        assert [(offer["dialect"], set(offer["needs"])) for offer in offers] == [
            (offer.dialect, set(offer.needs)) for offer in row.offers
        ]
    assert used - {None} == set(groups)


def test_images_and_files_are_offered_only_where_a_vendor_says_so(real: Catalog) -> None:
    for row in real.rows:
        needs = {need for offer in row.offers for need in offer.needs}
        assert ("image" in needs) <= ("vision" in row.features), row.id
        assert ("file" in needs) <= ("pdf" in row.features or "pdf" in row.modalities_in), row.id
        assert ("tools" in needs) <= ("tools" in row.features), row.id


def test_a_claude_or_gemini_row_states_how_it_thinks(real: Catalog) -> None:
    silent = [
        row.id
        for row in real.rows
        if row.offers and row.offers[0].dialect in {"anthropic", "gemini"} and row.quirks.thinking is None
    ]
    assert silent == []


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_trap_25_a_larger_output_maximum_is_clamped_where_the_vendor_refuses_it(real: Catalog, provider: str) -> None:
    """xAI's limit is a default that may be raised: not clamped there."""
    rows = [row for row in real.models(provider, TODAY) if row.kind == "chat"]
    assert rows
    assert [row.id for row in rows if not (row.quirks.strict_max_output and row.max_output)] == []
    assert not any(row.quirks.strict_max_output for row in real.models("grok", TODAY))


def test_trap_08_no_gemini_continues_an_assistant_message(real: Catalog) -> None:
    rows = [row for row in real.models("gemini", TODAY) if row.kind == "chat"]
    assert rows
    assert [row.id for row in rows if row.quirks.prefill] == []


@pytest.mark.parametrize(
    ("provider", "model", "efforts"),
    [
        ("openai", "o3", ("low", "medium", "high")),
        ("openai", "o3-pro", ("low", "medium", "high")),
        ("grok", "grok-4.20-0309-reasoning", ()),
        ("grok", "grok-build-0.1", ()),
    ],
)
def test_efforts_beyond_the_research(real: Catalog, provider: str, model: str, efforts: tuple[str, ...]) -> None:
    assert real.names[provider][model].quirks.efforts == efforts


@pytest.mark.parametrize(
    ("model", "least", "most", "zero"),
    [
        ("gemini-2.5-pro", 128, 32_768, False),
        ("gemini-2.5-flash", 0, 24_576, False),
        ("gemini-2.5-flash-lite", 512, 24_576, True),
    ],
)
def test_thinking_budgets_have_bounds(real: Catalog, model: str, least: int, most: int, zero: bool) -> None:
    quirks = real.names["gemini"][model].quirks
    assert (quirks.budget_min, quirks.budget_max, quirks.budget_zero) == (least, most, zero)


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("gpt-5.1", "none"),
        ("gpt-5.2", "none"),
        ("gpt-5.4", "none"),
        ("gpt-5.4-mini", "none"),
        ("gpt-5.5", "medium"),
        ("gpt-6-sol", "medium"),
    ],
)
def test_default_efforts_that_decide_on_sampling(real: Catalog, model: str, effort: str) -> None:
    assert real.names["openai"][model].quirks.default_effort == effort


def test_cache_marks_are_taken_from_gpt_5_6_on(real: Catalog) -> None:
    taking = {row.id for row in real.models("openai", TODAY) if row.quirks.cache_marks}
    assert {row.id for row in real.models("openai", TODAY) if row.id.startswith(("gpt-6", "gpt-5.6"))} == taking


def test_every_quirk_of_the_rows_can_be_written() -> None:
    assert set(QUIRKS) == {field.name for field in fields(Quirks)}


@pytest.mark.parametrize(
    ("provider", "model", "above", "inclusive", "rates"),
    [
        (
            "openai",
            "gpt-6.2-sol",
            272_000,
            False,
            {"input": 4000, "output": 15000, "cache_read": 200, "cache_write": 5000},
        ),
        ("openai", "gpt-5.5", 272_000, False, {"priority_output": 112_500}),
        ("grok", "grok-4.7", 200_000, True, {"input": 4000, "output": 12000, "priority_output": 24000}),
        ("anthropic", "claude-haiku-5-5", 100_000, False, {"input": 500, "output": 2500, "cache_write_1h": 1000}),
        ("gemini", "gemini-2.5-pro", 200_000, False, {"input": 2500, "output": 15000, "batch_cache_read": 250}),
    ],
)
def test_long_context(
    real: Catalog, provider: str, model: str, above: int, inclusive: bool, rates: dict[str, int]
) -> None:
    price = real.names[provider][model].price_on(TODAY)
    assert price
    (tier,) = price.long_context
    assert (tier.above, tier.inclusive) == (above, inclusive)
    assert {kind: rate * 1000 for kind, rate in rates.items()}.items() <= tier.rates.pico_per_token.items()


# --- beside the research ---

OURS = {"xai": "grok"}


def test_every_model_of_the_research_is_there(facts: list[dict[str, Any]], real: Catalog) -> None:
    for fact in facts:
        row = real.names[OURS.get(fact["provider"], fact["provider"])][fact["id"]]
        assert row.id == fact["id"]
        assert row.status == fact["status"]
        assert (row.context_window, row.max_input, row.max_output) == (
            fact.get("context_window"),
            fact.get("max_input_tokens"),
            fact.get("max_output_tokens"),
        )
        dated = fact.get("retirement_date") or ""
        assert (row.retires.isoformat() if row.retires else "") == (dated if dated[:1] == "2" else "")
        named = fact.get("replacement")
        if named and "our choice" not in named:
            assert row.successor == named


def test_every_price_of_the_research_is_there(facts: list[dict[str, Any]], real: Catalog) -> None:
    """To the last digit."""
    for fact in facts:
        row = real.names[OURS.get(fact["provider"], fact["provider"])][fact["id"]]
        written = fact.get("price_usd_per_mtok", {})
        assert bool(row.prices) == bool(written)
        if not row.prices:
            continue
        first, told_first = row.prices[0], {kind: Decimal(usd) * 1_000_000 for kind, usd in written.items()}
        assert told_first.items() <= first.rates.pico_per_token.items(), row.id
        later = fact.get("price_schedule", [])
        assert [price.effective_from.isoformat() for price in row.prices[1:]] == [step["from"] for step in later]
        for price, step in zip(row.prices[1:], later, strict=True):
            for kind in ("input", "output", "cache_read"):
                assert price.rates.pico_per_token[kind] == Decimal(step[kind]) * 1_000_000
        tiers = fact.get("long_context_tiers", [])
        assert [tier.above for tier in first.long_context] == [tier["threshold_tokens"] for tier in tiers]
        for tier, told in zip(first.long_context, tiers, strict=True):
            assert tier.inclusive == (">=" in told["applies"])
            for kind, usd in told["price_usd_per_mtok"].items():
                assert tier.rates.pico_per_token[kind] == Decimal(usd) * 1_000_000


def test_every_effort_of_the_research_is_there(facts: list[dict[str, Any]], real: Catalog) -> None:
    for fact in facts:
        if levels := fact.get("reasoning_effort_levels"):
            row = real.names[OURS.get(fact["provider"], fact["provider"])][fact["id"]]
            assert row.quirks.efforts == tuple(levels), row.id
