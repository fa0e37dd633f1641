from typing import Any

import pytest

from polyglot_cloud.dialects.openai_chat import messages
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import (
    Audio,
    Block,
    File,
    FileId,
    Image,
    Inline,
    Loss,
    Mark,
    Message,
    Opaque,
    Refusal,
    State,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Url,
)
from polyglot_cloud.rows import Quirks

USER = {"role": "user", "content": "hello"}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL, CALL | {"id": "b"}]}


def result(id_: str, content: Any = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def read(*given: Any) -> list[Message]:
    return messages.read_messages({"messages": list(given)})[1]


def assistant(**members: Any) -> list[Block]:
    return read({"role": "assistant", **members})[0].blocks


# --- reading ---


def test_only_the_leading_run_is_system() -> None:
    system, turns = messages.read_messages(
        {
            "messages": [
                {"role": "system", "content": "one"},
                {"role": "developer", "content": [{"type": "text", "text": "two"}], "name": "dev"},
                USER,
                {"role": "developer", "content": "three"},
            ]
        }
    )
    assert system == [Message("system", [Text("one")]), Message("developer", [Text("two")], "dev")]
    assert turns == [Message("user", [Text("hello")]), Message("developer", [Text("three")])]


def test_a_run_of_results_is_one_turn_and_the_next_message_another() -> None:
    turns = read(USER, CALLS, result("b", "2"), result("a", [{"type": "text", "text": "1"}]), USER)
    assert turns[2:] == [
        Message("user", [ToolResult("b", [Text("2")]), ToolResult("a", [Text("1")])]),
        Message("user", [Text("hello")]),
    ]


def test_two_rounds_of_calls_may_use_the_same_ids() -> None:
    turns = read(USER, CALLS, result("a"), result("b"), CALLS, result("a"), result("b"))
    assert [len(turn.blocks) for turn in turns] == [1, 2, 2, 2, 2]


def test_results_may_hold_images_and_files() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    file = {"type": "file", "file": {"file_id": "f1"}}
    blocks = read(USER, CALLS, result("a", [image, file]), result("b", ""))[2].blocks
    assert blocks == [ToolResult("a", [Image(Url("https://x/y.png")), File(FileId("f1"))]), ToolResult("b", [Text("")])]


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ([USER, result("a")], "messages[1].tool_call_id"),
        ([USER, CALLS, result("z")], "messages[2].tool_call_id"),
        ([USER, CALLS, result("a"), result("a")], "messages[3].tool_call_id"),
        ([USER, CALLS, result("a"), result("b"), USER, result("a")], "messages[5].tool_call_id"),
        ([USER, CALLS, result("a")], "messages[1].tool_calls"),
        ([USER, CALLS, result("a"), USER], "messages[1].tool_calls"),
        ([USER, CALLS], "messages[1].tool_calls"),
        ([USER, CALLS, CALLS], "messages[1].tool_calls"),
        ([USER, {"role": "function", "name": "f", "content": "x"}], "messages[1].name"),
        ([USER, CALLS | {"tool_calls": [CALL, CALL]}], "messages[1].tool_calls"),
        ([USER, CALLS, {"role": "tool", "content": "x"}], "messages[2].tool_call_id"),
        ([USER, CALLS, {"role": "tool", "tool_call_id": "a"}], "messages[2].content"),
        ([USER, CALLS, {"role": "tool", "tool_call_id": "a", "content": None}], "messages[2].content"),
        ([{"content": "x"}], "messages[0].role"),
        ([{"role": "robot", "content": "x"}], "messages[0].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": None}], "messages[0].content"),
        ([{"role": "user", "content": 5}], "messages[0].content"),
        ([{"role": "user", "content": "x", "name": 5}], "messages[0].name"),
        ([{"role": "system", "content": [{"type": "image_url", "image_url": {}}]}], "messages[0].content[0].type"),
        ([{"role": "assistant", "tool_calls": [{"id": "a", "type": "magic"}]}], "messages[0].tool_calls[0].type"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "a", "type": "function"}]}],
            "messages[0].tool_calls[0].function",
        ),
        (
            [{"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f"}}]}],
            "messages[0].tool_calls[0].id",
        ),
        ([{"role": "assistant", "content": "x", "refusal": 1}], "messages[0].refusal"),
    ],
)
def test_what_is_refused(given: list[Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(*given)
    assert caught.value.param == param


def test_the_unanswered_calls_are_named() -> None:
    with pytest.raises(BadRequest, match="No result was given for: b"):
        read(USER, CALLS, result("a"), USER)


def test_audio_of_an_earlier_answer_stays_where_it_was_made() -> None:
    with pytest.raises(Unsupported) as caught:
        assistant(audio={"id": "audio_1"})
    assert caught.value.param == "messages[0].audio"
    assert assistant(content="x", audio=None) == [Text("x")]


@pytest.mark.parametrize(
    ("members", "blocks"),
    [
        ({}, []),
        ({"content": None}, []),
        ({"content": ""}, []),
        ({"content": []}, []),
        ({"content": "x"}, [Text("x")]),
        ({"content": [{"type": "text", "text": ""}, {"type": "text", "text": "y"}]}, [Text("y")]),
        (
            {"content": [{"type": "text", "text": "x"}, {"type": "refusal", "refusal": "no"}]},
            [Text("x"), Refusal("no")],
        ),
        ({"content": None, "refusal": "no"}, [Refusal("no")]),
        ({"content": "x", "refusal": None, "tool_calls": None, "function_call": None, "annotations": []}, [Text("x")]),
        ({"content": "x", "reasoning_content": "hm"}, [Thinking("hm"), Text("x")]),
        ({"content": "x", "reasoning_content": None}, [Text("x")]),
    ],
)
def test_assistant_content(members: dict[str, Any], blocks: list[Block]) -> None:
    assert assistant(**members) == blocks


def test_calls_of_both_kinds() -> None:
    custom = {"id": "c", "type": "custom", "custom": {"name": "q", "input": "SELECT"}}
    plain = {"id": "a", "function": {"name": "f"}, "cache_control": {"type": "ephemeral"}}
    turns = read(USER, {"role": "assistant", "tool_calls": [plain, custom]}, result("a"), result("c"))
    assert turns[1].blocks == [ToolCall("a", "f", "", mark=Mark()), ToolCall("c", "q", "SELECT", "custom")]


def test_deprecated_function_messages() -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"x":1}'}}
    answer = {"role": "function", "name": "f", "content": "ok"}
    turns = read(USER, call, answer, call, answer | {"content": None})
    assert turns[1:] == [
        Message("assistant", [ToolCall("call_function_1", "f", '{"x":1}')]),
        Message("user", [ToolResult("call_function_1", [Text("ok")])]),
        Message("assistant", [ToolCall("call_function_3", "f", '{"x":1}')]),
        Message("user", [ToolResult("call_function_3", [])]),
    ]


def test_a_mark_on_a_message_is_on_its_last_block() -> None:
    cache = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    parts = [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ]
    system, turns = messages.read_messages(
        {
            "messages": [
                {"role": "system", "content": "s", **cache},
                {"role": "user", "content": parts},
                {"role": "assistant", "content": "x", "tool_calls": [CALL], **cache},
                result("a") | cache,
            ]
        }
    )
    assert [block.mark for turn in [*system, *turns] for block in turn.blocks] == [
        Mark("1h"), None, Mark(), None, Mark("1h"), Mark("1h"),
    ]  # fmt: skip


# --- writing ---


def write(*turns: Message, quirks: Quirks | None = None) -> tuple[list[dict[str, Any]], list[Loss]]:
    losses: list[Loss] = []
    return messages.write_messages([], list(turns), quirks or Quirks(), losses), losses


CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "s"},
    {"role": "developer", "content": "d", "name": "dev"},
    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "ada"},
    {"role": "assistant", "content": "x", "tool_calls": [CALL, CALL | {"id": "b"}]},
    result("a", [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}]),
    result("b", ""),
    {"role": "system", "content": "later"},
    {"role": "user", "content": ""},
    {"role": "assistant", "content": None, "refusal": "no"},
    {"role": "assistant", "content": [{"type": "text", "text": "p"}, {"type": "refusal", "refusal": "q"}]},
    {"role": "assistant", "content": ""},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    result("a"),
    {"role": "user", "content": "bye"},
]


def test_a_conversation_is_written_as_it_was_read() -> None:
    system, turns = messages.read_messages({"messages": CONVERSATION})
    losses: list[Loss] = []
    assert messages.write_messages(system, turns, Quirks(), losses) == CONVERSATION
    assert losses == []


def test_a_turn_that_says_nothing() -> None:
    assert write(Message("user", []))[0] == [{"role": "user", "content": ""}]


def test_a_host_without_the_developer_role() -> None:
    written, _ = write(Message("developer", [Text("d")]), quirks=Quirks(refused=frozenset({"developer"})))
    assert written == [{"role": "system", "content": "d"}]


def test_results_come_before_the_rest_of_their_turn() -> None:
    written, losses = write(Message("user", [ToolResult("a", [Text("1")], is_error=True), Text("next")], "ada"))
    assert written == [result("a", "1"), {"role": "user", "content": "next", "name": "ada"}]
    assert [loss.kind for loss in losses] == ["dropped"]


def test_images_of_results_follow_in_a_user_message() -> None:
    image = Image(Inline("image/png", "QUJD"))
    written, losses = write(Message("user", [ToolResult("a", [Text("1"), image]), ToolResult("b", [Text("2")])]))
    assert written == [
        result("a", "1"),
        result("b", "2"),
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Attached to the result of tool call a:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            ],
        },
    ]
    assert [loss.kind for loss in losses] == ["emulated"]


def test_reasoning_cannot_be_handed_back() -> None:
    blocks: list[Block] = [
        Thinking("hm", state=State({"s": 1})),
        Text("x"),
        Opaque("anthropic", {"type": "server_tool_use"}),
    ]
    written, losses = write(Message("assistant", blocks), Message("user", [Text("y")]))
    assert written[0] == {"role": "assistant", "content": "x"}
    assert [(loss.pointer, loss.kind) for loss in losses] == [("/messages", "dropped")]


def test_text_after_a_call_moves_before_it() -> None:
    written, losses = write(Message("assistant", [Text("x"), ToolCall("a", "f", ""), Text("y")]))
    assert written[0]["content"] == [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]
    assert written[0]["tool_calls"] == [CALL]
    assert [loss.kind for loss in losses] == ["approximated"]


def test_cache_marks_are_a_loss() -> None:
    _, losses = write(Message("user", [Text("x", mark=Mark())]))
    assert [(loss.pointer, loss.kind) for loss in losses] == [("/messages", "dropped")]


def test_prefill_where_the_model_does_not_continue() -> None:
    with pytest.raises(Unsupported):
        write(Message("user", [Text("x")]), Message("assistant", [Text("y")]), quirks=Quirks(prefill=False))


@pytest.mark.parametrize(
    "block",
    [Image(Url("https://x")), File(FileId("f")), Audio(Inline("audio/wav", "")), ToolResult("a", [])],
)
def test_blocks_an_assistant_message_cannot_hold(block: Block) -> None:
    with pytest.raises(Unsupported) as caught:
        write(Message("assistant", [block]))
    assert caught.value.param == "messages"
