"""The ledger's file: its folder, its connections, and what is told where one of them fails."""

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from polyglot_cloud.money.faults import LedgerDamaged, LedgerError, LedgerUnwritable

PATIENCE = 5.0
"""Seconds that a connection waits for another one's transaction: a command line that makes a key while the gateway writes."""
CHECKPOINT = 4000
"""Pages of the write-ahead log (16 MB) after which it is copied into the file. Fewer mean more stalls, more a longer start."""


def prepare(path: Path) -> None:
    """Makes the folder (0700) and an empty file (0600). Raises LedgerUnwritable."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never opened where it exists: closing it would drop the locks that SQLite has on it in this process.
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise explained(error, path) from None


def writing(path: Path, synchronous: str) -> Engine:
    """An engine for the one writer. Its transactions begin at once with the right to write."""
    if synchronous not in {"NORMAL", "FULL"}:
        raise ValueError(f"synchronous is NORMAL or FULL, not {synchronous!r}")

    def connect() -> sqlite3.Connection:
        return _prepared(
            _connect(path, "rw"),
            "PRAGMA journal_mode = WAL",
            f"PRAGMA synchronous = {synchronous}",
            f"PRAGMA wal_autocheckpoint = {CHECKPOINT}",
        )

    return _engine(connect, "BEGIN IMMEDIATE")


def reading(path: Path) -> Engine:
    """An engine whose connections can only read. Each is opened anew, and sees one state of the file within a transaction."""
    return _engine(lambda: _connect(path, "ro"), "BEGIN")


def beside(path: Path, scratch: Path) -> Engine:
    """An engine on a new file `scratch`, with the ledger beside it as `ledger`, to read."""

    def connect() -> sqlite3.Connection:
        there = f"file:{quote(str(path))}?mode=ro".replace("'", "''")
        return _prepared(
            sqlite3.connect(f"file:{quote(str(scratch))}", uri=True, isolation_level=None),
            "PRAGMA synchronous = OFF",
            f"ATTACH '{there}' AS ledger",
        )

    return _engine(connect, "BEGIN")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)


def _prepared(connection: sqlite3.Connection, *statements: str) -> sqlite3.Connection:
    try:
        for statement in statements:
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _engine(connect: Any, begin: str) -> Engine:
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


FAILURES = (OSError, sqlite3.Error, DBAPIError, UnicodeDecodeError)
"""What the driver, SQLAlchemy and the file system raise. `explained` reads them. The driver cannot read a message of SQLite's that repeats
a damaged name.
"""

_BY_CODE = {
    sqlite3.SQLITE_FULL: "the disk is full. Make room; writing is tried again by itself",
    sqlite3.SQLITE_READONLY: "it is read-only. Make the file and its folder writable for this user",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened. Look at the rights of the file and its folder",
    sqlite3.SQLITE_PERM: "it cannot be opened. Look at the rights of the file and its folder",
    sqlite3.SQLITE_IOERR: "the disk gives errors, or a limit on the size of files is reached",
    sqlite3.SQLITE_BUSY: f"another process has kept it locked for {PATIENCE:g} s. End that process",
}
_BY_ERRNO = {
    errno.ENOSPC: "the disk is full. Make room",
    errno.EDQUOT: "the disk quota is used up. Make room",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "there is no permission. Look at the rights of the file and its folder",
    errno.EPERM: "there is no permission. Look at the rights of the file and its folder",
    errno.EEXIST: "its folder's name is taken by a file. Name another POLYGLOT_DATA_DIR",
    errno.ENOTDIR: "a part of its folder's name is a file. Name another POLYGLOT_DATA_DIR",
    errno.EFBIG: "a limit on the size of files is reached",
}


def explained(error: BaseException, path: Path) -> LedgerError:
    """What went wrong with the file, by the system's or SQLite's own code."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if isinstance(cause, OSError):
        return LedgerUnwritable(f"The ledger {path}: {_BY_ERRNO.get(cause.errno or 0, str(cause))}.")
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the lower byte is the kind, the rest says which sort of it
    if code in _BY_CODE:
        return LedgerUnwritable(f"The ledger {path}: {_BY_CODE[code]}.")
    return LedgerDamaged(
        f"The ledger {path} is no sound database ({cause}). Keep a copy of it, bring the last backup back, and run"
        " `polyglot-cloud ledger verify`."
    )
