"""What holds for our transport and for httpx's alike: the contract that callers rely on, over real sockets."""

import asyncio

import httpx
import pytest

from polyglot_cloud.errors import BrokenReply, TimedOut, Unreachable, Unsendable, WireError
from polyglot_cloud.transport import Choice, Timeouts, open_transport
from polyglot_cloud.transport.choice import Kind
from transport.peer import OK, PATIENCE, Line, answering, ask, peer, server_context, until, whole

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

# (reply, status, body, whether the connection can be used again); the server closes where it cannot
REPLIES = {
    "length": (HEAD + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", True),
    "empty": (HEAD + b"Content-Length: 0\r\n\r\n", 200, b"", True),
    "chunked": (CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 200, b"hello world", True),
    "chunk extension": (CHUNKED + b'5;a="b"\r\nhello\r\n0\r\n\r\n', 200, b"hello", True),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", 200, b"hello", True),
    "coding in capitals": (
        HEAD + b"Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200,
        b"hello",
        True,
    ),
    "until the end": (HEAD + b"\r\nhello", 200, b"hello", False),
    "old": (b"HTTP/1.0 200 OK\r\n\r\nhello", 200, b"hello", False),
    "said to close": (HEAD + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello", False),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"", True),
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", True),
    "hints": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + OK, 200, b"ok", True),
    "error": (b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}", 429, b"{}", True),
    "no reason": (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
}
BROKEN = {
    "nothing": b"",
    "not HTTP": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "half a head": HEAD + b"Content-Le",
    "half a body": HEAD + b"Content-Length: 5\r\n\r\nhel",
    "half a chunk": CHUNKED + b"5\r\nhel",
    "no last chunk": CHUNKED + b"5\r\nhello\r\n",
    "a chunk without size": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk that runs on": CHUNKED + b"5\r\nhello0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "a negative length": HEAD + b"Content-Length: -2\r\n\r\nok",
    "a signed length": HEAD + b"Content-Length: +2\r\n\r\nok",
    "a length in letters": HEAD + b"Content-Length: two\r\n\r\nok",
    "an empty length": HEAD + b"Content-Length:\r\n\r\nok",
    "another coding": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "a space before the colon": HEAD + b"Content-Length : 2\r\n\r\nok",
    "a NUL in a header": HEAD + b"X: a\0b\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("name", REPLIES)
async def test_a_reply_is_read_to_its_end_and_no_further(transport: httpx.AsyncBaseTransport, name: str) -> None:
    reply, status, body, kept = REPLIES[name]
    talk, _ = answering(reply, OK, close=not kept)()
    async with peer(talk) as served:
        incoming = await ask(transport, served.url)
        assert (incoming.status, await whole(incoming)) == (status, body)
        assert await whole(await ask(transport, served.url)) == b"ok"
        assert served.connections == (1 if kept else 2)


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_reply_is_broken(transport: httpx.AsyncBaseTransport, name: str) -> None:
    talk, heard = answering(BROKEN[name], close=True)()
    async with peer(talk) as served:
        with pytest.raises(BrokenReply):
            await whole(await ask(transport, served.url))
        await until(lambda: not served.open)
    assert len(heard) == 1


@pytest.mark.parametrize("reply", [REPLIES["length"][0], REPLIES["chunked"][0]], ids=["length", "chunked"])
async def test_an_early_end_at_any_byte_is_told(transport: httpx.AsyncBaseTransport, reply: bytes) -> None:
    talk, heard = answering(*(reply[:size] for size in range(len(reply))), close=True)()
    async with peer(talk) as served:
        for _ in range(len(reply)):
            with pytest.raises(BrokenReply):
                await whole(await ask(transport, served.url))
    assert len(heard) == len(reply)


async def test_what_came_before_the_break_is_handed_on(transport: httpx.AsyncBaseTransport) -> None:
    talk, _ = answering(CHUNKED + b"5\r\nhello\r\n", close=True)()
    async with peer(talk) as served:
        incoming = await ask(transport, served.url)
        assert await incoming.piece() == b"hello"
        with pytest.raises(BrokenReply):
            await incoming.piece()
        await incoming.close()


async def test_the_start_of_a_body_is_had_however_it_ends(transport: httpx.AsyncBaseTransport) -> None:
    talk, _ = answering(CHUNKED + b"5\r\nhello\r\n", close=True)()
    async with peer(talk) as served:
        incoming = await ask(transport, served.url)
        assert await incoming.start(100) == b"hello"
        await incoming.close()
    talk, _ = answering(REPLIES["length"][0], REPLIES["length"][0])()
    async with peer(talk) as served:
        for limit in (9, 3):
            incoming = await ask(transport, served.url)
            assert await incoming.start(limit) == b"hello"[:limit]
            await incoming.close()


async def test_a_body_beyond_the_limit_is_broken(transport: httpx.AsyncBaseTransport) -> None:
    talk, _ = answering(REPLIES["length"][0])()
    async with peer(talk) as served:
        incoming = await ask(transport, served.url)
        with pytest.raises(BrokenReply, match="larger than 4 bytes"):
            await incoming.read(4)
        await incoming.close()


async def test_a_reply_to_head_has_no_body(transport: httpx.AsyncBaseTransport) -> None:
    head = HEAD + b"Content-Length: 5\r\n\r\n"
    talk, heard = answering(head, OK)()
    async with peer(talk) as served:
        incoming = await ask(transport, served.url, "HEAD", b"")
        assert incoming.headers["content-length"] == "5"
        assert await whole(incoming) == b""
        assert await whole(await ask(transport, served.url)) == b"ok"
    assert heard[0].startswith(b"HEAD /v1/x?y=1 HTTP/1.1\r\n")


async def test_the_request_goes_out_as_it_was_given(transport: httpx.AsyncBaseTransport) -> None:
    talk, heard = answering(OK)()
    async with peer(talk) as served:
        body = b'{"text":"\xc3\xa9"}'
        await whole(
            await ask(transport, served.url, "POST", body, headers={"authorization": "Bearer k", "X-Ab": "c \xe9"})
        )
        host = served.url.split("/")[2].encode()
    head, _, sent = heard[0].partition(b"\r\n\r\n")
    assert sent == body
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v1/x?y=1 HTTP/1.1"
    named = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines[1:])}
    assert named == {
        b"host": host,
        b"content-length": b"%d" % len(body),
        b"authorization": b"Bearer k",
        b"x-ab": b"c \xe9",
        b"accept-encoding": b"identity",
    }


async def test_headers_come_in_by_lower_case_and_joined(transport: httpx.AsyncBaseTransport) -> None:
    reply = HEAD + b"X-One: 1 \r\nSet-Cookie: a\r\nset-cookie: b\r\nX-Odd: \xe9\r\nContent-Length: 0\r\n\r\n"
    talk, _ = answering(reply)()
    async with peer(talk) as served:
        incoming = await ask(transport, served.url)
        await whole(incoming)
    assert incoming.headers == {"x-one": "1", "set-cookie": "a, b", "x-odd": "\xe9", "content-length": "0"}


async def test_a_coded_body_is_left_as_it_is(transport: httpx.AsyncBaseTransport) -> None:
    talk, _ = answering(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\0\0")()
    async with peer(talk) as served:
        assert await whole(await ask(transport, served.url)) == b"\x1f\x8b\0\0"


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\r\nX-Own: 1", "a\0b", "\N{SNOWMAN}"])
async def test_what_would_break_a_head_is_not_sent(transport: httpx.AsyncBaseTransport, value: str) -> None:
    talk, heard = answering(OK)()
    async with peer(talk) as served:
        with pytest.raises(Unsendable):
            await ask(transport, served.url, headers={"x-note": value})
        with pytest.raises(Unsendable):
            await ask(transport, served.url, headers={f"x{value}": "note"})
    assert not heard


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a\nb", "http://[::1/", "http://a:b:c/"])
async def test_what_is_no_url_is_not_sent(transport: httpx.AsyncBaseTransport, url: str) -> None:
    with pytest.raises(Unsendable):
        await ask(transport, url)


async def test_another_scheme_is_not_reached(transport: httpx.AsyncBaseTransport) -> None:
    with pytest.raises(Unreachable):
        await ask(transport, "ftp://127.0.0.1/")


async def test_nobody_there_is_unreachable(transport: httpx.AsyncBaseTransport) -> None:
    async with peer(answering()()[0]) as served:
        pass
    with pytest.raises(Unreachable):
        await ask(transport, served.url)


# --- streams ---


async def test_each_piece_is_there_as_soon_as_it_has_come(transport: httpx.AsyncBaseTransport) -> None:
    turn = asyncio.Event()

    async def talk(line: Line) -> None:
        await line.request()
        await line.say(CHUNKED)
        for piece in (b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"):
            await turn.wait()
            turn.clear()
            await line.say(piece)
        await line.gone()

    async with peer(talk) as served:
        incoming = await ask(transport, served.url)
        for expected in (b"one", b"two", b"", b""):
            turn.set()
            assert await incoming.piece() == expected
        await incoming.close()


async def test_a_wait_that_is_cancelled_loses_nothing(transport: httpx.AsyncBaseTransport) -> None:
    turn = asyncio.Event()

    async def talk(line: Line) -> None:
        await line.request()
        await line.say(CHUNKED)
        await turn.wait()
        await line.say(b"3\r\none\r\n0\r\n\r\n")
        await line.gone()

    async with peer(talk) as served:
        incoming = await ask(transport, served.url)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(incoming.piece(), 0)
        turn.set()
        assert await incoming.piece() == b"one"
        assert await incoming.piece() == b""
        await incoming.close()


async def test_a_consumer_that_does_not_read_holds_the_sender_back(transport: httpx.AsyncBaseTransport) -> None:
    total, step = 64 << 20, 1 << 20
    sent = 0

    async def talk(line: Line) -> None:
        nonlocal sent
        await line.request()
        await line.say(HEAD + b"Content-Length: %d\r\n\r\n" % total)
        while sent < total:
            line.writer.write(bytes(step))
            await line.writer.drain()
            sent += step
        await line.gone()

    async with peer(talk) as served:
        incoming = await ask(transport, served.url)
        held = -1
        while held != sent:  # as much as sockets and buffers hold, and then no more
            held = sent
            await asyncio.sleep(0.05)
        assert held < total // 2
        assert len(await whole(incoming)) == total


async def test_a_large_body_goes_up_whole(transport: httpx.AsyncBaseTransport) -> None:
    body = bytes(range(256)) * 4 * 4096
    talk, heard = answering(OK, OK)()
    async with peer(talk) as served:
        assert await whole(await ask(transport, served.url, body=body)) == b"ok"
        assert await whole(await ask(transport, served.url)) == b"ok"
        assert served.connections == 1
    assert heard[0].endswith(b"\r\n\r\n" + body)


# --- time ---


@pytest.mark.parametrize("said", [b"", HEAD, HEAD + b"Content-Length: 9\r\n\r\nhello"], ids=["", "head", "body"])
async def test_silence_is_timed(transport: httpx.AsyncBaseTransport, said: bytes) -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.say(said)
        await line.gone()

    async with peer(talk) as served:
        with pytest.raises(TimedOut):
            await whole(await ask(transport, served.url, timeouts=Timeouts(read=0.03)))
        await until(lambda: not served.open)


async def test_a_peer_that_takes_no_body_is_timed(transport: httpx.AsyncBaseTransport) -> None:
    release = asyncio.Event()

    async def talk(line: Line) -> None:
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a ReadTransport too
        await release.wait()

    async with peer(talk) as served:
        with pytest.raises((TimedOut, BrokenReply)):
            await ask(transport, served.url, body=bytes(64 << 20), timeouts=Timeouts(read=10, write=0.05))
        release.set()


# --- kept connections ---


async def test_a_connection_that_the_peer_closed_while_idle_is_not_used(transport: httpx.AsyncBaseTransport) -> None:
    talk, heard = answering(OK, OK, close=True)()
    async with peer(talk) as served:
        assert await whole(await ask(transport, served.url)) == b"ok"
        await until(lambda: not served.open)
        await asyncio.sleep(0.01)  # its end is on the way
        assert await whole(await ask(transport, served.url)) == b"ok"
    assert len(heard) == 2


async def test_what_costs_money_is_never_sent_twice(transport: httpx.AsyncBaseTransport) -> None:
    """The peer took the request and hung up: whether it acted on it, nobody knows."""
    heard = 0

    async def talk(line: Line) -> None:
        nonlocal heard
        while await line.request():
            heard += 1
            if heard == 2:
                return
            await line.say(OK)

    async with peer(talk) as served:
        await whole(await ask(transport, served.url))
        with pytest.raises(BrokenReply):
            await ask(transport, served.url)
        assert heard == 2


async def test_many_at_once(transport: httpx.AsyncBaseTransport) -> None:
    async def talk(line: Line) -> None:
        while request := await line.request():
            body = request.partition(b"\r\n\r\n")[2]
            await line.say(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    async with peer(talk) as served:

        async def one(number: int) -> bytes:
            return await whole(await ask(transport, served.url, body=b"%d" % number))

        for _ in range(2):
            assert await asyncio.gather(*map(one, range(40))) == [b"%d" % number for number in range(40)]


# --- leaving ---


@pytest.mark.parametrize("said", [b"", HEAD], ids=["before the head", "within it"])
async def test_a_call_that_is_cancelled_hangs_up(transport: httpx.AsyncBaseTransport, said: bytes) -> None:
    asked = asyncio.Event()

    async def talk(line: Line) -> None:
        await line.request()
        await line.say(said)
        asked.set()
        await line.gone()

    async with peer(talk) as served:
        call = asyncio.ensure_future(ask(transport, served.url))
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: not served.open)


async def test_a_reply_that_is_closed_before_its_end_hangs_up(transport: httpx.AsyncBaseTransport) -> None:
    talk, _ = answering(HEAD + b"Content-Length: 9\r\n\r\nhello")()
    async with peer(talk) as served:
        incoming = await ask(transport, served.url)
        assert await incoming.piece() == b"hello"
        await incoming.close()
        await until(lambda: not served.open)


async def test_a_wait_for_a_piece_can_be_cancelled(transport: httpx.AsyncBaseTransport) -> None:
    talk, _ = answering(HEAD + b"Content-Length: 9\r\n\r\nhello")()
    async with peer(talk) as served:
        incoming = await ask(transport, served.url)
        reading = asyncio.ensure_future(whole(incoming))
        await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await until(lambda: not served.open)


async def test_closing_the_transport_closes_all_connections(kind: Kind) -> None:
    talk, _ = answering(OK, OK, OK)()
    async with peer(talk) as served:
        async with open_transport(Choice(kind)) as transport:
            first, second = await asyncio.gather(ask(transport, served.url), ask(transport, served.url))
            await whole(first)
            await whole(second)
            assert served.open == 2
        await until(lambda: not served.open)


# --- TLS ---


async def test_a_host_that_proves_its_name_is_asked(kind: Kind, trusted: None) -> None:
    talk, heard = answering(OK, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")()
    async with peer(talk, context=server_context("good")) as served, open_transport(Choice(kind)) as transport:
        assert await whole(await ask(transport, served.url)) == b"ok"
        assert await whole(await ask(transport, served.url)) == b"hello"
        assert served.connections == 1
        by_address = served.url.replace("localhost", "127.0.0.1")
        talk_again, _ = answering(OK)()
        served.talk = talk_again
        assert await whole(await ask(transport, by_address)) == b"ok"
    assert heard[0].startswith(b"POST ")


@pytest.mark.parametrize("name", ["wrong-name", "unknown", "expired"])
async def test_a_host_that_does_not_prove_its_name_gets_nothing(kind: Kind, trusted: None, name: str) -> None:
    talk, heard = answering(OK)()
    async with peer(talk, context=server_context(name)) as served, open_transport(Choice(kind)) as transport:
        with pytest.raises(Unreachable, match=r"(?i)certificate"):
            await ask(transport, served.url)
    assert not heard


async def test_our_authority_is_not_trusted_unless_it_is_named(kind: Kind) -> None:
    talk, heard = answering(OK)()
    async with peer(talk, context=server_context("good")) as served, open_transport(Choice(kind)) as transport:
        with pytest.raises(Unreachable, match=r"(?i)certificate"):
            await ask(transport, served.url)
    assert not heard


async def test_a_host_that_does_not_speak_tls_is_unreachable(kind: Kind, trusted: None) -> None:
    talk, _ = answering(OK)()
    async with peer(talk) as served, open_transport(Choice(kind)) as transport:

        async def plain(line: Line) -> None:
            await line.say(OK)
            await line.gone()

        served.talk = plain
        with pytest.raises(Unreachable):
            await ask(transport, served.url.replace("http:", "https:"))


async def test_a_large_body_over_tls(kind: Kind, trusted: None) -> None:
    body = bytes(range(256)) * 4 * 2048

    async def talk(line: Line) -> None:
        request = await line.request()
        await line.say(HEAD + b"Content-Length: %d\r\n\r\n" % len(body), request.partition(b"\r\n\r\n")[2])
        await line.gone()

    async with peer(talk, context=server_context("good")) as served, open_transport(Choice(kind)) as transport:
        assert await whole(await ask(transport, served.url, body=body)) == body


async def test_a_body_over_tls_that_is_cut(kind: Kind, trusted: None) -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.say(HEAD + b"Content-Length: 9\r\n\r\nhello")

    async with peer(talk, context=server_context("good")) as served, open_transport(Choice(kind)) as transport:
        with pytest.raises(WireError):
            await whole(await ask(transport, served.url))


async def test_a_handshake_that_does_not_come_is_timed(kind: Kind, trusted: None) -> None:
    async def talk(line: Line) -> None:
        await line.gone()

    async with peer(talk) as served, open_transport(Choice(kind)) as transport:
        with pytest.raises(Unreachable, match="Timeout"):
            await ask(transport, served.url.replace("http:", "https:"), timeouts=Timeouts(connect=0.05))
        await until(lambda: not served.open)


def test_patience_outlasts_the_tests() -> None:
    assert min(PATIENCE.extension.values()) >= 10
