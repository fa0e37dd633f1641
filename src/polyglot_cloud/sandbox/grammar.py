"""Whether a value is a JSON Schema at all, as far as the keywords go that the stand-ins read."""

from typing import Any

from polyglot_cloud.sandbox.shapes import (
    Fault,
    Path,
    Shape,
    anything,
    check,
    each,
    either,
    flag,
    mapping,
    number,
    obj,
    text,
    whole,
    word,
)

_DEEPEST = 60
_TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")


def _schema(value: Any, path: Path) -> Fault | None:
    """A schema, or true or false in its place."""
    if isinstance(value, bool):
        return None
    if len(path) > _DEEPEST:
        return Fault(path, "long", _DEEPEST, value)
    return _KEYWORDS(value, path)


_BOUND = number()
_COUNT = whole(0)
_SCHEMAS = mapping(_schema)
_BRANCHES = each(_schema, 1)
_KEYWORDS: Shape = obj(
    {
        "type": either(word(*_TYPES), each(word(*_TYPES), 1)),
        "enum": each(anything, 1),
        "properties": _SCHEMAS,
        "required": each(text()),
        "additionalProperties": _schema,
        "minProperties": _COUNT,
        "maxProperties": _COUNT,
        "items": _schema,
        "prefixItems": each(_schema),
        "minItems": _COUNT,
        "maxItems": _COUNT,
        "uniqueItems": flag,
        "minimum": _BOUND,
        "maximum": _BOUND,
        "exclusiveMinimum": either(flag, _BOUND),
        "exclusiveMaximum": either(flag, _BOUND),
        "multipleOf": _BOUND,
        "minLength": _COUNT,
        "maxLength": _COUNT,
        "pattern": text(),
        "format": text(),
        "anyOf": _BRANCHES,
        "oneOf": _BRANCHES,
        "allOf": _BRANCHES,
        "not": _schema,
        "$ref": text(),
        "$defs": _SCHEMAS,
        "definitions": _SCHEMAS,
        "title": text(),
        "description": text(),
    },
    open=True,
)


def problem(schema: Any) -> str | None:
    """What keeps a value from being a JSON Schema: "/properties/age/type is not valid"; None where nothing does."""
    fault = check(_schema, schema)
    return f"/{'/'.join(map(str, fault.path))} is not valid" if fault else None
