"""Wire JSON of any shape, read without raising: what has the wrong type reads as absent."""

from typing import Any

from polyglot_cloud.dialects import Body

_EXACT = 2**53


def mapping(value: Any) -> Body:
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[Body]:
    """The objects of a list. One object without its list counts as a list of one: proto JSON takes it so."""
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        return []
    return (
        value if len(value) == 1 and isinstance(value[0], dict) else [each for each in value if isinstance(each, dict)]
    )


def string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def whole_numbers(value: Any) -> Any:
    """The value with 1 for 1.0: arguments pass through a proto Struct, which knows doubles only, and clients ask for integers.

    Beyond 2**53 not every integer is a double, so there a number stays as it came, as does what is nested too deeply to walk.
    """
    try:
        return _whole(value)
    except RecursionError:
        return value


def _whole(value: Any) -> Any:
    match value:
        case float() if value.is_integer() and abs(value) <= _EXACT:
            return int(value)
        case dict():
            return {name: _whole(inner) for name, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
        case _:
            return value


def count(value: Any) -> int:
    """A number of tokens or a position; proto JSON may write one as a string."""
    if type(value) is int:
        return max(0, value)
    if value is None:
        return 0
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return 0
