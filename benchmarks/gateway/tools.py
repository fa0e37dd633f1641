"""Upstream and load generator. Those of a folder with `up.c`, `lg.c` and `build.sh` are several times as fast as ours and show more;
where it is not there, or no C compiler is, ours serve. Both read the same tags and print the same fields.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Figures, parsed
from benchmarks.processes import OTHER_CORE, ROOT, free_ports, running

SHARED = ROOT.parent / "shared" / "perf"


@dataclass(frozen=True, slots=True)
class Load:
    """What a load generator is to do. `rate` in calls a second opens the loop; `ramp` opens so many connections a second; `settle` are
    the seconds after the last of them before the counting begins.
    """

    connections: int
    rate: float | None = None
    ramp: float | None = None
    settle: float = 1.0

    @property
    def warm_up(self) -> float:
        """Seconds before the counting begins."""
        return self.settle + (self.connections / self.ramp if self.ramp else 0.0)


@dataclass(frozen=True, slots=True)
class Door:
    """Where and how a subject takes a call: `model` goes before the model's name, `headers` with the call."""

    port: int
    path: str
    model: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A running upstream. `authority` is the certificate that its own is verified by, None in the clear."""

    port: int
    authority: Path | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.authority else 'http'}://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Tools:
    """`built` is the folder of the programs in C; None: ours."""

    built: Path | None

    @property
    def name(self) -> str:
        return "upstream and load generator in C" if self.built else "upstream and load generator of benchmarks/"

    @contextmanager
    def upstream(self) -> Iterator[Upstream]:
        if self.built is None:
            with own_upstream() as found:
                yield found
            return
        (port,) = free_ports(1)
        with running([str(self.built / "up"), str(port)], {}, port, OTHER_CORE):
            yield Upstream(port)

    def measure(self, door: Door, body: bytes, load: Load, seconds: float, pid: int | None) -> Figures:
        with tempfile.NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            command = self._command(door, file.name, load, seconds, pid)
            # for a rate, the one in C waits for the last answers
            within = load.warm_up + seconds + 60
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=within)
        return parsed(done.stdout)

    def _command(self, door: Door, body: str, load: Load, seconds: float, pid: int | None) -> list[str]:
        headers = [f"{name}: {value}" for name, value in door.headers.items()]
        words = {"-c": load.connections, "-w": load.warm_up, "-d": seconds, "-r": load.rate, "-R": load.ramp, "-P": pid}
        if self.built is not None:
            command = [str(self.built / "lg"), "-j", "-p", str(door.port), "-u", door.path, "-b", body]
            header_flag = "-H"
        else:
            command = [sys.executable, "-m", "benchmarks.load", str(door.port), door.path, body]
            header_flag, names = "--header", ("connections", "warm-up", "seconds", "rate", "ramp", "pid")
            words = {f"--{name}": value for name, value in zip(names, words.values(), strict=True)}
        command += [word for header in headers for word in (header_flag, header)]
        return command + [word for flag, value in words.items() if value is not None for word in (flag, str(value))]


@contextmanager
def own_upstream(certificate: Path | None = None, key: Path | None = None) -> Iterator[Upstream]:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.upstream", str(port)]
    if certificate and key:
        command += ["--certificate", str(certificate), "--key", str(key)]
    with running(command, {}, port, OTHER_CORE):
        yield Upstream(port, certificate)


@contextmanager
def tools(folder: Path | None) -> Iterator[Tools]:
    """Those of the folder where they are there and can be built, else ours. None: ours."""
    if folder is None or not (folder / "build.sh").exists() or not shutil.which("gcc"):
        yield Tools(None)
        return
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(
            ["sh", str(folder / "build.sh")], env={**os.environ, "OUT": out}, check=True, capture_output=True
        )
        yield Tools(Path(out))


@contextmanager
def certificate() -> Iterator[tuple[Path, Path] | None]:
    """A certificate for 127.0.0.1 that signs itself, and its key. None where there is no `openssl` command to make them."""
    if not shutil.which("openssl"):
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        made, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
                *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-addext", "subjectAltName=IP:127.0.0.1"),
                *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
                *("-keyout", str(key), "-out", str(made)),
            ],
            check=True,
            capture_output=True,
        )
        yield made, key
