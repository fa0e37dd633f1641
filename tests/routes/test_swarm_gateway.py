"""The Gateway's transcripts: each status and body of the swarm's contract, what ours does better, and budgets to the last call."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness import streamed
from polyglot_cloud.amounts import Nano
from polyglot_cloud.grants import BudgetRow, Cap, Grant
from swarm.gateway_stage import CHEAP, DEAR, ELSEWHERE, Network, Stage, completion
from swarm.services_stage import STAMP, plain
from tenancy.stage import BY
from tenancy.stage import Stage as Keys

Make = Callable[..., Stage]
CONTRACT = [
    "request_id", "run_id", "agent", "timestamp", "provider", "model", "input_tokens", "output_tokens", "cost_usd", "latency_ms", "status",
]  # fmt: skip


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Stage] = []

    def one(**given: Any) -> Stage:
        made.append(Stage(tmp_path / str(len(made)), **given))
        return made[-1]

    yield one
    for stage in made:
        stage.close()


@pytest.fixture
def stage(make: Make) -> Stage:
    return make()


def lines(stage: Stage, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (stage.receipts / name).read_text().splitlines()]


# --- route ---


async def test_a_request_is_really_answered_and_its_true_cost_told(stage: Stage) -> None:
    await stage.register("openai-luna")
    await stage.register("openai-luna-2", cost_per_input_token=1.0)
    status, body = plain(await stage.route())
    assert (status, list(body)) == (
        200,
        ["request_id", "run_id", "status", "provider", "model", "response", "cost", "alternatives", "timestamp"],
    )
    assert (body["status"], body["provider"], body["model"], body["alternatives"]) == (
        "success", "openai-luna", CHEAP, ["openai-luna-2"],
    )  # fmt: skip
    assert body["response"]["choices"][0]["message"]["content"] == "a word of a model"
    (sent,) = stage.network.seen
    assert json.loads(sent.content)["model"] == CHEAP
    read = len(sent.content)
    assert (body["cost"]["input_tokens"], body["cost"]["output_tokens"]) == (read, 20)
    (line,) = lines(stage, "run-1.jsonl")
    assert list(line)[:11] == CONTRACT
    assert (line["request_id"], line["provider"], line["agent"], line["status"]) == (
        "req-1", "openai-luna", "tester", "success",
    )  # fmt: skip
    assert body["timestamp"] == line["timestamp"] == STAMP
    assert body["cost"]["cost_usd"] == line["cost_usd"] > 0
    assert isinstance(body["cost"]["latency_ms"], int)


async def test_prices_are_ours_where_the_model_is_ours_whatever_is_registered(stage: Stage) -> None:
    await stage.register("free", cost_per_input_token=0.0, cost_per_output_token=0.0)
    assert (await stage.route()).json()["cost"]["cost_usd"] > 0


async def test_what_was_paid_is_told_to_the_event_stream(stage: Stage) -> None:
    await stage.register("openai-luna")
    body = (await stage.route()).json()
    (told,) = stage.told("cost_update")
    assert list(told) == CONTRACT
    assert (told["cost_usd"], told["timestamp"]) == (body["cost"]["cost_usd"], body["timestamp"])


async def test_metadata_stands_in_the_receipt(stage: Stage) -> None:
    await stage.register("openai-luna")
    assert (await stage.route(metadata={"task": [1]})).status_code == 200
    (line,) = lines(stage, "run-1.jsonl")
    assert list(line)[:12] == [*CONTRACT, "metadata"]
    assert line["metadata"] == {"task": [1]}


@pytest.mark.parametrize("stream", [False, True])
async def test_the_next_takes_over_where_one_fails(stage: Stage, stream: bool) -> None:
    await stage.register("a-luna")
    await stage.register("b-sol", DEAR, cost_per_input_token=1.0)
    stage.network.failing[CHEAP] = 500
    payload = {"messages": [{"role": "user", "content": "hello"}], "stream": stream}
    reply = await stage.route("", payload=payload)
    if stream:
        assert (reply.headers["x-polyglot-registration"], reply.headers["x-polyglot-fallback-from"]) == (
            "b-sol",
            "a-luna",
        )
    else:
        body = reply.json()
        assert (body["status"], body["provider"], body["fallback_from"]) == ("success", "b-sol", "a-luna")
        assert body["alternatives"] == ["a-luna"]
    await stage.get("/receipts/run-1")
    first, second = lines(stage, "run-1.jsonl")
    assert (first["status"], first["provider"], first["cost_usd"], first["input_tokens"]) == ("error", "a-luna", 0, 0)
    assert list(second)[:12] == [*CONTRACT, "fallback_from"]
    assert (second["status"], second["provider"], second["fallback_from"]) == ("fallback", "b-sol", "a-luna")
    (told,) = stage.told("cost_update")
    assert (told["status"], told["fallback_from"]) == ("fallback", "a-luna")


async def test_where_all_fail_the_answer_says_so_and_costs_nothing(stage: Stage) -> None:
    await stage.register("a-luna")
    await stage.register("b-sol", DEAR, cost_per_input_token=1.0)
    stage.network.failing["api.openai.com"] = 500
    status, body = plain(await stage.route(""))
    assert (status, body["status"], body["provider"], body["alternatives"]) == (200, "error", "a-luna", ["b-sol"])
    assert body["response"]["error"]["message"] == body["error_message"]
    assert (body["cost"]["input_tokens"], body["cost"]["cost_usd"]) == (0, 0)
    assert [line["status"] for line in lines(stage, "run-1.jsonl")] == ["error", "error"]


async def test_a_payload_that_cannot_be_sent_has_a_receipt_too(stage: Stage) -> None:
    await stage.register("a-luna")
    status, body = plain(await stage.route(payload=None))
    assert (status, body["status"], body["cost"]["cost_usd"]) == (200, "error", 0)
    assert "messages" in body["error_message"]
    (line,) = lines(stage, "run-1.jsonl")
    assert (line["status"], line["provider"], line["error_message"]) == ("error", "a-luna", "BadRequest")


async def test_an_unknown_address_is_not_called(stage: Stage) -> None:
    await stage.register("far", endpoint="http://169.254.169.254")
    body = (await stage.route()).json()
    assert body["status"] == "error"
    assert "POLYGLOT_SWARM_ENDPOINTS" in body["error_message"]
    assert stage.network.seen == []


@pytest.mark.parametrize("stream", [False, True])
async def test_an_allowed_address_is_called_without_a_key_and_booked_by_its_registration(
    make: Make, stream: bool
) -> None:
    stage = make(allowed=[ELSEWHERE])
    await stage.register(
        "far", "llama", endpoint=ELSEWHERE + "/", cost_per_input_token=1e-6, cost_per_output_token=2e-6
    )
    payload = {"messages": [{"role": "user", "content": "hello"}], "stream": stream}
    reply = await stage.route("llama", payload=payload, headers={"authorization": "Bearer mine"})
    assert reply.status_code == 200
    (sent,) = stage.network.seen
    assert str(sent.url) == ELSEWHERE + "/chat/completions"
    assert "authorization" not in sent.headers
    await stage.get("/receipts/run-1")
    (line,) = lines(stage, "run-1.jsonl")
    assert (line["provider"], line["model"], line["status"]) == ("far", "llama", "success")
    assert line["cost_nano"] == len(sent.content) * 1000 + 20 * 2000


async def test_another_host_is_held_to_the_budget_of_the_run(make: Make) -> None:
    stage = make(allowed=[ELSEWHERE])
    await stage.register("far", "llama", endpoint=ELSEWHERE, context_window=100_000)
    await stage.http.post("/budget?run_id=run-1&budget_usd=0.000001")
    assert (await stage.route("llama")).status_code == 429
    assert stage.network.seen == []


async def test_a_stream_passes_with_the_headers_of_its_receipt(stage: Stage) -> None:
    await stage.register("openai-luna")
    reply = await stage.route(payload={"messages": [{"role": "user", "content": "hello"}], "stream": True})
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/event-stream")
    assert reply.text.endswith("data: [DONE]\n\n")
    found = await stage.get("/receipts/run-1")
    assert [line["receipt"] for line in found["receipts"]] == [reply.headers["x-polyglot-receipt"]]
    assert reply.headers["x-polyglot-registration"] == "openai-luna"
    (told,) = stage.told("cost_update")
    assert (told["cost_usd"], told["status"]) == (found["total_cost_usd"], "success")


async def test_selections_that_fail_are_503(stage: Stage) -> None:
    status, body = plain(await stage.route("nope"))
    assert (status, body) == (
        503,
        {
            "detail": "Provider Router unavailable: No providers found matching requirements: model='nope' context_window=None"
            " features=None"
        },
    )


async def test_the_bounds_of_the_client_are_the_selections(stage: Stage) -> None:
    await stage.register("openai-luna")
    assert (await stage.route(budget={"max_cost_usd": 0, "max_latency_ms": 0})).status_code == 200
    status, body = plain(await stage.route(budget={"max_cost_usd": 1e-9}))
    assert (status, body["detail"]) == (
        503,
        "Provider Router unavailable: No providers found within budget constraints",
    )


@pytest.mark.parametrize(
    ("field", "value", "type_"),
    [
        ("request_id", ..., "missing"), ("request_id", "", "string_too_short"), ("agent", "", "string_too_short"),
        ("agent", ..., "missing"), ("requirements", ..., "missing"), ("requirements", {}, "missing"),
        ("run_id", 5, "string_type"), ("payload", [], "dict_type"),
        ("optimization", "best", "literal_error"), ("budget", {"max_latency_ms": 1.5}, "int_from_float"),
        *(("run_id", name, "string_pattern_mismatch") for name in ("../x", "a/b", ".x", "a\\b", "a\u0000b", "/etc/passwd")),
        ("run_id", "x" * 129, "string_too_long"),
        ("metadata", {"x": "y" * 5000}, "too_long"),
    ],
)  # fmt: skip
async def test_requests_that_do_not_fit(stage: Stage, field: str, value: Any, type_: str) -> None:
    body = {"request_id": "r", "agent": "a", "requirements": {"model": ""}, field: value}
    reply = await stage.http.post("/route", json={name: said for name, said in body.items() if said is not ...})
    status, found = plain(reply)
    assert (status, found["detail"][0]["type"], found["detail"][0]["loc"][:2]) == (422, type_, ["body", field])
    assert list(stage.folder.rglob("*.jsonl")) == []


async def test_bad_json_is_a_422(stage: Stage) -> None:
    reply = await stage.http.post("/route", content=b"{bad", headers={"content-type": "application/json"})
    assert (reply.status_code, reply.json()["detail"][0]["type"]) == (422, "json_invalid")


async def test_a_call_that_is_too_large_is_refused(stage: Stage) -> None:
    reply = await stage.route(payload={"x": "y" * (1 << 22)})
    assert (reply.status_code, list(reply.json())) == (413, ["detail"])


async def test_while_the_process_stops_nothing_new_is_begun(stage: Stage) -> None:
    await stage.register("openai-luna")
    stage.app.parts.drain.begin()
    assert plain(await stage.route())[0] == 503


# --- receipts ---


async def test_receipts_of_a_run_nobody_knows(stage: Stage) -> None:
    assert await stage.get("/receipts/none") == {"run_id": "none", "receipts": [], "count": 0, "total_cost_usd": 0}


async def test_lines_of_other_programs_are_there_and_summed(stage: Stage) -> None:
    await stage.register("openai-luna")
    await stage.route()
    (ours,) = lines(stage, "run-1.jsonl")
    with (stage.receipts / "run-1.jsonl").open("a") as file:
        file.write('{"request_id": "other", "cost_usd": 0.25}\n{"half": \n[1]\n{"cost_usd": "x"}\n')
    found = await stage.get("/receipts/run-1")
    assert [line.get("request_id") for line in found["receipts"]] == ["req-1", "other", None]
    assert (found["count"], found["total_cost_usd"]) == (3, pytest.approx(0.25 + ours["cost_usd"]))
    assert (await stage.get("/metrics"))["total_requests"] == 1


async def test_calls_without_a_run_are_in_the_default_file(stage: Stage) -> None:
    await stage.register("openai-luna")
    body = (await stage.route(run_id=None)).json()
    assert body["run_id"] is None
    assert lines(stage, "default.jsonl")[0]["run_id"] is None
    assert (await stage.get("/receipts/default"))["count"] == 1


@pytest.mark.parametrize(
    "path", ["/receipts/..%2Fx", "/receipts/%2E%2E%2Fx", "/receipts/a%2Fb", "/receipts/a%5Cb", "/receipts/.x"]
)
async def test_no_runs_name_leads_out_of_the_folder(stage: Stage, path: str) -> None:
    (stage.folder / "x.jsonl").write_text('{"cost_usd": 1}\n')
    assert (await stage.http.get(path)).status_code in {400, 404, 422}


# --- metrics ---


async def test_windows_roll_and_survive_a_restart(stage: Stage) -> None:
    await stage.register("openai-luna")
    cost = (await stage.route()).json()["cost"]
    for seconds, counted in (
        (0, {"minute", "hour", "day"}),
        (3601, {"hour", "day"}),
        (86_400, {"day"}),
        (7 * 86_400, set()),
    ):
        stage.clock.pass_seconds(seconds)
        stage.restart()
        for window in ("minute", "hour", "day"):
            found = await stage.get(f"/metrics?window={window}")
            assert found["window"] == window
            assert found["total_requests"] == (window in counted)
    assert found == {
        "window": "day", "total_cost_usd": 0, "total_requests": 0, "total_tokens": 0, "cost_per_request": 0, "requests_per_provider": {},
        "cost_per_provider": {},
    }  # fmt: skip
    await stage.route()
    found = await stage.get("/metrics")
    assert found["total_tokens"] == cost["input_tokens"] + cost["output_tokens"]
    assert found["requests_per_provider"] == {"openai-luna": 1}
    assert found["cost_per_provider"] == {"openai-luna": found["total_cost_usd"]}
    assert found["cost_per_request"] == found["total_cost_usd"]


async def test_calls_at_the_other_doors_count_too(stage: Stage) -> None:
    body = {"model": CHEAP, "messages": [{"role": "user", "content": "hi"}]}
    for path in ("/v1/chat/completions", "/v1/any/chat/completions", "/chat/completions", "/any/chat/completions"):
        assert (await stage.http.post(path, json=body, headers={"x-run-id": "r2"})).status_code == 200
    assert (await stage.get("/metrics"))["requests_per_provider"] == {"openai": 4}
    assert (await stage.get("/receipts/r2"))["count"] == 4


async def test_windows_that_are_none(stage: Stage) -> None:
    assert plain(await stage.http.get("/metrics?window=year")) == (400, {"detail": "Invalid window: year"})


# --- budgets ---


async def set_budget(stage: Stage, query: str, **given: Any) -> tuple[int, Any]:
    return plain(await stage.http.post("/budget" + query, **given))


async def test_budgets_are_set_by_query_and_by_json(stage: Stage) -> None:
    done = {"run_id": "r", "budget_usd": 1.5, "status": "Budget set successfully"}
    assert await set_budget(stage, "?run_id=r&budget_usd=1.5") == (200, done)
    assert await set_budget(stage, "", json={"run_id": "r", "budget_usd": "1.5"}) == (200, done)
    assert await stage.get("/budget/r") == {
        "run_id": "r", "budget_set": True, "budget_usd": 1.5, "spent_usd": 0, "remaining_usd": 1.5, "percent_used": 0,
        "alert_level": "ok", "can_proceed": True,
    }  # fmt: skip
    assert await stage.get("/budget/unknown") == {
        "run_id": "unknown", "budget_set": False, "message": "No budget set for this run",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("", 422, "run_id"), ("?run_id=r", 422, "budget_usd"), ("?budget_usd=1", 422, "run_id"),
        ("?run_id=r&budget_usd=x", 422, "budget_usd"),
        ("?run_id=..%2Fx&budget_usd=1", 422, "run_id"), ("?run_id=r&budget_usd=inf", 422, "budget_usd"),
        ("?run_id=r&budget_usd=1e300", 422, "budget_usd"),
    ],
)  # fmt: skip
async def test_budgets_that_do_not_fit(stage: Stage, query: str, status: int, field: str) -> None:
    found, body = await set_budget(stage, query)
    assert (found, body["detail"][0]["loc"]) == (status, ["query", field])


@pytest.mark.parametrize("usd", ["0", "-1", "1e-10"])
async def test_budgets_are_positive(stage: Stage, usd: str) -> None:
    assert await set_budget(stage, f"?run_id=r&budget_usd={usd}") == (400, {"detail": "Budget must be positive"})


async def spent_by_one(stage: Stage) -> Nano:
    """What one call costs, by the run of another."""
    await stage.register("openai-luna")
    await stage.route(run_id="first", payload=PROMPT)
    nano: int = lines(stage, "first.jsonl")[0]["cost_nano"]
    return nano


PROMPT = {"messages": [{"role": "user", "content": "w " * 4000}], "max_completion_tokens": 20}
"""Its cost is nearly its bound, so that the last calls of a budget fit."""


@pytest.mark.parametrize("restarts", [set(), {5}, {10, 11, 12, 13}])
async def test_a_budget_is_spent_to_the_last_call_and_never_overspent(stage: Stage, restarts: set[int]) -> None:
    one = await spent_by_one(stage)
    limit = one * 25 // 2
    await set_budget(stage, f"?run_id=run-1&budget_usd={limit / 1e9:.9f}")
    stage.events.clear()
    levels, statuses = [], []
    for number in range(1, 14):
        reply = await stage.route(payload=PROMPT)
        statuses.append(reply.status_code)
        if number in restarts:
            stage.restart()
        levels.append((await stage.get("/budget/run-1"))["alert_level"])
    assert statuses == [200] * 12 + [429]
    assert levels[8:12] == ["ok", "caution", "caution", "warning"]
    assert reply.json() == {"detail": "Budget exceeded: 96.0% used"}
    assert (reply.headers["retry-after"], reply.headers["x-should-retry"]) == ("60", "false")
    assert [event["percent"] for event in stage.told("budget_alert")] == [75, 90]
    assert [event["alert_level"] for event in stage.told("budget_alert")] == ["caution", "warning"]
    assert {event["run_id"] for event in stage.told("budget_alert")} == {"run-1"}
    assert sum(line["cost_nano"] for line in lines(stage, "run-1.jsonl")) == 12 * one < limit
    if 13 not in restarts:
        found = await stage.get("/budget/run-1")
        assert (found["alert_level"], found["can_proceed"], found["percent_used"]) == ("critical", False, 96.0)
        await set_budget(stage, f"?run_id=run-1&budget_usd={2 * limit / 1e9:.9f}")
        found = await stage.get("/budget/run-1")
        assert (found["alert_level"], found["can_proceed"], found["percent_used"]) == ("ok", True, 48.0)
        assert (await stage.route(payload=PROMPT)).status_code == 200


async def test_a_run_gets_to_its_last_call_where_nobody_said_how_long_an_answer_may_be(make: Make) -> None:
    """Each bound is the model's whole output, so the maximum is lowered to what there is."""
    seen: list[dict[str, Any]] = []

    def network(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/input_tokens"):
            return httpx.Response(200, json={"object": "response.input_tokens", "input_tokens": 400})
        seen.append(json.loads(request.content))
        return completion(request, (400, 40))

    stage = make(network=network)
    await stage.register("openai-luna")
    prompt = {"messages": [{"role": "user", "content": "w " * 400}]}
    await stage.route(run_id="first", payload=prompt)
    one = lines(stage, "first.jsonl")[0]["cost_nano"]
    await set_budget(stage, f"?run_id=run-1&budget_usd={one * 25 / 2e9:.9f}")
    bodies = [(await stage.route(payload=prompt)).json() for _ in range(13)]
    assert [body.get("status") for body in bodies] == ["success"] * 12 + [None]
    assert bodies[12] == {"detail": "Budget exceeded: 96.0% used"}
    maxima = [each["max_completion_tokens"] for each in seen[1:]]
    assert [body["clamped"] for body in bodies[:12]] == [f"128000->{maximum}" for maximum in maxima]
    assert maxima == sorted(maxima, reverse=True)
    assert 40 <= maxima[-1] < 100


async def test_calls_at_once_never_overspend(stage: Stage) -> None:
    one = await spent_by_one(stage)
    await set_budget(stage, f"?run_id=run-1&budget_usd={one * 25 / 2e9:.9f}")
    replies = await asyncio.gather(*(stage.route(payload=PROMPT) for _ in range(20)))
    assert sorted({reply.status_code for reply in replies}) == [200, 429]
    assert sum(line["cost_nano"] for line in lines(stage, "run-1.jsonl")) <= one * 25 // 2


async def test_a_budget_that_is_met_exactly_is_critical_and_the_next_call_refused(stage: Stage) -> None:
    await stage.register("openai-luna")
    await stage.route(payload=PROMPT)
    await set_budget(stage, f"?run_id=run-1&budget_usd={lines(stage, 'run-1.jsonl')[0]['cost_nano'] / 1e9:.9f}")
    found = await stage.get("/budget/run-1")
    assert (found["alert_level"], found["can_proceed"], found["percent_used"]) == ("critical", False, 100.0)
    for model in (CHEAP, "nobody is even selected"):
        assert plain(await stage.route(model)) == (429, {"detail": "Budget exceeded: 100.0% used"})
    assert len(stage.network.seen) == 1


async def test_budgets_of_others_are_told_as_theirs(make: Make) -> None:
    stage = make(caps=[BudgetRow("process", "day", 1000, "UTC")])
    await stage.register("openai-luna")
    reply = await stage.route(payload=PROMPT)
    assert reply.status_code == 429
    assert reply.json()["detail"].startswith("Budget exceeded: The budget is used up")
    assert int(reply.headers["retry-after"]) > 60


# --- what it is ---


async def test_health_and_root(stage: Stage) -> None:
    assert await stage.get("/health") == {
        "status": "ok", "service": "gateway", "port": 6120, "timestamp": STAMP,
        "dependencies": {"provider_router": "http://127.0.0.1:6103", "event_stream": "http://127.0.0.1:6102"},
    }  # fmt: skip
    root = await stage.get("/")
    assert (root["service"], root["version"]) == ("Gateway", "1.0.0")
    described = await stage.get("/openapi.json")
    assert set(described["paths"]) == {
        "/route",
        "/receipts/{run_id}",
        "/metrics",
        "/budget",
        "/budget/{run_id}",
        "/health",
        "/",
    }
    assert "<h1>Gateway</h1>" in (await stage.http.get("/docs")).text
    assert plain(await stage.http.get("/nothing")) == (404, {"detail": "Not Found"})
    assert plain(await stage.http.get("/route")) == (405, {"detail": "Method Not Allowed"})


# --- auto ---


async def chat(stage: Stage, body: dict[str, Any], path: str = "/v1/chat/completions") -> httpx.Response:
    return await stage.http.post(path, json={"messages": [{"role": "user", "content": "hi"}], **body})


async def test_auto_is_the_model_that_the_router_selects(stage: Stage) -> None:
    await stage.register("a", CHEAP, features=["chat"])
    await stage.register("b", DEAR, features=["vision"], cost_per_input_token=1.0)
    plainly = await chat(stage, {"model": "auto"})
    assert (plainly.headers["x-polyglot-model"], plainly.headers["x-polyglot-edited"]) == (CHEAP, "model")
    reply = await chat(stage, {"model": "auto", "requirements": {"features": ["vision"]}, "optimization": "balanced"})
    assert (reply.headers["x-polyglot-model"], reply.headers["x-polyglot-edited"]) == (
        DEAR,
        "model, requirements, optimization",
    )
    assert set(json.loads(stage.network.seen[-1].content)) == {"model", "messages"}
    large = await chat(stage, {"model": "auto", "requirements": {}, "metadata": {"x": "y" * 300_000}})
    assert (large.status_code, large.headers["x-polyglot-model"]) == (200, CHEAP)
    assert "requirements" not in json.loads(stage.network.seen[-1].content)


async def test_auto_says_what_is_wrong(stage: Stage) -> None:
    reply = await chat(stage, {"model": "auto", "optimization": "best"})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "optimization")
    reply = await chat(stage, {"model": "auto", "requirements": {"model": "nope"}})
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "no_provider_selected")
    await stage.register("far", "far", endpoint=ELSEWHERE)
    assert "POST /route" in (await chat(stage, {"model": "auto"})).json()["error"]["message"]
    assert (await chat(stage, {"model": "auto"}, "/v1/openai/chat/completions")).status_code != 503


# --- keys ---


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    made = Keys(tmp_path / "keys")
    yield made
    made.close()


async def test_each_tenant_sees_its_own_runs(make: Make, keys: Keys) -> None:
    for tenant in ("acme", "beta", "house"):
        keys.store.create_tenant(tenant, by=BY)
    secrets = {tenant: keys.store.create_key(tenant, by=BY).secret for tenant in ("acme", "beta")}
    keys.directory.take(keys.store.read())
    stage = make(keys=keys.directory, tenant="house")
    await stage.register("openai-luna")
    acme, beta = ({"authorization": f"Bearer {secret}"} for secret in secrets.values())
    for headers in (acme, acme, beta, None):
        assert (await stage.route(headers=headers)).status_code == 200
    await stage.http.post("/budget?run_id=run-1&budget_usd=1", headers=acme)
    with (stage.receipts / "run-1.jsonl").open("a") as file:
        file.write('{"request_id": "other", "cost_usd": 1}\n')
    for headers, receipts, requests, is_set in ((acme, 2, 2, True), (beta, 1, 1, False), (None, 2, 1, False)):
        assert (await stage.get("/receipts/run-1", headers))["count"] == receipts
        assert (await stage.get("/metrics", headers))["total_requests"] == requests
        assert (await stage.get("/budget/run-1", headers))["budget_set"] is is_set
    body = {"model": CHEAP, "messages": [{"role": "user", "content": "hi"}]}
    assert (await stage.http.post("/v1/chat/completions", json=body)).status_code == 200
    assert (await stage.get("/metrics"))["total_requests"] == 2
    wrong = {"authorization": "Bearer nonsense"}
    assert (await stage.http.get("/receipts/run-1", headers=wrong)).status_code == 401
    assert (await stage.http.post("/v1/chat/completions", json=body, headers=wrong)).status_code == 401
    assert (await stage.get("/health", wrong))["service"] == "gateway"


async def test_without_a_tenant_for_them_everybody_needs_a_key(make: Make, keys: Keys) -> None:
    keys.store.create_tenant("acme", by=BY)
    secret = keys.store.create_key("acme", grant=Grant(faces=("openai",)), by=BY).secret
    keys.directory.take(keys.store.read())
    for tenant in (None, "nobody"):
        stage = make(keys=keys.directory, tenant=tenant)
        await stage.register("openai-luna")
        reply = await stage.route()
        assert (reply.status_code, list(reply.json())) == (401, ["detail"])
        assert (await stage.route(headers={"x-api-key": secret})).status_code == 403


async def test_who_may_not_use_the_model_is_told_so(make: Make, keys: Keys) -> None:
    keys.store.create_tenant("acme", grant=Grant(models=("gpt-6-sol",), budgets=(Cap("day", 10**9),)), by=BY)
    secret = keys.store.create_key("acme", by=BY).secret
    keys.directory.take(keys.store.read())
    stage = make(keys=keys.directory)
    await stage.register("a")
    assert (await stage.route(headers={"x-api-key": secret})).status_code == 403
    await stage.register("b", DEAR, cost_per_input_token=1.0)
    body = (await stage.route("", headers={"x-api-key": secret})).json()
    assert (body["provider"], body["fallback_from"]) == ("b", "a")


async def test_failures_without_an_answer_cost_nothing(make: Make) -> None:
    stage = make(network=Network(failing={"api.openai.com": 0}))
    await stage.register("a")
    body = (await stage.route()).json()
    assert (body["status"], body["cost"]["cost_usd"]) == ("error", 0)


CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'


async def test_a_stream_that_breaks_says_so_in_band_and_is_an_error(make: Make) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        return streamed([CHUNK], httpx.ReadError("cut"))

    stage = make(network=broken)
    await stage.register("a")
    await stage.register("b", DEAR, cost_per_input_token=1.0)
    reply = await stage.route("", payload={"messages": [{"role": "user", "content": "hello"}], "stream": True})
    assert reply.status_code == 200
    assert b"".join(CHUNK.split(b"\n\n")) in reply.content
    assert '"error"' in reply.text
    assert "[DONE]" not in reply.text
    (line,) = (await stage.get("/receipts/run-1"))["receipts"]
    (told,) = stage.told("cost_update")
    assert (line["status"], told["status"], told["cost_usd"]) == ("error", "error", line["cost_usd"])


async def test_a_client_that_leaves_ends_the_call_and_is_booked(make: Make) -> None:
    arrived = asyncio.Event()

    async def silent(request: httpx.Request) -> httpx.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    stage = make(network=silent)
    await stage.register("a")
    task = asyncio.create_task(stage.route())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (line,) = (await stage.get("/receipts/run-1"))["receipts"]
    assert (line["status"], line["outcome"]) == ("error", "cancelled")


async def test_a_defect_of_ours_is_a_500_as_json(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.register("a")

    monkeypatch.setattr(type(stage.router), "select", lambda *_: 1 / 0)
    transport = stage.http._transport
    assert isinstance(transport, httpx.ASGITransport)
    transport.raise_app_exceptions = False
    status, body = plain(await stage.route())
    assert (status, list(body)) == (500, ["detail"])


async def test_while_the_ledger_is_out_of_order_nothing_is_answered(stage: Stage) -> None:
    await stage.register("a")
    stage.till.close()
    status, body = plain(await stage.route())
    assert (status, list(body)) == (503, ["detail"])
    assert (await stage.http.get("/metrics")).status_code == 503
    assert (await stage.http.get("/receipts/r")).status_code == 503
    assert (await stage.http.post("/budget?run_id=r&budget_usd=1")).status_code == 503
