"""Cold start: from the start of the process to the first answer to GET /ready, whatever it says, and to the first 200 to a call.

Bytecode is cached, as it is for a user: the first start of each writes it and is not counted. Beside them stand what Python itself takes,
and the import of what any such gateway imports.
"""

import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.gateway import tables
from benchmarks.gateway.scenarios import AT_ONCE, body
from benchmarks.gateway.subjects import PASSED, PLAIN, Launch, Subject
from benchmarks.gateway.tools import own_upstream
from benchmarks.processes import MEASURED_CORE, STARTED_WITHIN, asked, started, usage

STARTS = 5
BARE = {"python -c pass": "pass", "import of starlette, uvicorn, httpx": "import starlette, uvicorn, httpx"}


@dataclass(frozen=True, slots=True)
class Start:
    """In seconds; `rss_mb` when it was ready."""

    ready: float
    answered: float = 0.0
    rss_mb: float = 0.0


def bare(code: str) -> Start:
    began = time.monotonic()
    with started([sys.executable, "-c", code], {}, MEASURED_CORE) as (process, _):
        process.wait(STARTED_WITHIN)
        return Start(time.monotonic() - began)


def start(launch: Launch) -> Start:
    """Raises TimeoutError."""
    door = launch.doors[PASSED]
    question = body(door.model + AT_ONCE, stream=False)
    began = time.monotonic()
    with started(launch.command, launch.environment, MEASURED_CORE) as (process, _):
        ready = until(lambda: asked(door.port, "GET", "/ready")[0] > 0, process, began)
        rss = usage(process.pid).rss_mb
        answered = until(lambda: asked(door.port, "POST", door.path, question, door.headers)[0] == 200, process, began)
    return Start(ready, answered, rss)


def until(true: Callable[[], bool], process: "subprocess.Popen[bytes]", began: float) -> float:
    """Seconds since `began` when it was true."""
    while time.monotonic() < began + STARTED_WITHIN and process.poll() is None:
        try:
            if true():
                return time.monotonic() - began
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.002)
    raise TimeoutError(f"{process.args!r} did not answer within {STARTED_WITHIN:g} s")


def measure(subjects: Iterable[Subject]) -> dict[str, Start]:
    """The quickest start of each; they take turns."""
    found: dict[str, list[Start]] = {}
    with own_upstream() as upstream:
        for _ in range(STARTS + 1):
            for name, code in BARE.items():
                found.setdefault(name, []).append(bare(code))
            for subject in subjects:
                launch = subject.launch(upstream)
                if launch.command:
                    found.setdefault(subject.name, []).append(start(launch))
    return {name: min(starts[1:], key=lambda each: each.ready) for name, starts in found.items()}


def report(subjects: Iterable[Subject]) -> list[str]:
    found = measure(subjects)
    plain = found.get(PLAIN, Start(0.0))
    rows = []
    for name, each in found.items():
        cells = [f"{each.ready:.2f}", tables.ratio(each.ready, plain.ready)]
        cells += [f"{each.answered:.2f}" if each.answered else tables.NONE, tables.ratio(each.answered, plain.answered)]
        cells += [f"{each.rss_mb:.0f}" if each.rss_mb else tables.NONE, tables.ratio(each.rss_mb, plain.rss_mb)]
        rows.append([name, *cells])
    heads = ("", "ready s", "to plain httpx", "first 200 s", "to plain httpx", "RSS MiB when ready", "to plain httpx")
    return tables.markdown(f"Cold start, the best of {STARTS}", heads, rows, words=1)
