"""Trap 9, the part with URLs: what Gemini takes only inline is fetched before the call, behind the guard."""

import base64
import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness import KEYS, TODAY, post, replying
from polyglot_cloud import catalog
from polyglot_cloud.app import Application, Parts, choices, create_app
from polyglot_cloud.media import Fetcher
from polyglot_cloud.settings import load

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
REPLY = {"candidates": [{"content": {"role": "model", "parts": [{"text": "a dot"}]}, "finishReason": "STOP"}]}
PUBLIC = "93.184.215.14"


def gateway(upstream: httpx.AsyncBaseTransport, page: httpx.Response, address: str, **environ: str) -> Application:
    """A gateway for which every name has this address, and every address this page."""

    async def resolve(host: str, port: int) -> list[Any]:
        return [ip_address(address)]

    settings = load({**KEYS, **environ}, Path("no-such-folder/.env"))
    rows = catalog.load(overlay=None)
    accesses = settings.credentials(list(rows.providers.values()), foreign=rows.foreign)
    rows = rows.choosing(choices(accesses, settings.aliases))
    fetcher = Fetcher(resolve=resolve, connect=lambda: httpx.MockTransport(lambda _: page))
    return create_app(settings, rows, accesses, Parts(transport=upstream, today=lambda: TODAY, fetcher=fetcher))


def asking(url: str, **fields: Any) -> dict[str, Any]:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    return {"messages": [{"role": "system", "content": "Look."}, {"role": "user", "content": parts}], **fields}


async def test_trap_09_an_image_behind_a_url_goes_to_gemini_inline_under_its_true_label() -> None:
    upstream, seen = replying(httpx.Response(200, json=REPLY))
    page = httpx.Response(200, content=PNG, headers={"content-type": "image/jpeg"})
    reply = await post(gateway(upstream, page, PUBLIC), "/v1/gemini/chat/completions", asking("https://e.com/dot.jpg"))
    assert reply.json()["choices"][0]["message"]["content"] == "a dot"
    assert {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}} in json.loads(
        seen[0].content
    )["contents"][0]["parts"]
    assert "/messages/*/content/*/image_url/url (emulated)" in reply.headers["x-polyglot-dropped"]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "grok"])
async def test_trap_09_who_takes_urls_is_given_them(provider: str) -> None:
    upstream, seen = replying(httpx.Response(500))
    page = httpx.Response(500)
    await post(gateway(upstream, page, PUBLIC), f"/v1/{provider}/chat/completions", asking("https://e.com/dot.png"))
    assert "https://e.com/dot.png" in seen[0].content.decode()


@pytest.mark.parametrize(
    ("address", "environ", "code"),
    [
        ("127.0.0.1", {}, "blocked_address"),
        ("169.254.169.254", {}, "blocked_address"),
        ("::ffff:10.0.0.1", {}, "blocked_address"),
        (PUBLIC, {"POLYGLOT_MEDIA_FETCH": "off"}, "media_fetch_off"),
    ],
)
async def test_trap_09_what_may_not_be_fetched_is_refused_before_the_call(
    address: str, environ: dict[str, str], code: str
) -> None:
    upstream, seen = replying()
    page = httpx.Response(200, content=PNG, headers={"content-type": "image/png"})
    reply = await post(
        gateway(upstream, page, address, **environ), "/v1/gemini/chat/completions", asking("https://e.com/dot.png")
    )
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (400, code, "messages[1].content[1].image_url.url")
    assert seen == []
