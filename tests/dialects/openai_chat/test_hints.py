from typing import Any

import pytest

from polyglot_cloud.dialects.openai_chat.hints import NAMES, read_hints
from polyglot_cloud.errors import BadRequest

RIGHT: list[dict[str, Any]] = [
    {"seed": 1, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k", "store": True, "verbosity": "low"},
    {"metadata": {"a": "b"}},
    {"service_tier": "flex"},
    {"prompt_cache_retention": "24h"},
    {"prompt_cache_options": {"mode": "explicit", "ttl": "30m"}},
    {"logit_bias": {"50256": -100, "1": 100}},
    {"prediction": {"type": "content", "content": "x"}},
    {"prediction": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
    {"modalities": ["text", "audio"]},
    {"audio": {"format": "wav", "voice": "alloy"}},
    {"audio": {"format": "wav", "voice": {"id": "v"}}},
    {"web_search_options": {"search_context_size": "low"}},
    {"web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Oslo"}}}},
    {"moderation": {"model": "m", "policy": {"input": {"mode": "block"}}}},
]


@pytest.mark.parametrize("body", RIGHT)
def test_hints_are_taken_as_they_are(body: dict[str, Any]) -> None:
    assert read_hints(body) == body


def test_every_hint_has_a_reader() -> None:
    assert read_hints(dict.fromkeys(NAMES)) == {}
    assert read_hints({"model": "m", "repeat_penalty": 1}) == {}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"prompt_cache_retention": "in-memory"}, {"prompt_cache_retention": "in_memory"}),
        ({"modalities": []}, {"modalities": ["text"]}),
        ({"prompt_cache_options": {"mode": None, "ttl": "30m"}}, {"prompt_cache_options": {"ttl": "30m"}}),
        ({"web_search_options": {"user_location": None}}, {"web_search_options": {}}),
        ({"moderation": {"model": "m", "policy": None}}, {"moderation": {"model": "m"}}),
    ],
)
def test_spellings_are_made_one(given: dict[str, Any], read: dict[str, Any]) -> None:
    assert read_hints(given) == read


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"a": None}}, "metadata.a"),
        ({"metadata": {"k" * 65: "x"}}, "metadata"),
        ({"metadata": {"k": "x" * 513}}, "metadata"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
        ({"safety_identifier": "x" * 129}, "safety_identifier"),
        ({"service_tier": "banana"}, "service_tier"),
        ({"prompt_cache_retention": "forever"}, "prompt_cache_retention"),
        ({"prompt_cache_options": {"mode": "odd"}}, "prompt_cache_options.mode"),
        ({"prompt_cache_options": {"x": 1}}, "prompt_cache_options.x"),
        ({"logit_bias": {"1": 1.5}}, "logit_bias.1"),
        ({"logit_bias": {"1": None}}, "logit_bias.1"),
        ({"logit_bias": {"1": 101}}, "logit_bias.1"),
        ({"prediction": {}}, "prediction.type"),
        ({"prediction": {"type": "odd"}}, "prediction.type"),
        ({"prediction": {"type": "content"}}, "prediction.content"),
        ({"prediction": {"type": "content", "content": [{"type": "image"}]}}, "prediction.content[0].text"),
        ({"modalities": ["smell"]}, "modalities[0]"),
        ({"audio": {"voice": "alloy"}}, "audio.format"),
        ({"audio": {"format": "wav"}}, "audio.voice"),
        ({"audio": {"format": "wav", "voice": {}}}, "audio.voice.id"),
        ({"web_search_options": {"search_context_size": "vast"}}, "web_search_options.search_context_size"),
        ({"web_search_options": {"x": 1}}, "web_search_options.x"),
        (
            {"web_search_options": {"user_location": {"type": "approximate"}}},
            "web_search_options.user_location.approximate",
        ),
        (
            {"web_search_options": {"user_location": {"type": "approximate", "approximate": {"street": "x"}}}},
            "web_search_options.user_location.approximate.street",
        ),
        ({"moderation": {}}, "moderation.model"),
        ({"moderation": {"model": "m", "policy": {"input": {"mode": "odd"}}}}, "moderation.policy.input.mode"),
        ({"moderation": {"model": "m", "policy": {"both": {}}}}, "moderation.policy.both"),
    ],
)
def test_what_a_vendor_would_refuse_is_refused_by_its_name(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_hints(body)
    assert refused.value.param == param
