"""GET receipts and usage, over a real ledger."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from counter import counter
from harness import HELLO, application, get, post, replying
from polyglot_cloud.app import Application
from tenancy.stage import BY, Stage
from test_booking import chat_plain

CHAT = {"model": "gpt-6.1-terra", "messages": HELLO}
PATH = "/v1/openai/chat/completions"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


def key(stage: Stage, tenant: str) -> dict[str, str]:
    stage.store.create_tenant(tenant, by=BY)
    secret = stage.store.create_key(tenant, by=BY).secret
    stage.directory.take(stage.store.read())
    return {"authorization": f"Bearer {secret}"}


async def asked(app: Application, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    reply = await get(app, path, headers=headers or {})
    return reply.status_code, reply.json()


async def test_an_attempt_is_told_to_who_made_it(tmp_path: Path) -> None:
    with counter(tmp_path) as till:
        app = application(replying(httpx.Response(200, json=chat_plain("gpt-6.1-terra")))[0], till=till.till)
        reply = await post(app, PATH, {**CHAT}, headers={"x-run-id": "r", "x-agent": "a"})
        status, receipt = await asked(app, f"/v1/receipts/{reply.headers['x-polyglot-receipt']}")
        assert status == 200
        assert receipt["cost_usd"] == reply.headers["x-polyglot-cost-usd"]
        assert (receipt["state"], receipt["run"], receipt["agent"], receipt["outcome"]) == (
            "settled",
            "r",
            "a",
            "complete",
        )
        status, usage = await asked(app, "/v1/usage?since=2000-01-01&until=2000-12-31")
        assert (status, usage["data"], usage["cost_usd"]) == (200, [], "0.00")


@pytest.mark.parametrize(
    "query", ["since=x", "until=2026-13-01", "since=2026-02-01&until=2026-01-01", "since=2020-01-01"]
)
async def test_days_that_cannot_be_asked_for(tmp_path: Path, query: str) -> None:
    with counter(tmp_path) as till:
        status, body = await asked(application(replying()[0], till=till.till), f"/v1/usage?{query}")
        assert (status, body["error"]["param"] in {"since", "until"}) == (400, True)


async def test_one_tenant_sees_nothing_of_another(tmp_path: Path, stage: Stage) -> None:
    mine, theirs = key(stage, "acme"), key(stage, "other")
    with counter(tmp_path / "till") as till:
        app = application(
            replying(httpx.Response(200, json=chat_plain("gpt-6.1-terra")))[0],
            till=till.till,
            directory=stage.directory,
        )
        reply = await post(app, PATH, CHAT, headers=mine)
        place = f"/v1/receipts/{reply.headers['x-polyglot-receipt']}"
        assert (await asked(app, place, mine))[0] == 200
        refused = await asked(app, place, theirs)
        assert refused[0] == 404
        nowhere = await asked(app, "/v1/receipts/" + "x" * len(reply.headers["x-polyglot-receipt"]), theirs)
        assert nowhere[0] == 404
        assert refused[1]["error"]["code"] == nowhere[1]["error"]["code"]
        assert (await asked(app, place))[0] == 401
        day = "since=2026-01-01&until=2026-12-31"
        assert (await asked(app, f"/v1/usage?{day}", mine))[1]["key"] != (await asked(app, f"/v1/usage?{day}", theirs))[
            1
        ]["key"]
        assert (await asked(app, f"/v1/usage?{day}", theirs))[1]["data"] == []


async def test_without_a_ledger_nothing_is_told() -> None:
    for path in ("/v1/usage", "/v1/receipts/att_1"):
        assert (await asked(application(replying()[0]), path))[0] == 404


async def test_the_last_day_of_the_calendar_is_one(tmp_path: Path) -> None:
    with counter(tmp_path) as till:
        query = "since=9999-12-31&until=9999-12-31"
        status, usage = await asked(application(replying()[0], till=till.till), f"/v1/usage?{query}")
        assert (status, usage["data"]) == (200, [])


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/receipts/att_1"])
async def test_a_ledger_that_cannot_be_read_is_no_defect_of_ours(tmp_path: Path, path: str) -> None:
    with counter(tmp_path) as till:
        till.till.path.rename(tmp_path / "elsewhere")
        status, body = await asked(application(replying()[0], till=till.till), path)
        assert (status, body["error"]["code"]) == (503, "ledger_unavailable")
