from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud import sse
from polyglot_cloud.errors import BrokenReply
from polyglot_cloud.sse import Decoder, Record, comment, encode, is_run, parse


def decoded(pieces: list[bytes]) -> list[Record]:
    decoder = Decoder()
    records = [record for piece in pieces for record in decoder.feed(piece)]
    return records + decoder.close()


@pytest.mark.parametrize(
    ("raw", "event", "data"),
    [
        (b"data: x\n\n", "", b"x"),
        (b"data:x\n\n", "", b"x"),
        (b"data:  x\n\n", "", b" x"),
        (b"event: ping\r\ndata: {}\r\n\r\n", "ping", b"{}"),
        (b"event:ping\rdata:{}\r\r", "ping", b"{}"),
        (b"data: a\ndata: b\n\n", "", b"a\nb"),
        (b": keep-alive\n\n", "", b""),
        (b"data\n\n", "", b""),
        (b"id: 7\nretry: 3\ndata: x\n\n", "", b"x"),
        (b"\xef\xbb\xbfdata: x\n\n", "", b"x"),
        (b"data: a:b: c\n\n", "", b"a:b: c"),
    ],
)
def test_parse(raw: bytes, event: str, data: bytes) -> None:
    assert parse(raw) == Record(event, data, raw)
    assert decoded([raw]) == [Record(event, data, raw)]


STREAM = "event: a\ndata: grüße 😀\n\n: note\r\n\r\ndata: 1\rdata: 2\r\rdata: last\n\n".encode()


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_any_cut_gives_the_same_records(cut: int) -> None:
    assert decoded([STREAM[:cut], STREAM[cut:]]) == decoded([STREAM])


@given(
    st.lists(
        st.sampled_from([b"data: x", b"\n", b"\r\n", b"\r", b"\n\n", b": c", b"event: e", b"data:", b"\xef\xbb\xbf"])
    ),
    st.lists(st.integers(min_value=0, max_value=200)),
    st.booleans(),
)
def test_any_split_of_any_lines_gives_the_same_records_and_loses_no_byte(
    lines: list[bytes], cuts: list[int], returns: bool
) -> None:
    stream = b"".join(lines) if returns else b"".join(lines).replace(b"\r", b"")
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(bounds)]
    whole = decoded([stream])
    assert decoded(pieces) == whole
    assert b"".join(record.raw for record in whole) == stream


@given(
    st.lists(
        st.sampled_from(
            [b"data: x", b"\n", b"event: e\n", b"data: ", b"event: ", b"data: y\n", b"z", b"\r\n", b"id: 1\n"]
        ),
        max_size=8,
    )
)
def test_the_quick_way_and_the_lines_one_by_one_tell_the_same(parts: list[bytes]) -> None:
    raw = b"".join(parts)
    assert parse(raw) == sse._parse_lines(raw)


def test_what_stands_without_its_blank_line_waits_for_the_end() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: half") == []
    assert decoder.pending == b"data: half"
    assert decoder.close() == [Record("", b"half", b"data: half")]
    assert decoder.close() == []


def test_an_event_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 10)
    with pytest.raises(BrokenReply, match="more than 10 bytes"):
        Decoder().feed(b"data: 0123456789")


def test_encode_and_comment_are_read_back() -> None:
    assert decoded([encode(b'{"a":1}', "x") + encode(b"[DONE]") + comment("two\nlines")]) == [
        Record("x", b'{"a":1}', b'event: x\ndata: {"a":1}\n\n'),
        Record("", b"[DONE]", b"data: [DONE]\n\n"),
        Record("", b"", b": two lines\n\n"),
    ]


class Unsearched(bytearray):
    """A buffer that nobody may look through from its start."""

    def __contains__(self, key: object) -> bool:
        raise AssertionError("the whole tail is searched at each piece: quadratic in a long event")


def test_a_long_event_in_small_pieces_is_not_looked_through_at_each_of_them() -> None:
    decoder = Decoder()
    decoder._buffer = Unsearched(b"data: ")  # what is asked of it is what the test is about
    assert [record for _ in range(100) for record in decoder.feed(b"x")] == []
    assert decoder.feed(b"\n\n") == [Record("", b"x" * 100, b"data: " + b"x" * 100 + b"\n\n")]


@pytest.mark.parametrize(
    ("piece", "lines", "run"),
    [
        (b"data: {}\n\n", 2, True),
        (b"data: {}\n\n" * 3, 2, True),
        (b"event: a\ndata: {}\n\n", 3, False),  # begins otherwise
        (b"data: {}\n\ndata: [DONE]\n\n", 2, False),
        (b"data: {}\n\n: ping\n\ndata: {}\n\n", 2, False),
        (b"data: {}\ndata: {}\n\n", 2, False),  # one event of two lines
        (b"data: {}\n\ndata: {}\n", 2, False),
        (b"data: {}\r\n\r\n", 2, False),
        (b"", 2, False),
    ],
)
def test_a_run_of_events_is_told_by_counting(piece: bytes, lines: int, run: bool) -> None:
    assert is_run(piece, b"data: {", lines=lines) is run
