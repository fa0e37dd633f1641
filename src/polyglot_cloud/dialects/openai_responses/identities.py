"""Ids of calls: what ties a result to its call. The vendor takes 1 to 64 characters."""

from dataclasses import replace

from polyglot_cloud.neutral import Block, Message, ToolCall, ToolResult
from polyglot_cloud.pseudonym import pseudonym

_LONGEST = 64


def call_id(identity: str) -> str:
    """Another vendor's id may be too long: shortened alike in the call and in its result."""
    return identity if len(identity) <= _LONGEST else _made(identity)


def identified(messages: list[Message]) -> list[Message]:
    """The same messages, with ids for calls that have none: always the same for the same history.

    Results without an id belong to those calls, in their order.
    """
    nameless = [block for message in messages for block in message.blocks if _is_nameless(block)]
    if not nameless:
        return messages
    calls = [block.name for block in nameless if isinstance(block, ToolCall)]
    ids = _Ids([_made(f"{at}/{name}") for at, name in enumerate(calls)])
    return [replace(message, blocks=[ids.given(block) for block in message.blocks]) for message in messages]


class _Ids:
    """Hands the made-up ids to calls and to results, each in their order."""

    def __init__(self, ids: list[str]) -> None:
        self._calls = iter(ids)
        self._results = iter(ids)

    def given(self, block: Block) -> Block:
        if isinstance(block, ToolCall) and not block.id:
            return replace(block, id=next(self._calls))
        if isinstance(block, ToolResult) and not block.call_id:
            return replace(
                block, call_id=next(self._results, _made(""))
            )  # one too many: the vendor refuses it by this id
        return block


def _is_nameless(block: Block) -> bool:
    return (isinstance(block, ToolCall) and not block.id) or (isinstance(block, ToolResult) and not block.call_id)


def _made(seed: str) -> str:
    return f"call_{pseudonym(seed, 24)}"
