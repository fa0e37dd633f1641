"""The conversation as input items: messages, calls and their results, and the reasoning that goes back with them."""

from typing import assert_never

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.openai_responses.identities import call_id, identified
from polyglot_cloud.dialects.openai_responses.marks import Breakpoints
from polyglot_cloud.dialects.openai_responses.response import NAME
from polyglot_cloud.dialects.openai_responses.tools import past_name
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.media_types import head, sniff
from polyglot_cloud.neutral import (
    Audio,
    Block,
    File,
    FileId,
    Image,
    Inline,
    Loss,
    Message,
    Opaque,
    Refusal,
    Request,
    Source,
    State,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Url,
)
from polyglot_cloud.rows import Destination

_NEUTRAL = frozenset({
    "message", "function_call", "function_call_output", "custom_tool_call_output", "reasoning", "item_reference",
})  # fmt: skip
"""Kinds with a block of the neutral form: as opaque ones they would slip past its checks."""
_FILE_NAMES = {"application/pdf": "document.pdf", "text/plain": "document.txt"}


def write_items(request: Request, destination: Destination, losses: list[Loss]) -> list[Body]:
    """The `input`. System and developer messages stay items in their place, so that order and number survive."""
    if request.messages and request.messages[-1].role == "user" and not request.messages[-1].blocks:
        raise BadRequest("The last user message is empty: there is nothing to answer.", param="messages")
    messages = identified([*request.system, *request.messages])
    custom: set[str] = set()  # ids of the custom calls among the latest: clients may use an id again
    items, breakpoints = [], Breakpoints(destination.quirks)
    for message in messages:
        items += _Turn(message, destination, custom, breakpoints, losses).write()
    breakpoints.settle(losses)
    if not items:
        raise BadRequest("No message says anything: there is nothing to answer.", param="messages")
    return _anchored(items, losses)


def _anchored(items: list[Body], losses: list[Loss]) -> list[Body]:
    """Without reasoning that nothing of the assistant follows: the vendor refuses it ("without its required following item")."""
    if not any(item.get("type") == "reasoning" for item in items):
        return items
    kept: list[Body] = []
    for item in reversed(items):
        if item.get("type") == "reasoning" and not (kept and _is_output(kept[-1])):
            losses.append(
                Loss("/messages", "dropped", "the text or call that this reasoning led to is not in the history")
            )
        else:
            kept.append(item)
    return kept[::-1]


def _is_output(item: Body) -> bool:
    return item.get("role", "assistant") == "assistant" and not str(item.get("type", "")).endswith("_output")


class _Turn:
    """One message. Neighbouring parts share an item; a call, a result or reasoning stands between them as one of its own."""

    def __init__(
        self,
        message: Message,
        destination: Destination,
        custom: set[str],
        breakpoints: Breakpoints,
        losses: list[Loss],
    ) -> None:
        self._message = message
        self._destination = destination
        self._custom = custom
        self._breakpoints = breakpoints
        self._losses = losses
        self._items: list[Body] = []
        self._parts: list[Body] = []

    def write(self) -> list[Body]:
        if self._message.name:
            self._lose("participants have no names in this format")
        for block in self._message.blocks:
            if block.mark is not None and (unmarked := self._breakpoints.refusal(block, self._message.role)):
                self._lose(unmarked)
            if block.state is not None and not isinstance(block, Thinking | Opaque):
                self._reasoning(block.state)
            self._block(block)
        self._flush()
        return self._items

    def _lose(self, reason: str) -> None:
        self._losses.append(Loss(self._message.pointer, "dropped", reason))

    def _flush(self) -> None:
        if self._parts:
            self._items.append(message_item(self._message.role, self._parts))
            self._parts = []

    def _item(self, item: Body) -> None:
        self._flush()
        self._items.append(item)

    def _block(self, block: Block) -> None:
        match block:
            case Text() | Refusal() | Image() | File() | Audio():
                self._part(block)
            case Thinking(state=state):
                self._reasoning(state)
            case ToolCall():
                if block.kind == "custom" and "custom" in self._destination.quirks.refused:
                    raise _refusal(
                        f"{self._destination.model} has no custom tools: no call of one can stand in the history."
                    )
                if past_name(block.name) != block.name:
                    reason = "the name of a tool that was called is not one that this format takes: it is made to fit"
                    self._losses.append(Loss(self._message.pointer, "approximated", reason))
                (self._custom.add if block.kind == "custom" else self._custom.discard)(block.id)
                self._item(_call(block))
            case ToolResult():
                if block.is_error:
                    self._lose("a result cannot be marked as an error here; its text says what happened")
                for each in block.blocks:
                    if each.mark is not None and (unmarked := self._breakpoints.refusal(each, "user")):
                        self._lose(unmarked)
                self._item(self._result(block))
            case Opaque():
                self._opaque(block)
            case _:
                assert_never(block)

    def _part(self, block: Text | Refusal | Image | File | Audio) -> None:
        """Clients send "" beside calls all the time; an assistant that said nothing gets no part."""
        if self._message.role != "assistant":
            self._parts.append(self._marked(block))
        elif isinstance(block, Refusal):
            self._parts.append({"type": "refusal", "refusal": block.text})
        elif not isinstance(block, Text):
            raise _refusal(f"An assistant message cannot hold {_named(block)} for {self._destination.model}.")
        elif block.text:
            self._parts.append({"type": "output_text", "text": block.text, "annotations": []})

    def _input(self, block: Block) -> Body:
        match block:
            case Text(text) | Refusal(text):
                return {"type": "input_text", "text": text}
            case Image(given, detail):
                source = _labelled(given)
                self._check_type(source)
                return {"type": "input_image", "detail": detail or "auto", **_source(source, "image_url", "image_url")}
            case File(given, name):
                source = _labelled(given)
                named = {"filename": name or _file_name(source)} if isinstance(source, Inline) else {}
                if name and not named:
                    self._lose("a file that is given by its id or URL keeps the name it has there")
                return {"type": "input_file", **named, **_source(source, "file_url", "file_data")}
            case _:
                raise _refusal(f"{self._destination.model} takes no {_named(block)} in a message or tool result.")

    def _check_type(self, source: Source) -> None:
        known = self._destination.quirks.image_types
        if known and isinstance(source, Inline) and source.media_type not in known:
            raise _refusal(
                f"{self._destination.model} takes images of the types {', '.join(known)}, not {source.media_type}."
            )

    def _result(self, block: ToolResult) -> Body:
        """A single text is a string, as clients write it; several blocks stay apart."""
        kind = "custom_tool_call_output" if block.call_id in self._custom else "function_call_output"
        parts = [self._marked(each) for each in block.blocks]
        if parts:
            parts[-1] = self._breakpoints.marked(parts[-1], block.mark)
        only = block.blocks[0] if len(block.blocks) == 1 and parts[0].keys() == {"type", "text"} else None
        output = only.text if isinstance(only, Text) else parts
        return {"type": kind, "call_id": call_id(block.call_id), "output": output or ""}

    def _marked(self, block: Block) -> Body:
        return self._breakpoints.marked(self._input(block), block.mark)

    def _reasoning(self, state: State | None) -> None:
        """State goes to the provider and model that made it, whole or not at all. Without `encrypted_content` it names a stored item."""
        raw = state.raw if state and self._is_home_of(state) else {}
        if _is_reasoning(raw):
            self._item(raw)
        else:
            self._lose("reasoning without state of this provider and model is not sent back")

    def _is_home_of(self, state: State) -> bool:
        return (state.provider, state.model) == (self._destination.provider, self._destination.model)

    def _opaque(self, block: Opaque) -> None:
        """Only what this provider and model did themselves goes back; a client could name any item as ours."""
        own = block.dialect == NAME and block.state is not None and self._is_home_of(block.state)
        if own and isinstance(kind := block.raw.get("type"), str) and kind not in _NEUTRAL:
            self._item(block.raw)
        elif self._message.role == "assistant":
            self._lose("what another provider or model did by itself is not sent on")
        else:
            raise _refusal(f"A content part that only {block.dialect} has cannot be sent to {self._destination.model}.")


def _is_reasoning(raw: Body) -> bool:
    """Whether it is an item as the vendor made it; a client may have changed what it was given."""
    match raw:
        case {"type": "reasoning", "id": str(), "summary": list() as summary, "encrypted_content": str() as seal}:
            return bool(seal) and all(isinstance(each, dict) for each in summary)
        case _:
            return False


def message_item(role: str, parts: list[Body]) -> Body:
    """An item of text and media. xAI tells an assistant's message from input by its `type` (its OpenAPI document, 2026-11-22)."""
    kind = {"type": "message"} if role == "assistant" else {}
    return {**kind, "role": role, "content": parts}


def _call(call: ToolCall) -> Body:
    """Without `id`: it would name an item that is not stored."""
    head = {"call_id": call_id(call.id), "name": past_name(call.name)}
    if call.kind == "custom":
        return {"type": "custom_tool_call", **head, "input": call.arguments}
    return {"type": "function_call", **head, "arguments": call.arguments or "{}"}


def _labelled(source: Source) -> Source:
    """With the media type that the bytes have, where they tell; else with the client's word."""
    if not isinstance(source, Inline):
        return source
    try:
        seen = sniff(head(source.data))
    except ValueError:  # no base64: the vendor says so
        seen = None
    return Inline(seen or source.media_type, source.data)


def _source(source: Source, url_name: str, data_name: str) -> Body:
    match source:
        case Url(url):
            return {url_name: url}
        case Inline(media_type, data):
            return {data_name: f"data:{media_type};base64,{data}"}
        case FileId(identity) if "/" in identity:
            raise _refusal(
                f"The file {identity!r} is kept by another provider. Upload it where it is asked for, or send its data."
            )
        case FileId(identity):
            return {"file_id": identity}
        case _:
            assert_never(source)


def _file_name(source: Inline) -> str:
    """Inline files must be named; the ending is what the vendor goes by."""
    return _FILE_NAMES.get(source.media_type, "document")


def _named(block: Block) -> str:
    return {"Image": "an image", "File": "a file", "Audio": "audio"}.get(type(block).__name__, type(block).__name__)


def _refusal(message: str) -> Unsupported:
    return Unsupported(message, param="messages")
