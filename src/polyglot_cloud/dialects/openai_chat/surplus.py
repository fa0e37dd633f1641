"""Members that stand in a request and come to nothing in a translation: they are left out, and told.

At the top level a member that Chat does not have is refused, as OpenAI does: nobody knows what it asks for. Deeper down clients hand back
whole messages as some SDK or gateway made them, so there a stranger is left out aloud and never passed on (trap 47). Members that
OpenAI refuses beside what else was sent are left out as well (trap 46).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.neutral import Loss

_NOTHING: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class _Shape:
    """The members that are read of an object, and the shapes of those that hold objects: one, or one for each `type`.

    `quiet` are the members but for cache marks: where there are no others, nothing of the object itself can come to nothing.
    """

    members: frozenset[str]
    inner: "dict[str, _Shape | dict[str, _Shape]]"
    quiet: frozenset[str]


_MARKS = ("cache_control", "prompt_cache_breakpoint")


def _shape(*members: str, **inner: "_Shape | dict[str, _Shape]") -> _Shape:
    known = frozenset(members) | inner.keys()
    return _Shape(known, inner, known.difference(_MARKS))


_PART = {
    "text": _shape("type", "text", *_MARKS),
    "refusal": _shape("type", "refusal", *_MARKS),
    "image_url": _shape("type", *_MARKS, image_url=_shape("url", "detail")),
    "input_audio": _shape("type", *_MARKS, input_audio=_shape("data", "format")),
    "file": _shape("type", *_MARKS, file=_shape("file_id", "file_data", "filename")),
}
_CALLED = ("id", "type", "index", *_MARKS)  # index: where it stood in a stream
_CALL = {
    "function": _shape(*_CALLED, function=_shape("name", "arguments")),
    "custom": _shape(*_CALLED, custom=_shape("name", "input")),
}
_SPEECH = _shape("role", "name", *_MARKS, content=_PART)
_RESULT = _shape("role", "name", "tool_call_id", *_MARKS, content=_PART)  # the name is the call's
_ANSWER = _shape(
    "role", "name", "refusal", "audio", "reasoning_content", "reasoning_details", *_MARKS,
    content=_PART, tool_calls=_CALL, function_call=_shape("name", "arguments"),
)  # fmt: skip
_BY_ROLE = {"assistant": _ANSWER, "tool": _RESULT}
_FUNCTION = _shape("name", "description", "parameters", "strict", *_MARKS)
_TOP: dict[str, _Shape | dict[str, _Shape]] = {
    "tools": {
        "function": _shape("type", *_MARKS, function=_FUNCTION),
        "custom": _shape("type", *_MARKS, custom=_shape("name", "description", "format")),
    },
    "functions": _FUNCTION,
    "response_format": _shape("type", json_schema=_shape("name", "description", "schema", "strict")),
    "stream_options": _shape("include_usage", "include_obfuscation"),
}
"""Chat's own members (openai 3.54.0, CompletionCreateParams, read 2026-11-22) and the extensions that are read here."""


def found(body: Object) -> list[Loss]:
    """What of a request that was read comes to nothing. Its shapes are those that the readers let through."""
    losses = [] if _ACCOMPANYING.isdisjoint(body) else list(_idle(body))
    if body.get("functions"):
        losses.append(Loss("/functions", "approximated", "calls come back as tool_calls, which took their place"))
    for index, message in enumerate(body["messages"]):
        if len(message) == 2 and type(message.get("content")) is str:  # a role and a text
            continue
        shape = _BY_ROLE.get(message["role"], _SPEECH)
        if not is_quiet(message, shape):
            losses += _strangers(message, shape, f"/messages/{index}")
            losses += _marks_on_nothing(message, f"/messages/{index}")
    if _TOP.keys().isdisjoint(body):
        return losses
    for name, outer in _TOP.items():
        if name in body and not is_quiet(body[name], outer):
            losses += _in_value(body[name], outer, f"/{name}")
    return losses


def is_quiet(value: Any, shape: "_Shape | dict[str, _Shape]") -> bool:
    """A quick look, since nearly all of what clients send is read whole: no stranger in it and no cache mark, so nothing to tell."""
    if isinstance(value, dict):
        kind = shape if isinstance(shape, _Shape) else shape[value.get("type") or "function"]
        if not value.keys() <= kind.quiet:
            return False
        for name, inner in kind.inner.items():
            if name in value and not is_quiet(value[name], inner):
                return False
    elif isinstance(value, list):
        for element in value:
            if isinstance(element, dict) and not is_quiet(element, shape):
                return False
    return True


def _strangers(holder: Object, shape: _Shape, at: str) -> Iterator[Loss]:
    if shape.members.issuperset(_MARKS) and all(holder.get(name) for name in _MARKS):
        yield Loss(f"{at}/{_MARKS[1]}", "dropped", f"{_MARKS[0]} stands there already")
    for name, value in holder.items():
        if name in shape.inner:
            yield from _in_value(value, shape.inner[name], f"{at}/{name}")
        elif name not in shape.members and value not in _NOTHING:
            pointer = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
            yield Loss(pointer, "dropped", "Chat Completions has no such member here")


def _in_value(value: Any, shape: "_Shape | dict[str, _Shape]", at: str) -> Iterator[Loss]:
    """An object, or a list of objects. A call may leave its type out."""
    placed = [(at, value)] if isinstance(value, dict) else ()
    if isinstance(value, list):
        placed = [(f"{at}/{index}", element) for index, element in enumerate(value) if isinstance(element, dict)]
    for place, holder in placed:
        kind = shape if isinstance(shape, _Shape) else shape[holder.get("type") or "function"]
        yield from _strangers(holder, kind, place)


def _marks_on_nothing(message: Object, at: str) -> Iterator[Loss]:
    """Cache breakpoints where nothing is written: after a message without content, at an empty part of an answer."""
    reason = "a cache mark stood at nothing"
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    answer = message["role"] == "assistant"
    spoken = any(part.get("text") or part.get("refusal") for part in parts) if answer else bool(parts)
    called = message.get("tool_calls") or message.get("function_call") or message.get("refusal")
    for name in _MARKS:
        if message.get(name) and not (spoken or called or (isinstance(content, str) and (content or not answer))):
            yield Loss(f"{at}/{name}", "dropped", reason)
        for number, part in enumerate(parts):
            if answer and part.get(name) and not (part.get("text") or part.get("refusal")):
                yield Loss(f"{at}/content/{number}/{name}", "dropped", reason)
            elif part.get(name) and number == len(parts) - 1 and any(message.get(each) for each in _MARKS):
                yield Loss(f"{at}/content/{number}/{name}", "dropped", "the message's own cache mark stands there")


_ACCOMPANYING = frozenset({
    "tool_choice", "function_call", "parallel_tool_calls", "stream_options", "max_completion_tokens",
})  # fmt: skip
"""Members without which none can be idle."""


def _idle(body: Object) -> Iterator[Loss]:
    """Members that mean nothing beside the others."""
    if not body.get("tools") and not body.get("functions"):
        for name in ("tool_choice", "function_call", "parallel_tool_calls"):
            if body.get(name) is not None:
                yield Loss(f"/{name}", "dropped", "no tools are offered")
    if body.get("stream_options") is not None and not body.get("stream"):
        yield Loss("/stream_options", "dropped", "the answer is not streamed")
    newer, older = body.get("max_completion_tokens"), body.get("max_tokens")
    if newer is not None and older not in (None, newer):
        yield Loss("/max_tokens", "dropped", "max_completion_tokens takes its place")
