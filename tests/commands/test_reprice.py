"""History restated: over a ledger as the till writes it, with a catalog of the user's own that corrects prices."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud import cli
from polyglot_cloud.booking import Prices, spelled
from polyglot_cloud.catalog import load
from polyglot_cloud.commands import reprice
from polyglot_cloud.commands.ledger import Place
from polyglot_cloud.grants import BudgetRow
from polyglot_cloud.money.budgets import Budget
from polyglot_cloud.money.entries import Entry
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.opening import open_till
from polyglot_cloud.money.receipts import Receipts
from polyglot_cloud.money.repricing import usage_of
from polyglot_cloud.money.store import Store, rebuild
from polyglot_cloud.money.verify import verify
from polyglot_cloud.money.views import receipt
from polyglot_cloud.neutral import Usage

DAY = 86_400 * 1_000_000
FIRST = int(datetime(2026, 11, 20, 23, 59, 50, tzinfo=UTC).timestamp()) * 1_000_000
WINDOW = {"id": "process/month", "scope": "process", "start": int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())}
CATALOG = """
[[provider]]
name = "local"
adapter = "openai"
base_url = "http://127.0.0.1:11434/v1"
key_variables = []
"""
MODEL = """
[[model]]
id = "{model}"
provider = "local"
offers = [{{ dialect = "openai_chat", needs = [] }}]
context_window = 1000
max_output = 1000
source = "ours"
checked = 2026-11-01
price = [{prices}]
"""
PRICE = '{{ effective_from = {day}, source = "{source}", standard = {{ input = {input}, output = {output} }} }}'


def catalog(**models: list[tuple[str, str, str]]) -> None:
    """The user's file: by model, (day, input, output) of each price row."""
    text = CATALOG
    for model, rows in models.items():
        prices = [PRICE.format(day=day, source=f"{model} {day}", input=cost, output=out) for day, cost, out in rows]
        text += MODEL.format(model=model, prices=", ".join(prices))
    Path("own.toml").write_text(text)


def attempt(
    name: str, model: str, nano: int, source: str, *, at: int = FIRST, usage: dict[str, Any] | None = None, **more: Any
) -> list[Entry]:
    given = {"input": 300, "output": 20} if usage is None else usage
    held = {"provider": "local", "wire_model": model, "model": model, "tenant": "acme", "run": "r", "budgets": [WINDOW]}
    ended = {"model": model, "usage": given, "cost_source": source, "outcome": "complete", "price": None, **more}
    return [Entry("held", name, 10_000_000, held, at), Entry("settled", name, nano, ended, at + 20_000_000)]


LEDGER = [
    *attempt("wrong", "m", 999, "rates"),  # begun on the 20th, ended on the 21st
    *attempt("right", "m", 300 * 2_000 + 20 * 4_000, "rates"),
    *attempt("old", "m", 300 * 1_000 + 20 * 1_000, "rates", at=FIRST - DAY),
    *attempt("unpriced", "n", 0, "unpriced"),
    *attempt("nothing kept", "n", 0, "unpriced", usage={}),
    *attempt("ticks", "m", 777, "ticks", usage={"input": 3, "output": 1, "cost_usd_ticks": 7_770}),
    *attempt("bound", "m", 5, "bound", usage={"input": 1000, "output": 1000}, estimated=True),
    *attempt("gone", "nowhere", 12, "rates"),
    Entry("held", "open", 50, {"provider": "local", "wire_model": "m", "budgets": [WINDOW]}, FIRST),
    *attempt("given back", "m", 5, "rates")[:1],
    Entry("released", "given back", 0, {"outcome": "failed"}, FIRST),
]
COSTS = {
    "wrong": 680_000, "right": 680_000, "old": 320_000, "unpriced": 300 * 10_000 + 20 * 10_000, "nothing kept": 0, "ticks": 777,
    "bound": 1000 * 2_000 + 1000 * 4_000, "gone": 12,
}  # fmt: skip


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLYGLOT_CATALOG", "own.toml")
    catalog(
        m=[("2026-11-01", "1", "1"), ("2026-11-21", "2", "4"), ("2026-11-23", "90", "90")],
        n=[("2026-11-01", "10", "10")],
    )
    path = tmp_path / "artifacts" / "polyglot.sqlite3"
    journal = Journal(path)
    journal.write(*LEDGER)
    journal.close()
    receipts = Receipts(Path("artifacts/costs"), Store(path))
    receipts.catch_up()
    receipts.save()
    receipts.close()
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(["reprice", "--since", "2026-11-01", *arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


def costs(ledger: Path) -> dict[str, int | None]:
    store = Store(ledger)
    found = {name: store.attempt(name) for name in COSTS}
    return {name: each.cost for name, each in found.items() if each}


def spent(ledger: Path) -> int:
    return next(balance.spent for balance in Store(ledger).balances() if balance.budget == "process/month")


def test_every_attempt_costs_what_its_day_and_usage_say(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told, _ = run(capsys, "--yes")
    assert (status, told.splitlines()[-1]) == (0, "3 attempts were repriced.")
    assert [line.split() for line in told.splitlines()[1:3]] == [
        ["local", "m", "2", "0.000001004", "0.00668", "0.006678996"], ["local", "n", "1", "0.00", "0.0032", "0.0032"],
    ]  # fmt: skip
    assert costs(ledger) == COSTS
    assert spent(ledger) == sum(COSTS.values())
    assert verify(ledger).fault is None
    fixed = {entry.attempt: entry for entry in Store(ledger).entries(kinds=["repriced"])}
    assert set(fixed) == {"wrong", "unpriced", "bound"}
    first = fixed["wrong"].facts
    assert (first["replaces"], first["was"], first["price"]) == (
        2,
        999,
        {"from": "2026-11-21", "source": "m 2026-11-21"},
    )
    assert "@" in first["who"]
    assert [fixed[name].facts["cost_source"] for name in ("unpriced", "bound")] == ["rates", "bound"]


def test_a_second_run_changes_nothing(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "--yes")
    before = Store(ledger).balances()
    assert run(capsys, "--yes") == (0, "Every attempt since 2026-11-01 costs what the catalog says.\n", "")
    assert run(capsys, "--yes", "--json")[1] == "[]\n"
    assert Store(ledger).balances() == before


def test_twice_repriced_names_the_last(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "--yes")
    (before,) = [entry for entry in Store(ledger).entries(kinds=["repriced"]) if entry.attempt == "unpriced"]
    catalog(m=[("2026-11-01", "1", "1"), ("2026-11-21", "2", "4")], n=[("2026-11-01", "1", "1")])
    run(capsys, "--yes")
    last = list(Store(ledger).entries(kinds=["repriced"]))[-1]
    assert (last.attempt, last.nano, last.facts["replaces"], last.facts["was"]) == (
        "unpriced", 320_000, before.seq, 3_200_000,
    )  # fmt: skip
    assert costs(ledger) == {**COSTS, "unpriced": 320_000}
    assert verify(ledger).fault is None
    entries = rebuild(ledger)
    assert (entries, costs(ledger)) == (last.seq, {**COSTS, "unpriced": 320_000})


def test_what_is_told_of_it_is_the_new_price(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "--yes")
    store = Store(ledger)
    attempt = store.attempt("unpriced")
    assert attempt is not None
    told = receipt(attempt)
    assert (told["cost_usd"], told["cost_source"], told["price"]["source"]) == ("0.0032", "rates", "n 2026-11-01")
    assert told["repriced"] == {"was_usd": "0.00", "replaces": 8}
    plain = store.attempt("right")
    assert plain is not None
    assert "repriced" not in receipt(plain)
    (row,) = store.costs(0, 2**62, ["provider"])
    assert (row.nano, row.unpriced) == (sum(COSTS.values()), 1)


def test_files_of_receipts_follow(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "--yes")
    file = Path("artifacts/costs/r.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert sum(line["cost_nano"] for line in lines) == sum(COSTS.values())
    followed = file.read_bytes()
    cli.main(["receipts", "rebuild"])
    assert file.read_bytes() == followed


def test_budgets_follow_at_the_next_start(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "--yes")
    budget = Budget("process/month", "process", "month", 10**9)
    till = open_till(ledger, [BudgetRow("process", "month", 10**9, "UTC")], clock=lambda: FIRST + 2 * DAY)
    standing = till.standing(budget)
    till.close()
    assert standing.spent == sum(COSTS.values()) + 50  # and what nobody knows the end of


def test_days_and_models_narrow_it(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(run(capsys, "--dry-run", "--json", "--model", "n")[1])
    assert [(row["model"], row["attempts"]) for row in rows] == [("n", 1)]
    assert "costs what the catalog says" in run(capsys, "--dry-run", "--until", "2026-11-19")[1]
    assert cli.main(["reprice", "--since", "2026-11-21", "--dry-run"]) == 0
    assert "costs what the catalog says" in capsys.readouterr().out


def test_a_dry_run_writes_nothing_beside_a_running_gateway(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = costs(ledger)
    journal = Journal(ledger)
    shown = run(capsys, "--dry-run")
    refused = run(capsys, "--yes")
    journal.close()
    assert (shown[0], "difference" in shown[1].lower()) == (0, True)
    assert (refused[0], "Stop it first" in refused[2]) == (1, True)
    assert costs(ledger) == before


def test_nothing_is_written_unasked(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told, complaint = run(capsys)
    assert (status, told, "Add --yes" in complaint) == (1, "", True)


@pytest.mark.parametrize(("agreed", "said"), [(True, "3 attempts were repriced."), (False, "Nothing was written.")])
def test_who_is_asked_may_say_no(ledger: Path, agreed: bool, said: str) -> None:
    parsed = cli.build_parser().parse_args(["reprice", "--since", "2026-11-01"])
    prices = Prices(load(overlay=Path("own.toml")), lambda: date(2026, 11, 23))
    asked: list[str] = []

    def ask(text: str) -> bool:
        asked.append(text)
        return agreed

    told = reprice.tell(parsed, Place(ledger, Path("artifacts/costs")), lambda *of: prices.priced_on(*of)[1], ask)
    assert said in told.text
    assert "DIFFERENCE" in asked[0]


@pytest.mark.parametrize(("word", "agreed"), [("y", True), ("", False)])
def test_at_a_terminal(word: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reprice.asked_at_the_terminal("") is None
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: word)
    assert reprice.asked_at_the_terminal("") is agreed


USAGES = st.builds(
    Usage,
    st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9),
    st.dictionaries(st.sampled_from(["cache_write_1h", "input_audio", "web_search_calls"]), st.integers(1, 9)),
    st.none() | st.sampled_from(["flex", "default"]),
)  # fmt: skip


@given(USAGES)
def test_usage_comes_back_from_the_ledger_as_it_was(usage: Usage) -> None:
    assert usage_of(spelled(usage)) == usage


def test_a_crash_between_two_runs_is_made_good(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first correction is there, the others are not."""
    run(capsys, "--yes", "--model", "n")
    assert costs(ledger)["wrong"] == 999
    run(capsys, "--yes")
    assert costs(ledger) == COSTS
