"""One service of the swarm as this process sees it: how it is asked, who answers there, and when it is asked again.

What answers may be anything: other programs of the same repository sit on the same ports, errors come as plain text, and a service may
accept a connection and say nothing. So every answer is bounded in time and size, and nothing is done before /health says who it is.
"""

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import httpx

from polyglot_cloud import wire

State = Literal["off", "starting", "connected", "down", "squatter"]

LARGEST = 256 * 1024
"""Bytes of an answer."""
SHOWN = 80
"""Characters of somebody else's text that a person is shown."""
FIRST_WAIT = 1.0
"""Seconds after the first failure; each further one doubles it, up to the interval."""

_log = logging.getLogger(__name__)


class Unreachable(Exception):
    """No answer, or none that a working service gives. `sent`: the request may have arrived all the same."""

    def __init__(self, reason: str, *, sent: bool = True) -> None:
        super().__init__(reason)
        self.sent = sent


class Broke(Unreachable):
    """It answered 500 or more: something is wrong there, perhaps with this one question alone."""


class Squatted(Exception):
    """Somebody answers there who is not the service. The text is who it says it is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`value` is the JSON of the body, None where it is none (a crash of the real services answers in plain text)."""

    status: int
    value: Any

    def field(self, name: str) -> Any:
        return self.value.get(name) if isinstance(self.value, dict) else None


def open_client(urls: Iterable[str], transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client of its own for the swarm: no proxy of the environment, and no redirect is followed.

    To read the certificates of the world takes a while, and only https needs them; without it nobody's is trusted.
    """
    is_secured = any(url.startswith("https:") for url in urls)
    return httpx.AsyncClient(
        transport=transport,
        verify=ssl.create_default_context() if is_secured else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        trust_env=False,
        follow_redirects=False,
        headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "polyglot-cloud"},
        limits=httpx.Limits(max_connections=16, max_keepalive_connections=4, keepalive_expiry=4.0),
    )


@dataclass(slots=True)
class Peer:
    """Somebody at a URL, which may change. `within` is the most seconds that one question may take; `headers` go with each."""

    client: httpx.AsyncClient
    url: str
    within: float
    headers: Callable[[], Mapping[str, str]] = dict

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Raises Unreachable for no answer and for an overlong one, Broke for 500 and above."""
        try:
            async with asyncio.timeout(self.within):
                status, received = await self._exchange(method, path, body)
        except httpx.ConnectError:
            raise Unreachable("it cannot be connected to", sent=False) from None
        except (TimeoutError, httpx.TimeoutException):
            raise Unreachable(f"no answer within {self.within:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"the connection broke ({type(error).__name__})") from None
        if status >= 500:
            raise Broke(f"answered {status} to {method} {path}")
        try:
            return Answer(status, wire.decode(received))
        except wire.InvalidJson:
            return Answer(status, None)

    async def _exchange(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        content = None if body is None else wire.encode(dict(body))
        headers = dict(self.headers())
        if content is not None:
            headers["content-type"] = "application/json"
        async with self.client.stream(
            method, f"{self.url}{path}", content=content, headers=headers, timeout=self.within
        ) as response:
            received = bytearray()
            async for piece in response.aiter_raw():
                received += piece
                if len(received) > LARGEST:
                    raise Unreachable(f"answered more than {LARGEST} bytes")
            return response.status_code, bytes(received)


Recognises = Callable[[Mapping[str, Any]], bool]


def says(service: str) -> Recognises:
    return lambda health: health.get("service") == service


def is_registry(health: Mapping[str, Any]) -> bool:
    """The Registry's /health has no `service`, but two counts."""
    return "registered" in health and "healthy" in health


def stranger(answer: Answer) -> str:
    """Who answers there, in words: what its /health says, as far as a person may be shown it."""
    name = answer.field("service")
    if not isinstance(name, str) or not name.strip():
        return f"a program that answers {answer.status} to GET /health"
    return "".join(sign if sign.isprintable() else "?" for sign in name.strip()[:SHOWN])


@dataclass(frozen=True, slots=True)
class Pace:
    """Time and chance, replaced in tests. `jitter` is from 0 to 1."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    wall_clock: Callable[[], float] = time.time

    def spread(self, interval: float) -> float:
        """The interval, a third more or less: 30 to 60 s for 45 s, so that many processes do not come at once."""
        return interval * (2 + 2 * self.jitter()) / 3

    def backoff(self, failures: int, interval: float) -> float:
        """Doubled with each failure up to the interval, less up to a half."""
        longest = min(FIRST_WAIT * 2.0 ** min(failures - 1, 30), interval)
        return longest * (1 - self.jitter() / 2)

    def now(self) -> str:
        """As the swarm writes times: UTC, and no word of that."""
        return datetime.fromtimestamp(self.wall_clock(), UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


class Link:
    """A service and what is known of it. `keep` asks it until it is cancelled.

    title        how people call it
    recognises   whether a /health is this service's
    since        when the state began, None before the first question
    """

    def __init__(self, title: str, peer: Peer, recognises: Recognises, pace: Pace) -> None:
        self.title = title
        self.peer = peer
        self.pace = pace
        self.state: State = "starting"
        self.since: str | None = None
        self.detail = ""
        self._recognises = recognises
        self._wake = asyncio.Event()

    @property
    def url(self) -> str:
        return self.peer.url

    def move(self, url: str) -> None:
        """The service is at this URL from now on; it is asked there at once."""
        self.peer.url = url
        self.state, self.detail, self.since = "starting", "", None
        self.wake()

    async def identify(self) -> None:
        """Raises Unreachable and Squatted."""
        answer = await self.peer.ask("GET", "/health")
        known = answer.status == 200 and isinstance(answer.value, dict) and self._recognises(answer.value)
        if not known:
            raise Squatted(stranger(answer))

    async def keep(self, visit: Callable[[], Awaitable[None]], interval: float) -> None:
        """Calls `visit` again and again: at the interval while all is well or a stranger is there, sooner where nobody answers."""
        failures = 0
        while True:
            wait = self.pace.spread(interval)
            try:
                await visit()
            except Squatted as error:
                failures = 0
                self.turn("squatter", str(error))
            except Unreachable as error:
                failures += 1
                wait = self.pace.backoff(failures, interval)
                self.turn("down", str(error))
            except Exception:  # noqa: BLE001  a defect here must not end the gateway's process; it is logged whole
                failures += 1
                wait = self.pace.backoff(failures, interval)
                _log.exception("A defect of ours: the swarm's %s cannot be served.", self.title)
                self.turn("down", "a defect of ours; the log has it")
            else:
                failures = 0
                self.turn("connected")
            await self.pause(wait)

    def turn(self, state: State, detail: str = "") -> None:
        """What is so now; said in the log where it was otherwise before."""
        if state != self.state:
            self.since = self.pace.now()
            words = f" ({detail})" if detail else ""
            never_there = self.state == "starting" and state == "down"  # many have no swarm; the start-up table says it
            level = logging.DEBUG if never_there else logging.INFO
            _log.log(level, "Swarm: the %s at %s: %s%s.", self.title, self.url, _WORDS[state], words)
        self.state, self.detail = state, detail

    def wake(self) -> None:
        """Ends the pause that runs, or the next one: something has changed that it should hear of."""
        self._wake.set()

    async def pause(self, seconds: float) -> None:
        waits = [asyncio.ensure_future(self.pace.sleep(seconds)), asyncio.ensure_future(self._wake.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            self._wake.clear()

    @property
    def words(self) -> str:
        """The state in a line for people."""
        if self.state == "squatter":
            return f"left alone: {self.detail} answers there"
        if self.state == "down":
            return f"down since {self.since}: {self.detail}"
        return _WORDS[self.state]


_WORDS: Mapping[State, str] = {
    "off": "off",
    "starting": "not asked yet",
    "connected": "connected",
    "down": "down",
    "squatter": "somebody else",
}
