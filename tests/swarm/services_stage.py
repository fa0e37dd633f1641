"""The swarm's Router and Registry over a database in a folder of the test's own, with a clock that stands until it is moved."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from polyglot_cloud.asgi import App
from polyglot_cloud.routes.swarm_edge import Identify
from polyglot_cloud.routes.swarm_registry import registry_app
from polyglot_cloud.routes.swarm_router import router_app
from polyglot_cloud.swarm.directory import Directory
from polyglot_cloud.swarm.services import Services
from polyglot_cloud.swarm.store import Store

SECOND = 1_000_000
START = 1_795_449_330_337_683
STAMP = "2026-11-23T15:55:30.337683"

PROVIDER = {
    "name": "openai-gpt-6", "model": "gpt-6", "context_window": 200_000, "cost_per_input_token": 3e-06,
    "cost_per_output_token": 1.5e-05, "endpoint": "http://127.0.0.1:8100", "features": ["planning", "streaming"],
    "slo": {"latency_p95_ms": 900}, "metadata": {"provider": "openai", "deep": [1, {"a": None}]},
}  # fmt: skip
SERVICE = {
    "service_id": "s-1", "name": "openai", "type": "model", "role": "production", "url": "http://127.0.0.1:8100",
    "caps": ["chat"], "labels": {"parent": "x"}, "ctx_limit": 128_000, "cost_hint": {"usd_per_1k": 0.5, "other": 1},
    "heartbeat_interval_s": 30, "ttl_s": 90,
}  # fmt: skip


@dataclass
class Clock:
    at: int = START

    def __call__(self) -> int:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += int(seconds * SECOND)


@dataclass
class Stage:
    """Both services. `restart` is what a new process finds."""

    path: Path
    identify: Identify | None = None
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self._open()

    def restart(self) -> None:
        self.store.close()
        self._open()

    def _open(self) -> None:
        self.store = Store(self.path)
        self.directory = Directory(self.store, clock=self.clock)
        self.services = Services(self.store, clock=self.clock)
        self.router = client(router_app(self.directory, identify=self.identify, clock=self.clock))
        self.registry = client(registry_app(self.services, identify=self.identify, clock=self.clock))


def client(app: App) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:6103")


def plain(reply: httpx.Response) -> tuple[int, Any]:
    assert reply.headers["content-type"] == "application/json"
    return reply.status_code, reply.json()
