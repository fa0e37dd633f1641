"""What is decided before a port is opened, and what people read. The rest is played over real processes: end_to_end/test_swarm.py."""

from pathlib import Path
from typing import Any

import pytest

from polyglot_cloud.cli import main
from polyglot_cloud.hive import Hive, control_file, mode_of, table
from polyglot_cloud.settings import Settings, SettingsError, load


def settings(**given: str) -> Settings:
    return load(given, Path("no-such-folder/.env"))


@pytest.mark.parametrize(
    ("said", "sandbox", "till", "mode"),
    [
        (None, False, True, "external"),
        (None, True, True, "auto"),
        (None, True, False, "external"),
        ("off", True, True, "off"),
        ("external", True, True, "external"),
        ("embedded", False, True, "embedded"),
        ("external", False, False, "external"),
    ],
)
def test_the_sandbox_has_a_swarm_of_its_own_unless_told_otherwise(
    said: str | None, sandbox: bool, till: bool, mode: str
) -> None:
    assert mode_of(settings(**({} if said is None else {"POLYGLOT_SWARM": said})), sandbox=sandbox, till=till) == mode


def test_no_gateway_without_a_ledger() -> None:
    with pytest.raises(SettingsError, match=r"POLYGLOT_SWARM .*is embedded, and the Gateway"):
        mode_of(settings(POLYGLOT_SWARM="embedded"), sandbox=False, till=False)


async def test_before_it_lives_nothing_is_known() -> None:
    hive = Hive(settings(), "external")
    hive.ready([])
    assert (hive.status(), hive.release(), hive.router()) == ({"mode": "external"}, [], None)
    assert hive.url("router") == "http://127.0.0.1:6103"
    assert table(hive.status()) == "  The swarm is external.\n"


def service(state: str, detail: str = "", **more: Any) -> dict[str, Any]:
    return {"url": "http://127.0.0.1:1", "state": state, "detail": detail, **more}


def test_the_table_tells_who_serves_and_what_is_registered() -> None:
    status = {
        "mode": "auto",
        "router": service("ours", registered=["a", "b"], problems=["c: refused"]),
        "gateway": service("squatter", "audio_service"),
        "registry": service("external", registered=[]),
        "events": service("down", "it cannot be connected to"),
    }
    assert table(status).splitlines() == [
        "  SWARM            URL                 WHO                                REGISTERED",
        "  Provider Router  http://127.0.0.1:1  served here                        2",
        "  Gateway          http://127.0.0.1:1  left alone: audio_service",
        "  Agent Registry   http://127.0.0.1:1  the swarm's own",
        "  Event Stream     http://127.0.0.1:1  nobody: it cannot be connected to",
        "  Provider Router: c: refused",
    ]


@pytest.mark.parametrize(
    "content", [None, "nonsense", '{"urls": ["http://127.0.0.1:9"], "secret": "s"}', '{"urls": 1}']
)
def test_a_process_that_is_not_there_is_said(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for port, name in enumerate(("OPENAI", "ANTHROPIC", "GEMINI", "GROK"), 2):
        monkeypatch.setenv(f"POLYGLOT_PORT_{name}", str(port))
    if content is not None:
        file = control_file(tmp_path / "artifacts/polyglot.sqlite3")
        file.parent.mkdir()
        file.write_text(content)
    assert main(["swarm", "release"]) == 1
    assert "No gateway serves the swarm" in capsys.readouterr().err
    assert main(["swarm", "status"]) == 1
    assert "No gateway answers on 127.0.0.1" in capsys.readouterr().err
