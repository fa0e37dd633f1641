"""What the contract says of bodies (sections 1 and 3, field tables), read by somebody who does not know our code.

Each function gives what is wrong, in words; nothing for a body that the real service takes without a 422.
"""

import math
from collections.abc import Iterator
from typing import Any

INT, FLOAT, TEXT, TEXTS, OBJECT = "int", "float", "str", "list[str]", "object"

ROUTER: dict[str, tuple[str, bool, bool]] = {
    "name": (TEXT, True, False),
    "model": (TEXT, True, False),
    "context_window": (INT, True, False),
    "cost_per_input_token": (FLOAT, True, False),
    "cost_per_output_token": (FLOAT, True, False),
    "endpoint": (TEXT, True, False),
    "features": (TEXTS, False, False),
    "slo": (OBJECT, False, True),
    "metadata": (OBJECT, False, True),
}
"""field -> type, required, may be null."""
REGISTRY: dict[str, tuple[str, bool, bool]] = {
    "service_id": (TEXT, False, True),
    "name": (TEXT, True, False),
    "type": (TEXT, True, False),
    "role": (TEXT, True, False),
    "url": (TEXT, True, False),
    "caps": (TEXTS, True, False),
    "labels": (OBJECT, False, True),
    "ctx_limit": (INT, False, True),
    "cost_hint": (OBJECT, False, True),
    "heartbeat_interval_s": (INT, False, False),
    "ttl_s": (INT, False, False),
}
HEARTBEAT: dict[str, tuple[str, bool, bool]] = {
    "service_id": (TEXT, True, False),
    "status": (TEXT, False, False),
    "p95_ms": (FLOAT, False, True),
    "queue_depth": (INT, False, True),
    "load": (FLOAT, False, True),
    "message": (TEXT, False, True),
}
STATUSES = {"ok", "degraded", "down", "queued", "running", "blocked", "waiting_approval", "paused", "error", "done"}


def is_a(kind: str, value: Any) -> bool:
    match kind:
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        case "str":
            return isinstance(value, str)
        case "list[str]":
            return isinstance(value, list) and all(isinstance(member, str) for member in value)
        case _:
            return isinstance(value, dict)


def fields(table: dict[str, tuple[str, bool, bool]], body: Any) -> Iterator[str]:
    if not isinstance(body, dict):
        yield "the body is no object"
        return
    for name, (kind, required, nullable) in table.items():
        if name not in body:
            if required:
                yield f"{name} is missing"
        elif body[name] is None:
            if not nullable:
                yield f"{name} is null"
        elif not is_a(kind, body[name]):
            yield f"{name} is no {kind}: {body[name]!r}"


def router(body: Any) -> list[str]:
    if wrong := list(fields(ROUTER, body)):
        return wrong
    checks = {
        "name: 1 to 100 characters": 1 <= len(body["name"]) <= 100,
        "model: 1 to 100 characters": 1 <= len(body["model"]) <= 100,
        "context_window: 1 to 2,000,000": 1 <= body["context_window"] <= 2_000_000,
        "costs: not negative": body["cost_per_input_token"] >= 0 <= body["cost_per_output_token"],
    }
    return [rule for rule, holds in checks.items() if not holds]


def registry(body: Any) -> list[str]:
    if wrong := list(fields(REGISTRY, body)):
        return wrong
    labels = body.get("labels") or {}
    checks = {
        "name: 1 to 100 characters": 1 <= len(body["name"]) <= 100,
        "type": body["type"] in {"model", "tool", "agent"},
        "role": body["role"] in {"production", "staging", "canary", "experimental"},
        "caps: at least one": bool(body["caps"]),
        "cost_hint: floats": all(is_a(FLOAT, value) for value in (body.get("cost_hint") or {}).values()),
        # not refused by the Registry, but the dashboard and the monitor break on it
        "labels: parent, agent_role, tier and port are texts": all(
            isinstance(labels.get(name), str) and labels[name] for name in ("parent", "agent_role", "tier", "port")
        ),
        "interval and ttl as the schema wants them": 10 <= body.get("heartbeat_interval_s", 60) <= 300
        and 30 <= body.get("ttl_s", 90) <= 600,
    }
    return [rule for rule, holds in checks.items() if not holds]


def heartbeat(body: Any) -> list[str]:
    if wrong := list(fields(HEARTBEAT, body)):
        return wrong
    return [] if body.get("status", "ok") in STATUSES else [f"status {body['status']!r}"]
