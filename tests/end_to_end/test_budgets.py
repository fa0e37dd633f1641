"""Budgets before the stand-ins, which have prompt caches, counters and prices of their own: what is there can be spent, and no more."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from counter import DOLLAR, Counter, counter, day
from harness import HOSTS, application, client
from polyglot_cloud.sandbox import App, anthropic, openai

Body = dict[str, Any]
KEYS = {"OPENAI_API_KEY": openai.KEY, "ANTHROPIC_API_KEY": anthropic.KEY}
PATIENCE = 60_000_000
OPUS, TERRA = "claude-opus-5-5", "gpt-6.1-terra"
LONG = "word " * 80_000
"""A hundred thousand tokens as the stand-ins count."""
ASKED = 32_000


class Clouds(httpx.AsyncBaseTransport):
    """The stand-ins in the network's place, new for each test."""

    def __init__(self) -> None:
        apps = {"openai": App("openai", openai.OpenAI()), "anthropic": App("anthropic", anthropic.Anthropic())}
        for app in apps.values():
            app.pause = 0.0
        self._ways = {httpx.URL(HOSTS[name]).host: httpx.ASGITransport(app) for name, app in apps.items()}
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        return await self._ways[request.url.host].handle_async_request(request)


class Agent:
    """Asks again and again, with what it was told before; ends at the first refusal, of which `refused` tells how much was spent."""

    def __init__(self, number: int, desk: Counter) -> None:
        self.number, self.desk = number, desk
        self.refused: tuple[int, int] | None = None
        self.clamps: list[int] = []
        self.costs: list[float] = []

    def call(self, turn: int) -> tuple[str, Body]:
        said = f"[[sandbox:words 12000]] Agent {self.number}, turn {turn}"
        prompt = f"Agent {self.number}. {LONG}"
        if self.number < 3:
            system = [{"type": "text", "text": prompt, "cache_control": {"type": "ephemeral"}}]
            return "/v1/anthropic/messages", {
                "model": OPUS, "max_tokens": ASKED, "system": system, "messages": [{"role": "user", "content": said}],
            }  # fmt: skip
        if self.number == 3:
            return "/v1/openai/responses", {
                "model": TERRA, "max_output_tokens": ASKED, "instructions": prompt, "input": said, "store": False,
            }  # fmt: skip
        messages = [{"role": "system", "content": prompt}, {"role": "user", "content": said}]
        return "/v1/any/chat/completions", {"model": OPUS, "max_completion_tokens": ASKED, "messages": messages}

    async def work(self, http: httpx.AsyncClient, budget: Any) -> None:
        for turn in range(200):
            path, body = self.call(turn)
            reply = await http.post(path, json=body)
            if reply.status_code != 200:
                self.refused = reply.status_code, self.desk.spent(budget)
                return
            self.costs.append(float(reply.headers["x-polyglot-cost-usd"]))
            if clamped := reply.headers.get("x-polyglot-clamped"):
                asked, given = clamped.split("->")
                assert int(asked) == ASKED
                self.clamps.append(int(given))


async def test_five_agents_spend_what_there_is_and_no_more(tmp_path: Path) -> None:
    budget, upstream = day(10 * DOLLAR), Clouds()
    with counter(tmp_path, budget, patience=PATIENCE) as desk:
        app = application(upstream, KEYS, till=desk.till)
        agents = [Agent(number, desk) for number in range(5)]
        async with client(app) as http:
            await asyncio.gather(*(agent.work(http, budget) for agent in agents))
        spent = desk.spent(budget)
        tightened = [entry for entry in desk.entries("tightened") if entry.facts["input"] < len(LONG) // 2]
        overruns = desk.entries("overrun")
        assert (desk.book.held, desk.book.waiting, overruns) == (0, 0, [])
    refusals = [agent.refused for agent in agents]
    assert [refusal[0] for refusal in refusals if refusal] == [402] * 5
    assert min(refusal[1] for refusal in refusals if refusal) >= budget.limit * 9 // 10
    assert budget.limit * 9 // 10 <= spent <= budget.limit
    assert round(sum(cost for agent in agents for cost in agent.costs) * DOLLAR) == spent
    assert tightened, "those in flight were counted too"
    clamps = [clamp for agent in agents for clamp in agent.clamps]
    assert clamps
    assert all(1_024 <= clamp < ASKED for clamp in clamps)


async def test_two_hundred_at_once_leave_what_the_last_can_use(tmp_path: Path) -> None:
    budget, upstream = day(DOLLAR // 100), Clouds()
    small: Body = {"model": TERRA, "messages": [{"role": "user", "content": "[[sandbox:words 40]] hello"}]}
    with counter(tmp_path, budget, patience=PATIENCE) as desk:
        app = application(upstream, KEYS, till=desk.till)
        async with client(app) as http:
            crowd = await asyncio.gather(*(http.post("/v1/openai/chat/completions", json=small) for _ in range(200)))
            after_crowd = desk.spent(budget)
            answers = 0
            while True:  # the largest maximum that still fits is given: 20 tokens are always worth a try
                body = {**small, "max_completion_tokens": 20}
                last = await http.post("/v1/openai/chat/completions", json=body)
                if last.status_code != 200:
                    break
                answers += 1
        spent, settled = desk.spent(budget), [entry.nano for entry in desk.entries("settled")]
        assert (desk.book.held, desk.book.waiting, desk.entries("overrun")) == (0, 0, [])
    statuses = {reply.status_code for reply in crowd}
    assert statuses == {200, 402}
    assert answers > 0
    assert after_crowd < spent == sum(settled) <= budget.limit
    assert last.status_code == 402
    assert budget.limit - spent < 500_000  # the bound of so small a call, of 20 tokens and its frame
