"""Everything here runs on the loop that the server has and on asyncio's own, and the contract over both transports."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from pathlib import Path

import httpx
import pytest

from polyglot_cloud.transport import Choice, open_transport
from polyglot_cloud.transport.choice import Kind
from polyglot_cloud.transport.tls import ssl_context
from transport.peer import TLS

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Loops:
    try:
        import uvloop  # noqa: PLC0415  # no wheel for Windows or PyPy
    except ImportError:
        return {"asyncio": asyncio.new_event_loop}
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["native", "httpx"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
async def transport(kind: Kind) -> AsyncIterator[httpx.AsyncBaseTransport]:
    async with open_transport(Choice(kind)) as opened:
        yield opened


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority of these tests, named as a user would name one."""
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "ca.pem"))


@cache
def _context(named: tuple[str | None, ...], certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    return ssl_context(certificate, key)


@pytest.fixture(autouse=True)
def one_context_for_all_who_ask_for_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transport reads more than a hundred authorities, which takes longer than nearly every test here; nothing changes them later."""

    def kept(certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
        return _context((os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")), certificate, key)

    for module in ("choice", "native"):
        monkeypatch.setattr(f"polyglot_cloud.transport.{module}.ssl_context", kept)
