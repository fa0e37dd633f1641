"""A vendor's type as a closed JSON Schema.

A JSON Schema that pydantic derives from a TypedDict is open, so a misspelt member passes; and its unions try every member in turn, so
that a message with a nonsense role fits whichever member asks the least, or fails with forty complaints. Here every object with named
properties is closed, and a union of objects that differ in `type` or `role` is told apart by that member: exactly one of them is asked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]  # see above

Schema = dict[str, Any]

_KEYS = ("type", "role")
_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),  # before number, of which it is one in Python
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_SINGLE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_SEVERAL = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "patternProperties")


@dataclass(frozen=True)
class Checker:
    """Asks a schema about bodies."""

    validator: Any

    def faults(self, body: Any) -> list[str]:
        return [
            f"{'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:300]}"
            for error in self.validator.iter_errors(body)
        ]


def checker(schema: Schema) -> Checker:
    """A checker of this schema, closed and told apart. The schema is not changed."""
    return Checker(_Validator(_told_apart(_closed(schema))))


def _children(schema: Schema, change: Any) -> Schema:
    """The schema with `change` done to each schema directly inside, and to nothing that only looks like one."""
    changed = dict(schema)
    for name in _SINGLE:
        if isinstance(changed.get(name), dict):
            changed[name] = change(changed[name])
    for name in _SEVERAL:
        if isinstance(changed.get(name), list):
            changed[name] = [change(each) for each in changed[name]]
    for name in _NAMED:
        if isinstance(changed.get(name), dict):
            changed[name] = {
                key: change(each) if isinstance(each, dict) else each for key, each in changed[name].items()
            }
    return changed


def _closed(schema: Schema) -> Schema:
    closed = _children(schema, _closed)
    if "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def _told_apart(schema: Schema, root: Schema | None = None) -> Schema:
    root = root or schema
    changed = _children(schema, lambda inner: _told_apart(inner, root))
    for name in ("anyOf", "oneOf"):
        if name in changed and (apart := _by_kind(changed[name], root)):
            del changed[name]
            changed["discriminated"] = apart
    return changed


def _by_kind(members: list[Schema], root: Schema) -> Schema | None:
    """The members by the JSON type that they are of; objects by `key` as well, where they can be. None: some are of any type."""
    kinds: dict[str, list[Schema]] = {}
    for member in _flat(members, root):
        kind = _kind_of(_resolved(member, root))
        if kind is None:
            return None
        kinds.setdefault(kind, []).append(member)
    apart: Schema = {kind: _any(found) for kind, found in kinds.items() if kind != "object"}
    if objects := kinds.get("object"):
        apart["object"] = _by_key(objects, root) or _any(objects)
    return apart


def _by_key(objects: list[Schema], root: Schema, keys: tuple[str, ...] = _KEYS) -> Schema | None:
    """`key`, the `cases` by its value, and `absent` for objects without it. None where no key tells them apart."""
    for key in keys:
        values = [_values(_resolved(member, root), key) for member in objects]
        if sum(bool(found) for found in values) < 2 or len({str(found) for found in values}) < 2:
            continue
        cases: dict[str, list[Schema]] = {}
        absent = []
        for member, found in zip(objects, values, strict=True):
            for value in found:
                cases.setdefault(value, []).append(member)
            if key not in _resolved(member, root).get("required", ()):
                absent.append(member)
        others = tuple(each for each in keys if each != key)
        told = {value: _again(found, root, others) for value, found in cases.items()}
        return {"key": key, "cases": told, "absent": _again(absent, root, others) if absent else False}
    return None


def _again(members: list[Schema], root: Schema, keys: tuple[str, ...]) -> Schema:
    """Members that share one key may still differ in the other: messages of several roles."""
    apart = _by_key(members, root, keys) if len(members) > 1 else None
    return {"discriminated": {"object": apart}} if apart else _any(members)


def _kind_of(schema: Schema) -> str | None:
    """The JSON type of a schema's values, None where it may be any."""
    if "discriminated" in schema and len(schema["discriminated"]) == 1:
        return str(next(iter(schema["discriminated"])))
    if isinstance(kind := schema.get("type"), str):
        return "number" if kind == "integer" else kind
    if "properties" in schema:
        return "object"
    words = [*schema.get("enum", ()), *_constant(schema)]
    return "string" if words and all(isinstance(word, str) for word in words) else None


def _flat(members: list[Schema], root: Schema) -> Iterator[Schema]:
    """The members of a union, those of unions within it as well."""
    for member in members:
        resolved = _resolved(member, root)
        inner = resolved.get("anyOf") or resolved.get("oneOf")
        if inner and "properties" not in resolved:
            yield from _flat(inner, root)
        else:
            yield member


def _any(members: list[Schema]) -> Schema:
    return members[0] if len(members) == 1 else {"anyOf": members}


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _values(schema: Schema, key: str) -> list[str]:
    """The words that a member may have here; [] where any will do."""
    found = schema.get("properties", {}).get(key, {})
    options = found.get("anyOf", [found])
    values = [value for option in options for value in [*option.get("enum", []), *_constant(option)]]
    return values if all(_is_closed_set(option) for option in options) else []


def _constant(option: Schema) -> list[str]:
    return [option["const"]] if "const" in option else []


def _is_closed_set(option: Schema) -> bool:
    return "const" in option or "enum" in option or option.get("type") == "null"


def _discriminate(validator: Any, rule: Schema, value: Any, _: Schema) -> Iterator[ValidationError]:
    kind = next(name for name, types in _TYPES.items() if isinstance(value, types))
    if kind not in rule:
        yield ValidationError(f"{str(value)[:80]!r} is none of these: {', '.join(sorted(rule))}")
    elif "cases" in rule[kind]:
        yield from _case(validator, rule[kind], value)
    else:
        yield from validator.descend(value, rule[kind])


def _case(validator: Any, rule: Schema, value: Schema) -> Iterator[ValidationError]:
    key, cases, absent = rule["key"], rule["cases"], rule["absent"]
    named = value.get(key)
    if named is None and absent is not False:
        yield from validator.descend(value, absent)
    elif named is None:
        yield ValidationError(f"{key!r} is missing; it is one of {', '.join(sorted(cases))}")
    elif named not in cases:
        yield ValidationError(f"{key} {named!r} is none of {', '.join(sorted(cases))}")
    else:
        yield from validator.descend(value, cases[named])


_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2}(?:==)?|[A-Za-z0-9+/_-]{3}=?)?")


def _format(validator: Any, name: str, value: Any, schema: Schema) -> Iterator[ValidationError]:
    """Google's bytes are base64 in either alphabet; of the other formats the vendors' prose is the judge."""
    if name in {"byte", "base64url"} and isinstance(value, str) and not _BASE64.fullmatch(value):
        yield ValidationError(f"{value[:80]!r} is not base64")


_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {"discriminated": _discriminate, "format": _format}
)
