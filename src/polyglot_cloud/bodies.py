"""Request bodies: read whole, once, within a size and a pace."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from polyglot_cloud.asgi import Receive, Scope, values
from polyglot_cloud.errors import BadRequest, BodyTooLarge, SlowCaller


class ClientGone(Exception):
    """The client closed its connection before its request was whole. Nobody is left to answer."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a client may be: `grace` seconds, and one more for each `bytes_per_second` that arrived."""

    grace: float = 30.0
    bytes_per_second: float = 16_384.0

    def allowed(self, received: int) -> float:
        """Seconds after which the body may be given up, if no more than `received` bytes have come."""
        return self.grace + received / self.bytes_per_second


DEFAULT_PACE = Pace()
_DIGITS = 18  # an exabyte; int() itself gives up on some thousand


def content_length(scope: Scope) -> int | None:
    """Bytes that the request says it has, None where it says nothing. Raises BadRequest."""
    found = values(scope, b"content-length")
    if not found:
        return None
    if len(found) > 1 or not found[0].isdigit() or len(found[0]) > _DIGITS:
        raise BadRequest("The request must have one Content-Length, a number of bytes.")
    return int(found[0])


async def read_body(
    receive: Receive,
    limit: int,
    *,
    content_length: int | None = None,
    pace: Pace = DEFAULT_PACE,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """The whole body, `limit` bytes at most.

    A body that is declared too large is refused before a byte of it is read; one that comes in chunks, as soon as it is too large.
    Raises BodyTooLarge, SlowCaller, ClientGone.
    """
    if content_length is not None and content_length > limit:
        raise _too_large(limit)
    started = clock()
    pieces: list[bytes] = []
    received, more = 0, True
    while more:
        piece, more = await _next_piece(receive, pace.allowed(received) - (clock() - started))
        received += len(piece)
        if received > limit:
            raise _too_large(limit)
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _next_piece(receive: Receive, seconds: float) -> tuple[bytes, bool]:
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
    except TimeoutError:
        raise SlowCaller(
            "The request body arrived too slowly, or its end never came.", headers={"connection": "close"}
        ) from None
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The request body is larger than this gateway takes: {limit:,} bytes (POLYGLOT_MAX_BODY_BYTES)."
    )
