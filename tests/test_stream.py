"""A running stream: what is held back, what is freed, and who is told of a break."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from polyglot_cloud.call import Outcome
from polyglot_cloud.errors import BrokenReply, GatewayError
from polyglot_cloud.neutral import Loss
from polyglot_cloud.stream import STARTUP_BYTES, Stream
from polyglot_cloud.transport import HttpxReply


class Machine:
    """A pump that a test scripts: what each piece does stands in the piece."""

    def __init__(self, in_band: bytes = b"BROKE") -> None:
        self.outcome = Outcome()
        self.started = False
        self.told = False
        self.over = False
        self.failure: GatewayError | None = None
        self.losses: list[Loss] = []
        self.said = b""
        self.in_band = in_band

    def feed(self, piece: bytes) -> bytes:
        if piece == b"content":
            self.started = True
        if piece == b"fail":
            self.failure = BrokenReply("in band")
        if piece == b"tell":
            self.failure, self.told = BrokenReply("in band"), True
        if piece == b"over":
            self.over = True
        return b"" if piece == b"quiet" else piece

    def close(self) -> bytes:
        self.outcome.state = "complete"
        return b"end"

    def last_words(self, note: str = "") -> bytes:
        return self.said

    def broke(self, error: GatewayError) -> bytes:
        self.failure = error
        self.outcome.state = "truncated"
        return self.in_band


class Source(httpx.AsyncByteStream):
    """Pieces from a queue; an exception in it is raised. Tells whether it was closed."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        for piece in pieces:
            self.queue.put_nowait(piece)
        self.closed = False

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        while (piece := await self.queue.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def aclose(self) -> None:
        self.closed = True


def running(*pieces: bytes | Exception | None, machine: Machine | None = None) -> tuple[Stream, Machine, Source]:
    source = Source()
    for piece in pieces:
        source.queue.put_nowait(piece)
    incoming = HttpxReply(httpx.Response(200, stream=source))
    machine = machine or Machine()
    return Stream(machine, incoming), machine, source


async def rest(stream: Stream) -> bytes:
    return b"".join([piece async for piece in stream])


async def test_nothing_leaves_before_content_and_then_everything() -> None:
    stream, machine, source = running(b"a", b"quiet", b"content", b"b", None)
    await stream.commit(60)
    assert machine.started
    assert await rest(stream) == b"acontentbend"
    await stream.aclose()
    assert source.closed
    assert machine.outcome.state == "complete"


async def test_a_failure_before_content_is_raised_and_frees_the_connection() -> None:
    stream, _, source = running(b"a", b"fail")
    with pytest.raises(BrokenReply, match="in band"):
        await stream.commit(60)
    assert source.closed


async def test_a_failure_that_the_providers_bytes_tell_passes() -> None:
    stream, _, _ = running(b"tell", None)
    await stream.commit(60)
    assert await rest(stream) == b"tellend"
    await stream.aclose()


async def test_after_the_time_limit_the_answer_begins_and_no_read_is_torn() -> None:
    stream, machine, source = running()
    await stream.commit(0)
    assert not machine.started
    source.queue.put_nowait(b"late")
    source.queue.put_nowait(None)
    assert await rest(stream) == b"lateend"
    await stream.aclose()


async def test_a_long_start_without_content_is_committed_to() -> None:
    stream, machine, _ = running(b"x" * STARTUP_BYTES, b"content", None)
    await stream.commit(60)
    assert not machine.started
    assert (await rest(stream)).endswith(b"contentend")
    await stream.aclose()


async def test_a_break_after_content_is_told_in_band() -> None:
    stream, machine, _ = running(b"content", httpx.ReadError("gone"))
    await stream.commit(60)
    assert await rest(stream) == b"contentBROKE"
    assert machine.outcome.state == "truncated"
    await stream.aclose()


async def test_a_break_that_has_no_words_breaks_the_client_too() -> None:
    stream, _, _ = running(b"content", httpx.ReadError("gone"), machine=Machine(in_band=b""))
    await stream.commit(60)
    with pytest.raises(BrokenReply):
        await rest(stream)
    await stream.aclose()


async def test_when_all_is_said_the_provider_is_not_waited_for() -> None:
    stream, _, source = running(b"content", b"over")
    await stream.commit(60)
    assert await rest(stream) == b"contentover"
    await stream.aclose()
    assert source.closed


@pytest.mark.parametrize(("pieces", "end"), [((b"content", None), b"endlast"), ((b"content", b"over"), b"overlast")])
async def test_the_last_words_come_when_all_else_is_out(pieces: tuple[Any, ...], end: bytes) -> None:
    stream, machine, _ = running(*pieces)
    machine.said = b"last"
    await stream.commit(60)
    assert (await rest(stream)).endswith(end)
    await stream.aclose()


async def test_leaving_early_cancels_the_read_and_frees_everything() -> None:
    stream, machine, source = running()
    await stream.commit(0)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    await stream.aclose()
    assert source.closed
    assert machine.outcome.state == "cancelled"


async def test_a_stream_that_nobody_read_is_freed() -> None:
    stream, machine, source = running(b"content")
    await stream.aclose()
    assert source.closed
    assert machine.outcome.state == "cancelled"


async def test_the_gateway_may_end_a_stream_with_an_error_of_its_own() -> None:
    stream, machine, _ = running(b"content")
    await stream.commit(60)
    assert stream.broke(BrokenReply("stopping")) == b"BROKE"
    assert machine.failure is not None
    await stream.aclose()


async def test_cancelling_the_wait_for_content_frees_everything() -> None:
    stream, _, source = running()
    waiting = asyncio.ensure_future(stream.commit(60))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert source.closed
