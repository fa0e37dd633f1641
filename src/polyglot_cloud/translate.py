"""One decision: pass the very bytes, or read and write. Out to the provider, and back, whole or as a stream."""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote

from polyglot_cloud import token_estimate, wire
from polyglot_cloud.call import Call, Outcome, Target
from polyglot_cloud.dialects import Afterwards, Dialect, Meter
from polyglot_cloud.emulation import Filter
from polyglot_cloud.emulation.bound_state import digest, unbound
from polyglot_cloud.emulation.choices import MAX_CHOICES, merged
from polyglot_cloud.emulation.json_object import JsonObject, unkept
from polyglot_cloud.emulation.single_call import SingleCall, first_call_only
from polyglot_cloud.emulation.stop_sequences import StopSequences, stopped
from polyglot_cloud.errors import BadRequest, BrokenReply, Fault, GatewayError, Unsupported, classify
from polyglot_cloud.headers import PREFIX, loss_list
from polyglot_cloud.neutral import (
    Event,
    Failed,
    Finished,
    Loss,
    Metered,
    Opened,
    ReplyContext,
    Request,
    Response,
    Started,
    State,
    StateDelta,
    Usage,
    is_content,
)
from polyglot_cloud.sse import Decoder, Record, comment
from polyglot_cloud.token_estimate import Spent

EVENTS = "text/event-stream"
MAX_COPY = 64 * 1024 * 1024
"""Bytes of an unframed stream kept to read its usage from."""


@dataclass(slots=True)
class Outbound:
    """A call as it goes to a provider, less host and credential.

    passed   the reply's bytes pass as they are, since they are in the client's dialect
    edits    the members that differ from what the client sent; "body": it was written anew
    request  what the body was written from, None where the bytes pass
    stop     sequences at which the gateway ends the answer itself
    copies   how many times it is sent, each answer a choice
    """

    path: str
    headers: dict[str, str]
    body: bytes
    passed: bool
    edits: list[str] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    meter: Meter | None = None
    request: Request | None = None
    stop: list[str] = field(default_factory=list)
    copies: int = 1
    afterwards: set[Afterwards] = field(default_factory=set)


def read(call: Call, target: Target) -> Request | None:
    """The call in the neutral form; None where its very bytes go up. Raises BadRequest or Unsupported."""
    same = target.dialect.name == call.dialect.name
    if same and not target.rewrite and not target.emulate:
        return None
    reader = call.dialect.read_request
    if reader is None or target.dialect.write_request is None or call.dialect.write_response is None:
        raise Unsupported(
            f"The model {target.destination.model!r} is not offered in the format of this endpoint ({call.dialect.name}), and "
            f"translating {call.dialect.name} to {target.dialect.name} is not supported yet. Use chat/completions.",
            param="model",
            code="unsupported_translation",
        )
    request = reader(call.value)
    request.model = target.destination.model
    return request


def outgoing(call: Call, target: Target, request: Request | None) -> Outbound:
    """What to send. `request` is what `read` gave. Raises BadRequest or Unsupported, before anything is sent."""
    return _passed(call, target) if request is None else _written(call, target, request)


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


def _written(call: Call, target: Target, request: Request) -> Outbound:
    write = target.dialect.write_request
    assert write is not None  # noqa: S101  # read() refused the call otherwise
    same = target.dialect.name == call.dialect.name
    asked, losses = _without_emulated(request, target, same=same)
    if target.destination.quirks.bound_thinking:
        asked = unbound(asked)
    try:
        written = write(asked, target.destination)
    except BadRequest as error:
        error.param = error.param and request.spelled(error.param)
        raise
    outbound = Outbound(
        path=target.dialect.path(target.destination.model, request.stream),
        headers=written.headers,
        body=wire.encode(written.body),
        passed=same and not (target.emulate or written.afterwards or written.stop),
        losses=[
            *request.losses,
            *losses,
            *(replace(loss, pointer=request.spelled(loss.pointer)) for loss in written.losses),
        ],
        request=request,
        stop=request.stop if "stop" in target.emulate else written.stop,
        copies=request.n if "n" in target.emulate else 1,
        afterwards=written.afterwards,
    )
    if outbound.passed:
        outbound.edits = ["body"]
        outbound.meter = None if call.peek.include_usage else call.dialect.meter
    return outbound


def _without_emulated(request: Request, target: Target, *, same: bool) -> tuple[Request, list[Loss]]:
    """What the model is asked, less what the gateway does itself; and that it does."""
    losses = []
    if request.n > 1 and request.stream and (target.emulate or not same):
        raise Unsupported(
            f"{request.model} streams one choice only: ask for several without stream, or leave n out.", param="n"
        )
    if "n" in target.emulate:
        if request.n > MAX_CHOICES:
            raise Unsupported(
                f"{request.model} gives one choice a request, and at most {MAX_CHOICES} requests are made for a call.",
                param="n",
            )
        losses.append(Loss("/n", "emulated", "each choice is a request of its own, and pays its prompt"))
        request = replace(request, n=1)
    if "stop" in target.emulate:
        losses.append(Loss("/stop", "emulated", "the gateway ends the answer at the sequence"))
        request = replace(request, stop=[])
    return request, losses


# --- whole replies ---


@dataclass(slots=True)
class Inbound:
    """A whole reply for the client. `losses` are the answer's."""

    body: bytes
    usage: Usage | None
    model: str | None = None
    losses: list[Loss] = field(default_factory=list)


def incoming(call: Call, target: Target, outbound: Outbound, bodies: list[bytes]) -> Inbound:
    """A provider's 200s (one, or one for each choice) as the client shall see them.

    Raises BrokenReply, or a ProviderError for a reply that failed inside its 200.
    """
    if outbound.passed:
        value = _decoded(bodies[0])
        return Inbound(bodies[0], _usage_of(call.dialect, value), _model_of(value))
    replies = [read_reply(target, body) for body in bodies]
    response = merged(replies) if outbound.copies > 1 else replies[0]
    signature = Signature(target, outbound)
    for choice in response.choices:
        for block in choice.blocks:
            signature.put(block.state)
    return write_reply(call, target, outbound, response)


def read_reply(target: Target, body: bytes) -> Response:
    reader = target.dialect.read_response
    assert reader is not None  # noqa: S101  # who writes requests reads replies
    return reader(_decoded(body))


def write_reply(call: Call, target: Target, outbound: Outbound, response: Response) -> Inbound:
    write, losses = call.dialect.write_response, list[Loss]()
    assert write is not None  # noqa: S101  # read() refused the call otherwise
    if outbound.stop:
        response = stopped(response, outbound.stop)
    if "first_call_only" in outbound.afterwards:
        response = first_call_only(response)
    if "json_object" in outbound.afterwards:
        losses += unkept(response)
    written = write(response, reply_context(call, target))
    return Inbound(wire.encode(written.body), response.usage, response.model, [*losses, *written.losses])


def _decoded(body: bytes) -> Any:
    try:
        return wire.decode(body)
    except wire.InvalidJson as error:
        raise BrokenReply(f"The provider's answer is not JSON: {error}.") from None


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


class Signature:
    """Reasoning state goes out with the name of who may have it back, and with what it stands on where it is bound to that."""

    def __init__(self, target: Target, outbound: Outbound) -> None:
        self._provider, self._model = target.provider, target.destination.model
        self._bound_to = outbound.request if target.destination.quirks.bound_thinking else None
        self._prefix = ""

    def put(self, state: State | None) -> None:
        if state is None:
            return
        if self._bound_to is not None and not self._prefix:  # most answers have no state, and need no digest
            self._prefix = digest(self._bound_to)
        state.provider, state.model, state.prefix = self._provider, self._model, self._prefix


# --- streams ---


class Pump(Protocol):
    """Bytes of a provider's stream in, bytes for the client out; no I/O. `outcome` tells how it went.

    started   the client was shown content: the gateway is committed to this answer
    failure   the error that ended the stream, None so far
    told      the provider's own bytes, which have been passed on, say so
    over      nothing more will come out, whatever the provider still sends
    losses    what the answer lost on the way; `last_words` are the bytes that tell them, once all else is out
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
    def last_words(self) -> bytes: ...
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

    def last_words(self) -> bytes:
        return b""

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
        self._skipped: Record | None = None

    def feed(self, piece: bytes) -> bytes:
        return self._forward(self._decoder.feed(piece))

    def _forward(self, records: list[Record]) -> bytes:
        forwarded = []
        for record in records:
            if self.started and self._dialect.is_mere_content(record):
                self._skipped = record
            else:
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
        self._comments = call.dialect.media_type == EVENTS
        self.losses = self._writer.losses
        self._filters = _filters(outbound, self.losses)
        self._ended = False

    @property
    def over(self) -> bool:
        return self._ended or self.failure is not None

    def feed(self, piece: bytes) -> bytes:
        return self._write([event for record in self._decoder.feed(piece) for event in self._reader.feed(record)])

    def _write(self, events: list[Event]) -> bytes:
        written = []
        for each in self._filters:
            events = [out for event in events for out in each.feed(event)]
        for event in events:
            if self.failure is not None:
                break
            if isinstance(event, StateDelta):
                self._signature.put(event.state)
            elif isinstance(event, Opened):
                self._signature.put(event.block.state)
            self.see(event)
            written.append(self._writer.feed(event))
        if not self._ended and any(each.over for each in self._filters):
            self._ended = True
            written.append(self._end())
        return b"".join(written)

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

    def last_words(self) -> bytes:
        """The answer's own losses: the head with its headers has left long ago. Formats without comments have no place for them."""
        return comment(f"{PREFIX}dropped: {loss_list(self.losses)}") if self.losses and self._comments else b""

    def broke(self, error: GatewayError) -> bytes:
        """What a filter still held back goes out before the error, as it does where the provider itself tells one."""
        written = self._write([Failed(error.message, status=error.status, type=error.type, code=error.code)])
        self.fail(error, "truncated")
        return written + self._writer.close()


def _filters(outbound: Outbound, losses: list[Loss]) -> list[Filter]:
    found: list[Filter] = []
    if outbound.stop and outbound.request is not None:
        found.append(StopSequences(outbound.stop, Spent(token_estimate.of_request(outbound.request))))
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
        return Translation(call, target, outbound, outcome)
    return PassThrough(call.dialect, outbound.meter, outcome) if framed else Unframed(call.dialect, outcome)
