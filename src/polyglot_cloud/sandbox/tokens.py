"""How many tokens a text has: a quarter of its UTF-8 bytes, rounded up. No vendor counts so; it is plausible, and the same everywhere.

The stream, the plain reply and the counting endpoints all use these functions, so they agree.
"""

from typing import Any

IMAGE = 258
"""Tokens of an image, whatever its size (Google's figure for a small one)."""
PER_MESSAGE = 3
_BYTES = 4
_BINARY_FIELDS = frozenset({"data", "file_data"})
_IDENTIFIERS = frozenset(
    {"type", "role", "id", "tool_use_id", "tool_call_id", "call_id", "signature", "thoughtSignature", "cache_control"}
    | {"encrypted_content", "media_type", "mimeType", "detail", "status", "strict"}
)


def count(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES)


def clip(text: str, limit: int) -> str:
    """The longest beginning of `text` that has at most `limit` tokens, cut between characters."""
    encoded = text.encode("utf-8", "surrogatepass")
    return encoded[: limit * _BYTES].decode("utf-8", "ignore")


def weigh(value: Any) -> int:
    """Tokens of a decoded JSON value: its names, strings and numbers, but not identifiers, signatures and marks.

    Bytes in base64 count as one image.
    """
    total, waiting = 0, [value]
    while waiting:  # no recursion: a client may nest deeper than the interpreter's stack
        item = waiting.pop()
        if isinstance(item, dict):
            fields = {name: inner for name, inner in item.items() if name not in _IDENTIFIERS}
            binary = {name for name in fields.keys() & _BINARY_FIELDS if isinstance(fields[name], str)}
            total += IMAGE * len(binary)
            waiting += [inner for name, inner in fields.items() if name not in binary]
        elif isinstance(item, list):
            waiting += item
        else:
            total += _weigh_plain(item)
    return total


def _weigh_plain(value: Any) -> int:
    if isinstance(value, str):
        return IMAGE if value.startswith("data:") else count(value)
    if isinstance(value, bytes):
        return IMAGE
    return 0 if value is None else 1
