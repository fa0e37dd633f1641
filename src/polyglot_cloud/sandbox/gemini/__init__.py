"""The stand-in for the Gemini API: generation, counting, embeddings, models. Base path /v1beta (v1 is answered too)."""

import math
import re
from typing import Any

from polyglot_cloud.sandbox import models, tokens, triggers
from polyglot_cloud.sandbox.asgi import Refused, Reply, Request
from polyglot_cloud.sandbox.cache import Prefixes
from polyglot_cloud.sandbox.gemini import generate, rules, tables, wire
from polyglot_cloud.sandbox.vectors import vector

KEY = wire.KEY
_PATH = re.compile(r"^/(v1beta|v1)/models(?:/([^/:]+))?(?::([a-zA-Z]+))?$")
_PAGE = 50


class Gemini:
    """Routes a request; keeps the implicit cache and the counted failures."""

    def __init__(self) -> None:
        self.memory = triggers.Memory()
        self.cache = Prefixes()

    def __call__(self, request: Request) -> Reply:
        try:
            return self._answer(request)
        except Refused as refused:
            if "streamGenerateContent" in request.path and request.query.get("alt") != "sse":
                whole = refused.reply
                raise Refused(Reply(whole.status, whole.headers, b"[" + whole.body.rstrip() + b"\n]\n")) from None
            raise

    def _answer(self, request: Request) -> Reply:
        match = _PATH.match(request.path.rstrip("/"))
        if not match:
            return Reply(
                404,
                {"content-type": "text/html; charset=UTF-8"},
                b"<!DOCTYPE html>\n<title>Error 404 (Not Found)!!1</title>\n",
            )
        wire.authenticate(request)
        version, name, method = match.groups()
        if request.method == "GET" and not method:
            return _model(name, version) if name else _listing(request)
        if request.method != "POST" or not name:
            raise wire.refuse("Requested entity was not found.", 404)
        return self._post(request, name, method or "", version)

    def _post(self, request: Request, name: str, method: str, version: str) -> Reply:
        if method in {"generateContent", "streamGenerateContent"}:
            stream = method.startswith("stream")
            return generate.handle(request, name, version, self.memory, self.cache, stream=stream)
        if method == "countTokens":
            return generate.count(request, name, version)
        if method == "embedContent":
            body = wire.read(tables.EMBED, request)
            return Reply(
                200, wire.headers(), wire.pretty({"embedding": _embedding(body, name, version, "EmbedContentRequest")})
            )
        if method == "batchEmbedContents":
            return _batch(request, name, version)
        raise rules.no_model(name, method, version)


def _batch(request: Request, name: str, version: str) -> Reply:
    body = wire.read(tables.BATCH, request)
    if not body.get("requests"):
        raise wire.field("requests", "at least one request is required", "BatchEmbedContentsRequest")
    for number, one in enumerate(body["requests"]):
        if one.get("model", "").removeprefix("models/") != name:
            text = f"model must match the model in the parent request: models/{name}"
            raise wire.field(f"requests[{number}].model", text, "BatchEmbedContentsRequest")
    vectors = [_embedding(one, name, version, "EmbedContentRequest") for one in body["requests"]]
    return Reply(200, wire.headers(), wire.pretty({"embeddings": vectors}))


def _embedding(body: dict[str, Any], name: str, version: str, message: str) -> dict[str, Any]:
    """One vector. Shorter ones of gemini-embedding-001 are not normalised, as with the vendor."""
    most = models.GEMINI_EMBEDDINGS.get(name)
    if most is None:
        raise rules.no_model(name, "embedContent", version)
    text = " ".join(part.get("text", "") for part in (body.get("content") or {}).get("parts") or ())
    if not text.strip():
        raise wire.field("content", "contents is not specified", message)
    size = body.get("outputDimensionality", most)
    if not 1 <= size <= most:
        raise wire.refuse(f"output_dimensionality must be between 1 and {most}.")
    if tokens.count(text) > (2048 if name.endswith("001") else 8192):
        raise wire.refuse("The input is too long for this model.")
    values = vector(text, size)
    if size < most and name.endswith("001"):
        values = [value * math.sqrt(size / most) for value in values]
    return {"values": values}


def _listing(request: Request) -> Reply:
    size, start = request.query.get("pageSize", str(_PAGE)), request.query.get("pageToken", "0")
    if not size.isdigit() or not start.isdigit():
        raise wire.refuse("The page token or the page size is invalid.")
    rows = [row(name) for name in (*models.GEMINI, *models.GEMINI_EMBEDDINGS)]
    end = int(start) + min(max(int(size), 1), 1000)
    more = {"nextPageToken": str(end)} if end < len(rows) else {}
    return Reply(200, wire.headers(), wire.pretty({"models": rows[int(start) : end], **more}))


def _model(name: str, version: str) -> Reply:
    found = models.GEMINI_ALIASES.get(name, name)
    if found not in models.GEMINI and found not in models.GEMINI_EMBEDDINGS:
        raise rules.no_model(name, "getModel", version)
    return Reply(200, wire.headers(), wire.pretty(row(found)))


def row(name: str) -> dict[str, Any]:
    """A model as ListModels tells it."""
    if name in models.GEMINI_EMBEDDINGS:
        limit = 2048 if name.endswith("001") else 8192
        methods = ["embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent"]
        return {
            "name": f"models/{name}", "version": "001", "displayName": name.replace("-", " ").title(), "inputTokenLimit": limit,
            "outputTokenLimit": 1, "supportedGenerationMethods": methods,
        }  # fmt: skip
    model = models.GEMINI[name]
    return {
        "name": f"models/{name}", "version": name.removeprefix("gemini-"), "displayName": model.title,
        "description": f"{model.title}, as played by the sandbox.", "inputTokenLimit": rules.CONTEXT, "outputTokenLimit": rules.OUTPUT,
        "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"], "temperature": 1,
        "topP": 0.95, "topK": 64, "maxTemperature": 2, "thinking": True,
    }  # fmt: skip
