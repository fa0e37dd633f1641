"""Stop sequences for a model that knows none: the text is scanned, and the answer ends before the first match.

A match lies within one block of text. While streaming, only what may be the beginning of a match is held back.
"""

from dataclasses import replace
from typing import Any

from polyglot_cloud.neutral import (
    Block,
    Choice,
    Closed,
    Event,
    Failed,
    Finished,
    Metered,
    Opened,
    Response,
    Text,
    TextDelta,
    Usage,
)
from polyglot_cloud.token_estimate import Spent


def first_match(text: str, sequences: list[str]) -> tuple[int, str] | None:
    """Where the match that is complete first begins, and which sequence it is; of two that end together the longer.

    The first to be complete, since that is where a model that knows stop sequences ends, and a stream cannot wait for a later one.
    """
    found = [(at + len(sequence), at, sequence) for sequence in sequences if (at := text.find(sequence)) >= 0]
    return min(found)[1:] if found else None


def beginning(text: str, sequence: str) -> int:
    """How many characters at the end of `text` may begin the sequence."""
    at = max(0, len(text) - len(sequence) + 1)
    while (at := text.find(sequence[0], at)) >= 0:
        if sequence.startswith(text[at:]):
            return len(text) - at
        at += 1
    return 0


def stopped(response: Response, sequences: list[str]) -> Response:
    """A whole reply, each choice cut at its first match. The bill stays as it was: the model wrote the rest all the same."""
    return replace(response, choices=[_stopped_choice(choice, sequences) for choice in response.choices])


def _stopped_choice(choice: Choice, sequences: list[str]) -> Choice:
    for place, block in enumerate(choice.blocks):
        match = first_match(block.text, sequences) if isinstance(block, Text) else None
        if match is not None:
            kept: list[Block] = [*choice.blocks[:place], _cut(block, match[0])]  # type: ignore[arg-type]  # a Text, or there was no match
            return replace(choice, blocks=kept, finish="stop", detail=None, stop_sequence=match[1])
    return choice


def _cut(block: Text, length: int) -> Text:
    return replace(block, text=block.text[:length], logprobs=_tokens_within(block.logprobs, length))


def _tokens_within(logprobs: list[dict[str, Any]] | None, length: int) -> list[dict[str, Any]] | None:
    """The log probabilities of the tokens that lie wholly within the first `length` characters."""
    kept, end = [], 0
    for entry in logprobs or ():
        end += len(str(entry.get("token", "")))
        if end > length:
            break
        kept.append(entry)
    return kept or None


class StopSequences:
    """The same for a stream: ends it at the match, with the usage that `spent` tells (the provider's own comes only at its end).

    `spent` is shown what the client is shown, and counts where the provider has told nothing.
    """

    def __init__(self, sequences: list[str], spent: Spent) -> None:
        self._sequences = sequences
        self._spent = spent
        self._held: dict[int, list[TextDelta]] = {}  # per open block of text, what may begin a match
        self._open: set[int] = set()
        self._usage: Usage | None = None
        self.over = False

    def feed(self, event: Event) -> list[Event]:
        if self.over:
            return []
        match event:
            case TextDelta(index):
                return self._scan(index, event)
            case Opened(index, block):
                return self._open_block(index, block, event)
            case Closed(index):
                self._open.discard(index)
                return [*self._release(index), event]
            case Metered(usage):
                self._usage = usage
            case Finished() | Failed():
                return [*(held for index in sorted(self._held) for held in self._release(index)), event]
            case _:
                pass
        self._spent.see(event)
        return [event]

    def _open_block(self, index: int, block: Block, event: Opened) -> list[Event]:
        self._open.add(index)
        if not isinstance(block, Text):
            return [event]
        self._held[index] = []
        opened = Opened(index, replace(block, text="", logprobs=None))
        return [opened, *(self._scan(index, TextDelta(index, block.text, block.logprobs)) if block.text else [])]

    def _scan(self, index: int, delta: TextDelta) -> list[Event]:
        held = [*self._held.get(index, ()), delta]
        text = "".join(piece.text for piece in held)
        match = first_match(text, self._sequences)
        if match is not None:
            return self._end(index, held, *match)
        kept = max(beginning(text, sequence) for sequence in self._sequences)
        out, waiting = _divided(held, len(text) - kept)
        self._held[index] = _joined(waiting)
        return self._shown(out)

    def _shown(self, deltas: list[TextDelta]) -> list[Event]:
        for delta in deltas:
            self._spent.see(delta)
        return list(deltas)

    def _release(self, index: int) -> list[Event]:
        return self._shown(self._held.pop(index, []))

    def _end(self, index: int, held: list[TextDelta], length: int, sequence: str) -> list[Event]:
        self.over = True
        out, _ = _divided(held, length)
        if out and (whole := out[-1].logprobs):
            out[-1] = replace(out[-1], logprobs=_tokens_within(whole, len(out[-1].text)))
        said: list[Event] = [piece for piece in self._shown(out) if piece.text]  # type: ignore[union-attr]  # deltas of text
        others = [event for other in sorted(self._held) if other != index for event in self._release(other)]
        closed: list[Event] = [Closed(each) for each in sorted(self._open)]
        usage = self._spent.usage(self._usage)
        return [*said, *others, *closed, Metered(usage), Finished("stop", stop_sequence=sequence)]


def _joined(deltas: list[TextDelta]) -> list[TextDelta]:
    """As one, so that a long wait for a long sequence costs no walk over its pieces at each new one."""
    if len(deltas) < 2 or any(delta.logprobs for delta in deltas):
        return deltas
    return [replace(deltas[0], text="".join(delta.text for delta in deltas))]


def _divided(deltas: list[TextDelta], length: int) -> tuple[list[TextDelta], list[TextDelta]]:
    """The deltas of the first `length` characters, and the rest; log probabilities go with the beginning of their delta."""
    before: list[TextDelta] = []
    for place, delta in enumerate(deltas):
        if length >= len(delta.text):
            before.append(delta)
            length -= len(delta.text)
            continue
        if length:
            before.append(replace(delta, text=delta.text[:length]))
            return before, [TextDelta(delta.index, delta.text[length:]), *deltas[place + 1 :]]
        return before, deltas[place:]
    return before, []
