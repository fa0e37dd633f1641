"""Where in a Chat request the long strings stand that are passed on unread: prose and data in the content of messages.

Not in a turn with `reasoning_details`: its text is divided by the places that they name. Not in a tool's result of several texts that
begins like a JSON object, which may be one when they are joined.
"""

from collections.abc import Iterator
from typing import Any

from polyglot_cloud.dialects import Bulk, BulkKind
from polyglot_cloud.dialects.openai_chat.fields import Object

_IN_PARTS: dict[str, tuple[str, BulkKind]] = {
    "image_url": ("url", "url"),
    "input_audio": ("data", "base64"),
    "file": ("file_data", "file"),
}
"""Type of a part, which is the name of its object -> the member there."""


def bulk(body: Object) -> Iterator[Bulk]:
    """The body may be of any shape: nothing of it was checked."""
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and "reasoning_details" not in message:
            yield from _content(message)


def _content(message: Object) -> Iterator[Bulk]:
    content = message.get("content")
    if isinstance(content, str):
        yield Bulk(message, "content", "text")
    elif isinstance(content, list) and not _may_be_an_object(message, content):
        for part in content:
            if isinstance(part, dict):
                yield from _part(part)


def _may_be_an_object(message: Object, content: list[Any]) -> bool:
    texts = [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
    joined = message.get("role") in {"tool", "function"} and len(texts) > 1
    return joined and "".join(texts).lstrip().startswith("{")


def _part(part: Object) -> Iterator[Bulk]:
    kind = part.get("type")
    if kind == "text" and isinstance(part.get("text"), str):
        yield Bulk(part, "text", "text")
    elif isinstance(kind, str) and kind in _IN_PARTS and isinstance(holder := part.get(kind), dict):
        name, of = _IN_PARTS[kind]
        if isinstance(holder.get(name), str):
            yield Bulk(holder, name, of)
