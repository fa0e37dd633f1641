"""Skeletons: what is cut out of a body, and that nothing else changes."""

import json
from collections.abc import Generator
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from polyglot_cloud import wire
from polyglot_cloud.large import Segments, Sizes, Skeleton, skeleton
from polyglot_cloud.large.boundaries import boundary, pieces
from polyglot_cloud.large.strings import Span, long_strings

Result = TypeVar("Result")
TINY = Sizes(body=0, string=32, head=8, tail=4, window=24)
PIECES = (
    "a",
    "é",
    "世",
    "👩",
    "\\n",
    "\\\\",
    '\\"',
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud800",
    "{",
    "}",
    "[",
    ",",
    ":",
    " ",
    "\\/",
)
"""Of the inside of a JSON string."""


def finished(steps: Generator[None, None, Result]) -> Result:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: Result = done.value
            return result


def made(body: bytes, sizes: Sizes = TINY, reads: tuple[str, ...] = ()) -> tuple[Skeleton, str | None]:
    return finished(skeleton(Segments([body]), reads, sizes))


insides = st.lists(st.sampled_from(PIECES), max_size=120).map("".join)
names = st.sampled_from(["content", "text", "url", "arguments", "name", 'a\\"content', "c\\u006fntent"])
members = st.dictionaries(names, insides, min_size=1, max_size=4)


@st.composite
def bodies(draw: Any) -> bytes:
    gap = st.sampled_from(["", "", " ", "\n\t ", " " * 40])

    def member(pair: tuple[str, str]) -> str:
        return f'{draw(gap)}"{pair[0]}"{draw(gap)}:{draw(gap)}"{pair[1]}"{draw(gap)}'

    objects = ["{" + ",".join(map(member, each.items())) + "}" for each in draw(st.lists(members, max_size=4))]
    images = ",".join(f'"{each}"{draw(gap)}' for each in draw(st.lists(insides, max_size=3)))
    return f'{{"messages":{draw(gap)}[{",".join(objects)}],"images":[{images}],"n":1}}'.encode()


def whole(found: Skeleton, value: Any) -> Any:
    match value:
        case str():
            return found.whole(value)
        case list():
            return [whole(found, each) for each in value]
        case dict():
            return {name: whole(found, each) for name, each in value.items()}
        case _:
            return value


@given(bodies())
def test_a_skeleton_with_its_cuts_is_the_body(body: bytes) -> None:
    found, _ = made(body)
    assert bytes(found.edited(found.frame.text)) == body
    assert bytes(found.filled([bytes(found.text)])) == body
    assert whole(found, found.value) == wire.decode(body)
    assert len(bytes(found.text)) == len(body) - sum(cut.end - cut.start - len(cut.token) for cut in found.cuts)


@given(bodies(), st.lists(st.integers(0, 2000)))
def test_how_a_body_arrives_changes_nothing(body: bytes, places: list[int]) -> None:
    at = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    parts = [body[start:stop] for start, stop in pairwise(at)]
    split, _ = finished(skeleton(Segments(parts), (), TINY))
    assert [(cut.start, cut.end, cut.size) for cut in split.cuts] == [
        (cut.start, cut.end, cut.size) for cut in made(body)[0].cuts
    ]


@given(
    bodies(), st.integers(0, 10_000), st.sampled_from([b'"', b"\\", b"\x00", b"\xff", b"{", b"]", b"", b"\\u12", b","])
)
def test_what_is_no_json_is_refused_as_ever(body: bytes, at: int, strange: bytes) -> None:
    at %= len(body)
    broken = body[:at] + strange + body[at + 1 :]
    try:
        value = wire.decode_object(broken)
    except wire.InvalidJson:
        with pytest.raises(wire.InvalidJson):
            made(broken)
    else:
        found, _ = made(broken)
        assert whole(found, found.value) == value


def test_ends_of_a_string_stay_and_the_text_in_between_is_counted() -> None:
    text = "It began." + "é" * 500 + "So it ended."
    found, _ = made(json.dumps({"content": text}).encode())
    (cut,) = found.cuts
    head, _, tail = found.value["content"].partition(cut.token)
    assert len(head) > 2
    assert len(tail) > 2
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len((head + tail).encode()) + cut.size == len(text.encode())
    assert found.found(found.value["content"]) == cut
    assert found.found(text) is None


@pytest.mark.parametrize("name", ["arguments", "name", "model", "description"])
def test_what_others_look_into_is_not_cut(name: str) -> None:
    body = json.dumps({name: "x" * 1000, "content": 1}).encode()
    assert made(body)[0].cuts == []


def test_a_long_name_is_not_cut() -> None:
    assert made(json.dumps({"content": {"x" * 100: "x"}, "x" * 100: {}}).encode())[0].cuts == []


def test_every_image_of_a_list_is_cut() -> None:
    found, _ = made(json.dumps({"images": ["a" * 50, "b" * 50, "c" * 50], "other": ["d" * 50, "e" * 50]}).encode())
    assert len(found.cuts) == 3
    assert found.value["other"] == ["d" * 50, "e" * 50]


def test_a_token_has_the_length_of_its_text_in_base64() -> None:
    for length in range(60, 70):
        found, _ = made(json.dumps({"data": "A" * length}).encode())
        assert len(found.value["data"]) % 4 == length % 4


def test_a_text_that_looks_like_a_token_is_left_alone() -> None:
    first, _ = made(json.dumps({"content": "x" * 99}).encode())
    text = first.cuts[0].token + "y" * 99
    found, _ = made(json.dumps({"content": text}).encode())
    assert found.whole(found.value["content"]) == text


def test_a_member_that_stands_twice_is_found() -> None:
    body = b'{"content":"%b","content":1,"messages":[]}' % (b"x" * 100)
    assert made(body, reads=("content", "messages"))[1] == "content"
    assert made(body, reads=("messages",))[1] is None


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"%b"' % (b"x" * 99), b'{"content":"%b' % (b"x" * 99), b'{"content":' + b" " * 99]
)
def test_what_is_no_object(body: bytes) -> None:
    with pytest.raises(wire.InvalidJson):
        made(body)


@given(insides.filter(bool), st.integers(1, 40))
@example("\\ud800\\ud800é", 13)
@example("\\ud800\\ud83d\\ude00", 12)
@example("\\\\ud800" * 9, 13)
def test_pieces_of_a_string_are_strings(inside: str, size: int) -> None:
    body = inside.encode()
    found = list(pieces(Segments([body]), 0, len(body), size))
    assert b"".join(piece for _, piece in found) == body
    assert [at for at, _ in found] == [sum(len(piece) for _, piece in found[:index]) for index in range(len(found))]
    if size >= 12:  # a pair of surrogates has its place
        texts = [wire.decode(b'"%b"' % piece) for _, piece in found]
        assert "".join(texts) == wire.decode(b'"%b"' % body)


@pytest.mark.parametrize(
    ("inside", "wanted", "cut"),
    [
        (b"abcdef", 3, 3), (b"ab\\nef", 3, 2), (b"ab\\nef", 4, 4), (b"a\\\\\\\\b", 3, 3), (b"a\\\\\\\\b", 4, 3), (b"a\\\\nb", 3, 3),
        (b"a\\u00e9b", 5, 1), (b"a\\u00e9b", 7, 7), (b"\\ud83d\\ude00b", 6, 0), (b"\\ud83d\\ude00b", 12, 12),
        (b"\\\\ud83d\\ude00", 7, 7), ("aé".encode() + b"b", 2, 1), ("a世".encode() + b"b", 3, 1), (b"\x80\x80\x80\x80\x80", 4, 4),
    ],
)  # fmt: skip
def test_where_a_string_may_be_cut(inside: bytes, wanted: int, cut: int) -> None:
    found = boundary(inside, wanted)
    assert found <= cut
    if cut in {wanted, 1}:
        assert found == cut


@given(
    st.lists(st.sampled_from(['"', "\\", "a", "bb" * 20, "\\\\", '\\"', "{"]), max_size=60).map("".join),
    st.integers(1, 50),
)
def test_the_search_finds_each_long_string_of_a_text(text: str, window: int) -> None:
    strings = [text, text + text, "c" * 40, "", 'd"' * 20]
    body = json.dumps(strings).encode()
    found = finished(long_strings(Segments([body]), 32, window))
    spans, at = [], 1
    for each in strings:
        size = len(json.dumps(each).encode()) - 2
        if size >= 32:
            spans.append(Span(at + 1, at + 1 + size))
        at += size + 4
    assert found == spans
