import json
from typing import Any

import pytest

from polyglot_cloud.sandbox import mind, tokens, triggers
from polyglot_cloud.sandbox.prompt import Choice, Prompt, Result, Tool, subject
from sandbox.kit import WEATHER

WEATHER_TOOL = Tool("get_weather", "The weather in a city", WEATHER)
TIME = Tool(
    "getTime",
    "The time at a place",
    {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
)
ADD = Tool(
    "add",
    "Adds two numbers",
    {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]},
)
FLIGHT = Tool(
    "book_flight",
    "Books a flight",
    {
        "type": "object",
        "properties": {"origin": {"type": "string"}, "destination": {"type": "string"}},
        "required": ["origin", "destination"],
    },
)
MANY = Tool(
    "forecast",
    "A forecast for cities",
    {
        "type": "object",
        "properties": {"cities": {"type": "array", "items": {"type": "string"}}},
        "required": ["cities"],
    },
)
BASH = Tool(
    "Bash",
    "Runs a command",
    {
        "type": "object",
        "properties": {"command": {"type": "string"}, "description": {"type": "string"}},
        "required": ["command", "description"],
    },
)
ARGV = Tool(
    "shell",
    "Runs a command",
    {
        "type": "object",
        "properties": {"command": {"type": "array", "items": {"type": "string"}}},
        "required": ["command"],
    },
)
NOTE = Tool("note", "Takes a note", None)


def calls(said: str, *tools: Tool, **more: Any) -> list[tuple[str, Any]]:
    answer = mind.answer(Prompt("model", said, tools=tools, **more), {})
    return [(call.name, call.arguments) for call in answer.calls]


@pytest.mark.parametrize(
    ("said", "tools", "expected"),
    [
        ("What's the weather in Paris?", (WEATHER_TOOL,), [("get_weather", {"city": "Paris"})]),
        (
            "weather in Paris, Tokyo and Oslo",
            (WEATHER_TOOL,),
            [("get_weather", {"city": city}) for city in ("Paris", "Tokyo", "Oslo")],
        ),
        (
            "the weather in Paris and the time in Tokyo",
            (WEATHER_TOOL, TIME),
            [("get_weather", {"city": "Paris"}), ("getTime", {"place": "Tokyo"})],
        ),
        ("the weather in San Francisco, CA", (WEATHER_TOOL,), [("get_weather", {"city": "San Francisco, CA"})]),
        ("the weather in Paris. And the weather in Paris", (WEATHER_TOOL,), [("get_weather", {"city": "Paris"})]),
        (
            "the weather in Paris? I would so much like to go back to Rome one day",
            (WEATHER_TOOL,),
            [("get_weather", {"city": "Paris"})],
        ),
        ("What is 3 plus 4?", (ADD,), [("add", {"a": 3, "b": 4})]),
        ("3 and 4, add them", (ADD,), [("add", {"a": 3, "b": 4})]),
        ("add 3 and 4", (ADD,), [("add", {"a": 3, "b": 4})]),
        ("Book a flight from Paris to Oslo", (FLIGHT,), [("book_flight", {"origin": "Paris", "destination": "Oslo"})]),
        ("a forecast for Paris and Oslo", (MANY,), [("forecast", {"cities": ["Paris", "Oslo"]})]),
        ("How is it in Rome?", (WEATHER_TOOL, ADD), [("get_weather", {"city": "Rome"})]),
        ("Say hello to Ada", (WEATHER_TOOL, ADD), []),
        ("Hello there", (WEATHER_TOOL, ADD), []),
        ('note "buy milk"', (NOTE,), [("note", "buy milk")]),
        ("take a note of this", (NOTE,), [("note", "take a note of this")]),
        ("weather here and weather there", (WEATHER_TOOL,), [("get_weather", {"city": "Paris"})]),
        ("note this and Paris", (NOTE,), [("note", "note this Paris")]),
    ],
)
def test_calls(said: str, tools: tuple[Tool, ...], expected: list[Any]) -> None:
    assert calls(said, *tools) == expected


def test_choices() -> None:
    both = (WEATHER_TOOL, ADD)
    assert calls("weather in Paris", *both, choice=Choice("none")) == []
    assert calls("Hello", *both, choice=Choice("required", ("add",))) == [("add", {"a": 1, "b": 1})]
    assert calls("weather in Paris", *both, choice=Choice("auto", ("add",))) == []
    assert len(calls("weather in Paris and Oslo", *both, choice=Choice(parallel=False))) == 1


def test_after_results_it_talks() -> None:
    results = (Result("get_weather", '{"temp_c": 18, "sky": "clear"}', about="Paris"),)
    answer = mind.answer(Prompt("m", "weather in Paris", results=results, tools=(WEATHER_TOOL,)), {})
    assert answer.text == "Paris: temp_c 18, sky clear."
    forced = calls("weather in Paris", WEATHER_TOOL, results=results, choice=Choice("required"))
    assert forced == [("get_weather", {"city": "Paris"})]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (Result("f", "plain words."), "f: plain words."),
        (Result("f", '{"a": [1]}'), 'f: {"a": [1]}.'),
        (Result("f", "no such city", failed=True), "f stumbled: no such city"),
        (Result("Bash", "a.txt\n"), "Done. The command printed:\na.txt"),
        (Result("Bash", ""), "Done. The command had nothing to add."),
        (Result("Bash", "a<system-reminder>x</system-reminder>"), "Done. The command printed:\na"),
    ],
)
def test_results_in_words(result: Result, text: str) -> None:
    assert mind.answer(Prompt("m", "x", results=(result,)), {}).text == text


def test_long_results_are_cut() -> None:
    assert len(mind.answer(Prompt("m", "x", results=(Result("f", "a" * 9000),)), {}).text) < 4100


def test_a_shell_runs_one_command_after_the_other() -> None:
    said = "run: make test\nrun: make lint"
    arguments = {"command": "make test", "description": "Runs what the user asked for"}
    assert calls(said, BASH) == [("Bash", arguments)]
    once = (Result("Bash", "ok"),)
    assert calls(said, BASH, results=once) == [("Bash", {**arguments, "command": "make lint"})]
    assert calls(said, BASH, results=once * 2) == []
    assert calls("run: ls", ARGV) == [("shell", {"command": ["bash", "-lc", "ls"]})]
    assert calls("run: ls", Tool("exec", "", None)) == [("exec", "ls")]


def test_an_agents_many_tools_are_left_alone() -> None:
    tools = [
        Tool(name, "reads and writes files", {"type": "object", "properties": {}})
        for name in ("Read", "Write", "Edit", "Glob", "Grep", "Task", "Web", "Todo", "Plan")
    ]
    assert calls("read the files and edit them", *tools) == []
    assert calls("use the Read tool", *tools) == [("Read", {})]


def test_limits() -> None:
    prompt = Prompt("m", "Write 100 words", limit=10)
    cut = mind.answer(prompt, {})
    assert (tokens.count(cut.text), cut.finish) == (10, "length")
    thinking = mind.answer(Prompt("m", "Write 100 words", limit=20, thinking=16), {})
    assert (tokens.count(thinking.text), thinking.thinking_tokens, thinking.finish) == (4, 16, "length")
    visible = mind.answer(Prompt("m", "Write 100 words", limit=20, thinking=16, limit_counts_thinking=False), {})
    assert (tokens.count(visible.text), visible.finish) == (20, "length")
    starved = mind.answer(Prompt("m", "Hello", limit=10, thinking=16), {})
    assert (starved.text, starved.thinking_tokens, starved.finish) == ("", 10, "length")
    whole = mind.answer(Prompt("m", "weather in Paris", limit=1, tools=(WEATHER_TOOL,)), {})
    assert whole.finish == "tools"


@pytest.mark.parametrize(
    ("mark", "finish"),
    [("refuse", "refusal"), ("refuse late", "filtered"), ("length", "length"), ("empty", "stop"), ("words 5", "stop")],
)
def test_triggers(mark: str, finish: str) -> None:
    marks = triggers.find(f"[[sandbox:{mark}]]")
    answer = mind.answer(Prompt("m", "Hello", thinking=4), marks)
    assert answer.finish == finish
    if mark == "words 5":
        assert len(answer.text.split()) == 5


def test_structured_from_results() -> None:
    wanted = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer = mind.answer(Prompt("m", "count", results=(Result("f", "there are 42"),), schema=wanted), {})
    assert json.loads(answer.text) == {"n": 42}
    loose = mind.answer(Prompt("m", "count", results=(Result("f", "there are 42"),), schema={}), {})
    assert json.loads(loose.text) == {"reply": "f: there are 42."}


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        ({"n": 1, "city": "Oslo"}, "Oslo"),
        ('{"city": "Oslo"}', "Oslo"),
        ("{", ""),
        ("", ""),
        ("[]", ""),
        ({"a": "x" * 99}, ""),
    ],
)
def test_subjects(arguments: Any, about: str) -> None:
    assert subject(arguments) == about
