"""Log lines, written by a thread of their own: whoever reads stderr may be slow, and the event loop must not wait for it.

Lines are written in batches, so that a thousand calls a second do not mean a thousand wake-ups and as many writes.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler
from queue import Empty, SimpleQueue
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
GATHERED = 0.02
"""Seconds that a line may wait for others."""
BATCH = 1000
_UNUSED = ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")
"""What records are told to leave out, since FORMAT shows none of it (docs.python.org, logging HOWTO, "Optimization")."""

Queue = SimpleQueue[logging.LogRecord | None]


class _Handoff(QueueHandler):
    """Hands a record on as it is. Nothing but short immutable values is logged, so the text can be made by the thread that writes it."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


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
    """Takes records out of the queue until it finds None there."""

    def __init__(self, queue: Queue, stream: TextIO) -> None:
        super().__init__(name="log lines", daemon=True)
        self._queue = queue
        self._stream = stream
        self._format = _Formatter().format

    def run(self) -> None:
        while (first := self._queue.get()) is not None:
            time.sleep(GATHERED)
            if not self._write_with(first):
                return

    def _write_with(self, first: logging.LogRecord) -> bool:
        """Writes what there is by now. False where that was the end."""
        records: list[logging.LogRecord | None] = [first]
        try:
            while len(records) < BATCH and records[-1] is not None:
                records.append(self._queue.get_nowait())
        except Empty:
            pass
        lines = [self._format(record) for record in records if record is not None]
        try:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # a full disk, a closed pipe: there is nowhere to tell it
            pass
        return records[-1] is not None


@contextmanager
def written_aside(level: str, stream: TextIO | None = None) -> Iterator[None]:
    """Within the block every logger's records of `level` and above go to `stream` (stderr), through a thread. All are out at its end."""
    queue: Queue = SimpleQueue()
    handoff, root, writer = _Handoff(queue), logging.getLogger(), _Writer(queue, stream or sys.stderr)
    before, wanted = root.level, {name: getattr(logging, name) for name in _UNUSED if hasattr(logging, name)}
    root.addHandler(handoff)
    root.setLevel(level.upper())
    for name in wanted:
        setattr(logging, name, False)
    writer.start()
    try:
        yield
    finally:
        root.removeHandler(handoff)
        root.setLevel(before)
        for name, value in wanted.items():
            setattr(logging, name, value)
        queue.put(None)
        writer.join()
