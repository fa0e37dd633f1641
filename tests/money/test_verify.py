"""A ledger that somebody or something changed is found out, and the first wrong entry is named."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from money.ledgers import held, settled
from polyglot_cloud.money import head
from polyglot_cloud.money import verify as verifying
from polyglot_cloud.money.entries import GENESIS, canonical, linker
from polyglot_cloud.money.faults import LedgerUnwritable
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.verify import verify

ENTRIES = 40


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("sound") / "ledger.db", "acme")


def written(path: Path, tenant: str) -> Path:
    journal = Journal(path, clock=lambda: 5)
    for number in range(ENTRIES // 2):
        journal.write(held(f"a{number}", tenant=tenant, note="ü" * number), settled(f"a{number}"))
    journal.close()
    return path


def copied(sound: Path, folder: Path) -> Path:
    for path in (sound, head.place(sound)):
        shutil.copy(path, folder / path.name)
    return folder / sound.name


def rows(path: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    connection.text_factory = bytes
    try:
        return connection.execute("SELECT * FROM journal ORDER BY seq").fetchall()
    finally:
        connection.close()


def sql(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return change


def rehashed(path: Path) -> None:
    """Somebody who has no key and knows the way: entry 7 changed, and a chain made that fits."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE journal SET nano = 1 WHERE seq = 7")
    before, link = GENESIS, linker(None)
    for row in connection.execute("SELECT * FROM journal ORDER BY seq").fetchall():
        before = link(before, canonical(*row[:-1]))
        connection.execute("UPDATE journal SET hash = ? WHERE seq = ?", (before, row[0]))
    connection.close()


def another(path: Path) -> None:
    path.unlink()
    written(path.with_name("other.db"), "other").rename(path)


COPY = "INSERT INTO journal SELECT {}, at, kind, attempt, nano, facts, hash FROM journal WHERE seq = {}"
CHANGES = {
    "amount": (sql("UPDATE journal SET nano = nano + 1 WHERE seq = 7"), 7),
    "time": (sql("UPDATE journal SET at = at + 1 WHERE seq = 1"), 1),
    "kind": (sql("UPDATE journal SET kind = 'released' WHERE seq = 8"), 8),
    "attempt": (sql("UPDATE journal SET attempt = 'a9' WHERE seq = 7"), 7),
    "facts": (sql("UPDATE journal SET facts = replace(facts, 'acme', 'adme') WHERE seq = 7"), 7),
    "hash": (sql("UPDATE journal SET hash = x'00' WHERE seq = 7"), 7),
    "number to text": (sql("UPDATE journal SET attempt = CAST(attempt AS BLOB) WHERE seq = 7"), 7),
    "text to bytes": (sql("UPDATE journal SET facts = CAST(facts AS BLOB) WHERE seq = 7"), 7),
    "no utf-8": (sql("UPDATE journal SET facts = CAST(x'ff' || CAST(facts AS BLOB) AS TEXT) WHERE seq = 7"), 7),
    "first removed": (sql("DELETE FROM journal WHERE seq = 1"), 1),
    "one removed": (sql("DELETE FROM journal WHERE seq = 7"), 7),
    "removed and closed up": (
        sql("DELETE FROM journal WHERE seq = 7", "UPDATE journal SET seq = -seq", "UPDATE journal SET seq = -seq - (seq < -7)"),
        7,
    ),
    "doubled at the end": (sql(COPY.format(ENTRIES + 1, ENTRIES)), ENTRIES + 1),
    "doubled in front": (sql(COPY.format(0, 1)), 1),
    "swapped": (
        sql("UPDATE journal SET seq = 99 WHERE seq = 7",
            "UPDATE journal SET seq = 7 WHERE seq = 8", "UPDATE journal SET seq = 8 WHERE seq = 99"),
        7,
    ),
    "tail cut off": (sql(f"DELETE FROM journal WHERE seq > {ENTRIES - 3}"), ENTRIES - 2),
    "all gone": (sql("DELETE FROM journal"), 1),
    "no journal": (sql("DROP TABLE journal"), 1),
    "chain made anew": (rehashed, ENTRIES),
    "another ledger of the same length": (another, ENTRIES),
}  # fmt: skip


@pytest.mark.parametrize(("change", "seq"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_found_and_the_first_wrong_entry_named(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], seq: int
) -> None:
    monkeypatch.setattr(verifying, "PAGE", 3)
    path = copied(sound, tmp_path)
    keep = head.place(path).read_bytes()
    assert verify(path) == verifying.Verdict(ENTRIES, None, None, ENTRIES)
    change(path)
    head.place(path).write_bytes(keep)
    verdict = verify(path)
    assert verdict.fault is not None
    assert (verdict.seq, verdict.entries, verdict.copied) == (seq, seq - 1, ENTRIES)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE balances SET spent = 0",
        "DELETE FROM balances",
        "UPDATE attempts SET cost = 0 WHERE attempt = 'a3'",
        "UPDATE attempts SET tenant = 'other' WHERE attempt = 'a3'",
        "DELETE FROM attempts WHERE attempt = 'a3'",
        "INSERT INTO alerts VALUES ('day', 5, 75, 5)",
        "DROP TABLE balances",
        "UPDATE meta SET value = '41' WHERE name = 'projected'",
    ],
)
def test_what_is_read_out_of_the_journal_is_checked_too(sound: Path, tmp_path: Path, statement: str) -> None:
    path = copied(sound, tmp_path)
    sql(statement)(path)
    verdict = verify(path)
    assert verdict.fault is not None
    assert (verdict.entries, verdict.seq) == (ENTRIES, None)


@given(place=st.integers(0, 2**31), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_wherever_it_changes_an_entry(
    sound: Path, tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    path = copied(sound, tmp_path_factory.mktemp("flipped"))
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= 1 << bit
    path.write_bytes(data)
    try:
        verdict = verify(path)
    except LedgerUnwritable:
        return
    if verdict.fault is None:
        assert rows(path) == rows(sound)


def test_each_flipped_byte_of_an_entry_is_found(sound: Path, tmp_path: Path) -> None:
    path = copied(sound, tmp_path)
    data = path.read_bytes()
    start = data.index(b'"tenant":"acme"')
    for place in random.Random(1).sample(range(start, start + 15), 5):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert verify(path).seq is not None


def test_a_schema_that_is_no_text_any_more_is_told_as_damage(sound: Path, tmp_path: Path) -> None:
    """The driver fails over SQLite's own message, which repeats the byte."""
    path = copied(sound, tmp_path)
    data = path.read_bytes()
    place = data.index(b"sqlite_autoindex_")
    path.write_bytes(data[:place] + b"\xf3" + data[place + 1 :])
    assert "no sound database" in str(verify(path).fault)


def test_without_a_copy_of_the_end_it_says_so(sound: Path, tmp_path: Path) -> None:
    path = copied(sound, tmp_path)
    head.place(path).unlink()
    assert verify(path).copied is None
    head.place(path).write_text("{}")
    assert "holds no end of a chain" in str(verify(path).fault)


def test_what_is_not_there_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnwritable, match="cannot be opened"):
        verify(tmp_path / "none.db")


def test_a_running_ledger_can_be_verified(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "ledger.db")
    journal.write(held("a1"), settled("a1"))
    assert verify(tmp_path / "ledger.db").fault is None
    journal.close()
