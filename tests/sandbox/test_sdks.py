"""The official SDKs against the stand-ins, over real sockets. Each is skipped where it is not installed.

A client is made once a class: making one reads the machine's certificates, which costs more than a test.
"""

import contextlib
import json
from typing import Any

import pytest
from pydantic import BaseModel

from polyglot_cloud.sandbox import CLOUDS
from sandbox.kit import PNG, PNG_URL, WEATHER, user

TWO = "What is the weather in Paris and Tokyo?"
CHAT_TOOL: Any = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather", "parameters": WEATHER},
}
FLAT_TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather",
    "parameters": WEATHER,
    "strict": True,
}
CLAUDE_TOOL: Any = {"name": "get_weather", "description": "The weather", "input_schema": WEATHER}
SEE: Any = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PNG_URL}}]


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module", params=["openai", "grok"])
def openai_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def openai_sdk() -> Any:
    return pytest.importorskip("openai")


@pytest.fixture(scope="module")
def openai_client(openai_sdk: Any, urls: dict[str, str], openai_name: str) -> Any:
    with contextlib.closing(
        openai_sdk.OpenAI(base_url=urls[openai_name], api_key=CLOUDS[openai_name].key, max_retries=0)
    ) as client:
        yield client


@pytest.fixture(scope="module")
def openai_model(openai_name: str) -> str:
    return {"openai": "gpt-5.5", "grok": "grok-4.7"}[openai_name]


@pytest.fixture(scope="module")
def openai_alone(urls: dict[str, str]) -> Any:
    sdk = pytest.importorskip("openai")
    with contextlib.closing(sdk.OpenAI(base_url=urls["openai"], api_key=CLOUDS["openai"].key, max_retries=0)) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic_sdk() -> Any:
    return pytest.importorskip("anthropic")


@pytest.fixture(scope="module")
def anthropic_client(anthropic_sdk: Any, urls: dict[str, str]) -> Any:
    base = urls["anthropic"].removesuffix("/v1")
    with contextlib.closing(
        anthropic_sdk.Anthropic(base_url=base, api_key=CLOUDS["anthropic"].key, max_retries=0)
    ) as client:
        yield client


@pytest.fixture(scope="module")
def gemini_types() -> Any:
    return pytest.importorskip("google.genai").types


@pytest.fixture(scope="module")
def gemini_client(gemini_types: Any, urls: dict[str, str]) -> Any:
    genai = pytest.importorskip("google.genai")
    options = gemini_types.HttpOptions(base_url=urls["gemini"].removesuffix("/v1beta"), api_version="v1beta")
    with contextlib.closing(genai.Client(api_key=CLOUDS["gemini"].key, http_options=options)) as client:
        yield client.models


class TestOpenAI:
    """Both clouds that speak OpenAI's dialects."""

    def test_chat(self, openai_client: Any, openai_model: str) -> None:
        found = openai_client.chat.completions.create(model=openai_model, messages=user("Hello"))
        assert openai_model in found.choices[0].message.content
        type(found).model_validate(found.model_dump())

    def test_stream(self, openai_client: Any, openai_model: str) -> None:
        chunks = list(
            openai_client.chat.completions.create(
                model=openai_model,
                messages=user("say one two three"),
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "one two three"
        assert chunks[-1].usage.total_tokens > 0

    def test_tools(self, openai_client: Any, openai_model: str) -> None:
        messages: list[Any] = user(TWO)
        with openai_client.chat.completions.stream(model=openai_model, messages=messages, tools=[CHAT_TOOL]) as stream:
            for _ in stream:
                pass
            message = stream.get_final_completion().choices[0].message
        assert [json.loads(call.function.arguments)["city"] for call in message.tool_calls] == ["Paris", "Tokyo"]
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
            for call in message.tool_calls
        ]
        results = [{"role": "tool", "tool_call_id": call.id, "content": "18C"} for call in message.tool_calls]
        asked = [*messages, {"role": "assistant", "content": message.content or "", "tool_calls": calls}, *results]
        assert (
            "Tokyo: 18C"
            in openai_client.chat.completions.create(model=openai_model, messages=asked, tools=[CHAT_TOOL])
            .choices[0]
            .message.content
        )

    def test_structured(self, openai_client: Any, openai_model: str) -> None:
        found = openai_client.chat.completions.parse(
            model=openai_model, messages=user("Ada is 36"), response_format=Person
        )
        assert found.choices[0].message.parsed == Person(name="Ada", age=36)
        answered = openai_client.responses.parse(model=openai_model, input="Ada is 36", text_format=Person)
        assert answered.output_parsed == Person(name="Ada", age=36)

    def test_image(self, openai_client: Any, openai_model: str) -> None:
        assert (
            "2x2 pixels"
            in openai_client.chat.completions.create(model=openai_model, messages=user(SEE)).choices[0].message.content
        )

    def test_responses(self, openai_client: Any, openai_model: str) -> None:
        first = openai_client.responses.create(
            model=openai_model, input=TWO, tools=[FLAT_TOOL], store=False, include=["reasoning.encrypted_content"]
        )
        items = [{"role": "user", "content": TWO}, *(item.model_dump(exclude_none=True) for item in first.output)]
        items += [
            {"type": "function_call_output", "call_id": item.call_id, "output": "18C"}
            for item in first.output
            if item.type == "function_call"
        ]
        with openai_client.responses.stream(model=openai_model, input=items, tools=[FLAT_TOOL]) as stream:
            kinds = [event.type for event in stream]
            assert "Paris: 18C" in stream.get_final_response().output_text
        assert kinds[0] == "response.created"
        assert kinds[-1] == "response.completed"

    def test_kept_responses(self, openai_client: Any, openai_model: str) -> None:
        first = openai_client.responses.create(model=openai_model, input="My name is Ada")
        assert (
            "Ada"
            in openai_client.responses.create(
                model=openai_model, input="What is my name?", previous_response_id=first.id
            ).output_text
        )
        assert openai_client.responses.retrieve(first.id).id == first.id
        openai_client.responses.delete(first.id)

    def test_models(self, openai_client: Any, openai_model: str) -> None:
        assert openai_model in [row.id for row in openai_client.models.list()]
        assert openai_client.models.retrieve(openai_model).id == openai_model

    @pytest.mark.parametrize(
        ("mark", "error"),
        [
            ("429", "RateLimitError"),
            ("500", "InternalServerError"),
            ("400", "BadRequestError"),
            ("401", "AuthenticationError"),
        ],
    )
    def test_errors(self, openai_sdk: Any, openai_client: Any, openai_model: str, mark: str, error: str) -> None:
        with pytest.raises(getattr(openai_sdk, error)):
            openai_client.chat.completions.create(model=openai_model, messages=user(f"[[sandbox:{mark}]]"))

    def test_retries_reach_the_answer(self, openai_client: Any, openai_model: str, openai_name: str) -> None:
        patient = openai_client.with_options(max_retries=2)
        asked = user(f"[[sandbox:503 times=1 retry-after=0.01]] {openai_name}")
        assert patient.chat.completions.create(model=openai_model, messages=asked).choices[0].message.content

    def test_errors_inside_a_stream(self, openai_sdk: Any, openai_client: Any, openai_model: str) -> None:
        with pytest.raises(openai_sdk.APIError):
            list(
                openai_client.chat.completions.create(
                    model=openai_model, messages=user("[[sandbox:error-event 2]] Hello"), stream=True
                )
            )
        events = list(
            openai_client.responses.create(model=openai_model, input="[[sandbox:error-event 2]] Hello", stream=True)
        )
        assert events[-1].type == "error"

    def test_cut_streams(self, openai_sdk: Any, openai_client: Any, openai_model: str) -> None:
        with pytest.raises(openai_sdk.APIConnectionError):
            list(
                openai_client.chat.completions.create(
                    model=openai_model, messages=user("[[sandbox:cut 2]] Hello"), stream=True
                )
            )


class TestOpenAIAlone:
    def test_embeddings(self, openai_alone: Any) -> None:
        assert (
            len(openai_alone.embeddings.create(model="text-embedding-3-small", input=["a", "b"]).data[1].embedding)
            == 1536
        )

    def test_counting(self, openai_alone: Any) -> None:
        assert openai_alone.responses.input_tokens.count(model="gpt-5.5", input="Hello there").input_tokens > 0


class TestAnthropic:
    MODELS = pytest.mark.parametrize(
        "model", ["claude-haiku-4-5", "claude-opus-5", "claude-sonnet-5-5", "claude-opus-5-5"]
    )

    @MODELS
    def test_chat(self, anthropic_client: Any, model: str) -> None:
        found = anthropic_client.messages.create(model=model, max_tokens=500, messages=user("Hello"))
        assert model in found.content[-1].text
        type(found).model_validate(found.model_dump())

    @MODELS
    def test_tools(self, anthropic_client: Any, model: str) -> None:
        with anthropic_client.messages.stream(
            model=model, max_tokens=500, messages=user(TWO), tools=[CLAUDE_TOOL]
        ) as stream:
            kinds = [event.type for event in stream]
            found = stream.get_final_message()
        assert kinds[0] == "message_start"
        assert kinds[-1] == "message_stop"
        calls = [block for block in found.content if block.type == "tool_use"]
        assert [call.input["city"] for call in calls] == ["Paris", "Tokyo"]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "18C"} for call in calls]
        messages = [*user(TWO), {"role": "assistant", "content": found.content}, {"role": "user", "content": results}]
        assert (
            "Tokyo: 18C"
            in anthropic_client.messages.create(model=model, max_tokens=500, messages=messages, tools=[CLAUDE_TOOL])
            .content[-1]
            .text
        )

    def test_structured(self, anthropic_client: Any) -> None:
        found = anthropic_client.messages.parse(
            model="claude-opus-5", max_tokens=500, messages=user("Ada is 36"), output_format=Person
        )
        assert found.parsed_output == Person(name="Ada", age=36)

    def test_image(self, anthropic_client: Any) -> None:
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        found = anthropic_client.messages.create(
            model="claude-haiku-4-5", max_tokens=500, messages=user([{"type": "image", "source": source}])
        )
        assert "2x2 pixels" in found.content[0].text

    def test_counting_and_models(self, anthropic_client: Any) -> None:
        assert anthropic_client.messages.count_tokens(model="claude-haiku-4-5", messages=user("Hello")).input_tokens > 0
        rows = list(anthropic_client.models.list(limit=7))
        assert len(rows) == len({row.id for row in rows}) > 7
        assert anthropic_client.models.retrieve("claude-haiku-4-5").max_tokens == 64_000

    @pytest.mark.parametrize(
        ("mark", "error"),
        [
            ("429", "RateLimitError"),
            ("529", "OverloadedError"),
            ("400", "BadRequestError"),
            ("401", "AuthenticationError"),
        ],
    )
    def test_errors(self, anthropic_sdk: Any, anthropic_client: Any, mark: str, error: str) -> None:
        kind = getattr(anthropic_sdk, error, anthropic_sdk.APIStatusError)
        with pytest.raises(kind):
            anthropic_client.messages.create(
                model="claude-haiku-4-5", max_tokens=500, messages=user(f"[[sandbox:{mark}]]")
            )

    def test_errors_inside_a_stream(self, anthropic_sdk: Any, anthropic_client: Any) -> None:
        with pytest.raises(anthropic_sdk.APIError):
            list(
                anthropic_client.messages.create(
                    model="claude-haiku-4-5",
                    max_tokens=500,
                    messages=user("[[sandbox:error-event 3]] Hello"),
                    stream=True,
                )
            )


class TestGemini:
    MODELS = pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3.8-flash", "gemini-4-argon"])

    @MODELS
    def test_chat_and_stream(self, gemini_client: Any, model: str) -> None:
        found = gemini_client.generate_content(model=model, contents="Hello")
        assert model in found.text
        streamed = list(gemini_client.generate_content_stream(model=model, contents="Hello"))
        assert "".join(chunk.text or "" for chunk in streamed) == found.text
        assert streamed[-1].usage_metadata.total_token_count == found.usage_metadata.total_token_count

    @MODELS
    def test_tools(self, gemini_client: Any, gemini_types: Any, model: str) -> None:
        declaration = gemini_types.FunctionDeclaration(
            name="get_weather", description="The weather", parameters_json_schema=WEATHER
        )
        config = gemini_types.GenerateContentConfig(
            tools=[gemini_types.Tool(function_declarations=[declaration])],
            automatic_function_calling=gemini_types.AutomaticFunctionCallingConfig(disable=True),
        )
        first = gemini_client.generate_content(model=model, contents=TWO, config=config)
        assert [call.args["city"] for call in first.function_calls] == ["Paris", "Tokyo"]
        answers = [
            gemini_types.Part(
                function_response=gemini_types.FunctionResponse(id=call.id, name=call.name, response={"result": "18C"})
            )
            for call in first.function_calls
        ]
        history = [
            gemini_types.Content(role="user", parts=[gemini_types.Part(text=TWO)]),
            first.candidates[0].content,
            gemini_types.Content(role="user", parts=answers),
        ]
        assert "Tokyo: 18C" in gemini_client.generate_content(model=model, contents=history, config=config).text

    def test_structured(self, gemini_client: Any, gemini_types: Any) -> None:
        config = gemini_types.GenerateContentConfig(response_mime_type="application/json", response_schema=Person)
        assert gemini_client.generate_content(
            model="gemini-3.8-flash", contents="Ada is 36", config=config
        ).parsed == Person(name="Ada", age=36)

    def test_image(self, gemini_client: Any, gemini_types: Any) -> None:
        part = gemini_types.Part(inline_data=gemini_types.Blob(mime_type="image/png", data=PNG))
        assert "2x2 pixels" in gemini_client.generate_content(model="gemini-3.8-flash", contents=["See?", part]).text

    def test_the_rest(self, gemini_client: Any) -> None:
        assert gemini_client.count_tokens(model="gemini-3.8-flash", contents="Hello").total_tokens > 0
        assert "models/gemini-3.8-flash" in [row.name for row in gemini_client.list()]
        assert len(gemini_client.embed_content(model="gemini-embedding-001", contents=["a", "b"]).embeddings) == 2

    @pytest.mark.parametrize(("mark", "code"), [("429", 429), ("quota", 429), ("503", 503), ("400", 400)])
    def test_errors(self, gemini_client: Any, mark: str, code: int) -> None:
        errors = pytest.importorskip("google.genai.errors")
        with pytest.raises(errors.APIError) as found:
            gemini_client.generate_content(model="gemini-3.8-flash", contents=f"[[sandbox:{mark}]]")
        assert found.value.code == code
