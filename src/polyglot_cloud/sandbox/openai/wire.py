"""OpenAI's error bodies, headers and ids, and the faults of `shapes` in OpenAI's words."""

import hmac
import math
import secrets
import time
from collections.abc import Mapping
from typing import Any

from polyglot_cloud.sandbox.asgi import Refused, Reply, Request, json_reply, loads
from polyglot_cloud.sandbox.shapes import Fault, Path, Shape, check, kind_of
from polyglot_cloud.sandbox.triggers import Failure

KEY = "sandbox-openai-key"
INVALID = "invalid_request_error"
_REQUESTS, _TOKENS = 10_000, 2_000_000
_ARTICLE = {
    "null": "null", "boolean": "a boolean", "integer": "an integer", "number": "a decimal number", "string": "a string",
    "array": "an array", "object": "an object",
}  # fmt: skip
_ON_DEMAND = {
    400: ("The request was refused because the sandbox was asked to refuse it.", INVALID, "invalid_value"),
    401: ("Incorrect API key provided: sandbox-***. You can find your API key at the vendor's site.", INVALID, "invalid_api_key"),
    403: ("Project `proj_sandbox` does not have access to this model.", INVALID, "model_not_found"),
    404: ("The model does not exist or you do not have access to it.", INVALID, "model_not_found"),
    408: ("Request timed out.", "server_error", "timeout"),
    409: ("The resource was updated by another request.", INVALID, "conflict"),
    413: ("Maximum content size limit exceeded.", INVALID, "request_too_large"),
    422: ("Unprocessable entity.", INVALID, None),
    429: ("Rate limit reached in the sandbox on requests per min (RPM): Limit 10000.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request. Sorry about that!", "server_error", None),
    503: ("The engine is currently overloaded, please try again later.", "service_unavailable_error", "slow_down"),
}  # fmt: skip
_QUOTA = "You exceeded your current quota, please check your plan and billing details."


def token(prefix: str, size: int = 24) -> str:
    return prefix + secrets.token_hex(size // 2)


def headers(used: int = 0) -> dict[str, str]:
    """What OpenAI sends with every answer. Resets are Go durations."""
    return {
        "x-request-id": token("req_", 32),
        "openai-processing-ms": "7",
        "openai-version": "2020-10-01",
        "openai-organization": "sandbox",
        "x-ratelimit-limit-requests": str(_REQUESTS),
        "x-ratelimit-limit-tokens": str(_TOKENS),
        "x-ratelimit-remaining-requests": str(_REQUESTS - 1),
        "x-ratelimit-remaining-tokens": str(max(0, _TOKENS - used)),
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-reset-tokens": go_duration(used / _TOKENS * 60),
    }


def go_duration(seconds: float) -> str:
    """12.5 -> "12.5s", 360 -> "6m0s", 0.02 -> "20ms"."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"


def body(message: str, type_: str = INVALID, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


def refuse(
    message: str, param: str | None = None, code: str | None = None, status: int = 400, type_: str = INVALID
) -> Refused:
    return Refused(json_reply(body(message, type_, param, code), status, headers()))


def no_model(model: str) -> Refused:
    return refuse(f"The model `{model}` does not exist or you do not have access to it.", None, "model_not_found", 404)


def on_demand(failure: Failure) -> Reply:
    """The error a trigger asked for."""
    if failure.quota:
        return json_reply(body(_QUOTA, "insufficient_quota", None, "insufficient_quota"), 429, headers())
    message, type_, code = _ON_DEMAND.get(failure.status, _ON_DEMAND[500] if failure.status >= 500 else _ON_DEMAND[400])
    extra = {"retry-after": failure.retry_after} if failure.retry_after else {}
    if failure.status == 429 and not extra:
        extra = {"retry-after": "1", "retry-after-ms": "50"}
    return json_reply(body(message, type_, None, code), failure.status, {**headers(), **extra})


def authenticate(request: Request) -> None:
    given = request.headers.get("authorization", "")
    if not given:
        text = "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth."
        raise refuse(text, None, None, 401)
    scheme, _, key = given.partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(key.strip().encode(), KEY.encode()):
        shown = f"{key[:3]}***{key[-2:]}" if len(key) > 8 else "***"
        raise refuse(f"Incorrect API key provided: {shown}.", None, "invalid_api_key", 401)


def decode(request: Request) -> dict[str, Any]:
    try:
        value = loads(request.body)
    except ValueError:
        text = "We could not parse the JSON body of your request. (The sandbox expects a JSON payload in UTF-8.)"
        raise refuse(text) from None
    if not isinstance(value, dict):
        raise refuse(
            f"Invalid type for the request body: expected an object, but got {_ARTICLE[kind_of(value)]} instead.",
            None,
            "invalid_type",
        )
    return value


def validate(shape: Shape, value: Mapping[str, Any], *, old: bool) -> None:
    """Raises Refused. `old`: an unknown argument at the top is told in the words of the older endpoints."""
    fault = check(shape, value)
    if fault:
        message, code = explain(fault, old=old)
        param = None if old and fault.kind == "unknown" and len(fault.path) == 1 else dotted(fault.path)
        raise refuse(message, param, code)


def dotted(path: Path) -> str:
    """("messages", 0, "role") -> messages[0].role"""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def explain(fault: Fault, *, old: bool) -> tuple[str, str | None]:
    """Message and code."""
    name, found = dotted(fault.path), fault.found
    if fault.kind == "unknown":
        if old and len(fault.path) == 1:
            return f"Unrecognized request argument supplied: {name}", None
        return f"Unknown parameter: '{name}'.", "unknown_parameter"
    if fault.kind == "missing":
        if old and name == "model":
            return "you must provide a model parameter", None
        return f"Missing required parameter: '{name}'.", "missing_required_parameter"
    if fault.kind == "type":
        return (
            f"Invalid type for '{name}': expected {_ARTICLE[fault.expected]}, but got {_ARTICLE[kind_of(found)]} instead.",
            "invalid_type",
        )
    if fault.kind in {"choice", "tag"}:
        return f"Invalid value: '{found}'. Supported values are: {listed(fault.expected)}.", "invalid_value"
    if fault.kind == "pattern":
        text = f"Invalid '{name}': string does not match pattern. Expected a string that matches the pattern '{fault.expected}'."
        return text, "invalid_value"
    return _bounds(fault, name)


def _bounds(fault: Fault, name: str) -> tuple[str, str]:
    found, limit = fault.found, fault.expected
    if fault.kind in {"least", "most"}:
        kind = "integer" if isinstance(found, int) else "decimal"
        side, sign = ("below minimum", ">=") if fault.kind == "least" else ("above maximum", "<=")
        code = f"{kind}_{'below_min' if fault.kind == 'least' else 'above_max'}_value"
        return f"Invalid '{name}': {kind} {side} value. Expected a value {sign} {limit}, but got {found} instead.", code
    kind = kind_of(found)
    noun = {"string": "a string", "array": "an array", "object": "an object"}[kind]
    if not found:
        return (
            f"Invalid '{name}': empty {kind}. Expected {noun} with minimum length {limit}, but got an empty {kind} instead.",
            f"empty_{kind}",
        )
    side, bound = ("too short", "minimum") if fault.kind == "short" else ("too long", "maximum")
    text = f"Invalid '{name}': {kind} {side}. Expected {noun} with {bound} length {limit}, but got {noun} with length {len(found)} instead."
    return text, f"{kind}_{'below_min' if fault.kind == 'short' else 'above_max'}_length"


def listed(words: tuple[str, ...]) -> str:
    quoted = [f"'{word}'" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def now() -> int:
    return int(time.time())
