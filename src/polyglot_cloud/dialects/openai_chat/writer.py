"""Writes a stream of chunks. Its grammar holds by construction: one role, calls numbered from 0, one finish, usage, `[DONE]`."""

from dataclasses import dataclass, field, replace
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.dialects.openai_chat import failure, finish, reasoning, reply
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.dialects.openai_chat.reasoning import Trace
from polyglot_cloud.dialects.openai_chat.usage import write_tier, write_usage
from polyglot_cloud.neutral import (
    Annotated,
    ArgumentsDelta,
    Block,
    Closed,
    Event,
    Failed,
    Finished,
    Image,
    Loss,
    Metered,
    Opaque,
    Opened,
    Refusal,
    RefusalDelta,
    ReplyContext,
    Started,
    State,
    StateDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    Usage,
)

_DONE = b"data: [DONE]\n\n"


Prose = TextDelta | ThinkingDelta | RefusalDelta | Annotated


@dataclass(slots=True)
class _Shown:
    """A block of the answer. `trace` None: it leaves none. `number` counts tool calls only; `held` waits for its turn to speak."""

    trace: Trace | None
    call: ToolCall | None = None
    number: int = 0
    filled: bool = False
    length: int = 0
    closed: bool = False
    pieces: list[str] = field(default_factory=list)
    held: list[Prose] = field(default_factory=list)


class Writer:
    """One stream for one client. After an error nothing more is written; without `Finished` the end is told as an error.

    A Chat message has one text, one reasoning text and one refusal, so blocks of a kind that are open together speak one after another.
    """

    def __init__(self, context: ReplyContext) -> None:
        self.losses: list[Loss] = []
        self._context = context
        self._started = Started("", "")
        self._head = b""  # of every chunk, made with the first
        self._tail = b""
        self._text_head = self._text_tail = b""  # of a chunk that is a piece of text alone
        self._blocks: dict[int, _Shown] = {}
        self._lanes: dict[str, list[int]] = {
            "text": [],
            "thinking": [],
            "refusal": [],
        }  # open blocks, the first one speaks
        self._calls = self._images = 0
        self._ids: set[str] = set()  # of calls
        self._annotations: list[dict[str, Any]] = []
        self._said = 0  # characters of text that are out
        self._thought = False  # some reasoning text is out
        self._usage: Usage | None = None
        self._finished = False
        self._dead = False

    def feed(self, event: Event) -> bytes:
        if self._dead:
            return b""
        if type(event) is TextDelta:  # which nearly every event is
            return self._prose(event)
        match event:
            case Metered(usage):  # with every piece, at some
                self._usage = usage
            case TextDelta() | ThinkingDelta() | RefusalDelta() | Annotated():
                return self._prose(event)
            case ArgumentsDelta(index, text):
                return self._arguments(self._blocks[index], text)
            case Opened(index, block):
                return self._open(index, block)
            case StateDelta(index, state):
                self._remember(self._blocks[index], state)
            case Closed(index):
                return self._close(index)
            case Started():
                self._started = event
            case Finished():
                return self._finish(event)
            case _:
                self._dead = True
                return failure.write_failed(event)
        return b""

    def close(self) -> bytes:
        if self._dead:
            return b""
        self._dead = True
        if not self._finished:
            return failure.write_failed(Failed("The answer broke off before its end.", code="provider_broken_reply"))
        return self._usage_chunk() + _DONE

    # --- chunks ---

    def _begin(self, *, speaking: bool) -> bytes:
        """The constant parts of every chunk, and the chunk with the role, which comes first."""
        started, context = self._started, self._context
        constants: Object = {
            "id": started.id or context.id,
            "object": "chat.completion.chunk",
            "created": started.created or context.created,
            "model": started.model or context.model,
        }
        if started.fingerprint is not None:
            constants["system_fingerprint"] = started.fingerprint
        self._head = b"data: " + wire.encode(constants)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if context.include_usage else b"]}\n\n"
        self._text_head, self._text_tail = self._chunk(b'{"content":\0}').split(
            b"\0"
        )  # in JSON no NUL stands as itself
        return self._delta(b'{"role":"assistant","content":' + (b'""' if speaking else b"null") + b"}")

    def _delta(self, delta: bytes, logprobs: bytes = b"null", finish_reason: bytes = b"null") -> bytes:
        filtered = finish_reason.startswith(b'"content_filter"')  # a word of the provider's may stand behind it
        speaking = delta.startswith(b'{"content"') or (delta == b"{}" and not filtered)
        first = b"" if self._head else self._begin(speaking=speaking)
        return first + self._chunk(delta, logprobs, finish_reason)

    def _chunk(self, delta: bytes, logprobs: bytes = b"null", finish_reason: bytes = b"null") -> bytes:
        choice = b'{"index":0,"delta":' + delta + b',"logprobs":' + logprobs + b',"finish_reason":' + finish_reason
        return self._head + choice + b"}" + self._tail

    def _usage_chunk(self) -> bytes:
        """Only for a client that asked: others index choices[0] blindly."""
        if self._usage is None or not self._context.include_usage:
            return b""
        members: Object = {"usage": write_usage(self._usage)}
        members |= write_tier(self._usage.tier)
        return self._head + b"]," + wire.encode(members)[1:] + b"\n\n"

    # --- blocks ---

    def _open(self, index: int, block: Block) -> bytes:
        match block:
            case ToolCall():
                return self._open_call(index, block)
            case Text(text, _, logprobs):
                return self._enter(index, Trace("text", block.state), TextDelta(index, text, logprobs))
            case Thinking(text):
                return self._enter(index, Trace("thinking", block.state), ThinkingDelta(index, text))
            case Refusal(text):
                return self._enter(index, Trace("refusal", block.state), RefusalDelta(index, text))
            case Opaque():
                self._blocks[index] = _Shown(Trace("opaque", block.state, opaque=block))
                return b""
            case _:
                self._blocks[index] = _Shown(None)
                return self._open_media(block)

    def _enter(self, index: int, trace: Trace, said: Prose) -> bytes:
        self._blocks[index] = _Shown(trace)
        self._lanes[trace.kind].append(index)
        return self._prose(said)

    def _open_media(self, block: Block) -> bytes:
        image = reply.write_image(block) if isinstance(block, Image) else None
        if image is not None:
            image["index"], self._images = self._images, self._images + 1
            return self._delta(wire.encode({"images": [image]}))
        self.losses.append(reply.placeless(block))
        return b""

    def _prose(self, event: Prose) -> bytes:
        shown = self._blocks[event.index]
        lane = self._lane(shown)
        if not lane or lane[0] == event.index:
            return self._text(shown, event) if type(event) is TextDelta else self._say(shown, event)
        shown.held.append(event)
        return b""

    def _lane(self, shown: _Shown) -> list[int]:
        return self._lanes.get(shown.trace.kind, []) if shown.trace else []

    def _say(self, shown: _Shown, event: Prose) -> bytes:
        match event:
            case TextDelta():
                return self._text(shown, event)
            case ThinkingDelta(_, text):
                return self._think(shown, text)
            case RefusalDelta(_, text):
                shown.filled = shown.filled or bool(text)
                return self._delta(b'{"refusal":' + wire.encode(text) + b"}") if text else b""
            case _:
                # a block's text is out in one piece, so it began so many characters ago
                self._annotations.append(reply.write_annotation(event.annotation, self._said - shown.length))
                return b""

    def _text(self, shown: _Shown, event: TextDelta) -> bytes:
        text, length = event.text, len(event.text)
        shown.length += length
        self._said += length
        if event.logprobs:
            found = wire.encode({"content": event.logprobs, "refusal": None})
            return self._delta(b'{"content":' + wire.encode(text) + b"}", found)
        if not text:
            return b""
        if not self._text_head:
            return self._delta(b'{"content":' + wire.encode(text) + b"}")
        return self._text_head + wire.encode(text) + self._text_tail

    def _think(self, shown: _Shown, text: str) -> bytes:
        if not text:
            return b""
        between = "\n\n" if self._thought and not shown.pieces else ""
        self._thought = True
        shown.pieces.append(text)
        return self._delta(b'{"reasoning_content":' + wire.encode(between + text) + b"}")

    def _remember(self, shown: _Shown, state: State) -> None:
        if shown.trace is not None:
            shown.trace.state = state

    def _close(self, index: int) -> bytes:
        shown = self._blocks[index]
        shown.closed = True
        if shown.call is not None:
            return self._close_call(shown)
        lane, said = self._lane(shown), b""
        while lane and self._blocks[lane[0]].closed:
            lane.pop(0)
            if lane:
                following = self._blocks[lane[0]]
                said += b"".join(self._say(following, event) for event in following.held)
        return said

    # --- tool calls ---

    def _open_call(self, index: int, call: ToolCall) -> bytes:
        call = replace(call, id=reply.own_id(call.id, self._ids))
        shown = self._blocks[index] = _Shown(Trace("tool_call", call.state, id=call.id), call, self._calls)
        self._calls += 1
        head = {"tool_calls": [reply.write_call_head(shown.number, call)]}
        return self._delta(wire.encode(head)) + self._arguments(shown, call.arguments)

    def _arguments(self, shown: _Shown, text: str) -> bytes:
        if not text or shown.call is None:
            return b""
        shown.filled = True
        kind, name = (b"custom", b"input") if shown.call.kind == "custom" else (b"function", b"arguments")
        piece = b'"' + kind + b'":{"' + name + b'":' + wire.encode(text) + b"}"
        return self._delta(b'{"tool_calls":[{"index":%d,%b}]}' % (shown.number, piece))

    def _close_call(self, shown: _Shown) -> bytes:
        """A function called without arguments has the empty object for arguments."""
        if shown.filled or shown.call is None or shown.call.kind == "custom":
            return b""
        return self._arguments(shown, "{}")

    # --- the end ---

    def _finish(self, event: Finished) -> bytes:
        rest = b"".join(self._close(index) for index, shown in sorted(self._blocks.items()) if not shown.closed)
        details = reasoning.write_details(self._traces(), self._context.provider, self._context.model)
        # each of them whole in one delta: SDKs that put messages together have no rule for joining such lists
        for name, found in (("annotations", self._annotations), ("reasoning_details", details)):
            rest += self._delta(wire.encode({name: found})) if found else b""
        reason = wire.encode(finish.settle(event.reason, called=self._calls > 0))
        if event.detail is not None:
            reason += b',"native_finish_reason":' + wire.encode(event.detail)
        self._finished = True
        return rest + self._delta(b"{}", finish_reason=reason)

    def _traces(self) -> list[Trace]:
        """In the order of the blocks, offsets filled in. Blocks of which the client saw nothing count only for their state."""
        traces, offset = [], 0
        for _, shown in sorted(self._blocks.items()):
            trace = shown.trace
            if trace is None:
                continue
            trace.text = "".join(shown.pieces)
            trace.offset, trace.length, offset = offset, shown.length, offset + shown.length
            if trace.stateful or trace.text or trace.length or trace.kind == "tool_call" or shown.filled:
                traces.append(trace)
        return traces
