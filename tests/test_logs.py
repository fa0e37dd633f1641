"""Log lines through a thread: all of them, in order, and none lost at the end."""

import asyncio
import io
import logging
import re
import threading
import time
from queue import SimpleQueue

import pytest

from polyglot_cloud.logs import BATCH, Handoff, Queue, written_aside


def test_all_lines_are_out_at_the_end_in_their_order() -> None:
    out, log = io.StringIO(), logging.getLogger("somewhere")
    with written_aside("info", out):
        for number in range(1000):
            log.info("line %d of %s", number, "many")
        log.debug("not this")
    lines = out.getvalue().splitlines()
    assert [line.split(" INFO    ")[1] for line in lines] == [f"line {number} of many" for number in range(1000)]


def test_another_thread_writes() -> None:
    writers: set[str] = set()

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            writers.add(threading.current_thread().name)
            return super().write(text)

    with written_aside("warning", Stream()):
        logging.getLogger().warning("here")
    assert writers
    assert threading.current_thread().name not in writers


def test_the_loggers_are_left_as_they_were() -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    with written_aside("debug", io.StringIO()):
        assert root.level == logging.DEBUG
    assert (list(root.handlers), root.level) == before


def test_a_line_is_as_its_format_says() -> None:
    out = io.StringIO()
    with written_aside("info", out):
        logging.getLogger().warning("%d%%", 7)
        logging.getLogger().log(logging.CRITICAL, "plain %s")
    lines = out.getvalue().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING 7%", lines[0])
    assert lines[1].endswith(" CRITICAL plain %s")


class Writes(io.StringIO):
    """A stream that keeps its writes apart."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


def test_on_an_event_loop_lines_are_gathered_and_none_is_lost_or_late() -> None:
    out, log = Writes(), logging.getLogger("somewhere")

    async def talk() -> None:
        for number in range(BATCH + 3):
            log.info("line %d", number)

    with written_aside("info", out):
        asyncio.run(talk())
        log.info("after the loop")
    assert len(out.writes) == 3  # a whole batch, what came after the loop, the rest at the end
    said = sorted(line.split(" INFO    ")[-1] for line in out.getvalue().splitlines())
    assert said[-1].startswith("line")
    assert "after the loop" in said
    assert sum(line.startswith("line ") for line in said) == BATCH + 3


def test_a_line_whose_arguments_do_not_fit_is_told_as_such() -> None:
    queue: Queue = SimpleQueue()
    Handoff(queue).emit(logging.LogRecord("x", logging.INFO, "", 0, "%d", ("no number",), None))
    assert "could not be spelled" in (queue.get() or "")


def test_a_traceback_comes_along() -> None:
    out = io.StringIO()
    with written_aside("info", out):
        try:
            int("x")
        except ValueError:
            logging.getLogger().exception("broke")
    assert "ValueError: invalid literal" in out.getvalue()


def test_a_stream_that_cannot_be_written_to_breaks_nothing() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    with written_aside("info", Full()):
        logging.getLogger().info("one")


def test_a_line_has_its_time_and_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    out = io.StringIO()
    with written_aside("info", out):
        for seconds in (0.25, 0.75, 61.005):
            record = logging.LogRecord("x", logging.WARNING, "", 0, "said %s", ("so",), None)
            record.created, record.msecs = seconds, seconds % 1 * 1000
            logging.getLogger().handle(record)
    assert out.getvalue().splitlines() == [
        "1970-01-01 00:00:00,250 WARNING said so",
        "1970-01-01 00:00:00,750 WARNING said so",
        "1970-01-01 00:01:01,005 WARNING said so",
    ]
