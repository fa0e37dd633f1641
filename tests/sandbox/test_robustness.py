"""Whatever a body holds, a stand-in answers as its vendor would: it never breaks."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.kit import PDF, PERSON, PNG, PNG_URL, WEATHER, cloud, user

_STATUSES = {200, 400, 401, 402, 403, 404, 405, 410, 413, 415, 422, 429}
_SUBSTITUTES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "[[sandbox:",
    "auto",
    "\ud83d",
    [],
    [None],
    [[]],
    {},
    {"type": "text"},
    {"type": []},
    {"role": {}},
    {"$ref": "#"},
)
_CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
_CHAT = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "Be brief"},
        *user([{"type": "text", "text": "weather in Paris"}, {"type": "image_url", "image_url": {"url": PNG_URL}}]),
        {"role": "assistant", "content": None, "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "18C"},
    ],
    "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER, "strict": True}}],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": PERSON}},
    "stop": ["x"],
    "max_tokens": 50,
}
_RESPONSES = {
    "model": "gpt-5.5",
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "weather"},
                {"type": "input_image", "image_url": PNG_URL, "detail": "auto"},
            ],
        },
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "18C"},
    ],
    "tools": [{"type": "function", "name": "get_weather", "parameters": WEATHER}, {"type": "web_search"}],
    "tool_choice": "auto",
    "text": {"format": {"type": "json_schema", "name": "p", "schema": PERSON}},
    "reasoning": {"effort": "low"},
    "instructions": "Be brief",
}
_MESSAGES = {
    "model": "claude-haiku-4-5",
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "Be brief", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        *user(
            [
                {"type": "text", "text": "x"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            ]
        ),
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "18C"}]},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
            ],
        },
    ],
    "tools": [{"name": "get_weather", "input_schema": WEATHER}],
    "tool_choice": {"type": "auto"},
    "thinking": {"type": "disabled"},
    "output_config": {"format": {"type": "json_schema", "schema": PERSON}},
}
_GENERATE = {
    "contents": [
        {"role": "user", "parts": [{"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]},
        {"role": "model", "parts": [{"functionCall": {"id": "1", "name": "get_weather", "args": {"city": "Paris"}}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"id": "1", "name": "get_weather", "response": {"result": "18C"}}}],
        },
    ],
    "systemInstruction": {"parts": [{"text": "Be brief"}]},
    "tools": [{"functionDeclarations": [{"name": "get_weather", "parametersJsonSchema": WEATHER}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}},
    "generationConfig": {
        "thinkingConfig": {"thinkingBudget": 5},
        "stopSequences": ["x"],
        "responseMimeType": "text/plain",
    },
}
_GROK_CHAT = {**_CHAT, "model": "grok-4.20-non-reasoning"}
_GROK_RESPONSES = {**_RESPONSES, "model": "grok-4.6"}
CASES = [
    ("openai", "/chat/completions", _CHAT),
    ("openai", "/responses", _RESPONSES),
    ("openai", "/responses/input_tokens", {name: _RESPONSES[name] for name in ("model", "input", "tools", "text")}),
    ("openai", "/embeddings", {"model": "text-embedding-3-small", "input": ["a"], "dimensions": 4}),
    ("anthropic", "/messages", _MESSAGES),
    ("anthropic", "/messages/count_tokens", {name: value for name, value in _MESSAGES.items() if name != "max_tokens"}),
    ("gemini", "/models/gemini-2.5-flash:generateContent", _GENERATE),
    ("gemini", "/models/gemini-2.5-flash:streamGenerateContent?alt=sse", _GENERATE),
    ("gemini", "/models/gemini-2.5-flash:countTokens", {"generateContentRequest": _GENERATE}),
    ("gemini", "/models/gemini-embedding-001:embedContent", {"content": {"parts": [{"text": "x"}]}}),
    ("grok", "/chat/completions", _GROK_CHAT),
    ("grok", "/responses", _GROK_RESPONSES),
]
_TRIES = 150


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value within a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        yield (*path, step)
        yield from places(item, (*path, step))


def altered(body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The body with one or two of its values removed, replaced or joined by a stranger."""
    changed = copy.deepcopy(body)
    for _ in range(chance.choice((1, 1, 2))):
        found = list(places(changed))
        if not found:
            break
        *parents, last = chance.choice(found)
        holder: Any = changed
        for step in parents:
            holder = holder[step]
        way = chance.random()
        if way < 0.2:
            del holder[last]
        elif way < 0.3 and isinstance(holder, dict):
            holder["stranger"] = chance.choice(_SUBSTITUTES)
        else:
            holder[last] = copy.deepcopy(chance.choice(_SUBSTITUTES))
    return changed


@pytest.mark.parametrize(("name", "path", "body"), CASES, ids=[f"{name}{path}" for name, path, _ in CASES])
def test_good_bodies_are_good(name: str, path: str, body: dict[str, Any]) -> None:
    assert cloud(name).post(path, body).status == 200


@pytest.mark.parametrize(("name", "path", "body"), CASES, ids=[f"{name}{path}" for name, path, _ in CASES])
def test_altered_bodies_do_no_harm(name: str, path: str, body: dict[str, Any]) -> None:
    asker, chance = cloud(name), random.Random(path)
    for _ in range(_TRIES):
        changed = altered(body, chance)
        assert asker.post(path, changed).status in _STATUSES, changed
