"""Whether the client is still there."""

import asyncio
from types import TracebackType

from polyglot_cloud.asgi import Receive
from polyglot_cloud.bodies import ClientGone


class Presence:
    """Around the answering of a request whose body has been read: when the client leaves, what runs inside is cancelled at once,
    and ClientGone comes out. As `asyncio.timeout` does it, with the client's departure in place of the clock.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # ASGI apps run in tasks
        self._task = task
        self._cancelling = task.cancelling()
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watcher.cancel()
        if not self._gone:
            return
        mine = self._task.uncancel() <= self._cancelling
        if mine and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise ClientGone from None
