"""JSON mode of a model that was only told to answer in JSON: whether it did is looked at, and told where it did not."""

from polyglot_cloud import wire
from polyglot_cloud.neutral import (
    Block,
    Event,
    Finished,
    Loss,
    Refusal,
    RefusalDelta,
    Response,
    Text,
    TextDelta,
    ToolCall,
)

LOSS = Loss(
    "/response_format", "approximated", "the model was told to answer with a JSON object, and its answer is none"
)


def unkept(response: Response) -> list[Loss]:
    """The loss where a finished choice has text that is no JSON object. Refusals and tool calls promise none."""
    broken = [choice for choice in response.choices if choice.finish == "stop" and not _fits(choice.blocks)]
    return [LOSS] if broken else []


def _fits(blocks: list[Block]) -> bool:
    if any(isinstance(block, Refusal | ToolCall) for block in blocks):
        return True
    return _is_object("".join(block.text for block in blocks if isinstance(block, Text)))


def _is_object(text: str) -> bool:
    try:
        return isinstance(wire.decode(text.encode("utf-8", "surrogatepass")), dict)
    except wire.InvalidJson:
        return False


class JsonObject:
    """The same for a stream: it passes as it is, and the loss is told in its last comment."""

    over = False

    def __init__(self, losses: list[Loss]) -> None:
        self._losses = losses
        self._text: list[str] = []
        self._refused = False

    def feed(self, event: Event) -> list[Event]:
        match event:
            case TextDelta(_, text):
                self._text.append(text)
            case RefusalDelta():
                self._refused = True
            case Finished(reason="stop") if not self._refused and not _is_object("".join(self._text)):
                self._losses.append(LOSS)
            case _:
                pass
        return [event]
