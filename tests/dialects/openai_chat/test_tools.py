from typing import Any

import pytest

from polyglot_cloud.dialects.openai_chat import tools
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Loss, Mark, Tool, ToolChoice
from polyglot_cloud.rows import Quirks

F: dict[str, Any] = {"type": "function", "function": {"name": "f"}}
G: dict[str, Any] = {"type": "function", "function": {"name": "g"}}
C: dict[str, Any] = {"type": "custom", "custom": {"name": "c"}}
GRAMMAR = {"syntax": "lark", "definition": "start: /x/"}


def test_functions_and_custom_tools() -> None:
    schema = {"type": "object", "properties": {}}
    full = {"name": "f", "description": "does f", "parameters": schema, "strict": True}
    body = {
        "tools": [
            {"type": "function", "function": full, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {
                "type": "custom",
                "custom": {"name": "c", "description": "d", "format": {"type": "grammar", "grammar": GRAMMAR}},
            },
            {"type": "custom", "custom": {"name": "t", "format": {"type": "text"}}},
        ]
    }
    assert tools.read_tools(body) == [
        Tool("f", "does f", schema, strict=True, mark=Mark("1h")),
        Tool("c", "d", kind="custom", format={"type": "grammar", **GRAMMAR}),
        Tool("t", kind="custom", format={"type": "text"}),
    ]


def test_deprecated_functions_are_tools() -> None:
    body = {"functions": [{"name": "f", "parameters": {}}], "function_call": {"name": "f"}}
    read = tools.read_tools(body)
    assert read == [Tool("f", parameters={})]
    assert tools.read_choice(body, read) == ToolChoice("required", ["f"])


@pytest.mark.parametrize(("word", "mode"), [("none", "none"), ("auto", "auto"), (None, None)])
def test_deprecated_choice(word: Any, mode: Any) -> None:
    body = {"functions": [{"name": "f"}], "function_call": word}
    assert tools.read_choice(body, tools.read_tools(body)) == ToolChoice(mode)


CHOICES: list[tuple[Any, ToolChoice]] = [
    ("none", ToolChoice("none")),
    ("auto", ToolChoice("auto")),
    ("required", ToolChoice("required")),
    (None, ToolChoice()),
    (F, ToolChoice("required", ["f"])),
    (C, ToolChoice("required", ["c"])),
    ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [F, C]}}, ToolChoice("auto", ["f", "c"])),
    (
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [F, G]}},
        ToolChoice("required", ["f", "g"]),
    ),
]


@pytest.mark.parametrize(("choice", "read"), CHOICES)
def test_choices_are_read_and_written(choice: Any, read: ToolChoice) -> None:
    body = {"tools": [F, G, C], "tool_choice": choice}
    offered = tools.read_tools(body)
    assert tools.read_choice(body, offered) == read
    losses: list[Loss] = []
    written = tools.write_tools(offered, read, Quirks(), losses)
    assert written.get("tool_choice") == choice
    assert losses == []


def test_without_tools_there_is_no_choice() -> None:
    assert tools.read_choice({"tool_choice": "required", "parallel_tool_calls": False}, []) == ToolChoice()
    assert tools.write_tools([], ToolChoice("auto", parallel=True), Quirks(), []) == {}


def test_parallel_calls() -> None:
    body = {"tools": [F], "parallel_tool_calls": False}
    choice = tools.read_choice(body, tools.read_tools(body))
    assert choice == ToolChoice(parallel=False)
    assert tools.write_tools([Tool("f")], choice, Quirks(), [])["parallel_tool_calls"] is False


def test_parameters_are_always_said() -> None:
    """Left out they mean the same at OpenAI; xAI's schema asks for them."""
    written = tools.write_tools([Tool("f")], ToolChoice(), Quirks(), [])
    assert written["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"tools": [{"type": "function", "function": {"name": "f", "strict": 1}}]}, "tools[0].function.strict"),
        (
            {"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "x"}}}]},
            "tools[0].custom.format.type",
        ),
        (
            {"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "grammar"}}}]},
            "tools[0].custom.format.grammar",
        ),
        ({"tools": [F], "functions": [{"name": "f"}]}, "functions"),
        ({"tools": [F], "tool_choice": "any"}, "tool_choice"),
        ({"tools": [F], "tool_choice": 3}, "tool_choice"),
        ({"tools": [F], "tool_choice": {}}, "tool_choice.type"),
        ({"tools": [F], "tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"tools": [F], "tool_choice": {"type": "function", "function": {}}}, "tool_choice.function.name"),
        ({"tools": [F], "tool_choice": G}, "tool_choice"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call"),
        (
            {
                "tools": [F],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": [{"type": "function"}]}},
            },
            "tool_choice.allowed_tools.tools[0].function",
        ),
        (
            {"tools": [F], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": [{"type": 7}]}}},
            "tool_choice.allowed_tools.tools[0].type",
        ),
    ],
)
def test_what_is_refused(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        tools.read_choice(body, tools.read_tools(body))
    assert caught.value.param == param


def test_a_tool_is_written_with_all_it_has() -> None:
    schema = {"type": "object"}
    full = Tool("f", "does f", schema, strict=False)
    custom = Tool("c", "d", kind="custom", format={"type": "grammar", **GRAMMAR})
    written = tools.write_tools(
        [full, custom, Tool("t", kind="custom", format={"type": "text"})], ToolChoice(), Quirks(), []
    )
    assert written == {
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "description": "does f", "parameters": schema, "strict": False},
            },
            {
                "type": "custom",
                "custom": {"name": "c", "description": "d", "format": {"type": "grammar", "grammar": GRAMMAR}},
            },
            {"type": "custom", "custom": {"name": "t", "format": {"type": "text"}}},
        ]
    }


def test_a_model_that_cannot_be_forced() -> None:
    losses: list[Loss] = []
    written = tools.write_tools([Tool("f")], ToolChoice("required", ["f"]), Quirks(forced_tools=False), losses)
    assert written["tool_choice"] == {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [F]}}
    assert [(loss.pointer, loss.kind) for loss in losses] == [("/tool_choice", "approximated")]


def test_cache_marks_on_tools_are_a_loss() -> None:
    losses: list[Loss] = []
    tools.write_tools([Tool("f", mark=Mark())], ToolChoice(), Quirks(), losses)
    assert [(loss.pointer, loss.kind) for loss in losses] == [("/tools", "dropped")]
