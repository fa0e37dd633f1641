"""Tools and the choice among them, read and written; the deprecated `functions` and `function_call` are read as tools."""

import re

from polyglot_cloud.dialects.openai_chat import fields
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.dialects.openai_chat.parts import read_mark
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Loss, Tool, ToolChoice
from polyglot_cloud.rows import Quirks

_KINDS = ("function", "custom")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DECLARING = frozenset({"tools", "functions"})
_CHOOSING = frozenset({"tool_choice", "function_call", "parallel_tool_calls"})
_MODES = ("none", "auto", "required")


def read_tools(body: Object) -> list[Tool]:
    if _DECLARING.isdisjoint(body):
        return []
    declared, functions = fields.objects(body, "tools"), fields.objects(body, "functions")
    if declared and functions:
        raise BadRequest(
            "Only one of 'tools' and 'functions' may be given; 'functions' is deprecated.", param="functions"
        )
    if functions:
        tools = [_read_function(function, f"functions[{index}].") for index, function in enumerate(functions)]
    else:
        tools = [_read_tool(tool, f"tools[{index}].") for index, tool in enumerate(declared)]
    _check_unique(tools, "functions" if functions else "tools")
    return tools


def _check_unique(tools: list[Tool], param: str) -> None:
    """A call says the name alone: of two tools with one name nobody knows which is meant. Most vendors refuse it."""
    seen = set()
    for index, tool in enumerate(tools):
        if tool.name in seen:
            message = f"Invalid '{param}[{index}]': the name {tool.name!r} is taken by a tool before it."
            raise BadRequest(message, param=f"{param}[{index}]", code="invalid_value")
        seen.add(tool.name)


def _read_tool(tool: Object, at: str) -> Tool:
    kind = fields.word(tool, "type", _KINDS, at)
    if kind is None:
        raise fields.missing(f"{at}type")
    holder = fields.needed_mapping(tool, kind, at)
    read = (_read_custom if kind == "custom" else _read_function)(holder, f"{at}{kind}.")
    read.mark = read_mark(tool, at) or read.mark
    return read


def _read_function(function: Object, at: str) -> Tool:
    return Tool(
        name=_name(function, at),
        description=fields.string(function, "description", at),
        parameters=_parameters(function, at),
        strict=fields.boolean(function, "strict", at),
        mark=read_mark(function, at),
    )


def _parameters(function: Object, at: str) -> Object | None:
    """A JSON Schema of an object: every vendor refuses arguments of another type."""
    schema = fields.mapping(function, "parameters", at)
    if schema is not None and schema.get("type", "object") != "object":
        message = f"Invalid schema for '{at}parameters': its 'type' must be 'object', not {schema['type']!r}."
        raise BadRequest(message, param=f"{at}parameters", code="invalid_function_parameters")
    return schema


def _read_custom(custom: Object, at: str) -> Tool:
    format_ = fields.mapping(custom, "format", at)
    if format_ is not None and fields.word(format_, "type", ("text", "grammar"), f"{at}format.") == "grammar":
        grammar = fields.needed_mapping(format_, "grammar", f"{at}format.")
        format_ = {"type": "grammar", **grammar}
    description = fields.string(custom, "description", at)
    return Tool(_name(custom, at), description, kind="custom", format=format_)


def _name(holder: Object, at: str) -> str:
    name = fields.needed_string(holder, "name", at)
    if not name:
        raise BadRequest(
            f"Invalid '{at}name': empty string. Expected a string with minimum length 1.",
            param=f"{at}name",
            code="empty_string",
        )
    return name


def read_choice(body: Object, tools: list[Tool]) -> ToolChoice:
    """Without tools there is nothing to choose: OpenAI refuses the members then, so they are left out."""
    if _CHOOSING.isdisjoint(body):
        return ToolChoice()
    named = "function_call" if body.get("functions") else "tool_choice"
    choice = _read_legacy_choice(body) if named == "function_call" else _read_mode(body)
    choice.parallel = fields.boolean(body, "parallel_tool_calls")
    if not tools:
        return ToolChoice()
    unknown = set(choice.names) - {tool.name for tool in tools}
    if unknown:
        raise BadRequest(
            f"Invalid value for '{named}': {min(unknown)!r} is not among the tools.",
            param=named,
            code="invalid_value",
        )
    return choice


def _read_legacy_choice(body: Object) -> ToolChoice:
    choice = body.get("function_call")
    if isinstance(choice, dict):
        return ToolChoice("required", [fields.needed_string(choice, "name", "function_call.")])
    mode = fields.word(body, "function_call", ("none", "auto"))
    return ToolChoice("none" if mode == "none" else "auto" if mode == "auto" else None)


def _read_mode(body: Object) -> ToolChoice:
    choice = body.get("tool_choice")
    if choice is not None and not isinstance(choice, str | dict):
        raise fields.wrong_type("tool_choice", "one of a string or an object", choice)
    if isinstance(choice, dict):
        return _read_named(choice)
    match fields.word(body, "tool_choice", _MODES):
        case "none":
            return ToolChoice("none")
        case "auto":
            return ToolChoice("auto")
        case "required":
            return ToolChoice("required")
        case _:
            return ToolChoice()


def _read_named(choice: Object) -> ToolChoice:
    if choice.get("type") != "allowed_tools":
        return ToolChoice("required", [_read_reference(choice, "tool_choice.", (*_KINDS, "allowed_tools"))])
    at = "tool_choice.allowed_tools."
    holder = fields.needed_mapping(choice, "allowed_tools", "tool_choice.")
    mode = fields.word(holder, "mode", ("auto", "required"), at)
    references = enumerate(fields.objects(holder, "tools", at))
    names = [_read_reference(tool, f"{at}tools[{index}].", _KINDS) for index, tool in references]
    if not names:  # none allowed would read as all of them
        raise BadRequest(f"Invalid '{at}tools': name at least one tool.", param=f"{at}tools", code="empty_array")
    return ToolChoice("required" if mode == "required" else "auto", names)


def _read_reference(holder: Object, at: str, kinds: tuple[str, ...]) -> str:
    """The name in `{"type": "function", "function": {"name"}}`."""
    kind = fields.word(holder, "type", kinds, at)
    if kind is None:
        raise fields.missing(f"{at}type")
    return fields.needed_string(fields.needed_mapping(holder, kind, at), "name", f"{at}{kind}.")


# --- writing ---


def write_tools(tools: list[Tool], choice: ToolChoice, quirks: Quirks, losses: list[Loss]) -> Object:
    """The members `tools`, `tool_choice` and `parallel_tool_calls`, as far as there is something to say.

    Raises Unsupported for names that are not taken, and for custom tools where the host has none.
    """
    if not tools:
        return {}
    for index, tool in enumerate(tools):
        if not _NAME.fullmatch(tool.name):
            message = f"The tool name {tool.name[:80]!r} does not fit: letters, digits, _ and -, at most 64."
            raise Unsupported(message, param=f"tools[{index}].{tool.kind}.name")
        if tool.kind == "custom" and "custom" in quirks.refused:
            message = f"This host has no custom tools: offer {tool.name!r} as a function."
            raise Unsupported(message, param=f"tools[{index}]")
    if "allowed_tools" in quirks.refused and len(choice.names) > (choice.mode == "required"):
        allowed = set(choice.names)
        tools = [tool for tool in tools if tool.name in allowed]
        choice = ToolChoice(choice.mode, [], choice.parallel)
        losses.append(Loss("/tool_choice", "emulated", "only the allowed tools are offered"))
    if any(tool.mark for tool in tools):
        losses.append(Loss("/tools", "dropped", "caching is automatic in this format; breakpoints cannot be named"))
    written: Object = {"tools": [_write_tool(tool) for tool in tools]}
    if choice.mode == "required" and not quirks.forced_tools:
        losses.append(Loss("/tool_choice", "approximated", "this model cannot be forced to call a tool; it may choose"))
        choice = ToolChoice("auto", choice.names, choice.parallel)
    if choice.mode is not None:
        written["tool_choice"] = _write_choice(choice, {tool.name: tool for tool in tools})
    if choice.parallel is not None:
        written["parallel_tool_calls"] = choice.parallel
    return written


def _write_tool(tool: Tool) -> Object:
    holder: Object = {"name": tool.name}
    if tool.description is not None:
        holder["description"] = tool.description
    if tool.kind == "custom":
        if tool.format is not None:
            holder["format"] = _write_format(tool.format)
        return {"type": "custom", "custom": holder}
    # left out it means the same at OpenAI; others ask for it
    holder["parameters"] = {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters
    if tool.strict is not None:
        holder["strict"] = tool.strict
    return {"type": "function", "function": holder}


def _write_format(format_: Object) -> Object:
    if format_.get("type") != "grammar" or "grammar" in format_:
        return format_
    return {"type": "grammar", "grammar": {name: value for name, value in format_.items() if name != "type"}}


def _write_choice(choice: ToolChoice, tools: dict[str, Tool]) -> str | Object | None:
    if not choice.names:
        return choice.mode
    named = [_write_reference(name, tools) for name in choice.names]
    if choice.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": named}}


def _write_reference(name: str, tools: dict[str, Tool]) -> Object:
    kind = tools[name].kind if name in tools else "function"
    return {"type": kind, kind: {"name": name}}
