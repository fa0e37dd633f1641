import asyncio
import ssl

import httpx
import pytest

from polyglot_cloud.errors import BrokenReply, TimedOut, Unreachable, WireError
from polyglot_cloud.transport import (
    HttpxReply,
    Incoming,
    Outgoing,
    Timeouts,
    open_transport,
    send,
    ssl_context,
    wire_error,
)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("x"), Unreachable),
        (httpx.ConnectTimeout("x"), Unreachable),
        (httpx.PoolTimeout("x"), Unreachable),
        (httpx.UnsupportedProtocol("x"), Unreachable),
        (httpx.ReadTimeout("x"), TimedOut),
        (httpx.WriteTimeout("x"), TimedOut),
        (httpx.ReadError("x"), BrokenReply),
        (httpx.RemoteProtocolError("x"), BrokenReply),
    ],
)
def test_errors_are_classified_by_type(error: httpx.HTTPError, kind: type[WireError]) -> None:
    assert type(wire_error(error)) is kind


def test_tls_is_always_verified() -> None:
    context = ssl_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


async def serve_once(answer: bytes) -> tuple[asyncio.Server, str, list[bytes]]:
    got: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        got.append(head + await reader.readexactly(length))
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x", got


async def ask(url: str) -> tuple[Incoming, httpx.AsyncBaseTransport]:
    transport = open_transport()
    return await send(transport, Outgoing("POST", url, {"content-length": "2"}, b"{}"), Timeouts(read=5)), transport


async def test_a_request_goes_out_and_a_body_comes_back_over_a_socket() -> None:
    server, url, got = await serve_once(b"HTTP/1.1 200 OK\r\nX-Request-Id: 7\r\nContent-Length: 5\r\n\r\nhello")
    async with server:
        incoming, transport = await ask(url)
        async with transport:
            assert (incoming.status, incoming.headers["x-request-id"]) == (200, "7")
            assert await incoming.read(10) == b"hello"
            await incoming.close()
    assert got[0].startswith(b"POST /x HTTP/1.1\r\n")
    assert got[0].endswith(b"{}")


async def test_a_body_that_ends_early_is_broken() -> None:
    server, url, _ = await serve_once(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
    async with server:
        incoming, transport = await ask(url)
        async with transport:
            with pytest.raises(BrokenReply):
                await incoming.read(100)
            await incoming.close()


async def test_a_body_beyond_the_limit_is_broken() -> None:
    incoming = HttpxReply(httpx.Response(200, stream=httpx.ByteStream(b"x" * 11)))
    with pytest.raises(BrokenReply, match="larger than 10 bytes"):
        await incoming.read(10)


async def test_nobody_there_is_unreachable() -> None:
    server, url, _ = await serve_once(b"")
    server.close()
    await server.wait_closed()
    with pytest.raises(Unreachable):
        await ask(url)
