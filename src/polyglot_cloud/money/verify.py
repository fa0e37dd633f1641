"""Whether the ledger is what was written: every entry in its place, the chain unbroken, its end where the copy outside says, and
attempts and balances what follows from the entries.

Entries are streamed, so the memory that this takes does not grow with the ledger. A running gateway goes on.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, select

from polyglot_cloud.money import head as heads
from polyglot_cloud.money.database import FAILURES, beside, explained, reading
from polyglot_cloud.money.entries import GENESIS, canonical, linker
from polyglot_cloud.money.faults import LedgerDamaged
from polyglot_cloud.money.head import Head
from polyglot_cloud.money.projections import STRIDE, project
from polyglot_cloud.money.schema import PROJECTIONS, TABLES, journal, meta

PAGE = 2000
"""Entries read at once."""
COLUMNS = (int, int, str, str, int, str, bytes)
"""SQLite would keep a number as text and the other way round."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `fault` None: all is sound.

    entries  how many were found sound, from the first on
    seq      the first entry that is not what was written, or not there; None where the fault concerns no entry
    copied   up to where the copy outside the database vouches for the end, None where there is no copy: what was cut off behind
             it cannot be missed
    """

    entries: int
    fault: str | None = None
    seq: int | None = None
    copied: int | None = None


class _Wrong(Exception):
    def __init__(self, seq: int, fault: str) -> None:
        super().__init__(fault)
        self.seq = seq


def verify(path: Path, key: bytes | None = None) -> Verdict:
    """Reads the whole ledger. Raises LedgerUnwritable where the file cannot be opened or the disk gives errors."""
    path = path.expanduser().resolve()
    try:
        copy = heads.load(path)  # before the entries are read: a running gateway adds to both
    except LedgerDamaged as error:
        return Verdict(0, str(error))
    copied = copy.seq if copy else None
    checked = 0
    try:
        for checked in _chain(path, key, copy):  # noqa: B007  # the last one is asked for below
            pass
    except _Wrong as wrong:
        return Verdict(checked, str(wrong), wrong.seq, copied)
    except LedgerDamaged as error:
        return Verdict(checked, str(error), checked + 1, copied)
    return Verdict(checked, _projections(path, checked), None, copied)


def _chain(path: Path, key: bytes | None, copy: Head | None) -> Iterator[int]:
    """The number of each entry, once it is found sound."""
    link, before, last = linker(key), GENESIS, 0
    for row in _rows(path):
        seq, *_, found = row
        if seq != last + 1:
            raise _Wrong(last + 1, f"Entry {last + 1} is missing: {seq} follows {last}.")
        if tuple(map(type, row)) != COLUMNS or _hash(link, before, row) != found:
            raise _Wrong(seq, _changed(seq))
        if copy is not None and seq == copy.seq and found != copy.hash:
            raise _Wrong(seq, f"Entry {seq} is not the one that {heads.place(path)} names: this is another chain.")
        before, last = found, seq
        yield seq
    if copy is not None and last < copy.seq:
        raise _Wrong(
            last + 1,
            f"The ledger ends at entry {last}, but {heads.place(path)} has seen {copy.seq}: the rest was cut off.",
        )


def _hash(link: Any, before: bytes, row: Any) -> bytes | None:
    try:
        hashed: bytes = link(before, canonical(*row[:-1]))
    except UnicodeEncodeError:  # what was written was UTF-8
        return None
    return hashed


def _changed(seq: int) -> str:
    if seq == 1:
        return "Entry 1 does not fit its hash: it was changed, or the ledger's key is not the one that it was written with."
    return f"Entry {seq} does not fit entry {seq - 1}: it was changed, moved or put in, or one before it was."


def _rows(path: Path) -> Iterator[Any]:
    """All entries, a page and a short transaction at a time: a long one would keep the write-ahead log from being cleared."""
    query = select(journal).order_by(journal.c.seq).limit(PAGE)
    with _reading(path) as connection:
        rows = connection.execute(query).all()
        while rows:
            yield from rows
            connection.rollback()
            rows = connection.execute(query.where(journal.c.seq > rows[-1].seq)).all()


@contextmanager
def _reading(path: Path) -> Iterator[Connection]:
    try:
        with reading(path).connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            yield connection
    except FAILURES as error:
        raise explained(error, path) from error


def _projections(path: Path, last: int) -> str | None:
    """What is wrong with attempts, balances and alerts: they are made anew in a scratch file and compared."""
    with tempfile.TemporaryDirectory(prefix="polyglot-ledger-") as scratch:
        try:
            with beside(path, Path(scratch) / "fresh.db").connect() as connection, connection.begin():
                return _differing(connection, last)
        except FAILURES as error:
            return str(explained(error, path))


def _differing(connection: Connection, last: int) -> str | None:
    reached = connection.exec_driver_sql("SELECT value FROM ledger.meta WHERE name = 'projected'").scalar()
    upto = int(reached or 0)
    if upto > last:
        return f"The projections claim to have got to entry {upto}, and the journal ends at {last}: `polyglot-cloud ledger rebuild`."
    TABLES.create_all(connection, [meta, *PROJECTIONS], checkfirst=False)  # the journal is the ledger's
    for after in range(0, upto, STRIDE):
        project(connection, after, min(after + STRIDE, upto))
    for table in PROJECTIONS:
        fresh, theirs = select(table), select(table.to_metadata(MetaData(), schema="ledger"))
        for odd in (fresh.except_(theirs), theirs.except_(fresh)):
            row = connection.execute(odd.limit(1)).first()
            if row is not None:
                return f"The table {table.name} does not follow from the entries, at {row[0]!r}. `polyglot-cloud ledger rebuild`."
    return None
