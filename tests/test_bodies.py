import asyncio
from collections.abc import Iterable

import pytest

from polyglot_cloud.asgi import Message, Receive
from polyglot_cloud.bodies import ClientGone, content_length, read_body
from polyglot_cloud.errors import BadRequest, BodyTooLarge

LIMIT = 10


def playing(*pieces: bytes | None, more: bool = False) -> Receive:
    """A client that sends these pieces; None is its leaving. `more`: it then falls silent without an end."""
    waiting = list(messages(pieces, more))

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return receive


def messages(pieces: Iterable[bytes | None], more: bool) -> Iterable[Message]:
    pieces = list(pieces)
    for at, piece in enumerate(pieces):
        if piece is None:
            yield {"type": "http.disconnect"}
        else:
            yield {"type": "http.request", "body": piece, "more_body": more or at < len(pieces) - 1}


@pytest.mark.parametrize(
    ("pieces", "body"),
    [((b"",), b""), ((b"0123456789",), b"0123456789"), ((b"01", b"", b"234", b""), b"01234")],
)
async def test_the_whole_body(pieces: tuple[bytes, ...], body: bytes) -> None:
    assert await read_body(playing(*pieces), LIMIT) == body
    assert await read_body(playing(*pieces), LIMIT, content_length=len(body)) == body


async def test_a_message_may_leave_out_what_is_empty() -> None:
    async def receive() -> Message:
        return {"type": "http.request"}

    assert await read_body(receive, LIMIT) == b""


async def test_a_body_declared_too_large_is_not_even_asked_for() -> None:
    async def receive() -> Message:
        raise AssertionError("read a body that was too large")

    with pytest.raises(BodyTooLarge, match="10 bytes") as caught:
        await read_body(receive, LIMIT, content_length=LIMIT + 1)
    assert caught.value.status == 413


async def test_a_body_in_chunks_is_refused_as_soon_as_it_is_too_large() -> None:
    with pytest.raises(BodyTooLarge):
        await read_body(playing(b"01234", b"567890", more=True), LIMIT)


async def test_a_body_longer_than_declared_is_held_to_the_limit_too() -> None:
    with pytest.raises(BodyTooLarge):
        await read_body(playing(b"x" * (LIMIT + 1)), LIMIT, content_length=1)


@pytest.mark.parametrize("pieces", [(None,), (b"01", None)])
async def test_a_client_that_leaves(pieces: tuple[bytes | None, ...]) -> None:
    with pytest.raises(ClientGone):
        await read_body(playing(*pieces), LIMIT)


@pytest.mark.parametrize(
    ("found", "length"), [([], None), ([b"0"], 0), ([b"33554432"], 33_554_432), ([b"9" * 18], int("9" * 18))]
)
def test_content_length(found: list[bytes], length: int | None) -> None:
    assert content_length({"headers": [(b"content-length", value) for value in found]}) == length


@pytest.mark.parametrize("found", [[b"1", b"1"], [b""], [b"-1"], [b"+1"], [b"1, 1"], [b"0x1"], [b"9" * 5000]])
def test_a_content_length_that_is_none(found: list[bytes]) -> None:
    with pytest.raises(BadRequest, match="Content-Length"):
        content_length({"headers": [(b"content-length", value) for value in found]})
