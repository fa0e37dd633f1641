"""The gateway under load, beside what it can be compared with, in one run.

    python -m benchmarks.gateway [--seconds 4] [--rounds 2] [--only NAME ...]

Gateways run one after another on the first core, upstream and load generator (of this folder) on the second. The subjects:

    no gateway     the load goes to the upstream itself: the harness's own ceiling
    plain httpx    Starlette and httpx.AsyncClient, nothing in between (benchmarks/plain_httpx.py)
    over httpx     this gateway with POLYGLOT_TRANSPORT=httpx
    gateway        this gateway as it comes

Each cell is the best of its rounds, which take turns, so that a slow minute of the machine meets all alike.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load import run
from benchmarks.upstream import WORDS

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
BODY = {
    "model": "bench",
    "messages": [{"role": "system", "content": WORDS * 6}, {"role": "user", "content": WORDS * 6}],
}
STARTED_WITHIN = 20.0
CORES = sorted(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Scenario:
    """`face` is the gateway's port that is asked: its provider's upstream dialect decides whether the call is translated."""

    name: str
    connections: int
    stream: bool
    face: str
    unit: str  # what is counted: "requests_per_second" or "events_per_second"


SCENARIOS = (
    Scenario("chat, passed through, 64 connections", 64, False, "openai", "requests_per_second"),
    Scenario("chat to Anthropic, translated, 64 connections", 64, False, "anthropic", "requests_per_second"),
    Scenario("chat, passed through, 1 connection", 1, False, "openai", "requests_per_second"),
    Scenario("streams passed through, 16 connections", 16, True, "openai", "events_per_second"),
    Scenario("streams translated, 16 connections", 16, True, "anthropic", "events_per_second"),
)


@dataclass(slots=True)
class Subject:
    """A program to measure. `ports` by face; a face that it does not have is not measured."""

    name: str
    command: list[str]
    environment: dict[str, str]
    ports: dict[str, int]
    figures: dict[str, dict[str, float]] = field(default_factory=dict)


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def subjects(upstream: int) -> list[Subject]:
    plain, *ours = free_ports(9)
    base = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}/v1", "OPENAI_API_KEY": "x",
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{upstream}/v1", "ANTHROPIC_API_KEY": "x",
    }  # fmt: skip
    serve = [sys.executable, "-m", "polyglot_cloud", "serve"]

    def gateway(name: str, ports: list[int], **environment: str) -> Subject:
        flags = zip(("openai", "anthropic", "gemini", "grok"), ports, strict=True)
        command = serve + [part for face, port in flags for part in (f"--port-{face}", str(port))]
        return Subject(name, command, base | environment, {"openai": ports[0], "anthropic": ports[1]})

    return [
        Subject("no gateway", [], {}, {"openai": upstream}),
        Subject(
            "plain httpx",
            [sys.executable, "-m", "benchmarks.plain_httpx", str(plain), str(upstream)],
            {},
            {"openai": plain},
        ),
        gateway("over httpx", ours[:4], POLYGLOT_TRANSPORT="httpx"),
        gateway("gateway", ours[4:8]),
    ]


@contextmanager
def running(command: list[str], environment: dict[str, str], port: int, core: int) -> Iterator[int]:
    """The process id of a program that is pinned to a core and takes connections."""
    pinned = {CORES[core % len(CORES)]}
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with (
        tempfile.TemporaryFile() as out,
        subprocess.Popen(
            command,
            env=given | environment,
            stdout=out,
            stderr=out,
            preexec_fn=lambda: os.sched_setaffinity(0, pinned),  # noqa: PLW1509  # no threads are running yet
        ) as process,
    ):
        try:
            wait_for(port, process)
            yield process.pid
        finally:
            process.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"{process.args!r} did not take connections")


def measure(subject: Subject, scenario: Scenario, seconds: float, pid: int | None) -> None:
    port = subject.ports.get(scenario.face)
    if port is None:
        return
    body = json.dumps(BODY | ({"stream": True} if scenario.stream else {})).encode()
    figures = asyncio.run(run(port, CHAT, body, scenario.connections, seconds, pid))
    if figures["bad"]:
        raise SystemExit(f"{subject.name}, {scenario.name}: {figures['bad']:.0f} bad answers")
    known = subject.figures.get(scenario.name)
    if known is None or figures[scenario.unit] > known[scenario.unit]:
        subject.figures[scenario.name] = figures


def once(subject: Subject, upstream: int, seconds: float) -> None:
    if not subject.command:
        for scenario in SCENARIOS:
            measure(subject, scenario, seconds, None)
        return
    with running(subject.command, subject.environment, next(iter(subject.ports.values())), core=0) as pid:
        for scenario in SCENARIOS:
            measure(subject, scenario, seconds, pid)


def table(found: list[Subject]) -> Iterator[str]:
    """Rates with the ratio to the plain httpx proxy where both were measured, latencies, and CPU time."""
    base = next((subject for subject in found if subject.name == "plain httpx"), None)
    yield "| | subject | rate | to plain httpx | p50 us | p99 us | CPU us for each |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for scenario in SCENARIOS:
        for subject in found:
            figures = subject.figures.get(scenario.name)
            if figures is None:
                continue
            rate = figures[scenario.unit]
            beside = base.figures.get(scenario.name) if base else None
            ratio = f"{rate / beside[scenario.unit]:.1f}" if beside else ""
            cost = figures["cpu_us_per_event" if scenario.stream else "cpu_us_per_request"]
            cells = [scenario.name, subject.name, f"{rate:,.0f}/s", ratio, f"{figures['p50_us']:,.0f}"]
            yield "| " + " | ".join([*cells, f"{figures['p99_us']:,.0f}", f"{cost:,.1f}" if cost else ""]) + " |"


def main(arguments: list[str] | None = None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each cell")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="names of subjects")
    given = parser.parse_args(arguments)
    (upstream,) = free_ports(1)
    found = [subject for subject in subjects(upstream) if not given.only or subject.name in given.only]
    os.sched_setaffinity(0, {CORES[-1]})
    command = [sys.executable, "-m", "benchmarks.upstream", str(upstream)]
    with running(command, {}, upstream, core=-1), tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPATH"] = os.pathsep.join(str(Path(each).resolve()) for each in sys.path if each)
        os.chdir(folder)  # no .env of anybody's
        for _ in range(given.rounds):
            for subject in found:
                once(subject, upstream, given.seconds)
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
