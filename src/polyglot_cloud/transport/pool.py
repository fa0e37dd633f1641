"""The connections to one origin: those that run, and those that wait to be used again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from polyglot_cloud.transport.connection import Connection


@dataclass(frozen=True, slots=True)
class Bounds:
    """For each origin. `connections` None: as many as are asked for. Seconds.

    `idle_seconds` is less than most servers keep an idle connection, so that the client is the one who hangs up.
    """

    connections: int | None = None
    idle: int = 256
    idle_seconds: float = 30.0


LOOKED_AT_AFTER = 1.0
"""Seconds of idleness after which a look at the socket, a system call, tells whether the peer has hung up unheard."""


class Pool:
    """The last that came back goes out first, so that those which a lull leaves over grow old together, and are swept.

    `slots` are there where connections are bounded: each exchange holds one, and idle connections are taken first, so that no more are
    open than that. `arriving` counts those who wait for a connection or make one: a pool with any, or with open connections, is in use.
    """

    __slots__ = ("_bounds", "_clock", "_closed", "_idle", "_on_empty", "arriving", "open", "slots")

    def __init__(self, bounds: Bounds, clock: Callable[[], float]) -> None:
        self._bounds = bounds
        self._clock = clock
        self._idle: dict[Connection, float] = {}  # since when; the oldest stands first
        self.slots = asyncio.Semaphore(bounds.connections) if bounds.connections is not None else None
        self._on_empty: asyncio.Future[None] | None = None
        self._closed = False
        self.open: set[Connection] = set()
        self.arriving = 0

    @property
    def used(self) -> bool:
        return bool(self.arriving or self.open)

    def leave(self) -> None:
        if self.slots is not None:
            self.slots.release()

    def take(self) -> Connection | None:
        """An idle connection that is alive as far as can be told without asking."""
        while self._idle:
            connection, since = self._idle.popitem()
            age = self._clock() - since
            if age < self._bounds.idle_seconds and not (age >= LOOKED_AT_AFTER and connection.readable()):
                return connection
            connection.abort()
        return None

    def admit(self, connection: Connection) -> None:
        """A connection that was made for this pool. Raises httpx.ConnectError where it has ended by now, or the pool has."""
        if not connection.ended:
            self.open.add(connection)
        if self._closed:
            connection.abort()
        if connection.closed:
            raise httpx.ConnectError("the connection was closed as soon as it was made")

    def sweep(self) -> None:
        """Hangs up on those that are idle for too long."""
        limit = self._clock() - self._bounds.idle_seconds
        for connection in [connection for connection, since in self._idle.items() if since <= limit]:
            connection.abort()

    async def close(self) -> None:
        """Ends all connections, and waits until their sockets are closed."""
        self._closed = True
        for connection in list(self.open):
            connection.abort()
        if self.open:
            self._on_empty = asyncio.get_running_loop().create_future()
            await self._on_empty

    # --- what connections tell ---

    def freed(self, connection: Connection, *, reusable: bool) -> None:
        self.leave()
        if reusable and len(self._idle) < self._bounds.idle:
            self._idle[connection] = self._clock()
        else:
            connection.abort()

    def lost(self, connection: Connection) -> None:
        self._idle.pop(connection, None)

    def ended(self, connection: Connection) -> None:
        self.open.discard(connection)
        if not self.open and self._on_empty is not None and not self._on_empty.done():
            self._on_empty.set_result(None)
