import pytest

from polyglot_cloud.dialects.openai_responses import DIALECT
from polyglot_cloud.errors import BadRequest, BrokenReply, Fault
from polyglot_cloud.sse import parse

NO_WORDS = "The provider answered with status 503 and no message."


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (
            b'{"error":{"message":"no","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}',
            Fault("no", "invalid_request_error", "unsupported_value", "temperature"),
        ),
        (b'{"error":{"message":"no","type":null,"param":null,"code":503}}', Fault("no", code="503")),
        (b'{"error":{}}', Fault("The provider reported a failure and did not say why.")),
        (
            b'{"code":"invalid-argument","error":"Incorrect API key"}',
            Fault("Incorrect API key", code="invalid-argument"),
        ),
        (b'{"error":"gone"}', Fault("gone")),
        (b'{"message":"gone","code":true}', Fault("gone")),
        (b'{"detail":"Not Found"}', Fault("Not Found")),
        (b"{}", Fault(NO_WORDS)),
        (b"[1]", Fault(NO_WORDS)),
        (b"", Fault(NO_WORDS)),
        (b"  <html><h1>502 Bad Gateway</h1></html>", Fault(NO_WORDS)),
        (b"upstream  connect\n error \xff", Fault("upstream connect error \N{REPLACEMENT CHARACTER}")),
        (b"x" * 9999, Fault("x" * 500)),
    ],
)
def test_trap_39_error_bodies_of_every_shape(body: bytes, fault: Fault) -> None:
    assert DIALECT.read_error(503, body, {}) == fault


NOW = "Sun, 22 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:30 GMT", "date": NOW}, 90),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT", "date": NOW}, 0),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:30 GMT"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:30 -0000", "date": NOW}, None),
        ({"retry-after": "later", "date": NOW}, None),
    ],
)
def test_trap_39_when_to_try_again(headers: dict[str, str], seconds: float | None) -> None:
    assert DIALECT.read_error(429, b"{}", headers).retry_after == seconds


def test_the_request_id_is_kept() -> None:
    assert DIALECT.read_error(500, b"{}", {"X-Request-Id": "req_1"}).request_id == "req_1"


def test_write_error() -> None:
    error = BadRequest("'model' must be a string.", param="model", code="invalid_type")
    assert DIALECT.write_error(error) == {
        "error": {
            "message": "'model' must be a string.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "invalid_type",
        }
    }


def test_write_break_is_one_error_event() -> None:
    written = DIALECT.write_break(BrokenReply("It broke."))
    assert written == (
        b"event: error\n"
        b'data: {"type":"error","code":"provider_broken_reply","message":"It broke.","param":null,"sequence_number":0}\n\n'
    )
    [*events] = DIALECT.reader().feed(parse(written))
    assert [type(event).__name__ for event in events] == ["Failed"]
