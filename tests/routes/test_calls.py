"""The edge of a call: clients that leave, trickle or stall, and a gateway that stops under a stream."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from harness import HELLO, application
from polyglot_cloud.app import Application
from polyglot_cloud.call import Call, Reply
from polyglot_cloud.cycle import Pace
from polyglot_cloud.pipeline import Pipeline
from polyglot_cloud.routes.calls import template
from polyglot_cloud.server import Limits, Stop, serve
from polyglot_cloud.sockets import Bound, Port

CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
)


class Upstream(httpx.AsyncBaseTransport):
    """A provider that sends what it is given and then waits for ever. Knows whether it was let go."""

    def __init__(self, *pieces: bytes, hang_before_head: bool = False) -> None:
        self.pieces = pieces
        self.hang_before_head = hang_before_head
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.set()
        if self.hang_before_head:
            try:
                await asyncio.Event().wait()
            finally:
                self.let_go.set()
        upstream = self

        class Body(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncGenerator[bytes, None]:
                for piece in upstream.pieces:
                    yield piece
                await asyncio.Event().wait()

            async def aclose(self) -> None:
                upstream.let_go.set()

        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Body())


class Visit:
    """One request, by hand: what the client sends is put in, what it gets is looked at."""

    def __init__(self, app: Application, body: Any, path: str = "/v1/openai/chat/completions", room: int = 0) -> None:
        self.to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.got: asyncio.Queue[Any] = asyncio.Queue(maxsize=room)
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "http_version": "1.1",
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")], "scheme": "http", "root_path": "",
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8100), "asgi": {"version": "3.0"},
        }  # fmt: skip
        if body is not None:
            self.to_app.put_nowait({"type": "http.request", "body": json.dumps(body).encode(), "more_body": False})
        self.task = asyncio.ensure_future(app.app(scope, self.to_app.get, self.got.put))

    def leave(self) -> None:
        self.to_app.put_nowait({"type": "http.disconnect"})

    async def message(self) -> Any:
        return await asyncio.wait_for(self.got.get(), 5)

    async def over(self) -> None:
        await asyncio.wait_for(self.task, 5)


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "gpt-6.1-terra", "messages": HELLO, **fields}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_before_the_answer_cancels_the_upstream_call(stream: bool) -> None:
    upstream = Upstream(hang_before_head=True)
    visit = Visit(application(upstream), chat(stream=stream))
    await asyncio.wait_for(upstream.asked.wait(), 5)
    visit.leave()
    await asyncio.wait_for(upstream.let_go.wait(), 5)
    await visit.over()
    assert visit.got.empty()


async def test_a_client_that_leaves_a_stream_cancels_the_upstream_call() -> None:
    upstream = Upstream(CHUNK)
    app = application(upstream)
    visit = Visit(app, chat(stream=True))
    assert (await visit.message())["status"] == 200
    assert (await visit.message())["body"] == CHUNK
    visit.leave()
    await asyncio.wait_for(upstream.let_go.wait(), 5)
    await visit.over()
    assert app.parts.drain.in_flight == 0


async def test_a_client_that_leaves_while_it_sends_is_no_error() -> None:
    visit = Visit(application(Upstream()), None)
    visit.to_app.put_nowait({"type": "http.request", "body": b'{"mod', "more_body": True})
    visit.leave()
    await visit.over()
    assert visit.got.empty()


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/v1/chat/completions", {"code": "request_timeout"}),
        ("/any/v1/responses", {"code": "request_timeout"}),
        ("/any/v1/messages", {"type": "invalid_request_error"}),
        ("/any/v1beta/models/m:generateContent", {"code": 408}),
    ],
)
async def test_a_body_that_never_comes_is_a_408_in_the_clients_dialect(path: str, error: dict[str, Any]) -> None:
    app = application(Upstream())
    ready: asyncio.Future[list[Bound]] = asyncio.get_running_loop().create_future()
    stop = Stop()
    limits = Limits(drain_timeout=0, last_words=0, pace=Pace(grace=0.02))
    serving = asyncio.create_task(
        serve(app.app, [Port("openai", 0)], limits=limits, stop=stop, on_ready=ready.set_result)
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", (await ready)[0].port)
    writer.write(
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        % path.encode()
    )
    head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    stop.ask()
    await serving
    assert head.split()[1] == b"408"
    assert b"connection: close" in head
    assert json.loads(body)["error"].items() >= error.items()


async def test_a_defect_is_told_in_the_clients_dialect_and_raised_for_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handle(self: Pipeline, call: Call) -> Reply:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(Pipeline, "handle", handle)
    visit = Visit(application(Upstream()), {"model": "m", "max_tokens": 1, "messages": HELLO}, "/v1/any/messages")
    head, body = await visit.message(), await visit.message()
    with pytest.raises(ZeroDivisionError):
        await visit.over()
    assert (head["status"], json.loads(body["body"])["type"]) == (500, "error")
    assert (b"connection", b"close") in head["headers"]


async def test_a_stream_that_the_drain_cuts_is_told_in_band() -> None:
    upstream = Upstream(CHUNK)
    app = application(upstream)
    visit = Visit(app, chat(stream=True))
    assert (await visit.message())["status"] == 200
    assert (await visit.message())["body"] == CHUNK
    app.parts.drain.begin()
    app.parts.drain.cut()
    last = (await visit.message())["body"]
    assert last.startswith(b'data: {"error":')
    assert b"gateway_draining" in last
    assert (await visit.message()).get("more_body", False) is False
    await visit.over()
    assert upstream.let_go.is_set()


async def test_a_stalled_client_holds_the_provider_back() -> None:
    """Nothing is read ahead: a client that takes no further piece leaves the rest with the provider."""
    taken = 0

    class Counting(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncGenerator[bytes, None]:
            nonlocal taken
            for _ in range(50):
                taken += 1
                yield CHUNK

    reply = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Counting())
    visit = Visit(application(httpx.MockTransport(lambda _: reply)), chat(stream=True), room=3)
    for _ in range(300):
        await asyncio.sleep(0)
    assert 1 < taken < 10
    visit.leave()
    await visit.over()


@pytest.mark.parametrize(
    ("path", "model", "expected"),
    [
        ("models/gemini-x:countTokens", "gemini-x", "models/{model}:countTokens"),
        ("models/models/gemini-x:generateContent", "gemini-x", "models/{model}:generateContent"),
        ("messages", "m", "messages"),
        ("models/x:y", None, "models/x:y"),
    ],
)
def test_template(path: str, model: str | None, expected: str) -> None:
    assert template(path, model) == expected
