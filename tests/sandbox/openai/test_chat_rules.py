from typing import Any

import pytest

from sandbox.kit import PERSON, WEATHER, Asker, cloud, user

TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ANSWERED = {"role": "tool", "tool_call_id": "call_1", "content": "18C"}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.fixture
def openai() -> Asker:
    return cloud("openai")


def schema_format(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, **more}}


REFUSED: list[tuple[str, dict[str, Any], int, str | None, str | None]] = [
    # what, body beyond model and messages, status, code, param
    ("a model nobody knows", {"model": "gpt-99"}, 404, "model_not_found", None),
    ("a model shut down", {"model": "gpt-4-turbo"}, 404, "model_not_found", None),
    ("an embedding model", {"model": "text-embedding-3-small"}, 404, None, "model"),
    ("a pro model", {"model": "gpt-5.5-pro"}, 404, None, "model"),
    ("a codex model", {"model": "gpt-5.3-codex"}, 404, None, "model"),
    ("an unknown argument", {"top_k": 3}, 400, None, None),
    (
        "an unknown argument deeper",
        {"stream": True, "stream_options": {"usage": True}},
        400,
        "unknown_parameter",
        "stream_options.usage",
    ),
    ("messages of a wrong type", {"messages": "hello"}, 400, "invalid_type", "messages"),
    ("no messages", {"messages": []}, 400, "empty_array", "messages"),
    ("an unknown role", {"messages": [{"role": "poet", "content": "x"}]}, 400, "invalid_value", "messages[0].role"),
    ("no content", {"messages": [{"role": "user"}]}, 400, "missing_required_parameter", "messages[0].content"),
    ("an unknown part", {"messages": user([{"type": "video"}])}, 400, "invalid_value", "messages[0].content[0].type"),
    ("a temperature of text", {"temperature": "hot"}, 400, "invalid_type", "temperature"),
    ("a temperature too high", {"temperature": 3}, 400, "integer_above_max_value", "temperature"),
    ("a temperature too low", {"temperature": -0.5}, 400, "decimal_below_min_value", "temperature"),
    ("five stops", {"stop": list("abcde")}, 400, "array_above_max_length", "stop"),
    ("a long identifier", {"safety_identifier": "x" * 129}, 400, "string_above_max_length", "safety_identifier"),
    (
        "a tool name with a space",
        {"tools": [{"type": "function", "function": {"name": "a b"}}]},
        400,
        "invalid_value",
        "tools[0].function.name",
    ),
    (
        "an empty tool name",
        {"tools": [{"type": "function", "function": {"name": ""}}]},
        400,
        "empty_string",
        "tools[0].function.name",
    ),
    ("an effort nobody knows", {"reasoning_effort": "heroic"}, 400, "invalid_value", "reasoning_effort"),
    ("an effort on a model that does not reason", {"model": "gpt-4o", "reasoning_effort": "low"}, 400, None, None),
    (
        "an effort the model lacks",
        {"model": "gpt-6.1-sol", "reasoning_effort": "none"},
        400,
        "unsupported_value",
        "reasoning_effort",
    ),
    ("max_tokens on a reasoning model", {"max_tokens": 5}, 400, "unsupported_parameter", "max_tokens"),
    (
        "both limits",
        {"model": "gpt-4o", "max_tokens": 5, "max_completion_tokens": 5},
        400,
        "invalid_parameter_combination",
        "max_tokens",
    ),
    ("too many tokens", {"model": "gpt-4o", "max_tokens": 99_999}, 400, "invalid_value", "max_tokens"),
    (
        "too many tokens by the new name",
        {"max_completion_tokens": 999_999},
        400,
        "invalid_value",
        "max_completion_tokens",
    ),
    ("a temperature while reasoning", {"temperature": 0.2}, 400, "unsupported_value", "temperature"),
    ("top_p while reasoning", {"top_p": 0.5}, 400, "unsupported_parameter", "top_p"),
    ("logprobs while reasoning", {"logprobs": True}, 400, "unsupported_parameter", "logprobs"),
    ("stop on a reasoning model", {"stop": "x", "reasoning_effort": "none"}, 400, "unsupported_parameter", "stop"),
    ("a penalty on a reasoning model", {"presence_penalty": 0.5}, 400, "unsupported_parameter", "presence_penalty"),
    ("audio", {"modalities": ["text", "audio"]}, 400, "unsupported_value", "modalities"),
    ("web search", {"web_search_options": {}}, 400, "unsupported_parameter", "web_search_options"),
    ("top_logprobs alone", {"model": "gpt-4o", "top_logprobs": 2}, 400, "invalid_value", "top_logprobs"),
    ("stream_options without stream", {"stream_options": {"include_usage": True}}, 400, None, "stream_options"),
    ("tool_choice without tools", {"tool_choice": "auto"}, 400, None, "tool_choice"),
    ("parallel_tool_calls without tools", {"parallel_tool_calls": True}, 400, None, "parallel_tool_calls"),
    ("no tools in a list", {"tools": []}, 400, "empty_array", "tools"),
    ("tools on gpt-6.1", {"model": "gpt-6.1-sol", "tools": [TOOL]}, 400, None, "reasoning_effort"),
    ("tools on gpt-5.6 with effort", {"model": "gpt-5.6-luna", "tools": [TOOL]}, 400, None, "reasoning_effort"),
    (
        "a choice of a tool not offered",
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "x"}}},
        400,
        None,
        "tool_choice",
    ),
    (
        "a strict tool that is open",
        {"tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": OPEN}}]},
        400,
        "invalid_function_parameters",
        "tools[0].function.parameters",
    ),
    (
        "parameters that are no object",
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}]},
        400,
        "invalid_function_parameters",
        "tools[0].function.parameters",
    ),
    (
        "a schema that is none",
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "thing"}}}]},
        400,
        "invalid_function_parameters",
        "tools[0].function.parameters",
    ),
    (
        "a strict schema that is none",
        {"tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "thing"}}}]},
        400,
        "invalid_function_parameters",
        "tools[0].function.parameters",
    ),
    ("JSON without the word", {"response_format": {"type": "json_object"}}, 400, None, "messages"),
    ("an open strict schema", {"response_format": schema_format(OPEN, strict=True)}, 400, None, "response_format"),
    (
        "no schema",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        400,
        "missing_required_parameter",
        "response_format.json_schema.schema",
    ),
    ("a tool message out of nowhere", {"messages": [*user("x"), ANSWERED]}, 400, None, "messages.[1].role"),
    (
        "an answer to another call",
        {"messages": [*user("x"), CALLED, {**ANSWERED, "tool_call_id": "no"}]},
        400,
        None,
        "messages.[2].tool_call_id",
    ),
    ("a call without its answer", {"messages": [*user("x"), CALLED, *user("y")]}, 400, None, "messages.[2].role"),
    ("a call at the end", {"messages": [*user("x"), CALLED]}, 400, None, "messages.[1].role"),
    (
        "an assistant with nothing to say",
        {"messages": [*user("x"), {"role": "assistant", "content": None}]},
        400,
        None,
        "messages.[1].content",
    ),
    (
        "a context overrun",
        {"model": "gpt-4o", "messages": user("word " * 110_000)},
        400,
        "context_length_exceeded",
        "messages",
    ),
]


@pytest.mark.parametrize(("what", "change", "status", "code", "param"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(
    openai: Asker, what: str, change: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    answer = openai.post("/chat/completions", {"model": "gpt-5.5", "messages": user("Hello"), **change})
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (status, code, param), error["message"]
    assert error["type"] == "invalid_request_error"


def test_the_documented_text_of_tools_with_effort(openai: Asker) -> None:
    answer = openai.post("/chat/completions", {"model": "gpt-5.6-luna", "messages": user("x"), "tools": [TOOL]})
    assert answer.json["error"]["message"] == (
        "Function tools with reasoning_effort are not supported for gpt-5.6-luna in /v1/chat/completions. "
        "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
    )


def test_an_unknown_argument_is_named(openai: Asker) -> None:
    answer = openai.post("/chat/completions", {"model": "gpt-5.5", "messages": user("x"), "top_k": 1})
    assert answer.json["error"]["message"] == "Unrecognized request argument supplied: top_k"


def test_no_model_at_all(openai: Asker) -> None:
    answer = openai.post("/chat/completions", {"messages": user("x")})
    assert answer.json["error"]["message"] == "you must provide a model parameter"


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("temperature 1 while reasoning", {"temperature": 1}),
    ("sampling with effort none", {"reasoning_effort": "none", "temperature": 0.2, "top_p": 0.5}),
    ("sampling where none is the default", {"model": "gpt-5.4", "temperature": 0.2}),
    ("tools with effort none", {"model": "gpt-5.6-luna", "reasoning_effort": "none", "tools": [TOOL]}),
    ("tools on gpt-5.5", {"tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": False}),
    (
        "an open schema that is not strict",
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": OPEN}}]},
    ),
    ("a function without parameters", {"tools": [{"type": "function", "function": {"name": "f"}}]}),
    ("a penalty of nought", {"presence_penalty": 0}),
    (
        "all the small fields",
        {"user": "u", "seed": 7, "store": False, "metadata": {"a": "b"}, "verbosity": "low", "prompt_cache_key": "k"},
    ),
    ("a developer", {"messages": [{"role": "developer", "content": "Be kind"}, *user("Hello")]}),
    ("a dated snapshot", {"model": "gpt-4o-2024-08-06", "max_tokens": 50, "stop": "x"}),
    ("a strict schema", {"response_format": schema_format(PERSON, strict=True)}),
    (
        "nulls where they are allowed",
        {"temperature": None, "tools": [TOOL], "metadata": None, "stop": None, "max_tokens": None},
    ),
]


@pytest.mark.parametrize(("what", "change"), ACCEPTED, ids=[row[0] for row in ACCEPTED])
def test_accepted(openai: Asker, what: str, change: dict[str, Any]) -> None:
    answer = openai.post("/chat/completions", {"model": "gpt-5.5", "messages": user("Hello"), **change})
    assert answer.status == 200, answer.body
