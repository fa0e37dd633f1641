"""Token counts: Chat's and xAI's spelling into the one convention, and back; and how a stream is made to tell them."""

import re
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.dialects import Meter
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.neutral import Usage
from polyglot_cloud.sse import Record, is_run

# (where it stands, its name there, its name in Usage.details)
_DETAILS = (
    ("prompt_tokens_details", "cache_write_tokens", "cache_write"),
    ("prompt_tokens_details", "audio_tokens", "input_audio"),
    ("prompt_tokens_details", "image_tokens", "input_image"),
    ("completion_tokens_details", "audio_tokens", "output_audio"),
    ("completion_tokens_details", "accepted_prediction_tokens", "accepted_prediction"),
    ("completion_tokens_details", "rejected_prediction_tokens", "rejected_prediction"),
)
# xAI's, beside the counts: its own price in 1e-10 dollars, and the sources of a search
_EXTRAS = (("cost_in_usd_ticks", "cost_usd_ticks"), ("num_sources_used", "num_sources_used"))
_DETAIL_KINDS = {
    holder: {name: kind for place, name, kind in _DETAILS if place == holder}
    for holder in ("prompt_tokens_details", "completion_tokens_details")
}
_EXTRA_KINDS = dict(_EXTRAS)
_COUNTS = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')


def read_usage(body: Object) -> Usage | None:
    """Of a reply or of a chunk. xAI leaves reasoning out of completion_tokens but not out of total_tokens."""
    found = body.get("usage")
    if not isinstance(found, dict) or _COUNTS.isdisjoint(found):
        return None
    prompt, completion = _count(found, "prompt_tokens"), _count(found, "completion_tokens")
    reasoning = _count(_object(found, "completion_tokens_details"), "reasoning_tokens")
    if reasoning and prompt + completion + reasoning == _count(found, "total_tokens"):
        completion += reasoning
    return Usage(
        input=prompt,
        output=completion,
        cached=_cached(found),
        reasoning=reasoning,
        details=_details(found),
        tier=tier_of(body),
    )


def _details(found: Object) -> dict[str, int]:
    """The counts beside the totals, by what is there: a reply has a few of them, if any."""
    if found.keys() <= _COUNTS:
        return {}
    details = {}
    for name, holder in found.items():
        if name in _EXTRA_KINDS:
            details[_EXTRA_KINDS[name]] = _number(holder)
        elif name in _DETAIL_KINDS and isinstance(holder, dict):
            kinds = _DETAIL_KINDS[name]
            for inner, value in holder.items():
                if inner in kinds:
                    details[kinds[inner]] = _number(value)
    return {kind: count for kind, count in details.items() if count}


_TIERS = {"standard": "default", **{word: word for word in ("auto", "default", "flex", "scale", "priority", "fast")}}


def write_tier(tier: str | None) -> Object:
    """The member `service_tier`, in Chat's words: other vendors' "standard" is its "default". {} where Chat has no word for it."""
    return {"service_tier": _TIERS[tier]} if tier in _TIERS else {}


def tier_of(body: Object) -> str | None:
    tier = body.get("service_tier")
    return tier if isinstance(tier, str) else None


def _object(holder: Object, name: str) -> Object:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _cached(found: Object) -> int:
    """OpenAI's place for it; DeepSeek has it beside the counts (prism-php/prism pull request 1021, read 2026-11-22). Others are said to
    have `cached_tokens` there, for which no source was found: a host without the member loses nothing by it.
    """
    beside = _count(found, "prompt_cache_hit_tokens") or _count(found, "cached_tokens")
    return _count(_object(found, "prompt_tokens_details"), "cached_tokens") or beside


def _count(holder: Object, name: str) -> int:
    """A count; hosts written in JavaScript are seen to say 12.0."""
    return _number(holder.get(name))


def _number(value: Any) -> int:
    if value is None:
        return 0
    if type(value) is int:
        return max(0, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if value > 0 else 0


def write_usage(usage: Usage) -> Object:
    """OpenAI's convention: completion includes reasoning, prompt includes what was cached; the two make the total."""
    written: Object = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    if not usage.details:
        return written
    counts = dict(usage.details)
    written_to_cache = sum(count for kind, count in counts.items() if kind.startswith("cache_write"))
    if written_to_cache:
        counts["cache_write"] = written_to_cache
    for holder, name, kind in _DETAILS:
        if kind in counts:
            written[holder][name] = counts[kind]
    return written | {name: counts[kind] for name, kind in _EXTRAS if kind in counts}


def _ask_for_usage(body: Object) -> tuple[str, Object]:
    return "stream_options", {**_object(body, "stream_options"), "include_usage": True}


def _is_usage_chunk(record: Record) -> bool:
    """The chunk that comes only because usage was asked for: `choices` empty and usage given."""
    if not _NO_CHOICES.search(record.data):
        return False
    try:
        chunk = wire.decode(record.data)
    except wire.InvalidJson:
        return False
    return isinstance(chunk, dict) and chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict)


def is_mere_content(record: Record) -> bool:
    """Whether the chunk is a piece of the answer and tells nothing else: no end, no usage, no error. Text cannot feign these: the quotes
    in it are escaped.
    """
    data = record.data
    usage = data.find(b'"usage"')
    return (
        b'"finish_reason":null' in data
        and (usage < 0 or data.startswith(b":null", usage + 7))
        and b'"error"' not in data
        and data.startswith(b"{")
    )


def is_mere_run(piece: bytes) -> bool:
    """The same of whole events that arrived together: counted, not looked at one by one."""
    open_ends = piece.count(b'"finish_reason":null')
    return (
        is_run(piece, b"data: {", lines=2)
        and open_ends >= piece.count(b"\n\n")
        and piece.count(b'"finish_reason"') == open_ends
        and piece.count(b'"usage"') == piece.count(b'"usage":null')
        and b'"error"' not in piece
    )


METER = Meter(edit=_ask_for_usage, cuts=_is_usage_chunk)
