from typing import Any

import pytest

from dialects.openai_chat.chunks import chunk, record
from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.dialects.openai_chat.usage import write_usage
from polyglot_cloud.neutral import Usage

FULL: dict[str, Any] = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 20, "audio_tokens": 2, "image_tokens": 3},
    "completion_tokens_details": {
        "reasoning_tokens": 30,
        "audio_tokens": 4,
        "accepted_prediction_tokens": 5,
        "rejected_prediction_tokens": 6,
    },
    "cost_in_usd_ticks": 12345,
    "num_sources_used": 2,
}
READ = Usage(
    input=100,
    output=50,
    cached=60,
    reasoning=30,
    details={
        "cache_write": 20,
        "input_audio": 2,
        "input_image": 3,
        "output_audio": 4,
        "accepted_prediction": 5,
        "rejected_prediction": 6,
        "cost_usd_ticks": 12345,
        "num_sources_used": 2,
    },
    tier="flex",
)


def test_every_count_is_read_and_written() -> None:
    assert DIALECT.read_usage({"usage": FULL, "service_tier": "flex"}) == READ
    assert write_usage(READ) == FULL


@pytest.mark.parametrize(
    ("prompt", "completion", "reasoning", "total", "output"),
    [
        (32, 9, 94, 135, 103),  # xAI's own example: reasoning is beside completion
        (12, 2, 340, 354, 342),
        (32, 103, 94, 135, 103),  # OpenAI: reasoning is inside
        (8, 377, 320, 385, 377),
        (10, 5, 0, 15, 5),
        (10, 5, 3, 99, 5),  # sums that nobody understands are left alone
    ],
)
def test_reasoning_is_inside_the_output(prompt: int, completion: int, reasoning: int, total: int, output: int) -> None:
    usage = DIALECT.read_usage(
        {
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": total,
                "completion_tokens_details": {"reasoning_tokens": reasoning},
            }
        }
    )
    assert usage == Usage(input=prompt, output=output, reasoning=reasoning)


@pytest.mark.parametrize("body", [{}, {"usage": None}, {"usage": []}])
def test_no_usage(body: dict[str, Any]) -> None:
    assert DIALECT.read_usage(body) is None


def test_odd_values_count_as_nothing() -> None:
    odd = {
        "prompt_tokens": "5",
        "completion_tokens": None,
        "prompt_tokens_details": None,
        "completion_tokens_details": 3,
    }
    assert DIALECT.read_usage({"usage": odd, "service_tier": 5}) == Usage()


def test_cache_writes_of_every_ttl_are_one_count() -> None:
    written = write_usage(Usage(input=50, details={"cache_write_5m": 10, "cache_write_1h": 20}))
    assert written["prompt_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 30}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        ({"stream_options": {"include_obfuscation": False}}, {"include_obfuscation": False, "include_usage": True}),
        ({"stream_options": {"include_usage": False}}, {"include_usage": True}),
    ],
)
def test_usage_is_asked_for(body: dict[str, Any], value: dict[str, Any]) -> None:
    assert DIALECT.meter
    assert DIALECT.meter.edit(body) == ("stream_options", value)


@pytest.mark.parametrize(
    ("found", "cut"),
    [
        (record({"choices": [], "usage": FULL}), True),
        (record({"choices": [], "usage": None}), False),
        (record({"choices": [], "prompt_filter_results": []}), False),
        (chunk({"content": '"choices":[]'}, usage=FULL), False),
        (chunk({"content": "x"}), False),
        (record('"choices":[]'), False),
        (record({"choices": [{"index": 0, "delta": {}}], "usage": FULL}), False),
    ],
)
def test_only_the_chunk_that_the_edit_brought_is_cut(found: Any, cut: bool) -> None:
    assert DIALECT.meter
    assert DIALECT.meter.cuts(found) is cut


def test_broken_json_is_not_cut() -> None:
    assert DIALECT.meter
    broken = record({})
    assert not DIALECT.meter.cuts(type(broken)("", b'{"choices":[],"usage":{', b""))
