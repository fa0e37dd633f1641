"""Everything here runs on the loop that the server has and on asyncio's own, and the contract over both transports."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import httpx
import pytest

from polyglot_cloud.transport import Choice, open_transport
from polyglot_cloud.transport.choice import Kind
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
