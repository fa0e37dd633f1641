from typing import Any

import pytest

from dialects.anthropic.bodies import MIDDLE, NEW, OLD, call, lost, request, result, said, write
from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Reasoning, Request, Tool, ToolChoice
from polyglot_cloud.rows import Quirks

CITY: Body = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
THREE = [Tool("a", parameters=CITY), Tool("b", parameters=CITY), Tool("c", parameters=CITY)]
ANY = Quirks()


def names(body: Body) -> list[str]:
    return [tool["name"] for tool in body["tools"]]


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (Tool("a", "Does a.", CITY), {"name": "a", "description": "Does a.", "input_schema": CITY}),
        (Tool("a", ""), {"name": "a", "input_schema": {"type": "object", "properties": {}}}),
        (Tool("a", parameters={}), {"name": "a", "input_schema": {"type": "object", "properties": {}}}),
        (Tool("a", parameters={"properties": {}}), {"name": "a", "input_schema": {"type": "object", "properties": {}}}),
        (
            Tool("a", parameters={"type": "object", "$ref": "#/$defs/x", "minProperties": 1}),
            {"name": "a", "input_schema": {"type": "object", "$ref": "#/$defs/x", "minProperties": 1}},
        ),
        (Tool("a", parameters=CITY, strict=False), {"name": "a", "input_schema": CITY}),
        (
            Tool("a", parameters=CITY, strict=True),
            {"name": "a", "input_schema": {**CITY, "additionalProperties": False}, "strict": True},
        ),
    ],
)
def test_tools(tool: Tool, expected: Body) -> None:
    written = write(request(tools=[tool]), ANY)
    assert written.body["tools"] == [expected]
    assert "tool_choice" not in written.body
    assert written.losses == []


def test_trap_20_only_strict_tools_are_rewritten() -> None:
    bounded = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    written = write(request(tools=[Tool("a", parameters=bounded), Tool("b", parameters=bounded, strict=True)]), ANY)
    assert written.body["tools"][0]["input_schema"] == bounded
    assert written.body["tools"][1]["input_schema"]["properties"]["n"] == {
        "type": "integer",
        "description": "(minimum: 1)",
    }
    assert lost(written) == [("/tools/1/function/parameters", "approximated")]


def test_strictness_that_cannot_be_had_is_lost() -> None:
    open_ended = {"type": "object", "properties": {"any": {}}}
    written = write(request(tools=[Tool("a", parameters=open_ended, strict=True)]), ANY)
    assert written.body["tools"] == [{"name": "a", "input_schema": open_ended}]
    assert lost(written) == [("/tools/0/function/strict", "dropped")]


def test_custom_tools_are_refused() -> None:
    with pytest.raises(Unsupported) as caught:
        write(request(tools=[Tool("shell", kind="custom")]))
    assert caught.value.param == "tools"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(), None),
        (ToolChoice("auto"), {"type": "auto"}),
        (ToolChoice("none"), {"type": "none"}),
        (ToolChoice("none", parallel=False), {"type": "none"}),
        (ToolChoice("required"), {"type": "any"}),
        (ToolChoice("required", ["b"]), {"type": "tool", "name": "b"}),
        (ToolChoice(parallel=True), None),
        (ToolChoice(parallel=False), {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto", parallel=False), {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("required", parallel=False), {"type": "any", "disable_parallel_tool_use": True}),
        (
            ToolChoice("required", ["b"], parallel=False),
            {"type": "tool", "name": "b", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_traps_18_19_tool_choice(choice: ToolChoice, expected: Body | None) -> None:
    written = write(request(tools=THREE, tool_choice=choice), ANY)
    assert written.body.get("tool_choice") == expected
    assert names(written.body) == ["a", "b", "c"]
    assert written.losses == []


@pytest.mark.parametrize("choice", [ToolChoice(), ToolChoice("auto"), ToolChoice("none"), ToolChoice(parallel=False)])
def test_trap_46_choice_without_tools_means_nothing(choice: ToolChoice) -> None:
    body = write(request(tool_choice=choice), ANY).body
    assert "tools" not in body
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    ("tools", "choice"),
    [([], ToolChoice("required")), (THREE, ToolChoice("required", ["x"])), (THREE, ToolChoice("auto", ["a", "x"]))],
)
def test_choice_of_what_is_not_there_is_an_error(tools: list[Tool], choice: ToolChoice) -> None:
    with pytest.raises(BadRequest) as caught:
        write(request(tools=tools, tool_choice=choice), ANY)
    assert caught.value.param == "tool_choice"


HISTORY = [said("user", "x"), said("assistant", call("t1", "c")), said("user", result("t1"))]


def test_trap_18_tools_stay_with_choice_none() -> None:
    body = write(Request("m", HISTORY, tools=THREE, tool_choice=ToolChoice("none")), ANY).body
    assert names(body) == ["a", "b", "c"]
    assert body["tool_choice"] == {"type": "none"}


def test_trap_18_tools_of_the_history_are_named_where_none_are_offered() -> None:
    written = write(Request("m", HISTORY), ANY)
    assert written.body["tools"] == [{"name": "c", "input_schema": {"type": "object", "properties": {}}}]
    assert written.body["tool_choice"] == {"type": "none"}
    assert lost(written) == [("/messages", "emulated")]


@pytest.mark.parametrize(
    ("choice", "expected", "kind"),
    [
        (ToolChoice("auto", ["b"]), ["b"], "auto"),
        (ToolChoice("auto", ["c", "a"]), ["a", "c"], "auto"),
        (ToolChoice("required", ["a", "b"]), ["a", "b"], "any"),
    ],
)
def test_trap_18_allowed_tools_narrow_the_list(choice: ToolChoice, expected: list[str], kind: str) -> None:
    written = write(request(tools=THREE, tool_choice=choice), ANY)
    assert names(written.body) == expected
    assert written.body["tool_choice"] == {"type": kind}
    assert lost(written) == [("/tool_choice", "emulated")]


def test_trap_18_what_the_history_calls_is_not_allowed_by_that() -> None:
    written = write(Request("m", HISTORY, tools=THREE, tool_choice=ToolChoice("auto", ["a"])), ANY)
    assert names(written.body) == ["a"]
    assert lost(written) == [("/tool_choice", "emulated")]


@pytest.mark.parametrize(
    ("chosen", "words"), [(ToolChoice("required", ["b"]), "the tool `b`"), (ToolChoice("required"), "at least one")]
)
@pytest.mark.parametrize(("quirks", "effort"), [(NEW, None), (OLD, "low")])
def test_trap_17_force_that_is_refused_becomes_a_request(
    chosen: ToolChoice, words: str, quirks: Quirks, effort: str | None
) -> None:
    wanted = request(tools=THREE, tool_choice=chosen, reasoning=Reasoning(effort), system=[said("system", "Be kind.")])
    written = write(wanted, quirks)
    assert written.body["tool_choice"] == {"type": "auto"}
    assert written.body["system"][0]["text"] == "Be kind."
    assert words in written.body["system"][1]["text"]
    assert ("/tool_choice", "emulated") in lost(written)


def test_trap_17_parallel_calls_stay_off_without_force() -> None:
    written = write(request(tools=THREE, tool_choice=ToolChoice("required", parallel=False)), NEW)
    assert written.body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_trap_17_force_wins_over_adaptive_thinking() -> None:
    wanted = request(tools=THREE, tool_choice=ToolChoice("required"), reasoning=Reasoning("high"))
    written = write(wanted, MIDDLE)
    assert written.body["tool_choice"] == {"type": "any"}
    assert "thinking" not in written.body
    assert written.body["output_config"] == {"effort": "high"}
    assert lost(written) == [("/reasoning_effort", "approximated")]


@pytest.mark.parametrize("order", [["a", "b", "c"], ["c", "a", "b"]])
def test_trap_38_tools_keep_their_order(order: list[Any]) -> None:
    assert names(write(request(tools=[Tool(name) for name in order]), ANY).body) == order


@pytest.mark.parametrize("schema", [{"anyOf": [CITY, CITY]}, {"$ref": "#/$defs/a", "$defs": {"a": CITY}}])
def test_a_strict_tool_has_an_object_at_its_root(schema: dict[str, Any]) -> None:
    written = write(request(tools=[Tool("f", parameters=schema, strict=True)]), ANY)
    assert written.body["tools"] == [{"name": "f", "input_schema": {"type": "object", **schema}}]
    assert lost(written) == [("/tools/0/function/strict", "dropped")]
