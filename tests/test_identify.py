"""With a key configured nothing is answered without one, and a key does no more than its grant says."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.routing import Route

from counter import DOLLAR, counter
from harness import HELLO, HOSTS, application, get, post, replying
from polyglot_cloud.app import CALLS, DIALECTS, Gateway, open_paths
from polyglot_cloud.grants import Cap, Grant
from polyglot_cloud.tenancy import Watch
from tenancy.stage import BY, Stage
from test_booking import CASES, ask, only

PROVIDERS = ("openai", "anthropic", "gemini", "grok")
CHAT = {"model": "gpt-6.1-terra", "messages": HELLO}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    made.store.create_tenant("acme", by=BY)
    yield made
    made.close()


def key(stage: Stage, grant: Grant | None = None, tenant: str = "acme") -> str:
    secret = stage.store.create_key(tenant, by=BY, grant=grant).secret
    stage.directory.take(stage.store.read())
    return secret


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def gateway(app: Any) -> Gateway:
    """The router behind the door."""
    return cast(Gateway, app.app._app)


OPEN = open_paths(HOSTS)


def paths() -> list[tuple[str, str]]:
    """Every route with its places filled in, and some that are none."""
    found = [
        ("GET", "/nothing"),
        ("GET", "/v1/nothing"),
        ("POST", "/v1/openai/embeddings"),
        ("DELETE", "/v1/openai/models"),
    ]
    app = application(replying()[0])
    for route in gateway(app).routes:
        assert isinstance(route, Route)
        for face in (*PROVIDERS, "any"):
            for call in ("gemini-3.8-flash:generateContent", "gemini-3.8-flash:countTokens", "x"):
                path = route.path.replace("{provider}", face).replace("{model:path}", "x").replace("{call:path}", call)
                found += [(method, path) for method in sorted(route.methods or ())]
    return sorted(set(found))


def test_the_walk_goes_everywhere() -> None:
    walked = {path for _, path in paths()}
    assert len(walked) > 60
    assert {f"/v1/grok/{route}" for route, _, _ in CALLS if "{" not in route} <= walked


async def test_every_path_but_the_open_ones_asks_for_a_key(stage: Stage) -> None:
    secret = key(stage)
    upstream, seen = replying()
    app = application(upstream, directory=stage.directory)
    wrong: list[Any] = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app.app), base_url="http://127.0.0.1:8100") as http:
        for method, path in paths():
            reply = await http.request(
                method, path, content=b"{}" if method == "POST" else None, headers={"content-type": "application/json"}
            )
            is_open = method in {"GET", "HEAD"} and path in OPEN
            if (reply.status_code == 401) is is_open:
                wrong.append((method, path, reply.status_code))
            elif not is_open:
                assert secret not in reply.text
                assert reply.headers["x-should-retry"] == "false"
    assert (wrong, seen) == ([], [])


@pytest.mark.parametrize(
    "path",
    ["/v1/openai/models/docs", "/v1/openai/models/a/health", "/v1/receipts/health", "/v1/openai/x/ready", "/v1/openai/ready",
     "/v1/usage/openapi.json", "/health/x/docs", "/v1/openai/docs/"],
)  # fmt: skip
async def test_a_path_that_only_ends_like_an_open_one_asks_for_a_key(path: str, stage: Stage) -> None:
    key(stage)
    app = application(replying()[0], directory=stage.directory)
    assert (await get(app, path)).status_code == 401


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/openai/chat/completions", "openai_chat"), ("/v1/grok/responses", "openai_responses"),
        ("/v1/any/messages", "anthropic"), ("/v1/anthropic/messages/count_tokens", "anthropic"),
        ("/v1/gemini/models/x:streamGenerateContent", "gemini"), ("/v1/any/generate", "ollama"),
    ],
)  # fmt: skip
async def test_a_401_is_in_the_clients_dialect(path: str, dialect: str, stage: Stage) -> None:
    key(stage)
    reply = await post(application(replying()[0], directory=stage.directory), path, {})
    value = reply.json()
    assert reply.status_code == 401
    shapes: dict[str, Callable[[], bool]] = {
        "openai_chat": lambda: value["error"]["code"] == "missing_api_key",
        "openai_responses": lambda: value["error"]["code"] == "missing_api_key",
        "anthropic": lambda: (value["type"], value["error"]["type"]) == ("error", "authentication_error"),
        "gemini": lambda: (value["error"]["code"], value["error"]["status"]) == (401, "UNAUTHENTICATED"),
        "ollama": lambda: "error" in value,
    }
    assert dialect in DIALECTS
    assert shapes[dialect](), value


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "x-goog-api-key"])
async def test_a_key_opens_in_any_of_the_clients_headers_and_never_goes_up(
    header: str, stage: Stage, tmp_path: Path
) -> None:
    secret = key(stage)
    upstream, seen = replying(CASES[0].answer(stream=False))
    with counter(tmp_path) as desk:
        app = application(upstream, directory=stage.directory, till=desk.till)
        given = f"Bearer {secret}" if header == "authorization" else secret
        reply = await ask(app, CASES[0], stream=False, headers={header: given})
        held, _ = only(desk)
    assert reply.status_code == 200
    assert secret not in str(seen[0].headers) + str(seen[0].url)
    assert (held["tenant"], held["key"][:4]) == ("acme", "key_")


async def test_without_any_key_configured_nothing_is_asked_for(stage: Stage) -> None:
    upstream, _ = replying(CASES[0].answer(stream=False))
    reply = await ask(application(upstream, directory=stage.directory), CASES[0], stream=False)
    assert reply.status_code == 200


# --- grants ---


@pytest.mark.parametrize(
    ("grant", "path", "body"),
    [
        (Grant(providers=("grok",)), "/v1/openai/chat/completions", CHAT),
        (Grant(providers=("grok",)), "/v1/any/chat/completions", CHAT),
        (Grant(faces=("any",)), "/v1/openai/chat/completions", CHAT),
        (Grant(faces=("any",)), "/v1/openai/models", None),
        (Grant(faces=("any",)), "/v1/openai", None),
        (Grant(models=("gpt-6-luna",)), "/v1/openai/chat/completions", CHAT),
        (Grant(models=("gpt-6-luna",)), "/v1/openai/chat/completions", {"messages": HELLO}),
        (Grant(models=("gpt-6-luna",)), "/v1/openai/chat/completions", {**CHAT, "model": "high"}),
        (Grant(models=("gpt-6-luna",), aliases={"gpt-6-luna": "openai/high"}), "/v1/openai/chat/completions", {**CHAT, "model": "gpt-6-luna"}),  # noqa: E501  # a row of a table
    ],
)  # fmt: skip
async def test_what_a_grant_forbids_is_a_403_and_nothing_is_sent(
    grant: Grant, path: str, body: Any, stage: Stage
) -> None:
    upstream, seen = replying()
    app = application(upstream, directory=stage.directory)
    headers = bearer(key(stage, grant))
    reply = await (get(app, path, headers) if body is None else post(app, path, body, headers))
    assert (reply.status_code, reply.json()["error"]["code"], seen) == (403, "not_allowed", [])
    assert reply.headers["x-should-retry"] == "false"


async def test_one_tenants_grant_is_not_anothers(stage: Stage) -> None:
    stage.store.create_tenant("other", by=BY, grant=Grant(providers=("grok",)))
    mine, theirs = key(stage), key(stage, tenant="other")
    upstream, _ = replying(CASES[0].answer(stream=False), CASES[0].answer(stream=False))
    app = application(upstream, directory=stage.directory)
    assert [(await post(app, CASES[0].path, CHAT, bearer(secret))).status_code for secret in (mine, theirs, mine)] == [
        200,
        403,
        200,
    ]


@pytest.mark.parametrize(
    ("granted", "asked", "status"),
    [
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001", 200), ("anthropic/claude-haiku-4-5", "claude-haiku-4-5-20251001", 200),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001", 200), ("claude-sonnet-5-5", "claude-haiku-4-5-20251001", 403),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5-20251002", 403),
    ],
)  # fmt: skip
async def test_a_dated_snapshot_of_a_granted_model_is_granted(
    granted: str, asked: str, status: int, stage: Stage
) -> None:
    upstream, _ = replying(CASES[2].answer(stream=False))
    app = application(upstream, directory=stage.directory)
    body = {"model": asked, "max_tokens": 9, "messages": HELLO}
    reply = await post(app, "/v1/anthropic/messages", body, bearer(key(stage, Grant(models=(granted,)))))
    assert reply.status_code == status, reply.text


@pytest.mark.parametrize("path", ["/v1/openai/chat/completions", "/v1/any/chat/completions"])
async def test_an_alias_leads_to_its_model(path: str, stage: Stage, tmp_path: Path) -> None:
    secret = key(stage, Grant(aliases={"mine": "openai/gpt-6-luna"}))
    upstream, seen = replying(CASES[0].answer(stream=False))
    with counter(tmp_path) as desk:
        app = application(upstream, directory=stage.directory, till=desk.till)
        reply = await post(app, path, {**CHAT, "model": "mine"}, bearer(secret))
        held, _ = only(desk)
    assert (reply.status_code, json.loads(seen[0].content)["model"], held["wire_model"]) == (
        200,
        "gpt-6-luna",
        "gpt-6-luna",
    )


async def test_an_alias_in_a_path_leads_to_its_model_too(stage: Stage) -> None:
    secret = key(stage, Grant(aliases={"mine": "gemini/gemini-3.8-flash"}))
    upstream, seen = replying(CASES[3].answer(stream=False))
    app = application(upstream, directory=stage.directory)
    await post(app, "/v1/gemini/models/mine:generateContent", CASES[3].body, {"x-goog-api-key": secret})
    assert seen[0].url.path == "/v1beta/models/gemini-3.8-flash:generateContent"


async def test_a_keys_and_its_tenants_budgets_bind_it_alone(stage: Stage, tmp_path: Path) -> None:
    poor = key(stage, Grant(budgets=(Cap("day", 1),)))
    rich = key(stage, Grant(budgets=(Cap("day", 10 * DOLLAR),)))
    upstream, _ = replying(CASES[0].answer(stream=False))
    with counter(tmp_path) as desk:
        app = application(upstream, directory=stage.directory, till=desk.till)
        replies = [await ask(app, CASES[0], stream=False, headers=bearer(secret)) for secret in (poor, rich)]
        held, _ = only(desk)
    assert [reply.status_code for reply in replies] == [402, 200]
    assert [budget["scope"] for budget in held["budgets"]] == [f"key:{held['key']}"]


LONG = "x" * 111 + "~" + hashlib.sha256(b"x" * 500).hexdigest()[:16]
"""What tells a name of 500 signs from others that begin like it."""


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"r-1", "r-1"), (b" a\xe9 ", "a\u00e9"), ("\u4e00".encode(), "\u4e00"), (b"x" * 500, LONG), (b"a\tb", "a?b"), (b" ", None),
    ],
)  # fmt: skip
async def test_run_and_agent_are_kept_printable_and_short(sent: bytes, kept: str | None, tmp_path: Path) -> None:
    upstream, _ = replying(CASES[0].answer(stream=False))
    with counter(tmp_path) as desk:
        app = application(upstream, till=desk.till)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app.app), base_url="http://127.0.0.1:8100") as http:
            lines = [
                (b"x-run-id", sent),
                (b"x-agent", sent),
                (b"content-type", b"application/json"),
            ]
            await http.post(CASES[0].path, json=CASES[0].body, headers=lines)
        held, _ = only(desk)
    assert (held.get("run"), held.get("agent")) == (kept, kept)


async def test_a_revoke_by_another_process_holds_at_the_next_look(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY)
    stage.directory.take(stage.store.read())
    looked, go = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        assert seconds <= 1
        looked.set()
        await go.wait()
        go.clear()

    watching = asyncio.create_task(Watch(stage.store, stage.directory, sleep=sleep).run())
    await looked.wait()
    app = application(replying()[0], directory=stage.directory)
    assert (await get(app, "/v1/openai/models", bearer(made.secret))).status_code == 200
    other = stage.another()
    other.revoke_key(made.key.id, by=BY)
    other.close()
    looked.clear()
    go.set()
    await asyncio.wait_for(looked.wait(), 5)
    reply = await get(app, "/v1/openai/models", bearer(made.secret))
    watching.cancel()
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "key_no_longer_valid")
