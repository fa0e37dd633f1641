"""Tables -> rows. Each function reads one kind of entry and reports what is wrong with it; nothing is filled in that is a fact."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Literal

from polyglot_cloud.catalog import entry as value
from polyglot_cloud.catalog.entry import Entry, Read
from polyglot_cloud.catalog.faults import meant
from polyglot_cloud.neutral import NEEDS
from polyglot_cloud.rows import TIERS, LongContext, Model, Offer, Price, ProviderRow, Quirks, Rates, Tier

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
THINKING = ("adaptive", "enabled", "disabled", "between_tools", "level", "budget")
KINDS: tuple[Literal["chat", "embedding"], ...] = ("chat", "embedding")
STATES: tuple[Literal["active", "deprecated", "retired"], ...] = ("active", "deprecated", "retired")
RATE_KINDS = (
    "input", "output", "reasoning_output", "cache_read", "cache_write", "cache_write_1h", "cache_write_12h", "input_audio",
)  # fmt: skip
SERVICES = ("standard", "batch", "flex", "priority", "fast")
CALL_KINDS = ("web_search", "web_search_request")
_MILLION_BY_THOUSAND = 1_000

QUIRKS: dict[str, Read[Any]] = {
    "efforts": value.words_of(EFFORTS, ascending=True),
    "default_effort": value.word_of(EFFORTS),
    "thinking": value.words_of(THINKING),
    "budget_min": value.count,
    "budget_max": value.positive,
    "budget_zero": value.flag,
    "sampling": value.word_of(("any", "one", "effort_none", "none", "ignored")),
    "penalties": value.flag,
    "forced_tools": value.flag,
    "prefill": value.flag,
    "inner_system": value.flag,
    "schema_with_tools": value.flag,
    "strict_max_output": value.flag,
    "reasons_beyond_max": value.flag,
    "bound_thinking": value.flag,
    "cache_marks": value.flag,
    "image_types": value.texts,
    "refused": lambda given: frozenset(value.texts(given)),
}


@dataclass(frozen=True, slots=True)
class Abilities:
    """What models that name this group share. `quirks` holds only what was stated."""

    offers: tuple[Offer, ...] | None
    quirks: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Host:
    """A provider's row, with the body fields that the host refuses whatever the model."""

    row: ProviderRow
    refused: frozenset[str]


# --- providers ---


def read_adapter(entry: Entry) -> tuple[str, ...]:
    """The dialects of a provider that names this adapter and no dialects."""
    dialects = entry.need("dialects", value.texts, ())
    entry.close()
    return dialects


def read_provider(entry: Entry, adapters: Mapping[str, tuple[str, ...]]) -> Host:
    """`adapter`, `base_url` and `key_variables` are asked for; what else is left out follows from them, or is empty."""
    name = entry.take("name", value.text, "")
    adapter = entry.need("adapter", value.word_of(tuple(adapters)), "")
    tiers = read_tiers(entry.inner("tiers"))
    row = ProviderRow(
        name=name,
        title=entry.take("title", value.text, name),
        adapter=adapter,
        base_url=entry.need("base_url", value.web_address, ""),
        base_url_variables=entry.take("base_url_variables", value.variables, ()),
        key_variables=entry.need("key_variables", value.variables, ()),
        key_example=entry.take("key_example", value.any_text, "..."),
        key_page=entry.take("key_page", value.any_text, ""),
        dialects=entry.take("dialects", value.texts, adapters.get(adapter, ())),
        tiers=tiers,
        default=entry.take("default", value.text, "medium" if "medium" in tiers else ""),
        port=entry.take("port", value.positive, None),
    )
    refused = frozenset(entry.take("refused", value.texts, ()))
    entry.close()
    return Host(row, refused)


def read_tiers(entry: Entry) -> dict[Tier, str]:
    tiers: dict[Tier, str] = {tier: entry.take(tier, value.text, "") for tier in TIERS if entry.has(tier)}
    entry.asked.update(TIERS)
    entry.close()
    return {tier: name for tier, name in tiers.items() if name}


# --- models ---


def read_abilities(entry: Entry) -> Abilities:
    offers = read_offers(entry)
    quirks = read_quirks(entry.inner("quirks"))
    entry.close()
    return Abilities(offers, quirks)


def read_offers(entry: Entry) -> tuple[Offer, ...] | None:
    """None where the entry says nothing of offers, which is not the same as offering nothing."""
    if not entry.has("offers"):
        entry.asked.add("offers")
        return None
    offers = []
    for inner in entry.inners("offers", lambda number, _: f"offer {number}"):
        dialect = inner.need("dialect", value.text, "")
        needs = inner.need("needs", value.words_of(NEEDS), ())
        inner.close()
        offers.append(Offer(dialect, frozenset(needs)))
    return tuple(offers)


def read_quirks(entry: Entry) -> dict[str, Any]:
    """Only the quirks that are stated, by their names in `rows.Quirks`."""
    entry.asked.update(QUIRKS)
    entry.close()
    found = {name: entry.take(name, QUIRKS[name], None) for name in entry.table if name in QUIRKS}
    return {name: quirk for name, quirk in found.items() if quirk is not None}


def read_model(entry: Entry, groups: Mapping[str, Abilities], hosts: Mapping[str, Host]) -> Model:
    provider = entry.need("provider", value.text, "")
    kind = entry.take("kind", value.word_of(KINDS), KINDS[0])
    group = read_group(entry, groups)
    own = read_offers(entry)
    offers = group.offers if own is None and group else own
    status = entry.take("status", value.word_of(STATES), STATES[0])
    if offers is None and kind == "chat":
        entry.fault(
            "states no offers: name a group in `abilities`, or list the dialects and needs it serves in `offers`"
        )
    elif not offers and kind == "chat" and status != "retired":
        entry.fault("offers nothing, which only a retired model may", "offers")
    quirks = Quirks(**{**(group.quirks if group else {}), **read_quirks(entry.inner("quirks"))})
    if provider in hosts:
        quirks = replace(quirks, refused=quirks.refused | hosts[provider].refused)
    model = Model(
        id=entry.take("id", value.text, ""),
        provider=provider,
        kind=kind,
        status=status,
        source=entry.need("source", value.text, ""),
        checked=entry.need("checked", value.day, date.min),
        aliases=entry.take("aliases", value.texts, ()),
        offers=offers or (),
        prices=tuple(read_price(inner) for inner in entry.inners("price", price_label)),
        successor=entry.take("successor", value.text, None),
        successor_is_ours=entry.take("successor_is_ours", value.flag, False),
        quirks=quirks,
        **{name: entry.take(name, read, DEFAULTS[name]) for name, read in PLAIN.items()},
    )
    entry.close()
    return model


def read_group(entry: Entry, groups: Mapping[str, Abilities]) -> Abilities | None:
    name = entry.take("abilities", value.text, None)
    if name is not None and name not in groups:
        entry.fault(f'abilities names "{name}", which is no group{meant(name, groups)}', "abilities")
    return groups.get(name) if name else None


PLAIN: dict[str, Read[Any]] = {
    "context_window": value.positive,
    "max_input": value.positive,
    "max_output": value.positive,
    "released": value.day,
    "retires": value.day,
    "capabilities": value.texts,
    "features": value.texts,
    "modalities_in": value.texts,
    "modalities_out": value.texts,
    "notes": value.texts,
}
"""The fields of a model that are no more than their value."""
DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Model) if field.name in PLAIN}


# --- prices ---


def price_label(number: int, table: Mapping[str, Any]) -> str:
    return f"price {table.get('effective_from', f'number {number}')}"


def read_price(entry: Entry) -> Price:
    effective_from = entry.need("effective_from", value.day, date.min)
    source = entry.need("source", value.text, "")
    rates = read_rates(entry)
    tiers = tuple(
        read_long_context(inner, rates)
        for inner in entry.inners("long_context", lambda _, table: f"long context above {table.get('above', '?')}")
    )
    calls = read_calls(entry.inner("calls", f"{entry.label}, calls"))
    entry.close()
    return Price(effective_from, rates, tiers, source, calls)


def read_calls(table: Entry) -> dict[str, int]:
    """USD per thousand calls."""
    found = {
        kind: table.take(kind, value.pico_dollars, 0) * _MILLION_BY_THOUSAND for kind in CALL_KINDS if table.has(kind)
    }
    table.asked.update(CALL_KINDS)
    table.close()
    return found


def read_rates(entry: Entry) -> Rates:
    """The tables standard, batch, flex, priority and fast in one: all but the first under their name as a prefix."""
    found: dict[str, int] = {}
    for service in SERVICES:
        table = entry.inner(service, f"{entry.label}, {service}")
        prefix = "" if service == "standard" else f"{service}_"
        for kind in RATE_KINDS:
            if table.has(kind):
                found[prefix + kind] = table.take(kind, value.pico_dollars, 0)
        table.asked.update(RATE_KINDS)
        table.close()
    if missing := [kind for kind in ("input", "output") if kind not in found]:
        entry.fault(f"standard has no rate for {' and '.join(missing)}", "standard")
    return Rates(found)


def read_long_context(entry: Entry, rates: Rates) -> LongContext:
    """A tier must have a rate for each kind that the price has, so that no token of a long request is without one."""
    above = entry.need("above", value.positive, 0)
    inclusive = entry.take("inclusive", value.flag, False)
    tier = read_rates(entry)
    entry.close()
    mine, its = set(tier.pico_per_token), set(rates.pico_per_token)
    if missing := sorted(its - mine):
        entry.fault(f"has no rate for {', '.join(missing)}, which the price has")
    if extra := sorted(mine - its):
        entry.fault(f"has a rate for {', '.join(extra)}, which the price has not")
    return LongContext(above, inclusive, tier)
