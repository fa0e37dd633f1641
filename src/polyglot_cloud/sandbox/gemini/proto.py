"""Protocol-buffer JSON as Google reads it: names in camelCase or snake_case, nulls ignored, a lone value for a repeated field, numbers
as text, and every fault told at once in Google's words.

A message is a table of its fields: `{"contents": [CONTENT], "generationConfig": GENERATION}`. A list stands for a repeated field, a string
for a scalar, `Enum` and `Struct` for themselves.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PACKAGE = "type.googleapis.com/google.ai.generativelanguage.v1beta"
_SHOWN = 200
_LEAST_INT = {"int32": -(2**31), "int64": -(2**63)}


@dataclass(frozen=True, slots=True)
class Enum:
    """`name` is the type's; `loose` takes lower case too, as Google does for a few."""

    name: str
    values: tuple[str, ...]
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A message. `oneof`: at most one of these may be set; `map_of` makes it a map with values of that kind."""

    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    oneof: tuple[str, ...] = ()
    map_of: Any = None


STRUCT = "struct"
ANY = "any"


@dataclass(frozen=True, slots=True)
class Violation:
    """`field` in snake_case, as the errors name it."""

    field: str
    description: str


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)


def camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


class Reader:
    """Reads a value by a table; `violations` holds what was wrong. The value comes back in camelCase."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def read(self, kind: Any, value: Any, path: str = "") -> Any:
        if isinstance(kind, list):
            items = value if isinstance(value, list) else [value]
            return [self.read(kind[0], item, f"{path}[{number}]") for number, item in enumerate(items)]
        if isinstance(kind, Table):
            return self._message(kind, value, path)
        if isinstance(kind, Enum):
            return self._enum(kind, value, path)
        return self._scalar(kind, value, path)

    def _fault(self, path: str, kind: str, value: Any) -> None:
        shown = json.dumps(value, ensure_ascii=False)[:_SHOWN]
        self.violations.append(Violation(path, f"Invalid value at '{path}' ({kind}), {shown}"))

    def _message(self, table: Table, value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            self._fault(path, f"{_PACKAGE}.{table.name}", value)
            return {}
        if table.map_of is not None:
            return {name: self.read(table.map_of, item, f"{path}[{name}]") for name, item in value.items()}
        out: dict[str, Any] = {}
        for name, item in value.items():
            known = name if name in table.fields else camel(name)
            if known not in table.fields:
                self._unknown(name, path)
            elif item is not None:
                out[known] = self.read(table.fields[known], item, f"{path}.{snake(known)}".lstrip("."))
        taken = [name for name in table.oneof if name in out]
        if len(taken) > 1:
            text = (
                f"Invalid value at '{path}' (oneof), oneof field 'data' is already set. Cannot set '{camel(taken[1])}'"
            )
            self.violations.append(Violation(path, text))
        return out

    def _unknown(self, name: str, path: str) -> None:
        place = f" at '{path}'" if path else ""
        text = f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.'
        self.violations.append(Violation(path, text))

    def _enum(self, kind: Enum, value: Any, path: str) -> Any:
        found = value.upper() if kind.loose and isinstance(value, str) else value
        if found in kind.values:
            return found
        self._fault(path, f"{_PACKAGE}.{kind.name}", value)
        return kind.values[0]

    def _scalar(self, kind: str, value: Any, path: str) -> Any:
        if kind == ANY:
            return value
        good, out = _SCALARS[kind](value)
        if not good:
            self._fault(path, _TYPES[kind], value)
        return out


def _string(value: Any) -> tuple[bool, Any]:
    return isinstance(value, str), value if isinstance(value, str) else ""


def _bool(value: Any) -> tuple[bool, Any]:
    return isinstance(value, bool), value if isinstance(value, bool) else False


def _int(value: Any, bits: str) -> tuple[bool, Any]:
    """Whole numbers, as 5, 5.0 or "5"."""
    number = _number(value)
    if number is None or number != int(number) or not _LEAST_INT[bits] <= number < -_LEAST_INT[bits]:
        return False, 0
    return True, int(number)


def _float(value: Any) -> tuple[bool, Any]:
    number = _number(value)
    return number is not None, number or 0.0


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _bytes(value: Any) -> tuple[bool, Any]:
    """Base64, the url-safe alphabet and missing padding forgiven. Comes back as bytes."""
    if not isinstance(value, str):
        return False, b""
    text = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return True, base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False, b""


def _struct(value: Any) -> tuple[bool, Any]:
    return isinstance(value, Mapping), value if isinstance(value, Mapping) else {}


_SCALARS = {
    "string": _string, "bool": _bool, "int32": lambda value: _int(value, "int32"), "int64": lambda value: _int(value, "int64"),
    "float": _float, "bytes": _bytes, STRUCT: _struct,
}  # fmt: skip
_TYPES = {
    "string": "TYPE_STRING", "bool": "TYPE_BOOL", "int32": "TYPE_INT32", "int64": "TYPE_INT64", "float": "TYPE_FLOAT",
    "bytes": "TYPE_BYTES",
    STRUCT: "type.googleapis.com/google.protobuf.Struct",
}  # fmt: skip
