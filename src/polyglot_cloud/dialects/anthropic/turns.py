"""Messages become turns: neighbours of a role joined, tool results where Anthropic wants them, system messages seated."""

from collections.abc import Iterable
from dataclasses import dataclass

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic.blocks import THINKING_TYPES, bare_text, text_alone, write_blocks
from polyglot_cloud.dialects.anthropic.draft import Draft
from polyglot_cloud.dialects.anthropic.ids import WITH_ID, unique
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Message

_PLACED = THINKING_TYPES | {"tool_result"}
"""Blocks that have their place in a turn; where there are none, all stand as they came."""
OPERATOR_MARK = "[Instruction from the operator of this conversation, not from its user]\n"


@dataclass(slots=True)
class Turn:
    """`first` is the place of its first message in the request."""

    role: str
    blocks: list[Body]
    first: int


def write_turns(draft: Draft) -> list[Body]:
    """The `messages` of the body. Raises BadRequest where nothing is asked, Unsupported for a prefill the model refuses."""
    turns = _merged([_turn(draft, index, message) for index, message in enumerate(draft.request.messages)])
    if turns and turns[-1].role == "user" and not turns[-1].blocks:
        raise BadRequest("The last user message is empty. Anthropic needs something to answer.", param="messages")
    turns = _merged([turn for turn in turns if turn.blocks])
    if "system" in [turn.role for turn in turns]:
        turns = _merged(_seated(draft, turns, index) for index in range(len(turns)))
    if not turns:
        raise BadRequest("There is no message beside the system prompt. Add one of the user.", param="messages")
    kinds = {block["type"] for turn in turns for block in turn.blocks}
    if not kinds.isdisjoint(WITH_ID):
        for turn, blocks in zip(turns, unique(turn.blocks for turn in turns), strict=True):
            turn.blocks = blocks
    if not kinds.isdisjoint(_PLACED):
        for before, turn in zip([None, *turns], turns, strict=False):
            _arrange(turn, before)
    _check_prefill(draft, turns[-1])
    return [{"role": turn.role, "content": turn.blocks} for turn in turns]


def is_prefill(messages: list[Body]) -> bool:
    return bool(messages[-1]["role"] == "assistant")


def lost_thinking(messages: list[Body]) -> bool:
    """Whether a tool loop is running whose first assistant turn does not begin with its thinking (trap 23)."""
    first: Body | None = None
    for message in reversed(messages):
        if message["role"] == "assistant":
            first = message
        elif message["role"] == "user" and not _holds(message["content"], "tool_result"):
            break
    return first is not None and first["content"][0]["type"] not in THINKING_TYPES


def tools_used(messages: list[Body]) -> list[str]:
    """Names of the tools that the history calls, in their order, each once."""
    return list(
        {block["name"]: None for message in messages for block in message["content"] if block["type"] == "tool_use"}
    )


def _turn(draft: Draft, index: int, message: Message) -> Turn:
    role = message.role if message.role in {"user", "assistant"} else "system"
    text = bare_text(message)
    blocks = write_blocks(draft, message, draft.place(index)) if text is None else text_alone(text)
    return Turn(role, blocks, index)


def _merged(turns: Iterable[Turn]) -> list[Turn]:
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            merged[-1].blocks.extend(turn.blocks)
        else:
            merged.append(turn)
    return merged


def _seated(draft: Draft, turns: list[Turn], index: int) -> Turn:
    """A system turn stays where the model and its neighbours allow, else it becomes a marked user text in its place.

    It is never hoisted: that would change the order, and with it the meaning and the cached prefix (trap 6).
    """
    turn = turns[index]
    after_user = index > 0 and turns[index - 1].role == "user"
    before_assistant = index + 1 == len(turns) or turns[index + 1].role == "assistant"
    if turn.role != "system" or (draft.quirks.inner_system and after_user and before_assistant):
        return turn
    reason = "Anthropic takes no system message at this place: it went as a user text marked as the operator's"
    draft.lose(f"/messages/{draft.place(turn.first)}", "approximated", reason)
    return Turn("user", [{**block, "text": OPERATOR_MARK + block["text"]} for block in turn.blocks], turn.first)


def _arrange(turn: Turn, before: Turn | None) -> None:
    """Tool results first, in the order of their calls (trap 3); thinking before all else (trap 22)."""
    if turn.role == "assistant":
        if turn.blocks[0]["type"] not in THINKING_TYPES and len(turn.blocks) > 1:
            turn.blocks = sorted(turn.blocks, key=lambda block: block["type"] not in THINKING_TYPES)
        return
    if not _holds(turn.blocks, "tool_result"):
        return
    calls = [block.get("id") for block in before.blocks if block["type"] == "tool_use"] if before else []
    rank = {id_: place for place, id_ in enumerate(calls)}

    def place(block: Body) -> int:
        if block["type"] != "tool_result":
            return len(rank) + 1
        return rank.get(block["tool_use_id"], len(rank))

    turn.blocks = sorted(turn.blocks, key=place)


def _check_prefill(draft: Draft, last: Turn) -> None:
    if last.role != "assistant":
        return
    if not draft.quirks.prefill:
        message = (
            f"{draft.destination.model} does not continue an assistant message. "
            "End the messages with one of the user, or choose a model that takes a prefill."
        )
        raise Unsupported(message, param="messages")
    end = last.blocks[-1]
    if end["type"] == "text":
        last.blocks = [*last.blocks[:-1], {**end, "text": end["text"].rstrip()}]


def _holds(blocks: list[Body], kind: str) -> bool:
    return any(block["type"] == kind for block in blocks)
