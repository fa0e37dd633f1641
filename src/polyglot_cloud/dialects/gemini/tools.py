"""Tools and the choice among them."""

from polyglot_cloud.dialects import Afterwards, Body
from polyglot_cloud.dialects.gemini.names import FIT, wire_name
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Loss, Request, Tool, ToolChoice
from polyglot_cloud.rows import Destination


def declarations(request: Request, losses: list[Loss]) -> list[Body]:
    """One `functionDeclarations` list. With "auto", tools outside the allowed names are not offered: Gemini narrows with ANY only."""
    if not request.tools:
        return []
    choice = request.tool_choice
    _check_names(request.tools, choice)
    narrowed = bool(choice.names) and choice.mode in {None, "auto"}
    if narrowed:
        losses.append(
            Loss("/tool_choice", "emulated", "Gemini narrows a forced choice only: the other tools are not offered")
        )
    offered = set(choice.names) if narrowed else {tool.name for tool in request.tools}
    losses += _losses(request.tools, choice)
    return [{"functionDeclarations": [_declaration(tool) for tool in request.tools if tool.name in offered]}]


def tool_config(request: Request, destination: Destination, losses: list[Loss]) -> Body | None:
    """None where the choice was left open, or there is nothing to choose from."""
    choice = request.tool_choice
    if not request.tools or choice.mode is None:
        return None
    if choice.mode == "required" and not destination.quirks.forced_tools:
        losses.append(Loss("/tool_choice", "approximated", f"{destination.model} cannot be made to call a tool"))
        return _calling({"mode": "AUTO"})
    if choice.mode == "required":
        names = [wire_name(name) for name in dict.fromkeys(choice.names)]
        return _calling({"mode": "ANY", **({"allowedFunctionNames": names} if names else {})})
    return _calling({"mode": "NONE" if choice.mode == "none" else "AUTO"})


def _calling(config: Body) -> Body:
    return {"functionCallingConfig": config}


def _check_names(tools: list[Tool], choice: ToolChoice) -> None:
    for at, tool in enumerate(tools):
        if tool.kind != "function":
            raise Unsupported(f'Gemini has no custom tools: "{tool.name}" must be a function.', param="tools")
        if not FIT.fullmatch(wire_name(tool.name)):
            raise Unsupported(
                f'The tool name "{tool.name}" does not fit Gemini: letters, digits, _ . : -, at most 128, no . or : first.',
                param=f"tools[{at}].function.name",
            )
    unknown = set(choice.names) - {tool.name for tool in tools}
    if unknown:
        raise BadRequest(
            f"tool_choice names {', '.join(sorted(unknown))}, which is not among the tools.", param="tool_choice"
        )


def _losses(tools: list[Tool], choice: ToolChoice) -> list[Loss]:
    strict = [
        Loss(f"/tools/{at}/function/strict", "dropped", "Gemini has no strict mode of a function")
        for at, tool in enumerate(tools)
        if tool.strict
    ]
    parallel = Loss(
        "/parallel_tool_calls", "emulated", "Gemini has no such switch: of several calls the first is passed on"
    )
    return [*strict, parallel] if choice.parallel is False else strict


def afterwards(request: Request) -> set[Afterwards]:
    return {"first_call_only"} if request.tools and request.tool_choice.parallel is False else set()


def _declaration(tool: Tool) -> Body:
    """`parametersJsonSchema` takes real JSON Schema; its older sibling `parameters` a subset, and never both."""
    declaration: Body = {"name": wire_name(tool.name)}
    if tool.description:
        declaration["description"] = tool.description
    if tool.parameters:
        declaration["parametersJsonSchema"] = tool.parameters
    return declaration
