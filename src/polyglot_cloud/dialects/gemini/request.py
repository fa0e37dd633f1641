"""A neutral request -> the body of generateContent. Model and streaming stand in the path."""

from typing import Any

from polyglot_cloud.dialects import Afterwards, Body, Written
from polyglot_cloud.dialects.gemini.contents import contents, system_instruction
from polyglot_cloud.dialects.gemini.generation import asks_in_words, generation_config
from polyglot_cloud.dialects.gemini.tools import afterwards, declarations, tool_config
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Block, Loss, Request, ToolResult
from polyglot_cloud.rows import Destination

JSON_INSTRUCTION = "Answer with one valid JSON object and nothing else: no prose around it, no code fence."
_TIERS = {"default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}
_CARRIED = frozenset({"seed", "service_tier", "store"})
_EMPTY: tuple[Any, ...] = (None, {}, [])


def write_request(request: Request, destination: Destination) -> Written:
    """Raises Unsupported, with `param`, where a loss would change the meaning, BadRequest for histories that Gemini refuses."""
    if request.n > 1:
        raise Unsupported("Gemini gives one answer a request: n must be 1.", param="n")
    losses: list[Loss] = []
    body: Body = {
        "systemInstruction": _system(request, destination),
        "contents": contents(request, destination, losses),
        "tools": declarations(request, losses),
        "toolConfig": tool_config(request, destination, losses),
        "generationConfig": generation_config(request, destination, losses),
        **_hints(request, losses),
    }
    losses += _marks(request)
    written = {name: value for name, value in body.items() if value not in _EMPTY}
    return Written(
        _permitted(written, destination, losses), losses=_once(losses), afterwards=_afterwards(request, destination)
    )


def _system(request: Request, destination: Destination) -> Body | None:
    """The client's, then our own sentence: at the end, where it leaves the cached prefix alone."""
    instruction = system_instruction(request)
    if not asks_in_words(request, destination):
        return instruction
    return {"parts": [*(instruction or {"parts": []})["parts"], {"text": JSON_INSTRUCTION}]}


def _afterwards(request: Request, destination: Destination) -> set[Afterwards]:
    checked: set[Afterwards] = {"json_object"} if asks_in_words(request, destination) else set()
    return checked | afterwards(request)


def _hints(request: Request, losses: list[Loss]) -> Body:
    if not request.hints:
        return {}
    if request.hints.get("web_search_options") is not None:
        raise Unsupported("Web search cannot be had from Gemini on this path.", param="web_search_options")
    hints = {name: value for name, value in request.hints.items() if value not in _EMPTY}
    if set(hints.get("modalities", ["text"])) != {"text"}:
        raise Unsupported('Only text can be had from this model here: modalities must be ["text"].', param="modalities")
    tier = hints.get("service_tier", "auto")
    if tier not in {"auto", *_TIERS}:
        losses.append(Loss("/service_tier", "dropped", "Gemini has the tiers flex, standard and priority"))
    unknown = sorted(hints.keys() - _CARRIED - {"modalities"})
    losses += [Loss(f"/{name}", "dropped", "Gemini has no such field") for name in unknown]
    return {"serviceTier": _TIERS.get(tier), "store": hints.get("store")}


def _marks(request: Request) -> list[Loss]:
    """What stands in many places and is dropped everywhere: told once."""
    losses = []
    messages = [*request.system, *request.messages]
    if request.tools and any(tool.mark for tool in request.tools):
        losses.append(Loss("/tools", "dropped", "Gemini caches prompts by itself: cache marks have no place"))
    if any(_is_marked(block) for message in messages for block in message.blocks):
        losses.append(Loss("/messages", "dropped", "Gemini caches prompts by itself: cache marks have no place"))
    if any(message.name for message in messages):
        losses.append(Loss("/messages", "dropped", "Gemini has no names of participants"))
    return losses


def _is_marked(block: Block) -> bool:
    return block.mark is not None or (type(block) is ToolResult and any(each.mark for each in block.blocks))


def _permitted(body: Body, destination: Destination, losses: list[Loss]) -> Body:
    if destination.quirks.refused.isdisjoint(body):
        return body
    refused = body.keys() & destination.quirks.refused
    losses += [Loss(f"/{name}", "dropped", f"{destination.model} refuses it") for name in sorted(refused)]
    return {name: value for name, value in body.items() if name not in refused}


def _once(losses: list[Loss]) -> list[Loss]:
    return list(dict.fromkeys(losses))
