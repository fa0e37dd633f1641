import asyncio
from typing import Any

import pytest

from polyglot_cloud.swarm.requests import read
from polyglot_cloud.swarm.services import HEARTBEAT, REGISTRATION, ROUND, Missed, watch
from swarm.services_stage import SERVICE, Stage


async def register(stage: Stage, **changed: Any) -> str:
    return (await stage.services.register(read(REGISTRATION, {**SERVICE, **changed}, ("body",)))).service_id


async def heartbeat(stage: Stage, service_id: str = "s-1", **told: Any) -> None:
    await stage.services.heartbeat(read(HEARTBEAT, {"service_id": service_id, **told}, ("body",)))


async def review_after(stage: Stage, seconds: float) -> list[tuple[int, str]]:
    """Reviewed at the usual pace meanwhile, as a process that stays awake does; what the last review found."""
    while seconds > ROUND:
        stage.clock.pass_seconds(ROUND)
        seconds -= ROUND
        await stage.services.review()
    stage.clock.pass_seconds(seconds)
    return [(missed.heartbeats, missed.verdict) for missed in await stage.services.review()]


def status(stage: Stage, service_id: str = "s-1") -> str | None:
    found = stage.services.find(service_id)
    return found.status if found is not None else None


async def test_one_missed_heartbeat_is_a_warning_two_are_down_three_are_gone(stage: Stage) -> None:
    await register(stage)  # every 30 s
    assert await review_after(stage, 29.9) == []
    assert await review_after(stage, 0.1) == [(1, "warning")]
    assert status(stage) == "ok"
    assert await review_after(stage, 29.9) == [(1, "warning")]
    assert await review_after(stage, 0.1) == [(2, "down")]
    assert status(stage) == "down"
    assert await review_after(stage, 1) == []
    assert await review_after(stage, 29) == [(3, "removed")]
    assert stage.services.find("s-1") is None
    stage.restart()
    assert stage.services.everyone() == []


async def test_a_heartbeat_brings_it_back_at_once(stage: Stage) -> None:
    await register(stage)
    await review_after(stage, 60)
    assert status(stage) == "down"
    await heartbeat(stage)
    assert (status(stage), await review_after(stage, 1)) == ("ok", [])


async def test_the_time_to_live_plays_no_part(stage: Stage) -> None:
    await register(stage, heartbeat_interval_s=10, ttl_s=600)
    assert await review_after(stage, 20) == [(2, "down")]


@pytest.mark.parametrize("interval", [0, -7])
async def test_an_interval_that_is_none_counts_as_a_second(stage: Stage, interval: int) -> None:
    await register(stage, heartbeat_interval_s=interval)
    assert await review_after(stage, 1) == [(1, "warning")]


async def test_while_nobody_listened_no_heartbeat_was_missed(stage: Stage) -> None:
    await register(stage)
    stage.clock.pass_seconds(86_400)
    stage.restart()
    assert await stage.services.review() == []
    assert await review_after(stage, 60) == [(2, "down")]


async def test_while_the_machine_slept_no_heartbeat_was_missed(stage: Stage) -> None:
    await register(stage)
    await review_after(stage, 10)
    stage.clock.pass_seconds(86_400)
    assert await stage.services.review() == []
    assert await review_after(stage, 30) == [(1, "warning")]


async def test_a_clock_that_was_set_back_takes_nobody_out(stage: Stage) -> None:
    await register(stage)
    stage.clock.pass_seconds(-3600)
    assert await stage.services.review() == []


async def test_only_who_is_silent_is_taken_out(stage: Stage) -> None:
    await register(stage)
    await register(stage, service_id="s-2")
    await review_after(stage, 60)
    await heartbeat(stage, "s-2")
    await review_after(stage, 30)
    assert [service.service_id for service in stage.services.everyone()] == ["s-2"]


async def test_the_watch_reviews_until_it_is_cancelled(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    await register(stage)
    told: list[Missed] = []
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 5:
            stage.store.close()
        if len(slept) == 6:
            raise asyncio.CancelledError
        stage.clock.pass_seconds(seconds)

    with pytest.raises(asyncio.CancelledError):
        await watch(stage.services, sleep=sleep, tell=told.append)
    assert slept == [ROUND] * 6
    assert [missed.verdict for missed in told] == ["warning", "down", "removed"]
    closed = f"The database {stage.path} is closed: the process stops, or gave the swarm's ports up."
    assert [record.getMessage() for record in caplog.records if record.name.startswith("polyglot_cloud")] == [
        "The service openai (s-1) missed 2 heartbeats and is down",
        "The service openai (s-1) missed 3 heartbeats and is removed",
        f"The services' heartbeats could not be looked through: {closed}",
    ]
