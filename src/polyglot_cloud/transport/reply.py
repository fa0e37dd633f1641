"""An open reply of a connection of ours."""

from typing import TYPE_CHECKING

import httpx

from polyglot_cloud.transport.failures import wire_error
from polyglot_cloud.transport.messages import Incoming

if TYPE_CHECKING:
    from polyglot_cloud.transport.connection import Connection


class Reply(Incoming):
    """What the connection has read and nobody has taken yet. It outlives the exchange: a small body is whole before it is asked for.

    `status` is 0 until the head has come; `lines` are the head's, as they stood.
    """

    __slots__ = ("_connection", "_parts", "_seconds", "ended", "error", "lines", "size")

    def __init__(self, connection: "Connection", seconds: float) -> None:
        self.status = 0
        self.headers = {}
        self.lines: list[tuple[bytes, bytes]] = []
        self.size = 0
        self.ended = False
        self.error: httpx.TransportError | None = None
        self._parts: list[bytes] = []
        self._connection: Connection | None = connection
        self._seconds = seconds

    # --- the connection's side ---

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self.size += len(part)

    def end(self, error: httpx.TransportError | None = None) -> None:
        """Nothing comes after this. What came before an error can still be taken."""
        self.error = error
        self.ended = True
        self._connection = None

    # --- the consumer's side ---

    async def receive(self) -> bytes:
        """All that has come since the last call; b"" at the end. Raises httpx.TransportError. For one consumer at a time."""
        while not self._parts:
            if self.error is not None:
                raise self.error
            if self._connection is None:
                return b""
            await self._connection.arrival(self._seconds, httpx.ReadTimeout)
        parts, self._parts = self._parts, []
        self.size = 0
        if self._connection is not None:
            self._connection.taken()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def piece(self) -> bytes:
        try:
            return await self.receive()
        except httpx.HTTPError as error:
            raise wire_error(error) from error

    async def close(self) -> None:
        self.drop()

    def drop(self) -> None:
        """What has not come yet is not waited for: its connection can serve nobody else."""
        if self._connection is not None:
            self._connection.abort(httpx.ReadError("the reply was closed before its end"))
