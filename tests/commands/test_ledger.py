"""The command line of ledger, receipts and costs, over ledgers that a till has written."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from polyglot_cloud import cli
from polyglot_cloud.money.entries import Entry
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.store import Store

TODAY = datetime.now(UTC).date().isoformat()


def held(attempt: str, **facts: object) -> Entry:
    given = {
        "run": "r",
        "tenant": "acme",
        "provider": "openai",
        "wire_model": "m",
        "model": "m",
        "budgets": [],
        **facts,
    }
    return Entry("held", attempt, 500, given)


def settled(attempt: str, nano: int, model: str = "m") -> Entry:
    return Entry("settled", attempt, nano, {"model": model, "usage": {"input": 3, "output": 4}, "outcome": "complete"})


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two attempts of one day, and one that a crash left open."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "artifacts" / "polyglot.sqlite3"
    journal = Journal(path)
    journal.write(held("a"), settled("a", 1_500_000_000), held("b", run="other"), settled("b", 250, "n"), held("c"))
    journal.close()
    Journal(path).close()  # the next start sweeps what was open
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(arguments)
    told = capsys.readouterr()
    return status, told.out, told.err


def test_a_sound_ledger_is_told_as_one(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told, _ = run(capsys, "ledger", "verify")
    assert (status, told) == (0, f"6 entries are as they were written: {Path('artifacts/polyglot.sqlite3')}\n")


def test_a_changed_ledger_is_a_failure(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = ledger.read_bytes()
    assert raw.count(b'"outcome":"complete"') >= 1
    ledger.write_bytes(raw.replace(b'"outcome":"complete"', b'"outcome":"complext"'))
    status, told, _ = run(capsys, "ledger", "verify")
    assert status == 1
    assert "is not what was written at entry 2" in told
    assert json.loads(run(capsys, "ledger", "verify", "--json")[1])["seq"] == 2


def test_what_is_unknown_is_listed_and_freed_once(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(run(capsys, "ledger", "unknown", "--json")[1])
    assert [(row["attempt"], row["bound"], row["tenant"]) for row in listed] == [("c", "$0.0000005", "acme")]
    assert run(capsys, "ledger", "unknown")[1].splitlines()[1].startswith("c ")
    assert run(capsys, "ledger", "free", "c", "--why", "the provider says it never came")[0] == 0
    assert run(capsys, "ledger", "unknown")[1] == "Every attempt has its end.\n"
    status, _, complaint = run(capsys, "ledger", "free", "c", "--why", "again")
    assert (status, "it is freed" in complaint) == (1, True)
    assert run(capsys, "ledger", "verify")[0] == 0


def test_nothing_is_freed_beside_a_running_gateway(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(ledger)
    status, _, complaint = run(capsys, "ledger", "free", "c", "--why", "x")
    journal.close()
    assert (status, "Stop it first" in complaint) == (1, True)


def test_costs_are_summed_by_what_is_asked(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "costs")[1].splitlines()[1].split() == [TODAY, "2", "6", "8", "1.50000025", "0"]
    rows = json.loads(run(capsys, "costs", "model", "run", "--json")[1])
    assert [(row["model"], row["run"], row["usd"]) for row in rows] == [
        ("m", "r", "1.50"),
        ("n", "other", "0.00000025"),
    ]
    assert run(capsys, "costs", "day", "tenant", "--csv")[1].splitlines() == [
        "day,tenant,attempts,input tokens,output tokens,usd,unpriced",
        f"{TODAY},acme,2,6,8,1.50000025,0",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"), [(["costs", "moon"], "'moon'"), (["costs", "--since", "today"], "'today' is no date")]
)
def test_what_costs_cannot_tell(
    ledger: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, complaint = run(capsys, *arguments)
    assert (status, said in complaint) == (1, True)


def test_days_before_anything_was_spent(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "costs", "--since", "2999-01-01")[1] == "Nothing was spent since 2999-01-01.\n"


def test_receipts_are_written_anew(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "receipts", "rebuild") == (0, f"2 receipts were written to {Path('artifacts/costs')}.\n", "")
    line = json.loads(Path("artifacts/costs/r.jsonl").read_text())
    assert (line["run_id"], line["cost_usd"]) == ("r", 1.5)
    assert "6 entries" in run(capsys, "ledger", "rebuild")[1]


def test_no_ledger_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (["costs"], ["ledger", "verify"], ["ledger", "unknown"], ["receipts", "rebuild"]):
        status, _, complaint = run(capsys, *arguments)
        assert status == 1, arguments
        assert "polyglot.sqlite3" in complaint
        assert "Traceback" not in complaint
    assert not (tmp_path / "artifacts" / "polyglot.sqlite3").exists()


def test_the_sandbox_has_a_till_of_its_own(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, complaint = run(capsys, "costs", "--sandbox")
    assert (status, "sandbox.sqlite3" in complaint) == (1, True)


def test_days_before_the_first_attempt_are_not_asked_for(
    ledger: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    costs = Store.costs
    monkeypatch.setattr(Store, "costs", lambda self, start, *rest: asked.append(start) or costs(self, start, *rest))  # type: ignore[func-returns-value]  # append gives None, and the rest follows
    status, told, _ = run(capsys, "costs", "--since", "0001-01-01", "--json")
    assert (status, [row["day"] for row in json.loads(told)]) == (0, [TODAY])
    assert len(asked) <= 2  # the second where the day turned meanwhile
