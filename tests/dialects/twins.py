"""A stream's plain twin, made from its bytes by eyes that know nothing of our readers: what the vendor would have answered without
streaming. None where a format has no way of saying it, or the stream has no end.
"""

import json
from typing import Any

Json = dict[str, Any]


def twin(dialect: str, body: bytes) -> Json | None:
    events = [
        json.loads(line) for line in map(_data, body.decode().replace("\r", "").split("\n")) if line.startswith("{")
    ]
    return {"openai_responses": _responses, "anthropic": _anthropic, "gemini": _gemini, "openai_chat": _chat}[dialect](
        events
    )


def _data(line: str) -> str:
    return line.removeprefix("data:").strip() if line.startswith("data:") else ""


def _responses(events: list[Json]) -> Json | None:
    """The last event has it whole."""
    last = events[-1]
    return last["response"] if last["type"] in {"response.completed", "response.incomplete"} else None


def _anthropic(events: list[Json]) -> Json | None:
    if events[-1]["type"] != "message_stop":
        return None
    message: Json = {"content": []}
    for event in events:
        match event["type"]:
            case "message_start":
                message = {**event["message"], "content": []}
            case "content_block_start":
                message["content"].append({**event["content_block"], "_json": ""})
            case "content_block_delta":
                _anthropic_delta(message["content"][event["index"]], event["delta"])
            case "message_delta":
                message |= event["delta"]
                told = {name: value for name, value in event.get("usage", {}).items() if value is not None}
                message["usage"] = {**message["usage"], **told}
    for block in message["content"]:
        if text := block.pop("_json"):
            block["input"] = json.loads(text)
    return message


def _anthropic_delta(block: Json, delta: Json) -> None:
    match delta["type"]:
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        case "input_json_delta":
            block["_json"] += delta["partial_json"]
        case kind:
            for name in delta.keys() - {"type", "estimated_tokens"}:
                earlier, later = block.get(name), delta[name]
                block[name] = earlier + later if isinstance(earlier, str) and kind != "compaction_delta" else later


def _gemini(events: list[Json]) -> Json | None:
    """All parts in one candidate, and of everything else the last word."""
    reply: Json = {}
    candidate: Json = {}
    parts: list[Json] = []
    for event in events:
        for told in event.get("candidates", [])[:1]:
            parts += told.get("content", {}).get("parts", [])
            candidate |= {name: value for name, value in told.items() if name != "content"}
        reply |= event
    return {**reply, "candidates": [{**candidate, "content": {"role": "model", "parts": parts}}]}


def _chat(events: list[Json]) -> Json | None:
    reply: Json = {**events[0], "usage": None}
    message: Json = {"role": "assistant", "content": "", "reasoning_content": "", "refusal": ""}
    calls: dict[int, Json] = {}
    choice: Json = {"index": 0, "message": message, "finish_reason": None}
    for event in events:
        reply["usage"] = event.get("usage") or reply["usage"]
        reply["service_tier"] = event.get("service_tier") or reply.get("service_tier")
        for told in event.get("choices", []):
            if told["index"] != 0:
                continue
            choice["finish_reason"] = told.get("finish_reason") or choice["finish_reason"]
            for name in ("content", "reasoning_content", "refusal"):
                message[name] += told["delta"].get(name) or ""
            message["annotations"] = told["delta"].get("annotations") or message.get("annotations")
            for fragment in told["delta"].get("tool_calls") or []:
                _chat_fragment(calls, fragment)
    message["tool_calls"] = list(calls.values())
    return {**reply, "choices": [choice]}


def _chat_fragment(calls: dict[int, Json], fragment: Json) -> None:
    call = calls.setdefault(fragment["index"], {"type": "function", "function": {"name": "", "arguments": ""}})
    call["id"] = call.get("id") or fragment.get("id")
    told = fragment["function"]
    call["function"]["name"] = call["function"]["name"] or told.get("name")
    call["function"]["arguments"] += told.get("arguments") or ""
