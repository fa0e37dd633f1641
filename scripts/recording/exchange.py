"""Asks a provider natively in one dialect, and keeps the bytes as they stand on the wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
from scripts.recording import said, turns
from scripts.recording.cases import Body, Case, Mode, Table
from scripts.recording.scrub import Scrubber

from polyglot_cloud.dialects import Dialect
from polyglot_cloud.providers import Provider
from polyglot_cloud.transport import Outgoing, Timeouts, send

MAX_REPLY = 64 * 1024 * 1024


class Unexpected(Exception):
    """The reply is not what the case is there to record."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with its header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was sent and what came back. `request` is the plain request's body, or the stream's where only that was asked for."""

    request: bytes
    answers: dict[Mode, Answer]


@dataclass(slots=True)
class Recorder:
    """Asks one case after another; remembers plain replies, for the cases that follow them."""

    transport: httpx.AsyncBaseTransport
    table: Table
    timeouts: Timeouts = field(default_factory=Timeouts)
    _said: dict[tuple[str, str, str], tuple[Body, Body]] = field(default_factory=dict)

    async def record(self, case: Case, provider: Provider, model: str) -> Exchange:
        """Raises Unexpected, turns.NoCall, and WireError where the provider cannot be heard out."""
        body = self._body(case, provider.name)
        sent = {mode: self._sent(case, provider, body, model, mode) for mode in case.modes}
        answers = {mode: await self._ask(case, provider, model, mode, data) for mode, data in sent.items()}
        if "plain" in answers and answers["plain"].status == 200:
            self._said[provider.name, case.dialect, case.name] = (body, json.loads(answers["plain"].body))
        return Exchange(sent[case.modes[0]], answers)

    def _body(self, case: Case, provider: str) -> Body:
        if case.follows is None:
            return case.body
        earlier = self._said.get((provider, case.dialect, case.follows))
        if earlier is None:
            raise Unexpected(f"{case.follows}, which comes before it, has no reply")
        return turns.NEXT[case.dialect](*earlier, case.result)

    def _sent(self, case: Case, provider: Provider, body: Body, model: str, mode: Mode) -> bytes:
        added = self.table.stream[case.dialect] if mode == "stream" else {}
        named = {} if quote(model, safe="") in path(case, provider.dialects, model, mode) else {"model": model}
        return encoded({**named, **body, **added})

    async def _ask(self, case: Case, provider: Provider, model: str, mode: Mode, body: bytes) -> Answer:
        outgoing = Outgoing(
            "POST", provider.url(path(case, provider.dialects, model, mode)), _headers(provider, body), body
        )
        incoming = await send(self.transport, outgoing, self.timeouts)
        try:
            answer = Answer(incoming.status, incoming.headers, await incoming.read(MAX_REPLY))
        finally:
            await incoming.close()
        check(case, mode, answer)
        return answer


def encoded(body: Body) -> bytes:
    """Indented, so that a person can read what was sent; it is sent so."""
    return json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n"


def path(case: Case, dialects: Mapping[str, Dialect], model: str, mode: Mode) -> str:
    if case.path is not None:
        return case.path.replace("{model}", model)
    return dialects[case.dialect].path(model, mode == "stream")


def _headers(provider: Provider, body: bytes) -> dict[str, str]:
    return {
        **provider.hints,
        **provider.headers(),
        "content-type": "application/json",
        "accept-encoding": "identity",
        "content-length": str(len(body)),
    }


def check(case: Case, mode: Mode, answer: Answer) -> None:
    """Raises Unexpected for a status that the case is not there for, and for a reply that is neither JSON nor events."""
    if answer.status not in case.expects:
        raise Unexpected(
            f"{mode}: status {answer.status} instead of {' or '.join(map(str, case.expects))}: {_excerpt(answer)}"
        )
    kind = answer.headers.get("content-type", "")
    streams = mode == "stream" and answer.status == 200
    if not kind.startswith("text/event-stream" if streams else "application/json"):
        raise Unexpected(f"{mode}: content type {kind or 'missing'}: {_excerpt(answer)}")
    if streams and case.fails != (said.streamed(case.dialect, answer.body).error is not None):
        raise Unexpected(f"{mode}: the stream {'tells of no failure' if case.fails else 'failed'}: {_excerpt(answer)}")


def _excerpt(answer: Answer) -> str:
    return Scrubber().body(answer.body)[:300].decode("utf-8", "replace").replace("\n", " ")
