import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from polyglot_cloud.app import DIALECTS
from polyglot_cloud.probe import probe
from polyglot_cloud.providers import Account, OpenAI


@asynccontextmanager
async def host(status: int, body: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", heads


def provider(url: str, key: str | None = "sk-1") -> OpenAI:
    account = Account(url, (lambda: key) if key else None, "no key here")
    return OpenAI("openai", account, {"openai_chat": DIALECTS["openai_chat"]})


async def test_a_provider_that_answers() -> None:
    async with host(200, b'{"data":[]}') as (url, heads):
        found = await probe(provider(url))
    assert (found.reachable, found.message) == (True, "answered 200")
    assert found.milliseconds is not None
    assert heads[0].startswith(b"GET /v1/models ")
    assert b"sk-1" in heads[0]


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_provider_that_refuses(status: int) -> None:
    async with host(status, b'{"error":{"message":"because"}}') as (url, _):
        found = await probe(provider(url))
    assert not found.reachable
    assert f"HTTP {status}" in found.message


async def test_a_provider_that_is_not_there() -> None:
    async with host(200, b"") as (url, _):
        pass
    found = await probe(provider(url))
    assert not found.reachable
    assert "could not be reached" in found.message


async def test_a_provider_without_key_is_not_asked() -> None:
    found = await probe(provider("http://127.0.0.1:9", None))
    assert (found.reachable, found.message) == (False, "no key here")
