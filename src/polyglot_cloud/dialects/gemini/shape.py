"""Wire JSON of any shape, read without raising: what has the wrong type reads as absent."""

from typing import Any

from polyglot_cloud.dialects import Body


def mapping(value: Any) -> Body:
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[Body]:
    """The objects of a list. One object without its list counts as a list of one: proto JSON takes it so."""
    if isinstance(value, dict):
        return [value]
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def count(value: Any) -> int:
    """A number of tokens or a position; proto JSON may write one as a string."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
