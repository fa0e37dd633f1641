"""Reads a stream of chunks. Forgiving in what hosts of this format do differently; never raises, never calls a cut stream whole."""

from dataclasses import dataclass, field
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.dialects.openai_chat import failure, finish, reply
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.dialects.openai_chat.usage import read_usage, tier_of
from polyglot_cloud.neutral import (
    Annotated,
    ArgumentsDelta,
    Block,
    Closed,
    Event,
    Failed,
    Finished,
    Metered,
    Opened,
    Refusal,
    RefusalDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
)
from polyglot_cloud.sse import Record

_LONGEST_MARK = 64


@dataclass(slots=True)
class _Call:
    """A tool call on its way: its place among the blocks, and what tells its fragments from another call's.

    `block` None: its name is still to come, and `held` are the arguments that came before it.
    """

    block: int | None
    id: str
    name: str
    custom: bool
    held: list[str] = field(default_factory=list)


class Reader:
    """One stream. The first choice is told; others (n > 1) are passed over.

    At most one block of prose (thinking, text, refusal) is open at a time; tool calls stay open to the end, since fragments of several may
    alternate. `Finished` is told at the end mark, after the usage.
    """

    def __init__(self) -> None:
        self._id: str | None = None  # None until the first chunk
        self._tier: str | None = None
        self._blocks = 0
        self._prose: tuple[type, int] | None = None
        self._calls: dict[int | str, _Call] = {}
        self._open: list[int] = []
        self._citations: list[dict[str, Any]] = []
        self._word: str | None = None
        self._detail: str | None = None
        self._over = False

    def feed(self, record: Record) -> list[Event]:
        data = record.data
        if self._over or not data or data.isspace():
            return []
        if len(data) < _LONGEST_MARK and data.strip() == b"[DONE]":
            return self._end() if self._id is not None else self._fail(_cut())
        try:
            chunk = wire.decode(data)
        except wire.InvalidJson as error:
            return self._fail(
                Failed(f"The provider sent an event that is not JSON: {error}.", code="provider_broken_reply")
            )
        if not isinstance(chunk, dict) or failure.is_error(chunk) or record.event == "error":
            return self._fail(failure.failed(chunk))
        return self._more_text(chunk) or self._chunk(chunk)

    def close(self) -> list[Event]:
        """A reason to finish is end enough: some hosts leave `[DONE]` out."""
        if self._over:
            return []
        return self._end() if self._word is not None else self._fail(_cut())

    def _more_text(self, chunk: Object) -> list[Event]:
        """The next piece of the text that is open, which most chunks are; [] for any other chunk, without an effect."""
        if self._prose is None or self._prose[0] is not Text or chunk.get("usage") is not None or "citations" in chunk:
            return []
        text = _lone_text(chunk.get("choices"))
        return [TextDelta(self._prose[1], text)] if text else []

    def _chunk(self, chunk: Object) -> list[Event]:
        events: list[Event] = []
        self._tier = tier_of(chunk) or self._tier
        self._citations = reply.citations_of(chunk) or self._citations
        for position, choice in enumerate(reply.objects_of(chunk, "choices")):
            events += self._start(chunk)
            index = choice.get("index", position)
            if type(index) is not int or index == 0:
                events += self._choice(choice)
        usage = read_usage(chunk)
        if usage is not None:
            usage.tier = self._tier
            events += [*self._start(chunk), Metered(usage)]
        return events

    def _start(self, chunk: Object) -> list[Event]:
        if self._id is not None:
            return []
        self._id = reply.string_of(chunk, "id")
        created, fingerprint = chunk.get("created"), chunk.get("system_fingerprint")
        return [
            Started(
                self._id,
                reply.string_of(chunk, "model"),
                created if isinstance(created, int) else 0,
                fingerprint if isinstance(fingerprint, str) else None,
            )
        ]

    def _choice(self, choice: Object) -> list[Event]:
        delta = reply.object_of(choice, "delta")
        events: list[Event] = []
        if thinking := reply.thinking_of(delta):
            events.append(ThinkingDelta(self._enter(Thinking(""), events), thinking))
        text, logprobs = reply.content_of(delta), reply.logprobs_of(choice)
        if text or logprobs:
            events.append(TextDelta(self._enter(Text(""), events), text, logprobs))
        events += self._annotate(reply.annotations_of(delta))
        if refusal := reply.string_of(delta, "refusal"):
            events.append(RefusalDelta(self._enter(Refusal(""), events), refusal))
        for fragment in _fragments(delta):
            self._fragment(fragment, events)
        return events + self._finish(choice)

    def _enter(self, skeleton: Thinking | Text | Refusal, events: list[Event]) -> int:
        """The open block of this kind; opens one, and closes that of another kind."""
        if self._prose is not None and self._prose[0] is type(skeleton):
            return self._prose[1]
        self._leave(events)
        self._prose = (type(skeleton), self._opened(skeleton, events))
        return self._prose[1]

    def _leave(self, events: list[Event]) -> None:
        if self._prose is not None:
            events.append(Closed(self._prose[1]))
            self._prose = None

    def _opened(self, skeleton: Block, events: list[Event]) -> int:
        index, self._blocks = self._blocks, self._blocks + 1
        events.append(Opened(index, skeleton))
        return index

    def _annotate(self, annotations: list[dict[str, Any]]) -> list[Event]:
        if self._prose is None or self._prose[0] is not Text:
            return []
        return [Annotated(self._prose[1], annotation) for annotation in annotations]

    def _fragment(self, fragment: Object, events: list[Event]) -> None:
        """A whole call, the head of one, or a piece of its arguments; without an index the id tells, else it is the last call's."""
        custom, name, piece = reply.call_pieces(fragment)
        id_, key = reply.string_of(fragment, "id"), fragment.get("index")
        if not isinstance(key, int):
            key = id_ or next(reversed(self._calls), "")
        call = self._calls.get(key)
        if call is None or _is_another(call, id_, name):
            call = self._calls[key] = _Call(None, id_, name, custom)
        call.id, call.name, call.custom = call.id or id_, call.name or name, call.custom or custom
        if call.block is None:
            call.held.append(piece)
            if call.name:
                self._open_call(call, events)
        elif piece:
            events.append(ArgumentsDelta(call.block, piece))

    def _open_call(self, call: _Call, events: list[Event]) -> None:
        self._leave(events)
        call.id = call.id or reply.call_id(self._id or "", len(self._open))
        skeleton = ToolCall(call.id, call.name, "", "custom" if call.custom else "function")
        call.block = self._opened(skeleton, events)
        self._open.append(call.block)
        events += [ArgumentsDelta(call.block, piece) for piece in call.held if piece]
        call.held = []

    def _finish(self, choice: Object) -> list[Event]:
        word = reply.string_of(choice, "finish_reason")
        self._detail = finish.detail_of(choice) or self._detail
        if word == "error":
            return self._fail(failure.failed(None))
        self._word = word or self._word
        return []

    def _end(self) -> list[Event]:
        self._over = True
        events = self._annotate(self._citations)
        for call in self._calls.values():
            if call.block is None and any(call.held):  # a call that nobody named is still told
                self._open_call(call, events)
        self._leave(events)
        events += [Closed(block) for block in self._open]
        reason = finish.read_finish(self._word or "", called=bool(self._open))
        return [*events, Finished(reason, self._detail)]

    def _fail(self, event: Failed) -> list[Event]:
        self._over = True
        return [event]


def _lone_text(choices: Any) -> str | None:
    """The text of a chunk's one choice, the first; None where anything else stands beside it that is not empty."""
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return None
    choice = choices[0]
    delta = choice.get("delta")
    if not isinstance(delta, dict) or choice.get("index", 0) != 0:
        return None
    for name, value in choice.items():
        if value and name != "delta":
            return None
    for name, value in delta.items():
        if value and name != "content":
            return None
    text = delta.get("content")
    return text if isinstance(text, str) else None


def _is_another(call: _Call, id_: str, name: str) -> bool:
    """Some hosts give every call the index 0, or none: another id or another name is another call."""
    if not name or not call.name:
        return False
    return id_ != call.id if id_ else name != call.name


def _fragments(delta: Object) -> list[Object]:
    legacy = reply.object_of(delta, "function_call")
    return reply.objects_of(delta, "tool_calls") or ([{"index": 0, "function": legacy}] if legacy else [])


def _cut() -> Failed:
    return Failed(
        "The provider's stream ended before its end mark.", type="upstream_error", code="provider_broken_reply"
    )
