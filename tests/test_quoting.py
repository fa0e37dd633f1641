"""A quote says what the call would then do: the same target, losses, bound, budgets and errors; and nothing is sent or booked."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from counter import DOLLAR, Counter, counter, day, price
from harness import HELLO, TODAY, application, get, post, replying
from polyglot_cloud import catalog
from polyglot_cloud.app import Application
from polyglot_cloud.grants import Cap, Grant
from polyglot_cloud.listeners import Listener
from polyglot_cloud.quoting import SHOWN, WRITTEN
from polyglot_cloud.token_estimate import MEDIA
from tenancy.stage import BY, Stage
from test_booking import CASES, MESSAGE, STREAMS, Case, chat_plain

PROVIDERS = ("openai", "anthropic", "gemini", "grok")
BIG = day(100 * DOLLAR)


async def send(
    app: Application, provider: str, path: str, body: Any, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """As a client at a provider's own port."""
    transport = httpx.ASGITransport(Listener(app.app, provider, PROVIDERS))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8100") as http:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await http.post(path, content=content, headers={"content-type": "application/json", **(headers or {})})


async def quoted(app: Application, provider: str, path: str, body: Any, **headers: str) -> dict[str, Any]:
    reply = await send(app, provider, f"/v1/quote/{path}", body, headers)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Counter]:
    with counter(tmp_path, BIG) as made:
        yield made


# --- it says what the call would do ---


@STREAMS
@pytest.mark.parametrize("case", CASES, ids=[case.provider for case in CASES])
async def test_it_tells_the_hold_of_the_call_and_sends_nothing(case: Case, stream: bool, desk: Counter) -> None:
    upstream, seen = replying(case.answer(stream=stream))
    app = application(upstream, till=desk.till)
    path, body = case.request(stream=stream)
    path = path.removeprefix(f"/v1/{case.provider}/")
    quote = await quoted(app, case.provider, path, body)
    assert (seen, desk.entries()) == ([], [])
    assert quote["stream"] is stream
    taken = quote["taken"]
    (budget,) = taken["budgets"]
    assert budget == {
        "id": "process/day", "scope": "process", "period": "day", "admits": True, "resets_at": budget["resets_at"],
        "limit_usd": "100.00", "spent_usd": "0.00", "held_usd": "0.00",
    }  # fmt: skip
    reply = await send(app, case.provider, f"/v1/{path}", body)
    await reply.aread()
    (held,) = desk.entries("held")
    assert int(httpx_decimal(taken["most_usd"])) == held.nano
    assert (taken["provider"], taken["model"]) == (case.provider, held.facts["wire_model"])
    assert ", ".join(taken["edited"]) == reply.headers.get("x-polyglot-edited", "")


def httpx_decimal(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(9, "0"))


async def test_what_is_expected_is_told_by_its_rule(desk: Counter) -> None:
    body = {"model": "gpt-6.1-terra", "messages": [{"role": "user", "content": "word " * 800}]}
    app = application(replying()[0], till=desk.till)
    taken = (await quoted(app, "openai", "chat/completions", body))["taken"]
    read = taken["input_tokens"]["expected"]
    assert 1_000 <= read <= 1_015
    assert taken["output_tokens"]["expected"] == WRITTEN
    assert httpx_decimal(taken["expected_usd"]) == price("gpt-6.1-terra", input=read, output=WRITTEN)
    fewer = await quoted(app, "openai", "chat/completions", {**body, "max_completion_tokens": 70, "n": 3})
    assert fewer["taken"]["output_tokens"] == {"expected": 210, "most": 210}


async def test_losses_are_those_of_the_call() -> None:
    body = {"model": "low", "messages": HELLO, "seed": 3, "logit_bias": {"1": 2}, "stop": ["x"], "n": 2}
    upstream, _ = replying(*[httpx.Response(200, json=MESSAGE)] * 2)
    app = application(upstream)
    quote = await quoted(app, "anthropic", "chat/completions", body)
    reply = await send(app, "anthropic", "/v1/chat/completions", body)
    assert reply.status_code == 200
    assert quote["taken"]["dropped"]
    assert reply.headers["x-polyglot-dropped"].startswith(quote["taken"]["dropped"])
    assert quote["taken"]["way"] == "translated"


async def test_each_choice_that_is_a_request_of_its_own_is_paid_on_its_own() -> None:
    app = application(replying()[0])
    one, two = [
        (await quoted(app, "anthropic", "chat/completions", {"model": "low", "messages": HELLO, "n": n}))["taken"]
        for n in (1, 2)
    ]
    assert httpx_decimal(two["most_usd"]) == 2 * httpx_decimal(one["most_usd"])
    assert httpx_decimal(two["expected_usd"]) == 2 * httpx_decimal(one["expected_usd"])


@pytest.mark.parametrize(
    ("environ", "body", "why"),
    [
        ({}, {}, "No model is named, and gpt-6.1-terra is the default of openai."),
        ({}, {"model": "high"}, "is the tier high of openai."),
        ({}, {"model": "gpt-5"}, "gpt-5 is a model of openai."),
        ({}, {"model": "gpt-99"}, "The catalog does not know gpt-99"),
        (
            {"POLYGLOT_ALIASES": '{"quick": "openai/low"}'},
            {"model": "quick"},
            "quick is an alias of the settings for openai/low",
        ),
    ],
)
async def test_it_says_why(environ: dict[str, str], body: dict[str, Any], why: str) -> None:
    quote = await quoted(application(replying()[0], environ), "openai", "chat/completions", {"messages": HELLO, **body})
    assert why in quote["why"]


async def test_it_says_why_in_that_dialect() -> None:
    app = application(replying()[0])
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    quote = await quoted(
        app, "openai", "chat/completions", {"model": "gpt-6.2-sol", "messages": HELLO, "tools": [tool]}
    )
    assert "openai_responses, which serves what this call needs" in quote["why"]
    passed = await quoted(app, "openai", "chat/completions", {"model": "gpt-6.2-sol", "messages": HELLO})
    assert "in the request's own bytes" in passed["why"]
    marked = [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}]
    rewritten = await quoted(app, "grok", "chat/completions", {"model": "grok-4.7", "messages": marked})
    assert "written anew" in rewritten["why"] or "which is how" in rewritten["why"] or "serves" in rewritten["why"]


async def test_a_retired_models_successor_is_told() -> None:
    retired = next(
        row for row in catalog.load().rows
        if row.retired_on(TODAY) and row.successor and row.provider == "openai" and row.kind == "chat"
    )  # fmt: skip
    app = application(replying()[0], {"POLYGLOT_RETIRED": "successor"})
    quote = await quoted(app, "openai", "chat/completions", {"model": retired.id, "messages": HELLO})
    assert quote["why"].startswith(f"{retired.id} is retired, and {quote['taken']['model']} answers in its place.")


async def test_a_count_of_tokens_costs_nothing(desk: Counter) -> None:
    app = application(replying()[0], till=desk.till)
    body = {"model": "claude-sonnet-5-5", "messages": HELLO}
    taken = (await quoted(app, "anthropic", "messages/count_tokens", body))["taken"]
    assert (taken["expected_usd"], taken["most_usd"], taken["admitted"], taken["budgets"]) == ("0.00", None, True, [])


async def test_a_missing_key_is_told_and_is_no_error() -> None:
    app = application(replying()[0], {"OPENAI_API_KEY": ""})
    taken = (await quoted(app, "openai", "chat/completions", {"messages": HELLO}))["taken"]
    assert "OPENAI_API_KEY" in taken["problem"]


async def test_media_and_large_bodies_are_estimated_as_such() -> None:
    app = application(replying()[0])
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo" + "A" * 400_001}}
    for more, tokens in (([], MEDIA), ([{"type": "text", "text": "word " * 80_000}], MEDIA + 100_000)):
        content = [*more, image]
        body = {"model": "gpt-6.1-terra", "messages": [{"role": "user", "content": content}]}
        quote = await quoted(app, "openai", "chat/completions", body)
        assert tokens <= quote["taken"]["input_tokens"]["expected"] <= tokens * 1.05 + 50
        assert quote["others"]
        assert all(each["dropped"] is None for each in quote["others"])


# --- who else could ---


async def test_others_are_of_the_face_able_and_cheapest_first() -> None:
    app = application(replying()[0])
    quote = await quoted(app, "openai", "chat/completions", {"model": "gpt-4.1", "messages": HELLO, "logprobs": True})
    costs = [httpx_decimal(each["expected_usd"]) for each in quote["others"]]
    assert costs == sorted(costs)
    assert {each["provider"] for each in quote["others"]} == {"openai"}
    assert quote["taken"]["model"] not in {each["model"] for each in quote["others"]}
    for each in quote["others"]:
        row = catalog.load().model("openai", each["model"])
        assert row is not None
        assert any("logprobs" in offer.needs for offer in row.offers)
    assert len((await quoted(app, "openai", "chat/completions", {"messages": HELLO}))["others"]) == SHOWN


async def test_at_the_face_of_all_the_tiers_of_all_are_compared() -> None:
    app = application(replying()[0])
    quote = (await post(app, "/v1/quote/chat/completions", {"model": "grok/low", "messages": HELLO})).json()
    assert quote["face"] == "any"
    assert {each["provider"] for each in quote["others"]} == set(PROVIDERS)
    found = {(each["provider"], each["model"]) for each in [quote["taken"], *quote["others"]]}
    built_in = catalog.load()
    assert found == {(name, model) for name in PROVIDERS for model in built_in.tiers(name).values()}


async def test_what_does_not_fit_is_no_candidate() -> None:
    app = application(replying()[0])
    body = {"model": "gpt-6.1-terra", "messages": [{"role": "user", "content": "word " * 240_000}]}  # 300,000 tokens
    quote = await quoted(app, "openai", "chat/completions", body)
    small = {
        row.id
        for row in catalog.load().rows
        if row.provider == "openai" and (row.max_input or row.context_window or 0) < 300_000
    }
    assert "gpt-5" in small
    assert quote["others"]
    assert small.isdisjoint({each["model"] for each in quote["others"]})


# --- where it is asked ---


@pytest.mark.parametrize(
    ("query", "body", "dialect"),
    [
        ("", {"messages": HELLO}, "openai_chat"),
        ("", {"model": "gpt-6.1-terra", "input": "hello"}, "openai_responses"),
        ("", {"prompt": "hello"}, "ollama"),
        ("?dialect=openai_chat", {"messages": HELLO}, "openai_chat"),
    ],
)
async def test_a_bare_quote_goes_by_the_body(query: str, body: dict[str, Any], dialect: str) -> None:
    reply = await send(application(replying()[0]), "openai", f"/v1/quote{query}", body)
    assert (reply.status_code, reply.json()["dialect"]) == (200, dialect)


async def test_a_bare_quote_of_the_others() -> None:
    app = application(replying()[0])
    body = {"model": "claude-haiku-5-5", "max_tokens": 5, "system": "x", "messages": HELLO}
    assert (await send(app, "anthropic", "/v1/quote", body)).json()["dialect"] == "anthropic"
    del body["system"]
    named = await send(app, "anthropic", "/v1/quote", body, {"anthropic-version": "2023-06-01"})
    assert named.json()["dialect"] == "anthropic"
    contents = {"contents": [{"parts": [{"text": "hello"}]}]}
    reply = await send(app, "gemini", "/v1/quote?model=gemini-3.8-flash", contents)
    assert (reply.json()["dialect"], reply.json()["taken"]["model"]) == ("gemini", "gemini-3.8-flash")
    unnamed = await send(app, "gemini", "/v1/quote", contents)
    assert (unnamed.status_code, "?model=" in unnamed.text) == (400, True)


@pytest.mark.parametrize(("path", "status"), [("/v1/quote/nothing", 404), ("/v1/quote?dialect=klingon", 400)])
async def test_what_cannot_be_quoted(path: str, status: int) -> None:
    reply = await send(application(replying()[0]), "openai", path, {"messages": HELLO})
    assert reply.status_code == status
    assert "there are" in reply.json()["error"]["message"]


async def test_a_quote_is_asked_for_by_post() -> None:
    reply = await get(application(replying()[0]), "/v1/quote")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


async def test_other_faces_are_quoted_at_any_port() -> None:
    app = application(replying()[0])
    reply = await send(app, "openai", "/v1/grok/quote/chat/completions", {"messages": HELLO})
    assert reply.json()["taken"]["provider"] == "grok"


BAD: list[tuple[str, str, Any]] = [
    ("openai", "chat/completions", b"{"),
    ("openai", "chat/completions", {"model": "gpt-6.1-terra", "model ": 1, "messages": "x"}),
    ("openai", "chat/completions", {"model": "grok-4.7", "messages": HELLO}),
    ("openai", "chat/completions", {"model": 7, "messages": HELLO}),
    ("anthropic", "chat/completions", {"messages": HELLO, "logprobs": True}),
    ("anthropic", "chat/completions", {"messages": [{"role": "moon"}]}),
    ("anthropic", "messages", {"model": "gpt-6.1-terra", "messages": HELLO, "max_tokens": 5}),
    ("anthropic", "messages", b'{"model": "a", "model": "b"}'),
    ("gemini", "models/gemini-9-x:embedContent", {}),
    ("gemini", "models/gemini-3.8-flash:generateContent", {"generationConfig": 7}),
    ("grok", "responses", {"model": "GROK-4.7", "input": "x"}),
    ("openai", "generate", {"prompt": 7}),
    ("gemini", "chat/completions", {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "http://127.0.0.1/x.png"}}]}]}),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "path", "body"), BAD)
async def test_what_is_wrong_is_told_as_to_the_call(provider: str, path: str, body: Any) -> None:
    upstream, seen = replying()
    app = application(upstream)
    call = await send(app, provider, f"/v1/{path}", body)
    quote = await send(app, provider, f"/v1/quote/{path}", body)
    assert 400 <= call.status_code < 500
    assert (quote.status_code, quote.json(), seen) == (call.status_code, call.json(), [])


# --- budgets ---


async def test_what_is_spent_and_held_counts(tmp_path: Path) -> None:
    with counter(tmp_path, day(DOLLAR), day(DOLLAR // 2, "provider:openai"), day(0, "provider:grok")) as desk:
        app = application(replying(httpx.Response(200, json=chat_plain("gpt-6.1-terra")))[0], till=desk.till)
        body = {"model": "gpt-6.1-terra", "messages": HELLO, "max_completion_tokens": 90}
        await send(app, "openai", "/v1/chat/completions", body)
        cost = price("gpt-6.1-terra", input=600, cache_read=400, output=70)
        quote = await quoted(app, "openai", "chat/completions", {**body, "max_completion_tokens": 49_000})
        budgets = {budget["id"]: budget for budget in quote["taken"]["budgets"]}
        assert {id_: httpx_decimal(budget["spent_usd"]) for id_, budget in budgets.items()} == {
            "process/day": cost, "provider:openai/day": cost,
        }  # fmt: skip
        most = httpx_decimal(quote["taken"]["most_usd"])
        assert DOLLAR // 4 < most < DOLLAR // 2
        assert quote["taken"]["admitted"] is (most + cost <= DOLLAR // 2)
        desk.book.hold("other", [day(DOLLAR // 2, "provider:openai")], DOLLAR // 2 - cost, desk.at)
        busy = await quoted(app, "openai", "chat/completions", body)
        (tight,) = [each for each in busy["taken"]["budgets"] if each["scope"] == "provider:openai"]
        assert (tight["admits"], tight["waits"], busy["taken"]["admitted"]) == (False, True, False)
        poor = (await post(app, "/v1/quote/chat/completions", {"model": "grok/low", "messages": HELLO})).json()["taken"]
        assert [(each["scope"], each["admits"], each.get("waits")) for each in poor["budgets"]] == [
            ("process", False, False), ("provider:grok", False, False),
        ]  # fmt: skip


async def test_a_key_sees_its_own_figures_and_its_tenants_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.store.create_tenant("above", by=BY, grant=Grant(budgets=(Cap("day", 9 * DOLLAR),)))
    stage.store.create_tenant("acme", by=BY, parent="above", grant=Grant(budgets=(Cap("day", 8 * DOLLAR),)))
    grant = Grant(budgets=(Cap("call", DOLLAR // 2),), providers=("openai", "grok"), faces=("openai", "any"),
                  aliases={"best": "openai/high"})  # fmt: skip
    secret = stage.store.create_key("acme", by=BY, grant=grant).secret
    stage.directory.take(stage.store.read())
    bearer = {"authorization": f"Bearer {secret}"}
    with counter(tmp_path, BIG) as desk:
        app = application(replying()[0], till=desk.till, directory=stage.directory)
        body = {"model": "openai/medium", "messages": HELLO}
        assert (await post(app, "/v1/quote/chat/completions", body)).status_code == 401
        quote = (await post(app, "/v1/quote/chat/completions", body, bearer)).json()
        shown = {
            each["scope"].partition(":")[0] + each["scope"][-4:]: "spent_usd" in each
            for each in quote["taken"]["budgets"]
        }
        assert sorted(shown.values()) == [False, False, True, True]
        hidden = [each for each in quote["taken"]["budgets"] if "spent_usd" not in each]
        assert {each["scope"] for each in hidden} == {"process", "tenant:above"}
        assert all(set(each) == {"id", "scope", "period", "admits", "resets_at"} for each in hidden)
        assert {each["provider"] for each in quote["others"]} == {"openai", "grok"}
        refused = await send(app, "grok", "/v1/quote/chat/completions", {"messages": HELLO}, bearer)
        assert (refused.status_code, "may not call the face grok" in refused.text) == (403, True)
        aliased = await quoted(app, "openai", "chat/completions", {"model": "best", "messages": HELLO}, **bearer)
        assert aliased["why"].startswith("best is an alias of this key for openai/high.")
    stage.close()


# --- what no price is known of ---


@pytest.mark.parametrize("model", ["gpt-99-new", "llama-1"])
async def test_the_lines_of_the_refusal_make_the_call_work(model: str, desk: Counter, tmp_path: Path) -> None:
    body = {"model": model, "messages": HELLO}
    app = application(replying()[0], till=desk.till)
    refused = await send(app, "openai", "/v1/chat/completions", body)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (402, "unpriced_model")
    lines = error["message"].partition("\n")[2]
    quote = await quoted(app, "openai", "chat/completions", body)
    assert (quote["taken"]["admitted"], quote["taken"]["catalog"]) == (False, lines)
    overlay = tmp_path / "own.toml"
    overlay.write_text(lines)
    app = application(replying(httpx.Response(200, json=chat_plain(model)))[0], till=desk.till, overlay=overlay)
    assert (await send(app, "openai", "/v1/chat/completions", body)).status_code == 200
    assert [entry.kind for entry in desk.entries()] == ["held", "settled"]


async def test_a_known_model_without_a_price_takes_three_lines(desk: Counter, tmp_path: Path) -> None:
    unpriced = tmp_path / "unpriced.toml"
    unpriced.write_text('[[model]]\nid = "gpt-6.1-terra"\nprice = []\n')
    body = {"model": "gpt-6.1-terra", "messages": HELLO}
    refused = await send(
        application(replying()[0], till=desk.till, overlay=unpriced), "openai", "/v1/chat/completions", body
    )
    message, _, lines = refused.json()["error"]["message"].partition("\n")
    assert "the catalog has no price for this model" in message
    assert len(lines.splitlines()) == 3
    overlay = tmp_path / "own.toml"
    overlay.write_text(lines)
    row = catalog.load(overlay=overlay).model("openai", "gpt-6.1-terra")
    assert row is not None
    assert row.price_on(TODAY) is not None


async def test_a_bare_quote_of_a_large_body() -> None:
    body = {"input": "word " * 60_000, "model": "gpt-6.1-terra"}
    reply = await send(application(replying()[0]), "openai", "/v1/quote", body)
    assert reply.json()["dialect"] == "openai_responses"


async def test_a_bare_quote_of_what_is_no_json() -> None:
    reply = await send(application(replying()[0]), "openai", "/v1/quote", b"{")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_json")


async def test_what_cannot_be_written_for_a_model_is_no_candidate_of_it() -> None:
    """An image behind a URL is loaded for who would answer alone: OpenAI takes the URL, Gemini would have to have it loaded."""
    image = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
    body = {"model": "openai/medium", "messages": [{"role": "user", "content": [image]}]}
    quote = (await post(application(replying()[0]), "/v1/quote/chat/completions", body)).json()
    assert quote["taken"]["input_tokens"]["expected"] >= MEDIA
    assert "openai" in {each["provider"] for each in quote["others"]}
    assert "gemini" not in {each["provider"] for each in quote["others"]}


async def test_members_that_are_only_ours_are_told_as_a_new_body() -> None:
    state = {"type": "thinking", "index": 0, "provider": "openai", "model": "gpt-4.1", "data": {}, "text": ""}
    messages = [*HELLO, {"role": "assistant", "content": "hi", "reasoning_details": [state]}, *HELLO]
    quote = await quoted(
        application(replying()[0]), "grok", "chat/completions", {"model": "grok-4.7", "messages": messages}
    )
    assert quote["why"].endswith(("written anew.", "what this call needs.", "how it is offered."))
