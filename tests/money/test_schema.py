"""The tables, and the way to them from every version that there ever was."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Inspector, MetaData, inspect, select, text

from polyglot_cloud.money import database, schema
from polyglot_cloud.money.faults import LedgerNewer
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.store import Balance, Store
from polyglot_cloud.money.verify import verify

FIRST = Path(__file__).parent / "version_1.db"
"""Written by the code that had one migration: four entries, of which the last is a hold that nobody settled."""


def test_the_migrations_lead_to_the_tables_that_the_code_asks_of(tmp_path: Path) -> None:
    database.prepare(tmp_path / "ledger.db")
    with database.writing(tmp_path / "ledger.db", "NORMAL").connect() as connection:
        with connection.begin():
            assert schema.migrate(connection) == 0
        database.prepare(tmp_path / "drawn.db")
        drawn = database.writing(tmp_path / "drawn.db", "NORMAL")  # it keeps no connection open
        schema.TABLES.create_all(drawn)
        there, wanted = inspect(connection), inspect(drawn)
        assert there.get_table_names() == wanted.get_table_names() == sorted(schema.TABLES.tables)
        for name in schema.TABLES.tables:
            assert shape(there.get_columns(name)) == shape(wanted.get_columns(name))
            assert (
                there.get_pk_constraint(name)["constrained_columns"]
                == wanted.get_pk_constraint(name)["constrained_columns"]
            )
            assert indexes(there, name) == indexes(wanted, name)


def indexes(inspector: Inspector, name: str) -> list[tuple[object, ...]]:
    found = inspector.get_indexes(name)
    return [
        (index["name"], index["column_names"], str(index.get("dialect_options", {}).get("sqlite_where")))
        for index in found
    ]


def shape(columns: object) -> list[tuple[object, ...]]:
    assert isinstance(columns, list)
    return [
        (column["name"], str(column["type"]), column["nullable"], column["default"] and column["default"].strip("'"))
        for column in columns
    ]


@pytest.mark.parametrize("version", range(len(schema.MIGRATIONS)))
def test_each_version_leads_to_the_last(tmp_path: Path, version: int) -> None:
    path = tmp_path / "ledger.db"
    database.prepare(path)
    with database.writing(path, "NORMAL").connect() as connection:
        with connection.begin():
            schema.migrate(connection, version)
        with connection.begin():
            assert schema.migrate(connection) == version
            assert schema.version_of(connection) == len(schema.MIGRATIONS)
        with connection.begin():
            assert schema.migrate(connection) == len(schema.MIGRATIONS)  # and nothing is to do


def test_a_file_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    shutil.copy(FIRST, path)
    journal = Journal(path)
    journal.close()
    assert (journal.swept, journal.seq) == (1, 5)
    assert Store(path).balances() == [Balance("day", 1_795_305_600, "process", 120, 700)]
    found = Store(path).attempt("a1")
    assert found is not None
    assert (found.state, found.bound, found.cost, found.held["tenant"]) == ("settled", 300, 120, "acme")
    assert verify(path).fault is None


def test_a_failed_migration_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    shutil.copy(FIRST, path)
    monkeypatch.setattr(
        schema, "MIGRATIONS", [*schema.MIGRATIONS, ("CREATE TABLE more (x)", "CREATE TABLE journal (x)")]
    )
    with database.writing(path, "NORMAL").connect() as connection:
        with pytest.raises(database.FAILURES), connection.begin():
            schema.migrate(connection, len(schema.MIGRATIONS))
        with connection.begin():
            assert schema.version_of(connection) == 1
            found = MetaData()
            found.reflect(connection)
            assert sorted(found.tables) == ["journal", "meta"]


def test_a_newer_file_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Journal(path).close()
    with database.writing(path, "NORMAL").connect() as connection, connection.begin():
        connection.execute(text("UPDATE meta SET value = '99' WHERE name = 'version'"))
    with pytest.raises(LedgerNewer, match=r"ledger\.db: it has version 99 .* newer polyglot-cloud"):
        Journal(path)
    with pytest.raises(LedgerNewer, match="newer"):
        Store(path)


def test_the_sql_of_the_writer_is_compiled_with_the_driver_s_own_marks() -> None:
    one = "INSERT INTO journal (seq, at, kind, attempt, nano, facts, hash) VALUES (?, ?, ?, ?, ?, ?, ?)"
    assert schema.APPEND[1] == one
    assert schema.APPEND[4] == one + 3 * ", (?, ?, ?, ?, ?, ?, ?)"


def test_alerts_are_found_by_their_index(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Journal(path).close()
    asked = select(schema.journal).where(schema.ABOUT_ALERTS, schema.journal.c.at >= 5)
    with database.reading(path).connect() as connection:
        spelled = str(asked.compile(compile_kwargs={"literal_binds": True}))
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {spelled}").all()
    assert "USING INDEX journal_alerts" in str(plan)
