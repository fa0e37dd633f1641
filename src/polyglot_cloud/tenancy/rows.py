"""Tenants and keys as rows of the database, and the audit row of a change."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select

from polyglot_cloud import grants, wire
from polyglot_cloud.grants import Hash, KeyRow, TenantRow, plain
from polyglot_cloud.tenancy import keys as making
from polyglot_cloud.tenancy.records import Declared, NotThere
from polyglot_cloud.tenancy.schema import key_hashes, keys, tenancy_audit, tenants


def tenant_of(row: Row[Any]) -> TenantRow:
    grant = grants.grant_of(wire.decode(row.grant_json))
    return TenantRow(row.id, row.title, row.parent, grant, row.created_at, row.deleted_at)


def key_of(row: Row[Any], hashes: tuple[Hash, ...]) -> KeyRow:
    grant = grants.grant_of(wire.decode(row.grant_json))
    return KeyRow(
        row.id, row.tenant, hashes, row.title, grant, row.created_at, row.expires_at, row.revoked_at, bool(row.imported)
    )


def stored_tenants(connection: Connection) -> list[TenantRow]:
    return [tenant_of(row) for row in connection.execute(select(tenants))]


def living(stored: Any, declared: Declared) -> dict[str, TenantRow]:
    """The tenants that are there, by name; the file's before the store's."""
    found = {tenant.id: tenant for tenant in stored if tenant.deleted_at is None}
    return {**found, **{tenant.id: tenant for tenant in declared.tenants}}


def one_of(living: dict[str, TenantRow], tenant: str) -> TenantRow:
    if tenant not in living:
        raise NotThere(f"there is no tenant {making.shown_id(tenant)}")
    return living[tenant]


def stored_keys(connection: Connection, condition: Any) -> list[KeyRow]:
    found = []
    for row in connection.execute(select(keys).where(condition)).all():
        hashes = connection.execute(
            select(key_hashes).where(key_hashes.c.key_id == row.id).order_by(key_hashes.c.number.desc())
        )
        found.append(key_of(row, tuple(Hash(each.sha256, each.until) for each in hashes)))
    return found


def stored_key(connection: Connection, key: str) -> KeyRow:
    for found in stored_keys(connection, keys.c.id == key):
        return found
    raise NotThere(f"there is no key {making.shown_id(key)}")


def holds(key: KeyRow, now: int) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def tenant_values(tenant: TenantRow) -> dict[str, Any]:
    return {"title": tenant.title, "parent": tenant.parent, "grant_json": spelled(plain(tenant.grant))}


def key_values(key: KeyRow) -> dict[str, Any]:
    return {"title": key.title, "expires_at": key.expires_at, "grant_json": spelled(plain(key.grant))}


# --- audit ---


def note(
    connection: Connection,
    now: int,
    by: str,
    action: str,
    subject: str,
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> None:
    values = {"before": None if before is None else spelled(before), "after": spelled(after)}
    connection.execute(insert(tenancy_audit).values(at=now, actor=by, action=action, subject=subject, **values))


def plain_tenant(tenant: TenantRow) -> dict[str, Any]:
    return {
        "title": tenant.title,
        "parent": tenant.parent,
        "grant": plain(tenant.grant),
        "deleted_at": tenant.deleted_at,
    }


def plain_key(key: KeyRow) -> dict[str, Any]:
    """Without the hashes: they are no secrets, but an audit has no use for them."""
    return {
        "tenant": key.tenant,
        "title": key.title,
        "grant": plain(key.grant),
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "secrets": [{"until": each.until} for each in key.hashes],
    }


def spelled(value: Any) -> str:
    return wire.encode(value).decode()
