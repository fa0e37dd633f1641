from typing import Any

import pytest

from polyglot_cloud.dialects.gemini import DIALECT
from polyglot_cloud.errors import BadRequest


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-3.8-flash", False, "models/gemini-3.8-flash:generateContent"),
        ("gemini-3.8-flash", True, "models/gemini-3.8-flash:streamGenerateContent?alt=sse"),
        ("models/gemini-3.8-flash", False, "models/gemini-3.8-flash:generateContent"),
        ("../secret", False, "models/..%2Fsecret:generateContent"),
        ("a?key=b#c", True, "models/a%3Fkey%3Db%23c:streamGenerateContent?alt=sse"),
        ("a%2Fb:countTokens", False, "models/a%252Fb%3AcountTokens:generateContent"),
        ("models/models/x", False, "models/models%2Fx:generateContent"),
    ],
)
def test_path(model: str, stream: bool, path: str) -> None:
    assert DIALECT.path(model, stream) == path


@pytest.mark.parametrize(
    ("path", "model", "stream"),
    [
        ("models/gemini-x:streamGenerateContent", "gemini-x", True),
        ("/models/gemini-x:generateContent", "gemini-x", False),
        ("models/models/gemini-x:streamGenerateContent?alt=sse", "gemini-x", True),
        ("gemini-x:countTokens", "gemini-x", False),
    ],
)
def test_peek_finds_model_and_streaming_in_the_path(path: str, model: str, stream: bool) -> None:
    peek = DIALECT.peek({"contents": []}, path)
    assert (peek.model, peek.stream, peek.needs, peek.max_tokens) == (model, stream, frozenset(), None)


@pytest.mark.parametrize(
    "path", ["models/gemini-x", "models/:generateContent", "", "models/a:b:generateContent", "models/x:"]
)
def test_peek_refuses_other_paths(path: str) -> None:
    with pytest.raises(BadRequest, match="The path must be"):
        DIALECT.peek({}, path)


@pytest.mark.parametrize("name", ["maxOutputTokens", "max_output_tokens"])
@pytest.mark.parametrize("config", ["generationConfig", "generation_config"])
@pytest.mark.parametrize("value", [512, 512.0, "512"])
def test_peek_finds_the_maximum_in_every_spelling_of_proto_json(config: str, name: str, value: Any) -> None:
    assert DIALECT.peek({config: {name: value}}, "models/x:generateContent").max_tokens == 512


@pytest.mark.parametrize("config", [None, {}, {"maxOutputTokens": None}])
def test_peek_without_a_maximum(config: Any) -> None:
    assert DIALECT.peek({"generationConfig": config}, "models/x:generateContent").max_tokens is None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"generationConfig": []}, "generationConfig"),
        ({"generation_config": "x"}, "generationConfig"),
        ({"generationConfig": {"maxOutputTokens": True}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"maxOutputTokens": 1.5}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"maxOutputTokens": "many"}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"maxOutputTokens": 1, "max_output_tokens": 9}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {}, "generation_config": {}}, "generationConfig"),
    ],
)
def test_peek_refuses_wrong_types_and_doubles(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as raised:
        DIALECT.peek(body, "models/x:generateContent")
    assert raised.value.param == param


def test_the_members_that_peek_reads_are_named() -> None:
    assert set(DIALECT.reads) == {"generationConfig", "generation_config"}
