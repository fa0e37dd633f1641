"""How a service is asked, and who it is, against what may answer on a port."""

import asyncio
import logging
from typing import Any

import httpx
import pytest

from polyglot_cloud.swarm.link import LARGEST, Link, Pace, Squatted, Unreachable, is_registry, open_client, says
from swarm.fault_server import (
    CRASH,
    Cut,
    EventStream,
    Fault,
    Gateway,
    Hands,
    Hang,
    Played,
    Refuse,
    Registry,
    Reply,
    Router,
    Squatter,
    no_service,
    played,
    until,
)  # fmt: skip
from swarm.stage import NOW, QUICK, linked, pace

ROUTER = says("provider_router")
RECOGNISED: list[tuple[type[Played], Any]] = [
    (Router, ROUTER), (Gateway, says("gateway")), (Registry, is_registry), (EventStream, says("event_stream")),
]  # fmt: skip


@pytest.mark.parametrize("recognises", [rule for _, rule in RECOGNISED])
@pytest.mark.parametrize("kind", [kind for kind, _ in RECOGNISED])
async def test_each_service_is_told_from_the_others(kind: type[Played], recognises: Any) -> None:
    service = kind()
    async with played(service), linked(service.url, recognises) as link:
        if (kind, recognises) in RECOGNISED:
            await link.identify()
            return
        with pytest.raises(Squatted):
            await link.identify()


STRANGERS: list[tuple[Played, str]] = [
    (Squatter("audio_service"), "audio_service"),
    (Squatter("PAS Gateway"), "PAS Gateway"),
    (Squatter(None), "a program that answers 200 to GET /health"),
    (Squatter("bad\x1b[31m\nname" + "x" * 200), "bad?[31m?name" + "x" * 67),
]


@pytest.mark.parametrize(("stranger", "named"), STRANGERS)
async def test_a_squatter_is_named(stranger: Played, named: str) -> None:
    async with played(stranger), linked(stranger.url, ROUTER) as link:
        with pytest.raises(Squatted) as told:
            await link.identify()
    assert str(told.value) == named


ODD: list[tuple[Reply, type[Exception]]] = [
    (Reply(200, b"<html>hello</html>", "text/html"), Squatted),
    (Reply(200, []), Squatted),
    (Reply(404, {"service": "provider_router"}), Squatted),
    (Reply(302, {"service": "provider_router"}, headers={"location": "http://169.254.169.254/"}), Squatted),
    (Reply(200, {"service": ["provider_router"]}), Squatted),
    (Reply(500, b"Internal Server Error", "text/plain"), Unreachable),
    (Reply(200, b"x" * (LARGEST + 1)), Unreachable),
    (Reply(200, b"", headers={"content-length": "999999999"}), Unreachable),
    (Reply(200, b"", headers={"transfer-encoding": "chunked", "nonsense": "\x00"}), Unreachable),
]


@pytest.mark.parametrize(("reply", "kind"), ODD)
async def test_odd_answers_to_the_question_who_is_there(reply: Reply, kind: type[Exception]) -> None:
    service = Router()
    service.fault("GET /health", Refuse(reply))
    async with played(service), linked(service.url, ROUTER, within=QUICK) as link:
        with pytest.raises(kind):
            await link.identify()


@pytest.mark.parametrize(("fault", "sent"), [(Hang(), True), (Cut(), True)])
async def test_no_answer_may_still_have_been_heard(fault: Fault, sent: bool) -> None:
    service = Router()
    service.fault("GET", fault)
    async with played(service), linked(service.url, ROUTER, within=QUICK) as link:
        with pytest.raises(Unreachable) as told:
            await link.identify()
    assert told.value.sent == sent


async def test_where_nobody_listens_nothing_was_sent() -> None:
    with no_service() as url:
        async with linked(url, ROUTER) as link:
            with pytest.raises(Unreachable, match="cannot be connected to") as told:
                await link.identify()
    assert not told.value.sent


async def test_an_answer_that_drips_for_ever_is_left() -> None:
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(b"x")
                await asyncio.sleep(0.01)
        finally:
            writer.close()
            gone.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server, linked(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", ROUTER, within=QUICK) as link:
        with pytest.raises(Unreachable, match="no answer within"):
            await asyncio.wait_for(link.identify(), 20)
    await asyncio.wait_for(gone.wait(), 20)  # nothing of it outlives the test


async def test_no_proxy_and_no_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    elsewhere, router = Router(), Router()
    async with played(elsewhere, router), linked(router.url, ROUTER) as link:
        router.fault("GET /providers", Refuse(Reply(307, {}, headers={"location": f"{elsewhere.url}/health"})))
        await link.identify()
        assert (await link.peer.ask("GET", "/providers/x")).status == 307
        assert elsewhere.asked == []


async def test_certificates_are_checked_where_there_is_https() -> None:
    async with open_client(["https://swarm.example"]) as client:
        assert isinstance(client._transport, httpx.AsyncHTTPTransport)
        assert client._transport._pool._ssl_context.cert_store_stats()["x509_ca"] > 0  # type: ignore[union-attr]  # it has one


# --- when it is asked again ---


async def kept(outcomes: list[Exception | None], hands: Hands, interval: float = 45.0) -> Link:
    """Plays these outcomes, one for each visit; time passes at once."""
    ended = asyncio.Event()
    left = list(outcomes)

    async def visit() -> None:
        if not left:
            ended.set()
            await asyncio.Event().wait()
        outcome = left.pop(0)
        if outcome is not None:
            raise outcome

    async def at_once(seconds: float) -> None:
        hands.sleeps.append(seconds)

    async with linked("http://127.0.0.1:9", ROUTER) as link:
        link.pace = Pace(at_once, lambda: hands.jitter, lambda: NOW)
        task = asyncio.create_task(link.keep(visit, interval))
        await ended.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return link


DOWN = Unreachable("it is gone")


@pytest.mark.parametrize(
    ("jitter", "waits"),
    [(0.0, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 45.0, 45.0]), (1.0, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 22.5, 22.5])],
)
async def test_it_is_asked_again_ever_more_rarely(jitter: float, waits: list[float]) -> None:
    hands = Hands()
    hands.jitter = jitter
    link = await kept([DOWN] * 8, hands)
    assert hands.sleeps == waits
    assert (link.state, link.detail) == ("down", "it is gone")


async def test_after_a_success_it_begins_with_the_first_wait() -> None:
    hands = Hands()
    hands.jitter = 0.0
    await kept([DOWN, DOWN, None, DOWN, Squatted("audio"), DOWN], hands)
    assert hands.sleeps == [1.0, 2.0, 30.0, 1.0, 30.0, 1.0]


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 30.0), (0.5, 45.0), (1.0, 60.0)])
async def test_the_interval_is_spread_by_a_third(jitter: float, wait: float) -> None:
    hands = Hands()
    hands.jitter = jitter
    await kept([None, None], hands)
    assert hands.sleeps == pytest.approx([wait, wait])


async def test_a_defect_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    hands = Hands()
    link = await kept([KeyError("ours"), None], hands)
    assert link.state == "connected"
    assert "A defect of ours" in caplog.text
    assert "KeyError" in caplog.text


async def test_a_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await kept([None, None, DOWN, DOWN, Squatted("audio"), Squatted("audio"), None], Hands())
    assert [record.getMessage().partition("9: ")[2] for record in caplog.records] == [
        "connected.", "down (it is gone).", "somebody else (audio).", "connected.",
    ]  # fmt: skip


async def test_who_never_had_a_swarm_is_not_told_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await kept([DOWN, DOWN], Hands())
    assert caplog.records == []


async def test_it_is_woken_out_of_its_pause_and_before_it() -> None:
    hands = Hands()
    visits = 0

    async def visit() -> None:
        nonlocal visits
        visits += 1
        if visits == 2:
            link.wake()  # while it is at work: the pause that follows is none

    async with linked("http://127.0.0.1:9", ROUTER, hands) as link:
        task = asyncio.create_task(link.keep(visit, 45.0))
        await until(lambda: hands.waiting)
        assert visits == 1
        link.wake()
        await until(lambda: visits == 3 and len(hands.sleeps) == 3 and hands.waiting == 1)
        for _ in range(50):
            await asyncio.sleep(0)
        assert visits == 3  # it was woken once for each
        hands.strike()
        await until(lambda: visits == 4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_words_for_people() -> None:
    async with linked("http://127.0.0.1:9", ROUTER) as link:
        said = [link.words]
        for state, detail in (("connected", ""), ("down", "it is gone"), ("squatter", "audio"), ("off", "")):
            link.turn(state, detail)  # type: ignore[arg-type]  # words of State
            said.append(link.words)
    assert said == [
        "not asked yet",
        "connected",
        "down since 2026-11-22T00:00:00.250000: it is gone",
        "left alone: audio answers there",
        "off",
    ]


def test_times_are_the_swarms() -> None:
    assert pace(Hands()).now() == "2026-11-22T00:00:00.250000"


async def test_a_crash_in_plain_text_is_no_answer() -> None:
    router = Router()
    router.fault("POST", CRASH)
    async with played(router), linked(router.url, ROUTER) as link:
        with pytest.raises(Unreachable, match="answered 500 to POST /register"):
            await link.peer.ask("POST", "/register", {})
