"""Reasoning state that a vendor binds to the conversation before it: sent back only where that conversation is still the same.

Anthropic refuses a thinking block of Claude 5.5 whose history was edited ("Invalid signature"), so such a block stays behind, told
as a loss (facts 2.4 and trap 23, 2026-11-22). State goes out with a digest of what came before its turn, and comes back with it.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from hashlib import blake2b
from typing import Any

from polyglot_cloud.neutral import Block, Inline, Message, Request

_SIZE = 12
_PASSING = frozenset({"mark", "pointer"})
"""What may differ between two readings of one history: clients move their cache marks on."""


Print = Callable[[str], str | None]
"""A text -> the fingerprint of the longer one that it stands for, None where it stands for itself."""

LONG = 1_024
"""Characters from which on a text is told by its fingerprint: a large body's are known without the texts."""


def fingerprint(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def itself(text: str) -> str | None:
    """Of a text that stands for no longer one."""
    return None


def digest(request: Request, printed: Print = itself) -> str:
    """Of the whole conversation so far: what the answer to this request stands on."""
    running = blake2b(digest_size=_SIZE)
    for message in [*request.system, *request.messages]:
        running.update(_told(message, printed))
    return running.hexdigest()


def unbound(request: Request, printed: Print = itself) -> Request:
    """The request less the state whose history was edited. What was signed without a digest passes."""
    if not any(block.state and block.state.prefix for message in request.messages for block in message.blocks):
        return request
    running = blake2b(digest_size=_SIZE)
    for message in request.system:
        running.update(_told(message, printed))
    messages = []
    for message in request.messages:
        messages.append(_freed(message, running.hexdigest()) if message.role == "assistant" else message)
        running.update(_told(message, printed))
    return replace(request, messages=messages)


def _freed(message: Message, prefix: str) -> Message:
    if not any(_is_foreign(block, prefix) for block in message.blocks):
        return message
    blocks = [replace(block, state=None) if _is_foreign(block, prefix) else block for block in message.blocks]
    return replace(message, blocks=blocks)


def _is_foreign(block: Block, prefix: str) -> bool:
    return block.state is not None and block.state.prefix not in {"", prefix}


def _told(message: Message, printed: Print) -> bytes:
    words = [_words(block, printed) for block in message.blocks]
    return repr((message.role, message.name, words)).encode("utf-8", "surrogatepass")


def _words(block: Block, printed: Print) -> tuple[Any, ...]:
    """The block's members, in the order of its class; blocks within a tool's result alike."""
    values = ((each.name, getattr(block, each.name)) for each in fields(block) if each.name not in _PASSING)
    return type(block).__name__, *(
        [_words(inner, printed) for inner in value] if name == "blocks" else _word(value, printed)
        for name, value in values
    )


def _word(value: Any, printed: Print) -> Any:
    if isinstance(value, Inline):
        return "Inline", value.media_type, _word(value.data, printed)
    if not isinstance(value, str):
        return value
    known = printed(value)
    if known is None and len(value) >= LONG:
        known = fingerprint(value)
    return value if known is None else ("long", known)
