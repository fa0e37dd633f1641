"""Tenants and virtual keys: who calls, what they may do, and which budgets bind them.

    store = Store(connect(path), clock=now)                  # the tables, in the till's database
    directory = Directory(declared, zone="UTC", clock=now)   # the same in memory: what each request asks
    directory.take(store.read())
    principal = directory.identify(scope["headers"], scope["query_string"])

Every change goes through `Store` and is an audit row. `Watch` brings the changes of other processes into the directory.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from polyglot_cloud.tenancy.directory import Directory
from polyglot_cloud.tenancy.keys import Vendors
from polyglot_cloud.tenancy.records import (
    UNCHANGED,
    Audited,
    Conflicting,
    Declared,
    NewKey,
    NotThere,
    Snapshot,
    StoreUnusable,
    TenancyError,
)
from polyglot_cloud.tenancy.tenants import Principal
from polyglot_cloud.tenancy.watch import Watch

if TYPE_CHECKING:
    from polyglot_cloud.tenancy.store import MIGRATION, Store, connect, metadata

__all__ = [
    "MIGRATION",
    "UNCHANGED",
    "Audited",
    "Conflicting",
    "Declared",
    "Directory",
    "NewKey",
    "NotThere",
    "Principal",
    "Snapshot",
    "Store",
    "StoreUnusable",
    "TenancyError",
    "Vendors",
    "Watch",
    "connect",
    "metadata",
]


def __getattr__(name: str) -> Any:
    """The store's names: SQLAlchemy is imported with the first use of one, which half of the commands never make."""
    if name in {"MIGRATION", "Store", "connect", "metadata"}:
        return getattr(import_module("polyglot_cloud.tenancy.store"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
