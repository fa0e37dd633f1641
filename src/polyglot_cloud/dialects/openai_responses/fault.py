"""Errors: as a provider tells them (in a reply of their own, a failed response, an event), and as a client of this dialect reads them."""

from typing import Any

from polyglot_cloud import sse, wire
from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import QUOTA_CODES, Fault, GatewayError
from polyglot_cloud.retry_after import retry_after

_LONGEST_PROSE = 500

_CALLERS_CODES = frozenset({
    "invalid_prompt", "context_length_exceeded", "content_policy_violation", "bio_policy", "misalignment_policy_violation",
    "data_residency_mismatch", "invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url", "image_too_large",
    "image_too_small", "image_parse_error", "image_content_policy_violation", "invalid_image_mode", "image_file_too_large",
    "unsupported_image_media_type", "empty_image_file", "failed_to_download_image", "image_file_not_found",
})  # fmt: skip
_STATUSES = {
    "invalid_request_error": 400,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "too_many_requests": 429,
    "server_error": 500,
    "server_is_overloaded": 503,
    "slow_down": 503,
    "vector_store_timeout": 504,
}


def status_of(fault: Fault) -> int:
    """The HTTP status that an error inside a 200 would have had, by its code (those of ResponseError in openai 3.54.0, 2026-11-22), else
    by its type.
    """
    if fault.code in QUOTA_CODES:
        return 429
    if fault.code in _CALLERS_CODES:
        return 400
    return _STATUSES.get(fault.code or "") or _STATUSES.get(fault.type or "", 502)


def fault_in(body: Body) -> Fault:
    """The fault of a body that is an error: `{"error": {...}}`, or xAI's `{"code", "error": "text"}`."""
    error = body.get("error")
    if isinstance(error, str):
        return fault_of({"message": error, "code": body.get("code")})
    return fault_of(error)


def fault_of(error: Any) -> Fault:
    """The error object of a failed response or an error event; anything else gives a fault that says so."""
    told = error if isinstance(error, dict) else {}
    message = _text(told.get("message")) or "The provider reported a failure and did not say why."
    return Fault(message, type=_text(told.get("type")), code=_text(told.get("code")), param=_text(told.get("param")))


def read_error(status: int, body: bytes, headers: dict[str, str]) -> Fault:
    """The fault of a reply with an error status: OpenAI's `{"error": {...}}`, xAI's `{"code", "error": "text"}`, plain text or HTML."""
    named = {name.lower(): value for name, value in headers.items()}
    told = _told(status, body)
    return Fault(
        told.message,
        type=told.type,
        code=told.code,
        param=told.param,
        retry_after=retry_after(named),
        request_id=named.get("x-request-id"),
    )


def _told(status: int, body: bytes) -> Fault:
    try:
        value = wire.decode(body)
    except wire.InvalidJson:
        return Fault(_prose(status, body))
    if not isinstance(value, dict):
        return Fault(_prose(status, b""))
    error = value.get("error")
    if isinstance(error, dict):
        return fault_of(error)
    message = _text(error) or _text(value.get("message")) or _text(value.get("detail")) or _prose(status, b"")
    return Fault(message, code=_text(value.get("code")))


def _prose(status: int, body: bytes) -> str:
    """A plain text tells its reader something; markup of a proxy does not."""
    words = " ".join(body.decode("utf-8", "replace").split())
    if not words or words.startswith("<"):
        return f"The provider answered with status {status} and no message."
    return words[:_LONGEST_PROSE]


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def write_error(error: GatewayError) -> Body:
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}


def write_break(error: GatewayError) -> bytes:
    """The `error` event. Its number is 0: the gateway does not count the events that it forwards untouched."""
    told = {"type": "error", "code": error.code, "message": error.message, "param": error.param, "sequence_number": 0}
    return sse.encode(wire.encode(told), "error")
