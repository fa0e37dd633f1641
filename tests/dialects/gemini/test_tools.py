from typing import Any

import pytest

from dialects.gemini.support import body, destination, pointers, request, write
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Tool, ToolChoice

SCHEMA = {
    "type": "object",
    "properties": {"n": {"$ref": "#/$defs/n"}},
    "additionalProperties": False,
    "$defs": {"n": {"type": ["integer", "null"]}},
}
TOOLS = [Tool("one", "The first", SCHEMA), Tool("two")]


def names(written: dict[str, Any]) -> list[str]:
    (tool,) = written["tools"]
    return [each["name"] for each in tool["functionDeclarations"]]


def test_trap_20_schemas_go_as_json_schema_untouched() -> None:
    written = body(request(tools=[*TOOLS, Tool("three", "", {})]))
    declared = [
        {"name": "one", "description": "The first", "parametersJsonSchema": SCHEMA},
        {"name": "two"},
        {"name": "three"},
    ]
    assert written["tools"] == [{"functionDeclarations": declared}]
    assert "toolConfig" not in written


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice(), None),
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("required", ["two"]), {"mode": "ANY", "allowedFunctionNames": ["two"]}),
        (ToolChoice("required", ["two"], parallel=True), {"mode": "ANY", "allowedFunctionNames": ["two"]}),
    ],
)
def test_trap_18_choices(choice: ToolChoice, config: dict[str, Any] | None) -> None:
    written = body(request(tools=TOOLS, tool_choice=choice))
    assert written.get("toolConfig") == (config and {"functionCallingConfig": config})
    assert names(written) == ["one", "two"]


@pytest.mark.parametrize("mode", [None, "auto"])
def test_trap_18_allowed_names_without_force_narrow_the_offer(mode: Any) -> None:
    written = write(request(tools=TOOLS, tool_choice=ToolChoice(mode, ["two"])))
    assert names(written.body) == ["two"]
    assert [(loss.pointer, loss.kind) for loss in written.losses] == [("/tool_choice", "emulated")]


@pytest.mark.parametrize("choice", [ToolChoice("auto"), ToolChoice("required"), ToolChoice("none", parallel=False)])
def test_trap_46_a_choice_without_tools_is_nothing(choice: ToolChoice) -> None:
    assert not body(request(tool_choice=choice)).keys() & {"tools", "toolConfig"}


def test_trap_17_a_model_that_cannot_be_forced_is_asked() -> None:
    written = write(request(tools=TOOLS, tool_choice=ToolChoice("required")), destination(forced_tools=False))
    assert written.body["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}
    assert [(loss.pointer, loss.kind) for loss in written.losses] == [("/tool_choice", "approximated")]


def test_trap_19_one_call_at_a_time_cannot_be_had() -> None:
    written = write(request(tools=TOOLS, tool_choice=ToolChoice(parallel=False)))
    assert [(loss.pointer, loss.kind) for loss in written.losses] == [("/parallel_tool_calls", "emulated")]
    assert written.afterwards == {"first_call_only"}


def test_trap_12_strict_is_dropped_aloud() -> None:
    written = write(request(tools=[Tool("one", strict=False), Tool("two", strict=True)]))
    assert pointers(written) == ["/tools/1/function/strict"]


@pytest.mark.parametrize("name", ["get.weather", "_x", "a:b-c", "a" * 128, "_.x", "_" * 128])
def test_trap_21_names_that_fit(name: str) -> None:
    assert names(body(request(tools=[Tool(name)]))) == [name]


@pytest.mark.parametrize("name", ["", ".a", "a" * 129, "1" * 128, "a b", "größe", "a\n"])
def test_trap_21_names_that_do_not(name: str) -> None:
    with pytest.raises(Unsupported, match="does not fit Gemini") as raised:
        write(request(tools=[Tool(name)]))
    assert raised.value.param == "tools[0].function.name"


def test_custom_tools_are_refused() -> None:
    with pytest.raises(Unsupported, match="no custom tools") as raised:
        write(request(tools=[Tool("shell", kind="custom")]))
    assert raised.value.param == "tools"


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_a_choice_of_no_tool_is_refused(mode: Any) -> None:
    with pytest.raises(BadRequest, match="names nine, zero, which") as raised:
        write(request(tools=TOOLS, tool_choice=ToolChoice(mode, ["zero", "one", "nine"])))
    assert raised.value.param == "tool_choice"
