from typing import Any

import pytest

from dialects.cases import Case, each_case
from dialects.openai_chat import schema
from polyglot_cloud.dialects import Written
from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import HINTS, Message, Request, Sampling, Text, Tool, ToolChoice
from polyglot_cloud.rows import Destination, Quirks

HELLO: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def read(**members: Any) -> Request:
    assert DIALECT.read_request
    return DIALECT.read_request(HELLO | members)


def write(request: Request, quirks: Quirks | None = None) -> Written:
    assert DIALECT.write_request
    return DIALECT.write_request(request, Destination("p", "wire-model", quirks or Quirks()))


def test_the_least_request() -> None:
    assert read() == Request(model="m", messages=[Message("user", [Text("hello")])])
    assert write(read()).body == {"model": "wire-model", "messages": HELLO["messages"]}


def test_the_model_may_be_left_out() -> None:
    assert DIALECT.read_request
    assert DIALECT.read_request({"messages": HELLO["messages"]}).model == ""


def test_unknown_members_are_refused_by_name() -> None:
    with pytest.raises(BadRequest) as caught:
        read(thinking={"type": "enabled"})
    assert caught.value.message == "Unrecognized request argument supplied: thinking"
    assert caught.value.param == "thinking"


def test_null_is_absent() -> None:
    names = [
        *HINTS - {"repeat_penalty"}, "tools", "tool_choice", "response_format", "stop", "n", "logprobs", "top_logprobs", "stream",
        "stream_options", "temperature", "max_tokens", "max_completion_tokens", "reasoning_effort", "parallel_tool_calls",
    ]  # fmt: skip
    assert read(**dict.fromkeys(names)) == read()


def test_hints_are_kept_as_they_are() -> None:
    hints: dict[str, Any] = {
        "seed": 1,
        "user": "u",
        "metadata": {"a": "b"},
        "store": False,
        "verbosity": "low",
        "logit_bias": {"1": -1},
        "modalities": ["text"],
    }
    request = read(**hints)
    assert request.hints == hints
    assert write(request).body == HELLO | {"model": "wire-model"} | hints


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", "1"),
        ("user", 1),
        ("metadata", []),
        ("store", "no"),
        ("verbosity", "loud"),
        ("logit_bias", 1),
        ("audio", "x"),
    ],
)
def test_hints_of_the_wrong_type(name: str, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        read(**{name: value})
    assert caught.value.param == name


@pytest.mark.parametrize(
    ("members", "stream", "include_usage"),
    [
        ({}, False, False),
        ({"stream_options": {"include_usage": True}}, False, False),
        ({"stream": True}, True, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True, True),
    ],
)
def test_streams(members: dict[str, Any], stream: bool, include_usage: bool) -> None:
    request = read(**members)
    assert (request.stream, request.include_usage) == (stream, include_usage)
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    assert write(request).body == HELLO | {"model": "wire-model"} | (asked if stream else {})


def test_settings_of_a_stream_without_tools_are_stripped() -> None:
    request = read(tool_choice="required", parallel_tool_calls=True, stop="x", n=3, max_tokens=7)
    assert request.tool_choice == ToolChoice()
    assert (request.stop, request.n, request.max_tokens) == (["x"], 3, 7)


def test_refused_hints_are_losses() -> None:
    refusing = Quirks(refused=frozenset({"metadata", "store", "seed", "not_there"}))
    written = write(read(metadata={}, store=True, user="u"), refusing)
    assert written.body == HELLO | {"model": "wire-model", "user": "u"}
    assert [(loss.pointer, loss.kind) for loss in written.losses] == [("/metadata", "dropped"), ("/store", "dropped")]


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"stop": "x"}, "stop"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ],
)
def test_what_carries_meaning_is_never_dropped(members: dict[str, Any], name: str) -> None:
    with pytest.raises(Unsupported) as caught:
        write(read(**members), Quirks(refused=frozenset({name})))
    assert (caught.value.param, caught.value.code) == (name, "unsupported_parameter")


def test_text_as_the_only_modality_says_nothing() -> None:
    written = write(read(modalities=["text"]), Quirks(refused=frozenset({"modalities"})))
    assert "modalities" not in written.body


def test_hints_of_other_dialects_are_losses() -> None:
    request = Request("m", [Message("user", [Text("x")])], hints={"repeat_penalty": 1.1})
    written = write(request)
    assert "repeat_penalty" not in written.body
    assert [loss.pointer for loss in written.losses] == ["/repeat_penalty"]


@each_case("request.json", names=["openai_chat"])
def test_bodies_keep_to_the_vendors_schema(case: Case) -> None:
    assert DIALECT.read_request
    body = case.json("request")
    schema.check(body)  # the fixture itself
    schema.check(write(DIALECT.read_request(body)).body)


def test_a_full_body_keeps_to_the_vendors_schema() -> None:
    request = Request(
        "m",
        [Message("user", [Text("x")], "ada")],
        system=[Message("developer", [Text("y")])],
        tools=[Tool("f", "d", {"type": "object"}, strict=True)],
        tool_choice=ToolChoice("required", ["f"], parallel=False),
        sampling=Sampling(1.0, 0.5, None, 0.1, 0.2),
        logprobs=2,
        stream=True,
        n=2,
        max_tokens=5,
    )
    schema.check(write(request).body)


def test_the_schema_finds_a_foreign_member() -> None:
    with pytest.raises(AssertionError, match="thinking"):
        schema.check(HELLO | {"thinking": {}})


@pytest.mark.parametrize("modalities", [5, True, [{}], [["text"]], {"text": 1}])
def test_modalities_are_words(modalities: Any) -> None:
    assert DIALECT.read_request
    with pytest.raises(BadRequest):
        DIALECT.read_request({"model": "m", "messages": [{"role": "user", "content": "x"}], "modalities": modalities})
