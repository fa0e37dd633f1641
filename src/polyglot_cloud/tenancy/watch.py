"""Brings into the directory what other processes changed in the store: a revoke by the command line holds here within a second.

Asked is the store's change number, one row by its key. SQLite's own `data_version` would not do: the ledger writes to the same file
all the time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn

from polyglot_cloud.tenancy.directory import Directory
from polyglot_cloud.tenancy.records import StoreUnusable

if TYPE_CHECKING:
    from polyglot_cloud.tenancy.store import Store

log = logging.getLogger("polyglot_cloud.tenancy")

INTERVAL = 0.25
"""Seconds between two looks."""


class Watch:
    """`failing`: the last look did not succeed, so a change may be unknown here."""

    def __init__(
        self,
        store: "Store",
        directory: Directory,
        *,
        interval: float = INTERVAL,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._directory = directory
        self._interval = interval
        self._sleep = sleep
        self.failing = False

    def look(self) -> bool:
        """Takes over what has changed; whether anything had. Raises StoreUnusable."""
        if self._store.mark() == self._directory.mark:
            return False
        self._directory.take(self._store.read())
        return True

    async def run(self) -> NoReturn:
        """Looks again and again, in a thread, until it is cancelled. What is known stays in force while the store cannot be read."""
        while True:
            try:
                await asyncio.to_thread(self.look)
            except StoreUnusable as error:
                if not self.failing:
                    log.error("the keys cannot be read anew, so a revoke may not hold yet: %s", error)  # noqa: TRY400  # its words say it
                self.failing = True
            else:
                self.failing = False
            await self._sleep(self._interval)
