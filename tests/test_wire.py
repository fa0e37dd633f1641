import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud import wire

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=6), JSON, max_size=6)
SPELLINGS: tuple[dict[str, Any], ...] = (
    {"separators": (",", ":")},
    {},
    {"indent": 2},
    {"ensure_ascii": False},
    {"indent": "\t", "separators": (" , ", " : ")},
)


@given(JSON)
def test_what_is_encoded_is_decoded_again(value: Any) -> None:
    assert wire.decode(wire.encode(value)) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'"\\ud800"', "\ud800"),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        ("[1]", [1]),
    ],
)
def test_decode_keeps_what_json_allows(data: bytes | str, value: Any) -> None:
    assert wire.decode(data) == value


def test_a_lone_surrogate_survives_encoding() -> None:
    assert wire.encode({"a": "\ud800"}) == b'{"a":"\\ud800"}'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"NaN",
        b"-Infinity",
        b"1e400",
        b"\xff",
        b'"\xed\xa0\x80"',
        b"[1,]",
        b"{'a':1}",
        b'{"a":1}x',
        b"[" * 200_000,
        b"9" * 5000,
    ],
)
def test_decode_refuses_what_is_not_json(data: bytes) -> None:
    with pytest.raises(wire.InvalidJson):
        wire.decode(data)


def test_decode_object_wants_an_object() -> None:
    assert wire.decode_object(b' {"a": 1}') == {"a": 1}
    with pytest.raises(wire.InvalidJson, match="JSON object"):
        wire.decode_object(b"[]")


@given(OBJECTS, st.sampled_from(SPELLINGS))
def test_members_are_found_where_they_stand(value: dict[str, Any], spelling: dict[str, Any]) -> None:
    body = json.dumps(value, **spelling).encode("utf-8", "surrogatepass")
    found = wire.members(body)
    assert found is not None
    assert [member.name for member in found] == list(value)
    assert [json.loads(body[member.value_start : member.end]) for member in found] == list(value.values())


@given(OBJECTS, st.sampled_from(SPELLINGS), st.text(max_size=6), JSON)
def test_an_edit_changes_that_member_and_no_other_byte(
    value: dict[str, Any], spelling: dict[str, Any], name: str, new: Any
) -> None:
    body = json.dumps(value, **spelling).encode()
    edited = wire.edit(body, name, new)
    assert wire.decode(edited) == {**value, name: new}
    old = wire.encode(new)
    before, _, after = edited.partition(old) if edited.count(old) == 1 else (b"", b"", b"")
    assert body.startswith(before.rstrip(wire.encode(name) + b":,")) or name in value
    assert body.endswith(after)


def test_an_edit_keeps_spelling_and_order() -> None:
    body = b'{ "b" : 1,\r\n "model":\t"x" , "z": "\\u0041\\"}{" }'
    assert wire.edit(body, "model", "new") == b'{ "b" : 1,\r\n "model":\t"new" , "z": "\\u0041\\"}{" }'
    assert wire.edit(b"{ }", "model", "x") == b'{"model":"x" }'
    assert wire.edit(b'{"a":[1,{"model":2}] }', "model", 3) == b'{"a":[1,{"model":2}],"model":3 }'


def test_a_name_that_stands_twice_is_written_anew_rather_than_guessed() -> None:
    assert wire.decode(wire.edit(b'{"a":1,"a":2}', "a", 3)) == {"a": 3}


@pytest.mark.parametrize("body", [b"", b'{"a', b'{"a":"\\', b"[1"])
def test_an_uncertain_scan_says_so(body: bytes) -> None:
    assert wire.members(body) is None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"model":1,"model":2}', "model"),
        (b'{"model":1,"mod\\u0065l":2}', "model"),
        (b'{"model":1,"x":{"model":2}}', None),
        (b'{"model":1,"x":"\\u0041"}', None),
        (b'{"x":1,"x":2}', None),
        (b'{"model":"model"}', None),
        (b'{"model', None),
    ],
)
def test_repeated(body: bytes, found: str | None) -> None:
    assert wire.repeated(body, ["model", "stream"]) == found


def test_an_unclosed_body_with_escapes_has_no_repeats() -> None:
    assert wire.repeated(b'{"model\\u0041', ["model"]) is None


def test_a_long_string_is_skipped_not_walked() -> None:
    body = b'{"a":"' + b"x" * 5_000_000 + b'","model":"m"}'
    found = wire.members(body)
    assert found is not None
    assert [member.name for member in found] == ["a", "model"]


# --- members of members ---


@pytest.mark.parametrize(
    ("body", "edited"),
    [
        (b'{ "a" : {"b": 1, "c":2 } , "d":3}', b'{ "a" : {"b": 1, "c":9 } , "d":3}'),
        (b'{"a":{"b":1}}', b'{"a":{"b":1,"c":9}}'),
        (b'{"a":{}}', b'{"a":{"c":9}}'),
        (b'{"d":3}', b'{"d":3,"a":{"c":9}}'),
        (b'{"a":null,"d":3}', b'{"a":{"c":9},"d":3}'),
        (b"{}", b'{"a":{"c":9}}'),
    ],
)
def test_an_edit_within_a_member_leaves_all_else(body: bytes, edited: bytes) -> None:
    assert wire.edit_within(body, ["a", "c"], 9) == edited


def test_the_chosen_members_stand_as_they_stood() -> None:
    assert wire.chosen(b'{"a": [1, 2] , "b":"x","c" : {"a":1}}', {"a", "c"}) == b'"a": [1, 2],"c" : {"a":1}'
    assert wire.chosen(b'{"a":1}', {"z"}) == b""


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"a": 1, "b":2 , "c":{"a":3}}', b'{"b":2,"c":{"a":3}}'),
        (b'{"a":1}', b"{}"),
        (b"{}", b"{}"),
        (b'{ "b" : 1.50, "\\u0061" : [1] }', b'{"b" : 1.50}'),
        (b'{"a":1,"a":2,"b":1e400}', b'{"b":1e400}'),
    ],
)
def test_members_are_taken_out_and_the_others_stay_as_they_stand(body: bytes, left: bytes) -> None:
    assert wire.without(body, ["a"]) == left
