"""The recorded cases: plain and streamed replies agree, any split of the bytes is the same, a cut never looks whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from dialects.gemini.support import FIXTURES, GenerateContentRequest, concatenated, load, play
from polyglot_cloud import sse
from polyglot_cloud.dialects.gemini import DIALECT
from polyglot_cloud.errors import BrokenReply
from polyglot_cloud.neutral import Closed, Failed, Finished, Metered, Opened, collect

CASES = sorted(path for path in FIXTURES.iterdir() if path.is_dir())


def having(name: str) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in CASES if (case / name).exists()]


def origin(case: Path) -> dict[str, Any]:
    found = load(case, "origin.json")
    assert isinstance(found, dict)
    return found


def chunks(case: Path) -> list[dict[str, Any]]:
    decoder = sse.Decoder()
    return [json.loads(record.data) for record in decoder.feed((case / "stream.sse").read_bytes())]


WHOLE = [each for each in having("stream.sse") if not origin(each.values[0]).get("broken")]
STREAMS = having("stream.sse")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_tells_its_origin(case: Path) -> None:
    assert origin(case).keys() >= {"origin", "model", "date", "source"}


@pytest.mark.parametrize("case", having("request.json"))
def test_requests_are_valid_by_the_vendors_types(case: Path) -> None:
    GenerateContentRequest.model_validate(load(case, "request.json"))


@pytest.mark.parametrize("case", having("response.json"))
def test_replies_are_valid_by_the_vendors_types(case: Path) -> None:
    plain = load(case, "response.json")
    plain["usageMetadata"].pop("serviceTier", None)  # on the wire since spring 2026, in no type of google-genai 3.4.0
    types.GenerateContentResponse.model_validate(plain)


@pytest.mark.parametrize("case", [each for each in WHOLE if origin(each.values[0]).get("twins")])
def test_law_3_the_plain_twin_says_the_same(case: Path) -> None:
    assert DIALECT.read_response is not None
    plain = DIALECT.read_response(load(case, "response.json"))
    assert collect(play((case / "stream.sse").read_bytes())) == plain


@pytest.mark.parametrize("case", WHOLE)
def test_law_3_the_concatenation_says_the_same(case: Path) -> None:
    assert DIALECT.read_response is not None
    plain = DIALECT.read_response(concatenated(chunks(case)))
    assert collect(play((case / "stream.sse").read_bytes())) == plain


@pytest.mark.parametrize("case", STREAMS)
def test_law_5_a_cut_in_two_gives_the_same_events(case: Path) -> None:
    stream = (case / "stream.sse").read_bytes()
    whole = play(stream)
    assert all(play(stream, at) == whole for at in range(0, len(stream), 1 + len(stream) // 600))


@given(data=st.data())
@pytest.mark.parametrize("case", STREAMS)
def test_law_5_any_cuts_give_the_same_events(case: Path, data: st.DataObject) -> None:
    stream = (case / "stream.sse").read_bytes()
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    assert play(stream, *cuts) == play(stream)


@pytest.mark.parametrize("case", STREAMS)
def test_law_6_a_cut_stream_never_reports_success(case: Path) -> None:
    stream = (case / "stream.sse").read_bytes()
    end = len(stream.rstrip())
    for at in {*range(0, end, 1 + end // 600), *range(end - 40, end)}:
        events = play(stream[:at])
        if any(isinstance(event, Finished) for event in events):
            assert b'"finishReason"' in stream[:at] or b'"blockReason"' in stream[:at]
            assert stream[:at].rstrip().endswith(b"}")
        else:
            assert isinstance(events[-1], Failed)


@pytest.mark.parametrize("case", STREAMS)
def test_streams_keep_the_grammar(case: Path) -> None:
    events = play((case / "stream.sse").read_bytes())
    opened = [event.index for event in events if isinstance(event, Opened)]
    assert opened == list(range(len(opened)))
    failed = any(isinstance(event, Failed) for event in events)
    if not failed:
        assert [event.index for event in events if isinstance(event, Closed)] == opened
    counted = [event.usage for event in events if isinstance(event, Metered)]
    assert counted
    assert [usage.output for usage in counted] == sorted(usage.output for usage in counted)
    assert sum(isinstance(event, Finished | Failed) for event in events) == 1
    assert isinstance(events[-1], Finished | Failed)


def test_the_malformed_call_is_a_broken_reply_both_ways() -> None:
    case = FIXTURES / "malformed_call"
    assert DIALECT.read_response is not None
    with pytest.raises(BrokenReply, match="MALFORMED_FUNCTION_CALL") as raised:
        DIALECT.read_response(load(case, "response.json"))
    failed = play((case / "stream.sse").read_bytes())[-1]
    assert failed == Failed(raised.value.message, 502, "upstream_error", "provider_broken_reply")
