from typing import Any

import pytest

from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import NEEDS, Peek

HELLO = [{"role": "user", "content": "hello"}]
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def peek(**members: Any) -> Peek:
    return DIALECT.peek({"model": "m", "messages": HELLO} | members, "chat/completions")


def part(**members: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": "see"}, members]}]


def test_a_plain_call_needs_nothing() -> None:
    assert peek() == Peek(model="m", stream=False, needs=frozenset(), max_tokens=None, include_usage=True)


CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({"tools": TOOLS}, {"tools", "tools_with_effort"}),
    ({"tools": TOOLS, "reasoning_effort": "low"}, {"tools", "tools_with_effort"}),
    ({"tools": TOOLS, "reasoning_effort": "none"}, {"tools"}),
    ({"functions": [{"name": "f"}]}, {"tools", "tools_with_effort"}),
    ({"tools": []}, set()),
    ({"reasoning_effort": "high"}, set()),
    ({"messages": [{"role": "developer", "content": "x"}, *HELLO]}, {"developer_role"}),
    ({"stop": "x"}, {"stop"}),
    ({"stop": ["x"]}, {"stop"}),
    ({"stop": []}, set()),
    ({"stop": None}, set()),
    ({"n": 2}, {"n"}),
    ({"n": 1}, set()),
    ({"logprobs": True}, {"logprobs"}),
    ({"logprobs": False}, set()),
    ({"top_logprobs": 0}, set()),  # alone it is refused where it is read
    ({"response_format": {"type": "json_schema", "json_schema": {}}}, {"schema"}),
    ({"response_format": {"type": "json_object"}}, set()),
    ({"messages": part(type="image_url", image_url={"url": "https://x"})}, {"image"}),
    ({"messages": part(type="file", file={"file_id": "f"})}, {"file"}),
    ({"messages": part(type="input_audio", input_audio={})}, {"audio"}),
    ({"messages": part(type=["odd"])}, set()),
    ({"modalities": ["text", "audio"]}, {"audio"}),
    ({"modalities": ["text"]}, set()),
    ({"audio": {"voice": "ash", "format": "wav"}}, {"audio"}),
    ({"messages": [*HELLO, {"role": "assistant", "audio": {"id": "a"}}, *HELLO]}, {"audio"}),
    ({"max_tokens": 5}, {"max_tokens_name"}),
    ({"max_tokens": 5, "max_completion_tokens": 6}, set()),
]


@pytest.mark.parametrize(("members", "needs"), CASES)
def test_what_a_call_needs(members: dict[str, Any], needs: set[str]) -> None:
    assert peek(**members).needs == needs


def test_every_need_is_known_here() -> None:
    assert set().union(*(needs for _, needs in CASES)) == set(NEEDS)


@pytest.mark.parametrize(
    ("members", "maximum"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
    ],
)
def test_the_newer_maximum_wins(members: dict[str, Any], maximum: int | None) -> None:
    assert peek(**members).max_tokens == maximum


@pytest.mark.parametrize(
    ("members", "included"),
    [
        ({}, True),
        ({"stream": False}, True),
        ({"stream": True}, False),
        ({"stream": True, "stream_options": None}, False),
        ({"stream": True, "stream_options": {}}, False),
        ({"stream": True, "stream_options": {"include_usage": False}}, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True),
    ],
)
def test_whether_usage_comes_by_itself(members: dict[str, Any], included: bool) -> None:
    assert peek(**members).include_usage is included


def test_the_model_may_be_left_out() -> None:
    assert DIALECT.peek({"messages": HELLO}, "").model is None


@pytest.mark.parametrize(
    "members",
    [
        {"messages": []},
        {"n": 0},
        {"n": 129},
        {"max_tokens": 0},
        {"max_completion_tokens": -1},
        {"top_logprobs": 21},
        {"stop": ["a"] * 5},
    ],
)
def test_bounds_are_the_providers_to_judge_until_a_call_is_translated(members: dict[str, Any]) -> None:
    peek(**members)
    assert DIALECT.read_request
    with pytest.raises(BadRequest) as caught:
        DIALECT.read_request({"model": "m", "messages": HELLO, **members})
    assert caught.value.param in members


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": 3}, "model"),
        ({"messages": "hello"}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
        ({"n": True}, "n"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"tools": {}}, "tools"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"functions": "f"}, "functions"),
        ({"reasoning_effort": 1}, "reasoning_effort"),
        ({"stop": 1}, "stop"),
        ({"logprobs": 1}, "logprobs"),
        ({"response_format": "json"}, "response_format"),
        ({"audio": "x"}, "audio"),
    ],
)
def test_wrong_types_are_refused(members: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        peek(**members)
    assert caught.value.param == param


def test_all_that_is_looked_at_is_named() -> None:
    looked_at = {name for members, _ in CASES for name in members} | {"model", "messages", "stream", "stream_options"}
    assert set(DIALECT.reads) == looked_at | {"max_completion_tokens"}


def test_the_path() -> None:
    assert DIALECT.path("m", True) == DIALECT.path("m", False) == "chat/completions"


@pytest.mark.parametrize("member", ["reasoning_details", "reasoning_content", "cache_control", "parsed"])
def test_what_a_vendor_would_refuse_in_a_message_is_seen(member: str) -> None:
    assert peek(messages=[*HELLO, {"role": "assistant", "content": "a", member: None}, *HELLO]).extended
    assert not peek(messages=[*HELLO, {"role": "assistant", "content": "a"}, *HELLO]).extended
