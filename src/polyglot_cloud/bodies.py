"""Request bodies: read whole, once, within a size. Their pace is the server's to watch (cycle.py)."""

from polyglot_cloud.asgi import Receive, Scope, values
from polyglot_cloud.errors import BadRequest, BodyTooLarge
from polyglot_cloud.large import PIECE, Gathering, Segments


class ClientGone(Exception):
    """The client closed its connection before its request was whole. Nobody is left to answer."""


_DIGITS = 18  # an exabyte; int() itself gives up on some thousand


def content_length(scope: Scope) -> int | None:
    """Bytes that the request says it has, None where it says nothing. Raises BadRequest."""
    found = values(scope, b"content-length")
    if not found:
        return None
    if len(found) > 1 or not found[0].isdigit() or len(found[0]) > _DIGITS:
        raise BadRequest("The request must have one Content-Length, a number of bytes.")
    return int(found[0])


async def read_body(receive: Receive, limit: int, *, content_length: int | None = None) -> bytes | Segments:
    """The whole body, `limit` bytes at most, in segments where it is large and came in several pieces.

    A body that is declared too large is refused before a byte of it is read; one that comes in chunks, as soon as it is too large.
    Raises BodyTooLarge, ClientGone, and what our own server's `receive` raises: SlowCaller.
    """
    if content_length is not None and content_length > limit:
        raise _too_large(limit)
    first, more = await _next_piece(receive)
    received = len(first)
    if received > limit:
        raise _too_large(limit)
    if not more:
        return first
    gathering = Gathering()
    gathering.add(first)
    while more:
        piece, more = await _next_piece(receive)
        received += len(piece)
        if received > limit:
            raise _too_large(limit)
        gathering.add(piece)
    whole = gathering.whole()
    return bytes(whole) if received < PIECE else whole


async def _next_piece(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The request body is larger than this gateway takes: {limit:,} bytes (POLYGLOT_MAX_BODY_BYTES)."
    )
