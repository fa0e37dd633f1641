"""Tenants and virtual keys: who calls, what they may do, and which budgets bind them.

    store = Store(connect(path), clock=now)                  # the tables, in the till's database
    directory = Directory(declared, zone="UTC", clock=now)   # the same in memory: what each request asks
    directory.take(store.read())
    principal = directory.identify(scope["headers"], scope["query_string"])

Every change goes through `Store` and is an audit row. `Watch` brings the changes of other processes into the directory.
"""

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
from polyglot_cloud.tenancy.store import MIGRATION, Store, connect, metadata
from polyglot_cloud.tenancy.tenants import Principal
from polyglot_cloud.tenancy.watch import Watch

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
