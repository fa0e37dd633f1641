"""Every attempt is booked once, whatever becomes of it, and nothing stays held. A real journal; the network is played."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from counter import DOLLAR, START, Counter, counter, day, price
from harness import COUNTERS, HELLO, Pieces, application, client, post, replying, streamed
from polyglot_cloud import booking
from polyglot_cloud.grants import BudgetRow
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.budgets import Budget
from polyglot_cloud.money.commits import Commit, tell
from polyglot_cloud.money.entries import Entry, Line
from polyglot_cloud.money.journal import Journal
from polyglot_cloud.money.till import Till

Body = dict[str, Any]
BIG = day(100 * DOLLAR)


def frames(*events: Body, named: bool = False, done: bool = False) -> list[bytes]:
    found = []
    for event in events:
        name = f"event: {event['type']}\n" if named else ""
        found.append(f"{name}data: {json.dumps(event)}\n\n".encode())
    return [*found, *([b"data: [DONE]\n\n"] if done else [])]


def chunk(model: str, delta: Body | None = None, finish: str | None = None, usage: Body | None = None) -> Body:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices,
        **({"usage": usage} if usage else {}),
    }  # fmt: skip


def chat_plain(model: str) -> Body:
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 70, "total_tokens": 1070,
                  "prompt_tokens_details": {"cached_tokens": 400}},
    }  # fmt: skip


def chat_stream(model: str) -> list[bytes]:
    usage = chat_plain(model)["usage"]
    return frames(
        chunk(model, {"role": "assistant", "content": ""}), chunk(model, {"content": "hi"}), chunk(model, {}, "stop"),
        chunk(model, usage=usage), done=True,
    )  # fmt: skip


CLAUDE = "claude-sonnet-5-5"
MESSAGE: Body = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": CLAUDE, "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 600, "cache_read_input_tokens": 400, "output_tokens": 70},
}  # fmt: skip
EVENTS: list[Body] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None,
                                          "usage": {**MESSAGE["usage"], "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 70}},
    {"type": "message_stop"},
]  # fmt: skip
FLASH = "gemini-3.8-flash"
GENERATED: Body = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 1000, "cachedContentTokenCount": 400, "candidatesTokenCount": 70,
                      "totalTokenCount": 1070},
    "modelVersion": FLASH,
}  # fmt: skip


class Case:
    """A call in a provider's own dialect, and what the provider answers: 1000 tokens in, 400 of them cached, and 70 out."""

    def __init__(self, provider: str, model: str, path: str, body: Body, plain: Body, pieces: list[bytes]) -> None:
        self.provider, self.model, self.body, self.plain, self.pieces = provider, model, body, plain, pieces
        self.path = f"/v1/{provider}/{path}"
        self.cost = price(model, input=600, cache_read=400, output=70)

    def request(self, *, stream: bool) -> tuple[str, Body]:
        if self.provider == "gemini":
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"{self.path}:{method}", self.body
        return self.path, {**self.body, **({"stream": True} if stream else {})}

    def answer(self, *, stream: bool) -> httpx.Response:
        return streamed(list(self.pieces)) if stream else httpx.Response(200, json=self.plain)


def _chat(provider: str, model: str) -> Case:
    body = {"model": model, "messages": [{"role": "user", "content": "hello " * 200}], "max_completion_tokens": 90}
    return Case(provider, model, "chat/completions", body, chat_plain(model), chat_stream(model))


CASES = [
    _chat("openai", "gpt-6.1-terra"),
    _chat("grok", "grok-4.7"),
    Case("anthropic", CLAUDE, "messages", {"model": CLAUDE, "max_tokens": 90, "messages": HELLO}, MESSAGE, frames(*EVENTS, named=True)),
    Case("gemini", FLASH, f"models/{FLASH}", {"contents": [{"parts": [{"text": "hello"}]}]}, GENERATED, frames(GENERATED)),
]  # fmt: skip
BY_PROVIDER = pytest.mark.parametrize("case", CASES, ids=[case.provider for case in CASES])
STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


@pytest.fixture(autouse=True)
def _nobody_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no amount here depends on how long a test took."""
    monkeypatch.setattr(booking, "THOUGHT_IN_A_SECOND", 0)


async def ask(app: Any, case: Case, *, stream: bool, headers: dict[str, str] | None = None) -> httpx.Response:
    path, body = case.request(stream=stream)
    return await post(app, path, body, headers)


def only(desk: Counter) -> tuple[Body, Body]:
    """The facts of the one attempt that the ledger has: of its hold, and of its end with `kind` and `nano`."""
    held, *ends = desk.entries("held", "settled", "released", "unknown")
    assert [held.kind, len(ends), ends[0].attempt] == ["held", 1, held.attempt]
    assert desk.book.held == desk.book.waiting == 0
    return {**held.facts, "nano": held.nano, "attempt": held.attempt}, {
        **ends[0].facts, "kind": ends[0].kind, "nano": ends[0].nano,
    }  # fmt: skip


# --- what is answered ---


@STREAMS
@BY_PROVIDER
@pytest.mark.parametrize("budgets", [(), (BIG,)], ids=["no budget", "a budget"])
async def test_an_answer_is_booked_once_at_its_cost(
    case: Case, stream: bool, budgets: tuple[Budget, ...], tmp_path: Path
) -> None:
    upstream, _ = replying(case.answer(stream=stream))
    with counter(tmp_path, *budgets) as desk:
        reply = await ask(
            application(upstream, till=desk.till), case, stream=stream, headers={"x-run-id": "r1", "x-agent": "coder"}
        )
        assert reply.status_code == 200
        held, end = only(desk)
        assert desk.spent(BIG) == (case.cost if budgets else 0)
    assert (held["provider"], held["run"], held["agent"]) == (case.provider, "r1", "coder")
    assert (held["model"], held["wire_model"], held["face"]) == (case.model, case.model, case.provider)
    assert (end["kind"], end["nano"], end["outcome"]) == ("settled", case.cost, "complete")
    assert end["usage"] == {"input": 1000, "output": 70, "cached": 400}
    assert "estimated" not in end
    assert bool(held["nano"] >= case.cost) is bool(budgets)
    assert reply.headers["x-polyglot-receipt"] == held["attempt"]
    shown = reply.headers.get("x-polyglot-cost-usd")
    assert (shown is None) if stream else (round(float(str(shown)) * DOLLAR) == case.cost)


@STREAMS
@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[3]], ids=["openai", "anthropic", "gemini"])
async def test_a_translated_answer_is_booked_the_same(case: Case, stream: bool, tmp_path: Path) -> None:
    """Chat to the others; Messages to OpenAI's Responses would need its own events, so Chat through the face of all models."""
    upstream, seen = replying(case.answer(stream=stream))
    body = {"model": case.model, "messages": HELLO, "stream": stream}
    with counter(tmp_path, BIG) as desk:
        await post(application(upstream, till=desk.till), "/v1/any/chat/completions", body)
        _, end = only(desk)
    assert len(seen) == 1
    assert (end["nano"], end["outcome"]) == (case.cost, "complete")


@BY_PROVIDER
async def test_the_ledger_alone_is_enough_to_work_a_cost_out_again(case: Case, tmp_path: Path) -> None:
    upstream, _ = replying(case.answer(stream=False))
    with counter(tmp_path) as desk:
        await ask(application(upstream, till=desk.till), case, stream=False)
        _, end = only(desk)
    rates = end["price"]["rates"]
    assert set(rates) == {"input", "cache_read", "output"}
    assert 600 * rates["input"] + 400 * rates["cache_read"] + 70 * rates["output"] == end["nano"] * 1000


async def test_several_choices_are_several_attempts_and_the_answer_names_all(tmp_path: Path) -> None:
    upstream, seen = replying(*(httpx.Response(200, json=MESSAGE) for _ in range(3)))
    with counter(tmp_path, BIG) as desk:
        body = {"model": CLAUDE, "messages": HELLO, "n": 3}
        reply = await post(application(upstream, till=desk.till), "/v1/anthropic/chat/completions", body)
        settled = desk.entries("settled")
        assert desk.book.held == 0
    assert (len(seen), len(reply.json()["choices"])) == (3, 3)
    assert [entry.nano for entry in settled] == [CASES[2].cost] * 3
    assert sorted(reply.headers["x-polyglot-receipt"].split(", ")) == sorted(entry.attempt for entry in settled)
    assert round(float(reply.headers["x-polyglot-cost-usd"]) * DOLLAR) == 3 * CASES[2].cost


async def test_of_several_choices_the_first_failure_leaves_nothing_held(tmp_path: Path) -> None:
    refusal = httpx.Response(500, json={"type": "error", "error": {"type": "api_error", "message": "x"}})
    upstream, _ = replying(httpx.Response(200, json=MESSAGE), refusal, httpx.Response(200, json=MESSAGE))
    with counter(tmp_path, BIG) as desk:
        body = {"model": CLAUDE, "messages": HELLO, "n": 3}
        reply = await post(application(upstream, till=desk.till), "/v1/anthropic/chat/completions", body)
        held, ends = desk.entries("held"), desk.entries("settled", "released")
        assert desk.book.held == 0
    assert reply.status_code == 500
    assert {entry.attempt for entry in held} == {entry.attempt for entry in ends}


async def test_counting_tokens_is_free_and_not_booked(tmp_path: Path) -> None:
    upstream, _ = replying(httpx.Response(200, json={"input_tokens": 9}))
    with counter(tmp_path, day(0)) as desk:
        body = {"model": CLAUDE, "messages": HELLO}
        reply = await post(application(upstream, till=desk.till), "/v1/anthropic/messages/count_tokens", body)
        assert (reply.status_code, desk.entries()) == (200, [])


async def test_an_answer_by_an_unknown_name_costs_what_was_asked_for(tmp_path: Path) -> None:
    upstream, _ = replying(httpx.Response(200, json=chat_plain("gpt-of-nobody")))
    with counter(tmp_path) as desk:
        await ask(application(upstream, till=desk.till), CASES[0], stream=False)
        _, end = only(desk)
    assert (end["model"], end["nano"]) == ("gpt-of-nobody", CASES[0].cost)


async def test_a_whole_answer_without_usage_is_estimated(tmp_path: Path) -> None:
    plain = {**chat_plain("gpt-6.1-terra"), "usage": None}
    plain["choices"][0]["message"]["content"] = "word " * 200
    upstream, _ = replying(httpx.Response(200, json=plain))
    with counter(tmp_path, BIG) as desk:
        await ask(application(upstream, till=desk.till), CASES[0], stream=False)
        _, end = only(desk)
    assert (end["estimated"], end["outcome"]) == (True, "complete")
    assert end["usage"]["output"] > 0
    assert end["nano"] > price("gpt-6.1-terra", input=end["usage"]["input"])


@pytest.mark.parametrize("tokens", [10**30, -5])
async def test_counts_that_nobody_could_pay_leave_nothing_held(tokens: int, tmp_path: Path) -> None:
    plain = {
        **chat_plain("gpt-6.1-terra"),
        "usage": {"prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": 1},
    }
    upstream, _ = replying(httpx.Response(200, json=plain))
    with counter(tmp_path, BIG) as desk:
        reply = await ask(application(upstream, till=desk.till), CASES[0], stream=False)
        assert reply.status_code == 200
        only(desk)


async def test_a_name_that_no_text_can_hold_leaves_nothing_held(tmp_path: Path) -> None:
    upstream, _ = replying(httpx.Response(200, json=chat_plain("x")), httpx.Response(200, json=chat_plain("x")))
    raw = b'{"model": "gpt-6.1-terra", "messages": [{"role": "user", "content": "\\ud800"}], "user": "\\ud800"}'
    with counter(tmp_path, BIG) as desk:
        app = application(upstream, till=desk.till)
        await post(app, "/v1/openai/chat/completions", raw)
        await post(app, "/v1/openai/chat/completions", raw.replace(b"gpt-6.1-terra", b"gpt-6.1-terra\\ud800"))
        assert desk.book.held == 0


# --- what is not answered ---

FAILURES: dict[str, tuple[Callable[[], httpx.Response | Exception], int, str, str]] = {
    "400": (lambda: httpx.Response(400, json={"error": {"message": "x"}}), 400, "released", "failed"),
    "429": (lambda: httpx.Response(429, json={"error": {"message": "x"}}), 429, "released", "failed"),
    "500": (lambda: httpx.Response(500, json={"error": {"message": "x"}}), 500, "released", "failed"),
    "no connection": (lambda: httpx.ConnectError("refused"), 502, "released", "failed"),
    "silent": (lambda: httpx.ReadTimeout("silent"), 504, "settled", "timed_out"),
    "cut": (lambda: httpx.ReadError("cut"), 502, "settled", "failed"),
    "redirect": (lambda: httpx.Response(302, headers={"location": "/x"}), 502, "settled", "failed"),
    "not JSON": (lambda: httpx.Response(200, content=b"<html>"), 502, "settled", "failed"),
    "compressed": (lambda: httpx.Response(200, headers={"content-encoding": "br"}, stream=Pieces([b"x"])), 502, "settled", "failed"),
}  # fmt: skip


@STREAMS
@BY_PROVIDER
@pytest.mark.parametrize("name", FAILURES)
async def test_what_is_not_answered_is_free_or_at_its_bound(
    name: str, case: Case, stream: bool, tmp_path: Path
) -> None:
    failure, status, kind, outcome = FAILURES[name]
    upstream, _ = replying(failure())
    with counter(tmp_path, BIG) as desk:
        reply = await ask(application(upstream, till=desk.till), case, stream=stream)
        held, end = only(desk)
        assert desk.spent(BIG) == end["nano"]
    assert (reply.status_code, end["kind"], end["outcome"]) == (status, kind, outcome)
    assert end["nano"] == (held["nano"] if kind == "settled" else 0)
    assert end.get("estimated", False) is (kind == "settled")


async def test_without_a_budget_too_what_is_silent_costs_its_bound(tmp_path: Path) -> None:
    ends = []
    for number, budgets in enumerate([(), (BIG,)]):
        (folder := tmp_path / str(number)).mkdir()
        upstream, _ = replying(httpx.ReadTimeout("silent"))
        with counter(folder, *budgets) as desk:
            await ask(application(upstream, till=desk.till), CASES[0], stream=False)
            ends.append(only(desk)[1]["nano"])
    assert ends[0] == ends[1] > 0


@BY_PROVIDER
@pytest.mark.parametrize("error", [httpx.ReadError("gone"), None], ids=["breaks", "ends early"])
async def test_a_stream_that_is_cut_costs_what_came(case: Case, error: Exception | None, tmp_path: Path) -> None:
    text = (
        case.pieces[-1]
        if case.provider == "gemini"
        else b"".join(case.pieces[: 3 if case.provider == "anthropic" else 2])
    )
    text = text.replace(b'"finishReason": "STOP", ', b"") if case.provider == "gemini" else text
    upstream, _ = replying(streamed([text], error))
    with counter(tmp_path, BIG) as desk:
        await ask(application(upstream, till=desk.till), case, stream=True)
        held, end = only(desk)
    assert (end["kind"], end["outcome"], end["estimated"]) == ("settled", "truncated", True)
    assert 0 < end["nano"] <= held["nano"]


async def test_an_error_inside_a_stream_before_its_content_is_free(tmp_path: Path) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}
    upstream, _ = replying(streamed(frames(error, named=True)))
    with counter(tmp_path, BIG) as desk:
        reply = await ask(application(upstream, till=desk.till), CASES[2], stream=True)
        _, end = only(desk)
    assert b"overloaded" in reply.content
    assert (end["kind"], end["nano"]) == ("released", 0)


async def test_the_first_count_of_a_stream_is_not_taken_for_the_last(tmp_path: Path) -> None:
    """Anthropic's message_start counts the first tokens of the output; a stream cut later has given more."""
    words = [{**EVENTS[2], "delta": {"type": "text_delta", "text": "word " * 20}} for _ in range(50)]
    upstream, _ = replying(streamed(frames(*EVENTS[:2], *words, named=True), httpx.ReadError("gone")))
    with counter(tmp_path) as desk:
        app = application(upstream, till=desk.till)
        await post(
            app, "/v1/anthropic/messages", {"model": CLAUDE, "max_tokens": 9000, "messages": HELLO, "stream": True}
        )
        _, end = only(desk)
    assert end["estimated"] is True
    assert (end["usage"]["input"], end["usage"]["cached"]) == (1000, 400)
    assert 250 < end["usage"]["output"] < 5000


@pytest.mark.parametrize(("model", "reasons"), [(CLAUDE, True), ("gpt-4.1-mini", False)])
async def test_what_a_reasoning_model_thought_before_a_break_is_not_free(
    model: str, reasons: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(booking, "THOUGHT_IN_A_SECOND", 10**12)
    body = {"model": model, "messages": HELLO, "stream": True, "max_tokens": 90}
    path = "/v1/anthropic/messages" if reasons else "/v1/openai/chat/completions"
    pieces = frames(*EVENTS[:2], named=True) if reasons else chat_stream(model)[:1]
    upstream, _ = replying(streamed(pieces, httpx.ReadError("gone")))
    with counter(tmp_path) as desk:
        await post(application(upstream, till=desk.till), path, body)
        _, end = only(desk)
    assert end["estimated"] is True
    assert (end["usage"]["output"] == 90) is reasons


# --- who leaves ---


class Slow(httpx.AsyncBaseTransport):
    """Gives each piece when it is let; before the head too."""

    def __init__(self, pieces: list[bytes], content_type: str, *, slow_close: bool = False) -> None:
        self.steps = 0
        self.moved = asyncio.Event()
        self._pieces, self._type, self._slow = pieces, content_type, slow_close

    async def _wait(self, step: int) -> None:
        self.moved.set()
        while self.steps <= step:  # noqa: ASYNC110  # counted in turns of the loop
            await asyncio.sleep(0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._wait(0)
        outer = self

        class Body(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                for number, piece in enumerate(outer._pieces, 1):
                    await outer._wait(number)
                    yield piece

            async def aclose(self) -> None:
                for _ in range(3 if outer._slow else 0):
                    await asyncio.sleep(0)

        return httpx.Response(200, headers={"content-type": self._type}, stream=Body())


class Instant:
    """A journal that has written everything one turn of the loop later: the number of turns is always the same."""

    def __init__(self) -> None:
        self.failure = None
        self.entries: list[Entry] = []

    def add(self, lines: list[Line], *, urgent: bool = True) -> Commit:  # it is written at once in any case
        self.entries += [Entry(kind, attempt, nano, json.loads(facts), at) for kind, attempt, nano, facts, at in lines]
        commit = Commit()
        asyncio.get_running_loop().call_soon(tell, [commit], None)
        return commit


def journal_of(played: Instant) -> Journal:
    return cast(Journal, played)


@STREAMS
@pytest.mark.parametrize("times", [1, 2, 3, 5])
async def test_a_cancellation_at_any_moment_books_once_and_leaves_nothing_held(stream: bool, times: int) -> None:
    """After k turns of the loop, for every k until the call is through; and again while it clears up."""
    case = CASES[2]
    path, body = case.request(stream=stream)
    pieces = case.pieces if stream else [json.dumps(case.plain).encode()]
    journal, book = Instant(), Book(lambda: START)
    till = Till(book, journal_of(journal), [BIG], clock=lambda: START)
    through = False
    for turns in range(400):
        upstream = Slow(pieces, "text/event-stream" if stream else "application/json", slow_close=True)
        upstream.steps = 99
        task = asyncio.create_task(post(application(upstream, till=till), path, body))
        for _ in range(turns):
            await asyncio.sleep(0)
        through = task.done()
        for _ in range(times):
            if not task.done():
                task.cancel()
                await asyncio.sleep(0)
        await asyncio.wait([task])
        assert book.held == book.waiting == 0, f"cancelled after {turns} turns"
        if through:
            break
    assert through
    begun = [entry.attempt for entry in journal.entries if entry.kind == "held"]
    ends = [entry for entry in journal.entries if entry.kind in {"settled", "released"}]
    assert sorted(begun) == sorted(entry.attempt for entry in ends)
    assert {entry.facts["outcome"] for entry in ends} == {"cancelled", "complete"}


@pytest.mark.parametrize("turns", range(6))
async def test_a_call_that_is_cancelled_in_line_gives_its_place_back(turns: int, tmp_path: Path) -> None:
    budget = day(DOLLAR * 10_000)
    with counter(tmp_path, budget, patience=60_000_000) as desk:
        desk.book.hold("another", [budget], budget.limit, desk.at)
        task = asyncio.create_task(ask(application(replying()[0], till=desk.till), CASES[0], stream=False))
        while not desk.book.waiting:  # noqa: ASYNC110  # counted in turns of the loop
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        desk.book.release("another", desk.at)  # it is woken, and cancelled at once
        task.cancel()
        await asyncio.wait([task])
        assert desk.book.held == desk.book.waiting == 0


async def test_a_client_that_leaves_a_stream_pays_for_what_it_got(tmp_path: Path) -> None:
    case = CASES[0]
    words = frames(chunk(case.model, {"role": "assistant", "content": "word " * 400}))
    upstream = Slow([*words, b""], "text/event-stream")
    with counter(tmp_path, BIG) as desk:
        app = application(upstream, till=desk.till)
        sent: asyncio.Queue[Any] = asyncio.Queue()
        to_app: asyncio.Queue[Any] = asyncio.Queue()
        path, body = case.request(stream=True)
        to_app.put_nowait({"type": "http.request", "body": json.dumps(body).encode(), "more_body": False})
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "http_version": "1.1",
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")], "scheme": "http", "root_path": "",
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8100), "asgi": {"version": "3.0"},
        }  # fmt: skip
        task = asyncio.ensure_future(app.app(scope, to_app.get, sent.put))
        upstream.steps = 2
        await asyncio.wait_for(sent.get(), 5)
        await asyncio.wait_for(sent.get(), 5)
        to_app.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(task, 5)
        held, end = only(desk)
    assert end["outcome"] == "cancelled"
    assert end["estimated"] is True
    assert price(case.model, output=20) < end["nano"] <= held["nano"]


# --- budgets ---

DIALECTS: list[tuple[str, Body, Callable[[Body], object], object, object]] = [
    ("/v1/openai/chat/completions", {"model": "gpt-6.1-terra", "messages": HELLO}, lambda e: e["error"]["code"], "budget_exceeded", "budget_busy"),  # noqa: E501  # a row of a table
    ("/v1/openai/responses", {"model": "gpt-6.1-terra", "input": "hello"}, lambda e: e["error"]["code"], "budget_exceeded", "budget_busy"),
    ("/v1/anthropic/messages", {"model": CLAUDE, "max_tokens": 9, "messages": HELLO}, lambda e: e["type"], "error", "error"),
    (f"/v1/gemini/models/{FLASH}:generateContent", {"contents": [{"parts": [{"text": "hi"}]}]}, lambda e: e["error"]["code"], 402, 429),
]  # fmt: skip
BY_DIALECT = pytest.mark.parametrize(
    ("path", "body", "word", "spent", "busy"), DIALECTS, ids=["chat", "responses", "messages", "gemini"]
)


@BY_DIALECT
async def test_a_budget_that_is_used_up_is_a_402_and_nothing_is_sent(
    path: str, body: Body, word: Callable[[Body], object], spent: object, busy: object, tmp_path: Path
) -> None:
    upstream, seen = replying()
    with counter(tmp_path, day(1)) as desk:
        reply = await post(application(upstream, till=desk.till), path, body)
        assert (desk.entries(), desk.book.held) == ([], 0)
    assert (reply.status_code, word(reply.json()), seen) == (402, spent, [])
    assert reply.headers["x-should-retry"] == "false"
    assert int(reply.headers["x-polyglot-budget-resets"]) % 86_400 == 0
    assert "process/day" in reply.text


@BY_DIALECT
async def test_a_budget_that_others_hold_is_a_429_that_may_come_again(
    path: str, body: Body, word: Callable[[Body], object], spent: object, busy: object, tmp_path: Path
) -> None:
    budget = day(DOLLAR * 10_000)
    upstream, seen = replying()
    with counter(tmp_path, budget) as desk:
        desk.book.hold("another", [budget], budget.limit, desk.at)
        reply = await post(application(upstream, till=desk.till), path, body)
        assert (desk.book.held, desk.entries()) == (1, [])
    assert (reply.status_code, word(reply.json()), seen) == (429, busy, [])
    assert (reply.headers["x-should-retry"], reply.headers["retry-after"]) == ("true", "2")


async def test_a_model_without_a_price_is_refused_under_a_budget_alone(tmp_path: Path) -> None:
    upstream, seen = replying(httpx.Response(200, json=chat_plain("gpt-99")))
    with counter(tmp_path, day(DOLLAR, "provider:openai")) as desk:
        app = application(upstream, till=desk.till)
        reply = await post(app, "/v1/openai/chat/completions", {"model": "gpt-99", "messages": HELLO})
        assert desk.entries() == []
    assert (reply.status_code, reply.json()["error"]["code"], seen) == (402, "unpriced_model", [])


async def test_a_hundred_at_once_stay_under_a_cap_and_use_it_to_the_last_that_fits(tmp_path: Path) -> None:
    case = CASES[0]
    sent = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal sent
        if request.url.path.endswith(COUNTERS):
            return httpx.Response(404)
        sent += 1
        await asyncio.sleep(0)
        return case.answer(stream=False)

    limit, bounds = BIG.limit, list[int]()
    for number in range(
        2
    ):  # the second has no room for the first bound, and is held by the one that looks into the body
        (other := tmp_path / str(number)).mkdir()
        with counter(other, day(limit)) as desk:
            await ask(application(replying(case.answer(stream=False))[0], till=desk.till), case, stream=False)
            bounds.append(only(desk)[0]["nano"])
        limit = bounds[0] - 1
    assert bounds[0] > bounds[1] > case.cost
    cap = day(
        bounds[1] + 9 * case.cost + case.cost // 2
    )  # the tenth still fits beside nine that are settled, the eleventh does not
    with counter(tmp_path, cap, patience=60_000_000) as desk:
        app = application(httpx.MockTransport(answer), till=desk.till)
        async with client(app) as http:
            path, body = case.request(stream=False)
            replies = await asyncio.gather(*(http.post(path, json=body) for _ in range(100)))
        assert desk.spent(cap) == 10 * case.cost <= cap.limit
        assert (desk.book.held, desk.book.waiting) == (0, 0)
        assert len(desk.entries("settled")) == sent == 10
    assert sorted(reply.status_code for reply in replies) == [200] * 10 + [402] * 90


async def test_a_restart_knows_what_was_spent_and_tells_no_alert_twice(tmp_path: Path) -> None:
    case = CASES[0]
    budget = day(10 * DOLLAR, alerts=(1, 75))
    plain = {**case.plain, "usage": {"prompt_tokens": 100_000, "completion_tokens": 1000, "total_tokens": 101_000}}
    for run in range(1, 4):
        upstream, _ = replying(httpx.Response(200, json=plain))
        with counter(tmp_path, budget) as desk:
            before = desk.spent(budget)
            await ask(application(upstream, till=desk.till), case, stream=False)
            cost = price(case.model, input=100_000, output=1000)
            assert (before, desk.spent(budget)) == ((run - 1) * cost, run * cost)
            assert [entry.facts["percent"] for entry in desk.entries("alerted")] == [1]


async def test_a_run_has_a_budget_of_its_own_and_a_call_without_one_none(tmp_path: Path) -> None:
    case = CASES[0]
    upstream, seen = replying(*(case.answer(stream=False) for _ in range(3)))
    with counter(tmp_path, runs=[BudgetRow("process", "run", 1, "UTC")]) as desk:
        app = application(upstream, till=desk.till)
        poor = await ask(app, case, stream=False, headers={"x-run-id": "r1"})
        none = await ask(app, case, stream=False)
        assert (poor.status_code, none.status_code, len(seen)) == (402, 200, 1)
        assert "process/run:/r1" in poor.text
        assert "x-polyglot-budget-resets" not in poor.headers
    row = BudgetRow("tenant:acme", "run", DOLLAR, "UTC")
    with counter(tmp_path) as desk:
        app = application(upstream, till=desk.till)
        for number in (1, 2):
            await as_caller(app, case, Someone("acme", (row,)), {"x-run-id": "r1"})
            (standing,) = [each for each in desk.book._accounts.values() if each.budget.scope == "run:acme/r1"]
            assert standing.current.spent == number * case.cost


async def test_another_limit_is_the_same_budget_and_what_was_spent_counts_once(tmp_path: Path) -> None:
    case = CASES[0]
    upstream, _ = replying(*(case.answer(stream=False) for _ in range(4)))
    with counter(tmp_path) as desk:
        app = application(upstream, till=desk.till)
        for number, limit in enumerate([DOLLAR, 2 * DOLLAR, DOLLAR, 3 * DOLLAR], 1):
            row = BudgetRow("tenant:acme", "day", limit, "UTC")
            reply = await as_caller(app, case, Someone("acme", (row,)))
            assert reply.status_code == 200
            desk.journal.refreshed()
            assert desk.spent(day(limit, "tenant:acme")) == number * case.cost


async def test_what_tenants_below_spent_counts_above_after_a_restart(tmp_path: Path) -> None:
    case = CASES[0]
    above = BudgetRow("tenant:acme", "day", DOLLAR, "UTC")
    budget = day(DOLLAR, "tenant:acme")
    for number in (1, 2, 3):
        upstream, _ = replying(case.answer(stream=False))
        with counter(tmp_path) as desk:
            await as_caller(application(upstream, till=desk.till), case, Someone("acme-below", (above,)))
            assert desk.spent(budget) == number * case.cost


class Someone:
    """A caller without any rule but budgets."""

    key = "key_1"

    def __init__(self, tenant: str, budgets: tuple[BudgetRow, ...]) -> None:
        self.tenant, self.budgets, self.aliases = tenant, budgets, dict[str, str]()

    def check_target(self, provider: str, *names: str) -> None:
        pass


async def as_caller(app: Any, case: Case, caller: Someone, headers: dict[str, str] | None = None) -> httpx.Response:
    async def known(scope: Any, receive: Any, send: Any) -> None:
        await app.app({**scope, "caller": caller}, receive, send)

    path, body = case.request(stream=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(known), base_url="http://127.0.0.1:8100") as http:
        return await http.post(path, json=body, headers=headers)


# --- the disk ---


async def test_while_the_ledger_cannot_be_written_nothing_is_sent(tmp_path: Path) -> None:
    upstream, seen = replying()
    with counter(tmp_path, BIG) as desk:
        break_disk(desk)
        reply = await ask(application(upstream, till=desk.till), CASES[0], stream=False)
        assert (desk.book.held, desk.spent(BIG)) == (0, 0)
        desk.journal.failure = None
    assert (reply.status_code, reply.json()["error"]["code"], seen) == (503, "ledger_unavailable", [])


async def test_unbooked_calls_are_answered_where_that_is_allowed(tmp_path: Path) -> None:
    upstream, _ = replying(CASES[0].answer(stream=False))
    with counter(tmp_path, BIG, unbooked=True) as desk:
        break_disk(desk)
        reply = await ask(application(upstream, till=desk.till), CASES[0], stream=False)
        desk.journal.failure = None
        assert (reply.status_code, desk.book.held, desk.spent(BIG)) == (200, 0, CASES[0].cost)


def break_disk(desk: Counter) -> None:
    from polyglot_cloud.money.faults import LedgerUnwritable  # noqa: PLC0415  # two tests alone need it

    desk.journal.failure = LedgerUnwritable("The disk is full.")


# --- what a stream's client is told last ---


@pytest.mark.parametrize("case", CASES[2:], ids=[case.provider for case in CASES[2:]])
async def test_a_translated_stream_ends_with_its_cost(case: Case, tmp_path: Path) -> None:
    body = {"model": case.model, "messages": HELLO, "stream": True}
    with counter(tmp_path, BIG) as desk:
        app = application(replying(case.answer(stream=True))[0], till=desk.till)
        reply = await post(app, "/v1/any/chat/completions", body)
        _, end = only(desk)
    assert end["nano"] == case.cost
    before, _, last = reply.text.partition("data: [DONE]\n\n")
    assert "x-polyglot" not in before
    assert last.endswith(f": x-polyglot-cost-usd: {case.cost / DOLLAR:.9f}".rstrip("0") + "\n\n")
    assert all(line.startswith(": ") for line in last.split("\n\n") if line)


@BY_PROVIDER
async def test_a_passed_stream_is_its_very_bytes(case: Case, tmp_path: Path) -> None:
    with counter(tmp_path, BIG) as desk:
        path, body = case.request(stream=True)
        if case.path.endswith("completions"):
            body = {**body, "stream_options": {"include_usage": True}}
        app = application(replying(case.answer(stream=True))[0], till=desk.till)
        reply = await post(app, path, body)
        assert reply.content == b"".join(case.pieces)
        assert only(desk)[1]["nano"] == case.cost


@pytest.mark.parametrize("pieces", [EVENTS[:4], EVENTS[:-1]], ids=["no end", "no last event"])
async def test_a_translated_stream_that_broke_ends_with_its_error(pieces: list[Body], tmp_path: Path) -> None:
    body = {"model": CLAUDE, "messages": HELLO, "stream": True}
    with counter(tmp_path, BIG) as desk:
        app = application(replying(streamed(frames(*pieces, named=True)))[0], till=desk.till)
        reply = await post(app, "/v1/any/chat/completions", body)
        assert only(desk)[1]["outcome"] == "truncated"
    assert "cost-usd" not in reply.text


async def test_without_a_ledger_or_a_price_no_cost_is_told(tmp_path: Path) -> None:
    body = {"model": CLAUDE, "messages": HELLO, "stream": True}
    reply = await post(application(replying(CASES[2].answer(stream=True))[0]), "/v1/any/chat/completions", body)
    assert "cost-usd" not in reply.text
    events = json.loads(json.dumps(EVENTS).replace(CLAUDE, "claude-of-nobody"))
    with counter(tmp_path) as desk:
        app = application(replying(streamed(frames(*events, named=True)))[0], till=desk.till)
        body["model"] = "anthropic/claude-of-nobody"
        reply = await post(app, "/v1/any/chat/completions", body)
        assert only(desk)[1]["cost_source"] == "unpriced"
    assert "data: [DONE]" in reply.text
    assert "cost-usd" not in reply.text


async def test_a_stream_in_lines_has_no_place_for_it(tmp_path: Path) -> None:
    with counter(tmp_path, BIG) as desk:
        app = application(replying(CASES[2].answer(stream=True))[0], till=desk.till)
        reply = await post(app, "/v1/anthropic/generate", {"model": CLAUDE, "prompt": "hello", "stream": True})
        assert only(desk)[1]["nano"] == CASES[2].cost
    assert all(json.loads(line) for line in reply.text.splitlines())


@STREAMS
async def test_a_search_by_google_is_booked_wherever_the_stream_tells_it(stream: bool, tmp_path: Path) -> None:
    case = CASES[3]
    grounded = {"groundingMetadata": {"webSearchQueries": ["one", "two"]}}
    candidate: Body = {"content": {"parts": [{"text": "hi"}], "role": "model"}, "index": 0}
    piece, told = ({**GENERATED, "candidates": [each]} for each in (candidate, {**candidate, **grounded}))
    plain = {**GENERATED, "candidates": [{**GENERATED["candidates"][0], **grounded}]}
    answer = streamed(frames(piece, told, piece, piece, GENERATED))
    upstream = replying(answer if stream else httpx.Response(200, json=plain))[0]
    with counter(tmp_path, BIG) as desk:
        await ask(application(upstream, till=desk.till), case, stream=stream)
        _, end = only(desk)
    assert end["usage"]["web_search_calls"] == 2
    assert end["nano"] == case.cost + 2 * 14_000_000
