import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect

from polyglot_cloud.swarm.faults import StoreUnusable
from polyglot_cloud.swarm.store import MIGRATIONS, Run, Store, metadata
from swarm.services_stage import Stage


def test_the_migration_makes_the_tables_that_the_queries_know(stage: Stage) -> None:
    found = inspect(stage.store._engine)
    for table in metadata.tables.values():
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}


def test_the_database_is_its_owners_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "made" / "till.sqlite3")
    store.close()
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "made" / "till.sqlite3").stat().st_mode) == 0o600


def test_opened_again_nothing_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "till.sqlite3"
    for _ in range(3):
        Store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM swarm_meta").fetchall() == [("version", str(len(MIGRATIONS)))]


def test_a_file_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "till.sqlite3"
    Store(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE swarm_meta SET value = '99'")
    with pytest.raises(StoreUnusable, match="version 99 of the swarm's tables"):
        Store(path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "till.sqlite3"
    path.write_bytes(b"no database at all, though long enough to be told apart from one" * 20)
    with pytest.raises(StoreUnusable, match="cannot be used"):
        Store(path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusable):
        Store(tmp_path / "file" / "till.sqlite3")


def test_budgets_of_runs_are_kept_in_their_order(stage: Stage) -> None:
    first, second, third = Run("", "b", 5, 1), Run("acme", "b", 6, 2), Run("", "a", 7, 3)
    for run in (first, second, third, Run("", "b", 8, 4)):
        stage.store.keep_run(run)
    assert stage.store.runs() == [Run("", "b", 8, 4), second, third]


async def test_changes_run_in_one_thread_that_is_not_the_loops(stage: Stage) -> None:
    names = {await stage.store.run(lambda: threading.current_thread().name) for _ in range(5)}
    assert len(names) == 1
    assert threading.current_thread().name not in names


async def test_a_closed_store_says_so(stage: Stage) -> None:
    stage.store.close()
    with pytest.raises(StoreUnusable, match="is closed"):
        await stage.store.run(lambda: None)
