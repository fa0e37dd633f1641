"""The Provider Router's transcripts: each status and body of the swarm's contract, and what ours does better."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from polyglot_cloud.asgi import Headers
from polyglot_cloud.errors import Unauthorized
from swarm.services_stage import PROVIDER, STAMP, Stage, plain
from tenancy.stage import BY
from tenancy.stage import Stage as Keys


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path / "till.sqlite3")
    yield made
    made.store.close()


SHOWN = {**PROVIDER, "created_at": STAMP, "updated_at": STAMP, "status": "active"}


async def register(stage: Stage, **changed: Any) -> tuple[int, Any]:
    body = {**PROVIDER, **changed}
    return plain(await stage.router.post("/register", json={n: v for n, v in body.items() if v is not ...}))


async def names(stage: Stage, query: str = "") -> list[str]:
    status, body = plain(await stage.router.get("/providers" + query))
    assert (status, body["count"], body["timestamp"]) == (200, len(body["providers"]), body["timestamp"])
    return [provider["name"] for provider in body["providers"]]


async def select(stage: Stage, model: str = "gpt-6", **more: Any) -> tuple[int, Any]:
    wanted = more.pop("requirements", {"model": model})
    return plain(await stage.router.post("/select", json={"requirements": wanted, **more}))


# --- register, list, get, deactivate ---


async def test_registered_listed_found(stage: Stage) -> None:
    assert await register(stage) == (
        200,
        {"status": "success", "action": "registered", "provider": "openai-gpt-6", "timestamp": STAMP},
    )
    reply = await stage.router.get("/providers/openai-gpt-6")
    assert plain(reply) == (200, SHOWN)
    assert list(reply.json()) == list(SHOWN)
    assert plain(await stage.router.get("/providers")) == (
        200,
        {"providers": [SHOWN], "count": 1, "timestamp": STAMP},
    )


async def test_what_is_not_given_again_is_reset(stage: Stage) -> None:
    await register(stage)
    stage.clock.pass_seconds(1.5)
    assert (await register(stage, features=..., slo=..., metadata=...))[1]["action"] == "updated"
    _, found = plain(await stage.router.get("/providers/openai-gpt-6"))
    assert (found["features"], found["slo"], found["metadata"]) == ([], None, None)
    assert (found["created_at"], found["updated_at"]) == (STAMP, "2026-11-23T15:55:31.837683")


async def test_an_empty_object_stays_one_and_null_is_null(stage: Stage) -> None:
    await register(stage, slo={}, metadata=None)
    _, found = plain(await stage.router.get("/providers/openai-gpt-6"))
    assert (found["slo"], found["metadata"]) == ({}, None)


async def test_microseconds_are_told_even_where_there_are_none(stage: Stage) -> None:
    stage.clock.at -= stage.clock.at % 1_000_000
    assert (await register(stage))[1]["timestamp"] == "2026-11-23T15:55:30.000000"


async def test_types_are_lax(stage: Stage) -> None:
    given = {
        "context_window": "1000",
        "cost_per_input_token": "0.5",
        "cost_per_output_token": 0,
        "endpoint": "not a url",
    }
    assert (await register(stage, **given, unknown=1))[0] == 200
    _, found = plain(await stage.router.get("/providers/openai-gpt-6"))
    assert (found["context_window"], found["cost_per_input_token"], found["endpoint"]) == (1000, 0.5, "not a url")
    assert "unknown" not in found


@pytest.mark.parametrize(
    ("field", "value", "type_"),
    [
        ("name", ..., "missing"), ("name", "", "string_too_short"), ("name", "x" * 101, "string_too_long"), ("name", None, "string_type"),
        ("model", ..., "missing"), ("model", "", "string_too_short"), ("model", "x" * 101, "string_too_long"),
        ("context_window", ..., "missing"), ("context_window", 2_097_152, "less_than_equal"), ("context_window", 0, "greater_than_equal"),
        ("context_window", 1.5, "int_from_float"), ("context_window", "many", "int_parsing"), ("context_window", None, "int_type"),
        ("cost_per_input_token", -1e-9, "greater_than_equal"), ("cost_per_input_token", "x", "float_parsing"),
        ("cost_per_output_token", ..., "missing"), ("cost_per_output_token", "nan", "finite_number"),
        ("endpoint", ..., "missing"), ("endpoint", 5, "string_type"), ("features", None, "list_type"), ("features", "chat", "list_type"),
        ("features", [1], "string_type"), ("slo", [], "dict_type"), ("slo", "fast", "dict_type"), ("metadata", 3, "dict_type"),
    ],
)  # fmt: skip
async def test_registrations_that_do_not_fit(stage: Stage, field: str, value: Any, type_: str) -> None:
    status, body = await register(stage, **{field: value})
    assert status == 422
    (fault,) = body["detail"]
    assert (fault["type"], fault["loc"][:2]) == (type_, ["body", field])
    assert set(fault) - {"ctx"} == {"type", "loc", "msg", "input"}
    assert await names(stage) == []


@pytest.mark.parametrize("path", ["/register", "/select"])
async def test_bodies_that_are_no_json(stage: Stage, path: str) -> None:
    headers = {"content-type": "application/json"}
    status, body = plain(await stage.router.post(path, content=b"{bad", headers=headers))
    assert (status, body["detail"][0]["type"], body["detail"][0]["loc"]) == (422, "json_invalid", ["body", 1])
    status, body = plain(await stage.router.post(path))
    assert (status, body) == (
        422,
        {"detail": [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}]},
    )


async def test_the_list_is_filtered_and_in_the_order_of_first_coming(stage: Stage) -> None:
    for name, model, context in (("c", "m", 5), ("a", "m", 50), ("b", "n", 500)):
        await register(stage, name=name, model=model, context_window=context)
    await register(stage, name="c", model="m", context_window=6)
    for _ in range(2):
        assert await names(stage) == ["c", "a", "b"]
        assert await names(stage, "?model=m") == ["c", "a"]
        assert await names(stage, "?model=M") == []
        assert await names(stage, "?min_context=6") == ["c", "a", "b"]
        assert await names(stage, "?min_context=7&model=m") == ["a"]
        assert await names(stage, "?min_context=&model=") == ["c", "a", "b"]
        assert await names(stage, "?min_context=0") == ["c", "a", "b"]
        stage.restart()
    status, body = plain(await stage.router.get("/providers?min_context=many"))
    assert (status, body["detail"][0]["loc"]) == (422, ["query", "min_context"])


async def test_who_is_not_there(stage: Stage) -> None:
    assert plain(await stage.router.get("/providers/nobody")) == (404, {"detail": "Provider 'nobody' not found"})
    assert plain(await stage.router.delete("/providers/nobody")) == (404, {"detail": "Provider not found"})


async def test_a_name_with_a_slash_cannot_be_asked_for(stage: Stage) -> None:
    await register(stage, name="a/b")
    assert plain(await stage.router.get("/providers/a%2Fb")) == (404, {"detail": "Not Found"})
    assert await names(stage) == ["a/b"]


async def test_deactivated_twice_and_registered_again(stage: Stage) -> None:
    await register(stage)
    for _ in range(2):
        assert plain(await stage.router.delete("/providers/openai-gpt-6")) == (
            200,
            {"status": "success", "action": "deactivated", "provider": "openai-gpt-6"},
        )
        stage.restart()
    assert await names(stage) == []
    assert plain(await stage.router.get("/providers/openai-gpt-6"))[0] == 404
    assert (await select(stage))[0] == 404
    assert plain(await stage.router.get("/stats"))[1]["inactive_providers"] == 1
    stage.clock.pass_seconds(1)
    assert (await register(stage))[1]["action"] == "updated"
    for _ in range(2):
        assert await names(stage) == ["openai-gpt-6"]
        assert (await select(stage))[0] == 200
        assert plain(await stage.router.get("/providers/openai-gpt-6"))[1]["created_at"] == STAMP
        stage.restart()


async def test_one_that_is_parked_is_in_no_list_until_it_comes_back(stage: Stage) -> None:
    """So announced models leave a Router whose deleted names are burned; in ours nobody shall select them by an empty model."""
    for model, listed, status in (("gpt-6", ["openai-gpt-6"], 200), ("offline:gpt-6", [], 404)) * 2:
        await register(stage, model=model)
        assert await names(stage) == listed
        selected = await stage.router.post("/select", json={"requirements": {"model": ""}})
        assert selected.status_code == status


async def test_the_database_fails(stage: Stage) -> None:
    await register(stage)
    with closing(sqlite3.connect(stage.path, isolation_level=None)) as other:
        other.execute("DROP TABLE swarm_providers")
    status, body = await register(stage, name="other")
    assert (status, "cannot be used" in body["detail"]) == (400, True)
    status, body = plain(await stage.router.delete("/providers/openai-gpt-6"))
    assert (status, body["detail"].endswith("Nothing was changed.")) == (503, True)
    assert await names(stage) == ["openai-gpt-6"]


async def test_a_restart_loses_nothing(stage: Stage) -> None:
    await register(stage)
    odd = {
        **PROVIDER,
        "name": "ünï'\"\x00;--",
        "slo": None,
        "metadata": {"half": "\ud800", "big": 10**30, "small": 3e-06},
    }
    headers = {"content-type": "application/json"}
    assert plain(await stage.router.post("/register", content=json.dumps(odd), headers=headers))[0] == 200
    _, before = plain(await stage.router.get("/providers"))
    stage.restart()
    assert plain(await stage.router.get("/providers")) == (200, before)


async def test_many_at_once(stage: Stage) -> None:
    made = [f"p{number % 20}" for number in range(100)]
    found = await asyncio.gather(*(register(stage, name=name, context_window=1 + at) for at, name in enumerate(made)))
    assert {status for status, _ in found} == {200}
    assert [body["action"] for _, body in found].count("registered") == 20
    listed = await names(stage)
    assert sorted(listed) == sorted(set(made))
    _, before = plain(await stage.router.get("/providers"))
    stage.restart()
    assert plain(await stage.router.get("/providers"))[1] == before


async def test_who_leaves_while_it_registers_leaves_memory_and_file_alike(stage: Stage) -> None:
    waiting = [asyncio.ensure_future(register(stage, name=f"p{number}")) for number in range(30)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await stage.store.run(lambda: None)
    before = await names(stage)
    stage.restart()
    assert await names(stage) == before


# --- select ---


async def test_selected(stage: Stage) -> None:
    for name, price, slo in (("dear", 3e-06, {"latency_p95_ms": 50}), ("cheap", 1e-06, None), ("middle", 2e-06, {})):
        await register(stage, name=name, cost_per_input_token=price, cost_per_output_token=price, slo=slo)
    await register(stage, name="dearest", cost_per_input_token=1, cost_per_output_token=1)
    status, body = await select(stage)
    assert status == 200
    assert list(body) == ["selected_provider", "alternatives", "selection_reason", "optimization", "timestamp"]
    assert (body["selected_provider"]["name"], body["selection_reason"], body["optimization"]) == (
        "cheap",
        "Lowest cost provider",
        "cost",
    )
    assert [each["name"] for each in body["alternatives"]] == ["middle", "dear"]
    assert (body["selected_provider"]["slo"], body["timestamp"]) == (None, STAMP)
    _, body = await select(stage, optimization="latency")
    assert (body["selected_provider"]["name"], body["selection_reason"]) == ("dear", "Lowest latency SLO")
    assert [each["name"] for each in body["alternatives"]] == ["cheap", "middle"]
    _, body = await select(stage, optimization="balanced", max_latency_ms=40)
    assert body["selection_reason"] == "Balanced optimization (cost-weighted)"
    assert [each["name"] for each in body["alternatives"]] == ["middle"]  # `dearest` promised 900 ms


async def test_an_empty_model_is_any_and_names_are_exact(stage: Stage) -> None:
    await register(stage)
    assert (await select(stage, ""))[0] == 200
    assert (await select(stage, "GPT-6"))[0] == 404
    wanted = {"model": "gpt-6", "context_window": "200000", "features": ["planning", "streaming"]}
    assert (await select(stage, requirements=wanted, max_cost_usd="0.0105"))[0] == 200


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        (
            {"requirements": {"model": "nope"}},
            "No providers found matching requirements: model='nope' context_window=None features=None",
        ),
        (
            {"requirements": {"model": "gpt-6", "context_window": 300_000, "features": ["x"]}},
            "No providers found matching requirements: model='gpt-6' context_window=300000 features=['x']",
        ),
        ({"requirements": {"model": "gpt-6"}, "max_cost_usd": 0.01}, "No providers found within budget constraints"),
        ({"requirements": {"model": "gpt-6"}, "max_latency_ms": 1}, "No providers found within latency constraints"),
    ],
)
async def test_nothing_fits(stage: Stage, asked: dict[str, Any], detail: str) -> None:
    await register(stage)
    assert plain(await stage.router.post("/select", json=asked)) == (404, {"detail": detail})


@pytest.mark.parametrize(
    ("asked", "place", "type_"),
    [
        ({}, ["body", "requirements"], "missing"),
        ({"requirements": {}}, ["body", "requirements", "model"], "missing"),
        ({"requirements": {"model": None}}, ["body", "requirements", "model"], "string_type"),
        (
            {"requirements": {"model": "", "context_window": 1.5}},
            ["body", "requirements", "context_window"],
            "int_from_float",
        ),
        ({"requirements": {"model": "", "features": [1]}}, ["body", "requirements", "features", 0], "string_type"),
        ({"requirements": {"model": ""}, "optimization": "speed"}, ["body", "optimization"], "literal_error"),
        ({"requirements": {"model": ""}, "optimization": None}, ["body", "optimization"], "literal_error"),
        ({"requirements": {"model": ""}, "max_cost_usd": "x"}, ["body", "max_cost_usd"], "float_parsing"),
        ({"requirements": {"model": ""}, "max_latency_ms": 0.5}, ["body", "max_latency_ms"], "int_from_float"),
    ],
)
async def test_selections_that_do_not_fit(stage: Stage, asked: Any, place: list[Any], type_: str) -> None:
    status, body = plain(await stage.router.post("/select", json=asked))
    assert (status, body["detail"][0]["loc"], body["detail"][0]["type"]) == (422, place, type_)


# --- what the service says of itself ---


async def test_stats_health_and_root(stage: Stage) -> None:
    for name, model in (("a", "m"), ("b", "n"), ("c", "m"), ("d", "o")):
        await register(stage, name=name, model=model)
    await stage.router.delete("/providers/d")
    stats = {"active_providers": 3, "inactive_providers": 1, "unique_models": ["m", "n"], "total_models": 2}
    assert plain(await stage.router.get("/stats")) == (200, stats)
    assert plain(await stage.router.get("/health")) == (
        200,
        {"status": "ok", "service": "provider_router", "port": 6103, "timestamp": STAMP, "registry_stats": stats},
    )
    _, root = plain(await stage.router.get("/"))
    assert (root["service"], root["version"]) == ("Provider Router", "1.0.0")
    assert "POST /select" in root["endpoints"]


async def test_what_is_described_is_what_is_there(stage: Stage) -> None:
    _, described = plain(await stage.router.get("/openapi.json"))
    assert described["info"]["title"] == "Provider Router"
    offered = {f"{method.upper()} {path}" for path, methods in described["paths"].items() for method in methods}
    assert offered == set(plain(await stage.router.get("/"))[1]["endpoints"])
    body = described["paths"]["/register"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["context_window"] == {"type": "integer", "minimum": 1, "maximum": 2_000_000}
    assert body["required"] == [
        "name", "model", "context_window", "cost_per_input_token", "cost_per_output_token", "endpoint",
    ]  # fmt: skip
    assert [each["name"] for each in described["paths"]["/providers"]["get"]["parameters"]] == ["model", "min_context"]
    assert described["paths"]["/providers/{name}"]["get"]["parameters"][0]["in"] == "path"
    page = await stage.router.get("/docs")
    assert (page.status_code, "/select" in page.text, "default-src 'none'" in page.headers["content-security-policy"]) == (
        200, True, True,
    )  # fmt: skip


# --- HTTP ---


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/register", {"POST"}), ("PUT", "/register", {"POST"}), ("POST", "/providers", {"GET", "HEAD"}),
        ("POST", "/providers/x", {"GET", "HEAD", "DELETE"}), ("GET", "/select", {"POST"}), ("POST", "/health", {"GET", "HEAD"}),
        ("DELETE", "/docs", {"GET", "HEAD"}), ("OPTIONS", "/stats", {"GET", "HEAD"}),
    ],
)  # fmt: skip
async def test_other_methods(stage: Stage, method: str, path: str, allowed: set[str]) -> None:
    reply = await stage.router.request(method, path)
    assert plain(reply) == (405, {"detail": "Method Not Allowed"})
    assert set(reply.headers["allow"].split(", ")) == allowed


async def test_other_paths(stage: Stage) -> None:
    assert plain(await stage.router.get("/nowhere")) == (404, {"detail": "Not Found"})
    assert (await stage.router.head("/health")).status_code == 200


async def test_a_megabyte_and_no_more(stage: Stage) -> None:
    room = "x" * (1 << 20)
    status, body = await register(stage, metadata={"note": room})
    assert (status, "1,048,576 bytes" in body["detail"]) == (413, True)
    assert (await register(stage, metadata={"note": room[:-2000]}))[0] == 200

    async def chunked() -> Any:
        for _ in range(1100):
            yield b" " * 1000

    reply = await stage.router.post("/register", content=chunked(), headers={"content-type": "application/json"})
    assert plain(reply)[0] == 413


async def test_web_pages_stay_outside(stage: Stage) -> None:
    refused = await stage.router.get("/providers", headers={"origin": "https://evil.example"})
    assert plain(refused)[0] == 403
    assert isinstance(refused.json()["detail"], str)
    assert plain(await stage.router.get("/providers", headers={"host": "rebound.example"}))[0] == 421
    assert plain(await stage.router.post("/register", content=b"{}", headers={"content-type": "text/plain"}))[0] == 415


async def test_a_defect_is_told_as_json(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.directory, "stats", lambda: 1 // 0)
    transport = httpx.ASGITransport(stage.router._transport.app, raise_app_exceptions=False)  # type: ignore[attr-defined]  # the test's own
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert plain(await client.get("/stats")) == (500, {"detail": "Internal Server Error"})


async def sent(stage: Stage, headers: Headers, *received: Any) -> list[Any]:
    """What a bare POST of /register is answered, message by message."""
    coming, found = list(received), []

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        found.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/register", "query_string": b"", "root_path": "", "http_version": "1.1",
        "scheme": "http", "headers": [(b"host", b"localhost"), (b"content-type", b"application/json"), *headers],
    }  # fmt: skip
    await stage.router._transport.app(scope, receive, send)  # type: ignore[attr-defined]  # the test's own
    return found


async def test_who_leaves_in_the_middle_of_a_body_is_answered_nothing(stage: Stage) -> None:
    assert await sent(stage, [(b"content-length", b"5")], {"type": "http.disconnect"}) == []


async def test_what_is_declared_too_large_is_refused_before_it_is_read(stage: Stage) -> None:
    assert (await sent(stage, [(b"content-length", b"1048577")]))[0]["status"] == 413


# --- keys ---


async def test_once_keys_exist_one_is_asked_for(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    stage = Stage(tmp_path / "till.sqlite3", identify=keys.directory.identify)
    try:
        assert (await register(stage))[0] == 200
        keys.store.create_tenant("acme", by=BY)
        secret = keys.store.create_key("acme", by=BY).secret
        keys.directory.take(keys.store.read())
        for method, path in (
            ("GET", "/providers"), ("POST", "/register"), ("DELETE", "/providers/openai-gpt-6"), ("GET", "/nowhere"),
            ("GET", "/providers/health"), ("GET", "/"), ("POST", "/health"),
        ):  # fmt: skip
            refused = await stage.router.request(method, path)
            assert refused.headers["www-authenticate"]
            status, body = plain(refused)
            assert (status, list(body), type(body["detail"])) == (401, ["detail"], str)
            assert plain(await stage.registry.request(method, path))[0] == 401
        stage.router.headers["authorization"] = f"Bearer {secret}"
        assert await names(stage) == ["openai-gpt-6"]
        del stage.router.headers["authorization"]
        for path in ("/health", "/docs", "/openapi.json"):
            assert (await stage.router.get(path)).status_code == 200
            assert (await stage.registry.get(path)).status_code == 200
    finally:
        stage.store.close()
        keys.close()


async def test_who_calls_is_put_into_the_scope(tmp_path: Path) -> None:
    asked: list[tuple[Headers, bytes]] = []

    def identify(headers: Headers, query: bytes) -> None:
        asked.append((headers, query))
        if b"key=no" in query:
            raise Unauthorized("No.")

    stage = Stage(tmp_path / "till.sqlite3", identify=identify)
    try:
        assert plain(await stage.router.get("/stats?key=no")) == (401, {"detail": "No."})
        assert plain(await stage.router.get("/stats?key=yes"))[0] == 200
        assert [query for _, query in asked] == [b"key=no", b"key=yes"]
    finally:
        stage.store.close()
