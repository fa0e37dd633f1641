"""What a tenant or a key may do and spend, as plain frozen records with the checks of their words.

They stand here, below all else, because settings declares them and tenancy stores and applies them, and the two may not know each other.
Times are integer Unix microseconds, amounts integer nano-dollars.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Period = Literal["call", "run", "day", "week", "month", "once"]
PERIODS: tuple[Period, ...] = ("call", "run", "day", "week", "month", "once")
"""Of "run" each run of the holder's has the amount for itself, and it is never renewed."""
ALERTS = (75, 90, 100)
"""Percent of a budget at which its holder is told."""
LIMITS = ("requests_per_minute", "tokens_per_minute", "concurrent_calls")
DEEPEST = 8
"""Tenants above one another, the lowest counted."""

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_WORD = re.compile(r"[!-~]{1,128}")
_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Cap:
    """An amount that may be spent in each period. `zone` None: the process's; its calendar says when a day begins."""

    period: Period
    limit: int
    zone: str | None = None
    alerts: tuple[int, ...] = ALERTS

    def of(self, scope: str, zone: str) -> "BudgetRow":
        return BudgetRow(scope, self.period, self.limit, self.zone or zone, self.alerts)


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A cap and whom it binds: "process", "provider:openai", "tenant:acme", "key:key_0a1b2c3d4e5f", "run:acme/r1"."""

    scope: str
    period: Period
    limit: int
    zone: str
    alerts: tuple[int, ...] = ALERTS

    @property
    def id(self) -> str:
        """The same as long as scope and period are, whatever the limit: what was spent stays spent when the limit changes."""
        return f"{self.scope}/{self.period}"


@dataclass(frozen=True, slots=True)
class Grant:
    """What its holder may do. An empty tuple restricts nothing; no input can say "nothing at all" by an empty list.

    providers, faces   names; a face is a provider's or "any"
    models             ids as the provider is asked for them, or "provider/id"; a `*` at the end stands for any ending
    aliases            names of the holder's own -> "provider/model" or "provider/tier"
    limits             of LIMITS; kept, and applied by whoever limits
    """

    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    faces: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    budgets: tuple[Cap, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TenantRow:
    """`declared`: it stands in the configuration file, not in the store."""

    id: str
    title: str = ""
    parent: str | None = None
    grant: Grant = field(default_factory=Grant)
    created_at: int = 0
    deleted_at: int | None = None
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Hash:
    """The SHA-256 of a key's secret in hex. `until`: a rotation replaced it, and it holds until then."""

    sha256: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key without its secret. The newest hash stands first."""

    id: str
    tenant: str
    hashes: tuple[Hash, ...]
    title: str = ""
    grant: Grant = field(default_factory=Grant)
    created_at: int = 0
    expires_at: int | None = None
    revoked_at: int | None = None
    imported: bool = False
    declared: bool = False


# --- grants as JSON ---


def plain(grant: Grant) -> dict[str, Any]:
    """The grant as a JSON object; what restricts nothing is left out. `limit` is in nano-dollars."""
    found: dict[str, Any] = {}
    for part in fields(grant):
        if value := getattr(grant, part.name):
            found[part.name] = dict(value) if isinstance(value, Mapping) else list(value)
    if grant.budgets:
        found["budgets"] = [_plain_cap(cap) for cap in grant.budgets]
    return found


def _plain_cap(cap: Cap) -> dict[str, Any]:
    return {"period": cap.period, "limit": cap.limit, "zone": cap.zone, "alerts": list(cap.alerts)}


def grant_of(value: Mapping[str, Any]) -> Grant:
    """Reads what `plain` wrote."""
    lists = {name: tuple(value.get(name, ())) for name in ("providers", "models", "faces", "tags")}
    caps = (
        Cap(each["period"], each["limit"], each["zone"], tuple(each["alerts"])) for each in value.get("budgets", ())
    )
    return Grant(aliases=value.get("aliases", {}), limits=value.get("limits", {}), budgets=tuple(caps), **lists)


# --- families ---


class BrokenLineage(ValueError):
    """A tenant whose ancestors cannot be told: one is missing (`missing`), there are too many, or they lead in a circle."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


def lineage(tenant: str, parents: Mapping[str, str | None]) -> tuple[str, ...]:
    """The tenant, its parent, and so on up to the one that has none. Raises BrokenLineage, worded to follow the tenant's name."""
    found: list[str] = []
    at: str | None = tenant
    while at is not None:
        if at in found:
            raise BrokenLineage(f"is its own ancestor: {' > '.join([*found[found.index(at) :], at])}")
        if at not in parents:
            raise BrokenLineage(f"has {at} above it, which is not there" if found else "is not there", missing=True)
        found.append(at)
        if len(found) > DEEPEST:
            raise BrokenLineage(f"has more than {DEEPEST - 1} tenants above it")
        at = parents[at]
    return tuple(found)


# --- words; each raises ValueError with a reason that reads on from the name of what is read ---


def tenant_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError("must be 1 to 63 of a-z, 0-9, dot, dash and underscore, and begin with a letter or a digit")
    return text


def sha256(text: str) -> str:
    """A SHA-256 in hex, in lower case."""
    bare = text.strip().lower()
    if not _SHA256.fullmatch(bare):
        raise ValueError("must be a SHA-256: 64 hexadecimal digits. Never put a key itself here")
    if bare == _OF_NOTHING:
        raise ValueError("is the SHA-256 of nothing: the variable or file that was hashed was empty")
    return bare


def model_pattern(text: str) -> str:
    if not _WORD.fullmatch(text) or "*" in text[:-1]:
        raise ValueError(
            'must be a model such as "gpt-6.2-sol" or "openai/gpt-6.2-sol", or the beginning of some: "gpt-6*"'
        )
    return text


def word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ValueError("must be one word of visible ASCII, at most 128 characters")
    return text


def alias_target(text: str) -> str:
    if not all(part and _WORD.fullmatch(part) for part in text.partition("/")):
        raise ValueError('must be "provider/model" or "provider/tier"')
    return text


def zone(text: str) -> str:
    """The name of a time zone that this machine knows."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # "", "../x", a folder of zones
        raise ValueError("must be a time zone that is known here, such as UTC or Europe/Berlin") from None
    return text


def alerts(percents: tuple[int, ...]) -> tuple[int, ...]:
    if any(not 1 <= percent <= 100 for percent in percents) or list(percents) != sorted(set(percents)):
        raise ValueError("must be whole percents from 1 to 100, rising")
    return percents
