"""The subset of JSON Schema that Anthropic enforces, for strict tools and `output_config.format`.

Source: what the official SDK's own transformation leaves (anthropic 2.12.0, 2026-11-22): objects are closed; every keyword
not listed here is refused, so it goes into the description, where the model at least reads it.
"""

from dataclasses import dataclass, field
from typing import Any

from polyglot_cloud.wire import encode

_KEPT = ("title", "enum", "const", "required")
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)  # fmt: skip
_MEANINGLESS = frozenset({"$schema", "$id", "$comment"})
_UNIONS = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}

Schema = dict[str, Any]


class Inexpressible(ValueError):
    """The schema leaves a value open, which the subset cannot say. The message names the place and the reason."""


@dataclass(slots=True)
class Fitted:
    """A schema within the subset. `moved` are the keywords that are now only described, `left_out` those beside a $ref."""

    schema: Schema
    moved: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)

    @property
    def loss(self) -> str | None:
        """What a client has to know, None where everything is enforced."""
        told = []
        if self.moved:
            told.append(f"Anthropic does not enforce {', '.join(sorted(self.moved))}: told in the description")
        if self.left_out:
            told.append(f"Anthropic takes nothing beside a $ref: {', '.join(sorted(self.left_out))} left out")
        return "; ".join(told) or None


def fit(schema: Schema) -> Fitted:
    """The schema within the subset. Raises Inexpressible."""
    fitted = Fitted({})
    try:
        fitted.schema = _node(schema, "the schema", fitted)
    except RecursionError:
        raise Inexpressible("the schema is nested too deeply") from None
    return fitted


def _node(schema: Any, where: str, fitted: Fitted) -> Schema:
    if not isinstance(schema, dict):
        raise Inexpressible(f"{where} must be a schema object")
    kinds = schema.get("type")
    if isinstance(kinds, list) and "enum" not in schema and "const" not in schema:
        return _node(_spread(schema, kinds), where, fitted)
    rest = {name: value for name, value in schema.items() if name not in _MEANINGLESS}
    node: Schema = {}
    _definitions(rest, node, where, fitted)
    if isinstance(ref := rest.get("$ref"), str):
        fitted.left_out.update(rest.keys() - {"$ref"})
        return node | {"$ref": ref.replace("#/definitions/", "#/$defs/", 1)}
    described = rest.pop("description", None)
    _shape(rest, node, where, fitted)
    _describe(node, described, rest, fitted)
    return node


def _spread(schema: Schema, kinds: list[str]) -> Schema:
    """`type: [a, b]` as a union; each member takes the keywords along, and those of another type have no effect there."""
    shared: Schema = {name: schema[name] for name in ("description", "title", "$defs", "definitions") if name in schema}
    own = {name: value for name, value in schema.items() if name not in shared and name != "type"}
    return {"anyOf": [{"type": kind, **(own if kind != "null" else {})} for kind in kinds], **shared}


def _definitions(rest: Schema, node: Schema, where: str, fitted: Fitted) -> None:
    for name in ("$defs", "definitions"):
        found = rest.pop(name, None)
        if isinstance(found, dict):
            definitions = {key: _node(value, f"{where}.$defs.{key}", fitted) for key, value in found.items()}
            node["$defs"] = node.get("$defs", {}) | definitions


def _shape(rest: Schema, node: Schema, where: str, fitted: Fitted) -> None:
    for name in _KEPT:
        if name in rest:
            node[name] = rest.pop(name)
    kind = rest.pop("type", None) or _implied(rest)
    for name, kept in _UNIONS.items():
        if isinstance(rest.get(name), list):
            node[kept] = [
                _node(member, f"{where}.{name}[{index}]", fitted) for index, member in enumerate(rest.pop(name))
            ]
            break
    if "enum" in node or "const" in node:
        return
    if kind is None and not _UNIONS.keys() & node.keys():
        raise Inexpressible(f"{where} allows any value")
    if kind is not None:
        node["type"] = kind
    match kind:
        case "object":
            _object(rest, node, where, fitted)
        case "array":
            _array(rest, node, where, fitted)
        case "string" if rest.get("format") in _FORMATS:
            node["format"] = rest.pop("format")


def _implied(rest: Schema) -> str | None:
    if "properties" in rest:
        return "object"
    return "array" if "items" in rest else None


def _object(rest: Schema, node: Schema, where: str, fitted: Fitted) -> None:
    properties = rest.pop("properties", None)
    open_ended = rest.pop("additionalProperties", properties is None)
    if not isinstance(properties, dict):
        if not _UNIONS.keys() & node.keys():
            raise Inexpressible(f"{where} is an object whose properties are not named")
        properties = {}
    if open_ended is not False:
        fitted.moved.add("additionalProperties")
    node["properties"] = {name: _node(value, f"{where}.{name}", fitted) for name, value in properties.items()}
    node["additionalProperties"] = False


def _array(rest: Schema, node: Schema, where: str, fitted: Fitted) -> None:
    if "items" in rest:
        node["items"] = _node(rest.pop("items"), f"{where}[]", fitted)
    if rest.get("minItems") in {0, 1}:
        node["minItems"] = rest.pop("minItems")


def _describe(node: Schema, described: Any, rest: Schema, fitted: Fitted) -> None:
    fitted.moved.update(rest)
    constraints = ", ".join(f"{name}: {encode(value).decode()}" for name, value in rest.items())
    parts = [described] if isinstance(described, str) and described else []
    parts += [f"({constraints})"] if constraints else []
    if parts:
        node["description"] = "\n\n".join(parts)
