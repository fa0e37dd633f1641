"""Over real sockets on loopback, which the operator opened: pinning, TLS, and servers that do not speak HTTP as they should."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest

from media.world import PNG
from polyglot_cloud.addresses import Address, Allowed
from polyglot_cloud.media.fetching import Allowance, Fetched, Fetcher, Limits, NotFetched, open_connection

TLS = Path(__file__).parents[1] / "fixtures" / "tls"
"""A certificate for pictures.example, valid until 2126, and who signed it."""
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n%b" % (len(PNG), PNG)


@asynccontextmanager
async def serving(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def saying(answer: bytes, heard: list[bytes] | None = None) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.append(head)
        writer.write(answer)
        await writer.drain()

    return talk


async def loopback(host: str, port: int) -> list[Address]:
    return [ip_address("127.0.0.1")]


def trusting() -> httpx.AsyncBaseTransport:
    return httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=TLS / "authority.pem"))


async def fetch(
    url: str, connect: Callable[[], httpx.AsyncBaseTransport] = open_connection, seconds: float = 10.0
) -> Fetched:
    limits = Limits(seconds=seconds, item=100_000)
    fetcher = Fetcher(Allowed.of(["127.0.0.0/8"]), limits=limits, resolve=loopback, connect=connect)
    return await fetcher.fetch(url, Allowance(10_000_000))


async def test_the_name_is_in_the_header_and_the_address_in_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # a proxy would look the name up by itself
    heard: list[bytes] = []
    async with serving(saying(OK, heard)) as port:
        assert await fetch(f"http://pictures.example:{port}/a%20b.png?c=d") == Fetched(PNG, "image/png")
    lines = heard[0].split(b"\r\n")
    assert lines[0] == b"GET /a%20b.png?c=d HTTP/1.1"
    assert sorted(line.partition(b":")[0].lower() for line in lines[1:-2]) == [
        b"accept", b"accept-encoding", b"connection", b"host", b"user-agent",
    ]  # fmt: skip
    assert b"host: pictures.example:%d" % port in heard[0].lower()


@asynccontextmanager
async def serving_tls(names: list[str | None]) -> AsyncIterator[int]:
    """`names` gets what each client asks for in its TLS hello."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "pictures.example.pem")
    context.sni_callback = lambda _, name, __: names.append(name)
    async with serving(saying(OK), context) as port:
        yield port


async def test_the_certificate_is_checked_against_the_name() -> None:
    names: list[str | None] = []
    async with serving_tls(names) as port:
        fetched = await fetch(f"https://pictures.example:{port}/", trusting)
    assert (fetched.data, names) == (PNG, ["pictures.example"])


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1", "a.pictures.example"])
async def test_a_certificate_of_another_name_is_refused(host: str) -> None:
    async with serving_tls([]) as port:
        with pytest.raises(NotFetched, match="certificate"):
            await fetch(f"https://{host}:{port}/", trusting)


async def test_an_authority_that_nobody_trusts_is_refused() -> None:
    async with serving_tls([]) as port:
        with pytest.raises(NotFetched, match="certificate"):
            await fetch(f"https://pictures.example:{port}/")


async def test_nobody_there() -> None:
    async with serving(saying(b"")) as port:
        pass
    with pytest.raises(NotFetched, match="No connection"):
        await fetch(f"http://pictures.example:{port}/")


HEAD = b"HTTP/1.1 200 OK\r\n"
BROKEN = [
    b"", b"\x00" * 64, b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"-ERR unknown command\r\n",
    HEAD + b"Content-Length: 100\r\n\r\nshort", HEAD + b"Content-Length: -1\r\n\r\n", HEAD + b"Content-Length: x\r\n\r\n",
    HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", HEAD + b"Content-Length: %b\r\n\r\n" % (b"9" * 5000),
    HEAD + b"Transfer-Encoding: gzip\r\n\r\nx", HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    HEAD + b"X: y" * 50_000, HEAD + b"X: y\r\n" * 50_000, HEAD + b"a b: c\r\n\r\n", HEAD + b"X: \x00\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe://\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://%b/\r\n\r\n" % (b"a" * 9000), b"HTTP/1.1 999 x\r\n\r\n", b"HTTP/1.1 000 x\r\n\r\n",
    HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", HEAD + b"Content-Length: 100001\r\n\r\n",
    HEAD + b"\r\n" + bytes(200_000),
]  # fmt: skip


@pytest.mark.parametrize("answer", BROKEN, ids=range(len(BROKEN)))
async def test_an_answer_that_is_none_is_told_and_no_more(answer: bytes) -> None:
    async with serving(saying(answer)) as port:
        with pytest.raises(NotFetched) as raised:
            await fetch(f"http://pictures.example:{port}/")
    assert raised.value.code in {"{kind}_url_unreachable", "{kind}_too_large"}


async def test_chunks_are_put_together() -> None:
    chunks = b"".join(b"1\r\n%b\r\n" % PNG[at : at + 1] for at in range(len(PNG)))
    async with serving(saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")) as port:
        assert (await fetch(f"http://pictures.example:{port}/")).data == PNG


@pytest.mark.parametrize("piece", [b"HTTP/1.1 103 Early Hints\r\n\r\n", HEAD + b"\r\n", b"H"])
async def test_a_server_that_never_comes_to_its_end_is_left(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interim answers without end, a body that stops, a head that drips. The loop's clock jumps once the request is there."""
    asked, left, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(piece)
        asked.set()
        while await reader.read(100):
            pass
        left.set()

    async with serving(talk) as port:
        fetching = asyncio.ensure_future(fetch(f"http://pictures.example:{port}/", seconds=30))
        await asked.wait()
        true_time = loop.time
        monkeypatch.setattr(loop, "time", lambda: true_time() + 100)
        with pytest.raises(NotFetched, match="seconds"):
            await fetching
        await left.wait()


async def test_whoever_leaves_closes_the_connection() -> None:
    begun, left = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"\r\nx")
        begun.set()
        while await reader.read(100):
            pass
        left.set()

    async with serving(talk) as port:
        task = asyncio.create_task(fetch(f"http://pictures.example:{port}/"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await left.wait()
