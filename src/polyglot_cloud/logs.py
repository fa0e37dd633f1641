"""Log lines, written by a thread of their own: whoever reads stderr may be slow, and the event loop must not wait for it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"


class _Handoff(QueueHandler):
    """Hands a record on as it is. Nothing but short immutable values is logged, so the text can be made by the thread that writes it."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


@contextmanager
def written_aside(level: str, stream: TextIO | None = None) -> Iterator[None]:
    """Within the block every logger's records of `level` and above go to `stream` (stderr), through a thread. All are out at its end."""
    writer = logging.StreamHandler(stream or sys.stderr)
    writer.setFormatter(logging.Formatter(FORMAT))
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    handoff, root = _Handoff(queue), logging.getLogger()
    listener = QueueListener(queue, writer)
    before = root.level
    root.addHandler(handoff)
    root.setLevel(level.upper())
    listener.start()
    try:
        yield
    finally:
        root.removeHandler(handoff)
        root.setLevel(before)
        listener.stop()
