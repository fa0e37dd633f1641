"""An alert as it is told: in the ledger, in the log, to who listens and to webhooks. Pure.

A notice stands in the journal as an entry of kind `alerted`, and what became of its delivery as one of kind `delivered` or
`undelivered` that names its number.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from polyglot_cloud import wire
from polyglot_cloud.amounts import LARGEST, Nano, shown
from polyglot_cloud.money.budgets import Alert
from polyglot_cloud.money.entries import Entry
from polyglot_cloud.money.periods import window

_FACTS = ("budget", "scope", "period", "percent", "limit", "start", "end")


@dataclass(frozen=True, slots=True)
class Notice:
    """`percent` of a budget's limit is spent in its window [start, end), in Unix seconds; end None: it never ends.

    Amounts are nano-dollars; `at` is when it was seen, in Unix microseconds. Of one budget and window there is one for each percent.
    """

    budget: str
    scope: str
    period: str
    percent: int
    spent: Nano
    limit: Nano
    start: int
    end: int | None
    at: int

    @classmethod
    def of(cls, alert: Alert, at: int) -> "Notice":
        budget = alert.budget
        span = window(budget.period, alert.start, ZoneInfo(budget.zone))
        return cls(
            budget.id, budget.scope, budget.period, alert.percent, alert.spent, budget.limit, span.start, span.end, at
        )

    @classmethod
    def read(cls, entry: Entry) -> "Notice | None":
        """What `entry` wrote; None for an entry that does not say enough to be told to anybody."""
        if any(name not in entry.facts for name in _FACTS):
            return None
        return cls(**{name: entry.facts[name] for name in _FACTS}, spent=entry.nano, at=entry.at)

    def entry(self) -> Entry:
        return Entry("alerted", "", min(self.spent, LARGEST), {name: getattr(self, name) for name in _FACTS}, self.at)

    def id(self, ledger: bytes) -> str:
        """The same whenever and however often it is told; `ledger` is what tells the ledger from others: its first entry's hash."""
        named = wire.encode([self.budget, self.start, self.percent])
        return f"alr_{hashlib.sha256(ledger + named).hexdigest()[:24]}"

    def document(self) -> dict[str, Any]:
        """As JSON for strangers: amounts as decimal text in US dollars, times as in RFC 3339, in UTC."""
        return {
            "event": "budget_alert",
            "budget": self.budget,
            "scope": self.scope,
            "period": self.period,
            "percent": self.percent,
            "spent_usd": shown(self.spent).removeprefix("$"),
            "limit_usd": shown(self.limit).removeprefix("$"),
            "window": {"start": moment(self.start), "end": None if self.end is None else moment(self.end)},
            "at": moment(self.at // 1_000_000),
        }


def moment(seconds: int) -> str:
    """Unix seconds as 2026-11-23T09:30:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
