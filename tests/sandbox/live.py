"""The four stand-ins over real sockets, for the official SDKs: each on a free loopback port, all in one thread."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import uvicorn

from polyglot_cloud.sandbox.asgi import Receive, Scope, Send
from sandbox.kit import cloud

Served = Callable[[Scope, Receive, Send], Awaitable[None]]

NAMES = ("openai", "anthropic", "gemini", "grok")


@contextlib.contextmanager
def serving(*apps: Served) -> Iterator[list[int]]:
    """Serves apps until the block ends; gives their ports."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in apps]
    servers = [
        uvicorn.Server(
            uvicorn.Config(app, lifespan="off", log_level="error", log_config=None, timeout_graceful_shutdown=1)
        )
        for app in apps
    ]

    async def serve() -> None:
        async with asyncio.TaskGroup() as group:
            for server, sock in zip(servers, sockets, strict=True):
                group.create_task(server._serve([sock]))

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    while not all(server.started for server in servers):
        time.sleep(0.005)
    try:
        yield [sock.getsockname()[1] for sock in sockets]
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(5)
        for sock in sockets:
            sock.close()


@contextlib.contextmanager
def clouds() -> Iterator[dict[str, str]]:
    """Base URLs by name."""
    askers = [cloud(name) for name in NAMES]
    with serving(*(asker.app for asker in askers)) as ports:
        yield {
            name: f"http://127.0.0.1:{port}{asker.base}" for name, port, asker in zip(NAMES, ports, askers, strict=True)
        }
