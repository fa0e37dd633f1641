"""What a call would cost, and whether it would be let through: asked of the very parts that answer it, and nothing is spent.

Who would answer, what it would be sent and what that loses are `Pipeline.prepared`'s, the most that it can cost is `Prices.most`'s, and
budgets stand as the till has them. Only the expected figures are a guess of our own:

    input    a token for four bytes of the request's words, 1,000 for each image, file or clip (`token_estimate`)
    output   1,000 tokens for each choice, or the maximum that the call or the model sets where that is less; nothing is cached
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol

from polyglot_cloud import token_estimate
from polyglot_cloud.amounts import Nano, shown
from polyglot_cloud.booking import Bookkeeper, Prices
from polyglot_cloud.call import Call, Target
from polyglot_cloud.catalog import lines_for
from polyglot_cloud.errors import GatewayError, MissingKey
from polyglot_cloud.headers import loss_list
from polyglot_cloud.money.bounds import Bound
from polyglot_cloud.money.budgets import Budget, Standing
from polyglot_cloud.money.cost import cost_of
from polyglot_cloud.neutral import Usage
from polyglot_cloud.pipeline import Pipeline
from polyglot_cloud.rows import TIERS, Model, Price
from polyglot_cloud.translate import Outbound

WRITTEN = 1_000
"""Tokens that an answer is expected to have."""
SHOWN = 12
"""Candidates that are told beside the one that would answer."""
_TIER_NAMES = ("service_tier", "serviceTier", "speed")


class Purse(Protocol):
    """Which budgets bind everybody's calls to a provider, and how they stand, where no till is open."""

    def applying(self, provider: str) -> tuple[Budget, ...]: ...
    def standing(self, budget: Budget) -> Standing: ...


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one candidate. `most` None: nobody knows it, and where a budget applies the call is refused."""

    tokens: Usage
    expected: Nano | None
    most: Bound | None
    price: Price | None
    copies: int = 1

    @property
    def worst(self) -> Nano | None:
        return None if self.most is None else self.most.nano * self.copies


class Quoter:
    """`others` prepares what is only compared: a pipeline without a fetcher, so that nothing is loaded for it. `books`
    where a ledger is kept: the callers' own budgets come from it. Else `purse` has the budgets; None: there are none.
    """

    def __init__(
        self, pipeline: Pipeline, others: Pipeline, prices: Prices, purse: Purse | None, books: Bookkeeper | None = None
    ) -> None:
        self._pipeline = pipeline
        self._others = others
        self._prices = prices
        self._purse = purse
        self._books = books

    async def quote(self, call: Call) -> dict[str, Any]:
        """As JSON; amounts as decimal text in US dollars. Raises what the call itself would raise before anything is sent."""
        target, outbound = await self._pipeline.prepared(call)
        read = _estimate(call)
        taken = await self._candidate(call, target, outbound, read)
        others, left_out = await self._compared(call, target, read)
        return {
            "object": "quote", "face": call.face, "dialect": call.dialect.name, "asked": call.peek.model, "stream": call.peek.stream,
            "why": self._why(call, target), "taken": taken, "others": others, "left_out": left_out,
        }  # fmt: skip

    # --- who else could ---

    async def _compared(self, call: Call, taken: Target, read: int) -> tuple[list[dict[str, Any]], int]:
        """The cheapest that could answer as well, and how many more there are. What cannot be written for a model is no candidate."""
        found = []
        for row in self._rows(call, taken):
            asked = replace(call, provider=row.provider, peek=replace(call.peek, model=row.id))
            target = self._able(asked, row, read)
            if target is not None:
                expected = self._figures(asked, target, _unwritten(call), read).expected
                found.append((expected is None, expected or 0, row.provider, row.id, asked, target))
        found.sort(key=lambda each: each[:4])
        told: list[dict[str, Any]] = []
        for number, (*_, asked, target) in enumerate(found):
            if len(told) == SHOWN:
                return told, len(found) - number
            candidate = await self._other(asked, target, read)
            told += [candidate] if candidate else []
        return told, 0

    def _rows(self, call: Call, taken: Target) -> list[Model]:
        """A provider's face: all its models. The face of all: the tiers of every provider."""
        catalog, today = self._pipeline.catalog, self._prices.today()
        rows = [row for row in catalog.models(call.provider, today) if row.kind == "chat"]
        if call.provider is None:
            tiers = {(name, model) for name in catalog.providers for model in catalog.tiers(name).values()}
            rows = [row for row in rows if (row.provider, row.id) in tiers]
        here = catalog.model(taken.provider, taken.destination.model)
        return [row for row in rows if row is not here]

    def _able(self, call: Call, row: Model, read: int) -> Target | None:
        window = row.max_input or row.context_window
        if window is not None and read > window:
            return None
        try:
            target = self._others.target(call)
            if call.caller is not None:
                call.caller.check_target(target.provider, target.destination.model, *target.listed_as)
        except GatewayError:
            return None
        return target

    async def _other(self, call: Call, target: Target, read: int) -> dict[str, Any] | None:
        if call.skeleton is not None:  # a large body is worked through once
            return {**await self._candidate(call, target, _unwritten(call), read), "edited": None, "dropped": None}
        try:
            target, outbound = await self._others.prepared(call)
        except GatewayError:
            return None
        return await self._candidate(call, target, outbound, read)

    # --- one of them ---

    async def _candidate(self, call: Call, target: Target, outbound: Outbound, read: int) -> dict[str, Any]:
        provider, model = target.provider, target.destination.model
        figures = self._figures(call, target, outbound, read)
        budgets = await self._budgets(call, provider, figures.worst)
        price, most = figures.price, figures.most
        found: dict[str, Any] = {
            "provider": provider,
            "model": model,
            "dialect": target.dialect.name,
            "way": "passed" if outbound.passed else "translated",
            "input_tokens": {"expected": figures.tokens.input, "most": most.input if most else None},
            "output_tokens": {"expected": figures.tokens.output, "most": most.output if most else None},
            "expected_usd": _usd(figures.expected),
            "most_usd": _usd(figures.worst),
            "price": {"from": price.effective_from.isoformat(), "source": price.source} if price else None,
            "edited": outbound.edits,
            "dropped": loss_list(outbound.losses),
            "admitted": all(budget["admits"] for budget in budgets),
            "budgets": budgets,
            "problem": self._problem(provider),
        }
        if most is None and not call.peek.counting:
            row, _ = self._prices.priced(provider, model)
            found["catalog"] = lines_for(provider, model, row, self._pipeline.catalog, self._prices.today())
        return found

    def _figures(self, call: Call, target: Target, outbound: Outbound, read: int) -> Figures:
        """A count of tokens is free, and nothing is booked for it."""
        row, price = self._prices.priced(target.provider, target.destination.model)
        if call.peek.counting:
            return Figures(Usage(read, 0), 0, None, price)
        limits = [WRITTEN, call.peek.max_tokens or WRITTEN, (row.max_output if row else None) or WRITTEN]
        choices = max(1, call.peek.choices)
        tier = next((named for name in _TIER_NAMES if isinstance(named := call.value.get(name), str)), None)
        tokens = Usage(read * outbound.copies, min(limits) * choices, tier=tier)
        each = replace(tokens, input=read, output=tokens.output // outbound.copies)
        expected = None if price is None else cost_of(each, price).nano * outbound.copies
        return Figures(tokens, expected, self._prices.most(call, target, outbound), price, outbound.copies)

    async def _budgets(self, call: Call, provider: str, amount: Nano | None) -> list[dict[str, Any]]:
        if call.peek.counting:
            return []
        if self._books is not None:
            applying, standing = await self._books.applying(call, provider), self._books.till.standing
        elif self._purse is not None:
            applying, standing = self._purse.applying(provider), self._purse.standing
        else:
            return []
        return [_told(standing(budget), budget, amount, call) for budget in applying]

    def _problem(self, provider: str) -> str | None:
        """Why a call would fail although nothing is wrong with it."""
        try:
            self._pipeline.providers[provider].headers()
        except MissingKey as error:
            return error.message
        return None

    # --- why that one ---

    def _why(self, call: Call, target: Target) -> str:
        written = call.dialect.peek(call.value, call.path).model if call.caller is not None else call.peek.model
        alias = f"{written} is an alias of this key for {call.peek.model}. " if written != call.peek.model else ""
        return f"{alias}{self._named(call, target)} {_way(call, target)}"

    def _named(self, call: Call, target: Target) -> str:
        asked, model, catalog = call.peek.model, target.destination.model, self._pipeline.catalog
        tier = next((name for name in TIERS if asked in {name, f"{target.provider}/{name}"}), None)
        if target.substituted_from:
            return f"{target.substituted_from} is retired, and {model} answers in its place."
        if asked is None:
            return f"No model is named, and {model} is the default of {target.provider}."
        if tier is not None:
            return f"{model} is the tier {tier} of {target.provider}."
        if asked in catalog.choices.aliases:
            return f"{asked} is an alias of the settings for {catalog.choices.aliases[asked]}."
        if catalog.model(target.provider, model) is None:
            return f"The catalog does not know {model}, which passes on as it is named."
        return f"{asked} is a model of {target.provider}."


def _way(call: Call, target: Target) -> str:
    if target.dialect.name != call.dialect.name:
        served = "which serves what this call needs" if target.passable else "which is how it is offered"
        return f"It is asked in {target.dialect.name}, {served}."
    if target.rewrite or target.emulate:
        return f"It is asked in {target.dialect.name}, read and written anew."
    return f"It is asked in {target.dialect.name}, in the request's own bytes."


def _told(standing: Standing, budget: Budget, amount: Nano | None, call: Call) -> dict[str, Any]:
    """Figures of what others spend too are for who runs the gateway: a caller with a key sees those of its key and its tenant."""
    admits = amount is not None and replace(standing, budget=budget).admits(amount)
    caller = call.caller
    found = {
        "id": budget.id,
        "scope": budget.scope,
        "period": budget.period,
        "admits": admits,
        "resets_at": standing.end,
    }
    if amount is not None and not admits:
        found["waits"] = replace(standing, budget=budget).admits(amount, alone=True)
    if caller is not None and budget.scope not in {f"key:{caller.key}", f"tenant:{caller.tenant}"}:
        return found
    return {
        **found,
        "limit_usd": _usd(budget.limit),
        "spent_usd": _usd(standing.spent),
        "held_usd": _usd(standing.held),
    }


def _estimate(call: Call) -> int:
    """Tokens of the prompt. Of a large body's long strings only the ends were decoded; base64 is counted by those."""
    cuts = call.skeleton.cuts if call.skeleton is not None else []
    prose = sum(cut.size for cut in cuts if b" " in bytes(call.body[cut.start : cut.start + 256]))
    return token_estimate.of_body(call.value) + prose // token_estimate.BYTES_A_TOKEN


def _unwritten(call: Call) -> Outbound:
    """What is known of a call's size before it is written for anybody."""
    return Outbound(call.path, {}, call.body, passed=True)


def _usd(nano: Nano | None) -> str | None:
    return None if nano is None else shown(nano).removeprefix("$")
