from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from dialects.openai_chat import grammar
from dialects.openai_chat.chunks import CONTEXT, METERED, deltas, fold, write
from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.neutral import (
    Annotated,
    ArgumentsDelta,
    Audio,
    Closed,
    Event,
    Failed,
    FileId,
    Finished,
    Image,
    Inline,
    Metered,
    Opened,
    Refusal,
    RefusalDelta,
    ReplyContext,
    Started,
    State,
    StateDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    Url,
    Usage,
)

STARTED = Started("c1", "up", 9, "fp")
TEXT: list[Event] = [STARTED, Opened(0, Text("")), TextDelta(0, "Hel"), TextDelta(0, "lo"), Closed(0)]


def raw(*events: Event, context: ReplyContext = CONTEXT) -> bytes:
    assert DIALECT.writer
    writer = DIALECT.writer(context)
    return b"".join(writer.feed(event) for event in events) + writer.close()


def test_a_stream_as_openai_writes_it() -> None:
    same = {"id": "c1", "object": "chat.completion.chunk", "created": 9, "model": "up", "system_fingerprint": "fp"}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return same | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}

    assert write(*TEXT, Finished("stop")) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
        {"done": True},
    ]


def test_what_the_upstream_left_out_comes_from_the_call() -> None:
    chunks = write(Opened(0, Text("")), TextDelta(0, "x"), Finished("stop"))
    assert {(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks[:-1]} == {("chatcmpl-ours", 5, "m")}
    assert "system_fingerprint" not in chunks[0]


def test_usage_comes_last_and_only_where_it_was_asked_for() -> None:
    usage = Usage(3, 2, tier="flex")
    endings: list[list[Event]] = [[Metered(usage), Finished("stop")], [Finished("stop"), Metered(usage)]]
    for ending in endings:
        chunks = write(*TEXT, *ending, context=METERED)
        assert all(chunk["usage"] is None for chunk in chunks[:-2])
        assert chunks[-2]["choices"] == []
        assert chunks[-2]["usage"]["total_tokens"] == 5
        assert chunks[-2]["service_tier"] == "flex"
        assert not any("usage" in chunk for chunk in write(*TEXT, *ending))


def test_usage_that_nobody_knows_is_not_invented() -> None:
    chunks = write(*TEXT, Finished("stop"), context=METERED)
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


CALLS: list[Event] = [
    STARTED,
    Opened(0, Thinking("")),
    ThinkingDelta(0, "hm"),
    Closed(0),
    Opened(4, ToolCall("a", "f", "")),
    ArgumentsDelta(4, '{"x"'),
    Opened(7, ToolCall("b", "g", "", "custom")),
    ArgumentsDelta(7, "raw"),
    ArgumentsDelta(4, ":1}"),
    Closed(4),
    Closed(7),
]


def test_calls_are_numbered_from_nought() -> None:
    assert deltas(write(*CALLS, Finished("tool_calls"))) == [
        {"role": "assistant", "content": None},
        {"reasoning_content": "hm"},
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "custom", "custom": {"name": "g", "input": ""}}]},
        {"tool_calls": [{"index": 1, "custom": {"input": "raw"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        {},
    ]


@pytest.mark.parametrize("closing", [[Closed(0)], []])
def test_a_function_without_arguments_has_the_empty_object(closing: list[Event]) -> None:
    message = fold(write(Opened(0, ToolCall("a", "f", "")), ArgumentsDelta(0, ""), *closing, Finished("tool_calls")))
    assert message["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_custom_call_without_input_stays_empty() -> None:
    message = fold(write(Opened(0, ToolCall("a", "f", "", "custom")), Closed(0), Finished("tool_calls")))
    assert message["tool_calls"][0]["custom"]["input"] == ""


def test_a_call_that_comes_whole() -> None:
    message = fold(write(Opened(0, ToolCall("a", "f", '{"x":1}')), Closed(0), Finished("stop")))
    assert message["tool_calls"][0]["function"]["arguments"] == '{"x":1}'


@pytest.mark.parametrize(
    ("events", "reason", "written"),
    [
        (TEXT, "stop", "stop"),
        (TEXT, "tool_calls", "stop"),
        (TEXT, "length", "length"),
        (TEXT, "content_filter", "content_filter"),
        (CALLS, "stop", "tool_calls"),
        (CALLS, "tool_calls", "tool_calls"),
        (CALLS, "length", "length"),
        (CALLS, "content_filter", "content_filter"),
    ],
)
def test_the_reason_fits_what_was_said(events: list[Event], reason: Any, written: str) -> None:
    data = raw(*events, Finished(reason))
    grammar.check(data)
    assert [chunk["choices"][0]["finish_reason"] for chunk in write(*events, Finished(reason))[:-1]][-1] == written


def test_the_vendors_own_word() -> None:
    chunks = write(*TEXT, Finished("stop", detail="end_turn"))
    assert chunks[-2]["choices"][0]["native_finish_reason"] == "end_turn"


@pytest.mark.parametrize(("reason", "content"), [("stop", ""), ("content_filter", None)])
def test_an_answer_that_says_nothing(reason: Any, content: str | None) -> None:
    assert deltas(write(STARTED, Finished(reason))) == [{"role": "assistant", "content": content}, {}]


def test_refusals_annotations_and_logprobs() -> None:
    logprob = {"token": "x", "logprob": -0.1, "bytes": [120], "top_logprobs": []}
    flat = {"type": "url_citation", "url": "https://x", "title": "t", "start_index": 0, "end_index": 1}
    nested = {
        "type": "url_citation",
        "url_citation": {name: flat[name] for name in ("url", "title", "start_index", "end_index")},
    }
    chunks = write(
        Opened(0, Text("")),
        TextDelta(0, "x", [logprob]),
        TextDelta(0, ""),
        Annotated(0, flat),
        Annotated(0, {"type": "file_citation", "index": 13}),
        Closed(0),
        Opened(1, Refusal("")),
        RefusalDelta(1, "no"),
        RefusalDelta(1, ""),
        Closed(1),
        Finished("stop"),
    )
    assert deltas(chunks)[1:] == [
        {"content": "x"},
        {"refusal": "no"},
        {"annotations": [nested, {"type": "file_citation", "file_citation": {"index": 13}}]},
        {},
    ]
    assert chunks[1]["choices"][0]["logprobs"] == {"content": [logprob], "refusal": None}


def test_texts_that_are_open_together_do_not_mix() -> None:
    message = fold(
        write(
            Opened(0, Text("")),
            Opened(1, Text("")),
            Opened(2, Text("")),
            TextDelta(1, "wor"),
            TextDelta(0, "hel"),
            TextDelta(2, "!"),
            TextDelta(1, "ld"),
            Closed(1),
            StateDelta(2, State({"s": 1})),
            TextDelta(0, "lo "),
            Closed(0),
            Finished("stop"),  # the last one was never closed
        )
    )
    assert message["content"] == "hello world!"
    assert [(entry["offset"], entry["length"]) for entry in message["reasoning_details"]] == [(0, 6), (6, 5), (11, 1)]


def test_thoughts_are_set_apart() -> None:
    chunks = write(
        Opened(0, Thinking("")),
        ThinkingDelta(0, "a"),
        ThinkingDelta(0, "b"),
        Closed(0),
        Opened(1, Thinking("")),
        Closed(1),
        Opened(2, Thinking("")),
        ThinkingDelta(2, ""),
        ThinkingDelta(2, "c"),
        Closed(2),
        Finished("stop"),
    )
    assert fold(chunks)["reasoning_content"] == "ab\n\nc"


def test_images_a_model_made() -> None:
    message = fold(
        write(
            Opened(0, Image(Inline("image/png", "QUJD"))),
            Closed(0),
            Opened(1, Image(Url("https://x"))),
            Finished("stop"),
        )
    )
    assert [image["image_url"]["url"] for image in message["images"]] == ["data:image/png;base64,QUJD", "https://x"]


@pytest.mark.parametrize("block", [Audio(Inline("audio/wav", "")), Image(FileId("f"))])
def test_what_has_no_place_is_a_loss(block: Any) -> None:
    assert DIALECT.writer
    writer = DIALECT.writer(CONTEXT)
    assert writer.feed(Opened(0, block)) + writer.feed(StateDelta(0, State({}))) + writer.feed(Closed(0)) == b""
    assert [loss.kind for loss in writer.losses] == ["dropped"]


def test_an_annotation_of_a_call_waits_for_nobody() -> None:
    chunks = write(Opened(0, ToolCall("a", "f", "")), Annotated(0, {"type": "x", "x": {}}), Finished("stop"))
    assert {"annotations": [{"type": "x", "x": {}}]} in deltas(chunks)


def test_openais_sdk_puts_the_message_together() -> None:
    chunks = write(
        STARTED,
        Opened(0, Thinking("")),
        ThinkingDelta(0, "hm"),
        StateDelta(0, State({"signature": "s"})),
        Closed(0),
        Opened(1, Text("")),
        TextDelta(1, "Hi."),
        Annotated(1, {"type": "url_citation", "url": "https://x", "title": "t", "start_index": 0, "end_index": 1}),
        Annotated(1, {"type": "file_citation", "index": 3}),
        Closed(1),
        Opened(2, ToolCall("a", "f", "{}", state=State({"signature": "t"}))),
        Closed(2),
        Opened(3, Image(Url("https://a"))),
        Opened(4, Image(Url("https://b"))),
        Finished("tool_calls"),
    )
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    for chunk in chunks[:-1]:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    message: dict[str, Any] = state.get_final_completion().choices[0].message.to_dict()
    folded = fold(chunks)
    for name in ("content", "reasoning_content", "reasoning_details", "images"):
        assert message[name] == folded[name]
    assert len(folded["annotations"]) == 2
    assert message["annotations"][0] == folded["annotations"][0]


# --- ends ---


def test_after_an_error_nothing_more_is_written() -> None:
    chunks = write(*TEXT, Failed("broke", 503, "overloaded_error", "c"), TextDelta(0, "more"), Finished("stop"))
    assert chunks[-1] == {"error": {"message": "broke", "type": "overloaded_error", "param": None, "code": "c"}}
    assert deltas(chunks)[-1] == {"content": "lo"}


def test_an_error_before_anything_else() -> None:
    assert write(Failed("broke")) == [
        {"error": {"message": "broke", "type": "server_error", "param": None, "code": None}}
    ]


def test_events_that_stop_are_told_as_an_error() -> None:
    chunks = write(*TEXT)
    assert chunks[-1]["error"]["code"] == "provider_broken_reply"
    assert not any("done" in chunk for chunk in chunks)


def test_closing_twice_says_nothing_twice() -> None:
    assert DIALECT.writer
    writer = DIALECT.writer(CONTEXT)
    assert writer.feed(Finished("stop"))
    assert writer.close() == b"data: [DONE]\n\n"
    assert writer.close() == b""


def test_text_of_every_kind_survives() -> None:
    text = 'é😀\u2028\u0000"\\\n\r\ud800'
    assert fold(write(Opened(0, Text("")), TextDelta(0, text), Finished("stop")))["content"] == text
