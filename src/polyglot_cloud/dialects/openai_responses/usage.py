"""Usage: token counts in the neutral convention."""

from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.neutral import Usage


def read_usage(body: Body) -> Usage | None:
    """The usage of a response object, None where it has none.

    OpenAI's `output_tokens` include reasoning. xAI's exclude it on some models while `total_tokens` include it (its OpenAPI document,
    2026-11-22), which shows in the sum.
    """
    counted = body.get("usage")
    if not isinstance(counted, dict):
        return None
    of_input, of_output = _object(counted, "input_tokens_details"), _object(counted, "output_tokens_details")
    usage = Usage(
        input=_count(counted, "input_tokens"),
        output=_count(counted, "output_tokens"),
        cached=_count(of_input, "cached_tokens"),
        reasoning=_count(of_output, "reasoning_tokens"),
        details={kind: count for kind, count in _details(body, counted, of_input).items() if count},
        tier=_tier(body),
    )
    if usage.input + usage.output + usage.reasoning == _count(counted, "total_tokens"):
        usage.output += usage.reasoning
    return usage


def _details(body: Body, counted: Body, of_input: Body) -> dict[str, int]:
    by_ttl = _object(of_input, "cache_write_tokens_details")
    for_30m, for_12h = _count(by_ttl, "ttl_30m_tokens"), _count(by_ttl, "ttl_12h_tokens")
    openai_searches = _count(_object(_object(body, "tool_usage"), "web_search"), "num_requests")
    return {
        "cache_write_30m": for_30m,
        "cache_write_12h": for_12h,
        "cache_write": max(0, _count(of_input, "cache_write_tokens") - for_30m - for_12h),
        "web_search_calls": openai_searches
        or _count(_object(counted, "server_side_tool_usage_details"), "web_search_calls"),
        "cost_usd_ticks": _count(counted, "cost_in_usd_ticks"),
    }


def _object(holder: Body, name: str) -> Body:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _count(holder: Body, name: str) -> int:
    value: Any = holder.get(name)
    if value is None:
        return 0
    if type(value) is int:
        return max(0, value)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else 0


def _tier(body: Body) -> str | None:
    tier = body.get("service_tier")
    return tier if isinstance(tier, str) else None
