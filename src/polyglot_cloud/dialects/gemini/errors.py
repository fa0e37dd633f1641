"""Errors: google.rpc.Status inside {"error": ...}, at times in an array of one."""

import re
from typing import Any

from polyglot_cloud import sse, wire
from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.shape import count, mapping, mappings, string
from polyglot_cloud.errors import Fault, GatewayError

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
"""HTTP status -> canonical code of google.rpc.Code."""

KEY_REASON = "API_KEY_INVALID"
_KEY_REASONS = frozenset({
    KEY_REASON,
    "API_KEY_SERVICE_BLOCKED",
    "API_KEY_HTTP_REFERRER_BLOCKED",
    "API_KEY_IP_ADDRESS_BLOCKED",
    "API_KEY_ANDROID_APP_BLOCKED",
    "API_KEY_IOS_APP_BLOCKED",
    "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED",
})  # fmt: skip
"""google.api.ErrorReason: what is wrong is the key itself (or the project behind it), so no client can mend it."""

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)s")
_KEY = re.compile(r"AIza[0-9A-Za-z_-]{10,}|(?<=api_key:)[^\s'\"]+")


def read_error(status: int, body: bytes, headers: dict[str, str]) -> Fault:
    """Takes anything. What is no google.rpc.Status (a proxy's page) is never quoted."""
    try:
        value = wire.decode(body)
    except wire.InvalidJson:
        value = None
    error = error_in(value)
    if error is None:
        return Fault(message=f"The provider answered with status {status} and a body that is none of its own errors.")
    return fault(status, error, _seconds(_header(headers, "retry-after")))


def error_in(value: Any) -> Body | None:
    """The Status object of a body, None where the body is no error."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    error = mapping(value).get("error")
    return error if isinstance(error, dict) else None


def fault(status: int, error: Body, retry_after: float | None = None) -> Fault:
    """`code` is API_KEY_INVALID for every fault of the key itself, "quota_per_day" where waiting is of no use, else the canonical code."""
    details = mappings(error.get("details"))
    canonical = string(error.get("status")) or None
    return Fault(
        message=_KEY.sub("[key]", string(error.get("message"))) or f"The provider answered with status {status}.",
        type=canonical,
        code=_code(details) or canonical,
        param=_field(details),
        retry_after=_delay(details) or retry_after,
    )


def status_of(error: Body, otherwise: int = 502) -> int:
    """The HTTP status that an error inside a 200 would have had."""
    status = count(error.get("code"))
    return status if 400 <= status <= 599 else otherwise


def _code(details: list[Body]) -> str | None:
    if any(string(each.get("reason")) in _KEY_REASONS for each in _of_type(details, "ErrorInfo")):
        return KEY_REASON
    quotas = [string(row.get("quotaId")) for each in _of_type(details, "QuotaFailure") for row in _violations(each)]
    return "quota_per_day" if any("PerDay" in quota for quota in quotas) else None


def _field(details: list[Body]) -> str | None:
    fields = [string(row.get("field")) for each in _of_type(details, "BadRequest") for row in _fields(each)]
    return next(filter(None, fields), None)


def _delay(details: list[Body]) -> float | None:
    delays = [_seconds(each.get("retryDelay")) for each in _of_type(details, "RetryInfo")]
    return next((delay for delay in delays if delay is not None), None)


def _of_type(details: list[Body], name: str) -> list[Body]:
    return [each for each in details if string(each.get("@type")).endswith(f"google.rpc.{name}")]


def _violations(detail: Body) -> list[Body]:
    return mappings(detail.get("violations"))


def _fields(detail: Body) -> list[Body]:
    return mappings(detail.get("fieldViolations"))


def _seconds(value: Any) -> float | None:
    """A proto duration ("34.07s"), or the bare seconds of a header."""
    match = _DURATION.fullmatch(string(value).removesuffix("s") + "s")
    return float(match[1]) if match else None


def _header(headers: dict[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name), None)


def write_error(error: GatewayError) -> Body:
    canonical = _STATUS.get(error.status, "INTERNAL" if error.status >= 500 else "INVALID_ARGUMENT")
    return {"error": {"code": error.status, "message": error.message, "status": canonical}}


def write_break(error: GatewayError) -> bytes:
    """The dialect has no error event: a bare error object is what Google itself sends inside a stream."""
    return sse.encode(wire.encode(write_error(error)))
