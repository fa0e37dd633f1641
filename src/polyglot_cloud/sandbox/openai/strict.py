"""OpenAI's strict subset of JSON Schema: closed objects, every property required, no composition at the top.

Source: the structured outputs guide of the vendor (2026-11), and the words of its 400s.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from polyglot_cloud.sandbox import grammar

_REFUSED = ("allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "patternProperties", "oneOf")


def problem(schema: Any) -> str | None:
    """What is wrong with a strict schema, in the vendor's words; None where nothing is."""
    if told := grammar.problem(schema):
        return f"{told}."
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        found = schema.get("type") if isinstance(schema, Mapping) else None
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{found}\"'."
    if "anyOf" in schema:
        return "In context=(), 'anyOf' is not permitted at the top level."
    return next((f"In context={context}, {text}" for context, text in _faults(schema, ())), None)


def _faults(schema: Mapping[str, Any], context: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    yield from ((context, f"'{word}' is not permitted.") for word in _REFUSED if word in schema)
    if schema.get("type") == "object" or "properties" in schema:
        yield from _object_faults(schema, context)
    for step, inner in _inner(schema):
        yield from _faults(inner, (*context, *step))


def _object_faults(schema: Mapping[str, Any], context: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if schema.get("additionalProperties") is not False:
        yield context, "'additionalProperties' is required to be supplied and to be false."
    names = list(schema.get("properties") or {})
    missing = [name for name in names if name not in (schema.get("required") or [])]
    if missing:
        text = "'required' is required to be supplied and to be an array including every key in properties."
        yield context, f"{text} Missing '{missing[0]}'."


def _inner(schema: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    for keyword in ("properties", "$defs", "definitions"):
        for name, value in (schema.get(keyword) or {}).items():
            if isinstance(value, Mapping):
                yield (keyword, name), value
    if isinstance(items := schema.get("items"), Mapping):
        yield ("items",), items
    for number, value in enumerate(schema.get("anyOf") or ()):
        if isinstance(value, Mapping):
            yield ("anyOf", str(number)), value
