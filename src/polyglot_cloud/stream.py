"""A running streamed reply: drives a pump with the provider's bytes and hands on what comes out. The only async part of a stream."""

import asyncio
from contextlib import AsyncExitStack

from polyglot_cloud.errors import GatewayError
from polyglot_cloud.translate import Pump
from polyglot_cloud.transport import Incoming

STARTUP_BYTES = 256 * 1024
"""How much of a stream is held back until its first content. Beyond it the answer is committed to."""


class Stream:
    """The pieces for the client, one write per upstream piece; awaiting the client's `send` between two is the back-pressure.

    `aclose` frees everything, also when nothing was ever read. The pump's outcome is then "cancelled", unless it had ended.
    """

    def __init__(self, machine: Pump, incoming: Incoming) -> None:
        self._machine = machine
        self._source = incoming.pieces()
        self._held = AsyncExitStack()
        self._head = b""
        self._pending: asyncio.Task[bytes] | None = None
        self._ended = False

    def hold(self, held: AsyncExitStack) -> None:
        """Takes over what the attempt holds, until the stream is closed."""
        self._held = held

    async def commit(self, seconds: float) -> None:
        """Holds the stream back until it shows content, so that a failure before that is an honest status.

        After `seconds` without content the answer begins all the same. Raises what the stream failed with.
        """
        try:
            async with asyncio.timeout(seconds):
                while (
                    not (self._machine.started or self._machine.told or self._ended) and len(self._head) < STARTUP_BYTES
                ):
                    # shielded: the time limit must not tear a read that is under way
                    self._pending = asyncio.ensure_future(self._read())
                    self._head += await asyncio.shield(self._pending)
                    self._pending = None
                    if self._machine.failure is not None and not (self._machine.started or self._machine.told):
                        raise self._machine.failure  # noqa: TRY301  # the clean-up below is the same for every way out
        except TimeoutError:
            pass
        except BaseException:
            await self.aclose()
            raise

    async def _read(self) -> bytes:
        """What the next upstream piece gives; b"" where it gives nothing yet or the stream has ended."""
        try:
            piece = await anext(self._source, None)
            if piece is not None:
                out = self._machine.feed(piece)
                self._ended = self._machine.over
                return out + self._machine.last_words() if self._ended else out
            self._ended = True
            return self._machine.close() + self._machine.last_words()
        except GatewayError as error:
            self._ended = True
            out = self._machine.broke(error)
            if not out and self._machine.started:
                raise  # no way to tell the client in band: its connection must break as well
            return out

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        while self._pending is not None or not self._ended:
            if self._pending is not None:
                # shielded, so that a time limit around this call tears nothing; aclose cancels it
                out = await asyncio.shield(self._pending)
                self._pending = None
            else:
                out = await self._read()
            if out:
                return out
        raise StopAsyncIteration

    def broke(self, error: GatewayError) -> bytes:
        """The gateway itself ends the stream: the bytes that tell the client, b"" where its format has none."""
        self._ended = True
        return self._machine.broke(error)

    async def aclose(self) -> None:
        self._ended = True
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.wait({self._pending})
            self._pending = None
        await self._source.aclose()
        if self._machine.outcome.state == "open":
            self._machine.outcome.state = "cancelled"
        await self._held.aclose()
