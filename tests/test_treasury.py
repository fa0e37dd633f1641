"""What is opened at a start, and what is left alone."""

import asyncio
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from polyglot_cloud import catalog
from polyglot_cloud.money.faults import LedgerBusy, LedgerUnwritable
from polyglot_cloud.settings import Settings, SettingsError, load
from polyglot_cloud.tenancy import Store, connect
from polyglot_cloud.transport import Choice, NativeTransport, Proxies
from polyglot_cloud.treasury import SANDBOX_DATABASE, opened, places

ROWS = list(catalog.load().providers.values())


def settings(folder: Path, **variables: str) -> Settings:
    given = {f"POLYGLOT_{name.upper()}": value for name, value in variables.items()}
    return load(
        {"POLYGLOT_DATA_DIR": str(folder), "POLYGLOT_RECEIPTS_DIR": str(folder / "costs"), **given}, folder / "no.env"
    )


def test_everything_is_booked_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    with opened(settings(tmp_path / "data"), ROWS, sandbox=False) as found:
        assert found.till is not None
        assert found.till.path == tmp_path / "data" / "polyglot.sqlite3"
        assert f"The ledger is {found.till.path}." in found.notes
    for _ in range(2):  # an old ledger does not keep it from being off
        with opened(settings(tmp_path / "data", ledger="off"), ROWS, sandbox=False) as found:
            assert (found.till, found.directory) == (None, None)
            assert found.notes == ("Nothing is booked: POLYGLOT_LEDGER is off.",)


def test_where_nothing_can_be_written_and_nothing_needs_it_the_start_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    there = str(tmp_path / "file" / "data")
    with opened(settings(tmp_path, data_dir=there), ROWS, sandbox=False) as found:
        assert found.till is None
        assert found.notes[0].startswith("NOTHING IS BOOKED.")
    for needing in ({"ledger": "on"}, {"budget_usd_per_day": "1"}, {"admin_key": "0123456789abcdef" * 2}):
        with pytest.raises(LedgerUnwritable):
            opened(settings(tmp_path, data_dir=there, **needing), ROWS, sandbox=False).__enter__()


def test_receipts_that_cannot_be_written_leave_no_ledger_open(tmp_path: Path) -> None:
    (tmp_path / "costs").write_text("")
    for _ in range(2):
        with pytest.raises(LedgerUnwritable):
            opened(settings(tmp_path), ROWS, sandbox=False).__enter__()


def test_keys_that_were_made_keep_the_ledger_from_being_off(tmp_path: Path) -> None:
    store = Store(connect(tmp_path / "polyglot.sqlite3"), clock=lambda: 1_795_000_000_000_000)
    store.create_tenant("acme", by="test")
    store.close()
    with pytest.raises(SettingsError, match="tenants or keys"):
        opened(settings(tmp_path, ledger="off"), ROWS, sandbox=False).__enter__()


def test_the_sandbox_has_its_own(tmp_path: Path) -> None:
    with opened(settings(tmp_path, ledger="on"), ROWS, sandbox=True) as found:
        assert found.till is not None
        assert found.till.path.name == SANDBOX_DATABASE
    assert not places(settings(tmp_path))[0].exists()


def test_the_sandbox_says_that_other_keys_do_not_count(tmp_path: Path) -> None:
    with opened(settings(tmp_path), ROWS, sandbox=True) as found:
        assert not any("do not count here" in note for note in found.notes)
    connect(tmp_path / "polyglot.sqlite3").dispose()
    with opened(settings(tmp_path), ROWS, sandbox=True) as found:
        assert any("do not count here" in note for note in found.notes)


def test_two_processes_cannot_have_one_ledger(tmp_path: Path) -> None:
    with opened(settings(tmp_path, ledger="on"), ROWS, sandbox=False), pytest.raises(LedgerBusy):  # noqa: SIM117  # the outer stays
        with opened(settings(tmp_path, ledger="on"), ROWS, sandbox=False):
            pass


@pytest.mark.parametrize("variables", [{"budget_usd_per_day": "1"}, {"budget_grok_usd_per_week": "1"}])
def test_a_budget_that_nobody_would_watch_stops_the_start(tmp_path: Path, variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="POLYGLOT_LEDGER"):
        opened(settings(tmp_path, ledger="off", **variables), ROWS, sandbox=False).__enter__()


def test_a_key_that_was_made_locks_the_gateway_and_a_later_one_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "polyglot.sqlite3"
    store = Store(connect(path), clock=lambda: 1_795_000_000_000_000)
    store.create_tenant("acme", by="test")
    first = store.create_key("acme", by="test").secret

    async def play() -> None:
        with opened(settings(tmp_path), ROWS, sandbox=False) as found:
            assert found.directory is not None
            assert found.watch is not None
            assert found.directory.locked
            assert any("needs a key" in note for note in found.notes)
            async with found.watching(nullcontext()):
                second = store.create_key("acme", by="test").secret
                found.watch.look()
                for secret in (first, second):
                    assert found.directory.identify([(b"authorization", f"Bearer {secret}".encode())]) is not None

    asyncio.run(play())
    store.close()


def test_what_another_process_does_with_the_file_takes_nothing_from_the_ledger(tmp_path: Path) -> None:
    """SQLite's locks go where their process closes the file by itself, and whoever is last clears the write-ahead log away."""
    with opened(settings(tmp_path, ledger="on"), ROWS, sandbox=False) as found:
        assert found.till is not None
        path = found.till.path
        look = f"import sqlite3; file = sqlite3.connect({str(path)!r}); file.execute('SELECT * FROM journal'); file.close()"
        subprocess.run([sys.executable, "-c", look], check=True)
        assert path.with_name(f"{path.name}-wal").exists()


ADMIN = {"admin_key": "0123456789abcdef" * 2}


def test_the_administration_opens_the_ledger_and_leaves_the_ports_open_until_there_is_a_key(tmp_path: Path) -> None:
    with opened(settings(tmp_path, **ADMIN), ROWS, sandbox=False) as found:
        assert found.administration is not None
        assert found.till is not None
        assert not found.keyed
    with opened(settings(tmp_path), ROWS, sandbox=False) as found:
        assert found.administration is None
    with pytest.raises(SettingsError, match=r"POLYGLOT_LEDGER is off, but .*administration"):
        opened(settings(tmp_path / "other", ledger="off", **ADMIN), ROWS, sandbox=False).__enter__()


def test_a_webhook_is_served_while_the_gateway_runs_and_told_by_its_host(tmp_path: Path) -> None:
    async def play() -> None:
        given = {"alert_webhook": "http://127.0.0.1:1/T0", "alert_webhook_secret": "0123456789abcdef", "ledger": "on"}
        with opened(settings(tmp_path, **given), ROWS, sandbox=False) as found:
            assert found.courier is not None
            assert "Alerts of budgets go to 127.0.0.1." in found.notes
            assert "T0" not in str(found.notes)
            async with found.watching(nullcontext()):
                await asyncio.sleep(0)

    asyncio.run(play())


def test_the_webhook_is_reached_as_the_environment_says(tmp_path: Path) -> None:
    behind = Choice(proxies=Proxies({"https": "http://127.0.0.1:9"}))
    given = {"alert_webhook": "https://hooks.example/T0", "ledger": "on"}
    for choice, native in ((behind, False), (None, True)):
        with opened(settings(tmp_path, **given), ROWS, sandbox=False, choice=choice) as found:
            assert found.courier is not None
            assert isinstance(found.courier._transport, NativeTransport) is native


def test_whose_a_budget_is(tmp_path: Path) -> None:
    store = Store(connect(tmp_path / "polyglot.sqlite3"), clock=lambda: 1_795_000_000_000_000)
    store.create_tenant("acme", by="test")
    key = store.create_key("acme", by="test").key.id
    store.close()
    given = {"alert_webhook": "https://hooks.example/T0"}
    with opened(settings(tmp_path, **given), ROWS, sandbox=False) as found:
        assert found.courier is not None
        assert found.keyed
        tenant_of = found.courier._tenant_of
        scopes = ("tenant:acme", f"key:{key}", "key:key_gone", "process", "provider:openai")
        assert [tenant_of(scope) for scope in scopes] == ["acme", "acme", None, None, None]
