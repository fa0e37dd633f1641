import json
import os
import subprocess
import sys
from typing import Any

import pytest
from anthropic import transform_schema

from polyglot_cloud.dialects.anthropic.schema import Fitted, Inexpressible, fit

OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    "schema",
    [
        OBJECT,
        {"type": "object", "properties": {}, "additionalProperties": False},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        {"type": "array", "minItems": 0},
        {"type": "array", "items": {"type": "integer"}, "minItems": 0, "title": "Numbers", "description": "Some."},
        {"type": "string", "format": "date-time"},
        {"enum": ["a", 1, None]},
        {"const": None},
        {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
        {"allOf": [{"type": "number"}]},
        {"$defs": {"Node": OBJECT}, "$ref": "#/$defs/Node"},
    ],
)
def test_schemas_within_the_subset_stay_as_they_are(schema: dict[str, Any]) -> None:
    fitted = fit(schema)
    assert fitted.schema == schema == transform_schema(schema)
    assert fitted.moved == set()


@pytest.mark.parametrize(
    ("schema", "expected", "moved"),
    [
        ({"type": "integer", "minimum": 1}, {"type": "integer", "description": "(minimum: 1)"}, {"minimum"}),
        (
            {"type": "string", "description": "A zip.", "pattern": '^"\\d', "maxLength": 5},
            {"type": "string", "description": 'A zip.\n\n(pattern: "^\\"\\\\d", maxLength: 5)'},
            {"pattern", "maxLength"},
        ),
        ({"type": "string", "format": "color"}, {"type": "string", "description": '(format: "color")'}, {"format"}),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
            {"type": "array", "items": {"type": "string"}, "description": "(minItems: 2, uniqueItems: true)"},
            {"minItems", "uniqueItems"},
        ),
        ({"oneOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}]}, set()),
        ({"type": "string", "enum": ["a"]}, {"enum": ["a"]}, set()),
        ({"type": ["string", "null"], "enum": ["a", None]}, {"enum": ["a", None]}, set()),
        (
            {"type": ["string", "null"], "description": "Perhaps.", "maxLength": 3},
            {
                "anyOf": [{"type": "string", "description": "(maxLength: 3)"}, {"type": "null"}],
                "description": "Perhaps.",
            },
            {"maxLength"},
        ),
        ({"properties": {"a": {"type": "null"}}}, {**OBJECT, "properties": {"a": {"type": "null"}}}, set()),
        ({"items": {"type": "null"}}, {"type": "array", "items": {"type": "null"}}, set()),
        ({"$schema": "x", "$id": "y", "$comment": "z", "type": "null"}, {"type": "null"}, set()),
        (
            {"definitions": {"N": {"type": "null"}}, "type": "array", "items": {"$ref": "#/definitions/N"}},
            {"$defs": {"N": {"type": "null"}}, "type": "array", "items": {"$ref": "#/$defs/N"}},
            set(),
        ),
        ({**OBJECT, "additionalProperties": True}, OBJECT, {"additionalProperties"}),
        (
            {"type": "object", "anyOf": [OBJECT]},
            {"anyOf": [OBJECT]},
            set(),
        ),
        ({"$defs": 1, "type": "null"}, {"type": "null"}, set()),
        ({"type": "null", "description": ""}, {"type": "null"}, set()),
    ],
)
def test_trap_20_the_rest_goes_into_the_description(
    schema: dict[str, Any], expected: dict[str, Any], moved: set[str]
) -> None:
    expected = {name: value for name, value in expected.items() if name != "required" or "required" in schema}
    fitted = fit(schema)
    assert fitted.schema == expected
    assert fitted.moved == moved


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({}, "the schema allows any value"),
        ({"description": "anything"}, "the schema allows any value"),
        ({"type": "object"}, "the schema is an object whose properties are not named"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "the schema is an object"),
        (
            {"type": "object", "properties": {"a": {"type": "array", "items": {}}}},
            r"the schema\.a\[\] allows any value",
        ),
        ({"anyOf": [{"type": "null"}, True]}, r"the schema\.anyOf\[1\] must be a schema object"),
        ({"type": "array", "items": False}, r"the schema\[\] must be a schema object"),
        ({"$defs": {"X": {}}, "$ref": "#/$defs/X"}, r"the schema\.\$defs\.X allows any value"),
    ],
)
def test_open_values_cannot_be_said(schema: dict[str, Any], place: str) -> None:
    with pytest.raises(Inexpressible, match=place):
        fit(schema)


def test_what_stands_beside_a_reference_is_left_out() -> None:
    place = {"$ref": "#/$defs/Node", "description": "Home.", "maxProperties": 2, "$comment": "x"}
    fitted = fit({**OBJECT, "properties": {"a": place}, "$defs": {"Node": OBJECT}, "definitions": {"M": OBJECT}})
    assert fitted.schema["properties"]["a"] == {"$ref": "#/$defs/Node"}
    assert fitted.left_out == {"description", "maxProperties"}
    assert fitted.moved == set()


@pytest.mark.parametrize(
    ("fitted", "told"),
    [
        (Fitted({}), None),
        (Fitted({}, moved={"b", "a"}), "Anthropic does not enforce a, b: told in the description"),
        (Fitted({}, left_out={"d", "c"}), "Anthropic takes nothing beside a $ref: c, d left out"),
        (
            Fitted({}, {"a"}, {"c"}),
            "Anthropic does not enforce a: told in the description; Anthropic takes nothing beside a $ref: c left out",
        ),
    ],
)
def test_what_a_client_has_to_know(fitted: Fitted, told: str | None) -> None:
    assert fitted.loss == told


def test_trap_38_the_same_schema_gives_the_same_bytes_in_every_process() -> None:
    schema = json.dumps(
        {"title": "T", "enum": [1], "const": 1, "required": [], "minimum": 0, "maximum": 9, "default": 1}
    )
    program = f"import json; from polyglot_cloud.dialects.anthropic.schema import fit; print(json.dumps(fit({schema}).schema))"

    def run(seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(
            [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
        ).stdout

    assert len({run(seed) for seed in ("1", "2", "3")}) == 1


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(3000):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    with pytest.raises(Inexpressible, match="too deeply"):
        fit(schema)
