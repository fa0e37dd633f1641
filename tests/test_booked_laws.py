"""Generated Chat requests to every model with a price: what is booked is never above what was held, as long as the answer keeps within the
maximum that the provider was asked for.
"""

import asyncio
import json
import random
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from counter import START, day
from dialects.chat_requests import chat_requests
from harness import HELLO, TODAY, application, catalog_with, client
from polyglot_cloud.amounts import LARGEST
from polyglot_cloud.money.book import Book
from polyglot_cloud.money.till import Till
from polyglot_cloud.rows import Model
from test_booking import Instant, journal_of

MODELS = [
    row
    for row in catalog_with(None).rows
    if row.kind == "chat" and row.price_on(TODAY) and row.status != "retired" and (row.max_input or row.context_window)
]
BIG = day(LARGEST)


class StandIn:
    """Answers in the dialect of the path with as many tokens as were allowed, and a token for each byte that it was sent."""

    def __init__(self, row: Model, chance: random.Random) -> None:
        self.row, self.chance = row, chance

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        config = body.get("generationConfig") or {}
        named = [body.get(name) for name in ("max_completion_tokens", "max_output_tokens", "max_tokens")]
        asked = (
            next((each for each in (*named, config.get("maxOutputTokens")) if each and each > 0), None)
            or self.row.max_output
            or 1000
        )
        choices = (
            (body.get("n") or config.get("candidateCount") or 1) if not request.url.path.endswith("/responses") else 1
        )
        most = min(len(request.content), self.row.max_input or self.row.context_window or 0)
        read, written = (
            self.chance.randint(0, most),
            self.chance.choice([asked * choices, self.chance.randint(0, asked * choices)]),
        )
        return httpx.Response(200, json=self.answer(request.url.path, read, written))

    def answer(self, path: str, read: int, written: int) -> dict[str, Any]:
        model, cached = self.row.id, self.chance.randint(0, read)
        usage: dict[str, Any]
        if path.endswith("/messages"):
            usage = {"input_tokens": read - cached, "cache_creation_input_tokens": cached, "output_tokens": written}
            return {"id": "m", "type": "message", "role": "assistant", "model": model, "content": [{"type": "text", "text": "hi"}],
                    "stop_reason": "end_turn", "usage": usage}  # fmt: skip
        if path.endswith("/responses"):
            message = {"type": "message", "id": "i", "role": "assistant", "status": "completed",
                       "content": [{"type": "output_text", "text": "hi", "annotations": []}]}  # fmt: skip
            usage = {"input_tokens": read, "output_tokens": written, "input_tokens_details": {"cached_tokens": cached}}
            return {
                "id": "r",
                "object": "response",
                "created_at": 1,
                "status": "completed",
                "model": model,
                "output": [message],
                "usage": usage,
            }
        if path.endswith("/completions"):
            choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
            usage = {
                "prompt_tokens": read,
                "completion_tokens": written,
                "prompt_tokens_details": {"cached_tokens": cached},
            }
            return {
                "id": "c",
                "object": "chat.completion",
                "created": 1,
                "model": model,
                "choices": [choice],
                "usage": usage,
            }
        candidate = {"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP", "index": 0}
        counts = {"promptTokenCount": read, "candidatesTokenCount": written, "cachedContentTokenCount": cached}
        return {"candidates": [candidate], "usageMetadata": counts, "modelVersion": model}


@pytest.mark.parametrize("row", MODELS, ids=[f"{row.provider}/{row.id}" for row in MODELS])
def test_what_is_booked_is_never_above_what_was_held(row: Model) -> None:
    booked = 0

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(chat_requests(row.id, [(row.provider, row.id, "openai_chat")]), st.randoms(use_true_random=False))
    @example({"model": row.id, "messages": HELLO, "max_tokens": 5}, random.Random(1))
    def law(body: dict[str, Any], chance: random.Random) -> None:
        nonlocal booked
        body = {name: value for name, value in body.items() if name not in {"stream", "stream_options"}}
        journal, book = Instant(), Book(lambda: START)
        till = Till(book, journal_of(journal), [BIG], clock=lambda: START)

        async def call() -> None:
            app = application(httpx.MockTransport(StandIn(row, chance)), till=till)
            async with client(app) as http:
                await http.post(f"/v1/{row.provider}/chat/completions", content=json.dumps(body).encode(),
                                headers={"content-type": "application/json"})  # fmt: skip

        asyncio.run(call())
        held = {entry.attempt: entry.nano for entry in journal.entries if entry.kind == "held"}
        settled = [entry for entry in journal.entries if entry.kind == "settled"]
        booked += len(settled)
        assert [entry for entry in journal.entries if entry.kind == "overrun"] == []
        assert all(entry.nano <= held[entry.attempt] for entry in settled)
        assert book.held == 0

    law()
    assert booked
