"""What of the swarm lives in this process: the client that announces our models, and the services served here where they are missing.

hive = Hive(settings, mode)
application = create_app(..., Parts(swarm=hive.status, ...))
with hive.furnished(Home(...)):                                    # the services' state is read; no port is opened
    serve(..., lifespan=hive.living(lifespan), on_ready=...)       # ... hive.ready(bound)
"""

import asyncio
import json
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from polyglot_cloud import __version__
from polyglot_cloud.app import DIALECTS, Application, utc_today
from polyglot_cloud.asgi import App, Headers
from polyglot_cloud.catalog import Catalog
from polyglot_cloud.routes.service import latency
from polyglot_cloud.routes.swarm_control import controlled
from polyglot_cloud.routes.swarm_edge import Identify
from polyglot_cloud.routes.swarm_gateway import gateway_app, identified
from polyglot_cloud.routes.swarm_registry import registry_app
from polyglot_cloud.routes.swarm_router import router_app
from polyglot_cloud.server import Annex, Companion, Limits
from polyglot_cloud.settings import Access, Problem, Settings, SettingsError
from polyglot_cloud.sockets import BindError, Bound, Opening, Port, open_ports
from polyglot_cloud.swarm.announcer import SERVICES, TITLES, Circumstances, SwarmClient
from polyglot_cloud.swarm.auto import Auto
from polyglot_cloud.swarm.directory import Directory, Selected, Wanted
from polyglot_cloud.swarm.dispatch import Dispatch
from polyglot_cloud.swarm.embedded import Embedded, Mode, NoPort, Seat
from polyglot_cloud.swarm.link import Peer, open_client
from polyglot_cloud.swarm.offers import CHAT, Listening, Ours, endpoint
from polyglot_cloud.swarm.places import Places
from polyglot_cloud.swarm.runs import Runs, alert
from polyglot_cloud.swarm.selection import Here, There
from polyglot_cloud.swarm.services import Services, watch

if TYPE_CHECKING:
    from polyglot_cloud.money.receipts import Follower

SERVED = ("router", "gateway", "registry")
"""What we can stand in for."""
SERVING: frozenset[Mode] = frozenset({"auto", "embedded"})
OWN = b"x-polyglot-own"
"""The header by which our own client is known to the services that we serve, once these ask for keys."""
SELECTING = 30.0
"""Seconds that a Router of somebody else may take to select."""
GLANCE = 2.0
"""Seconds that one look at who is there may take."""
FIRST_ROUND = 10.0
"""Seconds after which the table is printed, whoever has not answered yet."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Home:
    """What the hive stands in. `database` is the till's, `receipts` writes its files; None: nothing is booked."""

    application: Application
    catalog: Catalog
    accesses: Mapping[str, Access]
    database: Path
    limits: Limits
    receipts: "Follower | None" = None


class Hive:
    """`tell` is called once with a table for people, when it is known who serves what. `notes` are worth a line at the start."""

    def __init__(self, settings: Settings, mode: Mode, tell: Callable[[str], None] = lambda text: None) -> None:
        self._settings = settings
        self._mode = mode
        self._tell = tell
        self._secret = secrets.token_urlsafe(32)
        self._home: Home | None = None
        self._apps: dict[str, Callable[[int], App]] = {}
        self._services: Services | None = None
        self._client: SwarmClient | None = None
        self._embedded: Embedded | None = None
        self._listening: list[Listening] = []
        self._router: Peer | None = None
        self._places = Places(lambda: self._listening, settings.swarm_endpoints)
        self.auto = Auto(self._places)

    @property
    def notes(self) -> list[str]:
        if self._mode != "auto":
            return []
        return ["The swarm's services have 5 s to come up; those that are missing then are served here."]

    # --- what is there before any port is opened ---

    @contextmanager
    def furnished(self, home: Home) -> Iterator[None]:
        """Raises StoreUnusable."""
        self._home = home
        if self._mode not in SERVING:
            yield
            return
        from polyglot_cloud.swarm.store import Store  # noqa: PLC0415  # it imports SQLAlchemy

        store = Store(home.database)
        try:
            self._services = Services(store)
            self._apps = self._made(home, Directory(store), self._services)
            yield
        finally:
            store.close()

    def _made(self, home: Home, directory: Directory, services: Services) -> dict[str, Callable[[int], App]]:
        identify = self._identify(home)
        self.auto.selector = selector = _Whoever(self, directory)
        made: dict[str, Callable[[int], App]] = {
            "router": lambda port: router_app(directory, port=port, identify=identify),
            "registry": lambda port: registry_app(services, port=port, identify=identify),
        }
        till, settings, parts = home.application.parts.till, self._settings, home.application.parts
        if till is None or home.receipts is None:
            return made
        runs = Runs(till, home.receipts)  # alerts and receipts are told as those of all other calls
        chat = DIALECTS[CHAT]
        dispatch = Dispatch(selector, self._places, home.application.pipeline, chat, till, runs)
        made["gateway"] = lambda port: gateway_app(
            dispatch, runs, home.application.app, dialect=chat, drain=parts.drain, max_body=settings.max_body_bytes,
            faces=list(home.accesses), port=port, router_url=self.url("router"), events_url=self.url("events"), identify=identify,
            tenant=settings.swarm_tenant,
        )  # fmt: skip
        return made

    def _identify(self, home: Home) -> Identify | None:
        """Who calls our services: whoever calls us, the tenant that counts for this machine, and our own client."""
        directory = home.application.parts.directory
        if directory is None:
            return None
        own, known = self._secret.encode(), identified(directory, self._settings.swarm_tenant)

        def identify(headers: Headers, query_string: bytes) -> Any:
            if any(name == OWN and secrets.compare_digest(value, own) for name, value in headers):
                return None
            return known(headers, query_string)

        return identify

    # --- while the process runs ---

    @asynccontextmanager
    async def living(self, inner: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
        """Within it our client runs, and the services that are served here. Under `embedded` their ports are open when it is entered."""
        async with inner:
            if self._mode == "off" or self._home is None:
                yield
                return
            async with open_client([self._url(name) for name in SERVED]) as looking:
                home, client = self._home, self._made_client(self._home)
                self._router = Peer(looking, self.url("router"), SELECTING)
                embedded = self._made_embedded(looking)
                embedded.start()
                tasks = [
                    asyncio.create_task(self._leaving(home, client), name="swarm: drain"),
                    asyncio.create_task(self._announced(client, embedded), name="swarm: table"),
                ]
                if self._services is not None:
                    tasks.append(asyncio.create_task(watch(self._services), name="swarm: heartbeats"))
                try:
                    yield
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    await client.stop()
                    await embedded.stop()
                    self._control_file(())

    def ready(self, bound: Sequence[Bound]) -> None:
        """Our listeners are open: from now on they are announced."""
        if self._client is None or self._home is None:
            return
        host, accesses = self._settings.host, self._home.accesses
        self._listening = [
            Listening(each.provider, endpoint(host, each.port), each.port, accesses[each.provider].key is not None)
            for each in bound
        ]
        self._client.start()

    def _made_client(self, home: Home) -> SwarmClient:
        calls = home.application.edge.last_calls
        ours = Ours(
            lambda: self._listening,
            lambda provider: latency(calls.latencies(provider))["p95_latency_ms"],
            lambda provider: home.application.parts.drain.in_flight,
            utc_today,
            __version__,
        )
        client = SwarmClient(self._settings, home.catalog, ours, Circumstances(headers=self._credentials))
        if home.application.parts.till is not None:
            home.application.parts.till.on_alert(lambda notice: client.events.budget_alert(alert(notice)))
        if home.receipts is not None:
            home.receipts.on_line(client.events.receipt_line)
        self._client = client
        return client

    def _credentials(self, url: str) -> Mapping[str, str]:
        """What our client shows at a URL: to our own services that it is ours, and to nobody else anything."""
        embedded = self._embedded
        is_ours = embedded is not None and any(embedded.serves(name) and embedded.url(name) == url for name in SERVED)
        return {OWN.decode(): self._secret} if is_ours else {}

    def _made_embedded(self, looking: Any) -> Embedded:
        recognises = dict(SERVICES)
        seats = [
            Seat(name, TITLES[name], Peer(looking, self._url(name), GLANCE), recognises[name], self._opener(name))
            for name in SERVED
            if self._mode not in SERVING or name in self._apps
        ]
        self._embedded = Embedded(self._mode, seats, moved=self._moved)
        return self._embedded

    def _url(self, name: str) -> str:
        return cast("str", getattr(self._settings, f"swarm_{name}_url"))

    def url(self, name: str) -> str:
        """Where a service is: ours, or the one that the settings name."""
        return self._embedded.url(name) if self._embedded is not None and name in SERVED else self._url(name)

    def router(self) -> Peer | None:
        """The Router of somebody else, as long as it is one."""
        status = self.status().get("router")
        return self._router if status is not None and status["state"] == "external" else None

    # --- serving ---

    def _opener(self, name: str) -> Callable[[], "_Stall"]:
        number, variable = getattr(self._settings, f"swarm_{name}_port"), f"POLYGLOT_SWARM_{name.upper()}_PORT"

        def take() -> _Stall:
            try:
                (opening,) = open_ports("127.0.0.1", [Port(f"the swarm's {TITLES[name]}", number, variable)])
            except BindError as error:
                raise NoPort(str(error)) from None
            app = controlled(self._apps[name](opening.bound().port), self._secret, self.release)
            return _Stall(TITLES[name], app, opening, self._limits)

        return take

    @property
    def _limits(self) -> Limits:
        return self._home.limits if self._home is not None else Limits()

    def _moved(self, name: str, url: str) -> None:
        embedded = self._embedded
        if self._client is not None:
            self._client.move(name, url)
        if embedded is not None:
            self._control_file([embedded.url(each) for each in SERVED if each in self._apps and embedded.serves(each)])

    def release(self, names: Sequence[str] | Any = ()) -> list[str]:
        """Gives ports up to the real services, all of ours without a name; whose they were."""
        return self._embedded.release(names) if self._embedded is not None else []

    def _control_file(self, urls: Sequence[str]) -> None:
        """Where `polyglot-cloud swarm release` learns how to reach this process; there while anything is served."""
        if self._home is None or self._mode not in SERVING:
            return
        path = control_file(self._home.database)
        if not urls:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return
        content = json.dumps({"pid": os.getpid(), "urls": list(urls), "secret": self._secret})
        try:
            beside = path.with_name(f"{path.name}.new")
            beside.unlink(missing_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
            beside.replace(path)
        except OSError as error:
            _log.warning(
                "Swarm: %s cannot be written (%s): `polyglot-cloud swarm release` will not find this process.",
                path,
                error,
            )

    # --- the end ---

    async def _leaving(self, home: Home, client: SwarmClient) -> None:
        await home.application.parts.drain.begun()
        client.leave()

    # --- how it stands ---

    async def _announced(self, client: SwarmClient, embedded: Embedded) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_ROUND):
                await embedded.settled.wait()
                while any(each["state"] == "starting" for each in client.status().values()):  # noqa: ASYNC110  # once, for moments
                    await asyncio.sleep(0.05)
        self._tell(table(self.status()))

    def status(self) -> dict[str, Any]:
        """By service: url, state (ours, external, squatter, down, waiting, released, starting), detail, since, registered, problems."""
        if self._client is None:
            return {"mode": self._mode}
        found = self._client.status()
        served = self._embedded.shown() if self._embedded is not None else {}
        for name, shown in served.items():
            found[name] |= _merged(found[name], shown.state, shown.detail)
        for each in found.values():
            if each["state"] == "connected":
                each["state"] = "external"
            if "registered" in each and each["state"] not in {"ours", "external"}:
                each["registered"] = []  # what was told to somebody who is there no more
        return {"mode": self._mode, **found}


def _merged(client: Mapping[str, Any], state: str, detail: str) -> dict[str, Any]:
    """Who serves, over what our client makes of it."""
    if state in {"ours", "waiting"}:
        return {"state": state, "detail": client["detail"] if client["state"] == "down" and state == "ours" else detail}
    if state in {"closed", "broken", "released"} and client["state"] in {"down", "starting"}:
        return {"state": "released", "detail": ""} if state == "released" else {"state": "down", "detail": detail}
    return {}


class _Whoever:
    """Whoever is the Router at the moment: ours, or the one that is there."""

    def __init__(self, hive: Hive, directory: Directory) -> None:
        self._hive = hive
        self._here = Here(directory)

    async def select(self, wanted: Wanted) -> Selected:
        """Raises NothingSelected."""
        there = self._hive.router()
        return await (self._here if there is None else There(there)).select(wanted)


class _Stall:
    """One of our services on its port."""

    def __init__(self, title: str, app: App, opening: Opening, limits: Limits) -> None:
        (listening,) = opening.sockets
        listening.setblocking(False)
        self.url = opening.bound().url
        self._annex = Annex(Companion(title, app, listening), limits)

    async def run(self) -> None:
        await self._annex.run()

    def close(self, *, hurry: bool) -> None:
        self._annex.close(hurry=hurry)


def control_file(database: Path) -> Path:
    return database.with_suffix(".swarm.json")


def mode_of(settings: Settings, *, sandbox: bool, till: bool) -> Mode:
    """What POLYGLOT_SWARM says; the sandbox has a swarm of its own unless that says otherwise.

    Raises SettingsError where services are to be served that count costs, and nothing is booked.
    """
    if sandbox and settings.origin("POLYGLOT_SWARM").kind == "default":
        return "auto" if till else settings.swarm
    if settings.swarm in SERVING and not till:
        message = f"is {settings.swarm}, and the Gateway that it serves counts costs by the ledger, which is not kept. Say external."
        raise SettingsError([Problem(message, "POLYGLOT_SWARM", str(settings.origin("POLYGLOT_SWARM")))])
    return settings.swarm


# --- for people ---

_WORDS = {
    "ours": "served here",
    "external": "the swarm's own",
    "squatter": "left alone",
    "down": "nobody",
    "waiting": "waiting for the real one",
    "released": "given up",
    "starting": "not asked yet",
    "off": "off",
}


def table(status: Mapping[str, Any]) -> str:
    """One line a service. `status` is `Hive.status`, or what /health has of it."""
    lines = [("SWARM", "URL", "WHO", "REGISTERED")]
    notes: list[str] = []
    for name, title in TITLES.items():
        each = status.get(name)
        if not isinstance(each, Mapping):
            continue
        who = _WORDS.get(str(each["state"]), "") + (f": {each['detail']}" if each["detail"] else "")
        registered = each.get("registered")
        lines.append((title, each["url"], who, str(len(registered)) if registered else ""))
        notes += [f"{title}: {problem}" for problem in each.get("problems", ())]
    if len(lines) == 1:
        return f"  The swarm is {status.get('mode', 'off')}.\n"
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    text = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    return "\n".join([*text, *(f"  {note}" for note in notes)]) + "\n"
