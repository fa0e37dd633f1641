"""What calls meet while the disk takes no more, and what is left of them once it does: a real ledger on a disk that is really full."""

import asyncio
import logging
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from counter import DOLLAR, Counter, counter, day
from harness import application, client, replying
from money.ledgers import unprivileged
from polyglot_cloud import catalog
from polyglot_cloud.money import journal
from polyglot_cloud.money.commits import Commit
from polyglot_cloud.money.entries import Entry, Line
from polyglot_cloud.money.faults import LedgerDamaged, LedgerUnwritable
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.verify import verify
from polyglot_cloud.settings import load
from polyglot_cloud.treasury import opened
from test_booking import BY_DIALECT, CASES, Body, Slow, ask

BUDGET = day(100 * DOLLAR)
ROWS = list(catalog.load().providers.values())
COST = CASES[0].cost


class Disk:
    """A folder for a ledger. Within `full` nothing more can be written there."""

    def __init__(self, folder: Path, full: Callable[[], Any]) -> None:
        self.folder, self.full = folder, full


@contextmanager
def no_file_may_grow() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def limited(tmp_path: Path) -> Disk:
    """A limit on files, which needs no rights."""
    return Disk(tmp_path, no_file_may_grow)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Disk]:
    """A file system of its own, where this machine lets us make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may make a file system")

    @contextmanager
    def full() -> Iterator[None]:
        ballast = place / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        try:
            yield
        finally:
            ballast.unlink()

    try:
        yield Disk(place, full)
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(params=["small", "limited"])
def disk(request: pytest.FixtureRequest) -> Disk:
    found: Disk = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the disk works again is looked at when a test says so."""
    monkeypatch.setattr(journal, "RETRY", 3600.0)


async def working(desk: Counter) -> None:
    desk.journal._writer._clock = journal.microseconds  # what is written to try it must be something new
    desk.journal._retry_at = 0.0
    await desk.journal.refresh()
    assert desk.journal.failure is None


async def fill_up(desk: Counter) -> None:
    """The ledger notices with the first entry that it cannot write; pages that it has already may take a few."""
    with suppress(LedgerUnwritable):
        for _ in range(20_000):
            await desk.journal.append(Entry("tightened", "nobody", 0, {"filling": "x" * 400}))
    assert desk.journal.failure is not None


@BY_DIALECT
async def test_a_full_disk_is_a_503_in_the_clients_dialect_and_nothing_is_sent(
    path: str, body: Body, word: Callable[[Body], object], spent: object, busy: object, limited: Disk
) -> None:
    upstream, seen = replying()
    with counter(limited.folder, BUDGET) as desk:
        app = application(upstream, till=desk.till)
        with limited.full():
            await fill_up(desk)
            async with client(app) as http:
                reply = await http.post(path, json=body)
        assert (reply.status_code, seen) == (503, [])
        assert word(reply.json()) in {"ledger_unavailable", "error", 503}
        assert "No call is sent that could not be booked" in reply.text
        assert desk.book.held == 0


async def test_what_was_under_way_is_written_first_and_nothing_is_lost(disk: Disk) -> None:
    """Calls that end while the disk is full are booked once it is not, and those of before and after beside them."""
    upstream, seen = replying(*(CASES[0].answer(stream=False) for _ in range(4)))
    slow = Slow([CASES[0].answer(stream=False).content], "application/json")
    with counter(disk.folder, BUDGET) as desk:
        app, late = application(upstream, till=desk.till), application(slow, till=desk.till)
        assert (await ask(app, CASES[0], stream=False)).status_code == 200
        under_way = asyncio.create_task(ask(late, CASES[0], stream=False))
        await slow.moved.wait()
        desk.journal.refreshed()  # its hold is written
        with disk.full():
            await fill_up(desk)
            for _ in range(3):
                assert (await ask(app, CASES[0], stream=False)).status_code == 503
            slow.steps = 9
            assert (await under_way).status_code == 200  # what was asked for is paid for, and given
            with suppress(LedgerUnwritable):
                await desk.journal.refresh()
            assert desk.journal.owed == 1
        assert len(seen) == 1
        await working(desk)
        assert (await ask(app, CASES[0], stream=False)).status_code == 200
        assert [entry.nano for entry in desk.entries("settled")] == [COST] * 3
        assert len(desk.entries("held")) == 3
        assert (desk.book.held, desk.spent(BUDGET), desk.journal.owed) == (0, 3 * COST, 0)
    assert verify(disk.folder / "ledger.sqlite3").fault is None
    with counter(disk.folder, BUDGET) as desk:
        assert desk.spent(BUDGET) == 3 * COST


async def test_the_call_that_finds_the_disk_full_is_sent_and_booked_at_its_bound_later(limited: Disk) -> None:
    upstream, seen = replying(CASES[0].answer(stream=False))
    with counter(limited.folder, BUDGET) as desk:
        with limited.full():
            reply = await ask(application(upstream, till=desk.till), CASES[0], stream=False)
            assert (reply.status_code, len(seen)) == (503, 1)
        await working(desk)
        (entry,) = desk.entries("settled")
        assert entry.nano == desk.spent(BUDGET) > COST


async def test_held_before_it_is_sent_not_even_that_one_is(disk: Disk) -> None:
    upstream, seen = replying(*(CASES[0].answer(stream=False) for _ in range(2)))
    with counter(disk.folder, BUDGET, before_send=True) as desk:
        app = application(upstream, till=desk.till)
        assert (await ask(app, CASES[0], stream=False)).status_code == 200
        with disk.full():
            reply = await ask(app, CASES[0], stream=False)
            assert (reply.status_code, len(seen)) == (503, 1)
            assert desk.book.held == 0
        await working(desk)
        assert (await ask(app, CASES[0], stream=False)).status_code == 200
        assert [entry.kind for entry in desk.entries()] == ["held", "settled"] * 2
    assert verify(disk.folder / "ledger.sqlite3").fault is None


async def test_whoever_leaves_while_his_hold_is_written_holds_nothing(tmp_path: Path) -> None:
    upstream, seen = replying()
    with counter(tmp_path, BUDGET, before_send=True) as desk:
        late: list[list[Line]] = []
        add = desk.journal.add

        def held_up(lines: list[Line], *, urgent: bool = True) -> Commit:
            if lines[0][0] != "held":
                return add(lines, urgent=urgent)
            late.append(lines)
            return Commit()

        desk.journal.add = held_up  # type: ignore[method-assign]  # the one way to stand between two turns of the loop
        task = asyncio.create_task(ask(application(upstream, till=desk.till), CASES[0], stream=False))
        while not desk.book.held:  # noqa: ASYNC110  # counted in turns of the loop
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        for lines in late:
            await add(lines)
        assert (desk.book.held, seen) == (0, [])
        assert sorted(entry.kind for entry in desk.entries()) == ["held", "released"]


@pytest.mark.parametrize("before_send", [False, True])
async def test_calls_that_may_go_on_unbooked_do_so_aloud(
    before_send: bool, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    upstream, seen = replying(*(CASES[0].answer(stream=stream) for stream in (False, True, False)))
    with counter(disk.folder, BUDGET, unbooked=True, before_send=before_send) as desk:
        app = application(upstream, till=desk.till)
        with disk.full(), caplog.at_level(logging.ERROR):
            await fill_up(desk)
            replies = [await ask(app, CASES[0], stream=stream) for stream in (False, True)]
        told = [record for record in caplog.records if "goes on unbooked" in record.getMessage()]
        assert [record.levelname for record in told] == ["ERROR"] * 2
        assert [reply.status_code for reply in replies] == [200, 200]
        assert [reply.headers.get("x-polyglot-unbooked") for reply in replies] == ["true"] * 2
        assert desk.spent(BUDGET) == 2 * COST
        await working(desk)
        reply = await ask(app, CASES[0], stream=False)
        assert "x-polyglot-unbooked" not in reply.headers
        assert [entry.nano for entry in desk.entries("settled")] == [COST] * 3  # the disk came back in time
    assert len(seen) == 3


def settings(folder: Path, **variables: str) -> Any:
    given = {f"POLYGLOT_{name.upper()}": value for name, value in {"ledger": "on", **variables}.items()}
    return load(
        {"POLYGLOT_DATA_DIR": str(folder), "POLYGLOT_RECEIPTS_DIR": str(folder / "costs"), **given}, folder / "no.env"
    )


def test_a_read_only_ledger_or_folder_stops_the_start() -> None:
    with tempfile.TemporaryDirectory() as name:  # not below pytest's own, which nobody else may enter
        folder = Path(name)
        given = settings(folder)
        folder.chmod(0o555)
        with unprivileged(), pytest.raises(LedgerUnwritable, match="permission"):
            opened(given, ROWS, sandbox=False).__enter__()
        folder.chmod(0o755)
        with opened(given, ROWS, sandbox=False):
            pass
        folder.chmod(0o777)
        for path in folder.glob("polyglot.sqlite3*"):
            path.chmod(0o666 if path.suffix == ".lock" else 0o444)
        with unprivileged(), pytest.raises(LedgerUnwritable, match="read-only"):
            opened(given, ROWS, sandbox=False).__enter__()
        folder.chmod(0o755)


# --- the settings reach the ledger ---

KEY = "0123456789abcdef" * 2


def test_a_ledger_opens_with_its_own_key_alone(tmp_path: Path) -> None:
    with opened(settings(tmp_path, ledger_key=KEY, ledger_synchronous="full"), ROWS, sandbox=False) as house:
        assert house.till is not None
        house.till._journal.write(Entry("alerted", "", 0, {"budget": "b", "percent": 1, "start": 0}))
        driver = house.till._journal._writer._driver
        assert driver is not None
        path = house.till.path
    assert verify(path, KEY.encode()).fault is None
    for other in (None, b"another"):
        assert "key" in str(verify(path, other).fault)
        with pytest.raises(LedgerDamaged, match="key"):
            Journal(path, key=other)


@pytest.mark.parametrize(
    ("variables", "name", "value"),
    [
        ({}, "_before_send", False), ({"hold": "before_send"}, "_before_send", True),
        ({}, "_unbooked", False), ({"unbooked": "allow"}, "_unbooked", True),
    ],
)  # fmt: skip
def test_the_settings_are_the_tills(tmp_path: Path, variables: dict[str, str], name: str, value: bool) -> None:
    with opened(settings(tmp_path, **variables), ROWS, sandbox=False) as house:
        assert getattr(house.till, name) is value
        assert any("POLYGLOT_UNBOOKED" in note for note in house.notes) is ("unbooked" in variables)


@pytest.mark.parametrize(("word", "number"), [("normal", 1), ("full", 2)])
def test_what_the_ledger_survives_is_a_setting(tmp_path: Path, word: str, number: int) -> None:
    with opened(settings(tmp_path, ledger_synchronous=word), ROWS, sandbox=False) as house:
        assert house.till is not None
        said: list[int] = []
        writer = house.till._journal._writer
        project = writer.project

        def ask(most: int) -> None:
            said.append(writer._driver.execute("PRAGMA synchronous").fetchone()[0])
            project(most)

        writer.project = ask  # type: ignore[method-assign]  # in the thread that owns the connection
        house.till._journal.refreshed()
    assert said[0] == number
