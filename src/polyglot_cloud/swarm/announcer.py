"""The swarm's client: it announces the models here, keeps them announced, and takes them back at the end.

    async with swarm_client(settings, catalog, ours) as swarm:
        ...                      # each service has a task of its own; nobody waits for any of them
        swarm.events.cost_update(receipt)
        swarm.status()           # for /health and the start-up table

Nothing here delays or fails a start, a call or a stop. A service that is down is asked again and again, ever more rarely; a stranger on
its port is left alone; what is left at the end has `FAREWELL` seconds to be told.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from polyglot_cloud.catalog import Catalog
from polyglot_cloud.draining import Drain
from polyglot_cloud.settings import Settings
from polyglot_cloud.swarm.events import Events
from polyglot_cloud.swarm.link import Link, Pace, Peer, Recognises, is_registry, open_client, says
from polyglot_cloud.swarm.offers import Offering, Ours, Range, offerings
from polyglot_cloud.swarm.registry_client import RegistryClient, Service, service_of
from polyglot_cloud.swarm.router_client import RouterClient

T = TypeVar("T")
_log = logging.getLogger(__name__)

FAREWELL = 2.0
"""Seconds that the swarm may take to be told that we go."""


@dataclass(frozen=True, slots=True)
class Patience:
    """The most seconds that one question may take, and the end."""

    question: float = 2.0
    event: float = 1.0
    farewell: float = FAREWELL


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the outside world is to the client: replaced in tests.

    `headers` are what goes to the service at a URL besides: the services that we serve ask for a key once there are any, of us as well.
    """

    pace: Pace = field(default_factory=Pace)
    patience: Patience = field(default_factory=Patience)
    transport: httpx.AsyncBaseTransport | None = None
    machine: str = field(default_factory=socket.gethostname)
    headers: Callable[[str], Mapping[str, str]] = lambda url: {}


SERVICES: tuple[tuple[str, Recognises], ...] = (
    ("router", says("provider_router")),
    ("gateway", says("gateway")),
    ("registry", is_registry),
    ("events", says("event_stream")),
)
"""What we call each service, and how its /health is told from a stranger's."""
_TASK = "swarm: {}"
EVENTS = _TASK.format("events")
TITLES = {"router": "Provider Router", "gateway": "Gateway", "registry": "Agent Registry", "events": "Event Stream"}


class SwarmClient:
    """Runs from `start` to `stop`. `events` may be used at any time. Under POLYGLOT_SWARM=off nobody is asked, and nothing is told."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        ours: Ours,
        circumstances: Circumstances,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._ours = ours
        self._circumstances = circumstances
        self._is_on = settings.swarm != "off"
        urls = [getattr(settings, f"swarm_{name}_url") for name, _ in SERVICES]
        self._client = open_client(urls, circumstances.transport)
        self._links = {name: self._link(name, recognises) for name, recognises in SERVICES}
        self._router = RouterClient(
            self._links["router"], self._offerings, ours.p95_ms, ours.version, settings.swarm_leave
        )
        self._registry = RegistryClient(self._links["registry"], self._services, ours, self._turned)
        self.events = Events(self._links["events"] if self._is_on else None)
        self._running: list[asyncio.Task[None]] = []
        self._leaving: asyncio.Task[None] | None = None
        self._not_offered: tuple[str, ...] = ()

    def _link(self, name: str, recognises: Recognises) -> Link:
        patience = self._circumstances.patience
        within = patience.event if name == "events" else patience.question
        peer = Peer(self._client, getattr(self._settings, f"swarm_{name}_url"), within)
        peer.headers = lambda: self._circumstances.headers(peer.url)
        link = Link(TITLES[name], peer, recognises, self._circumstances.pace)
        link.state = "starting" if self._is_on else "off"
        return link

    # --- what is announced ---

    def _range(self) -> Range:
        settings = self._settings
        found = offerings(
            self._catalog, self._ours.providers(), settings.swarm_models, settings.retired, self._ours.today()
        )
        for problem in set(found.problems) - set(self._not_offered):
            _log.warning("Swarm: %s", problem)
        self._not_offered = found.problems
        return found

    def _offerings(self) -> Sequence[Offering]:
        return self._range().offerings

    def _services(self) -> list[Service]:
        found: dict[str, Offering] = {}
        for offering in self._range().offerings:
            found.setdefault(offering.provider, offering)  # the default stands first
        return [
            service_of(
                each,
                found.get(each.provider),
                self._settings.swarm_interval,
                self._circumstances.machine,
                self._ours.version,
            )
            for each in self._ours.providers()
        ]

    def _turned(self, service: Service) -> None:
        self.events.status_update(str(service.body["name"]), service.health, provider=service.provider)

    # --- its life ---

    def start(self) -> None:
        """Begins; returns at once."""
        if not self._is_on:
            return
        interval = self._settings.swarm_interval
        visits = {
            "router": (self._router.visit, interval),
            "gateway": (self._links["gateway"].identify, interval),
            "registry": (self._registry.visit, interval / 2),
            "events": (self.events.visit, interval),
        }
        self._running = [
            asyncio.create_task(self._links[name].keep(visit, every), name=_TASK.format(name))
            for name, (visit, every) in visits.items()
        ]

    def wake(self) -> None:
        """Asks all services now: ports have become known, or a service was started."""
        for link in self._links.values():
            link.wake()

    def move(self, name: str, url: str) -> None:
        """A service is served at another URL from now on."""
        self._links[name].move(url)

    def leave(self) -> None:
        """Takes back what was announced, in a task of its own: for the beginning of the end, while calls still run. Once."""
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave(), name="swarm: leaving")

    async def stop(self) -> None:
        """Leaves, if that was not begun before, sends the last events, and closes. Takes no longer than the patience for it."""
        self.leave()
        leaving = self._leaving
        if leaving is not None:
            await asyncio.gather(_within(self._circumstances.patience.farewell, self._last_events()), leaving)
        await _ended(self._running)
        await self._client.aclose()

    async def _leave(self) -> None:
        announcing = [task for task in self._running if task.get_name() != EVENTS]
        await _ended(announcing)
        goodbyes = asyncio.gather(self._router.go(), self._registry.go(), return_exceptions=True)
        for error in await _within(self._circumstances.patience.farewell, goodbyes) or ():
            if isinstance(error, Exception):
                _log.error("A defect of ours: the swarm was not told that we go.", exc_info=error)

    async def _last_events(self) -> None:
        if self._links["events"].state == "connected":
            await self.events.all_sent()

    # --- how it stands ---

    def status(self) -> dict[str, dict[str, Any]]:
        """By service: url, state, since, detail (who squats, what failed), what is registered and what is not, and why."""
        found: dict[str, dict[str, Any]] = {
            name: {"url": link.url, "state": link.state, "since": link.since, "detail": link.detail}
            for name, link in self._links.items()
        }
        found["router"] |= {
            "registered": self._router.registered,
            "problems": [*self._not_offered, *_told(self._router.problems)],
        }
        found["registry"] |= {"registered": self._registry.registered, "problems": _told(self._registry.problems)}
        events = self.events
        found["events"] |= {"sent": events.sent, "waiting": events.waiting, "dropped": events.dropped}
        return found

    def lines(self) -> list[str]:
        """The same for people, a line for each service."""
        registered = {"router": self._router.registered, "registry": self._registry.registered}
        return [
            f"{link.title} {link.url}: {link.words}"
            + (f", {len(registered[name])} registered" if registered.get(name) else "")
            for name, link in self._links.items()
            if self._is_on
        ] + list(self._not_offered)


def _told(problems: dict[str, str]) -> list[str]:
    return [f"{name}: {why}" for name, why in sorted(problems.items())]


async def _within(seconds: float, work: Awaitable[T]) -> T | None:
    """What comes of it, None where that took too long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await work
    return None


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def swarm_client(
    settings: Settings,
    catalog: Catalog,
    ours: Ours,
    *,
    drain: Drain | None = None,
    circumstances: Circumstances | None = None,
) -> AsyncIterator[SwarmClient]:
    """The client for as long as the block runs. It leaves when `drain` begins, so that nobody is sent here any more while calls end."""
    client = SwarmClient(settings, catalog, ours, circumstances or Circumstances())
    client.start()
    watching = asyncio.create_task(_leave_at_the_end(client, drain), name="swarm: drain")
    try:
        yield client
    finally:
        await _ended([watching])
        await client.stop()


async def _leave_at_the_end(client: SwarmClient, drain: Drain | None) -> None:
    if drain is not None:
        await drain.begun()
        client.leave()
