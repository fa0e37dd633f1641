"""What is measured, and how each is started against an upstream."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateway.tools import Door, Upstream
from benchmarks.processes import free_ports

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
PASSED, TRANSLATED = "openai", "anthropic"
"""The two doors: a Chat call whose upstream speaks Chat, and one whose upstream speaks Messages."""
NO_GATEWAY, PLAIN = "no gateway", "plain httpx"


@dataclass(frozen=True, slots=True)
class Launch:
    """A command to run and where it then takes calls. An empty command: there is nothing to start."""

    command: list[str]
    doors: Mapping[str, Door]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return next(iter(self.doors.values())).port


@dataclass(frozen=True, slots=True)
class Subject:
    """`ours`: this gateway as it comes, by whatever Python."""

    name: str
    launch: Callable[[Upstream], Launch]
    ours: bool = False


def trusting(upstream: Upstream) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(upstream.authority)} if upstream.authority else {}


def _no_gateway(upstream: Upstream) -> Launch:
    return Launch([], {PASSED: Door(upstream.port, CHAT), TRANSLATED: Door(upstream.port, MESSAGES)})


def _plain_httpx(upstream: Upstream) -> Launch:
    """It forwards to the path that it is asked for, so what would be translated passes as well."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.plain_httpx", str(port), upstream.url]
    return Launch(command, {PASSED: Door(port, CHAT), TRANSLATED: Door(port, MESSAGES)}, trusting(upstream))


def gateway(name: str, python: Path | str = sys.executable, **environment: str) -> Subject:
    """This gateway by an interpreter that has the run-time packages; `environment` are settings."""

    def launch(upstream: Upstream) -> Launch:
        ports = dict(zip(("openai", "anthropic", "gemini", "grok"), free_ports(4), strict=True))
        command = [str(python), "-m", "polyglot_cloud", "serve"]
        command += [word for face, port in ports.items() for word in (f"--port-{face}", str(port))]
        base = {
            "OPENAI_BASE_URL": f"{upstream.url}/v1", "OPENAI_API_KEY": "x",
            "ANTHROPIC_BASE_URL": f"{upstream.url}/v1", "ANTHROPIC_API_KEY": "x",
        }  # fmt: skip
        doors = {PASSED: Door(ports["openai"], CHAT), TRANSLATED: Door(ports["anthropic"], CHAT)}
        return Launch(command, doors, {**base, **trusting(upstream), **environment})

    return Subject(name, launch, ours=not environment)


def own_subjects() -> list[Subject]:
    return [
        Subject(NO_GATEWAY, _no_gateway),
        Subject(PLAIN, _plain_httpx),
        gateway("over httpx", POLYGLOT_TRANSPORT="httpx"),
        gateway("gateway"),
    ]
