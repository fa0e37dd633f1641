"""What comes in at the swarm's services, checked field by field, and the body of the 422 where it does not fit.

Types are lax the way pydantic's are (docs.pydantic.dev, "Conversion Table", Python input): "1000" is an int, "0.5" a float, 1.5 is no
int, true is 1. Unknown fields are ignored. Two things are stricter, since what follows could not live with them: numbers are finite,
and ints fit into 64 bits.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from polyglot_cloud import wire

Place = tuple[str | int, ...]
"""Where a value stands: ("body", "features", 0)."""
Kind = Literal["str", "int", "float", "strings", "object", "floats"]
"""`strings` is a list of str, `object` any JSON object, `floats` an object whose values are floats."""

MOST_FAULTS = 100
"""Faults that one answer tells. A list of a million wrong items would otherwise make an answer a hundred times its size."""
LARGEST = 2**63 - 1
_DIGITS = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)*(?:\.0+)?", re.ASCII)
_LONGEST_NUMBER = 4300


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `low` and `high` bound a number, the length of a text, or the items of a list; `fields` makes it an object of those."""

    name: str
    kind: Kind = "str"
    required: bool = False
    default: Any = None
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    nullable: bool = False
    fields: tuple["Field", ...] = ()


class Invalid(ValueError):
    """The request does not fit. `body()` is the JSON of the 422."""

    def __init__(self, faults: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults))
        self.faults = faults

    def body(self) -> dict[str, Any]:
        return {"detail": list(self.faults)}


class _Wrong(Exception):
    """One value does not fit."""

    def __init__(self, type_: str, message: str, **context: Any) -> None:
        super().__init__(message)
        self.type = type_
        self.context = context

    def at(self, place: Place, value: Any) -> dict[str, Any]:
        found = {"type": self.type, "loc": list(place), "msg": str(self), "input": value}
        return {**found, "ctx": self.context} if self.context else found


def read_body(fields: Sequence[Field], body: bytes) -> dict[str, Any]:
    """A JSON object's fields, each with its value or default. Raises Invalid."""
    try:
        given = wire.decode(body) if body else None
    except wire.InvalidJson as error:
        raise Invalid([_no_json(body, error)]) from None
    if given is None:
        raise Invalid([_missing(("body",), None)])
    return read(fields, given, ("body",))


def read_query(fields: Sequence[Field], query: Mapping[str, str]) -> dict[str, Any]:
    """The same of a query string's parameters, where an empty number is none. Raises Invalid."""
    numbers = {field.name for field in fields if field.kind in {"int", "float"}}
    return read(fields, {name: text for name, text in query.items() if text or name not in numbers}, ("query",))


def read(fields: Sequence[Field], given: Any, place: Place) -> dict[str, Any]:
    """The values of `fields` in the object `given`. Raises Invalid with all that is wrong, up to `MOST_FAULTS`."""
    faults: list[dict[str, Any]] = []
    found = _object(fields, given, place, faults)
    if faults:
        raise Invalid(faults[:MOST_FAULTS])
    return found


def _object(fields: Sequence[Field], given: Any, place: Place, faults: list[dict[str, Any]]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        wrong = _Wrong("model_attributes_type", "Input should be a valid dictionary or object to extract fields from")
        faults.append(wrong.at(place, given))
        return {}
    found = {}
    for field in fields:
        if field.name in given:
            found[field.name] = _value(field, given[field.name], (*place, field.name), faults)
        elif field.required:
            faults.append(_missing((*place, field.name), given))
        else:
            found[field.name] = field.default
    return found


def _value(field: Field, given: Any, place: Place, faults: list[dict[str, Any]]) -> Any:
    if given is None and field.nullable:
        return None
    if field.fields:
        return _object(field.fields, given, place, faults)
    try:
        return _KINDS[field.kind](field, given, place, faults)
    except _Wrong as wrong:
        faults.append(wrong.at(place, given))
        return None


def _missing(place: Place, given: Any) -> dict[str, Any]:
    return _Wrong("missing", "Field required").at(place, given)


def _no_json(body: bytes, error: wire.InvalidJson) -> dict[str, Any]:
    """`loc` ends with the character at which the standard library's reader gave up."""
    at, why = 0, str(error)
    try:
        json.loads(body)
    except json.JSONDecodeError as told:
        at, why = told.pos, told.msg
    except (ValueError, RecursionError):  # no UTF-8, or nested too deeply: no place to tell
        pass
    return _Wrong("json_invalid", "JSON decode error", error=why).at(("body", at), {})


# --- the kinds ---


def _str(field: Field, given: Any, place: Place, faults: list[dict[str, Any]]) -> str:
    if field.choices and not (isinstance(given, str) and given in field.choices):
        expected = _listed(field.choices)
        raise _Wrong("literal_error", f"Input should be {expected}", expected=expected)
    text = _text(given)
    if field.low is not None and len(text) < field.low:
        raise _Wrong(
            "string_too_short", f"String should have at least {_counted(field.low, 'character')}", min_length=field.low
        )
    if field.high is not None and len(text) > field.high:
        raise _Wrong(
            "string_too_long", f"String should have at most {_counted(field.high, 'character')}", max_length=field.high
        )
    return text


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise _Wrong("string_type", "Input should be a valid string")
    try:
        given.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can escape and no database can hold
        raise _Wrong(
            "string_unicode", "Input should be a valid string, unable to parse raw data as a unicode string"
        ) from None
    return given


def _int(field: Field, given: Any, place: Place, faults: list[dict[str, Any]]) -> int:
    number = _whole(given)
    _bound(field, number)
    if not -LARGEST <= number <= LARGEST:
        raise _Wrong("int_parsing_size", "Input should be an integer of 64 bits")
    return number


def _whole(given: Any) -> int:
    if isinstance(given, int):
        return int(given)
    if isinstance(given, float):
        if not math.isfinite(given):
            raise _not_finite()
        if not given.is_integer():
            raise _Wrong("int_from_float", "Input should be a valid integer, got a number with a fractional part")
        if abs(given) > LARGEST:
            raise _too_long()
        return int(given)
    if not isinstance(given, str):
        raise _Wrong("int_type", "Input should be a valid integer")
    digits = given.strip()
    if len(digits) > _LONGEST_NUMBER:
        raise _too_long()
    if not _DIGITS.fullmatch(digits):
        raise _Wrong("int_parsing", "Input should be a valid integer, unable to parse string as an integer")
    return int(digits.partition(".")[0])


def _too_long() -> _Wrong:
    return _Wrong("int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size")


def _float(field: Field, given: Any, place: Place, faults: list[dict[str, Any]]) -> float:
    number = _real(given)
    _bound(field, number)
    return number


def _real(given: Any) -> float:
    if not isinstance(given, int | float | str):
        raise _Wrong("float_type", "Input should be a valid number")
    try:
        number = float(given)
        if isinstance(given, str):
            given.encode("ascii")  # Python reads the digits of every script
    except ValueError:
        raise _Wrong("float_parsing", "Input should be a valid number, unable to parse string as a number") from None
    except OverflowError:
        raise _not_finite() from None
    if not math.isfinite(number):
        raise _not_finite()
    return number


def _not_finite() -> _Wrong:
    return _Wrong("finite_number", "Input should be a finite number")


def _bound(field: Field, number: float) -> None:
    if field.low is not None and number < field.low:
        raise _Wrong("greater_than_equal", f"Input should be greater than or equal to {field.low}", ge=field.low)
    if field.high is not None and number > field.high:
        raise _Wrong("less_than_equal", f"Input should be less than or equal to {field.high}", le=field.high)


def _strings(field: Field, given: Any, place: Place, faults: list[dict[str, Any]]) -> list[str]:
    if not isinstance(given, list):
        raise _Wrong("list_type", "Input should be a valid list")
    before = len(faults)
    found = _each(_text, enumerate(given), place, faults)
    if field.low is not None and len(given) < field.low and len(faults) == before:
        message = f"List should have at least {_counted(field.low, 'item')} after validation, not {len(given)}"
        raise _Wrong("too_short", message, field_type="List", min_length=field.low, actual_length=len(given))
    return found


def _floats(field: Field, given: Any, place: Place, faults: list[dict[str, Any]]) -> dict[str, float]:
    found = _any_object(field, given, place, faults)
    numbers = _each(_real, found.items(), place, faults)
    return dict(zip(found, numbers, strict=False))


def _each(
    check: Callable[[Any], Any], items: Iterable[tuple[str | int, Any]], place: Place, faults: list[dict[str, Any]]
) -> list[Any]:
    """Each item, checked. All that are wrong are told, until there are more than an answer tells."""
    values = []
    for at, item in items:
        try:
            values.append(check(item))
        except _Wrong as wrong:
            faults.append(wrong.at((*place, at), item))
            if len(faults) >= MOST_FAULTS:
                break
    return values


def _any_object(field: Field, given: Any, place: Place, faults: list[dict[str, Any]]) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise _Wrong("dict_type", "Input should be a valid dictionary")
    return given


_KINDS: dict[Kind, Callable[[Field, Any, Place, list[dict[str, Any]]], Any]] = {
    "str": _str,
    "int": _int,
    "float": _float,
    "strings": _strings,
    "object": _any_object,
    "floats": _floats,
}


def _counted(number: float, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(choices: Sequence[str]) -> str:
    """'a', 'b' or 'c'"""
    *first, last = map(repr, choices)
    return f"{', '.join(first)} or {last}" if first else last


# --- the same as a schema ---

_TYPES: dict[Kind, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "strings": {"type": "array", "items": {"type": "string"}},
    "object": {"type": "object", "additionalProperties": True},
    "floats": {"type": "object", "additionalProperties": {"type": "number"}},
}
_BOUNDS = {
    "str": ("minLength", "maxLength"),
    "int": ("minimum", "maximum"),
    "float": ("minimum", "maximum"),
    "strings": ("minItems", "maxItems"),
}


def schema(fields: Sequence[Field]) -> dict[str, Any]:
    """JSON Schema (2020-12) of an object with these fields."""
    return {
        "type": "object",
        "properties": {field.name: field_schema(field) for field in fields},
        "required": [field.name for field in fields if field.required],
    }


def field_schema(field: Field) -> dict[str, Any]:
    found = schema(field.fields) if field.fields else dict(_TYPES[field.kind])
    for name, bound in zip(_BOUNDS.get(field.kind, ()), (field.low, field.high), strict=False):
        if bound is not None:
            found[name] = bound
    if field.choices:
        found["enum"] = list(field.choices)
    if field.nullable:
        found = {"anyOf": [found, {"type": "null"}]}
    return found if field.required or field.default is None else {**found, "default": field.default}
