"""A real process over real sockets: `polyglot-cloud serve --sandbox`, started once for all tests of this folder."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROVIDERS = ("openai", "anthropic", "gemini", "grok")
SOURCE = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Gateway:
    """Where each provider's listener is; `process` is None where somebody else runs it."""

    ports: dict[str, int]
    process: subprocess.Popen[str] | None

    def root(self, provider: str) -> str:
        return f"http://127.0.0.1:{self.ports[provider]}"

    def base_url(self, provider: str) -> str:
        return f"{self.root(provider)}/v1"


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def environment(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    """Nothing of the machine's own keys or settings."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(SOURCE),
        "PYTHONUNBUFFERED": "1",
        "POLYGLOT_SANDBOX_DELAY_MS": "0",
        "POLYGLOT_SWARM": "off",  # whoever tests it names ports of its own
        **{f"POLYGLOT_PORT_{name.upper()}": str(port) for name, port in ports.items()},
        **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE")},
    }


def start(folder: Path, *arguments: str, environ: dict[str, str] | None = None) -> Gateway:
    """Waits for the table that says the listeners are open."""
    ports = dict(zip(PROVIDERS, free_ports(4), strict=True))
    with (folder / "stderr.log").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "polyglot_cloud", "serve", *arguments],
            cwd=folder,
            env={**environment(folder, ports), **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip().startswith("Any model of any provider"):
            return Gateway(ports, process)
    raise AssertionError((folder / "stderr.log").read_text())


def stop(gateway: Gateway) -> int:
    assert gateway.process is not None
    gateway.process.terminate()
    status = gateway.process.wait(timeout=20)
    if gateway.process.stdout is not None:
        gateway.process.stdout.close()
    return status


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = start(tmp_path_factory.mktemp("gateway"), "--sandbox")
    yield running
    assert stop(running) == 0
