"""A call on its way to a provider: its very bytes, with named edits, or read and written anew."""

from dataclasses import dataclass, field, replace
from urllib.parse import quote

from polyglot_cloud import wire
from polyglot_cloud.call import Call, Target
from polyglot_cloud.dialects import Afterwards, Body, Meter
from polyglot_cloud.emulation.bound_state import itself, unbound
from polyglot_cloud.emulation.choices import MAX_CHOICES
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.large import Segments, Skeleton, aside, encoded, in_steps
from polyglot_cloud.neutral import Loss, Request
from polyglot_cloud.translate.settling import settled


@dataclass(slots=True)
class Outbound:
    """A call as it goes to a provider, less host and credential.

    passed   the reply's bytes pass as they are, since they are in the client's dialect
    edits    the members that differ from what the client sent; "body": it was written anew
    request  what the body was written from, None where the bytes pass
    stop     sequences at which the gateway ends the answer itself
    copies   how many times it is sent, each answer a choice
    skeleton of a large body: what stands for the long texts in `request`
    base     of a large body: the frame that it was edited in, or what it was encoded from
    clamped  (the maximum of output that was asked for, the one that is sent), where a budget lowered it
    """

    path: str
    headers: dict[str, str]
    body: bytes | Segments
    passed: bool
    edits: list[str] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    meter: Meter | None = None
    request: Request | None = None
    stop: list[str] = field(default_factory=list)
    copies: int = 1
    afterwards: set[Afterwards] = field(default_factory=set)
    skeleton: Skeleton | None = None
    base: bytes | Body | None = None
    clamped: tuple[int, int] | None = None

    @property
    def unseen(self) -> int:
        """Bytes of prose that do not stand in `request`."""
        return self.skeleton.unseen if self.skeleton else 0


async def reading(call: Call, target: Target) -> Request | None:
    """`read`, of a large body without a long step."""
    if call.skeleton is not None and _is_read(call, target):
        await in_steps(settled(call.skeleton, call.dialect, printed=target.destination.quirks.bound_thinking))
    return await aside(call.weight, read, call, target)


async def writing(call: Call, target: Target, request: Request | None) -> Outbound:
    """`outgoing`, of a large body without a long step."""
    return await aside(call.weight, outgoing, call, target, request)


def _is_read(call: Call, target: Target) -> bool:
    return target.dialect.name != call.dialect.name or target.rewrite or bool(target.emulate)


def read(call: Call, target: Target) -> Request | None:
    """The call in the neutral form; None where its very bytes go up. A large one was settled. Raises BadRequest or Unsupported."""
    if not _is_read(call, target):
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
    found, meter = call.skeleton, None
    body = found.frame.text if found else bytes(call.body)
    edits: list[str] = []
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
    if found is None:
        sent: bytes | Segments = body
    else:
        sent = call.body if body is found.frame.text else found.edited(body)
    return Outbound(
        f"{path}?{call.query}" if call.query else path, {}, sent, passed=True, edits=edits, meter=meter,
        base=body if found else None,
    )  # fmt: skip


def _written(call: Call, target: Target, request: Request) -> Outbound:
    write = target.dialect.write_request
    assert write is not None  # noqa: S101  # read() refused the call otherwise
    same = target.dialect.name == call.dialect.name
    asked, losses = _without_emulated(request, target, same=same)
    if target.destination.quirks.bound_thinking:
        asked = unbound(asked, call.skeleton.printed if call.skeleton else itself)
    try:
        written = write(asked, target.destination)
    except BadRequest as error:
        error.param = error.param and request.spelled(error.param)
        raise
    outbound = Outbound(
        path=target.dialect.path(target.destination.model, request.stream),
        headers=written.headers,
        body=call.skeleton.filled(encoded(written.body)) if call.skeleton else wire.encode(written.body),
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
        skeleton=call.skeleton,
        base=written.body if call.skeleton else None,
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
