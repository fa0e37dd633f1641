"""Replies for these tests, and streams fed through the reader in any pieces."""

from typing import Any

from polyglot_cloud import sse, wire
from polyglot_cloud.dialects.openai_responses import DIALECT
from polyglot_cloud.neutral import (
    Annotated,
    ArgumentsDelta,
    Block,
    Closed,
    Event,
    Failed,
    Finished,
    Opened,
    Refusal,
    RefusalDelta,
    Response,
    Started,
    StateDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
)


def reply(*output: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "created_at": 1795305600,
        "status": "completed",
        "model": "m",
        "output": list(output),
        **more,
    }


def message(*parts: dict[str, Any] | str, **more: Any) -> dict[str, Any]:
    content = [output_text(part) if isinstance(part, str) else part for part in parts]
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": content, **more}


def output_text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], **more}


def function_call(**more: Any) -> dict[str, Any]:
    return {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}", **more}


def read(body: Any) -> Response:
    assert DIALECT.read_response is not None
    return DIALECT.read_response(body)


def blocks(*output: dict[str, Any], **more: Any) -> list[Block]:
    return read(reply(*output, **more)).choices[0].blocks


def event(type_: str, **members: Any) -> bytes:
    return sse.encode(wire.encode({"type": type_, **members}), type_)


def play(stream: bytes, size: int | None = None) -> list[Event]:
    """The events of a stream that arrives in pieces of this size."""
    decoder, reader = sse.Decoder(), DIALECT.reader()
    step = size or max(1, len(stream))
    records = [record for at in range(0, len(stream), step) for record in decoder.feed(stream[at : at + step])]
    events = [event for record in [*records, *decoder.close()] for event in reader.feed(record)]
    return [*events, *reader.close()]


def grammar_faults(events: list[Event]) -> list[str]:
    """What is wrong with the order of a stream's events, by the rules of neutral.py alone."""
    faults, opened, closed = list[str](), dict[int, type[Block]](), set[int]()
    for at, each in enumerate(events):
        last = at == len(events) - 1
        if isinstance(each, Started) and at:
            faults.append(f"{at}: a second start")
        if not isinstance(each, Started | Failed) and not isinstance(events[0], Started):
            faults.append(f"{at}: {type(each).__name__} before the start")
        if isinstance(each, Finished | Failed) != last:
            faults.append(f"{at}: the end is not at the end")
        if isinstance(each, Opened):
            if each.index in opened:
                faults.append(f"{at}: {each.index} opened twice")
            opened[each.index] = type(each.block)
        index = getattr(each, "index", None)
        if index is not None and (index not in opened or index in closed):
            faults.append(f"{at}: {type(each).__name__} for {index}, which is not open")
        if isinstance(each, Closed):
            closed.add(each.index)
        if type(each) in _BELONGS and opened.get(index or 0) is not _BELONGS[type(each)]:
            faults.append(f"{at}: {type(each).__name__} in a {opened.get(index or 0)}")
    if isinstance(events[-1], Finished) and opened.keys() != closed:
        faults.append("blocks are open at the end")
    return faults


_BELONGS: dict[type, type] = {
    TextDelta: Text,
    Annotated: Text,
    RefusalDelta: Refusal,
    ArgumentsDelta: ToolCall,
    ThinkingDelta: Thinking,
    StateDelta: Thinking,
}
