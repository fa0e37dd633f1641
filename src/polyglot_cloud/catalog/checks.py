"""What no single entry can show: rows against each other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from polyglot_cloud.catalog.entry import Entry
from polyglot_cloud.catalog.faults import meant
from polyglot_cloud.catalog.names import PROVIDER_NAME, RESERVED, objection
from polyglot_cloud.catalog.reading import Host
from polyglot_cloud.rows import TIERS, Model


@dataclass(frozen=True, slots=True)
class Shelf:
    """All that was read, each row beside the entry it came from."""

    hosts: Mapping[str, tuple[Entry, Host]]
    models: Sequence[tuple[Entry, Model]]

    def of(self, provider: str) -> dict[str, Model]:
        """The provider's models by id."""
        return {model.id: model for _, model in self.models if model.provider == provider}


def check(shelf: Shelf, sound: Callable[[Entry], bool]) -> None:
    """Reports to each entry what is wrong with it beside the others. Entries that are not `sound` are only looked up."""
    ports: dict[int, str] = {}
    for entry, host in filter(lambda pair: sound(pair[0]), shelf.hosts.values()):
        check_provider(entry, host)
        check_choice(entry, host, shelf)
        check_port(entry, host, ports)
    for entry, model in filter(lambda pair: sound(pair[0]), shelf.models):
        check_model(entry, model)
        check_dates(entry, model)
        check_prices(entry, model)
        check_offers(entry, model, shelf)
        check_successor(entry, model, shelf)
    for name in shelf.hosts:
        check_names(name, shelf)


# --- providers ---


def check_provider(entry: Entry, host: Host) -> None:
    name = host.row.name
    if not PROVIDER_NAME.fullmatch(name):
        entry.fault("name must begin with a letter and hold small letters, digits, - and _ only", "name")
    if name in RESERVED or name in TIERS:
        entry.fault(f'"{name}" is a name of our own paths or tiers; choose another', "name")
    if not host.row.dialects:
        entry.fault("dialects names none", "dialects")


def check_choice(entry: Entry, host: Host, shelf: Shelf) -> None:
    """Tiers and default must be models that can be asked. A provider without models of its own may have neither."""
    models = shelf.of(host.row.name)
    chosen: list[tuple[str, str]] = [(f"tier {tier}", name) for tier, name in host.row.tiers.items()]
    default = host.row.default
    if default in TIERS:
        if default not in host.row.tiers:
            entry.fault(f'default is "{default}", a tier that this provider has not', "default")
    elif default:
        chosen.append(("default", default))
    for what, name in chosen:
        key = "default" if what == "default" else "tiers"
        model = next((model for model in models.values() if name == model.id or name in model.aliases), None)
        if model is None:
            entry.fault(f'{what} is "{name}", which is no model of this provider{meant(name, models)}', key)
        elif model.status == "retired" or model.kind != "chat":
            entry.fault(f'{what} is "{name}", which is no chat model in service', key)


def check_port(entry: Entry, host: Host, taken: dict[int, str]) -> None:
    port = host.row.port
    if port is None:
        return
    if port > 65535:
        entry.fault(f"port {port} is above 65535", "port")
    if port in taken:
        entry.fault(f'port {port} is the port of "{taken[port]}"', "port")
    taken[port] = host.row.name


# --- models ---


def check_model(entry: Entry, model: Model) -> None:
    for key, name in (("id", model.id), *(("aliases", alias) for alias in model.aliases)):
        if reason := objection(name):
            entry.fault(f'"{name}" {reason}', key)
        if name in TIERS:
            entry.fault(f'"{name}" is the name of a tier', key)
    window = model.context_window
    for key, limit in (("max_input", model.max_input), ("max_output", model.max_output)):
        if window is not None and limit is not None and limit > window:
            entry.fault(f"{key} {limit} is larger than context_window {window}", key)
    quirks = model.quirks
    if quirks.budget_max is not None and quirks.budget_max < quirks.budget_min:
        entry.fault(f"budget_max {quirks.budget_max} is smaller than budget_min {quirks.budget_min}", "quirks")


def check_dates(entry: Entry, model: Model) -> None:
    if model.released and model.retires and model.retires <= model.released:
        entry.fault(f"retires {model.retires}, which is not after released {model.released}", "retires")
    if model.status == "retired" and model.retires and model.retires > model.checked:
        entry.fault(f"status is retired, but retires {model.retires} is after checked {model.checked}", "status")


def check_prices(entry: Entry, model: Model) -> None:
    for earlier, later in pairwise(model.prices):
        if later.effective_from <= earlier.effective_from:
            entry.fault(f"price {later.effective_from} stands after price {earlier.effective_from}", "price")
    for price in model.prices:
        for low, high in pairwise(price.long_context):
            if high.above <= low.above:
                entry.fault(
                    f"price {price.effective_from}: long context {high.above} stands after {low.above}", "price"
                )


def check_offers(entry: Entry, model: Model, shelf: Shelf) -> None:
    if model.provider not in shelf.hosts:
        entry.fault(f'provider is "{model.provider}"{meant(model.provider, shelf.hosts)}', "provider")
        return
    spoken = shelf.hosts[model.provider][1].row.dialects
    offered = [offer.dialect for offer in model.offers]
    for dialect in offered:
        if dialect not in spoken:
            entry.fault(f'offers "{dialect}", which {model.provider} does not speak{meant(dialect, spoken)}', "offers")
    if len(set(offered)) < len(offered):
        entry.fault("offers one dialect twice", "offers")
    if model.kind == "embedding" and offered:
        entry.fault("is an embedding model, which is offered in no dialect", "offers")


def check_successor(entry: Entry, model: Model, shelf: Shelf) -> None:
    name = model.successor
    if name is None:
        if model.successor_is_ours:
            entry.fault("successor_is_ours, but there is no successor", "successor_is_ours")
        return
    siblings = shelf.of(model.provider)
    if name == model.id:
        entry.fault("successor is the model itself", "successor")
    elif name not in siblings:
        entry.fault(f'successor is "{name}", which is no model of {model.provider}{meant(name, siblings)}', "successor")
    elif siblings[name].status == "retired":
        entry.fault(f'successor is "{name}", which is retired itself', "successor")
    elif model.id in chain(siblings[name], siblings):
        entry.fault(f'successor "{name}" leads back to this model', "successor")


def chain(model: Model, siblings: Mapping[str, Model]) -> Iterator[str]:
    """The successors of a model, one after the other, up to the first that has none or was seen."""
    seen = {model.id}
    while model.successor and model.successor in siblings:
        yield model.successor
        if model.successor in seen:
            return
        seen.add(model.successor)
        model = siblings[model.successor]


def check_names(provider: str, shelf: Shelf) -> None:
    """Ids and aliases share one space within a provider."""
    owner = {model.id: model.id for _, model in shelf.models if model.provider == provider}
    for entry, model in shelf.models:
        if model.provider != provider:
            continue
        for alias in model.aliases:
            if owner.setdefault(alias, model.id) != model.id or alias == model.id:
                entry.fault(f'alias "{alias}" is already a name of "{owner[alias]}"', "aliases")
