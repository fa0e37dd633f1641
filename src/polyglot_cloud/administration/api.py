"""The endpoints. Each change is one of the store's, with its audit row, and holds in this process before it is answered.

The store reads and writes a file, so it is asked in a thread. What the till knows is asked on the event loop, where it lives.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polyglot_cloud import wire
from polyglot_cloud.administration import documents
from polyglot_cloud.administration.guard import failure, guarded
from polyglot_cloud.administration.reading import BadBody, Body, Words
from polyglot_cloud.asgi import App
from polyglot_cloud.bodies import ClientGone, content_length, read_body
from polyglot_cloud.errors import BodyTooLarge, GatewayError
from polyglot_cloud.grants import Grant
from polyglot_cloud.money.budgets import Budget
from polyglot_cloud.money.caps import budgets_of
from polyglot_cloud.money.faults import LedgerError
from polyglot_cloud.money.upkeep import NotUnknown, Upkeep
from polyglot_cloud.tenancy import (
    Conflicting,
    Directory,
    NewKey,
    NotThere,
    StoreUnusable,
    TenancyError,
)

if TYPE_CHECKING:
    from polyglot_cloud.tenancy import Store

log = logging.getLogger("polyglot_cloud.tenancy")

LARGEST = 64 * 1024
"""Bytes of a body."""
AUDIT_ROWS = 50, 1000
"""Of the audit: told where nothing is asked for, and at most."""
_ACTOR = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")
STATUS: Sequence[tuple[type[Exception], int, str]] = (
    (BadBody, 400, "invalid"),
    (NotThere, 404, "not_found"),
    (Conflicting, 409, "conflict"),
    (StoreUnusable, 503, "unavailable"),
    (TenancyError, 400, "invalid"),
    (NotUnknown, 409, "conflict"),
    (LedgerError, 503, "unavailable"),
)
"""The first that fits counts."""

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Desk:
    """What is administered. `zone` is the calendar of budgets that name none, `own` are the budgets of process and providers."""

    store: "Store"
    directory: Directory
    upkeep: Upkeep
    providers: Sequence[str]
    zone: str
    own: Sequence[Budget]
    clock: Callable[[], int]

    @property
    def words(self) -> Words:
        return Words(self.providers)


def administration(desk: Desk, key: str) -> App:
    """The app. `key` is what opens it."""
    api = _Api(desk)
    table: Mapping[str, Mapping[str, Endpoint]] = {
        "/admin/tenants": {"GET": api.tenants, "POST": api.create_tenant},
        "/admin/tenants/{id}": {"GET": api.tenant, "PATCH": api.update_tenant, "DELETE": api.delete_tenant},
        "/admin/keys": {"GET": api.keys, "POST": api.create_key},
        "/admin/keys/import": {"POST": api.import_key},
        "/admin/keys/{id}": {"GET": api.key, "PATCH": api.update_key},
        "/admin/keys/{id}/rotate": {"POST": api.rotate_key},
        "/admin/keys/{id}/revoke": {"POST": api.revoke_key},
        "/admin/keys/{id}/expire": {"POST": api.expire_key},
        "/admin/audit": {"GET": api.audit},
        "/admin/budgets": {"GET": api.budgets},
        "/admin/unknown": {"GET": api.unknown},
        "/admin/unknown/{id}/free": {"POST": api.free},
    }
    routes = [Route(path, _by_method(found), methods=list(found)) for path, found in table.items()]
    handlers: dict[Any, Any] = {kind: _told for kind, *_ in STATUS}
    handlers |= {HTTPException: _lost, GatewayError: _refused, ClientGone: _left}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return guarded(app, key)


def _by_method(found: Mapping[str, Endpoint]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await found["GET" if request.method == "HEAD" else request.method](request)

    return endpoint


class _Api:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._store = desk.store

    # --- tenants ---

    async def tenants(self, _: Request) -> Response:
        found = await asyncio.to_thread(self._store.tenants)
        return _json({"data": [documents.tenant(each) for each in found]})

    async def tenant(self, request: Request) -> Response:
        name = _id(request)
        found, keys = await asyncio.to_thread(lambda: (self._store.tenant(name), self._store.keys(name)))
        now = self._desk.clock()
        return _json({**documents.tenant(found), "keys": [documents.key(each, now) for each in keys]})

    async def create_tenant(self, request: Request) -> Response:
        body = await self._body(request)
        name, title, grant, parent = body.need("id"), body.title(), body.grant(Grant()), body.parent()
        body.close()
        above = parent if isinstance(parent, str) else None
        new = await self._change(
            lambda: self._store.create_tenant(name, by=_by(request), title=title or "", parent=above, grant=grant)
        )
        return _json(documents.tenant(new), 201)

    async def update_tenant(self, request: Request) -> Response:
        name, body = _id(request), await self._body(request)
        old = await asyncio.to_thread(self._store.tenant, name)
        title, grant, parent = body.title(), body.grant(old.grant), body.parent()
        body.close()
        new = await self._change(
            lambda: self._store.update_tenant(name, by=_by(request), title=title, parent=parent, grant=grant)
        )
        return _json(documents.tenant(new))

    async def delete_tenant(self, request: Request) -> Response:
        name, with_keys = _id(request), _flag(request, "with_keys")
        gone = await self._change(lambda: self._store.delete_tenant(name, by=_by(request), with_keys=with_keys))
        return _json(documents.tenant(gone))

    # --- keys ---

    async def keys(self, request: Request) -> Response:
        tenant = request.query_params.get("tenant")

        def read() -> Any:
            if tenant is not None:
                self._store.tenant(tenant)
            return self._store.keys(tenant)

        found = await asyncio.to_thread(read)
        return _json({"data": [documents.key(each, self._desk.clock()) for each in found]})

    async def key(self, request: Request) -> Response:
        return self._key(await asyncio.to_thread(self._store.key, _id(request)))

    async def create_key(self, request: Request) -> Response:
        body, now = await self._body(request), self._desk.clock()
        tenant, title, grant, expires = body.need("tenant"), body.title(), body.grant(Grant()), body.expires(now)
        body.close()
        new = await self._change(
            lambda: self._store.create_key(tenant, by=_by(request), title=title or "", grant=grant, expires_at=expires)
        )
        return self._once(new, 201)

    async def import_key(self, request: Request) -> Response:
        body, now = await self._body(request), self._desk.clock()
        tenant, digest = body.need("tenant"), body.need("sha256")
        title, grant, expires = body.title(), body.grant(Grant()), body.expires(now)
        body.close()
        new = await self._change(
            lambda: self._store.import_key(
                tenant, digest, by=_by(request), title=title or "", grant=grant, expires_at=expires
            )
        )
        return self._key(new, 201)

    async def update_key(self, request: Request) -> Response:
        name, body = _id(request), await self._body(request)
        old = await asyncio.to_thread(self._store.key, name)
        title, grant = body.title(), body.grant(old.grant)
        body.close()
        return self._key(
            await self._change(lambda: self._store.update_key(name, by=_by(request), title=title, grant=grant))
        )

    async def rotate_key(self, request: Request) -> Response:
        name, body = _id(request), await self._body(request)
        grace = body.grace()
        body.close()
        return self._once(await self._change(lambda: self._store.rotate_key(name, by=_by(request), grace=grace)))

    async def revoke_key(self, request: Request) -> Response:
        name, body = _id(request), await self._body(request)
        body.close()
        return self._key(await self._change(lambda: self._store.revoke_key(name, by=_by(request))))

    async def expire_key(self, request: Request) -> Response:
        name, body = _id(request), await self._body(request)
        if "at" not in body:
            body.need("at")
        at = body.expires(self._desk.clock(), "at")
        body.close()
        return self._key(await self._change(lambda: self._store.expire_key(name, at, by=_by(request))))

    async def audit(self, request: Request) -> Response:
        usual, most = AUDIT_ROWS
        asked = request.query_params.get("last", str(usual))
        if not re.fullmatch(r"[1-9][0-9]{0,8}", asked):
            raise BadBody([("last", "must be a whole number, 1 or more")])
        rows = await asyncio.to_thread(self._store.audit, min(int(asked), most))
        return _json({"data": [documents.audited(row) for row in rows]})

    # --- money ---

    async def budgets(self, _: Request) -> Response:
        """Of process and providers, of the tenants that are there, of the keys that hold, and whatever else is counted."""
        tenants, keys = await asyncio.to_thread(lambda: (self._store.tenants(), self._store.keys()))
        now, desk = self._desk.clock(), self._desk
        holders = [(f"tenant:{each.id}", each.grant) for each in tenants]
        holders += [(f"key:{each.id}", each.grant) for each in keys if documents.state(each, now) == "holds"]
        rows = [cap.of(scope, desk.zone) for scope, grant in holders for cap in grant.budgets]
        found = {budget.id: budget for budget in (*desk.own, *desk.upkeep.counted())}
        found |= {budget.id: budget for budget in budgets_of(rows)[0]}  # of runs those that are under way are counted
        standings = await desk.upkeep.standings([found[id_] for id_ in sorted(found)])
        return _json({"data": [documents.standing(each) for each in standings]})

    async def unknown(self, _: Request) -> Response:
        return _json({"data": [documents.unknown(each) for each in await self._desk.upkeep.unknown()]})

    async def free(self, request: Request) -> Response:
        body = await self._body(request)
        why = body.why()
        body.close()
        freed = await self._desk.upkeep.free(_id(request), _by(request), why)
        return _json(documents.unknown(freed))

    # --- how ---

    async def _body(self, request: Request) -> Body:
        raw = await read_body(request.receive, LARGEST, content_length=content_length(request.scope))
        return Body(bytes(raw), self._desk.words)

    async def _change(self, change: Callable[[], T]) -> T:
        return await asyncio.to_thread(self._changed, change)

    def _changed(self, change: Callable[[], T]) -> T:
        """Makes the change and takes it over. What was made is answered: its secret is shown nowhere else."""
        made = change()
        try:
            self._desk.directory.take(self._store.read())
        except StoreUnusable as error:
            log.warning("A change of tenants and keys holds a moment later, since it could not be read back: %s", error)
        return made

    def _key(self, row: Any, status: int = 200) -> Response:
        return _json(documents.key(row, self._desk.clock()), status)

    def _once(self, new: NewKey, status: int = 200) -> Response:
        return _json(documents.secret(new, self._desk.clock()), status)


def _id(request: Request) -> str:
    found: str = request.path_params["id"]
    return found


def _flag(request: Request, name: str) -> bool:
    found = request.query_params.get(name, "false")
    if found not in {"true", "false"}:
        raise BadBody([(name, "must be true or false")])
    return found == "true"


def _by(request: Request) -> str:
    """For the audit. Everybody who administers has the same key, so a name is what the caller says of itself."""
    named = request.headers.get("x-polyglot-actor", "")
    return f"admin {named}" if _ACTOR.fullmatch(named) else "admin"


# --- answers ---


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        wire.encode(value), status, {"cache-control": "no-store", **(headers or {})}, media_type="application/json"
    )


def _told(_: Request, error: Exception) -> Response:
    status, code = next((status, code) for kind, status, code in STATUS if isinstance(error, kind))
    faults = error.faults if isinstance(error, BadBody) else None
    return _json(failure(code, str(error), faults), status)


def _refused(_: Request, error: GatewayError) -> Response:
    message = f"The body is larger than {LARGEST} bytes." if isinstance(error, BodyTooLarge) else error.message
    return _json(failure("refused", message), error.status)


def _lost(request: Request, error: HTTPException) -> Response:
    message = f"There is no {request.method} {request.url.path[:200]} here: docs/administration.md lists what is."
    code = "method_not_allowed" if error.status_code == 405 else "not_found"
    return _json(failure(code, message), error.status_code, error.headers)


def _left(_: Request, __: ClientGone) -> Response:
    return Response(status_code=400)  # nobody reads it
