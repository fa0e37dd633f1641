"""The next request of a conversation: what the model said, as it stands, and a result for each tool that it called."""

import json
from collections.abc import Callable
from typing import Any

Body = dict[str, Any]


RETURNED = ("content", "refusal", "reasoning_content", "tool_calls")
"""Of a Chat message, what may stand in a request: a reply has more members than a request takes. `reasoning_content` is xAI's."""


class NoCall(Exception):
    """The reply calls no tool, so there is nothing to go on with."""


def next_chat(body: Body, reply: Body, result: str) -> Body:
    message = reply["choices"][0]["message"]
    answers = [
        {"role": "tool", "tool_call_id": call["id"], "content": result} for call in message.get("tool_calls") or ()
    ]
    said = {name: message[name] for name in RETURNED if message.get(name)}
    return {**body, "messages": [*body["messages"], {"role": "assistant", "content": None, **said}, *_some(answers)]}


def next_responses(body: Body, reply: Body, result: str) -> Body:
    answers = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": result}
        for item in reply["output"]
        if item["type"] == "function_call"
    ]
    return {**body, "input": [*body["input"], *reply["output"], *_some(answers)]}


def next_anthropic(body: Body, reply: Body, result: str) -> Body:
    answers = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": result}
        for block in reply["content"]
        if block["type"] == "tool_use"
    ]
    said = {"role": "assistant", "content": reply["content"]}
    return {**body, "messages": [*body["messages"], said, {"role": "user", "content": _some(answers)}]}


def next_gemini(body: Body, reply: Body, result: str) -> Body:
    content = reply["candidates"][0]["content"]
    calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    answers = [
        {
            "functionResponse": {
                **({"id": call["id"]} if "id" in call else {}),
                "name": call["name"],
                "response": json.loads(result),
            }
        }
        for call in calls
    ]
    return {**body, "contents": [*body["contents"], content, {"role": "user", "parts": _some(answers)}]}


def _some(answers: list[Body]) -> list[Body]:
    if not answers:
        raise NoCall("the model called no tool, so the conversation does not go on")
    return answers


NEXT: dict[str, Callable[[Body, Body, str], Body]] = {
    "openai_chat": next_chat,
    "openai_responses": next_responses,
    "anthropic": next_anthropic,
    "gemini": next_gemini,
}
