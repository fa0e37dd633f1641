"""The book: what every budget has spent and holds, in memory, and whether a call still fits.

At any time, for every budget and window, `spent + held <= limit`, but for overruns: a cost above its hold is booked in full and told.
`now` and `deadline` are Unix microseconds, as in the ledger. One event loop, no threads, and nothing here waits for a disk.
"""

from collections.abc import Callable, Iterable, Sequence

from polyglot_cloud.amounts import Nano
from polyglot_cloud.money.balances import Account, Balance
from polyglot_cloud.money.budgets import Alert, Budget, Settled, Spent, Standing, Unresolved
from polyglot_cloud.money.verdicts import judge, over_call
from polyglot_cloud.money.waiting import Hold, Later, Queue, Waiter

PLAIN = Settled()
NOT_HELD = Settled(booked=False)


class Book:
    """Attempts are named by ids that are never used again. Methods that change an attempt say whether they did: on one that is not (or no
    longer) in the state they are about they do nothing, so that clearing up twice does no harm.
    """

    def __init__(self, clock: Callable[[], int], call_later: Later | None = None, *, line: int = 256) -> None:
        """`clock` tells Unix microseconds; `call_later` is the running loop's where None; `line` is how many may wait for one budget."""
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self._holds: dict[str, Hold] = {}
        self._queue = Queue(self._take, clock, call_later, line)

    def room(self, budgets: Iterable[Budget], now: int) -> Nano | None:
        """The most that `hold` would admit now, zero where others are in line. None: no budget applies."""
        rooms = [self._room(budget, now) for budget in budgets]
        return max(0, min(rooms)) if rooms else None

    def _room(self, budget: Budget, now: int) -> Nano:
        account = self._accounts.get(budget.id)
        if account is None or budget.period == "call":
            return budget.limit
        if account.budget is not budget:
            account = self._account(budget, now)
        self._queue.wake([account], now)
        balance = account.seen(now)
        if balance is None:
            return budget.limit
        return 0 if account.line else balance.room

    def hold(self, attempt: str, budgets: Iterable[Budget], amount: Nano, now: int) -> Hold:
        """Sets `amount` aside under all of `budgets`, or under none. An amount of zero always fits.

        Raises OverSpent where no settlement of others could make room, OverHeld where one could; ValueError for an attempt that has a
        hold already.
        """
        if amount < 0 or attempt in self._holds or attempt in self._queue.waiting:
            self._check(attempt, amount)
        balances: list[Balance] = []
        fits = True
        accounts = self._accounts
        for budget in budgets:
            if budget.period == "call":
                if amount > budget.limit:
                    raise over_call(budget, amount)
                continue
            account = accounts.get(budget.id)
            if account is None or account.budget is not budget:
                account = self._account(budget, now)
            balance = account.current
            if not balance.start <= now < balance.end:
                balance = account.at(now)
            if account.line or balance.limit - balance.spent - balance.held < amount:
                fits = False
            if balance not in balances:
                balances.append(balance)
        if not fits:
            self._contest(balances, amount, now)
        return self._take(attempt, amount, balances)

    def _contest(self, balances: list[Balance], amount: Nano, now: int) -> None:
        """Lets those in line go first: it may be this call that brings the news of another window. Raises Refusal."""
        self._queue.wake([balance.account for balance in balances], now)
        refusal = judge(balances, amount)
        if refusal is not None:
            raise refusal

    async def wait(
        self, attempt: str, budgets: Sequence[Budget], amount: Nano, deadline: int, *, least: Nano | None = None
    ) -> Hold:
        """Holds `amount` as soon as it fits and nobody is before it in line for what it needs.

        With `least` it may hold less: what spending leaves possible, and at the deadline what there is. Raises OverSpent as soon as
        spending rules it out, OverHeld at the deadline, QueueFull; ValueError as `hold` does. A cancelled one leaves nothing behind.
        """
        now = self._clock()
        if not amount:
            return self.hold(attempt, budgets, amount, now)
        self._check(attempt, amount)
        least = amount if least is None else max(1, min(least, amount))
        for budget in budgets:
            if budget.period == "call" and amount > budget.limit:
                if least > budget.limit:
                    raise over_call(budget, amount)
                amount = budget.limit
        accounts = {budget.id: self._account(budget, now) for budget in budgets if budget.period != "call"}
        try:
            return await self._queue.join(Waiter(attempt, list(accounts.values()), amount, least), now, deadline)
        except BaseException:
            self.release(attempt, self._clock())  # woken and cancelled at once: the next in line gets it
            raise

    def _check(self, attempt: str, amount: Nano) -> None:
        if amount < 0:
            raise ValueError(f"attempt {attempt!r} would hold {amount}: an amount is zero or more nano-dollars")
        if attempt in self._holds or attempt in self._queue.waiting:
            raise ValueError(f"attempt {attempt!r} has a hold, or waits for one: each attempt needs an id of its own")

    def _take(self, attempt: str, amount: Nano, balances: Sequence[Balance]) -> Hold:
        for balance in balances:
            balance.held += amount
            balance.holds += 1
        hold = self._holds[attempt] = Hold(attempt, amount, balances)
        return hold

    def tighten(self, attempt: str, amount: Nano, now: int) -> bool:
        """Lowers a hold to `amount`. False: it is no higher, or there is none, or it is unknown."""
        hold = self._holds.get(attempt)
        if hold is None or hold.unknown or amount >= hold.amount:
            return False
        if amount < 0:
            raise ValueError(f"attempt {attempt!r} would hold {amount}: an amount is zero or more nano-dollars")
        for balance in hold.balances:
            balance.held -= hold.amount - amount
        hold.amount = amount
        self._changed(hold, now)
        return True

    def settle(self, attempt: str, cost: Nano, now: int) -> Settled:
        """Books `cost` in the windows of the hold, and gives the hold back; an unknown one too, where its bill came after all.

        Each attempt is booked once: a second time nothing happens, and `booked` is False.
        """
        if cost < 0:
            raise ValueError(f"attempt {attempt!r} would cost {cost}: a cost is zero or more nano-dollars")
        hold = self._holds.get(attempt)
        if hold is None:
            return NOT_HELD
        alerts: tuple[Alert, ...] = ()
        for balance in hold.balances:
            spent = balance.spent = balance.spent + cost
            if spent >= balance.alarm:
                alerts += balance.due()
        amount = hold.amount
        self._drop(hold, now)
        return Settled(max(0, cost - amount), alerts) if alerts or cost > amount else PLAIN

    def release(self, attempt: str, now: int) -> bool:
        """Gives a hold back that cost nothing. False: there is none, or it is unknown and stays counted."""
        hold = self._holds.get(attempt)
        if hold is None or hold.unknown:
            return False
        self._drop(hold, now)
        return True

    def unknown(self, attempt: str, now: int) -> bool:
        """Nobody can tell what it cost: the hold stays counted until `free` or a late `settle`."""
        hold = self._holds.get(attempt)
        if hold is None or hold.unknown:
            return False
        hold.unknown = True
        for balance in hold.balances:
            balance.unknown += hold.amount
        self._changed(hold, now)
        return True

    def free(self, attempt: str, now: int) -> bool:
        """Gives an unknown hold back, as an operator says. False: no hold of that name is unknown."""
        hold = self._holds.get(attempt)
        if hold is None or not hold.unknown:
            return False
        self._drop(hold, now)
        return True

    def _drop(self, hold: Hold, now: int) -> None:
        del self._holds[hold.attempt]
        amount = hold.amount
        asked = False
        for balance in hold.balances:
            balance.held -= amount
            balance.holds -= 1
            if hold.unknown:
                balance.unknown -= amount
            if balance.account.asking:
                asked = True
        if asked:
            self._changed(hold, now)

    def _changed(self, hold: Hold, now: int) -> None:
        self._queue.wake([balance.account for balance in hold.balances], now)

    def _account(self, budget: Budget, now: int) -> Account:
        account = self._accounts.get(budget.id)
        if account is None:
            account = self._accounts[budget.id] = Account(budget, now)
        elif account.budget != budget:
            account.follow(budget, now)
            self._queue.wake([account], now)
        return account

    def restore(self, spent: Iterable[Spent], unresolved: Iterable[Unresolved], now: int) -> list[Alert]:
        """Puts back what a former process booked; what it left open becomes unknown. To be called before its budget is used.

        Returns the alerts of windows that have not ended whose spending was reached and of which nobody was told: it died between.
        """
        touched: dict[Balance, None] = {}
        accounts: dict[Account, None] = {}
        for row in spent:
            if row.budget.period == "call":
                continue
            account = self._account(row.budget, now)
            accounts[account] = None
            balance = account.opened(row.start)
            balance.spent += row.nano
            balance.told.update(row.told)
            if row.first:
                account.floor = max(account.floor, balance.start)
            balance.rate(row.budget)
            touched[balance] = None
        for left in unresolved:
            counted = [(budget, start) for budget, start in left.windows if budget.period != "call"]
            balances = [self._account(budget, now).opened(start) for budget, start in counted]
            accounts |= dict.fromkeys(balance.account for balance in balances)
            self._take(left.attempt, left.amount, balances)
            self.unknown(left.attempt, now)
        for account in accounts:
            account._turn(now)
        self._queue.wake(accounts, now)
        return [alert for balance in touched if balance.start <= now < balance.end for alert in balance.due()]

    def standing(self, budget: Budget, now: int) -> Standing | None:
        """How a budget stands now; None where nothing of it was asked for in this window, and for budgets per call."""
        account = self._accounts.get(budget.id)
        balance = account.seen(now) if account is not None else None
        return balance.standing() if balance is not None else None

    def credit(self, budget: str, start: int, amount: Nano, now: int) -> None:
        """Takes out of a window what `restore` put into it for an attempt that an operator has freed. `start` is in Unix seconds."""
        account = self._accounts.get(budget)
        balance = account.kept.get(start) if account is not None else None
        if balance is not None:
            balance.spent = max(0, balance.spent - amount)
            self._queue.wake([balance.account], now)

    def budgets(self) -> list[Budget]:
        """Those that something was asked of, as they are now."""
        return [account.budget for account in self._accounts.values()]

    def idle(self, budget: str) -> bool:
        """Whether nothing is held under a budget, and nobody waits there."""
        account = self._accounts.get(budget)
        return account is None or not (account.asking or any(balance.holds for balance in account.kept.values()))

    def forget(self, budget: str) -> bool:
        """Drops a budget that will not be used again, or of which the ledger has all: of a run, of a key that is revoked. False: there is
        none, or something is held there.
        """
        return self.idle(budget) and self._accounts.pop(budget, None) is not None

    def beside(self, budgets: Iterable[Budget]) -> list[str]:
        """The attempts whose holds one of these budgets counts, the largest first; unknown ones left out. Walks all holds."""
        named = {budget.id for budget in budgets}
        found = [
            hold
            for hold in self._holds.values()
            if not hold.unknown and any(balance.account.budget.id in named for balance in hold.balances)
        ]
        return [hold.attempt for hold in sorted(found, key=lambda hold: -hold.amount)]

    @property
    def waiting(self) -> int:
        """How many calls wait for room."""
        return len(self._queue.waiting)

    @property
    def held(self) -> int:
        """How many attempts have a hold, the unknown ones included."""
        return len(self._holds)
