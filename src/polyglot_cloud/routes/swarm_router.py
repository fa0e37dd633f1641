"""The HTTP edge of the Provider Router (6103)."""

from collections.abc import Collection
from typing import Any

from polyglot_cloud.asgi import App
from polyglot_cloud.routes.swarm_edge import VERSION, About, Asked, Failed, Identify, Operation, listed, service_app
from polyglot_cloud.swarm.directory import REGISTRATION, SELECTION, Directory, NothingFits, Wanted
from polyglot_cloud.swarm.faults import StoreUnusable
from polyglot_cloud.swarm.moments import Clock, now, stamp
from polyglot_cloud.swarm.requests import Field

PORT = 6103
ABOUT = About(
    "Provider Router", "Keeps which provider serves which model at what price, and selects one for a request."
)


def router_app(
    directory: Directory,
    *,
    port: int = PORT,
    identify: Identify | None = None,
    hosts: Collection[str] = (),
    clock: Clock = now,
) -> App:
    """`port` is the one that /health names. `identify` and `hosts` as in `swarm_edge.service_app`."""
    return service_app(ABOUT, _Router(directory, port, clock).operations(), identify=identify, hosts=hosts)


class _Router:
    def __init__(self, directory: Directory, port: int, clock: Clock) -> None:
        self._directory = directory
        self._port = port
        self._clock = clock

    def operations(self) -> tuple[Operation, ...]:
        listing = (Field("model", default=""), Field("min_context", "int", default=0))
        return (
            Operation("POST", "/register", "Make a provider known, or known anew", self._register, body=REGISTRATION),
            Operation("GET", "/providers", "The active providers", self._list, query=listing),
            Operation("GET", "/providers/{name}", "One active provider", self._one),
            Operation("DELETE", "/providers/{name}", "Take a provider out, until it registers again", self._deactivate),
            Operation("POST", "/select", "The provider that fits a request best", self._select, body=SELECTION),
            Operation("GET", "/stats", "How many providers and models there are", self._stats),
            Operation("GET", "/health", "That this is a Provider Router, and alive", self._health),
            Operation("GET", "/", "What this service is", self._root),
        )

    async def _register(self, asked: Asked) -> dict[str, Any]:
        try:
            provider, is_new = await self._directory.register(asked.body)
        except StoreUnusable as error:
            raise Failed(400, str(error)) from None  # the real Router's status for it
        return {
            "status": "success",
            "action": "registered" if is_new else "updated",
            "provider": provider.name,
            "timestamp": self._stamp(),
        }

    async def _list(self, asked: Asked) -> dict[str, Any]:
        found = [provider.shown() for provider in self._directory.active(**asked.query)]
        return {"providers": found, "count": len(found), "timestamp": self._stamp()}

    async def _one(self, asked: Asked) -> dict[str, Any]:
        name = asked.path["name"]
        found = self._directory.find(name)
        if found is None:
            raise Failed(404, f"Provider '{name}' not found")
        return found.shown()

    async def _deactivate(self, asked: Asked) -> dict[str, Any]:
        name = asked.path["name"]
        if not await self._directory.deactivate(name):
            raise Failed(404, "Provider not found")
        return {"status": "success", "action": "deactivated", "provider": name}

    async def _select(self, asked: Asked) -> dict[str, Any]:
        wanted = Wanted.of(asked.body)
        try:
            selected = self._directory.select(wanted)
        except NothingFits as nothing:
            raise Failed(404, str(nothing)) from None
        return {
            "selected_provider": selected.provider.shown(),
            "alternatives": [provider.shown() for provider in selected.alternatives],
            "selection_reason": selected.reason,
            "optimization": wanted.optimization,
            "timestamp": self._stamp(),
        }

    async def _stats(self, asked: Asked) -> dict[str, Any]:
        return self._directory.stats()

    async def _health(self, asked: Asked) -> dict[str, Any]:
        return {
            "status": "ok",
            "service": "provider_router",
            "port": self._port,
            "timestamp": self._stamp(),
            "registry_stats": self._directory.stats(),
        }

    async def _root(self, asked: Asked) -> dict[str, Any]:
        return {
            "service": ABOUT.title,
            "version": VERSION,
            "description": ABOUT.description,
            "endpoints": listed(self.operations()),
        }

    def _stamp(self) -> str:
        return stamp(self._clock())
