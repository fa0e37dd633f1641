"""The swarm's Gateway over a till, a Router and a catalog of a test's own. Nothing is patched; a played network stands behind it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from harness import application
from polyglot_cloud.app import DIALECTS
from polyglot_cloud.grants import BudgetRow
from polyglot_cloud.money.opening import open_till
from polyglot_cloud.routes.swarm_gateway import gateway_app, identified
from polyglot_cloud.swarm.auto import Auto
from polyglot_cloud.swarm.directory import Directory
from polyglot_cloud.swarm.dispatch import Dispatch
from polyglot_cloud.swarm.offers import Listening
from polyglot_cloud.swarm.places import Places
from polyglot_cloud.swarm.runs import Runs
from polyglot_cloud.swarm.selection import Here, Selector
from polyglot_cloud.swarm.store import Store
from polyglot_cloud.tenancy import Directory as Keys
from swarm.services_stage import PROVIDER, Clock

PORTS = {"openai": 8100, "anthropic": 8101, "gemini": 8102, "grok": 8103}
PROVIDERS = tuple(PORTS)
ELSEWHERE = "http://127.0.0.1:9100"
CHEAP, DEAR = "gpt-6-luna", "gpt-6-sol"
Body = dict[str, Any]


def completion(request: httpx.Request, tokens: tuple[int, int] | None = None) -> httpx.Response:
    """An answer of a host that speaks Chat; it has a token for each byte of what it is sent, unless `tokens` says otherwise."""
    asked = json.loads(request.content)
    read, written = tokens or (len(request.content), 20)
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    choice = {"index": 0, "message": {"role": "assistant", "content": "a word of a model"}, "finish_reason": "stop"}
    head = {"id": "c-1", "object": "chat.completion", "created": 1, "model": asked["model"]}
    if not asked.get("stream"):
        return httpx.Response(200, json={**head, "choices": [choice], "usage": usage})
    head["object"] = "chat.completion.chunk"
    chunks = [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a word"}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**head, "choices": [], "usage": usage},
    ]
    frames = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=frames.encode())


@dataclass
class Network:
    """Every host. `failing` are names in a host or path that answer with a status; `seen` are the requests."""

    failing: dict[str, int] = field(default_factory=dict)
    seen: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/input_tokens"):
            return httpx.Response(200, json={"object": "response.input_tokens", "input_tokens": len(request.content)})
        self.seen.append(request)
        for name, status in self.failing.items():
            if name in str(request.url) or f'"{name}"'.encode() in request.content:
                if not status:
                    raise httpx.ConnectError("refused")
                return httpx.Response(status, json={"error": {"message": "played", "type": "server_error"}})
        return completion(request)


@dataclass
class Stage:
    """`restart` is what a new process finds."""

    folder: Path
    network: Any = field(default_factory=Network)
    keys: Keys | None = None
    tenant: str | None = None
    selector: Selector | None = None
    allowed: Sequence[str] = ()
    caps: Sequence[BudgetRow] = ()
    clock: Clock = field(default_factory=Clock)
    events: list[tuple[str, Body]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open()

    def restart(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        self.store.close()
        self.till.close()
        self.follower.close()

    @property
    def receipts(self) -> Path:
        return self.folder / "costs"

    def _open(self) -> None:
        path = self.folder / "till.sqlite3"
        self.till = open_till(path, self.caps, clock=self.clock)
        self.follower = self.till.receipts(self.receipts)
        self.store = Store(path)
        self.router = Directory(self.store, clock=self.clock)
        listening = [Listening(name, f"http://127.0.0.1:{port}", port, True) for name, port in PORTS.items()]
        places = Places(lambda: listening, self.allowed)
        selector = self.selector or Here(self.router)
        self.app = application(
            httpx.MockTransport(self.network), till=self.till, directory=self.keys, auto=Auto(places, selector)
        )
        runs = Runs(self.till, self.follower, publish=self._publish, clock=self.clock)
        dialect = DIALECTS["openai_chat"]
        dispatch = Dispatch(selector, places, self.app.pipeline, dialect, self.till, runs, publish=self._publish)
        gateway = gateway_app(
            dispatch, runs, self.app.app, dialect=dialect, drain=self.app.parts.drain, max_body=1 << 22, faces=PROVIDERS,
            identify=identified(self.keys, self.tenant) if self.keys is not None else None, tenant=self.tenant, clock=self.clock,
        )  # fmt: skip
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(gateway), base_url="http://127.0.0.1:6120")

    def _publish(self, event: str, data: Any) -> None:
        self.events.append((event, dict(data)))

    def told(self, event: str) -> list[Body]:
        return [data for name, data in self.events if name == event]

    async def register(self, name: str, model: str = CHEAP, **changed: Any) -> None:
        given = {**PROVIDER, "name": name, "model": model, "endpoint": "http://127.0.0.1:8100", **changed}
        await self.router.register({**given, "slo": None, "metadata": None})

    async def route(self, model: str = CHEAP, headers: dict[str, str] | None = None, **changed: Any) -> httpx.Response:
        body = {
            "request_id": "req-1", "run_id": "run-1", "agent": "tester", "requirements": {"model": model},
            "payload": {"messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": 20}, **changed,
        }  # fmt: skip
        return await self.http.post("/route", json=body, headers=headers)

    async def get(self, path: str, headers: dict[str, str] | None = None) -> Body:
        reply = await self.http.get(path, headers=headers)
        assert reply.status_code == 200, reply.text
        found: Body = reply.json()
        return found
