"""Listening sockets, bound before anything else starts, so that a port that cannot be had is one clear line.

BindError
├── PortTaken        somebody listens there already; the message says who, where it can be seen
├── PortForbidden    the system keeps ports below 1024 for itself
├── NoSuchAddress    this machine has no such address
└── RefusedBind      the address would open the gateway to others
"""

import errno
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from polyglot_cloud.hosts import LOCALHOST, in_url, is_loopback

BACKLOG = 2048
_PROC = Path("/proc")


class BindError(Exception):
    """A port cannot be opened. The message is for the person who starts the gateway."""


class PortTaken(BindError):
    """`holder` is who has it, None where that cannot be seen."""

    def __init__(self, port: "Port", host: str, holder: "str | None") -> None:
        by = f" by {holder}" if holder else ""
        super().__init__(
            f"Port {port.number} for {port.provider} is taken on {host}{by}. "
            f"Stop that, or move this one with {port.setting}."
        )
        self.port = port.number
        self.provider = port.provider
        self.holder = holder


class PortForbidden(BindError):
    pass


class NoSuchAddress(BindError):
    pass


class RefusedBind(BindError):
    pass


@dataclass(frozen=True, slots=True)
class Port:
    """A port that is asked for. 0 is any free one. `moved_by` is the setting that moves it, None: a provider's own."""

    provider: str
    number: int
    moved_by: str | None = None

    @property
    def setting(self) -> str:
        """What moves it, for messages."""
        if self.moved_by is not None:
            return self.moved_by
        words = re.sub(r"[^a-z0-9]", "-", self.provider)
        return f"POLYGLOT_PORT_{words.upper().replace('-', '_')} or --port-{words}"


class Bound(NamedTuple):
    """A port that is open. `host` is an address."""

    provider: str
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{in_url(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Opening:
    """A port with its sockets: two for `localhost`, which is 127.0.0.1 and ::1, else one."""

    port: Port
    sockets: list[socket.socket]

    def bound(self) -> Bound:
        name = self.sockets[0].getsockname()
        return Bound(self.port.provider, name[0], name[1])


def refuse_open(host: str) -> None:
    """Raises RefusedBind for any address that others could reach."""
    if not is_loopback(host):
        raise RefusedBind(
            f"{host} is not an address of this machine alone, and no key of the gateway is configured: whoever reaches it would spend your "
            "money. Make one first (`polyglot-cloud tenants create NAME`, `polyglot-cloud keys create --tenant NAME`), or listen on "
            "127.0.0.1, ::1 or localhost."
        )


def open_ports(host: str, ports: Sequence[Port], *, keyed: bool = False) -> list[Opening]:
    """All ports on `host`, listening, or none. Raises BindError. Clients that come early wait in the backlog.

    `keyed`: every request is asked for a key, so that others may reach it.
    """
    if not keyed:
        refuse_open(host)
    taken: dict[int, Port] = {}
    for port in ports:
        if port.number and port.number in taken:
            raise PortTaken(port, host, f"this gateway's own listener for {taken[port.number].provider}")
        taken[port.number] = port
    with ExitStack() as stack:
        openings = [Opening(port, list(_sockets(stack, host, port))) for port in ports]
        stack.pop_all()
    return openings


def _sockets(stack: ExitStack, host: str, port: Port) -> Iterator[socket.socket]:
    first = stack.enter_context(_listen("127.0.0.1" if host == LOCALHOST else host, port))
    yield first
    if host == LOCALHOST:
        # unclaimed, ::1 would be anybody's to listen on, and most clients try it first
        try:
            yield stack.enter_context(_listen("::1", replace(port, number=first.getsockname()[1])))
        except NoSuchAddress:
            return


def _listen(host: str, port: Port) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port.number), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _explained(error, host, port) from error


def _explained(error: OSError, host: str, port: Port) -> BindError:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(port, host, holder_of(port.number))
    if error.errno in {errno.EACCES, errno.EPERM}:
        return PortForbidden(
            f"Port {port.number} for {port.provider} needs rights that this user lacks. Take one above 1023 with {port.setting}."
        )
    if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
        return NoSuchAddress(
            f"This machine has no address {host}. Use 127.0.0.1, or another with POLYGLOT_HOST or --host."
        )
    return BindError(f"Port {port.number} for {port.provider} cannot be opened on {host}: {error.strerror or error}.")


# --- who listens there: Linux tells it in /proc (man 5 proc_pid_net, proc_pid_fd) ---


def holder_of(port: int, proc: Path = _PROC) -> str | None:
    """The program that listens on a port as "name (pid 123)", None where the system does not show it (another user's, not Linux)."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listening(proc / "net" / table, port)}
    if not inodes:
        return None
    for process in proc.glob("[0-9]*"):
        if not inodes.isdisjoint(_sockets_of(process)):
            return f"{_name_of(process)} (pid {process.name})"
    return None


def _listening(table: Path, port: int) -> Iterator[str]:
    """Inodes of sockets in state LISTEN (0A) on `port`. Fields: sl, local address:port, remote, state, ..., inode the tenth."""
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
            yield fields[9]


def _sockets_of(process: Path) -> Iterator[str]:
    """Inodes of the sockets that a process has open, as far as it lets itself be looked at."""
    try:
        for descriptor in (process / "fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                yield target[8:-1]
    except OSError:
        return


def _name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a program that has just ended"
