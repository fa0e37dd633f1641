"""Principals: a key with its tenant and all tenants above it, and what they may do together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from polyglot_cloud.errors import NotAllowed
from polyglot_cloud.grants import BudgetRow, Grant, KeyRow, TenantRow


@dataclass(frozen=True, slots=True)
class Rule:
    """One grant, made ready for asking. `models` are exact names, `beginnings` what stood before a `*`."""

    holder: str
    providers: frozenset[str]
    faces: frozenset[str]
    models: frozenset[str]
    beginnings: tuple[str, ...]
    shown: str

    @classmethod
    def of(cls, holder: str, grant: Grant) -> "Rule":
        return cls(
            holder,
            frozenset(grant.providers),
            frozenset(grant.faces),
            frozenset(model for model in grant.models if not model.endswith("*")),
            tuple(model[:-1] for model in grant.models if model.endswith("*")),
            ", ".join(grant.models),
        )

    def has_model(self, provider: str, names: Sequence[str]) -> bool:
        if not self.shown:
            return True
        spelled = [*names, *(f"{provider}/{name}" for name in names)]
        return any(name in self.models or name.startswith(self.beginnings) for name in spelled)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. Every grant must allow what is asked: a key can do no more than its tenant, a tenant no more than the ones above it.

    key      the public id, which rotation keeps
    lineage  the tenant, its parent, and so on
    aliases  the key's before its tenant's before those of the tenants above
    budgets  the key's, the tenant's and those of all above it; each of them must hold
    limits   by scope ("key:...", "tenant:..."), nearest first; numbers by their names in `grants.LIMITS`
    tags     of all of them, for reports
    """

    key: str
    lineage: tuple[str, ...]
    rules: tuple[Rule, ...] = field(repr=False)
    aliases: Mapping[str, str]
    budgets: tuple[BudgetRow, ...]
    limits: tuple[tuple[str, Mapping[str, int]], ...]
    tags: tuple[str, ...]
    expires_at: int | None = None

    @property
    def tenant(self) -> str:
        return self.lineage[0]

    def sees(self, tenant: str) -> bool:
        """Whether runs, receipts and usage of `tenant` are this principal's to see: its own tenant's alone."""
        return tenant == self.lineage[0]

    def check_face(self, face: str) -> None:
        """Raises NotAllowed. `face` is a provider's name or "any"."""
        for rule in self.rules:
            if rule.faces and face not in rule.faces:
                raise NotAllowed(f"{rule.holder} may not call the face {face}. It may call: {_listed(rule.faces)}.")

    def check_target(self, provider: str, *names: str) -> None:
        """Raises NotAllowed unless every grant allows the provider and one of the model's names.

        `names` are of the model that will be asked (its id, the family of a snapshot), never what the client wrote: an alias or a
        retired model's name must not open a door.
        """
        for rule in self.rules:
            if rule.providers and provider not in rule.providers:
                raise NotAllowed(f"{rule.holder} may not use {provider}. It may use: {_listed(rule.providers)}.")
            if not rule.has_model(provider, names):
                raise NotAllowed(f"{rule.holder} may not use {names[0]} of {provider}. It may use: {rule.shown}.")

    def allows(self, provider: str, *names: str) -> bool:
        """As `check_target`, for lists of models and plans of targets."""
        return all(
            (not rule.providers or provider in rule.providers) and rule.has_model(provider, names)
            for rule in self.rules
        )


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def principal(key: KeyRow, line: Sequence[TenantRow], zone: str) -> Principal:
    """`line` is the key's tenant and those above it, nearest first; `zone` the calendar of budgets that name none."""
    holders: list[tuple[str, str, Grant]] = [(f"key:{key.id}", f"The key {key.id}", key.grant)]
    holders += ((f"tenant:{tenant.id}", f"The tenant {tenant.id}", tenant.grant) for tenant in line)
    aliases: dict[str, str] = {}
    for _, _, grant in holders:
        aliases = {**grant.aliases, **aliases}
    return Principal(
        key=key.id,
        lineage=tuple(tenant.id for tenant in line),
        rules=tuple(
            Rule.of(name, grant) for _, name, grant in holders if grant.providers or grant.models or grant.faces
        ),
        aliases=aliases,
        budgets=tuple(cap.of(scope, zone) for scope, _, grant in holders for cap in grant.budgets),
        limits=tuple((scope, grant.limits) for scope, _, grant in holders if grant.limits),
        tags=tuple(dict.fromkeys(tag for _, _, grant in holders for tag in grant.tags)),
        expires_at=key.expires_at,
    )
