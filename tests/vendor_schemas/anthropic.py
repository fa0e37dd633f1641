"""Anthropic's Messages request, from the types of its SDK (anthropic 2.12, read 2026-11-22)."""

from functools import cache

from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming

from vendor_schemas.closing import Checker, Schema, checker
from vendor_schemas.openai import streamed

VERSIONS = ("2023-06-01", "2026-10-21")
_HEADERS = ("workspace_id", "user_profile_id")
"""Members of the SDK's type that it sends as headers: a body that has them is refused."""
_SAMPLING: Schema = {
    "temperature": {"type": "number", "minimum": 0, "maximum": 1},
    "top_p": {"type": "number", "minimum": 0, "maximum": 1},
    "top_k": {"type": "integer", "minimum": 0},
}
"""Gone from the types with version 2026-10-21, which they describe; taken under the version before it."""


@cache
def messages(version: str) -> Checker:
    """`POST /messages` under this `anthropic-version`."""
    assert version in VERSIONS, f"anthropic-version {version!r} is not sent by us"
    schema = streamed(MessageCreateParamsStreaming, MessageCreateParamsNonStreaming)
    for params in (MessageCreateParamsStreaming, MessageCreateParamsNonStreaming):
        definition = schema["$defs"][params.__name__]
        for name in _HEADERS:
            definition["properties"].pop(name, None)
        if version == "2023-06-01":
            definition["properties"] |= _SAMPLING
    # a tool's schema is any JSON Schema with an object at its root: the SDK's type adds "or any mapping", which the API does not
    schema["$defs"]["ToolParam"]["properties"]["input_schema"] = {"$ref": "#/$defs/InputSchemaTyped"}
    return checker(schema)
