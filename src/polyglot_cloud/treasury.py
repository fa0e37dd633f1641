"""Opens what lies on the disk before the app is made: the ledger with its till, and the keys. Closes it after all else."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from polyglot_cloud.commands.tenancy import DATABASE
from polyglot_cloud.money.budgets import Budget
from polyglot_cloud.money.opening import open_till
from polyglot_cloud.money.till import Till
from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import Settings
from polyglot_cloud.tenancy import Declared, Directory, Vendors, Watch

SANDBOX_DATABASE = "sandbox.sqlite3"
"""The sandbox spends no money, and its till is another one."""


@dataclass(frozen=True, slots=True)
class Treasury:
    till: Till
    directory: Directory
    watch: Watch
    notes: tuple[str, ...]

    @asynccontextmanager
    async def watching(self, inner: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
        """While the block runs, keys that another process changes are known here within a second."""
        looking = asyncio.create_task(self.watch.run())
        try:
            async with inner:
                yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking


def places(settings: Settings, *, sandbox: bool = False) -> tuple[Path, Path]:
    """The database and the folder of receipts. What the sandbox makes lies beside and below them."""
    if sandbox:
        return settings.data_dir / SANDBOX_DATABASE, settings.receipts_dir / "sandbox"
    return settings.data_dir / DATABASE, settings.receipts_dir


@contextmanager
def opened(settings: Settings, rows: Sequence[ProviderRow], *, sandbox: bool) -> Iterator[Treasury]:
    """Raises SettingsError, LedgerError, TenancyError."""
    from polyglot_cloud.tenancy import Store, connect  # noqa: PLC0415  # they import SQLAlchemy

    declared = settings.configuration(rows)
    path, folder = places(settings, sandbox=sandbox)
    budgets = [Budget(row.id, row.scope, row.period, row.limit, row.zone, row.alerts) for row in declared.budgets]
    till = open_till(path, budgets)
    receipts = till.receipts(folder)
    try:
        given = Declared(declared.tenants, declared.keys)
        store = Store(connect(path), clock=_now, declared=given)
        try:
            directory = Directory(given, clock=_now, zone=settings.budget_zone, vendors=Vendors(rows))
            directory.take(store.read())
            yield Treasury(
                till,
                directory,
                Watch(store, directory),
                tuple(_notes(till, directory, admin=settings.admin_key is not None)),
            )
        finally:
            store.close()
    finally:
        till.close()
        receipts.close()


def _notes(till: Till, directory: Directory, *, admin: bool) -> Iterator[str]:
    yield f"The ledger is {till.path}."
    if admin:
        yield "POLYGLOT_ADMIN_KEY is set, but tenants and keys cannot be administered over HTTP yet: use `polyglot-cloud keys`."
    if till.swept:
        yield (
            f"{till.swept} attempts were left open by a crash and count at their bounds: `polyglot-cloud ledger unknown` lists them."
        )
    yield from directory.problems
    if directory.locked:
        yield "Every request needs a key of this gateway (`polyglot-cloud keys`)."


def _now() -> int:
    return time.time_ns() // 1000
