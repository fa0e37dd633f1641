"""State that is bound to the conversation before it."""

from dataclasses import replace

import pytest

from polyglot_cloud.emulation.bound_state import digest, unbound
from polyglot_cloud.neutral import (
    Block,
    Image,
    Inline,
    Mark,
    Message,
    Request,
    State,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

FIRST = Request("m", [Message("user", [Text("one")])], system=[Message("system", [Text("be")])])


def answered(request: Request, prefix: str | None = None) -> Message:
    state = State({"signature": "s"}, "p", "m", digest(request) if prefix is None else prefix)
    return Message("assistant", [Thinking("hm", state=state), Text("two")])


def grown(request: Request, *turns: Message) -> Request:
    return replace(request, messages=[*request.messages, *turns])


SECOND = grown(FIRST, answered(FIRST), Message("user", [Text("three")]))
THIRD = grown(SECOND, answered(SECOND), Message("user", [Text("five")]))


def states(request: Request) -> list[bool]:
    return [
        block.state is not None
        for message in request.messages
        for block in message.blocks
        if isinstance(block, Thinking)
    ]


def test_an_untouched_history_keeps_its_state() -> None:
    assert unbound(THIRD) is THIRD or unbound(THIRD) == THIRD
    assert states(unbound(THIRD)) == [True, True]


@pytest.mark.parametrize(
    ("messages", "kept"),
    [
        (THIRD.messages[2:], [False]),
        ([Message("user", [Text("One")]), *THIRD.messages[1:]], [False, False]),
        ([*THIRD.messages[:2], *THIRD.messages[3:]], [True, False]),
        ([THIRD.messages[0], Message("assistant", [Text("two")]), *THIRD.messages[2:]], [False]),
        ([Message("user", [Text("one")], name="Bo"), *THIRD.messages[1:]], [False, False]),
    ],
)
def test_an_edited_history_loses_the_state_behind_the_edit(messages: list[Message], kept: list[bool]) -> None:
    request = replace(THIRD, messages=messages)
    before = replace(request, messages=list(messages))
    assert states(unbound(request)) == kept
    assert request == before


def test_another_system_prompt_is_an_edit() -> None:
    assert states(unbound(replace(THIRD, system=[]))) == [False, False]


def test_marks_and_places_may_move() -> None:
    moved = [replace(message, pointer=f"/messages/{at}") for at, message in enumerate(THIRD.messages)]
    marked: list[Block] = [Text("one", mark=Mark("1h"))]
    moved[0] = replace(moved[0], blocks=marked)
    assert states(unbound(replace(THIRD, messages=moved))) == [True, True]


def test_state_without_a_digest_passes() -> None:
    request = grown(FIRST, answered(FIRST, prefix=""))
    assert states(unbound(request)) == [True]
    mixed = grown(SECOND, answered(SECOND, prefix=""), Message("user", [Text("x")]))
    assert states(unbound(replace(mixed, messages=mixed.messages[1:]))) == [False, True]


def test_every_word_of_a_block_counts() -> None:
    blocks: list[Block] = [
        Image(Inline("image/png", "aaaa")), Image(Inline("image/png", "aaab")), Image(Inline("image/gif", "aaaa")),
        ToolResult("c", [Text("x")]), ToolResult("c", [Text("y")]), ToolResult("c", [Text("x")], is_error=True),
        ToolCall("c", "f", "{}"), ToolCall("c", "f", "{ }"), Text("x\ud800"), Thinking("x"),
    ]  # fmt: skip
    assert len({digest(Request("m", [Message("user", [block])])) for block in blocks}) == len(blocks)
    marked = Request("m", [Message("user", [ToolResult("c", [Text("x", mark=Mark())])])])
    assert digest(marked) == digest(Request("m", [Message("user", [ToolResult("c", [Text("x")])])]))
