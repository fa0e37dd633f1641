"""Work in proportion to the request: none of these holds up the event loop when a client sends ten thousand of something."""

from typing import Any

from dialects.openai_chat.counting import Counted
from polyglot_cloud.dialects.openai_chat import reasoning, tools
from polyglot_cloud.dialects.openai_chat.messages import read_messages
from polyglot_cloud.neutral import Block, Mark, Text, Tool, ToolCall, ToolChoice, ToolResult
from polyglot_cloud.rows import Quirks

MANY = 300
FEW = 20 * MANY


def test_results_of_the_deprecated_kind_find_their_calls() -> None:
    calls = [{"id": f"c{at}", "function": {"name": Counted(f"f{at}"), "arguments": "{}"}} for at in range(MANY)]
    results = [{"role": "function", "name": Counted(f"f{at}"), "content": "r"} for at in reversed(range(MANY))]
    body: dict[str, Any] = {"messages": [{"role": "assistant", "tool_calls": calls}, *results]}
    Counted.done = 0
    turns = read_messages(body)[1]
    assert Counted.done < FEW
    answered = [block.call_id for block in turns[1].blocks if isinstance(block, ToolResult)]
    assert answered == [f"c{at}" for at in reversed(range(MANY))]


def test_results_of_the_deprecated_kind_answer_calls_of_one_name_in_their_order() -> None:
    calls = [{"id": id_, "function": {"name": name}} for id_, name in (("1", "f"), ("2", "g"), ("3", "f"), ("4", "f"))]
    results: list[Any] = [{"role": "function", "name": name, "content": "r"} for name in ("f", "g", "f")]
    results.insert(1, {"role": "tool", "tool_call_id": "3", "content": "r"})
    turns = read_messages({"messages": [{"role": "assistant", "tool_calls": calls}, *results]})[1]
    assert [block.call_id for block in turns[1].blocks if isinstance(block, ToolResult)] == ["1", "3", "2", "4"]


def test_marks_find_the_pieces_of_a_text() -> None:
    texts: list[Block] = [Text(Counted("ab"), mark=Mark(f"{at}m")) for at in range(MANY)]
    details = [{"type": "text", "index": at, "offset": 2 * at, "length": 2} for at in range(MANY)]
    Counted.done = 0
    blocks = reasoning.restore(details, "", texts, [])
    assert Counted.done < FEW
    assert blocks == texts


def test_of_several_marks_in_one_piece_the_last_stays_and_a_piece_without_text_takes_none() -> None:
    texts: list[Block] = [Text("a", mark=Mark("5m")), Text("b", mark=Mark("1h")), Text("c"), Text("d", mark=Mark())]
    spans = ((0, 2), (2, 0), (2, 1), (3, 1))
    details = [{"type": "text", "index": at, "offset": span[0], "length": span[1]} for at, span in enumerate(spans)]
    blocks = reasoning.restore(details, "", texts, list[ToolCall]())
    assert blocks == [Text("ab", mark=Mark("1h")), Text(""), Text("c"), Text("d", mark=Mark())]


def test_allowed_tools_are_picked_out() -> None:
    names = [Counted(f"f{at}") for at in range(MANY)]
    choice = ToolChoice("auto", [Counted(name) for name in names])
    Counted.done = 0
    written = tools.write_tools(
        [Tool(name) for name in names], choice, Quirks(refused=frozenset({"allowed_tools"})), []
    )
    assert Counted.done < FEW
    assert len(written["tools"]) == MANY
