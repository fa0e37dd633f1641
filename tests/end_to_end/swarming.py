"""A swarm of real processes on ports of the test's own: gateways that serve its services or are announced to them, and an Event Stream."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx

from end_to_end.conftest import Gateway, free_ports, start, stop

T = TypeVar("T")
SERVICES = ("router", "gateway", "registry", "events")
NOBODY = "http://127.0.0.1:9"


def until(found: Callable[[], T], seconds: float = 15.0) -> T:
    """What `found` gives, as soon as that is something."""
    end = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


@dataclass
class Ports:
    """Of one swarm. `events` is an Event Stream's URL."""

    router: int
    gateway: int
    registry: int
    events: str = NOBODY

    @classmethod
    def free(cls, events: str = NOBODY) -> "Ports":
        router, gateway, registry = free_ports(3)
        return cls(router, gateway, registry, events)

    def environ(self, mode: str, **more: str) -> dict[str, str]:
        names = {"ROUTER": self.router, "GATEWAY": self.gateway, "REGISTRY": self.registry}
        return {
            "POLYGLOT_SWARM": mode,
            "POLYGLOT_SWARM_INTERVAL": "300ms",
            "POLYGLOT_SWARM_EVENTS_URL": self.events,
            **{f"POLYGLOT_SWARM_{name}_PORT": str(port) for name, port in names.items()},
            **{f"POLYGLOT_SWARM_{name}_URL": f"http://127.0.0.1:{port}" for name, port in names.items()},
            **more,
        }


@dataclass
class Swarm:
    """A process, and the services that it serves or is told of."""

    folder: Path
    ports: Ports
    mode: str = "embedded"
    more: dict[str, str] = field(default_factory=dict)
    running: Gateway | None = None

    def begin(self) -> "Swarm":
        self.folder.mkdir(exist_ok=True)
        self.running = start(self.folder, "--sandbox", environ=self.ports.environ(self.mode, **self.more))
        return self

    @property
    def gateway(self) -> Gateway:
        assert self.running is not None
        return self.running

    def url(self, service: str, path: str) -> str:
        return f"http://127.0.0.1:{getattr(self.ports, service)}{path}"

    def get(self, service: str, path: str) -> Any:
        answer = httpx.get(self.url(service, path), trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, service: str, path: str, body: Any = None) -> httpx.Response:
        return httpx.post(self.url(service, path), json=body, trust_env=False, timeout=30)

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.gateway.root('openai')}/health", trust_env=False).json()["swarm"]
        return found

    def endpoints(self) -> set[str]:
        """Of those that can be selected."""
        return {each["endpoint"] for each in self.get("router", "/providers")["providers"]}

    def own(self) -> set[str]:
        return {self.gateway.root(provider) for provider in self.gateway.ports}

    def is_announced(self) -> bool:
        """All four, with the Router and the Registry."""
        listed = {each["url"] for each in self.get("registry", "/discover?status=ok")["items"]}
        return self.own() <= self.endpoints() and self.own() <= listed

    def kill(self) -> None:
        process = self.gateway.process
        assert process is not None
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self.running = None

    def end(self) -> None:
        if self.running is not None:
            assert stop(self.running) == 0
            self.running = None


@contextmanager
def swarm(folder: Path, ports: Ports | None = None, mode: str = "embedded", **more: str) -> Iterator[Swarm]:
    found = Swarm(folder, ports or Ports.free(), mode, more).begin()
    try:
        yield found
    finally:
        found.end()


class EventStream(ThreadingHTTPServer):
    """As far as others tell it something."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        stream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer({"status": "ok", "service": "event_stream"})

            def do_POST(self) -> None:
                stream.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self._answer({"status": "broadcasted"})

            def _answer(self, value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def of(self, event_type: str) -> list[dict[str, Any]]:
        return [each["data"] for each in list(self.told) if each["event_type"] == event_type]


@contextmanager
def event_stream() -> Iterator[EventStream]:
    found = EventStream()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        found.shutdown()
        found.server_close()
        thread.join()
