"""The HTTP edge of the swarm's Gateway (6120), and on the same port the one door to all models: `/v1/...` is `/v1/any/...`."""

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.asgi import DEPARTURE, App, Headers, Receive, Scope, Send
from polyglot_cloud.bodies import ClientGone, content_length, read_body
from polyglot_cloud.call import Caller
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.draining import Drain
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.listeners import ANY, OF_A_FACE, VERSIONS, Listener
from polyglot_cloud.money.caps import Run
from polyglot_cloud.routes.answer import JSON, defect, error_headers, send_whole
from polyglot_cloud.routes.calls import Answer
from polyglot_cloud.routes.presence import Presence
from polyglot_cloud.routes.swarm_edge import (
    LONGEST_BODY,
    VERSION,
    About,
    Asked,
    Failed,
    Identify,
    Operation,
    listed,
    service_app,
)
from polyglot_cloud.swarm.dispatch import ROUTE, Dispatch, Order, Streaming, named
from polyglot_cloud.swarm.moments import Clock, now, stamp
from polyglot_cloud.swarm.requests import Field, Invalid, read
from polyglot_cloud.swarm.requests import read_body as read_json
from polyglot_cloud.swarm.runs import WINDOWS, Runs, Viewer, nano_of, total
from polyglot_cloud.tenancy import Directory
from polyglot_cloud.tenancy.keys import presented

PORT = 6120
ABOUT = About(
    "Gateway",
    "Gives requests to the model that the Provider Router selects, keeps what they cost, and holds runs to their budgets.",
)
MOST_USD = 9_000_000_000
"""What the ledger's integers hold."""
_BUDGET = (Field("run_id", required=True, low=1), Field("budget_usd", "float", required=True, high=MOST_USD))
_MAY_BE = tuple(Field(each.name, each.kind) for each in _BUDGET)
_OWN = frozenset({"health", "docs", "openapi.json"})
"""First segments that a face has too, and that here are the Gateway's."""
_MODELS = frozenset(VERSIONS) | {ANY} | (OF_A_FACE - _OWN)


def identified(directory: Directory, tenant: str | None) -> Identify:
    """Who calls at the swarm's ports, which are open to this machine alone. Without a key it is `tenant`, where one is set and known."""

    def identify(headers: Headers, query: bytes) -> Caller | None:
        keyless = directory.keyless(tenant) if tenant is not None else None
        if keyless is not None and presented(headers, query) is None:
            return keyless
        return directory.identify(headers, query)

    return identify


def gateway_app(
    dispatch: Dispatch,
    runs: Runs,
    models: App,
    *,
    dialect: Dialect,
    drain: Drain,
    max_body: int,
    faces: Collection[str],
    port: int = PORT,
    router_url: str = "http://127.0.0.1:6103",
    events_url: str = "http://127.0.0.1:6102",
    identify: Identify | None = None,
    tenant: str | None = None,
    hosts: Collection[str] = (),
    clock: Clock = now,
) -> App:
    """`models` is the app of all calls, `faces` its providers, `dialect` OpenAI's Chat. `port` and the URLs are what / and /health name.

    `identify` and `hosts` as in `swarm_edge.service_app`; `tenant` is who counts for callers without a key.
    """
    route = RouteEndpoint(dispatch, dialect, drain, max_body)
    edge = _Gateway(runs, route, port, router_url, events_url, tenant, clock)
    own = service_app(ABOUT, edge.operations(), identify=identify, hosts=hosts)
    return _Doors(own, Listener(models, ANY, faces), identify)


class _Doors:
    """The Gateway's own paths, and those of models."""

    def __init__(self, own: App, models: App, identify: Identify | None) -> None:
        self._own = own
        self._models = models
        self._identify = identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].lstrip("/").partition("/")[0] not in _MODELS:
            await self._own(scope, receive, send)
            return
        if self._identify is not None:
            with suppress(GatewayError):  # the app asks itself, and refuses in the client's dialect
                if (caller := self._identify(scope["headers"], scope["query_string"])) is not None:
                    scope = {**scope, "caller": caller}
        await self._models(scope, receive, send)


class RouteEndpoint:
    """POST /route, whose answer may be a stream."""

    def __init__(self, dispatch: Dispatch, dialect: Dialect, drain: Drain, max_body: int) -> None:
        self._dispatch = dispatch
        self._dialect = dialect
        self._drain = drain
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer, streams = Answer(send, self._dialect), list[Streaming]()
        try:
            with self._drain.track():
                order = await self._order(scope, receive)
                with Presence(receive, scope.get(DEPARTURE)):
                    routed = await self._dispatch.route(order, scope.get("caller"))
                    if isinstance(routed, Streaming):
                        streams.append(routed)
                        answer.reply = routed.reply
                        await answer.give(routed.reply)
                    else:
                        await _send(send, 200, {}, routed.body)
        except Invalid as invalid:
            await _send(send, 422, {}, invalid.body())
        except ClientGone:
            return
        except GatewayError as error:
            await _fail(send, answer, error)
        except Exception as error:
            await _fail(send, answer, defect(error))
            raise  # the server logs it with its traceback
        finally:
            await answer.close()
            for stream in streams:  # also of one that was cut: it cost something
                await stream.ended()

    async def _order(self, scope: Scope, receive: Receive) -> Order:
        """Raises Invalid, NotAllowed, BodyTooLarge, ClientGone."""
        caller: Caller | None = scope.get("caller")
        if caller is not None:
            caller.check_face(ANY)
        body = await read_body(receive, self._max_body, content_length=content_length(scope))
        return Order.of(read_json(ROUTE, bytes(body)))


async def _fail(send: Send, answer: Answer, error: GatewayError) -> None:
    """Within a stream that has begun it is told as the dialect has it."""
    if answer.status is None:
        await _send(send, error.status, error_headers(error), {"detail": error.message})
    else:
        await answer.fail(error)


async def _send(send: Send, status: int, headers: dict[str, str], body: Any) -> None:
    await send_whole(send, status, {**headers, "content-type": JSON}, wire.encode(body))


class _Gateway:
    def __init__(
        self,
        runs: Runs,
        route: RouteEndpoint,
        port: int,
        router_url: str,
        events_url: str,
        tenant: str | None,
        clock: Callable[[], int],
    ) -> None:
        self._runs = runs
        self._route = route
        self._port = port
        self._dependencies = {"provider_router": router_url, "event_stream": events_url}
        self._tenant = tenant
        self._clock = clock

    def operations(self) -> tuple[Operation, ...]:
        window = Field("window", default="minute")
        return (
            Operation("POST", "/route", "Give a request to the model that fits it", app=self._route, body=ROUTE),
            Operation("GET", "/receipts/{run_id}", "What the calls of a run cost, one by one", self._receipts),
            Operation("GET", "/metrics", "What was spent lately, by provider", self._metrics, query=(window,)),
            Operation("POST", "/budget", "Set what a run may spend in all", self._limit, query=_MAY_BE),
            Operation("GET", "/budget/{run_id}", "What a run has left", self._budget),
            Operation("GET", "/health", "That this is a Gateway, and alive", self._health),
            Operation("GET", "/", "What this service is", self._root),
        )

    async def _receipts(self, asked: Asked) -> dict[str, Any]:
        name = self._named(asked)
        lines = await self._runs.receipts(name, self._viewer(asked))
        return {"run_id": name, "receipts": lines, "count": len(lines), "total_cost_usd": total(lines)}

    async def _metrics(self, asked: Asked) -> dict[str, Any]:
        window = asked.query["window"]
        if window not in WINDOWS:
            raise Failed(400, f"Invalid window: {window}")
        return await self._runs.metrics(window, self._viewer(asked))

    async def _limit(self, asked: Asked) -> dict[str, Any]:
        values = await self._budget_of(asked)
        run = named(values["run_id"], ("query", "run_id"))
        nano = nano_of(values["budget_usd"])
        if run is None or nano <= 0:
            raise Failed(400, "Budget must be positive")
        await self._runs.limit(self._run(asked, run), nano)
        return {"run_id": run, "budget_usd": values["budget_usd"], "status": "Budget set successfully"}

    async def _budget_of(self, asked: Asked) -> dict[str, Any]:
        """By query, as the real Gateway takes it, or as JSON. Raises Invalid."""
        request = asked.request
        body = bytes(await read_body(request.receive, LONGEST_BODY, content_length=content_length(request.scope)))
        if body and not request.query_params:
            return read_json(_BUDGET, body)
        return read(_BUDGET, dict(request.query_params), ("query",))

    async def _budget(self, asked: Asked) -> dict[str, Any]:
        return await self._runs.budget(self._run(asked, self._named(asked)))

    async def _health(self, asked: Asked) -> dict[str, Any]:
        return {
            "status": "ok",
            "service": "gateway",
            "port": self._port,
            "timestamp": stamp(self._clock()),
            "dependencies": self._dependencies,
        }

    async def _root(self, asked: Asked) -> dict[str, Any]:
        return {
            "service": ABOUT.title,
            "version": VERSION,
            "description": ABOUT.description,
            "endpoints": listed(self.operations()),
        }

    def _named(self, asked: Asked) -> str:
        """Raises Invalid."""
        run: str = asked.path["run_id"]
        return named(run, ("path", "run_id")) or run

    def _run(self, asked: Asked, name: str) -> Run:
        caller: Caller | None = asked.request.scope.get("caller")
        return Run(caller.tenant if caller is not None else None, name)

    def _viewer(self, asked: Asked) -> Viewer:
        """Lines that other programs of this machine append are seen by those who count for it, and by nobody else's keys."""
        caller: Caller | None = asked.request.scope.get("caller")
        return Viewer() if caller is None else Viewer(caller.tenant, strangers=caller.tenant == self._tenant)
