"""Contracts over all providers: a new one is tested before anybody writes a test for it."""

import json
from typing import Any

import httpx
import pytest

from harness import HELLO, HOSTS, application, post, replying
from polyglot_cloud import catalog
from polyglot_cloud.app import DIALECTS
from polyglot_cloud.errors import Fault, MissingKey
from polyglot_cloud.providers import ADAPTERS, Account, Provider

CATALOG = catalog.load()
KEY = "sk-a-key-0123456789"


def made(adapter: str, key: str | None = KEY) -> Provider:
    row = next(row for row in CATALOG.providers.values() if row.adapter == adapter)
    account = Account(row.base_url, (lambda: key) if key else None, "say please", {"x-account": "1"})
    return ADAPTERS[adapter](row.name, account, {name: DIALECTS[name] for name in row.dialects})


@pytest.fixture(params=sorted(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_every_adapter_of_the_catalog_is_there() -> None:
    assert {row.adapter for row in CATALOG.providers.values()} <= set(ADAPTERS)


def test_the_key_stands_in_one_header_and_never_in_the_url(adapter: str) -> None:
    provider = made(adapter)
    assert [value for value in provider.headers().values() if KEY in value] != []
    assert len([value for value in provider.headers().values() if KEY in value]) == 1
    assert provider.headers()["x-account"] == "1"
    for dialect in provider.dialects.values():
        assert KEY not in provider.url(dialect.path("a-model", True))


def test_without_a_key_nothing_is_sent(adapter: str) -> None:
    provider = made(adapter, None)
    assert not provider.has_key
    with pytest.raises(MissingKey, match="say please"):
        provider.headers()


def test_urls_are_under_the_base_url_and_its_version(adapter: str) -> None:
    provider = made(adapter)
    host = HOSTS[provider.name]
    for dialect in provider.dialects.values():
        assert provider.url(dialect.path("a-model", False)).startswith(f"{host}/")
    assert provider.url(provider.models_path()) == f"{host}/models"


def test_the_version_that_a_client_names_counts_where_there_are_several() -> None:
    gemini, others = made("gemini"), [made(name) for name in ("openai", "anthropic", "grok")]
    assert gemini.url("models", "v1") == "https://generativelanguage.googleapis.com/v1/models"
    assert gemini.url("models", "v1beta") == "https://generativelanguage.googleapis.com/v1beta/models"
    assert gemini.url("models") == "https://generativelanguage.googleapis.com/v1beta/models"
    assert all(other.url("x", "v1beta") == other.url("x") for other in others)


def test_a_key_that_the_host_repeats_goes_no_further(adapter: str) -> None:
    provider = made(adapter)
    dialect = next(iter(provider.dialects.values()))
    body = json.dumps(
        {"error": {"code": 403, "message": f"key {KEY} is blocked", "status": "PERMISSION_DENIED"}}
    ).encode()
    error = provider.error(dialect, 403, body, {})
    assert KEY not in error.message
    assert error.raw is None


def test_an_error_keeps_its_bytes_for_clients_of_its_dialect(adapter: str) -> None:
    provider = made(adapter)
    dialect = next(iter(provider.dialects.values()))
    error = provider.error(
        dialect, 404, b'{"error":{"message":"no such model"}}', {"content-type": "application/json; charset=UTF-8"}
    )
    assert error.raw is not None
    assert (error.raw.dialect, error.raw.content_type) == (dialect.name, "application/json; charset=UTF-8")


# --- further providers, by a file alone ---

OVERLAY = """
[[provider]]
name = "acme"
adapter = "openai"
base_url = "https://llm.acme.example/v1"
key_variables = ["ACME_API_KEY"]

[[provider]]
name = "claudish"
adapter = "anthropic"
base_url = "https://claudish.example/v1"
key_variables = ["CLAUDISH_API_KEY"]
"""


@pytest.mark.parametrize(
    ("provider", "url", "header"),
    [
        ("acme", "https://llm.acme.example/v1/chat/completions", ("authorization", f"Bearer {KEY}")),
        ("claudish", "https://claudish.example/v1/messages", ("x-api-key", KEY)),
    ],
)
async def test_a_users_file_adds_a_provider_without_a_line_of_code(
    tmp_path: Any, provider: str, url: str, header: tuple[str, str]
) -> None:

    file = tmp_path / "mine.toml"
    file.write_text(OVERLAY)
    upstream, seen = replying(httpx.Response(500, json={}), httpx.Response(500, json={}))
    app = application(upstream, {"ACME_API_KEY": KEY, "CLAUDISH_API_KEY": KEY}, overlay=file)
    await post(app, f"/v1/{provider}/chat/completions", {"model": "big-1", "messages": HELLO})
    await post(app, "/v1/any/chat/completions", {"model": f"{provider}/big-1", "messages": HELLO})
    assert [str(request.url) for request in seen] == [url, url]
    assert all(request.headers[header[0]] == header[1] for request in seen)
    assert all(json.loads(request.content)["model"] == "big-1" for request in seen)


@pytest.mark.parametrize(
    ("status", "key", "message", "code"),
    [
        (400, KEY, f"Incorrect API key provided: {KEY[:2]}***{KEY[-2:]}.", "invalid_api_key"),
        (400, KEY, "Argument not supported on this model: stop", "invalid"),
        (422, KEY, f"{KEY[:2]}***{KEY[-2:]}", "invalid"),
        (400, None, "***", "invalid"),
    ],
)
def test_trap_39_grok_answers_a_wrong_key_with_400_and_shows_it_masked(
    status: int, key: str | None, message: str, code: str
) -> None:
    assert made("grok", key).understand(status, Fault(message, code="invalid")) == Fault(message, code=code)
