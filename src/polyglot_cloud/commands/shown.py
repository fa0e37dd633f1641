"""Tenants, keys and audit rows as lines for people. No secret passes but in `once`."""

from collections.abc import Sequence
from typing import Any

from polyglot_cloud.administration.documents import moment, source, state
from polyglot_cloud.grants import Grant, KeyRow, TenantRow
from polyglot_cloud.settings.values import shown_usd
from polyglot_cloud.tenancy import Audited, NewKey

TENANT_HEAD = ("TENANT", "PARENT", "BUDGETS", "MAY USE", "FROM", "TITLE")
KEY_HEAD = ("KEY", "TENANT", "STATE", "BUDGETS", "MAY USE", "FROM", "TITLE")
AUDIT_HEAD = ("AT", "WHO", "WHAT", "OF")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def tenant_line(row: TenantRow) -> tuple[str, ...]:
    return row.id, row.parent or "-", _budgets(row.grant), _may(row.grant), source(row), row.title


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
        "import" if row.imported else source(row),
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
