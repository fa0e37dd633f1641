"""Events: handed over and forgotten, whatever the Event Stream does."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from polyglot_cloud.swarm.events import GAP, LARGEST, Events
from polyglot_cloud.swarm.link import Link, Pace, says
from swarm.fault_server import (
    CRASH,
    Cut,
    EventStream,
    Fault,
    Hands,
    Hang,
    Refuse,
    Reply,
    Squatter,
    no_service,
    played,
    until,
)  # fmt: skip
from swarm.stage import NOW, QUICK, linked

RECEIPT = {"request_id": "req-1", "run_id": "run-1", "timestamp": "2026-11-22T15:56:19.784593", "cost_usd": 0.000525}


@asynccontextmanager
async def sending(
    url: str, hands: Hands | None = None, *, line: int = 1000, within: float = 5.0, unchanged: float = 60.0
) -> AsyncIterator[tuple[Events, Link]]:
    async with linked(url, says("event_stream"), hands, within) as link:
        events = Events(link, line=line, unchanged=unchanged)
        task = asyncio.create_task(link.keep(events.visit, 45.0))
        yield events, link
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_handed_over_arrives_in_its_order() -> None:
    stream = EventStream()
    async with played(stream), sending(stream.url) as (events, _):
        events.cost_update(RECEIPT)
        events.budget_alert({"run_id": "run-1", "alert_level": "caution"})
        events.status_update("openai-gpt-5", "degraded", provider="openai")
        await until(lambda: events.sent == 3)
        stamp = "2026-11-22T00:00:00.250000"
        assert stream.events == [
            {"event_type": "cost_update", "data": RECEIPT},
            {
                "event_type": "budget_alert",
                "data": {"run_id": "run-1", "alert_level": "caution", "timestamp": stamp},
            },
            {
                "event_type": "status_update",
                "data": {
                    "service": "openai-gpt-5", "status": "degraded", "provider": "openai", "timestamp": stamp,
                },
            },
        ]  # fmt: skip
        assert (events.waiting, events.dropped) == (0, 0)


async def test_one_that_comes_later_is_sent_at_once_and_each_takes_a_breath() -> None:
    stream, hands = EventStream(), Hands()
    async with played(stream), sending(stream.url, hands) as (events, link):
        await until(lambda: link.state == "connected")
        for number in range(3):
            events.publish("x", {"n": number})
            await until(lambda wanted=number + 1: events.sent == wanted)
        assert hands.sleeps == [GAP] * 3
        assert stream.count("GET /health") == 1


async def test_the_oldest_gives_way_and_is_counted() -> None:
    stream = EventStream()
    async with played(stream), sending(stream.url, line=3) as (events, _):
        for number in range(10):
            events.publish("x", {"n": number})
        await until(lambda: events.sent == 3)
        assert [event["data"]["n"] for event in stream.events] == [7, 8, 9]
        assert events.dropped == 7


async def test_handing_over_takes_no_turn_and_needs_nobody_there() -> None:
    with no_service() as url:
        async with sending(url) as (events, link):
            await until(lambda: link.state == "down")
            for number in range(5000):
                events.publish("x", {"n": number})
            assert (events.waiting, events.dropped) == (1000, 4000)


async def test_what_waited_is_sent_once_it_is_there() -> None:
    stream, hands = EventStream(), Hands()
    await stream.up()
    await stream.down()
    async with sending(stream.url, hands) as (events, link):
        events.cost_update(RECEIPT)
        await until(lambda: link.state == "down" and hands.waiting)
        async with played(stream):
            hands.strike()
            await until(lambda: events.sent == 1)
            assert stream.events == [{"event_type": "cost_update", "data": RECEIPT}]


AFTER: list[tuple[Fault, int, int]] = [(Hang(), 0, 1), (Cut(), 1, 1), (CRASH, 0, 1)]


@pytest.mark.parametrize(("fault", "arrived", "dropped"), AFTER)
async def test_one_that_may_have_arrived_is_not_sent_again(fault: Fault, arrived: int, dropped: int) -> None:
    stream, hands = EventStream(), Hands()
    stream.fault("POST /broadcast", fault)
    async with played(stream), sending(stream.url, hands, within=QUICK) as (events, link):
        events.publish("x", {"n": 1})
        events.publish("x", {"n": 2})
        await until(lambda: link.state == "down" and hands.waiting)
        assert (len(stream.events), events.dropped) == (arrived, dropped)
        stream.heal()
        hands.strike()
        await until(lambda: events.sent == 1)
        assert [event["data"]["n"] for event in stream.events] == [1, 2][1 - arrived :]


async def test_one_that_cannot_have_arrived_is_sent_again() -> None:
    stream, hands = EventStream(), Hands()
    async with played(stream), sending(stream.url, hands) as (events, link):
        await until(lambda: link.state == "connected")
        await stream.down()
        events.publish("x", {"n": 1})
        events.publish("x", {"n": 2})
        # a kept connection that was closed may cost one; a refused one costs none
        await until(lambda: link.state == "down" and hands.waiting)
        waiting = events.waiting
        assert waiting + events.dropped == 2
        await stream.up()
        hands.strike()
        await until(lambda: events.sent == waiting)
        assert [event["data"]["n"] for event in stream.events][-1] == 2


async def test_refused_before_it_was_sent_it_waits_unless_the_line_is_full() -> None:
    async with linked("http://127.0.0.1:9", says("event_stream")) as link:
        events = Events(link, line=1)
        events._failed(("x", {}), sent=False)
        assert (events.waiting, events.dropped) == (1, 0)
        events._failed(("y", {}), sent=False)
        assert (events.waiting, events.dropped) == (1, 1)


async def test_what_is_refused_or_too_large_is_dropped_and_the_next_is_sent() -> None:
    stream = EventStream()
    async with played(stream), sending(stream.url) as (events, _):
        stream.fault("POST", Refuse(Reply(400, {"error": "no"})))
        events.publish("x", {"n": 1})
        await until(lambda: events.dropped == 1)
        stream.heal()
        events.publish("x", {"n": "x" * LARGEST})
        events.publish("x", {"n": 2})
        await until(lambda: events.sent == 1)
        assert [event["data"]["n"] for event in stream.events] == [2]
        assert events.dropped == 2


async def test_a_squatter_gets_nothing() -> None:
    squatter, hands = Squatter("file_manager"), Hands()
    async with played(squatter), sending(squatter.url, hands) as (events, link):
        events.cost_update(RECEIPT)
        await until(lambda: link.state == "squatter" and hands.waiting)
        assert link.detail == "file_manager"
        assert [asked for asked, _ in squatter.asked] == ["GET /health"]


async def test_after_a_silence_it_is_asked_who_it_is() -> None:
    stream = EventStream()
    async with played(stream), sending(stream.url, unchanged=0.001) as (events, _):
        await until(lambda: stream.count("GET /health") > 2)
        events.publish("x", {})
        await until(lambda: events.sent == 1)


async def test_other_threads_may_hand_over_too() -> None:
    stream = EventStream()
    async with played(stream), sending(stream.url) as (events, link):
        await until(lambda: link.state == "connected")

        def hand_over() -> None:
            for number in range(50):
                events.publish("x", {"n": number})

        threads = [threading.Thread(target=hand_over) for _ in range(4)]
        for thread in threads:
            thread.start()
        await until(lambda: events.sent == 200)
        for thread in threads:
            thread.join()
        assert len(stream.events) == 200


def test_after_the_loop_is_gone_it_is_forgotten() -> None:
    kept: list[Events] = []

    async def once() -> None:
        stream = EventStream()
        async with played(stream), sending(stream.url) as (events, link):
            await until(lambda: link.state == "connected")
            kept.append(events)

    asyncio.run(once())
    threading.Thread(target=lambda: kept[0].publish("x", {})).run()
    thread = threading.Thread(target=lambda: kept[0].publish("x", {}))
    thread.start()
    thread.join()
    assert kept[0].waiting == 2


async def test_without_a_swarm_nothing_is_kept() -> None:
    events = Events(None)
    assert not events.wanted
    events.cost_update(RECEIPT)
    await events.visit()
    assert (events.waiting, events.sent, events.dropped) == (0, 0, 0)


async def test_what_cannot_be_written_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    stream, hands = EventStream(), Hands()
    odd: Any = object()
    async with played(stream), sending(stream.url, hands) as (events, _):
        events.publish("x", {"n": odd})
        events.publish("x", {"n": 2})
        await until(lambda: hands.waiting)
        hands.strike()
        await until(lambda: events.sent == 1)
    assert "A defect of ours" in caplog.text


async def test_all_sent_waits_for_the_last() -> None:
    stream = EventStream()
    async with played(stream), sending(stream.url) as (events, link):
        await events.all_sent()
        for _ in range(5):
            events.publish("x", {})
        await events.all_sent()
        assert events.sent == 5
        assert isinstance(link.pace, Pace)
        assert link.pace.wall_clock() == NOW
