"""The three scripts, as people run them: from another folder, twice in a row, and after a crash."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.conftest import PROVIDERS, environment, free_ports
from end_to_end.swarming import Ports

SCRIPTS = Path(__file__).parents[2] / "scripts"
START, STOP, TEST = "start_phase6_cloud_providers.sh", "stop_phase6_cloud_providers.sh", "test_phase6.sh"


class Place:
    """A folder to start in, with ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()
        self.pid_file = folder / "artifacts" / "phase6.pid"
        listeners, ports = dict(zip(PROVIDERS, free_ports(4), strict=True)), Ports.free()
        places = {**listeners, "router": ports.router, "gateway": ports.gateway, "registry": ports.registry}
        self.environ = {
            **environment(folder, listeners),
            **ports.environ("embedded"),
            "PHASE6_HOME": str(folder),
            "PHASE6_COMMAND": f"{sys.executable} -m polyglot_cloud",
            "PYTHON": sys.executable,
            **{f"PHASE6_{name.upper()}": f"http://127.0.0.1:{port}" for name, port in places.items()},
        }

    def run(self, script: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPTS / script), *words], cwd=self.elsewhere, env={**self.environ, **environ},
            capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text().splitlines()[0].removeprefix("pid="))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    assert found.run(STOP).returncode == 0


def test_start_test_stop_and_stop_again(place: Place) -> None:
    started = place.run(START, "--sandbox")
    assert started.returncode == 0, started.stdout + started.stderr
    assert all(f"  {provider}" in started.stdout for provider in PROVIDERS)
    assert started.stdout.count("healthy") == 4
    assert started.stdout.count("served here") == 3
    again = place.run(START, "--sandbox")
    assert (again.returncode, f"they run already (pid {place.pid})" in again.stderr) == (1, True)
    tested = place.run(TEST)
    assert (tested.returncode, "FAIL" in tested.stdout) == (0, False), tested.stdout
    assert "0 failed, 0 left out" in tested.stdout
    stopped = place.run(STOP)
    assert (stopped.returncode, "Stopped." in stopped.stdout, place.pid_file.exists()) == (0, True, False)
    assert "Nothing to stop" in place.run(STOP).stdout
    tested = place.run(TEST, "--no-calls")
    assert (tested.returncode, "0 passed" in tested.stdout) == (1, True)


def test_a_stale_pid_file_is_no_hindrance_and_a_strangers_process_is_left_alone(place: Place) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "serve"]) as stranger:
        place.pid_file.parent.mkdir()
        place.pid_file.write_text(f"pid={stranger.pid}\nstarted=1\n")
        stopped = place.run(STOP)
        assert (stopped.returncode, "left alone" in stopped.stdout) == (0, True)
        assert stranger.poll() is None
        stranger.kill()
    place.pid_file.write_text("pid=\n")
    assert place.run(START, "--sandbox").returncode == 0
    os.kill(place.pid, signal.SIGKILL)
    time.sleep(0.2)
    started = place.run(START, "--sandbox")
    assert (started.returncode, "is left over" in started.stdout) == (0, True), started.stdout + started.stderr


def test_what_is_wrong_is_said_and_nothing_is_left_running(place: Place) -> None:
    refused = place.run(START, "--sandbox", POLYGLOT_PORT_OPENAI="nonsense")
    assert (refused.returncode, "POLYGLOT_PORT_OPENAI" in refused.stderr) == (1, True)
    assert not place.pid_file.exists()
    assert "PHASE6_WAIT" in place.run(START, PHASE6_WAIT="soon").stderr
    assert "unknown argument" in place.run(TEST, "--nonsense").stderr
