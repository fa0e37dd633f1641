"""The record of a log line that is written for every call."""

import logging
import time
from typing import Any

_ALIKE: dict[str, Any] = vars(logging.LogRecord("", logging.INFO, __file__, 0, "", (), None))


class Line(logging.LogRecord):
    """A record at level INFO that says nothing of where in the code it was made: to find that out, and to look at threads and processes,
    costs the standard library more than all else of it.
    """

    def __init__(self, name: str, message: str, arguments: tuple[Any, ...]) -> None:
        now = time.time()
        self.__dict__.update(_ALIKE)
        self.name, self.msg, self.args = name, message, arguments
        self.created, self.msecs = now, now % 1 * 1000
