"""Receipts: a file of JSON lines for each run, written from the ledger and complete after any crash.

Each line carries the number and the hash of its entry, so the files themselves tell how far they have got: the position that is kept
beside them may be old, or gone. Other programs may append lines of their own; those are left alone.
"""

import asyncio
import contextlib
import errno
import json
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import bindparam, literal_column, select

from polyglot_cloud import wire
from polyglot_cloud.money.compiled import Compiled
from polyglot_cloud.money.faults import LedgerError, LedgerUnwritable
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.lock import Lock
from polyglot_cloud.money.projections import reached
from polyglot_cloud.money.receipt_lines import MARK, Receipt, file_name, line
from polyglot_cloud.money.schema import attempts, journal
from polyglot_cloud.money.store import Store

log = logging.getLogger(__name__)

PAGE = 1000
"""Entries read at once."""
EVERY = 0.25
"""Seconds between two looks at the ledger."""
SAVED_EVERY = 5.0
"""Seconds between two savings of the position; after a crash so much is looked through again."""
TAIL = 1 << 16
"""Bytes read at once from a file's end."""

_held = journal.alias("held_entry")
_columns = journal.c
_WRITTEN = Compiled(
    select(
        _columns.seq, _columns.at, _columns.kind, _columns.attempt, _columns.nano, _columns.facts, _columns.hash,
        _held.c.facts.label("held"), attempts.c.ended_seq,
    )
    .select_from(
        journal.join(attempts, attempts.c.attempt == journal.c.attempt).outerjoin(
            _held, _held.c.seq == attempts.c.held_seq
        )
    )
    .where(
        _columns.kind.in_([literal_column(f"'{kind}'") for kind in ("settled", "released", "repriced")]),
        _columns.seq > bindparam("after"),
        _columns.seq <= bindparam("end"),
    )
    .order_by(_columns.seq)
    .limit(literal_column(str(PAGE)))
)  # fmt: skip


def pages(store: Store, after: int) -> Iterator[tuple[int, list[Receipt]]]:
    """The receipts of the entries after `after`, a page at a time, each with the entry up to which it goes."""
    while True:
        with store.connection() as connection:
            end = reached(connection)
            rows = _WRITTEN.run(connection, after=after, end=end).fetchall()
        after = rows[-1][0] if len(rows) == PAGE else end
        # a second settlement of one attempt counts for nothing
        yield after, [_receipt(*row[:-1]) for row in rows if row[2] != "settled" or row[0] == row[-1]]
        if len(rows) < PAGE:
            return


def _receipt(
    seq: int, at: int, kind: str, attempt: str, nano: int, facts: str, mark: bytes, held: str | None
) -> Receipt:
    return Receipt(seq, at, kind, attempt, nano, wire.decode(facts), mark, wire.decode(held) if held else {})


class Receipts:
    """The files of one folder. Raises LedgerUnwritable where they cannot be written, LedgerBusy where another process writes them."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self._store = folder.expanduser().resolve(), store
        self._place = self.folder / ".position"
        self._unsaved: set[str] = set()
        self._looked_at: dict[str, int] = {}
        self.heard: Callable[[bytes], None] = lambda line: None
        """Is told of each line of this process, once it is written."""
        with self._telling():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = Lock(f"The folder of receipts {self.folder}", self._place)
            self.position = self._load()
        self._old = store.projected()

    def catch_up(self) -> int:
        """Writes what is new; returns how many lines that were. Blocks."""
        count = 0
        for upto, receipts in pages(self._store, self.position):
            try:
                with self._telling():
                    count += self._write(receipts)
            except LedgerError:
                self._old = max(self._old, upto)  # some of the files may have theirs: look before the next try
                raise
            self.position = upto
        return count

    def save(self) -> None:
        """Puts the lines on the disk, then how far they have got."""
        with self._telling():
            for name in self._unsaved:
                _flush(self.folder / name)
            self._unsaved.clear()
            saved = {"entry": self.position, "hash": self._hash(self.position)}
            fresh = self._place.with_name(".position.new")
            fresh.write_bytes(wire.canonical(saved) + b"\n")
            _flush(fresh)
            fresh.replace(self._place)

    def close(self) -> None:
        """Lets the folder go. What was not saved is looked through again at the next start."""
        self._lock.release()

    def rebuild(self) -> int:
        """Writes the files of all runs in the ledger anew; returns the number of lines. Lines of other programs stay, in front."""
        scratch = self.folder / ".rebuild"
        count, position = 0, 0
        with self._telling():
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(mode=0o700)
            for position, receipts in pages(self._store, 0):  # noqa: B007  # the last one is asked for below
                for name, lines in _by_file(receipts).items():
                    _append(scratch / name, b"".join(lines))
                count += len(receipts)
            for fresh in sorted(scratch.iterdir()):
                self._exchange(fresh)
            scratch.rmdir()
        self.position = position
        self._looked_at.clear()
        self.save()
        return count

    # --- within ---

    def _write(self, receipts: list[Receipt]) -> int:
        """Whole lines, in one write for each file. What a file has already is left out."""
        count, fresh = 0, [receipt for receipt in receipts if self._lacks(receipt)]
        are_news = all(receipt.seq > self._old for receipt in fresh)
        for name, lines in _by_file(fresh).items():
            _append(self.folder / name, b"".join(lines))
            self._unsaved.add(name)
            count += len(lines)
            for written in lines if are_news else ():
                self.heard(written)
        return count

    def _lacks(self, receipt: Receipt) -> bool:
        """Only what was in the ledger before this process can stand in a file already."""
        if receipt.seq > self._old:
            self._looked_at.clear()
            return True
        name = file_name(receipt.run)
        if name not in self._looked_at:
            self._looked_at[name] = self._last(self.folder / name)
        return receipt.seq > self._looked_at[name]

    def _last(self, path: Path) -> int:
        """The last entry of this ledger that has a line there; a half-written line is taken away first."""
        try:
            _mend(path)
            for found in _backwards(path):
                entry, mark = _ours(found)
                if entry and self._hash(entry) == mark:
                    return entry
        except FileNotFoundError:
            pass
        return 0

    def _hash(self, entry: int) -> str:
        """The first digits of an entry's hash, "" where there is none."""
        with self._store.connection() as connection:
            found = connection.execute(select(journal.c.hash).where(journal.c.seq == entry)).scalar()
        return found.hex()[:MARK] if found else ""

    def _load(self) -> int:
        """0 where no position is known, or it is another ledger's."""
        try:
            saved = wire.decode_object(self._place.read_bytes())
            entry, mark = int(saved["entry"]), str(saved["hash"])
        except (FileNotFoundError, wire.InvalidJson, KeyError, TypeError, ValueError):
            return 0
        return entry if mark and self._hash(entry) == mark else 0

    def _exchange(self, fresh: Path) -> None:
        old = self.folder / fresh.name
        others = b""
        if old.exists():
            _mend(old)
            with old.open("rb") as file:
                others = b"".join(found for found in file if not _ours(found)[0])
        if others:
            fresh.write_bytes(others + fresh.read_bytes())
        _flush(fresh)
        fresh.replace(old)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = {
                errno.ENOSPC: "the disk is full. Make room",
                errno.EACCES: "there is no permission. Look at its rights",
                errno.EEXIST: "a file has its name",
                errno.ENOTDIR: "a part of its name is a file",
                errno.EROFS: "its file system is read-only",
            }.get(error.errno or 0, str(error))
            raise LedgerUnwritable(
                f"The folder of receipts {self.folder}: {what}, or name another POLYGLOT_RECEIPTS_DIR."
            ) from error


class Follower:
    """Writes the receipts of a running gateway, in a thread of its own.

    Closed after the journal, which then has nothing new any more.
    """

    def __init__(self, receipts: Receipts, ledger: Journal) -> None:
        self._receipts, self._ledger = receipts, ledger
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="receipts", daemon=True)
        self._reported = False
        self._stepping = threading.Lock()
        self._thread.start()

    @property
    def folder(self) -> Path:
        return self._receipts.folder

    def on_line(self, listen: Callable[[bytes], None]) -> None:
        """`listen` is called in a thread with every line that this process adds to a file, once. It must not wait or fail."""
        self._receipts.heard = listen

    async def written(self) -> None:
        """Returns once what was booked before stands in the files. What cannot be written there now is written later. Raises LedgerError
        where the ledger itself cannot be read.
        """
        await self._ledger.refresh()
        await asyncio.to_thread(self._step, save=False)

    def close(self) -> None:
        """Writes what is still missing. Blocks."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        waited = 0.0
        while not self._end.wait(EVERY):
            waited += EVERY
            self._step(save=waited >= SAVED_EVERY)
            waited = 0.0 if waited >= SAVED_EVERY else waited
        self._step(save=True)
        self._receipts.close()

    def _step(self, *, save: bool) -> None:
        """One look. What cannot be written now is written later: the ledger has it."""
        with self._stepping:
            self._look(save=save)

    def _look(self, *, save: bool) -> None:
        if self._ledger.projected == self._receipts.position and not save:
            return
        trouble: LedgerError | None = None
        try:
            self._receipts.catch_up()
            if save:
                self._receipts.save()
        except LedgerError as error:
            trouble = error
        if trouble is not None and not self._reported:
            log.error("%s The ledger keeps what is missing there.", trouble)
        self._reported = trouble is not None


def _by_file(receipts: list[Receipt]) -> dict[str, list[bytes]]:
    files: dict[str, list[bytes]] = {}
    for receipt in receipts:
        files.setdefault(file_name(receipt.run), []).append(line(receipt))
    return files


def _append(path: Path, data: bytes) -> None:
    """All of it or nothing."""
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        size = os.fstat(file).st_size
        try:
            _write_whole(file, data)
        except OSError:
            os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


def _write_whole(file: int, data: bytes) -> None:
    if os.write(file, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _mend(path: Path) -> None:
    """Ends the last line where only its end is missing, and cuts it off where it is half."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        last = next(_backwards(path), b"")
        if not last or last.endswith(b"\n"):
            return
        try:
            json.loads(last)
            file.write(b"\n")
        except ValueError:
            file.truncate(size - len(last))


def _backwards(path: Path) -> Iterator[bytes]:
    """A file's lines with their ends, the last one first."""
    with path.open("rb") as file:
        position, rest = file.seek(0, os.SEEK_END), b""
        while position:
            step = min(TAIL, position)
            position = file.seek(position - step)
            lines = (file.read(step) + rest).split(b"\n")
            lines[:-1] = [found + b"\n" for found in lines[:-1]]
            rest = lines.pop(0) if position else b""
            yield from (found for found in reversed(lines) if found)
        if rest:
            yield rest


def _ours(found: bytes) -> tuple[int, str]:
    """(entry, digits of its hash) of a line that the gateway wrote, (0, "") of another."""
    try:
        value = json.loads(found)
        return int(value["entry"]), str(value["hash"])
    except (ValueError, KeyError, TypeError):
        return 0, ""


def _flush(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
