from typing import Any

import pytest

from dialects.cases import Case, each_case
from dialects.openai_chat.chunks import parse
from polyglot_cloud import wire
from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.dialects.openai_chat.failure import failed, status_of, write_failed
from polyglot_cloud.errors import BadRequest, Fault, MissingKey, RateLimited, classify
from polyglot_cloud.neutral import Failed

OTHERWISE = "The provider answered with status 502 and no readable error."


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (
            {"error": {"message": "m", "type": "t", "param": "p", "code": "c"}},
            Fault("m", type="t", param="p", code="c"),
        ),
        ({"error": {"message": "m", "type": "", "param": None, "code": 502}}, Fault("m", code="502")),
        ({"code": "bad", "error": "text"}, Fault("text", code="bad")),
        ({"error": "text"}, Fault("text")),
        ([{"error": {"message": "m"}}], Fault("m")),
        ({"message": "m", "code": "c"}, Fault("m", code="c")),
        ({"detail": "Not Found"}, Fault("Not Found")),
        ({"error": {}}, Fault(OTHERWISE)),
        ({"error": None}, Fault(OTHERWISE)),
        ({}, Fault(OTHERWISE)),
        ([], Fault(OTHERWISE)),
        (7, Fault(OTHERWISE)),
        ({"error": {"message": True}}, Fault(OTHERWISE)),
        (
            {"error": {"message": "Incorrect API key provided: sk-abcdEFGH1234."}},
            Fault("Incorrect API key provided: [key]."),
        ),
    ],
)
def test_every_shape_is_read(body: Any, fault: Fault) -> None:
    assert DIALECT.read_error(502, wire.encode(body), {}) == fault


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", OTHERWISE),
        (b"<html><h1>502 Bad Gateway</h1></html>", OTHERWISE),
        (b"upstream connect error", "upstream connect error"),
        (b"key xai-ABCDEFGH12345678 is wrong", "key [key] is wrong"),
        (b"x" * 5000, OTHERWISE),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_what_is_no_json(body: bytes, message: str) -> None:
    assert DIALECT.read_error(502, body, {}).message == message


NOW = "Sun, 22 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": NOW}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT", "date": NOW}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after-ms": "x", "retry-after": "3"}, 3.0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert DIALECT.read_error(429, b"{}", headers).retry_after == seconds


def test_the_request_id_is_kept() -> None:
    assert DIALECT.read_error(400, b"{}", {"X-Request-Id": "req_1"}).request_id == "req_1"


@each_case("error.json", names=["openai_chat"])
def test_recorded_errors_are_told_as_they_were(case: Case) -> None:
    body, status = case.json("error"), case.origin["status"]
    error = classify(status, DIALECT.read_error(status, wire.encode(body), {}))
    assert error.status == status
    said = DIALECT.write_error(error)["error"]
    told = body["error"] if isinstance(body["error"], dict) else {"message": body["error"], "code": body["code"]}
    assert {name: said[name] for name in told} == told


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault("m"), 502),
        (Fault("m", type="server_error"), 500),
        (Fault("m", type="rate_limit_error"), 429),
        (Fault("m", type="invalid_request_error", code="rate_limit_exceeded"), 429),
        (Fault("m", type="odd", code="odd"), 502),
        (Fault("m", code="503"), 503),
        (Fault("m", code="200"), 502),
        (Fault("m", code="1234"), 502),
    ],
)
def test_the_status_it_would_have_been(fault: Fault, status: int) -> None:
    assert status_of(fault) == status


def test_an_error_inside_a_stream() -> None:
    found = failed({"error": {"message": "m", "type": "overloaded_error", "code": None}})
    assert found == Failed("m", 503, "overloaded_error", None)
    assert failed(None).status == 502


@pytest.mark.parametrize(
    ("error", "type_", "code", "param"),
    [
        (BadRequest("m", param="n"), "invalid_request_error", None, "n"),
        (MissingKey("m"), "configuration_error", "missing_api_key", None),
        (RateLimited(Fault("m", type="requests", code="rate_limit_exceeded")), "requests", "rate_limit_exceeded", None),
    ],
)
def test_errors_are_written_in_openais_shape(error: Any, type_: str, code: str | None, param: str | None) -> None:
    body = {"error": {"message": "m", "type": type_, "param": param, "code": code}}
    assert DIALECT.write_error(error) == body
    assert DIALECT.write_break(error) == b"data: " + wire.encode(body) + b"\n\n"


@pytest.mark.parametrize(
    ("status", "type_"), [(400, "invalid_request_error"), (429, "rate_limit_error"), (502, "server_error")]
)
def test_a_failure_without_a_type_gets_one(status: int, type_: str) -> None:
    assert parse(write_failed(Failed("m", status)))[0]["error"]["type"] == type_
