"""The command line of quotes: no gateway runs, no key is there, nothing is written."""

import io
import json
from pathlib import Path

import pytest

from harness import HELLO
from polyglot_cloud import cli
from polyglot_cloud.money.entries import Entry
from polyglot_cloud.money.journal import Journal

CHAT = {"model": "anthropic/low", "seed": 1, "messages": HELLO}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("chat.json").write_text(json.dumps(CHAT))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(["quote", *arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_a_table_says_what_it_would_cost(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told, _ = run(capsys, "chat.json")
    lines = told.splitlines()
    assert status == 0
    assert lines[0].startswith("claude-haiku-5-5 is the tier low of anthropic.")
    assert lines[2].split() == ["MODEL", "EXPECTED", "AT", "MOST", "INPUT", "OUTPUT", "ASKED", "IN", "ADMITTED"]
    assert lines[3].startswith("anthropic/claude-haiku-5-5")
    assert "It would lose: /seed" in lines
    assert "It would fail: ANTHROPIC_API_KEY" in told
    assert sorted(path.name for path in folder.iterdir()) == ["chat.json"]


def test_json_is_what_the_endpoint_says(capsys: pytest.CaptureFixture[str]) -> None:
    quote = json.loads(run(capsys, "chat.json", "--json", "--provider", "anthropic", "--dialect", "openai_chat")[1])
    assert (quote["object"], quote["face"], quote["taken"]["dropped"]) == ("quote", "anthropic", "/seed")


def test_what_the_ledger_has_is_spent(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POLYGLOT_BUDGET_USD_PER_DAY", "2")
    monkeypatch.setenv("POLYGLOT_BUDGET_GROK_USD_PER_DAY", "1")
    assert "process/day  $0.00  $0.00  $2.00  yes" in run(capsys, "chat.json")[1]
    journal = Journal(folder / "artifacts" / "polyglot.sqlite3")
    journal.write(
        Entry("held", "a", 2_000_000_000, {"budgets": []}), Entry("settled", "a", 1_990_000_000, {"model": "m"})
    )
    journal.refreshed()
    told = run(capsys, "chat.json")[1]  # the ledger is another's, who writes
    journal.close()
    assert "process/day  $1.99  $0.00  $2.00  no" in told
    assert "provider:grok" not in told


def test_a_gemini_request_has_its_model_beside_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"contents": [{"parts": [{"text": "hello"}]}]}).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(body)))
    status, told, _ = run(capsys, "-", "--provider", "gemini", "--model", "gemini-3.8-flash")
    assert (status, told.splitlines()[0].split()[0]) == (0, "gemini-3.8-flash")


def test_more_candidates_and_lines_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.json").write_text(json.dumps({"model": "gpt-99", "messages": HELLO}))
    told = run(capsys, "new.json", "--provider", "openai")[1]
    assert "more that could answer" in told
    assert "openai/gpt-99" in told
    assert "unknown" in told
    assert '[[model]]\nid = "gpt-99"\nprovider = "openai"\n' in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gone.json",), "gone.json cannot be read (No such file or directory)"),
        (("chat.json", "--provider", "moon"), "no provider 'moon'; there are openai, anthropic, gemini, grok and any"),
        (("chat.json", "--dialect", "moon"), "no dialect 'moon'"),
        (("chat.json", "--provider", "grok"), "is a model of Anthropic, not of xAI"),
        (("ollama.json",), "prompt"),
    ],
)
def test_what_cannot_be_quoted(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("ollama.json").write_text('{"prompt": 7}')
    status, _, complaint = run(capsys, *arguments)
    assert (status, said in complaint) == (1, True), complaint
