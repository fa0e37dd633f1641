"""Anthropic's prompt cache: what a request reads and writes at its `cache_control` marks."""

from collections.abc import Iterator, Mapping
from typing import Any

from polyglot_cloud.sandbox import models, tokens
from polyglot_cloud.sandbox.anthropic.turns import as_blocks, everything, unmarked
from polyglot_cloud.sandbox.cache import Prefixes, digest

_LIVES = {"5m": 300.0, "1h": 3600.0}


def bill(body: Mapping[str, Any], model: models.Claude, total: int, cache: Prefixes) -> dict[str, Any]:
    """The input side of `usage`. `input_tokens` is what was neither read from the cache nor written to it."""
    key, weight, read = model.id, 0, 0
    written = dict.fromkeys(_LIVES, 0)
    marks: list[tuple[str, int, str]] = []
    for piece, mark in _pieces(body):
        key = digest(key, unmarked(piece))
        weight += tokens.weigh(piece)
        if weight >= model.cache_least and cache.seen(key):
            read = weight
        if mark and weight >= model.cache_least:
            marks.append((key, weight, mark.get("ttl", "5m")))
    read = min(read, marks[-1][1]) if marks else 0
    before = read
    for key, weight, life in marks:
        written[life] += max(0, weight - before)
        before = max(before, weight)
        cache.keep(key, _LIVES[life])
    created = sum(written.values())
    return {
        "input_tokens": max(0, total - read - created),
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written["5m"], "ephemeral_1h_input_tokens": written["1h"]},
    }


def _pieces(body: Mapping[str, Any]) -> Iterator[tuple[Any, Mapping[str, Any] | None]]:
    """Tools, system and message blocks in the order of the prompt, each with its mark. A mark at the top is the last block's."""
    pieces: list[Mapping[str, Any]] = [*(body.get("tools") or ()), *as_blocks(body.get("system") or [])]
    pieces += [placed.block for placed in everything(body["messages"])]
    for number, piece in enumerate(pieces):
        at_the_end = body.get("cache_control") if number == len(pieces) - 1 else None
        yield piece, piece.get("cache_control") or at_the_end
