"""The swarm's real services with their traps, on loopback: a small HTTP server of its own, which knows nothing of ours.

async with played(Router()) as router:
    router.url, router.asked, router.rows
    router.fault("POST /register", Hang())      # until `router.heal()`
    await router.restart(lose=True)
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from swarm import wire_rules


@dataclass
class Reply:
    status: int
    body: Any = None
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        lines = {"content-type": self.kind, "content-length": str(len(content)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {self.status} Played\r\n{head}\r\n".encode() + content


class Hang:
    """Takes the request and says nothing."""


class Cut:
    """Takes the request, does what it asks, and breaks the connection."""


@dataclass
class Refuse:
    """An answer in the place of the service's own."""

    reply: Reply


CRASH = Refuse(Reply(500, b"Internal Server Error", "text/plain; charset=utf-8"))
Fault = Hang | Cut | Refuse


class Played:
    """One service. A subclass has `answer` and what it remembers; `asked` is each request as "METHOD /path" and its body."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.port = 0
        self._faults: list[tuple[str, Fault]] = []
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[Any]] = set()

    # --- what a test does ---

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fault(self, pattern: str, fault: Fault) -> None:
        """For requests whose "METHOD /path" matches the pattern from its beginning."""
        self._faults.append((pattern, fault))

    def heal(self) -> None:
        self._faults.clear()

    def count(self, pattern: str) -> int:
        return sum(re.match(pattern, asked) is not None for asked, _ in self.asked)

    def bodies(self, pattern: str) -> list[Any]:
        return [body for asked, body in self.asked if re.match(pattern, asked)]

    def lose(self) -> None:
        """Forgets all, as after a start with an empty disk."""

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in list(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def restart(self, *, lose: bool) -> None:
        await self.down()
        if lose:
            self.lose()
        await self.up()

    # --- what a client meets ---

    def answer(self, method: str, path: str, body: Any) -> Reply:
        raise AssertionError

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split(" ", 2)
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        content = await reader.readexactly(int(length[1])) if length else b""
        body = json.loads(content) if content else None
        asked = f"{method} {target}"
        self.asked.append((asked, body))
        fault = next((fault for pattern, fault in self._faults if re.match(pattern, asked)), None)
        if isinstance(fault, Hang):
            await asyncio.Event().wait()
        reply = fault.reply if isinstance(fault, Refuse) else self.answer(method, unquote(target), body)
        if isinstance(fault, Cut):
            return False
        writer.write(reply.raw())
        await writer.drain()
        return True


def invalid(faults: list[str]) -> Reply:
    return Reply(422, {"detail": [{"type": "value_error", "loc": ["body"], "msg": fault} for fault in faults]})


class Router(Played):
    """Section 1, with its tombstone: a deleted name stays invisible whatever is registered under it."""

    def __init__(self, *, forgives: bool = False) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, Any]] = {}
        self.forgives = forgives
        self.refused: list[tuple[Any, list[str]]] = []

    def lose(self) -> None:
        self.rows.clear()

    @property
    def listed(self) -> dict[str, dict[str, Any]]:
        return {name: row for name, row in self.rows.items() if row["status"] == "active"}

    @property
    def models(self) -> list[str]:
        return sorted(row["model"] for row in self.listed.values())

    def answer(self, method: str, path: str, body: Any) -> Reply:
        match method, path.split("/")[1:]:
            case "GET", ["health"]:
                return Reply(200, {"status": "ok", "service": "provider_router", "port": 6103})
            case "POST", ["register"]:
                return self._register(body)
            case "GET", ["providers", name]:
                row = self.listed.get(name)
                return Reply(200, row) if row else Reply(404, {"detail": f"Provider '{name}' not found"})
            case "DELETE", ["providers", name]:
                if name not in self.rows:
                    return Reply(404, {"detail": "Provider not found"})
                self.rows[name]["status"] = "inactive"
                return Reply(200, {"status": "success", "action": "deactivated", "provider": name})
            case _:
                return Reply(404, {"detail": "Not Found"})

    def _register(self, body: Any) -> Reply:
        if wrong := wire_rules.router(body):
            self.refused.append((body, wrong))
            return invalid(wrong)
        before = self.rows.get(body["name"])
        status = before["status"] if before and not self.forgives else "active"
        self.rows[body["name"]] = {"features": [], "slo": None, "metadata": None, **body, "status": status}
        action = "updated" if before else "registered"
        return Reply(200, {"status": "success", "action": action, "provider": body["name"]})


class Registry(Played):
    """Section 3: an id is taken once, PUT alone is a heartbeat, omitted metrics are cleared, empty labels become null."""

    def __init__(self) -> None:
        super().__init__()
        self.services: dict[str, dict[str, Any]] = {}
        self.refused: list[tuple[Any, list[str]]] = []

    def lose(self) -> None:
        self.services.clear()

    def answer(self, method: str, path: str, body: Any) -> Reply:
        match method, path.split("/")[1:]:
            case "GET", ["health"]:
                return Reply(200, {"status": "ok", "registered": len(self.services), "healthy": 0})
            case "POST", ["register"]:
                return self._register(body)
            case "PUT", ["heartbeat"]:
                return self._heartbeat(body)
            case "POST", ["deregister"]:
                if self.services.pop(body["service_id"], None) is None:
                    return Reply(404, {"detail": f"Service {body['service_id']} not found"})
                return Reply(200, {"success": True, "ts": "2026-11-22T15:56:57.000000"})
            case "GET", ["services", identity] if identity in self.services:
                return Reply(200, self.services[identity])
            case _:
                return Reply(404, {"detail": "Not Found"})

    def _register(self, body: Any) -> Reply:
        if wrong := wire_rules.registry(body):
            self.refused.append((body, wrong))
            return invalid(wrong)
        identity = body["service_id"]
        if identity in self.services:
            return Reply(400, {"detail": f"Service ID {identity} already registered"})
        hint = body.pop("cost_hint", None) or {}
        self.services[identity] = {
            **body,
            "labels": body.get("labels") or None,
            "cost_hint_usd_per_1k": hint.get("usd_per_1k"),
            "status": "ok",
            "p95_ms": None,
            "queue_depth": None,
            "load": None,
        }
        return Reply(200, {"service_id": identity, "registered_at": "2026-11-22 15:56:57"})

    def _heartbeat(self, body: Any) -> Reply:
        if wrong := wire_rules.heartbeat(body):
            self.refused.append((body, wrong))
            return invalid(wrong)
        service = self.services.get(body["service_id"])
        if service is None:
            return Reply(404, {"detail": f"Service {body['service_id']} not found"})
        service |= {name: body.get(name) for name in ("p95_ms", "queue_depth", "load")}
        service["status"] = body.get("status", "ok")
        return Reply(200, {"success": True, "ts": "2026-11-22T15:56:57.000000"})


class EventStream(Played):
    """Section 4."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def answer(self, method: str, path: str, body: Any) -> Reply:
        match method, path:
            case "GET", "/health":
                return Reply(200, {"status": "ok", "service": "event_stream", "port": 6102})
            case "POST", "/broadcast":
                if not body:
                    return Reply(400, {"error": "No JSON payload"})
                if not isinstance(body.get("data", {}), dict):
                    return Reply(500, {"error": "data"})
                self.events.append(body)
                return Reply(200, {"status": "broadcasted", "event_type": body["event_type"], "clients": 0})
            case _:
                return Reply(404, {"error": "Not Found"})


class Gateway(Played):
    def answer(self, method: str, path: str, body: Any) -> Reply:
        return Reply(200, {"status": "ok", "service": "gateway", "port": 6120})


class Squatter(Played):
    """Another program of the same repository: it answers everything with 200, and says who it is."""

    def __init__(self, says: str | None, host: str = "127.0.0.1") -> None:
        super().__init__()
        self.host = host
        self.health = {"status": "ok"} if says is None else {"status": "ok", "service": says}

    def answer(self, method: str, path: str, body: Any) -> Reply:
        return Reply(200, self.health)


@asynccontextmanager
async def played(*services: Any) -> AsyncIterator[None]:
    for service in services:
        await service.up()
    try:
        yield
    finally:
        for service in services:
            await service.down()


class Hands:
    """Time that stands still until a test moves it: each sleep is told, and ends when it is let go."""

    def __init__(self) -> None:
        self.sleeps: list[float] = []
        self._waiting: list[asyncio.Event] = []
        self.jitter = 0.5

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        if seconds < 0.1:  # a breath between two events
            return
        over = asyncio.Event()
        self._waiting.append(over)
        try:
            await over.wait()
        finally:
            self._waiting.remove(over)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def strike(self) -> None:
        """The time of all who sleep has come."""
        for over in self._waiting:
            over.set()


@contextmanager
def no_service() -> Iterator[str]:
    """A URL where nobody listens."""
    import socket  # noqa: PLC0415  only here

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


async def until(holds: Any) -> None:
    """Until something came true that only needs turns of the loop and loopback."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  what is waited for is in the played services, which tell nobody
            await asyncio.sleep(0)
