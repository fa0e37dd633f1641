"""The laws of translation over the cases of tests/fixtures/anthropic."""

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from dialects.anthropic.bodies import _validator
from dialects.anthropic.streams import CASES, Case, cases_with, pieces, read
from polyglot_cloud.dialects.anthropic import DIALECT
from polyglot_cloud.dialects.anthropic.response import read_response
from polyglot_cloud.errors import classify
from polyglot_cloud.neutral import Failed, Finished, Metered, collect
from polyglot_cloud.sse import Decoder

STREAMS = cases_with("stream.sse")
WHOLE = [case for case in STREAMS if case.origin["twins"]]
ERRORS = cases_with("error.json")


def test_there_are_cases_of_each_kind() -> None:
    assert len(WHOLE) >= 10
    assert len(STREAMS) > len(WHOLE)
    assert len(ERRORS) >= 5


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case_tells_its_origin(case: Case) -> None:
    assert case.origin.keys() >= {"origin", "model", "date", "source"}
    assert case.has("response.json") and case.has("stream.sse") if case.origin.get("twins") else True


@pytest.mark.parametrize("case", cases_with("response.json"), ids=str)
def test_replies_are_the_vendors_shape(case: Case) -> None:
    TypeAdapter(Message).validate_python(case.json("response.json"))


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_streams_are_the_vendors_shape(case: Case) -> None:
    adapter: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
    for record in Decoder().feed(case.bytes("stream.sse")):
        if record.data and record.event not in {"ping", "error"}:
            adapter.validate_json(record.data)


@pytest.mark.parametrize("case", [case for case in cases_with("request.json") if str(case) != "count_tokens"], ids=str)
def test_requests_are_the_vendors_shape(case: Case) -> None:
    assert not list(_validator(sampling=False).iter_errors(case.json("request.json")))


@pytest.mark.parametrize("case", WHOLE, ids=str)
def test_law_3_streamed_and_plain_replies_say_the_same(case: Case) -> None:
    assert collect(read([case.bytes("stream.sse")])) == read_response(case.json("response.json"))


@pytest.mark.parametrize("size", [1, 2, 7, 64])
@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_law_5_any_split_gives_the_same_events(case: Case, size: int) -> None:
    data = case.bytes("stream.sse")
    assert read(pieces(data, size)) == read([data])


@pytest.mark.parametrize("case", WHOLE, ids=str)
def test_law_6_a_cut_stream_never_reports_success(case: Case) -> None:
    data = case.bytes("stream.sse")
    end = data.index(b'{"type":"message_stop"}') + len(b'{"type":"message_stop"}')
    step = 1 + end // 200  # the end itself, where it matters, byte by byte; the laws cut at every record
    for at in {*range(0, end, step), *range(max(0, end - 200), end)}:
        events = read([data[:at]])
        assert isinstance(events[-1], Failed)
        assert not any(isinstance(event, Finished) for event in events)
    assert isinstance(read([data[:end]])[-1], Finished)


@pytest.mark.parametrize("case", [case for case in STREAMS if case not in WHOLE], ids=str)
def test_broken_streams_fail_once_with_the_usage_so_far(case: Case) -> None:
    events = read([case.bytes("stream.sse")])
    assert [type(event) for event in events].count(Failed) == 1
    assert isinstance(events[-1], Failed)
    assert any(isinstance(event, Metered) and event.usage.input == 25 for event in events)


@pytest.mark.parametrize(
    ("name", "leaf", "transient", "code"),
    [
        ("error_rate_limit", "RateLimited", True, "ramp_limit_exceeded"),
        ("error_spend_limit", "QuotaExhausted", False, "enforced_spend_limit_reached"),
        ("error_authentication", "CredentialRefused", False, None),
        ("error_invalid_request", "Refused", False, None),
        ("error_overloaded", "Failed", True, None),
    ],
)
def test_trap_39_error_replies(name: str, leaf: str, transient: bool, code: str | None) -> None:
    case = next(case for case in ERRORS if str(case) == name)
    body = case.json("error.json")
    fault = DIALECT.read_error(case.origin["status"], case.bytes("error.json"), {})
    assert (fault.message, fault.type) == (body["error"]["message"], body["error"]["type"])
    assert (fault.code, fault.request_id) == (code, body["request_id"])
    error = classify(case.origin["status"], fault)
    assert (type(error).__name__, error.transient) == (leaf, transient)
