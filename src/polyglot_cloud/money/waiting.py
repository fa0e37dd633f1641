"""Those who wait for room under a budget: in order of arrival at each budget, bounded in number and in time.

Each budget that is short of room has a line. Who waits stands in the line of every budget that has no room for it or has somebody
before it in line, and in no other, so it holds up nobody who needs only the rest. Where it stands is looked at when it arrives and
whenever it is first in one of its lines and something changed there; whoever is behind somebody has nothing to gain from being asked.
"""

import asyncio
from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from polyglot_cloud.amounts import Nano
from polyglot_cloud.money.balances import FOREVER, MICRO, Account, Balance, Timer
from polyglot_cloud.money.verdicts import judge, queue_full

Later = Callable[[float, Callable[[], None]], Timer]
"""`call_later(seconds, callback)`, as an event loop has it."""

LOOK_AGAIN = 60.0
"""Seconds after which a timer looks at the clock at the latest: a loop's timers do not notice when the clock is set forward."""


class Hold:
    """Money set aside for an attempt, in the windows in which it was made."""

    __slots__ = ("amount", "attempt", "balances", "unknown")

    def __init__(self, attempt: str, amount: Nano, balances: Sequence[Balance]) -> None:
        self.attempt = attempt
        self.amount = amount
        self.balances = balances
        self.unknown = False

    @property
    def windows(self) -> tuple[tuple[str, int], ...]:
        """(budget id, the window's start in Unix seconds) of each budget that counts it."""
        return tuple((balance.account.budget.id, balance.span.start) for balance in self.balances)


class Waiter:
    """Waits to hold `amount`, or as much of it as can still become free, but never less than `least`."""

    __slots__ = ("accounts", "amount", "attempt", "future", "least", "lines", "number", "timer")

    def __init__(self, attempt: str, accounts: Sequence[Account], amount: Nano, least: Nano) -> None:
        self.attempt = attempt
        self.accounts = accounts
        self.amount = amount
        self.least = least
        self.number = 0
        self.lines: list[Account] = []
        self.timer: Timer | None = None
        self.future: asyncio.Future[Hold]

    def balances(self, now: int) -> list[Balance]:
        return [account.at(now) for account in self.accounts]

    def behind(self, account: Account) -> bool:
        return bool(account.line) and account.line[0].number < self.number


class Queue:
    """The lines of one book. `take` holds an amount; `length` is how many may stand in one line. One event loop, no threads."""

    def __init__(
        self,
        take: Callable[[str, Nano, Sequence[Balance]], Hold],
        clock: Callable[[], int],
        call_later: Later | None,
        length: int,
    ) -> None:
        self.waiting: dict[str, Waiter] = {}
        self._take = take
        self._clock = clock
        self._later: Later = call_later or (lambda delay, then: asyncio.get_running_loop().call_later(delay, then))
        self._length = length
        self._arrived = 0

    async def join(self, waiter: Waiter, now: int, deadline: int) -> Hold:
        """Returns once there is a hold. Raises Refusal as soon as there can be none, and at the deadline; QueueFull.

        Cancelled after the hold was made, it raises CancelledError and leaves the hold to the caller.
        """
        self.wake(waiter.accounts, now)
        self._arrived += 1
        waiter.number = self._arrived
        waiter.future = asyncio.get_running_loop().create_future()
        self.waiting[waiter.attempt] = waiter
        for account in waiter.accounts:
            account.asking[waiter] = None
            account.most = max(account.most, waiter.least)
        self._ask(waiter, now)
        try:
            if not waiter.future.done():
                self._bound(waiter, now, deadline)
            return await waiter.future
        finally:
            if waiter.attempt in self.waiting:
                self.wake(self._leave(waiter), self._clock())
            elif waiter.future.done() and not waiter.future.cancelled():
                waiter.future.exception()  # whoever was cancelled at the moment of a refusal never reads it

    def _bound(self, waiter: Waiter, now: int, deadline: int) -> None:
        if any(len(account.line) > self._length for account in waiter.lines):
            self._leave(waiter)
            raise queue_full(waiter.balances(now), waiter.amount)
        if deadline <= now:
            self._expire(waiter)
        else:
            waiter.timer = self._later((deadline - now) / MICRO, partial(self._expire, waiter))

    def wake(self, accounts: Iterable[Account], now: int) -> None:
        """Something changed in `accounts`: refuses those who now wait in vain, and asks whoever is first in their lines, and those whom
        that lets come first, in order of arrival.
        """
        pending = {account for account in accounts if account.asking}
        for account in list(pending):
            pending.update(self._turn_away(account, now))
        pending = {account for account in pending if account.line}
        while pending:
            account = min(pending, key=_first)
            pending.update(left := self._ask(account.line[0], now))
            if account not in left:
                pending.discard(account)
            pending = {account for account in pending if account.line}

    def _turn_away(self, account: Account, now: int) -> list[Account]:
        """Refuses those whom spending under `account` leaves nothing to wait for, wherever in line they are."""
        hope = account.at(now).hope
        if hope >= account.most:
            return []
        left = [other for waiter in list(account.asking) if waiter.least > hope for other in self._refuse(waiter, now)]
        account.most = max((waiter.least for waiter in account.asking), default=0)
        return left

    def _ask(self, waiter: Waiter, now: int) -> list[Account]:
        """Gives it its hold, or its refusal, or its places in line. Returns the accounts whose lines it left."""
        if waiter.future.done():  # cancelled, and not yet come to clear up
            return self._leave(waiter)
        balances = waiter.balances(now)
        aim = min([waiter.amount, *(balance.hope for balance in balances)])
        if aim < waiter.least:
            return self._refuse(waiter, now)
        needed = [b.account for b in balances if b.room < aim or waiter.behind(b.account)]
        if needed:
            return self._stand(waiter, needed, now)
        return self._give(waiter, aim, balances)

    def _give(self, waiter: Waiter, amount: Nano, balances: Sequence[Balance]) -> list[Account]:
        left = self._leave(waiter)
        waiter.future.set_result(self._take(waiter.attempt, amount, balances))
        return left

    def _refuse(self, waiter: Waiter, now: int) -> list[Account]:
        left = self._leave(waiter)
        if waiter.future.done():  # cancelled, and not yet come to clear up
            return left
        refusal = judge(waiter.balances(now), waiter.least, waiter.number)
        if refusal is None:
            raise RuntimeError(f"attempt {waiter.attempt!r} fits and is first in line, and was to be refused")
        waiter.future.set_exception(refusal)
        return left

    def _stand(self, waiter: Waiter, needed: list[Account], now: int) -> list[Account]:
        left = [account for account in waiter.lines if account not in needed]
        for account in left:
            self._step_out(waiter, account)
        for account in needed:
            if account not in waiter.lines:
                insort(account.line, waiter, key=_number)
            self._watch(account, now)
        waiter.lines = needed
        return left

    def _leave(self, waiter: Waiter) -> list[Account]:
        left, waiter.lines = waiter.lines, []
        for account in left:
            self._step_out(waiter, account)
        if waiter.timer is not None:
            waiter.timer.cancel()
        del self.waiting[waiter.attempt]
        for account in waiter.accounts:
            del account.asking[waiter]
        return left

    def _step_out(self, waiter: Waiter, account: Account) -> None:
        account.line.remove(waiter)
        if not account.line and account.timer is not None:
            account.timer.cancel()
            account.timer = None

    def _expire(self, waiter: Waiter) -> None:
        """The deadline: it takes what there is if that is enough and nobody was before it, else hears why not."""
        if waiter.future.done():
            return
        now = self._clock()
        self.wake(waiter.accounts, now)
        if waiter.future.done():
            return
        balances = waiter.balances(now)
        room = min([waiter.amount, *(balance.room for balance in balances)])
        if room < waiter.least or any(waiter.behind(account) for account in waiter.accounts):
            left = self._refuse(waiter, now)
        else:
            left = self._give(waiter, room, balances)
        self.wake(left, now)

    def _watch(self, account: Account, now: int) -> None:
        """Has the line asked when a new window begins, which no other call may ever notice."""
        if account.timer is None and (end := account.at(now).end) != FOREVER:
            account.timer = self._later(min((end - now) / MICRO, LOOK_AGAIN), partial(self._turn, account))

    def _turn(self, account: Account) -> None:
        account.timer = None
        now = self._clock()
        self.wake([account], now)
        if account.line:
            self._watch(account, now)


def _number(waiter: Waiter) -> int:
    return waiter.number


def _first(account: Account) -> int:
    return account.line[0].number
