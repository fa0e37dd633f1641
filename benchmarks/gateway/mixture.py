"""Many calls of many kinds: plain and streamed, passed and translated, refused, failed, cut off, and clients that leave in between."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import httptools

from benchmarks.gateway.scenarios import AT_ONCE, body
from benchmarks.gateway.tools import Door
from benchmarks.load import request


@dataclass(frozen=True, slots=True)
class Kind:
    """`share` of a hundred calls. `leaves`: the client is gone as soon as something of the body has come."""

    name: str
    share: int
    model: str = AT_ONCE
    stream: bool = False
    leaves: bool = False
    broken: bool = False

    def request(self, door: Door) -> bytes:
        asked = b'{"model": ' if self.broken else body(self.model, stream=self.stream)
        return request(door.port, door.path, [f"{name}: {value}" for name, value in door.headers.items()], asked)


KINDS = (
    Kind("plain", 76),
    Kind("streamed", 12, stream=True),
    Kind("not JSON", 3, broken=True),
    Kind("upstream says 500", 2, model="bench-t0-g0-n64-e500"),
    Kind("upstream says 429", 2, model="bench-t0-g0-n64-e429"),
    Kind("upstream breaks off", 2, model="bench-t0-g1-n8-cut", stream=True),
    Kind("client leaves", 3, model="bench-t0-g20-n50", stream=True, leaves=True),
)
VISITORS = 32
"""For each door."""


class Visitor(asyncio.Protocol):
    """One client: asks what `next_call` gives until that is None, and connects again where the connection has gone."""

    def __init__(self, batch: "Batch", door: int) -> None:
        self._batch = batch
        self._door = door
        self._kind: Kind | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # what a client's protocol is given
        self._next()

    def _next(self) -> None:
        call = self._batch.next_call(self._door)
        if call is None:
            self._kind = None
            self._transport.abort()
            return
        self._kind, asked = call
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(asked)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        if self._kind and self._kind.leaves:
            self._transport.abort()

    def on_message_complete(self) -> None:
        if self._kind and not self._transport.is_closing():
            self._batch.note(self._kind, str(self._parser.get_status_code()))
            self._kind = None
            if self._parser.should_keep_alive():
                self._next()
            else:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._kind:
            self._batch.note(self._kind, "left" if self._kind.leaves else "broken off")
        self._batch.gone(self._door)


class Batch:
    """So many calls, over both doors. `seen` counts what became of each kind."""

    def __init__(self, doors: Sequence[Door], seen: Counter[tuple[str, str]]) -> None:
        self._doors = doors
        self._seen = seen
        self._calls = [self._cycle(door) for door in doors]
        self._left = 0
        self._open = 0

    @staticmethod
    def _cycle(door: Door) -> Iterator[tuple[Kind, bytes]]:
        """The kinds by their shares, in an order that is mixed and the same in each run."""
        hundred = [(kind, kind.request(door)) for kind in KINDS for _ in range(kind.share)]
        random.Random(1).shuffle(hundred)  # noqa: S311  # an order, not a secret
        return cycle(hundred)

    async def run(self, calls: int) -> None:
        """Returns when all are done and all clients are gone."""
        self._left, self._done = calls, asyncio.Event()
        for number in range(VISITORS * len(self._doors)):
            await self._connect(number % len(self._doors))
        await self._done.wait()

    async def _connect(self, door: int) -> None:
        self._open += 1
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: Visitor(self, door), "127.0.0.1", self._doors[door].port)

    def next_call(self, door: int) -> tuple[Kind, bytes] | None:
        if self._left <= 0:
            return None
        self._left -= 1
        return next(self._calls[door])

    def note(self, kind: Kind, outcome: str) -> None:
        self._seen[kind.name, outcome] += 1

    def gone(self, door: int) -> None:
        self._open -= 1
        if self._left > 0:
            self._again = asyncio.ensure_future(self._connect(door))
        elif not self._open:
            self._done.set()


async def visit(
    doors: Sequence[Door], calls: int, checkpoints: int, look: Callable[[int], None]
) -> Counter[tuple[str, str]]:
    """Calls `look` with the number of calls so far, before the first and after each part, when no call is open."""
    seen: Counter[tuple[str, str]] = Counter()
    batch = Batch(doors, seen)
    look(0)
    for number in range(1, checkpoints + 1):
        await batch.run(calls // checkpoints)
        await asyncio.sleep(0.5)
        look(calls // checkpoints * number)
    return seen
