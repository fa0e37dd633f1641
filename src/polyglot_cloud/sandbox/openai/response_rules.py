"""What OpenAI's Responses refuse though the types are right."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from polyglot_cloud.sandbox import models, tokens
from polyglot_cloud.sandbox.openai.chat_rules import parameters, schema_format
from polyglot_cloud.sandbox.openai.wire import listed, refuse
from polyglot_cloud.sandbox.seal import unseal

Body = Mapping[str, Any]
Item = Mapping[str, Any]

_PREFIXES = {"function_call": "fc", "message": "msg", "reasoning": "rs", "custom_tool_call": "ctc"}
_CALLS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
_ENCRYPTED = "gAAAAA"
_FOLLOWS_REASONING = ("message", "function_call", "custom_tool_call", "reasoning", "web_search_call")


def find_model(name: str | None) -> models.OpenAI:
    """The row of a model. The responses endpoint says 400, not 404 (recorded)."""
    if name is None:
        raise refuse("Missing required parameter: 'model'.", "model", "missing_required_parameter")
    row = models.OPENAI.get(models.OPENAI_ALIASES.get(name, name))
    if row is None:
        raise refuse(f"The requested model '{name}' does not exist.", "model", "model_not_found")
    return row


def effort(body: Body, model: models.OpenAI) -> str:
    asked = (body.get("reasoning") or {}).get("effort")
    return str(asked or model.default_effort) if model.reasons else "none"


def reasoning(body: Body, model: models.OpenAI) -> None:
    asked = body.get("reasoning") or {}
    for name in ("effort", "summary"):
        if asked.get(name) and not model.reasons:
            raise _unsupported(f"reasoning.{name}")
    if asked.get("effort") and asked["effort"] not in model.efforts:
        text = f"Unsupported value: '{asked['effort']}' is not supported with the '{model.id}' model."
        raise refuse(f"{text} Supported values are: {listed(model.efforts)}.", "reasoning.effort", "unsupported_value")
    if "reasoning.encrypted_content" in (body.get("include") or ()) and not model.reasons:
        raise refuse("Encrypted content is not supported with this model.", "include")


def sampling(body: Body, model: models.OpenAI) -> None:
    if effort(body, model) == "none":
        return
    if body.get("temperature") not in (None, 1):
        raise refuse("Unsupported parameter: 'temperature' is not supported with this model.", "temperature")
    for name in ("top_p", "top_logprobs"):
        if body.get(name) not in (None, 0):
            raise refuse(f"Unsupported parameter: '{name}' is not supported with this model.", name)
    if "message.output_text.logprobs" in (body.get("include") or ()):
        raise refuse("logprobs are not supported with reasoning models.", "include")


def _unsupported(name: str) -> Exception:
    return refuse(f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter")


def limits(body: Body, model: models.OpenAI) -> None:
    limit = body.get("max_output_tokens")
    if limit is not None and limit > model.output:
        text = f"max_output_tokens is too large: {limit}. This model supports at most {model.output} output tokens."
        raise refuse(text, "max_output_tokens", "invalid_value")
    if body.get("stream_options") is not None and not body.get("stream"):
        raise refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if body.get("conversation") is not None:
        if body.get("previous_response_id"):
            raise refuse(
                "Mutually exclusive parameters: 'conversation' and 'previous_response_id'.",
                "conversation",
                "mutually_exclusive_parameters",
            )
        raise refuse("The sandbox keeps no conversations; use previous_response_id.", "conversation", None, 404)
    if body.get("input") is None and not body.get("prompt"):
        raise refuse(
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.",
            "input",
            "missing_required_parameter",
        )


def tools(body: Body) -> None:
    for place, tool in functions(body):
        if tool["type"] == "function" and tool.get("strict") is not False:
            checked = {
                **tool,
                "parameters": tool["parameters"] if tool.get("strict") else closed(tool.get("parameters")),
            }
            parameters(checked, f"tools[{place}].parameters", by_default=True)
    asked = body.get("tool_choice", "auto")
    names = {tool["name"] for _, tool in functions(body)}
    if asked == "required" and not body.get("tools"):
        raise refuse("Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice")
    wanted = asked["tools"] if isinstance(asked, Mapping) and asked["type"] == "allowed_tools" else [asked]
    for tool in wanted:
        if isinstance(tool, Mapping) and tool.get("type") in {"function", "custom"} and tool.get("name") not in names:
            raise refuse(f"Tool choice '{tool.get('name')}' not found in 'tools' parameter.", "tool_choice")


def functions(body: Body) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The client's own tools, those in namespaces included, with the place of each."""
    for place, tool in enumerate(body.get("tools") or ()):
        if tool["type"] == "namespace":
            yield from ((place, {**inner, "namespace": tool["name"]}) for inner in tool["tools"])
        elif tool["type"] in {"function", "custom"}:
            yield place, tool


def closed(schema: Any) -> Any:
    """A schema as the vendor makes it strict when `strict` was left out: objects closed, every property required."""
    if schema is None:
        return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    out = {
        key: value if key in {"enum", "const", "default", "required"} else closed(value)
        for key, value in schema.items()
    }
    if isinstance(schema.get("properties"), Mapping):
        out["required"] = list(schema["properties"])
        out.setdefault("additionalProperties", False)
    elif schema.get("type") == "object":
        out.setdefault("additionalProperties", False)
        out.setdefault("properties", {})
    return out


def formats(body: Body, items: Sequence[Item]) -> None:
    form = (body.get("text") or {}).get("format") or {}
    if form.get("type") == "json_object" and "json" not in json.dumps([items, body.get("instructions")]).lower():
        text = "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'."
        raise refuse(text, "input")
    if form.get("type") == "json_schema":
        schema_format(form, "text.format")


def ids(items: Sequence[Item]) -> None:
    for place, item in enumerate(items):
        prefix = _PREFIXES.get(item.get("type", "message"))
        if prefix and item.get("id") and not str(item["id"]).startswith(prefix):
            text = f"Invalid 'input[{place}].id': '{item['id']}'. Expected an ID that begins with '{prefix}'."
            raise refuse(text, f"input[{place}].id", "invalid_value")


def pairing(items: Sequence[Item]) -> None:
    """Every call has its output and every output its call."""
    for call_kind, output_kind in _CALLS.items():
        what = "function call" if call_kind == "function_call" else "custom tool call"
        called = [item["call_id"] for item in items if item.get("type") == call_kind]
        answered = [item["call_id"] for item in items if item.get("type") == output_kind]
        for call_id in answered:
            if call_id not in called:
                raise refuse(f"No tool call found for {what} output with call_id {call_id}.", "input")
        for call_id in called:
            if call_id not in answered:
                raise refuse(f"No tool output found for {what} {call_id}.", "input")


def thoughts(body: Body, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Returned reasoning: whole, followed by what it belongs to. Gives back the items of another model, which are left out."""
    dropped = []
    present = {item.get("id") for item in items if item.get("type") == "reasoning"}
    for place, item in enumerate(items):
        if item.get("type") == "reasoning":
            following = items[place + 1].get("type", "message") if place + 1 < len(items) else None
            is_answer = following in _FOLLOWS_REASONING and items[place + 1].get("role", "assistant") == "assistant"
            if not is_answer:
                raise refuse(
                    f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following item.",
                    "input",
                )
            payload = _opened(item, place)
            if payload and payload.get("m") != body.get("model"):
                dropped.append({"type": "reasoning_dropped", "item_id": item.get("id"), "reason": "model_mismatch"})
        elif (owner := owner_of(str(item.get("id", "")))) and owner not in present:
            text = f"Item '{item['id']}' of type '{item.get('type', 'message')}' was provided without its required 'reasoning' item"
            raise refuse(f"{text}: '{owner}'.", "input")
    return dropped


def _opened(item: Item, place: int) -> dict[str, Any] | None:
    sealed = item.get("encrypted_content")
    if not sealed:
        if item.get("kept"):
            return None
        text = f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false."
        raise refuse(
            f"{text} Try again with `store` set to true, or remove this item from your input.", "input", None, 404
        )
    payload = unseal("openai", str(sealed).removeprefix(_ENCRYPTED))
    if payload is None or payload.get("id") != item.get("id", payload.get("id")):
        text = f"The encrypted content for item {item.get('id', place)} could not be verified."
        raise refuse(
            f"{text} Reason: Encrypted content could not be decrypted or parsed.", None, "invalid_encrypted_content"
        )
    return payload


def owner_of(item_id: str) -> str | None:
    """The reasoning item that an item of ours came with: fc_<24 hex>_r1 belongs to rs_<24 hex>."""
    prefix, _, rest = item_id.partition("_")
    stem, _, tail = rest.partition("_")
    return f"rs_{stem}" if tail.startswith("r") and prefix in {"fc", "ctc", "msg"} and len(stem) == 24 else None


def context(body: Body, items: Sequence[Item], model: models.OpenAI) -> None:
    used = input_tokens(body, items)
    if used > model.context and body.get("truncation") != "auto":
        text = "Your input exceeds the context window of this model. Please adjust your input and try again."
        raise refuse(text, "input", "context_length_exceeded")


def input_tokens(body: Body, items: Sequence[Item]) -> int:
    weighed = (body.get("instructions"), body.get("tools"), (body.get("text") or {}).get("format"))
    return sum(map(weigh, items)) + sum(tokens.weigh(value) for value in weighed)


def weigh(item: Item) -> int:
    return tokens.weigh({name: value for name, value in item.items() if name != "kept"}) + tokens.PER_MESSAGE


BODY_RULES = (reasoning, sampling, limits)
ITEM_RULES = (ids, pairing)
