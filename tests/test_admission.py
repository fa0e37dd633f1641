"""A call that does not fit under a budget: what it is sent with, who is asked for tokens, and what it is told."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from counter import DOLLAR, counter, day
from harness import COUNTERS, HELLO, application, client, post, streamed
from polyglot_cloud.booking import FLOOR, WITH_TOOLS
from polyglot_cloud.money.budgets import Budget
from test_booking import CLAUDE, FLASH, GENERATED, MESSAGE, chat_plain, chat_stream

Body = dict[str, Any]
TERRA = "gpt-6.1-terra"
RESPONSE: Body = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": TERRA,
    "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "hi", "annotations": []}]}],
    "usage": {"input_tokens": 10, "output_tokens": 7, "total_tokens": 17},
}  # fmt: skip
COUNTS: Body = {"input_tokens": 50, "totalTokens": 50}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
BULK = "A long story. " * 25_000


class Played:
    """Answers in the dialect of the path, and keeps what it was asked. `count` None: it has no counter."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count
        self.bodies: list[bytes] = []
        self.questions: list[httpx.Request] = []
        self.holding: asyncio.Event | None = None

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith(COUNTERS):
            self.questions.append(request)
            told = dict.fromkeys(COUNTS, self.count)
            return httpx.Response(404) if self.count is None else httpx.Response(200, json=told)
        self.bodies.append(request.content)
        if self.holding is not None:
            await self.holding.wait()
        if path.endswith("/messages"):
            return httpx.Response(200, json=MESSAGE)
        if path.endswith("/responses"):
            return httpx.Response(200, json=RESPONSE)
        if path.endswith("/chat/completions"):
            if json.loads(request.content).get("stream"):
                return streamed(chat_stream(TERRA))
            return httpx.Response(200, json=chat_plain(TERRA))
        return httpx.Response(200, json=GENERATED)


async def asked(
    folder: Path, path: str, raw: bytes, budget: Budget, upstream: Played, environ: dict[str, str] | None = None
) -> httpx.Response:
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  # a folder of a test
    with counter(folder, budget) as desk:
        reply = await post(application(httpx.MockTransport(upstream), environ, till=desk.till), path, raw)
        assert (desk.book.held, desk.book.waiting) == (0, 0)
        bounds = [entry.nano for entry in desk.entries("held")]
        assert all(bound <= budget.limit for bound in bounds)
    reply.extensions["held"] = sum(bounds)
    return reply


async def clamped(
    folder: Path, path: str, raw: bytes, share: float | None = 0.5, **environ: str
) -> tuple[httpx.Response, bytes, bytes]:
    """The reply under a budget of so large a share of the call's bound (None: the first with which it is clamped), what was sent then, and
    what is sent where there is room.
    """
    free = Played()
    ample = await asked(folder / "ample", path, raw, day(1_000 * DOLLAR), free, environ)
    assert ample.status_code == 200, ample.text
    assert "x-polyglot-clamped" not in ample.headers
    assert free.questions == []
    for given in [share] if share is not None else [part / 10 for part in range(9, 1, -1)]:
        tight = Played()
        budget = day(int(ample.extensions["held"] * given))
        reply = await asked(folder / str(given), path, raw, budget, tight, environ)
        if "x-polyglot-clamped" in reply.headers:
            break
    return reply, (tight.bodies or [b""])[0], free.bodies[0]


def compact(value: Body) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


ASKED = 31_999
CHAT, RESPONSES, MESSAGES = "/v1/openai/chat/completions", "/v1/openai/responses", "/v1/anthropic/messages"
GENERATE = f"/v1/gemini/models/{FLASH}:generateContent"
CONTENTS = [{"role": "user", "parts": [{"text": "hello"}]}]
SET: dict[str, tuple[str, Body]] = {
    "chat": (CHAT, {"model": TERRA, "max_completion_tokens": ASKED, "messages": HELLO}),
    "chat, old name": ("/v1/grok/chat/completions", {"model": "grok-4.20-0309-non-reasoning", "max_tokens": ASKED, "messages": HELLO}),
    "chat, both": (CHAT, {"model": TERRA, "max_tokens": ASKED, "messages": HELLO, "max_completion_tokens": ASKED}),
    "chat, streamed": (CHAT, {"model": TERRA, "stream": True, "max_completion_tokens": ASKED, "messages": HELLO}),
    "chat, a tier's name": (CHAT, {"max_completion_tokens": ASKED, "model": "medium", "messages": HELLO}),
    "chat, large": (CHAT, {"model": TERRA, "messages": [{"role": "user", "content": BULK}], "max_completion_tokens": ASKED}),
    "responses": (RESPONSES, {"model": TERRA, "input": "hello", "max_output_tokens": ASKED, "store": False}),
    "responses, large": (RESPONSES, {"model": TERRA, "input": BULK, "max_output_tokens": ASKED}),
    "messages": (MESSAGES, {"model": CLAUDE, "max_tokens": ASKED, "messages": HELLO}),
    "messages, large": (MESSAGES, {"max_tokens": ASKED, "messages": [{"role": "user", "content": BULK}], "model": CLAUDE}),
    "messages, many": (MESSAGES, {"max_tokens": ASKED, "model": CLAUDE,
                                  "messages": [{"role": r, "content": BULK[:900]} for _ in range(200) for r in ("user", "assistant")]}),
    "gemini": (GENERATE, {"contents": CONTENTS, "generationConfig": {"topK": 3, "maxOutputTokens": ASKED, "seed": 1}}),
    "gemini, snake": (GENERATE, {"generation_config": {"max_output_tokens": ASKED}, "contents": CONTENTS}),
    "gemini, large": (GENERATE, {"contents": [{"parts": [{"text": BULK}]}], "generationConfig": {"maxOutputTokens": ASKED}}),
}  # fmt: skip
TRANSLATED = {
    "to messages": ("/v1/any/chat/completions", {"model": CLAUDE, "max_completion_tokens": ASKED, "messages": HELLO}),
    "to gemini": ("/v1/any/chat/completions", {"model": FLASH, "max_tokens": ASKED, "messages": HELLO}),
    "to responses": ("/v1/any/chat/completions", {"model": TERRA, "max_tokens": ASKED, "messages": HELLO, "tools": [TOOL]}),
    "to messages, large": ("/v1/any/chat/completions", {"model": CLAUDE, "max_tokens": ASKED,
                                                         "messages": [{"role": "user", "content": BULK}]}),
}  # fmt: skip


@pytest.mark.parametrize("name", SET | TRANSLATED)
@pytest.mark.parametrize("spaces", [False, True])
async def test_only_the_maximum_differs_in_what_is_sent(name: str, spaces: bool, tmp_path: Path) -> None:
    path, body = (SET | TRANSLATED)[name]
    raw = json.dumps(body, indent=2).encode() if spaces else compact(body)
    reply, sent, unclamped = await clamped(tmp_path, path, raw, None)
    assert reply.status_code == 200, reply.text
    before, _, given = reply.headers["x-polyglot-clamped"].partition("->")
    assert int(before) == ASKED
    assert FLOOR <= int(given) < ASKED
    assert sent == unclamped.replace(str(ASKED).encode(), given.encode())
    assert sent != unclamped
    if name in SET:
        member = next(
            each
            for each in ("max_completion_tokens", "max_output_tokens", "max_tokens", "maxOutputTokens")
            if each in raw.decode()
        )
        assert member in reply.headers["x-polyglot-edited"]


@pytest.mark.parametrize(
    ("path", "body", "added"),
    [
        (CHAT, {"model": TERRA, "messages": HELLO}, ',"max_completion_tokens":{}'),
        (CHAT, {"model": TERRA, "messages": [{"role": "user", "content": BULK}]}, ',"max_completion_tokens":{}'),
        (RESPONSES, {"model": TERRA, "input": "hello"}, ',"max_output_tokens":{}'),
        (GENERATE, {"contents": CONTENTS}, ',"generationConfig":{{"maxOutputTokens":{}}}'),
        (GENERATE, {"contents": CONTENTS, "generationConfig": {"topK": 4}}, ',"maxOutputTokens":{}'),
    ],
)
async def test_where_no_maximum_was_asked_for_one_is_set(path: str, body: Body, added: str, tmp_path: Path) -> None:
    raw = compact(body)
    reply, sent, _ = await clamped(tmp_path, path, raw)
    given = reply.headers["x-polyglot-clamped"].partition("->")[2]
    piece = added.format(given).encode()
    assert sent.count(piece) == 1
    assert sent.replace(piece, b"") == raw


@pytest.mark.parametrize(
    ("path", "body", "floor"),
    [
        (CHAT, {"model": TERRA, "max_completion_tokens": ASKED, "messages": HELLO}, FLOOR),
        (RESPONSES, {"model": TERRA, "input": "hello", "max_output_tokens": ASKED, "tools": [{"type": "function"}]}, WITH_TOOLS),
        (MESSAGES, {"model": CLAUDE, "max_tokens": ASKED, "messages": HELLO, "tools": [{"name": "f", "input_schema": {}}]}, WITH_TOOLS),
        (MESSAGES, {"model": CLAUDE, "max_tokens": ASKED, "messages": HELLO, "thinking": {"type": "enabled", "budget_tokens": 9000}},
         9000 + FLOOR),
        (GENERATE, {"contents": CONTENTS, "generationConfig": {"maxOutputTokens": ASKED, "thinkingConfig": {"thinkingBudget": 7000}}},
         7000 + FLOOR),
    ],
)  # fmt: skip
async def test_no_maximum_is_lowered_below_its_floor(path: str, body: Body, floor: int, tmp_path: Path) -> None:
    """Just above it the call is sent, just below it is refused."""
    given = []
    for step in range(0, 100, 9):
        share = floor / ASKED * (1.4 - step / 100)
        reply, _, _ = await clamped(tmp_path / str(step), path, compact(body), share)
        if reply.status_code == 402:
            break
        given.append(int(reply.headers["x-polyglot-clamped"].partition("->")[2]))
    assert reply.status_code == 402
    assert given == sorted(given, reverse=True)
    assert floor <= given[-1] < floor * 1.2 + 400


async def test_n_choices_share_what_is_left(tmp_path: Path) -> None:
    body = {"model": TERRA, "max_completion_tokens": ASKED, "messages": HELLO, "n": 3}
    one = await clamped(tmp_path / "1", CHAT, compact({**body, "n": 1}), 0.5)
    three = await clamped(tmp_path / "3", CHAT, compact(body), 0.5)
    told = [int(each[0].headers["x-polyglot-clamped"].partition("->")[2]) for each in (one, three)]
    assert abs(told[0] - told[1]) < 2_000


@pytest.mark.parametrize("maximum", [0, 5, 900])
async def test_a_small_maximum_is_never_touched(maximum: int, tmp_path: Path) -> None:
    body = {"model": CLAUDE, "max_tokens": maximum, "messages": HELLO}
    reply, _, _ = await clamped(tmp_path, MESSAGES, compact(body), 0.05)
    assert reply.status_code == 402


async def test_clamping_can_be_turned_off(tmp_path: Path) -> None:
    raw = compact(SET["messages"][1])
    reply, sent, _ = await clamped(tmp_path, MESSAGES, raw, POLYGLOT_BUDGET_CLAMP="off")
    assert (reply.status_code, sent) == (402, b"")


async def test_a_cap_per_call_lowers_the_maximum_too(tmp_path: Path) -> None:
    cap = Budget("process/call", "process", "call", DOLLAR // 10)
    upstream = Played()
    reply = await asked(tmp_path, MESSAGES, compact(SET["messages"][1]), cap, upstream)
    given = int(reply.headers["x-polyglot-clamped"].partition("->")[2])
    assert json.loads(upstream.bodies[0])["max_tokens"] == given
    assert reply.extensions["held"] <= cap.limit < reply.extensions["held"] + 20_000


# --- counting ---

QUESTIONS: list[tuple[str, Body, str, Body]] = [
    (MESSAGES, {"model": CLAUDE, "max_tokens": 300, "messages": [{"role": "user", "content": "word " * 900}], "stream": False,
                "metadata": {}, "system": "s"}, "/v1/messages/count_tokens",
     {"model": CLAUDE, "messages": [{"role": "user", "content": "word " * 900}], "system": "s"}),
    (RESPONSES, {"model": TERRA, "input": "word " * 900, "max_output_tokens": 300, "store": False}, "/v1/responses/input_tokens",
     {"model": TERRA, "input": "word " * 900}),
    (GENERATE, {"contents": [{"parts": [{"text": "word " * 900}]}], "generationConfig": {"maxOutputTokens": 300}, "store": False},
     f"/v1beta/models/{FLASH}:countTokens",
     {"generateContentRequest": {"model": f"models/{FLASH}", "contents": [{"parts": [{"text": "word " * 900}]}],
                                 "generationConfig": {"maxOutputTokens": 300}}}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "where", "question"), QUESTIONS)
async def test_the_provider_is_asked_for_tokens_only_where_the_bound_does_not_fit(
    path: str, body: Body, where: str, question: Body, tmp_path: Path
) -> None:
    free = Played(50)
    ample = await asked(tmp_path / "a", path, compact(body), day(DOLLAR), free)
    assert free.questions == []
    tight = Played(50)
    budget = day(ample.extensions["held"] // 4)
    reply = await asked(tmp_path / "b", path, compact(body), budget, tight)
    assert (reply.status_code, len(tight.questions)) == (200, 1)
    assert tight.questions[0].url.path == where
    assert json.loads(tight.questions[0].content) == question
    assert tight.questions[0].headers.keys() >= {"content-type"}
    assert "x-polyglot-clamped" not in reply.headers
    assert tight.bodies == free.bodies
    silent = await asked(tmp_path / "c", path, compact(body), budget, Played())
    assert silent.status_code == 402


async def test_a_chat_call_is_counted_as_a_responses_one(tmp_path: Path) -> None:
    body = {
        "model": TERRA,
        "max_completion_tokens": 90,
        "messages": [{"role": "user", "content": BULK}],
        "n": 2,
        "stop": None,
    }
    upstream = Played(50)
    reply = await asked(tmp_path, CHAT, compact(body), day(DOLLAR // 500), upstream)
    assert reply.status_code == 200
    question = json.loads(upstream.questions[0].content)
    assert question["input"][0]["content"] in (BULK, [{"type": "input_text", "text": BULK}])
    assert json.loads(upstream.bodies[0]) == body


@pytest.mark.parametrize(
    "failure",
    [
        lambda: httpx.Response(500), lambda: httpx.Response(200, content=b"<html>"),
        lambda: httpx.Response(200, json={"input_tokens": "9"}), lambda: httpx.Response(200, json=[]),
        lambda: httpx.ConnectError("refused"), lambda: httpx.ReadTimeout("silent"),
    ],
)  # fmt: skip
async def test_a_counter_that_fails_means_only_that_nobody_knows(
    failure: Callable[[], httpx.Response | Exception], tmp_path: Path
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(COUNTERS):
            return httpx.Response(200, json=MESSAGE)
        found = failure()
        if isinstance(found, Exception):
            raise found
        return found

    body = {"model": CLAUDE, "max_tokens": ASKED, "messages": [{"role": "user", "content": "word " * 100}]}
    with counter(tmp_path, day(DOLLAR // 5)) as desk:
        reply = await post(application(httpx.MockTransport(answer), till=desk.till), MESSAGES, body)
        assert desk.book.held == 0
    assert reply.status_code == 200
    assert "x-polyglot-clamped" in reply.headers


async def test_a_member_that_nobody_here_knows_leaves_it_uncounted(tmp_path: Path) -> None:
    body = {**QUESTIONS[0][1], "context_of_tomorrow": {}}
    upstream = Played(5)
    reply = await asked(tmp_path, MESSAGES, compact(body), day(10_000_000), upstream)
    assert (reply.status_code, upstream.questions) == (402, [])


async def test_those_in_flight_are_counted_for_one_that_does_not_fit(tmp_path: Path) -> None:
    upstream = Played(50)
    upstream.holding = asyncio.Event()
    body = {"model": CLAUDE, "max_tokens": 900, "messages": [{"role": "user", "content": "word " * 2_000}]}
    with counter(tmp_path, day(60_000_000)) as desk:  # room for two by their bytes
        app = application(httpx.MockTransport(upstream), till=desk.till)
        async with client(app) as http:
            calls = [asyncio.create_task(http.post(MESSAGES, json=body)) for _ in range(4)]
            for _ in range(5_000):  # turns of the loop: nothing here waits for a clock
                if len(upstream.bodies) == 4:
                    break
                await asyncio.sleep(0)
            held = desk.book.held
            upstream.holding.set()
            replies = await asyncio.gather(*calls)
        tightened, overrun = desk.entries("tightened"), desk.entries("overrun")
        assert desk.book.held == 0
    assert held == 4
    assert [reply.status_code for reply in replies] == [200] * 4
    assert tightened
    assert len({entry.attempt for entry in tightened}) <= 2
    assert len(overrun) <= 4  # the played answer tells more tokens than the played counter did


@pytest.mark.parametrize("turns", [*range(12), 20, 40, 80])
async def test_who_leaves_before_anything_is_sent_leaves_nothing_behind(turns: int, tmp_path: Path) -> None:
    upstream = Played(50)
    body = {"model": CLAUDE, "max_tokens": ASKED, "messages": [{"role": "user", "content": BULK}]}
    with counter(tmp_path, day(DOLLAR // 5)) as desk:
        app = application(httpx.MockTransport(upstream), till=desk.till)
        call = asyncio.create_task(post(app, MESSAGES, body))
        for _ in range(turns):
            await asyncio.sleep(0.001)
        call.cancel()
        await asyncio.wait([call])
        ends = desk.entries("settled", "released")
        assert (desk.book.held, desk.book.waiting) == (0, 0)
        assert len(desk.entries("held")) == len(ends)
        assert upstream.bodies or all(end.nano == 0 for end in ends)


# --- vendors' own tools ---

BILLED: list[tuple[str, Body]] = [
    (RESPONSES, {"model": TERRA, "input": "x", "tools": [{"type": "web_search"}]}),
    (RESPONSES, {"model": TERRA, "input": "x", "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}),
    (RESPONSES, {"model": TERRA, "input": "x", "tools": [{"type": "file_search", "vector_store_ids": []}]}),
    (
        MESSAGES,
        {
            "model": CLAUDE,
            "max_tokens": 9,
            "messages": HELLO,
            "tools": [{"type": "web_search_20260209", "name": "web_search"}],
        },
    ),
    (MESSAGES, {"model": CLAUDE, "max_tokens": 9, "messages": HELLO, "mcp_servers": [{"url": "https://x.example"}]}),
    (GENERATE, {"contents": CONTENTS, "tools": [{"googleSearch": {}}]}),
    (GENERATE, {"contents": CONTENTS, "tools": {"code_execution": {}}}),
    (CHAT, {"model": TERRA, "messages": HELLO, "web_search_options": {}}),
    ("/v1/any/chat/completions", {"model": TERRA, "messages": HELLO, "tools": [TOOL], "web_search_options": {}}),
]


@pytest.mark.parametrize(("path", "body"), BILLED)
async def test_a_tool_of_the_vendors_own_is_refused_under_a_budget_alone(path: str, body: Body, tmp_path: Path) -> None:
    upstream = Played()
    reply = await asked(tmp_path, path, compact(body), day(1_000 * DOLLAR), upstream)
    assert (reply.status_code, upstream.bodies) == (402, [])
    assert "POLYGLOT_BUDGET_SERVER_TOOLS" in reply.text
    (elsewhere := tmp_path / "none").mkdir()
    with counter(elsewhere) as desk:
        free = await post(application(httpx.MockTransport(upstream), till=desk.till), path, compact(body))
    assert free.status_code == 200


@pytest.mark.parametrize(("path", "body"), BILLED)
async def test_where_it_is_allowed_it_may_read_all_that_the_model_can(path: str, body: Body, tmp_path: Path) -> None:
    upstream = Played(5)
    allowed = {"POLYGLOT_BUDGET_SERVER_TOOLS": "allow"}
    reply = await asked(tmp_path, path, compact(body), day(1_000 * DOLLAR), upstream, allowed)
    assert reply.status_code == 200
    assert reply.extensions["held"] > DOLLAR // 2
    small = await asked(tmp_path / "small", path, compact(body), day(DOLLAR // 10), upstream, allowed)
    assert (small.status_code, upstream.questions) == (402, [])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            RESPONSES,
            {
                "model": TERRA,
                "input": "x",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}],
            },
        ),
        (
            MESSAGES,
            {
                "model": CLAUDE,
                "max_tokens": 9,
                "messages": HELLO,
                "tools": [{"type": "bash_20250124", "name": "bash"}, {"name": "f"}],
            },
        ),
        (GENERATE, {"contents": CONTENTS, "tools": [{"functionDeclarations": []}]}),
        (CHAT, {"model": "gpt-5.5", "messages": HELLO, "tools": [TOOL], "reasoning_effort": "none"}),
    ],
)
async def test_tools_that_the_client_runs_are_not(path: str, body: Body, tmp_path: Path) -> None:
    reply = await asked(tmp_path, path, compact(body), day(1_000 * DOLLAR), Played())
    assert reply.status_code == 200


async def test_of_several_copies_each_has_its_own_maximum(tmp_path: Path) -> None:
    body = {"model": CLAUDE, "messages": HELLO, "n": 3, "max_tokens": ASKED}
    upstream = Played()
    reply = await asked(tmp_path, "/v1/anthropic/chat/completions", compact(body), day(DOLLAR), upstream)
    assert reply.status_code == 200
    assert len(upstream.bodies) == 3
