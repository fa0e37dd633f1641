"""What the till is told of an attempt: who asked whom for what, what it may cost, and what came of it.

answered whole         the cost of its usage, by the price of the model that answered
broken off, cancelled  the usage so far; where none was told, the input at its bound and the output by what was forwarded (estimated)
refused by a provider  nothing: the four bill no error
never reached          nothing
silent, or cut before  the whole bound (estimated): the provider may have done the work, and bills it
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from polyglot_cloud.call import Call, Outcome, Target
from polyglot_cloud.catalog import Catalog
from polyglot_cloud.errors import GatewayError, ProviderError, TimedOut, Unreachable, Unsendable
from polyglot_cloud.money.amounts import Nano, shown
from polyglot_cloud.money.bounds import Bound, bound, is_all_text
from polyglot_cloud.money.caps import Run
from polyglot_cloud.money.cost import Cost, cost_of
from polyglot_cloud.money.entries import Outcome as Ending
from polyglot_cloud.money.till import Tab, Till
from polyglot_cloud.neutral import Need, Usage
from polyglot_cloud.rows import Model, Price
from polyglot_cloud.translate import Outbound

MEDIA: frozenset[Need] = frozenset({"image", "file", "audio"})
REMEMBERED = 1024
BYTES_AN_OUTPUT_TOKEN = 16
"""Of a stream as it is forwarded, where no usage was told: an event's frame is larger than its words."""
_ENDINGS: dict[str, Ending] = {
    "complete": "complete",
    "truncated": "truncated",
    "failed": "failed",
    "cancelled": "cancelled",
}


class Bookkeeper:
    """Opens an `Account` for each attempt."""

    def __init__(self, till: Till, catalog: Catalog, today: Callable[[], date]) -> None:
        self.till = till
        self._catalog = catalog
        self._today = today
        self._day: date | None = None
        self._prices: dict[tuple[str, str], tuple[Model | None, Price | None]] = {}

    async def open(self, call: Call, target: Target, outbound: Outbound) -> "Account":
        """Raises what `Till.open` raises; nothing was sent then."""
        caller = call.caller
        run = Run(caller.tenant if caller else None, call.run) if call.run else None
        budgets = await self.till.applying(target.provider, caller.budgets if caller else (), run)
        facts = {
            "call": call.id, "provider": target.provider, "model": call.peek.model, "wire_model": target.destination.model,
            "client_dialect": call.dialect.name, "upstream_dialect": target.dialect.name, "face": call.face,
        }  # fmt: skip
        if caller is not None:
            facts["tenant"], facts["key"] = caller.tenant, caller.key
        if call.run is not None:
            facts["run"] = call.run
        if call.agent is not None:
            facts["agent"] = call.agent
        most = self.most(call, target, outbound) if budgets else None
        tab = await self.till.open(facts, most, budgets)
        return Account(self, tab, call, target, outbound, call.elapsed())

    def most(self, call: Call, target: Target, outbound: Outbound) -> Bound | None:
        row, price = self.priced(target.provider, target.destination.model)
        return bound(
            len(outbound.body), row, price,
            media=not MEDIA.isdisjoint(call.peek.needs) or not is_all_text(bytes(outbound.body)),
            max_tokens=call.peek.max_tokens, choices=call.peek.choices if outbound.copies == 1 else 1, value=call.value,
        )  # fmt: skip

    def priced(self, provider: str, model: str) -> tuple[Model | None, Price | None]:
        """The catalog's row of a model as it is named on the wire, and its price today. Kept for the day: a provider may answer by any
        name, so there is a bound.
        """
        if (today := self._today()) != self._day:
            self._day, self._prices = today, {}
        known = self._prices.get((provider, model))
        if known is None:
            known = self._priced(provider, model, today)
            if len(self._prices) < REMEMBERED:
                self._prices[provider, model] = known
        return known

    def _priced(self, provider: str, model: str, today: date) -> tuple[Model | None, Price | None]:
        try:
            row = self._catalog.resolve(model, provider=provider, today=today, retired="pass").row
        except GatewayError:
            return None, None
        return row, row.price_on(today) if row else None


@dataclass(slots=True)
class Account:
    """One attempt on its way. Its end is told once, by `complete` or `failed`."""

    keeper: Bookkeeper
    tab: Tab
    call: Call
    target: Target
    outbound: Outbound
    began: int

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
            guessed = self._guessed(usage, forwarded)
            usage, estimated = (guessed, True) if usage is None or guessed.output > usage.output else (usage, False)
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

    def _guessed(self, usage: Usage | None, forwarded: int) -> Usage:
        most = self.most
        written = forwarded // BYTES_AN_OUTPUT_TOKEN
        written = min(written, most.output) if most else written
        if usage is not None:
            return replace(usage, output=written, estimated=True)
        return Usage(most.input if most else len(self.outbound.body), written, estimated=True)

    def _facts(
        self, outcome: Outcome, usage: Usage, cost: Cost, price: Price | None, *, estimated: bool
    ) -> dict[str, Any]:
        return {
            "model": outcome.model or self.target.destination.model,
            "usage": spelled(usage),
            "price": {"from": price.effective_from.isoformat(), "source": price.source} if price else None,
            "cost_source": cost.source,
            **({"unpriced": list(cost.unpriced)} if cost.unpriced else {}),
            **({"estimated": True} if estimated or cost.estimated else {}),
            **self._ending(200),
        }

    def _ending(self, status: int | None) -> dict[str, Any]:
        losses = [f"{loss.pointer} ({loss.kind})" for loss in self.outbound.losses]
        return {
            "timings": {"total_ms": (self.call.elapsed() - self.began) // 1_000_000},
            "status": status,
            "losses": losses,
            "edits": list(self.outbound.edits),
        }

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
            "price": {"from": most.price.effective_from.isoformat(), "source": most.price.source} if most else None,
            "cost_source": "bound" if most else "unpriced",
            "estimated": True,
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
