"""xAI's error bodies and headers: `{"code", "error"}` with two strings, and the plain text of its JSON parser's refusals.

Seen in the field (2025-04 to 2026-09): 400 "Client specified an invalid argument", 422 "Failed to deserialize the JSON body into the
target type: ...".
"""

import hmac
import json
import secrets
import time
import uuid
from typing import Any

from polyglot_cloud.sandbox import grammar, models
from polyglot_cloud.sandbox.asgi import Refused, Reply, Request, json_reply, loads
from polyglot_cloud.sandbox.shapes import Fault, Path, Shape, check, kind_of
from polyglot_cloud.sandbox.triggers import Failure

KEY = "sandbox-grok-key"
LONG_CONTEXT = 200_000
_INVALID = "Client specified an invalid argument"
_MISSING = "Some requested entity was not found"
_DENIED = "The caller does not have permission to execute the specified operation"
_REQUESTS, _TOKENS = 1800, 10_000_000
_ON_DEMAND = {
    400: (_INVALID, "The request was refused because the sandbox was asked to refuse it."),
    401: ("Unauthenticated", "No API key was given, or it is no longer valid."),
    402: (_DENIED, "Your team has used all available credits."),
    403: (_DENIED, "Your API key has been blocked."),
    404: (_MISSING, "The model does not exist or your team does not have access to it."),
    410: ("Gone", "Live search is no longer available."),
    429: ("Some resource has been exhausted", "Too many requests for your team and this model. The sandbox was asked to say so."),
    500: ("Internal error", "An internal error occurred."),
    503: ("The service is currently unavailable", "Service temporarily unavailable."),
    529: ("The service is currently unavailable", "The model is at capacity."),
}  # fmt: skip
_KINDS = {
    "string": "a string",
    "integer": "i32",
    "number": "f32",
    "boolean": "a boolean",
    "array": "a sequence",
    "object": "struct",
}


def headers(used: int = 0) -> dict[str, str]:
    return {
        "x-request-id": str(uuid.uuid4()),
        "x-ratelimit-limit-requests": str(_REQUESTS),
        "x-ratelimit-limit-tokens": str(_TOKENS),
        "x-ratelimit-remaining-requests": str(_REQUESTS - 1),
        "x-ratelimit-remaining-tokens": str(max(0, _TOKENS - used)),
    }


def call_id() -> str:
    return f"call_{secrets.randbelow(10**8):08d}"


def error(status: int, code: str, message: str, extra: dict[str, str] | None = None) -> Reply:
    return json_reply({"code": code, "error": message}, status, {**headers(), **(extra or {})})


def refuse(message: str, status: int = 400, code: str = _INVALID) -> Refused:
    return Refused(error(status, code, message))


def no_model(name: str) -> Refused:
    return refuse(f"The model {name} does not exist or your team sandbox does not have access to it.", 404, _MISSING)


def gone() -> Refused:
    return refuse("Live search is deprecated. Use the tools web_search and x_search of the Responses API.", 410, "Gone")


def unsafe() -> Reply:
    return error(403, _DENIED, "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_SANDBOX")


def on_demand(failure: Failure) -> Reply:
    """The error a trigger asked for. No credit left is 402."""
    status = 402 if failure.quota else failure.status
    code, message = _ON_DEMAND.get(status, _ON_DEMAND[500] if status >= 500 else _ON_DEMAND[400])
    retry = failure.retry_after or ("1" if status == 429 else None)
    return error(status, code, message, {"retry-after": retry} if retry else None)


def error_event_body() -> dict[str, Any]:
    return {
        "error": {"message": "The model is at capacity.", "type": "server_error", "param": None, "code": "capacity"}
    }


def authenticate(request: Request) -> None:
    """No key is 401, a wrong one 400."""
    given = request.headers.get("authorization", "")
    if not given:
        raise refuse("No API key was provided. Please provide one in the Authorization header.", 401, "Unauthenticated")
    key = given.partition(" ")[2].strip()
    if not hmac.compare_digest(key.encode(), KEY.encode()):
        shown = f"{key[:2]}***{key[-2:]}" if len(key) > 8 else "***"
        raise refuse(f"Incorrect API key provided: {shown}. You can obtain an API key at the vendor's console.")


def decode(request: Request) -> dict[str, Any]:
    if "json" not in request.headers.get("content-type", ""):
        raise _plain(415, "Expected request with `Content-Type: application/json`")
    try:
        value = loads(request.body)
    except json.JSONDecodeError as problem:
        raise _plain(
            400,
            f"Failed to parse the request body as JSON: {problem.msg} at line {problem.lineno} column {problem.colno}",
        ) from None
    except ValueError as problem:
        raise _plain(400, f"Failed to parse the request body as JSON: {problem}") from None
    if not isinstance(value, dict):
        raise _plain(422, "Failed to deserialize the JSON body into the target type: expected struct")
    return value


def _plain(status: int, text: str) -> Refused:
    return Refused(
        Reply(
            status, {"content-type": "text/plain; charset=utf-8", **headers()}, text.encode("utf-8", "backslashreplace")
        )
    )


def validate(shape: Shape, body: dict[str, Any], request: Request) -> None:
    fault = check(shape, body)
    if fault is None:
        return
    if fault.kind in {"least", "most", "short", "long", "pattern"}:
        raise refuse(f"{dotted(fault.path)}: invalid value {fault.found!r}, the limit is {fault.expected}.")
    text = f"{_place(fault)}{_told(fault)} at line 1 column {len(request.body)}"
    raise _plain(422, f"Failed to deserialize the JSON body into the target type: {text}")


def dotted(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _place(fault: Fault) -> str:
    """A missing field is told of the object that lacks it."""
    steps = fault.path[:-1] if fault.kind in {"missing", "unknown"} else fault.path
    return f"{dotted(steps)}: " if steps else ""


def _told(fault: Fault) -> str:
    name = fault.path[-1] if fault.path else ""
    if fault.kind == "missing":
        return f"missing field `{name}`"
    if fault.kind == "unknown":
        return f"unknown field `{name}`, expected one of {', '.join(f'`{field}`' for field in fault.expected)}"
    if fault.kind == "type":
        return f"invalid type: {_shown(fault.found)}, expected {_KINDS.get(fault.expected, fault.expected)}"
    return f"unknown variant `{fault.found}`, expected one of {', '.join(f'`{word}`' for word in fault.expected)}"


def _shown(value: Any) -> str:
    kind = kind_of(value)
    return {
        "string": f"string {json.dumps(value)}", "array": "sequence", "object": "map", "null": "null",
        "boolean": f"boolean `{str(value).lower()}`", "integer": f"integer `{value}`", "number": f"floating point `{value}`",
    }[kind]  # fmt: skip


def find_model(name: str) -> models.Grok:
    row = None if name in models.GROK_RETIRED else models.GROK.get(models.GROK_ALIASES.get(name, name))
    if row is None:
        raise no_model(name)
    return row


def schema(value: Any) -> None:
    """Raises Refused for what is no JSON Schema; null and true are taken as one."""
    told = None if value is None else grammar.problem(value)
    if told:
        raise refuse(f"Invalid JSON schema: {told}.")


def unsupported(model: models.Grok, name: str) -> Refused:
    return refuse(f"Model {model.id} does not support parameter {name}.")


def ticks(model: models.Grok, prompt: int, cached: int, output: int) -> int:
    """What a call costs; the price rows are ticks per token already. From 200,000 prompt tokens on everything doubles."""
    dear, out, cheap = model.price
    return (2 if prompt >= LONG_CONTEXT else 1) * ((prompt - cached) * dear + cached * cheap + output * out)


def now() -> int:
    return int(time.time())
