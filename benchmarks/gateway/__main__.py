"""The gateway under load, beside what it can be compared with, in one run: tables in Markdown, with ratios.

    python -m benchmarks.gateway [--only PART ...] [--seconds 4] [--rounds 2]
                                 [--python PATH ...] [--litellm PATH] [--portkey FOLDER] [--calls 60000]

Parts: calls, latency, streams, open-streams, tls, start, memory, installed, and programs of their own. What is measured runs on the
first core, upstream and load generator on the last. Subjects:

    no gateway     the load goes to the upstream itself: what the harness can see
    plain httpx    Starlette and httpx.AsyncClient, nothing in between (benchmarks/plain_httpx.py)
    over httpx     this gateway with POLYGLOT_TRANSPORT=httpx
    gateway, no ledger         with POLYGLOT_LEDGER=off: nothing is booked
    gateway, key and budgets   a key is asked for, and the process, its tenant and the key have budgets
    gateway        this gateway as it comes, by the Python that runs this; and by each that --python names
    LiteLLM        with --litellm: its command, in an environment of its own
    Portkey        with --portkey: the folder with node_modules/@portkey-ai/gateway

docs/performance.md has the method, and how the last two are installed.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from benchmarks.gateway import installed, memory, peers, start, tables
from benchmarks.gateway.rounds import Run
from benchmarks.gateway.scenarios import MODELS, PARTS, SCENARIOS
from benchmarks.gateway.subjects import Subject, gateway, own_subjects
from benchmarks.gateway.tools import SHARED, tools
from benchmarks.gateway.venvs import interpreter, version
from benchmarks.processes import OTHER_CORE, ROOT, allow_many_files

PROGRAMS: Mapping[str, str] = {"large-bodies": "benchmarks.large_bodies"}
"""Parts that are programs of their own, where they are there: their tables stand among ours as they print them."""
OF_PROCESSES = ("start", "memory", "installed")


def parser() -> argparse.ArgumentParser:
    known = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known.add_argument("--only", nargs="+", choices=[*PARTS, *OF_PROCESSES, *PROGRAMS], help="these parts")
    known.add_argument("--subjects", nargs="+", metavar="NAME", help="these subjects")
    known.add_argument("--seconds", type=float, default=4.0, help="for each cell of each round")
    known.add_argument("--rounds", type=int, default=2)
    known.add_argument("--calls", type=int, default=60_000, help="of the part memory")
    known.add_argument("--python", nargs="+", default=[], help="interpreters to run the gateway by as well")
    known.add_argument("--litellm", type=Path, help="its command `litellm`")
    known.add_argument("--portkey", type=Path, help="the folder that npm installed it in")
    known.add_argument("--tools", type=Path, default=SHARED, help="the folder of up.c and lg.c; 'own' for ours")
    known.add_argument(
        "--nice", type=int, default=0, help="priority of all that is started: -10 on a busy machine, as root"
    )
    return known


def chosen_subjects(given: argparse.Namespace, stack: ExitStack) -> list[Subject]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    found = own_subjects(folder, MODELS)
    for path in given.python:
        python = interpreter(path, stack)
        found.append(gateway(f"gateway, Python {version(python)}", python))
    if given.litellm:
        found.append(peers.litellm(given.litellm.absolute(), MODELS, folder))
    if given.portkey:
        found.append(peers.portkey(given.portkey.absolute()))
    return [subject for subject in found if not given.subjects or subject.name in given.subjects]


def programs(parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        if part not in PROGRAMS:
            continue
        if find_spec(PROGRAMS[part]) is None:
            yield f"\n- {part} was not measured: {PROGRAMS[part]} is not there."
            continue
        done = subprocess.run(
            [sys.executable, "-m", PROGRAMS[part]], cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True
        )
        yield f"\n### {part.replace('-', ' ').capitalize()}\n\n{done.stdout.strip()}"


def main(arguments: list[str] | None = None) -> None:
    given = parser().parse_args(arguments)
    parts = given.only or [*PARTS, *OF_PROCESSES, *PROGRAMS]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends with us
    allow_many_files()
    os.sched_setaffinity(0, {OTHER_CORE})
    os.nice(given.nice)
    with ExitStack() as stack:
        used = stack.enter_context(tools(None if str(given.tools) == "own" else given.tools))
        subjects = chosen_subjects(given, stack)
        print(
            f"Python {platform.python_version()}, {used.name}, the best of {given.rounds} rounds of {given.seconds:g} s."
        )
        scenarios = [scenario for scenario in SCENARIOS if scenario.part in parts]
        if scenarios:
            found = Run(used, given.seconds, given.rounds).measure(subjects, scenarios)
            print("\n".join(tables.report(found)), flush=True)
        if "start" in parts:
            print("\n".join(start.report(subjects)), flush=True)
        if "memory" in parts:
            print("\n".join(memory.report(subjects, given.calls)), flush=True)
        if "installed" in parts:
            print("\n".join(installed.report()), flush=True)
        for text in programs(parts):
            print(text, flush=True)


if __name__ == "__main__":
    main()
