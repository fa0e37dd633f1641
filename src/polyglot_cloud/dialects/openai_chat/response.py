"""A whole reply: Chat's body into the neutral form, and back."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from polyglot_cloud.dialects import Written
from polyglot_cloud.dialects.openai_chat import finish, reasoning, reply
from polyglot_cloud.dialects.openai_chat.failure import fault_of, is_error, status_of
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.dialects.openai_chat.messages import write_call
from polyglot_cloud.dialects.openai_chat.usage import read_usage, write_tier, write_usage
from polyglot_cloud.errors import BrokenReply, classify
from polyglot_cloud.neutral import (
    Block,
    Choice,
    Image,
    Loss,
    Opaque,
    Refusal,
    ReplyContext,
    Response,
    Text,
    Thinking,
    ToolCall,
)


def read_response(body: Any) -> Response:
    """Raises BrokenReply where this is no reply, and a ProviderError for an error that came with status 200."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]  # some hosts wrap an error so
    if not isinstance(body, dict):
        raise BrokenReply("The provider's answer is not a JSON object.")
    if is_error(body):
        fault = fault_of(body, "The provider answered with an error that says nothing.")
        raise classify(status_of(fault), fault)
    choices = reply.objects_of(body, "choices")
    if not choices:
        raise BrokenReply("The provider's answer has no choices.")
    id_, created, fingerprint = reply.string_of(body, "id"), body.get("created"), body.get("system_fingerprint")
    return Response(
        id=id_,
        model=reply.string_of(body, "model"),
        choices=[_read_choice(choice, position, body) for position, choice in enumerate(choices)],
        usage=read_usage(body),
        created=created if isinstance(created, int) else 0,
        fingerprint=fingerprint if isinstance(fingerprint, str) else None,
    )


def _read_choice(choice: Object, position: int, body: Object) -> Choice:
    index, word = choice.get("index"), reply.string_of(choice, "finish_reason")
    blocks = _read_blocks(choice, body)
    called = any(type(block) is ToolCall for block in blocks)
    return Choice(
        blocks,
        finish.read_finish(word, called),
        detail=finish.detail_of(choice),
        index=index if isinstance(index, int) else position,
    )


def _read_blocks(choice: Object, body: Object) -> list[Block]:
    message = reply.object_of(choice, "message")
    blocks: list[Block] = []
    if thinking := reply.thinking_of(message):
        blocks.append(Thinking(thinking))
    text, logprobs = reply.content_of(message), reply.logprobs_of(choice)
    if text or logprobs:
        annotations = reply.annotations_of(message) + reply.citations_of(body)
        blocks.append(Text(text, annotations or None, logprobs))
    refusal = reply.string_of(message, "refusal") or _refusal_part(message.get("content"))
    if refusal:
        blocks.append(Refusal(refusal))
    if message.get("tool_calls") or message.get("function_call"):
        blocks += _read_calls(message, reply.string_of(body, "id"))
    return blocks


def _refusal_part(content: Any) -> str:
    if not isinstance(content, list):
        return ""
    return "".join(reply.string_of(part, "refusal") for part in content if isinstance(part, dict))


def _read_calls(message: Object, reply_id: str) -> list[Block]:
    found = reply.objects_of(message, "tool_calls")
    legacy = reply.object_of(message, "function_call")
    if legacy and not found:
        found = [{"function": legacy}]
    blocks: list[Block] = []
    for position, call in enumerate(found):
        custom, name, arguments = reply.call_pieces(call)
        id_ = reply.string_of(call, "id") or reply.call_id(reply_id, position)
        blocks.append(ToolCall(id_, name, arguments, "custom" if custom else "function"))
    return blocks


# --- writing ---


def write_response(response: Response, context: ReplyContext) -> Written:
    """Raises BrokenReply for a reply that was cut."""
    losses: list[Loss] = []
    body: Object = {
        "id": response.id or context.id,
        "object": "chat.completion",
        "created": response.created or context.created,
        "model": response.model or context.model,
        "choices": [_write_choice(choice, context, losses) for choice in response.choices],
    }
    if response.usage is not None:
        body["usage"] = write_usage(response.usage)
        if response.usage.tier is not None:
            body |= write_tier(response.usage.tier)
    if response.fingerprint is not None:
        body["system_fingerprint"] = response.fingerprint
    return Written(body, losses=losses)


def _write_choice(choice: Choice, context: ReplyContext, losses: list[Loss]) -> Object:
    if choice.finish is None:
        raise BrokenReply("The provider's answer ended without saying why: part of it is missing.")
    called = any(type(block) is ToolCall for block in choice.blocks)
    logprobs = [entry for block in choice.blocks if type(block) is Text and block.logprobs for entry in block.logprobs]
    written: Object = {
        "index": choice.index,
        "message": _write_message(choice, context, losses),
        "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
        "finish_reason": finish.settle(choice.finish, called),
    }
    if choice.detail is not None:
        written["native_finish_reason"] = choice.detail
    return written


def _write_message(choice: Choice, context: ReplyContext, losses: list[Loss]) -> Object:
    if len(choice.blocks) == 1 and type(choice.blocks[0]) is Text:
        return _write_text(choice.blocks[0], choice, context)
    return _write_blocks(choice, context, losses)


def _write_text(block: Text, choice: Choice, context: ReplyContext) -> Object:
    """A text and nothing else, which most answers are. `_write_blocks` would make the same of it."""
    content = block.text or (None if choice.finish == "content_filter" else "")
    message: Object = {"role": "assistant", "content": content, "refusal": None}
    if block.annotations:
        message["annotations"] = list(_annotations([block]))
    if block.state is not None:
        message["reasoning_details"] = _details([block], context)
    return message


def _write_blocks(choice: Choice, context: ReplyContext, losses: list[Loss]) -> Object:
    blocks = _told_apart(choice.blocks)
    refusal = "".join(block.text for block in blocks if isinstance(block, Refusal)) or None
    calls = [write_call(block) for block in blocks if isinstance(block, ToolCall)]
    texts = [block for block in blocks if isinstance(block, Text)]
    text = "".join(block.text for block in texts)
    silent = bool(calls or refusal) or choice.finish == "content_filter"
    message: Object = {"role": "assistant", "content": text or (None if silent else ""), "refusal": refusal}
    thinking = "\n\n".join(block.text for block in blocks if isinstance(block, Thinking) and block.text)
    images = [reply.write_image(block) for block in blocks if isinstance(block, Image)]
    losses += [reply.placeless(block, choice.index) for block in blocks if not reply.has_place(block)]
    extras = {
        "annotations": list(_annotations(texts)),
        "tool_calls": calls,
        "reasoning_content": thinking,
        "reasoning_details": _details(blocks, context),
        "images": [image for image in images if image],
    }
    return message | {name: value for name, value in extras.items() if value}


def _told_apart(blocks: list[Block]) -> list[Block]:
    taken: set[str] = set()
    return [
        replace(block, id=reply.own_id(block.id, taken)) if isinstance(block, ToolCall) else block for block in blocks
    ]


def _details(blocks: list[Block], context: ReplyContext) -> list[Object]:
    if not any(block.state is not None or type(block) is Opaque for block in blocks):
        return []
    return reasoning.write_details(reasoning.trace(blocks), context.provider, context.model)


def _annotations(texts: Iterable[Text]) -> Iterator[Object]:
    offset = 0
    for block in texts:
        yield from (reply.write_annotation(found, offset) for found in block.annotations or ())
        offset += len(block.text)
