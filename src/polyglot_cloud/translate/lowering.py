"""What a budget may ask of a call that is ready to be sent: a smaller maximum of output, and how many tokens it has.

Bodies are edited as bytes, so that all else stays as it is; of a large one its frame, or what it was written from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.call import Call, Target
from polyglot_cloud.dialects import Body, Counter, Dialect
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.large import Segments, aside, encoded
from polyglot_cloud.translate.outbound import Outbound, reading, writing

ACROSS = 5
"""Percent that a request may have more tokens than its like in another dialect."""


def sent(call: Call, outbound: Outbound) -> Body:
    """What goes to the provider, decoded; of a large body with tokens in the middle of its long strings."""
    if outbound.request is None:
        return call.value
    if isinstance(outbound.base, dict):
        return outbound.base
    return wire.decode_object(bytes(outbound.body))


async def lower(call: Call, target: Target, outbound: Outbound, maximum: int) -> None:
    """Sets the maximum of output. What it was, or would have been, is told by whoever lowers it."""
    lid = target.dialect.lid
    assert lid is not None  # noqa: S101  # a call without one is never lowered
    places = lid.places(sent(call, outbound))
    outbound.body, outbound.base = await aside(call.weight, _lowered, call, outbound, places, maximum)
    if "body" not in outbound.edits:
        outbound.edits += [".".join(names) for names in places]


def _lowered(
    call: Call, outbound: Outbound, places: Sequence[Sequence[str]], maximum: int
) -> tuple[bytes | Segments, bytes | Body | None]:
    found, base = call.skeleton, outbound.base
    if found is None or base is None:
        return _edited(bytes(outbound.body), places, maximum), base
    if isinstance(base, dict):
        for names in places:
            base = _with(base, names, maximum)
        return found.filled(encoded(base)), base
    frame = _edited(base, places, maximum)
    return found.edited(frame), frame


def _edited(body: bytes, places: Sequence[Sequence[str]], maximum: int) -> bytes:
    for names in places:
        body = wire.edit_within(body, names, maximum)
    return body


def _with(body: Mapping[str, Any], names: Sequence[str], value: Any) -> Body:
    name, *further = names
    held = body.get(name)
    return {**body, name: _with(held if isinstance(held, dict) else {}, further, value) if further else value}


# --- counting ---


async def question(call: Call, target: Target, outbound: Outbound) -> bytes | Segments | None:
    """The body that asks how many tokens this one has. None: its dialect has no words for that, or it holds what nobody here knows."""
    counter = target.dialect.counter
    return None if counter is None else await aside(call.weight, _question, call, target, outbound, counter)


def _question(call: Call, target: Target, outbound: Outbound, counter: Counter) -> bytes | Segments | None:
    given = sent(call, outbound)
    if not given.keys() <= counter.counted | counter.free:
        return None
    before, after = counter.around(target.destination.model)
    found, base = call.skeleton, outbound.base
    if found is not None and isinstance(base, dict):
        kept = {name: value for name, value in base.items() if name in counter.counted}
        return found.filled([before + wire.encode(kept)[1:-1] + after])
    chosen = wire.chosen(base if isinstance(base, bytes) else bytes(outbound.body), counter.counted)
    if chosen is None:
        return None
    whole = before + chosen + after
    return found.edited(whole) if found is not None and base is not None else whole


async def retold(call: Call, target: Target, outbound: Outbound, dialect: Dialect) -> tuple[Target, Outbound] | None:
    """The same call as it would be written in another dialect of its provider. None: it cannot be."""
    if dialect.write_request is None or call.dialect.read_request is None or call.dialect.write_response is None:
        return None
    other = replace(target, dialect=dialect, emulate=frozenset(), rewrite=True)
    try:
        request = outbound.request or await reading(call, other)
        if request is None:
            return None
        return other, await writing(call, other, replace(request, n=1, stop=[], logprobs=None))
    except GatewayError:
        return None
