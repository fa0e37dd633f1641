"""What was acknowledged is there after kill -9 at any moment. `POLYGLOT_KILLS=50` kills more often than the suite has time for."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.receipts import Receipts
from polyglot_cloud.money.store import Store
from polyglot_cloud.money.verify import verify

KILLS = int(os.environ.get("POLYGLOT_KILLS", "6"))
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def nursery() -> Iterator[subprocess.Popen[str]]:
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    program = [sys.executable, str(Path(__file__).parent / "crashing.py")]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def killed(process: subprocess.Popen[str], ledger: Path, lines: int) -> list[tuple[str, str, int]]:
    """(kind, attempt, amount) of what a writer acknowledged until it was killed, after `lines` of them."""
    told, order = process.stdout, process.stdin
    assert told is not None
    assert order is not None
    order.write(f"{ledger}\n")
    order.flush()
    pid = int(told.readline().split()[1])
    acknowledged = [line for line, _ in zip(told, range(lines), strict=False)]
    os.kill(pid, signal.SIGKILL)
    acknowledged += rest(told)
    return [(kind, attempt, int(nano)) for kind, attempt, nano in map(str.split, acknowledged)]


def rest(told: IO[str]) -> Iterator[str]:
    for line in told:
        if line == "gone\n":
            return
        yield line


def test_what_was_acknowledged_is_there(nursery: subprocess.Popen[str], tmp_path: Path) -> None:
    ledger, chance = tmp_path / "ledger.db", random.Random(os.environ.get("POLYGLOT_SEED", "7"))
    acknowledged: list[tuple[str, str, int]] = []
    for _ in range(KILLS):
        acknowledged += killed(nursery, ledger, chance.randrange(0, 600))
        journal = Journal(ledger)  # the lock of the one that was killed is no obstacle
        journal.close()
        entries = list(Store(ledger).entries())
        there = {(entry.kind, entry.attempt, entry.nano) for entry in entries}
        assert set(acknowledged) <= there
        assert verify(ledger).fault is None
        ended = {entry.attempt for entry in entries if entry.kind in {"settled", "unknown"}}
        assert ended == {entry.attempt for entry in entries if entry.kind == "held"}
    receipts = Receipts(tmp_path / "costs", Store(ledger))
    receipts.catch_up()
    files = {path.name: path.read_bytes() for path in (tmp_path / "costs").glob("*.jsonl")}
    lines = [json.loads(line) for data in files.values() for line in data.splitlines()]
    settled = [(entry.seq, entry.nano) for entry in Store(ledger).entries(kinds=["settled"])]
    assert sorted((line["entry"], line["cost_nano"]) for line in lines) == settled
    receipts.rebuild()
    receipts.close()
    assert {path.name: path.read_bytes() for path in (tmp_path / "costs").glob("*.jsonl")} == files
