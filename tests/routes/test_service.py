from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness import HELLO, application, get, post, replying
from polyglot_cloud.routes.service import latency

REPLY = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [], "usage": None}
PROVIDERS = ["openai", "anthropic", "gemini", "grok"]
PORTS = dict(zip(PROVIDERS, range(8100, 8104), strict=True))


async def json_of(path: str, environ: dict[str, str] | None = None, **options: Any) -> Any:
    reply = await get(application(replying()[0], environ, **options), path)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_health_has_the_contracts_fields(provider: str) -> None:
    health = await json_of(f"/v1/{provider}/health")
    assert health["status"] == "healthy"
    assert health["service"] == f"{provider}-{health['model']}"
    assert (health["port"], health["provider"], health["api_key_present"]) == (PORTS[provider], provider, True)
    assert health["uptime_seconds"] >= 0
    assert health["last_request_ms"] is None


async def test_a_missing_key_degrades_its_provider_alone_and_says_why() -> None:
    app = application(replying()[0], {"XAI_API_KEY": ""})
    grok = (await get(app, "/v1/grok/health")).json()
    assert (grok["status"], grok["api_key_present"]) == ("degraded", False)
    assert "GROK_API_KEY" in grok["problems"][0]
    assert (await get(app, "/v1/openai/health")).json()["status"] == "healthy"


async def test_a_retired_default_shows_its_successor() -> None:
    health = await json_of("/v1/openai/health", {"OPENAI_MODEL_NAME": "gpt-4-turbo"})
    assert health["model"] != "gpt-4-turbo"
    assert "gpt-4-turbo is retired" in health["problems"][0]


async def test_a_provider_without_models_is_degraded_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = '[[provider]]\nname = "acme"\nadapter = "openai"\nbase_url = "https://a.example/v1"\n'
    file.write_text(f'{text}key_variables = ["ACME_API_KEY"]\n')
    health = await json_of("/v1/acme/health", {"ACME_API_KEY": "sk-0123456789"}, overlay=file)
    assert (health["status"], health["model"], health["service"]) == ("degraded", None, "acme")
    assert "no default model" in health["problems"][0]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_info_has_what_the_swarms_script_checks(provider: str) -> None:
    info = await json_of(f"/v1/{provider}/info")
    assert info["service_name"].endswith("Adapter")
    assert info["provider"] == info["model"]["provider"] == provider
    assert info["model"]["context_window"] >= 16385
    assert info["model"]["cost_per_input_token"] > 0
    assert info["model"]["cost_per_output_token"] > 0
    assert info["model"]["capabilities"]
    assert info["performance"] == {"avg_latency_ms": None, "p95_latency_ms": None}
    assert "/chat/completions" in info["endpoints"]


@pytest.mark.parametrize(("day", "per_token"), [(date(2026, 11, 30), 2e-06), (date(2026, 12, 1), 4e-06)])
async def test_info_tells_the_price_of_the_day(day: date, per_token: float) -> None:
    info = await json_of("/v1/gemini/info", {"GEMINI_MODEL_NAME": "gemini-4-argon"}, today=day)
    assert info["model"]["cost_per_input_token"] == per_token


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_root_says_what_is_here(provider: str, slash: str) -> None:
    root = await json_of(f"/v1/{provider}{slash}")
    assert root["service"].endswith("Adapter")
    assert root["endpoints"]["chat"] == "POST /chat/completions"
    assert root["provider"] == provider


async def test_calls_leave_their_time_in_health_and_info() -> None:
    app = application(replying(httpx.Response(200, json=REPLY))[0])
    await post(app, "/v1/openai/chat/completions", {"messages": HELLO})
    assert (await get(app, "/v1/openai/health")).json()["last_request_ms"] >= 0
    assert (await get(app, "/v1/openai/info")).json()["performance"]["avg_latency_ms"] > 0
    assert (await get(app, "/v1/grok/health")).json()["last_request_ms"] is None


async def test_ready_is_another_question_than_health() -> None:
    app = application(replying()[0])
    assert (await get(app, "/ready")).json() == {"ready": True, "in_flight": 0}
    app.parts.drain.begin()
    assert (await get(app, "/ready")).status_code == 503
    assert (await get(app, "/v1/openai/health")).status_code == 200
    call = await post(app, "/v1/openai/chat/completions", {"messages": HELLO})
    assert (call.status_code, call.json()["error"]["code"]) == (503, "gateway_draining")


@pytest.mark.parametrize(
    ("times", "average", "p95"), [([5.0], 5.0, 5.0), ([1.0, 2.0, 3.0], 2.0, 3.8), (list(range(1, 101)), 50.5, 96.0)]
)
def test_latency(times: list[float], average: float, p95: float) -> None:
    assert latency(times) == {"avg_latency_ms": average, "p95_latency_ms": pytest.approx(p95, abs=0.1)}


@pytest.mark.parametrize(
    "path", ["/v1/nobody/health", "/v1/nobody/info", "/v1/nobody/", "/v1/nobody/docs", "/v1/nobody/models"]
)
async def test_an_unknown_provider_is_a_404_that_names_the_known(path: str) -> None:
    reply = await get(application(replying()[0]), path)
    assert reply.status_code == 404
    assert "openai, anthropic, gemini, grok" in reply.json()["error"]["message"]
