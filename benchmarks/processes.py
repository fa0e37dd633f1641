"""Programs that are measured: started on a core of their own, in an environment that holds what is said and nothing else, and read by
the kernel's account of them (proc(5)).
"""

import http.client
import os
import resource
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent
STARTED_WITHIN = 90.0
CORES = sorted(os.sched_getaffinity(0))
MEASURED_CORE, OTHER_CORE = CORES[0], CORES[-1]
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
"""What a program keeps of our environment: no proxy, no key, no setting of ours, and no PYTHONDONTWRITEBYTECODE."""


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu` in seconds so far, `rss_mb` in MiB, of a process and its descendants."""

    cpu: float
    rss_mb: float
    files: int


def plain_environment() -> dict[str, str]:
    """The least that a program needs, and our own source, which is run without being installed."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def allow_many_files() -> None:
    """Thousands of open streams are as many sockets: for us, and by inheritance for what we start."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], core: int
) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
    """The process, and the file that its output goes to. It runs in an empty folder, where no `.env` lies."""
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile() as output,
        subprocess.Popen(
            command,
            env={**plain_environment(), **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509  # no threads are running here
        ) as process,
    ):
        try:
            yield process, output
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], port: int, core: int) -> Iterator[int]:
    """The process id of a program that takes connections. Raises SystemExit with the end of its output where it does not."""
    with started(command, environment, core) as (process, output):
        wait_for(port, process, output)
        yield process.pid


def wait_for(port: int, process: "subprocess.Popen[bytes]", output: IO[bytes]) -> None:
    until = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    output.seek(0)
    said = output.read()[-2000:].decode("utf-8", "replace")
    raise SystemExit(f"{process.args!r} did not take connections on port {port}:\n{said}")


def asked(
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> tuple[int, bytes]:
    """Status and body of one call. Raises OSError and http.client.HTTPException."""
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=tls)
        if tls
        else http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    )
    try:
        connection.request(method, path, body or None, {"content-type": "application/json", **(headers or {})})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def usage(pid: int) -> Usage:
    total = Usage(0.0, 0.0, 0)
    for member in family(pid):
        try:
            one = _usage(Path(f"/proc/{member}"))
        except (OSError, ValueError):  # it ended in this moment
            continue
        total = Usage(total.cpu + one.cpu, total.rss_mb + one.rss_mb, total.files + one.files)
    return total


def _usage(folder: Path) -> Usage:
    fields = (folder / "stat").read_text("ascii").rpartition(")")[2].split()
    pages = int((folder / "statm").read_text("ascii").split()[1])
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Usage(cpu, pages * os.sysconf("SC_PAGE_SIZE") / 2**20, sum(1 for _ in (folder / "fd").iterdir()))


def busy_seconds(core: int) -> float:
    """What a core has worked so far, for whomever: user, nice, system, irq, softirq and steal of its line in /proc/stat."""
    for line in Path("/proc/stat").read_text("ascii").splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _, _, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return 0.0


@contextmanager
def others_on(core: int, pid: int | None) -> Iterator[Callable[[], float]]:
    """Within: how large a share of the core others than this process have taken until now."""
    began = time.monotonic()
    busy, own = busy_seconds(core), usage(pid).cpu if pid else 0.0

    def share() -> float:
        taken = busy_seconds(core) - busy - ((usage(pid).cpu if pid else 0.0) - own)
        return max(0.0, taken / (time.monotonic() - began))

    yield share


def family(pid: int) -> Iterator[int]:
    """The process and all that it started."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            named = children.read_text("ascii").split()
        except OSError:
            continue
        for child in named:
            yield from family(int(child))
