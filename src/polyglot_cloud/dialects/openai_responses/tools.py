"""Tools and the choice among them."""

import re

from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Loss, Request, Tool, ToolChoice
from polyglot_cloud.rows import Quirks

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64


def write_tools(request: Request, quirks: Quirks, losses: list[Loss]) -> Body:
    """The members `tools`, `tool_choice` and `parallel_tool_calls`. The last two are refused without tools, so they go with them.

    Raises Unsupported for a name that the vendor does not take.
    """
    offered, choice = request.tools, request.tool_choice
    if not offered and not request.hints:  # where a web search might stand
        return _without_tools(choice, losses)
    _check_names(offered)
    if "custom" in quirks.refused and any(tool.kind == "custom" for tool in offered):
        raise Unsupported(f"{request.model} has no custom tools: offer functions.", param="tools")
    if _narrows(choice) and "allowed_tools" in quirks.refused:
        offered = [tool for tool in offered if tool.name in choice.names]
        choice = ToolChoice(choice.mode, [], choice.parallel)
        losses.append(Loss("/tool_choice", "emulated", "only the allowed tools are offered"))
    if any(tool.mark for tool in offered):
        losses.append(Loss("/tools", "dropped", "cache breakpoints are not carried over"))
    tools = [_tool(tool) for tool in offered] + _web_search(request, quirks, losses)
    if not tools:
        return _without_tools(choice, losses)
    chosen = _choice(choice, {tool.name: tool for tool in offered}, quirks, losses)
    parallel = {} if choice.parallel is None else {"parallel_tool_calls": choice.parallel}
    return {"tools": tools, **({} if chosen is None else {"tool_choice": chosen}), **parallel}


def _check_names(tools: list[Tool]) -> None:
    for index, tool in enumerate(tools):
        if not _NAME.fullmatch(tool.name):
            raise Unsupported(
                f"The tool name {tool.name!r} does not fit: letters, digits, _ and -, at most {_LONGEST_NAME}.",
                param=f"tools[{index}].{tool.kind}.name",
            )


def past_name(name: str) -> str:
    """Models invent names, and a client can only repeat them: what the vendor does not take is made to fit."""
    return _UNFIT.sub("_", name)[:_LONGEST_NAME] or "_"


def is_forced(request: Request) -> bool:
    choice = request.tool_choice
    return choice.mode == "required" and bool(request.tools)


def _narrows(choice: ToolChoice) -> bool:
    """Whether the choice is among some of the tools; one tool by name is a choice of its own."""
    return bool(choice.names) and choice.mode != "none" and not (choice.mode == "required" and len(choice.names) == 1)


def _tool(tool: Tool) -> Body:
    """`strict` is always said: it is true by default here and false in Chat, and would change which arguments come back."""
    described = {} if tool.description is None else {"description": tool.description}
    if tool.kind == "custom":
        return {"type": "custom", "name": tool.name, **described, **({"format": tool.format} if tool.format else {})}
    parameters = tool.parameters or {"type": "object", "properties": {}}
    if "properties" in parameters and "type" not in parameters:
        parameters = {"type": "object", **parameters}
    return {"type": "function", "name": tool.name, **described, "parameters": parameters, "strict": bool(tool.strict)}


def _web_search(request: Request, quirks: Quirks, losses: list[Loss]) -> list[Body]:
    """Chat's web_search_options as a tool; it holds the place one level deeper."""
    asked = request.hints.get("web_search_options")
    if not isinstance(asked, dict):
        return []
    if "web_search_options" in quirks.refused:
        raise Unsupported(f"{request.model} has no web search on this path.", param="web_search_options")
    tool: Body = {"type": "web_search"}
    if size := asked.get("search_context_size"):
        tool["search_context_size"] = size
    if isinstance(place := asked.get("user_location"), dict) and isinstance(inner := place.get("approximate"), dict):
        tool["user_location"] = {"type": "approximate", **inner}
    for name in sorted(quirks.refused & tool.keys()):
        del tool[name]
        losses.append(Loss(f"/web_search_options/{name}", "dropped", "this model's provider refuses it"))
    return [tool]


def _without_tools(choice: ToolChoice, losses: list[Loss]) -> Body:
    if choice.mode == "required":
        losses.append(Loss("/tool_choice", "dropped", "no tools are offered"))
    if choice.parallel is not None:
        losses.append(Loss("/parallel_tool_calls", "dropped", "no tools are offered"))
    return {}


def _choice(choice: ToolChoice, tools: dict[str, Tool], quirks: Quirks, losses: list[Loss]) -> Body | str | None:
    if choice.mode == "required" and not quirks.forced_tools:
        losses.append(
            Loss("/tool_choice", "emulated", "this model refuses a forced call; it is asked for one in words")
        )
        return "auto"
    if choice.mode == "none" or not choice.names:
        return choice.mode
    named = [{"type": tools[name].kind if name in tools else "function", "name": name} for name in choice.names]
    return {"type": "allowed_tools", "mode": choice.mode or "auto", "tools": named} if _narrows(choice) else named[0]


def demand(choice: ToolChoice) -> str:
    """What a model is told that cannot be forced to call."""
    if not choice.names:
        return "Answer by calling at least one of the tools."
    if len(choice.names) == 1:
        return f"Answer by calling the tool {choice.names[0]}."
    return f"Answer by calling at least one of these tools, and no other: {', '.join(choice.names)}."
