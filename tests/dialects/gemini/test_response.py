from typing import Any

import pytest

from dialects.gemini.support import MODEL, reply
from polyglot_cloud.dialects.gemini import DIALECT
from polyglot_cloud.errors import BrokenReply, CredentialRefused, Failed, ProviderError, RateLimited
from polyglot_cloud.neutral import Choice, Response, Text, Usage


def read(body: Any) -> Response:
    assert DIALECT.read_response is not None
    return DIALECT.read_response(body)


def test_the_envelope() -> None:
    body = reply({"text": "Hi"}, createTime="2026-11-22T10:00:00.123456789Z", usageMetadata={"promptTokenCount": 2})
    assert read(body) == Response("r1", MODEL, [Choice([Text("Hi")], "stop")], Usage(2), created=1795341600)


@pytest.mark.parametrize("time", [None, "yesterday", 5, "0001-01-01T00:00:00", ""])
def test_a_time_that_is_none_is_zero(time: Any) -> None:
    assert read(reply({"text": "Hi"}, createTime=time)).created == 0


def test_an_array_of_one() -> None:
    assert read([reply({"text": "Hi"})]) == read(reply({"text": "Hi"}))


def test_candidates_are_choices_each_with_its_own_end() -> None:
    body = {
        "candidates": [
            {"content": {"parts": {"text": "a"}}, "finishReason": "STOP"},
            {"content": {"parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS", "index": 1},
        ]
    }
    assert read(body).choices == [Choice([Text("a")], "stop"), Choice([Text("b")], "length", index=1)]


def test_a_candidate_may_say_its_own_index() -> None:
    assert read({"candidates": [{"finishReason": "STOP", "index": 2}]}).choices == [Choice([], "stop", index=2)]


@pytest.mark.parametrize("body", [None, 5, "x", [], [1], [reply(), reply()]])
def test_what_is_no_object_is_broken(body: Any) -> None:
    with pytest.raises(BrokenReply, match="not a JSON object"):
        read(body)


@pytest.mark.parametrize("body", [{}, {"candidates": []}, {"candidates": [{}]}, reply({"text": "Hi"}, finish=None)])
def test_a_reply_without_an_end_is_broken(body: Any) -> None:
    with pytest.raises(BrokenReply, match="without a finishReason"):
        read(body)


@pytest.mark.parametrize(
    ("error", "leaf", "status"),
    [
        ({"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}, RateLimited, 429),
        ({"code": 503, "message": "busy"}, Failed, 503),
        ({"message": "?"}, Failed, 502),
        ({"code": 200, "message": "?"}, Failed, 502),
        ({"code": 401, "message": "?"}, CredentialRefused, 502),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_trap_29_an_error_inside_a_200(
    error: dict[str, Any], leaf: type[ProviderError], status: int, wrapped: bool
) -> None:
    body = {"error": error}
    with pytest.raises(leaf) as raised:
        read([body] if wrapped else body)
    assert raised.value.status == status
