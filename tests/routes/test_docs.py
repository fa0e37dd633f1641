import re

import pytest

from harness import application, get, replying

PROVIDERS = ["openai", "anthropic", "gemini", "grok"]
NATIVE = {
    "openai": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/{model}:generateContent",
    "grok": "/v1/responses",
}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_openapi_lists_what_the_face_has(provider: str) -> None:
    value = (await get(application(replying()[0]), f"/v1/{provider}/openapi.json")).json()
    assert value["openapi"].startswith("3.1")
    assert value["info"]["title"]
    assert "post" in value["paths"]["/v1/chat/completions"]
    assert "post" in value["paths"]["/generate"]
    assert {path for path in NATIVE.values() if path in value["paths"]} == {NATIVE[provider]}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_page_works_offline_and_runs_nothing(provider: str) -> None:
    reply = await get(application(replying()[0]), f"/v1/{provider}/docs")
    assert reply.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]*)"', reply.text)
    assert loaded == ["openapi.json"]
    assert "<script" not in reply.text
    assert NATIVE[provider].replace("{", "{") in reply.text
