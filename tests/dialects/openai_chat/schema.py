"""OpenAI's own request schema, derived from the types of its SDK and closed, so that a misspelt or foreign member is found."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter


@cache
def _validator(stream: bool) -> Draft202012Validator:
    type_ = CompletionCreateParamsStreaming if stream else CompletionCreateParamsNonStreaming
    return Draft202012Validator(_close(TypeAdapter(type_).json_schema()))


def _close(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_close(element) for element in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _close(value) for name, value in schema.items()}
    if "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def check(body: dict[str, Any]) -> None:
    """Raises AssertionError that names the first members at fault."""
    faults = [
        f"{fault.json_path}: {fault.message[:200]}"
        for fault in _validator(bool(body.get("stream"))).iter_errors(json.loads(json.dumps(body)))
    ]
    assert not faults, "\n".join(faults[:5])
