"""The catalog: who can do what, for how much, and until when. Data from config/catalog.toml, frozen, with the questions asked of it."""

from polyglot_cloud.catalog.faults import BrokenCatalog, CatalogFault
from polyglot_cloud.catalog.loader import default_path, load
from polyglot_cloud.catalog.names import RESERVED
from polyglot_cloud.catalog.pasting import lacks, lines_for
from polyglot_cloud.catalog.planning import Plan
from polyglot_cloud.catalog.resolve import Catalog, Choices, Resolution, Retired
from polyglot_cloud.catalog.table import Line, as_json, as_text, table

__all__ = [
    "RESERVED",
    "BrokenCatalog",
    "Catalog",
    "CatalogFault",
    "Choices",
    "Line",
    "Plan",
    "Resolution",
    "Retired",
    "as_json",
    "as_text",
    "default_path",
    "lacks",
    "lines_for",
    "load",
    "table",
]
