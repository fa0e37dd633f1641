from typing import Any

import pytest

from dialects.openai_responses.bodies import (
    MODEL,
    PLAIN,
    REASONER,
    TALKER,
    body,
    conversation,
    lost,
    request,
    said,
    write,
)
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Format, Reasoning, Request, Sampling, Tool, ToolChoice
from polyglot_cloud.rows import Quirks

SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
HELLO = [{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}]
ENCRYPTED = "reasoning.encrypted_content"


def test_the_least_request() -> None:
    written = write(request())
    assert written.body == {"model": MODEL, "input": HELLO, "store": False, "include": [ENCRYPTED]}
    assert (written.headers, written.losses) == ({}, [])


def test_a_full_request() -> None:
    wanted = Request(
        "alias",
        [said("user", "Hello")],
        tools=[Tool("look")],
        tool_choice=ToolChoice("auto", parallel=False),
        max_tokens=500,
        format=Format("schema", "reply", SCHEMA, strict=True, description="d"),
        reasoning=Reasoning("medium"),
        stream=True,
        include_usage=True,
        hints={"verbosity": "low", "metadata": {"a": "b"}},
    )
    written = write(wanted, REASONER)
    assert written.body == {
        "model": MODEL,
        "input": HELLO,
        "tools": [
            {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": False}
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "text": {
            "format": {"type": "json_schema", "name": "reply", "schema": SCHEMA, "strict": True, "description": "d"},
            "verbosity": "low",
        },
        "reasoning": {"effort": "medium", "summary": "auto"},
        "max_output_tokens": 500,
        "metadata": {"a": "b"},
        "store": False,
        "include": [ENCRYPTED],
        "stream": True,
        "stream_options": {"include_obfuscation": False},
    }
    assert written.losses == []


@pytest.mark.parametrize(
    ("asked", "quirks", "sent"),
    [
        (None, PLAIN, None),
        (1, PLAIN, 16),
        (16, PLAIN, 16),
        (999_999, PLAIN, 999_999),
        (999_999, REASONER, 128_000),
        (128_000, REASONER, 128_000),
    ],
)
def test_trap_25_output_maximum(asked: int | None, quirks: Quirks, sent: int | None) -> None:
    written = write(request(max_tokens=asked), quirks)
    assert written.body.get("max_output_tokens") == sent
    assert lost(written) == ([] if sent == asked else [("/max_completion_tokens", "approximated")])


def test_trap_25_an_unknown_limit_clamps_nothing() -> None:
    assert write(request(max_tokens=999_999), REASONER, max_output=None).body["max_output_tokens"] == 999_999


@pytest.mark.parametrize(
    ("format_", "sent"),
    [
        (Format("text"), {"type": "text"}),
        (Format("json"), {"type": "json_object"}),
        (Format("schema", schema=SCHEMA), {"type": "json_schema", "name": "answer", "schema": SCHEMA}),
        (Format("schema", "a", strict=False), {"type": "json_schema", "name": "a", "schema": {}, "strict": False}),
    ],
)
def test_trap_34_formats_are_flat(format_: Format, sent: dict[str, Any]) -> None:
    assert body(request(format=format_))["text"] == {"format": sent}


@pytest.mark.parametrize(
    ("fields", "param"), [({"stop": ["END"]}, "stop"), ({"n": 2}, "n")], ids=["trap_32_stop", "trap_30_n"]
)
def test_what_would_change_the_meaning_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Unsupported) as caught:
        write(request(**fields))
    assert (caught.value.param, caught.value.status, caught.value.code) == (param, 400, "unsupported_parameter")


def test_trap_8_prefill() -> None:
    wanted = conversation(said("user", "Hello"), said("assistant", "Hel"))
    assert len(body(wanted)["input"]) == 2
    with pytest.raises(Unsupported, match="end with a user message") as caught:
        write(wanted, Quirks(prefill=False))
    assert caught.value.param == "messages"
    assert write(request(), Quirks(prefill=False))
    assert write(conversation(system=[said("system", "go")]), Quirks(prefill=False))


@pytest.mark.parametrize(
    ("quirks", "logprobs", "include"),
    [
        (PLAIN, None, [ENCRYPTED]),
        (PLAIN, 2, [ENCRYPTED, "message.output_text.logprobs"]),
        (TALKER, 2, ["message.output_text.logprobs"]),
        (TALKER, None, None),
        (Quirks(efforts=(), thinking=("adaptive",)), None, [ENCRYPTED]),  # it reasons, and takes no word for how hard
    ],
)
def test_trap_22_encrypted_reasoning_is_asked_of_models_that_may_reason(
    quirks: Quirks, logprobs: int | None, include: list[str] | None
) -> None:
    assert body(request(logprobs=logprobs), quirks).get("include") == include


def test_members_that_the_host_refuses_are_left_out_and_told_where_the_client_asked() -> None:
    refused = frozenset(
        {"metadata", "max_output_tokens", "temperature", "include", "store", "stream_options", "background"}
    )
    wanted = request(stream=True, max_tokens=50, sampling=Sampling(temperature=0), hints={"metadata": {"a": "b"}})
    written = write(wanted, Quirks(refused=refused))
    assert written.body == {"model": MODEL, "input": HELLO, "stream": True}
    assert sorted(lost(written)) == [
        ("/max_output_tokens", "dropped"),
        ("/metadata", "dropped"),
        ("/temperature", "dropped"),
    ]


@pytest.mark.parametrize(
    ("name", "param", "fields"),
    [
        ("tools", "tools", {"tools": [Tool("look")]}),
        ("tool_choice", "tool_choice", {"tools": [Tool("look")], "tool_choice": ToolChoice("required")}),
        ("text", "response_format", {"format": Format("json")}),
    ],
)
def test_members_that_carry_meaning_are_never_left_out(name: str, param: str, fields: dict[str, Any]) -> None:
    with pytest.raises(Unsupported) as caught:
        write(request(**fields), Quirks(refused=frozenset({name})))
    assert caught.value.param == param
    assert write(request(), Quirks(refused=frozenset({name})))
