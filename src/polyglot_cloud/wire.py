"""JSON on the wire: one codec, and edits of the top level that leave every other byte as it was.

The codec is msgspec (it keeps integers of any size exact); what it refuses although JSON allows it (an escaped lone surrogate) goes to the
standard library. NaN, infinities and invalid UTF-8 are refused by both.
"""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

import msgspec

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_sorting_encoder = msgspec.json.Encoder(order="deterministic")


class InvalidJson(ValueError):
    """The bytes are not JSON, or not JSON that two readers would understand alike."""


def decode(data: bytes | str) -> Any:
    """Any JSON value. Raises InvalidJson."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _decode_slowly(data)


def _decode_slowly(data: bytes | str) -> Any:
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise InvalidJson(f"not valid UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise InvalidJson(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise InvalidJson("nested too deeply") from None
    except InvalidJson:
        raise
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise InvalidJson("a number has too many digits") from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if value in {float("inf"), float("-inf")}:
        raise InvalidJson(f"the number {digits[:20]} is too large")
    return value


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8. A lone surrogate, which UTF-8 cannot hold, is escaped."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def canonical(value: Any) -> bytes:
    """The one spelling of a JSON value: compact, every object's members sorted by name. For what is hashed or compared as bytes."""
    try:
        return _sorting_encoder.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, sort_keys=True).encode("ascii")


def decode_object(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises InvalidJson."""
    value = decode(data)
    if not isinstance(value, dict):
        raise InvalidJson("the body must be a JSON object")
    return value


# --- the top level of an object, in bytes ---

_STRUCTURE = re.compile(rb'["{}\[\],]')


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member of the top-level object stands: [start, end) from its name's quote to the end of its value."""

    name: str
    start: int
    value_start: int
    end: int


class _Name:
    """A member's name, equal to none other: of two members of one name both are kept."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_members = msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=lambda kind, text: _Name(text))
_BETWEEN = re.compile(rb"[ \t\r\n,{]*")
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")


def members(body: bytes) -> list[Member] | None:
    """The members of the top-level object in their order, None where the scan is not certain. `body` is known to be a valid object.

    The codec jumps over the values; what it refuses although it is JSON is scanned sign by sign.
    """
    try:
        pairs = _members.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        return _scanned(body)
    found: list[Member] = []
    at = 0
    for name, value in pairs.items():
        start = _after(_BETWEEN, body, at)
        value_start = _after(_COLON, body, _string_end(body, start))
        at = value_start + len(memoryview(value))
        found.append(Member(name.text, start, value_start, at))
    return found


def _after(pattern: re.Pattern[bytes], body: bytes, at: int) -> int:
    match = pattern.match(body, at)
    return match.end() if match else at


def _scanned(body: bytes) -> list[Member] | None:
    """Strings are skipped with `bytes.find`, so long ones cost next to nothing."""
    found: list[Member] = []
    depth, position, start = 0, 0, -1
    while match := _STRUCTURE.search(body, position):
        at = match.start()
        sign = body[at]
        position = at + 1
        if sign == 0x22:  # "
            position = _string_end(body, at)
            if position < 0:
                return None
            if depth == 1 and start < 0:
                start = at
        elif sign in b"{[":
            depth += 1
        elif sign in b"}]":
            depth -= 1
            if depth == 0:
                if start >= 0:
                    found.append(_member(body, start, at))
                return found
        elif depth == 1:
            found.append(_member(body, start, at))
            start = -1
    return None


def _string_end(body: bytes, quote: int) -> int:
    """Just after the closing quote of the string that opens at `quote`, -1 where it has none."""
    end = body.find(b'"', quote + 1)
    while end > 0:
        slashes = end
        while body[slashes - 1] == 0x5C:  # backslash
            slashes -= 1
        if (end - slashes) % 2 == 0:
            return end + 1
        end = body.find(b'"', end + 1)
    return -1


def _member(body: bytes, start: int, stop: int) -> Member:
    name_end = _string_end(body, start)
    colon = body.index(b":", name_end)
    value = body[colon + 1 : stop]
    value_start = colon + 1 + len(value) - len(value.lstrip())
    return Member(decode(body[start:name_end]), start, value_start, colon + 1 + len(value.rstrip()))


def edit(body: bytes, name: str, value: Any) -> bytes:
    """The object with member `name` set to `value` and every other byte as it was; appended where there was none.

    Where the scan is not certain (the name stands twice) the whole body is written anew.
    """
    found = members(body)
    matching = None if found is None else [member for member in found if member.name == name]
    if found is None or matching is None or len(matching) > 1:
        return encode({**decode_object(body), name: value})
    replacement = encode(value)
    if matching:
        return body[: matching[0].value_start] + replacement + body[matching[0].end :]
    prefix = b"," if found else b""
    at = found[-1].end if found else body.index(b"{") + 1
    return body[:at] + prefix + encode(name) + b":" + replacement + body[at:]


def edit_within(body: bytes, names: Sequence[str], value: Any) -> bytes:
    """The same of a member of a member: `names` lead to it. What is no object on the way there is replaced by one."""
    name, *further = names
    if not further:
        return edit(body, name, value)
    found = [member for member in members(body) or () if member.name == name]
    inner = body[found[0].value_start : found[0].end] if len(found) == 1 else b""
    if not inner.startswith(b"{"):
        for each in reversed(further):
            value = {each: value}
        return edit(body, name, value)
    return body[: found[0].value_start] + edit_within(inner, further, value) + body[found[0].end :]


def without(body: bytes, names: Collection[str]) -> bytes:
    """The object less the members in `names`, the others as they stand. Where the scan is not certain it is written anew."""
    found = members(body)
    if found is None:
        return encode({name: value for name, value in decode_object(body).items() if name not in names})
    return b"{" + b",".join(body[each.start : each.end] for each in found if each.name not in names) + b"}"


def chosen(body: bytes, names: Collection[str]) -> bytes | None:
    """Of the object's members those in `names`, as they stand, without the braces; None where the scan is not certain."""
    found = members(body)
    return None if found is None else b",".join(body[each.start : each.end] for each in found if each.name in names)


LOOKED_THROUGH = 16 * 1024
"""Bytes up to which a body is searched for names."""
_HIDDEN_NAME = re.compile(rb'"[^"\\]{0,40}\\u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4}|[^"\\]){0,40}"\s*:')
"""A member's name with an escape in it, where it could be one of ours: those are short, and plain letters."""


def repeated(body: bytes, names: Collection[str]) -> str | None:
    """A name among `names` that stands twice at the top level, so that we and the provider could read different values.

    Cheap for the usual body: the scan runs only where a name occurs twice in the bytes, or an escape could hide one. A larger body is
    scanned at once: that takes less than to look for each name.
    """
    if len(body) < LOOKED_THROUGH and not _may_repeat(body, names):
        return None
    found = members(body)
    if found is None:
        return None
    names = frozenset(names)
    seen: set[str] = set()
    for member in found:
        if member.name in seen and member.name in names:
            return member.name
        seen.add(member.name)
    return None


def _may_repeat(body: bytes, names: Collection[str]) -> bool:
    return bool(b"\\" in body and b"\\u" in body and _HIDDEN_NAME.search(body)) or _any_twice(body, names)


@lru_cache(maxsize=512)
def _quoted(name: str) -> bytes:
    return f'"{name}"'.encode()


def _any_twice(body: bytes, names: Collection[str]) -> bool:
    for quoted in map(_quoted, names):
        at = body.find(quoted)
        if at >= 0 and body.find(quoted, at + 1) >= 0:
            return True
    return False
