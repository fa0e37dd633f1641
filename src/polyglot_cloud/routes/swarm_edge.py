"""What the HTTP edges of the swarm's services share: from a table of operations to an ASGI app.

An operation's fields are what checks a request, and what /openapi.json and /docs tell of it, so that these cannot differ. Errors have
the services' own shape: `{"detail": "..."}`, and a list in the 422.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from polyglot_cloud import wire
from polyglot_cloud.asgi import App, Headers, Receive, Scope, Send
from polyglot_cloud.bodies import ClientGone, content_length, read_body
from polyglot_cloud.door import Door
from polyglot_cloud.errors import BodyTooLarge, GatewayError
from polyglot_cloud.routes.answer import JSON, error_headers
from polyglot_cloud.swarm import requests
from polyglot_cloud.swarm.faults import StoreUnusable
from polyglot_cloud.swarm.requests import Field, Invalid

LONGEST_BODY = 1 << 20
"""Bytes. The swarm's own messages have some hundred."""
VERSION = "1.0.0"
"""Of the interface, as the swarm's services tell it of themselves."""

Identify = Callable[[Headers, bytes], Any]
"""(headers, query string) -> who calls, or None; raises Unauthorized. `tenancy.Directory.identify` is one."""


class Failed(Exception):
    """The request cannot be done. `detail` is what the client reads."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, checked: the values of the operation's body and query, and what stood in its path."""

    request: Request
    body: Mapping[str, Any]
    query: Mapping[str, Any]

    @property
    def path(self) -> Mapping[str, Any]:
        return self.request.path_params


Answer = Callable[[Asked], Awaitable[Mapping[str, Any]]]
"""Gives the object of a 200. Raises Failed."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`body` None: none is read. `app` answers instead of `answer` where an answer is not just an object, and reads for itself."""

    method: str
    path: str
    summary: str
    answer: Answer | None = None
    body: Sequence[Field] | None = None
    query: Sequence[Field] = ()
    app: App | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What a service says of itself in /docs and /openapi.json."""

    title: str
    description: str


OPEN = frozenset({"/health", "/docs", "/openapi.json"})
"""Paths that ask for no key: who is there must be told before anybody can have one."""


def service_app(
    about: About, operations: Sequence[Operation], *, identify: Identify | None = None, hosts: Collection[str] = ()
) -> App:
    """The operations as an app of their own, behind the door that keeps web pages out. `hosts` as in `door.Door`."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    routes = [
        *(Route(path, _Endpoint(offered), methods=list(offered)) for path, offered in by_path.items()),
        Route("/openapi.json", _Fixed(_reply(openapi(about, operations))), methods=["GET"]),
        Route("/docs", _Fixed(HTMLResponse(page(about, operations), headers=_PAGE_HEADERS)), methods=["GET"]),
    ]
    handlers: dict[Any, Any] = {HTTPException: _answer_http, Exception: _answer_defect}
    return Door(_Known(Starlette(routes=routes, exception_handlers=handlers), identify), refuse, hosts=hosts)


class _Known:
    """Asks who calls, where there is somebody to be known, before anything is looked up. Puts it into the scope, as `caller`."""

    def __init__(self, app: App, identify: Identify | None) -> None:
        self._app = app
        self._identify = identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        open_to_all = scope.get("path") in OPEN and scope.get("method") in {"GET", "HEAD"}
        if self._identify is not None and scope["type"] == "http" and not open_to_all:
            try:
                scope["caller"] = self._identify(scope["headers"], scope["query_string"])
            except GatewayError as error:
                await _of(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Endpoint:
    """One path, with the operation of each of its methods."""

    def __init__(self, offered: Mapping[str, Operation]) -> None:
        self._offered = offered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self._offered["GET" if scope["method"] == "HEAD" else scope["method"]]
        if operation.app is not None:
            await operation.app(scope, receive, send)
            return
        try:
            reply = await _replied(operation, Request(scope, receive))
        except ClientGone:
            return  # nobody is left to answer
        await reply(scope, receive, send)


class _Fixed:
    """An answer that never changes."""

    def __init__(self, reply: Response) -> None:
        self._reply = reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._reply(scope, receive, send)


async def _replied(operation: Operation, request: Request) -> Response:
    try:
        query = requests.read_query(operation.query, request.query_params)
        body = {} if operation.body is None else requests.read_body(operation.body, await _body(request))
        assert operation.answer is not None  # noqa: S101  # an operation without an app has one
        return _reply(await operation.answer(Asked(request, body, query)))
    except Invalid as invalid:
        return _reply(invalid.body(), 422)
    except Failed as failed:
        return _reply({"detail": failed.detail}, failed.status)
    except StoreUnusable as error:
        return _reply({"detail": f"{error} Nothing was changed."}, 503)
    except GatewayError as error:
        return _of(error)


async def _body(request: Request) -> bytes:
    """Raises BodyTooLarge, ClientGone, and what our own server's `receive` raises."""
    try:
        return bytes(await read_body(request.receive, LONGEST_BODY, content_length=content_length(request.scope)))
    except BodyTooLarge:
        raise BodyTooLarge(f"The request body is larger than this service takes: {LONGEST_BODY:,} bytes.") from None


# --- answers ---


def _reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(wire.encode(body), status, headers, JSON)


def _of(error: GatewayError) -> Response:
    return _reply({"detail": error.message}, error.status, error_headers(error))


def refuse(scope: Scope, error: GatewayError) -> tuple[int, Headers, bytes]:
    """The door's refusals, in these services' shape."""
    reply = _of(error)
    return reply.status_code, reply.raw_headers, bytes(reply.body)


def _answer_http(request: Request, error: HTTPException) -> Response:
    """Starlette's own 404 and 405."""
    return _reply({"detail": HTTPStatus(error.status_code).phrase}, error.status_code, error.headers)


def _answer_defect(request: Request, error: Exception) -> Response:
    """A defect of ours. Starlette raises it once more, so that its traceback is logged and the connection dropped."""
    return _reply({"detail": "Internal Server Error"}, 500, {"connection": "close"})


# --- what is offered, for programs and for people ---

_PATH_PARAMETER = re.compile(r"{(\w+)}")
_FAULT = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
_FAULTS = {
    "type": "object",
    "properties": {"detail": {"type": "array", "items": {"type": "object"}}},
    "required": ["detail"],
}


def openapi(about: About, operations: Sequence[Operation]) -> dict[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": about.title, "version": VERSION, "description": about.description},
        "paths": paths,
    }


def _described(operation: Operation) -> dict[str, Any]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PATH_PARAMETER.findall(operation.path)
    ]
    in_query = [
        {"name": field.name, "in": "query", "required": field.required, "schema": requests.field_schema(field)}
        for field in operation.query
    ]
    found: dict[str, Any] = {
        "summary": operation.summary,
        "responses": {
            "200": {"description": "Done", "content": _as_json({"type": "object"})},
            "4XX": {"description": "The request cannot be done", "content": _as_json(_FAULT)},
        },
    }
    if in_path or in_query:
        found["parameters"] = [*in_path, *in_query]
    if operation.body is not None:
        found["requestBody"] = {"required": True, "content": _as_json(requests.schema(operation.body))}
    if operation.body is not None or operation.query:
        found["responses"]["422"] = {"description": "The request does not fit", "content": _as_json(_FAULTS)}
    return found


def _as_json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": dict(schema)}}


_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}td{padding:.3rem .8rem .3rem 0}"


def page(about: About, operations: Sequence[Operation]) -> str:
    rows = "".join(
        f"<tr><td>{each.method}</td><td><code>{escape(each.path)}</code></td><td>{escape(each.summary)}</td></tr>"
        for each in operations
    )
    title = escape(about.title)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{_STYLE}</style></head><body>
<h1>{title}</h1>
<p>{escape(about.description)}</p>
<table>{rows}</table>
<p>Fields and their bounds, as a machine reads them: <a href="openapi.json">openapi.json</a></p>
</body></html>
"""


def listed(operations: Sequence[Operation]) -> dict[str, str]:
    """The operations as a service's / tells them: "POST /register": what it does."""
    return {f"{each.method} {each.path}": each.summary for each in operations}
