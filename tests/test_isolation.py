"""One tenant never learns of another's runs, receipts, usage or errors: every door is tried with the other's key and the other's ids."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from counter import DOLLAR, Counter, counter, day
from harness import HELLO, application, replying
from polyglot_cloud.amounts import shown
from polyglot_cloud.app import Application
from polyglot_cloud.grants import BudgetRow, Cap, Grant
from polyglot_cloud.listeners import Listener
from polyglot_cloud.money.bounds import Bound
from tenancy.stage import BY, Stage
from test_booking import chat_plain
from test_courier import PRICE
from test_identify import PROVIDERS, bearer, gateway

MODEL = "gpt-6.1-terra"
CHAT = {"model": MODEL, "messages": HELLO}
MINE = {"x-run-id": "run-of-mine", "x-agent": "agent-of-mine"}
BROKEN = {"error": {"message": "words-of-mine are not allowed", "type": "invalid_request_error", "code": "bad"}}
YEAR = "since=2026-01-01&until=2026-12-31"


@dataclass
class House:
    """`marks` is what only the first tenant may read: ids, names, costs and errors of its calls."""

    app: Application
    desk: Counter
    mine: dict[str, str]
    theirs: dict[str, str]
    receipts: list[str]
    marks: set[str]

    def at(self, provider: str) -> httpx.AsyncClient:
        """A client of a provider's port, as the server serves it."""
        listener = Listener(self.app.app, provider, PROVIDERS)
        return httpx.AsyncClient(transport=httpx.ASGITransport(listener), base_url="http://127.0.0.1:8100")

    def leaks(self, reply: httpx.Response) -> list[str]:
        told = reply.text + str(reply.headers)
        return [mark for mark in self.marks if mark in told]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


@asynccontextmanager
async def lived_in(stage: Stage, folder: Path) -> AsyncIterator[House]:
    """A gateway that the first tenant has called three times: an answer, a refusal of the provider's, an answer again."""
    stage.store.create_tenant("acme-of-mine", by=BY, title="title-of-mine")
    stage.store.create_tenant("other", by=BY)
    keys = [stage.store.create_key(tenant, by=BY) for tenant in ("acme-of-mine", "other")]
    stage.directory.take(stage.store.read())
    answer = httpx.Response(200, json=chat_plain(MODEL))
    upstream, _ = replying(answer, httpx.Response(400, json=BROKEN), httpx.Response(200, json=chat_plain(MODEL)))
    with counter(folder / "till") as desk:
        app = application(upstream, till=desk.till, directory=stage.directory)
        house = House(app, desk, bearer(keys[0].secret), bearer(keys[1].secret), [], set())
        async with house.at("openai") as http:
            replies = [
                await http.post("/v1/chat/completions", json=CHAT, headers={**house.mine, **MINE}) for _ in range(3)
            ]
        assert [reply.status_code for reply in replies] == [200, 400, 200]
        house.receipts += [entry.attempt for entry in desk.entries("held")]
        costs = [reply.headers["x-polyglot-cost-usd"] for reply in replies if reply.status_code == 200]
        calls = [reply.headers["x-polyglot-request-id"] for reply in replies]
        costs.append(shown(sum(entry.nano for entry in desk.entries("settled"))).removeprefix("$"))
        house.marks |= {*house.receipts, *costs, *calls, *MINE.values(), keys[0].key.id, keys[0].secret}
        house.marks |= {"acme-of-mine", "title-of-mine", "words-of-mine"}
        yield house


def doors(app: Application, ids: list[str]) -> Iterator[tuple[str, str]]:
    """(method, path): every route, in every spelling that a port maps to it, with the other's ids in each place."""
    names = [*ids, "run-of-mine", "acme-of-mine"]
    for route in gateway(app).routes:
        assert isinstance(route, Route)
        for provider in (*PROVIDERS, "any"):
            for name in names:
                path = re.sub(r"\{(?!provider)[^}]*\}", name, route.path).replace("{provider}", provider)
                yield from ((method, path) for method in sorted(route.methods or ()) if method != "POST")
    for name in names:
        for path in (
            "/receipts/{}",
            "/v1/openai/receipts/{}",
            "/v1/any/v1/receipts/{}",
            "/v1beta/receipts/{}",
            "/v1/receipts/{}/",
            "/v1/receipts/{}?key=x",
            "/v1/receipts/%2e%2e/receipts/{}",
            "/v1/receipts/{}%00",
        ):  # spellings
            yield "GET", path.format(name)
        for query in ("tenant", "key_id", "run", "id", "by"):
            yield "GET", f"/v1/usage?{YEAR}&{query}={name}"
    for path in (
        "/v1/receipts",
        "/v1/receipts/",
        "/v1/usage",
        f"/v1/usage?{YEAR}",
        "/v1/runs",
        "/v1/costs",
        "/metrics",
        "/admin/keys",
        "/admin/audit",
        "/admin/budgets",
    ):  # as above
        yield "GET", path


async def test_no_door_tells_one_tenant_of_another(stage: Stage, tmp_path: Path) -> None:
    async with lived_in(stage, tmp_path) as house:
        tried, leaked = 0, []
        for provider in PROVIDERS[:2]:
            async with house.at(provider) as http:
                for method, path in sorted(set(doors(house.app, house.receipts))):
                    # what the client wrote itself may come back to it
                    own = {mark for mark in house.marks if mark in path}
                    reply = await http.request(method, path, headers={**house.theirs, "x-run-id": "run-of-mine"})
                    tried += 1
                    found = set(house.leaks(reply)) - own
                    if found or (own & set(house.receipts) and reply.status_code == 200 and "receipts" in path):
                        leaked.append((method, path, reply.status_code, found))
        assert leaked == []
        assert tried > 400


async def test_the_walk_would_see_a_leak(stage: Stage, tmp_path: Path) -> None:
    """With the first tenant's own key the same doors tell of it."""
    async with lived_in(stage, tmp_path) as house, house.at("openai") as http:
        found: set[str] = set()
        for method, path in sorted(set(doors(house.app, house.receipts))):
            found |= set(house.leaks(await http.request(method, path, headers=house.mine)))
        assert {*house.receipts, "run-of-mine", "agent-of-mine", "acme-of-mine"} <= found


async def test_a_receipt_of_another_is_no_more_than_one_that_never_was(stage: Stage, tmp_path: Path) -> None:
    async with lived_in(stage, tmp_path) as house, house.at("openai") as http:
        there, nowhere = house.receipts[0], "att_" + "0" * 24
        replies = [await http.get(f"/v1/receipts/{id_}", headers=house.theirs) for id_ in (there, nowhere)]
        assert [reply.status_code for reply in replies] == [404, 404]
        assert replies[0].text.replace(there, nowhere) == replies[1].text
        assert {name for name, _ in replies[0].headers.items()} == {name for name, _ in replies[1].headers.items()}


async def test_a_tenants_errors_and_runs_do_not_come_back_to_another(stage: Stage, tmp_path: Path) -> None:
    """Every path that can be called, by the other tenant, under the first one's run, with all that can be wrong."""
    async with lived_in(stage, tmp_path) as house:
        for provider in PROVIDERS:
            async with house.at(provider) as http:
                for path in (
                    "chat/completions",
                    "responses",
                    "messages",
                    "messages/count_tokens",
                    "models/x:generateContent",
                    "generate",
                    "nothing",
                ):  # a row
                    for body in (b"{", b"{}", b'{"model": "no-such-model", "messages": []}'):
                        reply = await http.post(
                            f"/v1/any/{path}", content=body,
                            headers={**house.theirs, "content-type": "application/json", "x-run-id": "run-of-mine"},
                        )  # fmt: skip
                        assert reply.status_code >= 400
                        assert house.leaks(reply) == []


async def test_neither_those_above_nor_those_below_see_each_others_receipts(stage: Stage, tmp_path: Path) -> None:
    stage.store.create_tenant("above", by=BY)
    stage.store.create_tenant("below", by=BY, parent="above")
    above, below, beside = (bearer(stage.store.create_key(name, by=BY).secret) for name in ("above", "below", "below"))
    stage.directory.take(stage.store.read())
    upstream, _ = replying(httpx.Response(200, json=chat_plain(MODEL)))
    with counter(tmp_path / "till") as desk:
        app = application(upstream, till=desk.till, directory=stage.directory)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app.app), base_url="http://127.0.0.1:8100") as http:
            made = await http.post("/v1/openai/chat/completions", json=CHAT, headers=below)
            place = f"/v1/receipts/{made.headers['x-polyglot-receipt']}"
            seen = [(await http.get(place, headers=who)).status_code for who in (above, below, beside)]
            used = [
                len((await http.get(f"/v1/usage?{YEAR}", headers=who)).json()["data"]) for who in (above, below, beside)
            ]
    assert seen == [404, 200, 200]
    assert used == [0, 1, 0]


# --- budgets that several tenants spend from ---


FACTS: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_completion_tokens": 90}


@pytest.mark.parametrize("scope", ["process", "provider:openai", "tenant:above", "tenant:below", "key"])
@pytest.mark.parametrize("full", ["spent", "held"])
async def test_a_budget_that_others_spend_from_too_is_told_without_what_they_spent(
    scope: str, full: str, stage: Stage, tmp_path: Path
) -> None:
    def grant(name: str) -> Grant:
        return Grant(budgets=(Cap("day", DOLLAR),)) if scope == name else Grant()

    stage.store.create_tenant("above", by=BY, grant=grant("tenant:above"))
    stage.store.create_tenant("below", by=BY, parent="above", grant=grant("tenant:below"))
    made = stage.store.create_key("below", by=BY, grant=grant("key"))
    stage.directory.take(stage.store.read())
    own = scope in {"tenant:below", "key"}
    budget = day(DOLLAR, f"key:{made.key.id}" if scope == "key" else scope)
    shared = scope in {"process", "provider:openai"}
    rows = [] if shared else [BudgetRow(budget.scope, budget.period, budget.limit, budget.zone)]
    with counter(tmp_path / "till", *([budget] if shared else [])) as desk:
        (budget,) = await desk.till.applying("openai", rows, None)
        tab = await desk.till.open({"call": "c"}, Bound(1, 1, 999_999_000, PRICE), [budget])
        if full == "spent":
            tab.settle(999_999_000, "complete", {})
        app = application(replying()[0], till=desk.till, directory=stage.directory)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app.app), base_url="http://127.0.0.1:8100") as http:
            reply = await http.post("/v1/openai/chat/completions", json=FACTS, headers=bearer(made.secret))
        tab.release("failed", {})
    assert reply.status_code == (402 if full == "spent" else 429)
    message = reply.json()["error"]["message"]
    assert ("0.999999" in message, budget.id in message) == (own, own)
    assert own or "that others spend from as well" in message


async def test_without_tenants_every_budget_is_told_with_its_figures(tmp_path: Path) -> None:
    with counter(tmp_path, day(1)) as desk:
        app = application(replying()[0], till=desk.till)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app.app), base_url="http://127.0.0.1:8100") as http:
            reply = await http.post("/v1/openai/chat/completions", json=FACTS)
    assert "process/day" in reply.json()["error"]["message"]
