"""The stand-in for OpenAI: chat completions, responses, embeddings, models. Base path /v1."""

import base64
import struct
from collections.abc import Iterator
from typing import Any

from polyglot_cloud.sandbox import models, tokens, triggers
from polyglot_cloud.sandbox.asgi import Reply, Request, json_reply
from polyglot_cloud.sandbox.cache import Prefixes
from polyglot_cloud.sandbox.openai import chat, responses, tables, wire
from polyglot_cloud.sandbox.store import Store
from polyglot_cloud.sandbox.vectors import vector

KEY = wire.KEY


class OpenAI:
    """Routes a request; the state of the stand-in (stored responses, caches, counted failures) is one object's."""

    def __init__(self) -> None:
        self.memory = triggers.Memory()
        self.cache = Prefixes()
        self.stored = Store()

    def __call__(self, request: Request) -> Reply:
        path = request.path.rstrip("/").removeprefix("/v1")
        wire.authenticate(request)
        if request.method == "GET":
            return self._get(path)
        if request.method == "DELETE" and path.startswith("/responses/"):
            return responses.delete(path.removeprefix("/responses/"), self.stored)
        handlers = {
            "/chat/completions": lambda body: chat.handle(body, self.memory, self.cache),
            "/responses": lambda body: responses.handle(body, self.memory, self.cache, self.stored),
            "/responses/input_tokens": lambda body: responses.count(body, self.stored),
            "/embeddings": embed,
        }
        if path not in handlers:
            raise _unknown(request)
        if request.method != "POST":
            raise wire.refuse(
                f"Not allowed to {request.method} on /v1{path}. (HINT: Perhaps you meant to use another HTTP method?)",
                status=405,
            )
        return handlers[path](wire.decode(request))

    def _get(self, path: str) -> Reply:
        if path == "/models":
            return json_reply({"object": "list", "data": list(_rows())}, 200, wire.headers())
        if path.startswith("/models/"):
            name = path.removeprefix("/models/")
            row = next((row for row in _rows() if row["id"] == name), None)
            if row is None:
                raise wire.refuse(f"The model '{name}' does not exist", "model", "model_not_found", 404)
            return json_reply(row, 200, wire.headers())
        if path.startswith("/responses/"):
            return responses.get(path.removeprefix("/responses/"), self.stored)
        raise wire.refuse(f"Invalid URL (GET /v1{path})", None, None, 404)


def _unknown(request: Request) -> Exception:
    return wire.refuse(f"Invalid URL ({request.method} {request.path})", None, None, 404)


def _rows() -> Iterator[dict[str, Any]]:
    for model in models.OPENAI.values():
        names = [model.id] + [name for name, target in models.OPENAI_ALIASES.items() if target == model.id]
        for name in names:
            yield {
                "id": name,
                "object": "model",
                "created": model.created,
                "owned_by": "system",
                "shutdown_date": model.shutdown,
            }
    for name in models.OPENAI_EMBEDDINGS:
        yield {"id": name, "object": "model", "created": 1_705_948_997, "owned_by": "system", "shutdown_date": None}


def embed(body: dict[str, Any]) -> Reply:
    """POST /v1/embeddings."""
    wire.validate(tables.EMBEDDINGS, body, old=True)
    name, given = body["model"], body["input"]
    if name not in models.OPENAI_EMBEDDINGS:
        raise wire.no_model(name)
    inputs = [given] if isinstance(given, str) or isinstance(given[0], int) else given
    most = models.OPENAI_EMBEDDINGS[name]
    size = body.get("dimensions", most)
    if name == "text-embedding-ada-002" and "dimensions" in body:
        raise wire.refuse("This model does not support specifying dimensions.", "dimensions")
    if size > most:
        raise wire.refuse(
            f"Invalid value for 'dimensions' = {size}. Must be less than or equal to {most}.", "dimensions"
        )
    used = [len(text) if isinstance(text, list) else tokens.count(text) for text in inputs]
    if max(used) > 8192:
        raise wire.refuse(
            f"This model's maximum context length is 8192 tokens, however you requested {max(used)} tokens.", None, None
        )
    as_base64 = body.get("encoding_format") == "base64"
    vectors = [vector(str(text), size) for text in inputs]
    data = [
        {"object": "embedding", "index": number, "embedding": _packed(values) if as_base64 else values}
        for number, values in enumerate(vectors)
    ]
    usage = {"prompt_tokens": sum(used), "total_tokens": sum(used)}
    return json_reply({"object": "list", "data": data, "model": name, "usage": usage}, 200, wire.headers(sum(used)))


def _packed(values: list[float]) -> str:
    """Little-endian float32 in base64, as the official SDK asks for by default."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
