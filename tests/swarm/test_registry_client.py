"""The Registry's client against the real one's habits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from polyglot_cloud.swarm.link import Squatted, Unreachable, is_registry
from polyglot_cloud.swarm.offers import Listening, Offering
from polyglot_cloud.swarm.registry_client import RegistryClient, Service, declared_interval, service_of
from swarm import wire_rules
from swarm.fault_server import CRASH, Cut, Hang, Refuse, Registry, Reply, Squatter, played
from swarm.stage import QUICK, Process, linked, offering, range_of

OPENAI = Listening("openai", "http://127.0.0.1:8100", 8100, has_key=True)


def service(default: Offering | None = None, listening: Listening = OPENAI, interval: float = 45.0) -> Service:
    return service_of(listening, default or offering(), interval, "box", "1.2.3")


@dataclass
class Told:
    registry: RegistryClient
    process: Process
    services: list[Service]
    turned: list[tuple[str, str]] = field(default_factory=list)


@asynccontextmanager
async def client(url: str, *services: Service, within: float = 5.0) -> AsyncIterator[Told]:
    process = Process()
    found = list(services) or [service()]
    turned: list[tuple[str, str]] = []
    async with linked(url, is_registry, within=within) as link:
        registry = RegistryClient(
            link, lambda: found, process.ours(), lambda each: turned.append((each.provider, each.health))
        )
        yield Told(registry, process, found, turned)


@pytest.mark.parametrize(
    ("interval", "declared"), [(45.0, 60), (30.0, 40), (180.0, 240), (0.1, 10), (0.5, 10), (60.0, 80), (224.9, 300)]
)
def test_what_is_declared_is_twice_the_longest_gap(interval: float, declared: int) -> None:
    assert declared_interval(interval) == declared
    assert declared >= interval / 2 * 4 / 3 * 2 or declared == 300


@pytest.mark.parametrize("interval", [0.1, 10.0, 14.9, 15.1, 45.0, 180.0])
@pytest.mark.parametrize("retired", ["refuse", "successor"])
def test_every_body_and_heartbeat_over_the_catalog_is_taken_by_the_contract(interval: float, retired: str) -> None:
    process = Process()
    for p95, running in ((None, 0), (12.34, 3), (0.0, 100_000)):
        process.p95, process.running = p95, running
        for default in (*range_of({"POLYGLOT_RETIRED": retired}).offerings, None):
            found = service_of(OPENAI, default, interval, "box", "1.2.3")
            assert wire_rules.registry(found.body) == []
            beat = found.heartbeat(process.ours())
            assert wire_rules.heartbeat(beat) == []
            assert {"p95_ms", "queue_depth", "load", "status"} <= set(beat)  # what is left out is cleared
            assert beat["load"] <= 1


def test_what_is_said_of_a_listener() -> None:
    body = service().body
    assert body["labels"] == {
        "parent": "gateway", "agent_role": "model_provider", "tier": "5", "port": "8100",
        "provider": "openai", "model": "gpt-6.1-terra", "version": "1.2.3",
    }  # fmt: skip
    assert (body["name"], body["type"], body["role"], body["url"], body["ctx_limit"]) == (
        "openai-gpt-6-1-terra", "model", "production", "http://127.0.0.1:8100", 1000,
    )  # fmt: skip
    assert body["cost_hint"] == {"usd_per_1k": 0.003}
    assert (body["heartbeat_interval_s"], body["ttl_s"]) == (60, 90)


def test_a_provider_without_a_model_is_there_and_degraded() -> None:
    keyless = Listening("openai", "http://127.0.0.1:8100", 8100, has_key=False)
    bare = service_of(keyless, None, 45.0, "box", "1.2.3")
    assert (bare.health, bare.body["name"], bare.body["caps"]) == ("degraded", "openai", ["chat"])
    assert wire_rules.registry(bare.body) == []
    assert service_of(keyless, offering(), 45.0, "box", "v").health == "degraded"
    assert service_of(OPENAI, None, 45.0, "box", "v").health == "degraded"
    assert service().health == "ok"


async def test_it_is_registered_and_its_heart_beats() -> None:
    registry = Registry()
    async with played(registry), client(registry.url) as ours:
        await ours.registry.visit()
        (found,) = registry.services.values()
        assert (found["status"], found["p95_ms"], found["queue_depth"], found["load"]) == ("ok", 123.4, 3, 0.03)
        ours.process.p95 = None
        await ours.registry.visit()
        assert found["p95_ms"] is None
        assert registry.count("POST /register") == 1
        assert registry.count("PUT /heartbeat") == 2
        assert ours.registry.registered == ["openai-gpt-6-1-terra"]
        assert registry.refused == []


@pytest.mark.parametrize("lose", [True, False])
async def test_after_a_restart_of_the_registry_it_is_there_again(lose: bool) -> None:
    registry = Registry()
    async with played(registry), client(registry.url) as ours:
        await ours.registry.visit()
        await registry.restart(lose=lose)
        await ours.registry.visit()
        assert [found["p95_ms"] for found in registry.services.values()] == [123.4]
        assert registry.count("POST /register") == (2 if lose else 1)


async def test_after_a_restart_of_ours_the_id_is_there_already() -> None:
    registry = Registry()
    async with played(registry):
        async with client(registry.url) as crashed:
            await crashed.registry.visit()
        async with client(registry.url) as ours:
            await ours.registry.visit()
            assert registry.count("POST /deregister") == 0
            assert len(registry.services) == 1
            assert registry.count("PUT /heartbeat") == 2
            assert ours.registry.registered == ["openai-gpt-6-1-terra"]


async def test_what_was_said_before_and_is_no_more_so_is_said_anew() -> None:
    registry = Registry()
    async with played(registry):
        async with client(registry.url, service(offering("gpt-5"))) as crashed:
            await crashed.registry.visit()
        async with client(registry.url) as ours:
            await ours.registry.visit()
            (found,) = registry.services.values()
            assert found["labels"]["model"] == "gpt-6.1-terra"
            ours.services[0] = service(offering("gpt-5.5"))
            await ours.registry.visit()
            (found,) = registry.services.values()
            assert found["labels"]["model"] == "gpt-5.5"
            assert registry.count("POST /deregister") == 2
            assert ours.registry.problems == {}


@pytest.mark.parametrize("place", ["POST /register", "POST /deregister", "GET /services"])
async def test_a_change_that_was_not_taken_is_said_again(place: str) -> None:
    registry = Registry()
    async with played(registry), client(registry.url, within=QUICK) as ours:
        await ours.registry.visit()
        ours.services[0] = service(offering("gpt-5.5"))
        registry.fault(place, CRASH)
        with pytest.raises(Unreachable):
            await ours.registry.visit()
        registry.heal()
        await ours.registry.visit()
        assert [found["labels"]["model"] for found in registry.services.values()] == ["gpt-5.5"]


async def test_a_change_that_was_taken_unheard_and_is_undone_is_said_too() -> None:
    registry = Registry()
    async with played(registry), client(registry.url) as ours:
        await ours.registry.visit()
        before, ours.services[0] = ours.services[0], service(offering("gpt-5.5"))
        registry.lose()
        registry.fault("POST /register", Cut())
        with pytest.raises(Unreachable):
            await ours.registry.visit()
        registry.heal()
        ours.services[0] = before
        await ours.registry.visit()
        assert [found["labels"]["model"] for found in registry.services.values()] == ["gpt-6.1-terra"]


async def test_its_health_goes_with_the_heartbeat_and_a_change_is_told() -> None:
    registry = Registry()
    keyless = Listening("openai", "http://127.0.0.1:8100", 8100, has_key=False)
    async with played(registry), client(registry.url) as ours:
        await ours.registry.visit()
        ours.services[0] = service(listening=keyless)
        await ours.registry.visit()
        await ours.registry.visit()
        assert [found["status"] for found in registry.services.values()] == ["degraded"]
        ours.services[0] = service()
        await ours.registry.visit()
        assert [found["status"] for found in registry.services.values()] == ["ok"]
    assert ours.turned == [("openai", "degraded"), ("openai", "ok")]


async def test_a_listener_that_is_gone_is_deregistered() -> None:
    registry = Registry()
    grok = service(offering("grok-4.7", "grok"), Listening("grok", "http://127.0.0.1:8103", 8103, has_key=True))
    async with played(registry), client(registry.url, service(), grok) as ours:
        await ours.registry.visit()
        ours.services.remove(grok)
        await ours.registry.visit()
        assert ours.registry.registered == ["openai-gpt-6-1-terra"]
        assert len(registry.services) == 1


@pytest.mark.parametrize("status", [400, 422])
async def test_what_it_does_not_take_is_told(status: int) -> None:
    registry = Registry()
    registry.fault("POST /register", Refuse(Reply(status, {"detail": "no"})))
    async with played(registry), client(registry.url) as ours:
        await ours.registry.visit()
        assert ours.registry.problems == {"openai": f"the Registry does not take it ({status})"}
        assert ours.registry.registered == []
        registry.heal()
        await ours.registry.visit()
        assert ours.registry.problems == {}


@pytest.mark.parametrize("status", [404, 405, 422])
async def test_a_heartbeat_that_is_refused_for_good_is_told(status: int) -> None:
    registry = Registry()
    registry.fault("PUT /heartbeat", Refuse(Reply(status, {"detail": "no"})))
    async with played(registry), client(registry.url) as ours:
        await ours.registry.visit()
        assert ours.registry.problems == {"openai": f"the Registry does not take its heartbeat ({status})"}
        assert registry.count("POST /register") <= 2


@pytest.mark.parametrize("fault", [Hang(), Cut(), CRASH])
@pytest.mark.parametrize("place", ["POST /register", "PUT /heartbeat", "GET /health"])
async def test_what_fails_is_made_good_with_the_next_visit(place: str, fault: Hang) -> None:
    registry = Registry()
    registry.fault(place, fault)
    async with played(registry), client(registry.url, within=QUICK) as ours:
        with pytest.raises(Unreachable):
            await ours.registry.visit()
        registry.heal()
        await ours.registry.visit()
        assert [found["p95_ms"] for found in registry.services.values()] == [123.4]
        await ours.registry.go()
        assert registry.services == {}


async def test_a_squatter_is_sent_nothing() -> None:
    squatter = Squatter("file_manager")
    async with played(squatter), client(squatter.url) as ours:
        with pytest.raises(Squatted, match="file_manager"):
            await ours.registry.visit()
        assert [asked for asked, _ in squatter.asked] == ["GET /health"]


async def test_all_are_deregistered_at_the_end_and_404_is_well() -> None:
    registry = Registry()
    async with played(registry), client(registry.url) as ours:
        await ours.registry.visit()
        registry.lose()
        await ours.registry.go()
        assert registry.count("POST /deregister") == 1
        assert ours.registry.registered == []
        await ours.registry.visit()
        await registry.down()
        await ours.registry.go()
        assert "not deregistered" in " ".join(ours.registry.problems.values())
