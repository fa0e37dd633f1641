"""Opens what lies on the disk before the app is made: the ledger with its till, and the keys. Closes it after all else."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from polyglot_cloud.administration.api import Desk, administration
from polyglot_cloud.asgi import App
from polyglot_cloud.commands.tenancy import DATABASE
from polyglot_cloud.courier import LAST_WORDS, Courier, Webhook
from polyglot_cloud.money.caps import budgets_of
from polyglot_cloud.money.faults import LedgerUnwritable
from polyglot_cloud.money.opening import Glance, open_till
from polyglot_cloud.money.till import Till
from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import Configuration, Problem, Settings, SettingsError
from polyglot_cloud.tenancy import Declared, Directory, Vendors, Watch
from polyglot_cloud.transport import Choice

if TYPE_CHECKING:
    from polyglot_cloud.money.receipts import Follower

SANDBOX_DATABASE = "sandbox.sqlite3"
"""The sandbox spends no money, and its till is another one."""


@dataclass(frozen=True, slots=True)
class Treasury:
    """Without a till nothing is booked, and no budget applies; without a directory nobody is asked for a key."""

    notes: tuple[str, ...]
    till: Till | None = None
    directory: Directory | None = None
    watch: Watch | None = None
    courier: Courier | None = None
    administration: App | None = None
    receipts: "Follower | None" = None

    @property
    def keyed(self) -> bool:
        """Every request is asked for a key, now and as long as this process lives."""
        return self.directory is not None and self.directory.locked

    @asynccontextmanager
    async def watching(self, inner: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
        """While the block runs, keys that another process changes are known here within a second, and alerts are delivered."""
        looking = [asyncio.create_task(self.watch.run())] if self.watch is not None else []
        carrying = [asyncio.create_task(self.courier.run())] if self.courier is not None else []
        try:
            async with inner:
                yield
        finally:
            if self.courier is not None:
                self.courier.stop()
                await asyncio.wait(carrying, timeout=LAST_WORDS)
            for task in (*looking, *carrying):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


def places(settings: Settings, *, sandbox: bool = False) -> tuple[Path, Path]:
    """The database and the folder of receipts. What the sandbox makes lies beside and below them."""
    if sandbox:
        return settings.data_dir / SANDBOX_DATABASE, settings.receipts_dir / "sandbox"
    return settings.data_dir / DATABASE, settings.receipts_dir


def ledger_key(settings: Settings) -> bytes | None:
    """What the ledger's hashes are keyed with."""
    return settings.ledger_key.reveal().encode() if settings.ledger_key else None


@contextmanager
def opened(
    settings: Settings, rows: Sequence[ProviderRow], *, sandbox: bool, choice: Choice | None = None
) -> Iterator[Treasury]:
    """`choice` says how the webhook is reached. Raises SettingsError, LedgerError, TenancyError; SettingsError too where POLYGLOT_LEDGER
    is off although something needs it. With "auto" a ledger that cannot be made is told, and only asked for where something needs it.
    """
    declared = settings.configuration(rows)
    path, folder = places(settings, sandbox=sandbox)
    if settings.ledger == "off":
        _check_that_it_may_be_off(settings, declared, path)
        yield Treasury(("Nothing is booked: POLYGLOT_LEDGER is off.",))
        return
    try:
        till, receipts = _books(settings, declared, path, folder)
    except LedgerUnwritable as error:
        if settings.ledger == "on" or _configured(settings, declared) or path.exists():
            raise
        yield Treasury((f"NOTHING IS BOOKED. {error} Or set POLYGLOT_LEDGER=off.",))
        return
    from polyglot_cloud.tenancy import Store, connect  # noqa: PLC0415  # they import SQLAlchemy

    try:
        given = Declared(declared.tenants, declared.keys)
        store = Store(connect(path), clock=_now, declared=given)
        try:
            directory = Directory(given, clock=_now, zone=settings.budget_zone, vendors=Vendors(rows))
            directory.take(store.read())
            courier = courier_of(settings, till, directory, choice, sandbox=sandbox)
            admin = administration_of(settings, Desk(
                store, directory, till.upkeep(), [row.name for row in rows], settings.budget_zone, till.own, _now
            ))  # fmt: skip
            notes = tuple(_notes(till, directory, courier, unbooked=settings.unbooked == "allow"))
            if sandbox and places(settings)[0].exists():
                notes += (f"Tenants and keys of {DATABASE} do not count here: the sandbox has its own.",)
            yield Treasury(notes, till, directory, Watch(store, directory), courier, admin, receipts)
        finally:
            store.close()
    finally:
        till.close()
        receipts.close()


def courier_of(
    settings: Settings, till: Till, directory: Directory, choice: Choice | None, *, sandbox: bool
) -> Courier | None:
    """Who delivers alerts; None where no webhook is set. Raises BadTransport."""
    if settings.alert_webhook is None:
        return None
    secret = settings.alert_webhook_secret
    webhook = Webhook(settings.alert_webhook.reveal(), secret.reveal() if secret is not None else None)

    def tenant_of(scope: str) -> str | None:
        kind, _, name = scope.partition(":")
        principal = directory.principal(name) if kind == "key" else None
        return name if kind == "tenant" else principal.tenant if principal is not None else None

    way = replace(choice or Choice(), urls=(webhook.url,))
    courier = Courier(till.outbox(), webhook, clock=_now, choice=way, tenant_of=tenant_of, sandbox=sandbox)
    till.on_alert(courier.hear)
    return courier


def administration_of(settings: Settings, desk: Desk) -> App | None:
    """The app of the administration; None where no key opens one."""
    return administration(desk, settings.admin_key.reveal()) if settings.admin_key is not None else None


def glance(settings: Settings, rows: Sequence[ProviderRow]) -> Glance:
    """The budgets of the process and of providers as the ledger has them, beside a running gateway. Raises SettingsError, LedgerError."""
    path, _ = places(settings)
    budgets, _ = budgets_of(settings.configuration(rows).budgets)  # what a run has left depends on the run
    return Glance(path if path.exists() else None, budgets)


def _books(settings: Settings, declared: Configuration, path: Path, folder: Path) -> tuple[Till, "Follower"]:
    till = open_till(
        path,
        declared.budgets,
        unbooked=settings.unbooked == "allow",
        before_send=settings.hold == "before_send",
        key=ledger_key(settings),
        synchronous=settings.ledger_synchronous.upper(),
    )
    try:
        return till, till.receipts(folder)
    except BaseException:
        till.close()
        raise


def _configured(settings: Settings, declared: Configuration) -> bool:
    return bool(declared.budgets or declared.tenants or declared.keys or settings.admin_key)


def _check_that_it_may_be_off(settings: Settings, declared: Configuration, path: Path) -> None:
    """Raises SettingsError: a budget that nobody watches is none, and keys that nobody asks for lock no door."""
    found = "budgets, tenants, keys or the administration are configured" if _configured(settings, declared) else None
    if found is None and path.exists():
        from polyglot_cloud.tenancy import Store, connect  # noqa: PLC0415  # they import SQLAlchemy

        store = Store(connect(path), clock=_now)
        try:
            kept = store.read()
        finally:
            store.close()
        found = f"there are tenants or keys in {path}" if kept.tenants or kept.keys else None
    if found is not None:
        raise SettingsError([Problem(f"is off, but {found}. Leave it out, or take them away.", "POLYGLOT_LEDGER")])


def _notes(till: Till, directory: Directory, courier: Courier | None, *, unbooked: bool) -> Iterator[str]:
    yield f"The ledger is {till.path}."
    if unbooked:
        yield "POLYGLOT_UNBOOKED=allow: where the ledger cannot be written calls go on, and what they cost may never be booked."
    if courier is not None:
        yield f"Alerts of budgets go to {courier.host}."
    if till.swept:
        yield (
            f"{till.swept} attempts were left open by a crash and count at their bounds: `polyglot-cloud ledger unknown` lists them."
        )
    yield from directory.problems
    if directory.locked:
        yield "Every request needs a key of this gateway (`polyglot-cloud keys`)."


def _now() -> int:
    return time.time_ns() // 1000
