"""Whatever a provider sends, a reader never raises, tells one end, and holds no more than one event.

The streams are the fixtures', damaged; hypothesis chooses where and how.
"""

import json
import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects import cases
from dialects.cases import Case
from dialects.test_laws import CONTEXT, assert_one_end
from polyglot_cloud import wire
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.neutral import Event, Failed, Finished, TextDelta, ThinkingDelta, collect
from polyglot_cloud.sse import Decoder, Record, parse

DIALECTS = cases.dialects()
CHAT = DIALECTS["openai_chat"]
EACH_DIALECT = pytest.mark.parametrize("name", DIALECTS)
STREAMS = st.sampled_from(cases.cases("stream.sse"))
REPLIES = st.sampled_from(cases.cases("response.json"))
# one of each type, and what is easily mistaken for something else
FOREIGN: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2.5,
    10**30,
    "",
    "x",
    "0",
    "\ud800",
    [],
    ["x"],
    [{}],
    [None],
    [[]],
    {},
    {"x": 1},
]
PLACES = st.lists(st.integers(0, 50), min_size=1, max_size=6)


def damaged(value: Any, places: list[int], foreign: Any) -> Any:
    """A copy in which one member, found by `places` from the top, is of another type; taken away where `foreign` is Ellipsis."""
    if not isinstance(value, dict | list) or not value:
        return foreign
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key, deeper = keys[places[0] % len(value)], places[1:]
    copy = value.copy()
    if deeper and isinstance(value[key], dict | list) and value[key]:
        copy[key] = damaged(value[key], deeper, foreign)
    elif foreign is ...:
        del copy[key]
    else:
        copy[key] = foreign
    return copy


def written(events: list[Event]) -> bytes:
    assert CHAT.writer
    writer = CHAT.writer(CONTEXT)
    return b"".join(writer.feed(event) for event in events) + writer.close()


def assert_sound(events: list[Event]) -> None:
    """One end; and a Chat client is told the same end in events that it can read."""
    assert_one_end(events)
    collect(events)
    again = cases.read_stream(CHAT, written(events))
    assert isinstance(again[-1], Failed) == isinstance(events[-1], Failed)


# --- damage ---


def replaced(case: Case, at: int, change: Callable[[Any], Any]) -> list[Record]:
    found = cases.records(case.stream)
    spots = [spot for spot, record in enumerate(found) if record.data.startswith(b"{")]
    if not spots:
        return found
    spot = spots[at % len(spots)]
    data = json.dumps(change(json.loads(found[spot].data))).encode()
    found[spot] = Record(found[spot].event, data, found[spot].raw)
    return found


@given(case=STREAMS, at=st.integers(0, 1000), places=PLACES, foreign=st.sampled_from([*FOREIGN, ...]))
def test_a_member_of_another_type(case: Case, at: int, places: list[int], foreign: Any) -> None:
    found = replaced(case, at, lambda value: damaged(value, places, foreign))
    assert_sound(cases.read_records(DIALECTS[case.dialect], found))


@given(case=STREAMS, at=st.integers(0, 1000), kind=st.sampled_from(["drop", "twice", "swap", "junk"]))
def test_records_lost_repeated_or_in_another_order(case: Case, at: int, kind: str) -> None:
    found = cases.records(case.stream)
    spot = at % len(found)
    match kind:
        case "drop":
            del found[spot]
        case "twice":
            found.insert(spot, found[spot])
        case "swap":
            found[spot - 1], found[spot] = found[spot], found[spot - 1]
        case _:
            found.insert(spot, parse(b"event: brand_new\ndata: {}\n\n"))
    assert_sound(cases.read_records(DIALECTS[case.dialect], found))


@EACH_DIALECT
@given(
    junk=st.lists(st.sampled_from([*FOREIGN, {"type": "ping"}, {"choices": [{}]}, {"candidates": [{}]}]), max_size=5)
)
def test_junk_is_never_a_success(name: str, junk: list[Any]) -> None:
    found = [parse(b"data: " + json.dumps(value).encode() + b"\n\n") for value in junk]
    assert isinstance(cases.read_records(DIALECTS[name], found)[-1], Failed)


@EACH_DIALECT
@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_events(name: str, data: bytes) -> None:
    assert isinstance(cases.read_stream(DIALECTS[name], data)[-1], Failed)


@given(case=REPLIES, places=PLACES, foreign=st.sampled_from([*FOREIGN, ...]))
def test_a_plain_reply_with_a_member_of_another_type(case: Case, places: list[int], foreign: Any) -> None:
    assert_readable(DIALECTS[case.dialect], damaged(case.json("response"), places, foreign))


@EACH_DIALECT
@pytest.mark.parametrize("body", FOREIGN)
def test_a_plain_reply_that_is_none(name: str, body: Any) -> None:
    read = DIALECTS[name].read_response
    assert read
    with pytest.raises(GatewayError):
        read(body)


def assert_readable(dialect: Dialect, body: Any) -> None:
    assert dialect.read_response
    assert CHAT.write_response
    assert CHAT.read_response
    try:
        response = dialect.read_response(body)
        written = CHAT.write_response(response, CONTEXT).body
    except GatewayError:
        return
    CHAT.read_response(wire.decode(wire.encode(written)))
    if isinstance(body, dict):
        dialect.read_usage(body)


# --- framing ---


def framings() -> dict[str, Callable[[bytes], bytes]]:
    """Ways to spell the same events that servers and proxies are free to choose."""
    return {
        "crlf": lambda body: body.replace(b"\n", b"\r\n"),
        "cr": lambda body: body.replace(b"\n", b"\r"),
        "bom": lambda body: b"\xef\xbb\xbf" + body,
        "comments": lambda body: b": hello\n\n" + body.replace(b"\n\n", b"\n\n:\n\n: again\n\n"),
        "comment_lines": lambda body: body.replace(b"data:", b": a comment\ndata:"),
        "no_space": lambda body: body.replace(b"data: ", b"data:"),
        "ids": lambda body: body.replace(b"data:", b"id: 1\nretry: 10\nunknown: x\ndata:"),
        "more_blank_lines": lambda body: b"\n\n" + body.replace(b"\n\n", b"\n\n\n\n"),
        "no_last_blank_line": lambda body: body.rstrip(b"\n"),
        "several_data_lines": _in_two_lines,
        "no_event_names": lambda body: b"\n".join(line for line in body.split(b"\n") if not line.startswith(b"event:")),
    }


def _in_two_lines(body: bytes) -> bytes:
    """JSON may have a line break after a comma that stands outside a text: after the first brace is such a place."""
    return body.replace(b"data: {", b"data: {\ndata: ")


@cases.each_case("stream.sse")
def test_trap_40_the_same_events_in_another_framing(case: Case) -> None:
    dialect, stream = DIALECTS[case.dialect], case.stream
    events = cases.read_stream(dialect, stream)
    spelt = {name: spell(stream.replace(b"\r\n", b"\n")) for name, spell in framings().items()}
    assert [name for name, body in spelt.items() if cases.read_stream(dialect, body) != events] == []


# --- length ---

CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def long_stream(name: str, count: int, piece: str, *, thinking: bool = False) -> Iterator[bytes]:
    """A stream of `count` pieces of text or thinking, made while it is read."""
    yield from LONG[name](count, piece, thinking)


def _event(value: dict[str, Any], named: bool = False) -> bytes:
    head = b"event: " + value["type"].encode() + b"\n" if named else b""
    return head + b"data: " + json.dumps(value).encode() + b"\n\n"


def _long_chat(count: int, piece: str, thinking: bool) -> Iterator[bytes]:
    member = "reasoning_content" if thinking else "content"
    delta = _event({**CHUNK, "choices": [{"index": 0, "delta": {member: piece}, "finish_reason": None}]})
    yield from (delta for _ in range(count))
    yield _event({**CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + b"data: [DONE]\n\n"


def _long_messages(count: int, piece: str, thinking: bool) -> Iterator[bytes]:
    member = "thinking" if thinking else "text"
    yield _event({"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 1}}}, True)
    yield _event({"type": "content_block_start", "index": 0, "content_block": {"type": member, member: ""}}, True)
    told = {"type": f"{member}_delta", member: piece}
    delta = _event({"type": "content_block_delta", "index": 0, "delta": told}, True)
    yield from (delta for _ in range(count))
    yield _event({"type": "content_block_stop", "index": 0}, True)
    yield _event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}, True)
    yield _event({"type": "message_stop"}, True)


def _long_responses(count: int, piece: str, thinking: bool) -> Iterator[bytes]:
    kind, item = ("reasoning_text", "reasoning") if thinking else ("output_text", "message")
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    yield _event({"type": "response.created", "response": {"id": "r", "model": "m"}}, True)
    yield _event({"type": "response.output_item.added", "output_index": 0, "item": {"id": "i", "type": item}}, True)
    delta = _event({"type": f"response.{kind}.delta", **place, "delta": piece}, True)
    yield from (delta for _ in range(count))
    yield _event({"type": "response.completed", "response": {"status": "completed", "output": []}}, True)


def _long_gemini(count: int, piece: str, thinking: bool) -> Iterator[bytes]:
    part = {"text": piece, **({"thought": True} if thinking else {})}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1}
    reply = {"candidates": [{"content": {"parts": [part]}}], "usageMetadata": usage, "responseId": "r"}
    delta = _event(reply)
    yield from (delta for _ in range(count))
    yield _event({"candidates": [{"finishReason": "STOP"}]})


LONG: dict[str, Callable[[int, str, bool], Iterator[bytes]]] = {
    "openai_chat": _long_chat,
    "anthropic": _long_messages,
    "openai_responses": _long_responses,
    "gemini": _long_gemini,
}


def test_every_dialect_has_its_long_stream() -> None:
    assert set(LONG) == set(DIALECTS)


def held(*machines: object) -> int:
    """Bytes that they keep, in all that hangs on them."""
    return sum(len(pickle.dumps(machine)) for machine in machines)


def growth(dialect: Dialect, pieces: Iterable[bytes], settled: int = 100) -> tuple[int, int, Event]:
    """How many bytes more are kept at most than after a stream's first events; characters told; the end."""
    decoder, reader, told = Decoder(), dialect.reader(), 0
    sizes: list[int] = []
    for count, piece in enumerate(pieces):
        for record in decoder.feed(piece):
            for event in reader.feed(record):
                told += len(event.text) if isinstance(event, TextDelta | ThinkingDelta) else 0
        if count % 2_500 == settled:
            sizes.append(held(decoder, reader))
    last = [event for record in decoder.close() for event in reader.feed(record)] + reader.close()
    return max(*sizes, held(decoder, reader)) - sizes[0], told, last[-1] if last else event


@pytest.mark.parametrize(
    ("name", "thinking", "count"),
    [(name, False, 20_000) for name in DIALECTS] + [(name, True, 5_000) for name in DIALECTS if name != "anthropic"],
)
def test_memory_is_bounded_by_one_event(name: str, thinking: bool, count: int) -> None:
    """Events of 200 characters: what is kept does not grow with them, up to the room that a count takes."""
    more, told, end = growth(DIALECTS[name], long_stream(name, count, "x" * 200, thinking=thinking))
    assert isinstance(end, Finished)
    assert told == 200 * count
    assert more < 500


def test_a_thinking_block_of_anthropic_is_kept_until_it_ends_and_no_longer() -> None:
    """It must come back as it was, signature and text, and the signature comes last: the one thing that is kept for longer."""
    start, head, *_, stop, delta, end = list(long_stream("anthropic", 1, "", thinking=True))
    texts = [
        _event(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": f"{at}" * 50}}
        )
        for at in range(98)
    ]
    blocks = [start, *[piece for _ in range(150) for piece in (head, *texts, stop)]]
    more, told, last = growth(DIALECTS["anthropic"], [*blocks, delta, end], settled=0)
    assert isinstance(last, Finished)
    assert told > 1_000_000
    assert more < 30_000


@EACH_DIALECT
def test_an_event_of_a_megabyte(name: str) -> None:
    body = b"".join(long_stream(name, 2, "é" * 500_000))
    pieces = [body[at : at + 65_536] for at in range(0, len(body), 65_536)]
    events = cases.read_pieces(DIALECTS[name], pieces)
    assert isinstance(events[-1], Finished)
    assert sum(len(event.text) for event in events if isinstance(event, TextDelta)) == 1_000_000
