from typing import Any

import pytest

from polyglot_cloud.dialects.anthropic.usage import overwritten, read_usage, usage_of
from polyglot_cloud.neutral import Usage


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, Usage()),
        ({"input_tokens": 10, "output_tokens": 4}, Usage(10, 4)),
        (
            {"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30, "output_tokens": 4},
            Usage(140, 4, 100, details={"cache_write": 30}),
        ),
        (
            {
                "input_tokens": 10,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
                "output_tokens": 4,
            },
            Usage(140, 4, 100, details={"cache_write_5m": 20, "cache_write_1h": 10}),
        ),
        (
            {"cache_creation_input_tokens": 30, "cache_creation": {"ephemeral_1h_input_tokens": 10}},
            Usage(30, details={"cache_write_1h": 10, "cache_write": 20}),
        ),
        ({"cache_creation": {"ephemeral_5m_input_tokens": 10}}, Usage(10, details={"cache_write_5m": 10})),
        ({"output_tokens": 90, "output_tokens_details": {"thinking_tokens": 64}}, Usage(0, 90, reasoning=64)),
        (
            {"server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1}},
            Usage(details={"web_search_calls": 2}),
        ),
        ({"service_tier": "priority"}, Usage(tier="priority")),
        ({"service_tier": "standard", "speed": "standard"}, Usage(tier="standard")),
        ({"service_tier": "standard", "speed": "fast"}, Usage(tier="fast")),
        (
            {"input_tokens": None, "output_tokens": "4", "cache_read_input_tokens": -1, "service_tier": 5},
            Usage(),
        ),
        ({"input_tokens": True, "cache_creation": [], "server_tool_use": None, "output_tokens_details": 1}, Usage()),
    ],
)
def test_trap_35_three_kinds_of_input_are_added(raw: dict[str, Any], expected: Usage) -> None:
    assert usage_of(raw) == expected
    assert read_usage({"usage": raw}) == expected


@pytest.mark.parametrize("body", [{}, {"input_tokens": 12}, {"usage": None}, {"usage": []}])
def test_no_usage(body: dict[str, Any]) -> None:
    assert read_usage(body) is None


def test_trap_36_later_counts_replace_earlier_ones() -> None:
    earlier = {"input_tokens": 10, "output_tokens": 1, "service_tier": "standard"}
    assert overwritten(earlier, {"output_tokens": 7, "input_tokens": None}) == {**earlier, "output_tokens": 7}
    assert earlier["output_tokens"] == 1
