"""The process: one `uvicorn.Server` per port in one event loop. Signals, the lifespan and the drain are owned here, once.

    bind all ports -> start companions -> enter the lifespan -> start listeners -> on_ready
    first SIGTERM, SIGINT or SIGHUP    new calls are refused, those that run may end; listeners stay open, so that /ready can say no
    drain_timeout, or a second signal    what still runs is cut: it has `last_words` seconds to tell its client
    then    close listeners -> leave the lifespan -> stop companions
    a third signal    is the system's: it ends the process where it stands

uvicorn is used as a part: `Server.capture_signals` and the lifespan protocol, which run once per instance, are off, and it is given
bound sockets, since it calls `sys.exit` on a taken port (uvicorn 0.54, server.py).
"""

import asyncio
import contextlib
import logging
import math
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Generator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import uvicorn

from polyglot_cloud.asgi import App
from polyglot_cloud.cycle import DEFAULT_PACE, Pace
from polyglot_cloud.draining import Drain
from polyglot_cloud.listeners import Listener
from polyglot_cloud.protocol import Protocol
from polyglot_cloud.sockets import BACKLOG, Bound, Port, open_ports

T = TypeVar("T")
_log = logging.getLogger(__name__)
_ASKED = (signal.SIGTERM, signal.SIGINT)
_HUNG_UP = getattr(signal, "SIGHUP", None)
"""The terminal was closed. Windows has no such signal, and `nohup` asks that it be ignored."""


class Crashed(Exception):
    """A listener ended although nobody asked it to. The process goes down with it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. `keep_alive` is longer than the idle time of common client pools, so that the client is the one who hangs up.
    `pace` is that of requests' bodies.
    """

    drain_timeout: float = 30.0
    last_words: float = 2.0
    close_timeout: int = 2
    keep_alive: int = 75
    pace: Pace = DEFAULT_PACE


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Companion:
    """An app with a server of its own, on a socket that is bound already: up before the listeners, down after them, never drained."""

    name: str
    app: App
    socket: socket.socket


class Annex:
    """A companion that comes up and goes while others are served in the same loop, and whose end is nobody else's."""

    def __init__(self, companion: Companion, limits: Limits = DEFAULT_LIMITS) -> None:
        self._server = _Server(companion.name, companion.app, [companion.socket], limits)
        self._limits = limits

    async def run(self) -> None:
        """Serves until it is closed. Raises Crashed."""
        try:
            await self._server.keep()
        finally:
            self._server.abort()

    def close(self, *, hurry: bool) -> None:
        """Nobody is let in any more; who is in has as long as calls have when the process drains, in a hurry only the usual moment."""
        limits, server = self._limits, self._server
        server.force_exit = hurry and server.should_exit  # those who had more time have no more of it
        server.config.timeout_graceful_shutdown = limits.close_timeout if hurry else math.ceil(limits.drain_timeout)
        server.should_exit = True
        for accepting in getattr(server, "servers", ()):
            accepting.close()  # now, not with uvicorn's next tick: somebody waits for the port


class Stop:
    """Asks a running `serve` to end: once is please, twice is now. Not for other threads (`loop.call_soon_threadsafe`)."""

    def __init__(self) -> None:
        self.please = asyncio.Event()
        self.now = asyncio.Event()

    def ask(self) -> None:
        if self.please.is_set():
            self.now.set()
        self.please.set()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end, on uvloop where the platform has it."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  # optional: no wheel for Windows or PyPy
    except ImportError:
        return None
    return uvloop.new_event_loop


async def serve(
    app: App,
    ports: Sequence[Port],
    *,
    host: str = "127.0.0.1",
    keyed: bool = False,
    providers: Collection[str] = (),
    lifespan: AbstractAsyncContextManager[Any] | None = None,
    drain: Drain | None = None,
    companions: Sequence[Companion] = (),
    limits: Limits = DEFAULT_LIMITS,
    on_ready: Callable[[list[Bound]], None] | None = None,
    stop: Stop | None = None,
) -> None:
    """Serves until a signal or `stop` ends it, and returns after a clean end.

    `keyed`: `app` asks for a key on every port; without that `host` must be loopback. `providers` are all that `app` has, beside those
    with a port of their own; `drain` is the one that the app counts its calls with.

    Raises BindError before anything is started, Crashed, and whatever the lifespan raises.
    """
    known = {*providers, *(port.provider for port in ports)}
    listeners = [Listener(app, port.provider, known) for port in ports]
    openings = open_ports(host, ports, keyed=keyed)
    front = [
        _Server(each.port.provider, listener, each.sockets, limits)
        for each, listener in zip(openings, listeners, strict=True)
    ]
    back = [_Server(each.name, each.app, [each.socket], limits) for each in companions]
    drain, stop = drain or Drain(), stop or Stop()
    try:
        with _signals(stop), _short_waits():
            async with _running(back), lifespan or nullcontext(), _running(front), _drained(drain, stop, limits):
                if on_ready is not None:
                    on_ready([each.bound() for each in openings])
    finally:
        for server in front:  # where the lifespan failed they never ran
            server.abort()


SWITCH = 0.0005
"""Seconds that the event loop waits for another thread to give the interpreter back. Python's own 5 ms are as long as a stream may stall
altogether, and large bodies are read and written in a thread (large/steps.py)."""


@contextmanager
def _short_waits() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@asynccontextmanager
async def _running(servers: Sequence["_Server"]) -> AsyncIterator[None]:
    """Servers that accept connections while the block runs. The end of any of them before its time ends the block, as Crashed."""
    try:
        async with asyncio.TaskGroup() as group:
            for server in servers:
                group.create_task(server.keep())
            for server in servers:
                await server.accepting.wait()
            yield
            for server in servers:
                server.should_exit = True
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from None
    finally:
        for server in servers:
            server.abort()


@asynccontextmanager
async def _drained(drain: Drain, stop: Stop, limits: Limits) -> AsyncIterator[None]:
    """Waits at its end until it is asked to stop, then for the calls in flight. However it is left, no call is in flight after it."""
    try:
        yield
        await stop.please.wait()
        drain.begin()
        _log.info("Stopping: %d calls in flight have up to %g s to end.", drain.in_flight, limits.drain_timeout)
        await _first_of(drain.idle(limits.drain_timeout), stop.now.wait())
    finally:
        drain.begin()
        drain.cut()
        await drain.idle(limits.last_words)


async def _first_of(*waits: Coroutine[Any, Any, Any]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _signals_heard() -> list[signal.Signals]:
    if _HUNG_UP is None or signal.getsignal(_HUNG_UP) is signal.SIG_IGN:
        return [*_ASKED]
    return [*_ASKED, _HUNG_UP]


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """Each signal asks `stop`, twice at most. Only the main thread can listen to signals; elsewhere `stop` is the only way."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    numbers = _signals_heard()

    def release() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    def ask() -> None:
        stop.ask()
        if stop.now.is_set():
            release()

    for number in numbers:
        loop.add_signal_handler(number, ask)
    try:
        yield
    finally:
        release()


def _protocol(pace: Pace) -> type[Protocol]:
    """Uvicorn takes a class, and makes its instances itself."""
    return type("Protocol", (Protocol,), {"pace": pace})


class _Server(uvicorn.Server):
    """uvicorn's server on sockets of ours, with its hands off signals and lifespan."""

    def __init__(self, name: str, app: App, sockets: list[socket.socket], limits: Limits) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_protocol(limits.pace),
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=limits.keep_alive,
                timeout_graceful_shutdown=limits.close_timeout,
            )
        )
        self.name = name
        self.accepting = asyncio.Event()
        self._sockets = sockets

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.accepting.set()

    async def keep(self) -> None:
        """Serves until `should_exit`. Raises Crashed if it ends otherwise."""
        try:
            await self.serve(sockets=self._sockets)
        except Exception as error:
            raise Crashed(f"The listener of {self.name} broke: {error!r}") from error
        if not self.should_exit:
            raise Crashed(f"The listener of {self.name} ended by itself.")

    def abort(self) -> None:
        """Closes what a regular shutdown left open: nothing, unless it was cut short or a client does not read."""
        for server in getattr(self, "servers", ()):
            server.close()
        for bound in self._sockets:
            bound.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
