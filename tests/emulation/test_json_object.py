"""JSON mode that was only asked for in words: whether it was kept."""

import pytest

from polyglot_cloud.emulation.json_object import LOSS, JsonObject, unkept
from polyglot_cloud.neutral import (
    Block,
    Choice,
    Event,
    Finished,
    FinishReason,
    Loss,
    Opened,
    Refusal,
    RefusalDelta,
    Response,
    Text,
    TextDelta,
    ToolCall,
)


@pytest.mark.parametrize(
    ("blocks", "finish", "losses"),
    [
        ([Text('{"a": 1}')], "stop", []),
        ([Text('{"a": '), Text("1}")], "stop", []),
        ([Text("[1]")], "stop", [LOSS]),
        ([Text('```json\n{"a": 1}\n```')], "stop", [LOSS]),
        ([], "stop", [LOSS]),
        ([Text('{"a": ')], "length", []),
        ([Refusal("no")], "stop", []),
        ([Text("let me see"), ToolCall("c", "f", "{}")], "tool_calls", []),
    ],
)
def test_a_finished_text_that_is_no_object_is_told(
    blocks: list[Block], finish: FinishReason, losses: list[Loss]
) -> None:
    assert unkept(Response("i", "m", [Choice(blocks, finish)])) == losses
    found: list[Loss] = []
    machine = JsonObject(found)
    events: list[Event] = []
    for index, block in enumerate(blocks):
        if isinstance(block, Text):
            events += [Opened(index, Text("")), TextDelta(index, block.text)]
        elif isinstance(block, Refusal):
            events += [Opened(index, Refusal("")), RefusalDelta(index, block.text)]
        else:
            events.append(Opened(index, block))
    events.append(Finished(finish))
    assert [out for event in events for out in machine.feed(event)] == events
    assert found == losses
