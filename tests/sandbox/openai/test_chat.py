import json
from typing import Any

import pytest

from sandbox.kit import GIF, PDF, PERSON, PNG, PNG_URL, TORN_PNG, WEATHER, Asker, cloud, user, validate

TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather in a city", "parameters": WEATHER},
}


@pytest.fixture
def openai() -> Asker:
    return cloud("openai")


def chat(openai: Asker, text: Any, **more: Any) -> dict[str, Any]:
    answer = openai.post("/chat/completions", {"model": "gpt-4o", "messages": user(text), **more})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def stream(openai: Asker, text: Any, **more: Any) -> list[Any]:
    answer = openai.post("/chat/completions", {"model": "gpt-4o", "messages": user(text), "stream": True, **more})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.data[-1] == "[DONE]"
    return answer.data[:-1]


def text_of(chunks: list[Any], index: int = 0) -> str:
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        for choice in chunk["choices"]
        if choice["index"] == index
    )


def test_whole_answer(openai: Asker) -> None:
    answer = openai.post("/chat/completions", {"model": "gpt-4o", "messages": user("Hello")})
    body = answer.json
    assert body["object"] == "chat.completion"
    assert body["model"] == "gpt-4o-2024-08-06"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert "gpt-4o" in body["choices"][0]["message"]["content"]
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert answer.headers["x-polyglot-sandbox"] == "openai"
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["x-ratelimit-reset-requests"] == "6ms"


def test_completion_tokens_include_reasoning(openai: Asker) -> None:
    usage = chat(openai, "say hi", model="gpt-5.5")["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 16
    assert usage["completion_tokens"] == 17
    assert usage["total_tokens"] == usage["prompt_tokens"] + 17


def test_the_same_prompt_gets_the_same_answer(openai: Asker) -> None:
    first, second = chat(openai, "Tell me of lighthouses"), chat(openai, "Tell me of lighthouses")
    assert first["choices"] == second["choices"]
    assert first["id"] != second["id"]


def test_streamed_and_whole_agree(openai: Asker) -> None:
    whole, chunks = (
        chat(openai, "A haiku, please"),
        stream(openai, "A haiku, please", stream_options={"include_usage": True}),
    )
    assert text_of(chunks) == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"] == whole["usage"]
    assert chunks[-1]["choices"] == []
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 2) + ["stop"]


def test_no_usage_chunk_unless_asked(openai: Asker) -> None:
    chunks = stream(openai, "Hello")
    assert all(chunk["choices"] and "usage" not in chunk for chunk in chunks)


@pytest.mark.parametrize(("options", "padded"), [({}, True), ({"include_obfuscation": False}, False)])
def test_padding(openai: Asker, options: dict[str, Any], padded: bool) -> None:
    chunks = stream(openai, "Hello", stream_options=options)
    assert all(("obfuscation" in chunk) is padded for chunk in chunks)


def test_two_cities_are_two_calls(openai: Asker) -> None:
    message = chat(openai, "What is the weather in Paris and Tokyo?", tools=[TOOL])["choices"][0]
    calls = message["message"]["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"city": "Paris"}, {"city": "Tokyo"}]
    assert message["finish_reason"] == "tool_calls"
    assert message["message"]["content"] is None
    assert len({call["id"] for call in calls}) == 2


def test_one_call_when_parallel_is_off(openai: Asker) -> None:
    message = chat(openai, "What is the weather in Paris and Tokyo?", tools=[TOOL], parallel_tool_calls=False)
    assert len(message["choices"][0]["message"]["tool_calls"]) == 1


def test_streamed_calls_come_in_fragments(openai: Asker) -> None:
    chunks = stream(openai, "What is the weather in Paris and Tokyo?", tools=[TOOL])
    fragments = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    heads = [fragment for fragment in fragments if "id" in fragment]
    assert [head["function"] for head in heads] == [{"name": "get_weather", "arguments": ""}] * 2
    joined = [
        "".join(part["function"]["arguments"] for part in fragments if part["index"] == index) for index in (0, 1)
    ]
    assert [json.loads(text) for text in joined] == [{"city": "Paris"}, {"city": "Tokyo"}]
    assert len(fragments) > 4


def test_tool_results_are_told(openai: Asker) -> None:
    asked = user("What is the weather in Paris and Tokyo?")
    message = chat(openai, asked[0]["content"], tools=[TOOL])["choices"][0]["message"]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": '{"temp_c": 18}'} for call in message["tool_calls"]
    ]
    answer = openai.post(
        "/chat/completions", {"model": "gpt-4o", "messages": [*asked, message, *results], "tools": [TOOL]}
    )
    text = answer.json["choices"][0]["message"]["content"]
    assert "Paris: temp_c 18" in text
    assert "Tokyo: temp_c 18" in text


@pytest.mark.parametrize(
    ("choice", "calls"),
    [
        ("none", 0),
        ("required", 1),
        ({"type": "function", "function": {"name": "get_weather"}}, 1),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "get_weather"}}],
                },
            },
            1,
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "get_weather"}}]},
            },
            0,
        ),
    ],
)
def test_tool_choice(openai: Asker, choice: Any, calls: int) -> None:
    message = chat(openai, "Hello", tools=[TOOL], tool_choice=choice)["choices"][0]["message"]
    assert len(message.get("tool_calls", ())) == calls


def test_custom_tool(openai: Asker) -> None:
    tool = {"type": "custom", "custom": {"name": "shell"}}
    asked = {"model": "gpt-5.5", "messages": user("run: ls -l"), "tools": [tool]}
    call = openai.post("/chat/completions", asked).json["choices"][0]["message"]["tool_calls"][0]
    assert (call["type"], call["custom"]) == ("custom", {"name": "shell", "input": "ls -l"})
    chunks = openai.post("/chat/completions", {**asked, "stream": True}).data[:-1]
    fragments = [part for chunk in chunks for part in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert "".join(part["custom"]["input"] for part in fragments) == "ls -l"


def test_functions_of_old(openai: Asker) -> None:
    asked: dict[str, Any] = {"functions": [TOOL["function"]], "function_call": "auto"}
    choice = chat(openai, "What is the weather in Paris?", **asked)["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "get_weather", "arguments": '{"city":"Paris"}'}
    deltas = [chunk["choices"][0]["delta"] for chunk in stream(openai, "What is the weather in Paris?", **asked)]
    assert "".join(delta.get("function_call", {}).get("arguments", "") for delta in deltas) == '{"city":"Paris"}'
    messages = [
        *user("What is the weather in Paris?"),
        {"role": "assistant", "content": None, "function_call": choice["message"]["function_call"]},
        {"role": "function", "name": "get_weather", "content": "18C"},
    ]
    answer = openai.post("/chat/completions", {"model": "gpt-4o", "messages": messages, **asked})
    assert "18C" in answer.json["choices"][0]["message"]["content"]
    named = chat(openai, "Hello", functions=[TOOL["function"]], function_call={"name": "get_weather"})
    assert named["choices"][0]["message"]["function_call"]["name"] == "get_weather"


def test_structured_output_validates(openai: Asker) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}
    content = json.loads(chat(openai, "Ada is 36 years old", response_format=form)["choices"][0]["message"]["content"])
    validate(content, PERSON)
    assert content == {"name": "Ada", "age": 36}


def test_json_mode(openai: Asker) -> None:
    content = chat(openai, "Greet me in JSON", response_format={"type": "json_object"})["choices"][0]["message"][
        "content"
    ]
    assert isinstance(json.loads(content), dict)


def test_system_and_history_matter(openai: Asker) -> None:
    messages = [
        {"role": "system", "content": "You are a pirate"},
        *user("My name is Ada"),
        {"role": "assistant", "content": "Aye"},
    ]
    answer = openai.post("/chat/completions", {"model": "gpt-4o", "messages": [*messages, *user("What is my name?")]})
    text = answer.json["choices"][0]["message"]["content"]
    assert text.startswith("Arr!")
    assert "Ada" in text


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"type": "image_url", "image_url": {"url": PNG_URL}}, "a PNG image of 2x2 pixels"),
        (
            {"type": "image_url", "image_url": {"url": "https://example.com/cat.png", "detail": "low"}},
            "a picture at example.com",
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
            "a PDF of 1 page called a.pdf",
        ),
        ({"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{GIF}"}}, "a GIF image of 2x3 pixels"),
    ],
)
def test_files_are_looked_at(openai: Asker, part: dict[str, Any], told: str) -> None:
    content = [{"type": "text", "text": "What is this?"}, part]
    assert told in chat(openai, content)["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("part", "status", "code"),
    [
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{TORN_PNG}"}}, 400, "image_parse_error"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,!!"}}, 400, "invalid_value"),
        ({"type": "image_url", "image_url": {"url": PNG}}, 400, "invalid_image_url"),
        ({"type": "image_url", "image_url": {"url": "data:text/plain;base64,aGk="}}, 400, "image_parse_error"),
        ({"type": "file", "file": {"file_id": "file-1"}}, 404, None),
        ({"type": "file", "file": {"filename": "a.pdf"}}, 400, "missing_required_parameter"),
        (
            {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}},
            400,
            "missing_required_parameter",
        ),
        ({"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}}, 400, "invalid_value"),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQ="}},
            400,
            "invalid_file",
        ),
        ({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, 400, "unsupported_value"),
    ],
)
def test_broken_files_are_refused(openai: Asker, part: dict[str, Any], status: int, code: str | None) -> None:
    answer = openai.post("/chat/completions", {"model": "gpt-4o", "messages": user([part])})
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


def test_max_tokens_cuts_the_text(openai: Asker) -> None:
    choice = chat(openai, "Write 100 words", max_tokens=5)
    assert choice["choices"][0]["finish_reason"] == "length"
    assert choice["usage"]["completion_tokens"] == 5


def test_thinking_may_leave_no_room(openai: Asker) -> None:
    body = chat(openai, "Hello", model="gpt-5.5", max_completion_tokens=4)
    assert body["choices"][0]["message"]["content"] == ""
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 4


@pytest.mark.parametrize("stop", [" three", [" nine", " three"]])
def test_stop_sequences(openai: Asker, stop: Any) -> None:
    choice = chat(openai, "say one two three four", stop=stop)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one two", "stop")


def test_n_choices_differ(openai: Asker) -> None:
    body = chat(openai, "Tell me a joke", n=3)
    texts = [choice["message"]["content"] for choice in body["choices"]]
    assert len(set(texts)) == 3
    chunks = stream(openai, "Tell me a joke", n=3)
    assert [text_of(chunks, index) for index in range(3)] == texts


def test_a_seed_moves_on(openai: Asker) -> None:
    texts = {chat(openai, "Tell me a joke", seed=seed)["choices"][0]["message"]["content"] for seed in range(3)}
    assert len(texts) == 3


def test_logprobs(openai: Asker) -> None:
    choice = chat(openai, "Hello", logprobs=True, top_logprobs=2)["choices"][0]
    tokens = choice["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == choice["message"]["content"]
    assert all(len(token["top_logprobs"]) == 2 and token["logprob"] < 0 for token in tokens)
    assert any(chunk["choices"][0]["logprobs"] for chunk in stream(openai, "Hello", logprobs=True))


def test_long_prompts_are_cached(openai: Asker) -> None:
    text = "lighthouse " * 600
    first, second = chat(openai, text), chat(openai, text)
    assert first["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert second["usage"]["prompt_tokens_details"]["cached_tokens"] >= 1024
    assert second["usage"]["prompt_tokens_details"]["cached_tokens"] % 128 == 0


def test_refusal(openai: Asker) -> None:
    message = chat(openai, "[[sandbox:refuse]]")["choices"][0]["message"]
    assert message["content"] is None
    assert message["refusal"]
    chunks = stream(openai, "[[sandbox:refuse]]")
    assert "".join(chunk["choices"][0]["delta"].get("refusal") or "" for chunk in chunks) == message["refusal"]


def test_filtered_late(openai: Asker) -> None:
    choice = chat(openai, "[[sandbox:refuse late]]")["choices"][0]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["content"]


def test_torn_arguments(openai: Asker) -> None:
    call = chat(openai, "[[sandbox:bad-arguments]] weather in Paris", tools=[TOOL])["choices"][0]["message"][
        "tool_calls"
    ][0]
    with pytest.raises(ValueError):
        json.loads(call["function"]["arguments"])


def test_an_error_inside_the_stream(openai: Asker) -> None:
    answer = openai.post(
        "/chat/completions", {"model": "gpt-4o", "messages": user("[[sandbox:error-event 2]] Hello"), "stream": True}
    )
    assert len(answer.data) == 3
    assert answer.data[-1]["error"]["type"] == "server_error"


def test_the_same_error_unstreamed(openai: Asker) -> None:
    assert (
        openai.post("/chat/completions", {"model": "gpt-4o", "messages": user("[[sandbox:error-event 2]]")}).status
        == 500
    )
