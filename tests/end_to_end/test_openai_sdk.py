"""The official OpenAI SDK, unmodified, through all four providers."""

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from end_to_end.conftest import PROVIDERS, Gateway

openai = pytest.importorskip("openai", reason="the OpenAI SDK is a development dependency")

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}


def png(red: int, green: int, blue: int) -> str:
    """A picture of two by two points, as a data URL."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((red, green, blue)) * 2 for _ in range(2))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


PDF = b"""%PDF-1.1
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def client(gateway: Gateway, provider: str) -> Iterator[Any]:
    with openai.OpenAI(base_url=gateway.base_url(provider), api_key="unused", max_retries=0, timeout=20) as made:
        yield made


def said(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("model", ["low", "medium", "high"])
def test_chat(client: Any, model: str) -> None:
    reply = client.chat.completions.create(model=model, messages=said("Say hello."))
    choice = reply.choices[0]
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason == "stop"
    assert reply.object == "chat.completion"
    assert reply.id
    assert reply.usage.total_tokens >= reply.usage.prompt_tokens + reply.usage.completion_tokens > 0


def test_developer_and_system_messages_and_history(client: Any) -> None:
    messages: Any = [
        {"role": "system", "content": "You are terse."},
        {"role": "developer", "content": "Answer in English."},
        *said("My name is Ada."),
        {"role": "assistant", "content": "Hello Ada."},
        *said("What did I say?"),
    ]
    assert client.chat.completions.create(model="medium", messages=messages).choices[0].message.content


def test_a_stream_is_the_plain_answer_in_pieces(client: Any) -> None:
    plain = client.chat.completions.create(model="medium", messages=said("Tell me of the sea."))
    chunks = list(
        client.chat.completions.create(
            model="medium", messages=said("Tell me of the sea."), stream=True, stream_options={"include_usage": True}
        )
    )
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({(chunk.id, chunk.model) for chunk in chunks}) == 1
    told = [chunk for chunk in chunks if chunk.choices]
    assert told[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in told) == plain.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in told if chunk.choices[0].finish_reason] == ["stop"]
    (usage,) = [chunk.usage for chunk in chunks if chunk.usage]
    assert usage.completion_tokens == plain.usage.completion_tokens
    assert len(told) > 3


def test_no_usage_chunk_comes_unasked(client: Any) -> None:
    chunks = list(client.chat.completions.create(model="medium", messages=said("Hello."), stream=True))
    assert all(chunk.choices for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)


def run_tools(client: Any, prompt: str, results: dict[str, str]) -> tuple[list[str], str]:
    """The loop that every agent has: the cities that were asked for, and the last words."""
    messages: Any = said(prompt)
    asked: list[str] = []
    for _ in range(4):
        reply = client.chat.completions.create(model="medium", messages=messages, tools=[WEATHER])
        message = reply.choices[0].message
        if not message.tool_calls:
            assert reply.choices[0].finish_reason == "stop"
            return asked, message.content
        assert reply.choices[0].finish_reason == "tool_calls"
        messages.append(message)
        for call in message.tool_calls:
            city = json.loads(call.function.arguments)["city"]
            asked.append(city)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": results[city]})
    raise AssertionError("the loop did not end")


def test_a_tool_loop(client: Any) -> None:
    asked, answer = run_tools(client, "What is the weather in Paris?", {"Paris": "18C and sunny"})
    assert asked == ["Paris"]
    assert "18C and sunny" in answer


def test_parallel_tools(client: Any) -> None:
    asked, answer = run_tools(client, "What is the weather in Paris and Oslo?", {"Paris": "18C", "Oslo": "5C"})
    assert sorted(asked) == ["Oslo", "Paris"]
    assert "18C" in answer
    assert "5C" in answer


def test_streamed_tool_calls_have_their_own_index(client: Any) -> None:
    chunks = client.chat.completions.create(
        model="medium", messages=said("What is the weather in Paris and Oslo?"), tools=[WEATHER], stream=True
    )
    calls: dict[int, dict[str, str]] = {}
    finish = None
    for chunk in chunks:
        choice = chunk.choices[0]
        finish = choice.finish_reason or finish
        for piece in choice.delta.tool_calls or []:
            call = calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
            call["id"] += piece.id or ""
            call["name"] += (piece.function.name or "") if piece.function else ""
            call["arguments"] += (piece.function.arguments or "") if piece.function else ""
    assert finish == "tool_calls"
    assert sorted(calls) == [0, 1]
    assert {json.loads(call["arguments"])["city"] for call in calls.values()} == {"Paris", "Oslo"}
    assert {call["name"] for call in calls.values()} == {"get_weather"}
    assert len({call["id"] for call in calls.values()}) == 2


def test_a_forced_tool_is_called_or_honestly_refused(client: Any) -> None:
    choice: Any = {"type": "function", "function": {"name": "get_weather"}}
    reply = client.chat.completions.create(
        model="medium", messages=said("How is it in Rome?"), tools=[WEATHER], tool_choice=choice
    )
    assert reply.choices[0].message.tool_calls[0].function.name == "get_weather"


def test_structured_output(client: Any) -> None:
    reply = client.chat.completions.create(
        model="medium",
        messages=said("Ada is 36 years old."),
        response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}},
    )
    value = json.loads(reply.choices[0].message.content)
    assert set(value) == {"name", "age", "tags"}
    assert isinstance(value["age"], int)


class Person(BaseModel):
    name: str
    age: int
    tags: list[str]


@pytest.mark.parametrize("stream", [False, True])
def test_a_parsed_answer_and_what_the_helper_leaves_in_its_message(client: Any, stream: bool) -> None:
    """The helpers give messages with a member `parsed`, which clients append as they are; a cloud refuses what it does not know."""
    messages: Any = said("Ada is 36 years old.")
    if stream:
        with client.chat.completions.stream(model="medium", messages=messages, response_format=Person) as events:
            message = events.get_final_completion().choices[0].message
    else:
        reply = client.chat.completions.parse(model="medium", messages=messages, response_format=Person)
        message = reply.choices[0].message
    assert isinstance(message.parsed, Person)
    dumped = message.model_dump(exclude_none=True, warnings=False)
    assert set(dumped["parsed"]) == {"name", "age", "tags"}
    again = client.chat.completions.create(model="medium", messages=[*messages, dumped, *said("Thank you.")])
    assert again.choices[0].message.content


def test_json_mode(client: Any) -> None:
    reply = client.chat.completions.create(
        model="medium", messages=said("Give me JSON about the sea."), response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(reply.choices[0].message.content), dict)


def test_an_image(client: Any) -> None:
    content: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": png(255, 0, 0)}},
    ]
    reply = client.chat.completions.create(model="medium", messages=[{"role": "user", "content": content}])
    assert "png" in reply.choices[0].message.content.lower()


def test_a_file_where_the_model_takes_one_else_its_400(client: Any, provider: str) -> None:
    row = client.models.retrieve("medium").model_extra
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64," + base64.b64encode(PDF).decode()}
    content: Any = [{"type": "text", "text": "What is this?"}, {"type": "file", "file": file}]

    def ask() -> Any:
        return client.chat.completions.create(model="medium", messages=[{"role": "user", "content": content}])

    if "pdf" in row["features"] or "pdf" in row["modalities"]["input"]:
        assert "pdf" in ask().choices[0].message.content.lower()
    else:
        with pytest.raises(openai.BadRequestError) as caught:
            ask()
        assert caught.value.param == "messages"


def test_models(client: Any, provider: str) -> None:
    ids = [model.id for model in client.models.list()]
    assert ids
    assert client.models.retrieve(ids[0]).owned_by == provider


@pytest.mark.parametrize(
    ("trigger", "kind", "status"),
    [
        ("[[sandbox:429 retry-after=2]]", "RateLimitError", 429),
        ("[[sandbox:500]]", "InternalServerError", 500),
        ("[[sandbox:400]]", "BadRequestError", 400),
        ("[[sandbox:401]]", "InternalServerError", 502),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_arrive_as_the_sdks_own(client: Any, trigger: str, kind: str, status: int, stream: bool) -> None:
    with pytest.raises(getattr(openai, kind)) as caught:
        client.chat.completions.create(model="medium", messages=said(f"Please fail {trigger}"), stream=stream)
    assert caught.value.status_code == status
    if status == 429 and "retry-after" in trigger:
        assert caught.value.response.headers["retry-after"] == "2"


@pytest.mark.parametrize("trigger", ["[[sandbox:cut 4]]", "[[sandbox:clean-cut 4]]", "[[sandbox:error-event 4]]"])
def test_a_stream_that_breaks_is_never_told_as_a_whole_one(client: Any, trigger: str) -> None:
    text = f"Count a long way. [[sandbox:words 60]] {trigger}"
    finishes: list[str | None] = []

    def listen() -> None:
        for chunk in client.chat.completions.create(model="medium", messages=said(text), stream=True):
            finishes.extend(choice.finish_reason for choice in chunk.choices)

    with pytest.raises(openai.APIError):
        listen()
    assert "stop" not in finishes


def test_the_three_spellings_of_the_base_url(gateway: Gateway, provider: str) -> None:
    for url in (gateway.base_url(provider), gateway.root(provider), f"{gateway.base_url('openai')}/{provider}"):
        with openai.OpenAI(base_url=url, api_key="unused", max_retries=0) as client:
            assert client.chat.completions.create(model="medium", messages=said("Hello.")).choices[0].message.content


def test_any_model_of_any_provider_on_any_port(gateway: Gateway, provider: str) -> None:
    with openai.OpenAI(base_url=f"{gateway.root(provider)}/v1/any", api_key="unused", max_retries=0) as client:
        for model in ("claude-sonnet-5-5", "gemini/high", "gpt-6.2-sol", "grok-4.7"):
            assert client.chat.completions.create(model=model, messages=said("Hello.")).choices[0].message.content
