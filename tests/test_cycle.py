"""What an app says and reads, against the bytes and waits that come of it; over sockets it is tests/test_protocol.py's."""

import asyncio
import logging
from typing import Any

import pytest

from polyglot_cloud.asgi import Headers, Receive, Scope, Send
from polyglot_cloud.cycle import COPIED, Cycle, Pace
from polyglot_cloud.errors import SlowCaller

LONG = Pace(grace=3600.0)


class Wire(asyncio.Transport):
    """A transport that keeps its writes apart."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.ended = ""

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.writes.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"


class Flow:
    write_paused = False

    def __init__(self) -> None:
        self.writable = asyncio.Event()

    def resume_reading(self) -> None:
        """Nothing is ever paused here."""

    async def drain(self) -> None:
        await self.writable.wait()
        self.write_paused = False


class Exchange:
    """A cycle whose request is whole, unless it is told otherwise, and what became of it."""

    def __init__(
        self,
        method: str = "POST",
        *,
        pace: Pace = LONG,
        whole: bool = True,
        keep_alive: bool = True,
        dated: bool = False,
    ) -> None:
        self.wire, self.flow, self.answered = Wire(), Flow(), 0
        self.cycle = Cycle(
            asyncio.get_running_loop(),
            pace,
            scope={"method": method},
            transport=self.wire,
            flow=self.flow,
            logger=logging.getLogger("uvicorn.error"),
            access_logger=logging.getLogger("uvicorn.access"),
            access_log=False,
            default_headers=[(b"date", b"now")] if dated else [],
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=keep_alive,
            on_response=self.note,
        )
        if whole:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def note(self) -> None:
        self.answered += 1

    async def start(self, status: int = 200, headers: Headers | None = None) -> None:
        await self.cycle.send({"type": "http.response.start", "status": status, "headers": headers or []})

    async def say(self, body: bytes, *, more: bool = False) -> None:
        await self.cycle.send({"type": "http.response.body", "body": body, "more_body": more})


def sized(body: bytes) -> Headers:
    return [(b"Content-Length", b"%d" % len(body))]


# --- writes ---


async def test_a_whole_answer_is_one_write() -> None:
    exchange = Exchange(dated=True)
    await exchange.start(200, [*sized(b"hello"), (b"X-A", b"\tb")])
    await exchange.say(b"hello")
    assert exchange.wire.writes == [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a: \tb\r\ndate: now\r\n\r\nhello"]
    assert (exchange.answered, exchange.wire.ended) == (1, "")


async def test_a_head_whose_body_is_not_there_yet_leaves_alone() -> None:
    exchange = Exchange()
    await exchange.start()
    assert exchange.wire.writes == []
    await asyncio.sleep(0)
    assert exchange.wire.writes == [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]
    await exchange.say(b"hello", more=True)
    await exchange.say(b"")
    assert exchange.wire.writes[1:] == [b"5\r\nhello\r\n", b"0\r\n\r\n"]


async def test_each_piece_of_a_stream_is_one_write() -> None:
    exchange = Exchange()
    await exchange.start()
    await exchange.say(b"one", more=True)
    await exchange.say(b"", more=True)
    await exchange.say(b"x" * (COPIED + 1), more=True)
    await exchange.say(b"end")
    await asyncio.sleep(0)
    assert exchange.wire.writes == [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n",
        b"%x\r\n" % (COPIED + 1) + b"x" * (COPIED + 1) + b"\r\n",
        b"3\r\nend\r\n0\r\n\r\n",
    ]


@pytest.mark.parametrize(
    ("method", "status", "body", "written"),
    [
        ("HEAD", 200, b"hello", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("GET", 204, b"", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", 529, b"", b"HTTP/1.1 529 \r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    ],
)
async def test_answers_without_a_body(method: str, status: int, body: bytes, written: bytes) -> None:
    exchange = Exchange(method)
    await exchange.start(status)
    await exchange.say(body)
    assert exchange.wire.writes == [written]
    assert exchange.answered == 1


async def test_an_app_may_chunk_or_close_by_itself() -> None:
    exchange = Exchange()
    await exchange.start(200, [(b"transfer-encoding", b"Chunked"), (b"connection", b"Close, x")])
    await exchange.say(b"hi")
    assert exchange.wire.writes == [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\nconnection: Close, x\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    ]
    assert exchange.wire.ended == "closed"


async def test_a_client_that_wants_no_other_answer_is_told_and_left() -> None:
    exchange = Exchange(keep_alive=False)
    await exchange.start(200, sized(b"hi"))
    await exchange.say(b"hi")
    assert b"\r\nconnection: close\r\n" in exchange.wire.writes[0]
    assert exchange.wire.ended == "closed"


async def test_an_answer_before_the_body_leaves_the_close_to_the_protocol() -> None:
    exchange = Exchange(whole=False)
    await exchange.start(200, sized(b"hi"))
    await exchange.say(b"hi")
    assert b"\r\nconnection: close\r\n" in exchange.wire.writes[0]
    assert (exchange.cycle.unread, exchange.wire.ended, exchange.answered) == (True, "", 1)


async def test_a_client_that_takes_nothing_is_waited_for() -> None:
    exchange = Exchange()
    exchange.flow.write_paused = True
    saying = asyncio.ensure_future(exchange.start())
    await asyncio.sleep(0)
    assert not saying.done()
    exchange.flow.writable.set()
    await saying


async def test_nothing_is_said_to_who_has_left() -> None:
    exchange = Exchange()
    exchange.cycle.disconnected = True
    await exchange.start()
    await exchange.say(b"x")
    assert exchange.wire.writes == []


# --- errors of the app ---


@pytest.mark.parametrize(
    "header", [(b"a b", b"x"), (b"a:", b"x"), (b"", b"x"), (b"a", b"x\r\nb: y"), (b"a", b"\x00"), (b"a", b"\x7f")]
)
async def test_what_cannot_stand_in_a_head_is_not_written(header: tuple[bytes, bytes]) -> None:
    exchange = Exchange()
    with pytest.raises(RuntimeError, match="header"):
        await exchange.start(200, [header])
    await asyncio.sleep(0)
    assert exchange.wire.writes == []


@pytest.mark.parametrize(("first", "last"), [(b"", b"hello!"), (b"", b"hi"), (b"hel", b"lo!")])
async def test_a_body_is_as_long_as_its_head_says(first: bytes, last: bytes) -> None:
    exchange = Exchange()
    await exchange.start(200, sized(b"hello"))
    await exchange.say(first, more=True)
    with pytest.raises(RuntimeError, match="than its Content-Length"):
        await exchange.say(last)


async def test_messages_have_an_order() -> None:
    exchange = Exchange()
    with pytest.raises(RuntimeError, match=r"http\.response\.body"):
        await exchange.say(b"x")
    await exchange.start()
    with pytest.raises(RuntimeError, match=r"http\.response\.start"):
        await exchange.start()
    await exchange.say(b"")
    with pytest.raises(RuntimeError, match=r"http\.response\.body"):
        await exchange.say(b"x")


async def raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("a defect")


async def raises_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await asyncio.sleep(0)
    raise ValueError("a defect")


async def says_nothing(scope: Scope, receive: Receive, send: Send) -> None:
    pass


async def says_half(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


@pytest.mark.parametrize(
    ("app", "status", "ended"),
    [
        (raises, b"500", "closed"),
        (says_nothing, b"500", "closed"),
        (raises_late, b"200", "closed"),
        (says_half, None, "closed"),
    ],
)
async def test_an_app_that_breaks_is_logged_and_its_connection_ends(
    app: Any, status: bytes | None, ended: str, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = Exchange()
    await exchange.cycle.run_asgi(app)
    assert [write.split()[1] for write in exchange.wire.writes] == ([status] if status else [])
    assert exchange.wire.ended == ended
    assert "ASGI" in caplog.text
    assert ("a defect" in caplog.text) == (app in {raises, raises_late})


# --- what the app reads ---


async def test_a_body_that_is_there_needs_no_timer() -> None:
    exchange = Exchange(pace=Pace(grace=-1.0), whole=False)
    exchange.cycle.add(b"hello")
    exchange.cycle.more_body = False
    assert await exchange.cycle.receive() == {"type": "http.request", "body": b"hello", "more_body": False}


async def test_a_body_that_falls_silent_is_given_up() -> None:
    exchange = Exchange(pace=Pace(grace=0.01), whole=False)
    exchange.cycle.add(b"he")
    assert (await exchange.cycle.receive())["body"] == b"he"
    with pytest.raises(SlowCaller) as caught:
        await exchange.cycle.receive()
    assert (caught.value.status, caught.value.headers) == (408, {"connection": "close"})


@pytest.mark.parametrize(("per_second", "arrives"), [(1.0, True), (1e9, False)])
async def test_what_has_arrived_buys_time(per_second: float, arrives: bool) -> None:
    """A body that dripped in for so long that its grace is over has the time that its bytes have bought, and no more."""
    exchange = Exchange(pace=Pace(grace=-5.0, bytes_per_second=per_second), whole=False)
    exchange.cycle.add(b"x" * 3600)
    await exchange.cycle.receive()
    reading = asyncio.ensure_future(exchange.cycle.receive())
    await asyncio.sleep(0.005)
    exchange.cycle.add(b"more")
    if arrives:
        assert (await reading)["body"] == b"more"
    else:
        with pytest.raises(SlowCaller):
            await reading


async def test_who_waits_for_the_client_to_leave_is_never_too_slow() -> None:
    exchange = Exchange(pace=Pace(grace=-1.0))
    await exchange.cycle.receive()
    waiting = asyncio.ensure_future(exchange.cycle.receive())
    await asyncio.sleep(0.005)
    assert not waiting.done()
    exchange.cycle.disconnected = True
    exchange.cycle.message_event.set()
    assert (await waiting)["type"] == "http.disconnect"


def test_a_pace_gives_time_for_what_has_arrived() -> None:
    assert Pace(grace=30, bytes_per_second=16_384).allowed(0) == 30
    assert Pace(grace=30, bytes_per_second=16_384).allowed(32 * 1024 * 1024) == 30 + 2048
