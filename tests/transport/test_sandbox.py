"""The whole gateway over our transport and real sockets, on both sides of it: a client's connection, and the stand-ins as servers."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from harness import application
from polyglot_cloud.sandbox import CLOUDS, Cloud
from polyglot_cloud.sandbox.asgi import Receive, Scope, Send
from polyglot_cloud.transport import NativeTransport
from transport.peer import until

VARIABLES = {"openai": "OPENAI", "anthropic": "ANTHROPIC", "gemini": "GEMINI", "grok": "XAI"}
EACH_CLOUD = pytest.mark.parametrize("name", CLOUDS)


class Door:
    """An app before a stand-in's that counts the requests which it left without their answer's end."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.running = 0
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.running += 1
        self.asked += 1
        try:
            await self.cloud.app(scope, receive, send)
        finally:
            self.running -= 1


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Without uvicorn's main loop, whose ticks and pauses of 0.1 s five servers a test would wait for at their end."""
    taken = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, lifespan="off", log_level="critical", log_config=None, timeout_graceful_shutdown=1, timeout_keep_alive=60
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup([taken])
    try:
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        await until(lambda: not server.server_state.connections)
        for listening in server.servers:
            listening.close()


@dataclass
class House:
    client: httpx.AsyncClient
    native: NativeTransport
    doors: dict[str, Door]

    @property
    def open(self) -> int:
        """Connections to the clouds."""
        return sum(len(pool.open) for pool in self.native._pools.values())

    @property
    def idle(self) -> int:
        return sum(len(pool._idle) for pool in self.native._pools.values())

    async def ask(self, name: str, text: str, *, stream: bool = False) -> httpx.Response:
        return await self.client.post(f"/v1/{name}/chat/completions", json=asked(text, stream=stream))


def asked(text: str, *, stream: bool) -> dict[str, Any]:
    return {"model": "medium", "messages": [{"role": "user", "content": text}], "stream": stream}


def told(answer: httpx.Response) -> tuple[str, str | None]:
    """The text of an answer, whole or streamed, and its reason to end."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        choice = answer.json()["choices"][0]
        return choice["message"]["content"], choice["finish_reason"]
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    chunks = [json.loads(line) for line in lines if line != "[DONE]"]
    assert ("[DONE]" in lines) == (lines[-1] == "[DONE]")
    choices = [choice for chunk in chunks for choice in chunk.get("choices", ())]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    reasons = [
        reason for choice in choices if (reason := choice.get("finish_reason"))
    ]  # xAI leaves it out until the end
    return text, reasons[0] if reasons else None


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        doors = {name: Door(cloud) for name, cloud in CLOUDS.items()}
        environ = {}
        for name, door in doors.items():
            root = await stack.enter_async_context(serving(door))
            environ[f"{VARIABLES[name]}_BASE_URL"] = root + door.cloud.base_path
            environ[f"{VARIABLES[name]}_API_KEY"] = door.cloud.key
        native = await stack.enter_async_context(NativeTransport())
        root = await stack.enter_async_context(serving(application(native, environ).app))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=root, timeout=20, trust_env=False))
        yield House(client, native, doors)


@EACH_CLOUD
async def test_calls_and_streams_follow_each_other_on_one_connection(house: House, name: str) -> None:
    whole = await house.ask(name, "Count. [[sandbox:words 30]]")
    streamed = await house.ask(name, "Count. [[sandbox:words 30]]", stream=True)
    assert (whole.status_code, streamed.status_code) == (200, 200)
    assert told(streamed) == told(whole)
    assert told(whole)[1] == "stop"
    await until(lambda: house.idle == 1)
    assert (house.open, house.doors[name].asked) == (1, 2)


@EACH_CLOUD
async def test_an_error_of_the_cloud_arrives_and_costs_no_connection(house: House, name: str) -> None:
    for stream in (False, True):
        answer = await house.ask(name, "Please fail [[sandbox:429 retry-after=2]]", stream=stream)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
        assert answer.json()["error"]["message"]
    assert (await house.ask(name, "Hello.")).status_code == 200
    assert house.open == 1
    assert house.doors[name].asked == 3, "nothing is asked again by itself"


@EACH_CLOUD
async def test_a_stream_that_the_cloud_cuts_is_never_told_as_whole(house: House, name: str) -> None:
    answer = await house.ask(name, "Count. [[sandbox:words 60]] [[sandbox:cut 8]]", stream=True)
    assert told(answer)[1] is None
    assert '"error"' in answer.text
    assert house.open == 0
    assert told(await house.ask(name, "Hello."))[1] == "stop"


@EACH_CLOUD
async def test_a_client_that_leaves_frees_the_connection_to_the_cloud(house: House, name: str) -> None:
    text = "Count. [[sandbox:words 400]] [[sandbox:gap 50]]"  # twenty seconds of it
    url = f"/v1/{name}/chat/completions"
    async with house.client.stream("POST", url, json=asked(text, stream=True)) as answer:
        assert await anext(answer.aiter_raw())
        assert (house.open, house.doors[name].running) == (1, 1)
    await until(lambda: not house.open)
    await until(lambda: not house.doors[name].running)
    assert told(await house.ask(name, "Hello."))[1] == "stop"


async def test_a_client_that_leaves_before_the_answer_frees_the_connection(house: House) -> None:
    call = asyncio.ensure_future(house.ask("anthropic", "[[sandbox:hang]]"))
    await until(lambda: house.doors["anthropic"].running == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: not house.open and not house.doors["anthropic"].running)


async def test_many_at_once_get_each_its_own_answer(house: House) -> None:
    wanted = [(name, 5 + at, at % 8 < 4) for at, name in enumerate([*CLOUDS] * 5)]

    async def one(name: str, count: int, stream: bool) -> tuple[str, str | None]:
        return told(await house.ask(name, f"Count. [[sandbox:words {count}]]", stream=stream))

    alone = [await one(*each) for each in wanted]
    assert len(set(alone)) == len(wanted)
    for _ in range(2):
        assert await asyncio.gather(*(one(*each) for each in wanted)) == alone
    await until(lambda: house.idle == house.open)
    assert 4 <= house.open <= len(wanted)
