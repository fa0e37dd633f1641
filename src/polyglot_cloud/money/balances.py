"""What each budget has spent and holds, window by window. Inside, instants are Unix microseconds, as in the ledger."""

from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from polyglot_cloud.amounts import Nano
from polyglot_cloud.money.budgets import Alert, Budget, Standing
from polyglot_cloud.money.periods import Window, window

if TYPE_CHECKING:
    from polyglot_cloud.money.waiting import Waiter

MICRO = 1_000_000
FOREVER = 2**63 - 1
NEVER: Nano = 2**127
"""More than can be spent."""
ENDED_KEPT = 2
"""Windows that have ended and are kept with nothing held in them, so that a clock set back finds them as they were."""


class Timer(Protocol):
    """What `loop.call_later` returns, as far as it is used."""

    def cancel(self) -> None: ...


class Balance:
    """One budget in one window. `held` includes `unknown`: holds that nobody will settle until an operator frees them."""

    __slots__ = ("account", "alarm", "end", "held", "holds", "limit", "span", "spent", "start", "told", "unknown")

    def __init__(self, account: "Account", span: Window) -> None:
        self.account = account
        self.span = span
        self.start = span.start * MICRO
        self.end = FOREVER if span.end is None else span.end * MICRO
        self.spent: Nano = 0
        self.held: Nano = 0
        self.unknown: Nano = 0
        self.holds = 0
        self.told: set[int] = set()
        self.rate(account.budget)

    def rate(self, budget: Budget) -> None:
        """Sets the limit, and `alarm`: the spending at which there is something to tell."""
        self.limit = budget.limit
        percents = [percent for percent in budget.alerts if percent not in self.told]
        # nothing spent is nothing to tell, even of a limit of nothing
        self.alarm = max(1, -(-min(percents) * budget.limit // 100)) if percents else NEVER

    @property
    def room(self) -> Nano:
        return self.limit - self.spent - self.held

    @property
    def hope(self) -> Nano:
        """The room there would be if all holds but the unknown ones were settled at nothing."""
        return self.limit - self.spent - self.unknown

    def due(self) -> tuple[Alert, ...]:
        """The alerts that spending has reached, each for the one and only time."""
        if self.spent < self.alarm:
            return ()
        budget, spent = self.account.budget, self.spent
        reached = sorted({p for p in budget.alerts if spent * 100 >= p * budget.limit} - self.told)
        self.told.update(reached)
        self.rate(budget)
        return tuple(Alert(budget, percent, self.span.start, spent) for percent in reached)

    def standing(self) -> Standing:
        return Standing(self.account.budget, *self.span, self.spent, self.held, self.unknown)


class Account:
    """The balances of one budget, and those who wait: `line` has those who wait for this budget, `asking` all whose calls it counts.

    None of `asking` would be content with more than `most` as its least.
    """

    __slots__ = ("_zone", "asking", "budget", "current", "floor", "kept", "line", "most", "timer")

    def __init__(self, budget: Budget, now: int) -> None:
        self.line: list[Waiter] = []
        self.asking: dict[Waiter, None] = {}
        self.most: Nano = 0
        self.timer: Timer | None = None
        self._begin(budget, now)

    def _begin(self, budget: Budget, now: int) -> None:
        self.budget = budget
        self._zone = ZoneInfo(budget.zone)
        self.kept: dict[int, Balance] = {}
        self.floor = 0
        self._turn(now)

    def follow(self, budget: Budget, now: int) -> None:
        """Takes over what the operator changed. With another period or zone the account begins anew: its windows mean something else."""
        if (budget.period, budget.zone) != (self.budget.period, self.budget.zone):
            self._begin(budget, now)
            return
        self.budget = budget
        for balance in self.kept.values():
            balance.rate(budget)

    def at(self, now: int) -> Balance:
        balance = self.current
        return balance if balance.start <= now < balance.end else self._turn(now)

    def _turn(self, now: int) -> Balance:
        # Behind `floor` lie windows whose spending is forgotten. A clock set back so far counts in the first one that is known:
        # that may refuse too early, and never lets the same money be spent twice.
        now = max(now, self.floor)
        self.current = self.opened(now // MICRO)
        self._prune(now)
        return self.current

    def opened(self, at: int) -> Balance:
        """The balance of the window of `at` (Unix seconds), wherever the clock stands."""
        span = window(self.budget.period, at, self._zone)
        found = self.kept.get(span.start)
        if found is None:
            found = self.kept[span.start] = Balance(self, span)
        return found

    def seen(self, now: int) -> Balance | None:
        """The balance of `now` where there is one already."""
        balance = self.current
        if balance.start <= now < balance.end:
            return balance
        return self.kept.get(window(self.budget.period, max(now, self.floor) // MICRO, self._zone).start)

    def _prune(self, now: int) -> None:
        ended = sorted(start for start, balance in self.kept.items() if balance.end <= now)
        for start in ended[:-ENDED_KEPT]:
            balance = self.kept[start]
            if not balance.holds:
                del self.kept[start]
                if balance.spent:
                    self.floor = max(self.floor, balance.end)
