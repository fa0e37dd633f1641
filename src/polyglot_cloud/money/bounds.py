"""The most that an attempt can cost, known before it is sent.

    text     one token a UTF-8 byte of the body, and what a vendor's template adds. No tokenizer of the four makes more of it
    media    an image, a file or a clip may have more tokens than bytes: then the model's whole input counts
    output   the maximum that was asked for, else the model's; for each choice
    tier     the dearest that the price row has, where the call names one; else the standard one

What no bound is known for is told as None: under a budget such a call is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyglot_cloud.money.amounts import Nano
from polyglot_cloud.money.cost import bound_of
from polyglot_cloud.money.tariff import TIERS
from polyglot_cloud.rows import Model, Price

TEMPLATE = 2_048
"""Tokens that a vendor may add of its own: the frame of messages, the words around tools and schemas."""
LEAST_OUTPUT = 16
"""A smaller maximum may be raised to it on the way: OpenAI's Responses take none below."""
_TIER_NAMES = ("service_tier", "serviceTier", "speed")


_UNSEEN = (
    b'"image', b'"document"', b'"file', b'"video', b'"audio', b"input_image", b"input_file", b"input_audio", b"inlineData", b"inline_data",
    b"fileData", b"file_data", b"previous_response_id", b'"conversation"', b'"prompt"', b"cachedContent", b"cached_content", b'"container"',
)  # fmt: skip
"""Members of the vendors' own formats behind which stands more than the bytes that are sent: media, and what the vendor has kept."""


def is_all_text(body: bytes) -> bool:
    """Whether nothing in the body can have more tokens than bytes. A text that names such a member is taken for one."""
    return not any(mark in body for mark in _UNSEEN)


@dataclass(frozen=True, slots=True)
class Bound:
    """`input` and `output` in tokens, `nano` what they cost at most. `tiers` are those that may answer."""

    input: int
    output: int
    nano: Nano
    price: Price
    tiers: tuple[str, ...] = ()

    def with_output(self, tokens: int) -> Nano:
        """The most that the attempt cost if it wrote no more than so many tokens."""
        return bound_of(self.input, min(tokens, self.output), self.price, tiers=self.tiers)


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
    # what is no maximum (a 0 or -1 means "none" to some servers) bounds nothing
    written = max(max_tokens, LEAST_OUTPUT) if max_tokens is not None and max_tokens > 0 else row.max_output
    if read is None or written is None:
        return None
    read = read if longest is None else min(read, longest)
    tiers = tuple(TIERS) if any(value.get(name) for name in _TIER_NAMES) else ()
    written *= max(1, choices)
    return Bound(read, written, bound_of(read, written, price, tiers=tiers), price, tiers)
