"""Claude Code and Codex, the real command lines, each finish a tool task through the gateway. `scripts/agents` installs them.

They get an empty home and an empty environment, in a folder that is thrown away.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from end_to_end.conftest import Gateway

TASK = "Make the file. run: `printf made-by-tool > made.txt`"
FOLDERS = (os.environ.get("POLYGLOT_AGENTS", ""), f"{os.environ.get('CLIENTS_HOME', '')}/node/agents/node_modules/.bin")


def program(name: str) -> str:
    path = os.pathsep.join([*FOLDERS, os.environ["PATH"]])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is not installed: scripts/agents installs it")
    return found


def run(command: list[str], home: Path, work: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ["PATH"]])
    base = {"PATH": path, "HOME": str(home), "TERM": "dumb"}
    return subprocess.run(
        command,
        cwd=work,
        env={**base, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_claude_code_finishes_a_tool_task(gateway: Gateway, tmp_path: Path, work: Path) -> None:
    claude = program("claude")
    model = "claude-sonnet-5-5"
    environ = {
        "ANTHROPIC_BASE_URL": gateway.root("anthropic"),
        "ANTHROPIC_API_KEY": "unused",
        "ANTHROPIC_MODEL": model,
        "ANTHROPIC_SMALL_FAST_MODEL": "claude-haiku-5-5",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude-haiku-5-5",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "0",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
    }
    done = run([claude, "-p", TASK, "--output-format", "text", "--allowedTools", "Bash"], tmp_path, work, environ)
    assert (work / "made.txt").exists(), done.stdout + done.stderr
    assert (work / "made.txt").read_text() == "made-by-tool"
    assert done.returncode == 0
    assert done.stdout.strip()


def test_codex_finishes_a_tool_task(gateway: Gateway, work: Path) -> None:
    codex = program("codex")
    # Codex declines to work with a home below the system's temporary folder
    home = Path(tempfile.mkdtemp(prefix=".codex-home-", dir=Path.home()))
    try:
        (home / ".codex").mkdir()
        (home / ".codex" / "config.toml").write_text(
            f"""model = "gpt-6.2-sol"
model_provider = "gateway"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.gateway]
name = "gateway"
base_url = "{gateway.base_url("openai")}"
env_key = "GATEWAY_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
supports_websockets = false
"""
        )
        command = [
            codex,
            "exec",
            "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox",
            "-C",
            str(work),
            TASK,
        ]
        done = run(command, home, work, {"GATEWAY_KEY": "unused"})
    finally:
        shutil.rmtree(home, ignore_errors=True)
    assert (work / "made.txt").exists(), done.stdout + done.stderr
    assert (work / "made.txt").read_text() == "made-by-tool"
    assert done.returncode == 0
