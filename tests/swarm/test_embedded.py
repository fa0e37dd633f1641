"""Which services are served here, over sockets of a test: who is there is played, time passes at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from harness import Pieces
from polyglot_cloud.swarm.embedded import GLANCE, PATIENCE, Embedded, Mode, NoPort, Seat
from polyglot_cloud.swarm.link import Peer, open_client, says


class Stall:
    """A service of ours that is broken on demand."""

    url = "http://127.0.0.1:7000"

    def __init__(self) -> None:
        self.closed: list[bool] = []
        self._end = asyncio.Event()
        self._error: Exception | None = None

    async def run(self) -> None:
        await self._end.wait()
        if self._error is not None:
            raise self._error

    def close(self, *, hurry: bool) -> None:
        self.closed.append(hurry)
        self._end.set()

    def crash(self) -> None:
        self._error = OSError("broken")
        self._end.set()


@dataclass
class Port:
    """One service's. `healths` are what /health says at each look, the last one for good: None: nobody is there, "": he hangs."""

    healths: list[str | None]
    taken: str | None = None
    stalls: list[Stall] = field(default_factory=list)

    def open(self) -> Stall:
        if self.taken is not None:
            raise NoPort(self.taken)
        self.stalls.append(Stall())
        return self.stalls[-1]

    def answer(self, request: httpx.Request) -> httpx.Response:
        said = self.healths.pop(0) if len(self.healths) > 1 else self.healths[0]
        if said is None:
            raise httpx.ConnectError("refused", request=request)
        if not said:
            raise httpx.ReadTimeout("silent", request=request)
        return httpx.Response(200, stream=Pieces([json.dumps({"service": said}).encode()]))


@dataclass
class Stage:
    embedded: Embedded
    port: Port
    slept: list[float]
    moved: list[tuple[str, str]]

    @property
    def shown(self) -> tuple[str, str]:
        shown = self.embedded.shown()["router"]
        return shown.state, shown.detail

    async def settled(self) -> "Stage":
        await asyncio.wait_for(self.embedded.settled.wait(), 5)
        return self


@asynccontextmanager
async def stage(mode: Mode, *healths: str | None, taken: str | None = None) -> AsyncIterator[Stage]:
    port, slept, moved = Port(list(healths) or [None], taken), [], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    async with open_client([], httpx.MockTransport(port.answer)) as client:
        seat = Seat("router", "Provider Router", Peer(client, "http://127.0.0.1:6103", 2.0), says("router"), port.open)
        embedded = Embedded(mode, [seat], moved=lambda name, url: moved.append((name, url)), sleep=sleep)
        embedded.start()
        yield Stage(embedded, port, slept, moved)
        await embedded.stop()
        assert all(stall.closed for stall in port.stalls)


@pytest.mark.parametrize("mode", ["off", "external"])
async def test_nothing_is_served_where_nobody_asked_for_it(mode: Mode) -> None:
    async with stage(mode) as found:
        await found.settled()
        assert (found.shown, found.port.stalls, found.embedded.serves("router")) == (("none", ""), [], False)
        assert found.embedded.release() == []


async def test_embedded_serves_at_once() -> None:
    async with stage("embedded") as found:
        assert found.shown == ("ours", "")
        assert found.moved == [("router", Stall.url)]
        assert (found.slept, found.embedded.url("router")) == ([], Stall.url)
        await found.settled()
        assert not found.embedded.serves("events")


async def test_auto_waits_for_the_real_one_and_serves_what_is_missing() -> None:
    async with stage("auto") as found:
        assert (found.shown, found.port.stalls) == (("waiting", ""), [])
        await found.settled()
        assert found.shown == ("ours", "")
        assert found.slept == [GLANCE] * round(PATIENCE / GLANCE)


async def test_auto_leaves_a_real_one_its_port_however_late_it_comes() -> None:
    async with stage("auto", None, None, "router") as found:
        await found.settled()
        assert (found.shown, found.port.stalls, len(found.slept)) == (("external", ""), [], 2)
        assert found.embedded.url("router") == "http://127.0.0.1:6103"


async def test_a_stranger_may_still_make_room() -> None:
    async with stage("auto", "audio_service", "audio_service", None) as found:
        await found.settled()
        assert found.shown == ("ours", "")


@pytest.mark.parametrize(("said", "named"), [("audio_service", "audio_service"), ("", "no answer")])
async def test_a_stranger_is_named_and_left_alone(said: str, named: str) -> None:
    async with stage("auto", said) as found:
        await found.settled()
        state, detail = found.shown
        assert (state, named in detail, found.port.stalls) == ("squatter", True, [])


@pytest.mark.parametrize("mode", ["auto", "embedded"])
async def test_a_port_that_cannot_be_had_is_told(mode: Mode) -> None:
    async with stage(mode, taken="Port 6103 is taken by somebody.") as found:
        await found.settled()
        assert (found.shown, found.moved) == (("closed", "Port 6103 is taken by somebody."), [])


async def test_embedded_names_who_has_its_port() -> None:
    async with stage("embedded", "router", taken="taken") as found:
        await found.settled()
        assert found.shown == ("external", "")


async def test_ports_are_given_up_and_not_taken_again() -> None:
    async with stage("embedded") as found:
        assert found.embedded.release(["gateway"]) == []
        assert found.embedded.release(["router"]) == ["router"]
        assert found.embedded.release() == []
        assert found.port.stalls[0].closed == [False]
        assert found.shown == ("released", "")
        assert found.moved[-1] == ("router", "http://127.0.0.1:6103")


async def test_a_release_while_it_waits_keeps_it_from_serving() -> None:
    async with stage("auto") as found:
        assert found.embedded.release() == []
        await found.settled()
        assert (found.shown, found.port.stalls) == (("released", ""), [])


async def test_a_service_that_breaks_ends_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async with stage("embedded") as found:
        found.port.stalls[0].crash()
        for _ in range(3):
            await asyncio.sleep(0)
        assert found.shown == ("broken", "broken")
        assert "our Provider Router broke" in caplog.text
        found.port.stalls[0].closed.append(True)  # a broken one has nothing to close
