from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialects.anthropic.streams import read, wire
from polyglot_cloud.dialects.anthropic.stream import Reader
from polyglot_cloud.neutral import (
    Annotated,
    ArgumentsDelta,
    Closed,
    Event,
    Failed,
    Finished,
    Metered,
    Opaque,
    Opened,
    Started,
    State,
    StateDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    Usage,
    collect,
)
from polyglot_cloud.sse import parse

Row = dict[str, Any]
START: Row = {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 9}}}
STOP: Row = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
END: Row = {"type": "message_stop"}


def opens(block: Row, index: int = 0) -> Row:
    return {"type": "content_block_start", "index": index, "content_block": block}


def adds(index: int = 0, **delta: Any) -> Row:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def closes(index: int = 0) -> Row:
    return {"type": "content_block_stop", "index": index}


def inside(*rows: Row) -> list[Event]:
    """Events of these rows in the middle of a sound stream."""
    events = read([wire(START, *rows, STOP, END)])
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    return events[2:-2]


def test_whole_stream() -> None:
    rows = [START, opens({"type": "text", "text": ""}), adds(type="text_delta", text="Hello"), closes(), STOP, END]
    assert read([wire(*rows)]) == [
        Started("msg_1", "claude"),
        Metered(Usage(9)),
        Opened(0, Text("")),
        TextDelta(0, "Hello"),
        Closed(0),
        Metered(Usage(9, 5)),
        Finished("stop"),
    ]


def test_text_that_begins_with_its_block() -> None:
    events = inside(opens({"type": "text", "text": "He"}), adds(type="text_delta", text="llo"), closes())
    assert events[1:3] == [TextDelta(0, "He"), TextDelta(0, "llo")]


def test_empty_deltas_are_no_events() -> None:
    rows = [
        opens({"type": "text"}),
        adds(type="text_delta", text=""),
        adds(type="thinking_delta", thinking="x"),
        closes(),
    ]
    assert inside(*rows) == [Opened(0, Text("")), Closed(0)]


def test_citations_wait_for_the_end_of_their_text() -> None:
    web = {"url": "https://example.org", "title": "T"}
    first = {"type": "char_location", "document_index": 0}
    events = inside(
        opens({"type": "text", "text": "ab", "citations": [first]}),
        adds(type="citations_delta", citation=web),
        adds(type="text_delta", text="cde"),
        closes(),
    )
    place = {"start_index": 0, "end_index": 5, "title": "T", "url": "https://example.org"}
    assert events[-3:] == [
        Annotated(0, first),
        Annotated(0, {"type": "url_citation", "url_citation": place}),
        Closed(0),
    ]


def test_trap_22_thinking_ends_with_its_whole_block_as_state() -> None:
    events = inside(
        opens({"type": "thinking", "thinking": "", "signature": ""}),
        adds(type="thinking_delta", thinking="Let me "),
        adds(type="thinking_delta", thinking="see."),
        adds(type="signature_delta", signature="sig"),
        closes(),
    )
    assert events == [
        Opened(0, Thinking("")),
        ThinkingDelta(0, "Let me "),
        ThinkingDelta(0, "see."),
        StateDelta(0, State({"type": "thinking", "thinking": "Let me see.", "signature": "sig"})),
        Closed(0),
    ]


def test_thinking_that_begins_with_its_block_and_has_no_signature() -> None:
    events = inside(opens({"type": "thinking", "thinking": "hm"}), closes())
    assert events == [Opened(0, Thinking("")), ThinkingDelta(0, "hm"), Closed(0)]


def test_trap_22_redacted_thinking_comes_whole() -> None:
    raw = {"type": "redacted_thinking", "data": "d"}
    events = inside(opens(raw), adds(type="thinking_delta", thinking="x"), closes())
    assert events == [Opened(0, Thinking("")), StateDelta(0, State(raw)), Closed(0)]


USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}


@pytest.mark.parametrize(
    ("given_input", "parts", "expected"),
    [
        ({}, [], []),
        ({}, [""], []),
        ({}, ["", '{"a":', "1}"], ['{"a":', "1}"]),
        ({"a": 1}, [], ['{"a":1}']),
        ({"a": 1}, ['{"a": 1}'], ['{"a": 1}']),
        (None, [], []),
    ],
)
def test_trap_15_arguments(given_input: Any, parts: list[str], expected: list[str]) -> None:
    rows = [adds(type="input_json_delta", partial_json=part) for part in parts]
    events = inside(opens({**USE, "input": given_input}), *rows, closes())
    assert events == [
        Opened(0, ToolCall("toolu_1", "weather", "")),
        *[ArgumentsDelta(0, part) for part in expected],
        Closed(0),
    ]


def test_trap_27_a_call_makes_the_finish_tool_calls() -> None:
    assert read([wire(START, opens(USE), closes(), STOP, END)])[-1] == Finished("tool_calls")


def test_stop_sequence_and_detail() -> None:
    delta = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    assert read([wire(START, {**STOP, "delta": delta}, END)])[-1] == Finished("stop", stop_sequence="END")
    refused = {"stop_reason": "refusal", "stop_details": {"explanation": "No."}}
    assert read([wire(START, {**STOP, "delta": refused}, END)])[-1] == Finished("content_filter", "refusal: No.")


@pytest.mark.parametrize(
    ("block", "deltas", "whole"),
    [
        (
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            [{"type": "input_json_delta", "partial_json": '{"q"'}, {"type": "input_json_delta", "partial_json": ":1}"}],
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1}},
        ),
        (
            {"type": "server_tool_use", "input": {}},
            [{"type": "input_json_delta", "partial_json": "{"}],
            {"type": "server_tool_use", "input": "{"},
        ),
        (
            {"type": "compaction", "content": None},
            [{"type": "compaction_delta", "content": "Sum"}, {"type": "compaction_delta", "content": "mary"}],
            {"type": "compaction", "content": "Summary"},
        ),
        ({"type": "fallback", "to": {"model": "m"}}, [], {"type": "fallback", "to": {"model": "m"}}),
    ],
)
def test_the_vendors_own_blocks_open_when_they_are_whole(block: Row, deltas: list[Row], whole: Row) -> None:
    events = inside(opens(block, 3), *[adds(3, **delta) for delta in deltas], closes(3))
    assert events == [Opened(0, Opaque("anthropic", whole, state=State({}))), Closed(0)]


@pytest.mark.parametrize(
    "row",
    [
        {"type": "ping"},
        {"type": "brand_new", "index": 0},
        {"type": None},
        {"type": ["ping"]},
        {"type": "content_block_delta", "index": [0], "delta": {}},
        {"type": "content_block_delta", "index": 0, "delta": None},
        closes(7),
        {"type": "content_block_start", "index": 1, "content_block": None},
    ],
)
def test_trap_40_unknown_and_senseless_events_are_skipped(row: Row) -> None:
    assert inside(opens({"type": "text", "text": ""}), row, closes()) == [Opened(0, Text("")), Closed(0)]


def test_the_name_of_the_event_serves_where_the_data_has_none() -> None:
    raw = b'event: message_start\ndata: {"message": {"id": "m", "model": "c"}}\n\nevent: message_stop\ndata: {}\n\n'
    assert read([raw])[0] == Started("m", "c")


def test_trap_36_usage_is_cumulative() -> None:
    start = {**START, "message": {"usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1}}}
    deltas = [{**STOP, "usage": {"output_tokens": 5}}, {**STOP, "usage": {"output_tokens": 8, "input_tokens": None}}]
    metered = [event.usage for event in read([wire(start, *deltas, END)]) if isinstance(event, Metered)]
    assert metered == [Usage(13, 1, 4), Usage(13, 5, 4), Usage(13, 8, 4)]


def test_stream_without_usage() -> None:
    events = read(
        [wire({"type": "message_start"}, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, END)]
    )
    assert events == [Started("", ""), Finished("stop")]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, 529, "Overloaded"),
        ({"type": "rate_limit_error", "message": "Slower"}, 429, "Slower"),
        ({"type": "api_error", "message": "Oops"}, 500, "Oops"),
        ({"type": "timeout_error", "message": "Slow"}, 504, "Slow"),
        ({"type": "unheard", "message": "Hm"}, 500, "Hm"),
    ],
)
def test_trap_40_an_error_event_fails_the_stream(error: Row, status: int, message: str) -> None:
    events = read([wire(START, {"type": "error", "error": error}, STOP, END)])
    assert events[2:] == [Failed(message, status, error["type"])]


def test_trap_40_error_code_and_missing_message() -> None:
    details = {"type": "rate_limit_error", "message": "x", "details": {"error_code": "ramp_limit_exceeded"}}
    assert read([wire({"type": "error", "error": details})]) == [
        Failed("x", 429, "rate_limit_error", "ramp_limit_exceeded")
    ]
    (failed,) = read([wire({"type": "error"})])
    assert isinstance(failed, Failed)
    assert failed.status == 500
    assert failed.message


@pytest.mark.parametrize("data", [b"{", b"[]", b"1", b'"x"', b"\xff", b'{"type": NaN}', b"[" * 100_000])
def test_data_that_is_no_object_fails_the_stream(data: bytes) -> None:
    events = read([wire(START), b"data: " + data + b"\n\n", wire(STOP, END)])
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.status, failed.code, len(events)) == (502, "provider_broken_reply", 3)


@pytest.mark.parametrize("rows", [[], [START], [START, STOP], [START, END], [START, opens({"type": "text"}), END]])
def test_trap_40_without_its_end_mark_or_reason_a_stream_failed(rows: list[Row]) -> None:
    failed = read([wire(*rows)])[-1]
    assert isinstance(failed, Failed)
    assert (failed.status, failed.type, failed.code) == (502, "upstream_error", "provider_broken_reply")


def test_after_its_end_a_stream_says_nothing() -> None:
    events = read([wire(START, STOP, END, START, END, {"type": "error", "error": {}})])
    assert isinstance(events[-1], Finished)
    assert len(events) == 4


def test_a_repeated_start_says_nothing_new() -> None:
    again = {**START, "message": {"id": "msg_2", "usage": {"input_tokens": 10}}}
    events = read([wire(START, again, STOP, END)])
    assert events[:3] == [Started("msg_1", "claude"), Metered(Usage(9)), Metered(Usage(10))]
    assert isinstance(events[-1], Finished)


def test_two_answers_are_never_spliced() -> None:
    events = read([wire(START, opens(USE), adds(type="input_json_delta", partial_json="{"), START, STOP, END)])
    assert isinstance(events[-1], Failed)
    assert "anew" in events[-1].message
    assert not any(isinstance(event, Finished) for event in events)


CALL = [Opened(1, ToolCall("toolu_1", "weather", "")), Closed(1)]


def test_an_index_that_comes_again_is_another_block() -> None:
    assert inside(opens({"type": "text"}), closes(), opens(USE), closes()) == [Opened(0, Text("")), Closed(0), *CALL]
    assert inside(opens({"type": "text"}), opens(USE), closes()) == [Opened(0, Text("")), Closed(0), *CALL]


def test_events_without_an_index_are_about_the_newest_block() -> None:
    rows = [opens({"type": "text"}), adds(type="text_delta", text="a"), closes(), opens(USE), closes()]
    events = inside(*[{name: value for name, value in row.items() if name != "index"} for row in rows])
    assert events == [Opened(0, Text("")), TextDelta(0, "a"), Closed(0), *CALL]


def test_text_without_its_head_is_told() -> None:
    assert inside(adds(type="text_delta", text="a"), closes()) == [Opened(0, Text("")), TextDelta(0, "a"), Closed(0)]
    events = inside(adds(type="thinking_delta", thinking="t"), adds(type="signature_delta", signature="s"), closes())
    raw = {"type": "thinking", "thinking": "t", "signature": "s"}
    assert events == [Opened(0, Thinking("")), ThinkingDelta(0, "t"), StateDelta(0, State(raw)), Closed(0)]
    assert inside(adds(type="input_json_delta", partial_json="{"), closes()) == []


def test_blocks_that_were_never_closed_are_told_at_the_end() -> None:
    events = read([wire(START, opens({**USE, "input": {"a": 1}}), STOP, END)])
    assert events[-3:] == [ArgumentsDelta(0, '{"a":1}'), Closed(0), Finished("tool_calls")]


def test_closing_twice_says_nothing_more() -> None:
    reader = Reader()
    assert len(reader.close()) == 1
    assert reader.close() == []
    assert reader.feed(parse(wire(START))) == []


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_names = st.sampled_from([
    "type", "index", "content_block", "delta", "message", "usage", "error", "text", "thinking", "signature", "citation",
    "citations", "partial_json", "input", "stop_reason", "content", "id", "name", "details", "cache_creation",
])  # fmt: skip
_types = st.sampled_from([
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "ping",
    "text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "text_delta", "thinking_delta", "signature_delta",
    "citations_delta", "input_json_delta",
])  # fmt: skip
_objects = st.recursive(
    st.dictionaries(_names, _junk | _types | st.integers(0, 2), max_size=5),
    lambda inner: st.dictionaries(_names, inner | _junk | _types | st.integers(0, 2), max_size=5),
    max_leaves=6,
)
_rows = st.builds(lambda kind, row: {**row, "type": kind}, _types, _objects)


@settings(deadline=None)
@given(st.lists(_rows | _objects, max_size=12))
def test_reader_never_raises_and_its_events_always_fold(rows: list[Row]) -> None:
    events = read([wire(*rows)])
    collect(events)
    assert isinstance(events[-1], Failed | Finished)
    assert sum(isinstance(event, Failed | Finished) for event in events) == 1


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_reader_never_raises_on_any_bytes(data: bytes) -> None:
    assert isinstance(read([b"data: " + data])[-1], Failed)
