"""Errors: what a provider's error says, and ours in OpenAI's shape."""

import re
from typing import Any

from polyglot_cloud import sse, wire
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.errors import Fault, GatewayError
from polyglot_cloud.neutral import Failed
from polyglot_cloud.retry_after import retry_after

_KEY = re.compile(r"\b(?:sk|xai)-[\w*-]{8,}")
_LONGEST_TEXT = 300

# What an error inside a 200 would have been as a status of its own, by its code or type (OpenAI's error codes page, 2026-11-22).
_STATUSES = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "requests": 429,
    "tokens": 429,
    "insufficient_quota": 429,
    "billing_hard_limit_reached": 429,
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "invalid_prompt": 400,
    "content_policy_violation": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "server_error": 500,
    "internal_error": 500,
    "overloaded": 503,
    "overloaded_error": 503,
    "slow_down": 503,
}


def read_error(status: int, body: bytes, headers: dict[str, str]) -> Fault:
    """OpenAI's error object, xAI's `{"code", "error": "text"}`, a list of one, a page, nothing: a Fault in any case."""
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        value = wire.decode(body)
    except wire.InvalidJson:
        value = body.decode("utf-8", "replace")
    fault = fault_of(value, f"The provider answered with status {status} and no readable error.")
    return Fault(fault.message, fault.type, fault.code, fault.param, retry_after(lower), lower.get("x-request-id"))


def fault_of(value: Any, otherwise: str) -> Fault:
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return Fault(_plain_text(value) or otherwise)
    if not isinstance(value, dict):
        return Fault(otherwise)
    error = value.get("error", value)
    if not isinstance(error, dict):
        error = {**value, "message": error}
    message = _text(error.get("message")) or _text(error.get("detail")) or otherwise
    return Fault(
        _KEY.sub("[key]", message), _text(error.get("type")), _text(error.get("code")), _text(error.get("param"))
    )


def _text(value: Any) -> str | None:
    """Codes are numbers at some hosts."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def _plain_text(text: str) -> str:
    """A line that a proxy wrote is worth showing, a web page is not."""
    text = text.strip()
    return "" if text.startswith("<") or len(text) > _LONGEST_TEXT else _KEY.sub("[key]", text)


def status_of(fault: Fault) -> int:
    """The status that an error inside a 200 would have had."""
    for said in (fault.code, fault.type):
        if said in _STATUSES:
            return _STATUSES[said]
    if fault.code is not None and fault.code.isdecimal() and 400 <= int(fault.code) <= 599:
        return int(fault.code)
    return 502


def is_error(body: Object) -> bool:
    """Whether a body or chunk is an error: OpenAI's and xAI's have the member `error`, other hosts say so in `object` or `type`, and web
    frameworks give nothing but a `detail`.
    """
    said = body.get("object") == "error" or body.get("type") == "error"
    return bool(body.get("error")) or said or ("detail" in body and "choices" not in body)


def failed(value: Any) -> Failed:
    """An error object that came inside a stream."""
    fault = fault_of(value, "The provider broke its stream off with an error.")
    return Failed(fault.message, status_of(fault), fault.type, fault.code)


# --- writing ---


def _shape(message: str, type_: str, param: str | None, code: str | None) -> Object:
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


def write_error(error: GatewayError) -> Object:
    return _shape(error.message, error.type, error.param, error.code)


def write_break(error: GatewayError) -> bytes:
    """An error event and no `[DONE]`: SDKs raise on it, and nothing looks like an end."""
    return sse.encode(wire.encode(write_error(error)))


def write_failed(event: Failed) -> bytes:
    return sse.encode(wire.encode(_shape(event.message, event.type or _type_of(event.status), None, event.code)))


def _type_of(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if 400 <= status < 500 else "server_error"
