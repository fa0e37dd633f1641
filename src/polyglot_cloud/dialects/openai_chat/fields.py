"""Typed access to the members of a request, with refusals in OpenAI's words.

Every function takes the object, the member's name, and `at`, the path of the object in the body ("" at the top, "messages[0]." inside).
null counts as absent, as it does at OpenAI.
"""

import math
from typing import Any

from polyglot_cloud.errors import BadRequest

Object = dict[str, Any]

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),  # before int, of which it is one
    (int, "an integer"),
    (float, "a decimal number"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
)


_NUMBERS = (int, float)


def _kind(value: Any) -> str:
    return next((words for type_, words in _KINDS if isinstance(value, type_)), "null")


def wrong_type(param: str, expected: str, value: Any) -> BadRequest:
    message = f"Invalid type for '{param}': expected {expected}, but got {_kind(value)} instead."
    return BadRequest(message, param=param, code="invalid_type")


def missing(param: str) -> BadRequest:
    return BadRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def invalid_value(param: str, value: str, supported: tuple[str, ...]) -> BadRequest:
    words = [f"'{word}'" for word in supported]
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    message = f"Invalid value: '{value[:100]}'. Supported values are: {listed}."
    return BadRequest(message, param=param, code="invalid_value")


def string(holder: Object, name: str, at: str = "") -> str | None:
    value = holder.get(name)
    if value is not None and not isinstance(value, str):
        raise wrong_type(at + name, "a string", value)
    return value


def needed_string(holder: Object, name: str, at: str = "") -> str:
    value = string(holder, name, at)
    if value is None:
        raise missing(at + name)
    return value


def word(holder: Object, name: str, supported: tuple[str, ...], at: str = "") -> str | None:
    """A string out of a closed set."""
    value = string(holder, name, at)
    if value is not None and value not in supported:
        raise invalid_value(at + name, value, supported)
    return value


def boolean(holder: Object, name: str, at: str = "") -> bool | None:
    value = holder.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong_type(at + name, "a boolean", value)
    return value


def integer(holder: Object, name: str, least: int | None = None, most: int | None = None, at: str = "") -> int | None:
    value = holder.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(at + name, "an integer", value)
    _within(value, at + name, "integer", least, most)
    return value


def number(holder: Object, name: str, least: float, most: float, at: str = "") -> float | None:
    """An integer stays one, so that it is written as the client wrote it."""
    value = holder.get(name)
    if value is None:
        return None
    if type(value) not in _NUMBERS or not math.isfinite(value):
        raise wrong_type(at + name, "a decimal", value)
    if not least <= value <= most:
        _within(value, at + name, "decimal", least, most)
    checked: float = value
    return checked


def _within(value: float, param: str, kind: str, least: float | None, most: float | None) -> None:
    if least is not None and value < least:
        message = (
            f"Invalid '{param}': {kind} below minimum value. Expected a value >= {least}, but got {value} instead."
        )
        raise BadRequest(message, param=param, code=f"{kind}_below_min_value")
    if most is not None and value > most:
        message = f"Invalid '{param}': {kind} above maximum value. Expected a value <= {most}, but got {value} instead."
        raise BadRequest(message, param=param, code=f"{kind}_above_max_value")


def mapping(holder: Object, name: str, at: str = "") -> Object | None:
    value = holder.get(name)
    if value is not None and not isinstance(value, dict):
        raise wrong_type(at + name, "an object", value)
    return value


def needed_mapping(holder: Object, name: str, at: str = "") -> Object:
    value = mapping(holder, name, at)
    if value is None:
        raise missing(at + name)
    return value


def objects(holder: Object, name: str, at: str = "") -> list[Object]:
    """An array of objects; [] where there is none."""
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type(at + name, "an array of objects", value)
    for index, element in enumerate(value):
        if not isinstance(element, dict):
            raise wrong_type(f"{at}{name}[{index}]", "an object", element)
    return value


def strings(holder: Object, name: str, most: int, at: str = "") -> list[str]:
    """A string or an array of strings, as a list; [] where there is none or it is empty."""
    value = holder.get(name)
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise wrong_type(at + name, "a string or an array of strings", value)
    if len(value) > most:
        message = (
            f"Invalid '{at}{name}': array too long. Expected an array with maximum length {most}, "
            f"but got an array with length {len(value)} instead."
        )
        raise BadRequest(message, param=at + name, code="array_above_max_length")
    for index, element in enumerate(value):
        if not isinstance(element, str):
            raise wrong_type(f"{at}{name}[{index}]", "a string", element)
        if not element:
            message = f"Invalid '{at}{name}[{index}]': empty string. Expected a string with minimum length 1."
            raise BadRequest(message, param=f"{at}{name}[{index}]", code="empty_string")
    return list(value)


def words(holder: Object, name: str, at: str = "") -> list[str]:
    """An array of strings; [] where there is none."""
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type(at + name, "an array of strings", value)
    for index, element in enumerate(value):
        if not isinstance(element, str):
            raise wrong_type(f"{at}{name}[{index}]", "a string", element)
    return value


def messages(body: Object) -> list[Object]:
    """The `messages` of a call: an array of objects that is there and not empty."""
    if body.get("messages") is None:
        raise missing("messages")
    found = objects(body, "messages")
    if not found:
        message = (
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
        raise BadRequest(message, param="messages", code="empty_array")
    return found
