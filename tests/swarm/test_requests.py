"""Checked against pydantic itself, which the real services read with."""

import json
import math
import re
from typing import Annotated, Any, Literal

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud import wire
from polyglot_cloud.swarm.requests import (
    LARGEST,
    MOST_FAULTS,
    Field,
    Invalid,
    field_schema,
    read,
    read_body,
    read_query,
    schema,
)

STRICTER = {"finite_number", "int_parsing_size"}
"""Where we refuse what pydantic takes, and say so."""

KINDS: list[tuple[Field, Any]] = [
    (Field("x", "int", required=True), int),
    (Field("x", "float", required=True), float),
    (Field("x", "str", required=True), str),
    (Field("x", "strings", required=True), list[str]),
    (Field("x", "object", required=True), dict[str, Any]),
    (Field("x", "floats", required=True), dict[str, float]),
    (Field("x", required=True, low=1, high=3), Annotated[str, pydantic.Field(min_length=1, max_length=3)]),
    (Field("x", required=True, low=2), Annotated[str, pydantic.Field(min_length=2)]),
    (Field("x", "int", required=True, low=1, high=5), Annotated[int, pydantic.Field(ge=1, le=5)]),
    (Field("x", "float", required=True, low=0), Annotated[float, pydantic.Field(ge=0)]),
    (Field("x", "strings", required=True, low=1), Annotated[list[str], pydantic.Field(min_length=1)]),
    (Field("x", "strings", required=True, low=2), Annotated[list[str], pydantic.Field(min_length=2)]),
    (Field("x", required=True, choices=("a", "b", "c")), Literal["a", "b", "c"]),
    (Field("x", required=True, choices=("a",)), Literal["a"]),
    (Field("x", "int", required=True, nullable=True), int | None),
    (Field("x", "object", required=True, nullable=True), dict[str, Any] | None),
]

NUMBERISH = st.text("0123456789+-.e_ \n", max_size=8).filter(lambda text: "_" not in text)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), NUMBERISH,
    st.sampled_from(["a", "b", "1000", "0.5", "1_000", " 7 ", "1.0", "1.00", "1.", "inf", "nan", "٣", "", 1.0, 1.5, -0.0]),
)  # fmt: skip
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=2), SCALARS, max_size=3))


def ours(field: Field, value: Any) -> Any:
    try:
        return read([field], {"x": value}, ("body",))["x"]
    except Invalid as invalid:
        return {"faults": list(invalid.faults)}


def theirs(kind: Any, value: Any) -> Any:
    try:
        return pydantic.TypeAdapter(kind).validate_python(value)
    except pydantic.ValidationError as error:
        told: list[dict[str, Any]] = [dict(fault) for fault in error.errors(include_url=False)]
        return {"faults": [{**fault, "loc": ["body", "x", *fault["loc"]]} for fault in told]}


@pytest.mark.parametrize("number", range(len(KINDS)))
@given(value=VALUES)
def test_we_read_what_pydantic_reads_and_say_what_it_says(number: int, value: Any) -> None:
    field, kind = KINDS[number]
    found = ours(field, value)
    if isinstance(found, dict) and any(fault["type"] in STRICTER for fault in found.get("faults", [])):
        return
    if isinstance(value, str) and re.match(r"\s*[+-]?0[0_]*-", value):
        return  # pydantic reads "0-1" as -1, which is a slip of its own
    expected = theirs(kind, value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value", "read_as"),
    [
        ("int", "1000", 1000), ("int", " 1_000 ", 1000), ("int", "1.0", 1), ("int", 7.0, 7), ("int", True, 1), ("int", "-5", -5),
        ("float", "0.5", 0.5), ("float", 3, 3.0), ("float", " 1e-6 ", 1e-6), ("float", False, 0.0),
        ("int", 1.5, "int_from_float"), ("int", "1.5", "int_parsing"), ("int", "", "int_parsing"), ("int", None, "int_type"),
        ("int", [], "int_type"), ("int", 1e300, "int_parsing_size"), ("int", 2**63, "int_parsing_size"), ("int", LARGEST, LARGEST),
        ("int", "9" * 4301, "int_parsing_size"), ("int", math.inf, "finite_number"),
        ("float", "x", "float_parsing"), ("float", "٣", "float_parsing"), ("float", None, "float_type"), ("float", {}, "float_type"),
        ("float", "inf", "finite_number"), ("float", "nan", "finite_number"), ("float", 10**400, "finite_number"),
        ("str", 5, "string_type"), ("str", True, "string_type"), ("str", None, "string_type"), ("str", "\ud800", "string_unicode"),
        ("strings", "a", "list_type"), ("strings", None, "list_type"), ("object", [], "dict_type"), ("object", None, "dict_type"),
        ("floats", {"a": "1"}, {"a": 1.0}), ("floats", 3, "dict_type"),
    ],
)  # fmt: skip
def test_what_is_lax_and_what_is_not(kind: Any, value: Any, read_as: Any) -> None:
    found = ours(Field("x", kind), value)
    if isinstance(found, dict) and "faults" in found:
        found = found["faults"][0]["type"]
    assert (found, type(found)) == (read_as, type(read_as))


NESTED = (
    Field("requirements", required=True, fields=(Field("model", required=True), Field("n", "int", nullable=True))),
    Field("optimization", default="cost", choices=("cost", "latency")),
)


def test_defaults_nulls_and_unknown_fields() -> None:
    assert read_body(NESTED, b'{"requirements": {"model": "", "more": 1}, "else": 2}') == {
        "requirements": {"model": "", "n": None},
        "optimization": "cost",
    }


def test_every_fault_is_told_with_its_place() -> None:
    with pytest.raises(Invalid) as caught:
        read_body(NESTED, b'{"requirements": {"n": "x"}, "optimization": "fast"}')
    assert caught.value.body() == {
        "detail": [
            {"type": "missing", "loc": ["body", "requirements", "model"], "msg": "Field required", "input": {"n": "x"}},
            {
                "type": "int_parsing",
                "loc": ["body", "requirements", "n"],
                "msg": "Input should be a valid integer, unable to parse string as an integer",
                "input": "x",
            },
            {
                "type": "literal_error",
                "loc": ["body", "optimization"],
                "msg": "Input should be 'cost' or 'latency'",
                "input": "fast",
                "ctx": {"expected": "'cost' or 'latency'"},
            },
        ]
    }
    assert "body.requirements.model: Field required" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "type_", "place"),
    [
        (b"", "missing", ["body"]),
        (b"null", "missing", ["body"]),
        (b"[]", "model_attributes_type", ["body"]),
        (b'"x"', "model_attributes_type", ["body"]),
        (b'{"requirements": []}', "model_attributes_type", ["body", "requirements"]),
        (b'{"requirements": null}', "model_attributes_type", ["body", "requirements"]),
        (b"{bad", "json_invalid", ["body", 1]),
        (b'{"a": 1', "json_invalid", ["body", 7]),
        (b'{"a": NaN}', "json_invalid", ["body", 0]),
        (b'{"a": "\xff"}', "json_invalid", ["body", 0]),
        (b"[" * 100_000, "json_invalid", ["body", 0]),
    ],
)
def test_bodies_that_are_no_object(body: bytes, type_: str, place: list[Any]) -> None:
    with pytest.raises(Invalid) as caught:
        read_body(NESTED, body)
    (fault,) = caught.value.body()["detail"]
    assert (fault["type"], fault["loc"]) == (type_, place)
    assert json.loads(wire.encode(caught.value.body()))


def test_bad_json_says_why_in_the_shape_of_the_real_ones() -> None:
    with pytest.raises(Invalid) as caught:
        read_body(NESTED, b"{bad")
    assert caught.value.body()["detail"] == [
        {
            "type": "json_invalid",
            "loc": ["body", 1],
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": "Expecting property name enclosed in double quotes"},
        }
    ]


def test_a_query_has_its_own_place_and_no_empty_numbers() -> None:
    fields = (Field("n", "int", default=0), Field("s", default=""))
    assert read_query(fields, {"n": "", "s": ""}) == {"n": 0, "s": ""}
    assert read_query(fields, {"n": "5", "else": "x"}) == {"n": 5, "s": ""}
    with pytest.raises(Invalid) as caught:
        read_query(fields, {"n": "1.5"})
    assert caught.value.faults[0]["loc"] == ["query", "n"]


@pytest.mark.parametrize(
    ("kind", "many"), [("strings", list(range(5000))), ("floats", {str(n): "x" for n in range(5000)})]
)
def test_an_answer_tells_so_many_faults_and_no_more(kind: Any, many: Any) -> None:
    with pytest.raises(Invalid) as caught:
        read((Field("x", kind), Field("y", required=True)), {"x": many}, ("body",))
    assert len(caught.value.faults) == MOST_FAULTS


def test_the_same_as_a_schema() -> None:
    assert schema(
        (*NESTED, Field("n", "int", low=1, high=9, default=3), Field("l", "strings", nullable=True, low=1))
    ) == {
        "type": "object",
        "properties": {
            "requirements": {
                "type": "object",
                "properties": {"model": {"type": "string"}, "n": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
                "required": ["model"],
            },
            "optimization": {"type": "string", "enum": ["cost", "latency"], "default": "cost"},
            "n": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
            "l": {"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1}, {"type": "null"}]},
        },
        "required": ["requirements"],
    }
    assert field_schema(Field("x", "floats")) == {"type": "object", "additionalProperties": {"type": "number"}}
