"""What the Gateway tells of runs: their budgets, their receipts, and sums. All of it is read from the ledger and its files; what a budget
lets in is the till's to say.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_cloud.amounts import Nano
from polyglot_cloud.errors import BudgetHeld, BudgetSpent, LedgerDown, PolicyError
from polyglot_cloud.grants import Cap
from polyglot_cloud.money.budgets import Standing
from polyglot_cloud.money.caps import Run
from polyglot_cloud.money.faults import LedgerError
from polyglot_cloud.money.notices import Notice
from polyglot_cloud.money.receipt_lines import DEFAULT, file_name
from polyglot_cloud.money.till import Till
from polyglot_cloud.swarm.moments import Clock, now, stamp

if TYPE_CHECKING:
    from polyglot_cloud.money.receipts import Follower
    from polyglot_cloud.money.store import Attempt

MICRO = 1_000_000
WINDOWS = {"minute": 3600, "hour": 86_400, "day": 7 * 86_400}
"""Seconds. The names are of the buckets that the real Gateway sums up, not of the windows."""
LEVELS = ((100, "critical"), (90, "warning"), (75, "caution"))
"""Percent from which on a level holds."""
AGAIN = 60.0
"""Seconds after which whoever was refused may look again: nobody knows when somebody raises a run's budget."""
KEPT = 4096
_DOLLAR = Decimal(10**9)

Publish = Callable[[str, Mapping[str, Any]], None]
"""(event type, data), for the Event Stream. Never waits."""


class Exceeded(PolicyError):
    """A budget lets no call in. The message is the `detail` of the 429."""

    status = 429
    code = "budget_exceeded"

    @property
    def should_retry(self) -> bool | None:
        return self.retry_after is not None and self.retry_after < AGAIN


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose runs may be seen. `tenant` None: nobody is asked for a key, and everybody sees all. `strangers`: lines that other programs
    appended to the files, too, which are nobody's.
    """

    tenant: str | None = None
    strangers: bool = True

    def sees(self, line: Mapping[str, Any]) -> bool:
        if self.tenant is None:
            return True
        return line["tenant"] == self.tenant if "tenant" in line else self.strangers


EVERYBODY = Viewer()


@dataclass(frozen=True, slots=True)
class Booked:
    """What the attempts of one request came to. `at` is when the last one ended, in Unix microseconds."""

    nano: Nano
    input: int
    output: int
    at: int


class Runs:
    """For one event loop. `follower` writes the files of receipts."""

    def __init__(self, till: Till, follower: "Follower", *, publish: Publish | None = None, clock: Clock = now) -> None:
        """`publish` is told of budgets of runs that have reached a mark, each of them once."""
        self._till = till
        self._follower = follower
        self._views = till.views()
        self._clock = clock
        self._full: OrderedDict[Run, tuple[Nano, Nano]] = OrderedDict()
        if publish is not None:
            till.on_alert(lambda notice: publish("budget_alert", alert(notice)))

    # --- budgets ---

    async def limit(self, run: Run, nano: Nano) -> None:
        """What it spent before counts. Raises LedgerDown."""
        await self._till.limit(run, Cap("once", nano))

    async def budget(self, run: Run) -> dict[str, Any]:
        """As GET /budget/{run_id} has it. Raises LedgerDown."""
        standing = await self._standing(run)
        if standing is None:
            return {"run_id": run.name, "budget_set": False, "message": "No budget set for this run"}
        limit, spent = standing.budget.limit, standing.spent
        full = spent >= limit or self._full.get(run) == (limit, spent)
        return {
            "run_id": run.name,
            "budget_set": True,
            "budget_usd": dollars(limit),
            "spent_usd": dollars(spent),
            "remaining_usd": dollars(limit - spent),
            "percent_used": percent(standing),
            "alert_level": "critical" if full else level(spent, limit),
            "can_proceed": not full,
        }

    async def check(self, run: Run) -> None:
        """Raises Exceeded where the run has spent what it may, and LedgerDown."""
        standing = await self._standing(run)
        if standing is not None and standing.spent >= standing.budget.limit:
            raise Exceeded(f"Budget exceeded: {percent(standing):.1f}% used", retry_after=AGAIN)

    async def refusal(self, run: Run | None, error: BudgetSpent | BudgetHeld) -> Exceeded:
        """The till's word as the Gateway says it. Raises LedgerDown."""
        is_held = isinstance(error, BudgetHeld)
        standing = await self._standing(run) if run is not None and error.scope == run.scope else None
        if run is None or standing is None:
            return Exceeded(f"Budget exceeded: {error.message}", retry_after=error.retry_after or self._wait(error))
        told = f"Budget exceeded: {percent(standing):.1f}% used"
        if is_held:
            return Exceeded(f"{told}, and calls in flight hold the rest", retry_after=error.retry_after)
        self._note_full(run, standing)
        return Exceeded(told, retry_after=AGAIN)

    def _wait(self, error: BudgetSpent | BudgetHeld) -> float:
        """Seconds until a budget is renewed."""
        resets = error.headers.get("x-polyglot-budget-resets")
        return AGAIN if resets is None else max(AGAIN, int(resets) - self._clock() / MICRO)

    def _note_full(self, run: Run, standing: Standing) -> None:
        """What was asked for last did not fit, however small it was made: until something changes, nothing is expected to."""
        self._full[run] = standing.budget.limit, standing.spent
        self._full.move_to_end(run)
        if len(self._full) > KEPT:
            self._full.popitem(last=False)

    async def _standing(self, run: Run) -> Standing | None:
        """Under the budget that leaves it least."""
        found = await self._till.standings(run)
        return min(found, key=lambda each: each.budget.limit - each.spent, default=None)

    # --- receipts ---

    async def receipts(self, name: str, viewer: Viewer = EVERYBODY) -> list[dict[str, Any]]:
        """The lines of a run's file, those of other programs too. Raises LedgerDown."""
        await self.written()
        return await asyncio.to_thread(_lines, self._follower.folder, name, viewer)

    async def written(self) -> None:
        """Raises LedgerDown."""
        try:
            await self._follower.written()
        except LedgerError as error:
            raise LedgerDown(str(error)) from error

    async def booked(self, attempts: list[str]) -> Booked:
        """Raises LedgerDown."""
        try:
            found = [each for id_ in attempts if (each := await self._views.attempt(id_)) is not None]
        except LedgerError as error:
            raise LedgerDown(str(error)) from error
        usages = [_usage(each) for each in found]
        return Booked(
            sum(each.cost or 0 for each in found),
            sum(usage.get("input", 0) for usage in usages),
            sum(usage.get("output", 0) for usage in usages),
            max((each.ended_at or 0 for each in found), default=0) or self._clock(),
        )

    # --- sums ---

    async def metrics(self, window: str, viewer: Viewer = EVERYBODY) -> dict[str, Any]:
        """As GET /metrics has it; `window` is one of WINDOWS. Raises LedgerDown."""
        end = self._clock() + 1
        try:
            rows = await self._views.tallies(end - WINDOWS[window] * MICRO, end, viewer.tenant)
        except LedgerError as error:
            raise LedgerDown(str(error)) from error
        total, requests = sum(row.nano for row in rows), sum(row.attempts for row in rows)
        return {
            "window": window,
            "total_cost_usd": dollars(total),
            "total_requests": requests,
            "total_tokens": sum(row.tokens for row in rows),
            "cost_per_request": float(Decimal(total) / _DOLLAR / requests) if requests else 0.0,
            "requests_per_provider": {row.name: row.attempts for row in rows},
            "cost_per_provider": {row.name: dollars(row.nano) for row in rows},
        }


def _usage(attempt: "Attempt") -> Mapping[str, Any]:
    return attempt.ended.get("usage") or {}


def dollars(nano: Nano) -> float:
    return float(Decimal(nano) / _DOLLAR)


def nano_of(usd: float) -> Nano:
    """As the number is written, half a nano-dollar up."""
    return int((Decimal(str(usd)) * _DOLLAR).to_integral_value("ROUND_HALF_UP"))


def level(spent: Nano, limit: Nano) -> str:
    return next((name for percent, name in LEVELS if spent * 100 >= limit * percent), "ok")


def percent(standing: Standing) -> float:
    return float(Decimal(standing.spent) * 100 / standing.budget.limit) if standing.budget.limit else 100.0


def alert(notice: Notice) -> dict[str, Any]:
    """The data of an alert's event: as it is told to webhooks, with the run's name and level where it is a run's."""
    kind, _, named = notice.scope.partition(":")
    tenant, _, run = named.partition("/")
    of_run = {"run_id": run, "tenant": tenant or None} if kind == "run" else {}
    return {
        **notice.document(),
        **of_run,
        "alert_level": level(notice.percent, 100),
        "timestamp": stamp(notice.at),
    }


def _lines(folder: Path, name: str, viewer: Viewer) -> list[dict[str, Any]]:
    """Calls that name no run are found under "default", as at the real Gateway."""
    files = [file_name(None)] if name == DEFAULT else []
    return [line for file in (*files, file_name(name)) for line in _read(folder / file) if viewer.sees(line)]


def _read(path: Path) -> Iterator[dict[str, Any]]:
    """What is no object is somebody's half-written line."""
    try:
        with path.open("rb") as file:
            for raw in file:
                try:
                    found = json.loads(raw)
                except ValueError:
                    continue
                if isinstance(found, dict):
                    yield found
    except FileNotFoundError:
        return


def total(lines: list[dict[str, Any]]) -> float:
    """US dollars, exactly: other programs' lines may say anything."""
    amounts = [line.get("cost_usd") for line in lines]
    known = [Decimal(str(each)) for each in amounts if isinstance(each, int | float) and not isinstance(each, bool)]
    return float(sum((each for each in known if each.is_finite()), Decimal(0)))
