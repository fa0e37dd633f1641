"""What a reply says, read from the vendor's own JSON without the gateway's readers, so that the two can disagree.

A stream is first put together to the reply that it would have been; both are then read alike.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Value = dict[str, Any]


@dataclass(slots=True)
class Said:
    """A reply in a few words of its vendor. `calls` are (id, name, arguments as JSON text); `state` what must come back unharmed.
    `mark` is the reply's own id and time.

    `finish` is None where the reply has no end; `error` is what it says of its own failure inside a 200.
    """

    text: str = ""
    thinking: str = ""
    refusal: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    state: list[str] = field(default_factory=list)
    finish: str | None = None
    usage: Value = field(default_factory=dict)
    model: str = ""
    error: Value | None = None
    mark: tuple[Any, Any] = (None, None)


def plain(dialect: str, body: bytes) -> Said:
    return READ[dialect](json.loads(body))


def streamed(dialect: str, body: bytes) -> Said:
    return READ[dialect](TOGETHER[dialect](list(events(body))))


def events(body: bytes) -> Iterator[Value]:
    """The JSON of each event. Line ends may be CRLF; an event that is cut off is left out."""
    text = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    for block in text.split("\n\n"):
        lines = [line.removeprefix("data:").strip() for line in block.split("\n") if line.startswith("data:")]
        try:
            value = json.loads("\n".join(lines))
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


# --- whole replies ---


def read_chat(value: Value) -> Said:
    choice = (value.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    return Said(
        text=message.get("content") or "",
        thinking=message.get("reasoning_content") or "",
        refusal=message.get("refusal") or "",
        calls=[_chat_call(call) for call in message.get("tool_calls") or ()],
        finish=choice.get("finish_reason"),
        usage=value.get("usage") or {},
        model=value.get("model", ""),
        error=value.get("error"),
        mark=(value.get("id") or value.get("responseId"), value.get("created") or value.get("created_at")),
    )


def _chat_call(call: Value) -> tuple[str, str, str]:
    inner = call.get("function") or call.get("custom") or {}
    return call.get("id", ""), inner.get("name", ""), inner.get("arguments", inner.get("input", ""))


def read_responses(value: Value) -> Said:
    incomplete = value.get("incomplete_details") or {}
    said = Said(
        finish=incomplete.get("reason") or value.get("status"),
        usage=value.get("usage") or {},
        model=value.get("model", ""),
        error=value.get("error"),
        mark=(value.get("id") or value.get("responseId"), value.get("created") or value.get("created_at")),
    )
    for item in value.get("output") or ():
        _read_item(said, item)
    return said


def _read_item(said: Said, item: Value) -> None:
    match item["type"]:
        case "message":
            said.text += "".join(part.get("text", "") for part in item["content"])
            said.refusal += "".join(part.get("refusal", "") for part in item["content"])
        case "function_call" | "custom_tool_call":
            said.calls.append((item["call_id"], item["name"], item.get("arguments") or item.get("input") or ""))
        case "reasoning":
            told = item.get("summary") or item.get("content") or ()
            said.thinking += "".join(part.get("text", "") for part in told)
            said.state.append(f"{item.get('id')} {item.get('encrypted_content')}")


def read_anthropic(value: Value) -> Said:
    said = Said(
        finish=value.get("stop_reason"),
        usage=value.get("usage") or {},
        model=value.get("model", ""),
        error=value.get("error"),
        mark=(value.get("id") or value.get("responseId"), value.get("created") or value.get("created_at")),
    )
    for block in value.get("content") or ():
        match block["type"]:
            case "text":
                said.text += block["text"]
            case "thinking" | "redacted_thinking":
                said.thinking += block.get("thinking", "")
                said.state.append(block.get("signature") or block.get("data", ""))
            case "tool_use":
                said.calls.append((block["id"], block["name"], json.dumps(block["input"])))
    return said


def read_gemini(value: Value) -> Said:
    candidate = (value.get("candidates") or [{}])[0]
    said = Said(
        finish=candidate.get("finishReason") or (value.get("promptFeedback") or {}).get("blockReason"),
        usage=value.get("usageMetadata") or {},
        model=value.get("modelVersion", ""),
        error=value.get("error"),
        mark=(value.get("id") or value.get("responseId"), value.get("created") or value.get("created_at")),
    )
    for part in (candidate.get("content") or {}).get("parts") or ():
        if "functionCall" in part:
            call = part["functionCall"]
            said.calls.append((call.get("id", ""), call["name"], json.dumps(call.get("args") or {})))
        elif part.get("thought"):
            said.thinking += part.get("text", "")
        else:
            said.text += part.get("text", "")
        said.state += [part["thoughtSignature"]] if "thoughtSignature" in part else []
    return said


READ: dict[str, Callable[[Value], Said]] = {
    "openai_chat": read_chat,
    "openai_responses": read_responses,
    "anthropic": read_anthropic,
    "gemini": read_gemini,
}


# --- streams put together ---


def together_chat(found: list[Value]) -> Value:
    message: Value = {"content": "", "reasoning_content": "", "refusal": ""}
    whole: Value = {"choices": [{"message": message, "finish_reason": None}]}
    calls: dict[int, Value] = {}
    for event in found:
        whole |= {name: event[name] for name in ("id", "created", "model", "usage", "error") if event.get(name)}
        for choice in event.get("choices") or ():
            if choice.get("index", 0) == 0:
                _add_delta(message, calls, choice.get("delta") or {})
                if choice.get("finish_reason") is not None:  # xAI: "" with tool calls
                    whole["choices"][0]["finish_reason"] = choice["finish_reason"]
    message["tool_calls"] = [calls[number] for number in sorted(calls)]
    return whole


def _add_delta(message: Value, calls: dict[int, Value], delta: Value) -> None:
    for name in ("content", "reasoning_content", "refusal"):
        message[name] += delta.get(name) or ""
    for number, piece in enumerate(delta.get("tool_calls") or ()):
        kind = "custom" if "custom" in piece else "function"
        given, name = piece.get(kind) or {}, "input" if kind == "custom" else "arguments"
        call = calls.setdefault(piece.get("index", number), {"id": "", kind: {"name": "", name: ""}})
        call["id"] = piece.get("id") or call["id"]
        call[kind]["name"] = given.get("name") or call[kind]["name"]
        call[kind][name] += given.get(name) or ""


def together_responses(found: list[Value]) -> Value:
    """The last event has the whole reply; one that broke off has none."""
    last = found[-1] if found else {}
    if last.get("type") == "error":
        return {"error": last.get("error") or last}
    ends = ("response.completed", "response.incomplete", "response.failed")
    whole: Value = next((event["response"] for event in reversed(found) if event.get("type") in ends), {})
    return whole


def together_anthropic(found: list[Value]) -> Value:
    """Without `message_stop` it has no end, whatever stood before."""
    whole: Value = {}
    blocks: dict[int, Value] = {}
    for event in found:
        match event.get("type"):
            case "message_start":
                whole = dict(event["message"])
            case "content_block_start":
                blocks[event["index"]] = dict(event["content_block"])
            case "content_block_delta":
                _add_block_delta(blocks[event["index"]], event["delta"])
            case "message_delta":
                whole |= event["delta"]
                whole["usage"] = {**whole.get("usage", {}), **event.get("usage", {})}
            case "error":
                whole["error"] = event["error"]
    if not any(event.get("type") == "message_stop" for event in found):
        whole["stop_reason"] = None
    return {**whole, "content": [_closed(blocks[index]) for index in sorted(blocks)]}


def _add_block_delta(block: Value, delta: Value) -> None:
    for name in ("text", "thinking", "signature", "partial_json"):
        if name in delta:
            block[name] = block.get(name, "") + delta[name]


def _closed(block: Value) -> Value:
    pieces = block.pop("partial_json", "")
    if pieces:
        try:
            block["input"] = json.loads(pieces)
        except ValueError:  # the stream broke off inside
            block["input"] = {}
    return block


def together_gemini(found: list[Value]) -> Value:
    parts: list[Value] = []
    candidate: Value = {"content": {"parts": parts}}
    whole: Value = {"candidates": [candidate]}
    for event in found:
        whole |= {name: value for name, value in event.items() if name != "candidates"}
        for given in event.get("candidates") or ():
            parts += (given.get("content") or {}).get("parts") or ()
            candidate |= {name: value for name, value in given.items() if name != "content"}
    return whole


TOGETHER: dict[str, Callable[[list[Value]], Value]] = {
    "openai_chat": together_chat,
    "openai_responses": together_responses,
    "anthropic": together_anthropic,
    "gemini": together_gemini,
}
