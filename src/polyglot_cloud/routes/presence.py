"""Whether the client is still there."""

import asyncio
from types import TracebackType

from polyglot_cloud.asgi import Departure, Receive
from polyglot_cloud.bodies import ClientGone


class Presence:
    """Around the answering of a request whose body has been read: when the client leaves, what runs inside is cancelled at once,
    and ClientGone comes out. As `asyncio.timeout` does it, with the client's departure in place of the clock.
    """

    def __init__(self, receive: Receive, departure: Departure | None = None) -> None:
        """`departure` is our own server's; without it a task waits for the end of the client's messages."""
        self._receive = receive
        self._departure = departure
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # ASGI apps run in tasks
        self._task = task
        self._cancelling = task.cancelling()
        if self._departure is None:
            self._watcher = asyncio.create_task(self._watch())
        elif self._departure.gone:
            self._leave()
        else:
            self._departure.tell = self._leave

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        self._gone = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        elif self._departure is not None:
            self._departure.tell = None
        if not self._gone:
            return
        mine = self._task.uncancel() <= self._cancelling
        if mine and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise ClientGone from None
