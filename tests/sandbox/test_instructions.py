import pytest

from polyglot_cloud.sandbox.instructions import obeying
from polyglot_cloud.sandbox.prompt import Choice, Prompt, Result, Tool

TOOLS = (Tool("get_weather"), Tool("get_time"))


@pytest.mark.parametrize(
    ("system", "asked"),
    [
        ("Answer with one valid JSON object and nothing else.", True),
        ("Return only JSON.", True),
        ("Reply in JSON, nothing but JSON.", True),
        ("You like JSON.", False),
        ("", False),
    ],
)
def test_json_that_is_asked_for_in_words(system: str, asked: bool) -> None:
    assert obeying(Prompt("m", system=system)).schema == ({} if asked else None)
    assert obeying(Prompt("m", system=system, schema={"type": "string"})).schema == {"type": "string"}


@pytest.mark.parametrize(
    ("system", "choice"),
    [
        (
            "Answer this turn with a call of the tool `get_time`, not with text alone.",
            Choice("required", ("get_time",)),
        ),
        ("Use the function get_weather.", Choice("required", ("get_weather",))),
        ("Answer with a call of at least one of the tools.", Choice("required")),
        ("Call the tool get_money.", Choice()),
        ("You have tools.", Choice()),
    ],
)
def test_tools_that_are_asked_for_in_words(system: str, choice: Choice) -> None:
    assert obeying(Prompt("m", system=system, tools=TOOLS)).choice == choice


def test_once_the_tool_was_called_or_the_client_chose_the_words_are_served() -> None:
    system = "Use the tool get_time."
    called = Prompt("m", system=system, tools=TOOLS, results=(Result("get_time", "noon"),))
    assert obeying(called).choice == Choice()
    assert obeying(Prompt("m", system=system, tools=TOOLS, choice=Choice("none"))).choice == Choice("none")
    assert obeying(Prompt("m", system=system)).choice == Choice()
