"""Opens what lies on the disk before the app is made: the ledger with its till, and the keys. Closes it after all else."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from polyglot_cloud.commands.tenancy import DATABASE
from polyglot_cloud.money.opening import open_till
from polyglot_cloud.money.till import Till
from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import Configuration, Problem, Settings, SettingsError
from polyglot_cloud.tenancy import Declared, Directory, Vendors, Watch

SANDBOX_DATABASE = "sandbox.sqlite3"
"""The sandbox spends no money, and its till is another one."""


@dataclass(frozen=True, slots=True)
class Treasury:
    """Without a till nothing is booked, and no budget applies; without a directory nobody is asked for a key."""

    notes: tuple[str, ...]
    till: Till | None = None
    directory: Directory | None = None
    watch: Watch | None = None

    @asynccontextmanager
    async def watching(self, inner: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
        """While the block runs, keys that another process changes are known here within a second."""
        if self.watch is None:
            async with inner:
                yield
            return
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


def ledger_key(settings: Settings) -> bytes | None:
    """What the ledger's hashes are keyed with."""
    return settings.ledger_key.reveal().encode() if settings.ledger_key else None


@contextmanager
def opened(settings: Settings, rows: Sequence[ProviderRow], *, sandbox: bool) -> Iterator[Treasury]:
    """Raises SettingsError, LedgerError, TenancyError; SettingsError too where POLYGLOT_LEDGER is off although something needs it."""
    declared = settings.configuration(rows)
    path, folder = places(settings, sandbox=sandbox)
    if not is_wanted(settings, declared, path):
        yield Treasury(
            ("Nothing is booked: no budget, tenant or key is configured (POLYGLOT_LEDGER=on books all the same).",)
        )
        return
    from polyglot_cloud.tenancy import Store, connect  # noqa: PLC0415  # they import SQLAlchemy

    till = open_till(
        path,
        declared.budgets,
        unbooked=settings.unbooked == "allow",
        before_send=settings.hold == "before_send",
        key=ledger_key(settings),
        synchronous=settings.ledger_synchronous.upper(),
    )
    receipts = till.receipts(folder)
    try:
        given = Declared(declared.tenants, declared.keys)
        store = Store(connect(path), clock=_now, declared=given)
        try:
            directory = Directory(given, clock=_now, zone=settings.budget_zone, vendors=Vendors(rows))
            directory.take(store.read())
            notes = tuple(
                _notes(till, directory, admin=settings.admin_key is not None, unbooked=settings.unbooked == "allow")
            )
            yield Treasury(notes, till, directory, Watch(store, directory))
        finally:
            store.close()
    finally:
        till.close()
        receipts.close()


def is_wanted(settings: Settings, declared: Configuration, path: Path) -> bool:
    """Raises SettingsError where it is wanted and forbidden: a budget that nobody watches is none."""
    configured = bool(declared.budgets or declared.tenants or declared.keys)
    if settings.ledger == "off" and (configured or path.exists()):
        raise SettingsError(
            [
                Problem(
                    f"is off, but budgets, tenants or keys are configured, or there is a ledger: {path}. Leave it out, or take them away.",
                    "POLYGLOT_LEDGER",
                )
            ]
        )
    return settings.ledger == "on" or configured or path.exists()


def _notes(till: Till, directory: Directory, *, admin: bool, unbooked: bool) -> Iterator[str]:
    yield f"The ledger is {till.path}."
    if unbooked:
        yield "POLYGLOT_UNBOOKED=allow: where the ledger cannot be written calls go on, and what they cost may never be booked."
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
