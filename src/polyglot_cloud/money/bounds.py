"""The most that an attempt can cost, known before it is sent.

    text     one token a UTF-8 byte of the body, and what a vendor's template adds. No tokenizer of the four makes more of it
    media    an image, a file or a clip may have more tokens than bytes: then the model's whole input counts
    output   the maximum that was asked for, else the model's; where a model reasons beyond it, all that it can hold; for each choice
    tier     the dearest that the price row has, where the call names one; else the standard one

What no bound is known for is told as None: under a budget such a call is refused.

`bound` is quick and coarse: it is made for every call under a budget. Only for one that it does not let in the body is looked into
(`nearer`), and the vendor asked (`Bound.counted`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from polyglot_cloud.amounts import Nano
from polyglot_cloud.money.cost import PICO_IN_NANO, bound_of
from polyglot_cloud.money.tariff import TIERS, dearest_of
from polyglot_cloud.rows import Model, Price

TEMPLATE = 2_048
"""Tokens that a vendor may add of its own: the frame of messages, the words around tools and schemas."""
PLAIN = 128
"""The same of a call that offers no tools. Of the 317 recorded answers those without tools had 62 tokens less than bytes, or fewer; the
frame of a message has less than its JSON. With tools there were up to 95 more.
"""
WITH_TOOLS = 1_024
LEAST_OUTPUT = 16
"""A smaller maximum may be raised to it on the way: OpenAI's Responses take none below."""
COUNTING_FRAME = 64
"""Tokens above a vendor's own count that are allowed for, beside its margin."""
_TIER_NAMES = ("service_tier", "serviceTier", "speed")


_UNSEEN = re.compile(
    rb'"(?:image|document"|file|video|audio|input_(?:image|file|audio)|inline(?:Data|_data)|previous_response_id|conversation"|prompt"'
    rb"|cached(?:Content|_content)|container|item_reference)"
)
"""Members of the vendors' own formats behind which stands more than the bytes that are sent: media, and what the vendor has kept."""
_HIDDEN = re.compile(rb"\\u00(?:3[0-9]|[46][1-9a-fA-F]|5[0-9aAfF]|7[0-9aA])")
"""A letter, a digit or an underscore as an escape: nobody writes it so, and it may hide one of those names."""


def is_all_text(body: bytes) -> bool:
    """Whether nothing in the body can have more tokens than bytes. A text that names such a member is taken for one."""
    return _UNSEEN.search(body) is None and not (b"\\u00" in body and _HIDDEN.search(body))


_UNSEEN_KINDS = frozenset({
    "image", "document", "file", "video", "audio", "image_url", "video_url", "input_image", "input_file", "input_audio",
    "container_upload", "item_reference",
})  # fmt: skip
_UNSEEN_NAMES = frozenset({
    "image_url", "input_audio", "file", "file_id", "file_data", "file_url", "inlineData", "inline_data", "fileData", "audio",
    "previous_response_id", "conversation", "prompt", "cachedContent", "cached_content", "container", "video_url",
})  # fmt: skip
_SCHEMAS = frozenset(
    {"tools", "functions", "response_format", "text", "output_config", "generationConfig", "generation_config"}
)
_ARGUMENTS = {"tool_use": "input", "mcp_tool_use": "input", "server_tool_use": "input"}
_CALLS = ("functionCall", "function_call")


def is_read_as_text(value: Mapping[str, Any]) -> bool:
    """The same of a decoded request, where a name counts in its place alone: a tool's parameter may be called "file"."""
    waiting: list[Any] = [{name: member for name, member in value.items() if name not in _SCHEMAS}]
    while waiting:  # no recursion: a client may nest deeper than the interpreter's stack
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            kind = item.get("type")
            if isinstance(kind, str) and kind in _UNSEEN_KINDS:
                return False
            if any(item[name] is not None for name in _UNSEEN_NAMES & item.keys()):
                return False
            own = _ARGUMENTS.get(kind) if isinstance(kind, str) else None
            waiting += [inner for name, inner in item.items() if name != own and name not in _CALLS]
    return True


@dataclass(frozen=True, slots=True)
class Bound:
    """`input` and `output` in tokens, `nano` what they cost at most. `tiers` are those that may answer.

    maximum  what the call may write by its maximum, for each of `choices`
    lidless  tokens that it may write whatever the maximum says; 0 where that holds
    without  kinds of input that cannot be in it
    told     the vendor has counted the input
    """

    input: int
    output: int
    nano: Nano
    price: Price
    tiers: tuple[str, ...] = ()
    maximum: int = 0
    choices: int = 1
    lidless: int = 0
    without: frozenset[str] = frozenset()
    told: bool = False

    def with_output(self, tokens: int) -> Nano:
        """The most that the attempt cost if it wrote no more than so many tokens."""
        return self._priced(self.input, min(tokens, self.output))

    def _priced(self, read: int, written: int) -> Nano:
        if not self.without:
            return bound_of(read, written, self.price, tiers=self.tiers)
        per_input, per_output = dearest_of(self.price, read, self.tiers, self.without)
        return -(-(read * per_input + written * per_output) // PICO_IN_NANO)

    def reading(self, tokens: int, without: frozenset[str] | None = None) -> "Bound":
        """The bound of no more input than so many tokens, of which none are of a kind in `without`."""
        made = replace(self, input=min(self.input, tokens), without=self.without if without is None else without)
        return replace(made, nano=min(self.nano, made._priced(made.input, made.output)))

    def counted(self, tokens: int, margin: int) -> "Bound":
        """The bound where the vendor's own count of the request is so many tokens, give or take `margin` percent."""
        return replace(self.reading(tokens + -(-tokens * margin // 100) + COUNTING_FRAME), told=True)

    def writing(self, maximum: int) -> "Bound":
        """The bound with a smaller maximum of output, for each choice."""
        written = max(self.lidless, maximum, LEAST_OUTPUT) * self.choices
        return replace(self, maximum=maximum, output=written, nano=self._priced(self.input, written))

    def fitting(self, room: Nano) -> int:
        """The largest maximum of output, up to its own, that keeps the bound within `room`; below zero where none does."""
        if self.nano <= room:
            return self.maximum
        per_input, per_output = dearest_of(self.price, self.input, self.tiers, self.without)
        left = room * PICO_IN_NANO - self.input * per_input
        if left < 0 or self.lidless or not per_output:
            return -1
        fits = left // (per_output * self.choices)
        return min(fits, self.maximum) if fits >= LEAST_OUTPUT else -1


def bound(
    size: int,
    row: Model | None,
    price: Price | None,
    *,
    media: bool,
    max_tokens: int | None,
    choices: int,
    value: Mapping[str, Any],
) -> Bound | None:
    """`size` is the body's in bytes, `value` the client's request, whose tier counts. None: no bound, or no price, is known."""
    if price is None or row is None:
        return None
    longest = row.max_input or row.context_window
    read = longest if media else size + TEMPLATE
    # what is no maximum (a 0 or -1 means "none" to some servers) bounds nothing; what a model can write is no more than it can hold
    given = max_tokens if max_tokens is not None and max_tokens > 0 else row.max_output or row.context_window
    if read is None or given is None:
        return None
    read = read if longest is None else min(read, longest)
    tiers = tuple(TIERS) if any(value.get(name) for name in _TIER_NAMES) else ()
    choices = max(1, choices)
    lidless = (row.context_window or 0) if row.quirks.reasons_beyond_max else 0
    written = max(lidless, given, LEAST_OUTPUT) * choices
    return Bound(read, written, bound_of(read, written, price, tiers=tiers), price, tiers, given, choices, lidless)


def nearer(most: Bound, body: bytes, value: Mapping[str, Any], *, media: bool, tools: bool) -> Bound:
    """A truer bound of the same call, for which its body is looked into. `value` is what goes to the provider, decoded; `media`: that it
    has some is known already.
    """
    if media or _HIDDEN.search(body) or not is_read_as_text(value):
        return most
    template = TEMPLATE if most.lidless else WITH_TOOLS if tools else PLAIN
    return most.reading(len(body) + template, kinds_missing(body))


def kinds_missing(body: bytes) -> frozenset[str]:
    """Kinds of input tokens that a text cannot have: a cache is written for so long only where the request says so."""
    found = {"input_audio"}
    found |= {kind for kind, mark in (("cache_write_1h", b'"1h"'), ("cache_write_12h", b'"12h"')) if mark not in body}
    return frozenset(found)
