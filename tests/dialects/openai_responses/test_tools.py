from typing import Any

import pytest

from dialects.openai_responses.bodies import MODEL, body, lost, request, write
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Mark, Tool, ToolChoice
from polyglot_cloud.rows import Quirks

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
LOOK, ASK = Tool("look", "Looks.", CITY), Tool("ask", kind="custom")
EMPTY = {"type": "object", "properties": {}}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}


def test_trap_12_strict_is_always_said() -> None:
    for given, sent in ((None, False), (False, False), (True, True)):
        assert body(request(tools=[Tool("look", "Looks.", CITY, given)]))["tools"] == [
            {"type": "function", "name": "look", "description": "Looks.", "parameters": CITY, "strict": sent}
        ]


@pytest.mark.parametrize("parameters", [None, {}])
def test_trap_20_parameters_are_required(parameters: dict[str, Any] | None) -> None:
    tool = Tool("look", parameters=parameters)
    assert body(request(tools=[tool]))["tools"] == [
        {"type": "function", "name": "look", "parameters": EMPTY, "strict": False}
    ]


@pytest.mark.parametrize(
    "schema", [{"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}, {"oneOf": [CITY, {"const": 1}]}]
)
def test_trap_20_a_schema_passes_as_it_is(schema: dict[str, Any]) -> None:
    assert body(request(tools=[Tool("look", parameters=schema)]))["tools"][0]["parameters"] is schema


@pytest.mark.parametrize(
    ("tool", "sent"),
    [
        (Tool("sql", kind="custom"), {"type": "custom", "name": "sql"}),
        (
            Tool("sql", "Writes.", kind="custom", format=GRAMMAR),
            {"type": "custom", "name": "sql", "description": "Writes.", "format": GRAMMAR},
        ),
    ],
)
def test_custom_tools(tool: Tool, sent: dict[str, Any]) -> None:
    assert body(request(tools=[tool]))["tools"] == [sent]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice(), None),
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none", ["look"]), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("required", ["look"]), {"type": "function", "name": "look"}),
        (ToolChoice("required", ["ask"]), {"type": "custom", "name": "ask"}),
        (
            ToolChoice("required", ["look", "ask"]),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "look"}, {"type": "custom", "name": "ask"}],
            },
        ),
        (
            ToolChoice("auto", ["look"]),
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look"}]},
        ),
        (
            ToolChoice(None, ["gone"]),
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "gone"}]},
        ),
    ],
)
def test_trap_18_tool_choice(choice: ToolChoice, sent: Any) -> None:
    written = write(request(tools=[LOOK, ASK], tool_choice=choice))
    assert written.body.get("tool_choice") == sent
    assert (len(written.body["tools"]), len(written.body["input"])) == (2, 1)
    assert written.losses == []


def test_trap_18_a_host_without_allowed_tools_is_offered_only_those() -> None:
    quirks = Quirks(refused=frozenset({"allowed_tools"}))
    written = write(request(tools=[LOOK, ASK], tool_choice=ToolChoice("auto", ["look"])), quirks)
    assert [tool["name"] for tool in written.body["tools"]] == ["look"]
    assert written.body["tool_choice"] == "auto"
    assert lost(written) == [("/tool_choice", "emulated")]
    forced = write(request(tools=[LOOK, ASK], tool_choice=ToolChoice("required", ["look"])), quirks)
    assert forced.body["tool_choice"] == {"type": "function", "name": "look"}
    assert forced.losses == []


def test_trap_18_a_host_without_allowed_tools_may_be_made_to_call_one_of_several() -> None:
    quirks = Quirks(refused=frozenset({"allowed_tools"}))
    third = Tool("third")
    written = write(request(tools=[LOOK, ASK, third], tool_choice=ToolChoice("required", ["look", "ask"])), quirks)
    assert [tool["name"] for tool in written.body["tools"]] == ["look", "ask"]
    assert written.body["tool_choice"] == "required"
    assert lost(written) == [("/tool_choice", "emulated")]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "at least one of the tools"),
        (["look"], "tool look"),
        (["look", "ask"], "these tools, and no other: look, ask"),
    ],
)
def test_trap_17_a_call_that_cannot_be_forced_is_asked_for(names: list[str], words: str) -> None:
    wanted = request(tools=[LOOK, ASK], tool_choice=ToolChoice("required", names))
    written = write(wanted, Quirks(forced_tools=False))
    assert written.body["tool_choice"] == "auto"
    last = written.body["input"][-1]
    assert last["role"] == "developer"
    assert words in last["content"][0]["text"]
    assert lost(written) == [("/tool_choice", "emulated")]


@pytest.mark.parametrize("parallel", [True, False])
def test_trap_19_parallel_calls(parallel: bool) -> None:
    assert body(request(tools=[LOOK], tool_choice=ToolChoice(parallel=parallel)))["parallel_tool_calls"] is parallel
    assert "parallel_tool_calls" not in body(request(tools=[LOOK]))


@pytest.mark.parametrize(
    ("choice", "losses"),
    [
        (ToolChoice("auto"), []),
        (ToolChoice("required"), [("/tool_choice", "dropped")]),
        (ToolChoice("none", parallel=False), [("/parallel_tool_calls", "dropped")]),
    ],
)
def test_trap_46_choice_without_tools_is_stripped(choice: ToolChoice, losses: list[tuple[str, str]]) -> None:
    written = write(request(tool_choice=choice), Quirks(forced_tools=False))
    assert written.body.keys().isdisjoint({"tools", "tool_choice", "parallel_tool_calls"})
    assert len(written.body["input"]) == 1
    assert lost(written) == losses


def test_a_tools_cache_mark_is_dropped_aloud() -> None:
    assert lost(write(request(tools=[Tool("look", mark=Mark())]))) == [("/tools", "dropped")]


PLACE = {"type": "approximate", "approximate": {"country": "NO", "city": "Oslo"}}


@pytest.mark.parametrize(
    ("asked", "tool"),
    [
        ({}, {"type": "web_search"}),
        (
            {"search_context_size": "low", "user_location": PLACE},
            {
                "type": "web_search",
                "search_context_size": "low",
                "user_location": {"type": "approximate", "country": "NO", "city": "Oslo"},
            },
        ),
        (
            {"search_context_size": None, "user_location": {"type": "approximate", "approximate": None}},
            {"type": "web_search"},
        ),
    ],
)
def test_web_search_options_become_a_tool(asked: dict[str, Any], tool: dict[str, Any]) -> None:
    written = write(request(tools=[LOOK], hints={"web_search_options": asked}))
    assert written.body["tools"][1:] == [tool]
    assert written.losses == []


def test_web_search_where_it_is_refused() -> None:
    hints = {"web_search_options": {"search_context_size": "low"}}
    with pytest.raises(Unsupported, match=MODEL) as caught:
        write(request(hints=hints), Quirks(refused=frozenset({"web_search_options"})))
    assert caught.value.param == "web_search_options"
    written = write(request(hints=hints), Quirks(refused=frozenset({"search_context_size"})))
    assert written.body["tools"] == [{"type": "web_search"}]
    assert lost(written) == [("/web_search_options/search_context_size", "dropped")]
