"""Whole replies: as they came, or read and written anew."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.call import Call, Outcome, Target
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.emulation.bound_state import digest, itself
from polyglot_cloud.emulation.choices import merged
from polyglot_cloud.emulation.json_object import unkept
from polyglot_cloud.emulation.single_call import first_call_only
from polyglot_cloud.emulation.stop_sequences import stopped
from polyglot_cloud.errors import BrokenReply
from polyglot_cloud.large import DEFAULT_SIZES, Segments, Sizes, aside, in_steps, skeleton
from polyglot_cloud.neutral import Loss, ReplyContext, Response, State, Usage
from polyglot_cloud.translate.outbound import Outbound


@dataclass(slots=True)
class Inbound:
    """A whole reply for the client. `losses` are the answer's."""

    body: bytes | Segments
    usage: Usage | None
    model: str | None = None
    losses: list[Loss] = field(default_factory=list)


async def answering(
    call: Call, target: Target, outbound: Outbound, bodies: list[bytes | Segments], sizes: Sizes = DEFAULT_SIZES
) -> Inbound:
    """`incoming`, of large replies without a long step: of one that passes, only what is not bulk is decoded."""
    first, large = bodies[0], sum(len(body) for body in bodies) >= sizes.body
    if not large:
        return incoming(call, target, outbound, [bytes(body) for body in bodies])
    if outbound.passed:
        value = await in_steps(_skimmed(first if isinstance(first, Segments) else Segments([first]), sizes))
        return Inbound(first, usage_of(call.dialect, value), _model_of(value))
    return await aside(sizes.body, lambda: incoming(call, target, outbound, [bytes(body) for body in bodies]))


def _skimmed(body: Segments, sizes: Sizes) -> Generator[None, None, Any]:
    """The reply with tokens in its long strings, where no count stands."""
    try:
        found, _ = yield from skeleton(body, (), sizes)
    except wire.InvalidJson:
        return _decoded(bytes(body))  # no object, or none at all: told as ever
    return found.value


def incoming(call: Call, target: Target, outbound: Outbound, bodies: list[bytes]) -> Inbound:
    """A provider's 200s (one, or one for each choice) as the client shall see them.

    Raises BrokenReply, or a ProviderError for a reply that failed inside its 200.
    """
    if outbound.passed:
        value = _decoded(bodies[0])
        return Inbound(bodies[0], usage_of(call.dialect, value), _model_of(value))
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
    write = call.dialect.write_response
    losses: list[Loss] = []
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


def usage_of(dialect: Dialect, value: Any) -> Usage | None:
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


def outcome_of(target: Target, body: bytes) -> Outcome:
    """What a whole reply in the target's dialect says of itself; open where it is no reply."""
    try:
        value = wire.decode(body)
    except wire.InvalidJson:
        return Outcome()
    return Outcome("complete", usage_of(target.dialect, value), _model_of(value))


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
        self._printed = outbound.skeleton.printed if outbound.skeleton else itself
        self._prefix = ""

    def put(self, state: State | None) -> None:
        if state is None:
            return
        if self._bound_to is not None and not self._prefix:  # most answers have no state, and need no digest
            self._prefix = digest(self._bound_to, self._printed)
        state.provider, state.model, state.prefix = self._provider, self._model, self._prefix
