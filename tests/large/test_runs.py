"""Long arrays, decoded and encoded in runs."""

import json
from collections.abc import Generator
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud import wire
from polyglot_cloud.large import Segments, encoded
from polyglot_cloud.large.runs import Frame, decoded

Result = TypeVar("Result")
NONCE = "q0123456789abcdef"
WINDOW = 64


def finished(steps: Generator[None, None, Result]) -> tuple[Result, int]:
    taken = 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value, taken
        taken += 1


def read(body: bytes, reads: tuple[str, ...] = ()) -> tuple[Any, Frame, str | None]:
    (value, frame, twice), _ = finished(decoded(Segments([body]), NONCE, reads, WINDOW))
    assert b"".join(frame.filled(frame.text, Segments([body]))) == body
    return value, frame, twice


messages = st.lists(
    st.one_of(
        st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text(max_size=30)}),
        st.fixed_dictionaries({"content": st.text(max_size=9), "calls": st.lists(st.fixed_dictionaries({"role": st.text()}))}),
        st.just({"role": '},{"role":'}), st.integers(), st.none(), st.lists(st.integers()),
    ),
    max_size=80,
)  # fmt: skip


@given(messages, messages, st.sampled_from([(",", ":"), (", ", ": "), (",\n ", " : ")]))
def test_runs_make_the_same_value(first: list[Any], second: list[Any], separators: tuple[str, str]) -> None:
    body = json.dumps({"a": 1, "messages": first, "tools": second, "model": "m"}, separators=separators).encode()
    assert read(body)[0] == wire.decode(body)


def test_most_of_a_long_array_is_taken_out() -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": str(n)} for n in range(500)]}).encode()
    (value, frame, _), steps = finished(decoded(Segments([body]), NONCE, (), WINDOW))
    assert value == wire.decode(body)
    assert len(frame.text) < 300
    assert steps > 100


def test_an_array_of_that_name_deeper_down() -> None:
    inner = {"messages": [{"role": n} for n in range(200)]}
    body = json.dumps({"tools": [inner], "messages": [{"role": "user"}]}).encode()
    value, frame, _ = read(body)
    assert value == wire.decode(body)
    assert frame.text == body


def test_names_that_stand_twice() -> None:
    array = json.dumps([{"role": n} for n in range(200)])
    body = f'{{"messages":{array},"messages":[{{"role":1}}]}}'.encode()
    assert read(body, ("messages",))[2] == "messages"


@pytest.mark.parametrize("end", ["", "]", "]}}", "],}", ',{"role":]}', '"]}', "\x00]}"])
def test_a_broken_end_is_refused(end: str) -> None:
    body = ('{"messages":[' + ",".join('{"role":"user"}' for _ in range(200)) + end).encode()
    with pytest.raises(wire.InvalidJson):
        read(body)


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.lists(st.integers(), max_size=700))))
def test_pieces_of_what_is_encoded_are_the_whole(value: dict[str, Any]) -> None:
    assert b"".join(encoded(value)) == wire.encode(value)
    long = {**value, "long": list(range(1_001)), "empty": [], "none": None}
    assert b"".join(encoded(long)) == wire.encode(long)
