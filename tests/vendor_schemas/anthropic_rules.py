"""What Anthropic refuses in a Messages body of the right shape."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from vendor_schemas.subject import Body, Subject, blank, mislabelled

THINKING = ("thinking", "redacted_thinking")
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_USER_ONLY = ("image", "document", "tool_result", "container_upload", "search_result")
_ASSISTANT_ONLY = (*THINKING, "tool_use", "server_tool_use", "web_search_tool_result")
_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
_SUBSET = {
    "type", "properties", "required", "items", "enum", "const", "anyOf", "allOf", "$defs", "$ref", "description", "title",
    "minItems", "format", "additionalProperties",
}  # fmt: skip
"""Keywords of the JSON Schema subset that is enforced, as the SDK's own transformation leaves them."""


def broken(subject: Subject, body: Body) -> Iterator[str]:
    yield from _limits(subject, body)
    yield from _turns(subject, body)
    yield from _tools(subject, body)
    yield from _thinking(subject, body)
    yield from _schemas(body)
    yield from _marks(body)


def _limits(subject: Subject, body: Body) -> Iterator[str]:
    quirks, most = subject.quirks, subject.row.max_output
    if not 1 <= body["max_tokens"] <= (most or body["max_tokens"]):
        yield f"max_tokens {body['max_tokens']} is outside 1..{most}"
    sampling = [name for name in ("temperature", "top_p", "top_k") if name in body]
    if sampling and quirks.sampling in {"none", "ignored"}:
        yield f"{sampling} are refused by this model"
    if quirks.sampling == "one" and {"temperature", "top_p"} <= set(sampling):
        yield "temperature and top_p together"
    if any(blank(word) for word in body.get("stop_sequences", ())):
        yield "a stop sequence of white space only"


# --- turns ---


def _turns(subject: Subject, body: Body) -> Iterator[str]:
    messages = body["messages"]
    if not messages:
        yield "messages are empty"
        return
    yield from _roles(subject, messages)
    yield from _last(subject, messages[-1])
    yield from (f"system: {each}" for each in _texts(body.get("system", [])))
    for at, message in enumerate(messages):
        yield from (f"messages[{at}]: {fault}" for fault in _message(message, messages[at - 1] if at else None))
    calls = [block["id"] for message in messages for block in _blocks(message) if block["type"] == "tool_use"]
    if len(set(calls)) < len(calls):
        yield "tool_use ids are not unique"


def _roles(subject: Subject, messages: list[Body]) -> Iterator[str]:
    roles = [message["role"] for message in messages]
    if any(one == other for one, other in pairwise(roles)):
        yield f"neighbours of one role are not merged: {roles}"
    for at, role in enumerate(roles):
        if role == "system":
            following = roles[at + 1] if at + 1 < len(roles) else "assistant"
            if not subject.quirks.inner_system or at == 0 or roles[at - 1] != "user" or following != "assistant":
                yield f"a system message at {at} among {roles}"


def _last(subject: Subject, last: Body) -> Iterator[str]:
    if last["role"] != "assistant":
        return
    if not subject.quirks.prefill:
        yield "the last message is the assistant's, which this model does not continue"
    end = _blocks(last)[-1]
    if end["type"] == "text" and end["text"] != end["text"].rstrip():
        yield "the prefill ends in white space"
    if end["type"] in THINKING:
        yield "the prefill ends in thinking"
    if end["type"] == "tool_use":
        yield "the last message calls tools that nobody answers"


def _message(message: Body, before: Body | None) -> Iterator[str]:
    blocks, assistant = _blocks(message), message["role"] == "assistant"
    if not blocks:
        yield "it is empty"
    kinds = [block["type"] for block in blocks]
    yield from (f"a {kind} block there" for kind in kinds if kind in (_USER_ONLY if assistant else _ASSISTANT_ONLY))
    # beside a call the API takes back what the model itself said, blank or not (recorded traffic of 2025)
    yield from _texts([block for block in blocks if not (assistant and "tool_use" in kinds and block.get("text"))])
    first_other = next((at for at, kind in enumerate(kinds) if kind not in THINKING), len(kinds))
    if "thinking" in kinds and kinds[0] not in THINKING and first_other == 0:
        yield "thinking does not come first"
    yield from _results(blocks, before)
    yield from (fault for block in _media(blocks) for fault in _source(block["source"]))


def _results(blocks: list[Body], before: Body | None) -> Iterator[str]:
    calls = [block["id"] for block in _blocks(before) if block["type"] == "tool_use"] if before else []
    kinds = [block["type"] for block in blocks]
    answers = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    if sorted(answers) != sorted(calls):
        yield f"results {answers} do not answer the calls {calls}"
    if "tool_result" in kinds[len(answers) :]:
        yield "tool results do not come first"
    yield from (f"id {id_!r}" for id_ in [*calls, *answers] if not _ID.fullmatch(id_))
    for block in blocks:
        if block["type"] == "tool_result":
            content = block.get("content", [])
            yield from _texts(content)


def _texts(blocks: Any) -> Iterator[str]:
    """Of a list of blocks, or of a string, which a tool's result may leave empty."""
    for block in blocks if isinstance(blocks, list) else [{"type": "text", "text": blocks}] if blocks else []:
        if block["type"] == "text" and blank(block["text"]):
            yield "text content blocks must be non-empty, and not white space only"


def _media(blocks: list[Body]) -> Iterator[Body]:
    for block in blocks:
        if block["type"] in {"image", "document"}:
            yield block
        elif block["type"] == "tool_result" and isinstance(block.get("content"), list):
            yield from _media(block["content"])


def _source(source: Body) -> Iterator[str]:
    if source["type"] == "base64" and (wrong := mislabelled(source["media_type"], source["data"])):
        yield wrong
    if source["type"] == "text" and not source["data"]:
        yield "an empty document"


# --- tools ---


def _tools(subject: Subject, body: Body) -> Iterator[str]:
    tools, choice = body.get("tools", []), body.get("tool_choice")
    names = [tool["name"] for tool in tools]
    if len(set(names)) < len(names):
        yield "tool names must be unique"
    yield from (f"tool name {name!r}" for name in names if not _NAME.fullmatch(name))
    called = [block["name"] for each in body["messages"] for block in _blocks(each) if block["type"] == "tool_use"]
    yield from (f"a call of {name!r}" for name in called if not _NAME.fullmatch(name))
    used = any(block["type"] in {"tool_use", "tool_result"} for each in body["messages"] for block in _blocks(each))
    if used and not tools:
        yield "the history calls tools, but tools are absent"
    if choice is None:
        return
    if not tools:
        yield "tool_choice without tools"
    if choice["type"] == "tool" and choice["name"] not in names:
        yield f"tool_choice names {choice['name']!r}, which is no tool"
    if choice["type"] in {"any", "tool"}:
        if not subject.quirks.forced_tools:
            yield "this model refuses a forced tool choice"
        if body.get("thinking", {}).get("type") in {"enabled", "adaptive"}:
            yield "a forced tool choice while thinking"


# --- thinking ---


def _thinking(subject: Subject, body: Body) -> Iterator[str]:
    quirks, thinking = subject.quirks, body.get("thinking")
    effort = body.get("output_config", {}).get("effort")
    if effort is not None and effort not in (quirks.efforts or ()):
        yield f"effort {effort} is none of {quirks.efforts}"
    if thinking is None:
        return
    kind = thinking["type"]
    if kind not in (quirks.thinking or ()):
        yield f"thinking {kind} is none of {quirks.thinking}"
    if kind == "between_tools" and effort in {"xhigh", "max"}:
        yield "between_tools at a high effort"
    if kind == "disabled" and effort in {"xhigh", "max"}:
        yield "thinking is off at a high effort"
    if kind in {"enabled", "adaptive"} and any(name in body for name in ("temperature", "top_p", "top_k")):
        yield "sampling while thinking"
    if kind == "enabled":
        yield from _budget(thinking["budget_tokens"], body)


def _budget(budget: int, body: Body) -> Iterator[str]:
    if not 1024 <= budget < body["max_tokens"]:
        yield f"a budget of {budget} beside max_tokens {body['max_tokens']}"
    if body["messages"][-1]["role"] == "assistant":
        yield "a prefill while thinking"
    first = None
    for message in reversed(body["messages"]):
        if message["role"] == "assistant":
            first = message
        elif not any(block["type"] == "tool_result" for block in _blocks(message)):
            break
    if first is not None and _blocks(first)[0]["type"] not in THINKING:
        yield "a running tool loop does not begin with its thinking"


# --- schemas ---


def _schemas(body: Body) -> Iterator[str]:
    for at, tool in enumerate(body.get("tools", [])):
        if tool.get("strict"):
            yield from (f"tools[{at}]: {fault}" for fault in _subset(tool["input_schema"]))
    format_ = body.get("output_config", {}).get("format")
    if format_:
        yield from (f"format: {fault}" for fault in _subset(format_["schema"]))


def _subset(schema: Any, where: str = "") -> Iterator[str]:
    """Whether a schema stays within what is enforced."""
    if not isinstance(schema, dict):
        yield f"{where or 'the schema'} is no object"
        return
    if strange := schema.keys() - _SUBSET:
        yield f"{where or 'the schema'} has {sorted(strange)}"
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield f"{where or 'the schema'} is not closed"
    if not schema.keys() & {"type", "enum", "const", "anyOf", "allOf", "$ref"}:
        yield f"{where or 'the schema'} allows anything"
    if schema.get("minItems", 0) not in {0, 1}:
        yield f"{where} has minItems {schema['minItems']}"
    if "format" in schema and schema["format"] not in _FORMATS:
        yield f"{where} has the format {schema['format']!r}"
    for name in ("properties", "$defs"):
        for key, inner in schema.get(name, {}).items():
            yield from _subset(inner, f"{where}.{name}.{key}")
    for name in ("anyOf", "allOf"):
        for at, inner in enumerate(schema.get(name, [])):
            yield from _subset(inner, f"{where}.{name}[{at}]")
    if "items" in schema:
        yield from _subset(schema["items"], f"{where}.items")


# --- cache marks ---


def _marks(body: Body) -> Iterator[str]:
    marks = list(_marked(body.get("tools", [])))
    marks += _marked(body.get("system", []))
    for message in body["messages"]:
        marks += _marked(_blocks(message))
    if len(marks) > 4:
        yield f"{len(marks)} cache marks"
    ttls = [mark.get("ttl", "5m") for mark in marks]
    if "1h" in ttls and "5m" in ttls[: len(ttls) - ttls[::-1].index("1h")]:
        yield f"a longer ttl after a shorter one: {ttls}"


def _marked(blocks: Any) -> Iterator[Body]:
    for block in blocks if isinstance(blocks, list) else ():
        if block.get("type") == "tool_result":
            yield from _marked(block.get("content", []))
        if block.get("cache_control"):
            yield block["cache_control"]


def _blocks(message: Body) -> list[Body]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]
