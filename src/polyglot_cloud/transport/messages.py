"""What callers of the transport see: a request to send, and a reply that is open."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from polyglot_cloud.errors import BrokenReply, WireError
from polyglot_cloud.large import DEFAULT_SIZES, Gathering, Segments


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds; `math.inf` is none. `read` is the longest silence between two reads, before the head as well; `write` the longest
    that the peer may take nothing of a large body; `pool` the longest wait for a connection where their number is bounded.
    """

    connect: float = 10.0
    read: float = 600.0
    write: float = 60.0
    pool: float = 30.0

    @property
    def extension(self) -> dict[str, float]:
        """As httpx has it in a request's extensions."""
        return {"connect": self.connect, "read": self.read, "write": self.write, "pool": self.pool}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request for a provider, ready for the wire. `Host` and the framing of the body are the transport's to say."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | Segments = b""


class Incoming(ABC):
    """An open reply: its head, and its body in the pieces that arrived. `close` frees the connection, finished or not.

    `headers` has names in lower case; what stood several times is joined by commas (RFC 9110, 5.3). No content coding is undone.
    """

    __slots__ = ("headers", "status")

    status: int
    headers: dict[str, str]

    @abstractmethod
    async def piece(self) -> bytes:
        """What has come since the last one, b"" at the end. Raises WireError where the body breaks off or stays silent for too long.

        Where it is cancelled nothing is lost: the next call gives what this one waited for.
        """

    @abstractmethod
    async def close(self) -> None: ...

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises BrokenReply beyond `limit` bytes."""
        return bytes(await self.gather(limit))

    async def gather(self, limit: int) -> bytes | Segments:
        """The same, a large one in the pieces that came."""
        first = await self.piece()
        gathering, size, piece = Gathering(), 0, first
        while piece:
            size += len(piece)
            if size > limit:
                raise BrokenReply(f"The provider's answer is larger than {limit} bytes.")
            gathering.add(piece)
            piece = await self.piece()
        if size == len(first):
            return first
        whole = gathering.whole()
        return bytes(whole) if size < DEFAULT_SIZES.body else whole

    async def start(self, limit: int) -> bytes:
        """As much of the body as comes, `limit` bytes at most: an error counts by its status, however its body ends."""
        parts: list[bytes] = []
        size = 0
        try:
            while size < limit and (piece := await self.piece()):
                parts.append(piece)
                size += len(piece)
        except WireError:
            pass
        return b"".join(parts)[:limit]
