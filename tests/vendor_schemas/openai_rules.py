"""What OpenAI, and xAI in the same formats, refuse in a Chat or Responses body of the right shape."""

import json
import re
from collections.abc import Iterator
from typing import Any

from vendor_schemas.subject import Body, Subject, mislabelled

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DATA_URL = re.compile(r"data:([a-z0-9.+-]+/[a-z0-9.+-]+);base64,([A-Za-z0-9+/]+={0,2})")
_TURNED_OFF = ("none",)


# --- both ---


def _shared(subject: Subject, body: Body, effort: str | None, most: int | None) -> Iterator[str]:
    quirks = subject.quirks
    yield from (f"{name} is refused here" for name in sorted(quirks.refused & body.keys()))
    if effort is not None and quirks.efforts is not None and effort not in quirks.efforts:
        yield f"effort {effort!r} is none of {quirks.efforts}"
    sampling = [name for name in ("temperature", "top_p") if name in body]
    reasons = (effort or quirks.default_effort) != "none"
    refused = quirks.sampling in {"none", "ignored"} or (quirks.sampling == "effort_none" and reasons)
    if sampling and refused:
        yield f"{sampling} are refused with effort {effort}"
    if most is not None and subject.limit is not None and most > subject.limit:
        yield f"an output maximum of {most}, where {subject.limit} is the most"
    if body.keys() & {"parallel_tool_calls", "tool_choice"} and not body.get("tools"):
        yield "tool_choice or parallel_tool_calls without tools"
    if body.get("tools") == []:
        yield "tools are empty"
    marks = json.dumps(body.get("messages", body.get("input"))).count('"prompt_cache_breakpoint": {')
    if marks > (4 if quirks.cache_marks else 0):
        yield f"{marks} prompt cache breakpoints"
    if len(body.get("safety_identifier", "")) > 128:
        yield "a safety_identifier above 128 characters"
    metadata = body.get("metadata") or {}
    if len(metadata) > 16 or any(len(key) > 64 or len(value) > 512 for key, value in metadata.items()):
        yield "metadata beyond 16 pairs of 64 and 512 characters"


def _names(tools: list[Body]) -> Iterator[str]:
    yield from (f"tool name {tool['name']!r}" for tool in tools if not _NAME.fullmatch(tool["name"]))
    if len({tool["name"] for tool in tools}) < len(tools):
        yield "two tools have one name"


def _arguments(tools: list[Body]) -> Iterator[str]:
    for tool in tools:
        if tool.get("parameters") and tool["parameters"].get("type", "object") != "object":
            yield f"schema of {tool['name']} must be a JSON Schema of 'type: \"object\"'"


def _url(subject: Subject, url: str) -> Iterator[str]:
    if url.startswith(("https://", "http://")):
        return
    found = _DATA_URL.fullmatch(url)
    if not found:
        yield f"neither a web address nor a data URL: {url[:60]!r}"
    elif wrong := mislabelled(found[1], found[2]):
        yield wrong
    elif found[1].startswith("image/") and found[1] not in (subject.quirks.image_types or (found[1],)):
        yield f"{found[1]} is no image that this model takes"


# --- Chat ---


def chat(subject: Subject, body: Body) -> Iterator[str]:
    maxima = [body[name] for name in ("max_tokens", "max_completion_tokens") if name in body]
    yield from _shared(subject, body, body.get("reasoning_effort"), max(maxima, default=None))
    if len(maxima) > 1 or min(maxima, default=1) < 1:
        yield f"output maxima {maxima}"
    if "max_tokens" in body and not subject.takes("max_tokens_name"):
        yield "max_tokens is refused by this model, which wants max_completion_tokens"
    if "stream_options" in body and not body.get("stream"):
        yield "stream_options without stream"
    yield from _chat_needs(subject, body)
    tools = [tool[tool["type"]] for tool in body.get("tools", ())]
    yield from _arguments(tools)
    yield from _names(tools)
    yield from _chat_choice(body.get("tool_choice"), [tool["name"] for tool in tools])
    yield from _chat_messages(subject, body["messages"])
    schema = (body.get("response_format") or {}).get("json_schema")
    if schema is not None and not _NAME.fullmatch(schema.get("name", "")):
        yield f"a schema named {schema.get('name')!r}"


def _chat_needs(subject: Subject, body: Body) -> Iterator[str]:
    reasons = body.get("reasoning_effort") not in _TURNED_OFF
    asked = {
        "tools": "tools" in body,
        "tools_with_effort": "tools" in body and reasons,
        "stop": "stop" in body,
        "n": body.get("n", 1) > 1,
        "logprobs": bool(body.get("logprobs")),
        "schema": (body.get("response_format") or {}).get("type") == "json_schema",
    }
    yield from (
        f"{need} is not for this model in Chat" for need, wanted in asked.items() if wanted and not subject.takes(need)
    )
    if body.get("stop") is not None and not (
        isinstance(body["stop"], list) and 1 <= len(body["stop"]) <= 4 and all(body["stop"])
    ):
        yield f"stop {body['stop']!r}"
    if not subject.quirks.penalties and body.keys() & {"presence_penalty", "frequency_penalty"}:
        yield "penalties are refused by this model"
    if "top_logprobs" in body and not body.get("logprobs"):
        yield "top_logprobs without logprobs"


def _chat_choice(choice: Any, names: list[str]) -> Iterator[str]:
    if not isinstance(choice, dict):
        return
    kind = choice["type"]
    listed = choice["allowed_tools"]["tools"] if kind == "allowed_tools" else [choice]
    for each in listed:
        if each[each["type"]]["name"] not in names:
            yield f"tool_choice names what is no tool: {each}"
    if not listed:
        yield "allowed_tools without any"


def _chat_messages(subject: Subject, messages: list[Body]) -> Iterator[str]:
    waiting: list[str] = []
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                yield f"messages[{at}] answers no call before it"
            else:
                waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            yield f"messages[{at}] comes before the results of {waiting}"
        calls = message.get("tool_calls") or []
        waiting = [call["id"] for call in calls]
        names = [call[call["type"]]["name"] for call in calls]
        yield from (f"messages[{at}]: a call of {name!r}" for name in names if not _NAME.fullmatch(name))
        yield from (f"messages[{at}]: call id {id_!r}" for id_ in waiting if not 1 <= len(id_) <= 64)
        if len(set(waiting)) < len(waiting):
            yield f"messages[{at}]: two calls have one id"
        yield from (f"messages[{at}]: {fault}" for fault in _chat_content(subject, message))
    if waiting:
        yield f"nothing answers {waiting}"
    if messages[-1]["role"] == "assistant" and not subject.quirks.prefill:
        yield "the last message is the assistant's, which this model does not continue"


def _chat_content(subject: Subject, message: Body) -> Iterator[str]:
    content = message.get("content")
    said = message.get("tool_calls") or message.get("refusal") or message.get("function_call") or message.get("audio")
    if content is None and not said:
        yield "an assistant that says nothing at all"
    if message.get("tool_calls") == [] or content == []:
        yield "an empty array"
    if message["role"] == "developer" and not subject.takes("developer_role"):
        yield "this model has no developer role here"
    for part in content if isinstance(content, list) else ():
        if part["type"] == "image_url":
            yield from _url(subject, part["image_url"]["url"])
        if part["type"] == "file" and "file_data" in part["file"]:
            yield from _url(subject, part["file"]["file_data"])
        need = {"image_url": "image", "file": "file", "input_audio": "audio"}.get(part["type"])
        if need and not subject.takes(need):
            yield f"{part['type']} is not for this model in Chat"


# --- Responses ---


def responses(subject: Subject, body: Body) -> Iterator[str]:
    reasoning = body.get("reasoning", {})
    effort = reasoning.get("effort")
    yield from _shared(subject, body, effort, body.get("max_output_tokens"))
    if body.get("store") is not False:
        yield "store is not false: the provider would keep the conversation"
    if body.get("max_output_tokens", 16) < 16:
        yield f"max_output_tokens {body['max_output_tokens']} is below 16"
    if reasoning and subject.quirks.efforts == ():
        yield "this model does not reason"
    if "stream_options" in body and not body.get("stream"):
        yield "stream_options without stream"
    wants_logprobs = "message.output_text.logprobs" in body.get("include", ())
    if ("top_logprobs" in body) > wants_logprobs:
        yield "top_logprobs without their include"
    if wants_logprobs and not subject.takes("logprobs"):
        yield "this model gives no log probabilities"
    if wants_logprobs and subject.quirks.efforts and (effort or subject.quirks.default_effort) != "none":
        yield "log probabilities while it reasons"
    functions = [tool for tool in body.get("tools", ()) if tool["type"] in {"function", "custom"}]
    yield from _arguments(functions)
    yield from _names(functions)
    yield from (
        f"strict of {tool['name']} is not said" for tool in functions if tool.get("strict", True) not in {True, False}
    )
    yield from _choice(subject, body.get("tool_choice"), [tool["name"] for tool in functions])
    yield from _text(body)
    if isinstance(body["input"], list):
        yield from _items(subject, body["input"])


def _choice(subject: Subject, choice: Any, names: list[str]) -> Iterator[str]:
    if isinstance(choice, dict):
        listed = choice["tools"] if choice["type"] == "allowed_tools" else [choice]
        yield from (f"tool_choice names what is no tool: {each}" for each in listed if each["name"] not in names)
        if not listed:
            yield "allowed_tools without any"
    forced = choice == "required" or (isinstance(choice, dict) and choice.get("mode") != "auto")
    if forced and not subject.quirks.forced_tools:
        yield "this model refuses a forced call"


def _text(body: Body) -> Iterator[str]:
    format_ = body.get("text", {}).get("format") or {}
    if format_.get("type") == "json_schema" and not _NAME.fullmatch(format_.get("name", "")):
        yield f"a schema named {format_.get('name')!r}"
    if format_.get("type") == "json_object" and "json" not in json.dumps(body["input"]).lower():
        yield "input must contain the word 'json' in some form"


def _items(subject: Subject, items: list[Body]) -> Iterator[str]:
    if not items:
        yield "the input is empty"
    waiting: dict[str, str] = {}
    for at, item in enumerate(items):
        following = items[at + 1] if at + 1 < len(items) else {"role": "user"}
        yield from (f"input[{at}]: {fault}" for fault in [*_item(item, waiting, following), *_content(subject, item)])
    if waiting:
        yield f"no tool output found for function call {list(waiting)}"
    if items and items[-1].get("role") == "assistant" and not subject.quirks.prefill:
        yield "the last item is the assistant's, which this model does not continue"


def _item(item: Body, waiting: dict[str, str], following: Body) -> Iterator[str]:
    """`waiting` are the kinds of calls that have no output yet, by id; it is kept up to date."""
    match item.get("type", "message"):
        case "function_call" | "custom_tool_call" as kind:
            if item["call_id"] in waiting or not 1 <= len(item["call_id"]) <= 64:
                yield f"call id {item['call_id']!r}"
            if "id" in item:
                yield "it names an item that is not stored"
            if not _NAME.fullmatch(item["name"]):
                yield f"a call of {item['name']!r}"
            waiting[item["call_id"]] = kind
        case "function_call_output" | "custom_tool_call_output" as kind:
            if waiting.pop(item["call_id"], None) != kind.removesuffix("_output"):
                yield f"it answers no call: {item['call_id']!r}"
        case "reasoning":
            yield from _reasoning(item, following)
        case "message" if waiting and item["role"] != "assistant":
            yield f"it comes before the output of {list(waiting)}"


def _reasoning(item: Body, following: Body) -> Iterator[str]:
    if not item.get("encrypted_content"):
        yield "reasoning without encrypted_content names an item that is not stored"
    if following.get("role", "assistant") != "assistant" or following.get("type", "").endswith("_output"):
        yield "reasoning was provided without its required following item"


def _content(subject: Subject, item: Body) -> Iterator[str]:
    content = item.get("content") if "role" in item else item.get("output")
    if content == []:
        yield "an empty array"
    for part in content if isinstance(content, list) else ():
        if part["type"] == "input_image":
            yield from _url(subject, part.get("image_url", "https://"))
            if not part.get("image_url") and not part.get("file_id"):
                yield "an image without an address"
        if part["type"] == "input_file":
            if sum(name in part for name in ("file_data", "file_id", "file_url")) != 1:
                yield f"a file that is {sorted(part)}"
            if "file_data" in part:
                yield from _url(subject, part["file_data"])
                if not part.get("filename"):
                    yield "inline file data without a name"
        need = {"input_image": "image", "input_file": "file"}.get(part["type"])
        if need and not subject.takes(need):
            yield f"{part['type']} is not for this model"
