from typing import Any

import pytest

from polyglot_cloud.dialects.openai_responses import DIALECT
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Peek


@pytest.mark.parametrize(
    ("body", "peek"),
    [
        ({}, Peek(None, stream=False)),
        (
            {"model": "gpt-6-sol", "stream": True, "max_output_tokens": 50},
            Peek("gpt-6-sol", stream=True, max_tokens=50),
        ),
        ({"model": None, "stream": None, "max_output_tokens": None}, Peek(None, stream=False)),
        ({"model": "a", "tools": [{"type": "web_search"}], "stop": 5}, Peek("a", stream=False)),
    ],
)
def test_peek_reads_what_the_pass_through_needs(body: dict[str, Any], peek: Peek) -> None:
    assert DIALECT.peek(body, "responses") == peek


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", 5),
        ("model", ["a"]),
        ("stream", "true"),
        ("stream", 1),
        ("max_output_tokens", "5"),
        ("max_output_tokens", 5.0),
        ("max_output_tokens", True),
    ],
)
def test_wrong_types_are_refused_with_the_name(name: str, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        DIALECT.peek({name: value}, "responses")
    assert (caught.value.param, caught.value.status) == (name, 400)
    assert name in caught.value.message


@pytest.mark.parametrize("stream", [True, False])
def test_path_is_the_same_for_every_model(stream: bool) -> None:
    assert DIALECT.path("any/model", stream) == "responses"


def test_reads_names_the_members_that_peek_looks_at() -> None:
    assert set(DIALECT.reads) == {"model", "stream", "max_output_tokens"}
