"""The official OpenAI SDK for Node, unmodified, through all four providers. `scripts/node_sdk` installs it.

One Node process runs the table of `node/scenarios.mjs` over all clouds at once and writes a line for each: starting it costs more than
the calls. Every scenario is a test of its own here.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from end_to_end.conftest import PROVIDERS, Gateway

FOLDER = Path(__file__).parent / "node"
CLIENTS = f"{os.environ.get('CLIENTS_HOME', '')}/node"
PACKAGES = (os.environ.get("NODE_PATH", ""), f"{CLIENTS}/clients/node_modules")
SCENARIOS = re.findall(r"^  async (\w+)\(", (FOLDER / "scenarios.mjs").read_text("utf-8"), re.MULTILINE)
INSTALL = "scripts/node_sdk installs it"


def node() -> str:
    """Node 22 of the clients' folder where there is one, since the SDK asks for it; else the machine's own."""
    path = os.pathsep.join([f"{CLIENTS}/runtime/node_modules/.bin", os.environ["PATH"]])
    found = shutil.which("node", path=path)
    if found is None:
        pytest.skip("node is not installed: the Node SDK needs Node 22 or later")
    return found


@pytest.fixture(scope="module")
def told(gateway: Gateway) -> dict[tuple[str, str], str | None]:
    """(provider, scenario) -> what went wrong, None where nothing did."""
    urls = {provider: gateway.base_url(provider) for provider in PROVIDERS}
    environ = {"PATH": os.environ["PATH"], "NODE_PATH": os.pathsep.join(filter(None, PACKAGES)), "NO_PROXY": "*"}
    done = subprocess.run(
        [node(), FOLDER / "run.mjs", json.dumps(urls)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    if lines and "missing" in lines[0]:
        pytest.skip(f"the openai package for Node is not installed ({lines[0]['missing']}): {INSTALL}")
    return {(line["provider"], line["scenario"]): line["error"] for line in lines}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_scenario(told: dict[tuple[str, str], str | None], provider: str, scenario: str) -> None:
    error = told[provider, scenario]
    assert error is None, error


def test_every_scenario_has_a_test(told: dict[tuple[str, str], str | None]) -> None:
    assert told.keys() == {(provider, scenario) for provider in PROVIDERS for scenario in SCENARIOS}
    assert len(SCENARIOS) > 30


def test_the_package_is_pinned_and_names_no_registry() -> None:
    package = json.loads((FOLDER / "package.json").read_text("utf-8"))
    lock = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))
    assert {name: row["version"] for name, row in lock["packages"].items() if name} == {
        f"node_modules/{name}": version for name, version in package["dependencies"].items()
    }
    assert all("integrity" in row and "resolved" not in row for name, row in lock["packages"].items() if name)
