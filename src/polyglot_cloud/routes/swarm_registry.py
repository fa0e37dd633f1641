"""The HTTP edge of the Agent Registry (6121)."""

from collections.abc import Collection
from typing import Any

from polyglot_cloud.asgi import App
from polyglot_cloud.routes.swarm_edge import VERSION, About, Asked, Failed, Identify, Operation, listed, service_app
from polyglot_cloud.swarm import services as rows
from polyglot_cloud.swarm.moments import Clock, now, sqlite_stamp, stamp
from polyglot_cloud.swarm.services import AlreadyRegistered, Services, UnknownService

PORT = 6121
ABOUT = About(
    "PAS Service Registry", "Keeps which services of the swarm there are, and how they were when last heard of."
)


def registry_app(
    services: Services,
    *,
    port: int = PORT,
    identify: Identify | None = None,
    hosts: Collection[str] = (),
    clock: Clock = now,
) -> App:
    """`port` is the one that / names. `identify` and `hosts` as in `swarm_edge.service_app`."""
    return service_app(ABOUT, _Registry(services, port, clock).operations(), identify=identify, hosts=hosts)


class _Registry:
    def __init__(self, services: Services, port: int, clock: Clock) -> None:
        self._services = services
        self._port = port
        self._clock = clock

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation("POST", "/register", "Make a service known", self._register, body=rows.REGISTRATION),
            Operation("PUT", "/heartbeat", "Tell that a service lives, and how", self._heartbeat, body=rows.HEARTBEAT),
            Operation("GET", "/discover", "The services that fit, by name and role", self._discover, query=rows.DISCOVERY),
            Operation("GET", "/services", "All services, in short", self._list),
            Operation("GET", "/services/{id}", "One service", self._one),
            Operation("POST", "/promote", "Give all of a name another role", self._promote, body=rows.PROMOTION),
            Operation("POST", "/deregister", "Forget a service", self._deregister, body=rows.DEREGISTRATION),
            Operation("GET", "/health", "That the registry is alive, and how many it knows", self._health),
            Operation("GET", "/", "What this service is", self._root),
        )  # fmt: skip

    async def _register(self, asked: Asked) -> dict[str, Any]:
        try:
            service = await self._services.register(asked.body)
        except AlreadyRegistered as taken:
            raise Failed(400, str(taken)) from None
        return {"service_id": service.service_id, "registered_at": sqlite_stamp(service.registered_at)}

    async def _heartbeat(self, asked: Asked) -> dict[str, Any]:
        try:
            service = await self._services.heartbeat(asked.body)
        except UnknownService as unknown:
            raise Failed(404, str(unknown)) from None
        return {"success": True, "ts": stamp(service.last_heartbeat_at)}

    async def _discover(self, asked: Asked) -> dict[str, Any]:
        return {"items": [service.shown() for service in self._services.discover(**asked.query)]}

    async def _list(self, asked: Asked) -> dict[str, Any]:
        return {"items": [service.listed() for service in self._services.everyone()]}

    async def _one(self, asked: Asked) -> dict[str, Any]:
        id_ = asked.path["id"]
        found = self._services.find(id_)
        if found is None:
            raise Failed(404, f"Service {id_} not found")
        return found.detailed()

    async def _promote(self, asked: Asked) -> dict[str, Any]:
        try:
            updated = await self._services.promote(**asked.body)
        except UnknownService as unknown:
            raise Failed(404, str(unknown)) from None
        return {"updated_instances": updated, "ts": stamp(self._clock())}

    async def _deregister(self, asked: Asked) -> dict[str, Any]:
        try:
            await self._services.deregister(**asked.body)
        except UnknownService as unknown:
            raise Failed(404, str(unknown)) from None
        return {"success": True, "ts": stamp(self._clock())}

    async def _health(self, asked: Asked) -> dict[str, Any]:
        registered, healthy = self._services.counts()
        return {"status": "ok", "registered": registered, "healthy": healthy}

    async def _root(self, asked: Asked) -> dict[str, Any]:
        registered, healthy = self._services.counts()
        return {
            "service": ABOUT.title,
            "version": VERSION,
            "port": self._port,
            "status": "running",
            "registered_services": registered,
            "healthy_services": healthy,
            "endpoints": listed(self.operations()),
            "docs": "/docs",
        }
