"""What the tests of the client stand on: the built-in catalog, a process of ours that says what a test wants, and a client of it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from harness import KEYS, TODAY, catalog_with
from polyglot_cloud.app import choices
from polyglot_cloud.catalog import Catalog
from polyglot_cloud.draining import Drain
from polyglot_cloud.settings import Settings, load
from polyglot_cloud.swarm.announcer import Circumstances, Patience, SwarmClient, swarm_client
from polyglot_cloud.swarm.link import Link, Pace, Peer, Recognises, open_client
from polyglot_cloud.swarm.offers import Listening, Offering, Ours, Range, offerings
from swarm.fault_server import Hands

NOW = 1_795_305_600.25
NOBODY = "http://127.0.0.1:9"
PORTS = {"openai": 8100, "anthropic": 8101, "gemini": 8102, "grok": 8103}
QUICK = 0.4
"""Seconds that a question may take, where it is meant to take longer."""


def listening(**changed: Any) -> list[Listening]:
    """All four, each on its own port. A change is by provider: a key that is missing, another port."""
    found = [Listening(name, f"http://127.0.0.1:{port}", port, has_key=True) for name, port in PORTS.items()]
    return [changed.get(each.provider, each) for each in found]


def settings_of(environ: Mapping[str, str] | None = None) -> tuple[Settings, Catalog]:
    settings = load({**KEYS, **(environ or {})}, Path("no-such-folder/.env"))
    rows = catalog_with(settings.catalog)
    accesses = settings.credentials(list(rows.providers.values()), foreign=rows.foreign)
    return settings, rows.choosing(choices(accesses, settings.aliases))


def range_of(environ: Mapping[str, str] | None = None, *, today: date = TODAY, **changed: Any) -> Range:
    settings, rows = settings_of(environ)
    return offerings(rows, listening(**changed), settings.swarm_models, settings.retired, today)


@dataclass
class Process:
    """Ours, as a test moves it."""

    providers: list[Listening] = field(default_factory=listening)
    p95: float | None = 123.4
    running: int = 3

    def ours(self) -> Ours:
        return Ours(lambda: self.providers, lambda _: self.p95, lambda _: self.running, lambda: TODAY, "1.2.3")


def pace(hands: Hands) -> Pace:
    return Pace(hands.sleep, lambda: hands.jitter, lambda: NOW)


@asynccontextmanager
async def linked(
    url: str, recognises: Recognises, hands: Hands | None = None, within: float = 5.0
) -> AsyncIterator[Link]:
    async with open_client([url]) as client:
        yield Link("Tested", Peer(client, url, within), recognises, pace(hands or Hands()))


@asynccontextmanager
async def running(
    urls: Mapping[str, str],
    process: Process | None = None,
    *,
    hands: Hands | None = None,
    environ: Mapping[str, str] | None = None,
    drain: Drain | None = None,
    patience: Patience | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    headers: Callable[[str], Mapping[str, str]] = lambda url: {},
) -> AsyncIterator[SwarmClient]:
    """The whole client, for the services at `urls`; nobody is at the others."""
    places = {f"POLYGLOT_SWARM_{name.upper()}_URL": NOBODY for name in ("router", "gateway", "registry", "events")}
    places |= {f"POLYGLOT_SWARM_{name.upper()}_URL": url for name, url in urls.items()}
    settings, rows = settings_of({**places, **(environ or {})})
    circumstances = Circumstances(pace(hands or Hands()), patience or Patience(), transport, "machine", headers)
    async with swarm_client(
        settings, rows, (process or Process()).ours(), drain=drain, circumstances=circumstances
    ) as client:
        yield client


def offering(model: str = "gpt-6.1-terra", provider: str = "openai", port: int = 8100) -> Offering:
    return Offering(
        provider, model, f"http://127.0.0.1:{port}", 1000, 1e-06, 5e-06, ("vision",), ("openai_chat",), None
    )
