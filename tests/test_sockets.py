import errno
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from polyglot_cloud.sockets import (
    BindError,
    Bound,
    NoSuchAddress,
    Opening,
    Port,
    PortForbidden,
    PortTaken,
    RefusedBind,
    _explained,
    holder_of,
    open_ports,
)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def closed(openings: list[Opening]) -> list[Bound]:
    bound = [opening.bound() for opening in openings]
    for opening in openings:
        for each in opening.sockets:
            each.close()
    return bound


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def test_free_ports_are_open_at_once() -> None:
    openings = open_ports("127.0.0.1", [Port("openai", 0), Port("grok", 0)])
    numbers = [opening.bound().port for opening in openings]
    for number in numbers:
        socket.create_connection(("127.0.0.1", number)).close()
    bound = closed(openings)
    assert [(each.provider, each.host) for each in bound] == [("openai", "127.0.0.1"), ("grok", "127.0.0.1")]
    assert len(set(numbers)) == 2
    assert bound[0].url == f"http://127.0.0.1:{numbers[0]}"


@needs_ipv6
def test_ipv6() -> None:
    [bound] = closed(open_ports("::1", [Port("openai", 0)]))
    assert bound.host == "::1"
    assert bound.url == f"http://[::1]:{bound.port}"


@needs_ipv6
def test_localhost_is_both_addresses_on_one_port() -> None:
    openings = open_ports("localhost", [Port("openai", 0)])
    assert [each.getsockname()[0] for each in openings[0].sockets] == ["127.0.0.1", "::1"]
    assert len({each.getsockname()[1] for each in openings[0].sockets}) == 1
    assert closed(openings)[0].host == "127.0.0.1"


def test_localhost_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.create_server

    def only_four(address: tuple[str, int], *, family: int, backlog: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return real(address, family=family, backlog=backlog)

    monkeypatch.setattr(socket, "create_server", only_four)
    openings = open_ports("localhost", [Port("openai", 0)])
    assert [each.getsockname()[0] for each in openings[0].sockets] == ["127.0.0.1"]
    closed(openings)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "gateway.lan", "", "127.0.0.1.nip.example"])
def test_an_address_that_others_reach_is_refused(host: str) -> None:
    with pytest.raises(RefusedBind, match=r"no key of the gateway.*keys create.*127\.0\.0\.1"):
        open_ports(host, [Port("openai", 0)])


def test_where_every_request_is_asked_for_a_key_others_may_reach_it() -> None:
    openings = open_ports("0.0.0.0", [Port("openai", 0)], keyed=True)
    assert openings[0].bound().host == "0.0.0.0"
    closed(openings)


def test_a_port_may_be_moved_by_a_setting_of_its_own() -> None:
    assert Port("the administration", 8119, "POLYGLOT_ADMIN_PORT").setting == "POLYGLOT_ADMIN_PORT"


@needs_proc
def test_a_taken_port_is_one_clear_line(taken: int) -> None:
    with pytest.raises(PortTaken) as caught:
        open_ports("127.0.0.1", [Port("openai", 0), Port("anthropic", taken)])
    message = str(caught.value)
    assert "\n" not in message
    assert f"Port {taken} for anthropic is taken on 127.0.0.1 by " in message
    assert f"(pid {os.getpid()})" in message
    assert "POLYGLOT_PORT_ANTHROPIC or --port-anthropic" in message
    assert (caught.value.port, caught.value.provider) == (taken, "anthropic")


def test_what_was_open_is_closed_again_when_a_later_port_is_taken(taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    with pytest.raises(PortTaken):
        open_ports("127.0.0.1", [Port("openai", free), Port("grok", taken)])
    closed(open_ports("127.0.0.1", [Port("openai", free)]))


def test_two_listeners_cannot_share_a_port() -> None:
    with pytest.raises(PortTaken, match="this gateway's own listener for openai"):
        open_ports("127.0.0.1", [Port("openai", 8100), Port("grok", 8100)])


def test_an_address_that_is_not_here() -> None:
    error = _explained(OSError(errno.EADDRNOTAVAIL, "no"), "127.0.0.9", Port("grok", 8103))
    assert isinstance(error, NoSuchAddress)
    assert "127.0.0.9" in str(error)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_port_of_the_system(number: int) -> None:
    error = _explained(OSError(number, "no"), "127.0.0.1", Port("my-own.host", 80))
    assert isinstance(error, PortForbidden)
    assert "Port 80" in str(error)
    assert "POLYGLOT_PORT_MY_OWN_HOST or --port-my-own-host" in str(error)


def test_any_other_reason_is_told_as_the_system_tells_it() -> None:
    error = _explained(OSError(errno.EMFILE, "Too many open files"), "127.0.0.1", Port("grok", 8103))
    assert type(error) is BindError
    assert str(error) == "Port 8103 for grok cannot be opened on 127.0.0.1: Too many open files."


# --- who has it ---

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LISTENS = (
    "   0: 0100007F:1FA5 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0\n"
)
TALKS = (
    "   1: 0100007F:1FA5 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 7777 1 0 100 0 0 10 0\n"
)


def machine(root: Path, *, table: str, inode: int = 4242, comm: str | None = "python3\n") -> Path:
    (root / "net").mkdir()
    (root / "net" / "tcp").write_text(HEADER + table)
    for pid, target in (("17", "/dev/null"), ("42", f"socket:[{inode}]")):
        (root / pid / "fd").mkdir(parents=True)
        (root / pid / "fd" / "3").symlink_to(target)
    (root / "99").mkdir()  # another user's: its descriptors cannot be read
    if comm is not None:
        (root / "42" / "comm").write_text(comm)
    return root


def test_the_holder_is_found_by_its_socket(tmp_path: Path) -> None:
    assert holder_of(8101, machine(tmp_path, table=TALKS + LISTENS)) == "python3 (pid 42)"


def test_a_connection_is_no_listener(tmp_path: Path) -> None:
    assert holder_of(8101, machine(tmp_path, table=TALKS, inode=7777)) is None


def test_another_port(tmp_path: Path) -> None:
    assert holder_of(8102, machine(tmp_path, table=LISTENS)) is None


def test_a_holder_that_hides(tmp_path: Path) -> None:
    assert holder_of(8101, machine(tmp_path, table=LISTENS, inode=1)) is None


def test_a_holder_that_ends_while_it_is_looked_at(tmp_path: Path) -> None:
    assert holder_of(8101, machine(tmp_path, table=LISTENS, comm=None)) == "a program that has just ended (pid 42)"


def test_a_system_without_proc(tmp_path: Path) -> None:
    assert holder_of(8101, tmp_path / "nowhere") is None
    assert "is taken on ::1. Stop that" in str(PortTaken(Port("grok", 8103), "::1", None))
