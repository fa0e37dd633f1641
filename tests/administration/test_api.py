"""The administration over HTTP: a real store, a real ledger and the very app that is served."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from counter import DOLLAR, START, Counter, day
from harness import application, client, get, replying
from polyglot_cloud.administration.api import Desk, administration
from polyglot_cloud.app import Application
from polyglot_cloud.asgi import App
from polyglot_cloud.grants import Cap, Grant, Hash, KeyRow, TenantRow
from polyglot_cloud.money.bounds import Bound
from polyglot_cloud.money.budgets import Budget
from polyglot_cloud.money.verify import verify
from polyglot_cloud.tenancy import Declared, StoreUnusable
from tenancy.stage import BY, SECOND, Stage
from test_courier import PRICE

KEY = "k" * 32
CAP = day(10 * DOLLAR)
PROVIDERS = ("openai", "anthropic", "gemini", "grok")
DECLARED = Declared(
    (TenantRow("filed", declared=True),), (KeyRow("key_filed", "filed", (Hash("ab" * 32),), declared=True),)
)


@dataclass
class House:
    """`app` is the administration, `gateway` what it administers."""

    stage: Stage
    desk: Counter
    app: App
    gateway: Application

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        reply = await self.reply(method, path, body, **headers)
        return reply.status_code, reply.json()

    async def reply(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        given = {"authorization": f"Bearer {KEY}", **({"content-type": "application/json"} if content else {})}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://127.0.0.1:8119") as http:
            return await http.request(method, f"/admin{path}", content=content, headers=given)

    def audit(self) -> list[tuple[str, str, str]]:
        return [(row.actor, row.action, row.subject) for row in reversed(self.stage.store.audit())]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    stage = Stage(tmp_path, DECLARED)
    stage.directory.take(stage.store.read())
    desk = Counter(tmp_path / "ledger.sqlite3", [CAP])
    stage.clock.at = START
    app = administration(
        Desk(stage.store, stage.directory, desk.till.upkeep(), PROVIDERS, "UTC", desk.till.own, stage.clock), KEY
    )
    yield House(stage, desk, app, application(replying()[0], directory=stage.directory, till=desk.till))
    desk.till.close()
    stage.close()


# --- who may come in ---


def endpoints() -> Iterator[tuple[str, str]]:
    for methods, path in (
        ("GET POST", "/tenants"), ("GET PATCH DELETE", "/tenants/x"), ("GET POST", "/keys"), ("POST", "/keys/import"),
        ("GET PATCH", "/keys/x"), ("POST", "/keys/x/rotate"), ("POST", "/keys/x/revoke"), ("POST", "/keys/x/expire"), ("GET", "/audit"),
        ("GET", "/budgets"), ("GET", "/unknown"), ("POST", "/unknown/x/free"), ("GET", "/nothing"), ("POST", ""), ("DELETE", "/keys"),
    ):  # fmt: skip
        yield from ((method, path) for method in methods.split())


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", "Bearer ", f"Bearer {KEY[1:]}", f"Bearer {KEY}k", f"Basic {KEY}", KEY, f"bearer {KEY.upper()}"],
)
async def test_without_the_key_every_door_is_shut(shown: str, house: House) -> None:
    for method, path in endpoints():
        reply = await house.reply(method, path, {} if method in {"POST", "PATCH"} else None, authorization=shown)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "unauthorized")
        assert reply.headers["www-authenticate"] == "Bearer"
        assert KEY not in reply.text


async def test_two_keys_are_none(house: House) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url="http://127.0.0.1") as http:
        lines = [(b"authorization", f"Bearer {KEY}".encode())] * 2
        assert (await http.get("/admin/keys", headers=lines)).status_code == 401
        assert (await http.get("/admin/keys", headers=lines[:1])).status_code == 200


async def test_a_key_of_the_gateway_opens_nothing(house: House) -> None:
    house.stage.store.create_tenant("acme", by=BY)
    secret = house.stage.store.create_key("acme", by=BY).secret
    assert (await house.ask("GET", "/keys", authorization=f"Bearer {secret}"))[0] == 401


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"host": "evil.example"}, 421, "loopback"),
        ({"host": "gateway.lan:8119"}, 421, "loopback"),
        ({"origin": "http://evil.example"}, 403, "Web pages may not administer"),
        ({"origin": "http://127.0.0.1:8119"}, 403, "Web pages may not administer"),
        ({"origin": "null"}, 403, "Web pages may not administer"),
        ({"sec_fetch_site": "cross-site"}, 403, "Web pages may not administer"),
        ({"content_type": "text/plain"}, 415, "JSON"),
    ],
)
async def test_web_pages_and_rebound_names_stay_outside(
    headers: dict[str, str], status: int, words: str, house: House
) -> None:
    found = await house.ask("POST", "/tenants", {"id": "acme"}, **headers)
    assert found[0] == status
    assert words in found[1]["error"]["message"]
    assert house.stage.store.tenants() == [DECLARED.tenants[0]]


@pytest.mark.parametrize("host", ["127.0.0.1:8119", "localhost:8119", "[::1]:8119"])
async def test_names_of_loopback_are_let_in(host: str, house: House) -> None:
    assert (await house.ask("GET", "/keys", host=host))[0] == 200


# --- tenants and keys ---


async def test_the_life_of_a_tenant(house: House) -> None:
    grant = {
        "providers": ["openai"], "models": ["gpt-6*"], "faces": ["openai", "any"], "aliases": {"fast": "openai/low"},
        "limits": {"requests_per_minute": 5}, "tags": ["a"],
        "budgets": [{"period": "day", "limit_usd": "10.50", "zone": "Europe/Berlin", "alerts": [50]}],
    }  # fmt: skip
    status, made = await house.ask("POST", "/tenants", {"id": "acme", "title": "Acme", **grant}, x_polyglot_actor="ada")
    assert status == 201
    assert {name: made[name] for name in grant} == grant
    assert (await house.ask("POST", "/tenants", {"id": "below", "parent": "acme"}))[0] == 201
    assert [each["id"] for each in (await house.ask("GET", "/tenants"))[1]["data"]] == ["acme", "below", "filed"]
    changed = await house.ask("PATCH", "/tenants/acme", {"models": None, "tags": ["b"]})
    assert (changed[0], "models" in changed[1], changed[1]["tags"], changed[1]["title"]) == (200, False, ["b"], "Acme")
    assert changed[1]["budgets"] == grant["budgets"]
    assert (await house.ask("DELETE", "/tenants/acme"))[0] == 409
    assert (await house.ask("PATCH", "/tenants/below", {"parent": None}))[1]["parent"] is None
    assert (await house.ask("POST", "/keys", {"tenant": "acme"}))[0] == 201
    _, shown = await house.ask("GET", "/tenants/acme")
    assert (shown["title"], [key["state"] for key in shown["keys"]]) == ("Acme", ["holds"])
    assert (await house.ask("DELETE", "/tenants/acme"))[0] == 409
    assert (await house.ask("DELETE", "/tenants/acme?with_keys=true"))[1]["deleted"] is not None
    assert (await house.ask("GET", "/tenants/acme"))[0] == 404
    assert house.audit()[:3] == [
        ("admin ada", "tenant created", "acme"),
        ("admin", "tenant created", "below"),
        ("admin", "tenant changed", "acme"),
    ]


async def test_the_life_of_a_key_holds_at_once_in_the_running_gateway(house: House) -> None:
    async def opens(secret: str) -> bool:
        reply = await get(house.gateway, "/v1/openai/models", {"authorization": f"Bearer {secret}"})
        return reply.status_code == 200

    house.stage.store.create_tenant("acme", by=BY)
    status, made = await house.ask("POST", "/keys", {"tenant": "acme", "title": "t", "expires": "30d"})
    assert (status, made["state"], made["tenant"]) == (201, "holds", "acme")
    id_, first = made["id"], made["secret"]
    assert await opens(first)
    assert "secret" not in (await house.ask("GET", f"/keys/{id_}"))[1]
    status, rotated = await house.ask("POST", f"/keys/{id_}/rotate", {"grace": "1h"})
    assert (status, rotated["id"]) == (200, id_)
    assert [await opens(first), await opens(rotated["secret"])] == [True, True]
    house.stage.clock.pass_seconds(3601)
    assert [await opens(first), await opens(rotated["secret"])] == [False, True]
    assert (await house.ask("PATCH", f"/keys/{id_}", {"title": "u", "faces": ["grok"]}))[1]["title"] == "u"
    assert not await opens(rotated["secret"])
    await house.ask("PATCH", f"/keys/{id_}", {"faces": None})
    assert (await house.ask("POST", f"/keys/{id_}/expire", {"at": "never"}))[1]["expires"] is None
    assert (await house.ask("POST", f"/keys/{id_}/expire", {"at": "2020-01-01"}))[1]["state"] == "expired"
    assert not await opens(rotated["secret"])
    assert (await house.ask("POST", f"/keys/{id_}/expire", {"at": None}))[1]["state"] == "holds"
    assert (await house.ask("POST", f"/keys/{id_}/revoke"))[1]["state"] == "revoked"
    assert not await opens(rotated["secret"])
    for change in ("rotate", "expire"):
        assert (await house.ask("POST", f"/keys/{id_}/{change}", {"at": None} if change == "expire" else {}))[0] == 409
    told = json.dumps((await house.ask("GET", "/audit?last=500"))[1]) + (await house.reply("GET", "/keys")).text
    assert first not in told
    assert rotated["secret"] not in told


async def test_a_key_is_taken_over_by_its_hash(house: House) -> None:
    house.stage.store.create_tenant("acme", by=BY)
    status, made = await house.ask("POST", "/keys/import", {"tenant": "acme", "sha256": "CD" * 32, "expires": "7d"})
    assert (status, made["from"], "secret" in made) == (201, "import", False)
    assert (await house.ask("POST", "/keys/import", {"tenant": "acme", "sha256": "cd" * 32}))[0] == 409
    assert [each["id"] for each in (await house.ask("GET", "/keys?tenant=acme"))[1]["data"]] == [made["id"]]
    assert (await house.ask("GET", "/keys?tenant=nobody"))[0] == 404


async def test_the_first_key_locks_every_port_of_the_running_gateway(tmp_path: Path) -> None:
    stage, desk = Stage(tmp_path), Counter(tmp_path / "ledger.sqlite3")
    app = administration(Desk(stage.store, stage.directory, desk.till.upkeep(), PROVIDERS, "UTC", (), stage.clock), KEY)
    gateway = application(replying()[0], directory=stage.directory)
    house = House(stage, desk, app, gateway)
    async with client(gateway) as http:
        assert (await http.get("/v1/openai/models")).status_code == 200
        await house.ask("POST", "/tenants", {"id": "acme"})
        secret = (await house.ask("POST", "/keys", {"tenant": "acme"}))[1]["secret"]
        for provider in (*PROVIDERS, "any"):
            assert (await http.get(f"/v1/{provider}/models")).status_code == 401
        assert (await http.get("/v1/openai/models", headers={"x-api-key": secret})).status_code == 200
    desk.till.close()
    stage.close()


# --- what cannot be done ---


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/tenants", b"{", 400, "not JSON"),
        ("POST", "/tenants", b"[]", 400, "object"),
        ("POST", "/tenants", {}, 400, "id is missing"),
        ("POST", "/tenants", {"id": "Acme!"}, 400, "name"),
        ("POST", "/tenants", {"id": 7}, 400, "id must be a text"),
        ("POST", "/tenants", {"id": "acme", "parnt": "x"}, 400, 'parnt is no key here; did you mean "parent"?'),
        ("POST", "/tenants", {"id": "acme", "parent": "nobody"}, 409, "nobody"),
        ("POST", "/tenants", {"id": "filed"}, 409, "filed"),
        ("POST", "/tenants", {"id": "acme", "providers": []}, 400, "providers must be"),
        ("POST", "/tenants", {"id": "acme", "providers": ["opnai"]}, 400, "providers[1] must name a provider that is there"),
        ("POST", "/tenants", {"id": "acme", "aliases": {"a": "nobody/x"}}, 400, "aliases.a must name"),
        ("POST", "/tenants", {"id": "acme", "limits": {"a": 1}}, 400, "limits.a must be one of"),
        ("POST", "/tenants", {"id": "acme", "title": "a\nb"}, 400, "title must be a printable text"),
        ("POST", "/tenants", {"id": "acme", "budgets": {}}, 400, "budgets must be a list"),
        ("POST", "/tenants", {"id": "acme", "budgets": [{}]}, 400, "budgets[1].limit_usd is missing"),
        ("POST", "/tenants", {"id": "acme", "budgets": [{"period": "day", "limit_usd": 1.5}]}, 400, "budgets[1].limit_usd must be"),
        ("POST", "/tenants", {"id": "acme", "budgets": [{"period": "day", "limit_usd": True}]}, 400, "budgets[1].limit_usd must be"),
        ("POST", "/tenants", {"id": "acme", "budgets": [{"period": "day", "limit_usd": 1, "x": 1}]}, 400, "budgets[1].x is no key"),
        ("POST", "/tenants", {"id": "acme", "budgets": [{"period": "day", "limit_usd": 1, "alerts": 5}]}, 400, "budgets[1].alerts must"),
        ("POST", "/tenants", {"id": "acme", "budgets": [{"period": "day", "limit_usd": 1}] * 2}, 400, "budgets[2].period is a second"),
        ("PATCH", "/tenants/nobody", {}, 404, "nobody"),
        ("PATCH", "/tenants/filed", {"title": "x"}, 409, "declared in the configuration file"),
        ("DELETE", "/tenants/filed", None, 409, "declared in the configuration file"),
        ("DELETE", "/tenants/x?with_keys=1", None, 400, "with_keys must be"),
        ("POST", "/keys", {"tenant": "nobody"}, 404, "nobody"),
        ("POST", "/keys", {"tenant": "filed", "expires": "soon"}, 400, "expires must be a time"),
        ("POST", "/keys", {"tenant": "filed", "expires": "999999w"}, 400, "expires must be a span"),
        ("POST", "/keys/key_filed/rotate", {"grace": "999999w"}, 400, "grace must be a span"),
        ("POST", "/keys", {"tenant": "filed", "expires": "9999-12-31T23:59:59-14:00"}, 400, "expires must be a time"),
        ("POST", "/keys", {"tenant": "filed", "expires": "0001-01-01T00:00:00+14:00"}, 400, "expires must be a time"),
        ("POST", "/keys/import", {"tenant": "filed", "sha256": "ab"}, 400, "SHA-256"),
        ("POST", "/keys/import", {"tenant": "filed", "sha256": "ab" * 32}, 409, "key_filed"),
        ("GET", "/keys/key_nobody", None, 404, "key_nobody"),
        ("POST", "/keys/key_nobody/revoke", {}, 404, "key_nobody"),
        ("POST", "/keys/key_filed/revoke", {}, 409, "declared in the configuration file"),
        ("POST", "/keys/key_filed/revoke", {"now": True}, 400, "now is no key here"),
        ("POST", "/keys/key_filed/rotate", {"grace": "long"}, 400, "grace must be a span"),
        ("POST", "/keys/key_filed/expire", {}, 400, "at is missing"),
        ("PATCH", "/keys/key_filed", {"tenant": "acme"}, 400, "tenant is no key here"),
        ("GET", "/audit?last=0", None, 400, "last must be"),
        ("POST", "/unknown/att_1/free", {}, 400, "why is missing"),
        ("POST", "/unknown/att_1/free", {"why": "x"}, 409, "no such attempt"),
        ("GET", "/nothing", None, 404, "docs/administration.md"),
        ("GET", "/keys/", None, 404, "docs/administration.md"),
        ("DELETE", "/keys", None, 405, "docs/administration.md"),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_told_and_nothing_is_changed(
    method: str, path: str, body: Any, status: int, words: str, house: House
) -> None:
    found = await house.ask(method, path, body)
    assert found[0] == status, found
    assert words in found[1]["error"]["message"]
    assert house.audit() == []


async def test_all_faults_of_a_body_are_told_at_once(house: House) -> None:
    _, found = await house.ask("POST", "/tenants", {"tags": [1], "x": 1})
    assert [fault["member"] for fault in found["error"]["faults"]] == ["id", "tags[1]", "x"]


async def test_who_leaves_before_the_body_is_whole_changes_nothing(house: House) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [
        (b"host", b"localhost"),
        (b"authorization", f"Bearer {KEY}".encode()),
        (b"content-type", b"application/json"),
    ]
    scope = {"type": "http", "method": "POST", "path": "/admin/tenants", "query_string": b"", "headers": headers}
    await house.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert house.audit() == []


async def test_a_body_that_is_too_large_is_not_read(house: House) -> None:
    status, found = await house.ask("POST", "/tenants", {"id": "a" * 70_000})
    assert (status, found["error"]["message"]) == (413, "The body is larger than 65536 bytes.")


async def test_a_store_that_cannot_be_used_is_503_and_a_change_that_was_made_is_told_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise StoreUnusable("the disk is full")

    house.stage.store.create_tenant("acme", by=BY)
    monkeypatch.setattr(house.stage.store, "tenants", fails)
    assert (await house.ask("GET", "/tenants"))[0] == 503
    monkeypatch.setattr(house.stage.store, "read", fails)
    status, made = await house.ask("POST", "/keys", {"tenant": "filed"})
    monkeypatch.undo()
    assert status == 201
    assert house.stage.identify(made["secret"]) is not None


@pytest.mark.parametrize(
    ("named", "kept"), [("ada@box", "admin ada@box"), ("a b", "admin a b"), (" ", "admin"), ("x" * 65, "admin")]
)
async def test_who_it_was_is_what_the_caller_says(named: str, kept: str, house: House) -> None:
    await house.ask("POST", "/tenants", {"id": "acme"}, x_polyglot_actor=named)
    assert house.audit() == [(kept, "tenant created", "acme")]


# --- money ---


def bounded(nano: int) -> Bound:
    return Bound(1, 1, nano, PRICE)


async def test_how_budgets_stand(house: House) -> None:
    store = house.stage.store
    store.create_tenant("acme", by=BY, grant=Grant(budgets=(Cap("month", 5 * DOLLAR), Cap("call", DOLLAR))))
    gone = store.create_key("acme", by=BY, grant=Grant(budgets=(Cap("day", DOLLAR),))).key.id
    store.revoke_key(gone, by=BY)
    facts = {"call": "c", "tenant": "acme"}
    (await house.desk.till.open(facts, bounded(DOLLAR), [CAP])).settle(DOLLAR // 4, "complete", {})
    other = await house.desk.till.open(facts, bounded(DOLLAR), [CAP])
    status, found = await house.ask("GET", "/budgets")
    assert status == 200
    assert {
        row["budget"]: (row["limit_usd"], row["spent_usd"], row["held_usd"], row["resets"]) for row in found["data"]
    } == {
        "process/day": ("10.00", "0.25", "1.00", "2026-11-23T00:00:00Z"),
        "tenant:acme/month": (
            "5.00",
            "1.25",
            "0.00",
            "2026-12-01T00:00:00Z",
        ),  # nobody asked for it yet: the ledger's word
        "tenant:acme/call": ("1.00", "0.00", "0.00", None),
    }
    other.release("failed", {})


async def test_what_a_crash_left_is_listed_and_freed_and_its_money_can_be_spent_again(tmp_path: Path) -> None:
    stage, path = Stage(tmp_path), tmp_path / "ledger.sqlite3"
    own, other = day(2 * DOLLAR, "tenant:acme"), day(DOLLAR, "tenant:other")
    facts = {"call": "c", "tenant": "acme", "provider": "openai", "wire_model": "m"}
    desk = Counter(path, [CAP])
    (await desk.till.open(facts, bounded(9), [CAP, own])).settle(5, "complete", {})
    tab = await desk.till.open(facts, bounded(DOLLAR), [CAP, own])
    await tab.written()
    desk.till.close()
    desk = Counter(path, [CAP, own, other])
    app = administration(
        Desk(stage.store, stage.directory, desk.till.upkeep(), PROVIDERS, "UTC", desk.till.own, stage.clock), KEY
    )
    house = House(stage, desk, app, application(replying()[0]))
    _, listed = await house.ask("GET", "/unknown")
    assert [(row["attempt"], row["bound_usd"], row["tenant"]) for row in listed["data"]] == [
        (tab.attempt, "1.00", "acme")
    ]
    assert [desk.spent(budget) for budget in (CAP, own, other)] == [DOLLAR + 5, DOLLAR + 5, 0]
    late = await desk.till.open({"call": "c"}, bounded(3), [CAP])
    frees = [house.ask("POST", f"/unknown/{tab.attempt}/free", {"why": "seen in the console"}) for _ in range(3)]
    assert sorted(status for status, _ in await asyncio.gather(*frees)) == [200, 409, 409]
    assert [desk.spent(budget) for budget in (CAP, own, other)] == [5, 5, 0]
    late.settle(2, "complete", {})
    assert desk.spent(CAP) == 7
    (freed,) = desk.entries("freed")
    assert freed.facts == {"who": "admin", "why": "seen in the console"}
    assert (await house.ask("GET", "/unknown"))[1]["data"] == []
    desk.till.close()
    assert verify(path).fault is None
    again = Counter(path, [CAP, own])
    assert [again.spent(budget) for budget in (CAP, own)] == [7, 5]
    again.till.close()
    stage.close()


async def test_freeing_gives_a_budget_back_no_more_than_the_ledger_takes_out_of_it(tmp_path: Path) -> None:
    """A budget that is newer than the attempt counts it by its scope; one of another scope or period does not count it at all."""
    path = tmp_path / "ledger.sqlite3"
    facts = {"call": "c", "tenant": "acme", "provider": "openai"}
    desk = Counter(path)
    (await desk.till.open(facts, bounded(9), [])).settle(5, "complete", {})
    (await desk.till.open({**facts, "provider": "grok", "tenant": "other"}, bounded(9), [])).settle(7, "complete", {})
    tab = await desk.till.open(facts, bounded(100), [])
    await tab.written()
    desk.till.close()
    budgets = [
        Budget(f"{scope}/{period}", scope, period, 1000)
        for scope in ("process", "provider:openai", "provider:grok", "tenant:acme")
        for period in ("day", "once")
    ]
    desk = Counter(path, budgets)
    assert [desk.spent(budget) for budget in budgets] == [112, 112, 105, 105, 7, 7, 105, 105]
    await desk.till.upkeep().free(tab.attempt, "ada", "why")
    assert [desk.spent(budget) for budget in budgets] == [12, 12, 5, 5, 7, 7, 5, 5]
    desk.till.close()


async def test_who_waits_for_room_gets_what_is_freed(tmp_path: Path) -> None:
    path, small = tmp_path / "ledger.sqlite3", day(1000)
    desk = Counter(path, [small])
    left = await desk.till.open({}, bounded(400), [small])
    await left.written()
    desk.till.close()
    desk = Counter(path, [small], patience=60 * SECOND)
    first = await desk.till.open({}, bounded(400), [small])
    waiting = asyncio.create_task(desk.till.open({}, bounded(500), [small]))
    while not desk.book.waiting:  # noqa: ASYNC110  # counted in turns of the loop
        await asyncio.sleep(0)
    await desk.till.upkeep().free(left.attempt, "ada", "why")
    for tab in (await asyncio.wait_for(waiting, 5), first):
        tab.release("failed", {})
    desk.till.close()
