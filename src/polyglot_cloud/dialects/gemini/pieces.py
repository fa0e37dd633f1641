"""A function call that comes in pieces (`streamFunctionCallArguments`): put together, so that a client is shown it whole.

No request of ours asks for it, yet models are recorded answering so. The first piece names the function, each `partialArgs` entry sets
the value at a JSON path or lengthens the text there, and a piece without `willContinue` is the last (FunctionCall and PartialArg in
google-genai 3.4.0, 2026-11-22).
"""

import re
from copy import deepcopy
from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.shape import mapping, mappings, string

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,9})\]|\['([^']*)'\]|\["([^"]*)"\]""")
_DEEPEST = 100
"""Steps of a path: far beyond what a tool's arguments have."""
_SCALARS = ("stringValue", "numberValue", "boolValue")


class Pieces:
    """One call on its way. `part` is what it would have been as a single part."""

    def __init__(self, first: Body) -> None:
        self._head = first
        self._args: Body = deepcopy(mapping(mapping(first.get("functionCall")).get("args")))
        self._growing: str | None = None  # the path whose text goes on in the next entry

    def add(self, piece: Body) -> bool:
        """Takes a piece; True when it was the last."""
        call = mapping(piece.get("functionCall"))
        self._head = {**self._head, **{name: value for name, value in piece.items() if name != "functionCall"}}
        for entry in mappings(call.get("partialArgs")):
            self._set(entry)
        return call.get("willContinue") is not True

    @property
    def part(self) -> Body:
        call = mapping(self._head.get("functionCall"))
        kept = {name: value for name, value in call.items() if name not in {"partialArgs", "willContinue"}}
        return {**self._head, "functionCall": {**kept, "args": self._args}}

    def _set(self, entry: Body) -> None:
        path = string(entry.get("jsonPath"))
        steps = _steps(path)
        if not steps:
            return
        value = next((entry[name] for name in _SCALARS if name in entry), None)
        earlier = _put(self._args, steps, value, longer=path == self._growing)
        self._growing = path if earlier and entry.get("willContinue") is True else None


def begins(part: Body) -> bool:
    """Whether the part is the first piece of a call that goes on."""
    call = mapping(part.get("functionCall"))
    return bool(string(call.get("name"))) and (call.get("willContinue") is True or "partialArgs" in call)


def continues(part: Body) -> bool:
    call = part.get("functionCall")
    return isinstance(call, dict) and not string(call.get("name"))


def _steps(path: str) -> list[str | int]:
    """The members and places of a path ("$.a[0].b"); [] where it is none of these."""
    if not path.startswith("$"):
        return []
    found = list(_STEP.finditer(path, 1))
    if sum(len(match[0]) for match in found) != len(path) - 1 or len(found) > _DEEPEST:
        return []
    return [int(match[2]) if match[2] else next(filter(None, match.groups()), "") for match in found]


def _put(holder: Any, steps: list[str | int], value: Any, *, longer: bool) -> bool:
    """Sets the value there, or adds to the text there. True where the value is a text, which may grow."""
    step, *deeper = steps
    place: Any = step
    if isinstance(step, int) and isinstance(holder, list):
        place = min(step, len(holder))
        holder += [None] * (place == len(holder))
    elif isinstance(step, str) and isinstance(holder, dict):
        holder.setdefault(step, None)
    else:
        return False
    earlier = holder[place]
    if not deeper:
        grows = longer and isinstance(earlier, str) and isinstance(value, str)
        holder[place] = earlier + value if grows else value
        return isinstance(value, str)
    empty: Any = [] if isinstance(deeper[0], int) else {}
    if type(earlier) is not type(empty):
        holder[place] = empty
    return _put(holder[place], deeper, value, longer=longer)
