"""The narrow neutral form that every dialect is read into and written from.

It holds what every vendor has. What only one vendor understands travels in an `Opaque` block or in a block's `state`, or is
refused aloud. Slotted dataclasses, no validation: a dialect's reader is what guarantees the shapes stated here. Readers and writers
never mutate what they are given.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["user", "assistant", "system", "developer"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
LossKind = Literal["dropped", "approximated", "emulated"]

Need = Literal[
    "tools", "tools_with_effort", "developer_role", "stop", "n", "logprobs",
    "schema", "image", "file", "audio", "max_tokens_name",
]  # fmt: skip
"""What a call may need of a (model, dialect); the catalog lists for each pair what it has. `max_tokens_name`: takes the output
maximum under Chat's old name `max_tokens`; `tools_with_effort`: takes function tools while reasoning is on."""
NEEDS: tuple[Need, ...] = Need.__args__  # type: ignore[attr-defined]  # Literal's members, typed nowhere in typing


# --- content ---


@dataclass(slots=True)
class Mark:
    """A prompt-cache breakpoint after this block. `ttl` in the vendors' spelling ("5m", "30m", "1h"); None is the vendor's default."""

    ttl: str | None = None


@dataclass(slots=True)
class State:
    """Reasoning state that must come back unharmed, to the same provider and model only.

    `raw` is the vendor's own JSON (a signature, an encrypted item, a redacted block); nobody but its dialect looks inside.
    `provider` and `model` are "" where a reader cannot know them: whoever gives state to a client fills them in. `prefix` is a digest
    of the conversation before its turn, where the vendor binds it to that, else "".
    """

    raw: dict[str, Any]
    provider: str = ""
    model: str = ""
    prefix: str = ""


@dataclass(slots=True)
class Url:
    url: str


@dataclass(slots=True)
class Inline:
    """Bytes as base64 (standard alphabet, no line breaks), with the media type that the client named."""

    media_type: str
    data: str


@dataclass(slots=True)
class FileId:
    """A file kept at a provider. Valid at that provider only."""

    id: str


Source = Url | Inline | FileId


@dataclass(slots=True)
class Text:
    """The places of `annotations` count from the start of this block, in characters; negative ones lie in the text before it."""

    text: str
    annotations: list[dict[str, Any]] | None = None
    logprobs: list[dict[str, Any]] | None = None  # in Chat's shape: {token, logprob, bytes, top_logprobs}
    mark: Mark | None = None
    state: State | None = None


@dataclass(slots=True)
class Refusal:
    text: str
    mark: Mark | None = None
    state: State | None = None


@dataclass(slots=True)
class Image:
    source: Source
    detail: str | None = None
    mark: Mark | None = None
    state: State | None = None


@dataclass(slots=True)
class File:
    """A document: PDF or text. `name` is the client's file name."""

    source: Source
    name: str | None = None
    mark: Mark | None = None
    state: State | None = None


@dataclass(slots=True)
class Audio:
    source: Source
    mark: Mark | None = None
    state: State | None = None


@dataclass(slots=True)
class Thinking:
    """Reasoning text. A redacted block has text "" and its data in `state`."""

    text: str
    mark: Mark | None = None
    state: State | None = None


@dataclass(slots=True)
class ToolCall:
    """`arguments` is JSON *text* as the model wrote it ("" means none given); for kind "custom" it is the free text input."""

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"
    mark: Mark | None = None
    state: State | None = None


@dataclass(slots=True)
class ToolResult:
    """`blocks` holds Text, Image and File blocks. Stands in a user message, before that message's other blocks."""

    call_id: str
    blocks: list["Block"]
    is_error: bool = False
    mark: Mark | None = None
    state: State | None = None


@dataclass(slots=True)
class Opaque:
    """A block that only `dialect` understands, as its own JSON."""

    dialect: str
    raw: dict[str, Any]
    mark: Mark | None = None
    state: State | None = None


Block = Text | Refusal | Image | File | Audio | Thinking | ToolCall | ToolResult | Opaque


# --- requests ---


@dataclass(slots=True)
class Message:
    """One turn. Neighbours may share a role: a dialect that wants alternation merges them when it writes.

    `pointer` is a JSON pointer to where the client wrote it (of a run of tool results, the first), for losses and errors.
    """

    role: Role
    blocks: list[Block]
    name: str | None = None
    pointer: str = field(default="/messages", compare=False)


@dataclass(slots=True)
class Tool:
    """`parameters` is a JSON Schema object, None where the client gave none. `format` is the grammar of a custom tool."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    kind: Literal["function", "custom"] = "function"
    format: dict[str, Any] | None = None
    mark: Mark | None = None


@dataclass(slots=True)
class ToolChoice:
    """`names` narrows the choice to those tools; "required" with one name is a forced call of it. `parallel` None: not said."""

    mode: Literal["auto", "none", "required"] | None = None
    names: list[str] = field(default_factory=list)
    parallel: bool | None = None


@dataclass(slots=True)
class Sampling:
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


@dataclass(slots=True)
class Format:
    """What the text must be. "json" is any JSON object, "schema" one that fits `schema`."""

    kind: Literal["text", "json", "schema"]
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


@dataclass(slots=True)
class Reasoning:
    """`effort` is one of none, minimal, low, medium, high, xhigh, max; `budget` is in tokens, for dialects that count."""

    effort: str | None = None
    budget: int | None = None
    summary: str | None = None


HINTS = frozenset({
    "seed", "user", "safety_identifier", "metadata", "service_tier", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "verbosity", "store", "logit_bias", "prediction", "modalities", "audio", "web_search_options",
    "moderation", "repeat_penalty",
})  # fmt: skip
"""Names a Request's `hints` may have: Chat's own field names, and Ollama's `repeat_penalty`.
A target that lacks one drops it and reports the loss."""


@dataclass(slots=True)
class Request:
    """One call in the neutral form.

    `system` is the leading run of system and developer messages; later ones stand in `messages` in their place.
    `logprobs` is None where not asked for, else the number of alternatives (0..20). `max_tokens` counts output tokens. `losses` is what
    its reader left out already. `spelled` turns a pointer or parameter name into the one that the client used, where its dialect has
    two for one thing.
    """

    model: str
    messages: list[Message]
    system: list[Message] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    tool_choice: ToolChoice = field(default_factory=ToolChoice)
    max_tokens: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    stop: list[str] = field(default_factory=list)
    n: int = 1
    logprobs: int | None = None
    format: Format | None = None
    reasoning: Reasoning = field(default_factory=Reasoning)
    stream: bool = False
    include_usage: bool = False
    hints: dict[str, Any] = field(default_factory=dict)
    losses: list["Loss"] = field(default_factory=list, compare=False)
    spelled: Callable[[str], str] = field(default=str, compare=False)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a translation could not carry. `pointer` is a JSON pointer into the client's body ("/seed", "/messages/0/content/1")."""

    pointer: str
    kind: LossKind
    reason: str


@dataclass(frozen=True, slots=True)
class Peek:
    """All that the pass-through path looks at in a request. `model` None: left out."""

    model: str | None
    stream: bool
    needs: frozenset[Need] = frozenset()
    max_tokens: int | None = None
    choices: int = 1
    counting: bool = False  # asks for a count of tokens, which costs nothing
    include_usage: bool = True  # False: a streamed Chat call that did not ask for the usage chunk
    extended: bool = (
        False  # members of our own stand in it (reasoning_details, cache_control), which the vendor would refuse
    )


# --- replies ---


@dataclass(slots=True)
class Usage:
    """Tokens of one attempt, in one convention for every vendor.

    `input` always *includes* `cached` and cache writes, `output` always *includes* `reasoning`. `details` counts by kind:
    "cache_write_5m", "cache_write_30m", "cache_write_1h", "cache_write_12h", "cache_write" (ttl unknown), "input_audio",
    "input_image", "output_audio", "output_image", "accepted_prediction", "rejected_prediction", "tool_use_input", "web_search_calls",
    "cost_usd_ticks" (xAI; 1e10 = $1), "num_sources_used" (xAI), and of Anthropic's advisor, another model and not in the sums,
    "advisor_input" and "advisor_output". `tier` is the service tier that the vendor says it used. `estimated`: part of it is our own
    guess, since the vendor told none.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    details: dict[str, int] = field(default_factory=dict)
    tier: str | None = None
    estimated: bool = False


@dataclass(slots=True)
class Choice:
    """`finish` None: the reply was cut before its end. `detail` is the vendor's own word or explanation, where it says more."""

    blocks: list[Block]
    finish: FinishReason | None
    detail: str | None = None
    stop_sequence: str | None = None
    index: int = 0


@dataclass(slots=True)
class Response:
    """One whole reply. `created` is in Unix seconds, 0 where the vendor gives none. `model` is the upstream's word."""

    id: str
    model: str
    choices: list[Choice]
    usage: Usage | None = None
    created: int = 0
    fingerprint: str | None = None


@dataclass(slots=True)
class Started:
    id: str
    model: str
    created: int = 0
    fingerprint: str | None = None


@dataclass(slots=True)
class Opened:
    """A block begins. `block` is its skeleton: an empty Text, Thinking or Refusal, a ToolCall with arguments "", an Opaque whole.

    `index` is unique among the blocks of a stream and is what the later events refer to. Several blocks may be open at once.
    """

    index: int
    block: Block


@dataclass(slots=True)
class TextDelta:
    index: int
    text: str
    logprobs: list[dict[str, Any]] | None = None


@dataclass(slots=True)
class ThinkingDelta:
    index: int
    text: str


@dataclass(slots=True)
class RefusalDelta:
    index: int
    text: str


@dataclass(slots=True)
class ArgumentsDelta:
    index: int
    text: str


@dataclass(slots=True)
class StateDelta:
    """The block's reasoning state; comes once, whole."""

    index: int
    state: State


@dataclass(slots=True)
class Annotated:
    index: int
    annotation: dict[str, Any]


@dataclass(slots=True)
class Closed:
    index: int


@dataclass(slots=True)
class Metered:
    """Usage so far, whole: a later one replaces an earlier one."""

    usage: Usage


@dataclass(slots=True)
class Finished:
    reason: FinishReason
    detail: str | None = None
    stop_sequence: str | None = None


@dataclass(slots=True)
class Failed:
    """The stream broke. `status` is the HTTP status that the error would have had before the stream began."""

    message: str
    status: int = 502
    type: str | None = None
    code: str | None = None


Delta = TextDelta | ThinkingDelta | RefusalDelta | ArgumentsDelta | StateDelta | Annotated
Event = Started | Opened | Delta | Closed | Metered | Finished | Failed
CONTENT_EVENTS = (TextDelta, ThinkingDelta, RefusalDelta, ArgumentsDelta)
"""Events that a client shows. An Opened ToolCall counts as well: `is_content` knows."""


def is_content(event: Event) -> bool:
    """Whether this event commits the gateway to its answer: text, thinking, or a tool call."""
    return isinstance(event, CONTENT_EVENTS) or (
        isinstance(event, Opened) and isinstance(event.block, ToolCall | Opaque)
    )


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """What a writer must know of the call that it answers.

    `provider` and `model` are who was asked (for reasoning state, and where the upstream names no model); `created` is in Unix seconds;
    `id` is used where the upstream gives none. `include_usage`: the client asked for the usage chunk. `elapsed` gives the nanoseconds
    since the call came in.
    """

    provider: str
    model: str
    created: int
    id: str
    include_usage: bool = False
    elapsed: Callable[[], int] = lambda: 0


def collect(events: list[Event]) -> Response:
    """A response is the fold of its events. A stream that failed or lacks its end has `finish` None."""
    response = Response(id="", model="", choices=[Choice(blocks=[], finish=None)])
    blocks: dict[int, Block] = {}
    for event in events:
        _fold(response, blocks, event)
    response.choices[0].blocks = [blocks[index] for index in sorted(blocks)]
    return response


def _fold(response: Response, blocks: dict[int, Block], event: Event) -> None:
    choice = response.choices[0]
    match event:
        case Started(id_, model, created, fingerprint):
            response.id, response.model, response.created, response.fingerprint = id_, model, created, fingerprint
        case Opened(index, block):
            blocks[index] = _copy_of(block)
        case Metered(usage):
            response.usage = usage
        case Finished(reason, detail, stop_sequence):
            choice.finish, choice.detail, choice.stop_sequence = reason, detail, stop_sequence
        case Failed():
            choice.finish = None
        case Closed():
            pass
        case _:
            _extend(blocks[event.index], event)


def _copy_of(block: Block) -> Block:
    match block:
        case Text(text, annotations, logprobs):
            return Text(
                text,
                list(annotations) if annotations else None,
                list(logprobs) if logprobs else None,
                block.mark,
                block.state,
            )
        case Thinking(text):
            return Thinking(text, block.mark, block.state)
        case Refusal(text):
            return Refusal(text, block.mark, block.state)
        case ToolCall(id_, name, arguments, kind):
            return ToolCall(id_, name, arguments, kind, block.mark, block.state)
        case _:
            return block


def _extend(block: Block, event: Delta) -> None:
    match block, event:
        case Text(), TextDelta(_, text, logprobs):
            block.text += text
            if logprobs:
                block.logprobs = [*(block.logprobs or []), *logprobs]
        case Thinking(), ThinkingDelta(_, text):
            block.text += text
        case Refusal(), RefusalDelta(_, text):
            block.text += text
        case ToolCall(), ArgumentsDelta(_, text):
            block.arguments += text
        case _, StateDelta(_, state):
            block.state = state
        case Text(), Annotated(_, annotation):
            block.annotations = [*(block.annotations or []), annotation]
        case _:
            raise TypeError(f"{type(event).__name__} does not belong to a {type(block).__name__} block")
