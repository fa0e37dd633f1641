"""Whether what was added to the journal stands: told by the thread that writes, heard in event loops and in other threads."""

import asyncio
import threading
from collections.abc import Generator, Iterable

from polyglot_cloud.money.faults import LedgerError

Told = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Commit:
    """Awaitable by any number of tasks; one that is cancelled disturbs no other. Who asks late does not wait, and costs nobody a wake."""

    __slots__ = ("_failure", "_told", "_waiting")

    def __init__(self) -> None:
        self._told = False
        self._failure: LedgerError | None = None
        self._waiting: list[Told | threading.Event] = []

    @property
    def stands(self) -> bool:
        """False also while nobody knows."""
        return self._told and self._failure is None

    def done(self) -> bool:
        return self._told

    def __await__(self) -> Generator[object, None, None]:
        """Raises LedgerError where it does not stand."""
        if not self._told:
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            self._waiting.append((loop, future))
            if not self._told:  # what is told from here on finds the future
                yield from future
        self._raise()

    def result(self) -> None:
        """The same for those who have no event loop: blocks."""
        if not self._told:
            event = threading.Event()
            self._waiting.append(event)
            if not self._told:
                event.wait()
        self._raise()

    def _raise(self) -> None:
        if self._failure is not None:
            raise type(self._failure)(*self._failure.args)  # each its own traceback

    def tell(self, failure: LedgerError | None) -> list[Told]:
        """Those in event loops who are to be woken. What was told before stays so."""
        if self._told:
            return []
        self._failure = failure
        self._told = True
        tasks = []
        for waiting in self._waiting:
            if isinstance(waiting, threading.Event):
                waiting.set()
            else:
                tasks.append(waiting)
        return tasks


def tell(commits: Iterable[Commit], failure: LedgerError | None) -> None:
    """Tells all who wait; each event loop is woken once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for commit in commits:
        for loop, future in commit.tell(failure):
            by_loop.setdefault(loop, []).append(future)
    for loop, futures in by_loop.items():
        try:
            loop.call_soon_threadsafe(_wake, futures)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            continue


def _wake(futures: "list[asyncio.Future[None]]") -> None:
    for future in futures:
        if not future.done():  # who waited may have been cancelled
            future.set_result(None)
