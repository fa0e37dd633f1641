"""The whole client against the whole swarm, with what breaks in it."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import httpx
import pytest

from harness import catalog_with
from polyglot_cloud.draining import Drain
from polyglot_cloud.swarm.announcer import SERVICES, Patience
from polyglot_cloud.swarm.offers import Listening
from swarm.fault_server import (
    CRASH,
    EventStream,
    Gateway,
    Hands,
    Hang,
    Played,
    Registry,
    Router,
    Squatter,
    played,
    until,
)  # fmt: skip
from swarm.stage import NOBODY, QUICK, Process, listening, running

TIERS = {(name, model) for name, row in catalog_with(None).providers.items() for model in row.tiers.values()}


@dataclass
class Swarm:
    router: Router = field(default_factory=Router)
    gateway: Gateway = field(default_factory=Gateway)
    registry: Registry = field(default_factory=Registry)
    events: EventStream = field(default_factory=EventStream)

    def __iter__(self) -> Iterator[Played]:
        return iter((self.router, self.gateway, self.registry, self.events))

    @property
    def urls(self) -> Mapping[str, str]:
        return {name: getattr(self, name).url for name, _ in SERVICES}


async def test_all_is_announced_kept_and_taken_back() -> None:
    swarm, hands = Swarm(), Hands()
    async with played(*swarm):
        async with running(swarm.urls, hands=hands) as client:
            await until(lambda: len(client.status()["router"]["registered"]) == len(TIERS) and hands.waiting == 3)
            assert swarm.router.models == sorted(model for _, model in TIERS)
            assert {row["metadata"]["provider"] for row in swarm.router.listed.values()} == {
                "openai", "anthropic", "gemini", "grok",
            }  # fmt: skip
            assert len(swarm.registry.services) == 4
            assert {found["status"] for found in swarm.registry.services.values()} == {"ok"}
            status = client.status()
            assert {name: status[name]["state"] for name in status} == dict.fromkeys(swarm.urls, "connected")
            assert status["registry"]["registered"] == sorted(
                found["name"] for found in swarm.registry.services.values()
            )
            assert hands.sleeps.count(45.0) == 2  # Router and Gateway
            assert hands.sleeps.count(22.5) == 1  # the Registry, at half of it
            hands.strike()
            await until(lambda: swarm.registry.count("PUT /heartbeat") == 8)
            client.events.cost_update({"cost_usd": 1})
        assert [event["event_type"] for event in swarm.events.events] == ["cost_update"]  # the last one was still sent
        assert {model.partition(":")[0] for model in swarm.router.models} == {"offline"}
        assert swarm.registry.services == {}
        assert (swarm.router.refused, swarm.registry.refused) == ([], [])
        json.dumps(status)


async def test_under_successor_the_plans_names_can_be_selected() -> None:
    swarm = Swarm()
    environ = {"POLYGLOT_RETIRED": "successor", "POLYGLOT_SWARM_MODELS": "openai/gpt-5.5, openai/nobodys"}
    async with played(*swarm), running(swarm.urls, environ=environ) as client:
        await until(lambda: client.status()["router"]["state"] == "connected")
        assert {"gpt-4-turbo", "gpt-5-codex", "grok-beta", "gpt-5.5"} <= set(swarm.router.models)
        assert {"openai-gpt-4-turbo", "grok-grok-beta", "gemini-gemini-2-5-pro"} <= set(swarm.router.listed)
        (problem,) = client.status()["router"]["problems"]
        assert problem.startswith("openai/nobodys is not announced")
        assert problem in client.lines()


async def test_where_nobody_is_it_starts_and_stops_all_the_same() -> None:
    hands = Hands()
    async with running({}, hands=hands) as client:
        await until(lambda: hands.waiting == 4)
        status = client.status()
        assert {each["state"] for each in status.values()} == {"down"}
        assert {each["since"] for each in status.values()} == {"2026-11-22T00:00:00.250000"}
        assert client.lines()[0] == (
            f"Provider Router {NOBODY}: down since 2026-11-22T00:00:00.250000: it cannot be connected to"
        )


async def test_services_that_come_later_are_found() -> None:
    swarm, hands = Swarm(), Hands()
    async with played(*swarm):
        urls = dict(swarm.urls)
    async with running(urls, hands=hands) as client:
        await until(lambda: hands.waiting == 4)
        async with played(*swarm):
            hands.strike()
            await until(lambda: len(swarm.registry.services) == 4 and len(swarm.router.rows) == len(TIERS))
            await until(lambda: {each["state"] for each in client.status().values()} == {"connected"})
            client.leave()
            await until(lambda: not client.status()["router"]["registered"])


@pytest.mark.parametrize("lose", [True, False])
async def test_a_restart_in_between_loses_nothing(lose: bool) -> None:
    swarm, hands = Swarm(), Hands()
    async with played(*swarm), running(swarm.urls, hands=hands) as client:
        await until(lambda: hands.waiting == 3)
        for service in swarm:
            await service.down()
        hands.strike()
        await until(lambda: [client.status()[name]["state"] for name in ("router", "registry")] == ["down", "down"])
        assert len(client.status()["router"]["registered"]) == len(TIERS)
        if lose:
            swarm.router.lose()
            swarm.registry.lose()
        for service in swarm:
            await service.up()
        await until(lambda: hands.waiting == 3)
        hands.strike()
        await until(lambda: [client.status()[name]["state"] for name in ("router", "registry")] == ["connected"] * 2)
        assert swarm.router.models == sorted(model for _, model in TIERS)
        assert len(swarm.registry.services) == 4


async def test_squatters_on_all_ports_are_named_and_left_alone() -> None:
    squatters = {name: Squatter(f"squatter on {name}") for name, _ in SERVICES}
    hands = Hands()
    async with played(*squatters.values()):
        async with running({name: each.url for name, each in squatters.items()}, hands=hands) as client:
            await until(lambda: hands.waiting == 4)
            for name, found in client.status().items():
                assert (found["state"], found["detail"]) == ("squatter", f"squatter on {name}")
            assert "left alone: squatter on router answers there" in client.lines()[0]
            hands.strike()
            await until(lambda: squatters["router"].count("GET /health") == 2)
        for each in squatters.values():
            assert {asked for asked, _ in each.asked} == {"GET /health"}


FAULTS = [Hang(), CRASH]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", ["GET /health", "POST|PUT|DELETE|GET /providers"])
async def test_whatever_they_do_the_start_and_the_stop_are_ours(place: str, fault: Hang) -> None:
    swarm, hands = Swarm(), Hands()
    patience = Patience(question=QUICK, event=QUICK, farewell=QUICK)
    loop = asyncio.get_running_loop()
    async with played(*swarm):
        for service in swarm:
            service.fault(place, fault)
        async with running(swarm.urls, hands=hands, patience=patience) as client:
            client.events.cost_update({})
            await until(lambda: client.status()["router"]["state"] == "down" and hands.waiting >= 2)
            began = loop.time()
        assert loop.time() - began < 10  # bounded at all; by how much is the next test's


@pytest.mark.parametrize("name", ["router", "registry", "events"])
async def test_a_service_that_hangs_at_the_end_is_not_waited_for(name: str) -> None:
    """The patience runs out for the one that hangs; the others are told meanwhile."""
    swarm, hands = Swarm(), Hands()
    patience = Patience(question=1000.0, event=1000.0, farewell=2 * QUICK)
    async with played(*swarm):
        async with running(swarm.urls, hands=hands, patience=patience) as client:
            await until(lambda: hands.waiting == 3 and client.status()["events"]["state"] == "connected")
            service: Played = getattr(swarm, name)
            service.fault("", Hang())
            client.events.publish("last", {})
        if name != "router":
            assert {model.partition(":")[0] for model in swarm.router.models} == {"offline"}
        if name != "registry":
            assert swarm.registry.services == {}
        if name != "events":
            assert len(swarm.events.events) == 1


async def test_it_leaves_when_the_drain_begins_and_only_once() -> None:
    swarm, hands, drain = Swarm(), Hands(), Drain()
    async with played(*swarm):
        async with running(swarm.urls, hands=hands, drain=drain) as client:
            await until(lambda: hands.waiting == 3)
            drain.begin()
            await until(lambda: not swarm.registry.services and not client.status()["router"]["registered"])
            await until(lambda: {model.partition(":")[0] for model in swarm.router.models} == {"offline"})
            hands.strike()
            asked = len(swarm.router.asked)
            client.wake()
            client.events.publish("still", {})
            await until(lambda: swarm.events.events)
        assert len(swarm.router.asked) == asked


async def test_ports_that_become_known_are_announced_when_it_is_woken() -> None:
    swarm, hands, process = Swarm(), Hands(), Process(providers=[])
    async with played(*swarm), running(swarm.urls, process, hands=hands) as client:
        await until(lambda: hands.waiting == 3)
        assert swarm.router.rows == swarm.registry.services == {}
        process.providers = listening()
        client.wake()
        await until(lambda: len(swarm.router.rows) == len(TIERS) and len(swarm.registry.services) == 4)


async def test_a_key_that_is_missing_shows_in_the_registry_alone() -> None:
    keyless = Listening("grok", "http://127.0.0.1:8103", 8103, has_key=False)
    swarm, hands, process = Swarm(), Hands(), Process()
    async with played(*swarm), running(swarm.urls, process, hands=hands) as client:
        await until(lambda: hands.waiting == 3)
        process.providers = listening(grok=keyless)
        client.wake()
        await until(lambda: [event["data"]["status"] for event in swarm.events.events] == ["degraded"])
        await until(lambda: {"ok", "degraded"} == {found["status"] for found in swarm.registry.services.values()})
        await until(lambda: "offline:grok-4.7" in swarm.router.models)
        assert swarm.events.events[0]["data"]["provider"] == "grok"


async def test_off_asks_nobody() -> None:
    swarm = Swarm()
    async with played(*swarm):
        async with running(swarm.urls, environ={"POLYGLOT_SWARM": "off"}) as client:
            client.wake()
            client.events.cost_update({})
            assert {name: found["state"] for name, found in client.status().items()} == dict.fromkeys(swarm.urls, "off")
            assert client.lines() == []
            assert not client.events.wanted
        assert [service.asked for service in swarm] == [[]] * 4


@pytest.mark.parametrize("mode", ["external", "auto", "embedded"])
async def test_every_other_mode_announces(mode: str) -> None:
    swarm = Swarm()
    async with played(*swarm), running(swarm.urls, environ={"POLYGLOT_SWARM": mode}):
        await until(lambda: len(swarm.registry.services) == 4)


async def test_a_defect_of_ours_fails_neither_start_nor_stop(caplog: pytest.LogCaptureFixture) -> None:
    swarm, hands, process = Swarm(), Hands(), Process()

    def broken() -> list[Listening]:
        raise RuntimeError("a defect")

    async with played(*swarm):
        ours = process.ours()
        process.ours = lambda: type(ours)(broken, ours.p95_ms, ours.in_flight, ours.today, ours.version)  # type: ignore[method-assign]  # the test's own
        async with running(swarm.urls, process, hands=hands) as client:
            await until(lambda: hands.waiting == 3)
            assert client.status()["router"]["detail"] == "a defect of ours; the log has it"
            assert client.status()["gateway"]["state"] == "connected"
    assert "a defect" in caplog.text


async def test_a_defect_at_the_end_fails_no_stop(caplog: pytest.LogCaptureFixture) -> None:
    swarm, hands, process = Swarm(), Hands(), Process()

    async with played(*swarm):
        async with running(swarm.urls, process, hands=hands):
            await until(lambda: hands.waiting == 3)
            process.p95 = float("nan")  # round() has no answer
        assert swarm.registry.services == {}
    assert "A defect of ours: the swarm was not told that we go." in caplog.text


async def test_what_fails_inside_is_taken_back_too() -> None:
    swarm, hands = Swarm(), Hands()
    async with played(*swarm):
        with pytest.raises(OSError, match="the start failed"):  # noqa: PT012  it is raised within
            async with running(swarm.urls, hands=hands):
                await until(lambda: hands.waiting == 3)
                raise OSError("the start failed")
        assert swarm.registry.services == {}


async def test_a_stop_while_it_registers_leaves_nothing_behind() -> None:
    swarm = Swarm()
    async with played(*swarm):
        async with running(swarm.urls):
            await until(lambda: swarm.router.count("POST /register") == 3)
        assert {model.partition(":")[0] for model in swarm.router.models} <= {"offline"}
        assert swarm.registry.services == {}


async def test_without_a_network_it_is_down_and_nothing_else() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("no")

    hands = Hands()
    async with running({}, hands=hands, transport=httpx.MockTransport(broken)) as client:
        await until(lambda: hands.waiting == 4)
        assert client.status()["router"]["detail"] == "the connection broke (ReadError)"


async def test_a_key_goes_to_the_service_that_it_is_for() -> None:
    seen: dict[str, set[str | None]] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        seen.setdefault(request.url.host, set()).add(request.headers.get("authorization"))
        return httpx.Response(200, json={"service": "provider_router"})

    hands = Hands()
    async with running(
        {"router": "http://ours.example"},
        hands=hands,
        transport=httpx.MockTransport(answer),
        headers=lambda url: {"authorization": "Bearer secret"} if url == "http://ours.example" else {},
    ):
        await until(lambda: hands.waiting >= 3)
    assert seen == {"ours.example": {"Bearer secret"}, "127.0.0.1": {None}}


async def test_the_last_events_are_still_sent() -> None:
    stream = EventStream()
    async with played(stream):
        async with running({"events": stream.url}) as client:
            await until(lambda: client.status()["events"]["state"] == "connected")
            for number in range(50):
                client.events.publish("last", {"n": number})
        assert [event["data"]["n"] for event in stream.events] == list(range(50))
