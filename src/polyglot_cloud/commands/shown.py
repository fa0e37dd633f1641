"""Tenants, keys and audit rows as lines for people and as objects for programs. No secret passes but in `once`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from polyglot_cloud.grants import Grant, KeyRow, TenantRow, plain
from polyglot_cloud.settings.values import shown_usd
from polyglot_cloud.tenancy import Audited, NewKey

TENANT_HEAD = ("TENANT", "PARENT", "BUDGETS", "MAY USE", "FROM", "TITLE")
KEY_HEAD = ("KEY", "TENANT", "STATE", "BUDGETS", "MAY USE", "FROM", "TITLE")
AUDIT_HEAD = ("AT", "WHO", "WHAT", "OF")


def moment(at: int) -> str:
    """Unix microseconds as 2026-11-23T09:30:00Z."""
    return datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(at: int | None) -> str | None:
    return None if at is None else moment(at)


def tenant(row: TenantRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "parent": row.parent,
        "from": _source(row),
        "created": None if row.declared else moment(row.created_at),
        "deleted": _moment(row.deleted_at),
        **_grant(row.grant),
    }


def key(row: KeyRow, now: int) -> dict[str, Any]:
    """Never a secret; `old_secret_until` is the end of the last grace that a rotation gave."""
    return {
        "id": row.id,
        "tenant": row.tenant,
        "title": row.title,
        "state": state(row, now),
        "from": "import" if row.imported else _source(row),
        "created": None if row.declared else moment(row.created_at),
        "expires": _moment(row.expires_at),
        "revoked": _moment(row.revoked_at),
        "old_secret_until": _moment(
            max((each.until for each in row.hashes if each.until and each.until > now), default=None)
        ),
        **_grant(row.grant),
    }


def state(row: KeyRow, now: int) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "holds"


def _source(row: TenantRow | KeyRow) -> str:
    return "file" if row.declared else "store"


def _grant(grant: Grant) -> dict[str, Any]:
    budgets = [
        {"period": cap.period, "limit_usd": shown_usd(cap.limit), "zone": cap.zone, "alerts": list(cap.alerts)}
        for cap in grant.budgets
    ]
    return {**plain(grant), **({"budgets": budgets} if budgets else {})}


def audited(row: Audited) -> dict[str, Any]:
    return {
        "seq": row.seq, "at": moment(row.at), "who": row.actor, "what": row.action, "of": row.subject,
        "before": row.before, "after": row.after,
    }  # fmt: skip


# --- for people ---


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def tenant_line(row: TenantRow) -> tuple[str, ...]:
    return row.id, row.parent or "-", _budgets(row.grant), _may(row.grant), _source(row), row.title


def keys_table(rows: Sequence[KeyRow], now: int) -> str:
    return table(KEY_HEAD, [_key_line(row, now) for row in rows])


def _key_line(row: KeyRow, now: int) -> tuple[str, ...]:
    word = state(row, now)
    if word == "holds" and row.expires_at is not None:
        word = f"until {moment(row.expires_at)}"
    return (
        row.id,
        row.tenant,
        word,
        _budgets(row.grant),
        _may(row.grant),
        "import" if row.imported else _source(row),
        row.title,
    )


def audit_line(row: Audited) -> tuple[str, ...]:
    return moment(row.at), row.actor, row.action, row.subject


def _budgets(grant: Grant) -> str:
    return ", ".join(f"${shown_usd(cap.limit)}/{cap.period}" for cap in grant.budgets) or "-"


def _may(grant: Grant) -> str:
    return ", ".join([*grant.providers, *grant.models, *(f"face {face}" for face in grant.faces)]) or "all"


def lines(document: dict[str, Any]) -> str:
    """The object a line for each member; what is not set is left out."""
    width = max(len(name) for name in document)
    return "".join(f"{name:<{width}}  {_value(value)}\n" for name, value in document.items() if value not in (None, ""))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {each}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_budget(each) if isinstance(each, dict) else str(each) for each in value)
    return str(value)


def _budget(budget: dict[str, Any]) -> str:
    return f"${budget['limit_usd']}/{budget['period']}" + (f" ({budget['zone']})" if budget["zone"] else "")


def once(new: NewKey) -> str:
    return (
        f"The key {new.key.id} of the tenant {new.key.tenant}:\n\n    {new.secret}\n\n"
        f"It is shown this once: only its SHA-256 is kept."
    )
