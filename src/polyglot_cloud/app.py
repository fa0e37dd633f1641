"""The composition root: settings, catalog and credentials become one ASGI app. The only file that builds things."""

import os
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polyglot_cloud import __version__
from polyglot_cloud.addresses import Allowed
from polyglot_cloud.asgi import App, Headers, Scope
from polyglot_cloud.booking import Bookkeeper, Prices
from polyglot_cloud.catalog import BrokenCatalog, Catalog, CatalogFault, Choices
from polyglot_cloud.counting import Counting
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.door import Door
from polyglot_cloud.draining import Drain
from polyglot_cloud.errors import GatewayError, UnknownPath, WrongMethod
from polyglot_cloud.hosts import in_url
from polyglot_cloud.listeners import GLOBAL
from polyglot_cloud.media import Fetcher
from polyglot_cloud.money.till import Till
from polyglot_cloud.pipeline import Pipeline, Rules
from polyglot_cloud.providers import ADAPTERS, Account, Provider
from polyglot_cloud.quoting import Purse, Quoter
from polyglot_cloud.routes.answer import defect, raw_headers, rendered, send_error
from polyglot_cloud.routes.calls import ANY, CallEndpoint, Edge, LastCalls
from polyglot_cloud.routes.docs import Docs
from polyglot_cloud.routes.ledger import Ledger
from polyglot_cloud.routes.models import Models
from polyglot_cloud.routes.quote import QuoteEndpoint
from polyglot_cloud.routes.service import Face, Service
from polyglot_cloud.settings import Access, Settings
from polyglot_cloud.swarm.auto import Auto
from polyglot_cloud.tenancy import Directory
from polyglot_cloud.transport import Choice, Proxies, Timeouts, open_transport

DIALECTS: Mapping[str, Dialect] = {
    name: import_module(f"polyglot_cloud.dialects.{name}").DIALECT
    for name in ("openai_chat", "openai_responses", "anthropic", "gemini", "ollama")
}

CALLS = (
    ("chat/completions", "openai_chat", "chat/completions"),
    ("responses", "openai_responses", "responses"),
    ("messages", "anthropic", "messages"),
    ("messages/count_tokens", "anthropic", "messages/count_tokens"),
    ("models/{call:path}", "gemini", "models/{call}"),
    ("generate", "ollama", "generate"),
)
"""(route under a face, client dialect, path in that dialect)."""


def utc_today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the outside world is to an app: replaced in tests, never patched."""

    transport: httpx.AsyncBaseTransport = field(default_factory=open_transport)
    drain: Drain = field(default_factory=Drain)
    today: Callable[[], date] = utc_today
    wall_clock: Callable[[], float] = time.time
    fetcher: Fetcher | None = None
    till: Till | None = None
    directory: Directory | None = None
    auto: Auto | None = None
    purse: Purse | None = None  # budgets to quote by where there is no till
    swarm: Callable[[], Mapping[str, Any]] | None = None  # how the swarm's services stand, for /health


@dataclass(frozen=True, slots=True)
class Application:
    """The app and what its server needs to know of it. `faces` is each provider as it stands today."""

    app: App
    parts: Parts
    pipeline: Pipeline
    edge: Edge
    faces: Callable[[], Mapping[str, Face]]

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with self.parts.transport:
            yield


def create_app(
    settings: Settings, catalog: Catalog, accesses: Mapping[str, Access], parts: Parts | None = None
) -> Application:
    """`catalog` already has the settings' choices over it (`choices`). Raises BrokenCatalog, and without `parts` BadTransport."""
    check_dialects(catalog)
    parts = parts or Parts(transport=open_transport(transport_choice(settings, accesses, os.environ)))
    rules = rules_of(settings, accesses)
    providers = {name: provider_of(catalog, access) for name, access in accesses.items()}
    fetcher = fetcher_of(settings, parts)
    books = bookkeeper(settings, parts, catalog, providers)
    pipeline = Pipeline(catalog, providers, DIALECTS, parts.transport, rules, parts.today, fetcher, books)
    last_calls = LastCalls()
    edge = Edge(pipeline, parts.drain, settings.max_body_bytes, last_calls, parts.wall_clock, auto=parts.auto)

    def faces() -> dict[str, Face]:
        return {name: face_of(catalog, access, parts.today()) for name, access in accesses.items()}

    service = Service(faces, last_calls, parts.drain, __version__, parts.today, swarm=parts.swarm)
    models = Models(catalog, rules, parts.today)
    ledger = Ledger(parts.till.views() if parts.till is not None else None, parts.today)
    bare = Pipeline(catalog, providers, DIALECTS, parts.transport, rules, parts.today)
    quoter = Quoter(pipeline, bare, books or Prices(catalog, parts.today), parts.purse, books)
    routes = [*quotes(edge, quoter), *calls(edge), *questions(service, models, Docs(faces, __version__), ledger)]
    handlers = {HTTPException: answer_http, GatewayError: answer_error, Exception: answer_defect}
    router = Gateway(
        hot_paths(edge, accesses), parts.directory, open_paths(accesses), routes=routes, exception_handlers=handlers
    )
    door = Door(router, refuse, hosts=[settings.host, *settings.allowed_hosts], origins=settings.allowed_origins)
    return Application(door, parts, pipeline, edge, faces)


def choices(accesses: Mapping[str, Access], aliases: Mapping[str, str]) -> Choices:
    """What the settings choose over the catalog's defaults and tiers."""
    return Choices(
        tiers={name: dict(access.tiers) for name, access in accesses.items()},  # type: ignore[arg-type]  # tiers are words
        defaults={name: access.default for name, access in accesses.items() if access.default},
        aliases=aliases,
    )


def transport_choice(settings: Settings, accesses: Mapping[str, Access], environ: Mapping[str, str]) -> Choice:
    """Which transport serves these providers. Proxies stand in `environ` alone, as in every other program."""
    return Choice(
        kind=None if settings.transport == "auto" else settings.transport,
        http2=settings.http2 == "on",
        certificate=settings.client_cert,
        key=settings.client_key,
        proxies=Proxies.of(environ),
        urls=tuple(access.base_url for access in accesses.values()),
    )


def check_dialects(catalog: Catalog) -> None:
    """Raises BrokenCatalog for a provider that is said to speak what nobody here does."""
    faults = [
        CatalogFault("catalog", f'provider "{row.name}"', f'"{dialect}" is no dialect; there are {", ".join(DIALECTS)}')
        for row in catalog.providers.values()
        for dialect in row.dialects
        if dialect not in DIALECTS
    ]
    if faults:
        raise BrokenCatalog(faults)


def fetcher_of(settings: Settings, parts: Parts) -> Fetcher | None:
    """Who fetches what clients name by URL; None where that is turned off."""
    if settings.media_fetch == "off":
        return None
    allowed = Allowed.of(settings.media_hosts_allowed)
    return parts.fetcher or Fetcher(allowed, user_agent=f"polyglot-cloud/{__version__}")


def bookkeeper(
    settings: Settings, parts: Parts, catalog: Catalog, providers: Mapping[str, Provider]
) -> Bookkeeper | None:
    if parts.till is None:
        return None
    counting = Counting(providers, parts.transport)
    clamps, server_tools = settings.budget_clamp == "on", settings.budget_server_tools == "allow"
    return Bookkeeper(parts.till, catalog, parts.today, counting, clamps=clamps, server_tools=server_tools)


def rules_of(settings: Settings, accesses: Mapping[str, Access]) -> Rules:
    return Rules(
        retired=settings.retired,
        timeouts=Timeouts(connect=settings.connect_timeout, read=settings.read_timeout),
        commit_after=settings.commit_after,
        urls={
            name: f"http://{in_url(settings.host)}:{access.port}/v1" for name, access in accesses.items() if access.port
        },
        user_agent=f"polyglot-cloud/{__version__}",
    )


def provider_of(catalog: Catalog, access: Access) -> Provider:
    row = catalog.providers[access.name]
    key = access.key
    account = Account(access.base_url, key.reveal if key else None, access.missing_key_message, access.headers)
    return ADAPTERS[row.adapter](access.name, account, {name: DIALECTS[name] for name in row.dialects})


def face_of(catalog: Catalog, access: Access, today: date) -> Face:
    """A provider as it stands today: its default may be retired by tomorrow."""
    row, tiers = catalog.providers[access.name], catalog.tiers(access.name)
    problems = [] if access.key else [access.missing_key_message]
    try:
        resolution = catalog.resolve(None, provider=access.name, today=today)
    except GatewayError as error:
        return Face(row, access.port, access.key is not None, None, None, tiers, (*problems, error.message))
    if resolution.substituted_from:
        problems.append(f"{resolution.substituted_from} is retired; {resolution.wire_model} answers in its place.")
    return Face(row, access.port, access.key is not None, resolution.wire_model, resolution.row, tiers, tuple(problems))


# --- routes ---


class Gateway(Starlette):
    """The paths that nearly all calls have are looked up in one step, before middleware and the list of routes: their endpoints see to
    their own errors.
    """

    def __init__(
        self,
        hot: Mapping[str, tuple[App, Mapping[str, str]]],
        directory: Directory | None,
        opened: Collection[str],
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self.router.redirect_slashes = False
        self._hot = hot
        self._directory = directory
        self._open = opened

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._directory is not None and self._directory.locked and scope["type"] == "http":
            try:
                identify(self._directory, scope, self._open)
            except GatewayError as error:
                await send_error(send, error, dialect_of(scope))
                return
        found = self._hot.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await super().__call__(scope, receive, send)
            return
        endpoint, scope["path_params"] = found
        await endpoint(scope, receive, send)


def open_paths(faces: Iterable[str]) -> frozenset[str]:
    """Paths that ask for no key: they tell nothing of anybody's calls."""
    ends = ("health", "docs", "openapi.json")
    return frozenset({"/ready", *(f"/v1/{face}/{end}" for face in (*faces, ANY) for end in ends)})


def identify(directory: Directory, scope: Scope, opened: Collection[str]) -> None:
    """Puts who calls into the scope, as `caller`, unless an edge before this one knew it. Raises Unauthorized and NotAllowed."""
    path = scope["path"]
    if scope["method"] in {"GET", "HEAD"} and path in opened:
        return
    caller = scope.get("caller") or directory.identify(scope["headers"], scope["query_string"])
    if caller is not None:
        named = re.match(r"/v1/([^/]+)", path)
        if named and named[1] not in GLOBAL:
            caller.check_face(named[1])
        scope["caller"] = caller


def hot_paths(edge: Edge, faces: Iterable[str]) -> dict[str, tuple[App, Mapping[str, str]]]:
    """The paths of calls without anything of the client's own in them."""
    return {
        f"/v1/{face}/{route}": (CallEndpoint(edge, DIALECTS[dialect], path), {"provider": face})
        for route, dialect, path in CALLS
        if "{" not in route
        for face in (*faces, ANY)
    }


def calls(edge: Edge) -> Iterable[Route]:
    for route, dialect, path in CALLS:
        yield Route(f"/v1/{{provider}}/{route}", CallEndpoint(edge, DIALECTS[dialect], path), methods=["POST"])


def quotes(edge: Edge, quoter: Quoter) -> Iterable[Route]:
    endpoints = {route: CallEndpoint(edge, DIALECTS[dialect], path) for route, dialect, path in CALLS}
    endpoint = QuoteEndpoint(edge, quoter, endpoints, dialect_of)
    for path in ("/v1/quote", "/v1/quote/{rest:path}"):
        yield Route(path, endpoint, methods=["GET", "POST"])  # else GET /v1/quote would be a provider of that name


def questions(service: Service, models: Models, docs: Docs, ledger: Ledger) -> Iterable[Route]:
    table = {
        "/ready": service.ready,
        "/v1/receipts/{id}": ledger.one,
        "/v1/usage": ledger.usage,
        "/v1/{provider}/": service.root,
        "/v1/{provider}": service.root,
        "/v1/{provider}/health": service.health,
        "/v1/{provider}/info": service.info,
        "/v1/{provider}/models": models.list,
        "/v1/{provider}/models/{model:path}": models.one,
        "/v1/{provider}/docs": docs.page,
        "/v1/{provider}/openapi.json": docs.openapi,
    }
    for path, endpoint in table.items():
        yield Route(path, endpoint, methods=["GET"])


# --- errors outside the calls ---


def dialect_of(scope: Scope) -> Dialect:
    """The shape in which a request without a face of its own is refused, by what the client says of itself."""
    names = {name for name, _ in scope["headers"]}
    if b"anthropic-version" in names or scope["path"].endswith(("/messages", "/count_tokens")):
        return DIALECTS["anthropic"]
    if b"x-goog-api-key" in names or ":" in scope["path"].rpartition("/")[2]:
        return DIALECTS["gemini"]
    return DIALECTS["ollama" if scope["path"].endswith("/generate") else "openai_chat"]


def refuse(scope: Scope, error: GatewayError) -> tuple[int, Headers, bytes]:
    status, headers, body = rendered(error, dialect_of(scope))
    return status, raw_headers(headers), body


def answer_error(request: Request, error: GatewayError) -> Response:
    status, headers, body = rendered(error, dialect_of(request.scope))
    return Response(body, status, headers)


NOT_HERE = {
    "embeddings": "Embeddings are not offered yet; ask the provider itself.",
    "files": "Files are not kept here; send them inline, or use the provider's own endpoint.",
    "batches": "Batches are not offered; use the provider's own endpoint.",
    "realtime": "Realtime sessions are not offered; use the provider's own endpoint.",
    "images": "Image generation is not offered; use the provider's own endpoint.",
    "audio": "Audio endpoints are not offered; chat/completions takes audio where a model does.",
    "moderations": "Moderations are not offered; use the provider's own endpoint.",
    "completions": "The old completions endpoint is not offered; use chat/completions.",
    "assistants": "Assistants are not offered; use chat/completions or responses.",
    "metrics": "Metrics are not offered yet.",
}
"""Endpoints that a client may well expect, by their first segment: each says that it is left out on purpose."""


def not_here(path: str) -> str:
    named = re.fullmatch(r"/(?:v1/(?:[^/]+/)?)?([^/]+)(?:/.*)?", path)
    return NOT_HERE.get(named[1] if named else "", "GET /docs lists what is here.")


def answer_http(request: Request, error: HTTPException) -> Response:
    """The router's own 404 and 405."""
    method, path = request.method, request.url.path
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        return answer_error(
            request, WrongMethod(f"{method} is not for {path}; {allowed} is.", headers={"allow": allowed})
        )
    return answer_error(request, UnknownPath(f"Unknown request URL: {method} {path}. {not_here(path)}"))


def answer_defect(request: Request, error: Exception) -> Response:
    """A defect of ours. The traceback goes to the log, by Starlette, and not to the client.

    Starlette raises it once more and the server drops the connection, so the client is told not to use it again.
    """
    return answer_error(request, defect(error))
