from datetime import date
from typing import Any

import pytest

from harness import application, get, replying

LISTED = {"openai": "gpt-6.2-sol", "anthropic": "claude-sonnet-5-5", "gemini": "gemini-4-argon", "grok": "grok-4.7"}


async def asked(path: str, headers: dict[str, str] | None = None, today: date = date(2026, 11, 22)) -> Any:
    return await get(application(replying()[0], today=today), path, headers)


@pytest.mark.parametrize(("provider", "model"), LISTED.items())
async def test_the_list_is_in_openais_shape_with_the_catalogs_facts(provider: str, model: str) -> None:
    value = (await asked(f"/v1/{provider}/models")).json()
    assert value["object"] == "list"
    row = next(row for row in value["data"] if row["id"] == model)
    assert (row["object"], row["owned_by"], row["provider"]) == ("model", provider, provider)
    assert row["context_window"] > 100_000
    assert row["pricing_usd_per_million"]["input"] > 0
    assert row["capabilities"]
    assert all(other["provider"] == provider and other["status"] != "retired" for other in value["data"])


async def test_the_face_of_all_lists_all() -> None:
    value = (await asked("/v1/any/models")).json()
    assert set(LISTED.values()) <= {row["id"] for row in value["data"]}


@pytest.mark.parametrize(("day", "listed"), [(date(2026, 11, 30), True), (date(2026, 12, 1), False)])
async def test_a_model_leaves_the_list_on_its_last_day(day: date, listed: bool) -> None:
    value = (await asked("/v1/gemini/models", today=day)).json()
    assert ("gemini-2.5-pro" in {row["id"] for row in value["data"]}) is listed


@pytest.mark.parametrize(
    ("name", "model"), [("claude-haiku-4-5", "claude-haiku-4-5-20251001"), ("high", "claude-opus-5-5")]
)
async def test_one_by_alias_or_tier(name: str, model: str) -> None:
    assert (await asked(f"/v1/anthropic/models/{name}")).json()["id"] == model


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/openai/models/gpt-4-turbo", 404, "model_retired"),
        ("/v1/openai/models/who-knows", 404, "model_not_found"),
        ("/v1/openai/models/claude-sonnet-5-5", 400, "wrong_provider"),
    ],
)
async def test_one_that_is_not_there(path: str, status: int, code: str) -> None:
    reply = await asked(path)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


async def test_anthropics_clients_get_anthropics_shape() -> None:
    headers = {"anthropic-version": "2023-06-01"}
    value = (await asked("/v1/anthropic/models", headers)).json()
    assert value["has_more"] is False
    assert value["first_id"] == value["data"][0]["id"]
    assert value["last_id"] == value["data"][-1]["id"]
    one = (await asked("/v1/anthropic/models/claude-sonnet-4-5-20250929", headers)).json()
    assert (one["type"], one["lifecycle"], one["retires_at"]) == ("model", "deprecated", "2026-11-30T00:00:00Z")
    missing = await asked("/v1/anthropic/models/who-knows", headers)
    assert missing.json()["type"] == "error"


async def test_googles_clients_get_googles_shape() -> None:
    value = (await asked("/v1/gemini/models", {"x-goog-api-key": "x"})).json()
    names = {row["name"]: row for row in value["models"]}
    assert names["models/gemini-4-argon"]["supportedGenerationMethods"][0] == "generateContent"
    assert "embedContent" in names["models/gemini-embedding-001"]["supportedGenerationMethods"]
