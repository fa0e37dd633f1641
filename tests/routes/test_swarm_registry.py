"""The Agent Registry's transcripts: each status and body of the swarm's contract."""

import asyncio
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from swarm.services_stage import SERVICE, STAMP, Stage, plain

LISTED = {
    "service_id": "s-1", "name": "openai", "type": "model", "role": "production", "url": "http://127.0.0.1:8100", "caps": ["chat"],
    "labels": {"parent": "x"}, "status": "ok", "last_heartbeat_ts": STAMP,
}  # fmt: skip
SHOWN = {
    "service_id": "s-1", "name": "openai", "type": "model", "role": "production", "url": "http://127.0.0.1:8100", "caps": ["chat"],
    "labels": {"parent": "x"}, "ctx_limit": 128_000, "cost_hint_usd_per_1k": 0.5, "status": "ok", "last_heartbeat_ts": STAMP,
    "registered_at": "2026-11-23 15:55:30", "p95_ms": None, "queue_depth": None, "load": None,
}  # fmt: skip


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path / "till.sqlite3")
    yield made
    made.store.close()


async def register(stage: Stage, **changed: Any) -> tuple[int, Any]:
    body = {**SERVICE, **changed}
    return plain(await stage.registry.post("/register", json={n: v for n, v in body.items() if v is not ...}))


async def heartbeat(stage: Stage, **told: Any) -> tuple[int, Any]:
    return plain(await stage.registry.put("/heartbeat", json={"service_id": "s-1", **told}))


async def discover(stage: Stage, query: str = "") -> list[str]:
    status, body = plain(await stage.registry.get("/discover" + query))
    assert (status, list(body)) == (200, ["items"])
    return [item["service_id"] for item in body["items"]]


async def one(stage: Stage) -> Any:
    return plain(await stage.registry.get("/services/s-1"))[1]


# --- register ---


async def test_registered_and_shown(stage: Stage) -> None:
    assert await register(stage) == (200, {"service_id": "s-1", "registered_at": "2026-11-23 15:55:30"})
    for _ in range(2):
        assert plain(await stage.registry.get("/discover")) == (200, {"items": [SHOWN]})
        assert plain(await stage.registry.get("/services")) == (200, {"items": [LISTED]})
        detailed = {**SHOWN, "heartbeat_interval_s": 30, "ttl_s": 90}
        reply = await stage.registry.get("/services/s-1")
        assert plain(reply) == (200, detailed)
        assert list(reply.json()) == list(detailed)
        stage.restart()


@pytest.mark.parametrize("given", [..., None, ""])
async def test_an_id_is_made_where_none_is_given(stage: Stage, given: Any) -> None:
    _, body = await register(stage, service_id=given)
    assert uuid.UUID(body["service_id"]).version == 4
    assert await discover(stage) == [body["service_id"]]


async def test_defaults_and_nulls(stage: Stage) -> None:
    given: dict[str, Any] = dict.fromkeys(("heartbeat_interval_s", "ttl_s", "ctx_limit", "cost_hint"), ...)
    assert (await register(stage, **given, labels={}))[0] == 200
    found = await one(stage)
    assert (found["heartbeat_interval_s"], found["ttl_s"]) == (60, 90)
    assert (found["labels"], found["ctx_limit"], found["cost_hint_usd_per_1k"]) == (None, None, None)
    assert (await register(stage, service_id="s-2", cost_hint={"other": 1}, labels=None, ctx_limit="5"))[0] == 200


async def test_a_taken_id_is_refused_and_changes_nothing(stage: Stage) -> None:
    await register(stage)
    for _ in range(2):
        assert await register(stage, name="other") == (400, {"detail": "Service ID s-1 already registered"})
        assert (await one(stage))["name"] == "openai"
        stage.restart()


@pytest.mark.parametrize(
    ("field", "value", "type_"),
    [
        ("service_id", 5, "string_type"), ("name", ..., "missing"), ("name", "", "string_too_short"),
        ("name", "x" * 101, "string_too_long"),
        ("type", ..., "missing"), ("type", "robot", "literal_error"), ("type", None, "literal_error"), ("role", "prod", "literal_error"),
        ("role", ..., "missing"), ("url", ..., "missing"), ("url", None, "string_type"), ("caps", [], "too_short"),
        ("caps", ..., "missing"),
        ("caps", None, "list_type"), ("caps", [None], "string_type"), ("labels", [], "dict_type"), ("ctx_limit", 1.5, "int_from_float"),
        ("ctx_limit", 2**70, "int_parsing_size"), ("cost_hint", {"usd_per_1k": "x"}, "float_parsing"), ("cost_hint", 1, "dict_type"),
        ("heartbeat_interval_s", None, "int_type"), ("heartbeat_interval_s", "x", "int_parsing"), ("ttl_s", None, "int_type"),
    ],
)  # fmt: skip
async def test_registrations_that_do_not_fit(stage: Stage, field: str, value: Any, type_: str) -> None:
    status, body = await register(stage, **{field: value})
    assert (status, body["detail"][0]["type"], body["detail"][0]["loc"][:2]) == (422, type_, ["body", field])
    assert await discover(stage) == []


async def test_of_many_with_one_id_one_gets_it(stage: Stage) -> None:
    found = await asyncio.gather(*(register(stage, name=f"n{number}") for number in range(30)))
    assert sorted(status for status, _ in found) == [200] + [400] * 29
    before = await one(stage)
    stage.restart()
    assert await one(stage) == before


# --- heartbeat ---


async def test_a_heartbeat_tells_all_or_forgets(stage: Stage) -> None:
    await register(stage)
    stage.clock.pass_seconds(2)
    told = {"status": "degraded", "p95_ms": 120, "queue_depth": "3", "load": 0.25}
    later = "2026-11-23T15:55:32.337683"
    assert await heartbeat(stage, **told, message="slow") == (200, {"success": True, "ts": later})
    stage.restart()
    found = await one(stage)
    assert {name: found[name] for name in told} == {**told, "queue_depth": 3}
    assert (found["last_heartbeat_ts"], found["registered_at"]) == (later, "2026-11-23 15:55:30")
    await heartbeat(stage)
    found = await one(stage)
    assert [found[name] for name in told] == ["ok", None, None, None]


async def test_heartbeats_that_are_refused(stage: Stage) -> None:
    assert await heartbeat(stage) == (404, {"detail": "Service s-1 not found"})
    for told, type_ in (
        ({"status": "fine"}, "literal_error"),
        ({"load": "x"}, "float_parsing"),
        ({"queue_depth": 0.5}, "int_from_float"),
    ):
        status, body = await heartbeat(stage, **told)
        assert (status, body["detail"][0]["type"]) == (422, type_)
    reply = await stage.registry.post("/heartbeat", json={"service_id": "s-1"})
    assert plain(reply) == (405, {"detail": "Method Not Allowed"})
    assert reply.headers["allow"] == "PUT"


# --- discover ---


async def test_discovered_by_what_is_asked(stage: Stage) -> None:
    for id_, name, type_, role, caps in (
        ("1", "b", "model", "staging", ["chat"]), ("2", "b", "model", "production", ["chat", "code"]),
        ("3", "a", "tool", "production", ["co"]), ("4", "c", "agent", "canary", ["code"]),
    ):  # fmt: skip
        await register(stage, service_id=id_, name=name, type=type_, role=role, caps=caps)
    await stage.registry.put("/heartbeat", json={"service_id": "4", "status": "down"})
    for _ in range(2):
        assert await discover(stage) == ["3", "2", "1", "4"]
        assert await discover(stage, "?type=model") == ["2", "1"]
        assert await discover(stage, "?role=production") == ["3", "2"]
        assert await discover(stage, "?cap=code") == ["2", "4"]
        assert await discover(stage, "?name=b&cap=code") == ["2"]
        assert await discover(stage, "?status=down") == ["4"]
        assert await discover(stage, "?status=ok&type=agent") == []
        assert await discover(stage, "?name=&cap=&status=") == ["3", "2", "1", "4"]
        assert [item["service_id"] for item in plain(await stage.registry.get("/services"))[1]["items"]] == list("1234")
        stage.restart()


@pytest.mark.parametrize("query", ["type=robot", "role=boss", "type="])
async def test_questions_that_do_not_fit(stage: Stage, query: str) -> None:
    status, body = plain(await stage.registry.get(f"/discover?{query}"))
    assert (status, body["detail"][0]["loc"]) == (422, ["query", query.partition("=")[0]])


async def test_a_service_that_is_not_there(stage: Stage) -> None:
    assert plain(await stage.registry.get("/services/x")) == (404, {"detail": "Service x not found"})


# --- promote, deregister ---


async def test_promoted(stage: Stage) -> None:
    for id_ in ("1", "2"):
        await register(stage, service_id=id_, role="canary")
    await register(stage, service_id="3", role="staging")
    asked = {"name": "openai", "from_role": "canary", "to_role": "production"}
    assert plain(await stage.registry.post("/promote", json=asked)) == (200, {"updated_instances": 2, "ts": STAMP})
    stage.restart()
    assert await discover(stage, "?role=production") == ["1", "2"]
    status, body = plain(await stage.registry.post("/promote", json=asked))
    assert (status, body) == (404, {"detail": "No service openai found with role canary"})
    assert plain(await stage.registry.post("/promote", json={**asked, "to_role": "king"}))[0] == 422


async def test_deregistered_for_good_and_registered_again(stage: Stage) -> None:
    await register(stage)
    await register(stage, service_id="s-2")
    asked = {"service_id": "s-1"}
    assert plain(await stage.registry.post("/deregister", json=asked)) == (200, {"success": True, "ts": STAMP})
    stage.restart()
    assert plain(await stage.registry.post("/deregister", json=asked)) == (404, {"detail": "Service s-1 not found"})
    assert plain(await stage.registry.post("/deregister", json={}))[0] == 422
    assert (await register(stage))[0] == 200
    assert [item["service_id"] for item in plain(await stage.registry.get("/services"))[1]["items"]] == ["s-2", "s-1"]


# --- what the service says of itself ---


async def test_health_and_root(stage: Stage) -> None:
    await register(stage)
    await register(stage, service_id="s-2")
    await stage.registry.put("/heartbeat", json={"service_id": "s-2", "status": "busy"})
    await stage.registry.put("/heartbeat", json={"service_id": "s-2", "status": "degraded"})
    assert plain(await stage.registry.get("/health")) == (200, {"status": "ok", "registered": 2, "healthy": 1})
    _, root = plain(await stage.registry.get("/"))
    endpoints = root.pop("endpoints")
    assert root == {
        "service": "PAS Service Registry", "version": "1.0.0", "port": 6121, "status": "running", "registered_services": 2,
        "healthy_services": 1, "docs": "/docs",
    }  # fmt: skip
    _, described = plain(await stage.registry.get("/openapi.json"))
    assert {f"{verb.upper()} {path}" for path, verbs in described["paths"].items() for verb in verbs} == set(endpoints)


async def test_the_database_fails(stage: Stage) -> None:
    await register(stage)
    with closing(sqlite3.connect(stage.path, isolation_level=None)) as other:
        other.execute("DROP TABLE swarm_services")
    status, body = await heartbeat(stage, status="down")
    assert (status, body["detail"].endswith("Nothing was changed.")) == (503, True)
    assert (await register(stage, service_id="s-2"))[0] == 503
    assert (await one(stage))["status"] == "ok"
    assert await discover(stage) == ["s-1"]
