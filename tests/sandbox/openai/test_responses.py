import json
from typing import Any

import pytest

from sandbox.kit import PDF, PERSON, PNG_URL, WEATHER, Answer, Asker, cloud, validate

TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": WEATHER,
    "strict": True,
}
LOOSE = {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}}, "required": ["city"]}
ENCRYPTED = ["reasoning.encrypted_content"]


@pytest.fixture
def openai() -> Asker:
    return cloud("openai")


def ask(openai: Asker, given: Any, **more: Any) -> Answer:
    return openai.post("/responses", {"model": "gpt-6.1-sol", "input": given, **more})


def respond(openai: Asker, given: Any, **more: Any) -> dict[str, Any]:
    answer = ask(openai, given, **more)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def text_of(response: dict[str, Any]) -> str:
    return "".join(
        part.get("text", "") for item in response["output"] if item["type"] == "message" for part in item["content"]
    )


def calls_of(response: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in response["output"] if item["type"].endswith("_call")]


def outputs(response: dict[str, Any], text: str = "18C") -> list[dict[str, Any]]:
    return [
        {"type": f"{call['type']}_output", "call_id": call["call_id"], "output": text} for call in calls_of(response)
    ]


def test_whole_answer(openai: Asker) -> None:
    body = respond(openai, "Hello")
    assert [item["type"] for item in body["output"]] == ["reasoning", "message"]
    assert (body["object"], body["status"], body["store"]) == ("response", "completed", True)
    assert "gpt-6.1-sol" in text_of(body)
    assert "encrypted_content" not in body["output"][0]
    usage = body["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["output_tokens_details"]["reasoning_tokens"] == 16


def test_no_reasoning_where_there_is_none(openai: Asker) -> None:
    assert [item["type"] for item in respond(openai, "Hello", model="gpt-4o")["output"]] == ["message"]


def test_event_order(openai: Asker) -> None:
    answer = ask(openai, "weather in Paris and Tokyo", tools=[TOOL], stream=True, reasoning={"summary": "auto"})
    names = [name for name, _ in answer.events]
    assert [data["type"] for data in answer.data] == names
    assert [data["sequence_number"] for data in answer.data] == list(range(len(names)))
    folded = [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]
    call = [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]
    assert folded == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        *call,
        *call,
        "response.completed",
    ]


def test_events_of_a_text(openai: Asker) -> None:
    answer = ask(openai, "say one two three four", model="gpt-4o", stream=True)
    by_kind: dict[str, list[Any]] = {}
    for name, data in answer.events:
        by_kind.setdefault(name, []).append(data)
    assert "".join(data["delta"] for data in by_kind["response.output_text.delta"]) == "one two three four"
    assert by_kind["response.output_text.done"][0]["text"] == "one two three four"
    assert by_kind["response.content_part.added"][0]["part"]["text"] == ""
    assert by_kind["response.output_item.added"][0]["item"]["content"] == []
    final = by_kind["response.completed"][0]["response"]
    assert text_of(final) == "one two three four"
    assert final["output"][0] == by_kind["response.output_item.done"][0]["item"]
    assert by_kind["response.created"][0]["response"]["status"] == "in_progress"
    assert all("obfuscation" in data for data in by_kind["response.output_text.delta"])


def test_padding_can_be_declined(openai: Asker) -> None:
    answer = ask(openai, "Hello", stream=True, stream_options={"include_obfuscation": False})
    assert not any("obfuscation" in data for data in answer.data)


@pytest.mark.parametrize("stream", [False, True])
def test_ids(openai: Asker, stream: bool) -> None:
    answer = ask(openai, "weather in Paris", tools=[TOOL], stream=stream)
    final = answer.data[-1]["response"] if stream else answer.json
    call = calls_of(final)[0]
    assert call["id"].startswith("fc_")
    assert call["call_id"].startswith("call_")
    assert final["id"].startswith("resp_")


def test_a_loop_without_storage(openai: Asker) -> None:
    question = {"role": "user", "content": "What is the weather in Paris and Tokyo?"}
    first = respond(openai, [question], tools=[TOOL], store=False, include=ENCRYPTED)
    second = respond(openai, [question, *first["output"], *outputs(first)], tools=[TOOL], store=False)
    assert "Paris: 18C" in text_of(second)


def test_a_loop_by_previous_response(openai: Asker) -> None:
    first = respond(openai, "What is the weather in Paris?", tools=[TOOL])
    second = respond(openai, outputs(first), tools=[TOOL], previous_response_id=first["id"])
    assert "Paris: 18C" in text_of(second)
    assert openai.get(f"/responses/{first['id']}").json == first


def test_storage(openai: Asker) -> None:
    kept = respond(openai, "My name is Ada")
    assert "Ada" in text_of(respond(openai, "What is my name?", previous_response_id=kept["id"]))
    assert openai.ask("DELETE", f"/responses/{kept['id']}").json["deleted"] is True
    assert openai.ask("DELETE", f"/responses/{kept['id']}").status == 404
    assert openai.get(f"/responses/{kept['id']}").status == 404
    forgotten = respond(openai, "Hello", store=False)
    answer = ask(openai, "Hello", previous_response_id=forgotten["id"])
    assert (answer.status, answer.json["error"]["code"]) == (400, "previous_response_not_found")


def test_item_references(openai: Asker) -> None:
    kept = respond(openai, "What is the weather in Paris?", tools=[TOOL])
    referred = [{"type": "item_reference", "id": item["id"]} for item in kept["output"]]
    question = {"role": "user", "content": "What is the weather in Paris?"}
    assert "18C" in text_of(respond(openai, [question, *referred, *outputs(kept)], tools=[TOOL]))
    assert ask(openai, [{"type": "item_reference", "id": "msg_none"}]).status == 404


def test_instructions_and_developers(openai: Asker) -> None:
    assert text_of(respond(openai, "Hello", instructions="Speak like a pirate")).startswith("Arr!")
    items = [
        {"role": "developer", "content": [{"type": "input_text", "text": "You are a pirate"}]},
        {"role": "user", "content": "Hello"},
    ]
    assert text_of(respond(openai, items)).startswith("Arr!")


def test_strict_by_default_closes_the_schema(openai: Asker) -> None:
    body = respond(openai, "weather in Paris", tools=[{"type": "function", "name": "get_weather", "parameters": LOOSE}])
    echoed = body["tools"][0]
    assert echoed["strict"] is True
    assert echoed["parameters"]["required"] == ["city", "unit"]
    assert echoed["parameters"]["additionalProperties"] is False
    assert set(json.loads(calls_of(body)[0]["arguments"])) == {"city", "unit"}


def test_an_empty_schema_is_closed_too(openai: Asker) -> None:
    tools = [
        {"type": "function", "name": "now", "parameters": {"type": "object"}},
        {"type": "function", "name": "here", "parameters": None},
    ]
    first, second = (tool["parameters"] for tool in respond(openai, "Hello", tools=tools)["tools"])
    assert first["additionalProperties"] is second["additionalProperties"] is False


def test_not_strict_is_left_alone(openai: Asker) -> None:
    body = respond(
        openai,
        "weather in Paris",
        tools=[{"type": "function", "name": "get_weather", "parameters": LOOSE, "strict": False}],
    )
    assert body["tools"][0]["parameters"] == LOOSE
    assert json.loads(calls_of(body)[0]["arguments"]) == {"city": "Paris"}


def test_custom_tools_and_namespaces(openai: Asker) -> None:
    tools = [
        {"type": "namespace", "name": "functions", "description": "", "tools": [{"type": "custom", "name": "shell"}]}
    ]
    first = respond(openai, "run: ls", tools=tools)
    call = calls_of(first)[0]
    assert (call["type"], call["input"], call["namespace"]) == ("custom_tool_call", "ls", "functions")
    second = respond(openai, outputs(first, "a.txt"), tools=tools, previous_response_id=first["id"])
    assert text_of(second) == "Done. The command printed:\na.txt"
    names = [name for name, _ in ask(openai, "run: ls", tools=tools, stream=True).events]
    assert "response.custom_tool_call_input.done" in names


def test_codex_brings_its_tools_as_an_item(openai: Asker) -> None:
    exec_ = {"type": "custom", "name": "exec", "description": "await tools.exec_command({cmd})"}
    space = {"type": "namespace", "name": "functions", "description": "", "tools": [exec_]}
    items = [
        {"type": "additional_tools", "role": "developer", "tools": [space]},
        {"role": "user", "content": [{"type": "input_text", "text": "<environment_context>x</environment_context>"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "run: ls"}]},
    ]
    body = respond(openai, items, client_metadata={"thread_id": "1"}, parallel_tool_calls=False)
    assert 'tools.exec_command({"cmd": "ls"})' in calls_of(body)[0]["input"]


@pytest.mark.parametrize(
    ("choice", "calls"),
    [
        ("none", 0),
        ("required", 1),
        ({"type": "function", "name": "get_weather"}, 1),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_weather"}]}, 1),
        ({"type": "web_search_preview"}, 0),
    ],
)
def test_tool_choice(openai: Asker, choice: Any, calls: int) -> None:
    assert len(calls_of(respond(openai, "Hello", tools=[TOOL], tool_choice=choice))) == calls


def test_one_call_when_parallel_is_off(openai: Asker) -> None:
    assert len(calls_of(respond(openai, "weather in Paris and Tokyo", tools=[TOOL], parallel_tool_calls=False))) == 1


def test_structured_output(openai: Asker) -> None:
    text = text_of(
        respond(
            openai, "Ada is 36", text={"format": {"type": "json_schema", "name": "p", "schema": PERSON, "strict": True}}
        )
    )
    validate(json.loads(text), PERSON)
    assert isinstance(json.loads(text_of(respond(openai, "as JSON", text={"format": {"type": "json_object"}}))), dict)


def test_length(openai: Asker) -> None:
    body = respond(openai, "Write 200 words", model="gpt-4o", max_output_tokens=16)
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert body["usage"]["output_tokens"] == 16
    empty = respond(openai, "Hello", max_output_tokens=16)
    assert [item["type"] for item in empty["output"]] == ["reasoning"]
    streamed = ask(openai, "Write 200 words", model="gpt-4o", max_output_tokens=16, stream=True)
    assert streamed.events[-1][0] == "response.incomplete"


def test_refusal_failure_and_filter(openai: Asker) -> None:
    refused = respond(openai, "[[sandbox:refuse]]", model="gpt-4o")
    assert refused["output"][0]["content"][0]["type"] == "refusal"
    assert "response.refusal.delta" in [name for name, _ in ask(openai, "[[sandbox:refuse]]", stream=True).events]
    failed = respond(openai, "[[sandbox:failed]]")
    assert (failed["status"], failed["error"]["code"], failed["output"]) == ("failed", "server_error", [])
    assert ask(openai, "[[sandbox:failed]]", stream=True).events[-1][0] == "response.failed"
    filtered = respond(openai, "[[sandbox:refuse late]]", model="gpt-4o")
    assert filtered["incomplete_details"] == {"reason": "content_filter"}


def test_an_error_inside_the_stream(openai: Asker) -> None:
    answer = ask(openai, "[[sandbox:error-event 4]] Hello", stream=True)
    assert answer.events[-1][0] == "error"
    assert answer.data[-1]["code"] == "server_error"
    assert ask(openai, "[[sandbox:error-event 4]] Hello").status == 500


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"type": "input_image", "image_url": PNG_URL, "detail": "auto"}, "a PNG image of 2x2 pixels"),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
            "a PDF of 1 page called a.pdf",
        ),
        ({"type": "input_file", "file_url": "https://example.com/a.pdf"}, "a file at example.com"),
    ],
)
def test_files(openai: Asker, part: dict[str, Any], told: str) -> None:
    assert told in text_of(
        respond(openai, [{"role": "user", "content": [{"type": "input_text", "text": "See?"}, part]}])
    )


@pytest.mark.parametrize(
    "part",
    [{"type": "input_image", "file_id": "file-1"}, {"type": "input_image", "detail": "auto"}, {"type": "input_file"}],
)
def test_files_that_are_not_there(openai: Asker, part: dict[str, Any]) -> None:
    assert ask(openai, [{"role": "user", "content": [part]}]).status in {400, 404}


def test_counting_agrees(openai: Asker) -> None:
    asked = {
        "model": "gpt-6.1-sol",
        "input": "What is the weather in Paris?",
        "tools": [TOOL],
        "instructions": "Be brief",
    }
    counted = openai.post("/responses/input_tokens", asked).json
    assert counted["object"] == "response.input_tokens"
    assert counted["input_tokens"] == openai.post("/responses", asked).json["usage"]["input_tokens"]


def test_caching(openai: Asker) -> None:
    text = "lighthouse " * 600
    assert respond(openai, text)["usage"]["input_tokens_details"]["cached_tokens"] == 0
    assert respond(openai, text)["usage"]["input_tokens_details"]["cached_tokens"] >= 1024


def test_reasoning_of_another_model_is_dropped(openai: Asker) -> None:
    question = {"role": "user", "content": "What is the weather in Paris?"}
    first = respond(openai, [question], tools=[TOOL], store=False, include=ENCRYPTED)
    second = respond(openai, [question, *first["output"], *outputs(first)], model="gpt-6.2-sol", tools=[TOOL])
    assert second["input_transformations"][0]["reason"] == "model_mismatch"


def test_altered_reasoning_is_refused(openai: Asker) -> None:
    question = {"role": "user", "content": "What is the weather in Paris?"}
    first = respond(openai, [question], tools=[TOOL], store=False, include=ENCRYPTED)
    thought, *rest = first["output"]
    altered = {**thought, "encrypted_content": thought["encrypted_content"][:-8] + "AAAAAAA="}
    answer = ask(openai, [question, altered, *rest, *outputs(first)], tools=[TOOL])
    assert answer.json["error"]["code"] == "invalid_encrypted_content"
    bare = {name: value for name, value in thought.items() if name != "encrypted_content"}
    assert ask(openai, [question, bare, *rest, *outputs(first)], tools=[TOOL]).status == 404
    missing = ask(openai, [question, *rest, *outputs(first)], tools=[TOOL])
    assert "without its required 'reasoning' item" in missing.json["error"]["message"]
    alone = ask(openai, [question, thought])
    assert "without its required following item" in alone.json["error"]["message"]
    foreign = [{name: value for name, value in item.items() if name != "id"} for item in rest]
    assert ask(openai, [question, *foreign, *outputs(first)], tools=[TOOL]).status == 200


OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
REFUSED: list[tuple[str, dict[str, Any], str | None, str | None]] = [
    ("no model", {"model": None}, "invalid_type", "model"),
    ("a model nobody knows", {"model": "gpt-99"}, "model_not_found", "model"),
    ("an unknown parameter", {"messages": []}, "unknown_parameter", "messages"),
    ("a parameter of chat", {"stop": ["x"]}, "unknown_parameter", "stop"),
    ("nothing to answer", {"input": None}, "missing_required_parameter", "input"),
    ("too small a limit", {"max_output_tokens": 5}, "integer_below_min_value", "max_output_tokens"),
    ("too large a limit", {"max_output_tokens": 900_000}, "invalid_value", "max_output_tokens"),
    ("an effort the model lacks", {"reasoning": {"effort": "none"}}, "unsupported_value", "reasoning.effort"),
    (
        "reasoning where there is none",
        {"model": "gpt-4o", "reasoning": {"effort": "low"}},
        "unsupported_parameter",
        "reasoning.effort",
    ),
    ("encryption where there is none", {"model": "gpt-4o", "include": ENCRYPTED}, None, "include"),
    ("a temperature while reasoning", {"temperature": 0.5}, None, "temperature"),
    ("top_p while reasoning", {"top_p": 0.5}, None, "top_p"),
    ("logprobs while reasoning", {"include": ["message.output_text.logprobs"]}, None, "include"),
    ("an include nobody knows", {"include": ["everything"]}, "invalid_value", "include[0]"),
    (
        "a tool of chat's shape",
        {"tools": [{"type": "function", "function": {}}]},
        "unknown_parameter",
        "tools[0].function",
    ),
    (
        "no parameters",
        {"tools": [{"type": "function", "name": "f"}]},
        "missing_required_parameter",
        "tools[0].parameters",
    ),
    (
        "an open schema said to be strict",
        {"tools": [{"type": "function", "name": "f", "parameters": OPEN, "strict": True}]},
        "invalid_function_parameters",
        "tools[0].parameters",
    ),
    ("a choice without tools", {"tool_choice": "required"}, None, "tool_choice"),
    (
        "a choice of another tool",
        {"tools": [TOOL], "tool_choice": {"type": "function", "name": "x"}},
        None,
        "tool_choice",
    ),
    ("JSON without the word", {"text": {"format": {"type": "json_object"}}}, None, "input"),
    (
        "an open strict format",
        {"text": {"format": {"type": "json_schema", "name": "x", "schema": OPEN, "strict": True}}},
        None,
        "text.format",
    ),
    ("stream options alone", {"stream_options": {}}, None, "stream_options"),
    (
        "two histories",
        {"conversation": "c", "previous_response_id": "r"},
        "mutually_exclusive_parameters",
        "conversation",
    ),
    (
        "an output out of nowhere",
        {"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]},
        None,
        "input",
    ),
    (
        "a call unanswered",
        {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]},
        None,
        "input",
    ),
    (
        "a call id for an item id",
        {"input": [{"type": "function_call", "id": "call_1", "call_id": "c", "name": "f", "arguments": "{}"}]},
        "invalid_value",
        "input[0].id",
    ),
    ("an unknown item", {"input": [{"type": "thought"}]}, "invalid_value", "input[0].type"),
    (
        "a part of chat",
        {"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
        "invalid_value",
        "input[0].content[0].type",
    ),
    (
        "output text of the user",
        {"input": [{"role": "user", "content": [{"type": "output_text", "text": "x"}]}]},
        "invalid_value",
        "input[0].content[0].type",
    ),
    ("a context overrun", {"model": "gpt-4o", "input": "word " * 110_000}, "context_length_exceeded", "input"),
]


@pytest.mark.parametrize(("what", "change", "code", "param"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(openai: Asker, what: str, change: dict[str, Any], code: str | None, param: str | None) -> None:
    answer = openai.post("/responses", {"model": "gpt-6.1-sol", "input": "Hello", **change})
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (400, code, param), error["message"]


def test_no_conversations(openai: Asker) -> None:
    assert ask(openai, "x", conversation="conv_1").status == 404


def test_model_left_out(openai: Asker) -> None:
    assert openai.post("/responses", {"input": "x"}).json["error"]["code"] == "missing_required_parameter"


def test_truncation_takes_anything(openai: Asker) -> None:
    assert ask(openai, "word " * 110_000, model="gpt-4o", truncation="auto").status == 200
