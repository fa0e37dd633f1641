"""Server-sent events, as an incremental machine: any split of the bytes gives the same records.

Line ends may be LF, CRLF or CR (WHATWG HTML, section 9.2.6). `raw` of all records joined is the input, so that whole events can be
forwarded untouched.
"""

import re
from typing import NamedTuple

from polyglot_cloud.errors import BrokenReply

MAX_EVENT = 64 * 1024 * 1024
"""Bytes one event may have. Larger than any body a provider sends (an image in base64), small enough to bound memory."""

_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class Record(NamedTuple):
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
        self._searched = 0  # so many bytes are known to hold no LF that another follows
        self._returned = False  # a CR is in the buffer; to look for it at each piece would be quadratic

    @property
    def idle(self) -> bool:
        """Whether all that came was whole events."""
        return not self._buffer

    @property
    def pending(self) -> bytes:
        return bytes(self._buffer)

    def feed(self, chunk: bytes) -> list[Record]:
        records: list[Record] = []
        self._returned = b"\r" in chunk or (self._returned and bool(self._buffer))
        if not self._buffer and not self._returned:
            rest = _split(chunk, 0, records)
            self._buffer += chunk[rest:] if rest else chunk
            self._searched = max(0, len(self._buffer) - 1)
        elif not self._returned:
            self._join(chunk, records)
        else:
            self._search(chunk, records)
        if len(self._buffer) > MAX_EVENT:
            raise BrokenReply(f"The provider sent an event of more than {MAX_EVENT} bytes.")
        return records

    def _join(self, chunk: bytes, records: list[Record]) -> None:
        """The tail gets its end, the rest of the chunk goes the quick way."""
        buffer = self._buffer
        kept = len(buffer)
        buffer += chunk
        blank = buffer.find(b"\n\n", self._searched)
        if blank < 0:
            self._searched = max(0, len(buffer) - 1)
            return
        records.append(parse(bytes(buffer[: blank + 2])))
        rest = _split(chunk, blank + 2 - kept, records)
        self._buffer = bytearray(chunk[rest:])
        self._searched = max(0, len(self._buffer) - 1)

    def _search(self, chunk: bytes, records: list[Record]) -> None:
        """Any line ends, mixed as they may be."""
        buffer = self._buffer
        buffer += chunk
        start = 0
        search = max(0, self._searched - 2)  # a blank line of two CRLF may have begun three bytes before the end
        while (end := _line_alone(buffer, start, search) or _blank_line(buffer, search)) > 0:
            if end == len(buffer) and buffer.endswith(b"\r"):
                break  # its LF may be in the next chunk
            records.append(parse(bytes(buffer[start:end])))
            start = search = end
        del buffer[:start]
        self._searched = max(0, len(buffer) - 1)

    def close(self) -> list[Record]:
        """What stood without its blank line at the end. Providers are seen to leave it out of the last event."""
        rest, self._buffer, self._searched = bytes(self._buffer), bytearray(), 0
        return [parse(rest)] if rest else []


def _line_alone(buffer: bytearray, start: int, search: int) -> int:
    """Where an event of one line ends whose lines end with CRLF, as Gemini sends all of its; 0 where this is no such event.

    `start` is where the event begins; before `search` no blank line begins.
    """
    end = buffer.find(b"\r", search)
    if end < 0 or not buffer.startswith(b"\r\n\r\n", end) or buffer.find(b"\n", start, end) >= 0:
        return 0
    return end + 4


def _blank_line(buffer: bytearray, search: int) -> int:
    """Where the next blank line ends, whatever its line ends; 0 where there is none yet."""
    match = _BLANK_LINE.search(buffer, search)
    return match.end() if match else 0


def _split(chunk: bytes, start: int, records: list[Record]) -> int:
    """The records of a chunk without CR from `start` on; gives where its unfinished tail begins."""
    while (blank := chunk.find(b"\n\n", start)) >= 0:
        records.append(parse(chunk[start : blank + 2]))
        start = blank + 2
    return start


def parse(raw: bytes) -> Record:
    """A whole event. The three forms that nearly all events of the vendors have are cut out without going through their lines."""
    first, last = raw.find(b"\n"), len(raw) - 2
    if first == last - 1 and raw.endswith(b"\r\n\r\n") and raw.startswith(b"data: ") and raw.find(b"\r") == last - 2:
        return Record("", raw[6:-4], raw)
    if raw.endswith(b"\n\n") and b"\r" not in raw:
        if first == last and raw.startswith(b"data: "):
            return Record("", raw[6:-2], raw)
        if raw.startswith(b"event: ") and raw.startswith(b"data: ", first + 1) and raw.find(b"\n", first + 1) == last:
            return Record(raw[7:first].decode("utf-8", "replace"), raw[first + 7 : -2], raw)
    return _parse_lines(raw)


def _parse_lines(raw: bytes) -> Record:
    event, data = "", []
    body = raw.removeprefix(_BOM)
    for line in body.split(b"\n") if b"\r" not in body else _LINE_END.split(body):
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            event = value.removeprefix(b" ").decode("utf-8", "replace")
    return Record(event, data[0] if len(data) == 1 else b"\n".join(data), raw)


def is_run(piece: bytes, opening: bytes, *, lines: int) -> bool:
    """Whether these are whole events, one after the other, each of so many lines, its blank one counted, from `opening` to a brace. What
    stands in JSON holds no line's end, so to count is enough.
    """
    events = piece.count(b"\n\n")
    return (
        piece.startswith(opening)
        and piece.endswith(b"}\n\n")
        and piece.count(b"\n\n" + opening) == events - 1
        and piece.count(b"\n") == lines * events
        and b"\r" not in piece
    )


def encode(data: bytes, event: str = "") -> bytes:
    """One event on the wire. `data` must be a single line, as JSON from `wire.encode` is."""
    head = b"event: " + event.encode() + b"\n" if event else b""
    return head + b"data: " + data + b"\n\n"


def comment(text: str) -> bytes:
    """A line that every reader skips: a keep-alive, or a note at the end of a stream."""
    return b": " + text.replace("\r", " ").replace("\n", " ").encode() + b"\n\n"
