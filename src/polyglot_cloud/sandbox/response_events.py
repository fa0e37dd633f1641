"""The event grammar of a Responses stream, which OpenAI and xAI share: each item opened, filled and closed, all of it numbered."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from polyglot_cloud.sandbox.asgi import sse
from polyglot_cloud.sandbox.pieces import argument_pieces, text_pieces

Item = Mapping[str, Any]


def _whole(text: str) -> Iterator[str]:
    yield text


@dataclass(slots=True)
class EventWriter:
    """Args:
    obfuscate: whether deltas carry padding.
    whole_arguments: a call's arguments in one delta (xAI).
    """

    obfuscate: bool = False
    whole_arguments: bool = False
    _number: int = field(default=0, init=False)

    def stream(self, started: Item, items: list[dict[str, Any]], final: Item) -> Iterator[bytes]:
        """`started` is the response in progress, `final` the finished one; its status names the last event."""
        yield self._event("response.created", response=started)
        yield self._event("response.in_progress", response=started)
        for index, item in enumerate(items):
            yield from self._item(index, item)
        yield self._event(f"response.{final['status']}", response=final)

    def error(self, code: str, message: str) -> bytes:
        return self._event("error", code=code, message=message, param=None)

    def _event(self, kind: str, **fields: Any) -> bytes:
        event = {"type": kind, **fields, "sequence_number": self._number}
        self._number += 1
        return sse(event, kind)

    def _item(self, index: int, item: dict[str, Any]) -> Iterator[bytes]:
        inside, opened = _INSIDE[item["type"]](item)
        yield self._event("response.output_item.added", item=opened, output_index=index)
        for kind, fields in inside(self):
            yield self._event(kind, item_id=item["id"], output_index=index, **fields)
        yield self._event("response.output_item.done", item=item, output_index=index)

    def deltas(self, kind: str, text: str, cut: Callable[[str], Iterator[str]], **fields: Any) -> "Inside":
        for piece in cut(text):
            padding = {"obfuscation": "x" * (16 - len(piece) % 16)} if self.obfuscate else {}
            yield kind, {**fields, "delta": piece, **padding}

    @property
    def arguments_cut(self) -> Callable[[str], Iterator[str]]:
        return _whole if self.whole_arguments else argument_pieces


Inside = Iterator[tuple[str, dict[str, Any]]]
_Opened = tuple[Callable[[EventWriter], Inside], dict[str, Any]]


def _message(item: dict[str, Any]) -> _Opened:
    def inside(writer: EventWriter) -> Inside:
        for place, part in enumerate(item["content"]):
            at = {"content_index": place}
            refused = part["type"] == "refusal"
            kind, field_ = ("refusal", "refusal") if refused else ("output_text", "text")
            text, extra = part[field_], {} if refused else {"logprobs": list[Any]()}
            yield "response.content_part.added", {**at, "part": {**part, field_: ""}}
            yield from writer.deltas(f"response.{kind}.delta", text, text_pieces, **at, **extra)
            yield f"response.{kind}.done", {**at, field_: text, **extra}
            yield "response.content_part.done", {**at, "part": part}

    return inside, {**item, "content": [], "status": "in_progress"}


def _reasoning(item: dict[str, Any]) -> _Opened:
    def inside(writer: EventWriter) -> Inside:
        for place, part in enumerate(item["summary"]):
            at = {"summary_index": place}
            yield "response.reasoning_summary_part.added", {**at, "part": {**part, "text": ""}}
            yield from writer.deltas("response.reasoning_summary_text.delta", part["text"], text_pieces, **at)
            yield "response.reasoning_summary_text.done", {**at, "text": part["text"]}
            yield "response.reasoning_summary_part.done", {**at, "part": part}

    return inside, {**item, "summary": []}


def _function(item: dict[str, Any]) -> _Opened:
    def inside(writer: EventWriter) -> Inside:
        text = item["arguments"]
        yield from writer.deltas("response.function_call_arguments.delta", text, writer.arguments_cut)
        yield "response.function_call_arguments.done", {"arguments": text, "name": item["name"]}

    return inside, {**item, "arguments": "", "status": "in_progress"}


def _custom(item: dict[str, Any]) -> _Opened:
    def inside(writer: EventWriter) -> Inside:
        yield from writer.deltas("response.custom_tool_call_input.delta", item["input"], writer.arguments_cut)
        yield "response.custom_tool_call_input.done", {"input": item["input"]}

    return inside, {**item, "input": "", "status": "in_progress"}


_INSIDE: dict[str, Callable[[dict[str, Any]], _Opened]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _function,
    "custom_tool_call": _custom,
}
