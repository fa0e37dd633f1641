"""A value that satisfies a JSON Schema, with what the prompt offers put where it fits.

Reads the keywords that vendors' tools and structured outputs use, Google's OpenAPI subset (upper-case types, `nullable`) included.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyglot_cloud.sandbox import pattern, reading

Schema = Mapping[str, Any]

_DEEPEST, _BOTTOM = 6, 24
_FORMATS = {
    "date": "2026-11-22",
    "date-time": "2026-11-22T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "PT30M",
    "email": "ada@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "uri-reference": "https://example.com/",
    "url": "https://example.com/",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
    "uuid": "6f1d2c3b-4a59-4e68-9b7a-0c1d2e3f4a5b",
    "byte": "aGVsbG8=",
    "regex": "^.*$",
    "json-pointer": "/a",
}
_NAMED = {
    "unit": "celsius", "units": "celsius", "currency": "EUR", "language": "English", "lang": "en", "email": "ada@example.com",
    "phone": "+1 555 0100", "date": "2026-11-22", "time": "09:30", "timezone": "UTC", "color": "teal", "colour": "teal",
    "description": "A small example, made in the sandbox.", "title": "A small example", "summary": "All is well in the sandbox.",
    "reasoning": "I looked at the schema and filled it in.", "id": "example-1", "status": "ok", "first_name": "Ada",
    "last_name": "Lovelace",
    "city": "Paris", "location": "Paris", "place": "Paris", "country": "France", "command": "echo hello", "path": "example.txt",
    "file_path": "example.txt", "filename": "example.txt", "url": "https://example.com/", "name": "Ada", "symbol": "ACME", "ticker": "ACME",
}  # fmt: skip
_TEXT_NAMES = frozenset(
    [
        "query",
        "question",
        "prompt",
        "text",
        "input",
        "message",
        "content",
        "task",
        "request",
        "instruction",
        "instructions",
        "topic",
        "subject",
        "reason",
    ]
)
_PATH_NAMES = frozenset(["path", "file", "file_path", "filepath", "filename", "directory", "dir"])
_EXPRESSION_NAMES = frozenset(["expression", "equation", "formula", "calculation", "math"])


@dataclass(slots=True)
class Hints:
    """What a prompt offers, used up from the front as values are filled."""

    clause: reading.Clause
    names: list[str] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    quoted: list[str] = field(default_factory=list)
    spread: bool = False

    @classmethod
    def of(cls, clause: reading.Clause) -> "Hints":
        return cls(clause, list(clause.names), list(clause.numbers), list(clause.quoted))


def fill(schema: Schema, text: str = "", *, everything: bool = True, clause: reading.Clause | None = None) -> Any:
    """A value for `schema`.

    Args:
        text: where obvious values (names, numbers, quotations) are taken from.
        everything: optional properties too; otherwise only required ones and those whose enum the text mentions.
        clause: the part of the text to read, if already at hand.
    """
    return _Filler(schema, Hints.of(clause or reading.read(text)), everything).value(schema, "", 0)


def properties(schema: Schema) -> dict[str, Schema]:
    """The properties of an object schema, with `$ref` and `allOf` resolved at its top."""
    found = _Filler(schema, Hints.of(reading.read("")), everything=False).resolve(schema).get("properties")
    return dict(found) if isinstance(found, Mapping) else {}


@dataclass(slots=True)
class _Filler:
    root: Schema
    hints: Hints
    everything: bool

    def value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return "anything"
        if depth > _BOTTOM:
            return None  # a schema that requires itself has no value at all
        schema = self.resolve(schema)
        for keyword in ("const", "enum"):
            if keyword in schema:
                return schema[keyword] if keyword == "const" else self._choice(schema["enum"])
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            rest = {key: item for key, item in schema.items() if key not in {"anyOf", "oneOf"}}
            return self.value(_merged(rest, self._branch(branches, depth)), name, depth)
        kind = self._kind(schema, depth)
        return _FILLERS[kind](self, schema, name, depth) if kind in _FILLERS else None

    def resolve(self, schema: Schema, depth: int = 0) -> Schema:
        """Follows `$ref` and folds `allOf` in. A circle of them ends in a schema that takes anything."""
        if depth > _DEEPEST:
            return {}
        for _ in range(_DEEPEST * 4):
            if "$ref" in schema:
                rest = {key: item for key, item in schema.items() if key != "$ref"}
                schema = _merged(self._pointed(str(schema["$ref"])), rest)
            elif "allOf" in schema:
                parts, schema = schema["allOf"], {key: item for key, item in schema.items() if key != "allOf"}
                for part in parts:
                    schema = _merged(schema, self.resolve(part, depth + 1))
            else:
                break
        return schema

    def _pointed(self, pointer: str) -> Schema:
        at: Any = self.root
        for step in pointer.removeprefix("#").strip("/").split("/"):
            if step:
                at = at.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(at, Mapping) else {}
        return at if isinstance(at, Mapping) else {}

    def _branch(self, branches: list[Schema], depth: int) -> Schema:
        resolved = [self.resolve(branch) for branch in branches if isinstance(branch, Mapping)]
        some = [branch for branch in resolved if branch.get("type") != "null"]
        nothing = [branch for branch in resolved if branch.get("type") == "null"]
        chosen = (nothing or some) if depth > _DEEPEST else (some or nothing)
        return chosen[0] if chosen else {}

    def _kind(self, schema: Schema, depth: int) -> str:
        kinds = schema.get("type")
        if isinstance(kinds, list):
            some = [kind for kind in kinds if kind != "null"]
            kinds = "null" if not some or (depth > _DEEPEST and "null" in kinds) else some[0]
        if isinstance(kinds, str):
            return kinds.lower()
        return next((kind for keyword, kind in _IMPLIED.items() if keyword in schema), "string" if depth else "object")

    def _choice(self, options: list[Any]) -> Any:
        said = self.hints.clause.text.lower()
        return next((option for option in options if isinstance(option, str) and option.lower() in said), options[0])

    def object(self, schema: Schema, _name: str, depth: int) -> dict[str, Any]:
        fields: Mapping[str, Any] = schema.get("properties") or {}
        required = schema.get("required") or []
        wanted = [name for name in fields if name in required or self._worth_it(fields[name], depth)]
        wanted += [name for name in required if name not in fields]
        out = {name: self.value(fields.get(name, {}), name, depth + 1) for name in wanted}
        return self._stuffed(out, schema, depth)

    def _stuffed(self, out: dict[str, Any], schema: Schema, depth: int) -> dict[str, Any]:
        """Names of our own, where `minProperties` asks for more than are listed."""
        more = schema.get("additionalProperties", True)
        least = int(schema.get("minProperties") or 0)
        if isinstance(more, Mapping) and self.everything and depth <= 1 and not out:
            least = max(least, 1)
        for number in range(len(out), least):
            out[f"item_{number + 1}"] = self.value(
                more if isinstance(more, Mapping) else {"type": "string"}, "", depth + 1
            )
        return out

    def _worth_it(self, schema: Any, depth: int) -> bool:
        if self.everything:
            return depth <= _DEEPEST
        options = self.resolve(schema).get("enum") if isinstance(schema, Mapping) else None
        said = self.hints.clause.text.lower()
        return any(isinstance(option, str) and option.lower() in said for option in options or ())

    def array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        first = [self.value(item, name, depth + 1) for item in schema.get("prefixItems") or ()]
        items = schema.get("items")
        if not isinstance(items, Mapping):
            return first if items is False or first else ["anything"] * max(1, int(schema.get("minItems") or 0))
        rest = self._count(schema, items, depth) - len(first)
        out = first + [self.value(items, _singular(name), depth + 1) for _ in range(rest)]
        return _distinct(out) if schema.get("uniqueItems") else out

    def _count(self, schema: Schema, items: Schema, depth: int) -> int:
        least, most = int(schema.get("minItems") or 0), schema.get("maxItems")
        wanted = 0 if depth > _DEEPEST else 1
        kind = self._kind(self.resolve(items), depth + 1)
        offered = {
            "string": len(self.hints.quoted or self.hints.names),
            "integer": len(self.hints.numbers),
            "number": len(self.hints.numbers),
        }
        count = max(least, wanted, offered.get(kind, 0))
        return count if most is None else min(count, int(most))

    def string(self, schema: Schema, name: str, _depth: int) -> str:
        text = self._words(schema, name)
        least, most = int(schema.get("minLength") or 0), schema.get("maxLength")
        text = text if most is None else text[: int(most)]
        return text if len(text) >= least else (text + "-" + "abcdefghij" * (least // 10 + 1))[:least]

    def _words(self, schema: Schema, name: str) -> str:
        if "pattern" in schema:
            hints = (*self.hints.quoted, *self.hints.names, *self.hints.clause.text.split())
            return pattern.example(str(schema["pattern"]), hints) or "example"
        if schema.get("format") in _FORMATS:
            urls = reading.urls(self.hints.clause.text) if str(schema["format"]).startswith("ur") else []
            return urls[0] if urls else _FORMATS[schema["format"]]
        return self._offered(name.lower()) or str(schema.get("default") or _NAMED.get(name.lower()) or "example")

    def _offered(self, name: str) -> str:
        """Something of the prompt that fits a property of this name, or nothing."""
        clause = self.hints.clause
        if name in _PATH_NAMES and (paths := reading.paths(clause.text)):
            return paths[0]
        if name in {"url", "uri", "link"} and (urls := reading.urls(clause.text)):
            return urls[0]
        if name == "command" and (commands := reading.commands(clause.text)):
            return commands[0]
        if name in _EXPRESSION_NAMES and (sum_ := reading.expression(clause.text)):
            return sum_
        if self.hints.quoted:
            return self.hints.quoted.pop(0)
        if name in _TEXT_NAMES and clause.text:
            return clause.text
        return self.hints.names.pop(0) if self.hints.names and name not in _SMALL_WORDS else ""

    def number(self, schema: Schema, name: str, _depth: int) -> float:
        step = schema.get("multipleOf")
        value = self._figure(schema, name)
        if step:
            value = math.ceil(value / step) * step
        return value

    def integer(self, schema: Schema, name: str, depth: int) -> int:
        return math.ceil(self.number(schema, name, depth))

    def _figure(self, schema: Schema, name: str) -> float:
        low, high = _bounds(schema)
        fitting = [number for number in self.hints.numbers if low <= number <= high]
        whole = str(schema.get("type", "")).lower() == "integer"
        fitting = [number for number in fitting if not whole or float(number).is_integer()]
        if fitting:
            self.hints.numbers.remove(fitting[0])
            return fitting[0]
        default = schema.get("default")
        usual = default if isinstance(default, int | float) else {"age": 36, "year": 2026, "quantity": 2}.get(name, 1)
        return min(max(usual, low), high)

    def boolean(self, _schema: Schema, _name: str, _depth: int) -> bool:
        return True


_SMALL_WORDS = frozenset(
    ["unit", "units", "currency", "language", "lang", "format", "order", "sort", "mode", "id", "type"]
)
_IMPLIED = {
    "properties": "object", "required": "object", "items": "array", "prefixItems": "array", "minimum": "number", "maximum": "number",
    "pattern": "string", "minLength": "string", "format": "string",
}  # fmt: skip
_FILLERS: dict[str, Any] = {
    "object": _Filler.object,
    "array": _Filler.array,
    "string": _Filler.string,
    "number": _Filler.number,
    "integer": _Filler.integer,
    "boolean": _Filler.boolean,
}


def _merged(first: Schema, second: Schema) -> dict[str, Any]:
    """Two schemas that must both hold, as far as objects go."""
    out = {**first, **second}
    if first.get("properties") and second.get("properties"):
        out["properties"] = {**first["properties"], **second["properties"]}
    if first.get("required") and second.get("required"):
        out["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    return out


def _bounds(schema: Schema) -> tuple[float, float]:
    whole = str(schema.get("type", "")).lower() == "integer"
    step = schema.get("multipleOf") or (1 if whole else 0.5)
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if isinstance(above := schema.get("exclusiveMinimum"), int | float) and not isinstance(above, bool):
        low = max(low, above + step)
    if isinstance(below := schema.get("exclusiveMaximum"), int | float) and not isinstance(below, bool):
        high = min(high, below - step)
    return (math.ceil(low) if whole and low > -math.inf else low), high


def _singular(name: str) -> str:
    return "city" if name == "cities" else name.removesuffix("s")


def _distinct(items: list[Any]) -> list[Any]:
    """Equal members told apart, so that `uniqueItems` holds."""
    out: list[Any] = []
    for number, item in enumerate(items):
        if item in out and isinstance(item, str):
            item = f"{item} {number + 1}"  # noqa: PLW2901 - the member's own replacement
        while item in out and isinstance(item, int | float):
            item += 1  # noqa: PLW2901 - the member's own replacement
        if item not in out:
            out.append(item)
    return out
