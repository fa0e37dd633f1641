from typing import Any

import pytest

from polyglot_cloud.dialects.openai_responses import DIALECT
from polyglot_cloud.neutral import Usage


def counted(given: Any, **more: Any) -> Usage | None:
    return DIALECT.read_usage({"usage": given, **more})


def test_trap_35_openais_counts_include_cached_and_reasoning() -> None:
    given = {
        "input_tokens": 1200,
        "input_tokens_details": {"cached_tokens": 1024},
        "output_tokens": 180,
        "output_tokens_details": {"reasoning_tokens": 128},
        "total_tokens": 1380,
    }
    assert counted(given, service_tier="flex") == Usage(1200, 180, cached=1024, reasoning=128, tier="flex")


def test_trap_35_xais_reasoning_is_added_where_the_total_says_that_it_is_not_in() -> None:
    given = {
        "input_tokens": 32,
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 94},
        "total_tokens": 135,
    }
    assert counted(given) == Usage(32, 103, reasoning=94)


def test_xais_reasoning_that_is_in_already_is_not_added() -> None:
    """Recorded from grok-code-fast-1."""
    given = {
        "input_tokens": 216,
        "output_tokens": 863,
        "output_tokens_details": {"reasoning_tokens": 237},
        "total_tokens": 1079,
    }
    assert counted(given) == Usage(216, 863, reasoning=237)


@pytest.mark.parametrize(
    ("written", "by_ttl", "details"),
    [
        (
            150,
            {"ttl_30m_tokens": 100, "ttl_12h_tokens": 40},
            {"cache_write_30m": 100, "cache_write_12h": 40, "cache_write": 10},
        ),
        (150, {"ttl_30m_tokens": 150, "ttl_12h_tokens": 0}, {"cache_write_30m": 150}),
        (150, None, {"cache_write": 150}),
        (0, None, {}),
    ],
)
def test_cache_writes_by_their_time_to_live(written: int, by_ttl: Any, details: dict[str, int]) -> None:
    of_input = {"cached_tokens": 0, "cache_write_tokens": written, "cache_write_tokens_details": by_ttl}
    usage = counted({"input_tokens": 200, "input_tokens_details": of_input, "output_tokens": 1, "total_tokens": 201})
    assert usage == Usage(200, 1, details=details)


@pytest.mark.parametrize(
    ("usage", "body", "details"),
    [
        ({}, {"tool_usage": {"web_search": {"num_requests": 2}}}, {"web_search_calls": 2}),
        ({"server_side_tool_usage_details": {"web_search_calls": 3}}, {}, {"web_search_calls": 3}),
        ({"cost_in_usd_ticks": 158_500_000}, {}, {"cost_usd_ticks": 158_500_000}),
    ],
)
def test_what_else_is_billed(usage: dict[str, Any], body: dict[str, Any], details: dict[str, int]) -> None:
    assert counted({"input_tokens": 1, "output_tokens": 1, **usage}, **body) == Usage(1, 1, details=details)


@pytest.mark.parametrize(
    "body", [{}, {"usage": None}, {"usage": 5}, {"object": "response.input_tokens", "input_tokens": 5}]
)
def test_no_usage(body: dict[str, Any]) -> None:
    assert DIALECT.read_usage(body) is None


def test_wrong_types_count_as_nothing() -> None:
    given = {"input_tokens": "5", "output_tokens": None, "input_tokens_details": 5, "total_tokens": -1}
    assert counted(given, service_tier=5, tool_usage=[]) == Usage()
