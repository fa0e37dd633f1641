import pytest

from polyglot_cloud.neutral import (
    NEEDS,
    Annotated,
    ArgumentsDelta,
    Choice,
    Closed,
    Event,
    Failed,
    Finished,
    Metered,
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
    Usage,
    collect,
    is_content,
)


def test_a_response_is_the_fold_of_its_events() -> None:
    events: list[Event] = [
        Started("id", "m", 7, "fp"),
        Opened(2, ToolCall("call_1", "f", "")),
        Opened(0, Thinking("")),
        ThinkingDelta(0, "hm"),
        StateDelta(0, State({"signature": "s"})),
        Opened(1, Text("")),
        TextDelta(1, "a", [{"token": "a"}]),
        ArgumentsDelta(2, '{"x":'),
        TextDelta(1, "b", [{"token": "b"}]),
        Annotated(1, {"type": "url_citation"}),
        Annotated(1, {"type": "url_citation"}),
        ArgumentsDelta(2, "1}"),
        Closed(2),
        Opened(3, Refusal("")),
        RefusalDelta(3, "no"),
        Opened(4, Opaque("anthropic", {"type": "x"})),
        Metered(Usage(1, 1)),
        Metered(Usage(5, 9)),
        Finished("tool_calls", "tool_use"),
    ]
    assert collect(events) == Response(
        id="id",
        model="m",
        created=7,
        fingerprint="fp",
        usage=Usage(5, 9),
        choices=[
            Choice(
                blocks=[
                    Thinking("hm", state=State({"signature": "s"})),
                    Text("ab", [{"type": "url_citation"}] * 2, [{"token": "a"}, {"token": "b"}]),
                    ToolCall("call_1", "f", '{"x":1}'),
                    Refusal("no"),
                    Opaque("anthropic", {"type": "x"}),
                ],
                finish="tool_calls",
                detail="tool_use",
            )
        ],
    )


def test_collecting_leaves_the_events_as_they_were() -> None:
    block = Text("", annotations=[], logprobs=[])
    collect([Opened(0, block), TextDelta(0, "x", [{"token": "x"}]), Annotated(0, {})])
    assert block == Text("", annotations=[], logprobs=[])


def test_a_failed_stream_has_no_finish() -> None:
    assert collect([Opened(0, Text("")), Finished("stop"), Failed("cut")]).choices[0].finish is None


def test_an_event_that_does_not_fit_its_block_is_a_defect() -> None:
    with pytest.raises(TypeError, match="ArgumentsDelta does not belong to a Text block"):
        collect([Opened(0, Text("")), ArgumentsDelta(0, "x")])


@pytest.mark.parametrize(
    ("event", "content"),
    [
        (Started("", ""), False),
        (Opened(0, Text("")), False),
        (Opened(0, ToolCall("", "", "")), True),
        (Opened(0, Opaque("x", {})), True),
        (TextDelta(0, "x"), True),
        (ThinkingDelta(0, "x"), True),
        (Metered(Usage()), False),
        (Failed("x"), False),
    ],
)
def test_is_content(event: Event, content: bool) -> None:
    assert is_content(event) is content


def test_the_needs_are_a_closed_set() -> None:
    assert len(NEEDS) == len(set(NEEDS)) == 11
