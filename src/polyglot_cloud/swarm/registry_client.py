"""What the Agent Registry is told: each provider's listener as a service with a fixed id, and how it is, by heartbeats.

The Registry takes an id once (400 for the second time), loses whoever is silent for three intervals, and forgets metrics that a heartbeat
leaves out (contract of 2026-11-22, sections 3 and 7).
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from polyglot_cloud.swarm import names
from polyglot_cloud.swarm.link import Answer, Link, Unreachable
from polyglot_cloud.swarm.offers import Listening, Offering, Ours

Health = Literal["ok", "degraded"]

PARENT, ROLE, TIER = "gateway", "model_provider", "5"
"""Labels that the swarm's dashboard draws its tree by: beneath whom, as what, and how deep. It breaks where there are none."""
MANY = 100
"""Calls in flight that are a load of 1: a figure of ours, since no provider tells how much it takes."""
SHORTEST, LONGEST = 10, 300
"""Seconds between heartbeats that the Registry's schema allows."""


def declared_interval(interval: float) -> int:
    """Heartbeats come at half the interval, a third more or less: what is declared is twice the longest gap. 45 s make 60."""
    return min(max(math.ceil(interval * 4 / 3), SHORTEST), LONGEST)


@dataclass(frozen=True, slots=True)
class Service:
    """One listener as the Registry has it. `body` is what POST /register takes."""

    id: str
    provider: str
    health: Health
    body: dict[str, Any]

    def heartbeat(self, ours: Ours) -> dict[str, Any]:
        running = ours.in_flight(self.provider)
        p95 = ours.p95_ms(self.provider)
        return {
            "service_id": self.id,
            "status": self.health,
            "p95_ms": None if p95 is None else round(p95, 1),
            "queue_depth": running,
            "load": min(running / MANY, 1.0),
        }

    def is_said_by(self, row: Mapping[str, Any]) -> bool:
        """Whether the Registry has the same of it."""
        asked = {**self.body, "cost_hint_usd_per_1k": (self.body["cost_hint"] or {}).get("usd_per_1k")}
        return all(row.get(name) == asked[name] for name in _COMPARED)


_COMPARED = (
    "name", "type", "role", "url", "caps", "labels", "ctx_limit", "cost_hint_usd_per_1k", "heartbeat_interval_s", "ttl_s",
)  # fmt: skip


def service_of(listening: Listening, default: Offering | None, interval: float, machine: str, version: str) -> Service:
    """`default` is the model that answers where a call names none; None where the provider has none to offer, which is degraded."""
    name = names.plain(listening.provider, default.model) if default else listening.provider
    seconds = declared_interval(interval)
    identity = names.service_id(listening.provider, listening.port, machine)
    body = {
        "service_id": identity,
        "name": name[: names.LONGEST],
        "type": "model",
        "role": "production",
        "url": listening.endpoint,
        "caps": list(default.features if default else ()) or ["chat"],
        "labels": {
            "parent": PARENT,
            "agent_role": ROLE,
            "tier": TIER,
            "port": str(listening.port),
            "provider": listening.provider,
            "model": default.model if default else "",
            "version": version,
        },
        "ctx_limit": default.context_window if default else None,
        "cost_hint": {"usd_per_1k": _per_thousand(default)} if default else None,
        "heartbeat_interval_s": seconds,
        "ttl_s": seconds * 3 // 2 if seconds >= 20 else 30,
    }
    return Service(identity, listening.provider, "ok" if listening.has_key and default else "degraded", body)


def _per_thousand(offering: Offering) -> float:
    """Half input, half output, as the Router weighs them."""
    return round((offering.cost_per_input_token + offering.cost_per_output_token) * 500, 12)


class RegistryClient:
    """`problems` is what the Registry does not take, by service. `turned` is told when a service's health is another.

    `_held` are those that may be there, `_said` what the Registry has taken of each.
    """

    def __init__(
        self,
        link: Link,
        services: Callable[[], Sequence[Service]],
        ours: Ours,
        turned: Callable[[Service], None],
    ) -> None:
        self._link = link
        self._peer = link.peer
        self._services = services
        self._ours = ours
        self._turned = turned
        self._held: dict[str, Service] = {}
        self._said: dict[str, dict[str, Any]] = {}
        self._health: dict[str, Health] = {}
        self.problems: dict[str, str] = {}

    @property
    def registered(self) -> list[str]:
        return sorted(str(service.body["name"]) for service in self._held.values())

    def look(self) -> list[Service]:
        """The services as they are now; whoever is another than at the last look is told of."""
        services = list(self._services())
        for service in services:
            if self._health.get(service.id, service.health) != service.health:
                self._turned(service)
            self._health[service.id] = service.health
        return services

    async def visit(self) -> None:
        """Registers what is not there, and sends a heartbeat for all. Raises Unreachable and Squatted."""
        services = self.look()
        await self._link.identify()
        for identity in self._held.keys() - {service.id for service in services}:
            await self._peer.ask("POST", "/deregister", {"service_id": identity})
            del self._held[identity]
            self._said.pop(identity, None)
        for service in services:
            await self._tell(service)

    async def _tell(self, service: Service) -> None:
        if self._said.get(service.id) != service.body:
            await self._register(service)
        answer = await self._heartbeat(service)
        if answer.status == 404 and self._said.pop(service.id, None) is not None:
            await self._register(service)  # the Registry forgot it, or was started anew
            answer = await self._heartbeat(service)
        if answer.status == 200:
            self.problems.pop(service.provider, None)
        else:
            self.problems.setdefault(service.provider, f"the Registry does not take its heartbeat ({answer.status})")

    async def _heartbeat(self, service: Service) -> Answer:
        return await self._peer.ask("PUT", "/heartbeat", service.heartbeat(self._ours))

    async def _register(self, service: Service) -> None:
        """The id may be there already, from an earlier start or as it was before; then what is said of it has to be the same."""
        self._said.pop(service.id, None)
        # held before it is sent: an answer that is lost must not be left behind
        self._held[service.id] = service
        answer = await self._peer.ask("POST", "/register", service.body)
        if answer.status == 400:
            row = await self._peer.ask("GET", f"/services/{quote(service.id, safe='')}")
            if row.status == 200 and isinstance(row.value, dict) and service.is_said_by(row.value):
                self._said[service.id] = service.body
                return
            await self._peer.ask("POST", "/deregister", {"service_id": service.id})
            answer = await self._peer.ask("POST", "/register", service.body)
        if answer.status == 200:
            self._said[service.id] = service.body
        else:
            del self._held[service.id]
            self.problems[service.provider] = f"the Registry does not take it ({answer.status})"

    async def go(self) -> None:
        """Deregisters all, at once. Never raises."""
        held, self._held = list(self._held), {}
        self._said.clear()
        await asyncio.gather(*(self._gone(identity) for identity in held))

    async def _gone(self, identity: str) -> None:
        try:
            await self._peer.ask("POST", "/deregister", {"service_id": identity})
        except Unreachable as error:
            self.problems[identity] = f"not deregistered: {error}"
