"""The swarm's tables, in the till's database: what is registered outlives the process.

Times are Unix microseconds, money is nano-dollars, lists and objects are JSON. `seq` is the order in which things first came.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    inspect,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError

from polyglot_cloud import wire
from polyglot_cloud.money.database import prepare
from polyglot_cloud.money.faults import LedgerError
from polyglot_cloud.swarm.directory import Provider
from polyglot_cloud.swarm.faults import StoreUnusable
from polyglot_cloud.swarm.services import Service

P = ParamSpec("P")
T = TypeVar("T")

BUSY_MS = 5000
"""How long a change waits for another connection's."""

metadata = MetaData()
meta = Table("swarm_meta", metadata, Column("name", String, primary_key=True), Column("value", String, nullable=False))
providers = Table(
    "swarm_providers",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("model", String, nullable=False),
    Column("context_window", Integer, nullable=False),
    Column("cost_per_input_token", Float, nullable=False),
    Column("cost_per_output_token", Float, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("features", String, nullable=False),
    Column("slo", String),
    Column("metadata", String),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Column("active", Integer, nullable=False),
)
services = Table(
    "swarm_services",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("service_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    Column("role", String, nullable=False),
    Column("url", String, nullable=False),
    Column("caps", String, nullable=False),
    Column("labels", String),
    Column("ctx_limit", Integer),
    Column("cost_hint_usd_per_1k", Float),
    Column("heartbeat_interval_s", Integer, nullable=False),
    Column("ttl_s", Integer, nullable=False),
    Column("registered_at", Integer, nullable=False),
    Column("last_heartbeat_at", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("p95_ms", Float),
    Column("queue_depth", Integer),
    Column("load", Float),
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE swarm_meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT",
        """CREATE TABLE swarm_providers (
            seq INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, model TEXT NOT NULL, context_window INTEGER NOT NULL,
            cost_per_input_token REAL NOT NULL, cost_per_output_token REAL NOT NULL, endpoint TEXT NOT NULL, features TEXT NOT NULL,
            slo TEXT, metadata TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, active INTEGER NOT NULL
        ) STRICT""",
        """CREATE TABLE swarm_services (
            seq INTEGER NOT NULL PRIMARY KEY, service_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, type TEXT NOT NULL,
            role TEXT NOT NULL, url TEXT NOT NULL, caps TEXT NOT NULL, labels TEXT, ctx_limit INTEGER, cost_hint_usd_per_1k REAL,
            heartbeat_interval_s INTEGER NOT NULL, ttl_s INTEGER NOT NULL, registered_at INTEGER NOT NULL,
            last_heartbeat_at INTEGER NOT NULL, status TEXT NOT NULL, p95_ms REAL, queue_depth INTEGER, load REAL
        ) STRICT""",
    ),
)
"""What leads from version n to n + 1 stands at index n."""
_VERSION = "version"


class Store:
    """The tables in the file at `path`, made where they are not there. Raises StoreUnusable, here and in every method."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False
        self._thread = ThreadPoolExecutor(1, "swarm-store")
        self._engine = _open(path)

    async def run(self, change: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls `change` in the store's one thread: changes never wait on the event loop, and come one after the other.

        Who stops waiting does not stop a change that has begun.
        """
        if self._closed:
            raise StoreUnusable(
                f"The database {self._path} is closed: the process stops, or gave the swarm's ports up."
            )
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(change, *args, **kwargs))

    def close(self) -> None:
        """Ends the thread, after what it was given, and closes the connections."""
        self._closed = True
        self._thread.shutdown()
        self._engine.dispose()

    def providers(self) -> list[Provider]:
        return [
            Provider(
                **{
                    **row,
                    "features": tuple(wire.decode(row["features"])),
                    "slo": _plain(row["slo"]),
                    "metadata": _plain(row["metadata"]),
                    "active": bool(row["active"]),
                }
            )
            for row in self._rows(providers)
        ]

    def keep_provider(self, provider: Provider) -> None:
        row = {
            **_members(provider),
            "features": _json(provider.features),
            "slo": _json(provider.slo),
            "metadata": _json(provider.metadata),
            "active": int(provider.active),
        }
        self._keep(providers, ["name"], [row])

    def services(self) -> list[Service]:
        return [
            Service(**{**row, "caps": tuple(wire.decode(row["caps"])), "labels": _plain(row["labels"])})
            for row in self._rows(services)
        ]

    def keep_services(self, changed: Sequence[Service]) -> None:
        """All of them or none."""
        rows = [
            {**_members(service), "caps": _json(service.caps), "labels": _json(service.labels)} for service in changed
        ]
        self._keep(services, ["service_id"], rows)

    def drop_services(self, ids: Sequence[str]) -> None:
        with self._writing() as connection:
            for id_ in ids:
                connection.execute(delete(services).where(services.c.service_id == id_))

    def _rows(self, table: Table) -> Iterator[dict[str, Any]]:
        """In the order in which they first came."""
        columns = [column for column in table.columns if column.name != "seq"]
        with _connection(self._engine, self._path) as connection:
            found = connection.execute(select(*columns).order_by(table.c.seq)).mappings().all()
        return (dict(row) for row in found)

    def _keep(self, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """What is there already keeps its place."""
        new = insert(table)
        changed = {name: new.excluded[name] for name in rows[0] if name not in key}
        with self._writing() as connection:
            connection.execute(new.on_conflict_do_update(index_elements=key, set_=changed), list(rows))

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _connection(self._engine, self._path) as connection, _transaction(connection):
            yield connection


def _members(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _json(value: Any) -> str | None:
    return None if value is None else wire.encode(value).decode()


def _plain(text: str | None) -> Any:
    return None if text is None else wire.decode(text)


# --- the file ---


def _open(path: Path) -> Engine:
    try:
        prepare(path)
    except LedgerError as error:
        raise StoreUnusable(str(error)) from None
    engine = create_engine(URL.create("sqlite", database=str(path)), isolation_level="AUTOCOMMIT")
    event.listen(engine, "connect", _prepare)
    try:
        with _connection(engine, path) as connection, _transaction(connection):
            _migrate(connection, path)
    except StoreUnusable:
        engine.dispose()
        raise
    return engine


def _prepare(connection: Any, _: object) -> None:
    """NORMAL: a registration that the power took comes again with the next announcement."""
    for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _migrate(connection: Connection, path: Path) -> None:
    there = inspect(connection).has_table(meta.name)
    found = int(connection.scalar(select(meta.c.value).where(meta.c.name == _VERSION)) or 0) if there else 0
    if found > len(MIGRATIONS):
        raise StoreUnusable(
            f"{path} has version {found} of the swarm's tables, and this program knows versions up to {len(MIGRATIONS)}: a newer"
            " polyglot-cloud wrote it. Install that one again, or name another POLYGLOT_DATA_DIR."
        )
    if found == len(MIGRATIONS):
        return
    for statements in MIGRATIONS[found:]:
        for statement in statements:
            connection.exec_driver_sql(statement)
    version = insert(meta).values(name=_VERSION, value=str(len(MIGRATIONS)))
    connection.execute(version.on_conflict_do_update(index_elements=["name"], set_={"value": version.excluded.value}))


@contextmanager
def _connection(engine: Engine, path: Path) -> Iterator[Connection]:
    """Raises StoreUnusable with the driver's own words, which name no value."""
    try:
        with engine.connect() as connection:
            yield connection
    except DatabaseError as error:
        raise StoreUnusable(f"The database {path} cannot be used: {error.orig}") from None


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
