"""What the tests of this dialect share: short constructors, the vendor's own types as a closed check of bodies, and plays of streams."""

import copy
import itertools
import json
from pathlib import Path
from typing import Any

import pydantic
from google.genai import types
from pydantic.alias_generators import to_camel

from polyglot_cloud import sse
from polyglot_cloud.dialects import Written
from polyglot_cloud.dialects.gemini import DIALECT
from polyglot_cloud.neutral import Event, Message, Request, State, Text, ToolCall, ToolResult
from polyglot_cloud.rows import Destination, Quirks

FIXTURES = Path(__file__).parents[2] / "fixtures" / "gemini"
PROVIDER = "gemini"
MODEL = "gemini-3.8-flash"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

GenerateContentRequest = pydantic.create_model(
    "GenerateContentRequest",
    __config__=pydantic.ConfigDict(extra="forbid", alias_generator=to_camel),
    contents=(list[types.Content], ...),
    system_instruction=(types.Content | None, None),
    tools=(list[types.Tool] | None, None),
    tool_config=(types.ToolConfig | None, None),
    generation_config=(types.GenerationConfig | None, None),
    service_tier=(types.ServiceTier | None, None),
    store=(bool | None, None),
)
"""The body as the official SDK's types see it: they forbid fields they do not know, as the API does."""


def request(*messages: Message, **fields: Any) -> Request:
    return Request(model=MODEL, messages=list(messages) or [user("Hi")], **fields)


def destination(model: str = MODEL, max_output: int | None = None, **quirks: Any) -> Destination:
    return Destination(provider=PROVIDER, model=model, quirks=Quirks(**quirks), max_output=max_output, known=True)


def user(*texts: str) -> Message:
    return Message("user", [Text(text) for text in texts])


def call(id_: str, name: str = "get_weather", arguments: str = "{}", state: State | None = None) -> ToolCall:
    return ToolCall(id_, name, arguments, state=state)


def result(call_id: str, text: str = "sunny", *, is_error: bool = False) -> ToolResult:
    return ToolResult(call_id, [Text(text)], is_error)


def own(raw: dict[str, Any], provider: str = PROVIDER, model: str = MODEL) -> State:
    return State(raw, provider, model)


def write(request: Request, to: Destination | None = None) -> Written:
    """The written request, after the checks that hold for every one: valid by the vendor's types, and nothing given was touched."""
    assert DIALECT.write_request is not None
    before = copy.deepcopy(request)
    written = DIALECT.write_request(request, to or destination())
    assert request == before
    GenerateContentRequest.model_validate(written.body)
    return written


def body(request: Request, to: Destination | None = None) -> dict[str, Any]:
    written = write(request, to)
    assert written.losses == []
    return written.body


def pointers(written: Written) -> list[str]:
    return [loss.pointer for loss in written.losses]


def play(stream: bytes, *cuts: int) -> list[Event]:
    """The events of a stream whose bytes came in pieces cut at these places."""
    decoder, reader = sse.Decoder(), DIALECT.reader()
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(edges)]
    records = [record for piece in pieces for record in decoder.feed(piece)] + decoder.close()
    events = [event for record in records for event in reader.feed(record)]
    return events + reader.close()


def framed(*chunks: Any) -> bytes:
    return b"".join(sse.encode(json.dumps(chunk).encode()) for chunk in chunks)


def reply(*parts: dict[str, Any], finish: str | None = "STOP", **fields: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "responseId": "r1", "modelVersion": MODEL, **fields}


def concatenated(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The plain reply that a stream amounts to: its parts in a row, the last word of everything else."""
    whole: dict[str, Any] = {}
    candidate: dict[str, Any] = {}
    parts: list[Any] = []
    for chunk in chunks:
        whole |= chunk
        for each in chunk.get("candidates", [])[:1]:
            candidate |= each
            parts += each.get("content", {}).get("parts", [])
    if candidate:
        whole["candidates"] = [{**candidate, "content": {"role": "model", "parts": parts}}]
    return {**chunks[0], **whole}


def load(case: Path, name: str) -> Any:
    return json.loads((case / name).read_text())
