"""What the pass-through path looks at in a request, and all it validates: types, so that what it reads means something. Bounds are the
provider's to judge, and `read_request`'s where a call is translated. One pass over the messages, no copies.
"""

import sys

from polyglot_cloud.dialects.openai_chat import fields
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.neutral import Need, Peek

READS = (
    "model", "messages", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens", "tools", "functions",
    "reasoning_effort", "stop", "logprobs", "top_logprobs", "response_format", "modalities", "audio",
)  # fmt: skip
"""Top-level members that `peek` reads."""

_OPTIONS = frozenset({
    "reasoning_effort", "tools", "functions", "stop", "n", "top_logprobs", "logprobs", "response_format", "modalities", "audio",
})  # fmt: skip
_EXTENSIONS = frozenset({"reasoning_details", "reasoning_content", "cache_control", "native_finish_reason", "parsed"})
"""Ours, and `parsed`, which the official SDKs' stream and parse helpers leave in the messages that they give."""
_PART_NEEDS: dict[str, Need] = {"image_url": "image", "file": "file", "input_audio": "audio"}


def peek(body: Object, path: str) -> Peek:  # the path carries nothing in this dialect
    """Raises BadRequest for a wrong type among the members in READS."""
    model = fields.string(body, "model")
    stream = fields.boolean(body, "stream") or False
    options = fields.mapping(body, "stream_options") or {}
    include_usage = fields.boolean(options, "include_usage", "stream_options.") or not stream
    newer = fields.integer(body, "max_completion_tokens")
    older = fields.integer(body, "max_tokens")
    messages = _messages(body)
    needs = _conversation_needs(messages)
    if not _OPTIONS.isdisjoint(body):
        needs |= _option_needs(body)
    if older is not None and newer is None:
        needs.add("max_tokens_name")
    return Peek(
        model,
        stream,
        frozenset(needs),
        max(newer, older) if newer is not None and older is not None else newer if newer is not None else older,
        choices=fields.integer(body, "n") or 1 if "n" in needs else 1,
        include_usage=include_usage,
        extended=_extended(body, messages),
    )


def _extended(body: Object, messages: list[Object]) -> bool:
    """Whether a member stands in it that we gave to the client, or take beyond Chat: OpenAI refuses what it does not know."""
    for holder in (*messages, *(body.get("tools") or ())):
        if not _EXTENSIONS.isdisjoint(holder):
            return True
        parts = holder.get("content")
        if isinstance(parts, list) and any("cache_control" in part for part in parts):
            return True
    return False


def _messages(body: Object) -> list[Object]:
    if body.get("messages") is None:
        raise fields.missing("messages")
    return fields.objects(body, "messages")


def _conversation_needs(messages: list[Object]) -> set[Need]:
    needs: set[Need] = set()
    for index, message in enumerate(messages):
        if message.get("role") == "developer":
            needs.add("developer_role")
        if message.get("audio"):
            needs.add("audio")
        if isinstance(message.get("content"), list):
            for part in fields.objects(message, "content", f"messages[{index}]."):
                kind = part.get("type")
                if isinstance(kind, str) and kind in _PART_NEEDS:
                    needs.add(_PART_NEEDS[kind])
    return needs


def _option_needs(body: Object) -> set[Need]:
    needs: set[Need] = set()
    effort = fields.string(body, "reasoning_effort")
    if fields.objects(body, "tools") or fields.objects(body, "functions"):
        needs.add("tools")
        if effort != "none":
            needs.add("tools_with_effort")
    if fields.strings(body, "stop", most=sys.maxsize):
        needs.add("stop")
    if (fields.integer(body, "n") or 1) > 1:
        needs.add("n")
    fields.integer(body, "top_logprobs")  # without logprobs it asks for nothing, and is refused where it is read
    if fields.boolean(body, "logprobs"):
        needs.add("logprobs")
    if (fields.mapping(body, "response_format") or {}).get("type") == "json_schema":
        needs.add("schema")
    modalities = body.get("modalities")
    if fields.mapping(body, "audio") or (isinstance(modalities, list) and "audio" in modalities):
        needs.add("audio")
    return needs
