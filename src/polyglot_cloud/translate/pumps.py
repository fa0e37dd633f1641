"""Streams: bytes of a provider in, bytes for the client out, without a wait. `stream.py` drives them."""

from typing import Protocol

from polyglot_cloud import token_estimate, wire
from polyglot_cloud.call import Call, Outcome, Target
from polyglot_cloud.dialects import Dialect, Meter
from polyglot_cloud.emulation import Filter
from polyglot_cloud.emulation.json_object import JsonObject
from polyglot_cloud.emulation.single_call import SingleCall
from polyglot_cloud.emulation.stop_sequences import StopSequences
from polyglot_cloud.errors import BrokenReply, Fault, GatewayError, classify
from polyglot_cloud.headers import PREFIX, loss_list
from polyglot_cloud.neutral import (
    Annotated,
    ArgumentsDelta,
    Closed,
    Event,
    Failed,
    Finished,
    Loss,
    Metered,
    Opened,
    RefusalDelta,
    Started,
    StateDelta,
    TextDelta,
    ThinkingDelta,
    is_content,
)
from polyglot_cloud.sse import Decoder, Record, comment
from polyglot_cloud.token_estimate import Spent
from polyglot_cloud.translate.outbound import Outbound
from polyglot_cloud.translate.replies import Signature, reply_context, usage_of

MAX_COPY = 64 * 1024 * 1024
"""Bytes of an unframed stream kept to read its usage from."""


class Pump(Protocol):
    """Bytes of a provider's stream in, bytes for the client out; no I/O. `outcome` tells how it went.

    started   the client was shown content: the gateway is committed to this answer
    failure   the error that ended the stream, None so far
    told      the provider's own bytes, which have been passed on, say so
    over      nothing more will come out, whatever the provider still sends
    losses    what the answer lost on the way; `last_words` are the bytes that tell them, and a note, once all else is out. Where bytes
              pass as they are there are none
    """

    outcome: Outcome
    started: bool
    failure: GatewayError | None
    told: bool
    losses: list[Loss]

    @property
    def over(self) -> bool: ...

    def feed(self, piece: bytes) -> bytes: ...
    def close(self) -> bytes: ...
    def last_words(self, note: str = "") -> bytes: ...
    def broke(self, error: GatewayError) -> bytes: ...


_PIECES = frozenset({TextDelta, ThinkingDelta, RefusalDelta, ArgumentsDelta, StateDelta, Annotated, Opened, Closed})
"""Events about a block: all that they tell a watch is whether the client was shown content."""


class _Watch:
    """What both pumps learn from the events they see."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.started = False
        self.failure: GatewayError | None = None
        self.told = False
        self.losses: list[Loss] = []

    @property
    def over(self) -> bool:
        return False

    def last_words(self, note: str = "") -> bytes:
        return b""

    def see(self, event: Event) -> None:
        if (
            type(event) in _PIECES
        ):  # nearly every event: asked first, and by its class, which costs a fraction of a match
            self.started = self.started or is_content(event)
        elif isinstance(event, Metered):
            self.outcome.usage = event.usage
        elif isinstance(event, Started):
            self.outcome.model = event.model or self.outcome.model
        elif isinstance(event, Finished):
            self.outcome.state = "complete"
            self.started = True
        elif isinstance(event, Failed):
            self.fail(failure_of(event), "failed")

    def fail(self, error: GatewayError, state: str) -> None:
        self.failure = error
        self.outcome.state, self.outcome.error = state, type(error).__name__


def failure_of(event: Failed) -> GatewayError:
    """A broken stream's event as the error it would have been as a reply of its own."""
    return classify(event.status, Fault(event.message, type=event.type, code=event.code))


class PassThrough(_Watch):
    """Forwards whole events as they stand, reads usage and the end from a copy, cuts what only our own edit brought."""

    def __init__(self, dialect: Dialect, meter: Meter | None, outcome: Outcome) -> None:
        super().__init__(outcome)
        self._dialect = dialect
        self._cuts = meter.cuts if meter else None
        self._decoder = Decoder()
        self._reader = dialect.reader()
        self._skipped: Record | None = None

    def feed(self, piece: bytes) -> bytes:
        if self.started and self._decoder.idle and self._dialect.is_mere_run(piece):
            return piece
        return self._forward(self._decoder.feed(piece))

    def _forward(self, records: list[Record]) -> bytes:
        forwarded = []
        for record in records:
            if self.started and self._dialect.is_mere_content(record):
                self._skipped = record
                forwarded.append(record.raw)
                continue
            self._catch_up()
            self._look(record)
            if self._cuts is None or not self._cuts(record):
                forwarded.append(record.raw)
        self.told = self.failure is not None
        return b"".join(forwarded)

    def _look(self, record: Record) -> None:
        for event in self._reader.feed(record):
            self.see(event)

    def _catch_up(self) -> None:
        """Some dialects tell the usage so far with every piece, and perhaps not at the end: the last piece is looked at."""
        skipped, self._skipped = self._skipped, None
        if skipped is not None:
            self._look(skipped)

    def close(self) -> bytes:
        told = self.told
        rest = self._forward(self._decoder.close())
        self._catch_up()
        for event in self._reader.close():
            self.see(event)
        if self.failure is None or told:
            return rest
        self.told = False
        return self.broke(BrokenReply(self.failure.message))  # half an event, if there was one, is not passed on

    def broke(self, error: GatewayError) -> bytes:
        self._catch_up()
        self.fail(error, "truncated")
        return self._dialect.write_break(error)


class Translation(_Watch):
    """Reads one dialect's stream, passes its events through what the gateway does itself, writes another's."""

    def __init__(self, call: Call, target: Target, outbound: Outbound, outcome: Outcome) -> None:
        super().__init__(outcome)
        assert call.dialect.writer  # noqa: S101  # read() refused the call otherwise
        self._signature = Signature(target, outbound)
        self._decoder = Decoder()
        self._reader = target.dialect.reader()
        self._writer = call.dialect.writer(reply_context(call, target))
        self._comments = call.dialect.comments
        self.losses = self._writer.losses
        self._filters = _filters(outbound, self.losses)
        self._ended = False

    @property
    def over(self) -> bool:
        return self._ended or self.failure is not None

    def feed(self, piece: bytes) -> bytes:
        events: list[Event] = []
        for record in self._decoder.feed(piece):
            events += self._reader.feed(record)
        return self._write(events) if events else b""

    def _write(self, events: list[Event]) -> bytes:
        written = []
        for each in self._filters:
            events = [out for event in events for out in each.feed(event)]
        for event in events:
            if self.failure is not None:
                break
            if type(event) is not TextDelta or not self.started:  # which tells nothing, and is nearly every event
                self._look(event)
            written.append(self._writer.feed(event))
        if self._filters and not self._ended and any(each.over for each in self._filters):
            self._ended = True
            written.append(self._end())
        return b"".join(written)

    def _look(self, event: Event) -> None:
        if isinstance(event, StateDelta):
            self._signature.put(event.state)
        elif isinstance(event, Opened):
            self._signature.put(event.block.state)
        self.see(event)

    def _end(self) -> bytes:
        """The rest of the answer is not waited for, and the connection is closed."""
        if self.outcome.usage is not None and self.outcome.usage.estimated:
            self.losses.append(Loss("/usage", "approximated", "the provider had not told its usage yet"))
        return self._writer.close()

    def close(self) -> bytes:
        told = self.failure is not None
        events = [event for record in self._decoder.close() for event in self._reader.feed(record)]
        written = self._write([*events, *self._reader.close()]) + self._writer.close()
        if self.failure is not None and not told:
            self.fail(BrokenReply(self.failure.message), "truncated")
        return written

    def last_words(self, note: str = "") -> bytes:
        """The head with its headers has left long ago. Formats without comments have no place for them."""
        notes = [f"{PREFIX}dropped: {loss_list(self.losses)}"] if self.losses else []
        return b"".join(map(comment, [*notes, note] if note else notes)) if self._comments else b""

    def broke(self, error: GatewayError) -> bytes:
        """What a filter still held back goes out before the error, as it does where the provider itself tells one."""
        written = self._write([Failed(error.message, status=error.status, type=error.type, code=error.code)])
        self.fail(error, "truncated")
        return written + self._writer.close()


def _filters(outbound: Outbound, losses: list[Loss]) -> list[Filter]:
    found: list[Filter] = []
    if outbound.stop and outbound.request is not None:
        asked = token_estimate.of_request(outbound.request) + outbound.unseen // token_estimate.BYTES_A_TOKEN
        found.append(StopSequences(outbound.stop, Spent(asked)))
    if "first_call_only" in outbound.afterwards:
        found.append(SingleCall())
    if "json_object" in outbound.afterwards:
        found.append(JsonObject(losses))
    return found


class Unframed(_Watch):
    """Forwards a body that is no event stream (Gemini streams as a JSON array where `alt=sse` is not asked for), piece by piece."""

    def __init__(self, dialect: Dialect, outcome: Outcome) -> None:
        super().__init__(outcome)
        self._dialect = dialect
        self._copy = bytearray()

    def feed(self, piece: bytes) -> bytes:
        self.started = True
        if len(self._copy) < MAX_COPY:
            self._copy += piece
        return piece

    def close(self) -> bytes:
        try:
            self.outcome.usage = usage_of(self._dialect, wire.decode(bytes(self._copy)))
            self.outcome.state = "complete"
        except wire.InvalidJson:
            self.outcome.state = "truncated"
        return b""

    def broke(self, error: GatewayError) -> bytes:
        self.fail(error, "truncated")
        return b""


def pump(call: Call, target: Target, outbound: Outbound, outcome: Outcome, *, framed: bool) -> Pump:
    if not outbound.passed:
        return Translation(call, target, outbound, outcome)
    return PassThrough(call.dialect, outbound.meter, outcome) if framed else Unframed(call.dialect, outcome)
