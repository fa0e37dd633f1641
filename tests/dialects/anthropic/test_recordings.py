"""The reader over real recorded traffic, where it lies beside the checkout. Nothing of it is copied; without it this skips."""

import functools
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from dialects.anthropic.streams import pieces, read
from polyglot_cloud.dialects.anthropic.response import read_response
from polyglot_cloud.dialects.anthropic.stream import Reader
from polyglot_cloud.neutral import Event, Failed, Finished, Text, Thinking, ToolCall, Usage, collect
from polyglot_cloud.sse import Decoder

STORE = Path(__file__).parents[3].parent / "shared" / "wire" / "store" / "anthropic.jsonl.gz"
pytestmark = pytest.mark.skipif(not STORE.exists(), reason="the recordings are not here")


@functools.cache
def recordings() -> list[dict[str, Any]]:
    with gzip.open(STORE) as lines:
        rows = [json.loads(line) for line in lines]
    return [row for row in rows if row["endpoint"].endswith("/messages") and row["status"] == 200]


def streams() -> list[bytes]:
    """The bodies of streams; where several replies were recorded as one, the first. Two spliced into one are left out."""
    bodies = [row["body"].encode() for row in recordings() if row["streaming"]]
    return [body for body in map(_first_reply, bodies) if not _is_spliced(body)]


def _is_spliced(body: bytes) -> bool:
    kinds = [row["type"] for row in rows_of(body)]
    return "message_start" in kinds[kinds.index("content_block_start") :] if "content_block_start" in kinds else False


def _first_reply(body: bytes) -> bytes:
    end = body.index(b"\n\n", body.index(b'"message_stop"')) + 2
    return body[:end]


def rows_of(body: bytes) -> list[dict[str, Any]]:
    """An independent look at a stream: its data lines."""
    return [json.loads(line[5:]) for line in body.decode().splitlines() if line.startswith("data:")]


def tokens(usage: dict[str, Any]) -> tuple[int, int]:
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    rows = [usage, *[row for row in usage.get("iterations") or [] if row["type"] == "compaction"]]
    return sum(row.get(name) or 0 for row in rows for name in names), sum(row["output_tokens"] for row in rows)


def counted(usage: Usage | None) -> tuple[int, int]:
    assert usage is not None
    return usage.input, usage.output


def test_there_is_something_to_read() -> None:
    assert len(streams()) > 50
    assert len(recordings()) > 120


def test_every_stream_is_read_to_its_end_with_its_usage_and_content() -> None:
    for body in streams():
        rows = rows_of(body)
        response = collect(read([body]))
        usage = rows[0]["message"]["usage"]
        for row in rows:
            usage = {**usage, **{name: count for name, count in row.get("usage", {}).items() if count is not None}}
        deltas = [row["delta"] for row in rows if row["type"] == "content_block_delta"]
        texts = [block.text for block in response.choices[0].blocks if isinstance(block, Text)]
        thoughts = [block.text for block in response.choices[0].blocks if isinstance(block, Thinking)]
        starts = [row["content_block"] for row in rows if row["type"] == "content_block_start"]
        assert response.choices[0].finish is not None
        assert counted(response.usage) == tokens(usage)
        assert "".join(texts) == "".join(delta.get("text", "") for delta in deltas)
        assert "".join(thoughts) == "".join(delta.get("thinking", "") for delta in deltas)
        assert len(response.choices[0].blocks) == len(starts)


def test_arguments_and_signatures_of_streams() -> None:
    calls = signatures = 0
    for body in streams():
        for block in collect(read([body])).choices[0].blocks:
            if isinstance(block, ToolCall):
                assert isinstance(json.loads(block.arguments or "{}"), dict)
                calls += 1
            if isinstance(block, Thinking):
                assert block.state is not None
                assert block.state.raw["thinking"] == block.text
                signatures += 1
    assert calls > 10
    assert signatures > 5


@pytest.mark.parametrize("size", [1, 7])
def test_law_5_chunks_change_nothing(size: int) -> None:
    for body in streams():
        assert read(pieces(body, size)) == read([body])


def test_law_6_no_cut_stream_reports_success() -> None:
    for body in streams():
        records = Decoder().feed(body)
        reader, cut = Reader(), list[Event]()
        for record in records[:-1]:
            cut += reader.feed(record)
            assert not any(isinstance(event, Finished | Failed) for event in cut[-4:])
        assert isinstance(reader.close()[-1], Failed)
        for at in (700, len(body) // 2, len(body) - 30):
            assert isinstance(read([body[:at]])[-1], Failed)


def test_two_answers_spliced_into_one_stream_are_a_failure() -> None:
    bodies = [_first_reply(row["body"].encode()) for row in recordings() if row["streaming"]]
    spliced = [body for body in bodies if _is_spliced(body)]
    assert [type(read([body])[-1]) for body in spliced] == [Failed] * len(spliced)
    assert len(spliced) <= 1


def test_plain_replies_with_their_usage_and_content() -> None:
    for row in recordings():
        if row["streaming"]:
            continue
        body = json.loads(row["body"])
        response = read_response(body)
        texts = [block.text for block in response.choices[0].blocks if isinstance(block, Text)]
        assert (response.id, response.model) == (body["id"], body["model"])
        assert response.choices[0].finish is not None
        assert counted(response.usage) == tokens(body["usage"])
        assert texts == [block["text"] for block in body["content"] if block["type"] == "text"]
        assert len(response.choices[0].blocks) == len(body["content"])
