"""GET /v1/receipts/{id} and GET /v1/usage: a caller's own attempts, and what they cost."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polyglot_cloud.amounts import shown
from polyglot_cloud.errors import BadRequest, LedgerDown, UnknownPath
from polyglot_cloud.money.faults import LedgerError
from polyglot_cloud.money.views import Views, receipt

T = TypeVar("T")
LONGEST = 366
"""Days that one question may cover."""
DAY = 86_400_000_000
"""Microseconds of a day in UTC."""


class Ledger:
    """`views` None: this process keeps no ledger. With keys, everybody sees what its own key spent, and the receipts of its tenant."""

    def __init__(self, views: Views | None, today: Callable[[], date]) -> None:
        self._views = views
        self._today = today

    async def one(self, request: Request) -> Response:
        """Raises UnknownPath for a receipt that is not there, and for one of another tenant."""
        id_: str = request.path_params["id"]
        found = await _read(self._kept().attempt(id_))
        caller = request.scope.get("caller")
        if found is None or (caller is not None and not caller.sees(found.held.get("tenant"))):
            raise UnknownPath(f"There is no receipt {id_[:64]!r}.", code="receipt_not_found")
        return JSONResponse(receipt(found))

    async def usage(self, request: Request) -> Response:
        """`?since=2026-11-01&until=2026-11-30`, days in UTC, both counted; today where nothing is said. By model."""
        since, until = self._days(request)
        caller = request.scope.get("caller")
        only = {"key": caller.key} if caller is not None else {}
        rows = await _read(self._kept().costs(_start(since), _start(until) + DAY, ["provider", "answered"], **only))
        data = [
            {
                "provider": row.by[0], "model": row.by[1], "attempts": row.attempts, "input_tokens": row.input,
                "output_tokens": row.output, "cost_usd": _usd(row.nano), "unpriced": row.unpriced,
            }
            for row in rows
        ]  # fmt: skip
        return JSONResponse({
            "object": "usage", "since": since.isoformat(), "until": until.isoformat(),
            "key": caller.key if caller is not None else None, "cost_usd": _usd(sum(row.nano for row in rows)), "data": data,
        })  # fmt: skip

    def _kept(self) -> Views:
        if self._views is None:
            raise UnknownPath("This process keeps no ledger.")
        return self._views

    def _days(self, request: Request) -> tuple[date, date]:
        since, until = (_day(request.query_params.get(name), name) or self._today() for name in ("since", "until"))
        if until < since or (until - since).days >= LONGEST:
            raise BadRequest(
                f"until must not be before since, and at most {LONGEST} days may be asked for.", param="until"
            )
        return since, until


async def _read(found: Awaitable[T]) -> T:
    """Raises LedgerDown."""
    try:
        return await found
    except LedgerError as error:
        raise LedgerDown(f"{error} What is booked cannot be told meanwhile.") from error


def _day(text: str | None, name: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{name} must be a date, as 2026-11-01.", param=name) from None


def _start(day: date) -> int:
    """Its first moment in UTC, in Unix microseconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def _usd(nano: int) -> str:
    return shown(nano).removeprefix("$")
