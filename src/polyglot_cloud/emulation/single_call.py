"""One tool call at a time, for a dialect that has no switch against parallel calls: the first call is shown, the others are left out."""

from dataclasses import replace

from polyglot_cloud.neutral import (
    Annotated,
    ArgumentsDelta,
    Block,
    Closed,
    Event,
    Opened,
    RefusalDelta,
    Response,
    StateDelta,
    TextDelta,
    ThinkingDelta,
    ToolCall,
)


def first_call_only(response: Response) -> Response:
    choices = [replace(choice, blocks=_kept(choice.blocks)) for choice in response.choices]
    return replace(response, choices=choices)


def _kept(blocks: list[Block]) -> list[Block]:
    calls = [place for place, block in enumerate(blocks) if isinstance(block, ToolCall)]
    left_out = set(calls[1:])
    return [block for place, block in enumerate(blocks) if place not in left_out]


class SingleCall:
    """The same for a stream. It runs to the provider's end, since usage comes there."""

    over = False

    def __init__(self) -> None:
        self._first: int | None = None
        self._left_out: set[int] = set()

    def feed(self, event: Event) -> list[Event]:
        match event:
            case Opened(index, ToolCall()) if self._first is None:
                self._first = index
            case Opened(index, ToolCall()):
                self._left_out.add(index)
            case _:
                pass
        return [] if _index_of(event) in self._left_out else [event]


def _index_of(event: Event) -> int | None:
    match event:
        case (
            Opened()
            | Closed()
            | TextDelta()
            | ThinkingDelta()
            | RefusalDelta()
            | ArgumentsDelta()
            | StateDelta()
            | Annotated()
        ):
            return event.index
        case _:
            return None
