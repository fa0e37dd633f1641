"""A conversation as Anthropic's server sees it: contents as blocks, neighbours of one role merged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Block = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Placed:
    """A block and where it stood in the request, as errors name it."""

    block: Block
    message: int
    index: int

    @property
    def where(self) -> str:
        return f"messages.{self.message}.content.{self.index}"

    @property
    def kind(self) -> str:
        return str(self.block["type"])


@dataclass(frozen=True, slots=True)
class Turn:
    role: str
    blocks: tuple[Placed, ...]

    def of(self, kind: str) -> list[Placed]:
        return [placed for placed in self.blocks if placed.kind == kind]


def turns(messages: list[Mapping[str, Any]]) -> list[Turn]:
    merged: list[Turn] = []
    for number, message in enumerate(messages):
        blocks = tuple(Placed(block, number, index) for index, block in enumerate(as_blocks(message["content"])))
        if merged and merged[-1].role == message["role"]:
            merged[-1] = Turn(message["role"], merged[-1].blocks + blocks)
        else:
            merged.append(Turn(message["role"], blocks))
    return merged


def as_blocks(content: Any) -> list[Block]:
    """A string is one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def unmarked(value: Any) -> Any:
    """Without cache marks, which change nothing in what is said."""
    if isinstance(value, Mapping):
        return {name: unmarked(item) for name, item in value.items() if name != "cache_control"}
    return [unmarked(item) for item in value] if isinstance(value, list) else value


def texts(content: Any) -> str:
    return "\n".join(block["text"] for block in as_blocks(content) if block["type"] == "text")


def everything(messages: list[Mapping[str, Any]]) -> Iterator[Placed]:
    for turn in turns(messages):
        yield from turn.blocks
