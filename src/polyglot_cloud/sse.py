"""Server-sent events, as an incremental machine: any split of the bytes gives the same records.

Line ends may be LF, CRLF or CR (WHATWG HTML, section 9.2.6). `raw` of all records joined is the input, so that whole events can be
forwarded untouched.
"""

import re
from dataclasses import dataclass

from polyglot_cloud.errors import BrokenReply

MAX_EVENT = 64 * 1024 * 1024
"""Bytes one event may have. Larger than any body a provider sends (an image in base64), small enough to bound memory."""

_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Record:
    """One event: its name ("" where none is given), its data with lines joined by LF, and its bytes as they came.

    A record of comments only has data b"" and event "".
    """

    event: str
    data: bytes
    raw: bytes


class Decoder:
    """bytes in, records out. The tail that is not yet a whole event waits; `pending` shows it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    @property
    def pending(self) -> bytes:
        return bytes(self._buffer)

    def feed(self, chunk: bytes) -> list[Record]:
        buffer = self._buffer
        buffer += chunk
        records = []
        start, search = 0, self._searched
        while match := _BLANK_LINE.search(buffer, search):
            end = match.end()
            if end == len(buffer) and buffer.endswith(b"\r"):
                break  # its LF may be in the next chunk
            records.append(parse(bytes(buffer[start:end])))
            start = search = end
        del match  # a live match would hold the buffer's size fixed
        del buffer[:start]
        # a blank line may have begun in the last three bytes
        self._searched = max(0, len(buffer) - 3)
        if len(buffer) > MAX_EVENT:
            raise BrokenReply(f"The provider sent an event of more than {MAX_EVENT} bytes.")
        return records

    def close(self) -> list[Record]:
        """What stood without its blank line at the end. Providers are seen to leave it out of the last event."""
        rest, self._buffer, self._searched = bytes(self._buffer), bytearray(), 0
        return [parse(rest)] if rest else []


def parse(raw: bytes) -> Record:
    event, data = "", []
    body = raw.removeprefix(_BOM)
    for line in body.split(b"\n") if b"\r" not in body else _LINE_END.split(body):
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            event = value.removeprefix(b" ").decode("utf-8", "replace")
    return Record(event, data[0] if len(data) == 1 else b"\n".join(data), raw)


def encode(data: bytes, event: str = "") -> bytes:
    """One event on the wire. `data` must be a single line, as JSON from `wire.encode` is."""
    head = b"event: " + event.encode() + b"\n" if event else b""
    return head + b"data: " + data + b"\n\n"


def comment(text: str) -> bytes:
    """A line that every reader skips: a keep-alive, or a note at the end of a stream."""
    return b": " + text.replace("\r", " ").replace("\n", " ").encode() + b"\n\n"
