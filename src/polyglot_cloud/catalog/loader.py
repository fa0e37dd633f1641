"""Files -> Catalog: ours, and a user's own laid over it, field by field at the top level of an entry."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

from polyglot_cloud.catalog.checks import Shelf, check
from polyglot_cloud.catalog.entry import Entry
from polyglot_cloud.catalog.faults import BrokenCatalog, CatalogFault, meant
from polyglot_cloud.catalog.reading import read_abilities, read_adapter, read_model, read_provider
from polyglot_cloud.catalog.resolve import Catalog, Choices

Table = dict[str, Any]
Key = tuple[str, ...]

NAMED = ("adapter", "abilities")
"""Kinds whose entries are `[kind.name]`; the others are `[[kind]]`, known by the field that stands in LISTED."""
LISTED = {"provider": "name", "model": "id"}
LEADING = ("base_url", "key_variables")
"""The fields of a provider that say where a key goes."""


def default_path(package: Path | None = None) -> Path:
    """The catalog inside an installed wheel, else that of the checkout. `package` is where polyglot_cloud lies."""
    package = package or Path(str(resources.files("polyglot_cloud")))
    packaged = package / "config" / "catalog.toml"
    return packaged if packaged.is_file() else package.parents[1] / "config" / "catalog.toml"


def load(path: Path | None = None, overlay: Path | None = None, choices: Choices | None = None) -> Catalog:
    """The catalog, with the user's file `overlay` laid over it. Raises BrokenCatalog with every fault that was found."""
    stack = Stack()
    stack.add(path or default_path())
    if overlay is not None:
        stack.add(overlay)
    if stack.unreadable:  # what is missing would show as faults of what is there
        raise BrokenCatalog(stack.report)
    shelf = build(stack)
    if stack.report:
        raise BrokenCatalog(stack.report)
    catalog = Catalog.of(
        {name: host.row for name, (_, host) in shelf.hosts.items()},
        [model for _, model in shelf.models],
        {name: host.refused for name, (_, host) in shelf.hosts.items()},
        {name for name, (entry, _) in shelf.hosts.items() if overlay in {entry.files.get(key) for key in LEADING}},
    )
    return catalog.choosing(choices) if choices else catalog


@dataclass(slots=True)
class Stack:
    """Entries by kind and key, the later file's fields over the earlier one's."""

    report: list[CatalogFault] = field(default_factory=list)
    drafts: dict[str, dict[Key, Entry]] = field(default_factory=lambda: {kind: {} for kind in (*NAMED, *LISTED)})
    unreadable: bool = False

    def add(self, file: Path) -> None:
        seen: set[tuple[str, Key]] = set()
        for kind, key, label, table in self._entries(file):
            place = (kind, key if kind != "model" else self._home(key, table, label, file))
            if place in seen:
                self.report.append(CatalogFault(file, label, "stands twice in this file"))
                continue
            seen.add(place)
            self._lay(place, label, table, file)

    def _lay(self, place: tuple[str, Key], label: str, table: Table, file: Path) -> None:
        kind, key = place
        under = self.drafts[kind].get(key)
        files = {**(under.files if under else {}), **dict.fromkeys(table, file)}
        merged = {**(under.table if under else {}), **table}
        self.drafts[kind][key] = Entry(label, under.file if under else file, merged, self.report, files)

    def _home(self, key: Key, table: Table, label: str, file: Path) -> Key:
        """A model's key is (id, provider); an entry that names no provider overrides the one model of that id."""
        if "provider" in table:
            return (*key, str(table["provider"]))
        homes = [known for known in self.drafts["model"] if known[:1] == key]
        if len(homes) > 1:
            names = ", ".join(home[1] for home in homes)
            self.report.append(CatalogFault(file, label, f"provider is missing, and several have this model: {names}"))
        return homes[0] if homes else (*key, "")

    def _entries(self, file: Path) -> Iterator[tuple[str, Key, str, Table]]:
        for kind, value in self._parse(file).items():
            if kind in NAMED and isinstance(value, dict):
                for name, table in value.items():
                    yield from self._one(file, kind, name, table)
            elif kind in LISTED and isinstance(value, list):
                for number, table in enumerate(value, 1):
                    name = table.get(LISTED[kind]) if isinstance(table, dict) else None
                    yield from self._one(file, kind, name, table, number)
            elif kind in self.drafts:
                spelt = f"[{kind}.name]" if kind in NAMED else f"[[{kind}]]"
                self.report.append(CatalogFault(file, kind, f"must be written {spelt}"))
            else:
                self.report.append(CatalogFault(file, kind, f"is no kind of entry{meant(kind, self.drafts)}"))

    def _one(
        self, file: Path, kind: str, name: Any, table: Any, number: int = 0
    ) -> Iterator[tuple[str, Key, str, Table]]:
        if not isinstance(table, dict):
            self.report.append(CatalogFault(file, f"{kind} {name or number}", "is not a table"))
        elif not isinstance(name, str) or not name:
            self.report.append(CatalogFault(file, f"{kind} number {number}", f"has no {LISTED[kind]}"))
        else:
            yield kind, (name,), f'{kind} "{name}"', table

    def _parse(self, file: Path) -> Table:
        try:
            # Decimal: a price never passes through a binary float
            return tomllib.loads(file.read_text("utf-8"), parse_float=Decimal)
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
        except UnicodeDecodeError:
            reason = "is not UTF-8"
        except tomllib.TOMLDecodeError as error:
            reason = f"is not TOML: {error}"
        self.report.append(CatalogFault(file, "the file", reason))
        self.unreadable = True
        return {}


def build(stack: Stack) -> Shelf:
    """Every entry read, then the sound ones against each other: a broken one would only show as faults of its neighbours."""
    drafts, whole = stack.drafts, not stack.report
    adapters = {name: read_adapter(entry) for (name,), entry in drafts["adapter"].items()}
    groups = {name: read_abilities(entry) for (name,), entry in drafts["abilities"].items()}
    hosts = {name: (entry, read_provider(entry, adapters)) for (name,), entry in drafts["provider"].items()}
    rows = {name: host for name, (_, host) in hosts.items()}
    models = [(entry, read_model(entry, groups, rows)) for entry in drafts["model"].values()]
    shelf = Shelf(hosts, models)
    if whole:
        broken = tuple(fault.entry for fault in stack.report)
        check(shelf, lambda entry: not any(place.startswith(entry.label) for place in broken))
    return shelf
