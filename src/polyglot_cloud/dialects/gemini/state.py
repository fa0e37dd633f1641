"""Reasoning state: parts with a `thoughtSignature`, or a call with an id of Gemini's own, go back exactly as they came.

Only to the provider and model that made them, and only while the block still says what the part said: a signature seals its text.
For calls that have none, Google documents a dummy that its validator skips (providers.md 3.2).
"""

from polyglot_cloud import wire
from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.shape import mapping
from polyglot_cloud.neutral import Opaque, Text, Thinking, ToolCall
from polyglot_cloud.rows import Destination

SIGNATURE = "thoughtSignature"
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
            return call.get("name") == block.name and _decoded(block.arguments) == mapping(call.get("args"))
        case Opaque():
            return raw == block.raw
        case _:
            return raw.get("text", "") == block.text and "functionCall" not in raw


def _decoded(arguments: str) -> object:
    try:
        return wire.decode(arguments) if arguments.strip() else {}
    except wire.InvalidJson:
        return None


def with_dummies(contents: list[Body]) -> list[Body]:
    """The dummy on the first call of each step of the current turn, where it has no signature.

    The current turn begins after the last user content without results; what lies before it is not validated.
    """
    start = max((at for at, content in enumerate(contents) if _begins_a_turn(content)), default=-1)
    return [_with_dummy(content) if at > start else content for at, content in enumerate(contents)]


def _begins_a_turn(content: Body) -> bool:
    return content["role"] == "user" and not any("functionResponse" in part for part in content["parts"])


def _with_dummy(content: Body) -> Body:
    parts = content["parts"]
    first = next((at for at, part in enumerate(parts) if "functionCall" in part), None)
    if first is None or SIGNATURE in parts[first]:
        return content
    return {**content, "parts": [*parts[:first], {**parts[first], SIGNATURE: DUMMY}, *parts[first + 1 :]]}
