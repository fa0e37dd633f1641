from typing import Any

import pytest

from polyglot_cloud.dialects.anthropic import DIALECT
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Peek


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        ({}, "messages", Peek(None, stream=False)),
        ({"model": "m", "max_tokens": 5, "stream": True}, "/v1/messages", Peek("m", stream=True, max_tokens=5)),
        ({"model": None, "max_tokens": None, "stream": None}, "messages", Peek(None, stream=False)),
        (
            {"model": "m", "stream": True, "max_tokens": 5},
            "/v1/messages/count_tokens",
            Peek("m", stream=False, counting=True),
        ),
        ({"model": "m", "stream": "odd"}, "/v1/messages/count_tokens/", Peek("m", stream=False, counting=True)),
    ],
)
def test_peek(body: dict[str, Any], path: str, expected: Peek) -> None:
    assert DIALECT.peek(body, path) == expected
    assert DIALECT.peek(body, path).needs == frozenset()


@pytest.mark.parametrize(
    ("name", "value", "noun"),
    [
        ("model", 5, "string"),
        ("model", ["m"], "string"),
        ("stream", "true", "boolean"),
        ("stream", 1, "boolean"),
        ("max_tokens", "5", "integer"),
        ("max_tokens", 5.0, "integer"),
        ("max_tokens", True, "integer"),
    ],
)
def test_wrong_types_are_told_in_anthropics_words(name: str, value: Any, noun: str) -> None:
    with pytest.raises(BadRequest) as caught:
        DIALECT.peek({name: value}, "messages")
    assert str(caught.value) == f"{name}: Input should be a valid {noun}"
    assert caught.value.param == name


@pytest.mark.parametrize("stream", [True, False])
def test_path(stream: bool) -> None:
    assert DIALECT.path("claude-sonnet-5-5", stream) == "messages"


def test_the_halves_that_do_not_exist_yet() -> None:
    assert (DIALECT.read_request, DIALECT.write_response, DIALECT.writer) == (None, None, None)
    assert DIALECT.name == "anthropic"


def test_members_that_peek_reads_are_told() -> None:
    class Watched(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            seen.append(key)
            return super().get(key, default)

    seen: list[str] = []
    DIALECT.peek(Watched(), "messages")
    assert set(seen) == set(DIALECT.reads)
