"""What the till is told of an attempt: who asked whom for what, what it may cost, and what came of it.

answered whole         the cost of its usage, by the price of the model that answered
broken off, cancelled  the usage so far; where none was told, the input at its bound and the output by what was forwarded (estimated)
refused by a provider  nothing: the four bill no error
never reached          nothing
silent, or cut before  the whole bound (estimated): the provider may have done the work, and bills it
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from polyglot_cloud.amounts import Nano, shown
from polyglot_cloud.call import Call, Outcome, Target
from polyglot_cloud.catalog import Catalog, lacks, lines_for
from polyglot_cloud.counting import Counting
from polyglot_cloud.errors import (
    GatewayError,
    ProviderError,
    TimedOut,
    Unbounded,
    UnboundedTool,
    Unreachable,
    Unsendable,
)
from polyglot_cloud.headers import PREFIX
from polyglot_cloud.large import aside
from polyglot_cloud.money.bounds import LEAST_OUTPUT, Bound, bound, is_all_text, nearer
from polyglot_cloud.money.budgets import Budget
from polyglot_cloud.money.caps import Run
from polyglot_cloud.money.cost import Cost, cost_of
from polyglot_cloud.money.entries import Outcome as Ending
from polyglot_cloud.money.till import Tab, Till
from polyglot_cloud.neutral import Need, Usage
from polyglot_cloud.rows import Model, Price
from polyglot_cloud.translate import Outbound, lower, sent
from polyglot_cloud.transport import Outgoing

MEDIA: frozenset[Need] = frozenset({"image", "file", "audio"})
REMEMBERED = 1024
FLOOR = 1_024
"""Tokens of output below which no budget lowers a maximum, what the call thinks not counted. The swarm's errands are let in down to the
least that a vendor takes: their runs' budgets are small, and their own Gateway lets the last call in whatever it costs.
"""
WITH_TOOLS = 4_096
"""The same where tools are offered: a call of one that is cut off is worse than none."""
BYTES_AN_OUTPUT_TOKEN = 16
"""Of a stream as it is forwarded, where no usage was told: an event's frame is larger than its words."""
THOUGHT_IN_A_SECOND = 200
"""Tokens that a reasoning model may have written unseen, for each second of a stream that broke off: only the smallest are faster."""
_ENDINGS: dict[str, Ending] = {
    "complete": "complete",
    "truncated": "truncated",
    "failed": "failed",
    "cancelled": "cancelled",
}


class Prices:
    """What models cost today, and what an attempt can cost at most."""

    def __init__(self, catalog: Catalog, today: Callable[[], date]) -> None:
        self._catalog = catalog
        self.today = today
        self._day: date | None = None
        self._prices: dict[tuple[str, str], tuple[Model | None, Price | None]] = {}

    def most(self, call: Call, target: Target, outbound: Outbound, *, media: bool = False) -> Bound | None:
        """`media`: it may read more than is sent, whatever its body says."""
        row, price = self.priced(target.provider, target.destination.model)
        return bound(
            len(outbound.body), row, price,
            media=media or not MEDIA.isdisjoint(call.peek.needs) or not is_all_text(bytes(outbound.body)),
            max_tokens=call.peek.max_tokens, choices=call.peek.choices if outbound.copies == 1 else 1, value=call.value,
        )  # fmt: skip

    def priced(self, provider: str, model: str) -> tuple[Model | None, Price | None]:
        """The catalog's row of a model as it is named on the wire, and its price today. Kept for the day: a provider may answer by any
        name, so there is a bound.
        """
        if (today := self.today()) != self._day:
            self._day, self._prices = today, {}
        known = self._prices.get((provider, model))
        if known is None:
            known = self.priced_on(provider, model, today)
            if len(self._prices) < REMEMBERED:
                self._prices[provider, model] = known
        return known

    def priced_on(self, provider: str, model: str, day: date) -> tuple[Model | None, Price | None]:
        try:
            row = self._catalog.resolve(model, provider=provider, today=day, retired="pass").row
        except GatewayError:
            return None, None
        return row, row.price_on(day) if row else None

    def unbounded(self, provider: str, model: str) -> Unbounded:
        """The refusal of a call that has no bound, with what mends it."""
        row, _ = self.priced(provider, model)
        return Unbounded(
            f"A budget applies to this call, and what it may cost is not known: {lacks(row, self.today())}. Set the maximum of "
            "output tokens where that is what is missing, or put these lines, with figures of your own, into the catalog file that "
            f"POLYGLOT_CATALOG names:\n{lines_for(provider, model, row, self._catalog, self.today())}"
        )


class Bookkeeper(Prices):
    """Opens an `Account` for each attempt."""

    def __init__(
        self,
        till: Till,
        catalog: Catalog,
        today: Callable[[], date],
        counting: Counting | None = None,
        *,
        clamps: bool = True,
        server_tools: bool = False,
    ) -> None:
        """`counting` None: no provider is asked for tokens. `clamps`: a maximum of output may be lowered to what a budget has left;
        `server_tools`: vendors' own tools may be used under a budget, although their cost is not bounded.
        """
        super().__init__(catalog, today)
        self.till = till
        self.counting = counting
        self.clamps = clamps
        self._server_tools = server_tools

    def over(self, catalog: Catalog) -> "Bookkeeper":
        """The same books over another catalog, whose providers count no tokens."""
        return Bookkeeper(self.till, catalog, self.today, clamps=self.clamps, server_tools=self._server_tools)

    async def open(self, call: Call, target: Target, outbound: Outbound, addressed: Outgoing) -> "Account":
        """Raises what `Till.open` raises, and UnboundedTool; nothing was sent then. The maximum of output in `outbound` may be lowered."""
        caller = call.caller
        budgets = await self.applying(call, target.provider)
        facts: dict[str, Any] = {
            "call": call.id, "provider": target.provider, "model": call.peek.model, "wire_model": target.destination.model,
            "client_dialect": call.dialect.name, "upstream_dialect": target.dialect.name, "face": call.face,
        }  # fmt: skip
        if caller is not None:
            facts["tenant"], facts["key"] = caller.tenant, caller.key
        if call.run is not None:
            facts["run"] = call.run
        if call.agent is not None:
            facts["agent"] = call.agent
        if call.errand is not None:
            facts["registration"] = call.errand.registration
            if call.errand.metadata is not None:
                facts["metadata"] = dict(call.errand.metadata)
        account = Account(self, call, target, outbound, addressed, call.elapsed())
        if not budgets:
            account.tab = await self.till.open(facts, None, budgets)
            call.attempts.append(account.tab.attempt)
            return account
        account.open_ended = self._open_ended(call, target, outbound)
        most = self.most(call, target, outbound, media=account.open_ended)
        if most is None:
            raise self.unbounded(target.provider, target.destination.model)
        account.tab = tab = await self.till.open(facts, most, budgets, account)
        call.attempts.append(tab.attempt)
        if tab.bound is not None and tab.bound.maximum < most.maximum:
            await account.clamp(most.maximum, tab.bound.maximum)
        return account

    def _open_ended(self, call: Call, target: Target, outbound: Outbound) -> bool:
        """Whether the vendor's own tools may read more than is sent. Raises UnboundedTool where they may not be used."""
        if outbound.request is None:
            found = target.dialect.lid.billed(call.value) if target.dialect.lid else None
        else:
            found = "web_search_options" if outbound.request.hints.get("web_search_options") is not None else None
        if found is not None and not self._server_tools:
            raise UnboundedTool(
                f"A budget applies to this call, and what {found!r}, a tool that runs at the provider, may cost is not known before. "
                "Leave it out, or have the operator set POLYGLOT_BUDGET_SERVER_TOOLS=allow."
            )
        return found is not None

    async def applying(self, call: Call, provider: str) -> tuple[Budget, ...]:
        """The budgets that this call must keep. Raises LedgerDown."""
        caller = call.caller
        run = Run(caller.tenant if caller else None, call.run) if call.run else None
        return await self.till.applying(provider, caller.budgets if caller else (), run)


@dataclass(slots=True)
class Account:
    """One attempt on its way. Its end is told once, by `complete` or `failed`. To the till it is the call's `Terms`."""

    keeper: Bookkeeper
    call: Call
    target: Target
    outbound: Outbound
    addressed: Outgoing
    began: int
    tab: Tab = field(init=False)
    open_ended: bool = False

    async def nearer(self, most: Bound) -> Bound:
        """See `Terms`."""
        return most if self.open_ended else await aside(len(self.outbound.body), self._nearer, most)

    def _nearer(self, most: Bound) -> Bound:
        value, lid = sent(self.call, self.outbound), self.target.dialect.lid
        media = not MEDIA.isdisjoint(self.call.peek.needs)
        return nearer(most, bytes(self.outbound.body), value, media=media, tools=lid is None or lid.tools(value))

    async def counted(self, most: Bound) -> Bound:
        """See `Terms`. What a vendor's own tool reads is in no count."""
        if self.open_ended or self.keeper.counting is None:
            return most
        found = await self.keeper.counting.tokens(self.call, self.target, self.outbound, self.addressed)
        return most if found is None else most.counted(*found)

    def least(self, most: Bound) -> int:
        """See `Terms`."""
        lid = self.target.dialect.lid
        if lid is None or not self.keeper.clamps:
            return most.maximum
        value = sent(self.call, self.outbound)
        asked = lid.asked(value)
        if asked is not None and asked <= 0:  # nothing is to be written, or all there is: not ours to change
            return most.maximum
        words = FLOOR if self.call.errand is None else LEAST_OUTPUT
        floor = max(WITH_TOOLS if lid.tools(value) else words, lid.thinks(value) + words)
        return min(floor, most.maximum)

    async def clamp(self, asked: int, maximum: int) -> None:
        """Lowers the maximum of output in what is sent."""
        try:
            await lower(self.call, self.target, self.outbound, maximum)
        except BaseException as error:  # nothing was sent
            self.tab.release("cancelled", {"error": type(error).__name__, **self._ending(None)})
            raise
        self.outbound.clamped = asked, maximum

    @property
    def most(self) -> Bound | None:
        """Where no budget asked for it, it is made when it is needed."""
        if self.tab.bound is not None:
            return self.tab.bound
        return self.keeper.most(self.call, self.target, self.outbound)

    def complete(self, outcome: Outcome, forwarded: int = 0) -> Cost:
        """Books an answer, whole or broken off. `forwarded` are bytes of a stream that the client was sent, or of the whole reply."""
        usage, estimated = outcome.usage, False
        if outcome.state == "failed" and usage is None and not forwarded:
            self.tab.release("failed", {"error": outcome.error, **self._ending(None)})
            return cost_of(Usage(), None)
        if usage is None or outcome.state != "complete":  # what is told before the end may count the first tokens alone
            guessed = self._guessed(usage, forwarded, broken=outcome.state != "complete")
            usage, estimated = guessed if usage is None or guessed.output > usage.output else usage, True
        asked = self.target.destination.model
        _, price = self.keeper.priced(self.target.provider, outcome.model or asked)
        if price is None:  # an answer by a name that nobody knows is billed as what was asked for
            _, price = self.keeper.priced(self.target.provider, asked)
        cost = cost_of(usage, price)
        self.tab.settle(
            cost.nano,
            _ENDINGS.get(outcome.state, "cancelled"),
            self._facts(outcome, usage, cost, price, estimated=estimated),
        )
        return cost

    def ended(self, outcome: Outcome, forwarded: int) -> str:
        """`complete` of a stream; returns what its client is told last, nothing where no price is known."""
        cost = self.complete(outcome, forwarded)
        return "" if cost.source == "unpriced" else f"{PREFIX}cost-usd: {cost_header(cost.nano)}"

    def _guessed(self, usage: Usage | None, forwarded: int, *, broken: bool) -> Usage:
        most = self.most
        written = forwarded // BYTES_AN_OUTPUT_TOKEN
        if broken and self._reasons():  # what it thought before the break is in no byte that was forwarded
            written = max(written, (self.call.elapsed() - self.began) * THOUGHT_IN_A_SECOND // 1_000_000_000)
        written = min(written, most.output) if most else written
        if usage is not None:
            return replace(usage, output=written, estimated=True)
        return Usage(most.input if most else len(self.outbound.body), written, estimated=True)

    def _reasons(self) -> bool:
        row, _ = self.keeper.priced(self.target.provider, self.target.destination.model)
        return row is None or "reasoning" in row.features

    def _facts(
        self, outcome: Outcome, usage: Usage, cost: Cost, price: Price | None, *, estimated: bool
    ) -> dict[str, Any]:
        return {
            "model": outcome.model or self.target.destination.model,
            "usage": spelled(usage),
            "price": {"from": price.effective_from.isoformat(), "rates": cost.rates} if price else None,
            "cost_source": cost.source,
            **({"unpriced": list(cost.unpriced)} if cost.unpriced else {}),
            **({"estimated": True} if estimated or cost.estimated else {}),
            **self._ending(200),
        }

    def _ending(self, status: int | None) -> dict[str, Any]:
        facts: dict[str, Any] = {"timings": {"total_ms": (self.call.elapsed() - self.began) // 1_000_000}}
        if status is not None:
            facts["status"] = status
        if self.outbound.losses:
            facts["losses"] = [f"{loss.pointer} ({loss.kind})" for loss in self.outbound.losses]
        if self.call.edits or self.outbound.edits:
            facts["edits"] = [*self.call.edits, *self.outbound.edits]
        if (errand := self.call.errand) is not None and errand.fallback_from:
            facts["fallback_from"] = errand.fallback_from
        return facts

    def failed(self, error: BaseException) -> None:
        """Books an attempt that gave no answer."""
        named = {"error": type(error).__name__}
        if isinstance(error, ProviderError):
            self.tab.release("failed", {**named, **self._ending(error.status)})
        elif isinstance(error, Unreachable | Unsendable):
            self.tab.release("failed", {**named, **self._ending(None)})
        else:
            self._settle_at_bound(_ending_of(error), named)

    def _settle_at_bound(self, ending: Ending, named: dict[str, Any]) -> None:
        most = self.most
        facts = {
            "model": self.target.destination.model,
            "usage": spelled(Usage(most.input, most.output)) if most else {},
            "price": {"from": most.price.effective_from.isoformat()} if most else None,
            "cost_source": "bound" if most else "unpriced",
            "estimated": True,
            **({"tiers": list(most.tiers)} if most and most.tiers else {}),
        }
        self.tab.settle(most.nano if most else 0, ending, {**facts, **named, **self._ending(None)})


def _ending_of(error: BaseException) -> Ending:
    if isinstance(error, TimedOut):
        return "timed_out"
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"


def spelled(usage: Usage) -> dict[str, Any]:
    """Usage as the ledger keeps it: what is zero is left out."""
    found: dict[str, Any] = {"input": usage.input, "output": usage.output}
    found |= {name: count for name, count in (("cached", usage.cached), ("reasoning", usage.reasoning)) if count}
    return found | usage.details | ({"tier": usage.tier} if usage.tier else {})


def cost_header(cost: Nano) -> str:
    return shown(cost).removeprefix("$")
