"""Blocks that one vendor alone understands: Anthropic's own go back as they are, another's stay behind."""

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic import cache
from polyglot_cloud.dialects.anthropic.draft import Draft
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Opaque, State

NAME = "anthropic"
_NEUTRAL = frozenset({
    "text", "image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result",
})  # fmt: skip
"""Kinds with a block of the neutral form: as opaque ones they would slip past its checks."""
_USER = frozenset({"container_upload", "search_result"})


def is_home_of(draft: Draft, state: State | None) -> bool:
    """Whether this destination made the state: the model is part of it (trap 23)."""
    made = (state.provider, state.model) if state else None
    return made == (draft.destination.provider, draft.destination.model)


def assistant_block(draft: Draft, block: Opaque, at: int) -> Body | None:
    """What the model did by itself (server tools, compaction). Raises BadRequest for what is no such block."""
    if block.dialect == NAME:
        _check(block, at, fits=_kind(block) not in _NEUTRAL | {"search_result"})
    if block.dialect == NAME and is_home_of(draft, block.state):
        return _own(block)
    _stays_behind(draft)
    return None


def user_block(draft: Draft, block: Opaque, at: int) -> Body | None:
    """A part of the client's own. Raises Unsupported for another vendor's, BadRequest for what is no block of a user."""
    if block.dialect != NAME:
        message = f"messages[{at}] holds a part that only another provider understands. Leave it out, or stay with that provider."
        raise Unsupported(message, param="messages")
    _check(block, at, fits=_kind(block) in _USER)
    if block.state is None or is_home_of(draft, block.state):
        return _own(block)
    _stays_behind(draft)
    return None


def _own(block: Opaque) -> Body:
    return cache.marked(dict(block.raw), block.mark)


def _stays_behind(draft: Draft) -> None:
    draft.lose("/messages", "dropped", "what another provider or model did by itself is not sent on")


def _kind(block: Opaque) -> str:
    kind = block.raw.get("type")
    return kind if isinstance(kind, str) else ""


def _check(block: Opaque, at: int, *, fits: bool) -> None:
    if not fits or not _kind(block):
        message = f"messages[{at}] holds a block that Anthropic does not take there. Hand reasoning_details back as they were given."
        raise BadRequest(message, param="messages")
