"""Reasoning state: parts with a `thoughtSignature`, or a call with an id of Gemini's own, go back exactly as they came.

Only to the provider and model that made them, and only while the block still says what the part said: a signature seals its text.
For calls that have none, Google documents a dummy that its validator skips (providers.md 3.2).
"""

from polyglot_cloud import wire
from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.names import own_name
from polyglot_cloud.dialects.gemini.shape import mapping, string
from polyglot_cloud.neutral import Opaque, Text, Thinking, ToolCall
from polyglot_cloud.rows import Destination

SIGNATURE = "thoughtSignature"
_ASIDE = frozenset({SIGNATURE, "thought", "partMetadata", "videoMetadata", "mediaResolution"})
_OF_A_TEXT = _ASIDE | {"text"}
_OF_A_CALL = _ASIDE | {"functionCall"}
_OPAQUE = frozenset({
    "executableCode", "codeExecutionResult", "inlineData", "fileData", "toolCall", "toolResponse",
})  # fmt: skip
"""Members of `Part` in google-genai 3.4.0 that a model writes and that stay as they are."""
DUMMY = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""base64 of "skip_thought_signature_validator"."""


def kept(block: Text | Thinking | ToolCall | Opaque, destination: Destination) -> Body | None:
    """The part as it came, None where it must not or cannot be used."""
    state = block.state
    if state is None or (state.provider, _bare(state.model)) != (destination.provider, _bare(destination.model)):
        return None
    return state.raw if _says_the_same(block, state.raw) else None


def _bare(model: str) -> str:
    return model.removeprefix("models/")


def _says_the_same(block: Text | Thinking | ToolCall | Opaque, raw: Body) -> bool:
    match block:
        case ToolCall():
            call = mapping(raw.get("functionCall"))
            same = own_name(string(call.get("name"))) == block.name and _decoded(block.arguments) == mapping(
                call.get("args")
            )
            return same and raw.keys() <= _OF_A_CALL and isinstance(call.get("id", ""), str) and _sealed(raw)
        case Opaque():
            return raw == block.raw and is_part(raw) and _sealed(raw)
        case _:
            same = raw.get("text", "") == block.text and raw.get("thought", False) is isinstance(block, Thinking)
            return same and raw.keys() <= _OF_A_TEXT and _sealed(raw)


def _sealed(raw: Body) -> bool:
    return isinstance(raw.get(SIGNATURE, ""), str)


def is_part(raw: Body) -> bool:
    """Whether it is a part of a kind that has no block of the neutral form; a client may have changed what it was given."""
    kinds = raw.keys() - _ASIDE
    return len(kinds) == 1 and kinds <= _OPAQUE and all(isinstance(raw[kind], dict) for kind in kinds)


def _decoded(arguments: str) -> object:
    try:
        return wire.decode(arguments) if arguments.strip() else {}
    except wire.InvalidJson:
        return None


def with_dummies(contents: list[Body]) -> list[Body]:
    """The dummy on the first call of each step of the current turn, where it has no signature.

    The current turn begins after the last user content without results; what lies before it is not validated.
    """
    start = len(contents)
    while start > 0 and not _begins_a_turn(contents[start - 1]):
        start -= 1
    return [*contents[:start], *(_with_dummy(content) for content in contents[start:])]


def _begins_a_turn(content: Body) -> bool:
    return content["role"] == "user" and not any("functionResponse" in part for part in content["parts"])


def _with_dummy(content: Body) -> Body:
    parts = content["parts"]
    first = next((at for at, part in enumerate(parts) if "functionCall" in part), None)
    if first is None or SIGNATURE in parts[first]:
        return content
    return {**content, "parts": [*parts[:first], {**parts[first], SIGNATURE: DUMMY}, *parts[first + 1 :]]}
