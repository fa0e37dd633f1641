"""The configuration file, config/polyglot.toml: budgets, tenants and keys. Nobody needs it; what is wrong in it is told all at once,
each fault with file, dotted key (`tenant.acme.budget[1].limit`, members counted from 1) and reason.

No secret stands in it: a key is declared by its SHA-256, or by the name of an environment variable that holds it. A further section is a
function that takes the `Table` of the whole file, called in `_read`. `config/polyglot.example.toml` shows every key.
"""

import hashlib
import stat
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from polyglot_cloud.grants import (
    ALERTS,
    LIMITS,
    PERIODS,
    BrokenLineage,
    BudgetRow,
    Cap,
    Grant,
    Hash,
    KeyRow,
    TenantRow,
    alerts,
    alias_target,
    lineage,
    model_pattern,
    sha256,
    tenant_id,
    word,
    zone,
)
from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import names, secret, values
from polyglot_cloud.settings.problems import Problem, SettingsError
from polyglot_cloud.settings.sources import Sources
from polyglot_cloud.settings.tables import Table, count, known, meant, moment, of_text, one_of, text

DEFAULT_PATH = Path("config/polyglot.toml")
SHORTEST_SECRET = 20
"""Characters of a key that an environment variable holds: what LiteLLM makes has 25; what a person makes up is guessed."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What was declared. `path` None: there is no file, and `budgets` are those that variables set."""

    path: Path | None = None
    budgets: tuple[BudgetRow, ...] = ()
    tenants: tuple[TenantRow, ...] = ()
    keys: tuple[KeyRow, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Reading:
    """What the readers of the sections need and what they have found so far."""

    sources: Sources
    rows: Sequence[ProviderRow]
    zone: str
    faults: list[Problem] = field(default_factory=list)
    budgets: list[BudgetRow] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def providers(self) -> list[str]:
        return [row.name for row in self.rows]


def place(named: Path | None) -> Path | None:
    """The file that is read: the one that was named, else DEFAULT_PATH where it is there."""
    return named or (DEFAULT_PATH if DEFAULT_PATH.is_file() else None)


def load(
    path: Path | None,
    *,
    sources: Sources,
    rows: Sequence[ProviderRow],
    zone: str = "UTC",
    given: Sequence[BudgetRow] = (),
) -> Configuration:
    """The declarations of the file at `path`, or of DEFAULT_PATH where that is there. Raises SettingsError with all faults.

    `sources` hold the variables that keys name, `rows` are the providers that may be named; `zone` is the calendar of budgets that name
    none; `given` are budgets that settings state already, and which the file may not state again.
    """
    path = place(path)
    if path is None:
        return Configuration(budgets=tuple(given))
    content, problems = _content(path)
    reading = _Reading(sources, rows, zone, budgets=list(given))
    tenants, keys = _read(Table("", str(path), content, reading.faults), reading)
    if reading.faults:
        raise SettingsError(reading.faults)
    return Configuration(path, tuple(reading.budgets), tuple(tenants.values()), tuple(keys), tuple(problems))


def _content(path: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The file as TOML, amounts exact."""
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            content = tomllib.load(file, parse_float=Decimal)
    except FileNotFoundError:
        raise SettingsError([Problem(f"{path} does not exist, though POLYGLOT_CONFIG names it.")]) from None
    except UnicodeDecodeError:
        raise SettingsError([Problem(f"{path} is not UTF-8. Save the file in that encoding.")]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([Problem(f"{path} is not TOML: {error}.")]) from None
    except OSError as error:
        raise SettingsError([Problem(f"{path} cannot be read: {error.strerror}.")]) from None
    if not mode & (stat.S_IWGRP | stat.S_IWOTH):
        return content, []
    message = f"{path} can be written by other users of this machine, who could add keys. Close it: chmod go-w {path}"
    return content, [Problem(message, level="warning")]


def _read(file: Table, reading: _Reading) -> tuple[dict[str, TenantRow], list[KeyRow]]:
    _budgets_of(file, "process", reading)
    for name, provider in file.inners("provider"):
        if name not in reading.providers:
            provider.fault(f"is no provider{meant(name, reading.providers)}")
        _budgets_of(provider, f"provider:{name}", reading)
        provider.close()
    tenants = {name: _tenant(name, table, reading) for name, table in file.inners("tenant")}
    _check_families(file, tenants)
    keys = [_key(name, table, reading, tenants) for name, table in file.inners("key")]
    file.close()
    return tenants, keys


# --- budgets ---


def _budgets_of(holder: Table, scope: str, reading: _Reading) -> None:
    for table in holder.array("budget"):
        cap = _cap(table, scope)
        budget = cap.of(scope, reading.zone) if cap else None
        if budget and any(budget.id == other.id for other in reading.budgets):
            table.fault(
                f"is a second budget of {scope} for each {budget.period}, here or among the settings; keep one",
                "period",
            )
        elif budget:
            reading.budgets.append(budget)


def _cap(table: Table, scope: str) -> Cap | None:
    period = table.need("period", one_of(PERIODS), None)
    limit = table.need("limit", values.usd, None)
    where = table.take("zone", of_text(zone), None)
    told = table.take("alerts", _percents, ALERTS)
    table.close()
    if period is None or limit is None:
        return None
    return Cap(next(each for each in PERIODS if each == period), limit, where, told)


def _percents(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise ValueError("must be a list of percents such as [75, 90, 100]")  # noqa: TRY004  # readers raise one kind of error
    return alerts(tuple(count(percent) for percent in value))


# --- tenants ---


def _tenant(name: str, table: Table, reading: _Reading) -> TenantRow:
    try:
        tenant_id(name)
    except ValueError as error:
        table.fault(f"is no name of a tenant: it {error}")
    title = table.take("title", text, "")
    parent = table.take("parent", text, None)
    grant = _grant(table, f"tenant:{name}", reading)
    table.close()
    return TenantRow(name, title, parent, grant, declared=True)


def _check_families(file: Table, tenants: dict[str, TenantRow]) -> None:
    parents = {tenant.id: tenant.parent for tenant in tenants.values()}
    outer = file.inner("tenant")
    for tenant in tenants.values():
        place = outer.inner(tenant.id)
        if tenant.parent is not None and tenant.parent not in parents:
            place.fault(f"must name a tenant of this file{meant(tenant.parent, parents)}", "parent")
            continue
        try:
            lineage(tenant.id, parents)
        except BrokenLineage as error:
            if not error.missing:  # told already, at the tenant that names the missing one
                place.fault(f"leads nowhere: {tenant.id} {error}", "parent")


def _grant(table: Table, scope: str, reading: _Reading) -> Grant:
    """What tenants and keys may both say of what they may do."""
    seen = len(reading.budgets)
    _budgets_of(table, scope, reading)
    own = reading.budgets[seen:]
    del reading.budgets[seen:]
    return Grant(
        providers=table.each("providers", known(reading.providers, "provider")),
        models=table.each("models", of_text(model_pattern)),
        faces=table.each("faces", known([*reading.providers, "any"], "face")),
        aliases=table.pairs("aliases", word, of_text(_alias_target(reading.providers))),
        limits=table.pairs("limits", one_of(LIMITS), count),
        budgets=tuple(Cap(each.period, each.limit, each.zone, each.alerts) for each in own),
        tags=table.each("tags", of_text(word)),
    )


def _alias_target(providers: Collection[str]) -> Any:
    def read(target: str) -> str:
        if alias_target(target).partition("/")[0] not in providers:
            raise ValueError(f'must be "provider/model" with a provider that is there: {", ".join(providers)}')
        return target

    return read


# --- keys ---


def _key(name: str, table: Table, reading: _Reading, tenants: Collection[str]) -> KeyRow:
    try:
        tenant_id(name)
    except ValueError as error:
        table.fault(f"is no name of a key: it {error}")
    key = KeyRow(
        id=f"key_{name}",
        tenant=table.need("tenant", known(tenants, "tenant of this file"), ""),
        hashes=_hashes(table, reading),
        title=table.take("title", text, ""),
        grant=_grant(table, f"key:key_{name}", reading),
        expires_at=table.take("expires", moment, None),
        declared=True,
    )
    table.close()
    return key


def _hashes(table: Table, reading: _Reading) -> tuple[Hash, ...]:
    """Of `sha256`, one or a list of them (while a key is exchanged both hold), or of the variable that `env` names."""
    if ("sha256" in table.values) == ("env" in table.values):
        table.asked |= {"sha256", "env"}
        table.fault("must have either sha256 or env, the name of an environment variable that holds the key")
        return ()
    if isinstance(table.values.get("sha256"), list):
        digests: tuple[str | None, ...] = table.each("sha256", of_text(sha256))
    else:
        digests = (table.take("sha256", of_text(sha256), None) or table.take("env", _hashed(reading), None),)
    place = table.at("sha256" if "sha256" in table.values else "env")
    for digest in digests:
        if digest and reading.hashes.setdefault(digest, place) != place:
            table.faults.append(Problem(f"is the same key as {reading.hashes[digest]}.", place, table.source))
    return tuple(Hash(digest) for digest in digests if digest)


def _hashed(reading: _Reading) -> Any:
    """A reader of the name of a variable, which gives the hash of what the variable holds; the key itself is kept nowhere."""
    vendors = {variable for row in reading.rows for variable in row.key_variables}

    def read(value: Any) -> str:
        variable = text(value)
        if variable.startswith(names.PREFIX) or variable in vendors:
            raise ValueError("must name a variable of its own: neither one of POLYGLOT_*, nor that of a provider's key")
        found = reading.sources.first((variable,))
        if found is None:
            raise ValueError("names a variable that is not set")
        held = secret.read(found.value, "").key
        if held is None or len(held.reveal()) < SHORTEST_SECRET:
            raise ValueError(
                f"names a variable that holds no key: at least {SHORTEST_SECRET} characters of visible ASCII, no placeholder"
            )
        return hashlib.sha256(held.reveal().encode()).hexdigest()

    return read
