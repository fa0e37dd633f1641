"""The end of a process, as the calls in flight see it: no new ones, time for those that run, then a last word."""

import asyncio
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from polyglot_cloud.errors import Draining

MESSAGE = "The gateway is stopping. Try again: another one may already be in its place."


class Drain:
    """Shared by the server, which begins it, and the routes, which count their calls with `track`. One event loop, no threads."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._calls: set[_Tracked] = set()

    @property
    def started(self) -> bool:
        return self._begun.is_set()

    @property
    def in_flight(self) -> int:
        return len(self._calls)

    def begin(self) -> None:
        """From now on `track` refuses. Calls that run are left alone."""
        self._begun.set()

    async def begun(self) -> None:
        """Waits for the beginning, for whoever has somebody to tell."""
        await self._begun.wait()

    async def idle(self, timeout: float | None) -> bool:  # noqa: ASYNC109  # the answer is whether it was idle in time
        """Waits until no call is in flight, `timeout` seconds at most. Says whether that came true."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def track(self) -> AbstractContextManager[None]:
        """Counts the current task's work as a call in flight.

        Raises Draining: on entry once the drain has begun, and out of the block, in place of the cancellation, when `cut` ended it. So a
        stream that catches GatewayError around the block has its chance to send an in-band error.
        """
        return _Tracked(self)

    def cut(self) -> None:
        """Ends the calls that are still in flight: each is cancelled where it waits, once."""
        for call in self._calls:
            call.cut()

    def _enter(self, call: "_Tracked") -> None:
        if self.started:
            raise Draining(MESSAGE)
        self._calls.add(call)
        self._idle.clear()

    def _leave(self, call: "_Tracked") -> None:
        self._calls.discard(call)
        if not self._calls:
            self._idle.set()


class _Tracked(AbstractContextManager[None]):
    """Tells its own cancellation from somebody else's by the task's count, as `asyncio.timeout` does."""

    def __init__(self, drain: Drain) -> None:
        self._drain = drain
        self._task: asyncio.Task[Any] | None = None
        self._others = 0
        self._cut = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        if self._task is None:
            raise RuntimeError("a drain tracks asyncio tasks, and there is none here")
        self._others = self._task.cancelling()
        self._drain._enter(self)

    def cut(self) -> None:
        if not self._cut and self._task is not None:
            self._cut = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drain._leave(self)
        if not self._cut or self._task is None:
            return
        only_ours = self._task.uncancel() <= self._others
        if only_ours and isinstance(error, asyncio.CancelledError):
            raise Draining(MESSAGE) from None
