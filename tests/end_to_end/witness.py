"""The stand-ins behind a window: what the gateway sent to each cloud, and what it got, byte for byte."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from end_to_end.conftest import PROVIDERS, Gateway, start, stop
from polyglot_cloud.sandbox.asgi import Message, Receive, Scope, Send
from sandbox.kit import Asker, cloud
from sandbox.live import serving

VARIABLES = {"openai": "OPENAI", "anthropic": "ANTHROPIC", "gemini": "GEMINI", "grok": "XAI"}


@dataclass
class Exchange:
    """One upstream call. `status` is 0 until the reply has begun."""

    path: str
    sent: bytearray = field(default_factory=bytearray)
    status: int = 0
    got: bytearray = field(default_factory=bytearray)

    @property
    def body(self) -> Any:
        return json.loads(self.sent)

    @property
    def events(self) -> list[Any]:
        """The JSON objects of a reply, one for a plain one and one an event for a stream."""
        text = self.got.decode()
        if text.lstrip().startswith("{"):
            return [json.loads(text)]
        lines = (line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:"))
        return [json.loads(line) for line in lines if line != "[DONE]"]


class Window:
    """An ASGI app in front of a stand-in that keeps a copy of everything."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.seen: list[Exchange] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope["path"])
        self.seen.append(exchange)

        async def heard() -> Message:
            message = await receive()
            exchange.sent += message.get("body", b"")
            return message

        async def told(message: Message) -> None:
            exchange.status = message.get("status", exchange.status)
            exchange.got += message.get("body", b"")
            await send(message)

        await self.asker.app(scope, heard, told)


@dataclass
class Witnessed:
    """A gateway, and the windows through which it sees the clouds."""

    gateway: Gateway
    windows: dict[str, Window]

    def since(self, provider: str, count: int) -> list[Exchange]:
        return self.windows[provider].seen[count:]

    def count(self, provider: str) -> int:
        return len(self.windows[provider].seen)


@contextlib.contextmanager
def witnessed(folder: Path) -> Iterator[Witnessed]:
    """A gateway of its own: the shared one has stand-ins that nobody can look into."""
    windows = {name: Window(cloud(name)) for name in PROVIDERS}
    with serving(*windows.values()) as ports:
        environ = {}
        for (name, window), port in zip(windows.items(), ports, strict=True):
            headers = window.asker.headers
            key = next(
                headers[header] for header in ("authorization", "x-api-key", "x-goog-api-key") if header in headers
            )
            environ[f"{VARIABLES[name]}_API_KEY"] = key.removeprefix("Bearer ")
            environ[f"{VARIABLES[name]}_BASE_URL"] = f"http://127.0.0.1:{port}{window.asker.base}"
        gateway = start(folder, environ=environ)
        try:
            yield Witnessed(gateway, windows)
        finally:
            assert stop(gateway) == 0
