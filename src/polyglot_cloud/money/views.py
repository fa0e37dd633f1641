"""What a running gateway tells of its own ledger: one attempt, and sums. Queries run in a thread; what was added before is in them."""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from polyglot_cloud.amounts import shown
from polyglot_cloud.money.journal import Journal

if TYPE_CHECKING:
    from polyglot_cloud.money.store import Attempt, Axis, Cost, Store, Tally

_OF_THE_START = (
    "call",
    "tenant",
    "key",
    "run",
    "agent",
    "provider",
    "face",
    "client_dialect",
    "upstream_dialect",
    "wire_model",
)
_OF_THE_END = (
    "usage", "price", "cost_source", "estimated", "unpriced", "timings", "outcome", "status", "losses", "edits", "error",
)  # fmt: skip
_OF_A_PRICE = ("price", "cost_source", "estimated", "unpriced")
"""What a correction of the price says anew."""


class Views:
    """Of one open ledger."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    @cached_property
    def _store(self) -> "Store":
        from polyglot_cloud.money.store import Store  # noqa: PLC0415  # it imports SQLAlchemy

        return Store(self._journal.path)

    async def attempt(self, id_: str) -> "Attempt | None":
        """Raises LedgerError."""
        await self._journal.refresh()
        return await asyncio.to_thread(self._store.attempt, id_)

    async def costs(self, start: int, end: int, by: "Sequence[Axis]", **only: str) -> "list[Cost]":
        """Settled attempts begun in [start, end) Unix microseconds. Raises LedgerError."""
        await self._journal.refresh()
        return await asyncio.to_thread(lambda: self._store.costs(start, end, by, **only))

    async def tallies(self, start: int, end: int, tenant: str | None = None) -> "list[Tally]":
        """See `Store.tallies`. Raises LedgerError."""
        await self._journal.refresh()
        return await asyncio.to_thread(self._store.tallies, start, end, tenant)


def receipt(attempt: "Attempt") -> dict[str, Any]:
    """An attempt as it is told to who made it. Amounts as decimal text in US dollars, times in Unix microseconds."""
    held, ended = attempt.held, attempt.ended
    if (fixed := attempt.repriced) is not None:
        kept = {name: value for name, value in ended.items() if name not in _OF_A_PRICE}
        ended = {**kept, **{name: fixed[name] for name in _OF_A_PRICE if name in fixed}}
    return {
        "id": attempt.id,
        "object": "receipt",
        "state": attempt.state,
        "begun_at": attempt.held_at,
        "ended_at": attempt.ended_at,
        "model": ended.get("model"),
        "asked": held.get("model"),
        "cost_usd": None if attempt.cost is None else _usd(attempt.cost),
        "bound_usd": _usd(attempt.bound) if attempt.bound else None,
        **{name: held.get(name) for name in _OF_THE_START},
        **{name: ended[name] for name in _OF_THE_END if name in ended},
        **({"repriced": {"was_usd": _usd(fixed["was"]), "replaces": fixed["replaces"]}} if fixed else {}),
    }


def _usd(nano: int) -> str:
    return shown(nano).removeprefix("$")
