"""A small validator for JSON bodies, written as tables.

    MESSAGE = obj({"role!": word("user", "assistant"), "content!": either(text(), each(PART))})

A name ending in `!` must be there; an object refuses names it does not list unless it is `open`. `check` returns the first `Fault`, or
None. What a fault is called on the wire is each vendor's own affair.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and where. `kind` is one of missing, unknown, type, choice, tag, least, most, short, long, pattern."""

    path: Path
    kind: str
    expected: Any
    found: Any


Shape = Callable[[Any, Path], Fault | None]


def check(shape: Shape, value: Any) -> Fault | None:
    return shape(value, ())


def kind_of(value: Any) -> str:
    """The JSON type: null, boolean, integer, number, string, array, object."""
    names: list[tuple[type, str]] = [
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
    ]
    return next((name for type_, name in names if isinstance(value, type_)), "null" if value is None else "object")


def anything(value: Any, path: Path) -> Fault | None:
    del value, path
    return None


def _typed(*kinds: str) -> Shape:
    def shape(value: Any, path: Path) -> Fault | None:
        return None if kind_of(value) in kinds else Fault(path, "type", kinds[-1], value)

    return shape


flag: Shape = _typed("boolean")
nothing: Shape = _typed("null")


def text(least: int = 0, most: int | None = None, pattern: str | None = None) -> Shape:
    """A string by length and by a pattern that must match somewhere (anchor it yourself)."""

    def shape(value: Any, path: Path) -> Fault | None:
        if not isinstance(value, str):
            return Fault(path, "type", "string", value)
        if len(value) < least:
            return Fault(path, "short", least, value)
        if most is not None and len(value) > most:
            return Fault(path, "long", most, value)
        if pattern and not re.search(pattern, value):
            return Fault(path, "pattern", pattern, value)
        return None

    return shape


def number(least: float | None = None, most: float | None = None, *, whole: bool = False) -> Shape:
    """A number within bounds, both inclusive. `whole`: no fraction may be written."""

    def shape(value: Any, path: Path) -> Fault | None:
        kind = kind_of(value)
        if kind != "integer" and (whole or kind != "number"):
            return Fault(path, "type", "integer" if whole else "number", value)
        if least is not None and value < least:
            return Fault(path, "least", least, value)
        if most is not None and value > most:
            return Fault(path, "most", most, value)
        return None

    return shape


def whole(least: float | None = None, most: float | None = None) -> Shape:
    return number(least, most, whole=True)


def word(*words: str) -> Shape:
    """One of a closed set of strings."""

    def shape(value: Any, path: Path) -> Fault | None:
        if not isinstance(value, str):
            return Fault(path, "type", "string", value)
        return None if value in words else Fault(path, "choice", words, value)

    return shape


def each(item: Shape, least: int = 0, most: int | None = None) -> Shape:
    """An array, each member of the same shape."""

    def shape(value: Any, path: Path) -> Fault | None:
        if not isinstance(value, list):
            return Fault(path, "type", "array", value)
        if len(value) < least:
            return Fault(path, "short", least, value)
        if most is not None and len(value) > most:
            return Fault(path, "long", most, value)
        faults = (item(member, (*path, index)) for index, member in enumerate(value))
        return next((fault for fault in faults if fault), None)

    return shape


def mapping(item: Shape, most: int | None = None) -> Shape:
    """An object with any names, each value of the same shape."""

    def shape(value: Any, path: Path) -> Fault | None:
        if not isinstance(value, dict):
            return Fault(path, "type", "object", value)
        if most is not None and len(value) > most:
            return Fault(path, "long", most, value)
        return next((fault for name, member in value.items() if (fault := item(member, (*path, name)))), None)

    return shape


@dataclass(frozen=True, slots=True)
class Object:
    """An object by a table of its fields. Order of the checks: its type, unknown names, missing names, each field."""

    fields: Mapping[str, Shape]
    required: tuple[str, ...]
    open: bool = False
    names: frozenset[str] = field(default=frozenset())

    def __call__(self, value: Any, path: Path) -> Fault | None:
        if not isinstance(value, dict):
            return Fault(path, "type", "object", value)
        if not self.open:
            for name in value:
                if name not in self.fields:
                    return Fault((*path, name), "unknown", tuple(self.fields), value[name])
        for name in self.required:
            if name not in value:
                return Fault((*path, name), "missing", None, None)
        found = ((name, shape) for name, shape in self.fields.items() if name in value)
        return next((fault for name, shape in found if (fault := shape(value[name], (*path, name)))), None)


def obj(fields: Mapping[str, Shape], *, open: bool = False) -> Object:  # noqa: A002 - the word of JSON Schema's users for it
    required = tuple(name[:-1] for name in fields if name.endswith("!"))
    return Object({name.rstrip("!"): shape for name, shape in fields.items()}, required, open)


def opt(shape: Shape) -> Shape:
    """The shape, or null."""
    return lambda value, path: None if value is None else shape(value, path)


def either(*shapes: Shape) -> Shape:
    """Any of some shapes. The fault told is that of the shape that got furthest into the value."""

    def shape(value: Any, path: Path) -> Fault | None:
        faults = []
        for option in shapes:
            fault = option(value, path)
            if fault is None:
                return None
            faults.append(fault)
        return max(faults, key=lambda fault: (len(fault.path), fault.kind != "type"))

    return shape


def tagged(tag: str, options: Mapping[str, Shape], otherwise: str | None = None, *, spelt: bool = False) -> Shape:
    """An object whose field `tag` says which shape it has. `otherwise` is the tag of an object that has none.

    `spelt`: paths of faults inside name the tag (messages.0.content.0.text.foo), as pydantic's do.
    """

    def shape(value: Any, path: Path) -> Fault | None:
        if not isinstance(value, dict):
            return Fault(path, "type", "object", value)
        name = value.get(tag, otherwise)
        if name is None:
            return Fault((*path, tag), "missing", None, None)
        if not isinstance(name, str) or name not in options:
            return Fault((*path, tag), "tag", tuple(options), name)
        return options[name](value, (*path, name) if spelt else path)

    return shape
