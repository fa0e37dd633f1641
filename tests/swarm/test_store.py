import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect

from polyglot_cloud.swarm.directory import Provider
from polyglot_cloud.swarm.faults import StoreUnusable
from polyglot_cloud.swarm.services import Service
from polyglot_cloud.swarm.store import MIGRATIONS, Store, metadata
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


def test_what_is_kept_again_is_another_in_everything_but_its_place(stage: Stage) -> None:
    first = Provider("p", "m", 1, 0.5, 0.25, "http://a", ("x",), {"a": 1}, {"b": 2}, 1, 2)
    changed = Provider("p", "n", 2, 1.5, 1e-06, "http://b", (), {}, None, 3, 4, active=False)
    other = replace(first, name="other")
    for provider in (first, other, changed):
        stage.store.keep_provider(provider)
    assert stage.store.providers() == [changed, other]
    service = Service("s", "n", "model", "canary", "u", ("c",), {"a": "b"}, 1, 0.5, 60, 90, 1, 2)
    moved = Service("s", "o", "tool", "staging", "v", ("d",), None, None, None, 1, 2, 3, 4, "down", 1.5, 2, 0.5)
    stage.store.keep_services([service, replace(service, service_id="t")])
    stage.store.keep_services([moved])
    assert stage.store.services() == [moved, replace(service, service_id="t")]


def test_opening_takes_no_lock_from_who_has_the_file_open_already(tmp_path: Path) -> None:
    """The system drops a process's locks on a file with the first descriptor of it that is closed. Without its lock another process
    takes the write-ahead log for nobody's, and with it what was committed.
    """
    path = tmp_path / "till.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as till:
        till.execute("PRAGMA journal_mode=WAL")
        till.execute("CREATE TABLE booked (nano INTEGER)")
        Store(path).close()
        look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM booked').fetchall(); c.close()"
        subprocess.run([sys.executable, "-c", look, str(path)], check=True)
        till.execute("INSERT INTO booked VALUES (1)")
        with closing(sqlite3.connect(path)) as again:
            assert again.execute("SELECT * FROM booked").fetchall() == [(1,)]


async def test_changes_run_in_one_thread_that_is_not_the_loops(stage: Stage) -> None:
    names = {await stage.store.run(lambda: threading.current_thread().name) for _ in range(5)}
    assert len(names) == 1
    assert threading.current_thread().name not in names


async def test_a_closed_store_says_so(stage: Stage) -> None:
    stage.store.close()
    with pytest.raises(StoreUnusable, match="is closed"):
        await stage.store.run(lambda: None)
