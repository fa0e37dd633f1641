"""Budgets, and the records in which the book tells of them. Amounts are nano-dollars, bounds of windows Unix seconds."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from polyglot_cloud.amounts import Nano
from polyglot_cloud.money.periods import Period, window


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on what one scope may spend in each period.

    `scope` is "process", "provider:openai", "tenant:<id>", "key:<id>" or "run:<id>"; `id` is unique among all budgets. A period of
    "call" limits each hold by itself and adds nothing up. `alerts` are percentages of the limit, in any order.
    """

    id: str
    scope: str
    period: Period
    limit: Nano
    zone: str = "UTC"
    alerts: tuple[int, ...] = (75, 90, 100)

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise ValueError(f"the limit of budget {self.id!r} is {self.limit}: a limit is zero or more nano-dollars")


@dataclass(frozen=True, slots=True)
class Alert:
    """`percent` of the limit has been spent in the window that began at `start`. Told once for each budget, window and percentage."""

    budget: Budget
    percent: int
    start: int
    spent: Nano


@dataclass(frozen=True, slots=True)
class Settled:
    """`overrun` is what the cost had above its hold; it is booked all the same.

    `booked` is False where nothing was held under that attempt (any more), and so nothing was booked.
    """

    overrun: Nano = 0
    alerts: tuple[Alert, ...] = ()
    booked: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands in one window. `held` includes `unknown`; `end` None: the window never ends."""

    budget: Budget
    start: int
    end: int | None
    spent: Nano
    held: Nano
    unknown: Nano

    def admits(self, amount: Nano, *, alone: bool = False) -> bool:
        """Whether so much fits; `alone`: if all other calls were settled at nothing."""
        if self.budget.period == "call":
            return amount <= self.budget.limit
        return self.spent + (self.unknown if alone else self.held) + amount <= self.budget.limit


def untouched(budget: Budget, at: int, spent: Nano = 0) -> Standing:
    """How a budget stands in the window of `at` (Unix seconds) where nothing is held."""
    span = window(budget.period, at, ZoneInfo(budget.zone))
    return Standing(budget, span.start, span.end, spent, 0, 0)


@dataclass(frozen=True, slots=True)
class Spent:
    """What was booked in the window of `budget` that begins at `start`, and the percentages told of it. For `Book.restore`.

    `first`: of windows before it nothing is told, so a clock that is set back counts in this one.
    """

    budget: Budget
    start: int
    nano: Nano
    told: tuple[int, ...] = ()
    first: bool = False


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A hold that a crash or an operator's absence left, with the start of each budget's window it lies in. For `Book.restore`."""

    attempt: str
    amount: Nano
    windows: tuple[tuple[Budget, int], ...]
