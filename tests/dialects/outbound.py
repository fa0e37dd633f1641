"""A Chat request on its way out, without a network: the real catalog and plan, the real translation, every model and offered dialect."""

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx

import harness
from polyglot_cloud import translate, wire
from polyglot_cloud.app import DIALECTS
from polyglot_cloud.call import Call, Target
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Block, Inline, Loss, Request, ToolResult, Url
from polyglot_cloud.pipeline import Pipeline
from polyglot_cloud.routes.calls import decoded
from vendor_schemas import Subject, faults

Body = dict[str, Any]
CHAT = DIALECTS["openai_chat"]
FETCHED = Inline(
    "image/png", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""What stands behind every URL here: fetching is not what is tested."""


@functools.cache
def pipeline() -> Pipeline:
    return harness.application(httpx.MockTransport(lambda request: httpx.Response(500))).pipeline


@functools.cache
def subjects() -> tuple[Subject, ...]:
    """Every chat model that can be asked today, in each dialect that it is offered in."""
    rows = pipeline().catalog.models(None, harness.TODAY)
    return tuple(Subject(row, offer) for row in rows if row.kind == "chat" for offer in row.offers)


def makers(subject: Subject) -> list[tuple[str, str, str]]:
    """Who may have made the state in a history: this model itself most of all, and others."""
    own = (subject.provider, subject.wire_model, subject.dialect)
    others = [("anthropic", "claude-opus-4-8", "anthropic"), ("gemini", "gemini-3.5-flash", "gemini")]
    others += [("openai", "gpt-5.5", "openai_responses"), ("grok", "grok-4.6", "openai_responses")]
    return [own, own, own, *others]


def call_of(subject: Subject, body: Body) -> Call:
    """Raises BadRequest for what is not even looked at: wrong types among the members that a passed call needs."""
    raw = json.dumps(body).encode()
    value = decoded(raw, CHAT.reads)
    path = "chat/completions"
    return Call(
        id="1", dialect=CHAT, body=raw, value=value, peek=CHAT.peek(value, path), provider=subject.provider, path=path,
        template=path, headers=[], created=0, elapsed=lambda: 0,
    )  # fmt: skip


def target_of(subject: Subject, call: Call) -> Target | None:
    """The subject as a target; None where no plan leads to this dialect. Raises what the plan raises.

    A call that could pass is written anew all the same: the very bytes are the client's own affair, our half of Chat is not.
    """
    planned = pipeline().target(call)
    lacks = call.peek.needs - subject.offer.needs
    if lacks - {"stop", "n"}:
        return None
    dialect = DIALECTS[subject.dialect]
    return replace(planned, dialect=dialect, emulate=frozenset(lacks), rewrite=dialect is CHAT)


@dataclass(frozen=True)
class Sent:
    path: str
    body: Body
    headers: dict[str, str]
    losses: list[Loss]
    target: Target

    @property
    def told(self) -> set[str]:
        """The client's members that a loss names."""
        return {loss.pointer.split("/")[1] for loss in self.losses}


def send(subject: Subject, body: Body) -> Sent | None:
    """What would go out; None where this dialect is not asked. Raises BadRequest or Unsupported."""
    call = call_of(subject, body)
    target = target_of(subject, call)
    if target is None:
        return None
    request = translate.read(call, target)
    if request is not None:
        _fetch(request, target.dialect.takes_url)
    outbound = translate.outgoing(call, target, request)
    value = wire.decode(bytes(outbound.body))
    assert isinstance(value, dict)
    return Sent(outbound.path, value, outbound.headers, outbound.losses, target)


def attempt(subject: Subject, body: Body) -> Sent | None:
    """The same; None where it is refused as well."""
    try:
        return send(subject, body)
    except BadRequest:
        return None


def objections(subject: Subject, sent: Sent) -> list[str]:
    return faults(subject, sent.body, sent.headers)


def _fetch(request: Request, takes_url: Callable[[Block], bool]) -> None:
    for block in _blocks(request):
        if isinstance(getattr(block, "source", None), Url) and not takes_url(block):
            block.source = FETCHED  # type: ignore[union-attr]  # it has a source


def _blocks(request: Request) -> Iterator[Block]:
    for message in request.messages:
        for block in message.blocks:
            yield block
            if isinstance(block, ToolResult):
                yield from block.blocks
