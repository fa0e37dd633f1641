"""Messages -> contents: user and model in turns, each turn's results in the order of the calls they answer."""

import re
from dataclasses import dataclass, field

from polyglot_cloud import wire
from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini import media
from polyglot_cloud.dialects.gemini.names import FIT, own_name, past_name
from polyglot_cloud.dialects.gemini.state import SIGNATURE, is_part, kept, with_dummies
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import (
    Audio,
    Block,
    File,
    Image,
    Loss,
    Message,
    Opaque,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from polyglot_cloud.rows import Destination

_STATE_IS_BOUND = "reasoning and other state of a model is of use to the same provider and model only"
_BEGINS_AN_OBJECT = re.compile(r"[ \t\r\n]*\{")
OPERATOR = "Instruction from the operator of this conversation (not from the user):\n"


def system_instruction(request: Request) -> Body | None:
    parts = [{"text": text} for message in request.system if (text := _instruction(message))]
    return {"parts": parts} if parts else None


def contents(request: Request, destination: Destination, losses: list[Loss]) -> list[Body]:
    """Raises BadRequest for histories that Gemini refuses: no user message first, an unanswered call, a result without its call."""
    turns = _Turns(destination, losses)
    for message in request.messages:
        turns.add(message)
    written = turns.written()
    _check_ends(request.messages, written, destination)
    # a model that nobody described is newer than those that ask for no signature
    signed = "level" in (destination.quirks.thinking or ()) or not destination.known
    return with_dummies(written) if signed else written


def _check_ends(messages: list[Message], written: list[Body], destination: Destination) -> None:
    if not written or written[0]["role"] != "user":
        raise BadRequest("Gemini needs a user message with content before any of the assistant's.", param="messages")
    if written[-1]["role"] == "user":
        return
    if messages[-1].role != "assistant":
        raise BadRequest("The last message is empty: Gemini needs content to answer to.", param="messages")
    if not destination.quirks.prefill:
        raise Unsupported(
            f"{destination.model} does not continue an assistant message: the last one must be a user's.",
            param="messages",
        )


@dataclass(slots=True)
class _Turn:
    """A user or model turn. `calls` are (id, wire part) of a model turn, `ids` theirs; `answers` by call id and `media` are a user's."""

    role: str
    parts: list[Body] = field(default_factory=list)
    calls: list[tuple[str, Body]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    answers: dict[str, Body] = field(default_factory=dict)
    media: list[Body] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not self.parts and not self.answers


class _Turns:
    def __init__(self, destination: Destination, losses: list[Loss]) -> None:
        self._destination = destination
        self._losses = losses
        self._turns: list[_Turn] = []
        self._pointer = "/messages"  # of the message that is being written
        self._remembers = False  # its signatures go back, and they hold more than the summary of its thoughts
        self._place = ""  # of the message that is read, in the client's list

    def add(self, message: Message) -> None:
        self._remembers = any(block.state is not None and self._goes_back(block) for block in message.blocks)
        self._pointer = message.pointer
        if message.role in {"system", "developer"}:
            self._instruct(message)
            return
        turn = _Turn("model" if message.role == "assistant" else "user")
        self._place = message.pointer.rpartition("/")[2]
        for block in message.blocks:
            self._block(turn, block)
        self._merge(turn)

    def _goes_back(self, block: Block) -> bool:
        return isinstance(block, Text | ToolCall | Opaque) and kept(block, self._destination) is not None

    def written(self) -> list[Body]:
        """Turns as contents. A call at the very end waits for nothing; any other must have its result in the next turn."""
        written = []
        for at, turn in enumerate(self._turns):
            asked = self._turns[at - 1].calls if at else []
            results = [_answer(turn, id_, part) for id_, part in asked]
            written.append({"role": turn.role, "parts": [*results, *turn.media, *turn.parts]})
        return written

    def _instruct(self, message: Message) -> None:
        text = _instruction(message)
        if text:
            self._merge(_Turn("user", [{"text": OPERATOR + text}]))
            reason = "Gemini has one system instruction at the start; a later one stands in its place as a user's text"
            self._losses.append(Loss(self._pointer, "approximated", reason))

    def _merge(self, turn: _Turn) -> None:
        if turn.empty:
            return
        if not self._turns or self._turns[-1].role != turn.role:
            self._turns.append(turn)
            return
        last = self._turns[-1]
        last.parts += turn.parts
        last.calls += turn.calls
        last.ids |= turn.ids
        last.answers |= turn.answers
        last.media += turn.media

    def _block(self, turn: _Turn, block: Block) -> None:
        match block:
            case Text(state=None):
                turn.parts += _text(block.text)
            case ToolCall():
                part = self._call(block, len(turn.calls))
                turn.parts.append(part)
                self._unsealed(block, kept=block.state is not None and part is block.state.raw)
                turn.calls.append((block.id, part))
                turn.ids.add(block.id)
            case ToolResult():
                turn.answers[block.call_id] = self._result(block)
                turn.media += [part for each in block.blocks for part in self._media(each)]
            case Image() | File() | Audio():
                turn.parts += self._media(block)
            case Thinking() | Opaque():
                turn.parts += self._reasoning(block, turn.role)
            case Text():
                raw = kept(block, self._destination)
                turn.parts += [raw] if raw is not None else _text(block.text)
                self._unsealed(block, kept=raw is not None)
            case Refusal():
                turn.parts += self._refusal(block)

    def _refusal(self, block: Refusal) -> list[Body]:
        said = _text(block.text)
        if said:
            self._losses.append(
                Loss(self._pointer, "approximated", "Gemini has no refusals in a history: one is sent as text")
            )
        return said

    def _reasoning(self, block: Thinking | Opaque, role: str) -> list[Body]:
        raw = kept(block, self._destination)
        if raw is not None:
            return [raw]
        if isinstance(block, Opaque) and block.dialect == "gemini" and is_part(block.raw):
            bare = {name: value for name, value in block.raw.items() if name != SIGNATURE}
            return [bare] if bare else []
        if role == "user":
            raise Unsupported("A part of a user message has no equivalent at Gemini.", param="messages")
        if not (isinstance(block, Thinking) and block.state is None and self._remembers):
            self._losses.append(Loss(self._pointer, "dropped", _STATE_IS_BOUND))
        return []

    def _unsealed(self, block: Text | ToolCall, *, kept: bool) -> None:
        """A signature that stays behind is told; the id that Gemini itself gave a call is no more than a name."""
        if (
            block.state is not None
            and not kept
            and (SIGNATURE in block.state.raw or "functionCall" not in block.state.raw)
        ):
            self._losses.append(Loss(self._pointer, "dropped", _STATE_IS_BOUND))

    def _call(self, call: ToolCall, number: int) -> Body:
        """The id goes along in Gemini's own part only: one that we or another cloud made means nothing there."""
        raw = kept(call, self._destination)
        if raw is not None and FIT.fullmatch(raw["functionCall"]["name"]):
            return raw
        if call.kind != "function":
            raise Unsupported(
                f'Gemini has no custom tools: "{call.name}" cannot stand in the history.', param="messages"
            )
        name = past_name(call.name)
        if own_name(name) != call.name:
            reason = "Gemini does not take the name of a function that was called: it is made to fit"
            self._losses.append(Loss(self._pointer, "approximated", reason))
        at = (
            f"messages[{self._place}].tool_calls[{number}].function.arguments"
            if self._place.isdecimal()
            else "messages"
        )
        return {"functionCall": {"name": name, "args": _arguments(call, at)}}

    def _media(self, block: Block) -> list[Body]:
        if not isinstance(block, Image | File | Audio):
            return []
        if isinstance(block, Image) and block.detail not in {None, "auto"}:
            self._losses.append(Loss(self._pointer, "dropped", "Gemini has no detail of an image"))
        if isinstance(block, File) and block.name:
            self._losses.append(Loss(self._pointer, "dropped", "Gemini takes no name of an inline file"))
        return [media.part(block, self._destination)]

    def _result(self, result: ToolResult) -> Body:
        """The `functionResponse` without name and id, which the call has."""
        models = [turn for turn in self._turns[-2:] if turn.role == "model"]
        if not models or result.call_id not in models[-1].ids:
            raise BadRequest(
                f'The result for "{result.call_id}" answers no tool call of the assistant message before it.',
                param="messages",
            )
        if any(not isinstance(each, Text | Image | File | Audio) for each in result.blocks):
            raise Unsupported("A tool result for Gemini may hold text, images, files and audio only.", param="messages")
        return _response("\n".join(each.text for each in result.blocks if isinstance(each, Text)), result.is_error)


def _instruction(message: Message) -> str:
    if any(not isinstance(block, Text) for block in message.blocks):
        raise Unsupported("A system message for Gemini may hold text only.", param="messages")
    text = "\n".join(block.text for block in message.blocks if isinstance(block, Text))
    return text if _says_something(text) else ""


def _text(text: str) -> list[Body]:
    """Blank text is refused by Gemini and means nothing."""
    return [{"text": text}] if _says_something(text) else []


def _says_something(text: str) -> bool:
    """Told without a copy, which `strip` would make of a long text that ends with a line end."""
    return bool(text) and not text.isspace()


def _arguments(call: ToolCall, param: str) -> Body:
    try:
        arguments = wire.decode(call.arguments) if call.arguments.strip() else {}
    except wire.InvalidJson as error:
        raise BadRequest(f'The arguments of the call "{call.id}" are not JSON: {error}.', param=param) from None
    if not isinstance(arguments, dict):
        raise BadRequest(f'The arguments of the call "{call.id}" must be a JSON object.', param=param)
    return arguments


def _response(text: str, is_error: bool) -> Body:
    value = _object_in(text)
    if is_error:
        return {"error": text if value is None else value}
    return {"result": text} if value is None else value


def _object_in(text: str) -> Body | None:
    """The JSON object that a result may be; most are prose, which no decoder need refuse."""
    if not _BEGINS_AN_OBJECT.match(text):
        return None
    try:
        value = wire.decode(text)
    except wire.InvalidJson:
        return None
    return value if isinstance(value, dict) else None


def _answer(turn: _Turn, call_id: str, part: Body) -> Body:
    call = part["functionCall"]
    if call_id not in turn.answers:
        raise BadRequest(
            f'The tool call "{call_id}" of {call["name"]} has no result in the messages after it.', param="messages"
        )
    own_id = {"id": call["id"]} if "id" in call else {}
    return {"functionResponse": {**own_id, "name": call["name"], "response": turn.answers[call_id]}}
