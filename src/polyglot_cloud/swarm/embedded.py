"""Which of the swarm's services we serve: those that are missing, while they are missing, and never over anybody who is there.

    off, external    none
    auto             the real ones have `PATIENCE` seconds to show themselves; then ours come up for those that did not
    embedded         at once

Who is there is told by /health: a real service is left its port, and so is a stranger, who is named. Our own listeners do not wait for any
of this. `release` gives ports up while the process runs: nobody is served anew there, what runs may end.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from polyglot_cloud.swarm.link import Peer, Recognises, Unreachable, stranger

Mode = Literal["off", "external", "auto", "embedded"]
State = Literal["none", "waiting", "ours", "external", "squatter", "closed", "released", "broken"]

PATIENCE = 5.0
"""Seconds that the real services have to come up."""
GLANCE = 0.5
"""Seconds between two looks at who is there."""

_log = logging.getLogger(__name__)


class NoPort(Exception):
    """A port cannot be had. The text says why, and by whom where that can be seen."""


class Stall(Protocol):
    """A service of ours on its port. `url` is where it is reached from this machine."""

    @property
    def url(self) -> str: ...

    async def run(self) -> None:
        """Serves until it is closed. Raises whatever broke it."""

    def close(self, *, hurry: bool) -> None:
        """Ends `run`: nobody is let in any more; who is in may finish, in a hurry only if that takes a moment."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One service. `peer` asks at the URL where the real one is looked for; `open` takes our own port, and raises NoPort."""

    name: str
    title: str
    peer: Peer
    recognises: Recognises
    open: Callable[[], Stall]


@dataclass(slots=True)
class _Standing:
    state: State = "none"
    detail: str = ""
    stall: Stall | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """How a service stands. `url` is where it is served or looked for."""

    state: State
    url: str
    detail: str


class Embedded:
    """Runs within one event loop. `moved` hears of every change, by the service's name and URL from then on."""

    def __init__(
        self,
        mode: Mode,
        seats: Sequence[Seat],
        *,
        moved: Callable[[str, str], None] = lambda name, url: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: float = PATIENCE,
    ) -> None:
        self._mode = mode
        self._seats = {seat.name: seat for seat in seats}
        self._standing = {seat.name: _Standing() for seat in seats}
        self._moved = moved
        self._sleep = sleep
        self._patience = patience
        self._tasks: list[asyncio.Task[None]] = []
        self._serving: dict[Stall, asyncio.Task[None]] = {}
        self.settled = asyncio.Event()
        """Set once it is decided who serves what."""

    # --- its life ---

    def start(self) -> None:
        """Begins; under `embedded` the ports that are free are ours when it returns."""
        if self._mode == "auto":
            for standing in self._standing.values():
                standing.state = "waiting"
            self._tasks.append(asyncio.create_task(self._wait(), name="swarm: waiting for the real services"))
        elif self._mode == "embedded":
            refused = [name for name in self._seats if not self._serve(name)]
            self._tasks.append(asyncio.create_task(self._told(refused), name="swarm: who has our ports"))
        else:
            self.settled.set()

    async def stop(self) -> None:
        """Gives all up in a hurry: what had to end has ended by then."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for stall in list(self._serving):
            stall.close(hurry=True)
        await asyncio.gather(*self._serving.values(), return_exceptions=True)

    def release(self, names: Collection[str] = ()) -> list[str]:
        """Gives these ports up, all without a name; whose they were. Those not yet decided on will not be taken."""
        given: list[str] = []
        for name, standing in self._standing.items():
            if names and name not in names:
                continue
            if standing.state == "waiting":
                standing.state = "released"
            elif standing.state == "ours" and standing.stall is not None:
                standing.stall.close(hurry=False)
                given.append(name)
                self._gone(name, "released")
        return given

    # --- how it stands ---

    def serves(self, name: str) -> bool:
        return name in self._standing and self._standing[name].state == "ours"

    def shown(self) -> dict[str, Shown]:
        return {
            name: Shown(standing.state, self.url(name), standing.detail) for name, standing in self._standing.items()
        }

    def url(self, name: str) -> str:
        """Where whoever needs the service finds it."""
        stall = self._standing[name].stall
        return stall.url if stall is not None else self._seats[name].peer.url

    # --- deciding ---

    async def _wait(self) -> None:
        await asyncio.gather(*(self._decide(seat) for seat in self._seats.values()))
        self.settled.set()

    async def _told(self, refused: Collection[str]) -> None:
        await self._name(refused)
        self.settled.set()

    async def _decide(self, seat: Seat) -> None:
        standing = self._standing[seat.name]
        found = await self._found_in_time(seat)
        if standing.state != "waiting":  # released meanwhile
            return
        if found is not None:
            standing.state, standing.detail = found
        elif not self._serve(seat.name):
            await self._name([seat.name])

    async def _found_in_time(self, seat: Seat) -> tuple[State, str] | None:
        """Who was there in time; None: nobody. A stranger may still make room until the end."""
        looks = max(1, round(self._patience / GLANCE))
        found: tuple[State, str] | None = None
        for _ in range(looks):
            found = await _look(seat)
            if found is not None and found[0] == "external":
                return found
            await self._sleep(GLANCE)
        return found

    async def _name(self, names: Collection[str]) -> None:
        """Who sits on ports that we could not have."""
        for name in names:
            found = await _look(self._seats[name])
            standing = self._standing[name]
            if found is not None:
                standing.state, standing.detail = found

    # --- serving ---

    def _serve(self, name: str) -> bool:
        """Whether the port could be had."""
        standing = self._standing[name]
        try:
            stall = self._seats[name].open()
        except NoPort as refused:
            standing.state, standing.detail = "closed", str(refused)
            _log.warning("Swarm: the %s is not served: %s", self._seats[name].title, refused)
            return False
        standing.state, standing.detail, standing.stall = "ours", "", stall
        self._serving[stall] = asyncio.create_task(
            self._kept(name, stall), name=f"swarm: our {self._seats[name].title}"
        )
        _log.info("Swarm: the %s is served here, at %s.", self._seats[name].title, stall.url)
        self._moved(name, stall.url)
        return True

    async def _kept(self, name: str, stall: Stall) -> None:
        try:
            await stall.run()
        except Exception as error:  # noqa: BLE001  a service that breaks must not end the gateway; it is logged whole
            _log.error("Swarm: our %s broke.", self._seats[name].title, exc_info=error)
            if self._standing[name].state == "ours":
                self._gone(name, "broken", str(error))
        finally:
            self._serving.pop(stall, None)

    def _gone(self, name: str, state: State, detail: str = "") -> None:
        standing = self._standing[name]
        standing.state, standing.detail, standing.stall = state, detail, None
        self._moved(name, self._seats[name].peer.url)


async def _look(seat: Seat) -> tuple[State, str] | None:
    """Who answers where the service should be; None: nobody."""
    try:
        answer = await seat.peer.ask("GET", "/health")
    except Unreachable as error:
        # a program that takes the connection and says nothing has the port all the same
        return ("squatter", f"a program that gives no answer ({error})") if error.sent else None
    if answer.status == 200 and isinstance(answer.value, Mapping) and seat.recognises(answer.value):
        return "external", ""
    return "squatter", stranger(answer)
