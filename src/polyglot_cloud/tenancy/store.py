"""The store of tenants and keys: each method that changes something is one transaction, with one audit row that holds no secret."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection, Engine, func, insert, select, update

from polyglot_cloud import grants
from polyglot_cloud.grants import BrokenLineage, Grant, Hash, KeyRow, TenantRow, lineage
from polyglot_cloud.tenancy import keys as making
from polyglot_cloud.tenancy.database import connect, connection_of, transaction
from polyglot_cloud.tenancy.records import (
    UNCHANGED,
    Audited,
    Conflicting,
    Declared,
    NewKey,
    NotThere,
    Snapshot,
    TenancyError,
    Unchanged,
)
from polyglot_cloud.tenancy.rows import (
    holds,
    key_of,
    key_values,
    living,
    note,
    one_of,
    plain_key,
    plain_tenant,
    stored_key,
    stored_keys,
    stored_tenants,
    tenant_of,
    tenant_values,
)
from polyglot_cloud.tenancy.schema import MIGRATION, key_hashes, keys, metadata, tenancy_audit, tenants

__all__ = ["MIGRATION", "Store", "connect", "metadata"]

Clock = Callable[[], int]
"""Unix microseconds."""

_MARK = "SELECT max(seq) FROM tenancy_audit"
"""Asked several times a second, so without the steps that build it."""


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
        with connection_of(self._engine) as connection:
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
                tuple(tenant_of(row) for row in connection.execute(select(tenants).order_by(tenants.c.id))),
                tuple(key_of(row, tuple(hashes[row.id])) for row in found_keys),
            )

    def tenants(self) -> list[TenantRow]:
        """Those that are there, the declared ones among them, by name."""
        return sorted(self._everyone(self.read()).values(), key=lambda tenant: tenant.id)

    def tenant(self, tenant: str) -> TenantRow:
        """Raises NotThere."""
        return one_of(self._everyone(self.read()), tenant)

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
        with connection_of(self._engine) as connection:
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
            snapshot = stored_tenants(connection)
            if any(each.id == tenant for each in (*snapshot, *self._declared.tenants)):
                raise Conflicting(f"there is a tenant {tenant} already, or there was one; a name is given once")
            self._check_parents({**living(snapshot, self._declared), tenant: new})
            connection.execute(insert(tenants).values(id=tenant, created_at=now, **tenant_values(new)))
            note(connection, now, by, "tenant created", tenant, None, plain_tenant(new))
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
                self._check_parents({**living(stored_tenants(connection), self._declared), tenant: new})
                connection.execute(update(tenants).where(tenants.c.id == tenant).values(**tenant_values(new)))
                note(connection, now, by, "tenant changed", tenant, plain_tenant(old), plain_tenant(new))
        return new

    def delete_tenant(self, tenant: str, *, by: str, with_keys: bool = False) -> TenantRow:
        """Its rows stay, for the ledger; its name is not given again. Raises Conflicting while tenants stand below it, or keys that
        hold, unless `with_keys` revokes these.
        """
        with self._changing() as (connection, now):
            old = self._changeable(connection, tenant)
            others = living(stored_tenants(connection), self._declared)
            if below := sorted(each.id for each in others.values() if each.parent == tenant):
                raise Conflicting(
                    f"the tenant {tenant} has others below it: {', '.join(below)}. Delete or move them first"
                )
            holding = [key for key in stored_keys(connection, keys.c.tenant == tenant) if holds(key, now)]
            if holding and not with_keys:
                raise Conflicting(
                    f"the tenant {tenant} has {len(holding)} keys that hold. Revoke them first, or with it"
                )
            for key in holding:
                self._revoke(connection, key, now, by)
            new = replace(old, deleted_at=now)
            connection.execute(update(tenants).where(tenants.c.id == tenant).values(deleted_at=now))
            note(connection, now, by, "tenant deleted", tenant, plain_tenant(old), plain_tenant(new))
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
            new = stored_key(connection, key)
            note(connection, now, by, "key rotated", key, plain_key(old), plain_key(new))
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
        with connection_of(self._engine) as connection, transaction(connection):
            yield connection, self._clock()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with connection_of(self._engine) as connection, transaction(connection, "DEFERRED"):
            yield connection

    def _everyone(self, snapshot: Snapshot) -> dict[str, TenantRow]:
        return living(snapshot.tenants, self._declared)

    def _changeable(self, connection: Connection, tenant: str) -> TenantRow:
        found = one_of(living(stored_tenants(connection), self._declared), tenant)
        if found.declared:
            raise Conflicting(f"the tenant {tenant} is declared in the configuration file; change it there")
        return found

    def _stored(self, connection: Connection, key: str) -> KeyRow:
        if any(each.id == key for each in self._declared.keys):
            raise Conflicting(f"the key {key} is declared in the configuration file; change it there")
        return stored_key(connection, key)

    def _holding(self, connection: Connection, key: str, now: int) -> KeyRow:
        found = self._stored(connection, key)
        if not holds(found, now):
            raise Conflicting(f"the key {key} is revoked or has expired; create another")
        return found

    def _check_parents(self, there: dict[str, TenantRow]) -> None:
        """That every tenant has its ancestors: a tenant that moves takes those below it along."""
        parents = {tenant.id: tenant.parent for tenant in there.values()}
        for tenant in there:
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
            one_of(living(stored_tenants(connection), self._declared), tenant)
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
                    **key_values(new),
                )
            )
            connection.execute(insert(key_hashes).values(sha256=digest, key_id=new.id, number=1, until=None))
            note(connection, now, by, "key imported" if imported else "key created", new.id, None, plain_key(new))
        return new

    def _revoke(self, connection: Connection, old: KeyRow, now: int, by: str) -> KeyRow:
        return self._change(connection, old, replace(old, revoked_at=now), now, by, "key revoked")

    def _change(self, connection: Connection, old: KeyRow, new: KeyRow, now: int, by: str, action: str) -> KeyRow:
        if new != old:
            values = {"revoked_at": new.revoked_at, **key_values(new)}
            connection.execute(update(keys).where(keys.c.id == old.id).values(**values))
            note(connection, now, by, action, old.id, plain_key(old), plain_key(new))
        return new
