"""A streamed reply. Items may be open side by side and close out of order; what only a `done` event tells is not lost.

The first event that tells a text wins: deltas are passed on at once, and of a whole text that follows (in a `done` event, in the finished
item, in the terminal event) only the part beyond what was sent is added. So a server that sends nothing but whole items is read as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.openai_responses.fault import fault_in, fault_of, status_of
from polyglot_cloud.dialects.openai_responses.response import (
    CALLS,
    PARAGRAPH,
    annotation_of,
    arguments_of,
    call_of,
    created_of,
    finish_of,
    hosts_custom_tools,
    kind_of,
    logprobs_of,
    objects,
    opaque_of,
    reasoning_texts,
    state_of,
    string,
)
from polyglot_cloud.dialects.openai_responses.usage import read_usage
from polyglot_cloud.errors import BrokenReply, Fault
from polyglot_cloud.neutral import (
    Annotated,
    ArgumentsDelta,
    Block,
    Closed,
    Event,
    Failed,
    Finished,
    Metered,
    Opaque,
    Opened,
    Refusal,
    RefusalDelta,
    Started,
    StateDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
)
from polyglot_cloud.sse import Record, is_run

_STRIDE = 1 << 20
"""Block index = output_index * _STRIDE + content_index: the order of the indexes is the order of the output, whatever opens first."""


@dataclass(slots=True)
class _Part:
    """A block on its way: how much of it was sent. `sent` counts characters, by part of the text where it has several."""

    index: int
    block: type[Block]
    sent: dict[Any, int] = field(default_factory=dict)
    closed: bool = False


@dataclass(slots=True)
class _Item:
    position: int
    id: str = ""
    kind: str = ""
    parts: dict[int, _Part] = field(default_factory=dict)
    call: Body = field(default_factory=dict)  # what only an event of its arguments told
    done: bool = False


class Reader:
    """One stream. It ends with Finished or Failed; what comes after is skipped, as is what it does not know."""

    def __init__(self) -> None:
        self._items: dict[int, _Item] = {}
        self._events: list[Event] = []
        self._started = self._ended = self._hosted = self._called = False

    def feed(self, record: Record) -> list[Event]:
        if self._ended:
            return []
        try:
            event = _object_in(record)
        except wire.InvalidJson as error:
            return self._broke(f"The provider sent an event that is not JSON: {error}.")
        if event is None:
            return []
        kind = string(event.get("type")) or ("error" if "error" in event else record.event)
        if handle := _HANDLERS.get(kind):
            handle(self, event if "type" in event else {**event, "type": kind})
        return self._take()

    def close(self) -> list[Event]:
        return self._take() if self._ended else self._broke("The provider's stream ended before its terminal event.")

    def _broke(self, message: str) -> list[Event]:
        self._emit(Failed(message, 502, BrokenReply.type, BrokenReply.code))
        self._ended = True
        return self._take()

    def _take(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _emit(self, event: Event) -> None:
        if not self._started and not isinstance(event, Failed):
            self._start({})
        self._events.append(event)

    # --- the response ---

    def _created(self, event: Body) -> None:
        self._start(_response_in(event))

    def _start(self, response: Body) -> None:
        self._hosted = self._hosted or hosts_custom_tools(response)
        if not self._started:
            self._started = True
            self._events.append(
                Started(string(response.get("id")), string(response.get("model")), created_of(response))
            )

    def _terminal(self, event: Body) -> None:
        response = _response_in(event)
        response = {**response, "status": _status(event, response)}
        self._start(response)
        for item, told in self._matched(objects(response.get("output"))):
            self._finish(item, told)
        for at in sorted(self._items):
            self._call_without_item(self._items[at])
            self._close_parts(self._items[at])
        if usage := read_usage(response):
            self._emit(Metered(usage))
        if response["status"] == "failed":
            self._failed(fault_in(response))
        else:
            self._emit(Finished(*finish_of(response, self._called)))
        self._ended = True

    def _matched(self, output: list[Body]) -> list[tuple[_Item, Body]]:
        """The terminal event's items beside those that were streamed: by id, else in order by type (some hosts change ids)."""
        free = [self._items[at] for at in sorted(self._items)]
        known: dict[int, _Item] = {}
        for at, told in enumerate(output):
            named = next((item for item in free if item.id and item.id == told.get("id")), None)
            if named:
                free.remove(named)
                known[at] = named
        for at, told in enumerate(output):
            if at in known:
                continue
            same = next((item for item in free if item.kind == kind_of(told, self._hosted)), None)
            if same:
                free.remove(same)
            known[at] = same or self._new_item(at if at not in self._items else max(self._items) + 1)
        return [(known[at], told) for at, told in enumerate(output)]

    def _error(self, event: Body) -> None:
        """Documented flat; recorded from OpenAI with an `error` object inside."""
        self._failed(fault_in(event) if event.get("error") else fault_of({**event, "type": None}))

    def _failed(self, fault: Fault) -> None:
        self._emit(Failed(fault.message, status_of(fault), fault.type, fault.code))
        self._ended = True

    # --- items ---

    def _item(self, event: Body, kind: str = "") -> _Item:
        """The item that an event is about: by output_index, else by id, else the newest."""
        position, identity = event.get("output_index"), string(event.get("item_id"))
        if not isinstance(position, int):
            position = self._position(identity)
        item = self._items.get(position) or self._new_item(position)
        item.kind, item.id = item.kind or kind, item.id or identity
        return item

    def _position(self, identity: str) -> int:
        named = [item for item in self._items.values() if identity and item.id == identity]
        return named[0].position if named else max(self._items, default=0)

    def _new_item(self, position: int) -> _Item:
        self._items[position] = item = _Item(position)
        return item

    def _item_added(self, event: Body) -> None:
        told = _member(event, "item")
        if not isinstance(event.get("output_index"), int):
            event = {**event, "output_index": max(self._items, default=-1) + 1}
        item = self._item({**event, "item_id": told.get("id")}, kind_of(told, self._hosted))
        if item.kind == "reasoning":
            self._open(item, Thinking)
        elif item.kind in CALLS and told.get("name"):
            self._open_call(item, told)

    def _item_done(self, event: Body) -> None:
        told = _member(event, "item")
        self._finish(self._item({**event, "item_id": told.get("id")}, kind_of(told, self._hosted)), told)

    def _finish(self, item: _Item, told: Body) -> None:
        """Whatever of a finished item was not yet sent."""
        if item.done:
            return
        item.done = True
        kind = kind_of(told, self._hosted) or item.kind
        if kind == "message":
            for at, part in enumerate(objects(told.get("content"))):
                self._finish_part(item, at, part)
        elif kind == "reasoning":
            self._finish_reasoning(item, told)
        elif kind in CALLS:
            self._open_call(item, told)
            self._rest(item.parts.get(0), ArgumentsDelta, arguments_of(told))
        elif not item.parts:
            item.parts[0] = _Part(item.position * _STRIDE, Opaque)
            self._emit(Opened(item.parts[0].index, opaque_of(told)))
        self._close_parts(item)

    def _finish_reasoning(self, item: _Item, told: Body) -> None:
        part = self._open(item, Thinking)
        for key, text in reasoning_texts(told).items():
            self._think(part, key, text, whole=True)
        if part and (state := state_of(told)):
            self._emit(StateDelta(part.index, state))

    # --- blocks ---

    def _open(self, item: _Item, block: type[Text | Refusal | Thinking], at: int = 0) -> _Part | None:
        """The block, opened if it was not. None where it may not grow any more, or another kind stands there."""
        part = item.parts.get(at)
        if part is None:
            part = item.parts[at] = _Part(item.position * _STRIDE + at, block)
            self._emit(Opened(part.index, block("")))
        return part if part.block is block and not part.closed else None

    def _open_call(self, item: _Item, told: Body) -> None:
        if 0 not in item.parts:
            item.parts[0] = _Part(item.position * _STRIDE, ToolCall)
            self._called = True
            self._emit(Opened(item.parts[0].index, call_of(told, "")))

    def _close_parts(self, item: _Item) -> None:
        for at in sorted(item.parts):
            self._close(item.parts[at])

    def _close(self, part: _Part) -> None:
        if not part.closed:
            part.closed = True
            self._emit(Closed(part.index))

    def _rest(self, part: _Part | None, delta: type[RefusalDelta | ArgumentsDelta], whole: str) -> None:
        """What is missing of a text that has now been told whole."""
        if part and part.block is _GROWS[delta] and not part.closed and (rest := whole[part.sent.get("", 0) :]):
            self._grow(part, delta, rest)

    def _grow(self, part: _Part, delta: type[RefusalDelta | ArgumentsDelta], text: str) -> None:
        part.sent[""] = part.sent.get("", 0) + len(text)
        self._emit(delta(part.index, text))

    def _part_added(self, event: Body) -> None:
        if block := _BLOCKS.get(string(_member(event, "part").get("type"))):
            self._open(self._item(event, "message"), block, _content_index(event))

    def _part_done(self, event: Body) -> None:
        part, at = _member(event, "part"), _content_index(event)
        item = self._item(event, "message" if string(part.get("type")) in _BLOCKS else "")
        if self._finish_part(item, at, part):
            self._close(item.parts[at])

    def _finish_part(self, item: _Item, at: int, told: Body) -> bool:
        block = _BLOCKS.get(string(told.get("type")))
        part = self._open(item, block, at) if block else None
        if part is None:
            return False
        if block is Refusal:
            self._rest(part, RefusalDelta, string(told.get("refusal")))
            return True
        self._rest_of_text(part, string(told.get("text")), told.get("logprobs"))
        for annotation in objects(told.get("annotations"))[part.sent.get("annotations", 0) :]:
            self._annotate(part, annotation)
        return True

    # --- text ---

    def _text_delta(self, event: Body) -> None:
        if part := self._open(self._item(event, "message"), Text, _content_index(event)):
            self._text(part, string(event.get("delta")), logprobs_of(event.get("logprobs")))

    def _text_done(self, event: Body) -> None:
        if part := self._open(self._item(event, "message"), Text, _content_index(event)):
            self._rest_of_text(part, string(event.get("text")), event.get("logprobs"))

    def _rest_of_text(self, part: _Part, whole: str, logprobs: Any) -> None:
        self._text(part, whole[part.sent.get("", 0) :], logprobs_of(logprobs)[part.sent.get("logprobs", 0) :])

    def _text(self, part: _Part, text: str, logprobs: list[Body]) -> None:
        if logprobs:
            part.sent["logprobs"] = part.sent.get("logprobs", 0) + len(logprobs)
        part.sent[""] = part.sent.get("", 0) + len(text)
        if text or logprobs:
            self._emit(TextDelta(part.index, text, logprobs or None))

    def _annotation_added(self, event: Body) -> None:
        if part := self._open(self._item(event, "message"), Text, _content_index(event)):
            self._annotate(part, _member(event, "annotation"))

    def _annotate(self, part: _Part, annotation: Body) -> None:
        part.sent["annotations"] = part.sent.get("annotations", 0) + 1
        if annotation:
            self._emit(Annotated(part.index, annotation_of(annotation)))

    def _refusal_delta(self, event: Body) -> None:
        part = self._open(self._item(event, "message"), Refusal, _content_index(event))
        if part and (text := string(event.get("delta"))):
            self._grow(part, RefusalDelta, text)

    def _refusal_done(self, event: Body) -> None:
        part = self._open(self._item(event, "message"), Refusal, _content_index(event))
        self._rest(part, RefusalDelta, string(event.get("refusal")))

    # --- calls ---

    def _arguments_delta(self, event: Body) -> None:
        """A call whose name is not known yet cannot be opened; its arguments come whole with its item."""
        part = self._call_part(event)
        if part and part.block is ToolCall and not part.closed and (text := string(event.get("delta"))):
            self._grow(part, ArgumentsDelta, text)

    def _arguments_done(self, event: Body) -> None:
        item = self._call_item(event)
        if not item.parts and event.get("name"):
            item.call = {**event, "id": item.id, "type": item.kind}
        self._rest(item.parts.get(0), ArgumentsDelta, string(event.get("arguments")) or string(event.get("input")))

    def _call_without_item(self, item: _Item) -> None:
        """The item names the call; where it never came, the event that ended the arguments may."""
        if item.call and not item.parts and not item.done:
            self._finish(item, item.call)

    def _call_part(self, event: Body) -> _Part | None:
        return self._call_item(event).parts.get(0)

    def _call_item(self, event: Body) -> _Item:
        custom = "custom" in string(event.get("type"))
        return self._item(event, "custom_tool_call" if custom else "function_call")

    # --- reasoning ---

    def _summary_delta(self, event: Body) -> None:
        self._reasoning(event, ("summary", _index_of(event, "summary_index")), "delta")

    def _summary_done(self, event: Body) -> None:
        self._reasoning(event, ("summary", _index_of(event, "summary_index")), "text")

    def _reasoning_delta(self, event: Body) -> None:
        self._reasoning(event, ("content", _content_index(event)), "delta")

    def _reasoning_done(self, event: Body) -> None:
        self._reasoning(event, ("content", _content_index(event)), "text")

    def _reasoning(self, event: Body, key: tuple[str, int], name: str) -> None:
        part = self._open(self._item(event, "reasoning"), Thinking)
        self._think(part, key, string(event.get(name)), whole=name == "text")

    def _think(self, part: _Part | None, key: tuple[str, int], text: str, *, whole: bool) -> None:
        """More of one part of the text; a new part begins a new paragraph, as in a whole reply."""
        if part is None:
            return
        rest = text[part.sent.get(key, 0) :] if whole else text
        if rest:
            paragraph = PARAGRAPH if part.sent and key not in part.sent else ""
            part.sent[key] = part.sent.get(key, 0) + len(rest)
            self._emit(ThinkingDelta(part.index, paragraph + rest))


_GROWS: dict[type[RefusalDelta | ArgumentsDelta], type[Block]] = {
    RefusalDelta: Refusal,
    ArgumentsDelta: ToolCall,
}
_BLOCKS: dict[str, type[Text | Refusal]] = {"output_text": Text, "refusal": Refusal}
_HANDLERS: dict[str, Callable[[Reader, Body], None]] = {
    "response.created": Reader._created,
    "response.queued": Reader._created,
    "response.in_progress": Reader._created,
    "response.output_item.added": Reader._item_added,
    "response.output_item.done": Reader._item_done,
    "response.content_part.added": Reader._part_added,
    "response.content_part.done": Reader._part_done,
    "response.output_text.delta": Reader._text_delta,
    "response.output_text.done": Reader._text_done,
    "response.output_text.annotation.added": Reader._annotation_added,
    "response.output_text_annotation.added": Reader._annotation_added,  # its name of early 2025
    "response.refusal.delta": Reader._refusal_delta,
    "response.refusal.done": Reader._refusal_done,
    "response.function_call_arguments.delta": Reader._arguments_delta,
    "response.function_call_arguments.done": Reader._arguments_done,
    "response.custom_tool_call_input.delta": Reader._arguments_delta,
    "response.custom_tool_call_input.done": Reader._arguments_done,
    "response.reasoning_summary_text.delta": Reader._summary_delta,
    "response.reasoning_summary_text.done": Reader._summary_done,
    "response.reasoning_text.delta": Reader._reasoning_delta,
    "response.reasoning_text.done": Reader._reasoning_done,
    "response.completed": Reader._terminal,
    "response.incomplete": Reader._terminal,
    "response.failed": Reader._terminal,
    "error": Reader._error,
}


def _object_in(record: Record) -> Body | None:
    """The event, None for a comment, `[DONE]` (xAI ends with it) and JSON that is no object. Raises InvalidJson."""
    data = record.data
    if not data.startswith(b"{") and data.strip() in {b"", b"[DONE]"}:
        return None
    event = wire.decode(data)
    return event if isinstance(event, dict) else None


def _status(event: Body, response: Body) -> str:
    """By the event's name, unless the response itself says that less came of it."""
    told = response.get("status")
    named = string(event.get("type")).removeprefix("response.")
    return string(told) if named == "completed" and told in ("incomplete", "failed") else named


def _member(event: Body, name: str) -> Body:
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def _response_in(event: Body) -> Body:
    return _member(event, "response")


def _index_of(event: Body, name: str) -> int:
    value = event.get(name)
    return value if isinstance(value, int) else 0


def _content_index(event: Body) -> int:
    return _index_of(event, "content_index")


_PIECE = b"event: response.output_text.delta\ndata: {"


def is_mere_run(piece: bytes) -> bool:
    """Whole events that arrived together, all of them pieces of text. No text can hold a line's end: in JSON it is escaped."""
    return is_run(piece, _PIECE, lines=3)


def is_mere_content(record: Record) -> bool:
    """By the event's name: pieces and what opens or closes an item. A response's own events tell its state."""
    kind = record.event
    return kind.startswith("response.") and kind.endswith((".delta", ".done", ".added")) and kind != "response.done"
