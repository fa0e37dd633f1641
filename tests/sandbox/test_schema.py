from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.sandbox import schema
from sandbox.kit import validate

TREE = {
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}},
    "required": ["root"],
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value", "children", "next"],
            "additionalProperties": False,
        }
    },
}

SCHEMAS: list[dict[str, Any]] = [
    {"type": "object"},
    {},
    {
        "type": "object",
        "properties": {"a": {"const": 7}, "b": {"enum": ["x", "y"]}, "c": {"type": "null"}},
        "required": ["a"],
    },
    {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 5}}},
    {"type": "object", "properties": {"n": {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}}},
    {"type": "object", "properties": {"n": {"type": "number", "minimum": 0.25, "multipleOf": 0.5}}},
    {"type": "object", "properties": {"n": {"type": "integer", "maximum": -4}}},
    {"type": "object", "properties": {"n": {"type": "integer", "multipleOf": 7, "minimum": 8}}},
    {"type": "string", "minLength": 40},
    {"type": "string", "maxLength": 2},
    {"type": "string", "pattern": r"^[A-Z]{3}-\d{2,4}$"},
    *(
        {"type": "string", "format": name}
        for name in ("date", "date-time", "time", "email", "uuid", "ipv4", "ipv6", "hostname", "uri", "duration")
    ),
    {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 3, "uniqueItems": True},
    {
        "type": "array",
        "items": {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]},
        "minItems": 2,
    },
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False, "minItems": 2},
    {"type": "array", "maxItems": 0, "items": {"type": "string"}},
    {"type": "array"},
    {"type": ["string", "null"]},
    {"type": ["null"]},
    {"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 9}]},
    {"oneOf": [{"type": "object", "properties": {"kind": {"const": "a"}}, "required": ["kind"]}, {"type": "string"}]},
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "string"}}, "required": ["b"]},
        ]
    },
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    {"type": "object", "required": ["a"], "properties": {}},
    {"properties": {"a": {"items": {"minimum": 2}}, "b": {"minLength": 30}}},
    {"$ref": "#/definitions/x~1y", "definitions": {"x/y": {"type": "integer", "minimum": 2}}},
    {"type": "object", "properties": {"a": True}, "required": ["a"]},
    {"type": "string", "default": "usual"},
    {"type": "integer", "default": 12},
    TREE,
]


@pytest.mark.parametrize("wanted", SCHEMAS, ids=range(len(SCHEMAS)))
def test_values_validate(wanted: dict[str, Any]) -> None:
    for text in ("", 'Ada Lovelace, 36, lives in London at https://example.org/ada and likes "tea"'):
        for everything in (True, False):
            validate(schema.fill(wanted, text, everything=everything), wanted)


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    numbers = st.integers(-50, 50)
    leaf: st.SearchStrategy[dict[str, Any]] = st.one_of(
        st.builds(
            lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span}, numbers, st.integers(0, 9)
        ),
        st.builds(lambda low: {"type": "number", "exclusiveMinimum": low}, numbers),
        st.builds(
            lambda low, span: {"type": "string", "minLength": low, "maxLength": low + span},
            st.integers(0, 40),
            st.integers(0, 9),
        ),
        st.builds(lambda words: {"enum": words}, st.lists(st.text(max_size=4), min_size=1, max_size=3)),
        st.sampled_from(
            [{"type": "boolean"}, {"type": "null"}, {"type": ["integer", "null"]}, {"type": "string", "format": "date"}]
        ),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(
                lambda item, least: {"type": "array", "items": item, "minItems": least}, inner, st.integers(0, 3)
            ),
            st.builds(
                lambda fields: {"type": "object", "properties": fields, "required": sorted(fields)},
                st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
            ),
            st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
        ),
        max_leaves=6,
    )


@given(schemas(), st.text(max_size=40), st.booleans())
def test_any_schema_validates(wanted: dict[str, Any], text: str, everything: bool) -> None:
    validate(schema.fill(wanted, text, everything=everything), wanted)


@pytest.mark.parametrize(
    ("fields", "text", "value"),
    [
        ({"city": {"type": "string"}}, "How is Oslo today?", {"city": "Oslo"}),
        ({"a": {"type": "number"}, "b": {"type": "number"}}, "add 3 and 4.5", {"a": 3, "b": 4.5}),
        ({"unit": {"enum": ["celsius", "kelvin"]}}, "in kelvin", {"unit": "kelvin"}),
        ({"unit": {"type": "string"}}, "in Oslo", {"unit": "celsius"}),
        ({"query": {"type": "string"}}, "search for the best tea", {"query": "search for the best tea"}),
        ({"title": {"type": "string"}}, 'call it "Blue Notes"', {"title": "Blue Notes"}),
        ({"url": {"type": "string"}}, "read https://example.org/x.", {"url": "https://example.org/x"}),
        (
            {"link": {"type": "string", "format": "uri"}},
            "read https://example.org/x.",
            {"link": "https://example.org/x"},
        ),
        ({"path": {"type": "string"}}, "open src/main.py please", {"path": "src/main.py"}),
        ({"command": {"type": "string"}}, "run: ls", {"command": "ls"}),
        ({"expression": {"type": "string"}}, "what is 2 * (3 + 4)?", {"expression": "2 * (3 + 4)"}),
        ({"code": {"type": "string", "pattern": "^[A-Z]{3}$"}}, "fly to OSL", {"code": "OSL"}),
        ({"cities": {"type": "array", "items": {"type": "string"}}}, "Oslo or Paris", {"cities": ["Oslo", "Paris"]}),
        ({"age": {"type": "integer"}}, "2.5 or so", {"age": 36}),
    ],
)
def test_the_prompt_is_used(fields: dict[str, Any], text: str, value: dict[str, Any]) -> None:
    assert (
        schema.fill({"type": "object", "properties": fields, "required": list(fields)}, text, everything=False) == value
    )


def test_optional_properties_only_where_named() -> None:
    wanted = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "kelvin"]}, "x": True},
        "required": ["city"],
    }
    assert schema.fill(wanted, "Oslo", everything=False) == {"city": "Oslo"}
    assert schema.fill(wanted, "Oslo in kelvin", everything=False) == {"city": "Oslo", "unit": "kelvin"}


def test_googles_subset() -> None:
    assert schema.fill({"type": "OBJECT", "properties": {"n": {"type": "INTEGER", "minimum": 2}}}) == {"n": 2}


@pytest.mark.parametrize(
    "wanted",
    [
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"type": "array", "items": {"const": {}}, "minItems": 2, "uniqueItems": True},
        {"$ref": "#/a/b", "a": 5},
        {"allOf": []},
        {"anyOf": [True]},
        {"allOf": [{"$ref": "#"}]},
        {"properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    ],
)
def test_odd_schemas_do_no_harm(wanted: dict[str, Any]) -> None:
    schema.fill(wanted)


def test_properties() -> None:
    assert schema.properties(TREE) == TREE["properties"]
    assert schema.properties({"type": "object", "properties": None}) == {}
