"""What calls cost over the whole catalog. Expected sums come from the TOML text and the rules as they are told in docs/money.md."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

import pytest

from money.tomlprices import Row, nano, rows
from polyglot_cloud.catalog import Catalog
from polyglot_cloud.money.cost import bound_of, cost_of
from polyglot_cloud.neutral import Usage
from polyglot_cloud.rows import Price

TIERS = {"standard": None, "batch": "batch", "flex": "flex", "priority": "priority"}
WRITES = {
    "cache_write_5m": "cache_write",
    "cache_write_30m": "cache_write",
    "cache_write": "cache_write",
    "cache_write_1h": "cache_write_1h",
    "cache_write_12h": "cache_write_12h",
}


@dataclass
class Case:
    """`tokens` counts by the row's kinds; `table` is the tier whose rates are expected; `calls` are dollars beside the tokens."""

    name: str
    row: Row
    usage: Usage
    tokens: dict[str, int]
    table: str = "standard"
    estimated: set[str] = field(default_factory=set)
    unpriced: set[str] = field(default_factory=set)
    calls: dict[str, Fraction] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.row.model}-{self.row.since}-{self.name}"

    def expected(self) -> int:
        tables = self.row.at(self.usage.input)
        tokens = sum((count * rate_of(kind, self.table, tables) for kind, count in self.tokens.items()), Fraction(0))
        return nano(tokens + sum(self.calls.values()) * 1_000_000)


def rate_of(kind: str, tier: str, tables: dict[str, dict[str, Fraction]]) -> Fraction:
    """A row's own rate; or the dearest that could apply."""
    if kind in tables[tier]:
        return tables[tier][kind]
    standard, base = tables["standard"], "output" if kind in {"output", "reasoning_output"} else "input"
    writes = [
        rate for name, rate in tables[tier].items() if kind.startswith("cache_write") and name.startswith("cache_write")
    ]
    if tier == "standard":
        return max([standard[base], *writes])
    if kind == base:
        return standard[kind]
    usual, own = rate_of(kind, "standard", tables), tables[tier][base]
    return own if usual == standard[base] else max([own, usual, usual * own / standard[base], *writes])


def plain(row: Row) -> Iterator[Case]:
    yield Case("plain", row, Usage(1234, 567), {"input": 1234, "output": 567})
    yield Case("few", row, Usage(7, 3, tier="default"), {"input": 7, "output": 3})
    yield Case("one", row, Usage(1, 0, tier="standard"), {"input": 1})
    reasoned = {"input": 1000, "output": 100, "reasoning_output": 900}
    yield Case("reasoning", row, Usage(1000, 1000, reasoning=900), reasoned)
    ticks = Usage(1000, 1000, details={"cost_usd_ticks": 123_456_785})
    yield Case("fast", row, Usage(900, 80, tier="fast"), {"input": 900, "output": 80}, *of_fast(row))
    yield Case("ticks", row, ticks, {})


def of_fast(row: Row) -> tuple[str, set[str], set[str]]:
    if "fast" in row.tables:
        return "fast", set(), set()
    return ("priority", set(), set()) if "priority" in row.tables else ("standard", set(), {"fast"})


def cached(row: Row) -> Iterator[Case]:
    standard = row.tables["standard"]
    if "cache_read" in standard:
        yield Case("cached", row, Usage(10_001, 9, cached=9_876), {"input": 125, "cache_read": 9_876, "output": 9})
        yield Case("all-cached", row, Usage(777, 0, cached=777), {"cache_read": 777})
    if "cache_write" in standard:
        for kind, rate in WRITES.items():
            guessed = set() if rate in standard else {rate}
            usage = Usage(5_003, 11, cached=1_000, details={kind: 3_001})
            tokens = {"input": 1_002, "cache_read": 1_000, rate: 3_001, "output": 11}
            yield Case(kind, row, usage, tokens, estimated=guessed)


def long(row: Row) -> Iterator[Case]:
    if row.long:
        for step in (-1, 0, 1):
            prompt = row.long[0] + step
            yield Case(f"long{step:+}", row, Usage(prompt, 1_000), {"input": prompt, "output": 1_000})
            if "cache_read" in row.tables["standard"]:
                usage = Usage(prompt, 1_000, cached=prompt - 10)
                yield Case(
                    f"long-cached{step:+}", row, usage, {"input": 10, "cache_read": prompt - 10, "output": 1_000}
                )
            for tier in sorted(row.tables.keys() - {"standard"}):
                usage = Usage(prompt, 1_000, tier=tier)
                yield Case(f"long-{tier}{step:+}", row, usage, {"input": prompt, "output": 1_000}, tier)


def tiers(row: Row) -> Iterator[Case]:
    for tier in ("batch", "flex", "priority"):
        if tier not in row.tables:
            noted = {"unpriced": {tier}} if tier == "priority" else {"estimated": {tier}}
            yield Case(f"no-{tier}", row, Usage(600, 5, tier=tier), {"input": 600, "output": 5}, **noted)
            continue
        own = row.tables[tier]
        guessed = set() if "output" in own else {"output"}
        yield Case(tier, row, Usage(600, 5, tier=tier.upper()), {"input": 600, "output": 5}, tier, guessed)
        if "cache_read" in row.tables["standard"]:
            guessed = set() if "cache_read" in own else {"cache_read"}
            usage = Usage(600, 5, cached=500, tier=tier)
            yield Case(f"{tier}-cached", row, usage, {"input": 100, "cache_read": 500, "output": 5}, tier, guessed)


def audio(row: Row) -> Iterator[Case]:
    if "input_audio" in row.tables["standard"]:
        usage = Usage(2_000, 0, details={"input_audio": 1_500, "input_image": 100})
        yield Case("audio", row, usage, {"input": 500, "input_audio": 1_500})


def searches(row: Row) -> Iterator[Case]:
    usage, tokens = Usage(10, 20, details={"web_search_calls": 3}), {"input": 10, "output": 20}
    if not row.calls:
        yield Case("searches", row, usage, tokens, unpriced={"web_search_calls"})
    elif "web_search" in row.calls:
        yield Case("searches", row, usage, tokens, calls={"web_search": 3 * row.calls["web_search"]})
    else:
        yield Case("searches", row, usage, tokens, calls={"web_search_request": row.calls["web_search_request"]})


def fast(row: Row) -> Iterator[Case]:
    for kind in sorted(row.tables.get("fast", {}).keys() - {"input", "output", "cache_read"}):
        usage = Usage(900, 80, cached=400, details={kind: 300}, tier="fast")
        yield Case(f"fast-{kind}", row, usage, {"input": 200, "cache_read": 400, kind: 300, "output": 80}, "fast")


CASES = [case for row in rows() for kind in (plain, cached, long, tiers, audio, searches, fast) for case in kind(row)]


def price_of(real: Catalog, row: Row, day: date | None = None) -> Price | None:
    return real.names[row.provider][row.model].price_on(day or row.since)


def test_there_is_something_to_count() -> None:
    assert len(CASES) > 600
    assert len({case.id for case in CASES}) == len(CASES)
    assert {case.row.model for case in CASES if case.name == "audio"} >= {"gemini-2.5-flash", "gemini-embedding-2"}
    assert {kind for case in CASES for kind in case.calls} == {"web_search", "web_search_request"}
    assert {case.row.model for case in CASES if case.name.startswith("fast-")} >= {"claude-opus-5-5", "claude-opus-5"}
    assert {case.row.long[0] for case in CASES if case.row.long} == {272_001, 100_001, 200_001, 200_000}


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_what_it_costs(real: Catalog, case: Case) -> None:
    price = price_of(real, case.row)
    assert price
    cost = cost_of(case.usage, price)
    if case.name == "ticks":
        assert (cost.nano, cost.source, cost.parts) == (12_345_679, "ticks", {"ticks": 12_345_678_500})
        return
    assert cost.nano == case.expected()
    assert cost.source == "rates"
    assert set(cost.unpriced) == case.unpriced
    assert set(cost.estimated) == case.estimated
    assert cost.parts.keys() == case.tokens.keys() | case.calls.keys()
    called = nano(sum(case.calls.values(), Fraction(0)) * 1_000_000)
    assert bound_of(case.usage.input, case.usage.output, price) + called >= cost.nano


@pytest.mark.parametrize("row", rows(), ids=[f"{row.model}-{row.since}" for row in rows()])
def test_a_row_counts_from_its_day_until_the_next(real: Catalog, row: Row) -> None:
    usage = Usage(1_000, 1_000)
    expected = nano(1_000 * (row.tables["standard"]["input"] + row.tables["standard"]["output"]))
    last = row.until - timedelta(days=1) if row.until else date(2099, 12, 31)
    assert cost_of(usage, price_of(real, row)).nano == cost_of(usage, price_of(real, row, last)).nano == expected
    if row.until:
        assert cost_of(usage, price_of(real, row, row.until)).nano != expected


@pytest.mark.parametrize(
    ("model", "last", "first"),
    [
        ("gemini-4-argon", date(2026, 11, 30), date(2026, 12, 1)),
        ("gemini-4-carbon", date(2026, 11, 30), date(2026, 12, 1)),
        ("gemini-3.8-flash", date(2026, 12, 31), date(2027, 1, 1)),
        ("gemini-3.7-flash", date(2026, 12, 31), date(2027, 1, 1)),
        ("gemini-3.6-flash", date(2026, 12, 31), date(2027, 1, 1)),
    ],
)
def test_what_is_announced_doubles_on_its_day(real: Catalog, model: str, last: date, first: date) -> None:
    row, usage = real.names["gemini"][model], Usage(1_000_000, 1_000_000, cached=400_000)
    assert cost_of(usage, row.price_on(first)).nano == 2 * cost_of(usage, row.price_on(last)).nano


def test_before_its_first_row_nobody_knows_a_price(real: Catalog) -> None:
    row = real.names["gemini"]["gemini-4-argon"]
    cost = cost_of(Usage(10, 5), row.price_on(date(2026, 10, 12)))
    assert (cost.nano, cost.source, cost.unpriced) == (0, "unpriced", ("input", "output"))
