"""The command line, in process; `serve` itself runs in end_to_end."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from polyglot_cloud import __version__, cli
from polyglot_cloud.checkup import ProbeResult
from polyglot_cloud.settings import load
from polyglot_cloud.sockets import PortTaken

KEY = "sk-proj-very-secret-0123456789"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder, and none of this machine's settings."""
    for name in list(os.environ):
        if name.startswith(("POLYGLOT_", "OPENAI", "ANTHROPIC", "GEMINI", "GOOGLE", "GROK", "XAI")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(arguments)
    told = capsys.readouterr()
    return status, told.out, told.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["--version"])
    assert left.value.code == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["serve", "--colour"], ["serve", "--port-openai"], ["check", "7"]]
)
def test_a_wrong_command_line_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_models_prints_the_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    status, told, _ = run(capsys, "models")
    assert status == 0
    assert {"gpt-6.2-sol", "claude-sonnet-5-5", "gemini-4-argon", "grok-4.7", "grok-beta"} <= {
        line.split()[0] for line in told.splitlines()
    }


def test_models_of_one_provider_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, told, _ = run(capsys, "models", "grok", "--json")
    assert status == 0
    assert {row["provider"] for row in json.loads(told)} == {"grok"}


def test_models_of_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, complaint = run(capsys, "models", "nobody")
    assert status == 1
    assert "openai, anthropic, gemini, grok" in complaint


def test_check_without_keys_is_wrong_and_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    status, told, _ = run(capsys, "check")
    assert status == 1
    assert "OPENAI_API_KEY not found in .env. Please add it: OPENAI_API_KEY=sk-" in told
    assert "POLYGLOT_HOST" in told


def test_check_shows_where_a_key_stands_and_never_the_key(
    capsys: pytest.CaptureFixture[str], bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare / ".env").write_text(f"OPENAI_API_KEY={KEY}\nOPENAI_MODEL_NAME=gpt-4-turbo\n")
    (bare / ".env").chmod(0o600)
    monkeypatch.setenv("XAI_API_KEY", KEY)
    for arguments in (["check"], ["check", "--json"]):
        status, told, _ = run(capsys, *arguments)
        assert status == 1
        assert KEY not in told
        assert "OPENAI_API_KEY" in told
        assert "gpt-4-turbo is retired" in told


def test_check_online_asks_who_has_a_key(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def probe(provider: Any, choice: Any) -> ProbeResult:
        asked.append(provider.name)
        return ProbeResult(True, "answered 200", 12)

    monkeypatch.setattr(cli, "probe", probe)
    monkeypatch.setenv("XAI_API_KEY", KEY)
    _, told, _ = run(capsys, "check", "--online")
    assert asked == ["grok"]
    assert "12 ms" in told


def test_settings_that_cannot_be_read_are_a_report_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYGLOT_RETIRED", "perhaps")
    status, told, _ = run(capsys, "check")
    assert status == 1
    assert "POLYGLOT_RETIRED" in told
    status, _, complaint = run(capsys, "serve")
    assert status == 1
    assert "POLYGLOT_RETIRED" in complaint


def test_a_broken_catalog_is_one_clear_complaint(capsys: pytest.CaptureFixture[str], bare: Path) -> None:
    (bare / "mine.toml").write_text('[[model]]\nid = "x"\n')
    status, _, complaint = run(capsys, "models", "--catalog", "mine.toml")
    assert status == 1
    assert "mine.toml" in complaint
    assert "Traceback" not in complaint


def test_a_provider_that_speaks_what_nobody_does_is_one_clear_complaint(
    capsys: pytest.CaptureFixture[str], bare: Path
) -> None:
    named = '[[provider]]\nname = "acme"\nadapter = "openai"\nbase_url = "https://a.example/v1"\n'
    text = f'{named}key_variables = ["A"]\ndialects = ["klingon"]\n'
    (bare / "mine.toml").write_text(text)
    status, _, complaint = run(capsys, "serve", "--catalog", "mine.toml")
    assert status == 1
    assert '"klingon" is no dialect' in complaint


def test_doors_that_settings_opened_are_said_at_every_start(bare: Path) -> None:
    (bare / ".env").write_text("POLYGLOT_ALLOWED_ORIGINS=https://app.example\n")
    (note,) = cli.openings(load({}, bare / ".env"))
    assert note.startswith("Web pages of https://app.example may call (POLYGLOT_ALLOWED_ORIGINS, .env")
    assert cli.openings(load({}, bare / "none")) == []


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = f"{sys.executable} -m polyglot_cloud models | head -1"
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ, PYTHONPATH=":".join(sys.path)),
    )
    assert done.stdout.startswith("MODEL")
    assert done.stderr == ""


@pytest.mark.parametrize("form", ["--port-openai={port}", "--port-openai {port}"])
def test_a_taken_port_is_one_clear_line(capsys: pytest.CaptureFixture[str], form: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        others = [f"--port-{name}=0" for name in ("anthropic", "gemini", "grok")]
        status, told, complaint = run(capsys, "serve", *form.format(port=port).split(), *others)
    assert (status, told) == (1, "")
    line = complaint.strip().splitlines()[-1]
    assert f"Port {port} for openai is taken" in line
    assert "POLYGLOT_PORT_OPENAI or --port-openai" in line


def test_an_address_for_others_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, complaint = run(capsys, "serve", "--host", "0.0.0.0")
    assert status == 1
    assert "no key of the gateway is configured" in complaint
    assert "polyglot-cloud keys create" in complaint


def test_the_listeners_limits_are_the_settings() -> None:
    limits = cli.limits_of(load({"POLYGLOT_BODY_TIMEOUT": "7", "POLYGLOT_DRAIN_TIMEOUT": "9"}))
    assert (limits.pace.grace, limits.drain_timeout) == (7.0, 9.0)


def test_the_administration_listens_on_loopback_wherever_the_gateway_does(tmp_path: Path) -> None:
    async def app(*_: Any) -> None:
        pass

    environ = {"POLYGLOT_ADMIN_KEY": "k" * 32, "POLYGLOT_ADMIN_PORT": "0", "POLYGLOT_HOST": "0.0.0.0"}
    with ExitStack() as stack:
        assert cli.administered(load({}, tmp_path / ".env"), None, stack) is None
        found = cli.administered(load(environ, tmp_path / ".env"), app, stack)
        assert found is not None
        host, port = found.companion.socket.getsockname()
        assert (host, found.row[1]) == ("127.0.0.1", f"http://127.0.0.1:{port}/admin")
        assert found.row[3] == "found (POLYGLOT_ADMIN_KEY, environment)"
        with pytest.raises(PortTaken, match="POLYGLOT_ADMIN_PORT"):
            cli.administered(load({**environ, "POLYGLOT_ADMIN_PORT": str(port)}, tmp_path / ".env"), app, stack)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, []),
        ({"POLYGLOT_HOST": "localhost"}, []),
        ({"POLYGLOT_HOST": "192.168.0.7"}, ["TLS"]),
        ({"POLYGLOT_HOST": "0.0.0.0"}, ["TLS", "POLYGLOT_ALLOWED_HOSTS"]),
        ({"POLYGLOT_HOST": "::", "POLYGLOT_ALLOWED_HOSTS": "gateway.lan"}, ["TLS"]),
    ],
)
def test_an_address_that_others_reach_is_told(environ: dict[str, str], words: list[str], tmp_path: Path) -> None:
    notes = cli.exposure(load(environ, tmp_path / ".env"))
    assert [word for word, note in zip(words, notes, strict=True) if word in note] == words
