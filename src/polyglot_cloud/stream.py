"""A running streamed reply: drives a pump with the provider's bytes and hands on what comes out. The only async part of a stream."""

import asyncio
from collections.abc import Callable

from polyglot_cloud.call import Outcome
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.translate import Pump
from polyglot_cloud.transport import Incoming

STARTUP_BYTES = 256 * 1024
"""How much of a stream is held back until its first content. Beyond it the answer is committed to."""


class Stream:
    """The pieces for the client, one write per upstream piece; awaiting the client's `send` between two is the back-pressure.

    `aclose` frees everything, also when nothing was ever read. The pump's outcome is then "cancelled", unless it had ended.
    """

    def __init__(self, machine: Pump, incoming: Incoming, on_end: Callable[[Outcome, int], str] | None = None) -> None:
        """`on_end` is told, once, how it went and how many bytes it gave, 0 where there was no content among them; what it says of a
        whole answer goes to the client last, where the format has a place for it.
        """
        self._machine = machine
        self._incoming = incoming
        self._on_end = on_end
        self._given = 0
        self._head = b""
        self._ended = False

    async def commit(self, seconds: float) -> None:
        """Holds the stream back until it shows content, so that a failure before that is an honest status.

        After `seconds` without content the answer begins all the same. Raises what the stream failed with, and is closed then.
        """
        machine = self._machine
        try:
            async with asyncio.timeout(seconds):  # a read that it interrupts loses nothing (Incoming.piece)
                while not (machine.started or machine.told or self._ended) and len(self._head) < STARTUP_BYTES:
                    self._head += await self._read()
                    if machine.failure is not None and not (machine.started or machine.told):
                        raise machine.failure  # noqa: TRY301  # the clean-up below is the same for every way out
        except TimeoutError:
            pass
        except BaseException:
            await self.aclose()
            raise

    async def _read(self) -> bytes:
        """What the next upstream piece gives; b"" where it gives nothing yet or the stream has ended."""
        machine = self._machine
        try:
            piece = await self._incoming.piece()
            if piece:
                out = machine.feed(piece)
                if not machine.over:
                    return out
            else:
                out = machine.close()
            self._ended = True
            whole = machine.outcome.state == "complete" and machine.outcome.usage is not None
            return out + machine.last_words(self._tell() if whole else "")
        except GatewayError as error:
            self._ended = True
            out = machine.broke(error)
            if not out and machine.started:
                raise  # no way to tell the client in band: its connection must break as well
            return out

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            self._given += len(head)
            return head
        while not self._ended:
            if out := await self._read():
                self._given += len(out)
                return out
        raise StopAsyncIteration

    def broke(self, error: GatewayError) -> bytes:
        """The gateway itself ends the stream: the bytes that tell the client, b"" where its format has none."""
        self._ended = True
        return self._machine.broke(error)

    async def aclose(self) -> None:
        self._ended = True
        if self._machine.outcome.state == "open":
            self._machine.outcome.state = "cancelled"
        try:
            self._tell()  # before the wait, which may be cancelled
        finally:
            await self._incoming.close()

    def _tell(self) -> str:
        on_end, self._on_end = self._on_end, None
        if on_end is None:
            return ""
        return on_end(self._machine.outcome, self._given if self._machine.started else 0)
