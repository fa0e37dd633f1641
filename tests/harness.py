"""A whole gateway over a played upstream: nothing is patched, the router stands where the network would."""

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import respx

from polyglot_cloud import catalog
from polyglot_cloud.app import Application, Parts, choices, create_app
from polyglot_cloud.money.till import Till
from polyglot_cloud.settings import load
from polyglot_cloud.swarm.auto import Auto
from polyglot_cloud.tenancy import Directory

FIXTURES = Path(__file__).parent / "fixtures"
TODAY = date(2026, 11, 22)
NOW = 1_795_305_600.0
KEYS = {
    "OPENAI_API_KEY": "sk-test-openai-0123456789",
    "ANTHROPIC_API_KEY": "sk-ant-test-0123456789",
    "GEMINI_API_KEY": "AIza-test-0123456789",
    "XAI_API_KEY": "xai-test-0123456789",
}
HOSTS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
    "grok": "https://api.x.ai/v1",
}
COUNTERS = ("/input_tokens", "/count_tokens", ":countTokens")
HELLO = [{"role": "user", "content": "hello"}]


@cache
def _built_in() -> catalog.Catalog:
    return catalog.load()


def catalog_with(overlay: Path | None) -> catalog.Catalog:
    """The built-in one is read once for all tests: it is frozen, and reading it takes longer than most of them."""
    return _built_in() if overlay is None else catalog.load(overlay=overlay)


def application(
    upstream: httpx.AsyncBaseTransport | respx.Router,
    environ: Mapping[str, str] | None = None,
    *,
    today: date = TODAY,
    overlay: Path | None = None,
    till: Till | None = None,
    directory: Directory | None = None,
    auto: Auto | None = None,
) -> Application:
    """An app whose provider requests go to `upstream`. `environ` is laid over KEYS; a value of "" takes a name away."""
    transport = httpx.MockTransport(upstream.async_handler) if isinstance(upstream, respx.Router) else upstream
    given = {name: value for name, value in {**KEYS, **(environ or {})}.items() if value}
    settings = load(given, Path("no-such-folder/.env"))
    rows = catalog_with(overlay or settings.catalog)
    accesses = settings.credentials(list(rows.providers.values()), foreign=rows.foreign)
    rows = rows.choosing(choices(accesses, settings.aliases))
    parts = Parts(
        transport=transport, today=lambda: today, wall_clock=lambda: NOW, till=till, directory=directory, auto=auto
    )
    return create_app(settings, rows, accesses, parts)


def client(app: Application) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app.app), base_url="http://127.0.0.1:8100")


async def post(app: Application, path: str, body: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client(app) as http:
        return await http.post(path, content=content, headers={"content-type": "application/json", **(headers or {})})


async def get(app: Application, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    async with client(app) as http:
        return await http.get(path, headers=headers)


class Pieces(httpx.AsyncByteStream):
    """A reply's body in given pieces; `error` breaks it after them. Tells whether it was closed."""

    def __init__(self, pieces: list[bytes], error: Exception | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.closed = False

    async def __aiter__(self) -> Any:
        for piece in self.pieces:
            yield piece
        if self.error is not None:
            raise self.error

    async def aclose(self) -> None:
        self.closed = True


def replying(*responses: httpx.Response | Exception) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """A transport that gives these answers in turn, and the requests it got. Asked for tokens beyond them it has no counter."""
    seen: list[httpx.Request] = []
    waiting = list(responses)

    def answer(request: httpx.Request) -> httpx.Response:
        if not waiting and request.url.path.endswith(COUNTERS):
            return httpx.Response(404)
        seen.append(request)
        reply = waiting.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    return httpx.MockTransport(answer), seen


def streamed(body: bytes | list[bytes], error: Exception | None = None, **headers: str) -> httpx.Response:
    pieces = [body] if isinstance(body, bytes) else body
    return httpx.Response(200, headers={"content-type": "text/event-stream", **headers}, stream=Pieces(pieces, error))
