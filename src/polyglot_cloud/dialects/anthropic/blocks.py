"""Blocks of a message on Anthropic's wire. A block that would be blank, or may not be sent, gives None."""

import re

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic import cache, media, opaque
from polyglot_cloud.dialects.anthropic.draft import Draft
from polyglot_cloud.dialects.anthropic.ids import tool_id
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import (
    Block,
    File,
    Image,
    Message,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from polyglot_cloud.wire import InvalidJson, decode

_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 128
THINKING_TYPES = frozenset({"thinking", "redacted_thinking"})


def bare_text(message: Message) -> str | None:
    """The text of a message that is nothing else, as most are; None for any other. `write_blocks` would make the same of it."""
    if len(message.blocks) != 1 or message.name is not None:
        return None
    block = message.blocks[0]
    if type(block) is not Text or block.mark is not None or block.state is not None or block.annotations:
        return None
    return block.text


def text_alone(text: str) -> list[Body]:
    return [{"type": "text", "text": text}] if _says_something(text) else []


def _says_something(text: str) -> bool:
    """Blank text is refused. Told without a copy, which `strip` would make of a long text that ends with a line end."""
    return bool(text) and not text.isspace()


def write_blocks(draft: Draft, message: Message, at: int) -> list[Body]:
    """The blocks of one message, blank text left out. `at` is its place in the client's list.

    Raises Unsupported for what a message of this role cannot carry, BadRequest for arguments that are no JSON object.
    """
    if message.name is not None:
        draft.lose(f"/messages/{at}/name", "dropped", "Anthropic knows no names of speakers")
    if message.role == "assistant":
        return _assistant_blocks(draft, message.blocks, at)
    writer = _user_block if message.role == "user" else _system_block
    written = []
    for block in message.blocks:
        written += _kept(draft, block, writer(draft, block, at), at)
    return written


def _kept(draft: Draft, block: Block, body: Body | None, at: int) -> list[Body]:
    """What was written of the block, if anything. Tells of a cache mark that found no place."""
    if block.mark is not None and (body is None or "cache_control" not in body):
        draft.lose(f"/messages/{at}", "dropped", "a cache mark stood at a part that is left out or cannot bear one")
    return [] if body is None else [body]


def _system_block(_: Draft, block: Block, at: int) -> Body | None:
    if isinstance(block, Text):
        return _text(block.text, block)
    raise Unsupported(f"messages[{at}] is a system message; Anthropic takes only text there.", param="messages")


def _user_block(draft: Draft, block: Block, at: int) -> Body | None:
    match block:
        case Text():
            return _text(block.text, block)
        case Image():
            return cache.marked(media.image(draft, block, at), block.mark)
        case File():
            return cache.marked(media.document(block, at), block.mark)
        case ToolResult():
            return _tool_result(draft, block, at)
        case Opaque():
            return opaque.user_block(draft, block, at)
        case _:
            raise _not_here(block, at)


def _assistant_blocks(draft: Draft, blocks: list[Block], at: int) -> list[Body]:
    written: list[Body] = []
    calls = 0
    calling = any(isinstance(block, ToolCall) for block in blocks)
    if any(block.state for block in blocks if isinstance(block, Text | Refusal | ToolCall)):
        draft.lose(f"/messages/{at}", "dropped", "the reasoning state of another provider stays behind")
    for block in blocks:
        body: Body | None
        match block:
            case Text(text) if calling and text and not text.strip():
                # what the model itself said beside a call is taken back as it was (recorded traffic of 2025 shows it)
                body = cache.marked({"type": "text", "text": text}, block.mark)
            case Text() | Refusal():
                body = _said(draft, block, at)
            case Thinking():
                body = _thinking(draft, block, at)
            case ToolCall():
                body = _tool_use(draft, block, at, calls)
                calls += 1
            case Opaque():
                body = opaque.assistant_block(draft, block, at)
            case _:
                raise _not_here(block, at)
        written += _kept(draft, block, body, at)
    return written


def _text(text: str, block: Text | Refusal) -> Body | None:
    return cache.marked({"type": "text", "text": text}, block.mark) if _says_something(text) else None


def _said(draft: Draft, block: Text | Refusal, at: int) -> Body | None:
    if isinstance(block, Text) and block.annotations:
        draft.lose(f"/messages/{at}/annotations", "dropped", "Anthropic takes back no citations but its own")
    body = _text(block.text, block)
    if body is not None and isinstance(block, Refusal):
        draft.lose(f"/messages/{at}", "approximated", "Anthropic has no refusals in a message: it went as plain text")
    return body


def _thinking(draft: Draft, block: Thinking, at: int) -> Body | None:
    """The model's own thinking, verbatim; another model's is a 400 (trap 23), so it stays behind."""
    state = block.state
    if state and opaque.is_home_of(draft, state) and _is_thinking(state.raw):
        return dict(state.raw)
    draft.lose(f"/messages/{at}", "dropped", "reasoning without its state, or of another model, cannot be sent back")
    return None


def _is_thinking(raw: Body) -> bool:
    """Whether it is a block as the vendor made it; a client may have changed what it was given."""
    match raw:
        case {"type": "thinking", "thinking": str(), "signature": str() as seal}:
            return bool(seal)
        case {"type": "redacted_thinking", "data": str() as seal}:
            return bool(seal)
        case _:
            return False


def _tool_use(draft: Draft, call: ToolCall, at: int, number: int) -> Body:
    where, name = f"messages[{at}].tool_calls[{number}]", _past_name(call.name)
    if call.kind == "custom":
        message = f"{where} is a call of a custom tool; Anthropic has function tools only."
        raise Unsupported(message, param=where)
    if name != call.name:
        reason = "Anthropic does not take the name of a tool that was called: it is made to fit"
        draft.lose(f"/messages/{at}", "approximated", reason)
    block = {"type": "tool_use", "id": tool_id(call.id), "name": name, "input": _arguments(call, where)}
    return cache.marked(block, call.mark)


def _past_name(name: str) -> str:
    """Models invent names, and a client can only repeat them: what Anthropic does not take is made to fit (trap 21)."""
    return _UNFIT.sub("_", name)[:_LONGEST_NAME] or "_"


def _arguments(call: ToolCall, where: str) -> Body:
    param = f"{where}.function.arguments"
    try:
        value = decode(call.arguments) if call.arguments.strip() else {}
    except InvalidJson as error:
        raise BadRequest(f"{param} is not JSON: {error}. Anthropic takes a JSON object.", param=param) from None
    if not isinstance(value, dict):
        raise BadRequest(f"{param} must be a JSON object.", param=param)
    return value


def _tool_result(draft: Draft, result: ToolResult, at: int) -> Body:
    block: Body = {"type": "tool_result", "tool_use_id": tool_id(result.call_id)}
    content = [body for part in result.blocks for body in _kept(draft, part, _result_block(draft, part, at), at)]
    if content:
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return cache.marked(block, result.mark)


def _result_block(draft: Draft, block: Block, at: int) -> Body | None:
    if isinstance(block, Text | Image | File):
        return _user_block(draft, block, at)
    raise _not_here(block, at)


def _not_here(block: Block, at: int) -> Unsupported:
    noun = type(block).__name__.lower()
    return Unsupported(f"messages[{at}] holds a part ({noun}) that Anthropic does not take there.", param="messages")
