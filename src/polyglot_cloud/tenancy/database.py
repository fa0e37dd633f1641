"""The database of tenants and keys: how it is made and opened, and its transactions."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError

from polyglot_cloud.tenancy.records import StoreUnusable
from polyglot_cloud.tenancy.schema import MIGRATION, tenants

BUSY_MS = 5000
"""How long a change waits for another process's."""


def connect(path: Path) -> Engine:
    """The database at `path`, made for its owner alone where it is not there, with the tables. Raises StoreUnusable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Only made, never opened: to close it would drop the locks that SQLite has on it in this process, the ledger's among them. The next
        # connection of another process would then take itself for the last one and throw the write-ahead log away under the ledger.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StoreUnusable(f"the database {path} cannot be used: {error.strerror}") from None
    engine = create_engine(URL.create("sqlite", database=str(path)), isolation_level="AUTOCOMMIT")
    event.listen(engine, "connect", _prepare)
    try:
        with connection_of(engine) as connection, transaction(connection):
            if not inspect(connection).has_table(tenants.name):
                for statement in MIGRATION:
                    connection.exec_driver_sql(statement)
    except StoreUnusable as error:
        engine.dispose()
        raise StoreUnusable(f"{path}: {error}") from None
    return engine


def _prepare(connection: Any, _: object) -> None:
    """FULL: changes are rare, and a revoke has to outlive the power."""
    for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def connection_of(engine: Engine) -> Iterator[Connection]:
    """Raises StoreUnusable with the driver's own words, which name no value."""
    try:
        with engine.connect() as connection:
            yield connection
    except DatabaseError as error:
        raise StoreUnusable(f"the database cannot be used: {error.orig}") from None


@contextmanager
def transaction(connection: Connection, kind: str = "IMMEDIATE") -> Iterator[Connection]:
    """IMMEDIATE takes the right to write before anything is read, so that what a change was decided on is still so when it is made."""
    connection.exec_driver_sql(f"BEGIN {kind}")
    try:
        yield connection
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
