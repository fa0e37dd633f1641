"""The file is also the program that its own tests start as a child: `python test_server.py` serves until a signal ends it."""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import polyglot_cloud
from polyglot_cloud import server
from polyglot_cloud.asgi import Receive, Scope, Send
from polyglot_cloud.draining import Drain
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.server import Annex, Companion, Crashed, Limits, Stop, run, serve
from polyglot_cloud.sockets import Bound, Port, PortTaken, RefusedBind

PORTS = [Port("openai", 0), Port("anthropic", 0)]
PATIENT = Limits(drain_timeout=60)
HASTY = Limits(drain_timeout=0, last_words=20, close_timeout=0)
GENEROUS = 30.0  # seconds; only a test that would hang takes so long


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """SIGHUP as in a terminal, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


class House:
    """A small app in the place of the whole: /ready, and calls that stream their face, wait, and end."""

    def __init__(self) -> None:
        self.drain = Drain()
        self.release = asyncio.Event()
        self.log: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["path"].rpartition("/")[2]:
            case "ready":
                await reply(send, 503 if self.drain.started else 200)
            case "begun":
                await self.drain.begun()
                await reply(send, 200)
            case "release":
                self.release.set()
                await reply(send, 200)
            case "stubborn":
                await self.stubborn(send)
            case "flood":
                await self.flood(send)
            case _:
                await self.call(scope, send)

    async def call(self, scope: Scope, send: Send) -> None:
        started = False
        try:
            with self.drain.track():
                started = True
                await begin(send, 200)
                await piece(send, scope["state"]["face"])
                await self.release.wait()
                await piece(send, "end")
        except GatewayError as error:
            if not started:
                await reply(send, error.status)
                return
            await piece(send, f"error {error.code}")
        await send({"type": "http.response.body"})

    async def stubborn(self, send: Send) -> None:
        """Ignores that it is cut, and goes only when the server throws it out."""
        with self.drain.track():
            await begin(send, 200)
            await piece(send, "stubborn")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.Event().wait()

    async def flood(self, send: Send) -> None:
        """More than a client takes that does not read, and a last word on top."""
        try:
            with self.drain.track():
                await begin(send, 200)
                await piece(send, "x" * 20_000_000)
                await piece(send, "more")
        except GatewayError as error:
            await piece(send, f"error {error.code}")
        await send({"type": "http.response.body"})

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self.log.append("up")
        try:
            yield
        finally:
            self.log.append(f"down, {self.drain.in_flight} in flight")


async def begin(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})


async def piece(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode() + b"\n", "more_body": True})


async def reply(send: Send, status: int) -> None:
    await begin(send, status)
    await send({"type": "http.response.body", "body": b""})


class Client:
    """One connection with one request on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def ask(cls, port: int, path: str, host: str = "127.0.0.1") -> "Client":
        client = cls(*await asyncio.open_connection(host, port))
        client.writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return client

    async def head(self) -> list[bytes]:
        return (await self.reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")

    async def status(self) -> int:
        return int((await self.head())[0].split()[1])

    async def piece(self) -> str:
        """The next piece of a body in chunks, "" at its end."""
        size = int(await self.reader.readline(), 16)
        return (await self.reader.readexactly(size + 2)).decode().strip()

    async def gone(self) -> bool:
        try:
            return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionResetError):
            await self.writer.wait_closed()


async def status_of(port: int, path: str) -> int:
    client = await Client.ask(port, path)
    status = await client.status()
    await client.close()
    return status


@asynccontextmanager
async def serving(
    house: House,
    *,
    limits: Limits = PATIENT,
    stop: Stop | None = None,
    companions: list[Companion] | None = None,
) -> AsyncIterator[tuple[list[Bound], asyncio.Task[None], Stop]]:
    ready: asyncio.Future[list[Bound]] = asyncio.get_running_loop().create_future()
    stop = stop or Stop()
    task = asyncio.create_task(
        serve(
            house,
            PORTS,
            lifespan=house.lifespan(),
            drain=house.drain,
            limits=limits,
            stop=stop,
            companions=companions or [],
            on_ready=ready.set_result,
        )
    )
    either: list[asyncio.Future[Any]] = [ready, task]
    await asyncio.wait(either, timeout=GENEROUS, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        async with asyncio.timeout(GENEROUS):
            yield ready.result(), task, stop
    finally:
        stop.ask()
        stop.ask()
        await asyncio.wait([task])


# --- one loop, several ports ---


async def test_each_port_shows_its_own_face_of_the_one_app() -> None:
    house = House()
    async with serving(house) as (bound, task, stop):
        assert [(each.provider, each.host) for each in bound] == [("openai", "127.0.0.1"), ("anthropic", "127.0.0.1")]
        house.release.set()
        faces = []
        for port, path in [
            (bound[0].port, "/call"),
            (bound[1].port, "/v1/call"),
            (bound[0].port, "/v1/anthropic/call"),
        ]:
            client = await Client.ask(port, path)
            await client.head()
            faces.append(await client.piece())
            await client.close()
        assert faces == ["openai", "anthropic", "anthropic"]
        assert house.log == ["up"]
        stop.ask()
        await task
    assert house.log == ["up", "down, 0 in flight"]


async def test_the_answer_has_a_date_and_names_no_server() -> None:
    house = House()
    async with serving(house) as (bound, _, _):
        client = await Client.ask(bound[0].port, "/ready")
        names = {line.split(b":")[0] for line in await client.head()}
        assert b"date" in names
        assert b"server" not in names
        await client.close()


async def test_providers_without_a_port_of_their_own_are_known() -> None:
    house, ready, stop = House(), asyncio.get_running_loop().create_future(), Stop()
    house.release.set()
    task = asyncio.create_task(
        serve(house, [Port("openai", 0)], providers=["grok"], drain=house.drain, stop=stop, on_ready=ready.set_result)
    )
    client = await Client.ask((await ready)[0].port, "/v1/grok/call")
    await client.head()
    assert await client.piece() == "grok"
    await client.close()
    stop.ask()
    await task


async def test_it_serves_without_anybody_to_tell_and_off_the_main_thread() -> None:
    house, stop, loops = House(), Stop(), list[asyncio.AbstractEventLoop]()
    started = threading.Event()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        loops.append(asyncio.get_running_loop())
        started.set()
        yield

    def main() -> None:
        run(serve(house, [Port("openai", 0)], lifespan=lifespan(), stop=stop))

    thread = threading.Thread(target=main)
    thread.start()
    await asyncio.to_thread(started.wait)
    loops[0].call_soon_threadsafe(stop.ask)
    await asyncio.to_thread(thread.join)


# --- what must not start ---


async def test_nothing_starts_when_a_port_is_taken() -> None:
    house = House()
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {number} for grok is taken"):
            await serve(house, [*PORTS, Port("grok", number)], lifespan=house.lifespan())
    assert house.log == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3"])
async def test_another_address_than_loopback_is_refused(host: str) -> None:
    house = House()
    with pytest.raises(RefusedBind, match="keys create"):
        await serve(house, PORTS, host=host, lifespan=house.lifespan())
    assert house.log == []


async def test_a_lifespan_that_fails_closes_the_ports() -> None:
    def open_database() -> None:
        raise LookupError("no database")

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        open_database()
        yield

    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    for _ in range(2):  # were it still open, the second would find it taken
        with pytest.raises(LookupError, match="no database"):
            await serve(House(), [Port("openai", free)], lifespan=lifespan())


async def test_a_failure_of_whoever_is_told_ends_it() -> None:
    house = House()

    def tell(bound: list[Bound]) -> None:
        raise LookupError("nobody to tell")

    with pytest.raises(LookupError, match="nobody to tell"):
        await serve(house, PORTS, lifespan=house.lifespan(), drain=house.drain, on_ready=tell)
    assert house.log == ["up", "down, 0 in flight"]


# --- the drain ---


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_drains_in_two_steps(number: signal.Signals) -> None:
    house = House()
    async with serving(house) as (bound, task, _):
        port = bound[0].port
        stream, begun = await Client.ask(port, "/call"), await Client.ask(port, "/begun")
        assert await stream.status() == 200
        assert await stream.piece() == "openai"
        assert await status_of(port, "/ready") == 200
        os.kill(os.getpid(), number)
        assert await begun.status() == 200
        # the listeners are open, and refuse
        assert await status_of(port, "/v1/chat/completions") == 503
        assert await status_of(bound[1].port, "/ready") == 503
        house.release.set()
        assert await stream.piece() == "end"
        assert await stream.piece() == ""
        assert await stream.gone()
        await task
        await stream.close()
        await begun.close()
    assert house.log == ["up", "down, 0 in flight"]


async def test_nohup_keeps_its_promise() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    house = House()
    async with serving(house) as (bound, _, stop):
        os.kill(os.getpid(), signal.SIGHUP)
        assert await status_of(bound[0].port, "/ready") == 200
        assert not stop.please.is_set()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


async def test_a_platform_without_hanging_up_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HUNG_UP", None)
    async with serving(House()):
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


async def test_after_its_time_a_stream_is_cut_and_says_so_in_band() -> None:
    house = House()
    async with serving(house, limits=HASTY) as (bound, task, stop):
        stream = await Client.ask(bound[0].port, "/call")
        await stream.head()
        await stream.piece()
        stop.ask()
        assert await stream.piece() == "error gateway_draining"
        assert await stream.piece() == ""
        await task
        await stream.close()
    assert house.log == ["up", "down, 0 in flight"]


async def test_a_second_signal_is_now_and_a_third_is_the_systems() -> None:
    house = House()
    async with serving(house) as (bound, task, _):
        stream, begun = await Client.ask(bound[0].port, "/call"), await Client.ask(bound[0].port, "/begun")
        await stream.head()
        await stream.piece()
        os.kill(os.getpid(), signal.SIGINT)
        assert await begun.status() == 200
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        os.kill(os.getpid(), signal.SIGINT)
        assert await stream.piece() == "error gateway_draining"
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        await task
        await stream.close()
        await begun.close()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_a_call_that_will_not_end_does_not_hold_up_the_process() -> None:
    house = House()
    limits = Limits(drain_timeout=0, last_words=0, close_timeout=0)
    async with serving(house, limits=limits) as (bound, task, stop):
        stream = await Client.ask(bound[0].port, "/stubborn")
        await stream.head()
        assert await stream.piece() == "stubborn"
        stop.ask()
        await task
        assert await stream.gone()
        await stream.close()


async def test_a_cancelled_serve_cleans_up_as_well() -> None:
    house = House()
    async with serving(house) as (bound, task, _):
        stream = await Client.ask(bound[0].port, "/call")
        await stream.head()
        await stream.piece()
        task.cancel()
        assert await stream.piece() == "error gateway_draining"
        with pytest.raises(asyncio.CancelledError):
            await task
        await stream.close()
    assert house.log == ["up", "down, 0 in flight"]


# --- companions ---


async def test_companions_are_up_before_and_down_after_and_not_drained() -> None:
    cloud = socket.create_server(("127.0.0.1", 0))
    port = cloud.getsockname()[1]
    house = House()
    statuses = []

    async def companion(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, 222)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        statuses.append(await status_of(port, "/before"))
        yield
        statuses.append(await status_of(port, "/after"))

    stop = Stop()

    def on_ready(bound: list[Bound]) -> None:
        stop.ask()

    await serve(
        house,
        PORTS,
        lifespan=lifespan(),
        drain=house.drain,
        companions=[Companion("sandbox openai", companion, cloud)],
        stop=stop,
        on_ready=on_ready,
    )
    assert statuses == [222, 222]
    with pytest.raises(ConnectionRefusedError):
        await status_of(port, "/gone")


@pytest.mark.parametrize("hurry", [False, True])
async def test_an_annex_that_closes_lets_its_port_go_at_once_and_who_is_in_finish_unless_it_hurries(
    hurry: bool,
) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    port = listening.getsockname()[1]
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await begin(send, 200)
        await piece(send, "one")
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"two"})

    annex = Annex(Companion("annex", slow, listening), Limits(close_timeout=1))
    running = asyncio.create_task(annex.run())
    client = await Client.ask(port, "/")
    assert (await client.status(), await client.piece()) == (200, "one")
    annex.close(hurry=False)
    await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        await status_of(port, "/")
    if hurry:
        annex.close(hurry=True)
        await asyncio.wait_for(running, 5)
        assert await client.gone()
    else:
        go_on.set()
        assert await client.piece() == "two"
    await client.close()
    await asyncio.wait_for(running, 5)


# --- crashes ---


def breaking(names: set[str], when: asyncio.Event, error: Exception | None) -> Callable[..., object]:
    """A tick of uvicorn's main loop that, for these servers, breaks once it is told to; without an error it just ends."""
    real = server._Server.on_tick

    async def on_tick(self: server._Server, counter: int) -> bool:
        if self.name in names and when.is_set():
            if error is None:
                return True
            raise error
        return await real(self, counter)

    return on_tick


@pytest.mark.parametrize(
    ("error", "message"),
    [(OSError("gone"), "listener of anthropic broke.*gone"), (None, "listener of anthropic ended by itself")],
)
async def test_a_listener_that_crashes_takes_the_process_down_cleanly(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None, message: str
) -> None:
    house, crash = House(), asyncio.Event()
    monkeypatch.setattr(server._Server, "on_tick", breaking({"anthropic"}, crash, error))
    async with serving(house) as (bound, task, _):
        stream = await Client.ask(bound[0].port, "/call")
        await stream.head()
        await stream.piece()
        crash.set()
        assert [await stream.piece(), await stream.piece()] == ["error gateway_draining", ""]
        with pytest.raises(Crashed, match=message):
            await task
        assert await stream.gone()
        with pytest.raises(ConnectionRefusedError):
            await status_of(bound[0].port, "/ready")
        await stream.close()
    assert house.log == ["up", "down, 0 in flight"]


async def test_a_companion_that_crashes_does_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    house, crash = House(), asyncio.Event()
    monkeypatch.setattr(server._Server, "on_tick", breaking({"sandbox"}, crash, OSError("gone")))
    companion = Companion("sandbox", house, socket.create_server(("127.0.0.1", 0)))
    async with serving(house, companions=[companion]) as (_, task, _):
        crash.set()
        with pytest.raises(Crashed, match="sandbox"):
            await task
    assert house.log == ["up", "down, 0 in flight"]


async def test_nobody_is_told_of_a_start_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async def startup(self: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.sleep(0)
        raise OSError("gone")

    house, told = House(), list[list[Bound]]()
    monkeypatch.setattr(uvicorn.Server, "startup", startup)
    with pytest.raises(Crashed, match="openai"):
        await serve(house, [Port("openai", 0)], lifespan=house.lifespan(), drain=house.drain, on_ready=told.append)
    assert not told
    assert house.log == ["up", "down, 0 in flight"]


async def test_several_crashes_are_all_told(monkeypatch: pytest.MonkeyPatch) -> None:
    house, crash = House(), asyncio.Event()
    crash.set()
    monkeypatch.setattr(server._Server, "on_tick", breaking({"openai", "anthropic"}, crash, OSError("gone")))
    with pytest.raises(ExceptionGroup) as caught:
        await serve(house, PORTS, lifespan=house.lifespan(), drain=house.drain)
    assert {type(error) for error in caught.value.exceptions} == {Crashed}


# --- the loop ---


def test_run_returns_what_the_coroutine_does() -> None:
    async def main() -> str:
        return type(asyncio.get_running_loop()).__module__

    uvloop = pytest.importorskip("uvloop")
    assert run(main()) == uvloop.Loop.__module__


def test_run_does_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> str:
        return type(asyncio.get_running_loop()).__module__

    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run(main()).startswith("asyncio.")


# --- a real process, real signals ---


@asynccontextmanager
async def child() -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    environment = {**os.environ, "PYTHONPATH": str(Path(polyglot_cloud.__file__).parent.parent)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-X",
        "dev",
        __file__,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(GENEROUS):
            yield process, int(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_process_drains_and_exits_with_0(number: signal.Signals) -> None:
    async with child() as (process, port):
        stream, begun = await Client.ask(port, "/call"), await Client.ask(port, "/begun")
        assert await stream.status() == 200
        assert await stream.piece() == "openai"
        process.send_signal(number)
        assert await begun.status() == 200
        assert await status_of(port, "/call") == 503
        assert await status_of(port, "/ready") == 503
        assert await status_of(port, "/release") == 200
        assert [await stream.piece(), await stream.piece()] == ["end", ""]
        out, err = await process.communicate()
        assert (process.returncode, out, err) == (0, b"down, 0 in flight\n", b"")
        await stream.close()
        await begun.close()


async def test_a_process_exits_with_0_on_a_second_ctrl_c() -> None:
    async with child() as (process, port):
        stream, begun = await Client.ask(port, "/call"), await Client.ask(port, "/begun")
        await stream.head()
        await stream.piece()
        process.send_signal(signal.SIGINT)
        assert await begun.status() == 200
        process.send_signal(signal.SIGINT)
        assert await stream.piece() == "error gateway_draining"
        out, err = await process.communicate()
        assert (process.returncode, out, err) == (0, b"down, 0 in flight\n", b"")
        await stream.close()
        await begun.close()


async def test_a_client_that_does_not_read_does_not_spoil_the_end() -> None:
    async with child() as (process, port):
        with socket.create_connection(("127.0.0.1", port)) as deaf:
            deaf.sendall(b"GET /flood HTTP/1.1\r\n\r\n")
            await asyncio.to_thread(deaf.recv, 1)
            begun = await Client.ask(port, "/begun")
            process.send_signal(signal.SIGINT)
            assert await begun.status() == 200
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
        assert (process.returncode, out, err) == (0, b"down, 0 in flight\n", b"")
        await begun.close()


async def _main() -> None:
    asyncio.get_running_loop().slow_callback_duration = (
        GENEROUS  # -X dev would tell the parent that the machine is busy
    )
    house = House()
    await serve(
        house,
        PORTS,
        lifespan=house.lifespan(),
        drain=house.drain,
        limits=PATIENT,
        on_ready=lambda bound: print(bound[0].port, flush=True),  # noqa: T201  # the parent reads it
    )
    print(house.log[-1])  # noqa: T201  # the parent reads it


if __name__ == "__main__":
    run(_main())
