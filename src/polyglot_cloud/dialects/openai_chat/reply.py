"""The pieces that a whole reply and a chunk of a stream have in common."""

from typing import Any

from polyglot_cloud.dialects.openai_chat import data_url
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.neutral import (
    Block,
    Image,
    Inline,
    Loss,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    Url,
)
from polyglot_cloud.pseudonym import pseudonym

Json = list[dict[str, Any]]


def text_of(value: Any) -> str:
    """`content` as one text: some hosts answer with a list of parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str))
    return ""


def content_of(message: Object) -> str:
    """The text, or the transcript of spoken audio, which no other dialect can carry."""
    audio = message.get("audio")
    return text_of(message.get("content")) or (text_of(audio.get("transcript")) if isinstance(audio, dict) else "")


def thinking_of(message: Object) -> str:
    """Two names are in use; Mistral has it as a part of the content (spring-projects/spring-ai issue 5019, read 2026-11-22)."""
    named = text_of(message.get("reasoning_content")) or text_of(message.get("reasoning"))
    if named or not isinstance(message.get("content"), list):
        return named
    return "".join(
        text_of(part.get("thinking")) for part in objects_of(message, "content") if part.get("type") == "thinking"
    )


def logprobs_of(choice: Object) -> Json | None:
    holder = choice.get("logprobs")
    found = holder.get("content") if isinstance(holder, dict) else None
    return found if isinstance(found, list) and found else None


def annotations_of(holder: Object) -> Json:
    return [found for found in _list(holder, "annotations") if isinstance(found, dict)]


def citations_of(body: Object) -> Json:
    """The pages of a search: xAI lists them beside the choices, as bare URLs."""
    return [_citation(url) for url in _list(body, "citations") if isinstance(url, str)]


def _citation(url: str) -> dict[str, Any]:
    return {"type": "url_citation", "url_citation": {"url": url, "title": url, "start_index": 0, "end_index": 0}}


def objects_of(holder: Object, name: str) -> list[Object]:
    """The objects of a list, whatever stands there."""
    return [found for found in _list(holder, name) if isinstance(found, dict)]


def _list(holder: Object, name: str) -> list[Any]:
    value = holder.get(name)
    return value if isinstance(value, list) else []


def object_of(holder: Object, name: str) -> Object:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def string_of(holder: Object, name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def call_id(reply_id: str, position: int) -> str:
    """An id for a call that came without one: the same for the whole reply and for its stream."""
    return f"call_{pseudonym(f'{reply_id}/{position}', 24)}"


def own_id(id_: str, taken: set[str]) -> str:
    """The id under which a client gets a call: a host that repeats one within an answer would make the client's next turn a 400."""
    while id_ in taken:
        id_ = f"call_{pseudonym(f'{id_}/{len(taken)}', 24)}"
    taken.add(id_)
    return id_


def call_pieces(call: Object) -> tuple[bool, str, str]:
    """(custom, name, arguments or a piece of them) of a tool call or its fragment."""
    custom = call.get("type") == "custom" or isinstance(call.get("custom"), dict)
    holder = object_of(call, "custom" if custom else "function")
    return custom, string_of(holder, "name"), string_of(holder, "input" if custom else "arguments")


def write_annotation(annotation: dict[str, Any], offset: int) -> dict[str, Any]:
    """Chat nests a citation under its type; Responses writes it flat, where an `index` of its own would confuse SDKs.

    Places in a block count from its start, which is `offset` characters into the message's one text.
    """
    kind = str(annotation.get("type"))
    nested = annotation.get(kind)
    cited = nested if isinstance(nested, dict) else {key: value for key, value in annotation.items() if key != "type"}
    moved = {name: cited[name] + offset for name in ("start_index", "end_index") if type(cited.get(name)) is int}
    return {"type": kind, kind: {**cited, **moved}}


def write_image(image: Image) -> Object | None:
    """An image that a model made. Chat has no member for it; `images` is what relays and clients of this format use."""
    match image.source:
        case Inline() as inline:
            url = data_url.compose(inline)
        case Url(url):
            pass
        case _:
            return None
    return {"type": "image_url", "image_url": {"url": url}}


def has_place(block: Block) -> bool:
    """Whether an answer in this format can hold it; what a provider did by itself travels in `reasoning_details`."""
    match block:
        case Text() | Thinking() | Refusal() | ToolCall() | Opaque():
            return True
        case Image():
            return write_image(block) is not None
        case _:
            return False


def placeless(block: Block, choice: int = 0) -> Loss:
    kind = type(block).__name__
    return Loss(f"/choices/{choice}/message", "dropped", f"{kind} has no place in a Chat Completions answer")


def write_call_head(index: int, call: ToolCall) -> Object:
    """A call's first fragment: its id and name, and arguments that are still empty."""
    holder = {"name": call.name, "input" if call.kind == "custom" else "arguments": ""}
    return {"index": index, "id": call.id, "type": call.kind, call.kind: holder}
