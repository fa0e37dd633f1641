"""Request bodies: read whole, once, within a size. Their pace is the server's to watch (cycle.py)."""

from polyglot_cloud.asgi import Receive, Scope, values
from polyglot_cloud.errors import BadRequest, BodyTooLarge


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


async def read_body(receive: Receive, limit: int, *, content_length: int | None = None) -> bytes:
    """The whole body, `limit` bytes at most.

    A body that is declared too large is refused before a byte of it is read; one that comes in chunks, as soon as it is too large.
    Raises BodyTooLarge, ClientGone, and what our own server's `receive` raises: SlowCaller.
    """
    if content_length is not None and content_length > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    received, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece, more = message.get("body", b""), message.get("more_body", False)
        received += len(piece)
        if received > limit:
            raise _too_large(limit)
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The request body is larger than this gateway takes: {limit:,} bytes (POLYGLOT_MAX_BODY_BYTES)."
    )
