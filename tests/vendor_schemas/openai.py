"""OpenAI's requests, from the types of its SDK (openai 3.54, read 2026-11-22)."""

from functools import cache

from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter

from vendor_schemas.closing import Checker, Schema, checker


@cache
def chat() -> Checker:
    """`POST /chat/completions`."""
    return checker(streamed(CompletionCreateParamsStreaming, CompletionCreateParamsNonStreaming))


@cache
def responses() -> Checker:
    """`POST /responses`. Looser than the SDK's types where the API is: an assistant's message of the input needs no id and status, nor
    does reasoning need its id (the guides on stateless use, 2026-11).
    """
    schema = streamed(ResponseCreateParamsStreaming, ResponseCreateParamsNonStreaming)
    _excuse(schema, "ResponseOutputMessageParam", "id", "status")
    for params in ("ResponseCreateParamsStreaming", "ResponseCreateParamsNonStreaming"):
        definition = next(each for name, each in schema["$defs"].items() if name.endswith(params))
        # required of our bodies, which have no stored prompt or conversation to go by
        definition["required"] = sorted({*definition.get("required", ()), "model", "input"})
    return checker(schema)


def _excuse(schema: Schema, name: str, *members: str) -> None:
    definition = schema["$defs"][name]
    definition["required"] = [each for each in definition["required"] if each not in members]


def streamed(streaming: type, plain: type) -> Schema:
    """The union of both, told apart by `stream`, so that a fault is told of the one that is meant."""
    _, schema = TypeAdapter.json_schemas(
        [("streaming", "validation", TypeAdapter(streaming)), ("plain", "validation", TypeAdapter(plain))]
    )
    definitions = schema["$defs"]
    found = {kind.__name__: kind.__name__ for kind in (streaming, plain)}
    assert set(found) <= set(definitions)
    return {
        "$defs": definitions,
        "if": {"properties": {"stream": {"const": True}}, "required": ["stream"], "additionalProperties": True},
        "then": {"$ref": f"#/$defs/{streaming.__name__}"},
        "else": {"$ref": f"#/$defs/{plain.__name__}"},
    }
