from typing import Any

import pytest

from polyglot_cloud.dialects.openai_chat import fields
from polyglot_cloud.errors import BadRequest


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "a boolean"),
        (3, "an integer"),
        (0.5, "a decimal number"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_a_wrong_type_is_told_in_openais_words(value: Any, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        fields.string({"model": value}, "model")
    assert caught.value.message == f"Invalid type for 'model': expected a string, but got {words} instead."
    assert (caught.value.param, caught.value.code, caught.value.status) == ("model", "invalid_type", 400)


@pytest.mark.parametrize(
    "check",
    [
        fields.string,
        fields.boolean,
        fields.integer,
        fields.mapping,
        lambda body, name: fields.number(body, name, 0, 1),
        lambda body, name: fields.word(body, name, ("a",)),
    ],
)
def test_null_and_absent_are_the_same(check: Any) -> None:
    assert check({"x": None}, "x") is None
    assert check({}, "x") is None


@pytest.mark.parametrize(
    ("check", "value", "code"),
    [
        (fields.boolean, 1, "invalid_type"),
        (fields.integer, True, "invalid_type"),
        (fields.integer, 1.0, "invalid_type"),
        (lambda body, name: fields.integer(body, name, 1, 128), 0, "integer_below_min_value"),
        (lambda body, name: fields.integer(body, name, 1, 128), 129, "integer_above_max_value"),
        (lambda body, name: fields.number(body, name, 0, 2), 2.5, "decimal_above_max_value"),
        (lambda body, name: fields.number(body, name, 0, 2), -1, "decimal_below_min_value"),
        (lambda body, name: fields.number(body, name, 0, 2), True, "invalid_type"),
        (lambda body, name: fields.number(body, name, 0, 2), "1", "invalid_type"),
        (lambda body, name: fields.number(body, name, 0, 2), float("inf"), "invalid_type"),
        (fields.mapping, [], "invalid_type"),
        (lambda body, name: fields.word(body, name, ("a", "b")), "c", "invalid_value"),
        (fields.objects, {}, "invalid_type"),
        (fields.objects, [{}, "y"], "invalid_type"),
        (lambda body, name: fields.strings(body, name, 2), 5, "invalid_type"),
        (lambda body, name: fields.strings(body, name, 2), ["a", 5], "invalid_type"),
        (lambda body, name: fields.strings(body, name, 2), ["a", ""], "empty_string"),
        (lambda body, name: fields.strings(body, name, 2), ["a", "b", "c"], "array_above_max_length"),
        (fields.needed_string, None, "missing_required_parameter"),
        (fields.needed_mapping, None, "missing_required_parameter"),
    ],
)
def test_what_is_refused(check: Any, value: Any, code: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check({"x": value}, "x")
    assert caught.value.code == code
    assert caught.value.param
    assert caught.value.param.startswith("x")


def test_numbers_are_kept_as_they_were_written() -> None:
    assert repr(fields.number({"x": 1}, "x", 0, 2)) == "1"
    assert repr(fields.number({"x": 1.0}, "x", 0, 2)) == "1.0"


@pytest.mark.parametrize(("value", "found"), [(None, []), ("", []), ("a", ["a"]), (["a", "b"], ["a", "b"]), ([], [])])
def test_a_string_or_several(value: Any, found: list[str]) -> None:
    assert fields.strings({"stop": value}, "stop", 4) == found


def test_supported_values_are_listed() -> None:
    with pytest.raises(BadRequest, match=r"Invalid value: 'z'\. Supported values are: 'a', 'b' and 'c'\.") as caught:
        fields.word({"role": "z"}, "role", ("a", "b", "c"), "messages[2].")
    assert caught.value.param == "messages[2].role"
    with pytest.raises(BadRequest, match=r"Supported values are: 'a'\."):
        fields.word({"role": "z"}, "role", ("a",))


def test_messages_are_needed() -> None:
    with pytest.raises(BadRequest, match=r"Missing required parameter: 'messages'\."):
        fields.messages({})
    with pytest.raises(BadRequest, match="empty array") as caught:
        fields.messages({"messages": []})
    assert caught.value.code == "empty_array"
    with pytest.raises(BadRequest) as caught:
        fields.messages({"messages": "hello"})
    wanted = "Invalid type for 'messages': expected an array of objects, but got a string instead."
    assert caught.value.message == wanted
