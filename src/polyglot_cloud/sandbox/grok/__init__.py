"""The stand-in for xAI's Grok: chat completions, responses, models. Base path /v1."""

from collections.abc import Iterator
from typing import Any

from polyglot_cloud.sandbox import models, triggers
from polyglot_cloud.sandbox.asgi import Reply, Request, json_reply
from polyglot_cloud.sandbox.cache import Prefixes
from polyglot_cloud.sandbox.grok import chat, responses, wire
from polyglot_cloud.sandbox.store import Store

KEY = wire.KEY


class Grok:
    """Routes a request; keeps stored responses, the prompt cache and the counted failures."""

    def __init__(self) -> None:
        self.memory = triggers.Memory()
        self.cache = Prefixes()
        self.stored = Store()

    def __call__(self, request: Request) -> Reply:
        wire.authenticate(request)
        path = request.path.rstrip("/").removeprefix("/v1")
        if path == "/chat/completions" and request.method == "POST":
            return chat.handle(request, self.memory, self.cache)
        if path == "/responses" and request.method == "POST":
            return responses.handle(request, self.memory, self.cache, self.stored)
        if path.startswith("/responses/") and request.method in {"GET", "DELETE"}:
            act = responses.get if request.method == "GET" else responses.delete
            return act(path.removeprefix("/responses/"), self.stored)
        return _models(path) if request.method == "GET" else _nowhere(path)


def _models(path: str) -> Reply:
    if path == "/models":
        return json_reply({"data": list(_rows()), "object": "list"}, 200, wire.headers())
    if path == "/language-models":
        return json_reply({"models": list(_rows())}, 200, wire.headers())
    for stem in ("/models/", "/language-models/"):
        if path.startswith(stem):
            return json_reply(row(wire.find_model(path.removeprefix(stem))), 200, wire.headers())
    return _nowhere(path)


def _nowhere(path: str) -> Reply:
    known = {"/chat/completions", "/responses", "/models", "/language-models"}
    return Reply(405 if path in known else 404, wire.headers(), b"")


def _rows() -> Iterator[dict[str, Any]]:
    yield from (row(model) for model in models.GROK.values())


def row(model: models.Grok) -> dict[str, Any]:
    """A model with its prices, in US cents per 100 million tokens; from 200,000 prompt tokens on they double."""
    prompt, output, cached = model.price
    able = (
        {"reasoning_effort": list(model.efforts), "default_reasoning_effort": model.default_effort}
        if model.efforts
        else None
    )
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": "xai",
        "aliases": list(model.aliases),
        "capabilities": able,
        "context_length": model.context,
        "prompt_text_token_price": prompt,
        "cached_prompt_text_token_price": cached,
        "completion_text_token_price": output,
        "prompt_image_token_price": prompt,
        "long_context_threshold": wire.LONG_CONTEXT,
        "prompt_text_token_price_long_context": prompt * 2,
        "cached_prompt_text_token_price_long_context": cached * 2,
        "completion_text_token_price_long_context": output * 2,
    }
