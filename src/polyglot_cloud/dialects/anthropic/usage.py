"""Anthropic's token counts in the house's convention: `input_tokens` is the uncached part only, so three fields are added (trap 35)."""

from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.neutral import Usage


def read_usage(body: Body) -> Usage | None:
    """The usage of a reply; None where it has none (a token count, an error)."""
    raw = body.get("usage")
    return usage_of(raw) if isinstance(raw, dict) else None


def usage_of(raw: Body) -> Usage:
    """The reply's counts, and those of the compactions before it: they are billed at the model's own rates, but stand apart (BetaUsage in
    anthropic 2.12.0, 2026-11-22). An advisor is another model, so its tokens are only named.
    """
    usage = Usage(reasoning=_count(_inner(raw, "output_tokens_details"), "thinking_tokens"), tier=_tier(raw))
    if not _RARE.isdisjoint(raw):
        usage.details = _rare(raw)
    _add(usage, raw)
    for counted in _iterations(raw, "compaction"):
        _add(usage, counted)
    return usage


_RARE = frozenset({"server_tool_use", "iterations"})


def _rare(raw: Body) -> dict[str, int]:
    """What only a reply with tools of the vendor's own has."""
    advisors = _iterations(raw, "advisor_message")
    details = {
        "web_search_calls": _count(_inner(raw, "server_tool_use"), "web_search_requests"),
        "advisor_input": sum(_input(each) for each in advisors),
        "advisor_output": sum(_count(each, "output_tokens") for each in advisors),
    }
    return {name: count for name, count in details.items() if count}


def _add(usage: Usage, raw: Body) -> None:
    cached, writes = _count(raw, "cache_read_input_tokens"), _writes(raw)
    usage.input += _count(raw, "input_tokens") + cached + sum(writes.values())
    usage.output += _count(raw, "output_tokens")
    usage.cached += cached
    for name, count in writes.items():
        usage.details[name] = usage.details.get(name, 0) + count


def _input(raw: Body) -> int:
    return _count(raw, "input_tokens") + _count(raw, "cache_read_input_tokens") + sum(_writes(raw).values())


def _iterations(raw: Body, kind: str) -> list[Body]:
    found = raw.get("iterations")
    rows = found if isinstance(found, list) else []
    return [row for row in rows if isinstance(row, dict) and row.get("type") == kind]


def overwritten(earlier: Body, later: Body) -> Body:
    """Counts of a stream are cumulative: a later one replaces an earlier one, and what it leaves out stays (trap 36)."""
    return {**earlier, **{name: value for name, value in later.items() if value is not None}}


_CACHED = frozenset({"cache_creation", "cache_creation_input_tokens"})


def _writes(raw: Body) -> dict[str, int]:
    """Cache writes by ttl; "cache_write" is what the sum has beyond its parts (a stream's end gives the sum alone)."""
    if _CACHED.isdisjoint(raw):
        return {}
    by_ttl = _inner(raw, "cache_creation")
    five, hour = _count(by_ttl, "ephemeral_5m_input_tokens"), _count(by_ttl, "ephemeral_1h_input_tokens")
    rest = max(0, _count(raw, "cache_creation_input_tokens") - five - hour)
    if not (five or hour or rest):
        return {}
    counts = {"cache_write_5m": five, "cache_write_1h": hour, "cache_write": rest}
    return {name: count for name, count in counts.items() if count}


def _tier(raw: Body) -> str | None:
    """The tier; "fast" where the reply was made at fast speed, which has its own price."""
    tier = "fast" if raw.get("speed") == "fast" else raw.get("service_tier")
    return tier if isinstance(tier, str) else None


def _inner(raw: Body, name: str) -> Body:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _count(raw: Body, name: str) -> int:
    value: Any = raw.get(name)
    return value if type(value) is int and value > 0 else 0
