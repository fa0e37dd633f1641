"""A name -> a connected socket. IPv4 and IPv6 are raced (RFC 8305), since uvloop has nothing of the kind.

Addresses come in the resolver's order (RFC 6724), the families taking turns. The next one is tried when an attempt fails, or is not
through after ATTEMPT_DELAY; the first that connects wins, and the others are hung up on. `getaddrinfo` answers for both families at
once, so RFC 8305's delay for a late family has no place here.
"""

import asyncio
import contextlib
import socket
import ssl
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import chain, zip_longest
from typing import Any, NamedTuple, Protocol, TypeVar

from polyglot_cloud.transport.origins import Origin

ATTEMPT_DELAY = 0.25
"""Seconds: "Connection Attempt Delay", RFC 8305, 5 and 8."""
_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4}
"""A model may think for minutes without a byte, and routers in between forget a connection that is silent for so long."""

P = TypeVar("P", bound=asyncio.Protocol)


class Target(NamedTuple):
    """An address as sockets have it."""

    family: int
    address: tuple[Any, ...]

    @property
    def ip(self) -> IPv4Address | IPv6Address:
        return ip_address(str(self.address[0]).partition("%")[0])


AddressRule = Callable[[Origin, Sequence[IPv4Address | IPv6Address]], None]
"""Told all addresses of an origin before any is connected to. Raises AddressRefused where they may not be."""
Resolve = Callable[[str, int], Awaitable[Sequence[Target]]]
Attempt = Callable[[Target], Awaitable[socket.socket]]
Pause = Callable[[float], Awaitable[None]]


class Dial(Protocol):
    """Connects to an origin, and has the connection served by what `factory` makes. Raises OSError and httpx.ConnectError."""

    async def __call__(self, origin: Origin, factory: Callable[[], P]) -> P: ...


class Dialer:
    """Dials by name, race and TLS. What it does to the network is handed in by tests."""

    def __init__(
        self,
        context: ssl.SSLContext,
        rule: AddressRule | None = None,
        *,
        resolve: Resolve | None = None,
        attempt: Attempt | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._context = context
        self._rule = rule
        self._resolve = resolve or Names().resolve
        self._attempt = attempt or connected
        self._pause = pause

    async def __call__(self, origin: Origin, factory: Callable[[], P]) -> P:
        targets = await self._resolve(origin.host, origin.port)
        if self._rule is not None:
            self._rule(origin, [target.ip for target in targets])
        made = await race(interleaved(targets), self._attempt, self._pause)
        loop = asyncio.get_running_loop()
        context, name = (self._context, origin.host.rstrip(".")) if origin.secure else (None, None)
        # the socket is the loop's from here on, and closed by it where the handshake fails or is cancelled
        _, protocol = await loop.create_connection(factory, sock=made, ssl=context, server_hostname=name)
        return protocol


class Names:
    """The system's resolver. Those who ask for the same name at once share one answer: its threads are few."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], asyncio.Task[list[Target]]] = {}
        self._waiting: Counter[tuple[str, int]] = Counter()

    async def resolve(self, host: str, port: int) -> list[Target]:
        """Raises socket.gaierror, and UnicodeError for names that DNS cannot hold."""
        key = host, port
        if key not in self._asked:
            self._asked[key] = asyncio.ensure_future(looked_up(host, port))
        self._waiting[key] += 1
        try:
            return await asyncio.shield(self._asked[key])
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:  # all have their answer, or are gone
                del self._waiting[key]
                self._asked.pop(key).cancel()


async def looked_up(host: str, port: int) -> list[Target]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [Target(family, address) for family, _, _, _, address in found]


def interleaved(targets: Iterable[Target]) -> list[Target]:
    """The families take turns, beginning with the first one's (RFC 8305, 4)."""
    families: dict[int, list[Target]] = {}
    for target in targets:
        families.setdefault(target.family, []).append(target)
    return [target for target in chain.from_iterable(zip_longest(*families.values())) if target is not None]


async def race(targets: Sequence[Target], attempt: Attempt, pause: Pause) -> socket.socket:
    """The first connection there is. Raises the first failure where all fail: it is the preferred address's."""
    if len(targets) == 1:
        return await attempt(targets[0])
    waiting = deque(targets)
    running: set[asyncio.Future[Any]] = set()
    failures: list[BaseException] = []
    winner: socket.socket | None = None
    try:
        while winner is None and (waiting or running):
            if waiting:
                running.add(asyncio.ensure_future(attempt(waiting.popleft())))
            timer = asyncio.ensure_future(pause(ATTEMPT_DELAY)) if waiting else None
            timers: set[asyncio.Future[Any]] = set() if timer is None else {timer}
            try:
                await asyncio.wait(running | timers, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _hang_up(timers)
            winner = _outcome(running, failures)
        await _hang_up(running)
    except BaseException:
        for task in running:
            task.cancel()
            task.add_done_callback(_close)
        if winner is not None:
            winner.close()
        raise
    if winner is None:
        raise failures[0] if failures else OSError("the name has no address")
    return winner


def _outcome(running: set[asyncio.Future[Any]], failures: list[BaseException]) -> socket.socket | None:
    """Takes the first that is through, or all that failed, out of `running`."""
    for task in [task for task in running if task.done()]:
        running.remove(task)
        error = task.exception()
        if error is None:
            won: socket.socket = task.result()
            return won
        failures.append(error)
    return None


async def _hang_up(tasks: set[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
        task.add_done_callback(_close)
    if tasks:
        await asyncio.wait(tasks)


def _close(task: asyncio.Future[Any]) -> None:
    """Of an attempt that lost: it may have come through all the same."""
    if not task.cancelled() and task.exception() is None and isinstance(made := task.result(), socket.socket):
        made.close()


async def connected(target: Target) -> socket.socket:
    """Raises OSError. Nothing is left open where it is cancelled."""
    made = socket.socket(target.family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _ALIVE.items():
            with contextlib.suppress(AttributeError, OSError):  # not every system has each of them
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        await asyncio.get_running_loop().sock_connect(made, target.address)
    except BaseException:
        made.close()
        raise
    return made
