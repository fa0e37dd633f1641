"""What the Provider Router is told: each model that is offered here, again and again, and at the end that it is gone.

The real Router has habits (contract of 2026-11-22, sections 1 and 7):

- A name that was DELETEd is burned: registering it again answers 200 "updated", and the row stays invisible for good. So each
  registration is looked up afterwards, and where it is not there the next name is tried (`-2`, `-3`).
- It never forgets and never checks, so that a name may be somebody else's who is alive: another gateway's, an earlier adapter's. Then the
  next name is tried too. A row whose endpoint is dead is taken over.
- A row can be taken out of selection and put back by registering it under another model: it is parked.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from polyglot_cloud.hosts import is_loopback
from polyglot_cloud.swarm import names
from polyglot_cloud.swarm.link import Answer, Broke, Link, Peer, Unreachable
from polyglot_cloud.swarm.offers import Offering

Leave = Literal["park", "delete", "leave"]
Pair = tuple[str, str]


class RouterClient:
    """`version` is ours; `p95_ms` of a provider's last calls. `problems` is what the Router does not take, by the name that is meant."""

    def __init__(
        self,
        link: Link,
        offerings: Callable[[], Sequence[Offering]],
        p95_ms: Callable[[str], float | None],
        version: str,
        leave: Leave,
    ) -> None:
        self._link = link
        self._peer = link.peer
        self._offerings = offerings
        self._p95_ms = p95_ms
        self._version = version
        self._leave = leave
        self._held: dict[Pair, tuple[str, Offering]] = {}
        self._burned: set[str] = set()
        self.problems: dict[str, str] = {}

    @property
    def registered(self) -> list[str]:
        return sorted(name for name, _ in self._held.values())

    async def visit(self) -> None:
        """Registers all that is offered, and takes back what is offered no more. Raises Unreachable and Squatted."""
        await self._link.identify()
        offerings = self._offerings()
        wanted = names.registrations(offering.pair for offering in offerings)
        for pair in self._held.keys() - wanted.keys():
            await self._take_back(*self._held[pair])
            del self._held[pair]
        self.problems = {name: why for name, why in self.problems.items() if name in wanted.values()}
        broken: list[Broke] = []
        for offering in offerings:
            try:
                await self._announce(offering, wanted)
            except Broke as error:  # the others may well be taken
                self.problems[wanted[offering.pair]] = str(error)
                broken.append(error)
        if broken and len(broken) == len(offerings):
            raise broken[0]

    async def _announce(self, offering: Offering, wanted: dict[Pair, str]) -> None:
        plain = wanted[offering.pair]
        for name in self._candidates(offering.pair, plain, wanted.values()):
            standing = await self._row(name)
            if standing is None and self._held.get(offering.pair, ("",))[0] == name:
                del self._held[
                    offering.pair
                ]  # the Router was wiped, or somebody deleted it: the first name may be free again
                self._burned.difference_update(names.suffixed(plain))
                await self._announce(offering, wanted)
                return
            if standing is not None and await self._is_somebody_elses(standing, offering):
                self._held.pop(offering.pair, None)
                continue
            # held before it is sent: an answer that is lost must not be left behind
            self._held[offering.pair] = name, offering
            answer = await self._register(name, offering)
            if answer.status != 200:
                del self._held[offering.pair]
                self.problems[plain] = f"the Router does not take it ({answer.status})"
                return
            if answer.field("action") != "updated" or await self._row(name) is not None:
                self.problems.pop(plain, None)
                return
            del self._held[offering.pair]
            self._burned.add(name)
        self.problems[plain] = f"this name and all up to -{names.SUFFIXES} are somebody else's or were deleted"

    def _candidates(self, pair: Pair, plain: str, others: Collection[str]) -> Iterator[str]:
        """The name that it has, else those to be tried. "gpt-6" with a suffix is "gpt-6-2", which may be gpt-6.2's own name."""
        first = self._held[pair][0] if pair in self._held else ""
        if first:
            yield first
        taken = {name for name, _ in self._held.values()} | set(others)
        for name in names.suffixed(plain):
            if name not in {first, *self._burned} and (name == plain or name not in taken):
                yield name

    async def _row(self, name: str) -> dict[str, Any] | None:
        answer = await self._peer.ask("GET", f"/providers/{quote(name, safe='')}")
        return answer.value if answer.status == 200 and isinstance(answer.value, dict) else None

    async def _register(self, name: str, offering: Offering, *, parked: bool = False) -> Answer:
        p95 = self._p95_ms(offering.provider)
        return await self._peer.ask("POST", "/register", offering.body(name, self._version, p95, parked=parked))

    async def _is_somebody_elses(self, row: dict[str, Any], offering: Offering) -> bool:
        if is_same_place(row.get("endpoint"), offering.endpoint):
            return False
        if str(row.get("model")).startswith(names.PARKED):
            return False
        return await self._is_alive(row.get("endpoint"))

    async def _is_alive(self, endpoint: object) -> bool:
        """Whether somebody answers at a row's endpoint. Only this machine is asked: the Router takes any text there."""
        place = place_of(endpoint)
        if place is None:
            return False
        if place[0] != LOOPBACK:
            return True
        return any([await self._answers(f"http://{address}:{place[1]}") for address in ("127.0.0.1", "[::1]")])

    async def _answers(self, url: str) -> bool:
        try:
            await Peer(self._peer.client, url, self._peer.within).ask("GET", "/health")
        except Unreachable as error:
            return error.sent  # it listens, and is slow or broken
        return True

    # --- the end ---

    async def go(self) -> None:
        """Takes all back that is registered, at once. Never raises: whoever cannot be told is left as he is."""
        held, self._held = list(self._held.values()), {}
        if self._leave != "leave":
            await asyncio.gather(*(self._gone(name, offering) for name, offering in held))

    async def _gone(self, name: str, offering: Offering) -> None:
        try:
            await self._take_back(name, offering)
        except Unreachable as error:
            self.problems[name] = f"not taken back: {error}"

    async def _take_back(self, name: str, offering: Offering) -> None:
        """By the setting; not where somebody else has registered under the name meanwhile."""
        row = await self._row(name) if self._leave != "leave" else None
        if row is None or not is_same_place(row.get("endpoint"), offering.endpoint):
            return
        if self._leave == "park":
            await self._register(name, offering, parked=True)
        else:
            await self._peer.ask("DELETE", f"/providers/{quote(name, safe='')}")


LOOPBACK = "loopback"


def place_of(endpoint: object) -> tuple[str, int] | None:
    """(host, port) of a row's endpoint, all spellings of this machine as one; None for what is no address."""
    try:
        parts = urlsplit(endpoint if isinstance(endpoint, str) else "")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host:
        return None
    return LOOPBACK if is_loopback(host) else host, port or (443 if parts.scheme == "https" else 80)


def is_same_place(one: object, other: object) -> bool:
    return one == other or (place_of(one) is not None and place_of(one) == place_of(other))
