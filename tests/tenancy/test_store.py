import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import IntegrityError

from polyglot_cloud.grants import Cap, Grant, Hash, KeyRow, TenantRow, grant_of, plain
from polyglot_cloud.tenancy import (
    Conflicting,
    Declared,
    NotThere,
    Store,
    StoreUnusable,
    TenancyError,
    connect,
    keys,
    metadata,
)
from tenancy.stage import BY, SECOND, START, Clock, Stage

GRANT = Grant(
    ("openai",), ("gpt-6*",), ("any",), {"fast": "openai/low"}, {"concurrent_calls": 3},
    (Cap("day", 10**10, "Europe/Berlin", (50,)), Cap("once", 1)), ("x", "y"),
)  # fmt: skip
DIGEST = keys.hashed("sk-of-litellm")


def test_the_database_is_its_owners_alone(stage: Stage) -> None:
    folder = stage.folder / "data"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_opening_takes_no_lock_from_the_till(stage: Stage) -> None:
    """The system drops a process's locks on a file with the first descriptor of it that is closed. Without its lock another process
    takes the write-ahead log for nobody's, and with it what was booked.
    """
    path = stage.folder / "data" / "till.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as till:
        till.execute("CREATE TABLE booked (nano INTEGER)")
        connect(path).dispose()
        stage.engine.dispose()
        look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM booked').fetchall(); c.close()"
        subprocess.run([sys.executable, "-c", look, str(path)], check=True)
        till.execute("INSERT INTO booked VALUES (1)")
        with closing(sqlite3.connect(path)) as again:
            assert again.execute("SELECT * FROM booked").fetchall() == [(1,)]


def test_the_migration_makes_the_tables_that_the_queries_know(stage: Stage) -> None:
    found = inspect(stage.engine)
    for table in metadata.tables.values():
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}


def test_opened_again_everything_is_there(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY, title="t", grant=GRANT, expires_at=5)
    stage.store.create_tenant("below", by=BY, title="B", parent="acme", grant=GRANT)
    again = stage.another()
    assert again.read() == stage.store.read()
    assert again.key(made.key.id) == made.key
    assert again.tenant("below").grant == GRANT
    again.close()


@pytest.mark.parametrize("grant", [Grant(), GRANT])
def test_a_grant_as_json_and_back(grant: Grant) -> None:
    assert grant_of(json.loads(json.dumps(plain(grant)))) == grant


def test_a_key_is_made(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY)
    assert made.key == KeyRow(made.key.id, "acme", (Hash(keys.hashed(made.secret)),), created_at=START)
    with pytest.raises(NotThere, match="no tenant nobody"):
        stage.store.create_key("nobody", by=BY)


def test_rotation_keeps_the_id_and_the_old_secret_for_its_grace(stage: Stage) -> None:
    first = stage.store.create_key("acme", by=BY)
    second = stage.store.rotate_key(first.key.id, by=BY, grace=10 * SECOND)
    third = stage.store.rotate_key(first.key.id, by=BY, grace=60 * SECOND)
    assert third.key.id == second.key.id == first.key.id
    assert [each.until for each in third.key.hashes] == [None, START + 60 * SECOND, START + 10 * SECOND]
    fourth = stage.store.rotate_key(first.key.id, by=BY)
    assert [each.until for each in fourth.key.hashes] == [None, START, START, START]
    assert stage.refusal(third.secret) is not None
    assert stage.refusal(fourth.secret) is None


def test_a_key_that_no_longer_holds_is_not_rotated(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY, expires_at=START)
    with pytest.raises(Conflicting, match="revoked or has expired"):
        stage.store.rotate_key(made.key.id, by=BY)


def test_a_revoke_is_for_good_and_may_come_twice(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY)
    assert stage.store.revoke_key(made.key.id, by=BY).revoked_at == START
    stage.clock.pass_seconds(5)
    mark = stage.store.mark()
    assert stage.store.revoke_key(made.key.id, by=BY).revoked_at == START
    assert stage.store.mark() == mark
    for change in (
        lambda: stage.store.rotate_key(made.key.id, by=BY),
        lambda: stage.store.expire_key(made.key.id, None, by=BY),
    ):
        with pytest.raises(Conflicting):
            change()


def test_an_end_can_be_set_moved_and_taken_away(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY)
    for at in (START + SECOND, START + 9 * SECOND, None):
        assert stage.store.expire_key(made.key.id, at, by=BY).expires_at == at


def test_litellms_key_goes_on_with_its_hash(stage: Stage) -> None:
    taken = stage.store.import_key("acme", f" {DIGEST.upper()} ", by=BY)
    assert taken.imported
    found = stage.identify("sk-of-litellm")
    assert found is not None
    assert found.key == taken.id


def test_no_secret_is_taken_twice(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY)
    stage.store.rotate_key(made.key.id, by=BY)
    stage.store.revoke_key(made.key.id, by=BY)
    with pytest.raises(Conflicting, match=made.key.id):
        stage.store.import_key("acme", keys.hashed(made.secret), by=BY)


@pytest.mark.parametrize(
    ("text", "why"),
    [("sk-of-litellm", "must be a SHA-256"), (keys.hashed(""), "is the SHA-256 of nothing"), ("", "must be")],
)
def test_what_is_no_hash_is_not_imported_and_not_repeated(stage: Stage, text: str, why: str) -> None:
    with pytest.raises(TenancyError, match=why) as told:
        stage.store.import_key("acme", text, by=BY)
    assert "sk-of" not in str(told.value)


# --- tenants ---


@pytest.mark.parametrize("name", ["", "Acme", "-a", "a b", "a" * 64, "a/b", "a:b"])
def test_names_of_tenants(stage: Stage, name: str) -> None:
    with pytest.raises(TenancyError, match="a tenant's name must be"):
        stage.store.create_tenant(name, by=BY)


def test_a_name_is_given_once(stage: Stage) -> None:
    stage.store.delete_tenant("acme", by=BY)
    with pytest.raises(Conflicting, match="given once"):
        stage.store.create_tenant("acme", by=BY)


def test_no_circle_no_stranger_and_no_tower(stage: Stage) -> None:
    with pytest.raises(Conflicting, match="which is not there"):
        stage.store.create_tenant("a", by=BY, parent="nobody")
    stage.store.create_tenant("a", by=BY, parent="acme")
    with pytest.raises(Conflicting, match="its own ancestor"):
        stage.store.update_tenant("acme", by=BY, parent="a")
    with pytest.raises(Conflicting, match="its own ancestor"):
        stage.store.create_tenant("self", by=BY, parent="self")
    for number in range(6):
        stage.store.create_tenant(f"a{number}", by=BY, parent=f"a{number - 1}" if number else "a")
    with pytest.raises(Conflicting, match="more than 7 tenants above"):
        stage.store.create_tenant("a6", by=BY, parent="a5")
    stage.store.create_tenant("top", by=BY)
    with pytest.raises(Conflicting, match="more than 7 tenants above"):  # those below would stand too deep
        stage.store.update_tenant("acme", by=BY, parent="top")
    assert stage.store.update_tenant("a", by=BY, parent=None).parent is None


def test_an_update_leaves_what_is_not_given(stage: Stage) -> None:
    stage.store.update_tenant("acme", by=BY, title="Acme Ltd.", grant=GRANT)
    assert stage.store.update_tenant("acme", by=BY).grant == GRANT
    made = stage.store.create_key("acme", by=BY, title="t")
    assert stage.store.update_key(made.key.id, by=BY, grant=GRANT) == replace(made.key, grant=GRANT)
    assert stage.store.mark() == 4  # the update without a change is none


def test_a_tenant_goes_with_its_keys_or_not_at_all(stage: Stage) -> None:
    stage.store.create_tenant("below", by=BY, parent="acme")
    made = stage.store.create_key("acme", by=BY)
    stage.store.create_key("acme", by=BY, expires_at=START)
    with pytest.raises(Conflicting, match="has others below it: below"):
        stage.store.delete_tenant("acme", by=BY, with_keys=True)
    stage.store.delete_tenant("below", by=BY)
    with pytest.raises(Conflicting, match="has 1 keys that hold"):
        stage.store.delete_tenant("acme", by=BY)
    stage.store.delete_tenant("acme", by=BY, with_keys=True)
    assert stage.refusal(made.secret) is not None
    assert stage.store.tenants() == []
    with pytest.raises(NotThere):
        stage.store.tenant("acme")


def test_what_the_file_declares_is_changed_there(tmp_path: Path) -> None:
    key = KeyRow("key_ci", "filed", (Hash(DIGEST),), declared=True)
    stage = Stage(tmp_path, Declared((TenantRow("filed", declared=True),), (key,)))
    for change in CHANGES_OF_DECLARED:
        with pytest.raises(
            Conflicting, match=r"declared in the configuration file|given once|secret of the key key_ci"
        ):
            change(stage.store)
    assert stage.store.mark() == 0
    assert [each.id for each in stage.store.tenants()] == ["filed"]
    assert stage.store.key("key_ci") == key
    assert stage.store.keys("other") == []
    stage.close()


CHANGES_OF_DECLARED: list[Callable[[Store], object]] = [
    lambda store: store.create_tenant("filed", by=BY),
    lambda store: store.update_tenant("filed", by=BY, title="x"),
    lambda store: store.delete_tenant("filed", by=BY),
    lambda store: store.revoke_key("key_ci", by=BY),
    lambda store: store.rotate_key("key_ci", by=BY),
    lambda store: store.expire_key("key_ci", None, by=BY),
    lambda store: store.update_key("key_ci", by=BY, title="x"),
    lambda store: store.import_key("filed", DIGEST, by=BY),
]

ON_NOBODY: list[Callable[[Store, str], object]] = [
    lambda store, key: store.revoke_key(key, by=BY),
    lambda store, key: store.rotate_key(key, by=BY),
    lambda store, key: store.expire_key(key, None, by=BY),
    lambda store, key: store.update_key(key, by=BY),
    lambda store, key: store.key(key),
    lambda store, key: store.tenant(key),
    lambda store, key: store.create_key(key, by=BY),
]


@pytest.mark.parametrize("change", ON_NOBODY)
def test_a_secret_in_the_place_of_an_id_is_not_repeated(stage: Stage, change: Callable[[Store, str], object]) -> None:
    secret = stage.store.create_key("acme", by=BY).secret
    with pytest.raises(NotThere, match="there is no") as told:
        change(stage.store, secret)
    assert secret not in str(told.value)


# --- audit ---


def test_every_change_is_one_row_without_secrets(stage: Stage) -> None:
    made = stage.store.create_key("acme", by="admin key_0")
    stage.clock.pass_seconds(1)
    new = stage.store.rotate_key(made.key.id, by=BY, grace=SECOND)
    stage.store.expire_key(made.key.id, START, by=BY)
    stage.store.revoke_key(made.key.id, by=BY)
    taken = stage.store.import_key("acme", DIGEST, by=BY)
    stage.store.update_tenant("acme", by=BY, title="x")
    stage.store.delete_tenant("acme", by=BY, with_keys=True)
    rows = stage.store.audit()[::-1]
    assert [(row.action, row.subject) for row in rows] == [
        ("tenant created", "acme"),
        ("key created", made.key.id),
        ("key rotated", made.key.id),
        ("key expires", made.key.id),
        ("key revoked", made.key.id),
        ("key imported", taken.id),
        ("tenant changed", "acme"),
        ("key revoked", taken.id),
        ("tenant deleted", "acme"),
    ]
    assert [row.seq for row in rows] == list(range(1, 10))
    assert (rows[1].at, rows[1].actor, rows[1].before) == (START, "admin key_0", None)
    assert json.loads(rows[6].before or "")["title"] == ""
    assert json.loads(rows[6].after or "")["title"] == "x"
    everything = repr(rows) + "".join((row.before or "") + (row.after or "") for row in rows)
    for secret in (made.secret, new.secret, keys.hashed(made.secret), DIGEST):
        assert secret not in everything
    assert len(stage.store.audit(2)) == 2


def test_no_secret_is_in_the_files(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY)
    content = b"".join(path.read_bytes() for path in (stage.folder / "data").iterdir())
    assert keys.hashed(made.secret).encode() in content
    assert made.secret.encode() not in content
    assert made.secret.removeprefix(keys.PREFIX).encode() not in content


@pytest.mark.parametrize("statement", ["UPDATE tenancy_audit SET actor = 'x'", "DELETE FROM tenancy_audit"])
def test_audit_rows_stand(stage: Stage, statement: str) -> None:
    with stage.engine.connect() as connection, pytest.raises(IntegrityError, match="audit rows are never"):
        connection.exec_driver_sql(statement)


def test_a_change_that_fails_leaves_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stage.store.read()
    monkeypatch.setattr("polyglot_cloud.tenancy.store.note", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stage.store.create_key("acme", by=BY)
    assert stage.store.read() == before


# --- a database that cannot be used ---


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"not a database, and long enough to be seen as none" * 20)
    with pytest.raises(StoreUnusable, match="not a database"):
        connect(tmp_path / "x")


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnusable, match=r"file/x cannot be used: (Not a directory|File exists)"):
        connect(tmp_path / "file" / "x")


def test_another_process_writes_for_too_long(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyglot_cloud.tenancy.database.BUSY_MS", 1)
    impatient = stage.another()
    other = sqlite3.connect(stage.folder / "data" / "till.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert impatient.mark() == stage.store.mark() == 1  # looking goes on meanwhile
    with pytest.raises(StoreUnusable, match="database is locked"):
        impatient.create_key("acme", by=BY)
    other.execute("ROLLBACK")
    other.close()
    impatient.close()


def test_the_store_works_on_any_engine_in_autocommit(stage: Stage) -> None:
    assert Store(stage.engine, clock=Clock(5)).create_key("acme", by=BY).key.created_at == 5
