"""The ledger's tables, and the numbered migrations that lead to them.

`TABLES` is what the code asks of; `MIGRATIONS` is how a file gets there, in SQL that is never edited once it has been released. A test
holds the two together. Other rooms may keep tables of their own in the same file.
"""

from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    inspect,
    select,
)
from sqlalchemy.dialects.sqlite import dialect, insert

from polyglot_cloud.money.faults import LedgerNewer

TABLES = MetaData()

meta = Table("meta", TABLES, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

journal = Table(
    "journal",
    TABLES,
    Column("seq", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("attempt", Text, nullable=False),
    Column("nano", Integer, nullable=False),
    Column("facts", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

MIGRATIONS: list[tuple[str, ...]] = [
    (
        "CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE journal (seq INTEGER NOT NULL PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, attempt TEXT NOT NULL,"
        " nano INTEGER NOT NULL, facts TEXT NOT NULL, hash BLOB NOT NULL)",
    ),
]
"""What leads from version n to n + 1 stands at index n. Version 1: the journal alone."""

VERSION = "version"
_KEEP = insert(meta).values(name=bindparam("name"), value=bindparam("value"))
KEEP = _KEEP.on_conflict_do_update(index_elements=["name"], set_={"value": _KEEP.excluded.value})
"""Sets a row of `meta`; takes name and value."""

_COMPILED = journal.insert().compile(dialect=dialect(paramstyle="qmark"))
APPEND = str(_COMPILED)
"""For the driver's executemany, compiled once: (seq, at, kind, attempt, nano, facts, hash)."""


def kept(connection: Connection, name: str) -> str | None:
    """A value of `meta`."""
    value: Any = connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()
    return value


def version_of(connection: Connection) -> int:
    """0: no ledger has been here yet."""
    return int(kept(connection, VERSION) or 0) if inspect(connection).has_table("meta") else 0


def migrate(connection: Connection, upto: int = len(MIGRATIONS)) -> int:
    """Brings the file to version `upto`, all in the caller's transaction. Returns the version that it had. Raises LedgerNewer."""
    found = version_of(connection)
    if found > len(MIGRATIONS):
        raise LedgerNewer(
            f"it has version {found} of the ledger's tables, and this program knows versions up to {len(MIGRATIONS)}: a newer"
            " polyglot-cloud wrote it. Install that one again, or name another POLYGLOT_DATA_DIR."
        )
    for number in range(found, upto):
        for statement in MIGRATIONS[number]:
            connection.exec_driver_sql(statement)
    if found < upto:
        connection.execute(KEEP, {"name": VERSION, "value": str(upto)})
    return found
