from typing import Any

import pytest

from dialects.openai_responses.bodies import PLAIN, body, lost, request, write
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import HINTS
from polyglot_cloud.rows import Quirks

PASSED = {
    "metadata": {"a": "b"},
    "service_tier": "flex",
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "implicit", "ttl": "30m"},
    "prompt_cache_retention": "24h",
    "safety_identifier": "abc",
    "moderation": {"model": "omni-moderation-latest"},
}
ELSEWHERE = {"store", "user", "modalities", "verbosity", "web_search_options"}
DROPPED = HINTS - PASSED.keys() - ELSEWHERE


def test_hints_of_the_same_name_pass() -> None:
    written = write(request(hints=dict(PASSED)))
    assert {name: written.body[name] for name in PASSED} == PASSED
    assert written.losses == []


@pytest.mark.parametrize("name", sorted({"seed", "logit_bias", "prediction", "audio"} | DROPPED))
def test_trap_33_hints_without_an_equivalent_are_dropped_aloud(name: str) -> None:
    written = write(request(hints={name: 1}))
    assert name not in written.body
    assert lost(written) == [(f"/{name}", "dropped")]


def test_a_hint_of_null_is_none() -> None:
    written = write(request(hints=dict.fromkeys(HINTS)))
    assert written.body == body(request())
    assert written.losses == []


@pytest.mark.parametrize("name", [*sorted(PASSED), "user", "verbosity"])
def test_a_host_that_refuses_a_hint_is_not_sent_it(name: str) -> None:
    hints = PASSED | {"user": "u", "verbosity": "low"}
    written = write(request(hints={name: hints[name]}), Quirks(refused=frozenset({name})))
    assert written.body == body(request())
    assert lost(written) == [(f"/{name}", "dropped")]


@pytest.mark.parametrize(("asked", "losses"), [(False, []), (True, [("/store", "dropped")])])
def test_trap_33_nothing_is_stored(asked: bool, losses: list[tuple[str, str]]) -> None:
    written = write(request(hints={"store": asked}))
    assert written.body["store"] is False
    assert lost(written) == losses


def test_trap_33_user_leaves_as_a_digest_only() -> None:
    written = write(request(hints={"user": "ada@example.org"}))
    assert written.body["safety_identifier"] == "cfe00dde46ef942601ffafb9e2825e80"
    assert "user" not in written.body
    assert lost(written) == [("/user", "approximated")]


def test_a_safety_identifier_of_the_client_wins_over_its_user() -> None:
    written = write(request(hints={"user": "ada@example.org", "safety_identifier": "abc"}))
    assert written.body["safety_identifier"] == "abc"
    assert lost(written) == [("/user", "dropped")]


@pytest.mark.parametrize("modalities", [["text"], [], "text"])
def test_text_modality_is_what_there_is(modalities: Any) -> None:
    assert write(request(hints={"modalities": modalities})).losses == []


@pytest.mark.parametrize("modalities", [["text", "audio"], [{}]])
def test_trap_10_audio_output_is_refused(modalities: list[Any]) -> None:
    with pytest.raises(Unsupported) as caught:
        write(request(hints={"modalities": modalities}), PLAIN)
    assert caught.value.param == "modalities"
