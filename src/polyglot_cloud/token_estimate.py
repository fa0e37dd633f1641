"""How many tokens something may have been, where no provider said it. Our own rule of thumb, never a bill that a vendor named.

Four UTF-8 bytes a token: English prose has about that in the vendors' own tokenizers; code and other scripts have fewer bytes a token.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from polyglot_cloud.neutral import (
    ArgumentsDelta,
    Block,
    Event,
    Message,
    RefusalDelta,
    Request,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolResult,
    Usage,
)

BYTES_A_TOKEN = 4
MEDIA = 1_000
"""Tokens of an image, a page or a clip: the order of magnitude of what the vendors charge for one."""
TURN = 4
"""Tokens that a message's frame takes."""


def of_text(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_A_TOKEN)


_LONG = 256
_BASE64 = re.compile(r"(?:data:[^,]*,)?[A-Za-z0-9+/=_-]{200}")
_PLACES = frozenset({"image_url", "file_id", "fileUri", "file_uri", "file_url"})
"""Members of the vendors' formats that name media which lies elsewhere."""


def of_body(value: Any) -> int:
    """Of a request in any vendor's own JSON: its words and the names of its members; media as such, however many bytes they are."""
    words = media = 0
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict() as holder:
                words += sum(len(name) for name in holder)
                media += sum(name in _PLACES for name in holder)
                waiting += [each for name, each in holder.items() if name not in _PLACES]
            case list() as items:
                waiting += items
            case str() as text if len(text) >= _LONG and _BASE64.match(text):
                media += 1
            case str() as text:
                words += len(text.encode("utf-8", "surrogatepass"))
    return -(-words // BYTES_A_TOKEN) + media * MEDIA


def of_request(request: Request) -> int:
    turns = sum(of_message(message) for message in [*request.system, *request.messages])
    tools = sum(of_text(f"{tool.name}{tool.description}{tool.parameters}") for tool in request.tools)
    return turns + tools


def of_message(message: Message) -> int:
    return TURN + sum(of_block(block) for block in message.blocks)


def of_block(block: Block) -> int:
    match block:
        case ToolCall(_, name, arguments):
            return of_text(name) + of_text(arguments)
        case ToolResult(_, blocks):
            return TURN + sum(of_block(inner) for inner in blocks)
        case Thinking(text):
            return of_text(text)
        case _:
            said = getattr(block, "text", None)
            return of_text(said) if isinstance(said, str) else MEDIA


@dataclass(slots=True)
class Spent:
    """Counts what an answer has shown, for a stream that is left before its provider tells the usage."""

    input: int
    shown: int = field(default=0)  # UTF-8 bytes
    thought: int = field(default=0)

    def see(self, event: Event) -> None:
        match event:
            case TextDelta(_, text) | RefusalDelta(_, text) | ArgumentsDelta(_, text):
                self.shown += len(text.encode("utf-8", "surrogatepass"))
            case ThinkingDelta(_, text):
                self.thought += len(text.encode("utf-8", "surrogatepass"))
            case _:
                pass

    def usage(self, told: Usage | None) -> Usage:
        """What the provider told so far where it is more than what we counted, else our count."""
        reasoning = -(-self.thought // BYTES_A_TOKEN)
        output = reasoning + -(-self.shown // BYTES_A_TOKEN)
        if told is None:
            return Usage(input=self.input, output=output, reasoning=reasoning, estimated=True)
        if told.output >= output:
            return told
        return replace(told, output=output, reasoning=max(told.reasoning, reasoning), estimated=True)
