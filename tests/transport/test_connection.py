"""The machine alone, with a scripted socket: any bytes, split anywhere."""

import asyncio
import math
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.errors import BrokenReply
from polyglot_cloud.transport import Timeouts
from polyglot_cloud.transport.connection import AT_ONCE, HIGH_WATER, Ask, Connection
from polyglot_cloud.transport.reply import Reply
from transport.test_contract import BROKEN, REPLIES
from transport.test_native import REFUSED

HEAD = b"HTTP/1.1 200 OK\r\n"
POST = Ask("POST", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n", b"{}")
FOREVER = Timeouts(math.inf, math.inf, math.inf, math.inf)


class Socket(asyncio.Transport):
    """What asyncio would be to the connection."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closing = self.paused = False
        self.left = 0

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def state(self) -> str:
        return "paused" if self.paused else "reading"

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_write_buffer_size(self) -> int:
        return self.left


class Owner:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def freed(self, connection: Connection, *, reusable: bool) -> None:
        self.told.append("kept" if reusable else "dropped")

    def lost(self, connection: Connection) -> None:
        self.told.append("lost")

    def ended(self, connection: Connection) -> None:
        self.told.append("ended")


class Scene:
    def __init__(self) -> None:
        self.owner, self.socket = Owner(), Socket()
        self.connection = Connection(asyncio.get_running_loop(), self.owner)
        self.connection.connection_made(self.socket)

    async def hear(self, pieces: list[bytes], *, ask: Ask = POST, end: bool = False) -> tuple[int, bytes]:
        """What comes of a reply in these pieces. Raises as callers see it."""
        call = asyncio.ensure_future(self.connection.ask(ask, FOREVER))
        await asyncio.sleep(0)
        for piece in pieces:
            if not self.socket.closing:
                self.connection.data_received(piece)
        if end and not self.socket.closing:
            self.connection.eof_received()
        if not call.done():
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        if not call.done():
            call.cancel()
        reply = await call
        if not reply.ended:
            self.connection.abort()
        return reply.status, await reply.read(1 << 30)


def split(data: bytes, places: list[int]) -> list[bytes]:
    cuts = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(cuts) if start < end]


bodies = st.binary(max_size=200)
places = st.lists(st.integers(0, 10_000), max_size=12)
interim = st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"])
names = st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}", fullmatch=True).filter(
    lambda name: (
        name.lower()
        not in {
            "content-length", "transfer-encoding", "connection", "upgrade", "proxy-connection",
        }
    )
)  # fmt: skip
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30)
headers = st.lists(st.tuples(names, values), max_size=5)


def lines(given_headers: list[tuple[str, str]]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in given_headers)


def chunked(body: bytes, sizes: list[int]) -> bytes:
    out = []
    while body:
        size = sizes.pop(0) % len(body) + 1 if sizes else len(body)
        out.append(b"%x\r\n%s\r\n" % (size, body[:size]))
        body = body[size:]
    return b"".join(out) + b"0\r\n\r\n"


@given(body=bodies, cuts=places, extra=headers, before=interim)
async def test_any_reply_with_a_length_reads_the_same_however_it_is_split(
    body: bytes, cuts: list[int], extra: list[tuple[str, str]], before: bytes
) -> None:
    scene = Scene()
    wire = before + HEAD + lines(extra) + b"Content-Length: %d\r\n\r\n" % len(body) + body
    assert await scene.hear(split(wire, cuts)) == (200, body)
    assert scene.owner.told == ["kept"]


@given(body=bodies, cuts=places, sizes=st.lists(st.integers(0, 300), max_size=8), extra=headers)
async def test_any_chunked_reply_reads_the_same_however_it_is_split(
    body: bytes, cuts: list[int], sizes: list[int], extra: list[tuple[str, str]]
) -> None:
    scene = Scene()
    wire = HEAD + lines(extra) + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, sizes)
    assert await scene.hear(split(wire, cuts)) == (200, body)
    assert scene.owner.told == ["kept"]


@given(body=bodies, cuts=places)
async def test_a_reply_that_the_end_delimits_is_all_that_came(body: bytes, cuts: list[int]) -> None:
    scene = Scene()
    assert await scene.hear(split(HEAD + b"\r\n" + body, cuts), end=True) == (200, body)
    assert "kept" not in scene.owner.told


@given(body=st.binary(min_size=1, max_size=60), cut=st.integers(0, 10_000), cuts=places, in_chunks=st.booleans())
async def test_a_reply_that_is_cut_is_never_whole(body: bytes, cut: int, cuts: list[int], in_chunks: bool) -> None:
    framing = b"Transfer-Encoding: chunked\r\n\r\n" if in_chunks else b"Content-Length: %d\r\n\r\n" % len(body)
    wire = HEAD + framing + (chunked(body, []) if in_chunks else body)
    with pytest.raises((BrokenReply, httpx.TransportError)):
        await Scene().hear(split(wire[: cut % len(wire)], cuts), end=True)


@given(data=st.binary(max_size=400), cuts=places)
async def test_any_bytes_are_a_reply_or_an_error_and_nothing_else(data: bytes, cuts: list[int]) -> None:
    await _either(data, cuts)


def byte_by_byte(wire: bytes) -> list[bytes]:
    """Long ones, which are long by repetition, in fewer pieces."""
    step = 1 + len(wire) // 4_000
    return [wire[at : at + step] for at in range(0, len(wire), step)]


@pytest.mark.parametrize("name", REPLIES)
async def test_every_reply_of_the_contract_reads_the_same_at_every_cut(name: str) -> None:
    wire, status, body, kept = REPLIES[name]
    for pieces in (byte_by_byte(wire), *([wire[:at], wire[at:]] for at in range(1, len(wire)))):
        scene = Scene()
        assert await scene.hear(pieces, end=not kept) == (status, body), pieces
        assert ("kept" in scene.owner.told) == kept


@pytest.mark.parametrize("name", [*REFUSED, *BROKEN])
async def test_what_is_refused_is_refused_however_it_is_split(name: str) -> None:
    """What a check sees only where a line comes whole would let a smuggler choose his packets."""
    wire = REFUSED.get(name) or BROKEN[name]
    cuts = [[wire[:at], wire[at:]] for at in range(1, len(wire) if len(wire) < 500 else 1)]
    for pieces in (byte_by_byte(wire), *cuts):
        scene = Scene()
        with pytest.raises((BrokenReply, httpx.TransportError)):
            await scene.hear(pieces, end=True)
        assert "kept" not in scene.owner.told, pieces
        assert scene.socket.closing


HOSTILE = [
    b"Content-Length: 3\r\n", b"Content-Length: 5\r\n", b"Content-Length: 3, 5\r\n", b"Content-Length: 03\r\n", b"content-length:\t3 \r\n",
    b"Content-Length: 3\n", b"Content-Length\t: 3\r\n", b" Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: Chunked \r\n", b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding:\x0bchunked\r\n",
    b"Transfer-Encoding: x\r\n chunked\r\n", b"Connection: close\r\n", b"Connection: keep-alive, upgrade\r\nUpgrade: h2c\r\n",
    b"X: \r\n", b": x\r\n", b"X\0: x\r\n", b"\r\n", b"\n", b"\r",
]  # fmt: skip
AFTER = [
    b"abc",
    b"abcde",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"3\nabc\n0\n\n",
    b"0\r\n\r\n",
    HEAD + b"Content-Length: 6\r\n\r\nforged",
]


@given(
    head=st.lists(st.sampled_from(HOSTILE), max_size=4), after=st.lists(st.sampled_from(AFTER), max_size=3), cuts=places
)
async def test_no_smuggled_bytes_are_kept_for_the_next_request(
    head: list[bytes], after: list[bytes], cuts: list[int]
) -> None:
    """Whatever a head says twice: if the connection is kept, the next reply is the one that came after the next request."""
    scene = Scene()
    wire = HEAD + b"".join(head) + b"\r\n" + b"".join(after)
    try:
        await scene.hear(split(wire, cuts))
    except (BrokenReply, httpx.TransportError, asyncio.CancelledError):
        assert scene.socket.closing
        return
    if scene.socket.closing:
        return
    assert await scene.hear([HEAD + b"Content-Length: 4\r\n\r\nnext"]) == (200, b"next")


async def _either(data: bytes, cuts: list[int]) -> None:
    scene = Scene()
    try:
        status, _ = await scene.hear(split(data, cuts), end=True)
    except (BrokenReply, httpx.TransportError):
        assert scene.socket.closing
    else:
        assert 200 <= status <= 999


@given(
    prefix=st.sampled_from([HEAD, b"HTTP/1.1 204 N\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 "]),
    tail=st.binary(max_size=100),
    cuts=places,
)
async def test_any_bytes_after_a_good_beginning(prefix: bytes, tail: bytes, cuts: list[int]) -> None:
    await _either(prefix + tail, cuts)


# --- pressure, one call at a time ---


async def started(scene: Scene, ask: Ask = POST, timeouts: Timeouts = FOREVER) -> "asyncio.Task[Reply]":
    call = asyncio.ensure_future(scene.connection.ask(ask, timeouts))
    await asyncio.sleep(0)
    return call


async def test_what_nobody_takes_holds_the_peer_back_until_it_is_taken() -> None:
    scene = Scene()
    call = await started(scene)
    scene.connection.data_received(HEAD + b"Content-Length: %d\r\n\r\n" % (3 * HIGH_WATER))
    reply = await call
    scene.connection.data_received(bytes(HIGH_WATER))
    assert scene.socket.state() == "reading"
    scene.connection.data_received(b"x")
    scene.connection.data_received(b"x")
    assert scene.socket.state() == "paused"
    assert len(await reply.receive()) == HIGH_WATER + 2
    assert scene.socket.state() == "reading"
    scene.connection.data_received(bytes(2 * HIGH_WATER - 3))
    assert scene.socket.state() == "paused"
    scene.connection.data_received(b"x")
    assert scene.socket.state() == "reading", "a connection that waits for its next request has to hear its end"
    assert scene.owner.told == ["kept"]
    assert len(await reply.read(1 << 30)) == 2 * HIGH_WATER - 2


async def test_a_connection_that_closes_is_neither_held_back_nor_released() -> None:
    scene = Scene()
    call = await started(scene)
    scene.connection.data_received(HEAD + b"\r\n")
    reply = await call
    scene.connection.data_received(bytes(HIGH_WATER + 1))
    assert scene.socket.state() == "paused"
    scene.socket.closing = True
    await reply.receive()
    assert scene.socket.state() == "paused"
    scene.connection.data_received(bytes(HIGH_WATER + 1))
    scene.connection.connection_lost(None)
    assert len(await reply.read(1 << 30)) == HIGH_WATER + 1


async def test_a_large_body_is_written_as_the_peer_takes_it() -> None:
    scene = Scene()
    body = bytes(4 * AT_ONCE)
    scene.connection.pause_writing()
    call = await started(scene, POST._replace(body=body))
    assert bytes(scene.socket.written) == POST.head
    scene.connection.resume_writing()
    await asyncio.sleep(0)
    assert len(scene.socket.written) == len(POST.head) + len(body)
    scene.connection.pause_writing()
    scene.connection.resume_writing()
    scene.connection.data_received(HEAD + b"Content-Length: 0\r\n\r\n")
    assert (await call).status == 200
    assert scene.owner.told == ["kept"]


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", b""], ids=["answered", "lost"]
)
async def test_a_body_that_nobody_wants_is_not_written_on(answer: bytes) -> None:
    scene = Scene()
    scene.connection.pause_writing()
    call = await started(scene, POST._replace(body=bytes(4 * AT_ONCE)))
    if answer:
        scene.connection.data_received(answer)
        assert (await call).status == 413
    else:
        scene.connection.connection_lost(BrokenPipeError())
        with pytest.raises(httpx.WriteError):
            await call
    assert bytes(scene.socket.written) == POST.head
    assert "kept" not in scene.owner.told
    assert scene.socket.closing


async def test_an_answer_to_a_half_sent_request_is_the_connections_last() -> None:
    scene = Scene()
    call = await started(scene)
    scene.socket.left = 1
    scene.connection.data_received(HEAD + b"Content-Length: 0\r\n\r\n")
    await call
    assert scene.owner.told == ["lost", "dropped"]


async def test_whatever_comes_unasked_ends_the_connection() -> None:
    scene = Scene()
    scene.connection.data_received(b"\r\n")
    assert scene.socket.closing
    assert scene.owner.told == ["lost"]
    scene.connection.connection_lost(None)
    scene.connection.data_received(b"late")
    assert scene.owner.told == ["lost", "ended"]


async def test_a_head_reply_that_the_parser_knows_to_be_empty_keeps_the_connection() -> None:
    scene = Scene()
    assert await scene.hear([HEAD + b"Content-Length: 0\r\n\r\n"], ask=Ask("HEAD", POST.head)) == (200, b"")
    assert scene.owner.told == ["kept"]
    assert await scene.hear([HEAD + b"Content-Length: 5\r\n\r\nhello"], ask=Ask("HEAD", POST.head)) == (200, b"")
    assert scene.owner.told == ["kept", "lost", "dropped"]


async def test_a_head_of_many_lines_within_one_read() -> None:
    scene = Scene()
    big = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 900) for number in range(70))
    assert await scene.hear([HEAD + big + b"Content-Length: 80000\r\n\r\n" + bytes(80_000)]) == (200, bytes(80_000))


# --- time ---


def timed(scene: Scene) -> bool:
    return scene.connection._timer is not None


async def test_a_timer_is_set_once_for_many_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    loop = asyncio.get_running_loop()
    timeouts = Timeouts(read=60)
    for _ in range(5):
        call = await started(scene, timeouts=timeouts)
        timer = scene.connection._timer
        scene.connection.data_received(HEAD + b"Content-Length: 0\r\n\r\n")
        await call
        assert scene.connection._timer is timer
    assert timer is not None
    scene.connection._look_at_the_clock()  # nobody waits
    assert not timed(scene)
    call = await started(scene, timeouts=timeouts)
    scene.connection._look_at_the_clock()  # too early: it is set again
    again = scene.connection._timer
    assert again is not None
    assert 0 < again.when() - loop.time() < 61
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    scene.connection.connection_lost(None)
    assert not timed(scene)
    timer.cancel()


async def test_a_shorter_wait_sets_the_timer_anew() -> None:
    scene = Scene()
    call = await started(scene, timeouts=Timeouts(read=60))
    first = scene.connection._timer
    scene.connection.data_received(HEAD + b"Content-Length: 0\r\n\r\n")
    await call
    call = await started(scene, timeouts=Timeouts(read=0.001))
    assert first is not None
    assert first.cancelled()
    with pytest.raises(httpx.ReadTimeout):
        await call
    scene.connection.connection_lost(None)


async def test_without_a_limit_an_old_timer_is_not_set_again() -> None:
    scene = Scene()
    call = await started(scene, timeouts=Timeouts(read=60))
    scene.connection.data_received(HEAD + b"Content-Length: 0\r\n\r\n")
    await call
    old = scene.connection._timer
    call = await started(scene)
    scene.connection._look_at_the_clock()
    assert not timed(scene)
    assert old is not None
    old.cancel()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_only_a_socket_with_something_to_read_is_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    class Number:
        def __init__(self, number: int) -> None:
            self.number = number

        def fileno(self) -> int:
            return self.number

    scene = Scene()
    monkeypatch.setattr(scene.socket, "get_extra_info", lambda name: Number(-1))
    assert scene.connection.readable()
    monkeypatch.setattr("polyglot_cloud.transport.connection.select", object())
    monkeypatch.setattr(scene.socket, "get_extra_info", lambda name: Number(0))
    assert not scene.connection.readable()
