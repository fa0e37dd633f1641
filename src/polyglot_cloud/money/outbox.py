"""Which alerts are still to be delivered, as the ledger has it: what a crash or a stop interrupted is owed at the next start."""

import asyncio
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from polyglot_cloud.money.entries import Entry
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.notices import Notice

if TYPE_CHECKING:
    from polyglot_cloud.money.store import Store

Ending = Literal["delivered", "undelivered"]
AT_ONCE = 1000
"""Alerts that are handed out together. There may be one for each percent of each budget."""


@dataclass(frozen=True, slots=True)
class Owed:
    """`seq` is the number of its entry, `id` the same for whoever is told of it, however often."""

    seq: int
    id: str
    notice: Notice


class Outbox:
    """Of one open ledger."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._ledger: bytes | None = None

    @cached_property
    def _store(self) -> "Store":
        from polyglot_cloud.money.store import Store  # noqa: PLC0415  # it imports SQLAlchemy

        return Store(self._journal.path)

    async def owed(self, since: int) -> list[Owed]:
        """Those seen since then (Unix microseconds) of which the ledger knows no end, the oldest first. Raises LedgerError."""
        await self._journal.append()  # what was added before is committed then
        return await asyncio.to_thread(self._read, since)

    def _read(self, since: int) -> list[Owed]:
        found, self._ledger = self._store.owed(since, AT_ONCE, self._ledger)
        notices = [(entry.seq, Notice.read(entry)) for entry in found]
        return [Owed(seq, notice.id(self._ledger), notice) for seq, notice in notices if notice is not None]

    async def end(self, seq: int, ending: Ending, facts: dict[str, Any], at: int) -> None:
        """Writes what became of one. Raises LedgerError: it is written as soon as that works again, unless the process ends before."""
        await self._journal.append(Entry(ending, "", 0, {"alert": seq, **facts}, at))
