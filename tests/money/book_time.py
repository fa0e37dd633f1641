"""A clock and timers that move only when told, for tests of the book: `now` is the wall's, and timers run by another that never jumps."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

MICRO = 1_000_000
DAY = 86_400
MONDAY = 1_789_948_800
"""Unix seconds of 2026-09-21 00:00 UTC, a Monday."""


@dataclass(eq=False)
class Timer:
    due: float
    then: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Time:
    """`now` in Unix microseconds; noon of a Monday unless told otherwise."""

    now: int = (MONDAY + DAY // 2) * MICRO
    ran: float = 0.0
    timers: list[Timer] = field(default_factory=list)

    def clock(self) -> int:
        return self.now

    def later(self, delay: float, then: Callable[[], None]) -> Timer:
        assert delay > 0, "a timer that is due at once asks for ever"
        timer = Timer(self.ran + delay, then)
        self.timers.append(timer)
        return timer

    @property
    def pending(self) -> list[Timer]:
        self.timers = [timer for timer in self.timers if not timer.cancelled]
        return self.timers

    def pass_(self, seconds: float) -> None:
        """Lets time pass, and runs what comes due in it, each at its moment."""
        end = self.ran + seconds
        while due := [timer for timer in self.pending if timer.due <= end]:
            timer = min(due, key=lambda timer: timer.due)
            self._move(timer.due)
            timer.cancel()
            timer.then()
        self._move(end)

    def _move(self, to: float) -> None:
        self.now += round((to - self.ran) * MICRO)
        self.ran = to

    def jump(self, seconds: float) -> None:
        """Sets the wall's clock, which no timer notices."""
        self.now += round(seconds * MICRO)


async def settle_down() -> None:
    """Lets every task run as far as it can without time passing."""
    for _ in range(4):
        await asyncio.sleep(0)
