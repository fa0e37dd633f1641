"""The race of addresses, with resolvers, connectors and delays that a test holds in its hand: nothing waits."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest

from polyglot_cloud.errors import Unreachable
from polyglot_cloud.transport import AddressRefused, NativeTransport
from polyglot_cloud.transport import dialing as dialing_module
from polyglot_cloud.transport.dialing import ATTEMPT_DELAY, Dialer, Names, Target, connected, interleaved, race
from polyglot_cloud.transport.origins import Origin
from polyglot_cloud.transport.tls import ssl_context
from transport.peer import OK, answering, ask, peer, server_context, whole

SIX = [Target(socket.AF_INET6, (f"2001:db8::{number}", 443, 0, 0)) for number in range(1, 4)]
FOUR = [Target(socket.AF_INET, (f"192.0.2.{number}", 443)) for number in range(1, 4)]


class Net:
    """Attempts that a test ends, and a delay that it lets pass."""

    def __init__(self) -> None:
        self.tried: dict[Target, asyncio.Future[socket.socket]] = {}
        self.order: list[Target] = []
        self.pauses: list[asyncio.Event] = []
        self.stubborn: set[Target] = set()

    async def attempt(self, target: Target) -> socket.socket:
        self.order.append(target)
        self.tried[target] = asyncio.get_running_loop().create_future()
        if target not in self.stubborn:
            return await self.tried[target]
        while True:  # one that does not let go when it is cancelled
            with contextlib.suppress(asyncio.CancelledError):
                return await asyncio.shield(self.tried[target])

    async def pause(self, seconds: float) -> None:
        assert seconds == ATTEMPT_DELAY
        self.pauses.append(asyncio.Event())
        await self.pauses[-1].wait()

    def begin(self, targets: Sequence[Target]) -> "asyncio.Task[socket.socket]":
        return asyncio.ensure_future(race(targets, self.attempt, self.pause))


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def made() -> Iterator[socket.socket]:
    with socket.socket() as opened:
        yield opened


def test_families_take_turns_and_the_first_goes_first() -> None:
    assert interleaved(SIX + FOUR) == [SIX[0], FOUR[0], SIX[1], FOUR[1], SIX[2], FOUR[2]]
    assert interleaved([*FOUR, SIX[0]]) == [FOUR[0], SIX[0], FOUR[1], FOUR[2]]
    assert interleaved([]) == []


async def test_the_first_that_connects_wins_alone(made: socket.socket) -> None:
    net = Net()
    running = net.begin([SIX[0], FOUR[0]])
    await turns()
    assert net.order == [SIX[0]]
    net.tried[SIX[0]].set_result(made)
    assert await running is made
    assert net.order == [SIX[0]]
    made.close()


async def test_the_next_begins_after_the_delay_and_the_loser_is_hung_up_on(made: socket.socket) -> None:
    net = Net()
    running = net.begin([SIX[0], FOUR[0]])
    await turns()
    net.pauses[0].set()
    await turns()
    assert net.order == [SIX[0], FOUR[0]]
    net.tried[FOUR[0]].set_result(made)
    assert await running is made
    assert net.tried[SIX[0]].cancelled()
    made.close()


async def test_a_late_first_still_wins(made: socket.socket) -> None:
    net = Net()
    running = net.begin([SIX[0], FOUR[0]])
    await turns()
    net.pauses[0].set()
    await turns()
    net.tried[SIX[0]].set_result(made)
    assert await running is made
    assert net.tried[FOUR[0]].cancelled()
    made.close()


async def test_a_failure_begins_the_next_at_once(made: socket.socket) -> None:
    net = Net()
    running = net.begin([SIX[0], FOUR[0], SIX[1]])
    await turns()
    net.tried[SIX[0]].set_exception(OSError("no route"))
    await turns()
    assert net.order == [SIX[0], FOUR[0]]
    net.tried[FOUR[0]].set_exception(OSError("refused"))
    await turns()
    net.tried[SIX[1]].set_result(made)
    assert await running is made
    made.close()


async def test_where_all_fail_the_preferred_ones_failure_is_told() -> None:
    net = Net()
    running = net.begin([SIX[0], FOUR[0]])
    await turns()
    net.pauses[0].set()
    await turns()
    net.tried[SIX[0]].set_exception(OSError("no route"))
    await turns()
    net.tried[FOUR[0]].set_exception(OSError("refused"))
    with pytest.raises(OSError, match="no route"):
        await running


async def test_a_name_without_address() -> None:
    with pytest.raises(OSError, match="no address"):
        await Net().begin([])


async def test_two_that_connect_at_once_leave_one_open() -> None:
    net = Net()
    first, second = socket.socket(), socket.socket()
    running = net.begin([SIX[0], FOUR[0]])
    await turns()
    net.pauses[0].set()
    await turns()
    net.tried[SIX[0]].set_result(first)
    net.tried[FOUR[0]].set_result(second)
    winner = await running
    await turns()
    loser = second if winner is first else first
    assert winner.fileno() > 0
    assert loser.fileno() == -1
    winner.close()


async def test_cancelling_the_race_hangs_up_on_all(made: socket.socket) -> None:
    net = Net()
    running = net.begin([SIX[0], FOUR[0]])
    await turns()
    net.pauses[0].set()
    await turns()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await turns()
    assert all(attempt.cancelled() for attempt in net.tried.values())
    made.close()


async def test_cancelling_while_losers_are_hung_up_on_closes_the_winner(made: socket.socket) -> None:
    net = Net()
    net.stubborn = {SIX[0]}
    late = socket.socket()
    running = net.begin([SIX[0], FOUR[0]])
    await turns()
    net.pauses[0].set()
    await turns()
    net.tried[FOUR[0]].set_result(made)
    await turns()
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    net.tried[SIX[0]].set_result(late)
    await turns()
    assert (made.fileno(), late.fileno()) == (-1, -1)


async def test_those_who_ask_for_a_name_at_once_share_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    answer: asyncio.Future[list[Target]] = asyncio.get_running_loop().create_future()

    async def look_up(host: str, port: int) -> list[Target]:
        asked.append(host)
        return await asyncio.shield(answer)

    monkeypatch.setattr(dialing_module, "looked_up", look_up)
    names = Names()
    calls = [asyncio.ensure_future(names.resolve("a.example", 443)) for _ in range(3)]
    other = asyncio.ensure_future(names.resolve("b.example", 443))
    await turns()
    calls[0].cancel()
    other.cancel()
    await turns()
    answer.set_result(FOUR)
    assert [await call for call in calls[1:]] == [FOUR, FOUR]
    assert asked == ["a.example", "b.example"]
    assert not names._asked
    assert not names._waiting
    await names.resolve("a.example", 443)
    assert len(asked) == 3


async def test_a_failed_look_up_fails_for_all_and_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(host: str, port: int) -> list[Target]:
        await asyncio.sleep(0)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(dialing_module, "looked_up", look_up)
    names = Names()
    found = await asyncio.gather(*(names.resolve("a.example", 443) for _ in range(2)), return_exceptions=True)
    assert [type(error) for error in found] == [socket.gaierror, socket.gaierror]
    assert not names._asked


async def test_names_and_addresses_are_looked_up() -> None:
    (found,) = await Names().resolve("127.0.0.1", 443)
    assert (found.ip, found.address[1]) == (IPv4Address("127.0.0.1"), 443)
    assert Target(socket.AF_INET6, ("fe80::1%2", 443, 0, 2)).ip == IPv6Address("fe80::1")


async def test_an_attempt_that_fails_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(OSError, match=r"refused|failed"):
        await connected(Target(socket.AF_INET, ("127.0.0.1", port)))


async def test_a_socket_is_made_for_long_silences() -> None:
    async with peer(answering()()[0]) as served:
        port = int(served.url.split(":")[2].split("/")[0])
        found = await connected(Target(socket.AF_INET, ("127.0.0.1", port)))
        assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        found.close()


# --- through the transport ---


def only(port: int, *hosts: str) -> Callable[[str, int], object]:
    async def resolve(host: str, asked: int) -> list[Target]:
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        return [Target(families[":" in each], (each, port)) for each in hosts]

    return resolve


async def test_a_dead_address_costs_nothing_where_another_lives() -> None:
    talk, _ = answering(OK)()

    async def attempt(target: Target) -> socket.socket:
        if target.family == socket.AF_INET6:
            raise OSError("Network is unreachable")
        return await connected(target)

    async with peer(talk) as served:
        port = int(served.url.split(":")[2].split("/")[0])
        dialer = Dialer(ssl_context(), resolve=only(port, "2001:db8::1", "127.0.0.1"), attempt=attempt)  # type: ignore[arg-type]  # any awaitable
        async with NativeTransport(dial=dialer) as native:
            assert await whole(await ask(native, "http://two.example/")) == b"ok"


async def test_an_address_rule_is_asked_before_any_address_is(trusted: None) -> None:
    told: list[tuple[Origin, list[object]]] = []

    def rule(origin: Origin, addresses: Sequence[IPv4Address | IPv6Address]) -> None:
        told.append((origin, list(addresses)))
        if any(address.is_loopback for address in addresses):
            raise AddressRefused(f"{origin.host} leads to this machine")

    talk, _ = answering(OK)()
    async with peer(talk, context=server_context("good")) as served, NativeTransport(rule=rule) as native:
        with pytest.raises(Unreachable, match="leads to this machine") as raised:
            await ask(native, served.url)
        assert isinstance(raised.value.__cause__, AddressRefused)
        assert served.connections == 0
    assert told[0][0].host == "localhost"
    assert IPv4Address("127.0.0.1") in told[0][1]


async def test_a_rule_that_agrees_changes_nothing() -> None:
    talk, _ = answering(OK)()
    async with peer(talk) as served, NativeTransport(rule=lambda origin, addresses: None) as native:
        assert await whole(await ask(native, served.url)) == b"ok"
