"""The README's examples, as they are written, against the sandbox: only the ports are moved to those that are free here."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from end_to_end.conftest import PROVIDERS, Gateway

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
CURLS = [code for kind, code in BLOCKS if kind == "sh" and code.startswith("curl")]
PROGRAMS = [code for kind, code in BLOCKS if kind == "python"]
COMMANDS = [code.strip() for kind, code in BLOCKS if kind == "sh" and not code.startswith("curl")]


def moved(code: str, gateway: Gateway) -> str:
    for port, provider in zip(range(8100, 8104), PROVIDERS, strict=True):
        code = code.replace(str(port), str(gateway.ports[provider]))
    return code


def run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "NO_PROXY": "*"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_commands_do_all_the_set_up() -> None:
    assert COMMANDS == ["scripts/serve --sandbox", "scripts/test"]
    assert all(os.access(ROOT / command.split()[0], os.X_OK) for command in COMMANDS)


@pytest.mark.parametrize("code", CURLS, ids=range(len(CURLS)))
def test_curl(gateway: Gateway, code: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    assert '"choices":[{"index":0,"message":{"role":"assistant","content":"' in run(["sh", "-c", moved(code, gateway)])


@pytest.mark.parametrize("code", PROGRAMS, ids=range(len(PROGRAMS)))
def test_programs(gateway: Gateway, code: str) -> None:
    told = run([sys.executable, "-c", moved(code, gateway)]).strip().splitlines()
    assert len(told) == len(PROVIDERS)
    assert all(line.strip() for line in told)


def test_there_are_examples_of_each_kind() -> None:
    assert len(CURLS) >= 2
    assert len(PROGRAMS) == 3
    assert "stream=True" in PROGRAMS[1]
    assert "tools=" in PROGRAMS[2]
