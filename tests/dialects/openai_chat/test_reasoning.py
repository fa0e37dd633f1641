"""State goes out with an answer and comes back with the client's copy of it."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.openai_chat.chunks import CONTEXT, fold, write
from polyglot_cloud import wire
from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.dialects.openai_chat.reasoning import restore
from polyglot_cloud.neutral import (
    ArgumentsDelta,
    Block,
    Choice,
    Closed,
    Event,
    Finished,
    Mark,
    Opaque,
    Opened,
    Refusal,
    RefusalDelta,
    Response,
    Started,
    State,
    StateDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
)


def state(n: int = 1) -> State:
    return State({"signature": f"s{n}"}, "p", "m")


TURNS: dict[str, list[Block]] = {
    "thinking before a call": [Thinking("hm", state=state()), Text("I look."), ToolCall("a", "f", "{}")],
    "a signature on a call": [Thinking("hm"), Text("I look."), ToolCall("a", "f", "{}", state=state())],
    "the first of two calls": [ToolCall("a", "f", "{}", state=state()), ToolCall("b", "f", "{}")],
    "the second of two calls": [ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}", state=state())],
    "redacted thinking": [Thinking("", state=state(1)), Thinking("b", state=state(2)), Text("x")],
    "thinking between calls": [
        Thinking("1", state=state(1)),
        ToolCall("a", "f", "{}"),
        Thinking("2", state=state(2)),
        ToolCall("b", "f", "{}"),
    ],
    "text between calls": [Thinking("1", state=state()), Text("x"), ToolCall("a", "f", "{}"), Text("y")],
    "a text with a signature": [Text("äöü", state=state())],
    "an empty last text with a signature": [Text("x😀"), Text("", state=state())],
    "only an empty text with a signature": [Text("", state=state())],
    "several texts": [Text("a"), Text("b", state=state()), Text("c")],
    "thinking without and with state": [Thinking("1"), Thinking("2", state=state()), Text("x")],
    "an opaque block": [Text("x"), Opaque("anthropic", {"type": "server_tool_use", "id": "s"}), Text("y")],
    "an opaque block with state": [Opaque("gemini", {"executableCode": {}}, state=state()), Text("y")],
    "a refusal after thinking": [Thinking("1", state=state()), Refusal("no")],
    "a refusal in an odd place": [Refusal("no"), Thinking("1", state=state()), Text("x")],
    "a custom call": [Thinking("1", state=state()), ToolCall("c", "q", "SELECT", "custom")],
    "nothing but reasoning": [Thinking("1", state=state())],
}


def answered(message: dict[str, Any]) -> list[Block]:
    """What the client's next request says of that turn."""
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in message.get("tool_calls", [])]
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}, message, *results]}
    assert DIALECT.read_request
    return DIALECT.read_request(wire.decode(wire.encode(body))).messages[1].blocks


def shown(blocks: list[Block]) -> dict[str, Any]:
    assert DIALECT.write_response
    response = Response("c", "m", [Choice(blocks, "stop")])
    message: dict[str, Any] = DIALECT.write_response(response, CONTEXT).body["choices"][0]["message"]
    return message


def streamed(blocks: list[Block]) -> dict[str, Any]:
    events: list[Event] = [Started("c", "m")]
    for index, block in enumerate(blocks):
        events += _events(index, block)
    return fold(write(*events, Finished("stop")))


def _events(index: int, block: Block) -> list[Event]:
    skeleton = deepcopy(block)
    skeleton.state = None
    delta: list[Event] = []
    match block:
        case Text(text):
            skeleton, delta = Text(""), [TextDelta(index, text[:1]), TextDelta(index, text[1:])]
        case Thinking(text):
            skeleton, delta = Thinking(""), [ThinkingDelta(index, text)]
        case Refusal(text):
            skeleton, delta = Refusal(""), [RefusalDelta(index, text)]
        case ToolCall(id_, name, arguments, kind):
            skeleton, delta = ToolCall(id_, name, "", kind), [ArgumentsDelta(index, arguments)]
        case _:
            pass
    signed: list[Event] = [StateDelta(index, block.state)] if block.state else []
    return [Opened(index, skeleton), *delta, *signed, Closed(index)]


@pytest.mark.parametrize("blocks", TURNS.values(), ids=TURNS)
def test_a_turn_comes_back_block_by_block(blocks: list[Block]) -> None:
    assert answered(shown(blocks)) == blocks
    assert answered(streamed(blocks)) == blocks


def test_a_whole_and_a_streamed_answer_carry_the_same_list() -> None:
    for blocks in TURNS.values():
        assert shown(blocks)["reasoning_details"] == streamed(blocks)["reasoning_details"]


PIECES = st.one_of(
    st.builds(Text, st.text(min_size=1, max_size=3)),
    st.builds(lambda n: Text("t", state=state(n)), st.integers(0, 3)),
    st.builds(lambda text, n: Thinking(text, state=state(n)), st.text(max_size=3), st.integers(0, 3)),
    st.builds(lambda n: ToolCall(str(n), "f", "{}"), st.integers(0, 99)),
    st.builds(lambda n: ToolCall(str(n), "f", "{}", state=state(n)), st.integers(100, 199)),
    st.builds(lambda n: Opaque("anthropic", {"n": n}), st.integers(0, 3)),
)


@given(st.lists(PIECES, max_size=7, unique_by=lambda block: getattr(block, "id", id(block))))
def test_any_turn_with_state_comes_back(blocks: list[Block]) -> None:
    turn = [*blocks, Thinking("end", state=state())]
    assert answered(shown(turn)) == turn
    assert answered(streamed(turn)) == turn


@pytest.mark.parametrize("blocks", TURNS.values(), ids=TURNS)
def test_a_client_that_drops_the_list_loses_nothing_else(blocks: list[Block]) -> None:
    message = shown(blocks)
    del message["reasoning_details"]
    back = answered(message)
    assert not any(block.state for block in back)
    for kind in (Text, Refusal):
        assert _text(back, kind) == _text(blocks, kind)
    assert _calls(back) == _calls(blocks)


def _text(blocks: list[Block], kind: type[Text] | type[Refusal]) -> str:
    return "".join(block.text for block in blocks if isinstance(block, kind))


def _calls(blocks: list[Block]) -> list[tuple[str, str, str]]:
    return [(block.id, block.name, block.arguments) for block in blocks if isinstance(block, ToolCall)]


def test_an_answer_without_state_carries_no_list() -> None:
    assert "reasoning_details" not in shown([Thinking("hm"), Text("x"), ToolCall("a", "f", "{}")])
    assert "reasoning_details" not in streamed([Thinking("hm"), Text("x"), ToolCall("a", "f", "{}")])


def test_only_what_is_needed_is_listed() -> None:
    details = shown(TURNS["thinking before a call"])["reasoning_details"]
    assert details == [
        {"type": "thinking", "index": 0, "provider": "p", "model": "m", "data": {"signature": "s1"}, "text": "hm"}
    ]


def test_whose_state_it_is_is_filled_in() -> None:
    (entry,) = shown([Thinking("hm", state=State({"s": 1}))])["reasoning_details"]
    assert (entry["provider"], entry["model"]) == ("p", "m")


def test_a_changed_text_loses_its_state_and_keeps_its_place() -> None:
    message = shown(TURNS["text between calls"])
    message["content"] = "edited"
    assert answered(message) == [Thinking("1", state=state()), Text("edited"), ToolCall("a", "f", "{}")]


def test_a_dropped_call_is_gone() -> None:
    message = shown([Thinking("1", state=state()), Text("x"), ToolCall("a", "f", "{}", state=state(2))])
    del message["tool_calls"]
    assert answered(message) == [Thinking("1", state=state()), Text("x")]


def test_content_as_parts_and_a_mark_on_the_last() -> None:
    message = shown(TURNS["several texts"])
    message["content"] = [{"type": "text", "text": "abc", "cache_control": {"type": "ephemeral"}}]
    assert answered(message) == [Text("a"), Text("b", state=state()), Text("c", mark=Mark())]


@pytest.mark.parametrize(
    "details",
    [
        "x",
        {"type": "thinking"},
        [None, 3, "x"],
        [{"type": "reasoning.text", "index": 0, "text": "another gateway's"}],
        [{"type": "thinking", "thinking": "another gateway's", "signature": "s"}],
        [{"type": "text", "index": 0}],
        [{"type": "text", "index": 0, "offset": 0, "length": "all"}],
        [{"type": "text", "index": 0, "offset": 0, "length": -1}],
        [{"type": "text", "index": 0, "offset": 5, "length": 1}],
        [{"type": "tool_call", "index": 0, "id": ["a"], "data": {}}],
        [{"type": "opaque", "index": 0, "data": "x"}],
    ],
)
def test_entries_that_are_not_ours_are_passed_over(details: Any) -> None:
    calls = [ToolCall("a", "f", "{}")]
    assert restore(details, "hm", [Text("x")], calls) == [Thinking("hm"), Text("x"), *calls]


def test_state_without_an_owner_is_none() -> None:
    details = [{"type": "thinking", "index": 0, "data": {"s": 1}, "text": 5}]
    assert restore(details, "hm", [], []) == [Thinking("")]


def test_a_far_index_costs_nothing() -> None:
    details = [{"type": "thinking", "index": 10**12, "text": "t"}]
    assert restore(details, "", [Text("x")], []) == [Text("x"), Thinking("t")]
