"""One candidate's parts as events. Plain replies and streams go through the same machine, so that both say the same.

The rule: adjacent text parts (or adjacent thoughts) without a signature are one block, however the stream cut them; a part with a
`thoughtSignature` is a block of its own, since it must come back as it was; an empty part without a signature is nothing. An image is
shown, and stands as the part that it was beside it: only so it can come back.
"""

from typing import Any, Literal

from polyglot_cloud import wire
from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.citations import citations, has_citations
from polyglot_cloud.dialects.gemini.names import own_name
from polyglot_cloud.dialects.gemini.pieces import Pieces, begins, continues
from polyglot_cloud.dialects.gemini.shape import mapping, mappings, string, whole_numbers
from polyglot_cloud.neutral import (
    Annotated,
    ArgumentsDelta,
    Closed,
    Event,
    Image,
    Inline,
    Opaque,
    Opened,
    State,
    StateDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
)
from polyglot_cloud.pseudonym import pseudonym

_Kind = Literal["text", "thinking"]
_SIGNATURE = "thoughtSignature"


class Candidate:
    """Parts in, events out. Keeps the open block and a few counts, never the text."""

    def __init__(self, reply_id: str = "", number: int = 0) -> None:
        self._reply_id = reply_id
        self._number = number
        self.spoke = False
        self.calls = 0
        self._blocks = 0
        self._open: _Kind | None = None
        self._sealed = False  # the open block has its signature: the next part is another block
        self._length = 0  # of the text that citations are about, in characters
        self._before = 0  # how much of it stands before the open block
        self._ascii = True
        self._cited: set[tuple[str, int, int]] = set()
        self._pieces: Pieces | None = None  # of a call that is still coming

    def feed(self, candidate: Body) -> list[Event]:
        events: list[Event] = []
        logprobs = _logprobs(mapping(candidate["logprobsResult"])) if "logprobsResult" in candidate else None
        for part in mappings(mapping(candidate.get("content")).get("parts")):
            written = self._part(part, logprobs)
            if logprobs is not None and any(isinstance(event, TextDelta) for event in written):
                logprobs = None
            events += written
        return events + self._citations(candidate) if has_citations(candidate) else events

    def close(self) -> list[Event]:
        return [*self._last_piece(), *self._leave()]

    def _leave(self) -> list[Event]:
        if self._open is None:
            return []
        self._open = None
        return [Closed(self._blocks - 1)]

    def _part(self, part: Body, logprobs: list[dict[str, Any]] | None) -> list[Event]:
        if self._pieces is None:
            return self._whole(part, logprobs)
        if continues(part):
            return self._last_piece() if self._pieces.add(part) else []
        return [*self._last_piece(), *self._whole(part, logprobs)]

    def _last_piece(self) -> list[Event]:
        """The call that came in pieces. One whose last piece is missing is shown as far as it came: the finish reason says more."""
        pieces, self._pieces = self._pieces, None
        return self._call(pieces.part) if pieces else []

    def _whole(self, part: Body, logprobs: list[dict[str, Any]] | None) -> list[Event]:
        if "functionCall" in part and begins(part):
            self._pieces = Pieces(part)
            return self._last_piece() if self._pieces.add(part) else []
        if "functionCall" in part and _is_call(part):
            return self._call(part)
        if _is_text(part):
            return self._text(part, logprobs)
        return self._opaque(part)

    def _text(self, part: Body, logprobs: list[dict[str, Any]] | None) -> list[Event]:
        text, signed = string(part.get("text")), bool(part.get(_SIGNATURE))
        if not text and not signed:
            return []
        kind: _Kind = "thinking" if part.get("thought") is True else "text"
        new = signed or self._sealed or kind != self._open
        cited = (self._length, self._ascii) if signed and not text and kind == self._open == "text" else (0, True)
        events = self._begin(Thinking("") if kind == "thinking" else Text("")) if new else []
        if new:
            self._length, self._ascii = cited
            self._before = self._length
        self._open, self._sealed = kind, signed
        index = self._blocks - 1
        if text and kind == "thinking":
            events.append(ThinkingDelta(index, text))
        elif text:
            events.append(TextDelta(index, text, logprobs))
            self._length += len(text)
            self._ascii = self._ascii and text.isascii()
            self.spoke = True
        return [*events, StateDelta(index, State(part))] if signed else events

    def _call(self, part: Body) -> list[Event]:
        call = part["functionCall"]
        arguments = wire.encode(whole_numbers(mapping(call.get("args")))).decode()
        block = ToolCall(string(call.get("id")) or self._call_id(arguments), own_name(call["name"]), "")
        events = [*self._begin(block), ArgumentsDelta(self._blocks - 1, arguments)]
        if call.get("id") or part.get(_SIGNATURE):
            events.append(StateDelta(self._blocks - 1, State(part)))
        self.calls += 1
        return [*events, Closed(self._blocks - 1)]

    def _call_id(self, arguments: str) -> str:
        """Made from what the reply says of itself, so that it is the same whenever this reply is read."""
        seed = f"{self._reply_id or arguments}/{self._number}/{self.calls}"
        return f"call_{pseudonym(seed, 24)}"

    def _opaque(self, part: Body) -> list[Event]:
        image = _image(part)
        shown = [*self._begin(image), Closed(self._blocks - 1)] if image else []
        state = State(part) if part.get(_SIGNATURE) else None
        return [*shown, *self._begin(Opaque("gemini", part, state=state)), Closed(self._blocks - 1)]

    def _begin(self, block: Text | Thinking | ToolCall | Opaque | Image) -> list[Event]:
        events = self._leave()
        self._blocks += 1
        self.spoke = self.spoke or isinstance(block, ToolCall | Opaque)
        return [*events, Opened(self._blocks - 1, block)]

    def _citations(self, candidate: Body) -> list[Event]:
        if self._open != "text":
            return []
        found = citations(candidate, self._length, exact=self._ascii)
        return [
            Annotated(self._blocks - 1, _from(citation, self._before)) for citation in found if self._is_new(citation)
        ]

    def _is_new(self, citation: Body) -> bool:
        """A stream may repeat in each chunk what it cited so far."""
        place = citation["url_citation"]
        key = (place["url"], place["start_index"], place["end_index"])
        known = key in self._cited
        self._cited.add(key)
        return not known


def _is_text(part: Body) -> bool:
    """A part that is text, or nothing but a signature."""
    return isinstance(part.get("text"), str) or not part.keys() - {_SIGNATURE, "thought"}


def _is_call(part: Body) -> bool:
    return bool(string(mapping(part.get("functionCall")).get("name")))


def _image(part: Body) -> Image | None:
    """An image of the answer; those that the model made while it thought are not shown."""
    blob = mapping(part.get("inlineData"))
    media_type, data = string(blob.get("mimeType")), string(blob.get("data"))
    if not media_type.startswith("image/") or not data or part.get("thought") is True:
        return None
    return Image(Inline(media_type, data))


def _from(citation: Body, before: int) -> Body:
    """Places count from the start of the block: those in the text before it are negative."""
    place = citation["url_citation"]
    moved = {name: place[name] - before for name in ("start_index", "end_index")}
    return {**citation, "url_citation": {**place, **moved}}


def _logprobs(result: Body) -> list[dict[str, Any]] | None:
    """In Chat's shape."""
    tops = mappings(result.get("topCandidates"))
    chosen = mappings(result.get("chosenCandidates"))
    rows = [
        {
            **_token(token),
            "top_logprobs": [_token(top) for top in mappings(tops[at].get("candidates"))] if at < len(tops) else [],
        }
        for at, token in enumerate(chosen)
    ]
    return rows or None


def _token(candidate: Body) -> dict[str, Any]:
    token = string(candidate.get("token"))
    probability = candidate.get("logProbability")
    return {
        "token": token,
        "logprob": probability if isinstance(probability, int | float) else 0.0,
        "bytes": list(token.encode("utf-8", "replace")),
    }
