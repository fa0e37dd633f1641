"""Log lines, written by a thread of their own: whoever reads stderr may be slow, and the event loop must not wait for it.

Lines are spelled on the event loop, in batches, and handed over as one text: a thread that spelled them would take the interpreter from the
loop at every line, which costs several times what the spelling does.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
GATHERED = 0.02
"""Seconds that a line may wait for others."""
BATCH = 1000
_UNUSED = ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")
"""What records are told to leave out, since FORMAT shows none of it (docs.python.org, logging HOWTO, "Optimization")."""

_CHATTY = ("httpx",)
"""Libraries whose lines at `info` are a developer's: one for every request of ours to a service of the swarm."""

Queue = SimpleQueue[str | None]


class Handoff(logging.Handler):
    """Gathers the records of one round of the event loop and a little more; where no loop runs, it hands each line on at once.

    Nothing but short immutable values is logged, so the text can be made later.
    """

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self._queue = queue
        self._records: list[logging.LogRecord] = []
        self._format = _Formatter().format

    def emit(self, record: logging.LogRecord) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._queue.put(self._spelled(record))
            return
        self._records.append(record)
        if len(self._records) == 1:
            loop.call_later(GATHERED, self.flush)
        elif len(self._records) >= BATCH:
            self.flush()

    def _spelled(self, record: logging.LogRecord) -> str:
        try:
            return self._format(record)
        except (
            TypeError,
            ValueError,
            KeyError,
        ) as error:  # its arguments do not fit its words: a defect, and no reason to lose others
            return f"A log line could not be spelled ({error}): {record.msg!r}"

    def flush(self) -> None:
        records, self._records = self._records, []
        if records:
            self._queue.put("\n".join(map(self._spelled, records)))


class _Formatter(logging.Formatter):
    """As FORMAT has it, the time to the millisecond; its seconds are spelled once a second."""

    def __init__(self) -> None:
        super().__init__(FORMAT)
        self._second, self._spelled = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        """The usual line, with nothing after it, without the steps that look for more."""
        if record.exc_info or record.exc_text or record.stack_info:
            return super().format(record)
        return f"{self.formatTime(record)} {record.levelname:<7} {record.getMessage()}"

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  # logging's name
        second = int(record.created)
        if second != self._second:
            self._second, self._spelled = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._spelled},{int(record.msecs):03d}"


class _Writer(threading.Thread):
    """Takes lines out of the queue until it finds None there."""

    def __init__(self, queue: Queue, stream: TextIO) -> None:
        super().__init__(name="log lines", daemon=True)
        self._queue = queue
        self._stream = stream

    def run(self) -> None:
        while (lines := self._queue.get()) is not None:
            try:
                self._stream.write(lines + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # a full disk, a closed pipe: there is nowhere to tell it
                pass


@contextmanager
def written_aside(level: str, stream: TextIO | None = None) -> Iterator[None]:
    """Within the block every logger's records of `level` and above go to `stream` (stderr), through a thread. All are out at its end."""
    queue: Queue = SimpleQueue()
    handoff, root, writer = Handoff(queue), logging.getLogger(), _Writer(queue, stream or sys.stderr)
    before, wanted = root.level, {name: getattr(logging, name) for name in _UNUSED if hasattr(logging, name)}
    root.addHandler(handoff)
    root.setLevel(level.upper())
    for name in wanted:
        setattr(logging, name, False)
    quieted = {name: logging.getLogger(name).level for name in _CHATTY if level != "debug"}
    for name in quieted:
        logging.getLogger(name).setLevel(logging.WARNING)
    writer.start()
    try:
        yield
    finally:
        root.removeHandler(handoff)
        handoff.flush()
        root.setLevel(before)
        for name, value in wanted.items():
            setattr(logging, name, value)
        for name, value in quieted.items():
            logging.getLogger(name).setLevel(value)
        queue.put(None)
        writer.join()
