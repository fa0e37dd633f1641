from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialects.openai_responses.replies import (
    event,
    function_call,
    grammar_faults,
    message,
    output_text,
    play,
    read,
    reply,
)
from polyglot_cloud import sse, wire
from polyglot_cloud.dialects.openai_responses import DIALECT
from polyglot_cloud.dialects.openai_responses.stream import _HANDLERS
from polyglot_cloud.neutral import (
    ArgumentsDelta,
    Block,
    Closed,
    Event,
    Failed,
    Finished,
    Metered,
    Opaque,
    Opened,
    Refusal,
    Started,
    State,
    StateDelta,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    Usage,
    collect,
)

CREATED = event("response.created", response=reply(status="in_progress"))
DONE = event("response.completed", response=reply())


def completed(*output: dict[str, Any], **more: Any) -> bytes:
    return event("response.completed", response=reply(*output, **more))


def added(item: dict[str, Any], **where: Any) -> bytes:
    return event("response.output_item.added", item=item, **where)


def done(item: dict[str, Any], **where: Any) -> bytes:
    return event("response.output_item.done", item=item, **where)


def text_delta(text: str, at: int = 0, **more: Any) -> bytes:
    return event("response.output_text.delta", output_index=at, content_index=0, delta=text, **more)


def shown(*pieces: bytes, within: bytes = CREATED) -> list[Event]:
    """The events of a stream between its start and its end, in good grammar."""
    events = play(within + b"".join(pieces))
    assert grammar_faults(events) == []
    return events


def folded(*pieces: bytes) -> list[Block]:
    return collect(shown(*pieces)).choices[0].blocks


def test_a_short_stream_event_by_event() -> None:
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    pieces = (text_delta("Hel"), text_delta("lo"), completed(message("Hello"), usage=usage))
    index = 0
    assert shown(*pieces) == [
        Started("resp_1", "m", 1795305600),
        Opened(index, Text("")),
        TextDelta(index, "Hel"),
        TextDelta(index, "lo"),
        Closed(index),
        Metered(Usage(1, 2)),
        Finished("stop"),
    ]


def test_a_delta_is_passed_on_when_it_comes() -> None:
    reader = DIALECT.reader()
    assert len(reader.feed(sse.parse(CREATED))) == 1
    assert TextDelta(0, "a") in reader.feed(sse.parse(text_delta("a")))
    assert reader.feed(sse.parse(text_delta(""))) == []


def test_trap_15_blocks_open_side_by_side_and_close_in_any_order() -> None:
    first, second = function_call(id="a", call_id="A"), function_call(id="b", call_id="B")
    events = shown(
        added(second | {"arguments": ""}, output_index=1),
        added(first | {"arguments": ""}, output_index=0),
        done(second, output_index=1),
        done(first, output_index=0),
        completed(first, second),
    )
    assert [call.id for call in collect(events).choices[0].blocks if isinstance(call, ToolCall)] == ["A", "B"]
    assert [type(each) for each in events[1:4]] == [Opened, Opened, ArgumentsDelta]
    assert events[-1] == Finished("tool_calls")


@pytest.mark.parametrize(
    "told",
    [
        [done(message("Hello"), output_index=0)],
        [event("response.output_text.done", output_index=0, content_index=0, text="Hello")],
        [event("response.content_part.done", output_index=0, content_index=0, part=output_text("Hello"))],
        [text_delta("Hel"), event("response.output_text.done", output_index=0, content_index=0, text="Hello")],
        [text_delta("Hel"), done(message("Hello"))],
        [text_delta("Hello"), done(message("Hello"), output_index=0), done(message("Hello"), output_index=0)],
        [],
    ],
)
@pytest.mark.parametrize("end", [completed(message("Hello")), completed(message("Hello", id="another"))])
def test_a_text_that_is_told_whole_anywhere_arrives_once(told: list[bytes], end: bytes) -> None:
    assert folded(*told, end) == [Text("Hello")]


def test_what_the_terminal_event_leaves_out_stays() -> None:
    """Seen at proxies: a terminal event with an empty output."""
    assert folded(text_delta("Hello"), DONE) == [Text("Hello")]
    assert shown(added(function_call(), output_index=0), DONE)[-1] == Finished("tool_calls")


@pytest.mark.parametrize(
    "told",
    [
        [added(function_call(), output_index=0)],
        [done(function_call(), output_index=0)],
        [
            added(function_call(name=None, arguments=""), output_index=0),
            event("response.function_call_arguments.delta", output_index=0, delta="{}"),
            event("response.function_call_arguments.done", output_index=0, arguments="{}"),
        ],
        [
            added(function_call(arguments=""), output_index=0),
            event("response.function_call_arguments.delta", output_index=0, delta="{"),
            event("response.function_call_arguments.delta", output_index=0, delta=""),
            event("response.function_call_arguments.done", output_index=0, arguments="{}"),
        ],
    ],
)
def test_a_call_that_is_told_whole_anywhere_arrives_once(told: list[bytes]) -> None:
    assert folded(*told, completed(function_call())) == [ToolCall("call_1", "look", "{}")]


def test_refusal_texts_that_come_whole() -> None:
    refused = message({"type": "refusal", "refusal": "I can't"})
    where = {"output_index": 0, "content_index": 0}
    for told in (
        [event("response.refusal.delta", **where, delta="I "), event("response.refusal.delta", **where, delta="")],
        [event("response.refusal.done", **where, refusal="I can't")],
        [],
    ):
        assert folded(*told, completed(refused)) == [Refusal("I can't")]


def test_an_event_without_an_index_is_for_its_id_or_for_the_newest_item() -> None:
    first, second = message("ab", id="x"), message("cd", id="y")
    pieces = [
        added(first | {"content": []}),
        event("response.output_text.delta", delta="a"),
        added(second | {"content": []}),
        event("response.output_text.delta", delta="c"),
        event("response.output_text.delta", delta="b", item_id="x"),
        event("response.output_text.delta", delta="d", item_id="unknown"),
    ]
    assert folded(*pieces, completed(first, second)) == [Text("ab"), Text("cd")]


def test_terminal_items_are_matched_by_id_before_their_place() -> None:
    """Recorded: output_index 0 and 2, the terminal event's list without the item between them."""
    first, second = message("a", id="x"), message("b", id="y")
    pieces = [done(first, output_index=0), text_delta("b", 2, item_id="y")]
    assert folded(*pieces, completed(first, second)) == [Text("a"), Text("b")]
    assert folded(done(second, output_index=1), completed(first, second)) == [Text("a"), Text("b")]
    assert folded(done(second, output_index=0), completed(second, first)) == [Text("b"), Text("a")]


def test_a_terminal_item_whose_place_is_taken_goes_to_the_end() -> None:
    first, second = message("a", id="x"), message("b", id="y")
    assert folded(done(second, output_index=0), completed(first, second)) == [Text("b"), Text("a")]


def test_a_stream_of_nothing_but_its_terminal_event() -> None:
    body = reply(message("a"), function_call(), usage={"input_tokens": 1})
    events = play(event("response.completed", response=body))
    assert grammar_faults(events) == []
    assert collect(events) == read(body)


def test_a_stream_without_a_start_gets_one() -> None:
    assert shown(text_delta("a"), DONE, within=b"")[0] == Started("", "")


def test_trap_22_summary_parts_are_paragraphs_and_state_comes_with_the_finished_item() -> None:
    item = {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text} for text in ("one", "", "two", "three")],
        "encrypted_content": "gAAAA",
    }
    pieces = [
        added({"id": "rs_1", "type": "reasoning", "summary": []}, output_index=0),
        event("response.reasoning_summary_part.added", output_index=0, summary_index=0),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="one"),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=2, delta="t"),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=2, delta="wo"),
        event("response.reasoning_summary_text.done", output_index=0, summary_index=2, text="two"),
        done(item, output_index=0),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=3, delta="too late"),
    ]
    events = shown(*pieces, completed(item))
    assert collect(events).choices[0].blocks == [Thinking("one\n\ntwo\n\nthree", state=State(item))]
    assert [each for each in events if isinstance(each, StateDelta)] == [StateDelta(0, State(item))]


def test_raw_reasoning_of_open_weights() -> None:
    item = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm, hm"}]}
    pieces = [
        event("response.reasoning_text.delta", output_index=0, content_index=0, delta="hm, "),
        event("response.reasoning_text.done", output_index=0, content_index=0, text="hm, hm"),
        event(
            "response.content_part.done",
            output_index=0,
            content_index=0,
            part={"type": "reasoning_text", "text": "hm, hm"},
        ),
    ]
    assert folded(*pieces, completed(item)) == [Thinking("hm, hm")]


def test_annotations_and_logprobs_that_come_late_or_twice() -> None:
    cite = {"type": "file_citation", "file_id": "f"}
    odds = {"token": "a", "logprob": -0.5}
    whole = message(output_text("ab", annotations=[cite, cite], logprobs=[odds, odds]))
    pieces = [
        text_delta("a", logprobs=[odds]),
        event("response.output_text.annotation.added", output_index=0, content_index=0, annotation=cite),
        event("response.output_text.annotation.added", output_index=0, content_index=0, annotation=None),
        event("response.content_part.done", output_index=0, content_index=0, part=whole["content"][0]),
        event("response.output_text.annotation.added", output_index=0, content_index=0, annotation=cite),
    ]
    cited = [cite]  # the one of null was counted: what is missing cannot be told from it
    [block] = folded(*pieces, completed(whole))
    assert isinstance(block, Text)
    assert (block.text, block.annotations) == ("ab", cited)
    assert [each["token"] for each in block.logprobs or []] == ["a", "a"]
    assert folded(completed(whole)) == read(reply(whole)).choices[0].blocks


def test_what_only_this_dialect_has_comes_whole() -> None:
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
    pieces = [
        added(search | {"status": "in_progress"}, output_index=0),
        event("response.web_search_call.searching", output_index=0, item_id="ws_1"),
        done(search, output_index=0),
    ]
    block = Opaque("openai_responses", search, state=State({}))
    for told in (pieces, pieces[:1], []):
        events = shown(*told, completed(search))
        assert [each for each in events if isinstance(each, Opened)] == [Opened(0, block)]


def test_steps_of_a_hosted_search_are_no_calls_for_the_client() -> None:
    step = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "xs_1", "name": "x_keyword_search", "input": "{}"}
    start = event("response.created", response=reply(tools=[{"type": "x_search"}]))
    pieces = [
        added(step | {"input": ""}, output_index=0),
        event("response.custom_tool_call_input.delta", output_index=0, delta="{}"),
        done(step, output_index=0),
    ]
    events = shown(*pieces, completed(step), within=start)
    assert collect(events).choices[0].blocks == [Opaque("openai_responses", step, state=State({}))]
    assert events[-1] == Finished("stop")


@pytest.mark.parametrize(
    ("details", "finished"),
    [
        ({"reason": "max_output_tokens"}, Finished("length")),
        ({"reason": "content_filter"}, Finished("content_filter")),
        ({"reason": "max_prompt_tokens"}, Finished("length", "max_prompt_tokens")),
    ],
)
def test_trap_27_incomplete(details: dict[str, str], finished: Finished) -> None:
    body = reply(message("a"), status="incomplete", incomplete_details=details)
    assert shown(event("response.incomplete", response=body))[-1] == finished


def test_an_item_that_turns_into_another_kind_keeps_what_was_shown() -> None:
    assert folded(text_delta("a"), done({"type": "web_search_call"}, output_index=0), DONE) == [Text("a")]
    assert folded(text_delta("a"), done(function_call(), output_index=0), DONE) == [Text("a")]


def test_a_type_that_only_the_event_line_names() -> None:
    body = {"response": reply(message("a"), incomplete_details={"reason": "content_filter"})}
    assert shown(sse.encode(wire.encode(body), "response.incomplete"))[-1] == Finished("content_filter")


# --- ends ---


@pytest.mark.parametrize(
    ("piece", "failed"),
    [
        (
            event(
                "response.failed", response=reply(status="failed", error={"code": "server_error", "message": "oops"})
            ),
            Failed("oops", 500, None, "server_error"),
        ),
        (
            event("error", code="rate_limit_exceeded", message="slow", param=None, sequence_number=3),
            Failed("slow", 429, None, "rate_limit_exceeded"),
        ),
        (
            event("error", error={"type": "insufficient_quota", "code": "insufficient_quota", "message": "no money"}),
            Failed("no money", 429, "insufficient_quota", "insufficient_quota"),
        ),
        (
            b'event: error\ndata: {"code":"invalid_prompt","message":"no"}\n\n',
            Failed("no", 400, None, "invalid_prompt"),
        ),
        (b'data: {"error":{"message":"gone","type":"server_error"}}\n\n', Failed("gone", 500, "server_error", None)),
        (
            event("response.failed", response=None),
            Failed("The provider reported a failure and did not say why.", 502, None, None),
        ),
    ],
)
def test_trap_29_and_40_failures_in_band(piece: bytes, failed: Failed) -> None:
    events = shown(text_delta("a"), piece, text_delta("more"), DONE)
    assert events[-1] == failed
    assert collect(events).choices[0].finish is None


def test_usage_of_a_failed_response_is_told() -> None:
    body = reply(status="failed", error=None, usage={"input_tokens": 7})
    assert Metered(Usage(7)) in shown(event("response.failed", response=body))


@pytest.mark.parametrize(
    "rest", [b"", b"data: [DONE]\n\n", b"data: {bad json\n\n", b": keep-alive\n\n", b"data: 5\n\n"]
)
def test_trap_40_a_stream_without_its_terminal_event_failed(rest: bytes) -> None:
    last = shown(text_delta("a"), rest)[-1]
    assert isinstance(last, Failed)
    assert (last.status, last.code) == (502, "provider_broken_reply")


def test_trap_40_done_after_the_terminal_event_is_tolerated() -> None:
    assert shown(DONE, b"data: [DONE]\n\n")[-1] == Finished("stop")


def test_close_is_said_once() -> None:
    reader = DIALECT.reader()
    assert len(reader.close()) == 1
    assert reader.close() == []
    assert reader.feed(sse.parse(DONE)) == []


def test_unknown_events_are_skipped() -> None:
    assert len(shown(event("response.hologram.delta", delta="x"), event("ping"), DONE)) == 2


# --- anything at all ---

SCALARS = (
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["", "a", "ab", "rs_1", "x_search", "message"])
)
PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["output_text", "refusal", "summary_text", "reasoning_text", "x"])},
    optional={
        "text": SCALARS,
        "refusal": SCALARS,
        "annotations": st.lists(st.just({"type": "a"})),
        "logprobs": SCALARS,
    },
)
ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "function_call", "custom_tool_call", "reasoning", "web_search_call"])},
    optional={
        "id": SCALARS,
        "call_id": SCALARS,
        "name": SCALARS,
        "arguments": SCALARS,
        "input": SCALARS,
        "content": st.lists(PARTS, max_size=3) | SCALARS,
        "summary": st.lists(PARTS, max_size=3) | SCALARS,
        "encrypted_content": SCALARS,
    },
)
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(set(_HANDLERS) - {"error", "response.failed"}))},
    optional={
        "output_index": st.integers(0, 2) | SCALARS,
        "content_index": st.integers(0, 2),
        "summary_index": SCALARS,
        "item_id": SCALARS,
        "delta": SCALARS,
        "text": SCALARS,
        "refusal": SCALARS,
        "arguments": SCALARS,
        "logprobs": SCALARS,
        "annotation": st.just({"type": "a"}) | SCALARS,
        "part": PARTS | SCALARS,
        "item": ITEMS | SCALARS,
        "response": st.fixed_dictionaries(
            {"output": st.lists(ITEMS, max_size=3)}, optional={"tools": SCALARS, "usage": SCALARS}
        )
        | SCALARS,
        "error": SCALARS,
    },
)


@given(st.lists(EVENTS, max_size=12))
@settings(max_examples=200, deadline=None, database=None)
def test_any_events_keep_the_grammar(events: list[dict[str, Any]]) -> None:
    seen = play(
        b"".join(
            event(each["type"], **{name: value for name, value in each.items() if name != "type"}) for each in events
        )
    )
    assert grammar_faults(seen) == []
    collect(seen)


@given(st.lists(st.binary(max_size=40), max_size=5))
@settings(max_examples=50, deadline=None, database=None)
def test_any_bytes_end_in_failure(pieces: list[bytes]) -> None:
    assert isinstance(play(b"\n\n".join(pieces))[-1], Failed)


def test_an_event_that_is_no_json_is_a_failure_at_once() -> None:
    reader = DIALECT.reader()
    (failed,) = reader.feed(
        sse.parse(b'event: response.completed\ndata: {"type":"response.completed","response":{}\n\n')
    )
    assert isinstance(failed, Failed)
    assert reader.close() == []
