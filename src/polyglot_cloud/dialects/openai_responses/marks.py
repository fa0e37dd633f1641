"""Prompt-cache breakpoints on input parts: `prompt_cache_breakpoint` (openai 3.54.0; gpt-5.6 and later, four a request, 2026-11-22)."""

from polyglot_cloud.dialects import Body
from polyglot_cloud.neutral import Block, File, Image, Loss, Mark, Text, ToolResult
from polyglot_cloud.rows import Quirks

MAX_MARKS = 4
NAME = "prompt_cache_breakpoint"
_TTL = {"30m": "30m", "1h": "12h", "12h": "12h", "24h": "12h"}
"""A client's word -> the nearest here; what is shorter, or not known, is the vendor's default."""


class Breakpoints:
    """Those of one input, in its order."""

    def __init__(self, quirks: Quirks) -> None:
        self._taken = quirks.cache_marks
        self._parts: list[tuple[Body, Mark]] = []

    def marked(self, part: Body, mark: Mark | None) -> Body:
        """The part with its breakpoint, if it has one and the model takes it."""
        if mark is None or not self._taken:
            return part
        if NAME not in part:
            part = {**part, NAME: {"mode": "explicit"}}
            self._parts.append((part, mark))
        return part

    def refusal(self, block: Block, role: str) -> str | None:
        """Why a block's mark cannot stand, None where it can or there is none."""
        if block.mark is None:
            return None
        if not self._taken:
            return "cache breakpoints are not carried over; the provider caches prefixes by itself"
        empty = isinstance(block, ToolResult) and not block.blocks
        if role == "assistant" or empty or not isinstance(block, Text | Image | File | ToolResult):
            return "a cache breakpoint stands at parts of the input only"
        return None

    def settle(self, losses: list[Loss]) -> None:
        """Bring them within the rules: four at most, known ttls."""
        found = self._parts
        # the first serves every conversation with this prompt, the last ones this conversation
        kept = found if len(found) <= MAX_MARKS else [found[0], *found[1 - MAX_MARKS :]]
        if len(kept) < len(found):
            reason = f"{MAX_MARKS} cache breakpoints are taken: the first and the last three of {len(found)} are kept"
            losses.append(Loss("/messages", "dropped", reason))
            for part, _ in found[1 : 1 - MAX_MARKS]:
                del part[NAME]
        for part, mark in kept:
            ttl = _TTL.get(mark.ttl or "")
            if ttl is not None:
                part[NAME]["ttl"] = ttl
            if ttl != mark.ttl:
                reason = f"a cache breakpoint of {mark.ttl} became one of {ttl or 'the default time'}"
                losses.append(Loss("/messages", "approximated", reason))
