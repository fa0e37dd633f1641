from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from money.ledgers import DAY, KEY, held, settled
from polyglot_cloud.money import database, schema
from polyglot_cloud.money.entries import GENESIS, Entry, canonical, linker, spelled
from polyglot_cloud.money.faults import LedgerBusy, LedgerDamaged, LedgerUnwritable
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.projections import clear, project
from polyglot_cloud.money.store import Balance, Cost, Store, rebuild
from polyglot_cloud.money.verify import verify

HOUR = 3_600_000_000


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "ledger.db", clock=lambda: 10 * HOUR)
    yield opened
    opened.close()


def filled(journal: Journal, *entries: Entry) -> Store:
    journal.write(*entries)
    journal.refreshed()
    return Store(journal.path)


# --- the law: what the database makes of the entries is what a plain reading of them says ---

BUDGETS = st.lists(
    st.sampled_from([DAY, KEY, {"id": "day", "scope": "process", "start": 5}]), max_size=3, unique_by=str
)
ENTRY = st.builds(
    lambda kind, attempt, nano, budgets: Entry(kind, attempt, nano, {"budgets": budgets} if kind == "held" else {}),
    st.sampled_from(["held", "tightened", "settled", "released", "unknown", "freed", "overrun", "repriced"]),
    st.sampled_from(["a1", "a2", "a3"]),
    st.integers(0, 10**12),
    BUDGETS,
)
NAMES = [column.name for column in schema.journal.columns]
RANK = ["held", "unknown", "freed", "released", "settled"]


def plain(entries: list[Entry]) -> tuple[dict[str, Any], dict[tuple[str, int], tuple[int, int]]]:
    """Attempts (state, bound, cost) and balances (spent, held), read one entry after another."""
    attempts: dict[str, dict[str, Any]] = {}
    for entry in entries:
        known = attempts.get(entry.attempt)
        if entry.kind == "held" and (known is None or not known["held"]):
            made = {"held": True, "bound": entry.nano, "budgets": entry.facts["budgets"]}
            attempts[entry.attempt] = {"state": "held", "cost": None, **(known or {}), **made}
        elif entry.kind == "settled" and (known is None or known["state"] != "settled"):
            before = known or {"held": False, "bound": 0, "budgets": []}
            attempts[entry.attempt] = {**before, "state": "settled", "cost": entry.nano}
        elif known is None:
            continue
        elif entry.kind == "tightened":
            known["bound"] = min(known["bound"], entry.nano)
        elif entry.kind == "repriced" and known["state"] == "settled":
            known["cost"] = entry.nano
        elif entry.kind in RANK and RANK.index(entry.kind) > RANK.index(known["state"]):
            known["state"] = entry.kind
    balances: dict[tuple[str, int], tuple[int, int]] = {}
    for known in attempts.values():
        for budget in known["budgets"]:
            spent, open_ = balances.get((budget["id"], budget["start"]), (0, 0))
            spent += known["cost"] if known["state"] == "settled" else 0
            open_ += known["bound"] if known["state"] in {"held", "unknown"} else 0
            balances[budget["id"], budget["start"]] = (spent, open_)
    return {name: (a["state"], a["bound"], a["cost"]) for name, a in attempts.items()}, balances


def stands(connection: Any) -> tuple[dict[str, Any], dict[tuple[str, int], tuple[int, int]]]:
    attempts = connection.execute(select(schema.attempts)).all()
    balances = connection.execute(select(schema.balances)).all()
    return (
        {row.attempt: (row.state, row.bound, row.cost) for row in attempts},
        {(row.budget, row.start): (row.spent, row.held) for row in balances},
    )


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("law") / "ledger.db"
    database.prepare(path)
    with database.writing(path, "NORMAL").connect() as connection:
        with connection.begin():
            schema.migrate(connection)
        yield connection


@given(entries=st.lists(ENTRY, max_size=25), cuts=st.lists(st.integers(1, 25), max_size=4))
def test_projections_are_what_a_plain_reading_of_the_journal_says_however_it_is_cut(
    scratch: Any, entries: list[Entry], cuts: list[int]
) -> None:
    known: dict[str, set[str]] = {}
    order = []  # nobody tightens, releases or frees what was not held, or reprices what was not settled
    for entry in entries:
        kinds = known.setdefault(entry.attempt, set())
        first = "settled" if entry.kind == "repriced" else "held"
        if entry.kind in {"held", "settled"} or first in kinds:
            order.append(entry)
            kinds.add(entry.kind)
    rows, before, link = [], GENESIS, linker(None)
    for seq, entry in enumerate(order, 1):
        facts = spelled(entry.facts)
        before = link(before, canonical(seq, seq, entry.kind, entry.attempt, entry.nano, facts))
        rows.append(dict(zip(NAMES, (seq, seq, entry.kind, entry.attempt, entry.nano, facts, before), strict=True)))
    with scratch.begin() as transaction:
        if rows:
            scratch.execute(schema.journal.insert(), rows)
        places = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
        for after, upto in pairwise(places):
            project(scratch, after, upto)
        stepwise = stands(scratch)
        clear(scratch)
        project(scratch, 0, len(rows))
        assert stands(scratch) == stepwise == plain(order)
        transaction.rollback()


# --- questions ---


def test_balances_attempts_and_alerts(journal: Journal) -> None:
    told = Entry("alerted", "a1", 0, {"budget": "day", "percent": 75, "start": DAY["start"]})
    store = filled(journal, held("a1"), settled("a1"), held("a2"), Entry("tightened", "a2", 300), told, told)
    assert store.balances() == [
        Balance("day", 1_795_305_600, "process", 120, 300),
        Balance("key", 1_795_305_600, "key:key_1", 120, 300),
    ]
    assert store.alerts() == {("day", 1_795_305_600, 75)}
    found = store.attempt("a1")
    assert found is not None
    assert (found.state, found.cost, found.held["call"], found.ended["outcome"]) == (
        "settled",
        120,
        "call_a1",
        "complete",
    )
    open_ = store.attempt("a2")
    assert open_ is not None
    assert (open_.state, open_.bound, open_.cost, open_.ended) == ("held", 300, None, {})
    assert store.attempt("a3") is None
    assert store.projected() == journal.projected == 6


def test_a_second_settlement_counts_for_nothing(journal: Journal) -> None:
    store = filled(journal, held("a1"), settled("a1", 120), settled("a1", 130), Entry("released", "a1"))
    assert [balance.spent for balance in store.balances()] == [120, 120]


def test_unknown_holds_are_listed_and_only_they_can_be_freed(journal: Journal) -> None:
    store = filled(journal, held("a1"), Entry("unknown", "a1", 500), held("a2"))
    assert [attempt.id for attempt in store.unknown()] == ["a1"]
    entry = store.freeing("a1", {"who": "operator"})
    assert (entry.kind, entry.nano, entry.facts) == ("freed", 500, {"who": "operator"})
    filled(journal, entry)
    assert store.unknown() == []
    assert [balance.held for balance in store.balances()] == [500, 500]  # of a2
    for id_, said in (("a1", "it is freed"), ("a2", "it is held"), ("a9", "no such attempt")):
        with pytest.raises(LookupError, match=said):
            store.freeing(id_, {})


def test_what_was_spent_and_costs_by_any_axis(journal: Journal) -> None:
    store = filled(
        journal,
        held("a1"), settled("a1"),
        held("a2", tenant="other"), settled("a2", 880, cost_source="unpriced"),
        held("a3"), held("a4"), Entry("released", "a4"),
    )  # fmt: skip
    assert store.spent(None, None, 0, None) == 120 + 880 + 500
    assert store.spent("tenant", "acme", 0, 11 * HOUR) == 620
    assert store.spent("tenant", "acme", 11 * HOUR, None) == 0
    assert store.costs(0, 11 * HOUR, ["tenant"]) == [
        Cost(("other",), 1, 7, 5, 880, 1),
        Cost(("acme",), 1, 7, 5, 120, 0),
    ]
    assert store.costs(0, 11 * HOUR, tenant="acme") == [Cost((), 1, 7, 5, 120, 0)]
    assert store.costs(0, 10 * HOUR) == []


def test_the_journal_is_read_page_by_page(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyglot_cloud.money.store.PAGE", 2)
    store = filled(journal, *(held(f"a{number}") for number in range(5)), settled("a1"))
    assert [entry.seq for entry in store.entries()] == [1, 2, 3, 4, 5, 6]
    assert [entry.seq for entry in store.entries(3)] == [4, 5, 6]
    assert [(entry.attempt, entry.facts["outcome"]) for entry in store.entries(kinds=["settled"])] == [
        ("a1", "complete")
    ]


# --- made anew ---


def test_a_rebuild_ends_at_the_same_rows(journal: Journal) -> None:
    store = filled(
        journal, *(held(f"a{number}") for number in range(9)), *(settled(f"a{number}") for number in range(4))
    )
    before = store.balances()
    with pytest.raises(LedgerBusy):
        rebuild(journal.path)
    journal.close()
    with database.writing(journal.path, "NORMAL").connect() as connection, connection.begin():
        connection.execute(schema.balances.update().values(spent=1))
    assert verify(journal.path).fault is not None
    assert rebuild(journal.path, stride=4) == 13
    assert store.balances() == before
    assert verify(journal.path).fault is None


def test_what_is_no_ledger_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LedgerUnwritable, match="cannot be opened"):
        Store(tmp_path / "none.db")
    (tmp_path / "text.db").write_bytes(b"it was a dark and stormy night" * 99)
    with pytest.raises(LedgerDamaged, match="no sound database"):
        Store(tmp_path / "text.db")
    with pytest.raises(LedgerDamaged, match="no sound database"):
        rebuild(tmp_path / "text.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(LedgerDamaged, match="without a ledger"):
        Store(tmp_path / "empty.db")
    Journal(tmp_path / "ledger.db").close()
    monkeypatch.setattr("polyglot_cloud.money.store.MIGRATIONS", [*schema.MIGRATIONS, ()])
    with pytest.raises(LedgerDamaged, match="older"):
        Store(tmp_path / "ledger.db")
