"""What OpenAI's chat completions refuse though its types are right: model by model, and between fields.

Each rule raises `Refused` in the vendor's words; `RULES` lists them in the order they are asked.
"""

import json
from collections.abc import Mapping
from typing import Any

from polyglot_cloud.sandbox import grammar, models, tokens
from polyglot_cloud.sandbox.openai import strict
from polyglot_cloud.sandbox.openai.wire import listed, no_model, refuse

Body = Mapping[str, Any]
Model = models.OpenAI

_NOT_WITH_REASONING = ("stop", "logit_bias", "prediction", "presence_penalty", "frequency_penalty")
_SAMPLING = ("top_p", "logprobs", "top_logprobs")


def find_model(name: str) -> Model:
    """The row of a model. Raises Refused as the vendor does for what is unknown, shut down or no chat model at all."""
    if name in models.OPENAI_RETIRED:
        text = f"The model `{name}` has been deprecated, learn more in the vendor's list of deprecations."
        raise refuse(text, None, "model_not_found", 404)
    row = models.OPENAI.get(models.OPENAI_ALIASES.get(name, name))
    if row is None and name in models.OPENAI_EMBEDDINGS:
        raise refuse("This is not a chat model and thus not supported in this endpoint.", "model", None, 404)
    if row is None:
        raise no_model(name)
    return row


def effort(body: Body, model: Model) -> str:
    """The effort in force; "none" for a model that does not reason."""
    return str(body.get("reasoning_effort") or model.default_effort) if model.reasons else "none"


def endpoint(_body: Body, model: Model) -> None:
    if not model.chat:
        text = "This model is only supported in v1/responses and not in v1/chat/completions."
        raise refuse(text, "model", None, 404)


def efforts(body: Body, model: Model) -> None:
    asked = body.get("reasoning_effort")
    if asked is None:
        return
    if not model.reasons:
        raise refuse("Unrecognized request argument supplied: reasoning_effort")
    if asked not in model.efforts:
        text = f"Unsupported value: 'reasoning_effort' does not support '{asked}' with this model."
        raise refuse(f"{text} Supported values are: {listed(model.efforts)}.", "reasoning_effort", "unsupported_value")


def limits(body: Body, model: Model) -> None:
    old, new = body.get("max_tokens"), body.get("max_completion_tokens")
    if old is not None and new is not None:
        text = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise refuse(text, "max_tokens", "invalid_parameter_combination")
    if old is not None and model.reasons:
        text = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise refuse(text, "max_tokens", "unsupported_parameter")
    limit = new if old is None else old
    if limit is not None and limit > model.output:
        text = f"max_tokens is too large: {limit}. This model supports at most {model.output} completion tokens"
        raise refuse(
            f"{text}, whereas you provided {limit}.",
            "max_tokens" if new is None else "max_completion_tokens",
            "invalid_value",
        )


def sampling(body: Body, model: Model) -> None:
    if not model.reasons:
        return
    for name in _NOT_WITH_REASONING:
        if body.get(name) not in (None, 0, {}, []):
            raise _unsupported(name)
    if effort(body, model) == "none":
        return
    temperature = body.get("temperature")
    if temperature not in (None, 1):
        text = f"Unsupported value: 'temperature' does not support {temperature} with this model. Only the default (1) value is supported."
        raise refuse(text, "temperature", "unsupported_value")
    for name in _SAMPLING:
        if body.get(name) not in (None, False):
            raise _unsupported(name)


def _unsupported(name: str) -> Exception:
    return refuse(f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter")


def audio(body: Body, _model: Model) -> None:
    if body.get("audio") is not None or "audio" in (body.get("modalities") or ()):
        raise refuse("This model does not support the requested modality: audio.", "modalities", "unsupported_value")
    if "web_search_options" in body:
        raise _unsupported("web_search_options")


def logprobs(body: Body, _model: Model) -> None:
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise refuse(
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", "top_logprobs", "invalid_value"
        )


def streaming(body: Body, _model: Model) -> None:
    if body.get("stream_options") is not None and not body.get("stream"):
        raise refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")


def tools(body: Body, model: Model) -> None:
    offered = body.get("tools") or body.get("functions")
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in body and not body.get("tools"):
            raise refuse(f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.", name)
    if not offered:
        return
    if model.chat_tools == "no" or (model.chat_tools == "effort none" and effort(body, model) != "none"):
        text = f"Function tools with reasoning_effort are not supported for {model.id} in /v1/chat/completions."
        way_out = " To use function tools, use /v1/responses"
        way_out += " or set reasoning_effort to 'none'." if model.chat_tools == "effort none" else "."
        raise refuse(text + way_out, "reasoning_effort")
    for number, tool in enumerate(body.get("tools") or ()):
        if tool["type"] == "function":
            parameters(tool["function"], f"tools[{number}].function.parameters", by_default=False)


def parameters(function: Mapping[str, Any], param: str, *, by_default: bool) -> None:
    """A function's parameters: an object, and closed where strict."""
    schema = function.get("parameters")
    if not schema and not by_default:
        return
    is_strict = by_default if function.get("strict") is None else function["strict"]
    text = strict.problem(schema or {}) if is_strict else _no_object(schema)
    if text:
        raise refuse(f"Invalid schema for function '{function['name']}': {text}", param, "invalid_function_parameters")


def _no_object(schema: Any) -> str | None:
    if told := grammar.problem(schema):
        return f"{told}."
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    return (
        None
        if kind in (None, "object")
        else f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    )


def choice(body: Body, _model: Model) -> None:
    asked = body.get("tool_choice")
    if not isinstance(asked, Mapping):
        return
    names = {tool[tool["type"]]["name"] for tool in body.get("tools") or ()}
    wanted = [asked] if asked["type"] != "allowed_tools" else asked["allowed_tools"]["tools"]
    for tool in wanted:
        name = (tool.get(tool.get("type", "")) or {}).get("name")
        if name not in names:
            raise refuse(f"Invalid value for 'tool_choice': tool '{name}' is not among 'tools'.", "tool_choice")


def formats(body: Body, _model: Model) -> None:
    form = body.get("response_format") or {}
    if form.get("type") == "json_object" and "json" not in json.dumps(body["messages"]).lower():
        text = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        raise refuse(text, "messages")
    if form.get("type") == "json_schema":
        schema_format(form["json_schema"], "response_format")


def schema_format(form: Mapping[str, Any], param: str) -> None:
    if "schema" not in form:
        raise refuse(
            f"Missing required parameter: '{param}.json_schema.schema'.",
            f"{param}.json_schema.schema",
            "missing_required_parameter",
        )
    text = strict.problem(form["schema"]) if form.get("strict") else grammar.problem(form["schema"])
    if text:
        raise refuse(f"Invalid schema for response_format '{form['name']}': {text}", param)


def pairing(body: Body, _model: Model) -> None:
    """Every tool message answers a call of the turn before it, and every call is answered at once."""
    waiting: list[str] = []
    called = False
    for number, message in enumerate(body["messages"]):
        if message["role"] == "tool":
            _answers(message, number, waiting, called=called)
            continue
        if waiting:
            _unanswered(waiting, number)
        waiting = [call["id"] for call in message.get("tool_calls") or ()] if message["role"] == "assistant" else []
        called = bool(waiting)
        _has_content(message, number)
    if waiting:
        _unanswered(waiting, len(body["messages"]) - 1)


def _answers(message: Mapping[str, Any], number: int, waiting: list[str], *, called: bool) -> None:
    if not called:
        text = (
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
        )
        raise refuse(text, f"messages.[{number}].role")
    if message["tool_call_id"] not in waiting:
        text = f"Invalid parameter: 'tool_call_id' of '{message['tool_call_id']}' not found in 'tool_calls' of previous message."
        raise refuse(text, f"messages.[{number}].tool_call_id")
    waiting.remove(message["tool_call_id"])


def _unanswered(waiting: list[str], number: int) -> None:
    text = "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
    raise refuse(
        f"{text} The following tool_call_ids did not have response messages: {', '.join(waiting)}",
        f"messages.[{number}].role",
    )


def _has_content(message: Mapping[str, Any], number: int) -> None:
    if message["role"] != "assistant" or message.get("content") is not None:
        return
    if not any(message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio")):
        text = "Invalid value for 'content': expected a string, got null."
        raise refuse(text, f"messages.[{number}].content")


def context(body: Body, model: Model) -> None:
    used = input_tokens(body)
    if used > model.context:
        text = f"This model's maximum context length is {model.context} tokens. However, your messages resulted in {used} tokens."
        raise refuse(f"{text} Please reduce the length of the messages.", "messages", "context_length_exceeded")


def input_tokens(body: Body) -> int:
    weighed = ("messages", "tools", "functions", "response_format")
    return sum(tokens.weigh(body.get(name)) for name in weighed) + tokens.PER_MESSAGE * len(body["messages"])


RULES = (endpoint, efforts, limits, sampling, audio, logprobs, streaming, tools, choice, formats, pairing, context)
