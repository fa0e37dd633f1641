"""The Router's client against the real one's habits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from polyglot_cloud.swarm import names
from polyglot_cloud.swarm.link import Link, Squatted, Unreachable, says
from polyglot_cloud.swarm.offers import Offering
from polyglot_cloud.swarm.router_client import Leave, RouterClient, is_same_place, place_of
from swarm.fault_server import (
    CRASH,
    Cut,
    Gateway,
    Hang,
    Refuse,
    Reply,
    Router,
    Squatter,
    no_service,
    played,
    until,
)  # fmt: skip
from swarm.stage import QUICK, linked, offering

TERRA = "openai-gpt-6-1-terra"


@dataclass
class Announced:
    """A client, and what it is to announce."""

    router: RouterClient
    link: Link
    offered: list[Offering] = field(default_factory=list)


@asynccontextmanager
async def client(url: str, *offered: Offering, leave: Leave = "park", within: float = 5.0) -> AsyncIterator[Announced]:
    async with linked(url, says("provider_router"), within=within) as link:
        found: list[Offering] = list(offered) or [offering()]
        yield Announced(RouterClient(link, lambda: found, lambda _: 123.4, "1.2.3", leave), link, found)


async def test_what_is_offered_is_registered_and_listed() -> None:
    router = Router()
    async with played(router), client(router.url, offering(), offering("grok-4.7", "grok", 8103)) as ours:
        await ours.router.visit()
        assert set(router.listed) == {TERRA, "grok-grok-4-7"} == set(ours.router.registered)
        row = router.listed[TERRA]
        assert (row["model"], row["endpoint"], row["slo"]) == (
            "gpt-6.1-terra", "http://127.0.0.1:8100", {"latency_p95_ms": 123},
        )  # fmt: skip
        await ours.router.visit()
        assert router.count("POST /register") == 4
        assert len(router.rows) == 2
        assert router.refused == []
        assert ours.router.problems == {}


@pytest.mark.parametrize("lose", [True, False])
async def test_after_a_restart_it_is_there_again(lose: bool) -> None:
    router = Router()
    async with played(router), client(router.url) as ours:
        await ours.router.visit()
        await router.restart(lose=lose)
        await ours.router.visit()
        assert list(router.listed) == [TERRA] == ours.router.registered


# --- tombstones ---


async def test_a_burned_name_is_left_for_the_next() -> None:
    router = Router()
    async with played(router):
        for expected in (TERRA, f"{TERRA}-2", f"{TERRA}-3"):
            async with client(router.url, leave="delete") as ours:
                await ours.router.visit()
                assert list(router.listed) == [expected] == ours.router.registered
                asked = router.count("POST")
                await ours.router.visit()
                assert router.count("POST") == asked + 1  # it remembers which are burned
                await ours.router.go()
                assert router.listed == {}
        assert len(router.rows) == 3


async def test_a_router_that_forgives_gives_the_name_back() -> None:
    router = Router(forgives=True)
    async with played(router), client(router.url, leave="delete") as ours:
        for _ in range(3):
            await ours.router.visit()
            await ours.router.go()
        await ours.router.visit()
        assert list(router.rows) == [TERRA]


async def test_somebody_deletes_it_under_us() -> None:
    router = Router()
    async with played(router), client(router.url) as ours:
        await ours.router.visit()
        router.rows[TERRA]["status"] = "inactive"
        await ours.router.visit()
        assert list(router.listed) == [f"{TERRA}-2"] == ours.router.registered


async def test_a_router_that_lost_all_gives_the_first_name_again() -> None:
    router = Router()
    router.rows[TERRA] = {"status": "inactive"}
    async with played(router), client(router.url) as ours:
        await ours.router.visit()
        assert ours.router.registered == [f"{TERRA}-2"]
        await router.restart(lose=True)
        await ours.router.visit()
        assert ours.router.registered == [TERRA] == list(router.listed)


async def test_a_suffix_never_takes_the_name_of_another_model() -> None:
    router = Router()
    router.rows["openai-gpt-6"] = {"status": "inactive"}
    async with played(router), client(router.url, offering("gpt-6"), offering("gpt-6.2")) as ours:
        await ours.router.visit()
        assert {name: row["model"] for name, row in router.listed.items()} == {
            "openai-gpt-6-2": "gpt-6.2", "openai-gpt-6-3": "gpt-6",
        }  # fmt: skip


async def test_when_all_names_are_burned_it_says_so() -> None:
    router = Router()
    router.rows |= {name: {"status": "inactive"} for name in names.suffixed(TERRA)}
    async with played(router), client(router.url) as ours:
        await ours.router.visit()
        assert ours.router.registered == []
        assert "up to -99" in ours.router.problems[TERRA]


# --- others ---


async def test_a_name_of_somebody_who_is_alive_is_left_to_him() -> None:
    router, other = Router(), Squatter("openai-gpt-6.1-terra")
    async with played(router, other), client(router.url) as ours:
        theirs = {"name": TERRA, "model": "gpt-6.1-terra", "endpoint": other.url, "status": "active"}
        router.rows[TERRA] = dict(theirs)
        await ours.router.visit()
        assert router.rows[TERRA] == theirs
        assert ours.router.registered == [f"{TERRA}-2"]
        await ours.router.go()
        assert router.rows[TERRA] == theirs


async def test_a_listener_of_ipv6_alone_is_alive_too() -> None:
    router, other = Router(), Squatter("x", host="::1")
    async with played(router, other), client(router.url) as ours:
        router.rows[TERRA] = {"model": "m", "endpoint": f"http://localhost:{other.port}", "status": "active"}
        await ours.router.visit()
        assert ours.router.registered == [f"{TERRA}-2"]


@pytest.mark.parametrize("dead", ["refused", "not a url", "ftp://x:1", "http://[::1", "http://:80", None, 3])
async def test_a_name_of_the_dead_is_taken_over(dead: object) -> None:
    router = Router()
    with no_service() as nowhere:
        async with played(router), client(router.url) as ours:
            endpoint = nowhere if dead == "refused" else dead
            router.rows[TERRA] = {"name": TERRA, "model": "m", "endpoint": endpoint, "status": "active"}
            await ours.router.visit()
            assert router.rows[TERRA]["endpoint"] == "http://127.0.0.1:8100"
            assert ours.router.registered == [TERRA]


async def test_a_parked_name_may_be_taken_by_another_process_of_ours() -> None:
    router, other = Router(), Squatter("x")
    async with played(router, other), client(router.url) as ours:
        router.rows[TERRA] = {"model": "offline:gpt", "endpoint": other.url, "status": "active"}
        await ours.router.visit()
        assert ours.router.registered == [TERRA]


async def test_other_machines_are_not_asked_and_keep_their_names() -> None:
    router = Router()
    async with played(router), client(router.url) as ours:
        router.rows[TERRA] = {"model": "m", "endpoint": "http://10.255.255.1:8100", "status": "active"}
        await ours.router.visit()
        assert ours.router.registered == [f"{TERRA}-2"]


async def test_a_listener_that_hangs_is_alive() -> None:
    router, other = Router(), Gateway()
    other.fault("GET", Hang())
    async with played(router, other), client(router.url, within=QUICK) as ours:
        router.rows[TERRA] = {"model": "m", "endpoint": other.url, "status": "active"}
        await ours.router.visit()
        assert ours.router.registered == [f"{TERRA}-2"]


async def test_two_processes_of_ours_have_both_their_rows() -> None:
    """Each parks its own; neither touches the other's, whoever comes first."""
    router, first_listener, second_listener = Router(), Squatter("a"), Squatter("b")
    async with played(router, first_listener, second_listener):
        one, two = offering(port=first_listener.port), offering(port=second_listener.port)
        async with client(router.url, one) as first, client(router.url, two) as second:
            for each in (first, second, first, second):
                await each.router.visit()
            assert {row["endpoint"] for row in router.listed.values()} == {one.endpoint, two.endpoint}
            await first.router.go()
            assert router.models == ["gpt-6.1-terra", "offline:gpt-6.1-terra"]
            await second.router.visit()
            assert [row["endpoint"] for row in router.listed.values() if row["model"] == two.model] == [two.endpoint]


async def test_the_overwritten_gives_way_and_both_are_there() -> None:
    router, other = Router(), Squatter("a")
    async with played(router, other), client(router.url) as ours:
        await ours.router.visit()
        router.rows[TERRA]["endpoint"] = other.url
        await ours.router.visit()
        await ours.router.visit()
        assert {row["endpoint"] for row in router.listed.values()} == {other.url, "http://127.0.0.1:8100"}
        assert ours.router.registered == [f"{TERRA}-2"]


# --- what does not work ---


async def test_a_row_that_it_breaks_on_does_not_hold_up_the_others() -> None:
    router = Router()
    router.fault(f"GET /providers/{TERRA}$", CRASH)
    async with played(router), client(router.url, offering(), offering("gpt-5")) as ours:
        await ours.router.visit()
        assert list(router.listed) == ["openai-gpt-5"]
        assert "answered 500" in ours.router.problems[TERRA]
        router.heal()
        await ours.router.visit()
        assert len(router.listed) == 2
        assert ours.router.problems == {}


async def test_where_it_breaks_on_all_it_is_down() -> None:
    router = Router()
    router.fault("POST /register", CRASH)
    async with played(router), client(router.url, offering(), offering("gpt-5")) as ours:
        with pytest.raises(Unreachable, match="answered 500"):
            await ours.router.visit()


@pytest.mark.parametrize("status", [400, 422, 404])
async def test_what_it_does_not_take_is_told(status: int) -> None:
    router = Router()
    router.fault("POST /register", Refuse(Reply(status, {"detail": "no"})))
    async with played(router), client(router.url) as ours:
        await ours.router.visit()
        assert ours.router.registered == []
        assert ours.router.problems == {TERRA: f"the Router does not take it ({status})"}


async def test_a_hang_ends_the_round() -> None:
    router = Router()
    router.fault("POST /register", Hang())
    async with played(router), client(router.url, offering(), offering("gpt-5"), within=QUICK) as ours:
        with pytest.raises(Unreachable, match="no answer within"):
            await ours.router.visit()
        assert router.count("POST /register") == 1


async def test_a_squatter_is_sent_nothing() -> None:
    squatter = Squatter("audio_service")
    async with played(squatter), client(squatter.url) as ours:
        with pytest.raises(Squatted, match="audio_service"):
            await ours.router.visit()
        await ours.router.go()
        assert [asked for asked, _ in squatter.asked] == ["GET /health"]


# --- the end ---


@pytest.mark.parametrize(
    ("leave", "models", "left"),
    [("park", ["offline:gpt-6.1-terra"], 1), ("delete", [], 0), ("leave", ["gpt-6.1-terra"], 1)],
)
async def test_the_three_ways_to_leave(leave: Leave, models: list[str], left: int) -> None:
    router = Router()
    async with played(router), client(router.url, leave=leave) as ours:
        await ours.router.visit()
        await ours.router.go()
        assert router.models == models
        assert len(router.listed) == left
        assert ours.router.registered == []
        assert router.refused == []


async def test_what_was_parked_comes_back_under_its_name() -> None:
    router = Router()
    async with played(router):
        for _ in range(3):
            async with client(router.url) as ours:
                await ours.router.visit()
                assert router.models == ["gpt-6.1-terra"]
                await ours.router.go()
                assert router.models == ["offline:gpt-6.1-terra"]
                assert router.rows[TERRA]["metadata"]["parked"] == "gpt-6.1-terra"
        assert list(router.rows) == [TERRA]


@pytest.mark.parametrize("leave", ["park", "delete"])
async def test_what_somebody_took_over_is_not_touched_at_the_end(leave: Leave) -> None:
    router = Router()
    async with played(router), client(router.url, leave=leave) as ours:
        await ours.router.visit()
        theirs = {**router.rows[TERRA], "endpoint": "http://127.0.0.1:9999"}
        router.rows[TERRA] = dict(theirs)
        await ours.router.go()
        assert router.rows[TERRA] == theirs


async def test_an_answer_that_was_lost_is_taken_back_too() -> None:
    router = Router()
    router.fault("POST /register", Cut())
    async with played(router), client(router.url) as ours:
        with pytest.raises(Unreachable):
            await ours.router.visit()
        assert router.models == ["gpt-6.1-terra"]
        router.heal()
        await ours.router.go()
        assert router.models == ["offline:gpt-6.1-terra"]


async def test_what_is_offered_no_more_is_taken_back() -> None:
    router = Router()
    async with played(router), client(router.url, offering(), offering("gpt-5")) as ours:
        await ours.router.visit()
        del ours.offered[1]
        await ours.router.visit()
        assert router.models == ["gpt-6.1-terra", "offline:gpt-5"]
        assert ours.router.registered == [TERRA]


async def test_leaving_where_nobody_is_left_raises_nothing() -> None:
    router = Router()
    async with played(router), client(router.url) as ours:
        await ours.router.visit()
        await router.down()
        await ours.router.go()
        assert "not taken back" in ours.router.problems[TERRA]


async def test_all_are_taken_back_at_once() -> None:
    router = Router()
    offered = [offering(f"gpt-{number}") for number in range(8)]
    async with played(router), client(router.url, *offered) as ours:
        await ours.router.visit()
        router.fault("POST /register", Hang())
        router.asked.clear()
        going = asyncio.create_task(ours.router.go())
        await until(lambda: router.count("POST /register") == 8)
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://localhost:8100", "http://127.0.0.1:8100", True),
        ("http://localhost:8100/", "http://[::1]:8100/v1", True),
        ("http://localhost:8100", "http://localhost:8101", False),
        ("http://box:8100", "http://127.0.0.1:8100", False),
        ("http://box", "http://box:80", True),
        ("https://box", "https://box:443", True),
        ("http://box:x", "http://box:y", False),
        ("odd", "odd", True),
        ("odd", "other", False),
    ],
)
def test_places(one: str, other: str, same: bool) -> None:
    assert is_same_place(one, other) == same


def test_what_is_no_place() -> None:
    assert [place_of(each) for each in (None, 1, "", "http://", "mailto:x", "http://h:99999")] == [None] * 6
