import re

import pytest

from dialects.anthropic.bodies import MODEL, call, lost, reasons, request, result, said, write
from polyglot_cloud.dialects import Body, Written
from polyglot_cloud.dialects.anthropic.ids import tool_id
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import (
    Audio,
    Block,
    File,
    FileId,
    Image,
    Inline,
    Mark,
    Message,
    Opaque,
    Refusal,
    Request,
    State,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Url,
)
from polyglot_cloud.rows import Quirks

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "sig"}
REDACTED = {"type": "redacted_thinking", "data": "opaque"}


def answered(*blocks: Block) -> Written:
    """A conversation whose second turn is these blocks of the assistant."""
    return write(Request("m", [said("user", "a"), Message("assistant", list(blocks)), said("user", "b")]), Quirks())


def second(written: Written) -> list[Body]:
    content: list[Body] = written.body["messages"][1]["content"]
    return content


@pytest.mark.parametrize("id_", ["toolu_01A-z", "call_1", "a" * 200])
def test_trap_14_good_ids_stay(id_: str) -> None:
    assert tool_id(id_) == id_


@pytest.mark.parametrize("id_", ["", "call 1", "functions.weather:0", "ünï", "a\n", "\ud800"])
def test_trap_14_bad_ids_are_rewritten_alike_in_call_and_result(id_: str) -> None:
    turns = [said("user", "a"), said("assistant", call(id_)), said("user", result(id_))]
    written = write(Request("m", turns, tools=[Tool("weather")])).body["messages"]
    used, answered_to = written[1]["content"][0]["id"], written[2]["content"][0]["tool_use_id"]
    assert used == answered_to == tool_id(id_)
    assert re.fullmatch(r"toolu_[0-9a-f]{24}", used)


def test_trap_14_rewritten_ids_differ() -> None:
    assert tool_id("a b") != tool_id("a  b")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        ("  ", {}),
        ("{}", {}),
        ('{"city":"Zürich","n":[1,2.5,null]}', {"city": "Zürich", "n": [1, 2.5, None]}),
        ('{"big":123456789012345678901234567890}', {"big": 123456789012345678901234567890}),
    ],
)
def test_trap_16_arguments_become_an_object(text: str, value: Body) -> None:
    assert second(answered(call("t1", arguments=text))) == [
        {"type": "tool_use", "id": "t1", "name": "weather", "input": value}
    ]


@pytest.mark.parametrize("text", ["{", "[]", '"text"', "1", "null", "{'a': 1}", '{"a": NaN}'])
def test_trap_16_arguments_that_are_no_object_are_refused_by_place(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        answered(Text("x"), call("t1"), call("t2", arguments=text))
    assert caught.value.param == "messages[1].tool_calls[1].function.arguments"
    assert caught.value.param in caught.value.message


def test_calls_of_custom_tools_are_refused() -> None:
    with pytest.raises(Unsupported) as caught:
        answered(ToolCall("t1", "shell", "ls", kind="custom"))
    assert caught.value.param == "messages[1].tool_calls[0]"


def test_tool_results() -> None:
    png = "iVBORw0KGgoAAAANSUhEUg=="
    blocks: list[Block] = [
        ToolResult("t1", [Text("18 degrees"), Text(" ")]),
        ToolResult("t2", [], is_error=True),
        ToolResult("t3", [Image(Inline("image/png", png)), File(FileId("file_1"))]),
    ]
    written = write(Request("m", [Message("user", blocks)])).body["messages"][0]["content"]
    assert written == [
        {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "18 degrees"}]},
        {"type": "tool_result", "tool_use_id": "t2", "is_error": True},
        {
            "type": "tool_result",
            "tool_use_id": "t3",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}},
                {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
            ],
        },
    ]


@pytest.mark.parametrize(
    "blocks",
    [
        [Audio(Inline("audio/wav", "UklGRg=="))],
        [Thinking("hm")],
        [call("t1")],
        [Refusal("no")],
        [ToolResult("t1", [Audio(Url("https://example.org/a.wav"))])],
        [Opaque("openai_responses", {"type": "web_search_call"})],
    ],
)
def test_trap_10_what_a_user_turn_cannot_carry_is_refused(blocks: list[Block]) -> None:
    with pytest.raises(Unsupported, match=r"messages\[0\]") as caught:
        write(request(*blocks))
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    "block",
    [
        Image(Url("https://example.org/a.png")),
        File(FileId("file_1")),
        Audio(Url("https://example.org/a.wav")),
        result("t1"),
    ],
)
def test_trap_10_what_an_assistant_turn_cannot_carry_is_refused(block: Block) -> None:
    with pytest.raises(Unsupported, match=r"messages\[1\]") as caught:
        answered(block)
    assert caught.value.param == "messages"


def test_refusals_go_back_as_text() -> None:
    written = answered(Refusal("I will not."), Refusal(" "))
    assert second(written) == [{"type": "text", "text": "I will not."}]
    assert lost(written) == [("/messages/1", "approximated")]


def test_a_blank_refusal_is_no_loss() -> None:
    assert answered(Text("x"), Refusal(" ")).losses == []


@pytest.mark.parametrize(
    "turn",
    [
        said("system", "x", Text(" ", mark=Mark())),
        said("user", "x", Text("", mark=Mark())),
        said("assistant", "x", Text("\n", mark=Mark())),
        said("assistant", "x", Text("", mark=Mark("1h")), call("t1")),
        said("user", ToolResult("t1", [Text("x"), Text(" ", mark=Mark())])),
    ],
)
def test_trap_38_a_mark_on_a_text_that_is_left_out_is_lost_aloud(turn: Message) -> None:
    written = write(Request("m", [said("user", "a"), turn, said("user", "b")], tools=[Tool("weather")]))
    told = [(loss.pointer, loss.kind) for loss in written.losses if "cache mark" in loss.reason]
    assert told == [("/messages/1", "dropped")]
    assert "cache_control" not in str(written.body)


def test_trap_38_a_mark_on_thinking_is_lost_aloud() -> None:
    written = answered(Thinking("hm", state=State(THOUGHT, "anthropic", MODEL), mark=Mark()), Text("x"))
    assert second(written)[0] == THOUGHT
    assert "cache mark" in reasons(written.losses)


def test_annotations_are_lost() -> None:
    cited = Text("x", annotations=[{"type": "url_citation"}])
    assert lost(answered(cited)) == [("/messages/1/annotations", "dropped")]


@pytest.mark.parametrize("raw", [THOUGHT, REDACTED, {**THOUGHT, "thinking": ""}])
def test_trap_22_own_thinking_goes_back_verbatim(raw: Body) -> None:
    written = answered(Thinking("hm", state=State(raw, "anthropic", MODEL)), Text("x"))
    assert second(written)[0] == raw
    assert written.losses == []


@pytest.mark.parametrize(
    "state",
    [
        None,
        State(THOUGHT),
        State(THOUGHT, "anthropic", "claude-other"),
        State(THOUGHT, "gemini", MODEL),
        State({"type": "text", "text": "smuggled"}, "anthropic", MODEL),
        State({}, "anthropic", MODEL),
        State({"type": []}, "anthropic", MODEL),
    ],
)
def test_trap_23_foreign_or_stateless_thinking_stays_behind(state: State | None) -> None:
    written = answered(Thinking("hm", state=state), Text("x"))
    assert second(written) == [{"type": "text", "text": "x"}]
    assert lost(written) == [("/messages/1", "dropped")]
