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
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_OF_TYPE = {
    "object": frozenset({
        "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties",
        "dependentRequired", "dependentSchemas", "unevaluatedProperties",
    }),
    "array": frozenset({
        "items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "unevaluatedItems",
    }),
    "string": frozenset({"minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType"}),
    "number": _NUMBERS,
    "integer": _NUMBERS,
}  # fmt: skip
"""Keywords that mean something for values of one type only."""

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
        if described := self.moved - {"additionalProperties"}:
            told.append(f"Anthropic does not enforce {', '.join(sorted(described))}: told in the description")
        if "additionalProperties" in self.moved:
            told.append("Anthropic has closed objects only: additionalProperties left out")
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
    """`type: [a, b]` as a union; each member takes along the keywords that mean something for its type."""
    shared: Schema = {name: schema[name] for name in ("description", "title", "$defs", "definitions") if name in schema}
    own = {name: value for name, value in schema.items() if name not in shared and name != "type"}
    return {"anyOf": [{"type": kind, **_fitting(own, kind)} for kind in kinds], **shared}


def _fitting(own: Schema, kind: Any) -> Schema:
    others = frozenset().union(*_OF_TYPE.values()) - _OF_TYPE.get(str(kind), frozenset())
    return {} if kind == "null" else {name: value for name, value in own.items() if name not in others}


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
    united = _unite(rest, node, where, fitted)
    if "enum" in node or "const" in node:
        return
    if kind is None and not united:
        raise Inexpressible(f"{where} allows any value")
    if united and _contradicts(node, rest):
        message = "puts an object together from several, and each would be closed against the others"
        raise Inexpressible(f"{where} {message}")
    if united and kind == "object":  # its members say so, and close themselves
        rest.pop("additionalProperties", None)
        return
    if kind is not None:
        node["type"] = kind
    match kind:
        case "object":
            _object(rest, node, where, fitted)
        case "array":
            _array(rest, node, where, fitted)
        case "string" if rest.get("format") in _FORMATS:
            node["format"] = rest.pop("format")


def _unite(rest: Schema, node: Schema, where: str, fitted: Fitted) -> bool:
    """Takes over the first union there is; whether there is one."""
    for name, kept in _UNIONS.items():
        if isinstance(members := rest.get(name), list):
            del rest[name]
            node[kept] = [_node(member, f"{where}.{name}[{index}]", fitted) for index, member in enumerate(members)]
            return True
    return False


def _contradicts(node: Schema, rest: Schema) -> bool:
    """Whether closing every object would leave no value that fits: properties beside a union, or of several that all must hold."""
    several = node.get("allOf", [])
    objects = [member for member in several if "$ref" in member or member.get("type") == "object"]
    return bool(rest.get("properties")) or (len(several) > 1 and bool(objects))


def _implied(rest: Schema) -> str | None:
    if "properties" in rest:
        return "object"
    return "array" if "items" in rest else None


def _object(rest: Schema, node: Schema, where: str, fitted: Fitted) -> None:
    properties = rest.pop("properties", None)
    open_ended = rest.pop("additionalProperties", properties is None)
    if not isinstance(properties, dict):
        raise Inexpressible(f"{where} is an object whose properties are not named")
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
