import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import catalog_with
from polyglot_cloud.rows import Model
from polyglot_cloud.swarm import names

ROWS = catalog_with(None).rows
PAIRS = [(row.provider, row.id) for row in ROWS]
ALL = [*PAIRS, *((row.provider, alias) for row in ROWS for alias in row.aliases)]
VALID = re.compile(r"[A-Za-z0-9_-]{1,100}")


@pytest.mark.parametrize(
    ("provider", "model", "name"),
    [
        ("openai", "gpt-4-turbo", "openai-gpt-4-turbo"),
        ("gemini", "gemini-2.5-pro", "gemini-gemini-2-5-pro"),
        ("grok", "grok-beta", "grok-grok-beta"),
        ("anthropic", "claude-sonnet-4-5-20250929", "anthropic-claude-sonnet-4-5-20250929"),
        ("local", "llama3.1:8b", "local-llama3-1-8b"),
        ("my.host", "org/Model X", "my-host-org-Model-X"),
    ],
)
def test_the_earlier_adapters_spelling(provider: str, model: str, name: str) -> None:
    assert names.plain(provider, model) == name


def test_every_name_over_the_catalog_is_valid_and_its_own() -> None:
    found = names.registrations(ALL)
    assert set(found) == set(ALL)
    assert len(set(found.values())) == len(set(ALL))
    for (provider, _), name in found.items():
        assert VALID.fullmatch(name)
        assert name.startswith(provider)
    assert all(found[pair] == names.plain(*pair) for pair in PAIRS)


MODELS = st.text(st.sampled_from("ab1-._:/ é"), min_size=1, max_size=6) | st.text(min_size=90, max_size=130)


@given(st.lists(st.tuples(st.sampled_from(["openai", "my-llm"]), MODELS), max_size=30), st.randoms())
def test_names_of_anything_are_valid_and_their_own_in_any_order(pairs: list[tuple[str, str]], random: object) -> None:
    found = names.registrations(pairs)
    assert len(set(found.values())) == len(set(pairs))
    assert all(VALID.fullmatch(name) and name.startswith(provider) for (provider, _), name in found.items())
    assert names.registrations(reversed(pairs)) == found


def test_the_model_that_its_name_says_unchanged_keeps_it() -> None:
    found = names.registrations([("openai", "gpt-5.1"), ("openai", "gpt-5-1")])
    assert found["openai", "gpt-5-1"] == "openai-gpt-5-1"
    assert re.fullmatch(r"openai-gpt-5-1-[0-9a-f]{8}", found["openai", "gpt-5.1"])


def test_a_digest_that_is_taken_too_gives_way() -> None:
    first = names.registrations([("a", "b.c"), ("a", "b-c")])["a", "b.c"]
    found = names.registrations([("a", "b.c"), ("a", "b-c"), ("a", first.removeprefix("a-"))])
    assert len(set(found.values())) == 3


@given(st.text(min_size=1, max_size=100))
def test_further_names_are_as_long_at_most_and_all_different(name: str) -> None:
    found = list(names.suffixed(name))
    assert found[0] == name
    assert len(found) == names.SUFFIXES
    assert all(len(each) <= 100 for each in found)
    assert len({each[-3:] for each in found[9:]}) == len(found[9:])
    assert found[1] == name[:98] + "-2"


def test_an_id_is_the_same_after_every_start_and_another_elsewhere() -> None:
    here = names.service_id("openai", 8100, "box")
    assert here == names.service_id("openai", 8100, "box") == "3bd8a276-8d73-5bcf-a16f-b935f469a0be"
    others = {
        names.service_id("grok", 8100, "box"), names.service_id("openai", 8101, "box"), names.service_id("openai", 8100, "b"),
    }  # fmt: skip
    assert len(others | {here}) == 4
    assert uuid.UUID(here).version == 5


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_tags_have_both_vocabularies(row: Model) -> None:
    found = names.tags(row)
    assert found[: len(row.capabilities)] == row.capabilities
    assert len(set(found)) == len(found)
    assert ("function_calling" in found) == ("tools" in row.features or "function_calling" in row.capabilities)
    for word in ("streaming", "vision"):
        assert (word in found) == (word in row.features or word in row.capabilities)


@pytest.mark.parametrize(
    ("tokens", "told"), [(2_097_152, 2_000_000), (2_000_000, 2_000_000), (1_999_999, 1_999_999), (1, 1)]
)
def test_windows_are_clamped(tokens: int, told: int) -> None:
    assert names.context_window(tokens) == told


@pytest.mark.parametrize(
    ("pico", "text"), [(1_000_000, "1e-06"), (37_500, "3.75e-08"), (15_000_000, "1.5e-05"), (0, "0.0")]
)
def test_prices_are_written_as_people_write_them(pico: int, text: str) -> None:
    assert repr(names.per_token(pico)) == text


def test_a_parked_model_is_nobodys() -> None:
    assert names.parked("gpt-5") == "offline:gpt-5"
    assert len(names.parked("x" * 100)) == 100
