"""The laws of translation over real recorded traffic. The same over fixtures: `test_laws.py`.

Hypothesis chooses the recordings and where their bytes are cut; `HYPOTHESIS_PROFILE=thorough` looks at more of them.
"""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialects import cases
from dialects.openai_chat import grammar
from dialects.recorded import Recording, each_recording, needs_recordings, recordings, sample
from dialects.test_laws import CONTEXT, assert_one_end, said, settled
from dialects.twins import twin
from polyglot_cloud import wire
from polyglot_cloud.call import Outcome
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.neutral import (
    Block,
    Event,
    Failed,
    Finished,
    Opaque,
    Refusal,
    Response,
    Text,
    Thinking,
    ToolCall,
    collect,
)
from polyglot_cloud.sse import Decoder
from polyglot_cloud.translate import PassThrough

pytestmark = needs_recordings

CHAT = cases.dialect("openai_chat")
STREAMS = sample(20, streaming=True)
REPLIES = sample(30, streaming=False)
# hypothesis draws from few and short ones: each example reads a stream several times
DRAWN = st.sampled_from(sample(8, streaming=True, longest=20_000)) if recordings() else st.nothing()


def pieces(data: bytes, draw: st.DataObject) -> list[bytes]:
    places = sorted(draw.draw(st.sets(st.integers(0, len(data)), max_size=12)))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def chat_of(events: list[Event]) -> bytes:
    assert CHAT.writer
    writer = CHAT.writer(CONTEXT)
    return b"".join(writer.feed(event) for event in events) + writer.close()


def read(recording: Recording) -> list[Event]:
    return cases.read_stream(recording.spoken, recording.body)


def test_there_is_something_to_judge_by() -> None:
    assert {each.dialect for each in STREAMS} == {each.dialect for each in REPLIES} == set(cases.NAMES)
    assert len(recordings()) > 400


# --- 1: in the same dialect, the very bytes ---


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(recording=DRAWN, draw=st.data())
def test_law_1_a_passed_stream_is_the_very_bytes(recording: Recording, draw: st.DataObject) -> None:
    outcome = Outcome()
    machine = PassThrough(recording.spoken, None, outcome)
    passed = b"".join(machine.feed(piece) for piece in pieces(recording.body, draw)) + machine.close()
    whole = read(recording)[-1]
    assert passed.startswith(recording.body)
    assert (outcome.state == "complete") == isinstance(whole, Finished)
    if machine.told or isinstance(whole, Finished):
        assert passed == recording.body


# --- 3: both modes tell the same ---


ALTERED = {"ai-2645fa003a94"}
"""Whoever recorded it changed the text in one of the two places that tell it."""


def told(response: Response) -> dict[str, Any]:
    """What both modes tell. Encrypted state is another text each time that it is sent, and the JSON of arguments may be spaced anew."""
    (choice,) = response.choices
    blocks = [_told(block) for block in settled(response).choices[0].blocks]
    return {
        "blocks": [block for block in blocks if block not in (("Text", ""), ("Thinking", "", False))],
        "end": (choice.finish, choice.detail, choice.stop_sequence),
        "usage": response.usage,
    }


def _told(block: Block) -> tuple[Any, ...]:
    kind = type(block).__name__
    match block:
        case Text(text, annotations) if annotations:
            return kind, text, annotations
        case Text(text) | Refusal(text):
            return kind, text
        case Thinking(text):
            return kind, text, block.state is not None
        case ToolCall(id_, name, arguments, "function"):
            return kind, id_, name, wire.decode(arguments)
        case ToolCall(id_, name, arguments):
            return kind, id_, name, arguments
        case Opaque(_, raw):
            return kind, raw.get("type"), raw.keys()
        case _:
            return kind, block


@each_recording(STREAMS)
def test_law_3_a_stream_folds_into_its_plain_twin(recording: Recording) -> None:
    dialect, events = recording.spoken, read(recording)
    plain = None if isinstance(events[-1], Failed) else twin(recording.dialect, recording.body)
    if plain is None or recording.id in ALTERED:
        pytest.skip("this stream was recorded without a whole answer in it")
    assert dialect.read_response
    assert told(collect(events)) == told(dialect.read_response(plain))


# --- 4: Chat tells what another dialect said; 8: in its own grammar ---


@each_recording(STREAMS)
def test_laws_4_and_8_chat_tells_what_was_said_in_its_own_grammar(recording: Recording) -> None:
    events = read(recording)
    data = chat_of(events)
    grammar.check(data)
    again, first = collect(cases.read_stream(CHAT, data)), collect(events)
    if first.choices[0].finish is None:
        assert again.choices[0].finish is None
    else:
        assert said(again) == said(first)


@each_recording(REPLIES)
def test_laws_4_and_8_a_plain_reply(recording: Recording) -> None:
    response = plain(recording)
    if response is None:
        return
    assert CHAT.write_response
    assert CHAT.read_response
    written = CHAT.write_response(response, CONTEXT).body
    again = CHAT.read_response(wire.decode(wire.encode(written)))
    assert said(again) == said(response)
    if not any(block.annotations for block in response.choices[0].blocks if isinstance(block, Text)):
        grammar.check_reply(written)  # Chat's own type knows citations with a URL only


def plain(recording: Recording) -> Response | None:
    """None for what is no whole reply (`test_few_replies_are_none` counts them)."""
    dialect: Dialect = recording.spoken
    assert dialect.read_response
    body = wire.decode(recording.body)
    if isinstance(body, list) and len(body) > 1:
        return None
    try:
        return dialect.read_response(body)
    except GatewayError:
        return None


def test_few_replies_are_none() -> None:
    """Errors that were recorded with status 200, one reply that is still running, and streams that came as an array."""
    found = [each for each in recordings() if not each.streaming and plain(each) is None]
    bodies = [wire.decode(each.body) for each in found]
    others = [body for body in bodies if isinstance(body, dict) and "error" not in body]
    assert [body.get("status") for body in others] == ["in_progress"] * len(others)
    assert len(found) < 30


# --- 5: how the bytes arrive does not matter ---


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(recording=DRAWN, draw=st.data())
def test_law_5_any_split_gives_the_same_events(recording: Recording, draw: st.DataObject) -> None:
    assert cases.read_pieces(recording.spoken, pieces(recording.body, draw)) == read(recording)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(recording=DRAWN, draw=st.data())
def test_law_5_line_ends_comments_and_byte_order_marks_change_nothing(
    recording: Recording, draw: st.DataObject
) -> None:
    ending = draw.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    body = recording.body.replace(b"\r\n", b"\n")
    events = body.split(b"\n\n")
    events.insert(draw.draw(st.integers(0, len(events) - 1)), b": keep-alive\nid: 7\nretry: 3000")
    body = b"\xef\xbb\xbf" + b"\n\n".join(events).replace(b"\n", ending)
    assert cases.read_pieces(recording.spoken, pieces(body, draw)) == read(recording)


# --- 6: a cut stream is never told as a whole one ---


def assert_cut(recording: Recording, events: list[Event], whole: Response) -> None:
    """One end, and no success but where everything was said and the end is another's word (some hosts leave the last mark out)."""
    assert_one_end(events)
    finished = isinstance(events[-1], Finished)
    if finished:
        assert collect(events).choices == whole.choices
        assert recording.dialect in {"openai_chat", "gemini"}, "only these may end without a mark of their own"
    assert isinstance(cases.read_stream(CHAT, chat_of(events))[-1], Finished) == finished


@each_recording(STREAMS)
def test_law_6_cut_after_any_record(recording: Recording) -> None:
    found = cases.records(recording.body)
    whole = collect(cases.read_records(recording.spoken, found))
    last = [count for count in (1, 2, 3, 4) if count <= len(found)]
    for kept in {*range(0, len(found), 1 + len(found) // 12), *(len(found) - count for count in last)}:
        assert_cut(recording, cases.read_records(recording.spoken, found[:kept]), whole)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(recording=DRAWN, draw=st.data())
def test_law_6_cut_at_any_byte(recording: Recording, draw: st.DataObject) -> None:
    whole = collect(read(recording))
    cut = recording.body[: draw.draw(st.integers(0, len(recording.body.rstrip()) - 1))]
    assert_cut(recording, cases.read_stream(recording.spoken, cut), whole)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(recording=DRAWN, draw=st.data())
def test_law_6_a_passed_stream_that_was_cut_says_so(recording: Recording, draw: st.DataObject) -> None:
    """Whole events only, then the dialect's own words for a break."""
    cut = recording.body[: draw.draw(st.integers(0, len(recording.body) - 1))]
    machine = PassThrough(recording.spoken, None, Outcome())
    passed = machine.feed(cut) + machine.close()
    if machine.failure is not None:
        assert recording.body.startswith(b"".join(record.raw for record in Decoder().feed(cut)))
        assert isinstance(cases.read_stream(recording.spoken, passed)[-1], Failed)


# --- 7: what is given is not changed ---


@each_recording(STREAMS)
def test_law_7_a_writer_leaves_its_events_alone(recording: Recording) -> None:
    events = read(recording)
    kept = deepcopy(events)
    first = chat_of(events)
    assert events == kept
    assert chat_of(events) == first


@each_recording(REPLIES)
def test_law_7_replies_are_read_and_written_purely(recording: Recording) -> None:
    body = wire.decode(recording.body)
    kept = deepcopy(body)
    response = plain(recording)
    assert wire.decode(recording.body) == kept
    if response is not None:
        assert CHAT.write_response
        copy = deepcopy(response)
        CHAT.write_response(response, CONTEXT)
        assert response == copy
