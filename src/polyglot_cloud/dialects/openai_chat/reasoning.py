"""`reasoning_details`: how reasoning state travels through a Chat client and back. An extension of ours; Chat itself has no place for it.

Vendors want their reasoning state back unharmed, in its place in the turn (signatures, encrypted items, redacted blocks). Each entry tells
of one block of an assistant turn:

    type      thinking | text | tool_call | opaque
    index     the block's place in the turn
    provider, model, data    its state: whose it is, and the vendor's own JSON
    prefix    a digest of the conversation before the turn, where the vendor binds the state to that
    text      a thinking block's text
    offset, length           where a text block stands in `content`, in Unicode code points
    id        a tool call's id
    dialect   an opaque block's dialect; its `data` is the block itself

A client hands the list back untouched beside `content` and `tool_calls`, and the turn is put together again block by block. One that
drops it loses the state and nothing else. Entries that are not ours (other gateways use the same name) are passed over.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.neutral import Block, Mark, Opaque, Refusal, State, Text, Thinking, ToolCall

Kind = Literal["thinking", "text", "refusal", "tool_call", "opaque"]
_ORDER: tuple[Kind, ...] = ("thinking", "text", "refusal", "tool_call", "opaque")
_ENTRIES: tuple[Kind, ...] = ("thinking", "text", "tool_call", "opaque")


@dataclass(slots=True)
class Trace:
    """What is remembered of a block that a client was shown: enough to find it again in the client's copy of the message."""

    kind: Kind
    state: State | None = None
    text: str = ""
    offset: int = 0
    length: int = 0
    id: str = ""
    opaque: Opaque | None = None

    @property
    def stateful(self) -> bool:
        return self.state is not None or self.opaque is not None


def trace(blocks: list[Block]) -> list[Trace]:
    """The traces of a whole turn. Blocks that leave nothing in a Chat message leave no trace either."""
    traces, offset = [], 0
    for block in blocks:
        match block:
            case Thinking(text) if text or block.state:
                traces.append(Trace("thinking", block.state, text=text))
            case Text(text) if text or block.state:
                traces.append(Trace("text", block.state, offset=offset, length=len(text)))
                offset += len(text)
            case Refusal(text) if text:
                traces.append(Trace("refusal", block.state))
            case ToolCall(id_):
                traces.append(Trace("tool_call", block.state, id=id_))
            case Opaque():
                traces.append(Trace("opaque", block.state, opaque=block))
            case _:
                pass
    return traces


def write_details(traces: list[Trace], provider: str, model: str) -> list[Object]:
    """The entries for a turn; [] where it has no state. `provider` and `model` stand in where a state does not say whose it is."""
    if not any(found.stateful for found in traces):
        return []
    whole = not _falls_into_place(traces)
    return [
        _entry(index, found, provider, model)
        for index, found in enumerate(traces)
        if found.stateful or (whole and found.kind in _ENTRIES)  # a refusal falls into the gap that is left
    ]


def _falls_into_place(traces: list[Trace]) -> bool:
    """Whether the blocks without state come back in their order by themselves: thinking, text, refusal, tool calls."""
    rest = [found.kind for found in traces if not found.stateful]
    ranks = [_ORDER.index(kind) for kind in rest]
    single = [kind for kind in rest if kind != "tool_call"]
    held = {found.kind for found in traces if found.stateful}
    return ranks == sorted(ranks) and len(set(single)) == len(single) and held.isdisjoint(single)


def _entry(index: int, found: Trace, provider: str, model: str) -> Object:
    entry: Object = {"type": found.kind, "index": index}
    if found.state is not None:
        entry |= {"provider": found.state.provider or provider, "model": found.state.model or model}
        entry |= {"prefix": found.state.prefix} if found.state.prefix else {}
        entry["data"] = found.state.raw
    if found.opaque is not None:
        if found.state is not None:
            entry["state"] = found.state.raw
        return entry | {"dialect": found.opaque.dialect, "data": found.opaque.raw}
    located: dict[str, Object] = {
        "thinking": {"text": found.text},
        "text": {"offset": found.offset, "length": found.length},
        "tool_call": {"id": found.id},
    }
    return entry | located.get(found.kind, {})


# --- taking it back ---


def restore(details: Any, thinking: str, texts: list[Block], calls: list[ToolCall]) -> list[Block]:
    """The blocks of an assistant turn as the model made them.

    `texts` are the blocks of `content` and `refusal`. Where a client changed the content, texts come back as they now are, without state.
    """
    entries = _ours(details)
    if not entries:
        return [*([Thinking(thinking)] if thinking else []), *texts, *calls]
    placed: dict[int, Block] = {}
    texts = _place_texts(entries, placed, texts)
    calls = _place_calls(entries, placed, calls)
    _place_others(entries, placed)
    if thinking and not any(entry["type"] == "thinking" for entry in entries.values()):
        texts = [Thinking(thinking), *texts]
    return _merge(placed, deque([*texts, *calls]))


def _ours(details: Any) -> dict[int, Object]:
    """Entries by their place, in its order; of two for one place the last."""
    found: dict[int, Object] = {}
    if not isinstance(details, list):
        return found
    for entry in details:
        if isinstance(entry, dict) and entry.get("type") in _ENTRIES and type(entry.get("index")) is int:
            found[entry["index"]] = entry
    return dict(sorted(found.items()))


def _state(entry: Object, name: str = "data") -> State | None:
    raw, provider, model, prefix = entry.get(name), entry.get("provider"), entry.get("model"), entry.get("prefix")
    if isinstance(raw, dict) and isinstance(provider, str) and isinstance(model, str):
        return State(raw, provider, model, prefix if isinstance(prefix, str) else "")
    return None


def _place_texts(entries: dict[int, Object], placed: dict[int, Block], texts: list[Block]) -> list[Block]:
    """Cuts `content` where its blocks met, if the entries cover it without a gap; what stays over comes back."""
    spans = {index: entry for index, entry in entries.items() if entry["type"] == "text"}
    content = "".join(block.text for block in texts if isinstance(block, Text))
    end = 0
    for entry in spans.values():
        offset, length = entry.get("offset"), entry.get("length")
        if type(offset) is not int or offset != end or type(length) is not int or length < 0:
            return texts
        end += length
    if not spans or end != len(content):
        return texts
    marks = _marks(texts)
    for index, entry in spans.items():
        start, stop = entry["offset"], entry["offset"] + entry["length"]
        placed[index] = Text(content[start:stop], mark=_marked_by(marks, start, stop), state=_state(entry))
    return [block for block in texts if not isinstance(block, Text)]


def _marks(texts: list[Block]) -> deque[tuple[int, Mark]]:
    """Where in the content the texts that have a mark end."""
    marks: deque[tuple[int, Mark]] = deque()
    end = 0
    for block in texts:
        end += len(block.text) if isinstance(block, Text) else 0
        if block.mark is not None and end:
            marks.append((end, block.mark))
    return marks


def _marked_by(marks: deque[tuple[int, Mark]], start: int, stop: int) -> Mark | None:
    """The last of the marks that stand in this piece of the content. They are used up, since the pieces come in order."""
    mark = None
    while stop > start and marks and marks[0][0] <= stop:
        mark = marks.popleft()[1]
    return mark


def _place_calls(entries: dict[int, Object], placed: dict[int, Block], calls: list[ToolCall]) -> list[ToolCall]:
    waiting = {call.id: call for call in calls}
    for index, entry in entries.items():
        call = waiting.pop(str(entry.get("id")), None) if entry["type"] == "tool_call" else None
        if call is not None:
            call.state = _state(entry)
            placed[index] = call
    return list(waiting.values())


def _place_others(entries: dict[int, Object], placed: dict[int, Block]) -> None:
    for index, entry in entries.items():
        if entry["type"] == "thinking":
            text = entry.get("text")
            placed[index] = Thinking(text if isinstance(text, str) else "", state=_state(entry))
        elif entry["type"] == "opaque" and isinstance(entry.get("data"), dict):
            placed[index] = Opaque(str(entry.get("dialect")), entry["data"], state=_state(entry, "state"))


def _merge(placed: dict[int, Block], rest: deque[Block]) -> list[Block]:
    """What has a place in its place, the others in the gaps, in their order."""
    turn: list[Block] = []
    for index in sorted(placed):
        while rest and len(turn) < index:
            turn.append(rest.popleft())
        turn.append(placed[index])
    return [*turn, *rest]
