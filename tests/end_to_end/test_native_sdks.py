"""The vendors' own SDKs, unmodified, each through its own cloud's face: the very bytes, both ways."""

import json
from typing import Any

import pytest

from end_to_end.conftest import Gateway

anthropic = pytest.importorskip("anthropic", reason="the Anthropic SDK is a development dependency")
genai = pytest.importorskip("google.genai", reason="the Google SDK is a development dependency")
openai = pytest.importorskip("openai", reason="the OpenAI SDK is a development dependency")

SCHEMA: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
QUESTION = "What is the weather in Paris?"


# --- Anthropic on 8101 ---


@pytest.fixture
def claude(gateway: Gateway) -> Any:
    with anthropic.Anthropic(base_url=gateway.root("anthropic"), api_key="unused", max_retries=0) as client:
        yield client


def test_messages(claude: Any) -> None:
    reply = claude.messages.create(
        model="claude-sonnet-5-5", max_tokens=500, messages=[{"role": "user", "content": "Say hello."}]
    )
    assert reply.type == "message"
    assert reply.stop_reason == "end_turn"
    assert "".join(block.text for block in reply.content if block.type == "text")


def test_messages_streamed_with_a_tool_loop(claude: Any) -> None:
    tools = [{"name": "get_weather", "description": "The weather of a city", "input_schema": SCHEMA}]
    messages: Any = [{"role": "user", "content": QUESTION}]
    with claude.messages.stream(model="claude-sonnet-5-5", max_tokens=2000, messages=messages, tools=tools) as stream:
        reply = stream.get_final_message()
    assert reply.stop_reason == "tool_use"
    (call,) = [block for block in reply.content if block.type == "tool_use"]
    assert call.input == {"city": "Paris"}
    messages += [
        {"role": "assistant", "content": reply.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "18C and sunny"}]},
    ]
    with claude.messages.stream(model="claude-sonnet-5-5", max_tokens=2000, messages=messages, tools=tools) as stream:
        assert "18C and sunny" in stream.get_final_text()


def test_count_tokens_and_models(claude: Any) -> None:
    counted = claude.messages.count_tokens(model="claude-sonnet-5-5", messages=[{"role": "user", "content": "hello"}])
    assert counted.input_tokens > 0
    models = list(claude.models.list())
    assert "claude-sonnet-5-5" in {model.id for model in models}
    assert claude.models.retrieve("claude-sonnet-5-5").type == "model"


def test_anthropics_errors_arrive_as_its_own(claude: Any) -> None:
    with pytest.raises(anthropic.RateLimitError) as caught:
        claude.messages.create(
            model="claude-sonnet-5-5", max_tokens=50, messages=[{"role": "user", "content": "[[sandbox:429]]"}]
        )
    assert caught.value.body["error"]["type"] == "rate_limit_error"
    with pytest.raises(anthropic.NotFoundError, match="claude-3-haiku-20240307"):
        claude.messages.create(
            model="claude-3-haiku-20240307", max_tokens=50, messages=[{"role": "user", "content": "hello"}]
        )


# --- Gemini on 8102 ---


@pytest.fixture(params=["v1beta", "v1"])
def gemini(gateway: Gateway, request: pytest.FixtureRequest) -> Any:
    options = genai.types.HttpOptions(base_url=gateway.root("gemini"), api_version=request.param)
    with genai.Client(api_key="unused", http_options=options) as client:
        yield client


def test_generate_content_plain_and_streamed(gemini: Any) -> None:
    plain = gemini.models.generate_content(model="gemini-3.8-flash", contents="Tell me of the sea.")
    streamed = list(gemini.models.generate_content_stream(model="gemini-3.8-flash", contents="Tell me of the sea."))
    assert plain.text
    assert "".join(chunk.text or "" for chunk in streamed) == plain.text
    assert streamed[-1].candidates[0].finish_reason.name == "STOP"


def test_count_tokens(gemini: Any) -> None:
    assert gemini.models.count_tokens(model="gemini-3.8-flash", contents="hello").total_tokens > 0


def test_a_gemini_tool_loop_keeps_its_signatures(gemini: Any) -> None:
    types = genai.types
    declaration = types.FunctionDeclaration(
        name="get_weather", description="The weather of a city", parameters_json_schema=SCHEMA
    )
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declaration])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    first = gemini.models.generate_content(model="gemini-3.8-flash", contents=QUESTION, config=config)
    (call,) = first.function_calls
    assert call.args == {"city": "Paris"}
    answer = types.Part.from_function_response(name="get_weather", response={"result": "18C and sunny"})
    answer.function_response.id = call.id
    contents = [
        types.Content(role="user", parts=[types.Part(text=QUESTION)]),
        first.candidates[0].content,
        types.Content(role="user", parts=[answer]),
    ]
    second = gemini.models.generate_content(model="gemini-3.8-flash", contents=contents, config=config)
    assert "18C and sunny" in second.text


def test_googles_models_and_errors(gemini: Any) -> None:
    assert gemini.models.get(model="gemini-3.8-flash").name == "models/gemini-3.8-flash"
    with pytest.raises(genai.errors.ClientError) as caught:
        gemini.models.generate_content(model="gemini-3.8-flash", contents="[[sandbox:429]]")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")


# --- Responses on 8100 and 8103 ---


@pytest.fixture(params=[("openai", "gpt-6.2-sol"), ("grok", "grok-4.7")], ids=lambda each: each[0])
def responses(gateway: Gateway, request: pytest.FixtureRequest) -> Any:
    provider, model = request.param
    with openai.OpenAI(base_url=gateway.base_url(provider), api_key="unused", max_retries=0) as client:
        yield client.responses, model


def test_responses_plain_and_streamed(responses: Any) -> None:
    endpoint, model = responses
    plain = endpoint.create(model=model, input="Tell me of the sea.", store=False)
    assert plain.status == "completed"
    with endpoint.stream(model=model, input="Tell me of the sea.", store=False) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert final.output_text == plain.output_text != ""


def test_responses_with_a_tool(responses: Any) -> None:
    endpoint, model = responses
    tool = {
        "type": "function",
        "name": "get_weather",
        "parameters": {**SCHEMA, "additionalProperties": False},
        "strict": True,
    }
    reply = endpoint.create(
        model=model, input=QUESTION, tools=[tool], store=False, include=["reasoning.encrypted_content"]
    )
    (call,) = [item for item in reply.output if item.type == "function_call"]
    assert json.loads(call.arguments) == {"city": "Paris"}
    items: Any = [{"role": "user", "content": QUESTION}, *reply.output]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "18C and sunny"})
    again = endpoint.create(model=model, input=items, tools=[tool], store=False)
    assert "18C and sunny" in again.output_text
