"""Real traffic, where it is to hand: the recordings lie beside the repository and are never copied into it."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from dialects.gemini.support import concatenated, framed, play
from polyglot_cloud.dialects.gemini import DIALECT
from polyglot_cloud.errors import RateLimited, classify
from polyglot_cloud.neutral import Failed, Finished, collect

STORE = Path(__file__).parents[3].parent / "shared" / "wire" / "store" / "gemini.jsonl.gz"


def recordings() -> list[dict[str, Any]]:
    if not STORE.exists():
        return []
    with gzip.open(STORE, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return [each for each in found if "enerateContent" in each["endpoint"]]


def _is_array(recording: dict[str, Any]) -> bool:
    return not recording["streaming"] and recording["body"].lstrip().startswith("[")


def _stream(recording: dict[str, Any]) -> bytes:
    """As SSE, also where it was recorded as a JSON array."""
    return framed(*json.loads(recording["body"])) if _is_array(recording) else recording["body"].encode()


def _chunks(recording: dict[str, Any]) -> list[dict[str, Any]]:
    if _is_array(recording):
        found = json.loads(recording["body"])
    else:
        found = [json.loads(line[5:]) for line in recording["body"].splitlines() if line.startswith("data:")]
    assert isinstance(found, list)
    return found


def cases(found: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(each, id=each["id"]) for each in found]


ALL = recordings()
STREAMS = cases([each for each in ALL if each["streaming"] or _is_array(each)])
PLAIN = cases([each for each in ALL if not each["streaming"] and not _is_array(each) and each["status"] == 200])
ERRORS = cases([each for each in ALL if each["status"] != 200])
pytestmark = pytest.mark.skipif(not ALL, reason="the shared recordings are not here")


@pytest.mark.parametrize("recording", STREAMS)
def test_streams_end_well_and_agree_with_their_concatenation(recording: dict[str, Any]) -> None:
    assert DIALECT.read_response is not None
    events = play(_stream(recording))
    assert isinstance(events[-1], Finished)
    assert collect(events) == DIALECT.read_response(concatenated(_chunks(recording)))


@pytest.mark.parametrize("recording", STREAMS)
def test_any_split_gives_the_same_events(recording: dict[str, Any]) -> None:
    stream = _stream(recording)
    whole = play(stream)
    picked = random.Random(recording["id"])
    assert all(play(stream, *(picked.randrange(len(stream)) for _ in range(8))) == whole for _ in range(25))
    assert play(stream, *range(0, len(stream), 7)) == whole


@pytest.mark.parametrize("recording", STREAMS)
def test_a_cut_stream_is_never_finished(recording: dict[str, Any]) -> None:
    stream = _stream(recording)
    end = stream.rindex(b'"finishReason"')
    for at in range(0, end, max(1, end // 60)):
        events = play(stream[:at])
        assert isinstance(events[-1], Failed)
        assert not any(isinstance(event, Finished) for event in events)


@pytest.mark.parametrize("recording", PLAIN)
def test_plain_replies_are_read(recording: dict[str, Any]) -> None:
    assert DIALECT.read_response is not None
    reply = json.loads(recording["body"])
    response = DIALECT.read_response(reply)
    assert [choice.finish is not None for choice in response.choices] == [True]
    usage = response.usage
    assert usage is not None
    assert usage.input + usage.output == reply["usageMetadata"]["totalTokenCount"]


@pytest.mark.parametrize("recording", ERRORS)
def test_errors_are_read(recording: dict[str, Any]) -> None:
    fault = DIALECT.read_error(recording["status"], recording["body"].encode(), {})
    error = classify(recording["status"], fault)
    assert isinstance(error, RateLimited)
    assert error.retry_after == pytest.approx(34.4)
