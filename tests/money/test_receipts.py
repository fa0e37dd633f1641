import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from money.ledgers import held, settled, unprivileged
from polyglot_cloud.money import receipts as module
from polyglot_cloud.money.entries import Entry
from polyglot_cloud.money.faults import LedgerBusy, LedgerUnwritable
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.receipt_lines import Receipt, file_name, line
from polyglot_cloud.money.receipts import Follower, Receipts
from polyglot_cloud.money.store import Store

AT = 1_795_305_600_000_000 + 337_683


# --- names ---


@given(st.lists(st.none() | st.text() | st.text("./%-d\0A\ud800", max_size=200), min_size=2, max_size=2, unique=True))
def test_each_run_has_a_file_of_its_own_and_none_elsewhere(runs: list[str | None]) -> None:
    names = [file_name(run) for run in runs]
    assert names[0] != names[1]
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_%-][A-Za-z0-9_.%-]*\.jsonl", name)
        assert len(name) < 220


@pytest.mark.parametrize(
    ("run", "name"),
    [
        (None, "default.jsonl"),
        ("run-1_a.B", "run-1_a.B.jsonl"),
        ("default", "%64efault.jsonl"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.jsonl"),
        ("a/b", "a%2Fb.jsonl"),
        ("a%2Fb", "a%252Fb.jsonl"),
        ("", "%.jsonl"),
        (".position", "%2Eposition.jsonl"),
    ],
)
def test_names(run: str | None, name: str) -> None:
    assert file_name(run) == name


# --- lines ---

SWARM = [
    "request_id",
    "run_id",
    "agent",
    "timestamp",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "latency_ms",
    "status",
]


def receipt(entry: Entry, **named: Any) -> Receipt:
    return Receipt(2, AT, entry.kind, entry.attempt, entry.nano, entry.facts, b"\xab" * 32, held("a1", **named).facts)


def test_the_swarm_s_keys_come_first_in_its_order() -> None:
    text = line(receipt(settled("a1", 525_499, timings={"total_ms": 18}), run="run-1", agent="tester")).decode()
    assert text.startswith(
        '{"request_id": "call_a1", "run_id": "run-1", "agent": "tester", "timestamp": "2026-11-22T00:00:00.337683", "provider": "openai",'
        ' "model": "gpt-2026", "input_tokens": 7, "output_tokens": 5, "cost_usd": 0.000525, "latency_ms": 18, "status": "success",'
        ' "receipt": "a1", "entry": 2, "hash": "abababababababababababababababab", "cost_nano": 525499, "tenant": "acme"'
    )
    assert text.endswith("}\n")


def test_the_swarm_s_last_keys_stand_only_where_they_say_something() -> None:
    said = json.loads(
        line(receipt(settled("a1", error="too slow", fallback_from="x", outcome="timed_out"), metadata={"a": 1}))
    )
    assert list(said)[:14] == [*SWARM, "error_message", "fallback_from", "metadata"]
    assert (said["run_id"], said["status"]) == (None, "timeout")


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"outcome": "complete"}, "success"),
        ({"outcome": "complete", "fallback_from": "x"}, "fallback"),
        ({"outcome": "failed", "fallback_from": "x"}, "error"),
        ({"outcome": "timed_out"}, "timeout"),
        ({"outcome": "truncated"}, "error"),
        ({"outcome": "cancelled"}, "error"),
        ({}, "error"),
    ],
)
def test_statuses(facts: dict[str, str], status: str) -> None:
    assert json.loads(line(receipt(Entry("settled", "a1", 1, facts))))["status"] == status


@pytest.mark.parametrize(("nano", "usd"), [(499, 0.0), (500, 1e-06), (1_499, 1e-06), (1_500, 2e-06), (10**18, 1e9)])
def test_dollars_are_the_swarm_s_and_nano_dollars_exact(nano: int, usd: float) -> None:
    said = json.loads(line(receipt(settled("a1", nano))))
    assert (said["cost_usd"], said["cost_nano"]) == (usd, nano)


def test_a_released_attempt_cost_nothing_and_a_corrected_one_the_difference() -> None:
    gone = json.loads(line(receipt(Entry("released", "a1", 500, {"outcome": "refused", "status": 400}))))
    assert (gone["cost_nano"], gone["status"], gone["http_status"]) == (0, "error", 400)
    less = json.loads(line(receipt(Entry("repriced", "a1", 1_000_000, {"was": 3_000_000, "replaces": 2}))))
    assert (less["cost_usd"], less["cost_nano"], less["corrects"], less["input_tokens"]) == (-0.002, -2_000_000, 2, 0)


# --- files ---


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "ledger.db", clock=lambda: AT)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts" / "costs"


def calls(ledger: Journal, *numbers: int) -> None:
    for number in numbers:
        ledger.write(held(f"a{number}", run=f"run{number % 2}" if number % 3 else None), settled(f"a{number}", number))
    ledger.refreshed()


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.jsonl")}


def caught_up(ledger: Journal, folder: Path) -> int:
    receipts = Receipts(folder, Store(ledger.path))
    try:
        count = receipts.catch_up()
        receipts.save()
        return count
    finally:
        receipts.close()


def test_each_attempt_has_its_line_once(ledger: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    calls(ledger, *range(8))
    ledger.write(settled("a1", 999), Entry("repriced", "a1", 5, {"was": 1, "replaces": 4}), held("a9"))
    ledger.refreshed()
    assert caught_up(ledger, folder) == 9
    assert caught_up(ledger, folder) == 0
    found = {name: [json.loads(text)["receipt"] for text in data.splitlines()] for name, data in files(folder).items()}
    assert found == {
        "default.jsonl": ["a0", "a3", "a6"],
        "run0.jsonl": ["a2", "a4"],
        "run1.jsonl": ["a1", "a5", "a7", "a1"],
    }


def test_a_half_written_line_is_mended_wherever_it_was_cut(ledger: Journal, folder: Path) -> None:
    calls(ledger, 1, 5)
    caught_up(ledger, folder)
    whole = files(folder)["run1.jsonl"]
    for cut in range(0, len(whole), 41):
        (folder / "run1.jsonl").write_bytes(whole[: len(whole) - cut])
        (folder / ".position").unlink(missing_ok=True)  # as old as can be
        caught_up(ledger, folder)
        assert files(folder)["run1.jsonl"] == whole


def test_lines_of_others_are_left_alone(ledger: Journal, folder: Path) -> None:
    calls(ledger, 1)
    caught_up(ledger, folder)
    with (folder / "run1.jsonl").open("ab") as file:
        file.write(b'{"request_id": "theirs"}')  # and no end
    (folder / "notes.jsonl").write_bytes(b"{}\n")
    (folder / ".position").write_bytes(b"nonsense")
    calls(ledger, 5)
    assert caught_up(ledger, folder) == 1
    first, theirs, second = files(folder)["run1.jsonl"].splitlines(keepends=True)
    assert (json.loads(first)["receipt"], json.loads(second)["receipt"]) == ("a1", "a5")
    receipts = Receipts(folder, Store(ledger.path))
    assert receipts.rebuild() == 2
    receipts.close()
    assert files(folder) == {"run1.jsonl": theirs + first + second, "notes.jsonl": b"{}\n"}


def test_a_rebuild_gives_the_same_bytes_whatever_was_there(ledger: Journal, folder: Path) -> None:
    calls(ledger, *range(9))
    caught_up(ledger, folder)
    before = files(folder)
    (folder / "run1.jsonl").unlink()
    (folder / "run0.jsonl").write_bytes(before["run0.jsonl"].replace(b"success", b"failure"))
    (folder / ".rebuild").mkdir()  # a rebuild that was killed
    (folder / ".rebuild" / "old.jsonl").touch()
    receipts = Receipts(folder, Store(ledger.path))
    assert receipts.rebuild() == 9
    assert receipts.catch_up() == 0
    receipts.close()
    assert files(folder) == before


def test_another_ledger_begins_anew(ledger: Journal, folder: Path, tmp_path: Path) -> None:
    calls(ledger, 1, 5)
    caught_up(ledger, folder)
    other = Journal(tmp_path / "other.db")
    calls(other, 7)
    assert caught_up(other, folder) == 1
    other.close()
    assert [json.loads(text)["receipt"] for text in files(folder)["run1.jsonl"].splitlines()] == ["a1", "a5", "a7"]


def test_a_failed_write_is_made_good_and_nothing_stands_twice(
    ledger: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts = Receipts(folder, Store(ledger.path))
    calls(ledger, *range(4))
    (folder / "run1.jsonl").mkdir()  # the second file of three cannot be written
    with pytest.raises(LedgerUnwritable, match="POLYGLOT_RECEIPTS_DIR"):
        receipts.catch_up()
    assert list(files_written(folder)) != []
    (folder / "run1.jsonl").rmdir()
    receipts.catch_up()
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, data: 3)  # a disk that takes three bytes and is full
        calls(ledger, 4)
        with pytest.raises(LedgerUnwritable, match="disk is full"):
            receipts.catch_up()
    receipts.catch_up()
    written = files(folder)
    receipts.rebuild()
    receipts.close()
    assert files(folder) == written


def files_written(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("*.jsonl") if path.is_file())


def test_a_folder_that_cannot_be_is_told(ledger: Journal, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(LedgerUnwritable, match="a file has its name"):
        Receipts(tmp_path / "taken", Store(ledger.path))
    first = Receipts(tmp_path / "costs", Store(ledger.path))
    with pytest.raises(LedgerBusy, match="The folder of receipts"):
        Receipts(tmp_path / "costs", Store(ledger.path))
    first.close()


def test_a_follower_writes_while_the_gateway_runs_and_to_the_end(
    ledger: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "EVERY", 0.001)
    monkeypatch.setattr(module, "SAVED_EVERY", 0.002)
    receipts = Receipts(folder, Store(ledger.path))
    seen = threading.Event()
    save = receipts.save

    def saved() -> None:
        save()
        if receipts.position:
            seen.set()

    monkeypatch.setattr(receipts, "save", saved)
    follower = Follower(receipts, ledger)
    calls(ledger, 1)
    assert seen.wait(20)
    (folder / "run0.jsonl").mkdir()
    calls(ledger, 2)
    ledger.close()
    follower.close()
    assert "The ledger keeps what is missing there." in caplog.text
    shutil.rmtree(folder / "run0.jsonl")
    again = Journal(ledger.path)
    assert caught_up(again, folder) == 1
    again.close()


def test_nobody_else_s_folder() -> None:
    with unprivileged(), pytest.raises(LedgerUnwritable, match="receipts"):
        module.Receipts(Path("/proc/none/costs"), None)  # type: ignore[arg-type]  # it does not come to the store
