"""Tenants, keys, audit rows and budgets as JSON. No secret passes but in `secret`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from polyglot_cloud.grants import Grant, KeyRow, TenantRow, plain
from polyglot_cloud.money.budgets import Standing
from polyglot_cloud.settings.values import shown_usd
from polyglot_cloud.tenancy import Audited, NewKey

if TYPE_CHECKING:
    from polyglot_cloud.money.store import Attempt


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
        "from": source(row),
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
        "from": "import" if row.imported else source(row),
        "created": None if row.declared else moment(row.created_at),
        "expires": _moment(row.expires_at),
        "revoked": _moment(row.revoked_at),
        "old_secret_until": _moment(
            max((each.until for each in row.hashes if each.until and each.until > now), default=None)
        ),
        **_grant(row.grant),
    }


def secret(new: NewKey, now: int) -> dict[str, Any]:
    """A key that was just made, with what is shown this once."""
    return {**key(new.key, now), "secret": new.secret}


def state(row: KeyRow, now: int) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "holds"


def source(row: TenantRow | KeyRow) -> str:
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


# --- money ---


def standing(found: Standing) -> dict[str, Any]:
    """`resets` is None for a budget that is never renewed, and for one of single calls, which counts nothing."""
    budget = found.budget
    return {
        "budget": budget.id,
        "scope": budget.scope,
        "period": budget.period,
        "zone": budget.zone,
        "limit_usd": shown_usd(budget.limit),
        "spent_usd": shown_usd(found.spent),
        "held_usd": shown_usd(found.held),
        "since": None if budget.period in {"call", "once"} else moment(found.start * 1_000_000),
        "resets": None if found.end is None else moment(found.end * 1_000_000),
    }


def unknown(attempt: "Attempt") -> dict[str, Any]:
    held = attempt.held
    return {
        "attempt": attempt.id, "since": moment(attempt.held_at or 0), "bound_usd": shown_usd(attempt.bound),
        **{name: held.get(name) for name in ("tenant", "key", "run", "provider", "wire_model")},
    }  # fmt: skip
