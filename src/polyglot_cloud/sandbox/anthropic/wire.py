"""Anthropic's error bodies, headers and ids, and the faults of `shapes` in the words of its validator."""

import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from polyglot_cloud.sandbox.asgi import Refused, Reply, Request, json_reply, loads, sse
from polyglot_cloud.sandbox.shapes import Fault, Shape, check
from polyglot_cloud.sandbox.triggers import Failure

KEY = "sandbox-anthropic-key"
OLD, NEW = "2023-06-01", "2026-10-21"
_LIMITS = {"requests": 4000, "tokens": 2_400_000, "input-tokens": 2_000_000, "output-tokens": 400_000}
_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
    409: "conflict_error", 413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 504: "timeout_error",
    529: "overloaded_error",
}  # fmt: skip
_MESSAGES = {
    401: "invalid x-api-key",
    402: "Your credit balance is too low to access the API.",
    403: "Your API key does not have permission to use the specified resource.",
    413: "Request exceeds the maximum size",
    429: "This request would exceed your organization's rate limit. The sandbox was asked to say so.",
    500: "Internal server error",
    504: "The request timed out while processing.",
    529: "Overloaded",
}
_KINDS = {
    "string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "array": "list",
    "object": "dictionary", "null": "null",
}  # fmt: skip


def token(prefix: str, size: int = 24) -> str:
    return prefix + "01" + secrets.token_urlsafe(size)[: size - 2].replace("-", "A").replace("_", "B")


def headers(tokens_in: int = 0, tokens_out: int = 0) -> dict[str, str]:
    """What Anthropic sends with every answer. Resets are RFC 3339."""
    used = {"requests": 1, "tokens": tokens_in + tokens_out, "input-tokens": tokens_in, "output-tokens": tokens_out}
    reset = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    out = {"request-id": token("req_"), "anthropic-organization-id": "00000000-0000-4000-8000-0000000000a1"}
    for kind, limit in _LIMITS.items():
        stem = f"anthropic-ratelimit-{kind}"
        out |= {
            f"{stem}-limit": str(limit),
            f"{stem}-remaining": str(max(0, limit - used[kind])),
            f"{stem}-reset": reset,
        }
    return out


def body(type_: str, message: str, request_id: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"type": type_, "message": message}
    if details:
        error["details"] = dict(details)
    return {"type": "error", "error": error, "request_id": request_id}


def error(
    status: int, message: str, details: Mapping[str, Any] | None = None, extra: Mapping[str, str] | None = None
) -> Reply:
    sent = headers()
    type_ = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return json_reply(body(type_, message, sent["request-id"], details), status, {**sent, **(extra or {})})


def refuse(message: str, status: int = 400) -> Refused:
    return Refused(error(status, message))


def on_demand(failure: Failure) -> Reply:
    """The error a trigger asked for. A spend limit comes without retry-after."""
    if failure.quota:
        return error(
            429, "You have reached your organization's spend limit.", {"error_code": "contract_spend_limit_reached"}
        )
    message = _MESSAGES.get(failure.status, "The request was refused because the sandbox was asked to refuse it.")
    retry = failure.retry_after or ("1" if failure.status == 429 else None)
    return error(failure.status, message, None, {"retry-after": retry} if retry else None)


def error_event() -> bytes:
    return sse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "error")


def authenticate(request: Request) -> None:
    """x-api-key wins over a bearer token where both are sent."""
    key = request.headers.get("x-api-key")
    bearer = request.headers.get("authorization", "")
    if key is None and bearer.lower().startswith("bearer "):
        key = bearer[7:].strip()
    if key is None:
        raise refuse("x-api-key header is required", 401)
    if not hmac.compare_digest(key.encode(), KEY.encode()):
        raise refuse("invalid x-api-key", 401)


def version(request: Request) -> str:
    given = request.headers.get("anthropic-version")
    if given is None:
        raise refuse("anthropic-version: header is required")
    if given not in {OLD, NEW}:
        raise refuse(f'anthropic-version: "{given}" is not a valid version')
    return given


def decode(request: Request) -> dict[str, Any]:
    try:
        value = loads(request.body)
    except ValueError as problem:
        raise refuse(f"The request body is not valid JSON: {problem}") from None
    if not isinstance(value, dict):
        raise refuse("Input should be a valid dictionary")
    return value


def validate(shape: Shape, value: Any) -> None:
    fault = check(shape, value)
    if fault:
        raise refuse(explain(fault))


def explain(fault: Fault) -> str:
    """messages.0.content.0.text.foo: Extra inputs are not permitted"""
    steps = fault.path[:-1] if fault.kind == "tag" else fault.path
    where = ".".join(str(step) for step in steps)
    return f"{where}: {_told(fault)}" if where else _told(fault)


def _told(fault: Fault) -> str:
    expected, found = fault.expected, fault.found
    if fault.kind in {"short", "long"}:
        noun, unit = ("String", "character") if isinstance(found, str) else ("List", "item")
        side = "at least" if fault.kind == "short" else "at most"
        tail = f", not {len(found)}" if noun == "List" else ""
        return f"{noun} should have {side} {expected} {unit}{'' if expected == 1 else 's'}{' after validation' if tail else ''}{tail}"
    tag = fault.path[-1] if fault.path else ""
    return {
        "missing": "Field required",
        "unknown": "Extra inputs are not permitted",
        "type": f"Input should be a valid {_KINDS.get(expected, expected)}",
        "choice": f"Input should be {listed(expected) if fault.kind == 'choice' else ''}",
        "tag": f"Input tag '{found}' found using '{tag}' does not match any of the expected tags: {_tags(expected)}",
        "least": f"Input should be greater than or equal to {expected}",
        "most": f"Input should be less than or equal to {expected}",
        "pattern": f"String should match pattern '{expected}'",
    }[fault.kind]


def listed(words: tuple[str, ...]) -> str:
    quoted = [f"'{word}'" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _tags(expected: Any) -> str:
    return ", ".join(f"'{tag}'" for tag in expected) if isinstance(expected, tuple) else ""
