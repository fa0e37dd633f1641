import asyncio
import logging
from collections.abc import Iterator

import pytest

from polyglot_cloud.sandbox import asgi
from polyglot_cloud.sandbox.asgi import App, Delivery, Message, Reply
from sandbox.kit import call


def stream(**delivery: float) -> App:
    events = (f"data: {number}\n\n".encode() for number in range(4))
    return App("test", lambda _: Reply(events=events, error_event=b"data: error\n\n", delivery=Delivery(**delivery)), 0)  # type: ignore[arg-type]  # counts are given as numbers


async def test_a_stream() -> None:
    answer = await call(stream(), "GET", "/", b"", {})
    assert (answer.data, answer.complete) == (["0", "1", "2", "3"], True)
    assert "content-length" not in answer.headers
    assert answer.headers["x-polyglot-sandbox"] == "test"


@pytest.mark.parametrize(
    ("delivery", "data", "complete"),
    [
        ({"cut": 2}, ["0", "1"], False),
        ({"clean_cut": 2}, ["0", "1"], True),
        ({"error_after": 1}, ["0", "error"], True),
        ({"clean_cut": 0}, [], True),
        ({"split": 3}, ["0", "1", "2", "3"], True),
        ({"cut": 9}, ["0", "1", "2", "3"], True),
        ({"gap": 0.001, "wait": 0.001}, ["0", "1", "2", "3"], True),
    ],
)
async def test_deliveries(delivery: dict[str, float], data: list[str], complete: bool) -> None:
    answer = await call(stream(**delivery), "GET", "/", b"", {})
    assert (answer.data, answer.complete) == (data, complete)


@pytest.mark.parametrize(
    ("delivery", "body", "complete"),
    [(Delivery(cut=0), b"hel", False), (Delivery(split=4), b"hello!", True), (Delivery(), b"hello!", True)],
)
async def test_plain_replies(delivery: Delivery, body: bytes, complete: bool) -> None:
    answer = await call(App("test", lambda _: Reply(body=b"hello!", delivery=delivery)), "GET", "/", b"", {})
    assert (answer.body, answer.complete, answer.headers["content-length"]) == (body, complete, "6")


async def test_a_body_may_be_empty() -> None:
    answer = await call(App("test", lambda _: Reply(405, delivery=Delivery(split=3))), "GET", "/", b"", {})
    assert (answer.status, answer.body, answer.complete) == (405, b"", True)


async def run(app: App, *messages: Message) -> list[Message]:
    """The messages the app sends when these arrive and then nothing more."""
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    for message in messages:
        inbox.put_nowait(message)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(
        {"type": "http", "method": "POST", "path": "/", "query_string": b"a=1&b=", "headers": [(b"X-A", b"1")]},
        inbox.get,
        send,
    )
    return sent


GONE = {"type": "http.disconnect"}
WHOLE = {"type": "http.request", "body": b"x"}


async def test_a_body_in_parts() -> None:
    seen: list[asgi.Request] = []

    def handle(request: asgi.Request) -> Reply:
        seen.append(request)
        return Reply()

    await run(
        App("test", handle),
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b"},
    )
    assert seen == [asgi.Request("POST", "/", {"a": "1", "b": ""}, {"x-a": "1"}, b"ab")]


async def test_more_of_a_body_than_was_promised() -> None:
    assert len(await run(App("test", lambda _: Reply(delivery=Delivery(wait=0.01))), WHOLE, WHOLE)) == 2


async def test_a_client_that_leaves_early() -> None:
    assert (
        await run(App("test", lambda _: Reply()), {"type": "http.request", "body": b"a", "more_body": True}, GONE) == []
    )


@pytest.mark.parametrize(
    ("delivery", "sent"), [(Delivery(wait=60), 0), (Delivery(hang_after=2), 2), (Delivery(gap=60), 2)]
)
async def test_nothing_is_made_for_a_client_that_has_gone(delivery: Delivery, sent: int) -> None:
    made = []

    def events() -> Iterator[bytes]:
        for number in range(100):
            made.append(number)
            yield b"data: x\n\n"

    app = App("test", lambda _: Reply(events=events(), delivery=delivery), 0)
    async with asyncio.timeout(5):
        assert len(await run(app, WHOLE, GONE)) <= max(sent, 2)
    assert len(made) <= 2


async def test_a_lifespan_is_left_alone() -> None:
    async def never() -> Message:
        raise AssertionError("nothing is read")

    async def none(message: Message) -> None:
        raise AssertionError(message)

    await App("test", lambda _: Reply())({"type": "lifespan"}, never, none)


@pytest.mark.parametrize(("value", "seconds"), [("0", 0.0), ("15", 0.015), ("-3", 0.0), ("soon", 0.008), (None, 0.008)])
def test_the_delay(monkeypatch: pytest.MonkeyPatch, value: str | None, seconds: float) -> None:
    if value is None:
        monkeypatch.delenv(asgi.DELAY_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(asgi.DELAY_VARIABLE, value)
    assert asgi.delay() == seconds


async def test_the_environment_sets_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(asgi.DELAY_VARIABLE, "0")
    answer = await call(App("test", lambda _: Reply(events=iter([b"data: 0\n\n"]))), "GET", "/", b"", {})
    assert answer.data == ["0"]


def test_json() -> None:
    assert asgi.dumps({"a": "é"}) == '{"a":"é"}'.encode()
    assert asgi.dumps("\ud83d") == b'"\\ud83d"'
    assert asgi.sse({"a": 1}, "x") == b'event: x\ndata: {"a":1}\n\n'


def test_only_a_cut_on_purpose_is_hushed() -> None:
    record = logging.LogRecord(
        "uvicorn.error", logging.ERROR, "", 0, "ASGI callable returned without completing response.", (), None
    )
    assert asgi._not_on_purpose(record)
