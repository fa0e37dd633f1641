"""The endpoints that call a model: one class for every dialect's face."""

import hashlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace

from polyglot_cloud import wire
from polyglot_cloud.asgi import DEPARTURE, Receive, Scope, Send
from polyglot_cloud.bodies import ClientGone, content_length, read_body
from polyglot_cloud.call import Call, Caller, Reply
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.draining import Drain
from polyglot_cloud.errors import BadRequest, GatewayError, UnknownPath
from polyglot_cloud.headers import PREFIX, query_upward
from polyglot_cloud.large import DEFAULT_SIZES, Segments, Sizes, Skeleton, aside, in_steps, skeleton
from polyglot_cloud.log_record import Line
from polyglot_cloud.neutral import Peek
from polyglot_cloud.pipeline import Pipeline
from polyglot_cloud.routes.answer import defect, raw_headers, send_error, send_whole
from polyglot_cloud.routes.presence import Presence
from polyglot_cloud.swarm.auto import MEMBERS, MODEL, Auto

log = logging.getLogger("polyglot_cloud.calls")


ANY = "any"
"""The face of all models."""
LOGGED = 80
"""Characters of a model's name that the log shows."""
LONGEST_WORD = 128
"""Characters of a run's or an agent's name that are kept."""
METHODS = ("generateContent", "streamGenerateContent", "countTokens")
"""Of Gemini's; `embedContent` and the rest are not offered."""
LINE = "call id=%s face=%s/%s model=%r stream=%s status=%s outcome=%s upstream_model=%r tokens=%s ms=%.1f%s"
KEPT = 256
"""Latencies remembered per provider."""


class LastCalls:
    """When each provider was last called through this process, and how long the last calls took: for /health and /info."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: dict[str, float] = {}
        self._took: dict[str, deque[float]] = {}

    def note(self, provider: str) -> None:
        self._at[provider] = self._clock()

    def took(self, provider: str, milliseconds: float) -> None:
        took = self._took.get(provider)
        if took is None:
            took = self._took[provider] = deque(maxlen=KEPT)
        took.append(milliseconds)

    def ago(self, provider: str) -> float | None:
        """Seconds since the last call, None where there was none."""
        at = self._at.get(provider)
        return None if at is None else self._clock() - at

    def latencies(self, provider: str) -> list[float]:
        """Milliseconds of the last answered calls."""
        return list(self._took.get(provider, ()))


class Ids:
    """128 random bits each, in hex. They are drawn in lots: a system call for each would cost more than the rest of it."""

    LOT = 256

    def __init__(self) -> None:
        self._drawn: list[str] = []

    def next(self) -> str:
        if not self._drawn:
            drawn = secrets.token_hex(16 * self.LOT)
            self._drawn = [drawn[at : at + 32] for at in range(0, len(drawn), 32)]
        return self._drawn.pop()


@dataclass(frozen=True, slots=True)
class Edge:
    """What every calling endpoint needs. `wall_clock` is in Unix seconds; `auto` chooses for who leaves the model to the swarm."""

    pipeline: Pipeline
    drain: Drain
    max_body: int
    last_calls: LastCalls
    wall_clock: Callable[[], float] = time.time
    ids: Ids = field(default_factory=Ids)
    sizes: Sizes = DEFAULT_SIZES
    auto: Auto | None = None


class CallEndpoint:
    """POST of one dialect's face, as an ASGI app. `path` is the dialect's; `{call}` in a route stands for what the client wrote."""

    def __init__(self, edge: Edge, dialect: Dialect, path: str) -> None:
        self._edge = edge
        self.dialect = dialect
        self._path = path
        self.in_path = "{call}" in path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer(send, self.dialect)
        began = time.perf_counter_ns()
        call: Call | None = None
        try:
            with self._edge.drain.track():
                length = content_length(scope)
                body = await read_body(receive, self._edge.max_body, content_length=length)
                call = await self.read(scope, body, began)
                with Presence(receive, scope.get(DEPARTURE)):
                    answer.reply = await self._edge.pipeline.handle(call)
                    await answer.give(answer.reply)
        except GatewayError as error:
            if call is not None:
                error.headers.setdefault(f"{PREFIX}request-id", call.id)
            await answer.fail(error)
        except ClientGone:
            answer.note = "client gone"
        except Exception as error:
            await answer.fail(defect(error))
            raise  # the server logs it with its traceback
        finally:
            await answer.close()
            self._log(call, answer, (time.perf_counter_ns() - began) / 1e9)

    async def read(self, scope: Scope, body: bytes | Segments, began: int) -> Call:
        """The call that a request is. Raises BadRequest and UnknownPath; of a model that is left to the swarm NothingSelected."""
        call = await self._read(scope, body, began)
        if call.peek.model == MODEL and call.provider is None and not self.in_path:
            return await self._directed(scope, call, began)
        return call

    async def _directed(self, scope: Scope, call: Call, began: int) -> Call:
        """The call as if its client had named the model that the swarm selects for it. Without a swarm it stays as it is."""
        auto = self._edge.auto
        if auto is None or auto.selector is None:
            return call
        provider, model = await auto.chosen(call.value)
        cut = [name for name in MEMBERS if name in call.value]
        body = wire.edit(wire.without(bytes(call.body), MEMBERS), "model", model)
        directed = await self._read(scope, body, began)
        directed.id = call.id
        directed.provider, directed.peek = provider, replace(directed.peek, model=model)
        directed.edits = ("model", *cut)
        return directed

    async def _read(self, scope: Scope, body: bytes | Segments, began: int) -> Call:
        if len(body) < self._edge.sizes.body:
            return self._call(scope, bytes(body), began)
        return await self._large_call(scope, body, began)

    def _call(self, scope: Scope, body: bytes, began: int) -> Call:
        value, path = decoded(body, self.dialect.reads), self._path_of(scope)
        return self._made(scope, body, value, path, self.dialect.peek(value, path), began)

    async def _large_call(self, scope: Scope, given: bytes | Segments, began: int) -> Call:
        body = Segments([given]) if isinstance(given, bytes) else given
        found = await in_steps(scanned(body, self.dialect.reads, self._edge.sizes))
        path = self._path_of(scope)
        peek = await aside(len(found.text), self.dialect.peek, found.value, path)
        call = self._made(scope, body, found.value, path, peek, began)
        call.skeleton = found
        return call

    def _path_of(self, scope: Scope) -> str:
        if not self.in_path:
            return self._path
        written = scope["path_params"]["call"]
        check_method(written)
        return self._path.format(call=written)

    def _made(
        self, scope: Scope, body: bytes | Segments, value: dict[str, object], path: str, peek: Peek, began: int
    ) -> Call:
        provider = scope["path_params"]["provider"]
        caller: Caller | None = scope.get("caller")
        if caller is not None and peek.model is not None:
            peek = replace(peek, model=caller.aliases.get(peek.model, peek.model))
        run, agent = _made_for(scope)
        return Call(
            id=self._edge.ids.next(),
            dialect=self.dialect,
            body=body,
            value=value,
            peek=peek,
            provider=None if provider == ANY else provider,
            path=path,
            template=template(path, peek.model) if self.in_path else path,
            headers=scope["headers"],
            created=int(self._edge.wall_clock()),
            elapsed=lambda: time.perf_counter_ns() - began,
            version=scope.get("state", {}).get("api_version"),
            query=query_upward(scope["query_string"].decode("latin-1")),
            caller=caller,
            face=provider,
            run=run,
            agent=agent,
        )

    def _log(self, call: Call | None, answer: "Answer", seconds: float) -> None:
        """One line a call: ids, model, status, timing. Never content, never a key."""
        reply, peek = answer.reply, call.peek if call else None
        outcome = reply.outcome if reply else None
        if outcome is not None and (provider := reply.headers.get(f"{PREFIX}provider") if reply else None):
            self._edge.last_calls.note(provider)
            self._edge.last_calls.took(provider, seconds * 1000)
        if not log.isEnabledFor(logging.INFO):
            return
        told = (
            call.id if call else "-",
            call.provider or "any" if call else "-",
            self.dialect.name,
            shown(peek.model) if peek else None,
            peek.stream if peek else False,
            answer.status,
            outcome.state if outcome else "refused",
            shown(outcome.model) if outcome else None,
            f"{outcome.usage.input}+{outcome.usage.output}" if outcome and outcome.usage else "-",
            seconds * 1000,
            f" note={answer.note}" if answer.note else "",
        )
        log.handle(Line(log.name, LINE, told))


def _made_for(scope: Scope) -> tuple[str | None, str | None]:
    """The run and the agent of a call, as the swarm's clients name them."""
    run = agent = None
    for name, value in scope["headers"]:
        if name == b"x-run-id":
            run = _word(value)
        elif name == b"x-agent":
            agent = _word(value)
    return run, agent


def _word(value: bytes) -> str | None:
    """A client may write anything there: what is kept is printable and short, and tells long ones from each other."""
    try:
        text = value.decode("utf-8").strip()
    except UnicodeDecodeError:
        text = value.decode("latin-1").strip()
    if len(text) > LONGEST_WORD:
        text = f"{text[: LONGEST_WORD - 17]}~{hashlib.sha256(value).hexdigest()[:16]}"
    return "".join(sign if sign.isprintable() else "?" for sign in text) or None


def check_method(call: str) -> None:
    """Only what generates or counts is offered of a path that ends in a method. Raises UnknownPath."""
    if call.rpartition(":")[2] not in METHODS:
        raise UnknownPath(
            f"There is no method {call.rpartition(':')[2][:LOGGED]!r} here; there are {', '.join(METHODS)}."
        )


def shown(model: str | None) -> str | None:
    """A model's name for the log: a client may write anything there, at any length."""
    return model if model is None or len(model) <= LOGGED else f"{model[:LOGGED]}..."


def template(path: str, model: str | None) -> str:
    """The path with the model's place marked, for a dialect that carries it there ("models/x:countTokens")."""
    head, colon, method = path.rpartition(":")
    return f"models/{{model}}{colon}{method}" if model and head else path


def decoded(body: bytes, reads: Iterable[str]) -> dict[str, object]:
    """The body as an object. Raises BadRequest for what is none, and for a name among `reads` that stands twice."""
    try:
        value = wire.decode_object(body)
    except wire.InvalidJson as error:
        raise _invalid(error) from None
    _check_once(wire.repeated(body, [name for name in reads if name in value]))
    return value


def scanned(body: Segments, reads: tuple[str, ...], sizes: Sizes) -> Generator[None, None, Skeleton]:
    """The same of a large body, in steps."""
    try:
        found, twice = yield from skeleton(body, reads, sizes)
    except wire.InvalidJson as error:
        raise _invalid(error) from None
    _check_once(twice)
    return found


def _invalid(error: wire.InvalidJson) -> BadRequest:
    return BadRequest(f"The request body is not valid JSON: {error}.", code="invalid_json")


def _check_once(twice: str | None) -> None:
    if twice is not None:
        raise BadRequest(
            f"The field {twice!r} stands twice in the request body. Which one would count is not certain, so none does.",
            param=twice,
            code="duplicate_field",
        )


class Answer:
    """What was sent so far of one call's answer, and how it ends."""

    def __init__(self, send: Send, dialect: Dialect) -> None:
        self._send = send
        self._dialect = dialect
        self.reply: Reply | None = None
        self.status: int | None = None
        self.note = ""

    async def give(self, reply: Reply) -> None:
        self.status = reply.status
        if isinstance(reply.body, bytes | Segments):
            await send_whole(self._send, reply.status, reply.headers, reply.body)
            return
        await self._send({"type": "http.response.start", "status": reply.status, "headers": raw_headers(reply.headers)})
        async for piece in reply.body:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def fail(self, error: GatewayError) -> None:
        """The error as a reply of its own, or within the stream that has begun, in the client's dialect."""
        self.note = type(error).__name__  # never the provider's words: they may be anything
        if self.status is None:
            self.status = error.status
            await send_error(self._send, error, self._dialect)
        elif (
            self.reply is not None
            and not isinstance(self.reply.body, bytes | Segments)
            and (last := self.reply.body.broke(error))
        ):
            await self._send({"type": "http.response.body", "body": last, "more_body": True})
            await self._send({"type": "http.response.body", "body": b""})
        # else: a body that cannot tell it in band is left unfinished, so that its connection breaks

    async def close(self) -> None:
        if self.reply is not None and not isinstance(self.reply.body, bytes | Segments):
            await self.reply.body.aclose()
