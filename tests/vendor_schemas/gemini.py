"""Gemini's generateContent request as it goes over the wire, from the types of google-genai (3.4, read 2026-11-22).

The SDK's own request type is no wire body: system instruction, tools and a dozen others are members of its `config`, and half of its
types have fields that only Vertex takes. Which field ends where, and which the Gemini API refuses, stand in the SDK's converters
(`_..._to_mldev`); their source is what is asked here, so that a new SDK brings its own answer.
"""

import inspect
import re
from functools import cache
from typing import Any

from google.genai import models, types
from pydantic import BaseModel, TypeAdapter
from pydantic.alias_generators import to_camel

from vendor_schemas.closing import Checker, Schema, checker

_REFUSED = re.compile(r"getv\(from_object, \['(\w+)'\]\) is not None:\s+raise ValueError")
_SET = re.compile(r"setv\(\s*(to_object|parent_object),\s*\['(\w+)'\]")
_TYPES: tuple[type[BaseModel], ...] = (
    types.Content, types.Part, types.Tool, types.ToolConfig, types.SafetySetting, types.GenerationConfig, types.ImageConfig,
    types.FunctionCall, types.FunctionCallingConfig, types.GoogleSearch, types.GoogleMaps, types.AuthConfig,
)  # fmt: skip


@cache
def generate_content() -> Checker:
    """`POST /models/{model}:generateContent` and `:streamGenerateContent`."""
    kinds: tuple[Any, ...] = (*_TYPES, types.ServiceTier)
    adapters: list[Any] = [(kind, "validation", TypeAdapter(kind)) for kind in kinds]
    _, schema = TypeAdapter.json_schemas(adapters, by_alias=True)
    definitions = schema["$defs"]
    for kind in _TYPES:
        _without_vertex(definitions, kind.__name__)
    members = _SET.findall(_source("GenerateContentConfig"))
    configured = {name for place, name in members if place == "to_object"}
    config = definitions["GenerationConfig"]
    config["properties"] = {name: each for name, each in config["properties"].items() if name in configured}
    config["properties"]["imageConfig"] = _ref("ImageConfig")
    for name in definitions:
        _without_nulls(definitions[name])
    top = {name: _TOP[name] for place, name in members if place == "parent_object"}
    contents = {
        "contents": {"type": "array", "items": _ref("Content"), "minItems": 1},
        "generationConfig": _ref("GenerationConfig"),
    }
    return checker({"$defs": definitions, "type": "object", "properties": contents | top, "required": ["contents"]})


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


_TOP: dict[str, Schema] = {
    "systemInstruction": _ref("Content"),
    "safetySettings": {"type": "array", "items": _ref("SafetySetting")},
    "tools": {"type": "array", "items": _ref("Tool")},
    "toolConfig": _ref("ToolConfig"),
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "cachedContent": {"type": "string"},
    "serviceTier": _ref("ServiceTier"),
    "continuationToken": {"type": "string", "format": "byte"},
    "store": {"type": "boolean"},
}
"""The members beside `contents` and `generationConfig`, which the converters lift out of the SDK's config."""


def _source(name: str) -> str:
    return inspect.getsource(getattr(models, f"_{name}_to_mldev"))


def _without_vertex(definitions: dict[str, Schema], name: str) -> None:
    """Without what the SDK refuses to send to the Gemini API."""
    if hasattr(models, f"_{name}_to_mldev"):
        for field in _REFUSED.findall(_source(name)):
            definitions[name]["properties"].pop(to_camel(field), None)


def _without_nulls(definition: Schema) -> None:
    """Every field of the SDK's models may be None, which it leaves out; null is no value on the wire."""
    for name, each in definition.get("properties", {}).items():
        options = [option for option in each.get("anyOf", ()) if option != {"type": "null"}]
        if options:
            definition["properties"][name] = options[0] if len(options) == 1 else {"anyOf": options}
