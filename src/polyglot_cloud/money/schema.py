"""The ledger's tables, and the numbered migrations that lead to them.

`TABLES` is what the code asks of; `MIGRATIONS` is how a file gets there, in SQL that is never edited once it has been released. A test
holds the two together. Other rooms may keep tables of their own in the same file.
"""

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    inspect,
    select,
    text,
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
    Index("journal_alerts", "at", sqlite_where=text("kind IN ('alerted', 'delivered', 'undelivered')")),
)
ABOUT_ALERTS = text("kind IN ('alerted', 'delivered', 'undelivered')")
"""SQLite takes the index where a query says this to the letter."""

attempts = Table(
    "attempts",
    TABLES,
    Column("attempt", Text, primary_key=True),
    Column("state", Text, nullable=False),  # held | unknown | freed | released | settled
    Column("call", Text),
    Column("tenant", Text),
    Column("key", Text),
    Column("run", Text),
    Column("agent", Text),
    Column("provider", Text),
    Column("model", Text),  # as it was asked
    Column("answered", Text),
    Column("outcome", Text),
    Column("input", Integer, nullable=False, server_default="0"),
    Column("output", Integer, nullable=False, server_default="0"),
    Column("bound", Integer, nullable=False, server_default="0"),
    Column("cost", Integer),
    Column("cost_source", Text),
    Column("budgets", Text),
    Column("held_at", Integer),
    Column("ended_at", Integer),
    Column("held_seq", Integer),
    Column("ended_seq", Integer),
    Index("attempts_by_key", "key", "held_at"),
    Index("attempts_by_run", "run"),
    Index("attempts_by_time", "held_at"),
    Index("attempts_open", "state", sqlite_where=text("state IN ('held', 'unknown')")),
)
balances = Table(
    "balances",
    TABLES,
    Column("budget", Text, primary_key=True),
    Column("start", Integer, primary_key=True),  # of the window, in Unix seconds
    Column("scope", Text, nullable=False),
    Column("spent", Integer, nullable=False),
    Column("held", Integer, nullable=False),
)
alerts = Table(
    "alerts",
    TABLES,
    Column("budget", Text, primary_key=True),
    Column("start", Integer, primary_key=True),
    Column("percent", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
)

limits = Table(
    "limits",
    TABLES,
    Column("scope", Text, primary_key=True),  # of a run
    Column("nano", Integer, nullable=False),
    Column("alerts", Text, nullable=False),
    Column("at", Integer, nullable=False),
)

PROJECTIONS = (attempts, balances, alerts, limits)
"""What can be made anew from the journal."""

MIGRATIONS: list[tuple[str, ...]] = [
    (
        "CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
        (
            "CREATE TABLE journal (seq INTEGER NOT NULL PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, attempt TEXT NOT NULL,"
            " nano INTEGER NOT NULL, facts TEXT NOT NULL, hash BLOB NOT NULL)"
        ),
    ),
    (
        (
            "CREATE TABLE attempts (attempt TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, call TEXT, tenant TEXT, key TEXT, run TEXT,"
            " agent TEXT, provider TEXT, model TEXT, answered TEXT, outcome TEXT, input INTEGER NOT NULL DEFAULT 0,"
            " output INTEGER NOT NULL DEFAULT 0, bound INTEGER NOT NULL DEFAULT 0, cost INTEGER, cost_source TEXT, budgets TEXT,"
            " held_at INTEGER, ended_at INTEGER, held_seq INTEGER, ended_seq INTEGER)"
        ),
        "CREATE INDEX attempts_by_key ON attempts (key, held_at)",
        "CREATE INDEX attempts_by_run ON attempts (run)",
        "CREATE INDEX attempts_by_time ON attempts (held_at)",
        "CREATE INDEX attempts_open ON attempts (state) WHERE state IN ('held', 'unknown')",
        (
            "CREATE TABLE balances (budget TEXT NOT NULL, start INTEGER NOT NULL, scope TEXT NOT NULL, spent INTEGER NOT NULL,"
            " held INTEGER NOT NULL, PRIMARY KEY (budget, start))"
        ),
        (
            "CREATE TABLE alerts (budget TEXT NOT NULL, start INTEGER NOT NULL, percent INTEGER NOT NULL, at INTEGER NOT NULL,"
            " PRIMARY KEY (budget, start, percent))"
        ),
    ),
    ("CREATE INDEX journal_alerts ON journal (at) WHERE kind IN ('alerted', 'delivered', 'undelivered')",),
    (
        "CREATE TABLE limits (scope TEXT NOT NULL PRIMARY KEY, nano INTEGER NOT NULL, alerts TEXT NOT NULL, at INTEGER NOT NULL)",
    ),
]
"""What leads from version n to n + 1 stands at index n. Version 1: the journal alone; 2: what is read out of it; 3: an index for
the alerts that are owed; 4: limits of runs.
"""

VERSION = "version"
PROJECTED = "projected"
"""The names of rows of `meta`: the tables' version, and up to which entry the projections have got."""
_KEEP = insert(meta).values(name=bindparam("name"), value=bindparam("value"))
KEEP = _KEEP.on_conflict_do_update(index_elements=["name"], set_={"value": _KEEP.excluded.value})
"""Sets a row of `meta`; takes name and value."""

ROWS = (64, 16, 4, 1)
"""How many entries one statement adds. A thread that runs one gives Python's lock up and has to come by it again, so there are few."""


def _appending(rows: int) -> str:
    one = str(journal.insert().compile(dialect=dialect(paramstyle="qmark")))
    values = one[one.rindex("(") :]
    return one + f", {values}" * (rows - 1)


APPEND = {rows: _appending(rows) for rows in ROWS}
"""For the driver's executemany, compiled once: (seq, at, kind, attempt, nano, facts, hash), for each of so many entries."""


def kept(connection: Connection, name: str) -> str | None:
    """A value of `meta`."""
    value = connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()
    return None if value is None else str(value)


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
