import json
from typing import Any

import pytest

from sandbox.kit import GIF, PDF, PERSON, PNG_URL, WEATHER, Answer, Asker, cloud, user, validate

TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather in a city", "parameters": WEATHER},
}
FLAT = {"type": "function", "name": "get_weather", "description": "The weather in a city", "parameters": WEATHER}
TWO = "What is the weather in Paris and Tokyo?"
PLAIN = "grok-4.20-non-reasoning"


@pytest.fixture
def grok() -> Asker:
    return cloud("grok")


def ask(grok: Asker, text: Any, **more: Any) -> Answer:
    return grok.post("/chat/completions", {"model": "grok-4.6", "messages": user(text), **more})


def chat(grok: Asker, text: Any, **more: Any) -> dict[str, Any]:
    answer = ask(grok, text, **more)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def respond(grok: Asker, given: Any, **more: Any) -> dict[str, Any]:
    answer = grok.post("/responses", {"model": "grok-4.7", "input": given, **more})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def said(response: dict[str, Any]) -> str:
    return "".join(part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"])


def outputs(response: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "18C"}
        for item in response["output"]
        if item["type"] == "function_call"
    ]


CHAT_REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    (
        "a schema that is none",
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "thing"}}}]},
        400,
        "Invalid JSON schema: /type is not valid.",
    ),
    (
        "an image elsewhere that is none",
        {"messages": user([{"type": "image_url", "image_url": {"url": "data:image/png;base64,!"}}])},
        400,
        "Invalid image URL",
    ),
    # what, body beyond model and messages, status, a part of the text
    ("a string for stop", {"stop": "x"}, 422, 'stop: invalid type: string "x", expected a sequence'),
    ("stop on a reasoning model", {"stop": ["x"]}, 400, "does not support parameter stop"),
    ("a penalty, even of nought", {"presence_penalty": 0}, 400, "does not support parameter presencePenalty"),
    ("the other penalty", {"frequency_penalty": 0.5}, 400, "does not support parameter frequencyPenalty"),
    ("a bias", {"logit_bias": {"1": 5}}, 400, "does not support parameter logitBias"),
    ("an effort the model lacks", {"reasoning_effort": "max"}, 400, "does not support parameter reasoningEffort"),
    (
        "an effort on a model that does not reason",
        {"model": PLAIN, "reasoning_effort": "low"},
        400,
        "does not support parameter reasoningEffort",
    ),
    (
        "a developer",
        {"messages": [{"role": "developer", "content": "x"}]},
        422,
        "messages[0].role: unknown variant `developer`",
    ),
    ("no content", {"messages": [{"role": "user"}]}, 422, "messages[0]: missing field `content`"),
    (
        "a tool without content",
        {"messages": [*user("x"), {"role": "tool", "tool_call_id": "1"}]},
        422,
        "messages[1]: missing field `content`",
    ),
    ("an unknown field", {"verbosity": "low"}, 422, "unknown field `verbosity`"),
    ("metadata", {"metadata": {}}, 422, "unknown field `metadata`"),
    ("a temperature of text", {"temperature": "hot"}, 422, 'temperature: invalid type: string "hot", expected f32'),
    ("a flag of text", {"stream": "yes"}, 422, "expected a boolean"),
    ("a number for messages", {"messages": 5}, 422, "messages: invalid type: integer `5`, expected a sequence"),
    ("a fraction for n", {"n": 1.5}, 422, "n: invalid type: floating point `1.5`, expected i32"),
    ("a temperature too high", {"temperature": 3}, 400, "temperature"),
    ("five stops", {"model": PLAIN, "stop": list("abcde")}, 400, "stop"),
    ("no messages", {"messages": []}, 400, "Empty messages."),
    ("deferred", {"deferred": True}, 400, "Deferred"),
    ("a choice without tools", {"tool_choice": "required"}, 400, "no tools were specified"),
    ("a model nobody knows", {"model": "grok-9"}, 404, "The model grok-9 does not exist"),
    ("a model retired", {"model": "grok-3"}, 404, "The model grok-3 does not exist"),
    (
        "several agents",
        {"model": "grok-4.20-multi-agent"},
        400,
        "Multi Agent requests are not allowed on chat completions",
    ),
    ("live search", {"search_parameters": {"mode": "on"}}, 410, "Live search is deprecated"),
    ("web search", {"web_search_options": {}}, 410, "Live search is deprecated"),
    ("a live search tool", {"tools": [{"type": "live_search", "sources": []}]}, 410, "Live search is deprecated"),
    (
        "arguments that are no JSON",
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": ""}}]}]},
        400,
        "The arguments to a tool_call with ID 'c' are not a valid JSON string",
    ),
    (
        "a GIF",
        {"messages": user([{"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{GIF}"}}])},
        400,
        "Unrecognized image format",
    ),
    (
        "an image that is no address",
        {"messages": user([{"type": "image_url", "image_url": "x"}])},
        400,
        "Invalid image URL",
    ),
    ("a file by id", {"messages": user([{"type": "file", "file": {"file_id": "f"}}])}, 404, "File not found: f"),
    ("a file of nothing", {"messages": user([{"type": "file", "file": {}}])}, 400, "A file needs"),
]


@pytest.mark.parametrize(("what", "change", "status", "text"), CHAT_REFUSED, ids=[row[0] for row in CHAT_REFUSED])
def test_chat_refused(grok: Asker, what: str, change: dict[str, Any], status: int, text: str) -> None:
    answer = ask(grok, "Hello", **change)
    assert answer.status == status, answer.body
    if status == 422:
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.body.decode().startswith("Failed to deserialize the JSON body into the target type: ")
        assert text in answer.body.decode()
    else:
        assert set(answer.json) == {"code", "error"}
        assert text in answer.json["error"]


@pytest.mark.parametrize(
    "change",
    [
        {"model": PLAIN, "stop": ["x"], "presence_penalty": 0.5},
        {"model": "grok-4.3", "reasoning_effort": "none", "temperature": 0.7, "top_p": 0.95, "seed": 1, "user": "u"},
        {
            "logprobs": True,
            "top_logprobs": 3,
            "service_tier": "priority",
            "prompt_cache_key": "k",
            "safety_identifier": "s",
        },
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": True, "strict": True}}]},
        {"messages": [{"role": "tool", "content": "18C", "tool_call_id": "nobody"}]},
        {"messages": [*user("Hello"), {"role": "tool", "content": "18C", "tool_call_id": "nobody"}]},
        {"messages": [*user("Hello"), {"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}]},
        {"messages": user([{"type": "file", "file": {"url": "https://example.com/a.pdf"}}])},
        {"messages": user([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])},
    ],
)
def test_chat_accepted(grok: Asker, change: dict[str, Any]) -> None:
    assert ask(grok, "Hello", **change).status == 200


def test_reasoning_is_outside_completion_but_inside_total(grok: Asker) -> None:
    answer = ask(grok, "Hello")
    usage = answer.json["usage"]
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    assert reasoning == 32
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] + reasoning
    assert (
        usage["cost_in_usd_ticks"]
        == usage["prompt_tokens"] * 20_000 + (usage["completion_tokens"] + reasoning) * 60_000
    )
    assert "x-ratelimit-reset-requests" not in answer.headers
    assert answer.headers["x-polyglot-sandbox"] == "grok"


def test_cached_tokens_are_cheaper(grok: Asker) -> None:
    text = "lighthouse " * 50
    first, second = chat(grok, text)["usage"], chat(grok, text)["usage"]
    assert second["prompt_tokens_details"]["cached_tokens"] > 0
    assert second["cost_in_usd_ticks"] < first["cost_in_usd_ticks"]


def test_long_prompts_cost_double(grok: Asker) -> None:
    usage = chat(grok, "a" * 800_000, model=PLAIN)["usage"]
    assert usage["prompt_tokens"] >= 200_000
    assert usage["cost_in_usd_ticks"] == 2 * (usage["prompt_tokens"] * 12_500 + usage["completion_tokens"] * 25_000)


def test_the_limit_counts_visible_output_only(grok: Asker) -> None:
    usage = chat(grok, "Write 100 words", max_completion_tokens=5)["usage"]
    assert (usage["completion_tokens"], usage["completion_tokens_details"]["reasoning_tokens"]) == (5, 32)


@pytest.mark.parametrize(("model", "shown"), [("grok-4.3", True), ("grok-4.7", False), (PLAIN, False)])
def test_who_shows_reasoning(grok: Asker, model: str, shown: bool) -> None:
    assert ("reasoning_content" in chat(grok, "Hello", model=model)["choices"][0]["message"]) is shown


def test_calls_come_whole(grok: Asker) -> None:
    answer = ask(grok, TWO, tools=[TOOL], stream=True, stream_options={"include_usage": True})
    assert answer.data[-1] == "[DONE]"
    chunks = answer.data[:-1]
    calls = [call for chunk in chunks for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", ())]
    assert [(call["index"], json.loads(call["function"]["arguments"])["city"]) for call in calls] == [
        (0, "Paris"),
        (1, "Tokyo"),
    ]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"] > 0) == ([], True)


def test_usage_is_in_the_last_chunk_unless_asked_for(grok: Asker) -> None:
    chunks = ask(grok, "Hello", model="grok-4.3", stream=True).data[:-1]
    assert chunks[-1]["usage"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert not any("usage" in chunk for chunk in chunks[:-1])
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    whole = chat(grok, "Hello", model="grok-4.3")["choices"][0]["message"]
    assert text == whole["content"]
    assert (
        "".join(chunk["choices"][0]["delta"].get("reasoning_content", "") for chunk in chunks)
        == whole["reasoning_content"]
    )


def test_a_loop(grok: Asker) -> None:
    message = chat(grok, TWO, tools=[TOOL])["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "18C"} for call in message["tool_calls"]]
    text = chat(grok, "", messages=[*user(TWO), message, *results], tools=[TOOL])["choices"][0]["message"]["content"]
    assert "Paris: 18C" in text


@pytest.mark.parametrize(
    ("choice", "calls"), [("none", 0), ("required", 1), ({"type": "function", "function": {"name": "get_weather"}}, 1)]
)
def test_tool_choice(grok: Asker, choice: Any, calls: int) -> None:
    message = chat(grok, "Hello", tools=[TOOL], tool_choice=choice)["choices"][0]["message"]
    assert len(message.get("tool_calls", ())) == calls


def test_n_and_torn_arguments(grok: Asker) -> None:
    assert len({choice["message"]["content"] for choice in chat(grok, "Tell me a joke", n=3)["choices"]}) == 3
    call = chat(grok, "[[sandbox:bad-arguments]] weather in Paris", tools=[TOOL])["choices"][0]["message"][
        "tool_calls"
    ][0]
    with pytest.raises(ValueError):
        json.loads(call["function"]["arguments"])


def test_structured_output(grok: Asker) -> None:
    form = {"type": "json_schema", "json_schema": {"schema": PERSON}}
    validate(json.loads(chat(grok, "Ada is 36", response_format=form)["choices"][0]["message"]["content"]), PERSON)
    loose = chat(grok, "Hello", response_format={"type": "json_object"})["choices"][0]["message"]["content"]
    assert isinstance(json.loads(loose), dict)


def test_files_and_system(grok: Asker) -> None:
    messages = [
        {"role": "system", "content": "You are a pirate"},
        *user([{"type": "image_url", "image_url": {"url": PNG_URL}}]),
    ]
    text = chat(grok, "", messages=messages)["choices"][0]["message"]["content"]
    assert text.startswith("Arr! I see a PNG image of 2x2 pixels")


def test_refusals(grok: Asker) -> None:
    assert ask(grok, "[[sandbox:refuse]]").status == 403
    assert chat(grok, "[[sandbox:refuse late]]")["choices"][0]["finish_reason"] == "content_filter"
    assert chat(grok, "[[sandbox:finish end_turn]]")["choices"][0]["finish_reason"] == "end_turn"
    assert chat(grok, "[[sandbox:finish]]")["choices"][0]["finish_reason"] == ""
    assert grok.post("/responses", {"model": "grok-4.7", "input": "[[sandbox:refuse]]"}).status == 403


@pytest.mark.parametrize(
    ("mark", "status"),
    [
        ("400", 400),
        ("401", 401),
        ("403", 403),
        ("404", 404),
        ("410", 410),
        ("418", 418),
        ("429", 429),
        ("quota", 402),
        ("500", 500),
        ("503", 503),
        ("504", 504),
        ("529", 529),
    ],
)
@pytest.mark.parametrize("path", ["/chat/completions", "/responses"])
def test_errors_on_demand(grok: Asker, path: str, mark: str, status: int) -> None:
    field: dict[str, Any] = (
        {"messages": user(f"[[sandbox:{mark}]]")} if path.startswith("/chat") else {"input": f"[[sandbox:{mark}]]"}
    )
    answer = grok.post(path, {"model": "grok-4.6", **field})
    assert (answer.status, set(answer.json)) == (status, {"code", "error"})
    assert ("retry-after" in answer.headers) is (mark == "429")


def test_errors_inside_streams(grok: Asker) -> None:
    assert ask(grok, "[[sandbox:error-event 2]] Hello", stream=True).data[-1]["error"]["code"] == "capacity"
    assert ask(grok, "[[sandbox:error-event 2]] Hello").status == 529
    asked = {"model": "grok-4.7", "input": "[[sandbox:error-event 2]] Hello"}
    assert grok.post("/responses", {**asked, "stream": True}).data[-1]["type"] == "error"
    assert grok.post("/responses", asked).status == 529
    assert (
        ask(grok, "[[sandbox:html]]").status
        == grok.post("/responses", {**asked, "input": "[[sandbox:html]]"}).status
        == 502
    )


@pytest.mark.parametrize(("key", "status"), [("", 401), ("Bearer wrong", 400), ("Bearer a-longer-wrong-key", 400)])
def test_keys(grok: Asker, key: str, status: int) -> None:
    answer = grok.get("/models", authorization=key)
    assert (answer.status, set(answer.json)) == (status, {"code", "error"})
    assert "a-longer-wrong-key" not in answer.body.decode()


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"{}", "text/plain", 415),
    ],
)
def test_bodies(grok: Asker, body: bytes, kind: str, status: int) -> None:
    assert grok.post("/chat/completions", body, content_type=kind).status == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/chat/completions", 405), ("POST", "/embeddings", 404)],
)
def test_paths(grok: Asker, method: str, path: str, status: int) -> None:
    assert grok.ask(method, path).status == status


def test_models(grok: Asker) -> None:
    rows = {row["id"]: row for row in grok.get("/models").json["data"]}
    assert rows["grok-4.7"]["prompt_text_token_price"] == 20_000
    assert rows["grok-4.3"]["capabilities"] == {
        "reasoning_effort": ["none", "low", "medium", "high"],
        "default_reasoning_effort": "low",
    }
    assert "grok-4.5-latest" in rows["grok-4.5"]["aliases"]
    assert grok.get("/models/grok-4.5-latest").json == rows["grok-4.5"]
    assert grok.get("/language-models").json["models"] == list(rows.values())
    assert grok.get("/models/grok-3").status == 404


def test_responses(grok: Asker) -> None:
    body = respond(grok, "Hello")
    assert [item["type"] for item in body["output"]] == ["reasoning", "message"]
    assert body["output"][0]["encrypted_content"]
    usage = body["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["cost_in_usd_ticks"] == usage["input_tokens"] * 20_000 + usage["output_tokens"] * 60_000
    assert "encrypted_content" not in respond(grok, "Hello", model="grok-4.6")["output"][0]
    assert (
        "encrypted_content"
        in respond(grok, "Hello", model="grok-4.6", include=["reasoning.encrypted_content"])["output"][0]
    )
    assert respond(grok, "Hello", model="grok-4.3")["output"][0]["summary"]
    assert [item["type"] for item in respond(grok, "Hello", model=PLAIN)["output"]] == ["message"]


def test_responses_stream(grok: Asker) -> None:
    answer = grok.post("/responses", {"model": "grok-4.7", "input": TWO, "tools": [FLAT], "stream": True})
    assert answer.data[-1] == "[DONE]"
    events = answer.events[:-1]
    assert events[-1][0] == "response.completed"
    deltas = [data["delta"] for name, data in events if name == "response.function_call_arguments.delta"]
    assert [json.loads(text)["city"] for text in deltas] == ["Paris", "Tokyo"]


def test_responses_loop(grok: Asker) -> None:
    question = {"role": "user", "content": TWO}
    first = respond(grok, [question], tools=[FLAT], store=False)
    assert "Paris: 18C" in said(respond(grok, [question, *first["output"], *outputs(first)], tools=[FLAT]))
    kept = respond(grok, TWO, tools=[FLAT])
    assert "Tokyo: 18C" in said(respond(grok, outputs(kept), tools=[FLAT], previous_response_id=kept["id"]))
    assert grok.get(f"/responses/{kept['id']}").json == kept
    assert grok.ask("DELETE", f"/responses/{kept['id']}").json["deleted"] is True
    assert grok.ask("DELETE", f"/responses/{kept['id']}").status == 404
    assert grok.get(f"/responses/{kept['id']}").status == 404


def test_encrypted_reasoning_comes_back(grok: Asker) -> None:
    question = {"role": "user", "content": TWO}
    thought, *calls = respond(grok, [question], tools=[FLAT], store=False)["output"]
    results = [{"type": "function_call_output", "call_id": call["call_id"], "output": "18C"} for call in calls]
    for items, status in (
        ([thought, *calls], 200),
        (calls, 400),
        ([{**thought, "encrypted_content": "AAAA"}, *calls], 400),
        ([{name: value for name, value in call.items() if name != "id"} for call in calls], 200),
    ):
        answer = grok.post("/responses", {"model": "grok-4.7", "input": [question, *items, *results], "tools": [FLAT]})
        assert answer.status == status, answer.body


def test_responses_by_instruction(grok: Asker) -> None:
    assert said(respond(grok, "Hello", instructions="Speak like a pirate")).startswith("Arr!")
    items = [
        {"role": "developer", "content": "You are a pirate"},
        {"role": "user", "content": [{"type": "input_image", "image_url": PNG_URL}]},
    ]
    assert "a PNG image" in said(respond(grok, items))
    file = {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
    assert "a PDF of 1 page" in said(respond(grok, [{"role": "user", "content": [file]}]))
    text = said(respond(grok, "Ada is 36", text={"format": {"type": "json_schema", "name": "p", "schema": PERSON}}))
    validate(json.loads(text), PERSON)
    named = respond(grok, "Hello", tools=[FLAT], tool_choice={"type": "function", "name": "get_weather"})
    assert named["output"][-1]["type"] == "function_call"
    loose = respond(
        grok, "Hello", tools=[{"type": "function", "name": "f", "parameters": None}], tool_choice="required"
    )
    assert loose["output"][-1]["arguments"] == "{}"
    short = respond(grok, "Write 100 words", max_output_tokens=5)
    assert (short["status"], short["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"model": None}, 422, "model: invalid type: null"),
        ({"model": ""}, 400, "A model must be given."),
        ({"input": [{"type": "item_reference", "id": "x"}]}, 422, "input[0].type: unknown variant `item_reference`"),
        ({"prompt": {}}, 422, "unknown field `prompt`"),
        ({"background": True}, 400, "Background mode"),
        ({"search_parameters": {}}, 410, "Live search"),
        ({"instructions": "x", "previous_response_id": "y"}, 400, "cannot be set together"),
        ({"previous_response_id": "y"}, 404, "Response with id=y not found"),
        ({"reasoning": {"effort": "none"}}, 400, "reasoningEffort"),
        (
            {"tools": [{"type": "web_search", "search_context_size": "low"}]},
            400,
            "Argument not supported: search_context_size",
        ),
        ({"model": "grok-4.20-multi-agent", "tools": [FLAT]}, 400, "Client side tools are not supported"),
        ({"tool_choice": "required"}, 400, "no tools were specified"),
        ({"tools": [{"type": "function", "name": "f"}]}, 422, "tools[0]: missing field `parameters`"),
    ],
)
def test_responses_refused(grok: Asker, change: dict[str, Any], status: int, text: str) -> None:
    answer = grok.post("/responses", {"model": "grok-4.7", "input": "Hello", **change})
    assert answer.status == status, answer.body
    assert text in answer.body.decode()
