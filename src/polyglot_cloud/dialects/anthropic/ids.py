"""Ids of tool calls: as Anthropic takes them, each used once in a conversation, the same in a call and in its result (trap 14)."""

import re
from collections.abc import Iterable

from polyglot_cloud.dialects import Body
from polyglot_cloud.pseudonym import pseudonym

WITH_ID = ("tool_use", "tool_result")
_ID = re.compile(r"[a-zA-Z0-9_-]+")


def tool_id(id_: str) -> str:
    """The id as Anthropic takes it (^[a-zA-Z0-9_-]+$); another is replaced by its hash, so call and result stay a pair."""
    return id_ if _ID.fullmatch(id_) else _hashed(id_)


def unique(turns: Iterable[list[Body]]) -> list[list[Body]]:
    """The blocks of each turn, with a new id where an earlier call has it: clients that number their calls begin anew in each turn.

    A result belongs to the nearest earlier turn that calls its id. A new id depends on the old one and on how often that was used
    before, so the prompt so far stays the same while the conversation grows.
    """
    ids = _Ids()
    return [ids.rename(blocks) for blocks in turns]


class _Ids:
    def __init__(self) -> None:
        self._uses: dict[str, int] = {}
        self._called: dict[str, list[str]] = {}  # id -> new ids of its calls in the last turn that has some

    def rename(self, blocks: list[Body]) -> list[Body]:
        fresh: dict[str, list[str]] = {}
        answered: dict[str, int] = {}
        renamed = [self._block(block, fresh, answered) if block["type"] in WITH_ID else block for block in blocks]
        self._called |= fresh
        return renamed

    def _block(self, block: Body, fresh: dict[str, list[str]], answered: dict[str, int]) -> Body:
        if block["type"] == "tool_result":
            return {**block, "tool_use_id": self._result(block["tool_use_id"], answered)}
        new = self._use(block["id"])
        fresh.setdefault(block["id"], []).append(new)
        return {**block, "id": new}

    def _use(self, id_: str) -> str:
        before = self._uses.get(id_, 0)
        self._uses[id_] = before + 1
        return _hashed(f"{id_} {before}") if before else id_

    def _result(self, id_: str, answered: dict[str, int]) -> str:
        """Several calls of one turn that share an id are answered in their order."""
        called = self._called.get(id_, [id_])
        before = answered.get(id_, 0)
        answered[id_] = before + 1
        return called[min(before, len(called) - 1)]


def _hashed(text: str) -> str:
    return f"toolu_{pseudonym(text, 24)}"
