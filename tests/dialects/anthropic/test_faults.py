import json
from typing import Any

import pytest
from anthropic.types.shared import ErrorResponse

from polyglot_cloud.dialects.anthropic.faults import read_error, write_break, write_error
from polyglot_cloud.errors import (
    BadRequest,
    BodyTooLarge,
    CredentialRefused,
    Draining,
    Failed,
    Fault,
    GatewayError,
    Internal,
    QuotaExhausted,
    RateLimited,
    SlowCaller,
    TimedOut,
    UnknownModel,
    Unreachable,
    classify,
)
from polyglot_cloud.sse import Decoder


def body(**error: Any) -> bytes:
    return json.dumps({"type": "error", "error": {"type": "api_error", "message": "Oops", **error}}).encode()


def test_whole_error() -> None:
    raw = json.dumps(
        {
            "type": "error",
            "error": {
                "type": "rate_limit_error",
                "message": "Slower",
                "details": {"error_code": "ramp_limit_exceeded"},
            },
            "request_id": "req_body",
        }
    ).encode()
    headers = {"Request-Id": "req_header", "Retry-After": "12"}
    assert read_error(429, raw, headers) == Fault(
        "Slower", "rate_limit_error", "ramp_limit_exceeded", None, 12.0, "req_body"
    )


def test_request_id_of_the_header() -> None:
    assert read_error(500, body(), {"request-id": "req_header"}).request_id == "req_header"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:30 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 90.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:30 GMT"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:30 GMT", "date": "Sun, 22 Nov 2026 12:00:00"}, None),
    ],
)
def test_trap_39_delays(headers: dict[str, str], seconds: float | None) -> None:
    assert read_error(429, body(), headers).retry_after == seconds


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"<html><body>Bad gateway sk-ant-secret</body></html>", b"[]", b"null", b"3", b"\xff\xfe", b"{}", b'{"error": null}',
        b'{"error": 5}', b'{"error": {"message": ["x"], "type": 3, "details": "x"}}', b'[{"error": {"message": "x"}}]', b"[" * 9999,
    ],
)  # fmt: skip
def test_trap_39_anything_is_read_and_nothing_unread_is_echoed(raw: bytes) -> None:
    fault = read_error(502, raw, {})
    assert fault == Fault("The provider answered with status 502 and no error that could be read.")


@pytest.mark.parametrize("raw", [b'{"error": "Oops"}', b'{"message": "Oops"}', b'{"error": {"message": "Oops"}}'])
def test_other_shapes_of_a_message(raw: bytes) -> None:
    assert read_error(500, raw, {}) == Fault("Oops")


@pytest.mark.parametrize(
    ("error", "status", "type_"),
    [
        (BadRequest("x"), 400, "invalid_request_error"),
        (classify(402, Fault("x")), 402, "billing_error"),
        (classify(403, Fault("x")), 403, "permission_error"),
        (UnknownModel("x"), 404, "not_found_error"),
        (SlowCaller("x"), 408, "invalid_request_error"),
        (classify(409, Fault("x")), 409, "conflict_error"),
        (BodyTooLarge("x"), 413, "request_too_large"),
        (RateLimited(Fault("x")), 429, "rate_limit_error"),
        (QuotaExhausted(Fault("x")), 429, "rate_limit_error"),
        (GatewayError("x", status=401), 401, "authentication_error"),
        (Internal("x"), 500, "api_error"),
        (CredentialRefused(Fault("x"), message="x"), 502, "api_error"),
        (Unreachable("x"), 502, "api_error"),
        (Draining("x"), 503, "api_error"),
        (TimedOut("x"), 504, "timeout_error"),
        (Failed(Fault("x"), status=529), 529, "overloaded_error"),
    ],
)
def test_errors_are_written_by_status(error: GatewayError, status: int, type_: str) -> None:
    assert error.status == status
    assert write_error(error) == {"type": "error", "error": {"type": type_, "message": "x"}}


@pytest.mark.parametrize("error", [BadRequest("x"), RateLimited(Fault("x", request_id="req_1"))])
def test_errors_are_the_vendors_shape(error: GatewayError) -> None:
    ErrorResponse.model_validate({"request_id": None, **write_error(error)})


def test_request_id_is_kept() -> None:
    assert write_error(RateLimited(Fault("x", request_id="req_1")))["request_id"] == "req_1"


def test_trap_40_break_is_one_error_event() -> None:
    (record,) = Decoder().feed(write_break(Unreachable("line one\nline two – ü")))
    assert record.event == "error"
    assert json.loads(record.data) == {
        "type": "error",
        "error": {"type": "api_error", "message": "line one\nline two – ü"},
    }
