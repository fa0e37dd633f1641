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
    if isinstance(value, str):
        return IMAGE if value.startswith("data:") else count(value)
    if isinstance(value, dict):
        return sum(_weigh_field(name, item) for name, item in value.items() if name not in _IDENTIFIERS)
    if isinstance(value, list):
        return sum(weigh(item) for item in value)
    if isinstance(value, bytes):
        return IMAGE
    return 0 if value is None else 1


def _weigh_field(name: str, value: Any) -> int:
    if name in _BINARY_FIELDS and isinstance(value, str):
        return IMAGE
    return weigh(value)
