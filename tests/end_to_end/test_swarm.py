"""The swarm over real processes and sockets: the services that we serve, and others that are announced to them."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from end_to_end.conftest import PROVIDERS, environment
from end_to_end.swarming import EventStream, Ports, Swarm, event_stream, swarm, until

KEYS = [
    "request_id", "run_id", "agent", "timestamp", "provider", "model", "input_tokens", "output_tokens", "cost_usd", "latency_ms", "status",
]  # fmt: skip


def order(request: str, run: str, model: str) -> dict[str, Any]:
    return {
        "request_id": request,
        "run_id": run,
        "agent": "tester",
        "requirements": {"model": model},
        "payload": {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 40},
    }


def price(provider: dict[str, Any]) -> float:
    return float(provider["cost_per_input_token"] + provider["cost_per_output_token"])


@pytest.fixture(scope="module")
def stream() -> Iterator[EventStream]:
    with event_stream() as found:
        yield found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, stream: EventStream) -> Iterator[Swarm]:
    with swarm(tmp_path_factory.mktemp("served"), Ports.free(stream.url)) as found:
        until(found.is_announced)
        yield found


# --- one process ---


def test_all_four_are_listed_and_health_tells_who_serves(served: Swarm) -> None:
    names = [each["name"] for each in served.get("router", "/providers")["providers"]]
    assert all(any(provider in name for name in names) for provider in PROVIDERS)
    until(lambda: served.health()["events"]["state"] == "external")
    health = served.health()
    assert health["mode"] == "embedded"
    assert {name: health[name]["state"] for name in ("router", "gateway", "registry", "events")} == {
        "router": "ours", "gateway": "ours", "registry": "ours", "events": "external",
    }  # fmt: skip
    assert health["router"]["url"] == served.url("router", "")
    assert sorted(names) == sorted(health["router"]["registered"])
    assert len(health["registry"]["registered"]) == 4


def test_the_cheapest_with_an_ability_is_selected(served: Swarm) -> None:
    able = [each for each in served.get("router", "/providers")["providers"] if "vision" in each["features"]]
    reply = served.post("router", "/select", {"requirements": {"model": "", "features": ["vision"]}}).json()
    assert price(reply["selected_provider"]) == min(map(price, able))


def test_a_routed_call_has_a_models_words_its_true_cost_and_a_receipt(served: Swarm, stream: EventStream) -> None:
    chosen = served.post("router", "/select", {"requirements": {"model": ""}}).json()["selected_provider"]
    reply = served.post("gateway", "/route", order("req-1", "true-cost", chosen["model"])).json()
    direct = httpx.post(
        f"{chosen['endpoint']}/v1/chat/completions", json={"model": chosen["model"], **order("", "", "")["payload"]}, trust_env=False,
    ).json()  # fmt: skip
    assert reply["status"] == "success"
    assert reply["response"]["choices"][0]["message"]["content"] == direct["choices"][0]["message"]["content"]
    assert reply["cost"]["input_tokens"] == direct["usage"]["prompt_tokens"] > 0
    assert reply["cost"]["output_tokens"] == direct["usage"]["completion_tokens"] > 0
    cost = (
        reply["cost"]["input_tokens"] * chosen["cost_per_input_token"]
        + reply["cost"]["output_tokens"] * chosen["cost_per_output_token"]
    )
    assert abs(reply["cost"]["cost_usd"] - cost) <= 5.1e-7
    (line,) = (served.folder / "artifacts/costs/sandbox/true-cost.jsonl").read_text().splitlines()
    receipt = json.loads(line)
    assert list(receipt)[: len(KEYS)] == KEYS
    assert (receipt["request_id"], receipt["provider"]) == ("req-1", chosen["name"])
    told = until(lambda: [each for each in stream.of("cost_update") if each["run_id"] == "true-cost"])
    assert [each["cost_usd"] for each in told] == [receipt["cost_usd"]]


def test_a_plain_call_is_told_to_the_event_stream_too(served: Swarm, stream: EventStream) -> None:
    body = order("", "", "")["payload"]
    headers = {"x-run-id": "plain"}
    httpx.post(f"{served.gateway.base_url('grok')}/chat/completions", json=body, headers=headers, trust_env=False)
    (told,) = until(lambda: [each for each in stream.of("cost_update") if each["run_id"] == "plain"])
    assert told["status"] == "success"


def test_the_one_door_is_on_the_gateways_port_and_auto_is_selected_for(served: Swarm) -> None:
    body = {**order("", "", "")["payload"], "model": "auto", "requirements": {"features": ["vision"]}}
    reply = served.post("gateway", "/v1/chat/completions", body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["choices"][0]["message"]["content"]


def test_no_web_page_reaches_the_services(served: Swarm) -> None:
    for service in ("router", "gateway", "registry"):
        strange = httpx.get(served.url(service, "/health"), headers={"host": "evil.example"}, trust_env=False)
        foreign = httpx.get(served.url(service, "/health"), headers={"origin": "http://evil.example"}, trust_env=False)
        assert (strange.status_code, foreign.status_code) == (421, 403)


def command(place: Swarm, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {**environment(place.folder, place.gateway.ports), **place.ports.environ("external")}
    return subprocess.run(
        [sys.executable, "-m", "polyglot_cloud", "swarm", *words],
        cwd=place.folder, env=environ, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_ports_are_given_up_without_a_restart_and_a_real_service_is_found_there(tmp_path: Path) -> None:
    with swarm(tmp_path / "one") as one:
        until(one.is_announced)
        secret = json.loads((one.folder / "artifacts/sandbox.swarm.json").read_text())["secret"]
        for shown in ({}, {"authorization": f"Bearer {secret}x"}):
            refused = httpx.post(
                one.url("router", "/polyglot/release"), json={"services": []}, headers=shown, trust_env=False
            )
            assert refused.status_code == 401
        assert "served here" in command(one, "status").stdout
        assert command(one, "release", "registry").stdout == "Agent Registry: given up. Its port is free.\n"
        with pytest.raises(httpx.ConnectError):
            one.get("registry", "/health")
        assert one.get("router", "/health")["service"] == "provider_router"
        command(one, "release")
        with swarm(tmp_path / "two", one.ports) as two:
            until(lambda: one.own() <= two.endpoints())
            until(lambda: {one.health()[name]["state"] for name in ("router", "registry")} == {"external"})
        refused_to = command(one, "release")
        assert (refused_to.returncode, "No gateway serves the swarm" in refused_to.stderr) == (1, True)


def test_a_stranger_keeps_its_port_and_is_named(tmp_path: Path) -> None:
    with event_stream() as stranger:
        ports = Ports.free()
        ports.gateway = stranger.server_address[1]
        with swarm(tmp_path, ports) as one:
            until(lambda: one.health()["gateway"]["state"] == "squatter")
            assert one.health()["gateway"]["detail"] == "event_stream"
            until(lambda: one.health()["router"]["state"] == "ours")


# --- two processes ---


def test_a_second_process_is_announced_and_gone_when_it_stops(tmp_path: Path) -> None:
    with swarm(tmp_path / "first") as first:
        with swarm(tmp_path / "second", first.ports, "external") as second:
            until(lambda: second.own() <= first.endpoints() and second.is_announced())
            assert {second.health()[name]["state"] for name in ("router", "gateway", "registry")} == {"external"}
            beats = {
                each["service_id"]: each["last_heartbeat_ts"] for each in first.get("registry", "/services")["items"]
            }
            until(lambda: all(
                each["last_heartbeat_ts"] > beats[each["service_id"]] for each in first.get("registry", "/services")["items"]
            ))  # fmt: skip
            first.end()
            until(lambda: second.health()["router"]["state"] == "down")
            first.begin()
            until(lambda: second.own() <= first.endpoints() and second.is_announced())
            gone = second.own()
        assert not gone & first.endpoints()
        assert not gone & {each["url"] for each in first.get("registry", "/services")["items"]}


def test_services_that_come_after_us_find_their_ports_free(tmp_path: Path) -> None:
    with swarm(tmp_path / "early", mode="external") as early:
        until(lambda: early.health()["router"]["state"] == "down")
        with swarm(tmp_path / "late", early.ports) as late:
            until(lambda: early.own() <= late.endpoints())
            until(lambda: early.health()["gateway"]["state"] == "external")


# --- money ---


def test_a_budget_holds_over_a_kill_and_each_event_comes_once(tmp_path: Path) -> None:
    with event_stream() as told, swarm(tmp_path / "one", Ports.free(told.url)) as one:
        until(one.is_announced)
        model = one.post("router", "/select", {"requirements": {"model": ""}}).json()["selected_provider"]["model"]
        one.post("gateway", "/route", order("first", "measure", model))
        cost = one.get("gateway", "/receipts/measure")["receipts"][0]["cost_nano"] / 1e9
        assert one.post("gateway", f"/budget?run_id=r&budget_usd={cost * 12.5:.9f}").status_code == 200
        levels, statuses = [], []
        for number in range(1, 14):
            if number == 11:
                one.kill()
                one.begin()
                until(one.is_announced)
                until(lambda: one.health()["events"]["state"] == "external")
            statuses.append(one.post("gateway", "/route", order(f"r-{number}", "r", model)).status_code)
            levels.append(one.get("gateway", "/budget/r")["alert_level"])
        assert statuses == [200] * 12 + [429]
        assert levels == ["ok"] * 9 + ["caution"] * 2 + ["warning", "critical"]
        receipts = one.get("gateway", "/receipts/r")
        assert sum(each["cost_nano"] for each in receipts["receipts"]) == pytest.approx(cost * 12 * 1e9)
        until(lambda: len([each for each in told.of("budget_alert") if each["scope"].endswith("/r")]) >= 2)
        one.end()
        percents = sorted(each["percent"] for each in told.of("budget_alert") if each["scope"].endswith("/r"))
        assert percents == sorted(set(percents))
        assert percents[:2] == [75, 90]
        assert sorted(each["request_id"] for each in told.of("cost_update") if each["run_id"] == "r") == sorted(
            f"r-{number}" for number in range(1, 13)
        )


# --- keys ---


def test_once_there_are_keys_the_services_ask_for_one_and_tenants_see_their_own(tmp_path: Path) -> None:
    key = "a-key-of-acme-0123456789"
    (tmp_path / "config").mkdir()
    (tmp_path / "config/polyglot.toml").write_text(
        f'[tenant.acme]\n[tenant.local]\n[key.one]\ntenant = "acme"\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\n'
    )
    shown = {"authorization": f"Bearer {key}"}
    with swarm(tmp_path) as one:
        until(lambda: len(one.health()["registry"]["registered"]) == 4 and one.health()["router"]["registered"])
        for service, path in (("router", "/providers"), ("registry", "/services"), ("gateway", "/metrics")):
            assert httpx.get(one.url(service, path), trust_env=False).status_code == 401
            assert httpx.get(one.url(service, path), headers=shown, trust_env=False).status_code == 200
        assert one.get("gateway", "/health")["service"] == "gateway"
        listed = httpx.get(one.url("router", "/providers"), headers=shown, trust_env=False).json()["providers"]
        assert one.own() <= {each["endpoint"] for each in listed}
        one.end()
        one.more["POLYGLOT_SWARM_TENANT"] = "local"
        one.begin()
        until(one.is_announced)
        model = listed[0]["model"]
        assert one.post("gateway", "/route", order("local-1", "r", model)).json()["status"] == "success"
        of_acme = httpx.get(one.url("gateway", "/receipts/r"), headers=shown, trust_env=False).json()
        assert (one.get("gateway", "/receipts/r")["count"], of_acme["count"]) == (1, 0)
