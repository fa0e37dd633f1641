"""The table of cases, and who is asked what for how much."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from scripts.recording import cases, cost
from scripts.recording.cases import Case
from scripts.recording.exchange import encoded
from scripts.recording.planning import Choice, Plan, Planner

from harness import TODAY
from polyglot_cloud import catalog
from polyglot_cloud.app import DIALECTS
from polyglot_cloud.catalog import Catalog
from polyglot_cloud.rows import Model

ROWS = catalog.load()
TABLE = cases.load()
BODY = {"messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": 50}
TEXT = Case("openai_chat", "text", BODY)


def plan(*table: Case, choice: Choice | None = None, day: date = TODAY, sandbox: bool = False, **missing: str) -> Plan:
    planner = Planner(ROWS, replace(TABLE, cases=table) if table else TABLE, DIALECTS, day, sandbox)
    return planner.plan(choice or Choice(), missing)


def row(provider: str, model: str) -> Model:
    found = ROWS.model(provider, model)
    assert found
    return found


# --- the file ---


def test_every_row_of_the_table_can_be_asked_of_everybody_who_speaks_its_dialect() -> None:
    made = plan(sandbox=True)
    assert made.skipped == []
    expected = {
        (name, case.dialect, case.name)
        for name, provider in ROWS.providers.items()
        for case in TABLE.cases
        if case.dialect in provider.dialects
    }
    assert {job.key for job in made.jobs} == expected


def test_no_case_stands_on_a_retired_or_unpriced_model() -> None:
    for job in plan().jobs:
        if job.case.model is None:
            found = row(job.provider, job.model)
            assert found.status == "active"
            assert found.price_on(TODAY)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[case]]\ndialect = "gemini"\nname = "a"\ncolour = 1', "gemini a: there is no colour"),
        ('[[case]]\ndialect = "gemini"\nname = "a"\nbody = "{"', "gemini a: its body is not JSON"),
        ('[[case]]\ndialect = "gemini"\nname = "a"\nfollows = "b"', "gemini a follows b"),
        ('[[case]]\ndialect = "g"\nname = "a"\n[[case]]\ndialect = "g"\nname = "a"', "stands there twice"),
    ],
)
def test_a_row_that_cannot_be_meant_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "cases.toml"
    file.write_text(f"unseen_input = 1\nvisible_only = []\n{text}\n[stream]\n")
    with pytest.raises(ValueError, match=words):
        cases.load(file)


# --- the choice ---


def test_the_cheapest_model_that_can_is_asked() -> None:
    asked = {
        job.provider: job.model
        for job in plan(TEXT, replace(TEXT, dialect="anthropic", body={**BODY, "max_tokens": 50})).jobs
    }
    assert asked == {"openai": "gpt-6-luna", "anthropic": "claude-haiku-5-5", "grok": "grok-4.20-0309-non-reasoning"}


@pytest.mark.parametrize(
    ("change", "able"),
    [
        ({"needs": frozenset({"tools", "tools_with_effort"})}, lambda model: "tools" in chat_needs(model)),
        ({"effort": "xhigh"}, lambda model: "xhigh" in (model.quirks.efforts or ())),
    ],
)
def test_a_model_must_have_what_the_case_wants(change: dict[str, object], able: Callable[[Model], bool]) -> None:
    for job in plan(replace(TEXT, **change)).jobs:  # type: ignore[arg-type]  # fields by name
        assert able(row(job.provider, job.model))


def chat_needs(model: Model) -> frozenset[str]:
    return next(offer.needs for offer in model.offers if offer.dialect == "openai_chat")


def test_what_nobody_can_do_is_skipped_and_said() -> None:
    made = plan(replace(TEXT, effort="superhuman"), choice=Choice(providers=("openai",)))
    assert (made.jobs, made.skipped) == (
        [],
        ["openai openai_chat text: no model with a price does this in the catalog, so nobody could say what it costs"],
    )


def test_selection() -> None:
    two = (TEXT, replace(TEXT, name="other"), replace(TEXT, name="hidden", sandbox=True))
    assert [job.key for job in plan(*two, choice=Choice(providers=("grok",))).jobs] == [
        ("grok", "openai_chat", "text"),
        ("grok", "openai_chat", "other"),
    ]
    assert {job.case.name for job in plan(*two, choice=Choice(cases=("other",))).jobs} == {"other"}
    assert plan(*two, choice=Choice(dialects=("gemini",))).jobs == []
    assert {job.case.name for job in plan(*two, sandbox=True).jobs} == {"text", "other", "hidden"}
    assert {job.provider for job in plan(replace(TEXT, providers=("grok",))).jobs} == {"grok"}


def test_a_provider_without_a_key_is_skipped_with_what_to_do() -> None:
    made = plan(TEXT, openai="OPENAI_API_KEY not found")
    assert {job.provider for job in made.jobs} == {"grok"}
    assert made.skipped == ["openai: OPENAI_API_KEY not found"]


def test_what_follows_is_asked_after_what_comes_before_of_the_same_model() -> None:
    first = replace(TEXT, name="tool", needs=frozenset({"tools", "tools_with_effort"}))
    second = Case("openai_chat", "loop", follows="tool", result="{}")
    made = plan(first, second, choice=Choice(cases=("loop",), providers=("openai",)))
    assert [job.case.name for job in made.jobs] == ["tool", "loop"]
    assert made.jobs[0].model == made.jobs[1].model
    assert made.jobs[1].most > made.jobs[0].most


def test_what_follows_something_that_is_not_asked_is_not_asked() -> None:
    first = replace(TEXT, name="tool", effort="superhuman")
    made = plan(first, Case("openai_chat", "loop", follows="tool"), choice=Choice(providers=("openai",)))
    assert made.skipped[1] == "openai openai_chat loop: tool comes before it and is not asked"


def test_a_model_of_the_command_line_is_asked_and_priced() -> None:
    made = plan(TEXT, choice=Choice(providers=("openai",), model="gpt-5.2"))
    assert [job.model for job in made.jobs] == ["gpt-5.2"]
    assert made.most > plan(TEXT, choice=Choice(providers=("openai",))).most


@pytest.mark.parametrize("model", ["gpt-99-preview", "claude-sonnet-5-5"])
def test_a_model_without_a_price_or_of_another_is_not_asked(model: str) -> None:
    made = plan(TEXT, choice=Choice(providers=("openai",), model=model))
    assert made.jobs == []
    assert model in made.skipped[0]


# --- the bound ---


def test_the_bound_is_every_byte_and_every_token_of_both_modes() -> None:
    job = plan(TEXT, choice=Choice(providers=("openai",))).jobs[0]
    price = row("openai", job.model).price_on(TODAY)
    assert price
    assert job.most == 2 * cost.most(price, len(encoded(BODY)) + TABLE.unseen_input, 50)


def test_where_the_maximum_holds_visible_text_alone_a_thinker_is_bound_by_its_model() -> None:
    thinker = replace(TEXT, effort="low", providers=("grok",), modes=("plain",))
    job = plan(thinker).jobs[0]
    found = row("grok", job.model)
    price = found.price_on(TODAY)
    assert price
    assert found.max_output
    assert job.most == cost.most(price, len(encoded(BODY)) + TABLE.unseen_input, found.max_output)


def test_a_case_without_a_maximum_is_bound_by_its_model() -> None:
    job = plan(replace(TEXT, body={"messages": []}), choice=Choice(providers=("openai",))).jobs[0]
    assert job.most > 10 * plan(TEXT, choice=Choice(providers=("openai",))).jobs[0].most


@pytest.mark.parametrize("change", [{"model": "no-such-model"}, {"wrong_key": True}, {"path": "count"}])
def test_what_cannot_be_billed_costs_nothing(change: dict[str, object]) -> None:
    made = plan(replace(TEXT, **change))  # type: ignore[arg-type]  # fields by name
    assert (made.most, made.calls) == (0, 4)


def test_the_price_is_that_of_the_day() -> None:
    gemini = Case("gemini", "text", {"contents": [], "generationConfig": {"maxOutputTokens": 9}})
    choice = Choice(model="gemini-4-argon")
    assert plan(gemini, choice=choice, day=date(2026, 12, 1)).most == 2 * plan(gemini, choice=choice).most


def test_before_the_first_price_nobody_knows_what_it_costs() -> None:
    made = plan(TEXT, choice=Choice(providers=("openai",)), day=date(2020, 1, 1))
    assert "nobody could say what it costs" in made.skipped[0]


def test_without_any_limit_nobody_knows_what_it_costs() -> None:
    endless = replace(TEXT, body={"messages": []})
    rows = Catalog.of(ROWS.providers, [replace(row("openai", "gpt-6-luna"), max_output=None)])
    made = Planner(rows, replace(TABLE, cases=(endless,)), DIALECTS, TODAY).plan(Choice(providers=("openai",)), {})
    assert made.jobs == []
    assert "nobody could say what it costs" in made.skipped[0]
