"""The stand-in for Anthropic: messages, token counting, models. Base path /v1."""

from collections.abc import Iterator
from typing import Any

from polyglot_cloud.sandbox import models, triggers
from polyglot_cloud.sandbox.anthropic import messages, wire
from polyglot_cloud.sandbox.asgi import Reply, Request, json_reply
from polyglot_cloud.sandbox.cache import Prefixes

KEY = wire.KEY
_PAGE = 20


class Anthropic:
    """Routes a request; keeps the prompt cache and the counted failures."""

    def __init__(self) -> None:
        self.memory = triggers.Memory()
        self.cache = Prefixes()

    def __call__(self, request: Request) -> Reply:
        wire.authenticate(request)
        path = request.path.rstrip("/").removeprefix("/v1")
        if request.method == "GET" and path == "/models":
            wire.version(request)
            return _listing(request)
        if request.method == "GET" and path.startswith("/models/"):
            wire.version(request)
            return json_reply(row(_known(path.removeprefix("/models/"))), 200, wire.headers())
        if path not in {"/messages", "/messages/count_tokens"}:
            raise wire.refuse("Not Found", 404)
        if request.method != "POST":
            raise wire.refuse("Method Not Allowed", 405)
        if path == "/messages":
            return messages.handle(request, self.memory, self.cache)
        return messages.count(request)


def _known(name: str) -> models.Claude:
    found = models.CLAUDE.get(models.CLAUDE_ALIASES.get(name, name))
    if found is None:
        raise wire.refuse(f"model: {name}", 404)
    return found


def _listing(request: Request) -> Reply:
    query = request.query
    rows = [row(model) for model in models.CLAUDE.values()]
    if "lifecycle" in query:
        rows = [found for found in rows if found["lifecycle"] == query["lifecycle"]]
    limit = query.get("limit", str(_PAGE))
    if not limit.isdigit() or not 1 <= int(limit) <= 1000:
        raise wire.refuse("limit: Input should be greater than or equal to 1 and less than or equal to 1000")
    start = _place(rows, query["after_id"]) + 1 if "after_id" in query else 0
    end = _place(rows, query["before_id"]) if "before_id" in query else len(rows)
    page = rows[start:end][: int(limit)] if "before_id" not in query else rows[max(0, end - int(limit)) : end]
    more = end - start > len(page) if "before_id" not in query else end > len(page)
    ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
    return json_reply({"data": page, "has_more": more, **ends}, 200, wire.headers())


def _place(rows: list[dict[str, Any]], name: str) -> int:
    found = next((number for number, item in enumerate(rows) if item["id"] == name), None)
    if found is None:
        raise wire.refuse(f"Invalid cursor: {name}")
    return found


def row(model: models.Claude) -> dict[str, Any]:
    """A model as GET /v1/models tells it."""
    kinds = {kind: _can(kind in model.thinking) for kind in ("adaptive", "between_tools", "disabled", "enabled")}
    levels = {level: _can(level in model.efforts) for level in ("low", "medium", "high", "xhigh", "max")}
    yes = _can(True)
    return {
        "type": "model",
        "id": model.id,
        "display_name": " ".join(_words(model.id)),
        "created_at": f"{model.created}T00:00:00Z",
        "lifecycle": "deprecated" if model.deprecated else "active",
        "deprecated_at": "2026-08-01T00:00:00Z" if model.deprecated else None,
        "retires_at": f"{model.retires}T00:00:00Z" if model.retires else None,
        "line": model.line,
        "max_input_tokens": model.context,
        "max_tokens": model.output,
        "capabilities": {
            "batch": yes,
            "citations": yes,
            "code_execution": yes,
            "context_management": {
                "supported": True,
                "clear_thinking_20251015": yes,
                "clear_tool_uses_20250919": yes,
                "compact_20260112": yes,
            },
            "effort": {"supported": bool(model.efforts), **levels},
            "image_input": yes,
            "pdf_input": yes,
            "server_tools": {"supported": True, "code_execution": yes, "web_search": yes},
            "structured_outputs": yes,
            "thinking": {"supported": True, "types": kinds},
        },
    }


def _can(supported: bool) -> dict[str, bool]:
    return {"supported": supported}


def _words(name: str) -> Iterator[str]:
    """claude-opus-4-5-20251101 -> Claude Opus 4.5"""
    parts = [part for part in name.split("-") if len(part) < 8]
    yield from (part.capitalize() for part in parts if not part.isdigit())
    yield ".".join(part for part in parts if part.isdigit())
