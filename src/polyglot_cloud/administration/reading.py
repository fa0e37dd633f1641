"""What the bodies of requests say, in the words of the configuration file. All faults at once, each with the member it is about."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from polyglot_cloud import grants, wire
from polyglot_cloud.administration import spans
from polyglot_cloud.grants import ALERTS, LIMITS, PERIODS, Cap, Grant
from polyglot_cloud.settings.problems import Problem
from polyglot_cloud.settings.tables import Table, count, known, of_text, one_of, text
from polyglot_cloud.settings.values import usd
from polyglot_cloud.tenancy import UNCHANGED
from polyglot_cloud.tenancy.records import Unchanged

T = TypeVar("T")
LONGEST = 512
"""Characters of a title, a reason, a name for people."""


class BadBody(ValueError):
    """`faults` are (member, reason)."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{member} {reason}" if member else reason for member, reason in faults))


@dataclass(frozen=True, slots=True)
class Words:
    """What may be named in bodies."""

    providers: Collection[str]


class Body:
    """The members of one request's body. Every reader asks for what it knows; `close` refuses the rest. Raises BadBody."""

    def __init__(self, raw: bytes, words: Words) -> None:
        try:
            value = wire.decode(raw) if raw.strip() else {}
        except wire.InvalidJson as error:
            raise BadBody([("", f"The body is not JSON: {error}")]) from None
        if not isinstance(value, dict):
            raise BadBody([("", "The body must be a JSON object.")])
        self._words = words
        self._faults: list[Problem] = []
        self._table = Table("", "body", value, self._faults)

    def __contains__(self, member: str) -> bool:
        return member in self._table.values

    def title(self) -> str | None:
        return self._take("title", _short, None)

    def need(self, member: str) -> str:
        return self._table.need(member, text, "")

    def why(self) -> str:
        return self._table.need("why", _short, "")

    def parent(self) -> str | Unchanged | None:
        """None, which is null in the body, makes it a tenant without."""
        found = self._take("parent", text, None)
        return found if "parent" in self else UNCHANGED

    def expires(self, now: int, member: str = "expires") -> int | None:
        return self._take(member, of_text(lambda value: spans.end(value, now)), None)

    def grace(self) -> int:
        return self._take("grace", of_text(spans.span), 0)

    def grant(self, old: Grant) -> Grant:
        """`old` with the parts that are given; each replaces what was there, null takes it away."""
        words, table = self._words, self._table
        faces = [*words.providers, "any"]
        readers: dict[str, Callable[[str], Any]] = {
            "providers": lambda part: table.each(part, known(words.providers, "provider")),
            "models": lambda part: table.each(part, of_text(grants.model_pattern)),
            "faces": lambda part: table.each(part, known(faces, "face")),
            "aliases": lambda part: table.pairs(part, grants.word, of_text(self._alias_target)),
            "limits": lambda part: table.pairs(part, one_of(LIMITS), count),
            "budgets": self._budgets,
            "tags": lambda part: table.each(part, of_text(grants.word)),
        }
        changes = {}
        for part, read in readers.items():
            table.asked.add(part)
            if part in self:
                changes[part] = getattr(Grant(), part) if table.values[part] is None else read(part)
        return replace(old, **changes)

    def close(self) -> None:
        self._table.close()
        if self._faults:
            raise BadBody([(problem.variable or "", problem.message) for problem in self._faults])

    def _take(self, member: str, read: Callable[[Any], T], default: T) -> T:
        self._table.asked.add(member)
        if self._table.values.get(member) is None:
            return default
        return self._table.take(member, read, default)

    def _alias_target(self, target: str) -> str:
        known(self._words.providers, "provider")(grants.alias_target(target).partition("/")[0])
        return target

    def _budgets(self, part: str) -> tuple[Cap, ...]:
        found: list[Cap] = []
        for number, item in enumerate(self._table.take(part, _objects, []), 1):
            inner = Table(f"{part}[{number}]", "body", item, self._faults)
            cap = _cap(inner)
            if cap is not None and any(cap.period == other.period for other in found):
                inner.fault("is a second one for this period; keep one", "period")
            elif cap is not None:
                found.append(cap)
        return tuple(found)


def _cap(table: Table) -> Cap | None:
    period = table.need("period", one_of(PERIODS), None)
    limit = table.need("limit_usd", _usd, None)
    zone = None if table.values.get("zone") is None else table.take("zone", of_text(grants.zone), None)
    table.asked.add("zone")
    alerts = table.take("alerts", _percents, ALERTS)
    table.close()
    if period is None or limit is None:
        return None
    return Cap(next(each for each in PERIODS if each == period), limit, zone, alerts)


def _usd(value: Any) -> int:
    """As text, or as a whole number: a fraction in JSON is read as a float by half of its readers."""
    if not isinstance(value, str) and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError('must be an amount in US dollars as text, such as "10.50", or a whole number')  # noqa: TRY004  # readers raise one kind of error
    return usd(value)


def _percents(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise ValueError("must be a list of percents such as [75, 90, 100]")  # noqa: TRY004  # readers raise one kind of error
    return grants.alerts(tuple(count(percent) for percent in value))


def _objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        raise ValueError(
            "must be a list of objects with something in it; leave it out to restrict nothing, null takes it away"
        )
    return value


def _short(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or not value.isprintable():
        raise ValueError(f"must be a printable text of at most {LONGEST} characters")
    return value
