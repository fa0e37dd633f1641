from typing import Any

import pytest

from dialects.gemini.support import body, destination, pointers, request, user, write
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import HINTS, Sampling, Tool


def test_the_least_request() -> None:
    written = write(request())
    assert written.body == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    assert written.headers == {}


def test_model_and_streaming_stand_in_the_path_and_not_in_the_body() -> None:
    assert body(request(stream=True, include_usage=True)) == body(request())


def test_trap_30_one_answer_a_request() -> None:
    with pytest.raises(Unsupported, match="n must be 1") as raised:
        write(request(n=2))
    assert raised.value.param == "n"


@pytest.mark.parametrize(
    ("tier", "sent", "lost"),
    [
        ("auto", None, []),
        ("default", "standard", []),
        ("standard", "standard", []),
        ("flex", "flex", []),
        ("priority", "priority", []),
        ("scale", None, ["/service_tier"]),
    ],
)
def test_tiers(tier: str, sent: str | None, lost: list[str]) -> None:
    written = write(request(hints={"service_tier": tier}))
    assert written.body.get("serviceTier") == sent
    assert pointers(written) == lost


@pytest.mark.parametrize("store", [True, False])
def test_store_is_geminis_own_word_too(store: bool) -> None:
    assert body(request(hints={"store": store}))["store"] is store


@pytest.mark.parametrize("name", sorted(HINTS - {"seed", "service_tier", "store", "modalities", "web_search_options"}))
def test_trap_33_and_47_hints_that_gemini_lacks_are_dropped_aloud(name: str) -> None:
    written = write(request(hints={name: "x"}))
    assert written.body == write(request()).body
    assert [(loss.pointer, loss.kind) for loss in written.losses] == [(f"/{name}", "dropped")]


@pytest.mark.parametrize("asked", [{}, {"search_context_size": "low"}, "x", False])
def test_web_search_is_refused_however_it_is_asked_for(asked: Any) -> None:
    with pytest.raises(Unsupported, match="Web search") as raised:
        write(request(hints={"web_search_options": asked}))
    assert raised.value.param == "web_search_options"
    assert body(request(hints={"web_search_options": None})) == body(request())


@pytest.mark.parametrize("hints", [{"user": None}, {"metadata": {}}, {"modalities": ["text"]}, {"modalities": None}])
def test_hints_that_say_nothing_are_nothing_lost(hints: dict[str, Any]) -> None:
    assert body(request(hints=hints)) == body(request())


def test_other_modalities_are_refused() -> None:
    with pytest.raises(Unsupported, match="modalities") as raised:
        write(request(hints={"modalities": ["text", "audio"]}))
    assert raised.value.param == "modalities"


def test_fields_that_the_host_refuses_are_dropped_aloud() -> None:
    asked = request(user("Hi"), tools=[Tool("f")], sampling=Sampling(temperature=1.0), hints={"service_tier": "flex"})
    written = write(asked, destination(refused=frozenset({"serviceTier", "generationConfig", "labels"})))
    assert set(written.body) == {"contents", "tools"}
    assert pointers(written) == ["/generationConfig", "/serviceTier"]


def test_a_request_is_written_alike_each_time() -> None:
    asked = request(tools=[Tool("f", "d", {"type": "object"})], hints={"user": "u", "metadata": {"a": "b"}})
    assert write(asked) == write(asked)
