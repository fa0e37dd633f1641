"""The conversation: Chat's messages into turns and back, and the one place where calls and their results are matched."""

import re
from collections import deque
from dataclasses import replace

from polyglot_cloud.dialects.openai_chat import fields, parts, reasoning
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import (
    Audio,
    Block,
    File,
    Image,
    Inline,
    Loss,
    Message,
    Opaque,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from polyglot_cloud.pseudonym import pseudonym
from polyglot_cloud.rows import Quirks

_LONGEST_ID = 64
"""Characters of a call's id, and of a tool's name."""
_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")
_SPEAKERS = ("user", "assistant", "system", "developer")
_ROLES = ("developer", "system", "user", "assistant", "tool", "function")


def read_messages(body: Object) -> tuple[list[Message], list[Message]]:
    """The leading run of system and developer messages, and the turns after it.

    Raises BadRequest for wrong shapes, a result without its call, and a call without its result, so that no provider can refuse
    them in words of its own.
    """
    thread = _Thread()
    messages = fields.messages(body)
    for index, message in enumerate(messages):
        thread.read(message, index)
    thread.settle()
    return thread.system, thread.turns


class _Thread:
    """The conversation so far, and the calls that still wait for their results."""

    def __init__(self) -> None:
        self.system: list[Message] = []
        self.turns: list[Message] = []
        self._run: list[Block] | None = None  # of tool results, while it lasts
        self._waiting: dict[str, str] = {}  # call id -> tool name
        self._named: dict[str, deque[str]] = {}  # tool name -> ids of its calls, in their order
        self._caller = 0  # index of the message that called

    def read(self, message: Object, index: int) -> None:
        if _is_bare(message):
            self._read_bare(message["role"], message["content"], index)
            return
        at = f"messages[{index}]."
        role = fields.word(message, "role", _ROLES, at)
        match role:
            case None:
                raise fields.missing(f"{at}role")
            case "tool" | "function":
                self._answer(_read_result(message, at, self._pending_id(message, at)), index)
            case "assistant":
                self._speak(_read_assistant(message, at, index), "assistant", message, index)
                self._caller = index
            case "user":
                self._speak(parts.read_content(message, at, parts.USER), "user", message, index)
            case _:
                leader: Role = "developer" if role == "developer" else "system"
                self._speak(parts.read_content(message, at, parts.TEXT_ONLY), leader, message, index)

    def _read_bare(self, role: Role, content: str, index: int) -> None:
        self.settle()
        if role == "assistant":
            self._caller = index
        blocks: list[Block] = [Text(content)] if content or role != "assistant" else []
        self._add(Message(role, blocks, None, f"/messages/{index}"))

    def _speak(self, blocks: list[Block], role: Role, message: Object, index: int) -> None:
        self.settle()
        at = f"messages[{index}]."
        mark = parts.read_mark(message, at)
        if mark and blocks:
            blocks[-1].mark = mark
        self._add(Message(role, blocks, fields.string(message, "name", at), f"/messages/{index}"))
        if role == "assistant":
            self._waiting = {block.id: block.name for block in blocks if isinstance(block, ToolCall)}
            for id_, name in self._waiting.items():
                self._named.setdefault(name, deque()).append(id_)

    def _add(self, turn: Message) -> None:
        """A turn that answers no call: nothing waits any more."""
        self._run, self._named = None, {}
        leading = not self.turns and turn.role in {"system", "developer"}
        (self.system if leading else self.turns).append(turn)

    def _answer(self, result: ToolResult, index: int) -> None:
        del self._waiting[result.call_id]
        if self._run is None:
            self._run = []
            self.turns.append(Message("user", self._run, pointer=f"/messages/{index}"))
        self._run.append(result)

    def _pending_id(self, message: Object, at: str) -> str:
        """The call that this result answers; a deprecated function message has only the name."""
        if message["role"] == "function":
            name, param = fields.needed_string(message, "name", at), f"{at}name"
            id_ = self._first_waiting(name)
        else:
            id_, param = fields.needed_string(message, "tool_call_id", at), f"{at}tool_call_id"
        if id_ is None or id_ not in self._waiting:
            raise BadRequest(
                f"Invalid '{param}': a message with role '{message['role']}' must answer a tool call of the assistant message "
                "before it, each call once.",
                param=param,
            )
        return id_

    def _first_waiting(self, name: str) -> str | None:
        """The first call of this tool that has no result yet; answered ones are forgotten on the way, so the whole stays linear."""
        calls = self._named.get(name, deque())
        while calls and calls[0] not in self._waiting:
            calls.popleft()
        return calls[0] if calls else None

    def settle(self) -> None:
        """Every call of the last assistant turn must have its result by now."""
        if self._waiting:
            param = f"messages[{self._caller}].tool_calls"
            raise BadRequest(
                "An assistant message with tool calls must be followed by a tool message for each of them. "
                f"No result was given for: {', '.join(self._waiting)}.",
                param=param,
            )


def _is_bare(message: Object) -> bool:
    """A role and a text and nothing else: what most messages are."""
    return len(message) == 2 and type(message.get("content")) is str and message.get("role") in _SPEAKERS


def _read_result(message: Object, at: str, id_: str) -> ToolResult:
    legacy = message["role"] == "function" and "content" in message and message["content"] is None
    blocks: list[Block] = [] if legacy else parts.read_content(message, at, parts.RESULT)
    return ToolResult(id_, blocks, mark=parts.read_mark(message, at))


# --- assistant turns ---


def _read_assistant(message: Object, at: str, index: int) -> list[Block]:
    if fields.mapping(message, "audio", at):
        raise Unsupported(
            "Audio of an earlier answer is kept at OpenAI and cannot be handed to another provider or endpoint.",
            param=f"{at}audio",
        )
    texts: list[Block] = []
    if message.get("content") is not None:
        texts = [block for block in parts.read_content(message, at, parts.ASSISTANT) if _says_something(block)]
    refusal = fields.string(message, "refusal", at)
    if refusal:
        texts.append(Refusal(refusal))
    calls = [
        _read_call(call, f"{at}tool_calls[{i}].") for i, call in enumerate(fields.objects(message, "tool_calls", at))
    ]
    legacy = fields.mapping(message, "function_call", at)
    if legacy is not None and not calls:
        calls = [_read_legacy_call(legacy, f"{at}function_call.", index)]
    if len({call.id for call in calls}) < len(calls):
        raise BadRequest(f"Invalid '{at}tool_calls': two calls have the same id.", param=f"{at}tool_calls")
    thinking = message.get("reasoning_content")
    return reasoning.restore(
        message.get("reasoning_details"), thinking if isinstance(thinking, str) else "", texts, calls
    )


def _says_something(block: Block) -> bool:
    return isinstance(block, Text | Refusal) and bool(block.text)


def _read_call(call: Object, at: str) -> ToolCall:
    kind = fields.word(call, "type", ("function", "custom"), at) or "function"
    holder = fields.needed_mapping(call, kind, at)
    content = fields.string(holder, "input" if kind == "custom" else "arguments", f"{at}{kind}.") or ""
    return ToolCall(
        fields.needed_string(call, "id", at),
        fields.needed_string(holder, "name", f"{at}{kind}."),
        content,
        "custom" if kind == "custom" else "function",
        mark=parts.read_mark(call, at),
    )


def _read_legacy_call(call: Object, at: str, index: int) -> ToolCall:
    """A deprecated call has no id; its place in the conversation makes one that stays the same from request to request."""
    name = fields.needed_string(call, "name", at)
    return ToolCall(f"call_function_{index}", name, fields.string(call, "arguments", at) or "")


# --- writing ---


def write_messages(system: list[Message], turns: list[Message], quirks: Quirks, losses: list[Loss]) -> list[Object]:
    """Raises Unsupported for blocks that have no place in Chat."""
    if turns and turns[-1].role == "assistant" and not quirks.prefill:
        raise Unsupported("This model does not continue a last assistant message.", param="messages")
    _check_images(turns, quirks)
    written: list[Object] = []
    conversation = [*system, *turns]
    for turn in conversation:
        if turn.role == "assistant":
            written.append(_write_assistant(turn, quirks, losses))
        elif turn.role == "user":
            written += _write_user(turn, losses)
        else:
            # a host without the role (xAI's Chat) names it among what it refuses; system means the same there
            role = "system" if "developer" in quirks.refused else turn.role
            written.append(_named({"role": role, "content": parts.write_content(turn.blocks)}, turn))
    if any(_is_marked(block) for turn in conversation for block in turn.blocks):
        losses.append(Loss("/messages", "dropped", "caching is automatic in this format; breakpoints cannot be named"))
    return written


def _is_marked(block: Block) -> bool:
    return block.mark is not None or (type(block) is ToolResult and any(each.mark for each in block.blocks))


def _check_images(turns: list[Message], quirks: Quirks) -> None:
    for turn in turns:
        for block in turn.blocks:
            for each in block.blocks if isinstance(block, ToolResult) else [block]:
                source = each.source if isinstance(each, Image) else None
                if isinstance(source, Inline) and source.media_type not in (quirks.image_types or (source.media_type,)):
                    taken = ", ".join(quirks.image_types)
                    message = f"This model takes images of the types {taken}, not {source.media_type}."
                    raise Unsupported(message, param="messages")


def _named(message: Object, turn: Message) -> Object:
    return {**message, "name": turn.name} if turn.name is not None else message


def _write_user(turn: Message, losses: list[Loss]) -> list[Object]:
    results = [block for block in turn.blocks if isinstance(block, ToolResult)]
    rest: list[Block] = [block for block in turn.blocks if not isinstance(block, ToolResult)]
    attachments = _attachments(results, losses)
    written: list[Object] = [_write_result(result, losses) for result in results]
    if attachments:
        written.append({"role": "user", "content": parts.write_content(attachments)})
    if rest or not results:
        written.append(_named({"role": "user", "content": parts.write_content(rest)}, turn))
    return written


def _write_result(result: ToolResult, losses: list[Loss]) -> Object:
    if result.is_error:
        losses.append(Loss("/messages", "dropped", "a tool's result cannot be marked as an error in this format"))
    texts: list[Block] = [block for block in result.blocks if isinstance(block, Text)]
    return {
        "role": "tool",
        "tool_call_id": _call_id(result.call_id),
        "content": parts.write_content(texts) if texts else "",
    }


def _attachments(results: list[ToolResult], losses: list[Loss]) -> list[Block]:
    """Images and files of tool results: Chat takes text there, so they follow in a user message that says whose they are."""
    found: list[Block] = []
    for result in results:
        media = [block for block in result.blocks if isinstance(block, Image | File | Audio | Opaque)]
        if media:
            found += [Text(f"Attached to the result of tool call {result.call_id}:"), *media]
    if found:
        losses.append(Loss("/messages", "emulated", "images and files of tool results follow in a user message"))
    return found


def _write_assistant(turn: Message, quirks: Quirks, losses: list[Loss]) -> Object:
    texts = [block for block in turn.blocks if isinstance(block, Text | Refusal)]
    calls = [block for block in turn.blocks if isinstance(block, ToolCall)]
    _tell_losses(turn, losses)
    if "refusal" in quirks.refused and any(isinstance(block, Refusal) for block in texts):
        texts = [Text(block.text) for block in texts]
        losses.append(
            Loss(turn.pointer, "approximated", "this host has no refusals in a message: it went as plain text")
        )
    if "custom" in quirks.refused and any(call.kind == "custom" for call in calls):
        raise Unsupported("This host has no custom tools: a call of one cannot stand in the history.", param="messages")
    message: Object = {"role": "assistant", **_write_texts(texts, alone=not calls)}
    if calls:
        message["tool_calls"] = [_past_call(call) for call in calls]
        if any(_UNFIT.search(call.name) or not 1 <= len(call.name) <= _LONGEST_ID for call in calls):
            losses.append(
                Loss(turn.pointer, "approximated", "the name of a tool that was called does not fit: made to fit")
            )
    return _named(message, turn)


def _write_texts(texts: list[Text | Refusal], *, alone: bool) -> Object:
    """One refusal stands in its own member, as the API answers it; several texts become parts."""
    if not texts:
        return {"content": "" if alone else None}
    if [type(block) for block in texts] == [Refusal]:
        return {"content": None, "refusal": texts[0].text}
    return {"content": parts.write_content(texts)}


def _tell_losses(turn: Message, losses: list[Loss]) -> None:
    kinds = [type(block) for block in turn.blocks]
    strange = next((kind for kind in kinds if kind not in {Text, Refusal, Thinking, ToolCall, Opaque}), None)
    if strange:
        raise Unsupported(
            f"A {strange.__name__} block has no place in an assistant message of Chat Completions.", param="messages"
        )
    if Thinking in kinds or Opaque in kinds or any(block.state for block in turn.blocks):
        losses.append(Loss(turn.pointer, "dropped", "earlier reasoning cannot be handed back in this format"))
    if ToolCall in kinds and Text in kinds[kinds.index(ToolCall) :]:
        losses.append(Loss(turn.pointer, "approximated", "text that stood after a tool call stands before it"))


def _call_id(identity: str) -> str:
    """Another vendor's id may be too long or missing (trap 14): made anew, alike in the call and in its result."""
    return identity if 1 <= len(identity) <= _LONGEST_ID else f"call_{pseudonym(identity, 24)}"


def _past_call(call: ToolCall) -> Object:
    """A call of the history. Models invent names, and a client can only repeat them: what OpenAI does not take is made to fit."""
    written = write_call(replace(call, name=_UNFIT.sub("_", call.name)[:_LONGEST_ID] or "_"))
    return {**written, "id": _call_id(call.id)}


def write_call(call: ToolCall) -> Object:
    """A tool call as Chat spells it; no arguments at all are the empty object."""
    if call.kind == "custom":
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
