import asyncio
import errno
import os
import resource
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from money.ledgers import held, settled, unprivileged
from polyglot_cloud.money import database, head, journal, schema
from polyglot_cloud.money.commits import Commit
from polyglot_cloud.money.entries import Entry, line_of
from polyglot_cloud.money.faults import LedgerBusy, LedgerClosed, LedgerDamaged, LedgerUnwritable
from polyglot_cloud.money.head import Head
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.store import Store
from polyglot_cloud.money.verify import verify

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "data" / "ledger.db", clock=lambda: 77)
    yield opened
    opened.close()


def kinds(opened: Journal) -> list[tuple[str, str]]:
    return [(entry.kind, entry.attempt) for entry in Store(opened.path).entries()]


# --- entries come in ---


async def test_what_is_acknowledged_is_there_in_its_order(ledger: Journal) -> None:
    await ledger.append(held("a1"), Entry("tightened", "a1", 300, at=5))
    await ledger.append(settled("a1"))
    found = list(Store(ledger.path).entries())
    assert [(entry.seq, entry.kind, entry.at) for entry in found] == [
        (1, "held", 77),
        (2, "tightened", 5),
        (3, "settled", 77),
    ]
    assert found[0] == Entry("held", "a1", 500, held("a1").facts, 77, 1)
    assert ledger.seq == 3


async def test_many_entries_take_few_commits(ledger: Journal) -> None:
    await asyncio.gather(*(ledger.append(held(f"a{number}")) for number in range(3000)))
    assert ledger.seq == 3000
    assert ledger.commits < 20


async def test_a_slow_disk_is_the_waiting_caller_s_affair(ledger: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, commit = threading.Event(), ledger._writer.commit
    monkeypatch.setattr(ledger._writer, "commit", lambda lines: (disk.wait(), commit(lines)))
    first = ledger.append(held("a1"))
    later = [ledger.append(held(f"b{number}")) for number in range(100)]  # none of them waits for the disk
    await asyncio.sleep(0)
    assert not first.done()
    disk.set()
    await asyncio.gather(first, *later)
    assert ledger.seq == 101


async def test_facts_may_change_once_they_are_added(ledger: Journal) -> None:
    entry = held("a1", tenant="acme")
    future = ledger.append(entry)
    entry.facts["tenant"] = "other"
    await future
    assert next(Store(ledger.path).entries()).facts["tenant"] == "acme"


async def test_a_bad_entry_is_told_to_who_adds_it(ledger: Journal) -> None:
    with pytest.raises(ValueError, match="nano-dollars"):
        ledger.append(held("a1"), held("a2", -1))
    ledger.refreshed()
    assert ledger.seq == 0


async def test_nobody_has_to_wait(ledger: Journal) -> None:
    ledger.append(held("a1"))
    await ledger.refresh()
    assert kinds(ledger) == [("held", "a1")]


async def test_one_turn_s_entries_go_together_and_who_gives_up_disturbs_no_other(ledger: Journal) -> None:
    before = ledger.commits
    first, second = (asyncio.ensure_future(_done(ledger.append(held(name)))) for name in ("a1", "a2"))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert ledger.commits == before + 1
    assert ledger.seq == 2


async def _done(commit: Commit) -> None:
    await commit


async def test_what_nobody_waits_for_goes_with_what_comes_next(ledger: Journal) -> None:
    before = ledger.commits
    ledger.add([line_of(settled("a1"), 1)], urgent=False)
    await asyncio.sleep(0)
    assert ledger.commits == before
    await ledger.append(held("a2"))
    assert ledger.commits == before + 1
    assert kinds(ledger) == [("settled", "a1"), ("held", "a2")]


async def test_or_alone_after_a_while(ledger: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LINGER", 0.0)
    await ledger.add([line_of(settled("a1"), 1)], urgent=False)
    assert kinds(ledger) == [("settled", "a1")]


def test_what_ended_loops_left_goes_first(ledger: Journal) -> None:
    async def leave(name: str) -> None:
        asyncio.get_running_loop().call_soon(lambda: ledger.append(held(name)))  # in the loop's last turn

    asyncio.run(leave("a1"))
    asyncio.run(leave("a2"))
    ledger.write(settled("a1"))
    assert kinds(ledger) == [("held", "a1"), ("held", "a2"), ("settled", "a1")]


@pytest.mark.parametrize("count", [1, 3, 4, 5, 16, 21, 64, 65, 149])
def test_however_many_there_are_each_stands_in_its_place(ledger: Journal, count: int) -> None:
    ledger.write(*(held(f"a{number}") for number in range(count)))
    assert kinds(ledger) == [("held", f"a{number}") for number in range(count)]
    assert verify(ledger.path).fault is None


def test_an_event_loop_may_be_gone(ledger: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, commit = threading.Event(), ledger._writer.commit
    monkeypatch.setattr(ledger._writer, "commit", lambda lines: (disk.wait(), commit(lines)))

    async def leave() -> None:
        ledger.append(held("a1"))

    asyncio.run(leave())
    disk.set()
    ledger.write(held("a2"))
    assert ledger.seq == 2


async def test_after_its_end_nothing_comes_in(ledger: Journal) -> None:
    waiting = ledger.append(held("a1"))
    ledger.close()
    ledger.close()
    await waiting
    with pytest.raises(LedgerClosed):
        await ledger.append(held("a2"))
    with pytest.raises(LedgerClosed):
        ledger.write(held("a2"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_defect_in_the_thread_leaves_nobody_waiting(ledger: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger._writer, "commit", lambda lines: 1 / 0)
    waiting = [ledger.append(held("a1")), ledger.append(held("a2"))]
    for future in waiting:
        with pytest.raises(LedgerClosed):
            await future


# --- what a crash left ---


def test_open_holds_are_swept_into_unknown(ledger: Journal) -> None:
    ledger.write(held("a1"), held("a2", 700), Entry("tightened", "a2", 600), settled("a1"))
    ledger.close()
    again = Journal(ledger.path, clock=lambda: 99)
    assert again.swept == 1
    (left,) = Store(ledger.path).unknown()
    assert (left.id, left.bound, left.ended_at, left.ended) == ("a2", 600, 99, {"why": "restart"})
    again.close()
    third = Journal(ledger.path)
    assert third.swept == 0
    third.close()


# --- the file and its neighbours ---


def test_only_the_owner_may_read_it(ledger: Journal) -> None:
    ledger.write(held("a1"))
    ledger.close()
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in [ledger.path.parent, *ledger.path.parent.iterdir()]
    }
    assert modes == {"data": 0o700, "ledger.db": 0o600, "ledger.db.lock": 0o600, "ledger.db.head": 0o600}


def test_a_second_one_is_told_who_has_it(ledger: Journal) -> None:
    with pytest.raises(LedgerBusy, match=rf"ledger\.db is in use by another process \(pid {os.getpid()}\)"):
        Journal(ledger.path)
    ledger.close()
    Journal(ledger.path).close()


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(LedgerUnwritable, match="is taken by a file"):
        Journal(tmp_path / "data" / "ledger.db")
    with pytest.raises(LedgerUnwritable, match="a part of its folder's name is a file"):
        Journal(tmp_path / "data" / "more" / "ledger.db")


def test_no_permission_and_a_read_only_file() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders let nobody else in
        place = Path(folder)
        place.chmod(0o755)
        (place / "closed").mkdir(mode=0o555)
        ledger = place / "open" / "ledger.db"
        Journal(ledger).close()
        for path in (ledger.parent, *ledger.parent.iterdir()):
            path.chmod(0o777)
        ledger.chmod(0o444)
        with unprivileged():
            with pytest.raises(LedgerUnwritable, match="no permission"):
                Journal(place / "closed" / "ledger.db")
            with pytest.raises(LedgerUnwritable, match="read-only"):
                Journal(ledger)


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"it was a dark and stormy night" * 99)
    with pytest.raises(LedgerDamaged, match="no sound database"):
        Journal(tmp_path / "ledger.db")
    with pytest.raises(ValueError, match="NORMAL or FULL"):
        Journal(tmp_path / "other.db", synchronous="OFF")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_the_system_s_errors_are_told_in_words(code: int) -> None:
    error = database.explained(OSError(code, os.strerror(code)), Path("ledger.db"))
    assert isinstance(error, LedgerUnwritable)
    assert str(error).startswith("The ledger ledger.db: ")


def test_full_is_a_setting(tmp_path: Path) -> None:
    opened = Journal(tmp_path / "ledger.db", synchronous="FULL")
    opened.write(held("a1"))
    assert opened._writer._driver.execute("PRAGMA synchronous").fetchone() == (2,)
    opened.close()


def test_sqlalchemy_is_imported_with_the_first_ledger_and_not_before() -> None:
    program = "import sys, polyglot_cloud.cli, polyglot_cloud.money.journal; sys.exit('sqlalchemy' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=False
        ).returncode
        == 0
    )


# --- the end of the chain ---


def test_the_end_is_copied_at_intervals_and_at_the_end(ledger: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "HEAD_EVERY", 0.0)
    ledger.write(held("a1"))
    ledger.refreshed()
    ledger.refreshed()  # the copy is made between two pieces of work
    assert head.load(ledger.path) == Head(1, ledger._writer.hash)
    monkeypatch.setattr(journal, "HEAD_EVERY", 999.0)
    ledger.write(held("a2"))
    ledger.close()
    assert head.load(ledger.path) == Head(2, ledger._writer.hash)


def test_a_shorter_or_another_ledger_is_refused(ledger: Journal) -> None:
    ledger.write(held("a1"), settled("a1"))
    ledger.close()
    with database.writing(ledger.path, "NORMAL").connect() as connection, connection.begin():
        connection.execute(schema.journal.delete().where(schema.journal.c.seq == 2))
    with pytest.raises(LedgerDamaged, match=r"ends at entry 1 and is not the one that .*\.head knows up to entry 2"):
        Journal(ledger.path)
    head.place(ledger.path).write_text("nonsense")
    with pytest.raises(LedgerDamaged, match="holds no end of a chain"):
        Journal(ledger.path)
    head.place(ledger.path).unlink()  # as the message says
    assert "claim to have got to entry 2" in str(verify(ledger.path).fault)  # the projections know it still


def test_a_ledger_has_one_key(tmp_path: Path) -> None:
    opened = Journal(tmp_path / "ledger.db", key=b"secret")
    opened.write(held("a1"), settled("a1"))
    opened.close()
    for key in (None, b"other"):
        with pytest.raises(LedgerDamaged, match="the ledger's key is not the one"):
            Journal(tmp_path / "ledger.db", key=key)
        assert verify(tmp_path / "ledger.db", key).seq == 1
    assert verify(tmp_path / "ledger.db", b"secret").fault is None
    Journal(tmp_path / "ledger.db", key=b"secret").close()


# --- the disk fails ---


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow: the nearest to a full disk that needs no disk of its own."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_fails_the_futures_and_loses_no_settlement(
    ledger: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await ledger.append(held("a1"), held("a2"))
    with full_disk():
        with pytest.raises(LedgerUnwritable, match="ledger"):
            await ledger.append(held("a3"))
        assert ledger.failure is not None
        for entry in (held("a4"), settled("a1"), Entry("released", "a2")):
            with pytest.raises(LedgerUnwritable):
                await ledger.append(entry)
        with pytest.raises(LedgerUnwritable):
            await ledger.refresh()
        monkeypatch.setattr(journal, "RETRY", 0.0)
        ledger._retry_at = 0.0
        with pytest.raises(LedgerUnwritable):
            await ledger.append(held("a5"))  # tried again, and still full
        assert ledger.owed == 2
    await ledger.append(held("a6"))
    assert [ledger.failure, ledger.owed] == [None, 0]
    assert kinds(ledger) == [("held", "a1"), ("held", "a2"), ("settled", "a1"), ("released", "a2"), ("held", "a6")]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    ledger.close()
    assert verify(ledger.path).fault is None


async def test_what_the_disk_never_takes_is_told_at_the_end(
    ledger: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal, "OWED", 1)
    with full_disk():
        for entry in (settled("a1"), settled("a2")):
            with pytest.raises(LedgerUnwritable):
                await ledger.append(entry)
        ledger.close()
    said = [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"]
    assert [text for text in said if "1 entries of the ledger are lost" in text]
    assert [text for text in said if "1 entries could not be written" in text]


# --- the projections keep up ---


async def test_under_load_the_projections_get_their_share(ledger: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LAG", 10)
    monkeypatch.setattr(journal, "BATCH", 50)
    monkeypatch.setattr(journal, "IDLE", 99.0)
    await asyncio.gather(*(ledger.append(held(f"a{number}")) for number in range(600)))
    await ledger.append(held("last"))
    assert ledger.projected > 0
    await ledger.refresh()
    assert ledger.projected == ledger.seq == 601


def test_a_copy_of_the_end_needs_no_write_ahead_log(tmp_path: Path) -> None:
    head.save(tmp_path / "ledger.db", Head(3, b"x"))
    assert head.load(tmp_path / "ledger.db") == Head(3, b"x")


# --- a file that is taken away ---


@pytest.mark.parametrize("instead", [False, True])
async def test_a_ledger_that_is_taken_away_takes_no_more_entries(tmp_path: Path, instead: bool) -> None:
    opened, aside = Journal(tmp_path / "ledger.db"), tmp_path / "aside.db"
    try:
        await opened.append(held("a1"))
        opened.path.rename(aside)
        if instead:
            opened.path.touch()
        with pytest.raises(LedgerUnwritable, match="another file" if instead else "it is gone"):
            await opened.append(held("a2"))
        aside.replace(opened.path)
        opened._retry_at = 0.0
        await opened.append(held("a3"))
        assert opened.failure is None
    finally:
        opened.close()
    assert [attempt for _, attempt in kinds(opened)][:1] == ["a1"]


def test_no_copy_of_the_end_is_made_beside_a_ledger_that_is_gone(tmp_path: Path) -> None:
    opened = Journal(tmp_path / "ledger.db")
    opened.write(held("a1"))
    opened.path.rename(tmp_path / "aside.db")
    opened.close()
    assert not head.place(opened.path).exists()
