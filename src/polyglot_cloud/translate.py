"""One decision: pass the very bytes, or read and write. Out to the provider, and back, whole or as a stream."""

from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from polyglot_cloud import wire
from polyglot_cloud.call import Call, Outcome, Target
from polyglot_cloud.dialects import Dialect, Meter
from polyglot_cloud.errors import BrokenReply, Fault, GatewayError, Unsupported, classify
from polyglot_cloud.neutral import (
    Block,
    Event,
    Failed,
    Finished,
    Loss,
    Metered,
    Opened,
    ReplyContext,
    Response,
    Started,
    StateDelta,
    Usage,
    is_content,
)
from polyglot_cloud.sse import Decoder, Record

MAX_COPY = 64 * 1024 * 1024
"""Bytes of an unframed stream kept to read its usage from."""


@dataclass(slots=True)
class Outbound:
    """A call as it goes to a provider, less host and credential.

    passed   the reply's bytes pass as they are, since they are in the client's dialect
    edits    the members that differ from what the client sent; "body": it was written anew
    """

    path: str
    headers: dict[str, str]
    body: bytes
    passed: bool
    edits: list[str] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    meter: Meter | None = None


def outgoing(call: Call, target: Target) -> Outbound:
    """What to send. Raises BadRequest or Unsupported, before anything is sent."""
    same = target.dialect.name == call.dialect.name
    return _passed(call, target) if same and not target.rewrite else _written(call, target, same=same)


def _passed(call: Call, target: Target) -> Outbound:
    model = target.destination.model
    body, edits, meter = call.body, list[str](), None
    if target.edited:
        edits.append("model")
        if not call.model_in_path:
            body = wire.edit(body, "model", model)
    if call.dialect.meter and call.peek.stream and not call.peek.include_usage:
        meter = call.dialect.meter
        name, value = meter.edit(call.value)
        body = wire.edit(body, name, value)
        edits.append(f"{name}.include_usage")
    path = call.template.replace("{model}", quote(model, safe="")) if target.edited else call.path
    return Outbound(f"{path}?{call.query}" if call.query else path, {}, body, passed=True, edits=edits, meter=meter)


def _written(call: Call, target: Target, *, same: bool) -> Outbound:
    read, write = call.dialect.read_request, target.dialect.write_request
    if read is None or write is None or target.dialect.read_response is None or call.dialect.write_response is None:
        raise Unsupported(
            f"The model {target.destination.model!r} is not offered in the format of this endpoint ({call.dialect.name}), and "
            f"translating {call.dialect.name} to {target.dialect.name} is not supported yet. Use chat/completions.",
            param="model",
            code="unsupported_translation",
        )
    request = read(call.value)
    request.model = target.destination.model
    written = write(request, target.destination)
    path = target.dialect.path(target.destination.model, request.stream)
    body = wire.encode(written.body)
    if not same:
        return Outbound(path, written.headers, body, passed=False, losses=written.losses)
    meter = None if call.peek.include_usage else call.dialect.meter
    return Outbound(path, written.headers, body, passed=True, edits=["body"], losses=written.losses, meter=meter)


# --- whole replies ---


@dataclass(slots=True)
class Inbound:
    """A whole reply for the client."""

    body: bytes
    usage: Usage | None
    model: str | None = None


def incoming(call: Call, target: Target, body: bytes) -> Inbound:
    """A provider's 200 as the client shall see it. Raises BrokenReply, or a ProviderError for a reply that failed inside its 200."""
    try:
        value = wire.decode(body)
    except wire.InvalidJson as error:
        raise BrokenReply(f"The provider's answer is not JSON: {error}.") from None
    if target.dialect.name == call.dialect.name:
        return Inbound(body, _usage_of(call.dialect, value), _model_of(value))
    read, write = target.dialect.read_response, call.dialect.write_response
    assert read is not None  # noqa: S101  # outgoing() refused the call otherwise
    assert write is not None  # noqa: S101  # see above
    response = read(value)
    _sign_response(response, target)
    written = write(response, reply_context(call, target))
    return Inbound(wire.encode(written), response.usage, response.model)


def _usage_of(dialect: Dialect, value: Any) -> Usage | None:
    """Usage of a reply; a stream that came as a JSON array has it in its last elements."""
    if isinstance(value, dict):
        return dialect.read_usage(value)
    if isinstance(value, list):
        counted = [usage for element in value if isinstance(element, dict) and (usage := dialect.read_usage(element))]
        return counted[-1] if counted else None
    return None


def _model_of(value: Any) -> str | None:
    named = (value.get("model") or value.get("modelVersion")) if isinstance(value, dict) else None
    return named if isinstance(named, str) else None


def reply_context(call: Call, target: Target) -> ReplyContext:
    return ReplyContext(
        provider=target.provider,
        model=target.destination.model,
        created=call.created,
        id=f"chatcmpl-{call.id}",
        include_usage=call.peek.include_usage,
        elapsed=call.elapsed,
    )


def _sign_response(response: Response, target: Target) -> None:
    """Reasoning state goes out with the name of who may have it back."""
    for choice in response.choices:
        for block in choice.blocks:
            _sign_block(block, target)


def _sign_block(block: Block, target: Target) -> None:
    if block.state is not None:
        block.state.provider, block.state.model = target.provider, target.destination.model


# --- streams ---


class Pump(Protocol):
    """Bytes of a provider's stream in, bytes for the client out; no I/O. `outcome` tells how it went.

    started   the client was shown content: the gateway is committed to this answer
    failure   the error that ended the stream, None so far
    told      the provider's own bytes, which have been passed on, say so
    over      nothing more will come out, whatever the provider still sends
    losses    what the answer lost on the way
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
    def broke(self, error: GatewayError) -> bytes: ...


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

    def see(self, event: Event) -> None:
        match event:
            case Started(model=model):
                self.outcome.model = model or self.outcome.model
            case Metered(usage):
                self.outcome.usage = usage
            case Finished():
                self.outcome.state = "complete"
                self.started = True
            case Failed():
                self.fail(failure_of(event), "failed")
            case _ if not self.started and is_content(event):
                self.started = True
            case _:
                pass

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

    def feed(self, piece: bytes) -> bytes:
        return self._forward(self._decoder.feed(piece))

    def _forward(self, records: list[Record]) -> bytes:
        forwarded = []
        for record in records:
            for event in self._reader.feed(record):
                self.see(event)
            if self._cuts is None or not self._cuts(record):
                forwarded.append(record.raw)
        self.told = self.failure is not None
        return b"".join(forwarded)

    def close(self) -> bytes:
        told = self.told
        rest = self._forward(self._decoder.close())
        for event in self._reader.close():
            self.see(event)
        if self.failure is None or told:
            return rest
        self.told = False
        return self.broke(BrokenReply(self.failure.message))  # half an event, if there was one, is not passed on

    def broke(self, error: GatewayError) -> bytes:
        self.fail(error, "truncated")
        return self._dialect.write_break(error)


class Translation(_Watch):
    """Reads one dialect's stream, writes another's."""

    def __init__(self, call: Call, target: Target, outcome: Outcome) -> None:
        super().__init__(outcome)
        assert call.dialect.writer  # noqa: S101  # outgoing() refused the call otherwise
        self._target = target
        self._decoder = Decoder()
        self._reader = target.dialect.reader()
        self._writer = call.dialect.writer(reply_context(call, target))
        self.losses = self._writer.losses

    @property
    def over(self) -> bool:
        return self.failure is not None

    def feed(self, piece: bytes) -> bytes:
        return self._write([event for record in self._decoder.feed(piece) for event in self._reader.feed(record)])

    def _write(self, events: list[Event]) -> bytes:
        written = []
        for event in events:
            if self.failure is not None:
                break
            if isinstance(event, StateDelta):
                event.state.provider, event.state.model = self._target.provider, self._target.destination.model
            elif isinstance(event, Opened):
                _sign_block(event.block, self._target)
            self.see(event)
            written.append(self._writer.feed(event))
        return b"".join(written)

    def close(self) -> bytes:
        told = self.failure is not None
        events = [event for record in self._decoder.close() for event in self._reader.feed(record)]
        written = self._write([*events, *self._reader.close()]) + self._writer.close()
        if self.failure is not None and not told:
            self.fail(BrokenReply(self.failure.message), "truncated")
        return written

    def broke(self, error: GatewayError) -> bytes:
        self.fail(error, "truncated")
        failed = Failed(error.message, status=error.status, type=error.type, code=error.code)
        return self._writer.feed(failed) + self._writer.close()


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
            self.outcome.usage = _usage_of(self._dialect, wire.decode(bytes(self._copy)))
            self.outcome.state = "complete"
        except wire.InvalidJson:
            self.outcome.state = "truncated"
        return b""

    def broke(self, error: GatewayError) -> bytes:
        self.fail(error, "truncated")
        return b""


def pump(call: Call, target: Target, outbound: Outbound, outcome: Outcome, *, framed: bool) -> Pump:
    if not outbound.passed:
        return Translation(call, target, outcome)
    return PassThrough(call.dialect, outbound.meter, outcome) if framed else Unframed(call.dialect, outcome)
