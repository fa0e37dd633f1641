"""Errors in Anthropic's shape, both ways: `{"type": "error", "error": {type, message, details?}, "request_id"?}` (facts 2.1)."""

from typing import Any, NoReturn

from polyglot_cloud import sse
from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import Fault, GatewayError, ProviderError, classify
from polyglot_cloud.retry_after import retry_after
from polyglot_cloud.wire import InvalidJson, decode, encode

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TYPE = {status: type_ for type_, status in _STATUS.items()}


def read_error(status: int, body: bytes, headers: dict[str, str]) -> Fault:
    """What an error reply says. Takes anything: a page of HTML or an empty body gives a fault that names the status only."""
    named = {name.lower(): value for name, value in headers.items()}
    fault = fault_of(_decoded(body))
    fallback = f"The provider answered with status {status} and no error that could be read."
    return Fault(
        message=fault.message or fallback,
        type=fault.type,
        code=fault.code,
        retry_after=retry_after(named),
        request_id=fault.request_id or named.get("request-id"),
    )


def fault_of(body: Any) -> Fault:
    """An error object, in a reply or inside a stream. `message` is "" where there is none."""
    outer: Body = body if isinstance(body, dict) else {}
    error = outer.get("error")
    inner: Body = error if isinstance(error, dict) else {"message": error or outer.get("message")}
    details = inner.get("details")
    return Fault(
        message=_string(inner.get("message")) or "",
        type=_string(inner.get("type")),
        code=_string(details.get("error_code")) if isinstance(details, dict) else None,
        request_id=_string(outer.get("request_id")),
    )


def status_of(type_: str | None) -> int:
    """The HTTP status that belongs to an error type; 500 for one nobody knows."""
    return _STATUS.get(type_ or "", 500)


def raise_error(body: Body) -> NoReturn:
    """For an error that came with status 200."""
    fault = fault_of(body)
    message = fault.message or "The provider answered with an error that says nothing more."
    raise classify(status_of(fault.type), Fault(message, fault.type, fault.code, request_id=fault.request_id))


def write_error(error: GatewayError) -> Body:
    """Our error for a client that speaks Anthropic. The type follows the status, which is what its SDK goes by."""
    type_ = _TYPE.get(error.status) or ("api_error" if error.status >= 500 else "invalid_request_error")
    body: Body = {"type": "error", "error": {"type": type_, "message": error.message}}
    request_id = error.fault.request_id if isinstance(error, ProviderError) else None
    return body | ({"request_id": request_id} if request_id else {})


def write_break(error: GatewayError) -> bytes:
    """The event that ends a running stream with an error."""
    return sse.encode(encode(write_error(error)), "error")


def _decoded(body: bytes) -> Any:
    try:
        return decode(body)
    except InvalidJson:
        return None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None
