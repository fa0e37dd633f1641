import json
from typing import Any

import pytest

from dialects.gemini.support import MODEL, framed, play, reply
from polyglot_cloud import sse
from polyglot_cloud.dialects.gemini import DIALECT
from polyglot_cloud.neutral import (
    ArgumentsDelta,
    Closed,
    Failed,
    Finished,
    Metered,
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
)

CUT = Failed(
    "The provider's reply ended without a finishReason: part of it is missing.",
    502,
    "upstream_error",
    "provider_broken_reply",
)


def counted(tokens: int) -> dict[str, Any]:
    return {"usageMetadata": {"candidatesTokenCount": tokens}}


def test_events_of_a_whole_stream() -> None:
    part = {"functionCall": {"id": "a1", "name": "f", "args": {"n": 1}}, "thoughtSignature": "x"}
    stream = framed(
        reply({"text": "Hm", "thought": True}, finish=None),
        reply({"text": "On"}, finish=None, **counted(1)),
        reply({"text": "ce"}, part, **counted(5)),
        {**counted(7), "responseId": "r1"},
        {"usageMetadata": {"trafficType": "ON_DEMAND"}},
    )
    assert play(stream) == [
        Started("r1", MODEL),
        Opened(0, Thinking("")),
        ThinkingDelta(0, "Hm"),
        Metered(Usage(0, 1)),
        Closed(0),
        Opened(1, Text("")),
        TextDelta(1, "On"),
        Metered(Usage(0, 5)),
        TextDelta(1, "ce"),
        Closed(1),
        Opened(2, ToolCall("a1", "f", "")),
        ArgumentsDelta(2, '{"n":1}'),
        StateDelta(2, State(part)),
        Closed(2),
        Metered(Usage(0, 7)),
        Finished("tool_calls"),
    ]


@pytest.mark.parametrize(
    "odd", [{}, {"candidates": []}, {"candidates": [{}]}, {"candidates": [{"content": {}}]}, {"candidates": [{"content": {"parts": None}}]},
            {"candidates": "x"}, {"candidates": [{"content": [1]}]}, {"candidates": [{"content": {"parts": [7]}}]}, {"usageMetadata": 3}]
)  # fmt: skip
def test_trap_44_chunks_with_holes_are_normal(odd: Any) -> None:
    events = play(framed(odd, reply({"text": "Hi"})))
    assert events[1:] == [Opened(0, Text("")), TextDelta(0, "Hi"), Closed(0), Finished("stop")]


def test_only_the_first_candidate_is_told() -> None:
    chunk = reply({"text": "a"})
    chunk["candidates"].insert(0, {"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "SAFETY"})
    assert [event.text for event in play(framed(chunk)) if isinstance(event, TextDelta)] == ["a"]
    assert play(framed(chunk))[-1] == Finished("stop")


@pytest.mark.parametrize("stream", [b"", b": ping\n\n", b"event: x\ndata:\n\n"])
def test_trap_40_nothing_is_no_success(stream: bytes) -> None:
    assert play(stream) == [CUT]


def test_trap_40_a_cut_stream_tells_its_usage_and_fails() -> None:
    assert play(framed(reply({"text": "Hi"}, finish=None, **counted(1)))) == [
        Started("r1", MODEL),
        Metered(Usage(0, 1)),
        Opened(0, Text("")),
        TextDelta(0, "Hi"),
        Closed(0),
        CUT,
    ]


@pytest.mark.parametrize("junk", [b'{"candi', b"\xff", b"7", b"[]", b'"x"', b"null"])
def test_junk_fails_the_stream_and_never_raises(junk: bytes) -> None:
    events = play(
        framed(reply({"text": "Hi"}, **counted(1))) + b"data: " + junk + b"\n\n" + framed(reply({"text": "more"}))
    )
    assert isinstance(events[-1], Failed)
    assert [event for event in events if isinstance(event, Metered)] == [Metered(Usage(0, 1))]
    assert not any(isinstance(event, Finished) for event in events)
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hi"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}, 503, "UNAVAILABLE"),
        ({"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}, 429, "RESOURCE_EXHAUSTED"),
        ({"message": "?"}, 502, None),
    ],
)
def test_trap_40_an_error_object_fails_the_stream(error: dict[str, Any], status: int, code: str | None) -> None:
    events = play(framed(reply({"text": "Hi"}, finish=None), {"error": error}))
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.message, failed.status, failed.code) == (error["message"], status, code)


def test_an_end_is_told_once() -> None:
    reader = DIALECT.reader()
    record = sse.parse(b"data: " + json.dumps(reply({"text": "Hi"})).encode() + b"\n\n")
    assert reader.feed(record)
    assert reader.close()
    assert reader.close() == []
    assert reader.feed(record) == []
