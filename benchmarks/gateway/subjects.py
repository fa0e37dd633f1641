"""What is measured, and how each is started against an upstream."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateway.tools import Door, Upstream
from benchmarks.processes import free_ports

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
PASSED, TRANSLATED = "openai", "anthropic"
"""The two doors: a Chat call whose upstream speaks Chat, and one whose upstream speaks Messages."""
NO_GATEWAY, PLAIN = "no gateway", "plain httpx"
KEY = "pgk_benchmark-4f1c2b7e9d"


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


def gateway(
    name: str, python: Path | str = sys.executable, headers: Mapping[str, str] | None = None, **environment: str
) -> Subject:
    """This gateway by an interpreter that has the run-time packages; `environment` are settings, `headers` go with each call."""

    def launch(upstream: Upstream) -> Launch:
        ports = dict(zip(("openai", "anthropic", "gemini", "grok"), free_ports(4), strict=True))
        command = [str(python), "-m", "polyglot_cloud", "serve"]
        command += [word for face, port in ports.items() for word in (f"--port-{face}", str(port))]
        base = {
            "OPENAI_BASE_URL": f"{upstream.url}/v1", "OPENAI_API_KEY": "x",
            "ANTHROPIC_BASE_URL": f"{upstream.url}/v1", "ANTHROPIC_API_KEY": "x",
        }  # fmt: skip
        faces = {PASSED: ports["openai"], TRANSLATED: ports["anthropic"]}
        doors = {face: Door(port, CHAT, headers=headers or {}) for face, port in faces.items()}
        return Launch(command, doors, {**base, **trusting(upstream), **environment})

    return Subject(name, launch, ours=not environment)


def kept(folder: Path, models: Iterable[str]) -> Subject:
    """This gateway with all of its till in use: a key is asked for, and budgets of the process, its tenant and the key bind each call.
    `models` need prices and limits for that; `folder` is where the files may be written.
    """
    catalog, configuration = folder / "catalog.toml", folder / "polyglot.toml"
    catalog.write_text("\n".join(_priced(model, provider) for model in models for provider in (PASSED, TRANSLATED)))
    sha256 = hashlib.sha256(KEY.encode()).hexdigest()
    configuration.write_text(
        f'[tenant.bench]\n[[tenant.bench.budget]]\nperiod = "month"\nlimit = 1000000\n'
        f'[key.bench]\ntenant = "bench"\nsha256 = "{sha256}"\n[[key.bench.budget]]\nperiod = "day"\nlimit = 1000000\n'
    )
    return gateway(
        "gateway, key and budgets", headers={"Authorization": f"Bearer {KEY}"}, POLYGLOT_BUDGET_USD_PER_DAY="1000000",
        POLYGLOT_CATALOG=str(catalog), POLYGLOT_CONFIG=str(configuration),
    )  # fmt: skip


def _priced(model: str, provider: str) -> str:
    dialect = {PASSED: "openai_chat", TRANSLATED: "anthropic"}[provider]
    return (
        f'[[model]]\nid = "{model}"\nprovider = "{provider}"\n'
        f'offers = [{{ dialect = "{dialect}", needs = ["tools", "max_tokens_name"] }}]\n'
        'source = "ours"\nchecked = 2026-11-23\ncontext_window = 200000\nmax_output = 32000\n'
        'price = [{ effective_from = 2026-01-01, source = "ours", standard = { input = "1", output = "4" } }]\n'
    )


def own_subjects(folder: Path, models: Iterable[str]) -> list[Subject]:
    return [
        Subject(NO_GATEWAY, _no_gateway),
        Subject(PLAIN, _plain_httpx),
        gateway("over httpx", POLYGLOT_TRANSPORT="httpx"),
        gateway("gateway, no ledger", POLYGLOT_LEDGER="off"),
        kept(folder, models),
        gateway("gateway"),
    ]
