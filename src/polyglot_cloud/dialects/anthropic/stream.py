"""Messages stream -> events (facts 2.3). One small class for each kind of open block, one method for each wire event."""

from typing import Any, Protocol

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic import response
from polyglot_cloud.dialects.anthropic.faults import fault_of, status_of
from polyglot_cloud.dialects.anthropic.usage import overwritten, usage_of
from polyglot_cloud.errors import BrokenReply
from polyglot_cloud.neutral import (
    Annotated,
    ArgumentsDelta,
    Closed,
    Event,
    Failed,
    Finished,
    Metered,
    Opaque,
    Opened,
    Started,
    State,
    StateDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
)
from polyglot_cloud.sse import Record, is_run
from polyglot_cloud.wire import InvalidJson, decode


class Reader:
    """Reads one stream. Holds the open blocks, the usage so far and the stop reason. Silent after the end mark or an error.

    The end mark is `message_stop` after a stop reason; without it the stream failed, however its connection ended.
    """

    def __init__(self) -> None:
        self._started = False
        self._open: dict[int, _OpenBlock] = {}  # by the wire's index
        self._blocks = 0
        self._usage: Body = {}
        self._stop: Body = {}
        self._called = False
        self._ended = False

    def feed(self, record: Record) -> list[Event]:
        if self._ended:
            return []
        if not record.data.startswith(b"{") and record.data.strip() in {b"", b"[DONE]"}:
            return []  # relays add the mark of another format
        try:
            data = decode(record.data)
        except InvalidJson as error:
            return self._broken(f"The provider sent an event that is not JSON: {error}.")
        if not isinstance(data, dict):
            return self._broken("The provider sent an event that is not a JSON object.")
        return self._event(data.get("type") or record.event, data)

    def close(self) -> list[Event]:
        if self._ended:
            return []
        return self._broken("The provider's stream ended before its end mark (message_stop).")

    def _event(self, kind: Any, data: Body) -> list[Event]:
        match kind:
            case "content_block_delta":
                return self._block_delta(data.get("index"), data.get("delta"))
            case "message_start":
                return self._message_start(data)
            case "content_block_start":
                return self._block_start(data.get("index"), data.get("content_block"))
            case "content_block_stop":
                return self._block_stop(data.get("index"))
            case "message_delta":
                return self._message_delta(data)
            case "message_stop":
                return self._message_stop()
            case "error":
                return self._error(data)
        return []  # ping, and what we do not know

    def _message_start(self, data: Body) -> list[Event]:
        """A second start is a repetition while there is no content; after it, it would splice two answers into one."""
        if self._blocks:
            return self._broken("The provider began its answer anew in the middle of it.")
        message = _object(data.get("message"))
        if self._started:
            return self._metered(message.get("usage"))
        self._started = True
        started = Started(response.string(message, "id"), response.string(message, "model"))
        return [started, *self._metered(message.get("usage"))]

    def _block_start(self, index: Any, raw: Any) -> list[Event]:
        """Hosts of this format are seen to leave the index out, or to give it twice: a block that begins is a block of its own."""
        if not isinstance(raw, dict):
            return []
        place = index if type(index) is int else max(self._open, default=-1) + 1
        events = self._block_stop(place)
        block = _KINDS.get(response.string(raw, "type"), _OpenOpaque)(self._blocks, raw)
        self._called = self._called or isinstance(block, _OpenCall)
        self._blocks += 1
        self._open[place] = block
        return [*events, *block.start()]

    def _block_delta(self, index: Any, delta: Any) -> list[Event]:
        if not isinstance(delta, dict):
            return []
        place = self._place(index)
        block = self._open.get(place)
        return self._beheaded(place, delta) if block is None else block.extend(delta)

    def _beheaded(self, place: int, delta: Body) -> list[Event]:
        """A delta whose block never began: it begins here, where the delta tells its kind."""
        skeleton = _IMPLIED.get(response.string(delta, "type"))
        if skeleton is None:
            return []
        return [*self._block_start(place, skeleton), *self._open[place].extend(delta)]

    def _block_stop(self, index: Any) -> list[Event]:
        block = self._open.pop(self._place(index), None)
        return [*block.stop(), Closed(block.index)] if block else []

    def _place(self, index: Any) -> int:
        """What an event without an index is about: the newest block."""
        return index if type(index) is int else max(self._open, default=0)

    def _message_delta(self, data: Body) -> list[Event]:
        self._stop = overwritten(self._stop, _object(data.get("delta")))
        return self._metered(data.get("usage"))

    def _message_stop(self) -> list[Event]:
        reason, detail = response.finish(self._stop, called=self._called)
        if reason is None:
            return self._broken("The provider's stream ended without a stop reason.")
        self._ended = True
        rest = [event for place in sorted(self._open) for event in self._block_stop(place)]
        return [*rest, Finished(reason, detail, response.string(self._stop, "stop_sequence") or None)]

    def _error(self, data: Body) -> list[Event]:
        self._ended = True
        fault = fault_of(data)
        message = fault.message or "The provider broke off its stream with an error that says nothing more."
        return [Failed(message, status_of(fault.type), fault.type, fault.code)]

    def _metered(self, usage: Any) -> list[Event]:
        if not isinstance(usage, dict):
            return []
        self._usage = overwritten(self._usage, usage)
        return [Metered(usage_of(self._usage))]

    def _broken(self, message: str) -> list[Event]:
        self._ended = True
        return [Failed(message, BrokenReply.status, BrokenReply.type, BrokenReply.code)]


class _OpenBlock(Protocol):
    """A block between its start and its stop. Deltas of another kind of block are skipped."""

    index: int

    def start(self) -> list[Event]: ...
    def extend(self, delta: Body) -> list[Event]: ...
    def stop(self) -> list[Event]: ...


class _OpenText:
    """Its citations wait for the end: only then is it known how long the text is that they back."""

    def __init__(self, index: int, raw: Body) -> None:
        self.index = index
        self._text = response.string(raw, "text")
        self._length = len(self._text)
        citations = raw.get("citations")
        self._citations: list[Any] = list(citations) if isinstance(citations, list) else []

    def start(self) -> list[Event]:
        opened = Opened(self.index, Text(""))
        return [opened, TextDelta(self.index, self._text)] if self._text else [opened]

    def extend(self, delta: Body) -> list[Event]:
        if delta.get("type") == "citations_delta":
            self._citations.append(delta.get("citation"))
            return []
        text = response.string(delta, "text")
        self._length += len(text)
        return [TextDelta(self.index, text)] if text else []

    def stop(self) -> list[Event]:
        return [Annotated(self.index, row) for row in response.annotations(self._citations, self._length)]


class _OpenThinking:
    """Keeps its own text: the state that must come back is the whole block, with the signature that ends it."""

    def __init__(self, index: int, raw: Body) -> None:
        self.index = index
        self._raw = raw
        self._texts = [response.string(raw, "thinking")]
        self._signature = response.string(raw, "signature")

    def start(self) -> list[Event]:
        opened = Opened(self.index, Thinking(""))
        return [opened, ThinkingDelta(self.index, self._texts[0])] if self._texts[0] else [opened]

    def extend(self, delta: Body) -> list[Event]:
        self._signature += response.string(delta, "signature")
        text = response.string(delta, "thinking")
        self._texts.append(text)
        return [ThinkingDelta(self.index, text)] if text else []

    def stop(self) -> list[Event]:
        raw = {**self._raw, "thinking": "".join(self._texts), "signature": self._signature}
        state = response.thinking_state(raw)
        return [StateDelta(self.index, state)] if state else []


class _OpenRedacted:
    """Comes whole with its start."""

    def __init__(self, index: int, raw: Body) -> None:
        self.index = index
        self._raw = raw

    def start(self) -> list[Event]:
        return [Opened(self.index, Thinking("")), StateDelta(self.index, State(self._raw))]

    def extend(self, _delta: Body) -> list[Event]:
        return []

    def stop(self) -> list[Event]:
        return []


class _OpenCall:
    """Some compatible hosts give the input whole with the start; it counts only if no part of it follows."""

    def __init__(self, index: int, raw: Body) -> None:
        self.index = index
        self._raw = raw
        self._written = False

    def start(self) -> list[Event]:
        return [Opened(self.index, ToolCall(response.string(self._raw, "id"), response.string(self._raw, "name"), ""))]

    def extend(self, delta: Body) -> list[Event]:
        part = response.string(delta, "partial_json")
        self._written = self._written or bool(part)
        return [ArgumentsDelta(self.index, part)] if part else []

    def stop(self) -> list[Event]:
        whole = "" if self._written else response.arguments(self._raw.get("input"))
        return [ArgumentsDelta(self.index, whole)] if whole else []


class _OpenOpaque:
    """A block of the vendor's own (server tools, compaction). It opens when it is whole."""

    def __init__(self, index: int, raw: Body) -> None:
        self.index = index
        self._raw = dict(raw)
        self._json: list[str] = []

    def start(self) -> list[Event]:
        return []

    def extend(self, delta: Body) -> list[Event]:
        if delta.get("type") == "input_json_delta":
            self._json.append(response.string(delta, "partial_json"))
            return []
        for name in delta.keys() - {"type"}:
            earlier, later = self._raw.get(name), delta[name]
            both_text = isinstance(earlier, str) and isinstance(later, str)
            self._raw[name] = earlier + later if both_text else later
        return []

    def stop(self) -> list[Event]:
        if text := "".join(self._json):
            self._raw["input"] = _lenient(text)
        return [Opened(self.index, Opaque("anthropic", self._raw, state=State({})))]


_KINDS: dict[str, type[_OpenText | _OpenThinking | _OpenRedacted | _OpenCall | _OpenOpaque]] = {
    "text": _OpenText,
    "thinking": _OpenThinking,
    "redacted_thinking": _OpenRedacted,
    "tool_use": _OpenCall,
}

_IMPLIED: dict[str, Body] = {
    "text_delta": {"type": "text", "text": ""},
    "thinking_delta": {"type": "thinking", "thinking": ""},
}
"""The block that a delta without one belongs to. Anything else cannot be told without its head."""


def _object(value: Any) -> Body:
    return value if isinstance(value, dict) else {}


def _lenient(text: str) -> Any:
    """A server tool's input; its text as it stands where the model wrote no JSON."""
    try:
        return decode(text)
    except InvalidJson:
        return text


_MERE = frozenset({"content_block_delta", "content_block_start", "content_block_stop", "ping"})


_PIECE = b"event: content_block_delta\ndata: {"


def is_mere_run(piece: bytes) -> bool:
    """Whole events that arrived together, all of them pieces of a block. No text can hold a line's end: in JSON it is escaped."""
    return is_run(piece, _PIECE, lines=3)


def is_mere_content(record: Record) -> bool:
    """By the event's name, which Anthropic always gives; the usage of a stream stands in its first and its last events."""
    return record.event in _MERE
