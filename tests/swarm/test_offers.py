from datetime import date
from pathlib import Path

import pytest

from harness import TODAY, catalog_with
from polyglot_cloud.rows import TIERS, Model
from polyglot_cloud.swarm import names
from polyglot_cloud.swarm.offers import EARLIER, Listening, Offering, endpoint, offerings
from swarm import wire_rules
from swarm.stage import PORTS, range_of

CATALOG = catalog_with(None)
CHAT = [row for row in CATALOG.rows if row.kind == "chat"]
EVERY = ",".join(f"{row.provider}/{row.id}" for row in CATALOG.rows)


def found(environ: dict[str, str] | None = None) -> dict[tuple[str, str], Offering]:
    return {offering.pair: offering for offering in range_of(environ).offerings}


def test_each_default_and_tier_is_announced_once() -> None:
    wanted = {(name, model) for name, row in CATALOG.providers.items() for model in row.tiers.values()}
    assert set(found()) == wanted
    assert len(range_of().offerings) == len(wanted)
    assert range_of().problems == ()


def test_the_default_stands_first_of_its_provider() -> None:
    firsts: dict[str, str] = {}
    for offering in range_of({"GROK_MODEL_NAME": "grok-4.3"}).offerings:
        firsts.setdefault(offering.provider, offering.model)
    assert firsts["grok"] == "grok-4.3"
    assert firsts["openai"] == CATALOG.providers["openai"].tiers["medium"]


@pytest.mark.parametrize("retired", ["refuse", "successor", "pass"])
@pytest.mark.parametrize("today", [TODAY, date(2026, 12, 24), date(2028, 1, 1)])
@pytest.mark.parametrize("parked", [False, True])
@pytest.mark.parametrize("p95", [None, 0.4, 812.6])
def test_every_body_over_the_catalog_is_taken_by_the_contract(
    retired: str, today: date, parked: bool, p95: float | None
) -> None:
    environ = {"POLYGLOT_SWARM_MODELS": EVERY, "POLYGLOT_RETIRED": retired}
    told = range_of(environ, today=today).offerings
    registered = names.registrations(offering.pair for offering in told)
    assert len(set(registered.values())) == len(told) > 50
    for offering in told:
        body = offering.body(registered[offering.pair], "1.2.3", p95, parked=parked)
        assert wire_rules.router(body) == []
        assert body["slo"] == ({} if p95 is None else {"latency_p95_ms": round(p95)})
        assert body["endpoint"] == f"http://127.0.0.1:{PORTS[offering.provider]}"
        assert body["metadata"]["provider"] == offering.provider
        assert body["metadata"]["version"] == "1.2.3"
        assert {"openai_chat", *CATALOG.providers[offering.provider].dialects} == set(body["metadata"]["dialects"])
        assert (body["model"] == offering.model) != parked
        assert body["model"].startswith("offline:") == parked


@pytest.mark.parametrize("row", CHAT, ids=lambda row: row.id)
def test_each_model_that_is_named_is_announced_by_the_row_that_answers_or_its_absence_explained(
    row: Model,
) -> None:
    told = range_of({"POLYGLOT_SWARM_MODELS": f"{row.provider}/{row.id}", "POLYGLOT_RETIRED": "refuse"})
    offering = {each.pair: each for each in told.offerings}.get((row.provider, row.id))
    if offering is None:
        (problem,) = told.problems
        assert problem.startswith(f"{row.provider}/{row.id} is not announced: ")
        assert row.retired_on(TODAY) or row.price_on(TODAY) is None
        return
    price = row.price_on(TODAY)
    assert price is not None
    assert row.context_window is not None
    assert offering.context_window == min(row.context_window, 2_000_000)
    assert round(offering.cost_per_input_token * 1e12) == price.rates.pico_per_token["input"]
    assert round(offering.cost_per_output_token * 1e12) == price.rates.pico_per_token["output"]
    assert set(row.capabilities) <= set(offering.features)


def test_under_successor_the_earlier_names_find_who_answers_now() -> None:
    assert not {model for _, model in found()} & set(EARLIER)
    told = found({"POLYGLOT_RETIRED": "successor"})
    assert {model for _, model in told} >= set(EARLIER)
    turbo, codex = told["openai", "gpt-4-turbo"], told["openai", "gpt-5-codex"]
    assert (turbo.answered_by, codex.answered_by) == ("gpt-5.6-sol", "gpt-6.1-sol")
    answering = CATALOG.model("openai", "gpt-5.6-sol")
    assert answering is not None
    assert turbo.context_window == answering.context_window
    price = answering.price_on(TODAY)
    assert price is not None
    assert turbo.cost_per_input_token == price.rates.pico_per_token["input"] / 1e12
    beta = told["grok", "grok-beta"]
    assert {"planning", "reasoning", "real_time"} <= set(beta.features)
    assert beta.body("n", "v", None)["metadata"]["answered_by"] == "grok-4.7"
    assert told["anthropic", "claude-haiku-4-5"].answered_by is None
    retired = {(row.provider, row.id) for row in CHAT if row.retired_on(TODAY) and row.successor}
    assert set(told) - {pair for pair in told if pair[1] in EARLIER} == set(found()) | {
        pair for pair in retired if pair[1] not in EARLIER
    }


def test_the_price_is_todays() -> None:
    before = date(2020, 1, 1)
    assert range_of(today=before).offerings == ()
    assert "no price of it for today" in " ".join(range_of(today=before).problems)


def test_only_providers_with_a_key_are_announced() -> None:
    keyless = Listening("grok", "http://127.0.0.1:8103", 8103, has_key=False)
    told = range_of({"POLYGLOT_SWARM_MODELS": "grok/grok-4.6"}, grok=keyless)
    assert {offering.provider for offering in told.offerings} == {"openai", "anthropic", "gemini"}
    assert told.problems == ()


NAMED = [
    ("openai/gpt-5.6", "gpt-5.6", ""),
    ("openai/high", CATALOG.providers["openai"].tiers["high"], ""),
    ("openai/gpt-5-2025-08-07", "gpt-5-2025-08-07", ""),
    ("openai/text-embedding-3-small", None, "for embedding"),
    ("openai/somebodys-finetune", None, "the catalog does not know it"),
    ("openai/GPT-5.6", None, "did you mean"),
    ("openai/gpt-5.1-2025-11-13", "gpt-5.1-2025-11-13", ""),
    ("openai/gpt-4-turbo", None, "Its successor is gpt-5.6-sol"),
    (f"openai/gpt-5-{'x' * 100}", None, "the catalog does not know it"),
]


@pytest.mark.parametrize(("named", "model", "reason"), NAMED)
def test_what_the_settings_name(named: str, model: str | None, reason: str) -> None:
    told = range_of({"POLYGLOT_SWARM_MODELS": named})
    if model is not None:
        assert ("openai", model) in {offering.pair for offering in told.offerings}
        assert told.problems == ()
        return
    (problem,) = told.problems
    assert problem.startswith(f"{named} is not announced: ")
    assert reason in problem


LONG = "s" * 101
PRICE = """
[[model.price]]
effective_from = 2026-01-01
standard = { input = 0, output = 0 }
source = "mine"
"""
OVERLAY = f"""
[[provider]]
name = "local"
title = "Local"
adapter = "openai"
base_url = "http://127.0.0.1:11434/v1"
key_variables = ["LOCAL_API_KEY"]
key_example = "x"
key_page = "https://example.org"
dialects = ["openai_chat"]
tiers = {{}}
default = "small"
port = 8110

[[model]]
id = "small"
provider = "local"
kind = "chat"
status = "active"
source = "mine"
aliases = ["{LONG}"]
checked = 2026-11-01
offers = [{{ dialect = "openai_chat", needs = [] }}]
"""


@pytest.mark.parametrize(
    ("facts", "extra", "reasons"),
    [
        ("", (), ["local/default is not announced: the catalog has no context window of it"]),
        ("context_window = 8192", (), ["local/default is not announced: the catalog has no price of it"]),
        (
            f"context_window = 8192\n{PRICE}",
            (f"local/{LONG}",),
            [f"local/{LONG} is not announced: its name is longer than the Router's 100 characters"],
        ),
    ],
)
def test_what_nobody_knows_of_a_model_of_ones_own_is_not_made_up(
    facts: str, extra: tuple[str, ...], reasons: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OVERLAY + facts)
    local = Listening("local", "http://127.0.0.1:8110", 8110, has_key=True)
    told = offerings(catalog_with(path), [local], extra, "refuse", TODAY)
    assert [problem[: len(reason)] for problem, reason in zip(told.problems, reasons, strict=True)] == reasons
    assert len(told.offerings) == bool(extra)


def test_tiers_of_the_settings_are_announced() -> None:
    told = found({"GEMINI_MODEL_NAME_LOW": "gemini-2.5-flash-lite"})
    assert ("gemini", "gemini-2.5-flash-lite") in told
    assert set(TIERS) == {"low", "medium", "high"}


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8100"),
        ("0.0.0.0", "http://127.0.0.1:8100"),
        ("::", "http://127.0.0.1:8100"),
        ("::1", "http://[::1]:8100"),
        ("box.local", "http://box.local:8100"),
    ],
)
def test_where_a_listener_is_reached(host: str, url: str) -> None:
    assert endpoint(host, 8100) == url
