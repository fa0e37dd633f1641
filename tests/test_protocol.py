"""Over real sockets, with bytes that a client sends and no HTTP library would."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from polyglot_cloud.asgi import Receive, Scope, Send
from polyglot_cloud.protocol import Protocol
from polyglot_cloud.server import Limits, Stop, serve
from polyglot_cloud.sockets import Bound, Port

GENEROUS = 20.0  # seconds; only a test that would hang takes so long
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
JSON = b"Host: a\r\nContent-Length: %d\r\n"


class House:
    """An app that echoes what it was sent, but for the paths that refuse it unread, wait, or break."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.left: list[str] = []
        self.scopes: list[Scope] = []
        self.came = asyncio.Event()
        self.gone = asyncio.Event()
        self.release = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["raw_path"].decode().rpartition("/")[2]
        self.seen.append(name)
        self.scopes.append(scope)
        self.came.set()
        match name:
            case "refuse":
                await reply(send, 413, b"too large")
            case "wait":
                await body_of(receive)
                await self.wait(name, receive, send)
            case "later":
                await self.release.wait()
                await reply(send, 200, b"later")
            case "begin":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"begun", "more_body": True})
                await body_of(receive)
            case "cancelled":
                raise asyncio.CancelledError
            case "deaf":
                await self.shout(send)
            case "headers":
                self.release.set()
                await body_of(receive)
                await reply(send, 200, json.dumps([name.decode() for name, _ in scope["headers"]]).encode())
            case _:
                await reply(send, 200, scope["method"].encode() + b" " + (await body_of(receive) or b"?"))

    async def wait(self, name: str, receive: Receive, send: Send) -> None:
        if (await receive())["type"] == "http.disconnect":
            self.left.append(name)
            self.gone.set()

    async def shout(self, send: Send) -> None:
        """Sends more than a client that does not read can take, as long as anybody lets it."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(200):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        await send({"type": "http.response.body"})


async def body_of(receive: Receive) -> bytes | None:
    pieces, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message["body"])
        more = message["more_body"]
    return b"".join(pieces)


async def reply(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *pieces: bytes) -> None:
        """Each piece as a packet of its own."""
        for piece in pieces:
            self.writer.write(piece)
            with suppress(ConnectionError):
                await self.writer.drain()
            await asyncio.sleep(0.005)

    async def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).rstrip().split(b"\r\n")
        headers = {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}
        body = await self.reader.readexactly(int(headers.get(b"content-length", b"0")))
        return int(first.split()[1]), headers, body

    async def ask(self, *pieces: bytes) -> tuple[int, bytes]:
        await self.send(*pieces)
        status, _, body = await self.answer()
        return status, body

    async def refused(self) -> tuple[int, str]:
        """Status and code of a refusal, after which the connection has ended properly."""
        status, headers, body = await self.answer()
        assert headers[b"connection"] == b"close"
        assert headers[b"content-type"] == b"application/json"
        assert b"date" in headers
        error = json.loads(body)["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        assert (error["type"], error["param"]) == ("invalid_request_error", None)
        assert await self.reader.read() == b""
        return status, error["code"]

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


class Place:
    """A server on loopback, and the connections to it."""

    def __init__(self, house: House, port: int, stop: Stop, task: asyncio.Task[None]) -> None:
        self.house, self.port, self.stop, self.task = house, port, stop, task
        self.clients: list[Client] = []

    async def client(self, **options: Any) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, **options))
        self.clients.append(client)
        return client


@asynccontextmanager
async def serving(limits: Limits | None = None) -> AsyncIterator[Place]:
    ready: asyncio.Future[list[Bound]] = asyncio.get_running_loop().create_future()
    house, stop = House(), Stop()
    limits = limits or Limits(drain_timeout=0, last_words=0)
    task = asyncio.create_task(serve(house, [Port("openai", 0)], limits=limits, stop=stop, on_ready=ready.set_result))
    place = Place(house, (await ready)[0].port, stop, task)
    try:
        async with asyncio.timeout(GENEROUS):
            yield place
    finally:
        for client in place.clients:
            await client.close()
        stop.ask()
        await task


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with serving() as found:
        yield found


# --- upgrades ---


POST = b"POST /echo HTTP/1.1\r\n" + JSON % 5 + UPGRADE + b"\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [POST + b"hello"],
        [POST, b"hello"],
        [POST + b"he", b"llo"],
        [POST[:30], POST[30:70], POST[70:] + b"hel", b"lo"],
        [(POST + b"hello")[at : at + 1] for at in range(len(POST) + 5)],
        [
            b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + UPGRADE + b"\r\n2\r\nhe\r\n",
            b"3\r\nllo\r\n0\r\n\r\n",
        ],
        [POST.replace(b"Connection: Upgrade", b"Connection: close, Upgrade") + b"hello"],
        [POST.replace(b"1.1", b"1.0") + b"hello"],
    ],
    ids=["one", "head and body", "within the body", "within the head", "bytes", "chunked", "close", "1.0"],
)
async def test_an_upgrade_is_ignored_and_its_body_is_not_lost(
    place: Place, pieces: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    client = await place.client()
    assert await client.ask(*pieces) == (200, b"POST hello")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert b"upgrade" not in dict(place.house.scopes[0]["headers"])
    assert place.house.scopes[0]["http_version"] == ("1.0" if b" HTTP/1.0" in pieces[0] else "1.1")


async def test_the_connection_goes_on_after_an_upgrade(place: Place) -> None:
    client = await place.client()
    await client.send((POST + b"hello") * 3 + b"GET /echo HTTP/1.1\r\n\r\n")
    assert [(await client.answer())[2] for _ in range(4)] == [b"POST hello"] * 3 + [b"GET ?"]


async def test_a_websocket_is_a_plain_get(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    client = await place.client()
    head = b"GET /echo HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n"
    assert await client.ask(head) == (200, b"GET ?")
    assert "websocket" not in caplog.text.lower()


async def test_a_tunnel_is_refused(place: Place) -> None:
    client = await place.client()
    await client.send(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n")
    assert await client.refused() == (400, "invalid_http")
    assert not place.house.seen


# --- clients that leave ---


@pytest.mark.parametrize("apart", [False, True])
async def test_who_leaves_is_missed_by_the_call_that_runs_and_those_behind_never_start(
    place: Place, apart: bool
) -> None:
    client = await place.client()
    wait, others = b"GET /wait HTTP/1.1\r\n\r\n", b"GET /echo HTTP/1.1\r\n\r\n" * 3
    await client.send(*([wait, others] if apart else [wait + others]))
    await place.house.came.wait()
    await client.close()
    await place.house.gone.wait()
    await asyncio.sleep(0.05)
    assert (place.house.left, place.house.seen) == (["wait"], ["wait"])


async def test_a_long_queue_is_read_no_further_and_answered_in_order(place: Place) -> None:
    client = await place.client()
    await client.send(b"GET /later HTTP/1.1\r\n\r\n" + b"POST /echo HTTP/1.1\r\nContent-Length: 1\r\n\r\nx" * 40)
    await place.house.came.wait()
    place.house.release.set()
    bodies = [(await client.answer())[2] for _ in range(41)]
    assert bodies == [b"later"] + [b"POST x"] * 40


# --- limits ---


def wide(size: int) -> bytes:
    return b"GET /echo HTTP/1.1\r\nA: " + b"a" * size


HEADS = {
    "one large header": (wide(66_000) + b"\r\n\r\n", 431, "request_header_fields_too_large"),
    "one header without end": (wide(80_000), 431, "request_header_fields_too_large"),
    "very large": (wide(2_000_000), 431, "request_header_fields_too_large"),
    "many large ones": (
        b"GET /echo HTTP/1.1\r\n" + b"A: %s\r\n" % (b"a" * 1000) * 70 + b"\r\n",
        431,
        "request_header_fields_too_large",
    ),
    "many": (b"GET /echo HTTP/1.1\r\n" + b"A: a\r\n" * 101 + b"\r\n", 431, "request_header_fields_too_large"),
    "a long target": (b"GET /" + b"a" * 16_384 + b" HTTP/1.1\r\n\r\n", 414, "uri_too_long"),
    "a target without end": (b"GET /" + b"a" * 20_000, 414, "uri_too_long"),
    "a very long target": (b"GET /" + b"a" * 1_000_000, 414, "uri_too_long"),
    "empty lines": (b"\r\n" * 40_000, 431, "request_header_fields_too_large"),
    "garbage": (b"\x16\x03\x01\x02\x00\x01", 400, "invalid_http"),
    "a path that is none": (b"GET foo HTTP/1.1\r\n\r\n", 400, "invalid_http"),
    "an upgrade too": (
        b"GET /echo HTTP/1.1\r\n" + UPGRADE + b"A: a\r\n" * 101 + b"\r\n",
        431,
        "request_header_fields_too_large",
    ),
}


@pytest.mark.parametrize(("head", "status", "code"), HEADS.values(), ids=HEADS)
async def test_a_head_beyond_the_limits_is_refused_before_the_app(
    place: Place, head: bytes, status: int, code: str
) -> None:
    client = await place.client()
    sending = asyncio.create_task(client.send(head))
    assert await client.refused() == (status, code)
    await sending
    assert not place.house.seen


@pytest.mark.parametrize(
    "head",
    [
        wide(65_000) + b"\r\n\r\n",
        b"GET /echo HTTP/1.1\r\n" + b"A: a\r\n" * 100 + b"\r\n",
        b"GET /echo?" + b"a" * 16_000 + b" HTTP/1.1\r\n\r\n",
        b"\r\n\r\nGET /echo HTTP/1.1\r\n\r\n",
    ],
    ids=["bytes", "lines", "target", "empty lines"],
)
async def test_what_is_within_the_limits_is_not_refused(place: Place, head: bytes) -> None:
    client = await place.client()
    for _ in range(2):
        assert await client.ask(head[:1000], head[1000:]) == (200, b"GET ?")


async def test_the_limits_of_a_head_are_not_those_of_a_body(place: Place) -> None:
    client = await place.client()
    status, body = await client.ask(b"POST /echo HTTP/1.1\r\n" + JSON % 1_000_000 + b"\r\n", b"x" * 1_000_000)
    assert (status, len(body)) == (200, 1_000_005)
    assert await client.ask(wide(60_000), b"\r\n\r\n") == (200, b"GET ?")


async def test_a_trailer_has_limits_too(place: Place) -> None:
    client = await place.client()
    await client.send(
        b"POST /wait HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n0\r\n", b"T: " + b"t" * 99
    )
    await client.send(*[b"t" * 20_000] * 4)
    assert await client.refused() == (431, "request_header_fields_too_large")


@pytest.mark.parametrize("pieces", [[b"G"], [b"GET / HTTP/1.1\r\n", b"A: a\r\n"]])
async def test_a_head_that_does_not_end_in_time_is_refused(
    place: Place, pieces: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Protocol, "head_seconds", 0.05)
    client = await place.client()
    await client.send(*pieces)
    assert await client.refused() == (408, "request_timeout")


async def test_a_head_has_time_while_an_earlier_call_runs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "head_seconds", 0.02)
    client = await place.client()
    await client.send(b"GET /later HTTP/1.1\r\n\r\nGET /")
    await asyncio.sleep(0.1)
    place.house.release.set()
    assert (await client.answer())[2] == b"later"
    assert await client.refused() == (408, "request_timeout")


@pytest.mark.parametrize("first", [b"", b"\r\n"], ids=["nothing", "an empty line"])
async def test_a_connection_that_asks_nothing_ends(first: bytes) -> None:
    limits = Limits(drain_timeout=0, last_words=0, keep_alive=0.1)  # type: ignore[arg-type]  # uvicorn's are whole, the loop's not
    async with serving(limits) as place:
        client = await place.client()
        await client.send(first)
        assert await client.reader.read() == b""


# --- requests that break ---


async def test_calls_that_came_whole_are_answered_before_the_refusal(place: Place) -> None:
    client = await place.client()
    await client.send(b"GET /later HTTP/1.1\r\n\r\nGET /echo HTTP/1.1\r\n\r\nfoo: bar\r\n\r\n")
    await place.house.came.wait()
    place.house.release.set()
    assert [(await client.answer())[2] for _ in range(2)] == [b"later", b"GET ?"]
    assert await client.refused() == (400, "invalid_http")


async def test_a_call_whose_body_breaks_learns_that_it_ended(place: Place) -> None:
    client = await place.client()
    await client.send(b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", b"no size\r\n")
    assert await client.refused() == (400, "invalid_http")


async def test_a_refusal_is_not_written_into_an_answer(place: Place) -> None:
    client = await place.client()
    await client.send(b"POST /begin HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"no size\r\n")
    data = await client.reader.read()
    assert data.endswith(b"begun\r\n")
    assert data.count(b"HTTP/1.1 ") == 1


# --- trailers ---


async def test_trailers_do_not_become_headers_of_a_call_that_runs(place: Place) -> None:
    client = await place.client()
    await client.send(b"POST /headers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
    await place.house.release.wait()
    status, body = await client.ask(b"0\r\nAuthorization: Bearer other\r\nExpect: 100-continue\r\n\r\n")
    assert (status, json.loads(body)) == (200, ["host", "transfer-encoding"])
    assert await client.ask(b"GET /echo HTTP/1.1\r\n\r\n") == (200, b"GET ?")


# --- answers before the body ---


async def test_an_answer_before_the_body_ends_the_connection(place: Place) -> None:
    client = await place.client()
    await client.send(b"POST /refuse HTTP/1.1\r\nExpect: 100-continue\r\n" + JSON % 40 + b"\r\n")
    status, headers, body = await client.answer()
    assert (status, headers[b"connection"], body) == (413, b"close", b"too large")
    await client.send(b"GET /echo HTTP/1.1\r\n\r\n")
    assert await client.reader.read() == b""
    assert place.house.seen == ["refuse"]


@pytest.mark.parametrize("extra", [b"", b"Connection: close\r\n"])
async def test_a_client_that_goes_on_sending_sees_the_answer(place: Place, extra: bytes) -> None:
    client = await place.client()
    await client.send(b"POST /refuse HTTP/1.1\r\n" + extra + JSON % 5_000_000 + b"\r\n")
    for _ in range(50):
        client.writer.write(b"x" * 100_000)
        await client.writer.drain()
    assert (await client.answer())[0] == 413
    assert await client.reader.read() == b""


async def go_on(client: Client) -> None:
    """Sends until the other side is gone, and says so."""
    while True:
        client.writer.write(b"x")
        await client.writer.drain()
        await asyncio.sleep(0.01)


async def test_it_is_waited_for_only_so_long(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "linger_seconds", 0.05)
    client = await place.client()
    await client.send(b"POST /refuse HTTP/1.1\r\n" + JSON % 5 + b"\r\n")
    await client.answer()
    assert await client.reader.read() == b""
    with pytest.raises(ConnectionError):
        await go_on(client)


async def test_an_answer_after_the_body_does_not_end_it(place: Place) -> None:
    client = await place.client()
    for pieces in ([b"POST /refuse HTTP/1.1\r\n" + JSON % 1 + b"\r\nx"], [POST, b"hello"], [POST + b"hello"]):
        await client.send(*pieces)
        assert b"connection" not in (await client.answer())[1]


# --- the end of the process ---


async def quiet_end(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.stop.ask()
    place.stop.ask()
    await place.task
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    "request_line", [b"GET /deaf HTTP/1.1", b"POST /refuse HTTP/1.1\r\nContent-Length: 9", b"nonsense"]
)
async def test_a_client_that_does_not_read_or_close_ends_quietly(
    request_line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(Limits(drain_timeout=0, last_words=0, close_timeout=1)) as place:
        with socket.create_connection(("127.0.0.1", place.port)) as client:
            client.sendall(request_line + b"\r\n\r\n")
            await asyncio.sleep(0.1)
            caplog.clear()
            await quiet_end(place, caplog)


async def test_a_call_that_uvicorn_cancels_is_no_error_of_the_app(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Limits(drain_timeout=0, last_words=0, close_timeout=0)) as place:
        client = await place.client()
        await client.send(b"GET /later HTTP/1.1\r\n\r\n")
        place.stop.ask()
        await place.task
    assert "Exception in ASGI application" not in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_cancellation_that_nobody_asked_for_is_one(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    client = await place.client()
    assert (await client.ask(b"GET /cancelled HTTP/1.1\r\n\r\n"))[0] == 500
    assert "Exception in ASGI application" in caplog.text
