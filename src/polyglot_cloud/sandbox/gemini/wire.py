"""Google's error bodies: google.rpc.Status with its details."""

import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from polyglot_cloud.sandbox.asgi import Refused, Reply, Request, dumps, loads
from polyglot_cloud.sandbox.gemini.proto import Reader, Table, Violation
from polyglot_cloud.sandbox.triggers import Failure

KEY = "sandbox-gemini-key"
_RPC = "type.googleapis.com/google.rpc"
_STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED", 429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip
_MESSAGES = {
    401: "Request had invalid authentication credentials.",
    403: "The caller does not have permission",
    404: "Requested entity was not found.",
    500: "An internal error has occurred. Please retry or report it to the keepers of the sandbox.",
    503: "The model is overloaded. Please try again later.",
    504: "Deadline expired before operation could complete.",
}
_QUOTA = "You exceeded your current quota, please check your plan and billing details."


def headers() -> dict[str, str]:
    """Google sends no rate-limit headers."""
    return {
        "content-type": "application/json; charset=UTF-8", "vary": "Origin, X-Origin, Referer", "server": "scaffolding on HTTPServer2",
        "x-content-type-options": "nosniff", "server-timing": "gfet4t7; dur=7",
    }  # fmt: skip


def pretty(value: Any) -> bytes:
    """Two spaces deep, as Google prints plain answers."""
    try:
        return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
    except UnicodeEncodeError:
        return dumps(value)


def body(
    code: int, message: str, details: Sequence[Mapping[str, Any]] = (), status: str | None = None
) -> dict[str, Any]:
    name = status or _STATUS.get(code, "INTERNAL" if code >= 500 else "INVALID_ARGUMENT")
    error: dict[str, Any] = {"code": code, "message": message, "status": name}
    if details:
        error["details"] = list(details)
    return {"error": error}


def error(code: int, message: str, details: Sequence[Mapping[str, Any]] = (), status: str | None = None) -> Reply:
    return Reply(code, headers(), pretty(body(code, message, details, status)))


def refuse(message: str, code: int = 400, details: Sequence[Mapping[str, Any]] = ()) -> Refused:
    return Refused(error(code, message, details))


def field(path: str, text: str, message: str = "GenerateContentRequest") -> Refused:
    """A fault found behind the parser: `* GenerateContentRequest.contents: contents is not specified`."""
    return refuse(f"* {message}.{path}: {text}\n")


def on_demand(failure: Failure) -> Reply:
    """The error a trigger asked for. A quota is one of the day; a rate limit tells when to come back."""
    if failure.status == 429:
        period = "PerDay" if failure.quota else "PerMinute"
        violation = {
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
            "quotaId": f"GenerateRequests{period}PerProjectPerModel-FreeTier",
            "quotaDimensions": {"location": "global", "model": "sandbox"},
            "quotaValue": "10",
        }
        details: list[dict[str, Any]] = [{"@type": f"{_RPC}.QuotaFailure", "violations": [violation]}]
        if not failure.quota:
            details.append({"@type": f"{_RPC}.RetryInfo", "retryDelay": f"{failure.retry_after or '1.07'}s"})
        return error(429, _QUOTA, details)
    message = _MESSAGES.get(failure.status, "The request was refused because the sandbox was asked to refuse it.")
    return error(failure.status, message)


def authenticate(request: Request) -> None:
    """The key in x-goog-api-key or in the query. A wrong one is 400, none at all 403."""
    key = request.headers.get("x-goog-api-key") or request.query.get("key")
    if not key:
        text = "Method doesn't allow unregistered callers (callers without established identity)."
        raise refuse(f"{text} Please use API Key or other form of API consumer identity to call this API.", 403)
    if not hmac.compare_digest(key.encode(), KEY.encode()):
        info = {"@type": f"{_RPC}.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        info_ = {**info, "metadata": {"service": "generativelanguage.googleapis.com"}}
        local = {
            "@type": f"{_RPC}.LocalizedMessage",
            "locale": "en-US",
            "message": "API key not valid. Please pass a valid API key.",
        }
        raise refuse("API key not valid. Please pass a valid API key.", 400, [info_, local])


def read(table: Table, request: Request) -> dict[str, Any]:
    """The body by its table, in camelCase. All faults of form are told in one answer."""
    try:
        value = loads(request.body or b"{}")
    except ValueError as problem:
        raise refuse(f"Invalid JSON payload received. Unexpected token.\n{problem}") from None
    if isinstance(value, list):
        raise refuse('Invalid JSON payload received. Unknown name "": Root element must be a message.')
    reader = Reader()
    read_value: dict[str, Any] = reader.read(table, value)
    if reader.violations:
        raise Refused(_bad_request(reader.violations))
    return read_value


def _bad_request(violations: list[Violation]) -> Reply:
    shown = [{"field": fault.field, "description": fault.description} for fault in violations]
    message = "\n".join(fault.description for fault in violations)
    return error(400, message, [{"@type": f"{_RPC}.BadRequest", "fieldViolations": shown}])
