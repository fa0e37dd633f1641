"""The Gateway (6120): a request is given to whom the Router selects, to the next where that one fails, and what it cost is told.

    budget check -> select -> call, the alternatives in order -> receipt and event

Calls are made the way all calls of this process are made, so they are held, booked and refused by the same till. A registration whose
endpoint is one of our listeners is called in process, without a socket; others only where the operator allowed their address.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.call import Call, Caller, Errand, Reply
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.errors import (
    BudgetHeld,
    BudgetSpent,
    Draining,
    GatewayError,
    LedgerDown,
    NotAllowed,
    PolicyError,
    Unbounded,
    UnboundedTool,
)
from polyglot_cloud.headers import PREFIX
from polyglot_cloud.large import Segments
from polyglot_cloud.money.caps import Run
from polyglot_cloud.money.till import Till
from polyglot_cloud.pipeline import Pipeline
from polyglot_cloud.swarm.directory import OPTIMIZATION, REQUIREMENTS, Provider, Wanted
from polyglot_cloud.swarm.moments import stamp
from polyglot_cloud.swarm.outside import pipeline_to, provider_name
from polyglot_cloud.swarm.places import Places
from polyglot_cloud.swarm.requests import Field, Invalid
from polyglot_cloud.swarm.runs import Booked, Exceeded, Publish, Runs
from polyglot_cloud.swarm.selection import Selector

FACE = "route"
"""The face that the ledger names for such calls."""
PATH = "chat/completions"
LONGEST_RUN = 128
LONGEST_SHOWN = 100
LARGEST_METADATA = 4096
"""Bytes: it is kept in the ledger for good."""

ROUTE = (
    Field("request_id", required=True, low=1, high=256),
    Field("run_id", nullable=True, high=LONGEST_RUN),
    Field("agent", required=True, low=1, high=128),
    REQUIREMENTS,
    Field(
        "budget",
        nullable=True,
        fields=(Field("max_cost_usd", "float", nullable=True), Field("max_latency_ms", "int", nullable=True)),
    ),
    OPTIMIZATION,
    Field("payload", "object", nullable=True),
    Field("metadata", "object", nullable=True),
)


@dataclass(frozen=True, slots=True)
class Order:
    """What POST /route asks for. `run` None: the request names none."""

    request_id: str
    run: str | None
    agent: str
    wanted: Wanted
    payload: Mapping[str, Any]
    metadata: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Order":
        """`values` are what `read_body(ROUTE, ...)` gives. Raises Invalid."""
        metadata, budget = values["metadata"], values["budget"] or {}
        if metadata is not None and len(wire.encode(metadata)) > LARGEST_METADATA:
            raise _unfit("metadata", "too_long", f"Metadata should have at most {LARGEST_METADATA} bytes", None)
        wanted = Wanted(
            **values["requirements"],
            optimization=values["optimization"],
            max_cost_usd=budget.get("max_cost_usd") or None,
            max_latency_ms=budget.get("max_latency_ms") or None,
        )
        run = named(values["run_id"], ("body", "run_id"))
        return cls(values["request_id"], run, values["agent"], wanted, values["payload"] or {}, metadata)


def named(run: str | None, place: tuple[str, ...]) -> str | None:
    """A run's name, None where none is given. Raises Invalid for one that could be read as a place in a file system."""
    if not run:
        return None
    if len(run) > LONGEST_RUN or run.startswith(".") or not run.isprintable() or not {"/", "\\"}.isdisjoint(run):
        message = f"A run's id has no slash and no dot in front, is printable, and has at most {LONGEST_RUN} characters"
        raise _unfit(place[-1], "string_pattern_mismatch", message, run[:LONGEST_RUN], place[0])
    return run


def _unfit(field: str, type_: str, message: str, value: Any, within: str = "body") -> Invalid:
    return Invalid([{"type": type_, "loc": [within, field], "msg": message, "input": value}])


@dataclass(frozen=True, slots=True)
class Answered:
    """The object of the 200."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Streaming:
    """A reply whose pieces are to be passed on. `ended` is to be awaited after the last one."""

    reply: Reply
    ended: Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Errand:
    """One request on its way."""

    order: Order
    caller: Caller | None
    began: int
    attempts: list[str] = field(default_factory=list)
    failed: str | None = None
    candidates: tuple[Provider, ...] = ()

    @property
    def run(self) -> Run | None:
        return Run(self.caller.tenant if self.caller else None, self.order.run) if self.order.run else None

    @property
    def took(self) -> int:
        return (time.perf_counter_ns() - self.began) // 1_000_000


class NotCallable(PolicyError):
    """Nobody said that this address may be called."""

    code = "endpoint_not_allowed"


class Dispatch:
    """`pipeline` is that of our own models; `dialect` is OpenAI's Chat, in which the swarm speaks. `publish` takes events."""

    def __init__(
        self,
        selector: Selector,
        places: Places,
        pipeline: Pipeline,
        dialect: Dialect,
        till: Till,
        runs: Runs,
        *,
        publish: Publish | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.selector = selector
        self._places = places
        self._pipeline = pipeline
        self._dialect = dialect
        self._till = till
        self._runs = runs
        self._publish = publish
        self._wall_clock = wall_clock

    async def route(self, order: Order, caller: Caller | None) -> Answered | Streaming:
        """Raises Exceeded, NothingSelected, NotAllowed, LedgerDown, Draining. What else fails is told in the answer, as status "error"."""
        errand = _Errand(order, caller, time.perf_counter_ns())
        if errand.run is not None:
            await self._runs.check(errand.run)
        selected = await self.selector.select(order.wanted)
        errand.candidates = (selected.provider, *selected.alternatives)
        for candidate in errand.candidates:
            try:
                reply = await self._called(errand, candidate)
            except (Exceeded, LedgerDown, Draining):  # no other model would be let in
                raise
            except GatewayError as error:
                errand.failed, last = errand.failed or candidate.name, error
            else:
                return await self._answer(errand, candidate, reply)
        if isinstance(last, NotAllowed):
            raise last
        return await self._failure(errand, last)

    # --- one candidate ---

    async def _called(self, errand: _Errand, candidate: Provider) -> Reply:
        """Raises Exceeded, and what the pipeline raises; each attempt is booked, also one that was never sent."""
        call: Call | None = None
        try:
            pipeline, provider = self._way(candidate)
            call = self._call(errand, candidate, provider)
            return await pipeline.handle(call)
        except (LedgerDown, Draining):
            raise
        except GatewayError as error:
            if isinstance(error, BudgetSpent | BudgetHeld) and not isinstance(error, Unbounded | UnboundedTool):
                raise await self._runs.refusal(errand.run, error) from None
            if call is None or not call.attempts:
                await self._note(errand, candidate, error)
            raise
        finally:
            if call is not None:
                errand.attempts += call.attempts

    def _way(self, candidate: Provider) -> tuple[Pipeline, str]:
        """Who calls it, as which provider. Raises NotCallable."""
        provider = self._places.ours(candidate.endpoint)
        if provider is not None:
            return self._pipeline, provider
        if not self._places.may_call(candidate.endpoint):
            raise NotCallable(
                f"{candidate.name} is registered at {candidate.endpoint[:LONGEST_SHOWN]!r}, which is no listener of this gateway. The"
                " operator may allow that address in POLYGLOT_SWARM_ENDPOINTS."
            )
        return pipeline_to(self._pipeline, candidate, self._dialect), provider_name(candidate)

    def _call(self, errand: _Errand, candidate: Provider, provider: str) -> Call:
        """Raises BadRequest."""
        order = errand.order
        value = {**order.payload, "model": candidate.model}
        began = time.perf_counter_ns()
        return Call(
            id=order.request_id,
            dialect=self._dialect,
            body=wire.encode(value),
            value=value,
            peek=self._dialect.peek(value, PATH),
            provider=provider,
            path=PATH,
            template=PATH,
            headers=[],
            created=int(self._wall_clock()),
            elapsed=lambda: time.perf_counter_ns() - began,
            caller=errand.caller,
            face=FACE,
            run=order.run,
            agent=order.agent,
            errand=Errand(candidate.name, errand.failed, order.metadata),
        )

    async def _note(self, errand: _Errand, candidate: Provider, error: GatewayError) -> None:
        """The receipt of a call that could not even be sent."""
        order, caller = errand.order, errand.caller
        told = {
            "call": order.request_id, "provider": self._places.ours(candidate.endpoint) or provider_name(candidate),
            "registration": candidate.name, "model": candidate.model, "wire_model": candidate.model, "face": FACE,
            "client_dialect": self._dialect.name, "run": order.run, "agent": order.agent, "metadata": order.metadata,
            "tenant": caller.tenant if caller else None, "key": caller.key if caller else None,
        }  # fmt: skip
        tab = await self._till.open({name: said for name, said in told.items() if said is not None}, None, ())
        fallback = {"fallback_from": errand.failed} if errand.failed else {}
        tab.release("refused", {"error": type(error).__name__, **fallback})
        errand.attempts.append(tab.attempt)

    # --- what is answered ---

    async def _answer(self, errand: _Errand, candidate: Provider, reply: Reply) -> Answered | Streaming:
        body = reply.body
        if not isinstance(body, bytes | Segments):
            reply.headers[f"{PREFIX}registration"] = candidate.name
            if errand.failed:
                reply.headers[f"{PREFIX}fallback-from"] = errand.failed
            return Streaming(reply, lambda: self._streamed(errand, candidate, reply))
        response = wire.decode_object(bytes(body))
        status = "success" if response.get("choices") else "error"
        told = await self._told(errand, candidate, response, status, reply.outcome.model)
        if (clamped := reply.headers.get(f"{PREFIX}clamped")) is not None:
            told["clamped"] = clamped
        return Answered(told)

    async def _failure(self, errand: _Errand, error: GatewayError) -> Answered:
        """Of a request that nobody could serve, who was selected first is named."""
        candidate = errand.candidates[0]
        told = await self._told(errand, candidate, self._dialect.write_error(error), "error", None)
        return Answered({**told, "error_message": error.message})

    async def _streamed(self, errand: _Errand, candidate: Provider, reply: Reply) -> None:
        status = "success" if reply.outcome.state == "complete" else "error"
        await self._told(errand, candidate, {}, status, reply.outcome.model)

    async def _told(
        self, errand: _Errand, candidate: Provider, response: Mapping[str, Any], status: str, answered: str | None
    ) -> dict[str, Any]:
        """The body of the answer, once the receipts stand in their file. The event is told as well."""
        known, order = await self._booked(errand.attempts), errand.order
        booked = known or Booked(0, 0, 0, int(self._wall_clock() * 1_000_000))
        cost = {
            "input_tokens": booked.input,
            "output_tokens": booked.output,
            "cost_usd": (booked.nano + 500) // 1000 / 1_000_000,
            "latency_ms": errand.took,
        }
        fallback = {"fallback_from": errand.failed} if errand.failed and status == "success" else {}
        at = stamp(booked.at)
        if self._publish is not None and known is not None:
            self._publish("cost_update", {
                "request_id": order.request_id, "run_id": order.run, "agent": order.agent, "timestamp": at,
                "provider": candidate.name, "model": answered or candidate.model, **cost,
                "status": "fallback" if fallback else status, **fallback,
            })  # fmt: skip
        return {
            "request_id": order.request_id,
            "run_id": order.run,
            "status": status,
            "provider": candidate.name,
            "model": candidate.model,
            "response": response,
            "cost": cost,
            "alternatives": [each.name for each in errand.candidates if each is not candidate],
            "timestamp": at,
            **fallback,
        }

    async def _booked(self, attempts: list[str]) -> Booked | None:
        """An answer is given whatever becomes of its receipt, which stands in the journal already. None: the ledger cannot be read."""
        try:
            await self._runs.written()
            return await self._runs.booked(attempts)
        except LedgerDown:
            return None
