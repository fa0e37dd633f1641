"""scripts/record from end to end: what it says, what it asks before, what it writes; and the whole way over the sandbox's sockets."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from scripts.recording import cases
from scripts.recording.__main__ import DECLINED, DONE, FAILED, WRONG, World, main

from harness import KEYS, TODAY

ROOT = Path(__file__).parents[1]
REPLY = {
    "id": "msg_1",
    "model": "m",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": {},
}
ONE = ("--provider", "anthropic", "--case", "error_key", "--case", "text")


@dataclass
class Outside:
    """A world without a network or a `.env`: `reply` answers every request, `says` every question."""

    folder: Path
    reply: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(200, json=REPLY)
    says: str | None = None
    keys: dict[str, str] = field(default_factory=lambda: dict(KEYS))
    asked: list[str] = field(default_factory=list)
    sent: list[httpx.Request] = field(default_factory=list)

    def run(self, *arguments: str) -> int:
        (self.folder / "env").touch()
        environ = {**self.keys, "POLYGLOT_ENV_FILE": str(self.folder / "env")}
        world = World(environ, self.answer, lambda: httpx.MockTransport(self.play), lambda: TODAY)
        return main([*arguments, "--out", str(self.folder / "out")], world)

    def answer(self, question: str) -> str:
        self.asked.append(question)
        if self.says is None:
            raise EOFError
        return self.says

    def play(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return self.reply(request)

    @property
    def written(self) -> list[str]:
        return sorted(path.parent.name + "/" + path.name for path in (self.folder / "out").glob("*/*"))


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(tmp_path)


def anthropic(request: httpx.Request) -> httpx.Response:
    if request.headers["x-api-key"] != KEYS["ANTHROPIC_API_KEY"]:
        return httpx.Response(
            401, json={"type": "error", "error": {"type": "authentication_error", "message": "invalid"}}
        )
    if json.loads(request.content).get("stream"):
        return httpx.Response(200, content=b'data: {"type":"ping"}\n\n', headers={"content-type": "text/event-stream"})
    return httpx.Response(200, json=REPLY)


def test_it_says_what_it_would_cost_and_stops(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    assert outside.run("--dry-run") == DONE
    shown = capsys.readouterr().out
    bounds = [int(found.replace(".", "")) for found in re.findall(r" \d +\$(\d+\.\d{6})$", shown, re.MULTILINE)]
    total = re.search(r"At most \$(\d+\.\d{6}) for (\d+) calls, at the prices of 2026-11-22", shown)
    assert total
    assert len(bounds) > 60
    assert 0 <= sum(bounds) - int(total[1].replace(".", "")) < len(bounds)  # each line is rounded up by itself
    assert (outside.asked, outside.sent, outside.written) == ([], [], [])
    assert not [key for key in KEYS.values() if key in shown]


@pytest.mark.parametrize("says", ["", "n", "no", "yes please", None])
def test_without_a_clear_yes_nothing_is_asked_of_anybody(outside: Outside, says: str | None) -> None:
    outside.says = says
    assert outside.run(*ONE) == DECLINED
    assert (outside.asked, outside.sent) == (["Proceed? [y/N] "], [])


def test_with_a_yes_it_records(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    outside.says, outside.reply = "y", anthropic
    assert outside.run(*ONE) == DONE
    assert outside.written == ["anthropic/anthropic_error_key", "anthropic/anthropic_text"]
    origin = json.loads((outside.folder / "out/anthropic/anthropic_text/origin.json").read_bytes())
    assert origin["origin"] == "recorded from the provider's own API"
    assert (origin["asked"], origin["date"], origin["provider"]) == ("claude-haiku-5-5", "2026-11-22", "anthropic")
    assert "2 recorded, 0 failed" in capsys.readouterr().out


def test_another_host_is_told_as_such(outside: Outside) -> None:
    outside.reply = anthropic
    outside.keys["ANTHROPIC_BASE_URL"] = "https://a-proxy.example/v1"
    assert outside.run(*ONE, "--yes") == DONE
    text = (outside.folder / "out/anthropic/anthropic_text/origin.json").read_text()
    assert "recorded from a base URL of the settings" in text
    assert "a-proxy" not in text


def test_what_fails_is_told_and_the_rest_is_recorded(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    outside.reply = lambda request: (
        anthropic(request) if b"stream" not in request.content else httpx.Response(529, json={})
    )
    assert outside.run(*ONE, "--yes") == FAILED
    assert outside.written == ["anthropic/anthropic_error_key"]
    shown = capsys.readouterr().out
    assert "FAILED   anthropic anthropic text: stream: status 529 instead of 200" in shown
    assert "1 recorded, 1 failed" in shown


def test_a_provider_that_cannot_be_heard_is_told(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    def gone(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    outside.reply = gone
    assert outside.run(*ONE, "--yes") == FAILED
    assert "could not be reached" in capsys.readouterr().out


def test_a_stop_by_hand_is_told(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    outside.reply = interrupted
    assert outside.run(*ONE, "--yes") == FAILED
    assert "Stopped." in capsys.readouterr().err


def test_a_key_that_is_said_back_is_never_written(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    outside.keys["GEMINI_API_KEY"] = "a-key-of-no-known-form-0123"
    said = {**REPLY, "content": [{"type": "text", "text": outside.keys["GEMINI_API_KEY"]}]}
    outside.reply = lambda request: (
        anthropic(request) if b"stream" in request.content else httpx.Response(200, json=said)
    )
    assert outside.run("--provider", "anthropic", "--case", "text", "--yes") == FAILED
    assert outside.written == []
    shown = capsys.readouterr().out
    assert "holds the text of a key" in shown
    assert outside.keys["GEMINI_API_KEY"] not in shown


def test_account_names_of_the_settings_are_taken_out(outside: Outside) -> None:
    outside.keys["OPENAI_PROJECT_ID"] = "acme-prod-7"
    outside.reply = lambda _: httpx.Response(401, json={"error": {"message": "acme-prod-7 may not"}})
    outside.run("--provider", "openai", "--case", "error_key", "--yes")
    assert (outside.folder / "out/openai_chat/openai_error_key/error.json").read_bytes() == (
        b'{"error":{"message":"0000-0000-1 may not"}}'
    )


def test_a_provider_without_a_key_is_skipped(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    del outside.keys["XAI_API_KEY"]
    assert outside.run("--dry-run") == DONE
    shown = capsys.readouterr().out
    assert "Skipped grok: GROK_API_KEY not found" in shown
    assert not re.search("^grok", shown, re.MULTILINE)


def test_with_no_key_at_all_there_is_nothing_to_record(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    outside.keys.clear()
    assert outside.run() == FAILED
    assert "There is nothing to record." in capsys.readouterr().out
    assert outside.asked == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--case", "tekst"), "there is no case tekst"),
        (("--provider", "opnai"), "there is no provider opnai; there are anthropic, gemini, grok, openai"),
        (("--dialect", "cobol"), "there is no dialect cobol"),
    ],
)
def test_a_word_that_selects_nothing_is_an_error(
    outside: Outside, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert outside.run(*arguments) == WRONG
    assert words in capsys.readouterr().err


def test_settings_that_cannot_be_used_are_an_error(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    outside.keys["POLYGLOT_PORT_OPENAI"] = "none"
    assert outside.run("--dry-run") == WRONG
    assert "POLYGLOT_PORT_OPENAI" in capsys.readouterr().err


# --- the whole way, without a key ---


def test_the_sandbox_is_recorded_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real sockets, all cases of all providers; asks nothing, since it costs nothing."""
    monkeypatch.setenv("POLYGLOT_SANDBOX_DELAY_MS", "0")
    (tmp_path / "env").touch()
    world = World({"POLYGLOT_ENV_FILE": str(tmp_path / "env")}, ask=pytest.fail)
    assert main(["--sandbox", "--out", str(tmp_path / "out")], world) == DONE
    shown = capsys.readouterr().out
    assert "The sandbox costs nothing." in shown
    folders = list((tmp_path / "out").glob("*/sandbox_*"))
    assert f"{len(folders)} recorded, 0 failed" in shown
    recorded = {(folder.parent.name, folder.name.split("_", 2)[2]) for folder in folders}
    assert recorded == {(case.dialect, case.name) for case in cases.load().cases}
    assert all("the built-in sandbox" in (folder / "origin.json").read_text() for folder in folders)


def test_the_script_is_a_program() -> None:
    script = ROOT / "scripts" / "record"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
