"""What the book says no with. Plain exceptions with fields: who knows the dialects makes 402 and 429 of them."""

from collections.abc import Iterable
from typing import TypeVar

from polyglot_cloud.amounts import Nano, shown
from polyglot_cloud.money.balances import Balance
from polyglot_cloud.money.budgets import Budget

_EVERY = {"once": "never renewed"}
LAST = 2**63
"""The number in line of whoever has not come yet."""


class Refusal(Exception):
    """An amount does not fit under `budget`, of all that apply the one that stands most in the way.

    `spent + held <= limit` but for overruns; `held` includes `unknown`, what lies in holds that only an operator can free. `resets_at` is
    in Unix seconds; None: there is no new window to wait for.
    """

    def __init__(
        self,
        budget: Budget,
        amount: Nano,
        *,
        spent: Nano = 0,
        held: Nano = 0,
        unknown: Nano = 0,
        resets_at: int | None = None,
        ahead: int = 0,
    ) -> None:
        super().__init__(budget.id, amount)
        self.budget = budget
        self.amount = amount
        self.spent = spent
        self.held = held
        self.unknown = unknown
        self.limit = budget.limit
        self.resets_at = resets_at
        self.ahead = ahead

    @property
    def figures(self) -> str:
        return (
            f"budget {self.budget.id} ({self.budget.scope}, {_EVERY.get(self.budget.period, f'per {self.budget.period}')}): "
            f"{shown(self.spent)} spent and {shown(self.held)} held of {shown(self.limit)}"
        )


class OverSpent(Refusal):
    """No settlement of other calls can make room: too much is spent, or unknown, or the amount is above the limit itself."""

    def __str__(self) -> str:
        freeing = f", of which {shown(self.unknown)} until an operator frees it" if self.unknown else ""
        return f"{shown(self.amount)} is more than is left of {self.figures}{freeing}"


class OverHeld(Refusal):
    """There would be room if the holds of others settled at nothing, or `ahead` others were not first in line for what there is."""

    def __str__(self) -> str:
        line = f"; {self.ahead} in line before it" if self.ahead else ""
        return f"{shown(self.amount)} does not fit beside the calls in flight under {self.figures}{line}"


class QueueFull(OverHeld):
    """As OverHeld, and as many as may wait for that budget do so already."""

    def __str__(self) -> str:
        return f"{self.ahead} calls, and no more may, wait for room under {self.figures}"


def words(refusal: Refusal, tenant: str | None, key: str | None) -> str:
    """The refusal for whoever calls. What others spend from as well (a tenant's above, the process's, a provider's) is told without
    figures to a caller of a tenant: they would be others' usage.
    """
    kind, _, name = refusal.budget.scope.partition(":")
    if tenant is None or kind == "run" or (kind, name) in {("tenant", tenant), ("key", key)}:
        return str(refusal)
    freeing = "beside the calls in flight" if isinstance(refusal, OverHeld) else "any more"
    return f"{shown(refusal.amount)} does not fit {freeing} under a budget (per {refusal.budget.period}) that others spend from as well"


def over_call(budget: Budget, amount: Nano) -> OverSpent:
    """The refusal of a per-call budget, which knows no spending and no window."""
    return OverSpent(budget, amount)


def judge(balances: Iterable[Balance], amount: Nano, number: int = LAST) -> Refusal | None:
    """None: the amount fits, and nobody who came before `number` is in line. Of several budgets that spending rules out, the one that
    resets last is named; of several that are held, the one with the least room.
    """
    if not amount:
        return None
    balances = list(balances)
    if over := [balance for balance in balances if balance.hope < amount]:
        return _told(OverSpent, max(over, key=lambda balance: balance.end), amount, number)
    if short := [balance for balance in balances if balance.room < amount]:
        return _told(OverHeld, min(short, key=lambda balance: balance.room), amount, number)
    if lined := [balance for balance in balances if _ahead(balance, number)]:
        return _told(OverHeld, max(lined, key=lambda balance: _ahead(balance, number)), amount, number)
    return None


def queue_full(balances: Iterable[Balance], amount: Nano) -> QueueFull:
    return _told(QueueFull, max(balances, key=lambda balance: len(balance.account.line)), amount, LAST)


def _ahead(balance: Balance, number: int) -> int:
    return sum(waiter.number < number for waiter in balance.account.line)


R = TypeVar("R", bound=Refusal)


def _told(kind: type[R], balance: Balance, amount: Nano, number: int) -> R:
    return kind(
        balance.account.budget,
        amount,
        spent=balance.spent,
        held=balance.held,
        unknown=balance.unknown,
        resets_at=balance.span.end,
        ahead=_ahead(balance, number),
    )
