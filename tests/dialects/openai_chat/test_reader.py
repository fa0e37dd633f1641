from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.cases import Case, each_case, read_stream
from dialects.openai_chat.chunks import DONE, chunk, read, record
from polyglot_cloud import sse
from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.neutral import (
    Annotated,
    ArgumentsDelta,
    Closed,
    Event,
    Failed,
    Finished,
    Metered,
    Opened,
    Refusal,
    RefusalDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    Usage,
    collect,
)

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
STARTED = Started("c1", "up", 9)


def call(
    index: int | None = 0, id_: str | None = None, name: str | None = None, piece: str | None = None
) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", piece)) if value is not None}
    members = {"index": index, "id": id_, "type": "function" if name else None, "function": function}
    return {key: value for key, value in members.items() if value is not None}


def calls(*fragments: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": list(fragments)}


def told(events: list[Event]) -> list[tuple[str, str, str]]:
    blocks = collect(events).choices[0].blocks
    return [(block.id, block.name, block.arguments) for block in blocks if isinstance(block, ToolCall)]


def test_text_usage_and_the_end() -> None:
    events = read(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}, system_fingerprint="fp"),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
        record({"id": "c1", "choices": [], "usage": USAGE, "service_tier": "flex"}),
        DONE,
    )
    assert events == [
        STARTED,
        Opened(0, Text("")),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        Metered(Usage(3, 2, tier="flex")),
        Closed(0),
        Finished("stop"),
    ]


def test_the_tier_may_come_before_the_usage() -> None:
    events = read(chunk({"content": "x"}, service_tier="flex"), chunk({}, "stop", usage=USAGE), DONE)
    assert Metered(Usage(3, 2, tier="flex")) in events


def test_thinking_text_and_calls_follow_each_other() -> None:
    events = read(
        chunk({"reasoning_content": "hm"}),
        chunk({"reasoning": "!"}),
        chunk({"content": "I look."} | calls(call(0, "a", "f", ""))),
        chunk(calls(call(0, piece='{"x"'))),
        chunk(calls(call(0, piece=":1}"))),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert events == [
        STARTED,
        Opened(0, Thinking("")),
        ThinkingDelta(0, "hm"),
        ThinkingDelta(0, "!"),
        Closed(0),
        Opened(1, Text("")),
        TextDelta(1, "I look."),
        Closed(1),
        Opened(2, ToolCall("a", "f", "")),
        ArgumentsDelta(2, '{"x"'),
        ArgumentsDelta(2, ":1}"),
        Closed(2),
        Finished("tool_calls"),
    ]


def test_refusals() -> None:
    events = read(chunk({"refusal": "I can"}), chunk({"refusal": "not."}), chunk({}, "stop"), DONE)
    assert events[1:-1] == [Opened(0, Refusal("")), RefusalDelta(0, "I can"), RefusalDelta(0, "not."), Closed(0)]


@pytest.mark.parametrize(
    "deltas",
    [
        [calls(call(0, "a", "f", '{"x":1}'), call(1, "b", "g", "{}"))],
        [
            calls(call(0, "a", "f", "")),
            calls(call(1, "b", "g", "")),
            calls(call(1, piece="{}"), call(0, piece='{"x":1}')),
        ],
        [calls(call(None, "a", "f", '{"x"')), calls(call(None, piece=":1}")), calls(call(None, "b", "g", "{}"))],
        [calls(call(None, "a", "f", '{"x"')), calls(call(None, "b", "g", "{}")), calls(call(None, "a", None, ":1}"))],
        # hosts that give every call the index 0
        [calls(call(0, "a", "f", '{"x":1}')), calls(call(0, "b", "g", "{}"))],
        [calls(call(0, "a", "f", '{"x"')), calls(call(0, "a", "f", ":1}")), calls(call(0, "b", "g", "{}"))],
    ],
)
def test_parallel_calls_are_kept_apart(deltas: list[dict[str, Any]]) -> None:
    events = read(*(chunk(delta) for delta in deltas), chunk({}, "tool_calls"), DONE)
    assert told(events) == [("a", "f", '{"x":1}'), ("b", "g", "{}")]
    assert events[-1] == Finished("tool_calls")


def test_a_call_without_an_id_gets_one_that_stays() -> None:
    records = [chunk(calls(call(0, None, "f", "{}"), call(1, None, "f", "{}"))), chunk({}, "tool_calls"), DONE]
    first, second = told(read(*records))
    assert first[0].startswith("call_")
    assert first[0] != second[0]
    assert told(read(*records)) == [first, second]


def test_deprecated_calls() -> None:
    events = read(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": "{}"}}),
        chunk({}, "function_call"),
        DONE,
    )
    assert [call[1:] for call in told(events)] == [("f", "{}")]
    assert events[-1] == Finished("tool_calls")


def test_custom_calls() -> None:
    head = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "q", "input": ""}}
    events = read(
        chunk(calls(head)), chunk(calls({"index": 0, "custom": {"input": "SELECT"}})), chunk({}, "tool_calls"), DONE
    )
    assert collect(events).choices[0].blocks == [ToolCall("c", "q", "SELECT", "custom")]


@pytest.mark.parametrize(
    ("word", "calling", "reason", "detail"),
    [
        ("stop", False, "stop", None),
        ("stop", True, "tool_calls", None),
        ("tool_calls", False, "stop", None),
        ("length", True, "length", None),
        ("content_filter", True, "content_filter", None),
        ("max_tokens", False, "length", "max_tokens"),
        ("end_turn", False, "stop", "end_turn"),
        ("", True, "tool_calls", None),
        (None, False, "stop", None),
        (None, True, "tool_calls", None),
    ],
)
def test_finish_words(word: str | None, calling: bool, reason: Any, detail: str | None) -> None:
    delta = calls(call(0, "a", "f", "{}")) if calling else {"content": "x"}
    assert read(chunk(delta), chunk({}, word), DONE)[-1] == Finished(reason, detail)


def test_a_relays_own_word_is_kept() -> None:
    choice = {"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "STOP_SEQUENCE"}
    assert read(record({"id": "c1", "choices": [choice]}), DONE)[-1] == Finished("stop", "STOP_SEQUENCE")


def test_annotations_and_citations() -> None:
    annotation = {"type": "url_citation", "url_citation": {"url": "https://x"}}
    cited = {"url": "https://y", "title": "https://y", "start_index": 0, "end_index": 0}
    events = read(
        chunk({"annotations": [annotation]}),  # no text yet that it could belong to
        chunk({"content": "x"}, citations=["https://y"]),
        chunk({"annotations": [annotation]}),
        chunk({}, "stop", citations=["https://y"]),
        DONE,
    )
    assert [event for event in events if isinstance(event, Annotated)] == [
        Annotated(0, annotation),
        Annotated(0, {"type": "url_citation", "url_citation": cited}),
    ]


def test_other_choices_are_passed_over() -> None:
    other = {"id": "c1", "choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]}
    events = read(chunk({"content": "yes"}), record(other), chunk({}, "stop"), record(other), DONE)
    assert collect(events).choices[0].blocks == [Text("yes")]
    assert events[-1] == Finished("stop")


def test_choices_without_an_index() -> None:
    events = read(record({"id": "c1", "choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}), DONE)
    assert collect(events).choices[0].blocks == [Text("x")]


def test_speech_is_told_by_its_transcript() -> None:
    events = read(
        chunk({"audio": {"id": "a", "transcript": "hel"}}), chunk({"audio": {"transcript": "lo", "data": "AA"}}), DONE
    )
    assert collect(events).choices[0].blocks == [Text("hello")]


def test_what_is_not_known_is_passed_over() -> None:
    events = read(
        sse.parse(b": keep-alive\n\n"),
        record({"id": "", "choices": [], "prompt_filter_results": []}),
        record({"choices": None}),
        record({"id": "c1", "choices": [None, {"index": 0, "delta": None}], "obfuscation": "xyz"}),
        chunk({"content": 5, "tool_calls": "x", "refusal": {}, "reasoning_content": [{"text": "hm"}]}),
        chunk({"content": [{"type": "text", "text": "x"}]}),
        record({"id": "c1", "choices": [], "usage": "many"}),
        chunk({}, "stop"),
        DONE,
        chunk({"content": "after the end"}),
    )
    assert collect(events).choices[0].blocks == [Thinking("hm"), Text("x")]


# --- ends ---


def test_a_reason_without_the_end_mark_is_an_end() -> None:
    assert read(chunk({"content": "x"}), chunk({}, "stop"))[-1] == Finished("stop")


@pytest.mark.parametrize("records", [[], [DONE], [chunk({"content": "x"})], [chunk({"content": "x"}, "")]])
def test_a_stream_without_an_end_failed(records: list[sse.Record]) -> None:
    end = read(*records)[-1]
    assert isinstance(end, Failed)
    assert (end.status, end.code) == (502, "provider_broken_reply")


@pytest.mark.parametrize(
    ("found", "failure"),
    [
        (record({"error": {"message": "m", "type": "server_error", "code": None}}), Failed("m", 500, "server_error")),
        (record({"error": {"message": "m", "code": 503}}), Failed("m", 503, None, "503")),
        (record({"error": {"message": "m", "type": "t"}}, "error"), Failed("m", 502, "t")),
        (record({"message": "m", "type": "overloaded_error"}, "error"), Failed("m", 503, "overloaded_error")),
        (record({"error": "text", "code": "c"}), Failed("text", 502, None, "c")),
        (record("upstream reset", "error"), Failed("upstream reset")),
        (record([1]), Failed("The provider broke its stream off with an error.")),
        (chunk({}, "error"), Failed("The provider broke its stream off with an error.")),
    ],
)
def test_errors_in_the_stream(found: sse.Record, failure: Failed) -> None:
    events = read(chunk({"content": "x"}), found, chunk({"content": "y"}), chunk({}, "stop"), DONE)
    assert events == [STARTED, Opened(0, Text("")), TextDelta(0, "x"), failure]


def test_an_error_that_is_null_is_none() -> None:
    assert read(chunk({"content": "x"}, error=None), chunk({}, "stop"), DONE)[-1] == Finished("stop")


def test_broken_json_fails() -> None:
    end = read(chunk({"content": "x"}), sse.parse(b'data: {"choices": [\n\n'), DONE)[-1]
    assert isinstance(end, Failed)
    assert end.code == "provider_broken_reply"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "choices",
                    "delta",
                    "index",
                    "content",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "usage",
                    "error",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(JSON, max_size=5),
    st.lists(st.dictionaries(st.sampled_from(["content", "tool_calls", "audio"]), JSON), max_size=3),
)
def test_nothing_makes_it_raise(values: list[Any], odd: list[dict[str, Any]]) -> None:
    events = read(*(record(value) for value in values), *(chunk(delta) for delta in odd))
    assert isinstance(events[-1], Finished | Failed)
    collect(events)


@each_case("stream.sse", names=["openai_chat"])
def test_a_fold_has_what_the_bytes_say(case: Case) -> None:
    """An independent look at the fixtures: each content delta, joined."""
    found = collect(read_stream(DIALECT, case.stream))
    assert found.id.encode() in case.stream
    assert found.model == case.origin["model"]
