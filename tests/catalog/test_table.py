import json
from datetime import date

import pytest

from polyglot_cloud.catalog import Catalog, as_json, as_text, table
from polyglot_cloud.catalog.table import usd_per_million

TODAY = date(2026, 11, 22)


def test_text_has_a_line_a_model_and_aligned_columns(real: Catalog) -> None:
    lines = as_text(table(real, TODAY)).splitlines()
    assert len(lines) == len(real.rows) + 1
    start = lines[0].index("PROVIDER")
    assert all(line[start - 2 : start] == "  " and line[start] != " " for line in lines)
    (argon,) = [line.split() for line in lines if line.startswith("gemini-4-argon ")]
    assert argon[1:9] == ["gemini", "active", "1,048,576", "65,536", "2", "10", "-", "gemini"]
    (grok,) = [line.split() for line in lines if line.startswith("grok-1 ")]
    assert grok[2:8] == ["retired", "-", "-", "-", "-", "-"]


def test_prices_and_states_are_those_of_the_day(real: Catalog) -> None:
    by_id = {line.id: line for line in table(real, date(2026, 12, 1), "gemini")}
    assert {line.provider for line in by_id.values()} == {"gemini"}
    assert by_id["gemini-4-argon"].input_usd_per_million == "4"
    assert (by_id["gemini-2.5-pro"].status, by_id["gemini-2.5-pro"].retires) == ("retired", "2026-12-01")


def test_json_holds_the_same(real: Catalog) -> None:
    rows = json.loads(as_json(table(real, TODAY, "openai")))
    (luna,) = [row for row in rows if row["id"] == "gpt-6-luna"]
    assert luna["input_usd_per_million"] == "0.1"
    assert luna["dialects"] == ["openai_responses", "openai_chat"]
    assert (luna["retires"], luna["context_window"]) == (None, 1050000)


@pytest.mark.parametrize(
    ("pico", "usd"), [(0, "0"), (1, "0.000001"), (75_000, "0.075"), (2_000_000, "2"), (10**8, "100")]
)
def test_usd_is_exact(pico: int, usd: str) -> None:
    assert usd_per_million(pico) == usd
