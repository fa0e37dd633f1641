"""The one connection that writes to a ledger: the chain's end, transactions, projections. Without threads; `journal` gives it one."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sqlalchemy import select

from polyglot_cloud.money import head as heads
from polyglot_cloud.money.database import FAILURES, explained, prepare, writing
from polyglot_cloud.money.entries import GENESIS, Entry, Line, canonical, line_of, linker
from polyglot_cloud.money.faults import LedgerDamaged, LedgerNewer, LedgerUnwritable
from polyglot_cloud.money.head import Head
from polyglot_cloud.money.lock import Lock
from polyglot_cloud.money.projections import STRIDE, project, reached
from polyglot_cloud.money.schema import APPEND, KEEP, ROWS, attempts, journal, migrate

Row = tuple[int, int, str, str, int, str, bytes]
SWEEP = 1000
"""Holds that one transaction sweeps."""


class Writer:
    """Holds the ledger's lock until `close()`. What it raises is a LedgerError, all through.

    `seq` and `hash` are the end of the chain, `projected` the entry up to which the projections have got, `copied` the one that the
    file beside the database names; `swept` counts the holds that were made `unknown` when it was opened.
    """

    def __init__(self, path: Path, key: bytes | None, synchronous: str, clock: Callable[[], int]) -> None:
        self.path, self._link, self._clock = path, linker(key), clock
        self.seq, self.hash, self.projected, self.copied, self.commits, self.swept = 0, GENESIS, 0, 0, 0, 0
        prepare(path)
        with self._telling(), contextlib.ExitStack() as undo:
            self._lock = Lock(f"The ledger {path}", path)
            undo.callback(self._lock.release)
            self._connection = writing(path, synchronous).connect()
            undo.callback(self._connection.close)
            with self._connection.begin():
                self._migrate()
            self._file = _identity(path)
            self._driver: sqlite3.Connection = self._connection.connection.driver_connection  # type: ignore[assignment]  # typed Any | None
            self.probe()  # SQLite opens a file that it may only read without a word
            self._compare_with_the_copy()
            self.project(self.seq)
            self.swept = self._sweep()
            undo.pop_all()

    def commit(self, lines: list[Line]) -> None:
        """One transaction. If it fails, nothing of it stands."""
        if not lines:
            return
        self._check_place()
        rows = list(self._chained(lines))
        with self._telling(), self._transaction():
            for size, chunk in _chunks(rows):
                self._driver.executemany(APPEND[size], chunk)
        self.commits += 1
        self.seq, self.hash = rows[-1][0], rows[-1][-1]

    def probe(self) -> None:
        """Writes a little, to see whether writing works, and looks where the chain ends."""
        self._check_place()
        with self._telling():
            with self._connection.begin():
                self._connection.execute(KEEP, {"name": "probed", "value": str(self._clock())})
            self._find_the_end()

    @property
    def lag(self) -> int:
        """Entries that the projections are behind."""
        return self.seq - self.projected

    def project(self, most: int) -> None:
        """Takes up to `most` further entries into the projections, in one transaction or several."""
        goal = min(self.seq, self.projected + most)
        while self.projected < goal:
            upto = min(goal, self.projected + STRIDE)
            with self._telling(), self._connection.begin():
                project(self._connection, self.projected, upto)
            self.projected = upto

    def copy_head(self) -> None:
        """Copies the end of the chain to the file beside the database."""
        self._check_place()
        with self._telling():
            heads.save(self.path, Head(self.seq, self.hash))
        self.copied = self.seq

    def close(self) -> None:
        """Lets the file go, whatever its state."""
        try:
            with self._telling():
                self._connection.close()
        finally:
            self._lock.release()

    # --- within ---

    def _check_place(self) -> None:
        """The system lets us write to a file that was deleted or moved, and keeps none of it for the next start."""
        try:
            there = _identity(self.path)
        except FileNotFoundError:
            there = None
        except OSError as error:
            raise explained(error, self.path) from error
        if there != self._file:
            raise LedgerUnwritable(
                f"The ledger {self.path}: {'it is gone' if there is None else 'another file has taken its place'}. Bring the one back that"
                " was there, or start the gateway anew to begin with what is there now."
            )

    def _chained(self, lines: list[Line]) -> Iterator[Row]:
        before = self.hash
        for seq, (kind, attempt, nano, facts, at) in enumerate(lines, self.seq + 1):
            before = self._link(before, canonical(seq, at, kind, attempt, nano, facts))
            yield seq, at, kind, attempt, nano, facts, before

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """By the driver's own means: this is the way of every call's entries."""
        self._driver.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._driver.execute("COMMIT")
        except BaseException:
            if self._driver.in_transaction:  # a full disk has ended it already
                self._driver.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            raise explained(error, self.path) from error

    def _migrate(self) -> None:
        try:
            migrate(self._connection)
        except LedgerNewer as error:
            raise LedgerNewer(f"The ledger {self.path}: {error}") from None

    def _find_the_end(self) -> None:
        with self._connection.begin():
            rows = self._connection.execute(select(journal).order_by(journal.c.seq.desc()).limit(2)).all()
            self.projected = reached(self._connection)
        if not rows:
            self.seq, self.hash = 0, GENESIS
            return
        *columns, found = rows[0]
        before = rows[1].hash if len(rows) > 1 else GENESIS
        if self._link(before, canonical(*columns)) != found:
            raise LedgerDamaged(
                f"The ledger {self.path}: its last entry, {rows[0].seq}, does not fit the one before. Either the ledger's key is not the"
                " one that it was written with, or the file was changed: `polyglot-cloud ledger verify` tells."
            )
        self.seq, self.hash = rows[0].seq, found

    def _compare_with_the_copy(self) -> None:
        copy = heads.load(self.path)
        if copy is None or copy.seq == 0:
            return
        with self._connection.begin():
            there = self._connection.execute(select(journal.c.hash).where(journal.c.seq == copy.seq)).scalar()
        if there != copy.hash:
            raise LedgerDamaged(
                f"The ledger {self.path} ends at entry {self.seq} and is not the one that {heads.place(self.path)} knows up to entry"
                f" {copy.seq}: entries were cut off, or it is another file. Bring the right one back. If you put an older copy here on"
                f" purpose, take {heads.place(self.path)} away."
            )
        self.copied = copy.seq

    def _sweep(self) -> int:
        """Makes `unknown` what the last process left open: whether its provider was asked, and did the work, nobody knows."""
        with self._connection.begin():
            left = self._connection.execute(
                select(attempts.c.attempt, attempts.c.bound).where(attempts.c.state == "held")
            )
            entries = iter([Entry("unknown", attempt, bound, {"why": "restart"}) for attempt, bound in left])
        count = 0
        while lines := [line_of(entry, self._clock()) for entry in islice(entries, SWEEP)]:
            self.commit(lines)
            count += len(lines)
        self.project(self.lag)
        return count


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _chunks(rows: list[Row]) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
    """(entries of one statement, their values in a row for each statement)"""
    start = 0
    for size in ROWS:
        chunk = []
        while start + size <= len(rows):
            chunk.append(tuple(chain.from_iterable(rows[start : start + size])))
            start += size
        if chunk:
            yield size, chunk
