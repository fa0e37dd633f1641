import asyncio
import re

import pytest
from benchmarks.load import STAMP
from benchmarks.upstream import STREAMED, TAG, WHOLE, Upstream, at_once, paced


class Wire(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


def answered(path: str, body: bytes) -> Wire:
    wire, upstream = Wire(), Upstream()
    upstream.connection_made(wire)
    upstream.data_received(b"POST %b HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (path.encode(), len(body), body))
    return wire


def test_a_tag_says_what_is_done() -> None:
    found = TAG.search(b'{"model": "openai/bench-t100-g20-n64-e429-cut"}')
    assert found
    assert found.groups() == (b"100", b"20", b"64", b"429", b"-cut")


@pytest.mark.parametrize("body", [b'{"stream":true}', b'{"stream": true}'])
def test_streams_are_told_by_the_body(body: bytes) -> None:
    assert STREAMED.search(body)
    assert answered("/v1/messages", body).written == at_once(True, 64)


def test_whole_answers_by_the_path() -> None:
    assert answered("/v1/chat/completions", b"{}").written == WHOLE[False]
    assert answered("/v1/messages", b"{}").written == WHOLE[True]


def test_an_error_has_the_status_that_is_asked_for() -> None:
    assert answered("/v1/messages", b'{"model": "bench-t0-g0-n64-e429"}').written.startswith(b"HTTP/1.1 429 ")


def test_each_paced_chunk_has_a_stamp_of_its_own() -> None:
    pieces = list(paced(False, 3, cut=False))
    stamps = [STAMP.findall(piece) for piece in pieces]
    assert [len(found) for found in stamps] == [1, 1, 1]
    assert pieces[-1].endswith(b"0\r\n\r\n")


def test_what_is_cut_has_no_end() -> None:
    assert not b"".join(paced(True, 3, cut=True)).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("messages", [False, True])
def test_a_stream_is_as_long_as_it_says(messages: bool) -> None:
    stream = at_once(messages, 5)
    assert len(re.findall(rb"@T0@", stream)) == 5
    assert stream.endswith(b"0\r\n\r\n")


async def test_a_connection_that_is_cut_breaks() -> None:
    wire = answered("/v1/messages", b'{"stream": true, "model": "bench-t0-g0-n2-cut"}')
    for _ in range(4):
        await asyncio.sleep(0)
    assert wire.aborted
