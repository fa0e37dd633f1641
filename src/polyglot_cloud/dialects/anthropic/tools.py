"""Tools and the choice among them (facts 2.2, 2.4; traps 17 to 20)."""

import re

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic import cache, schema
from polyglot_cloud.dialects.anthropic.draft import Draft
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Tool, ToolChoice

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


def write_tools(draft: Draft, used: list[str], *, forcible: bool) -> Body:
    """The fields `tools` and `tool_choice`. `used` are names that the history calls; not `forcible`: a forced choice is a 400.

    Raises Unsupported for custom tools and for names that Anthropic does not take, BadRequest for a choice that names no tool of the
    request.
    """
    request = draft.request
    _check_names(request.tools)
    _check_choice(request.tools, request.tool_choice)
    if not request.tools:
        return _placeholders(draft, used)
    offered = _offered(draft)
    written = [_tool(draft, tool, index) for index, tool in enumerate(request.tools) if tool.name in offered]
    choice = _choice(draft, forcible=forcible)
    return {"tools": written} | ({"tool_choice": choice} if choice else {})


def forced(choice: ToolChoice) -> bool:
    return choice.mode == "required"


def _check_names(tools: list[Tool]) -> None:
    for index, tool in enumerate(tools):
        if not _NAME.fullmatch(tool.name):
            message = f"The tool name {tool.name!r} does not fit Anthropic: letters, digits, _ and -, at most 128."
            raise Unsupported(message, param=f"tools[{index}].{tool.kind}.name")


def _check_choice(tools: list[Tool], choice: ToolChoice) -> None:
    if choice.names:
        known = {tool.name for tool in tools}
        for name in choice.names:
            if name not in known:
                message = f"tool_choice names {name!r}, which is not among the tools."
                raise BadRequest(message, param="tool_choice")
    if forced(choice) and not tools:
        raise BadRequest("tool_choice asks for a tool call, but there are no tools.", param="tool_choice")


def _placeholders(draft: Draft, used: list[str]) -> Body:
    """Anthropic refuses tool calls in the history when no tools are offered: name them, and allow none (trap 18)."""
    if not used:
        return {}
    draft.lose(
        "/messages", "emulated", "the history calls tools that are not offered: they are named, and none may be called"
    )
    tools = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in used]
    return {"tools": tools, "tool_choice": {"type": "none"}}


def _offered(draft: Draft) -> set[str]:
    """Names of the tools that the choice allows. The history may call others: only a request without any tools is refused then."""
    names, choice = {tool.name for tool in draft.request.tools}, draft.request.tool_choice
    if not choice.names or choice.mode == "none" or _single(choice):
        return names
    reason = "Anthropic cannot choose among some of the tools: the others are not offered"
    draft.lose("/tool_choice", "emulated", reason)
    return set(choice.names)


def _single(choice: ToolChoice) -> bool:
    return forced(choice) and len(choice.names) == 1


def _tool(draft: Draft, tool: Tool, index: int) -> Body:
    if tool.kind == "custom":
        message = f"Tool {tool.name!r} is a custom tool; Anthropic has function tools only. Offer it as a function."
        raise Unsupported(message, param="tools")
    written: Body = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    parameters = _parameters(tool)
    written["input_schema"] = parameters
    if tool.strict:
        written |= _strict(draft, parameters, index)
    return cache.marked(written, tool.mark)


def _parameters(tool: Tool) -> Body:
    if not tool.parameters:
        return {"type": "object", "properties": {}}
    return tool.parameters if "type" in tool.parameters else {"type": "object", **tool.parameters}


def _strict(draft: Draft, parameters: Body, index: int) -> Body:
    """A strict tool's fields: a schema within the subset, or no strictness where the schema cannot be said in it."""
    try:
        fitted = schema.fit(parameters)
    except schema.Inexpressible as error:
        draft.lose(f"/tools/{index}/function/strict", "dropped", f"Anthropic cannot enforce this schema: {error}")
        return {}
    if fitted.schema.get("type") != "object":
        reason = "Anthropic wants an object at the root of a tool's schema, and enforces no union or $ref there"
        draft.lose(f"/tools/{index}/function/strict", "dropped", reason)
        return {}
    if fitted.loss:
        draft.lose(f"/tools/{index}/function/parameters", "approximated", fitted.loss)
    return {"input_schema": fitted.schema, "strict": True}


def _choice(draft: Draft, *, forcible: bool) -> Body | None:
    choice = draft.request.tool_choice
    if choice.mode == "none":
        return {"type": "none"}
    written = _called(draft, choice, forcible=forcible)
    if choice.parallel is False:
        written = (written or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    return written


def _called(draft: Draft, choice: ToolChoice, *, forcible: bool) -> Body | None:
    if not forced(choice):
        return {"type": "auto"} if choice.mode == "auto" else None
    if forcible:
        return {"type": "tool", "name": choice.names[0]} if _single(choice) else {"type": "any"}
    which = f"the tool `{choice.names[0]}`" if _single(choice) else "at least one of the tools"
    draft.instructions.append(f"Answer this turn with a call of {which}, not with text alone.")
    reason = "this model refuses a forced tool call (with thinking, or at all): it is asked for in the system prompt"
    draft.lose("/tool_choice", "emulated", reason)
    return {"type": "auto"}
