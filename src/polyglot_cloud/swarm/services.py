"""The Agent Registry (6121): which services are there, how they are, and when they were last heard of.

What is asked is answered out of memory; every change is written first, and is seen when it is written.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from polyglot_cloud.swarm.faults import StoreUnusable
from polyglot_cloud.swarm.moments import Clock, now, sqlite_stamp, stamp
from polyglot_cloud.swarm.requests import Field

if TYPE_CHECKING:
    from polyglot_cloud.swarm.store import Store

_log = logging.getLogger(__name__)

TYPES = ("model", "tool", "agent")
ROLES = ("production", "staging", "canary", "experimental")
STATUSES = (
    "ok", "degraded", "down", "queued", "running", "blocked", "waiting_approval", "paused", "error", "done",
)  # fmt: skip

REGISTRATION = (
    Field("service_id", nullable=True),
    Field("name", required=True, low=1, high=100),
    Field("type", required=True, choices=TYPES),
    Field("role", required=True, choices=ROLES),
    Field("url", required=True),
    Field("caps", "strings", required=True, low=1),
    Field("labels", "object", nullable=True),
    Field("ctx_limit", "int", nullable=True),
    Field("cost_hint", "floats", nullable=True),
    Field("heartbeat_interval_s", "int", default=60),
    Field("ttl_s", "int", default=90),
)
HEARTBEAT = (
    Field("service_id", required=True),
    Field("status", default="ok", choices=STATUSES),
    Field("p95_ms", "float", nullable=True),
    Field("queue_depth", "int", nullable=True),
    Field("load", "float", nullable=True),
    Field("message", nullable=True),
)
DISCOVERY = (
    Field("type", choices=TYPES),
    Field("role", choices=ROLES),
    Field("cap"),
    Field("name"),
    Field("status"),
)
PROMOTION = (
    Field("name", required=True),
    Field("from_role", required=True, choices=ROLES),
    Field("to_role", required=True, choices=ROLES),
)
DEREGISTRATION = (Field("service_id", required=True),)


@dataclass(frozen=True, slots=True)
class Service:
    """One registration, with what its last heartbeat told. To register counts as the first one."""

    service_id: str
    name: str
    type: str
    role: str
    url: str
    caps: tuple[str, ...]
    labels: Mapping[str, Any] | None
    ctx_limit: int | None
    cost_hint_usd_per_1k: float | None
    heartbeat_interval_s: int
    ttl_s: int
    registered_at: int
    last_heartbeat_at: int
    status: str = "ok"
    p95_ms: float | None = None
    queue_depth: int | None = None
    load: float | None = None

    def shown(self) -> dict[str, Any]:
        """As /discover has it."""
        return {
            "service_id": self.service_id,
            "name": self.name,
            "type": self.type,
            "role": self.role,
            "url": self.url,
            "caps": list(self.caps),
            "labels": self.labels,
            "ctx_limit": self.ctx_limit,
            "cost_hint_usd_per_1k": self.cost_hint_usd_per_1k,
            "status": self.status,
            "last_heartbeat_ts": stamp(self.last_heartbeat_at),
            "registered_at": sqlite_stamp(self.registered_at),
            "p95_ms": self.p95_ms,
            "queue_depth": self.queue_depth,
            "load": self.load,
        }

    def listed(self) -> dict[str, Any]:
        """As /services has it."""
        told = ("service_id", "name", "type", "role", "url", "caps", "labels", "status", "last_heartbeat_ts")
        shown = self.shown()
        return {name: shown[name] for name in told}

    def detailed(self) -> dict[str, Any]:
        """As /services/{id} has it."""
        return {**self.shown(), "heartbeat_interval_s": self.heartbeat_interval_s, "ttl_s": self.ttl_s}


class AlreadyRegistered(ValueError):
    """The id is taken. Nothing is overwritten: heartbeat it, or deregister it first."""


class UnknownService(LookupError):
    """There is none of this id, or none of this name in that role."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What a review found: so many heartbeats of this service did not come, so this was done."""

    service: Service
    heartbeats: int
    verdict: Literal["warning", "down", "removed"]


ROUND = 30.0
"""Seconds between two reviews, as the swarm's own Heartbeat Monitor has them."""


class Services:
    """All services, in the order in which they came."""

    def __init__(self, store: "Store", *, clock: Clock = now) -> None:
        """Reads what is kept. Raises StoreUnusable."""
        self._store = store
        self._clock = clock
        self._all: Mapping[str, Service] = {service.service_id: service for service in store.services()}
        self._listening_since = self._reviewed_at = clock()

    # --- changes ---

    async def register(self, values: Mapping[str, Any]) -> Service:
        """`values` are what `read_body(REGISTRATION, ...)` gives. Raises AlreadyRegistered, StoreUnusable."""
        return await self._store.run(self._register, values)

    async def heartbeat(self, values: Mapping[str, Any]) -> Service:
        """What it does not tell is not known any more. Raises UnknownService, StoreUnusable."""
        return await self._store.run(self._heartbeat, values)

    async def promote(self, name: str, from_role: str, to_role: str) -> int:
        """How many now have the other role. Raises UnknownService where there is none, StoreUnusable."""
        return await self._store.run(self._promote, name, from_role, to_role)

    async def deregister(self, service_id: str) -> None:
        """Its id may be registered again. Raises UnknownService, StoreUnusable."""
        await self._store.run(self._deregister, service_id)

    async def review(self, every: float = ROUND) -> list[Missed]:
        """Marks those down that missed two heartbeats and removes those that missed three, as the swarm's monitor does.

        Time in which nobody could be heard does not count: before this process came up, or while the machine slept, which a review
        tells by coming much later than `every` seconds after the last. Raises StoreUnusable.
        """
        return await self._store.run(self._review, every)

    # --- questions ---

    def find(self, service_id: str) -> Service | None:
        return self._all.get(service_id)

    def everyone(self) -> list[Service]:
        return list(self._all.values())

    def discover(
        self,
        *,
        type: str | None = None,  # noqa: A002  # the query's own names
        role: str | None = None,
        cap: str | None = None,
        name: str | None = None,
        status: str | None = None,
    ) -> list[Service]:
        """Those for which all of it holds, by name and role; those that are down too, unless `status` says otherwise."""
        found = [
            service
            for service in self._all.values()
            if (not type or service.type == type)
            and (not role or service.role == role)
            and (not cap or cap in service.caps)
            and (not name or service.name == name)
            and (not status or service.status == status)
        ]
        return sorted(found, key=lambda service: (service.name, service.role))

    def counts(self) -> tuple[int, int]:
        """How many are registered, and how many of these are "ok"."""
        everyone = self._all.values()
        return len(everyone), sum(service.status == "ok" for service in everyone)

    # --- what runs in the store's thread, one after the other; the mapping is exchanged as a whole, the loop may be walking over it ---

    def _register(self, values: Mapping[str, Any]) -> Service:
        service_id = values["service_id"] or str(uuid.uuid4())
        if service_id in self._all:
            raise AlreadyRegistered(f"Service ID {service_id} already registered")
        at = self._clock()
        given = {name: value for name, value in values.items() if name != "cost_hint"}
        new = Service(
            **{**given, "service_id": service_id, "caps": tuple(values["caps"]), "labels": values["labels"] or None},
            cost_hint_usd_per_1k=(values["cost_hint"] or {}).get("usd_per_1k"),
            registered_at=at,
            last_heartbeat_at=at,
        )
        self._keep(new)
        return new

    def _heartbeat(self, values: Mapping[str, Any]) -> Service:
        told = {name: values[name] for name in ("status", "p95_ms", "queue_depth", "load")}
        new = replace(self._known(values["service_id"]), **told, last_heartbeat_at=self._clock())
        self._keep(new)
        return new

    def _promote(self, name: str, from_role: str, to_role: str) -> int:
        found = [service for service in self._all.values() if service.name == name and service.role == from_role]
        if not found:
            raise UnknownService(f"No service {name} found with role {from_role}")
        self._keep(*(replace(service, role=to_role) for service in found))
        return len(found)

    def _deregister(self, service_id: str) -> None:
        self._drop(self._known(service_id))

    def _review(self, every: float) -> list[Missed]:
        at = self._clock()
        if at - self._reviewed_at > 3 * every * 1_000_000:
            self._listening_since = at
        self._reviewed_at = at
        found = [missed for service in self._all.values() if (missed := self._missed(service, at))]
        self._keep(*(replace(each.service, status="down") for each in found if each.verdict == "down"))
        self._drop(*(each.service for each in found if each.verdict == "removed"))
        return found

    def _missed(self, service: Service, at: int) -> Missed | None:
        """A service that is down already is not found down again."""
        silent = at - max(service.last_heartbeat_at, self._listening_since)
        missed = silent // (max(service.heartbeat_interval_s, 1) * 1_000_000)
        if missed < 1 or (missed == 2 and service.status == "down"):
            return None
        return Missed(service, missed, "warning" if missed == 1 else "down" if missed == 2 else "removed")

    def _known(self, service_id: str) -> Service:
        found = self._all.get(service_id)
        if found is None:
            raise UnknownService(f"Service {service_id} not found")
        return found

    def _keep(self, *services: Service) -> None:
        if services:
            self._store.keep_services(services)
            self._all = {**self._all, **{service.service_id: service for service in services}}

    def _drop(self, *services: Service) -> None:
        if services:
            gone = {service.service_id for service in services}
            self._store.drop_services(sorted(gone))
            self._all = {name: service for name, service in self._all.items() if name not in gone}


async def watch(
    services: Services,
    *,
    every: float = ROUND,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    tell: Callable[[Missed], None] = lambda _: None,
) -> None:
    """Reviews the services every so many seconds, until it is cancelled. `tell` hears of each finding."""
    while True:
        await sleep(every)
        try:
            found = await services.review(every)
        except StoreUnusable as error:
            _log.warning("The services' heartbeats could not be looked through: %s", error)
            continue
        for missed in found:
            if missed.verdict != "warning":
                _log.warning(
                    "The service %s (%s) missed %d heartbeats and is %s",
                    missed.service.name, missed.service.service_id, missed.heartbeats, missed.verdict,
                )  # fmt: skip
            tell(missed)
