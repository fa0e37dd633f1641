"""Alerts on their way to a webhook: a real ledger, a real receiver on loopback, and a clock that stands until it is moved."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from counter import DOLLAR, START, Counter, counter, day
from harness import catalog_with
from polyglot_cloud import __version__
from polyglot_cloud.courier import DAY, SECOND, Courier, Webhook
from polyglot_cloud.money.bounds import Bound
from polyglot_cloud.money.budgets import Budget
from polyglot_cloud.money.entries import Entry
from polyglot_cloud.money.faults import LedgerUnwritable
from polyglot_cloud.money.notices import Notice
from polyglot_cloud.money.verify import verify

CAP = day(DOLLAR)
SECRET = "0123456789abcdef"
PRICE = next(row for row in catalog_with(None).rows if row.id == "gpt-6.1-terra").prices[-1]


@dataclass
class Receiver:
    """Answers with these heads in turn, then with 204. `seen` are the requests' heads and bodies."""

    answers: list[str] = field(default_factory=list)
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""
    silent: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers["content-length"]))
                self.seen.append(({"line": head[0], **headers}, body))
                self.news.set()
                if not self.silent:
                    answer = self.answers.pop(0) if self.answers else "204 No Content"
                    writer.write(f"HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n".encode())
        writer.close()
        self.serving.discard(task)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.seen]


@asynccontextmanager
async def receiver(*answers: str) -> AsyncIterator[Receiver]:
    found = Receiver(list(answers))
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?token=t"
    try:
        yield found
    finally:
        server.close()
        for task in list(found.serving):
            task.cancel()
        await asyncio.gather(*found.serving, return_exceptions=True)


class Passing:
    """A sleep that moves the ledger's clock instead of waiting, and what was slept."""

    def __init__(self, desk: Counter) -> None:
        self.desk, self.slept = desk, list[float]()

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.desk.at += int(seconds * SECOND) + 1


def courier(desk: Counter, hook: Receiver, **more: Any) -> Courier:
    given: dict[str, Any] = {"sleep": Passing(desk), "draw": lambda _, most: most, **more}
    made = Courier(
        desk.till.outbox(),
        Webhook(hook.url, SECRET),
        clock=lambda: desk.at,
        tenant_of=lambda scope: "acme" if scope == "key:key_1" else None,
        **given,
    )
    desk.till.on_alert(made.hear)
    return made


@asynccontextmanager
async def running(made: Courier) -> AsyncIterator[None]:
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        made.stop()
        await asyncio.wait_for(task, 10)


async def spend(desk: Counter, nano: int, budget: Budget) -> None:
    """A call that cost so much, though less was held for it."""
    tab = await desk.till.open({"call": "c"}, Bound(1, 1, 0, PRICE), [budget])
    tab.settle(nano, "complete", {})


async def ended(desk: Counter, *kinds: str, count: int = 1) -> list[Entry]:
    """The entries of these kinds, once there are so many."""
    for _ in range(2000):
        found = await asyncio.to_thread(desk.entries, *kinds)
        if len(found) >= count:
            return found
        await asyncio.sleep(0.001)
    raise AssertionError(f"{kinds} did not come")


async def test_an_alert_is_posted_once_signed_and_written_down(tmp_path: Path) -> None:
    async with receiver() as hook:
        with counter(tmp_path, CAP) as desk:
            async with running(courier(desk, hook)):
                await spend(desk, DOLLAR * 3 // 4, CAP)
                delivered = await ended(desk, "delivered")
            alerted = desk.entries("alerted")[0]
    (headers, body), *more = hook.seen
    assert more == []
    assert headers["line"] == "POST /hook?token=t HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert headers["x-polyglot-timestamp"] == str(START // SECOND)
    assert headers["x-polyglot-signature"] == f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"
    told = json.loads(body)
    assert told.pop("id").startswith("alr_")
    assert told.pop("gateway") == {"name": "polyglot-cloud", "version": __version__, "sandbox": False}
    assert told == {
        "event": "budget_alert", "budget": "process/day", "scope": "process", "period": "day", "tenant": None, "percent": 75,
        "spent_usd": "0.75", "limit_usd": "1.00", "window": {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z"},
        "at": "2026-11-22T00:00:00Z", "sent_at": "2026-11-22T00:00:00Z",
    }  # fmt: skip
    assert [entry.facts for entry in delivered] == [{"alert": alerted.seq, "tries": 1, "status": 204}]


async def test_one_call_over_all_thresholds_is_three_alerts_with_ids_of_their_own(tmp_path: Path) -> None:
    own = day(DOLLAR, "key:key_1")
    async with receiver() as hook:
        with counter(tmp_path, own) as desk:
            async with running(courier(desk, hook)):
                await spend(desk, DOLLAR * 2, own)
                await ended(desk, "delivered", count=3)
                await spend(desk, 0, own)
    assert [(told["percent"], told["tenant"]) for told in hook.told] == [(75, "acme"), (90, "acme"), (100, "acme")]
    assert len({told["id"] for told in hook.told}) == 3


async def test_it_is_tried_again_at_growing_intervals_and_when_asked_to(tmp_path: Path) -> None:
    answers = ["500 No", "503 No\r\nretry-after: 60", "429 No", "302 Found\r\nlocation: http://127.0.0.1:1/", "200 OK"]
    async with receiver(*answers) as hook:
        with counter(tmp_path, CAP) as desk:
            passing = Passing(desk)
            async with running(courier(desk, hook, sleep=passing)):
                await spend(desk, DOLLAR * 3 // 4, CAP)
                (delivered,) = await ended(desk, "delivered")
    assert [round(seconds) for seconds in passing.slept] == [1, 60, 4, 8]
    assert {told["id"] for told in hook.told} == {hook.told[0]["id"]}
    assert (len(hook.seen), delivered.facts["tries"], delivered.facts["status"]) == (5, 5, 200)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 599, 304])
async def test_what_may_pass_is_tried_again(status: int, tmp_path: Path) -> None:
    async with receiver(f"{status} No") as hook:
        with counter(tmp_path, CAP) as desk:
            async with running(courier(desk, hook)):
                await spend(desk, DOLLAR * 3 // 4, CAP)
                (delivered,) = await ended(desk, "delivered")
    assert (delivered.facts["tries"], len(hook.seen)) == (2, 2)


@pytest.mark.parametrize("status", [400, 401, 404, 410])
async def test_what_the_receiver_refuses_is_given_up_and_told(
    status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiver(f"{status} No") as hook:
        with counter(tmp_path, CAP) as desk:
            async with running(courier(desk, hook)):
                await spend(desk, DOLLAR * 3 // 4, CAP)
                (given_up,) = await ended(desk, "undelivered")
    assert (given_up.facts["status"], given_up.facts["tries"], len(hook.seen)) == (status, 1, 1)
    assert f"is not delivered to 127.0.0.1: it answered {status}" in caplog.text
    assert "token" not in caplog.text


async def test_a_receiver_that_never_comes_back_is_given_up_after_a_day(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        passing = Passing(desk)
        async with running(courier(desk, Receiver(url="http://127.0.0.1:1/"), sleep=passing)):
            await spend(desk, DOLLAR * 3 // 4, CAP)
            (given_up,) = await ended(desk, "undelivered")
    assert given_up.facts["why"] == "a day is over"
    assert DAY <= (given_up.at - START) / SECOND < DAY + 2
    assert max(passing.slept) <= 900.1
    assert 90 < given_up.facts["tries"] < 120


async def test_what_a_crash_left_is_delivered_by_the_next_process_once(tmp_path: Path) -> None:
    with counter(tmp_path, CAP) as desk:
        await spend(desk, DOLLAR * 19 // 20, CAP)  # nobody delivers
        assert [entry.facts["percent"] for entry in desk.entries("alerted")] == [75, 90]
    async with receiver("204 No", "500 No") as hook:
        with counter(tmp_path, CAP) as desk:  # it dies between two answers
            first = courier(desk, hook, sleep=lambda _: asyncio.Event().wait())
            task = asyncio.create_task(first.run())
            await ended(desk, "delivered")
            while len(hook.seen) < 2:  # noqa: ASYNC110  # the other side of a socket
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait([task])
        for _ in range(2):
            with counter(tmp_path, CAP) as desk:
                async with running(courier(desk, hook)):
                    await ended(desk, "delivered", count=2)
                assert verify(desk.till.path).fault is None
    assert [told["percent"] for told in hook.told] == [75, 90, 90]
    assert hook.told[1]["id"] == hook.told[2]["id"] != hook.told[0]["id"]


async def test_an_answer_that_was_not_written_down_is_asked_for_again_by_the_same_id(tmp_path: Path) -> None:
    async with receiver() as hook:
        for _ in range(2):
            with counter(tmp_path, CAP) as desk:
                if not desk.entries("alerted"):
                    await spend(desk, DOLLAR * 3 // 4, CAP)
                made = courier(desk, hook)

                async def fails(*_: Any) -> None:
                    raise LedgerUnwritable("The disk is full.")

                made._outbox.end = fails  # type: ignore[method-assign,assignment]  # the process ends before the entry is written
                hook.news.clear()
                async with running(made):
                    await hook.news.wait()
    assert len({told["id"] for told in hook.told}) == 1
    assert len(hook.told) == 2


async def test_what_is_older_than_a_day_at_a_start_is_given_up_and_what_is_forgotten_is_left(tmp_path: Path) -> None:
    for days, kinds in ((2, ["undelivered"]), (9, [])):
        folder = tmp_path / str(days)
        with counter(folder, CAP) as desk:
            await spend(desk, DOLLAR * 3 // 4, CAP)
        async with receiver() as hook:
            with counter(folder) as desk:
                desk.at += days * DAY * SECOND
                async with running(courier(desk, hook)):
                    await asyncio.sleep(0)
                assert [entry.kind for entry in desk.entries("delivered", "undelivered")] == kinds
        assert hook.seen == []


async def test_a_ledger_that_cannot_be_read_is_asked_again(tmp_path: Path) -> None:
    async with receiver() as hook:
        with counter(tmp_path, CAP) as desk:
            made = courier(desk, hook)
            owed, fails = made._outbox.owed, [LedgerUnwritable("The disk is full.")]

            async def read(since: int) -> Any:
                if fails:
                    raise fails.pop()
                return await owed(since)

            made._outbox.owed = read  # type: ignore[method-assign]  # a disk that is full for a moment
            await spend(desk, DOLLAR * 3 // 4, CAP)
            async with running(made):
                await ended(desk, "delivered")
    assert len(hook.seen) == 1


async def test_a_stop_does_not_wait_for_what_was_put_off(tmp_path: Path) -> None:
    async with receiver(*["500 No"] * 9) as hook:
        with counter(tmp_path, CAP) as desk:
            async with running(courier(desk, hook, sleep=lambda _: asyncio.Event().wait())):
                await spend(desk, DOLLAR * 3 // 4, CAP)
                await hook.news.wait()
    assert len(hook.seen) == 1


async def test_without_a_secret_nothing_is_signed(tmp_path: Path) -> None:
    async with receiver() as hook:
        with counter(tmp_path, CAP) as desk:
            made = Courier(desk.till.outbox(), Webhook(hook.url), clock=lambda: desk.at)
            await spend(desk, DOLLAR * 3 // 4, CAP)
            async with running(made):
                await ended(desk, "delivered")
    assert "x-polyglot-signature" not in hook.seen[0][0]


async def test_a_receiver_that_says_nothing_is_left_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polyglot_cloud.courier.WHOLE", 0.05)
    async with receiver() as hook:
        hook.silent = True
        with counter(tmp_path, CAP) as desk:
            waiting = asyncio.Event()

            async def sleep(_: float) -> None:
                waiting.set()
                await asyncio.Event().wait()

            async with running(courier(desk, hook, sleep=sleep)):
                await spend(desk, DOLLAR * 3 // 4, CAP)
                await waiting.wait()
            assert desk.entries("delivered", "undelivered") == []


# --- who listens ---


async def test_a_listener_hears_each_alert_once_and_its_failure_costs_nothing(tmp_path: Path) -> None:
    heard: list[Notice] = []
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["exception"]))

    def fails(_: Notice) -> None:
        raise LookupError("a listener with a defect")

    with counter(tmp_path, CAP) as desk:
        desk.till.on_alert(fails)
        desk.till.on_alert(heard.append)
        for _ in range(3):
            await spend(desk, DOLLAR * 31 // 100, CAP)
        await asyncio.sleep(0)
        assert [(each.budget, each.percent) for each in heard] == [("process/day", 75), ("process/day", 90)]
        assert len(desk.entries("settled")) == 3
    assert len(complaints) == 2


async def test_the_event_is_one_line_of_json(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with counter(tmp_path, CAP) as desk:
        await spend(desk, DOLLAR, CAP)
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.getMessage().startswith("{")]
    assert [(line["event"], line["percent"], line["spent_usd"]) for line in lines] == [
        ("budget_alert", 75, "1.00"),
        ("budget_alert", 90, "1.00"),
        ("budget_alert", 100, "1.00"),
    ]


def test_a_notice_reads_what_it_wrote_and_an_entry_that_says_too_little_is_none() -> None:
    notice = Notice("b/once", "run:r", "once", 90, 9, 10, 0, None, START)
    assert Notice.read(notice.entry()) == notice
    assert Notice.read(Entry("alerted", "", 5, {"budget": "b", "percent": 75, "start": 0})) is None
    assert notice.document()["window"]["end"] is None
    assert notice.id(b"a") == notice.id(b"a") != notice.id(b"b")
