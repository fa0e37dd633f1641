import json
from typing import Any

import pytest

from dialects.gemini.support import FIXTURES, load
from polyglot_cloud.dialects.gemini import DIALECT
from polyglot_cloud.errors import (
    BadRequest,
    BrokenReply,
    CredentialRefused,
    GatewayError,
    MissingKey,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    Refused,
    RetiredModel,
    TimedOut,
    classify,
)


@pytest.mark.parametrize(
    ("case", "leaf", "code", "retry_after", "param"),
    [
        ("error_rate_limit", RateLimited, "RESOURCE_EXHAUSTED", 34.07, None),
        ("error_day_quota", QuotaExhausted, "quota_per_day", 51.0, None),
        ("error_bad_key", CredentialRefused, "API_KEY_INVALID", None, None),
        ("error_unknown_field", Refused, "INVALID_ARGUMENT", None, "generation_config"),
    ],
)
def test_trap_39_errors_by_status_and_code(
    case: str, leaf: type[ProviderError], code: str, retry_after: float | None, param: str | None
) -> None:
    status = load(FIXTURES / case, "origin.json")["status"]
    fault = DIALECT.read_error(status, (FIXTURES / case / "error.json").read_bytes(), {})
    assert type(classify(status, fault)) is leaf
    assert (fault.code, fault.retry_after, fault.param) == (code, retry_after, param)


@pytest.mark.parametrize("reason", ["API_KEY_SERVICE_BLOCKED", "CONSUMER_SUSPENDED"])
def test_a_403_about_the_key_is_the_gateways_own_fault(reason: str) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    body = json.dumps({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no", "details": details}})
    fault = DIALECT.read_error(403, body.encode(), {})
    assert isinstance(classify(403, fault), CredentialRefused)


def test_a_key_in_a_message_is_never_passed_on() -> None:
    message = "Permission denied: Consumer 'api_key:secret-0123456789' uses AIzaSyA0123456789abcdefghijk."
    fault = DIALECT.read_error(403, json.dumps({"error": {"message": message}}).encode(), {})
    assert fault.message == "Permission denied: Consumer 'api_key:[key]' uses [key]."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>key=AIza</html>",
        b"null",
        b"[]",
        b"[1, 2]",
        b'"x"',
        b'{"error": "text"}',
        b"\xff",
        b'{"message": 1}',
    ],
)
def test_anything_is_taken_and_nothing_of_it_quoted(body: bytes) -> None:
    fault = DIALECT.read_error(502, body, {"Retry-After": "7"})
    assert fault.message == "The provider answered with status 502 and a body that is none of its own errors."
    assert fault.code is None


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({}, "The provider answered with status 500."),
        ({"message": 5, "details": "x", "status": None}, "The provider answered with status 500."),
        ({"details": [{"@type": "google.rpc.ErrorInfo", "reason": {}}]}, "The provider answered with status 500."),
    ],
)
def test_a_status_object_with_holes(error: dict[str, Any], message: str) -> None:
    fault = DIALECT.read_error(500, json.dumps({"error": error}).encode(), {"retry-after": "12"})
    assert (fault.message, fault.type, fault.code, fault.retry_after) == (message, None, None, 12.0)


@pytest.mark.parametrize(
    ("header", "seconds"), [("30", 30.0), ("1.5", 1.5), ("soon", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)]
)
def test_retry_after_of_the_header(header: str, seconds: float | None) -> None:
    assert DIALECT.read_error(503, b'{"error": {"message": "m"}}', {"Retry-After": header}).retry_after == seconds


@pytest.mark.parametrize("delay", ["x", 34, None, "-1s"])
def test_a_delay_that_is_none_gives_way_to_the_header(delay: Any) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    body = json.dumps({"error": {"message": "m", "details": details}}).encode()
    assert DIALECT.read_error(429, body, {"retry-after": "3"}).retry_after == 3.0


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (BadRequest("no"), 400, "INVALID_ARGUMENT"),
        (RetiredModel("gone"), 404, "NOT_FOUND"),
        (MissingKey("no key"), 503, "UNAVAILABLE"),
        (TimedOut("late"), 504, "DEADLINE_EXCEEDED"),
        (BadRequest("odd", status=422), 422, "INVALID_ARGUMENT"),
        (GatewayError("odd", status=507), 507, "INTERNAL"),
    ],
)
def test_write_error(error: GatewayError, code: int, status: str) -> None:
    assert DIALECT.write_error(error) == {"error": {"code": code, "message": error.message, "status": status}}


def test_what_is_written_can_be_read() -> None:
    written = json.dumps(DIALECT.write_error(BadRequest("mend it"))).encode()
    fault = DIALECT.read_error(400, written, {})
    assert (fault.message, fault.type) == ("mend it", "INVALID_ARGUMENT")


def test_write_break_is_a_bare_error_object() -> None:
    assert DIALECT.write_break(BrokenReply("it broke")) == (
        b'data: {"error":{"code":502,"message":"it broke","status":"UNAVAILABLE"}}\n\n'
    )
