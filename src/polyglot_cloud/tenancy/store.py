"""The store of tenants and keys: each method that changes something is one transaction, with one audit row that holds no secret."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Row, create_engine, event, func, insert, inspect, select, update
from sqlalchemy.exc import DatabaseError

from polyglot_cloud import grants, wire
from polyglot_cloud.grants import BrokenLineage, Grant, Hash, KeyRow, TenantRow, lineage, plain
from polyglot_cloud.tenancy import keys as making
from polyglot_cloud.tenancy.records import (
    UNCHANGED,
    Audited,
    Conflicting,
    Declared,
    NewKey,
    NotThere,
    Snapshot,
    StoreUnusable,
    TenancyError,
    Unchanged,
)
from polyglot_cloud.tenancy.schema import MIGRATION, key_hashes, keys, metadata, tenancy_audit, tenants

__all__ = ["MIGRATION", "Store", "connect", "metadata"]

Clock = Callable[[], int]
"""Unix microseconds."""

_MARK = "SELECT max(seq) FROM tenancy_audit"
"""Asked several times a second, so without the steps that build it."""
BUSY_MS = 5000
"""How long a change waits for another process's."""


def connect(path: Path) -> Engine:
    """The database at `path`, made for its owner alone where it is not there, with the tables. Raises StoreUnusable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Never opened where it exists: closing it would drop the locks that SQLite has on it in this process, which is the till's file.
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreUnusable(f"the database {path} cannot be used: {error.strerror}") from None
    engine = create_engine(URL.create("sqlite", database=str(path)), isolation_level="AUTOCOMMIT")
    event.listen(engine, "connect", _prepare)
    try:
        with _connection(engine) as connection, _transaction(connection):
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
def _connection(engine: Engine) -> Iterator[Connection]:
    """Raises StoreUnusable with the driver's own words, which name no value."""
    try:
        with engine.connect() as connection:
            yield connection
    except DatabaseError as error:
        raise StoreUnusable(f"the database cannot be used: {error.orig}") from None


@contextmanager
def _transaction(connection: Connection, kind: str = "IMMEDIATE") -> Iterator[Connection]:
    """IMMEDIATE takes the right to write before anything is read, so that what a change was decided on is still so when it is made."""
    connection.exec_driver_sql(f"BEGIN {kind}")
    try:
        yield connection
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


class Store:
    """`engine` is one of `connect`, or any whose connections are in autocommit mode. `declared` cannot be changed here, and its names
    and hashes are taken. `by`, in every change, is who makes it: "cli ada@box", "admin key_...".
    """

    def __init__(self, engine: Engine, *, clock: Clock, declared: Declared | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._declared = declared or Declared()

    def close(self) -> None:
        """Closes the connections. Those who still look or change something get new ones."""
        self._engine.dispose()

    # --- looking ---

    def mark(self) -> int:
        """The number of the last change, 0 before the first."""
        with _connection(self._engine) as connection:
            return connection.exec_driver_sql(_MARK).scalar() or 0

    def read(self) -> Snapshot:
        """Everything, as it was at one moment."""
        with self._reading() as connection:
            hashes: dict[str, list[Hash]] = {}
            for row in connection.execute(select(key_hashes).order_by(key_hashes.c.number.desc())):
                hashes.setdefault(row.key_id, []).append(Hash(row.sha256, row.until))
            found_keys = connection.execute(select(keys).order_by(keys.c.created_at, keys.c.id)).all()
            return Snapshot(
                connection.scalar(select(func.max(tenancy_audit.c.seq))) or 0,
                tuple(_tenant(row) for row in connection.execute(select(tenants).order_by(tenants.c.id))),
                tuple(_key(row, tuple(hashes[row.id])) for row in found_keys),
            )

    def tenants(self) -> list[TenantRow]:
        """Those that are there, the declared ones among them, by name."""
        return sorted(self._everyone(self.read()).values(), key=lambda tenant: tenant.id)

    def tenant(self, tenant: str) -> TenantRow:
        """Raises NotThere."""
        return _there(self._everyone(self.read()), tenant)

    def keys(self, tenant: str | None = None) -> list[KeyRow]:
        """All keys, revoked and expired ones too, or those of one tenant; the declared ones first."""
        found = [*self._declared.keys, *self.read().keys]
        return [key for key in found if tenant in {None, key.tenant}]

    def key(self, key: str) -> KeyRow:
        """Raises NotThere."""
        for each in self.keys():
            if each.id == key:
                return each
        raise NotThere(f"there is no key {making.shown_id(key)}")

    def audit(self, limit: int = 100) -> list[Audited]:
        """The last changes, the newest first."""
        with _connection(self._engine) as connection:
            rows = connection.execute(select(tenancy_audit).order_by(tenancy_audit.c.seq.desc()).limit(limit))
            return [Audited(*row) for row in rows]

    # --- tenants ---

    def create_tenant(
        self, tenant: str, *, by: str, title: str = "", parent: str | None = None, grant: Grant | None = None
    ) -> TenantRow:
        """Raises TenancyError: the name is none or taken (a deleted tenant's stays so), or the parent cannot be one."""
        try:
            grants.tenant_id(tenant)
        except ValueError as error:
            raise TenancyError(f"a tenant's name {error}") from None
        with self._changing() as (connection, now):
            new = TenantRow(tenant, title, parent, grant or Grant(), created_at=now)
            snapshot = _snapshot(connection)
            if any(each.id == tenant for each in (*snapshot, *self._declared.tenants)):
                raise Conflicting(f"there is a tenant {tenant} already, or there was one; a name is given once")
            self._check_parents({**_living(snapshot, self._declared), tenant: new})
            connection.execute(insert(tenants).values(id=tenant, created_at=now, **_tenant_values(new)))
            _note(connection, now, by, "tenant created", tenant, None, _plain_tenant(new))
        return new

    def update_tenant(
        self,
        tenant: str,
        *,
        by: str,
        title: str | None = None,
        parent: str | Unchanged | None = UNCHANGED,
        grant: Grant | None = None,
    ) -> TenantRow:
        """What is not given stays; parent None makes it one without. Raises TenancyError."""
        with self._changing() as (connection, now):
            old = self._changeable(connection, tenant)
            new = replace(
                old,
                title=old.title if title is None else title,
                parent=old.parent if isinstance(parent, Unchanged) else parent,
                grant=old.grant if grant is None else grant,
            )
            if new != old:
                self._check_parents({**_living(_snapshot(connection), self._declared), tenant: new})
                connection.execute(update(tenants).where(tenants.c.id == tenant).values(**_tenant_values(new)))
                _note(connection, now, by, "tenant changed", tenant, _plain_tenant(old), _plain_tenant(new))
        return new

    def delete_tenant(self, tenant: str, *, by: str, with_keys: bool = False) -> TenantRow:
        """Its rows stay, for the ledger; its name is not given again. Raises Conflicting while tenants stand below it, or keys that
        hold, unless `with_keys` revokes these.
        """
        with self._changing() as (connection, now):
            old = self._changeable(connection, tenant)
            living = _living(_snapshot(connection), self._declared)
            if below := sorted(each.id for each in living.values() if each.parent == tenant):
                raise Conflicting(
                    f"the tenant {tenant} has others below it: {', '.join(below)}. Delete or move them first"
                )
            holding = [key for key in _keys(connection, keys.c.tenant == tenant) if _holds(key, now)]
            if holding and not with_keys:
                raise Conflicting(
                    f"the tenant {tenant} has {len(holding)} keys that hold. Revoke them first, or with it"
                )
            for key in holding:
                self._revoke(connection, key, now, by)
            new = replace(old, deleted_at=now)
            connection.execute(update(tenants).where(tenants.c.id == tenant).values(deleted_at=now))
            _note(connection, now, by, "tenant deleted", tenant, _plain_tenant(old), _plain_tenant(new))
        return new

    # --- keys ---

    def create_key(
        self, tenant: str, *, by: str, title: str = "", grant: Grant | None = None, expires_at: int | None = None
    ) -> NewKey:
        """A new key, whose secret is in the answer and nowhere else. Raises TenancyError."""
        secret = making.make()
        key = self._add_key(tenant, making.hashed(secret), title, grant, expires_at, by, imported=False)
        return NewKey(key, secret)

    def import_key(
        self,
        tenant: str,
        sha256: str,
        *,
        by: str,
        title: str = "",
        grant: Grant | None = None,
        expires_at: int | None = None,
    ) -> KeyRow:
        """Takes over a key that clients have already, by the SHA-256 of all of it in hex. Raises TenancyError."""
        try:
            digest = grants.sha256(sha256)
        except ValueError as error:
            raise TenancyError(f"what is imported {error}") from None
        return self._add_key(tenant, digest, title, grant, expires_at, by, imported=True)

    def rotate_key(self, key: str, *, by: str, grace: int = 0) -> NewKey:
        """A new secret under the same id. The one before it holds for `grace` more microseconds, those before that no longer than they
        did. Raises TenancyError for a key that no longer holds.
        """
        secret = making.make()
        with self._changing() as (connection, now):
            old = self._holding(connection, key, now)
            until = now + grace
            for each in old.hashes:
                if each.until is None or each.until > until:
                    connection.execute(update(key_hashes).where(key_hashes.c.sha256 == each.sha256).values(until=until))
            number = len(old.hashes) + 1
            connection.execute(
                insert(key_hashes).values(sha256=making.hashed(secret), key_id=key, number=number, until=None)
            )
            new = _one_key(connection, key)
            _note(connection, now, by, "key rotated", key, _plain_key(old), _plain_key(new))
        return NewKey(new, secret)

    def revoke_key(self, key: str, *, by: str) -> KeyRow:
        """From now on the key does not hold, nor what it was before a rotation. Again is no error. Raises NotThere, Conflicting."""
        with self._changing() as (connection, now):
            old = self._stored(connection, key)
            return old if old.revoked_at is not None else self._revoke(connection, old, now, by)

    def expire_key(self, key: str, at: int | None, *, by: str) -> KeyRow:
        """Sets the moment from which on the key does not hold, None for never. Raises TenancyError for a revoked key."""
        with self._changing() as (connection, now):
            old = self._stored(connection, key)
            if old.revoked_at is not None:
                raise Conflicting(f"the key {key} is revoked, for good")
            return self._change(connection, old, replace(old, expires_at=at), now, by, "key expires")

    def update_key(self, key: str, *, by: str, title: str | None = None, grant: Grant | None = None) -> KeyRow:
        """What is not given stays. Raises TenancyError."""
        with self._changing() as (connection, now):
            old = self._stored(connection, key)
            new = replace(old, title=old.title if title is None else title, grant=old.grant if grant is None else grant)
            return self._change(connection, old, new, now, by, "key changed")

    # --- how ---

    @contextmanager
    def _changing(self) -> Iterator[tuple[Connection, int]]:
        with _connection(self._engine) as connection, _transaction(connection):
            yield connection, self._clock()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _connection(self._engine) as connection, _transaction(connection, "DEFERRED"):
            yield connection

    def _everyone(self, snapshot: Snapshot) -> dict[str, TenantRow]:
        return _living(snapshot.tenants, self._declared)

    def _changeable(self, connection: Connection, tenant: str) -> TenantRow:
        found = _there(_living(_snapshot(connection), self._declared), tenant)
        if found.declared:
            raise Conflicting(f"the tenant {tenant} is declared in the configuration file; change it there")
        return found

    def _stored(self, connection: Connection, key: str) -> KeyRow:
        if any(each.id == key for each in self._declared.keys):
            raise Conflicting(f"the key {key} is declared in the configuration file; change it there")
        return _one_key(connection, key)

    def _holding(self, connection: Connection, key: str, now: int) -> KeyRow:
        found = self._stored(connection, key)
        if not _holds(found, now):
            raise Conflicting(f"the key {key} is revoked or has expired; create another")
        return found

    def _check_parents(self, living: dict[str, TenantRow]) -> None:
        """That every tenant has its ancestors: a tenant that moves takes those below it along."""
        parents = {tenant.id: tenant.parent for tenant in living.values()}
        for tenant in living:
            try:
                lineage(tenant, parents)
            except BrokenLineage as error:
                raise Conflicting(f"the tenant {tenant} {error}") from None

    def _add_key(
        self,
        tenant: str,
        digest: str,
        title: str,
        grant: Grant | None,
        expires_at: int | None,
        by: str,
        *,
        imported: bool,
    ) -> KeyRow:
        with self._changing() as (connection, now):
            _there(_living(_snapshot(connection), self._declared), tenant)
            known = connection.scalar(select(key_hashes.c.key_id).where(key_hashes.c.sha256 == digest))
            known = known or next(
                (key.id for key in self._declared.keys for each in key.hashes if each.sha256 == digest), None
            )
            if known is not None:
                raise Conflicting(f"this is a secret of the key {known}, now or before; none is taken twice")
            new = KeyRow(
                making.make_id(), tenant, (Hash(digest),), title, grant or Grant(), now, expires_at, imported=imported
            )
            connection.execute(
                insert(keys).values(
                    id=new.id,
                    tenant=tenant,
                    created_at=now,
                    revoked_at=None,
                    imported=int(imported),
                    **_key_values(new),
                )
            )
            connection.execute(insert(key_hashes).values(sha256=digest, key_id=new.id, number=1, until=None))
            _note(connection, now, by, "key imported" if imported else "key created", new.id, None, _plain_key(new))
        return new

    def _revoke(self, connection: Connection, old: KeyRow, now: int, by: str) -> KeyRow:
        return self._change(connection, old, replace(old, revoked_at=now), now, by, "key revoked")

    def _change(self, connection: Connection, old: KeyRow, new: KeyRow, now: int, by: str, action: str) -> KeyRow:
        if new != old:
            values = {"revoked_at": new.revoked_at, **_key_values(new)}
            connection.execute(update(keys).where(keys.c.id == old.id).values(**values))
            _note(connection, now, by, action, old.id, _plain_key(old), _plain_key(new))
        return new


# --- rows ---


def _tenant(row: Row[Any]) -> TenantRow:
    grant = grants.grant_of(wire.decode(row.grant_json))
    return TenantRow(row.id, row.title, row.parent, grant, row.created_at, row.deleted_at)


def _key(row: Row[Any], hashes: tuple[Hash, ...]) -> KeyRow:
    grant = grants.grant_of(wire.decode(row.grant_json))
    return KeyRow(
        row.id, row.tenant, hashes, row.title, grant, row.created_at, row.expires_at, row.revoked_at, bool(row.imported)
    )


def _snapshot(connection: Connection) -> list[TenantRow]:
    return [_tenant(row) for row in connection.execute(select(tenants))]


def _living(stored: Any, declared: Declared) -> dict[str, TenantRow]:
    """The tenants that are there, by name; the file's before the store's."""
    found = {tenant.id: tenant for tenant in stored if tenant.deleted_at is None}
    return {**found, **{tenant.id: tenant for tenant in declared.tenants}}


def _there(living: dict[str, TenantRow], tenant: str) -> TenantRow:
    if tenant not in living:
        raise NotThere(f"there is no tenant {making.shown_id(tenant)}")
    return living[tenant]


def _keys(connection: Connection, condition: Any) -> list[KeyRow]:
    found = []
    for row in connection.execute(select(keys).where(condition)).all():
        hashes = connection.execute(
            select(key_hashes).where(key_hashes.c.key_id == row.id).order_by(key_hashes.c.number.desc())
        )
        found.append(_key(row, tuple(Hash(each.sha256, each.until) for each in hashes)))
    return found


def _one_key(connection: Connection, key: str) -> KeyRow:
    for found in _keys(connection, keys.c.id == key):
        return found
    raise NotThere(f"there is no key {making.shown_id(key)}")


def _holds(key: KeyRow, now: int) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def _tenant_values(tenant: TenantRow) -> dict[str, Any]:
    return {"title": tenant.title, "parent": tenant.parent, "grant_json": _json(plain(tenant.grant))}


def _key_values(key: KeyRow) -> dict[str, Any]:
    return {"title": key.title, "expires_at": key.expires_at, "grant_json": _json(plain(key.grant))}


# --- audit ---


def _note(
    connection: Connection,
    now: int,
    by: str,
    action: str,
    subject: str,
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> None:
    values = {"before": None if before is None else _json(before), "after": _json(after)}
    connection.execute(insert(tenancy_audit).values(at=now, actor=by, action=action, subject=subject, **values))


def _plain_tenant(tenant: TenantRow) -> dict[str, Any]:
    return {
        "title": tenant.title,
        "parent": tenant.parent,
        "grant": plain(tenant.grant),
        "deleted_at": tenant.deleted_at,
    }


def _plain_key(key: KeyRow) -> dict[str, Any]:
    """Without the hashes: they are no secrets, but an audit has no use for them."""
    return {
        "tenant": key.tenant,
        "title": key.title,
        "grant": plain(key.grant),
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "secrets": [{"until": each.until} for each in key.hashes],
    }


def _json(value: Any) -> str:
    return wire.encode(value).decode()
