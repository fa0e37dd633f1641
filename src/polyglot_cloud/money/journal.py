"""The journal: entries are added, and never updated or deleted. One thread writes; whoever adds does not wait for the disk.

What is added within one turn of the event loop goes to the writer together, at the turn's end; what nobody waits for, such as the end
of a call, a little later, if nothing else is added before. The writer takes all that has gathered into
one transaction (group commit), and says so to the `Commit` that `append` gave: whatever was acknowledged survives `kill -9` (with
synchronous="FULL" a power cut as well). When it has time, it takes the new entries into the projections (`projections`) and copies the
end of the chain to the file beside the database (`head`).

Where nothing can be written, commits fail with LedgerUnwritable, and all after them until writing works again, which is tried at
intervals. Entries that tell of money spent or given back are not lost by that: they are kept and written first.

SQLAlchemy is imported when a journal is opened, not with this module.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue

from polyglot_cloud.money.commits import Commit, tell
from polyglot_cloud.money.entries import Entry, Kind, Line, line_of
from polyglot_cloud.money.faults import LedgerClosed, LedgerError, LedgerUnwritable

log = logging.getLogger(__name__)

BATCH = 2000
"""Entries of one transaction, more or less: what one caller added together is never divided."""
IDLE = 0.02
"""Seconds without work after which the projections are brought up to date."""
LINGER = 0.02
"""Seconds that entries wait for others which nobody waits for: one commit for the end of a call and the beginning of the next."""
LAG = 5000
"""Entries that the projections may be behind while there is work; beyond it they get their share of the time."""
SLICE = 512
"""Entries that the projections take in one transaction while commits may have to wait for it: some five milliseconds."""
HEAD_EVERY = 5.0
"""Seconds between two copies of the chain's end."""
RETRY = 1.0
"""Seconds between two tries to write where the last one failed."""
OWED = 100_000
"""Entries kept for the time when writing works again."""
FORGOTTEN: frozenset[Kind] = frozenset({"held", "tightened", "limited"})
"""Kinds that are not kept where they cannot be written: who asked is told no, or the larger bound stands."""


def microseconds() -> int:
    """Now, in Unix microseconds."""
    return time.time_ns() // 1000


class _Ticket:
    """What goes to the writer together, and how it is told. `project`: it waits for the projections too."""

    __slots__ = ("commit", "lines", "loop", "project", "urgent")

    def __init__(
        self, lines: list[Line], loop: asyncio.AbstractEventLoop | None = None, *, project: bool = False
    ) -> None:
        self.lines = lines
        self.loop = loop
        self.urgent = False
        self.commit = Commit()
        self.project = project


class Journal:
    """An open ledger. Blocks while it opens, so it is made before the event loop has work, or in a thread.

    path         of the database; made where there is none
    key          makes the chain one of HMACs. The same one ever after
    synchronous  "NORMAL": what was acknowledged survives the end of the process; "FULL": the loss of power too, at a third of a
                 millisecond or more for each commit
    clock        Unix microseconds

    Raises LedgerBusy, LedgerUnwritable, LedgerNewer, LedgerDamaged. `swept` counts the holds that a crash had left open: they are
    `unknown` now. `failure` is why nothing can be written, None while it can.
    """

    def __init__(
        self,
        path: Path,
        *,
        key: bytes | None = None,
        synchronous: str = "NORMAL",
        clock: Callable[[], int] = microseconds,
    ) -> None:
        from polyglot_cloud.money.writer import Writer  # noqa: PLC0415  # it imports SQLAlchemy

        self.path = path.expanduser().resolve()
        self.failure: LedgerUnwritable | None = None
        self._clock = clock
        self._queue: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._open: _Ticket | None = None
        self._gate = threading.Lock()
        self._closed = self._ending = self._reported = False
        self._serving: list[_Ticket] = []
        self._owed: list[Line] = []
        self._retry_at = 0.0
        self._writer = Writer(self.path, key, synchronous, clock)
        self.swept = self._writer.swept
        self._copied_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    # --- what callers do ---

    def append(self, *entries: Entry) -> Commit:
        """Adds entries, in their order and in one transaction. Called in an event loop; costs it a few microseconds.

        The commit fails with LedgerUnwritable or LedgerClosed. Raises ValueError for an entry that no journal can hold.
        """
        now = self._clock()
        return self.add([line_of(entry, now) for entry in entries])

    def add(self, lines: list[Line], *, urgent: bool = True) -> Commit:
        """The same for lines that are known to be fit. What is not urgent may go with what others add a little later."""
        loop = asyncio.get_running_loop()
        with self._gate:
            ticket = self._open
            if ticket is not None and ticket.loop is loop:
                ticket.lines += lines
            else:
                ticket = None
        if ticket is None:
            self._hand_over()  # of another event loop, which may have ended
            ticket = self._open = _Ticket(lines, loop)
            if not urgent:
                loop.call_later(LINGER, self._hand_over)
        if urgent and not ticket.urgent:
            ticket.urgent = True
            loop.call_soon(self._hand_over)
        return ticket.commit

    def _hand_over(self) -> None:
        with self._gate:
            ticket, self._open = self._open, None
        if ticket is not None:
            self._put(ticket)

    def write(self, *entries: Entry) -> None:
        """The same for those who have no event loop: returns once they are committed."""
        now = self._clock()
        self.put([line_of(entry, now) for entry in entries]).result()

    def put(self, lines: list[Line]) -> Commit:
        """Adds lines without an event loop, and does not wait."""
        self._hand_over()
        return self._put(_Ticket(lines))

    def refresh(self) -> Commit:
        """Done once all that was added before stands in the projections."""
        self._hand_over()
        return self._put(_Ticket([], project=True))

    def refreshed(self) -> None:
        """The same for those who have no event loop."""
        self.refresh().result()

    def close(self) -> None:
        """Writes what is still waiting, brings everything up to date, and lets the file go. Blocks. A second call does nothing."""
        self._hand_over()
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    @property
    def seq(self) -> int:
        """How many entries are committed."""
        return self._writer.seq

    @property
    def projected(self) -> int:
        """Up to which entry attempts and balances have got, and what is read out of them."""
        return self._writer.projected

    @property
    def commits(self) -> int:
        """How many transactions they took since it was opened."""
        return self._writer.commits

    @property
    def owed(self) -> int:
        """How many entries are kept until the disk takes them."""
        return len(self._owed)

    def _put(self, ticket: _Ticket) -> Commit:
        with self._gate:  # nothing comes into the queue behind its end
            if not self._closed:
                self._queue.put(ticket)
                return ticket.commit
        tell([ticket.commit], LedgerClosed(f"The ledger {self.path} is closed."))
        return ticket.commit

    # --- what the thread does ---

    def _run(self) -> None:
        try:
            while not self._ending:
                tickets = self._gathered()
                self._serve(tickets)
                self._tidy(idle=not tickets)
        finally:
            self._end()
            self._turn_away()

    def _gathered(self) -> list[_Ticket]:
        """What there is by now, once there is anything; nothing where something else is due before."""
        tickets: list[_Ticket] = []
        size = 0
        queue = self._queue
        try:
            ticket = queue.get(timeout=self._patience())
            while ticket is not None:
                tickets.append(ticket)
                size += len(ticket.lines)
                if size >= BATCH or queue.empty():
                    return tickets
                ticket = queue.get_nowait()
            self._ending = True
        except Empty:
            pass
        return tickets

    def _patience(self) -> float | None:
        """Seconds to wait for work; None: as long as it takes."""
        if self.failure is not None:
            return max(0.0, self._retry_at - time.monotonic())
        if self._writer.lag:
            return IDLE
        if self._writer.copied != self._writer.seq:
            return max(0.0, self._copied_at + HEAD_EVERY - time.monotonic())
        return None

    def _serve(self, tickets: list[_Ticket]) -> None:
        self._serving = tickets
        lines = [line for ticket in tickets for line in ticket.lines]
        if self.failure is not None and (time.monotonic() >= self._retry_at or self._ending):
            self._recover()
        if self.failure is None and lines:
            self._try(lambda: self._writer.commit(lines))
        failure = self.failure
        if failure is not None:
            self._keep(lines)
        elif any(ticket.project for ticket in tickets):
            self._try(lambda: self._writer.project(self._writer.lag))
            tell([ticket.commit for ticket in tickets if ticket.project], self.failure)
        tell([ticket.commit for ticket in tickets], failure)
        self._serving = []

    def _try(self, work: Callable[[], None]) -> bool:
        """Whether it could be done. If not, `failure` is set."""
        try:
            work()
        except LedgerError as error:
            self._fail(error)
            return False
        return True

    def _fail(self, error: LedgerError) -> None:
        if not self._reported:
            log.error("%s Nothing is written to the ledger; it is tried again every %g s.", error, RETRY)
        self._reported = True
        self.failure = error if isinstance(error, LedgerUnwritable) else LedgerUnwritable(str(error))
        self._retry_at = time.monotonic() + RETRY

    def _recover(self) -> None:
        """Sees whether writing works again; what was kept goes first."""
        if not self._try(self._writer.probe) or not self._try(lambda: self._writer.commit(self._owed)):
            return
        self.failure = None
        log.warning("The ledger %s is written again, with %d entries that had waited.", self.path, len(self._owed))
        self._owed, self._reported = [], False

    def _keep(self, lines: list[Line]) -> None:
        wanted = [line for line in lines if line[0] not in FORGOTTEN]
        room = OWED - len(self._owed)
        if len(wanted) > room:
            log.critical("%d entries of the ledger are lost: %d wait for the disk already.", len(wanted) - room, OWED)
        self._owed += wanted[:room]

    def _tidy(self, *, idle: bool) -> None:
        """The projections and the copy of the chain's end, where there is time for them or they have waited too long."""
        if self.failure is not None:
            return
        if self._writer.lag > LAG:
            self._try(lambda: self._writer.project(SLICE))
        while idle and self._writer.lag and self._queue.empty() and self.failure is None:
            self._try(lambda: self._writer.project(SLICE))
        if self._writer.copied != self._writer.seq and time.monotonic() - self._copied_at >= HEAD_EVERY:
            self._try(self._writer.copy_head)
            self._copied_at = time.monotonic()

    def _end(self) -> None:
        if self.failure is None:
            self._try(lambda: self._writer.project(self._writer.lag))
            self._try(self._writer.copy_head)
        if self._owed:
            log.critical("The ledger %s is closed while %d entries could not be written.", self.path, len(self._owed))
        try:
            self._writer.close()
        except LedgerError:
            log.exception("The ledger %s did not close well.", self.path)

    def _turn_away(self) -> None:
        """Nobody waits for a thread that is gone. After a proper end there is nobody."""
        with self._gate:
            self._closed = True
        tickets = self._serving
        while not self._queue.empty():
            ticket = self._queue.get_nowait()
            tickets += [ticket] if ticket is not None else []
        tell([ticket.commit for ticket in tickets], LedgerClosed(f"The ledger {self.path} is closed."))
