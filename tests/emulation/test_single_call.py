"""One tool call at a time."""

from polyglot_cloud.emulation.single_call import SingleCall, first_call_only
from polyglot_cloud.neutral import (
    ArgumentsDelta,
    Choice,
    Closed,
    Event,
    Finished,
    Metered,
    Opened,
    Response,
    State,
    StateDelta,
    Text,
    TextDelta,
    ToolCall,
    Usage,
    collect,
)

EVENTS: list[Event] = [
    Opened(0, Text("")),
    TextDelta(0, "hi"),
    Closed(0),
    Opened(1, ToolCall("a", "f", "")),
    Opened(2, ToolCall("b", "g", "")),
    ArgumentsDelta(2, "{}"),
    ArgumentsDelta(1, "[]"),
    StateDelta(2, State({})),
    Closed(2),
    Closed(1),
    Opened(3, Text("end")),
    Metered(Usage(1, 1)),
    Finished("tool_calls"),
]


def test_of_several_calls_the_first_is_shown() -> None:
    machine = SingleCall()
    shown = [out for event in EVENTS for out in machine.feed(event)]
    assert not machine.over
    assert [event for event in EVENTS if event not in shown] == [EVENTS[4], EVENTS[5], EVENTS[7], EVENTS[8]]
    folded = collect(shown)
    assert folded.choices == first_call_only(collect(EVENTS)).choices
    assert folded.choices[0].blocks == [Text("hi"), ToolCall("a", "f", "[]"), Text("end")]


def test_a_reply_without_calls_stays() -> None:
    response = Response("i", "m", [Choice([Text("x")], "stop")])
    assert first_call_only(response) == response
