"""What our transport promises beyond the contract, over real sockets."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from polyglot_cloud.errors import BrokenReply, TimedOut, Unreachable
from polyglot_cloud.transport import AddressRefused, Bounds, NativeTransport, Timeouts
from polyglot_cloud.transport.dialing import Dialer
from polyglot_cloud.transport.origins import Origin
from polyglot_cloud.transport.tls import ssl_context
from transport.peer import OK, PATIENCE, Line, Talk, answering, ask, peer, server_context, until, whole

HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 2\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

# what httpx's transport lets pass
REFUSED = {
    "one length twice": HEAD + LENGTH + LENGTH + b"\r\nok",
    "a list of lengths": HEAD + b"Content-Length: 2, 2\r\n\r\nok",
    "length and coding": HEAD + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "coding and length": HEAD + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n2\r\nok\r\n0\r\n\r\n",
    "one coding twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked and then more": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\nok",
    "no coding as a coding": HEAD + b"Transfer-Encoding: identity\r\n\r\nok",
    "chunks of an old server": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "a folded line": HEAD + b"X: a\r\n b\r\n" + LENGTH + b"\r\nok",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a bare line feed after a chunk's size": CHUNKED + b"2\nok\r\n0\r\n\r\n",
    "a control character": HEAD + b"X: a\x01b\r\n" + LENGTH + b"\r\nok",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "an upgrade without more": b"HTTP/1.1 101 Switching Protocols\r\n\r\nblah",
    "a status below any": b"HTTP/1.1 099 Low\r\n" + LENGTH + b"\r\nok",
    "too many lines": HEAD + b"X: y\r\n" * 300 + LENGTH + b"\r\nok",
    "a head too large": HEAD + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(80)) + LENGTH + b"\r\nok",
    "a line without end": HEAD + b"X: " + b"y" * 100_000,
    "interim replies without end": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3000,
    "a chunk's line without end": CHUNKED + b"2;" + b"x" * 1_000_000,
    "trailers without end": CHUNKED + b"2\r\nok\r\n0\r\n" + b"X: y\r\n" * 200_000,
}


@pytest.fixture
async def native() -> AsyncIterator[NativeTransport]:
    async with NativeTransport() as opened:
        yield opened


@pytest.mark.parametrize("name", REFUSED)
async def test_what_two_readers_could_read_differently_is_refused(native: NativeTransport, name: str) -> None:
    talk, heard = answering(REFUSED[name])()
    async with peer(talk) as served:
        with pytest.raises(BrokenReply):
            await whole(await ask(native, served.url))
        await until(lambda: not served.open)
    assert len(heard) == 1


@pytest.mark.parametrize("forged", [HEAD + b"Content-Length: 6\r\n\r\nforged", HEAD, b"x", b"\0", b"0\r\n\r\n"])
@pytest.mark.parametrize("apart", [False, True], ids=["with it", "after it"])
async def test_bytes_after_the_end_answer_nothing(native: NativeTransport, forged: bytes, apart: bool) -> None:
    """Whatever a peer sends unasked is not the reply to the next request, however much it looks like one.

    httpcore 1.0.9 takes it for that: this is not in the contract.
    """
    said = asyncio.Event()

    async def talk(line: Line) -> None:
        while await line.request():
            if said.is_set():
                await line.say(OK)
            elif apart:
                await line.say(OK)
                await asyncio.sleep(0.01)
                await line.say(forged)
            else:
                await line.say(OK + forged)
            said.set()

    async with peer(talk) as served:
        assert await whole(await ask(native, served.url)) == b"ok"
        await said.wait()
        await until(lambda: not served.open)
        assert await whole(await ask(native, served.url)) == b"ok"
        assert served.connections == 2


async def test_line_ends_after_the_end_are_nothing(native: NativeTransport) -> None:
    """Old servers sent them after a POST. In the same read they are skipped."""
    talk, _ = answering(OK + b"\r\n", OK)()
    async with peer(talk) as served:
        assert await whole(await ask(native, served.url)) == b"ok"
        assert await whole(await ask(native, served.url)) == b"ok"


# --- sent once ---


def dying(replies: int) -> tuple[Talk, list[bytes]]:
    """Answers so many requests; the one after them is read, and the connection ends. Then it answers again."""
    heard: list[bytes] = []

    async def talk(line: Line) -> None:
        while request := await line.request():
            heard.append(request)
            if len(heard) == replies + 1:
                return
            await line.say(OK)

    return talk, heard


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize("bounds", [Bounds(), Bounds(connections=1)], ids=["unbounded", "bounded"])
async def test_what_may_be_repeated_is_asked_again_on_a_new_connection(bounds: Bounds, method: str) -> None:
    talk, heard = dying(1)
    async with peer(talk) as served, NativeTransport(bounds=bounds) as native:
        await whole(await ask(native, served.url))
        reply = await ask(native, served.url, method)
        assert reply.status == 200
        await whole(reply)
        assert served.connections == 2
    assert len(heard) == 3


@pytest.mark.parametrize("method", ["POST", "PATCH", "QUERY"])
async def test_what_may_have_been_acted_on_is_not_asked_again(native: NativeTransport, method: str) -> None:
    talk, heard = dying(1)
    async with peer(talk) as served:
        await whole(await ask(native, served.url))
        with pytest.raises(BrokenReply):
            await ask(native, served.url, method)
        await whole(await ask(native, served.url))
    assert len(heard) == 3


async def test_a_new_connection_that_dies_is_no_stale_one(native: NativeTransport) -> None:
    talk, heard = dying(0)
    async with peer(talk) as served:
        with pytest.raises(BrokenReply):
            await ask(native, served.url, "GET")
    assert len(heard) == 1


async def test_one_byte_in_reply_rules_a_second_try_out(native: NativeTransport) -> None:
    heard: list[bytes] = []

    async def script(line: Line) -> None:
        for reply in (OK, b"H"):
            heard.append(await line.request())
            await line.say(reply)

    async with peer(script) as served:
        await whole(await ask(native, served.url))
        with pytest.raises(BrokenReply):
            await ask(native, served.url, "GET")
    assert len(heard) == 2


async def test_silence_is_no_reason_to_ask_again(native: NativeTransport) -> None:
    talk, heard = answering(OK, b"")()
    async with peer(talk) as served:
        await whole(await ask(native, served.url))
        with pytest.raises(TimedOut):
            await ask(native, served.url, "GET", timeouts=Timeouts(read=0.02))
    assert len(heard) == 2


async def test_an_end_that_the_loop_has_not_seen_is_seen_before_a_request_is_written() -> None:
    """The peer's FIN lies at the socket, and the clock says that the connection was idle for a while."""
    now = [0.0]
    hang_up = asyncio.Event()
    heard: list[bytes] = []

    async def talk(line: Line) -> None:
        while request := await line.request():
            heard.append(request)
            await line.say(OK)
            if len(heard) == 1:
                await hang_up.wait()
                return

    async with peer(talk) as served, NativeTransport(clock=lambda: now[0]) as native:
        await whole(await ask(native, served.url))
        (pool,) = native._pools.values()
        (kept,) = pool.open
        kept._transport.pause_reading()  # the loop does not look
        hang_up.set()
        await until(lambda: not served.open)
        now[0] = 2.0
        assert await whole(await ask(native, served.url)) == b"ok"
        assert (len(heard), served.connections) == (2, 2)


async def test_a_reset_is_told_as_what_it_is(native: NativeTransport) -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.say(HEAD + b"Content-Length: 9\r\n\r\nhello")
        line.writer.get_extra_info("socket").setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER of none: a reset
        line.reset()

    async with peer(talk) as served:
        with pytest.raises(BrokenReply, match="ReadError"):
            await whole(await ask(native, served.url))


async def test_an_answer_that_comes_before_all_is_sent_ends_the_sending(native: NativeTransport) -> None:
    """413 to a body that nobody wants: it is heard, and the rest stays here."""

    async def talk(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
        await asyncio.sleep(0.02)

    async with peer(talk) as served:
        reply = await ask(native, served.url, body=bytes(64 << 20))
        assert (reply.status, await whole(reply)) == (413, b"large")
        await until(lambda: not served.open)


# --- the pool ---


async def test_connections_are_used_again_the_last_one_first() -> None:
    now = [0.0]
    talk, _ = answering(*[OK] * 9)()
    async with peer(talk) as served, NativeTransport(clock=lambda: now[0]) as native:
        first, second = await asyncio.gather(ask(native, served.url), ask(native, served.url))
        await whole(first)
        now[0] = 20.0
        await whole(second)
        await whole(await ask(native, served.url))
        now[0] = 31.0
        native.sweep()
        await until(lambda: served.open == 1)  # the first has been idle for 31 seconds, the second for 11
        now[0] = 55.0
        await whole(await ask(native, served.url))
        assert served.connections == 3


async def test_a_connection_that_was_idle_for_too_long_is_not_used() -> None:
    now = [0.0]
    talk, _ = answering(OK, OK)()
    async with peer(talk) as served, NativeTransport(clock=lambda: now[0]) as native:
        await whole(await ask(native, served.url))
        now[0] = 30.0
        await whole(await ask(native, served.url))
        assert served.connections == 2
        await until(lambda: served.open == 1)


async def test_an_origin_that_nobody_asks_is_forgotten() -> None:
    now = [0.0]
    talk, _ = answering(OK)()
    async with peer(talk) as served, NativeTransport(clock=lambda: now[0]) as native:
        await whole(await ask(native, served.url))
        native.sweep()
        assert len(native._pools) == 1
        assert native._sweeper is not None
        now[0] = 31.0
        native.sweep()
        await until(lambda: not served.open)
        await asyncio.sleep(0)
        native._sweeper.cancel()
        native.sweep()
        assert not native._pools
        assert native._sweeper is None


async def test_no_more_are_kept_than_the_bound() -> None:
    talk, _ = answering(*[OK] * 4)()
    async with peer(talk) as served, NativeTransport(bounds=Bounds(idle=1)) as native:
        replies = await asyncio.gather(*(ask(native, served.url) for _ in range(4)))
        await asyncio.gather(*map(whole, replies))
        await until(lambda: served.open == 1)


async def test_a_bound_on_connections_makes_others_wait() -> None:
    gate = asyncio.Event()

    async def talk(line: Line) -> None:
        while await line.request():
            await gate.wait()
            await line.say(OK)

    async with peer(talk) as served, NativeTransport(bounds=Bounds(connections=2)) as native:
        calls = [asyncio.ensure_future(ask(native, served.url, "GET")) for _ in range(6)]
        await until(lambda: served.open == 2)
        with pytest.raises(Unreachable, match="PoolTimeout"):
            await ask(native, served.url, timeouts=Timeouts(pool=0.02))
        calls[5].cancel()  # one that waits
        gate.set()
        for call in calls[:5]:
            assert await whole(await call) == b"ok"
        assert served.connections <= 2
        await whole(await ask(native, served.url))


@pytest.mark.parametrize("failure", [OSError("no route"), TimeoutError(), UnicodeError("label"), AddressRefused("no")])
async def test_a_place_is_given_back_where_no_connection_is_made(failure: Exception) -> None:
    async def dial(origin: Origin, factory: Callable[[], object]) -> None:
        raise failure

    native = NativeTransport(bounds=Bounds(connections=1), dial=dial)  # type: ignore[arg-type]  # it returns nothing
    for _ in range(3):
        with pytest.raises(Unreachable):
            await ask(native, "http://somewhere.example/")
    await native.aclose()


async def test_cancelling_while_connecting_gives_the_place_back() -> None:
    dialled = asyncio.Event()

    async def dial(origin: Origin, factory: Callable[[], object]) -> None:
        dialled.set()
        await asyncio.Event().wait()

    native = NativeTransport(bounds=Bounds(connections=1), dial=dial)  # type: ignore[arg-type]  # it returns nothing
    for _ in range(2):
        dialled.clear()
        call = asyncio.ensure_future(ask(native, "http://somewhere.example/"))
        await dialled.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    with pytest.raises(Unreachable, match="ConnectTimeout"):
        await ask(native, "http://somewhere.example/", timeouts=Timeouts(connect=0.01))
    await native.aclose()


async def test_a_connection_that_is_closed_as_soon_as_it_is_made_is_unreachable() -> None:
    async def talk(line: Line) -> None:
        return

    async with peer(talk) as served:
        dialer = Dialer(ssl_context())

        async def slowly(origin: Origin, factory: Callable[[], asyncio.Protocol]) -> asyncio.Protocol:
            made = await dialer(origin, factory)
            await until(lambda: bool(getattr(made, "ended", False)))
            return made

        async with NativeTransport(dial=slowly) as native:  # type: ignore[arg-type]  # no generic function
            with pytest.raises(Unreachable, match="closed as soon"):
                await ask(native, served.url)


async def test_a_transport_that_is_closed_while_it_connects() -> None:
    gate = asyncio.Event()
    talk, heard = answering(OK)()
    async with peer(talk) as served:
        dialer = Dialer(ssl_context())

        async def slowly(origin: Origin, factory: Callable[[], asyncio.Protocol]) -> asyncio.Protocol:
            made = await dialer(origin, factory)
            await gate.wait()
            return made

        native = NativeTransport(dial=slowly)  # type: ignore[arg-type]  # no generic function
        call = asyncio.ensure_future(ask(native, served.url))
        await until(lambda: served.open == 1)
        await native.aclose()
        gate.set()
        with pytest.raises(Unreachable):
            await call
        with pytest.raises(Unreachable, match="the transport is closed"):
            await ask(native, served.url)
        await until(lambda: not served.open)
    assert not heard


async def test_closing_breaks_the_replies_that_are_open() -> None:
    talk, _ = answering(HEAD + b"Content-Length: 9\r\n\r\nhello")()
    async with peer(talk) as served:
        native = NativeTransport()
        incoming = await ask(native, served.url)
        reading = asyncio.ensure_future(incoming.read(100))
        await asyncio.sleep(0)
        await native.aclose()
        with pytest.raises(BrokenReply):
            await reading


# --- nothing is left behind ---


async def test_nothing_is_left_of_a_call_wherever_it_is_cancelled(trusted: None) -> None:
    """After each number of turns of the loop once: in the look-up, the race, the handshake, the sending, the head and the body."""
    reply = HEAD + b"Content-Length: 2\r\n\r\no"
    talk, _ = answering(*[reply] * 200)()
    async with peer(talk, context=server_context("good")) as served:
        native = NativeTransport(ssl_context(), bounds=Bounds(connections=1))
        before = asyncio.all_tasks()
        for turns in range(60):
            call = asyncio.ensure_future(_call(native, served.url))
            for _ in range(turns):
                await asyncio.sleep(0.0005 if turns % 2 else 0)
            call.cancel()
            await asyncio.wait([call])
            await until(lambda: not served.open)
        await native.aclose()
        await until(lambda: asyncio.all_tasks() <= before)
        assert not served.open
    gc.collect()  # an unclosed socket would warn, and warnings are errors


async def _call(native: NativeTransport, url: str) -> bytes:
    return await whole(await ask(native, url, body=bytes(300_000)))


async def test_a_connection_that_has_ended_is_no_work_for_the_collector(native: NativeTransport) -> None:
    talk, _ = answering(HEAD + b"Connection: close\r\nContent-Length: 9\r\n\r\nok", close=True)()
    async with peer(talk) as served:
        incoming = await ask(native, served.url)
        (pool,) = native._pools.values()
        (connection,) = pool.open
        with pytest.raises(BrokenReply):
            await whole(incoming)
        await until(lambda: connection.ended)
        assert connection._parser is None


# --- httpx's way in ---


async def test_httpx_objects_go_in_and_come_out(native: NativeTransport) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    reply = HEAD + b"Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 5\r\n\r\nhello"
    talk, heard = answering(reply, reply)()
    async with peer(talk) as served, httpx.AsyncClient(transport=native) as client:
        response = await client.post(
            served.url, content=body(), headers=[("Host", "other.example"), ("X-A", "1"), ("x-a", "2"), ("Cookie", "c")]
        )
        assert response.headers.get_list("set-cookie") == ["a", "b"]
        assert (response.status_code, response.text, response.http_version) == (200, "hello", "HTTP/1.1")
        async with client.stream("GET", served.url) as response:
            assert [piece async for piece in response.aiter_raw()] == [b"hello"]
    assert heard[0].endswith(b"\r\n\r\none two")
    lines = heard[0].split(b"\r\n")
    assert b"host: other.example" in lines
    assert b"x-a: 1, 2" in lines
    assert b"content-length: 7" in lines
    assert b"transfer-encoding" not in heard[0]


async def test_errors_of_httpx_know_their_request(native: NativeTransport) -> None:
    async with peer(answering()()[0]) as served:
        pass
    request = httpx.Request("GET", served.url)
    with pytest.raises(httpx.ConnectError) as raised:
        await native.handle_async_request(request)
    assert raised.value.request is request


async def test_a_response_that_is_closed_early_hangs_up(native: NativeTransport) -> None:
    talk, _ = answering(HEAD + b"Content-Length: 9\r\n\r\nhello")()
    async with peer(talk) as served:
        request = httpx.Request("GET", served.url, extensions={"timeout": PATIENCE.extension})
        response = await native.handle_async_request(request)
        await response.aclose()
        await until(lambda: not served.open)


async def test_a_reply_cannot_be_read_once_it_is_closed(native: NativeTransport) -> None:
    talk, _ = answering(HEAD + b"Content-Length: 9\r\n\r\nhello")()
    async with peer(talk) as served:
        incoming = await ask(native, served.url)
        await incoming.close()
        await incoming.close()
        with pytest.raises(BrokenReply):
            await incoming.read(100)
