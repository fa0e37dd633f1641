"""The catalog: what is known of providers and models, and what a client's model name means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Literal

from polyglot_cloud.catalog.faults import BrokenCatalog, CatalogFault, meant
from polyglot_cloud.catalog.names import family, guard, objection
from polyglot_cloud.catalog.planning import Plan, plan
from polyglot_cloud.errors import BadRequest, RetiredModel, UnknownModel
from polyglot_cloud.neutral import Need
from polyglot_cloud.rows import TIERS, Destination, Model, ProviderRow, Quirks

Retired = Literal["refuse", "successor", "pass"]
"""What a retired model that a client asks for by name is answered with: 404, its successor, or whatever the provider says."""

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Choices:
    """What the settings choose over the catalog. A model is an id, a vendor alias or an id that the catalog does not know.

    tiers     provider -> tier -> model
    defaults  provider -> model or tier
    aliases   name -> "provider/model" or "provider/tier"
    """

    tiers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resolution:
    """Which model answers. `wire_model` is its id as it goes on the wire, `row` None where the catalog does not know it.

    `asked` is the client's word, None where it left the model out; `edited`: the wire name differs from it.
    `substituted_from` is the retired model that this one stands in for. `priced`: a price row is in force today.
    """

    provider: str
    wire_model: str
    row: Model | None
    asked: str | None
    edited: bool
    substituted_from: str | None
    priced: bool


@dataclass(frozen=True, slots=True)
class Found:
    """`chosen`: by the settings or the catalog, not by a client's own word, so its retirement breaks nothing."""

    provider: str
    wire: str
    row: Model | None
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Catalog:
    """Frozen, with every name looked up in one step. Build one with `load` or `Catalog.of`.

    refused   provider -> body fields that the host refuses whatever the model
    names     provider -> id or alias -> row
    foreign   providers that a user's file added, or whose address or key variables it set
    """

    providers: Mapping[str, ProviderRow]
    rows: tuple[Model, ...]
    refused: Mapping[str, frozenset[str]]
    names: Mapping[str, Mapping[str, Model]]
    foreign: frozenset[str]
    choices: Choices

    @classmethod
    def of(
        cls,
        providers: Mapping[str, ProviderRow],
        rows: Iterable[Model],
        refused: Mapping[str, frozenset[str]] | None = None,
        foreign: Iterable[str] = (),
    ) -> "Catalog":
        names: dict[str, dict[str, Model]] = {name: {} for name in providers}
        rows = tuple(rows)
        for row in rows:
            names[row.provider].update(dict.fromkeys((row.id, *row.aliases), row))
        frozen = {name: MappingProxyType(known) for name, known in names.items()}
        return cls(
            providers=MappingProxyType(dict(providers)),
            rows=rows,
            refused=MappingProxyType(dict(refused or {})),
            names=MappingProxyType(frozen),
            foreign=frozenset(foreign),
            choices=Choices(),
        )

    def choosing(self, choices: Choices) -> "Catalog":
        """The same catalog with the settings' choices over it. Raises BrokenCatalog where they cannot be meant."""
        if faults := list(self._faults(choices)):
            raise BrokenCatalog([CatalogFault("settings", entry, reason) for entry, reason in faults])
        return replace(self, choices=choices)

    # --- views ---

    def model(self, provider: str, name: str) -> Model | None:
        """The row of an id, an alias or a dated snapshot."""
        known = self.names.get(provider, {})
        if row := known.get(name):
            return row
        base = family(name)
        return known.get(base) if base else None

    def listed(self, provider: str, wire: str) -> tuple[str, ...]:
        """The names that mean this model: its row's id and aliases; of a snapshot without a row its family's, but no other snapshot's."""
        known = self.names.get(provider, {})
        if row := known.get(wire):
            return (row.id, *row.aliases)
        base = family(wire)
        row = known.get(base) if base else None
        return tuple(name for name in (row.id, *row.aliases) if family(name) != base) if row else ()

    def models(self, provider: str | None, today: date) -> list[Model]:
        """What can be asked today, by provider in the catalog's order, then by id."""
        places = {name: place for place, name in enumerate(self.providers)}
        alive = [row for row in self.rows if provider in {None, row.provider} and not row.retired_on(today)]
        return sorted(alive, key=lambda row: (places[row.provider], row.id))

    def tiers(self, provider: str) -> dict[str, str]:
        """The provider's tiers in force: the settings' over the catalog's."""
        return dict(self.providers[provider].tiers) | dict(self.choices.tiers.get(provider, NOTHING))

    # --- what a name means ---

    def resolve(
        self,
        name: str | None,
        *,
        provider: str | None,
        today: date,
        retired: Retired = "refuse",
        urls: Mapping[str, str] | None = None,
    ) -> Resolution:
        """Who answers to `name` at a provider's face, or at the face of all (`provider` None).

        `urls` is where each provider's face is reached, for the message to somebody at the wrong one.
        Raises BadRequest (no name, a hostile one, another provider's), UnknownModel, RetiredModel.
        """
        found = self._found(name, provider, urls or NOTHING)
        row, wire, substituted = found.row, found.wire, None
        if row is not None and row.retired_on(today) and (found.chosen or retired != "pass"):
            if not found.chosen and retired == "refuse":
                raise self._retired(wire, row, today)
            substituted, row = wire, self._successor(wire, row, today)
            wire = row.id
        priced = row is not None and row.price_on(today) is not None
        return Resolution(found.provider, wire, row, name, wire != name, substituted, priced)

    def _found(self, name: str | None, provider: str | None, urls: Mapping[str, str]) -> Found:
        if name is None:
            return self._default(provider)
        guard(name)
        if target := self.choices.aliases.get(name):
            home, _, rest = target.partition("/")
            if provider is None or provider == home:
                return replace(self._at(home, rest, urls, prefixed=True), chosen=True)
            own = self._known(provider, name)
            if own.row is None:
                raise self._misplaced(name, home, provider, urls)
            return own  # at its own face a model keeps its name, whatever an alias says elsewhere
        return self._anywhere(name, urls) if provider is None else self._at(provider, name, urls)

    def _default(self, provider: str | None) -> Found:
        choice = (self.choices.defaults.get(provider) or self.providers[provider].default) if provider else ""
        if not provider or not choice:
            where = f"{self.providers[provider].title} has no default model here" if provider else "There is no default"
            reason = f"The request names no model. {where}: name one."
            raise BadRequest(reason, param="model", code="missing_required_parameter")
        return self._tier(provider, choice) if choice in TIERS else self._known(provider, choice, chosen=True)

    def _tier(self, provider: str, tier: str) -> Found:
        if choice := self.tiers(provider).get(tier):
            return self._known(provider, choice, chosen=True)
        raise UnknownModel(f'{self.providers[provider].title} has no tier "{tier}" here. Name a model.', param="model")

    def _known(self, provider: str, name: str, *, chosen: bool = False) -> Found:
        return Found(provider, name, self.model(provider, name), chosen)

    def _at(self, provider: str, name: str, urls: Mapping[str, str], *, prefixed: bool = False) -> Found:
        """At a provider's own face: its tiers and models, another's never, and unknown ids as they are.

        A provider without a single model in the catalog may well have another's (an aggregator, a proxy): there every id passes.
        """
        for wire in self._spellings(provider, name, prefixed=prefixed):
            if wire in TIERS:
                return self._tier(provider, wire)
            if (found := self._known(provider, wire)).row is not None:
                return found
        if self.names[provider] and (other := self._elsewhere(wire, provider)):
            raise self._misplaced(wire, other, provider, urls)
        self._check_case(provider, wire)
        return Found(provider, wire, None)

    def _check_case(self, provider: str, name: str) -> None:
        """Raises UnknownModel for a known name in other letters: vendors tell them apart, and answer with a riddle."""
        if known := self._in_other_letters(provider, name):
            raise UnknownModel(
                f'{self.providers[provider].title} has no model {name}: did you mean "{known}"? '
                "Names are told apart by capital and small letters.",
                param="model",
            )

    def _in_other_letters(self, provider: str, name: str) -> str | None:
        """The id, vendor's alias, tier or dated snapshot of a provider that differs from this name in case only.

        The settings' aliases are left out: `llama = "local/Llama"` is a fine one.
        """
        known = {each.lower(): each for each in (*self.names[provider], *self.tiers(provider))}
        base = family(name) or ""
        if found := known.get(name.lower()):
            return found
        return known[base.lower()] + name[len(base) :] if base.lower() in known else None

    def _spellings(self, provider: str, name: str, *, prefixed: bool) -> list[str]:
        """As it stands, then less `provider/`, then less Gemini's `models/`; the last is what an unknown id is sent as.

        `prefixed`: the first was taken off already. Aggregators have ids that begin with their own name.
        """
        found = [name]
        prefixes = [] if prefixed else [f"{provider}/"]
        if "gemini" in self.providers[provider].dialects:
            prefixes.append("models/")
        for prefix in prefixes:
            rest = found[-1].removeprefix(prefix)
            if rest != found[-1]:
                found.append(rest)
        return found

    def _elsewhere(self, name: str, provider: str) -> str | None:
        """Another provider that has this model, or that the name begins with."""
        head, _, rest = name.partition("/")
        if rest and head in self.providers and head != provider:
            return head
        return next((other for other in self.providers if other != provider and self.model(other, name)), None)

    def _anywhere(self, name: str, urls: Mapping[str, str]) -> Found:
        for provider in self.providers:
            if (found := self._known(provider, name)).row is not None:
                return found
        head, _, rest = name.partition("/")
        if rest and head in self.providers:
            return self._at(head, rest, urls, prefixed=True)
        if name in TIERS:
            raise BadRequest(
                f'Every provider has a tier "{name}": write {" or ".join(f"{p}/{name}" for p in self.providers)}.',
                param="model",
                code="ambiguous_model",
            )
        for provider, row in self.providers.items():
            if (
                "gemini" in row.dialects
                and (found := self._known(provider, name.removeprefix("models/"))).row is not None
            ):
                return found
        for provider in self.providers:
            self._check_case(provider, name)
        raise UnknownModel(
            f"No provider here is known to have a model {name}. To pass it on unseen write provider/{name}; "
            f"there are {', '.join(self.providers)}.",
            param="model",
        )

    def _misplaced(self, name: str, home: str, asked: str, urls: Mapping[str, str]) -> BadRequest:
        where = f"at {urls[home]}" if home in urls else f"at the address of {home}"
        rest = name.removeprefix(f"{home}/")
        return BadRequest(
            f"{rest} is a model of {self.providers[home].title}, not of {self.providers[asked].title}. "
            f"Ask it {where}, or as {home}/{rest} at /v1/any/chat/completions.",
            param="model",
            code="wrong_provider",
        )

    # --- retirement ---

    def _successor(self, wire: str, row: Model, today: date) -> Model:
        """The first in the line of successors that is in service."""
        successor = self._line(row, today)
        if successor is None:
            raise self._retired(wire, row, today)
        return successor

    def _line(self, row: Model, today: date) -> Model | None:
        known, next_row = self.names[row.provider], row
        for _ in known:  # a bound; the loader refuses circles
            if next_row.successor is None:
                return None
            next_row = known[next_row.successor]
            if not next_row.retired_on(today):
                return next_row
        return None

    def _retired(self, wire: str, row: Model, today: date) -> RetiredModel:
        title = self.providers[row.provider].title
        ended = f"was shut down on {row.retires}" if row.retires else "is not served any more"
        successor = self._line(row, today)
        if successor is None:
            after = "No successor is known."
        else:
            published = successor.id == row.successor and not row.successor_is_ours
            whose = f"named by {title}" if published else f"our choice, {title} published none"
            after = f"Its successor is {successor.id} ({whose})."
        return RetiredModel(f"{wire} {ended} ({title}). {after}", param="model")

    # --- what follows from it ---

    def plan(
        self, resolution: Resolution, client_dialect: str, needs: frozenset[Need], *, readable: bool = True
    ) -> Plan:
        """The dialect to ask in. Raises Unsupported, before anything is sent."""
        spoken = self.providers[resolution.provider].dialects
        return plan(resolution.wire_model, resolution.row, spoken, client_dialect, needs, readable=readable)

    def destination(self, resolution: Resolution) -> Destination:
        """Whom a request is written for. A model that nobody described has its host's habits alone."""
        row = resolution.row
        if row is None:
            refused = self.refused.get(resolution.provider, frozenset())
            return Destination(resolution.provider, resolution.wire_model, Quirks(refused=refused))
        return Destination(resolution.provider, resolution.wire_model, row.quirks, row.max_output, known=True)

    # --- the settings' choices ---

    def _faults(self, choices: Choices) -> Iterable[tuple[str, str]]:
        """(place, reason) for each choice that cannot be meant."""
        named = [(provider, f"default of {provider}", name) for provider, name in choices.defaults.items()]
        for provider, tiers in choices.tiers.items():
            for tier, name in tiers.items():
                place = f"tier {tier} of {provider}"
                named.append((provider, place, name))
                if tier not in TIERS:
                    yield place, f'"{tier}" is no tier{meant(tier, TIERS)}'
                if name in TIERS:
                    yield place, f'is "{name}": a tier must be a model'
        for alias, target in choices.aliases.items():
            provider, _, name = target.partition("/")
            place = f'alias "{alias}"'
            named.append((provider, place, name))
            if reason := objection(alias):
                yield place, f"{reason}, so nobody could ask for it"
            if alias in TIERS:
                yield place, "is the name of a tier already"
        for provider, place, name in named:
            if reason := self._objection(provider, name):
                yield place, reason

    def _objection(self, provider: str, name: str) -> str | None:
        """Why the settings cannot mean this model of this provider, None where they may."""
        if provider not in self.providers:
            return f'"{provider}" is no provider{meant(provider, self.providers)}'
        if reason := objection(name):
            return f'the model "{name}" {reason}'
        if not self.names[provider] or name in TIERS or self.model(provider, name):
            return None
        if other := self._elsewhere(name, provider):
            return f'"{name}" is a model of {other}, not of {provider}'
        near = self._in_other_letters(provider, name)
        return f'"{name}" is no model of {provider}; did you mean "{near}"?' if near else None
