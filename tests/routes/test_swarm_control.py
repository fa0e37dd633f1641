"""Who may take the swarm's services away."""

from typing import Any

import httpx
import pytest

from polyglot_cloud.asgi import Receive, Scope, Send
from polyglot_cloud.routes.swarm_control import PATH, controlled

SECRET = {"authorization": "Bearer secret"}


async def service(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def ask(
    body: Any = None, headers: dict[str, str] | None = None, method: str = "POST", path: str = PATH
) -> tuple[httpx.Response, list[list[str]]]:
    released: list[list[str]] = []

    def release(names: Any) -> list[str]:
        released.append(list(names))
        return ["router"]

    transport = httpx.ASGITransport(controlled(service, "secret", release))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:6103") as client:
        content = body if isinstance(body, bytes) else None
        json = None if isinstance(body, bytes) else body
        typed = {"content-type": "application/json"} if content is not None else {}
        reply = await client.request(method, path, json=json, content=content, headers={**typed, **(headers or {})})
    return reply, released


async def test_other_paths_are_the_services() -> None:
    reply, released = await ask({"services": []}, SECRET, path="/health")
    assert (reply.status_code, released) == (204, [])


@pytest.mark.parametrize("names", [[], ["router", "registry"]])
async def test_the_secret_gives_up(names: list[str]) -> None:
    reply, released = await ask({"services": names}, SECRET)
    assert (reply.status_code, reply.json(), released) == (200, {"released": ["router"]}, [names])


@pytest.mark.parametrize(
    ("headers", "method", "body", "status"),
    [
        ({}, "POST", {"services": []}, 401),
        ({"authorization": "Bearer secrets"}, "POST", {"services": []}, 401),
        (SECRET, "GET", None, 405),
        (SECRET, "POST", {"services": "router"}, 400),
        (SECRET, "POST", {"services": [1]}, 400),
        (SECRET, "POST", [], 400),
        (SECRET, "POST", b"{", 400),
        (SECRET, "POST", b" " * 5000, 413),
        ({**SECRET, "host": "evil.example"}, "POST", {"services": []}, 421),
        ({**SECRET, "origin": "http://evil.example"}, "POST", {"services": []}, 403),
    ],
)
async def test_nobody_else_does(headers: dict[str, str], method: str, body: Any, status: int) -> None:
    reply, released = await ask(body, headers, method)
    assert (reply.status_code, released, "detail" in reply.json()) == (status, [], True)
