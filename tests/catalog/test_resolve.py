from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from polyglot_cloud.catalog import BrokenCatalog, Catalog, Choices, Resolution, Retired, load
from polyglot_cloud.errors import BadRequest, RetiredModel, UnknownModel
from polyglot_cloud.rows import Destination, Quirks

TODAY = date(2026, 11, 22)
URLS = {"openai": "http://127.0.0.1:8100/v1", "anthropic": "http://127.0.0.1:8101/v1"}

NAMES: list[tuple[str | None, str | None, str, str, str | None, bool]] = [
    # face, asked, -> provider, wire model, row, edited
    ("openai", None, "openai", "gpt-6.1-terra", "gpt-6.1-terra", True),
    ("anthropic", None, "anthropic", "claude-sonnet-5-5", "claude-sonnet-5-5", True),
    ("gemini", None, "gemini", "gemini-3.8-flash", "gemini-3.8-flash", True),
    ("grok", None, "grok", "grok-4.7", "grok-4.7", True),
    ("openai", "gpt-6.2-sol", "openai", "gpt-6.2-sol", "gpt-6.2-sol", False),
    # a vendor's alias goes as it is
    ("anthropic", "claude-haiku-4-5", "anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001", False),
    (
        "anthropic",
        "claude-haiku-4-5-20251001",
        "anthropic",
        "claude-haiku-4-5-20251001",
        "claude-haiku-4-5-20251001",
        False,
    ),
    ("openai", "gpt-5.6", "openai", "gpt-5.6", "gpt-5.6-sol", False),
    ("gemini", "gemini-flash-latest", "gemini", "gemini-flash-latest", "gemini-3.8-flash", False),
    # tiers
    ("openai", "high", "openai", "gpt-6.2-sol", "gpt-6.2-sol", True),
    ("gemini", "low", "gemini", "gemini-3.5-flash-lite", "gemini-3.5-flash-lite", True),
    # a dated snapshot has its family's row
    ("openai", "gpt-4o-2024-08-06", "openai", "gpt-4o-2024-08-06", "gpt-4o", False),
    ("anthropic", "claude-opus-5-5-20261231", "anthropic", "claude-opus-5-5-20261231", "claude-opus-5-5", False),
    (
        "anthropic",
        "claude-haiku-4-5-20260101",
        "anthropic",
        "claude-haiku-4-5-20260101",
        "claude-haiku-4-5-20251001",
        False,
    ),
    ("gemini", "gemini-2.5-flash-lite-001", "gemini", "gemini-2.5-flash-lite-001", "gemini-2.5-flash-lite", False),
    # what nobody knows passes
    ("gemini", "gemini-2.5-flash-preview-05-20", "gemini", "gemini-2.5-flash-preview-05-20", None, False),
    ("openai", "ft:gpt-4o:acme::x", "openai", "ft:gpt-4o:acme::x", None, False),
    ("openai", "org/model", "openai", "org/model", None, False),
    # spellings
    ("gemini", "models/gemini-4-argon", "gemini", "gemini-4-argon", "gemini-4-argon", True),
    ("gemini", "models/gemini-99", "gemini", "gemini-99", None, True),
    ("gemini", "gemini/models/gemini-4-argon", "gemini", "gemini-4-argon", "gemini-4-argon", True),
    ("openai", "models/gpt-6.2-sol", "openai", "models/gpt-6.2-sol", None, False),
    ("openai", "openai/gpt-6.2-sol", "openai", "gpt-6.2-sol", "gpt-6.2-sol", True),
    ("openai", "openai/low", "openai", "gpt-6-luna", "gpt-6-luna", True),
    ("openai", "openai/openai/x", "openai", "openai/x", None, True),
    # the face of all
    (None, "claude-sonnet-5-5", "anthropic", "claude-sonnet-5-5", "claude-sonnet-5-5", False),
    (None, "claude-haiku-4-5", "anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001", False),
    (None, "gpt-4o-2024-08-06", "openai", "gpt-4o-2024-08-06", "gpt-4o", False),
    (None, "gemini/high", "gemini", "gemini-4-argon", "gemini-4-argon", True),
    (None, "grok/grok-4.7", "grok", "grok-4.7", "grok-4.7", True),
    (None, "openai/gpt-99", "openai", "gpt-99", None, True),
    (None, "models/gemini-4-argon", "gemini", "gemini-4-argon", "gemini-4-argon", True),
]


@pytest.mark.parametrize(("face", "asked", "provider", "wire", "row", "edited"), NAMES)
def test_resolve(
    real: Catalog, face: str | None, asked: str | None, provider: str, wire: str, row: str | None, edited: bool
) -> None:
    found = real.resolve(asked, provider=face, today=TODAY)
    assert (found.provider, found.wire_model, found.row.id if found.row else None) == (provider, wire, row)
    assert (found.edited, found.asked, found.substituted_from) == (edited, asked, None)
    assert found.priced == (row is not None)


@pytest.mark.parametrize(
    ("face", "asked", "code", "says"),
    [
        (None, None, "missing_required_parameter", "name one"),
        (None, "high", "ambiguous_model", "openai/high or anthropic/high"),
        ("openai", "", "invalid_model_id", "is empty"),
        (None, "openai/", "invalid_model_id", "empty part"),
        ("openai", "../gpt", "invalid_model_id", '".."'),
        (
            "openai",
            "claude-sonnet-5-5",
            "wrong_provider",
            "Ask it at http://127.0.0.1:8101/v1, or as anthropic/claude-",
        ),
        ("openai", "claude-opus-5-5-20261231", "wrong_provider", "a model of Anthropic, not of OpenAI"),
        ("openai", "anthropic/claude-99", "wrong_provider", "claude-99 is a model of Anthropic"),
        ("anthropic", "grok-4.7", "wrong_provider", "at the address of grok"),
        (None, "gemini/gpt-6.2-sol", "wrong_provider", "gpt-6.2-sol is a model of OpenAI, not of Google Gemini"),
    ],
)
def test_refused_names(real: Catalog, face: str | None, asked: str | None, code: str, says: str) -> None:
    with pytest.raises(BadRequest) as refused:
        real.resolve(asked, provider=face, today=TODAY, urls=URLS)
    assert (refused.value.status, refused.value.param, refused.value.code) == (400, "model", code)
    assert says in str(refused.value)


@pytest.mark.parametrize("asked", ["gpt-99", "nobody/gpt-6.2-sol", "models/gpt-6.2-sol"])
def test_the_face_of_all_passes_no_unknown_model_on(real: Catalog, asked: str) -> None:
    with pytest.raises(UnknownModel, match="write provider/") as refused:
        real.resolve(asked, provider=None, today=TODAY)
    assert (refused.value.status, refused.value.param, refused.value.code) == (404, "model", "model_not_found")


@pytest.mark.parametrize(
    ("face", "asked", "meant"),
    [
        ("anthropic", "CLAUDE-SONNET-5-5", "claude-sonnet-5-5"),
        ("anthropic", "Claude-Haiku-4-5", "claude-haiku-4-5"),
        ("openai", "LOW", "low"),
        ("openai", "openai/High", "high"),
        ("openai", "GPT-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("gemini", "models/Gemini-4-argon", "gemini-4-argon"),
        (None, "Grok-4.7", "grok-4.7"),
        (None, "openai/LOW", "low"),
        (None, "MEDIUM", "medium"),
    ],
)
def test_names_are_told_apart_by_case(real: Catalog, face: str | None, asked: str, meant: str) -> None:
    with pytest.raises(UnknownModel, match=f'did you mean "{meant}"') as refused:
        real.resolve(asked, provider=face, today=TODAY)
    assert (refused.value.status, refused.value.param, refused.value.code) == (404, "model", "model_not_found")


def test_a_setting_in_other_letters_cannot_be_meant(real: Catalog) -> None:
    with pytest.raises(BrokenCatalog, match=r'"GPT-6.2-sol" is no model of openai; did you mean'):
        real.choosing(Choices(defaults={"openai": "GPT-6.2-sol"}))


def test_an_alias_may_be_its_model_in_other_letters(real: Catalog) -> None:
    catalog = real.choosing(Choices(aliases={"house": "grok/House"}))
    for asked in ("house", "House"):
        assert catalog.resolve(asked, provider="grok", today=TODAY).wire_model == "House"


# --- retirement ---


@pytest.mark.parametrize(
    ("provider", "asked", "says"),
    [
        (
            "openai",
            "gpt-5-codex",
            "gpt-5-codex was shut down on 2026-07-23 (OpenAI). Its successor is gpt-6.1-sol (our choice",
        ),
        ("openai", "gpt-4-turbo-2024-04-09", "gpt-4-turbo-2024-04-09 was shut down on 2026-10-23"),
        ("openai", "gpt-4-turbo", "Its successor is gpt-5.6-sol (named by OpenAI)."),
        ("grok", "grok-3", "was shut down on 2026-05-15 (xAI Grok). Its successor is grok-4.3 (named by xAI Grok)."),
        ("grok", "grok-4", "grok-4 was shut down on 2026-05-15 (xAI Grok). Its successor is grok-4.3"),
        ("anthropic", "claude-opus-4-1", "is not served any more (Anthropic). Its successor is claude-opus-5-5"),
        ("anthropic", "claude-sonnet-4", "was shut down on 2026-06-15 (Anthropic). Its successor is claude-sonnet-5-5"),
        ("anthropic", "claude-sonnet-4-0", "was shut down on 2026-06-15"),
        ("anthropic", "claude-opus-4", "Its successor is claude-opus-5-5"),
        ("anthropic", "claude-opus-4-0", "was shut down on 2026-06-15"),
        ("anthropic", "claude-3-7-sonnet", "was shut down on 2026-02-19"),
        ("anthropic", "claude-3-7-sonnet-latest", "Its successor is claude-sonnet-5-5"),
        ("anthropic", "claude-3-5-haiku", "Its successor is claude-haiku-5-5"),
        ("anthropic", "claude-3-haiku", "Its successor is claude-haiku-5-5"),
        (
            "grok",
            "grok-beta",
            "is not served any more (xAI Grok). Its successor is grok-4.7 (our choice, xAI Grok published none)",
        ),
    ],
)
def test_a_retired_model_is_refused_with_date_and_successor(
    real: Catalog, provider: str, asked: str, says: str
) -> None:
    for face in (provider, None):
        with pytest.raises(RetiredModel) as refused:
            real.resolve(asked, provider=face, today=TODAY)
        assert says in str(refused.value)
        assert (refused.value.status, refused.value.param, refused.value.should_retry) == (404, "model", False)


@pytest.mark.parametrize(
    ("retired", "wire", "substituted"), [("successor", "gpt-6.1-sol", "gpt-5-codex"), ("pass", "gpt-5-codex", None)]
)
def test_a_retired_model_by_setting(real: Catalog, retired: Retired, wire: str, substituted: str | None) -> None:
    found = real.resolve("gpt-5-codex", provider="openai", today=TODAY, retired=retired)
    assert found.row
    assert (found.wire_model, found.row.id, found.substituted_from) == (wire, wire, substituted)
    assert found.edited == (retired == "successor")


@pytest.mark.parametrize(
    ("provider", "asked", "wire"),
    [("grok", "grok-4", "grok-4.3"), ("anthropic", "claude-3-7-sonnet", "claude-sonnet-5-5")],
)
def test_a_retired_undated_name_has_its_successor(real: Catalog, provider: str, asked: str, wire: str) -> None:
    found = real.resolve(asked, provider=provider, today=TODAY, retired="successor")
    assert (found.wire_model, found.substituted_from) == (wire, asked)


@pytest.mark.parametrize(
    ("asked", "last", "first"),
    [
        ("claude-sonnet-4-5", date(2026, 11, 29), date(2026, 11, 30)),
        ("claude-sonnet-4-5-20250929", date(2026, 11, 29), date(2026, 11, 30)),
        ("gemini-2.5-pro", date(2026, 11, 30), date(2026, 12, 1)),
        ("gemini-2.5-flash", date(2026, 11, 30), date(2026, 12, 1)),
        ("gpt-5-nano", date(2026, 12, 10), date(2026, 12, 11)),
        ("gpt-4o-2024-08-06", date(2027, 1, 13), date(2027, 1, 14)),
    ],
)
def test_retirement_begins_on_its_day(real: Catalog, asked: str, last: date, first: date) -> None:
    assert real.resolve(asked, provider=None, today=last).wire_model == asked
    with pytest.raises(RetiredModel, match=f"was shut down on {first}"):
        real.resolve(asked, provider=None, today=first)


@pytest.mark.parametrize("retired", ["refuse", "successor", "pass"])
@pytest.mark.parametrize(
    ("choices", "asked"),
    [
        (Choices(defaults={"openai": "gpt-5-codex"}), None),
        (Choices(tiers={"openai": {"high": "gpt-5-codex"}}), "high"),
        (Choices(aliases={"coder": "openai/gpt-5-codex"}), "coder"),
    ],
)
def test_a_retired_choice_of_the_settings_breaks_nothing(
    real: Catalog, choices: Choices, asked: str | None, retired: Retired
) -> None:
    found = real.choosing(choices).resolve(asked, provider="openai", today=TODAY, retired=retired)
    assert (found.wire_model, found.substituted_from, found.edited) == ("gpt-6.1-sol", "gpt-5-codex", True)


def test_successors_are_followed_to_one_in_service(write: Any, small: str) -> None:
    catalog = load(write(small))
    now, later = date(2026, 11, 22), date(2026, 12, 1)  # a-2 retires on the second
    assert catalog.resolve("a-0", provider="acme", today=now, retired="successor").wire_model == "a-2"
    assert catalog.resolve("a-0", provider="acme", today=later, retired="successor").wire_model == "a-1"
    with pytest.raises(RetiredModel, match=r"successor is a-2 \(named by Acme\)"):
        catalog.resolve("a-0", provider="acme", today=now)
    with pytest.raises(RetiredModel, match=r"successor is a-1 \(our choice"):
        catalog.resolve("a-0", provider="acme", today=later)


def test_a_retired_model_without_successor_is_refused_even_as_a_choice(write: Any, small: str) -> None:
    catalog = load(write(small.replace('successor = "a-2"\n', ""))).choosing(Choices(defaults={"acme": "a-0"}))
    for retired in ("refuse", "successor", "pass"):
        with pytest.raises(RetiredModel, match="No successor is known"):
            catalog.resolve(None, provider="acme", today=TODAY, retired=retired)


def test_a_line_that_dies_out_has_no_successor(write: Any, small: str) -> None:
    catalog = load(write(small.replace("released = 2026-01-01", "released = 2026-01-01\nretires = 2026-12-01")))
    with pytest.raises(RetiredModel, match="No successor is known"):
        catalog.resolve("a-0", provider="acme", today=date(2026, 12, 1))


def test_a_circle_in_a_catalog_made_by_hand_ends(write: Any) -> None:
    loaded = load(write())
    circle = [replace(row, status="retired", successor=row.id) for row in loaded.rows]
    with pytest.raises(RetiredModel, match="No successor is known"):
        Catalog.of(loaded.providers, circle).resolve("a-1", provider="acme", today=TODAY)


# --- prices in force ---


@pytest.mark.parametrize(
    ("model", "day", "rates"),
    [
        ("gemini-4-argon", date(2026, 11, 30), (2000, 10000, 100)),
        ("gemini-4-argon", date(2026, 12, 1), (4000, 20000, 200)),
        ("gemini-4-carbon", date(2026, 11, 30), (2000, 10000, 100)),
        ("gemini-4-carbon", date(2026, 12, 1), (4000, 20000, 200)),
        ("gemini-3.8-flash", date(2026, 12, 31), (750, 3750, 75)),
        ("gemini-3.8-flash", date(2027, 1, 1), (1500, 7500, 150)),
    ],
)
def test_price_rows_change_on_their_day(real: Catalog, model: str, day: date, rates: tuple[int, int, int]) -> None:
    row = real.resolve(model, provider="gemini", today=day).row
    assert row
    price = row.price_on(day)
    assert price
    assert tuple(price.rates.pico_per_token[kind] for kind in ("input", "output", "cache_read")) == tuple(
        rate * 1000 for rate in rates
    )


def test_before_its_first_price_a_model_is_unpriced(real: Catalog) -> None:
    assert not real.resolve("gpt-6.2-sol", provider="openai", today=date(2026, 11, 16)).priced
    assert real.resolve("gpt-6.2-sol", provider="openai", today=date(2026, 11, 17)).priced


# --- the settings' choices ---


def test_choices_stand_over_the_catalog(real: Catalog) -> None:
    catalog = real.choosing(
        Choices(
            tiers={"anthropic": {"high": "claude-fable-5-2"}},
            defaults={"openai": "low", "anthropic": "high", "grok": "grok-77"},
            aliases={"fast": "gemini/low", "best": "anthropic/claude-mythos-5-2", "gpt-4o": "grok/grok-4.7"},
        )
    )

    def resolved(asked: str | None, face: str | None) -> Resolution:
        return catalog.resolve(asked, provider=face, today=TODAY)

    assert resolved(None, "openai").wire_model == "gpt-6-luna"
    assert resolved(None, "anthropic").wire_model == "claude-fable-5-2"
    assert resolved("anthropic/high", None).wire_model == "claude-fable-5-2"
    assert resolved("low", "anthropic").wire_model == "claude-haiku-5-5"
    assert (resolved(None, "grok").wire_model, resolved(None, "grok").row) == ("grok-77", None)
    assert resolved("fast", None).wire_model == "gemini-3.5-flash-lite"
    assert resolved("fast", "gemini").wire_model == "gemini-3.5-flash-lite"
    assert resolved("best", None).edited
    assert resolved("gpt-4o", None).provider == "grok"
    assert resolved("gpt-4o", "openai").wire_model == "gpt-4o"
    assert resolved("gpt-4o", "grok").wire_model == "grok-4.7"
    with pytest.raises(BadRequest, match="fast is a model of Google Gemini, not of OpenAI"):
        resolved("fast", "openai")
    assert real.resolve(None, provider="openai", today=TODAY).wire_model == "gpt-6.1-terra"
    assert catalog.tiers("anthropic")["medium"] == "claude-sonnet-5-5"


@pytest.mark.parametrize(
    ("choices", "entry", "reason"),
    [
        (Choices(defaults={"opanai": "x"}), "default of opanai", '"opanai" is no provider; did you mean "openai"?'),
        (Choices(defaults={"openai": "a b"}), "default of openai", 'the model "a b" has white space in it'),
        (Choices(defaults={"openai": "grok-4.7"}), "default of openai", '"grok-4.7" is a model of grok, not of openai'),
        (Choices(tiers={"grok": {"top": "grok-4.7"}}), "tier top of grok", '"top" is no tier'),
        (Choices(tiers={"grok": {"low": "high"}}), "tier low of grok", 'is "high": a tier must be a model'),
        (Choices(aliases={"x": "gpt-6.2-sol"}), 'alias "x"', '"gpt-6.2-sol" is no provider'),
        (Choices(aliases={"x": "openai"}), 'alias "x"', 'the model "" is empty'),
        (Choices(aliases={"x y": "openai/low"}), 'alias "x y"', "has white space in it, so nobody could ask for it"),
    ],
)
def test_choices_that_cannot_be_meant(real: Catalog, choices: Choices, entry: str, reason: str) -> None:
    with pytest.raises(BrokenCatalog) as broken:
        real.choosing(choices)
    (fault,) = broken.value.faults
    assert (fault.file, fault.entry) == ("settings", entry)
    assert reason in fault.reason


def test_choices_may_be_given_to_load(write: Any) -> None:
    catalog = load(write(), choices=Choices(defaults={"acme": "a-1"}))
    assert catalog.resolve(None, provider="acme", today=TODAY).wire_model == "a-1"


# --- a provider without models of its own ---


@pytest.fixture
def aggregator(write: Any) -> Catalog:
    overlay = """
        [[provider]]
        name = "router"
        adapter = "openai"
        base_url = "https://router.test/v1"
        key_variables = ["ROUTER_KEY"]
    """
    return load(overlay=write(overlay))


@pytest.mark.parametrize(
    ("face", "asked", "wire"),
    [
        ("router", "anthropic/claude-sonnet-5-5", "anthropic/claude-sonnet-5-5"),
        ("router", "gpt-6.2-sol", "gpt-6.2-sol"),
        (None, "router/openai/gpt-6.2-sol", "openai/gpt-6.2-sol"),
        (None, "router/router/auto", "router/auto"),
    ],
)
def test_it_takes_any_name(aggregator: Catalog, face: str | None, asked: str, wire: str) -> None:
    found = aggregator.resolve(asked, provider=face, today=TODAY)
    assert (found.provider, found.wire_model, found.row) == ("router", wire, None)


def test_it_may_be_given_any_choice(aggregator: Catalog) -> None:
    catalog = aggregator.choosing(Choices(defaults={"router": "anthropic/claude-sonnet-5-5"}))
    assert catalog.resolve(None, provider="router", today=TODAY).wire_model == "anthropic/claude-sonnet-5-5"


def test_it_has_no_default_and_no_tiers(aggregator: Catalog) -> None:
    with pytest.raises(BadRequest, match="router has no default model here: name one"):
        aggregator.resolve(None, provider="router", today=TODAY)
    with pytest.raises(UnknownModel, match='router has no tier "high" here'):
        aggregator.resolve("high", provider="router", today=TODAY)


# --- what follows from a resolution ---


def test_destination_of_a_known_model(real: Catalog) -> None:
    found = real.resolve("claude-sonnet-5-5", provider="anthropic", today=TODAY)
    assert found.row
    assert real.destination(found) == Destination(
        "anthropic", "claude-sonnet-5-5", found.row.quirks, 128000, known=True
    )


def test_destination_of_an_unknown_model_has_its_hosts_habits(real: Catalog) -> None:
    grok = real.destination(real.resolve("grok-99", provider="grok", today=TODAY))
    assert "metadata" in grok.quirks.refused
    assert "store" not in grok.quirks.refused
    assert (grok.known, grok.max_output) == (False, None)
    openai = real.destination(real.resolve("gpt-99", provider="openai", today=TODAY))
    assert openai == Destination("openai", "gpt-99", Quirks())


def test_models_are_those_in_service_by_provider_and_id(real: Catalog) -> None:
    listed = real.models(None, TODAY)
    assert [row.provider for row in listed] == sorted((row.provider for row in listed), key=list(real.providers).index)
    ids = [row.id for row in real.models("anthropic", TODAY)]
    assert ids == sorted(ids)
    assert "claude-sonnet-4-5-20250929" in ids
    assert "claude-3-haiku-20240307" not in ids
    assert "claude-sonnet-4-5-20250929" not in [row.id for row in real.models("anthropic", date(2026, 11, 30))]


def test_model_of_an_unknown_provider_is_none(real: Catalog) -> None:
    assert real.model("nobody", "gpt-4o") is None
