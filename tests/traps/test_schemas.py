"""Trap 20 of translation: the vendors' subsets of JSON Schema, for the arguments of tools and for the answer."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness import HELLO
from traps.tool_replies import (
    BUDGETED,
    CITY,
    CLAUDE,
    GEMINI,
    GROK,
    OLD_GEMINI,
    RESPONSES,
    UNFORCED,
    WAYS,
    Json,
    Made,
    Way,
    asked,
    function,
    go,
    models,
)

each_way = pytest.mark.parametrize("way", WAYS, ids=str)
CLAUDES = [CLAUDE, BUDGETED, UNFORCED]
GEMINIS = [GEMINI, OLD_GEMINI]
EMPTY: Json = {"type": "object", "properties": {}}
OPENAPI_ONLY = {"parameters", "responseSchema"}

NODE: Json = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 9},
        "kind": {"const": "leaf"},
        "size": {"type": ["integer", "null"], "minimum": 1, "exclusiveMaximum": 10, "multipleOf": 2},
        "choice": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "string"}, "maxItems": 2},
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
    },
    "required": ["name"],
    "additionalProperties": False,
}
RICH: Json = {"$defs": {"Node": NODE}, **NODE}
"""Recursive, and with a word of everything that one vendor or another refuses."""

ANTHROPIC_WORDS = frozenset({
    "type", "properties", "required", "items", "enum", "const", "anyOf", "allOf", "$defs", "$ref", "description", "title", "minItems",
    "format", "additionalProperties",
})  # fmt: skip
"""What the official SDK's own transformation leaves (anthropic 2.12.0, 2026-11-22)."""


def inner(schema: Any) -> Iterator[Json]:
    """Every schema within a schema."""
    if not isinstance(schema, dict):
        return
    yield schema
    for name in ("properties", "$defs"):
        for member in schema.get(name, {}).values():
            yield from inner(member)
    for member in (schema.get("items"), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from inner(member)


def within_anthropic(schema: Json) -> None:
    for each in inner(schema):
        assert each.keys() <= ANTHROPIC_WORDS
        assert each.get("type") != "object" or each["additionalProperties"] is False
        assert not isinstance(each.get("type"), list)
        assert each.get("minItems", 0) in {0, 1}


def schema_form(schema: Any, **members: Any) -> Json:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **members}}


def parameters_of(way: Way, body: Json) -> Any:
    (tool,) = body["tools"]
    match way.dialect:
        case "anthropic":
            return tool["input_schema"]
        case "gemini":
            return tool["functionDeclarations"][0].get("parametersJsonSchema")
        case "openai_responses":
            return tool["parameters"]
        case _:
            return tool["function"]["parameters"]


def members(value: Any) -> Iterator[str]:
    """The names in a body outside the schemas of the client."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            if name not in {"parametersJsonSchema", "responseJsonSchema"}:
                yield from members(each)
    elif isinstance(value, list):
        for each in value:
            yield from members(each)


# --- what is not strict is not rewritten ---


@each_way
@pytest.mark.parametrize("schema", [CITY, NODE, RICH, {"type": "object", "oneOf": [CITY, NODE]}, {"type": "object"}])
async def test_trap_20_parameters_that_are_not_strict_stay_as_they_are(way: Way, schema: Json) -> None:
    trip = await go(way, asked(way, tools=[function("tree", schema)]))
    assert parameters_of(way, trip.up) == schema
    assert trip.dropped == ""


@each_way
@pytest.mark.parametrize("schema", [None, {}])
async def test_trap_20_no_parameters_are_the_empty_object(way: Way, schema: Json | None) -> None:
    """Gemini's function without parameters has none; any schema that stands there must be an object's."""
    trip = await go(way, asked(way, tools=[function("ping", schema)]))
    given = parameters_of(way, trip.up)
    if way.dialect == "gemini":
        assert given is None
    elif way.dialect == "openai_chat" and schema == {}:
        assert given in ({}, EMPTY), "OpenAI's own form: it takes both"
    else:
        assert given == EMPTY


@pytest.mark.parametrize("way", [RESPONSES, GROK, *CLAUDES], ids=str)
async def test_trap_20_properties_alone_are_an_object(way: Way) -> None:
    properties = {"properties": {"city": {"type": "string"}}}
    trip = await go(way, asked(way, tools=[function("weather", properties)]))
    assert parameters_of(way, trip.up) == {"type": "object", **properties}


# --- Gemini: real JSON Schema, and never both forms ---


@pytest.mark.parametrize("row", models("gemini"), ids=lambda row: row.id)
async def test_trap_20_gemini_is_given_json_schema_and_never_both_forms(row: Any) -> None:
    way = Way("gemini", row.id, "gemini")
    trip = await go(way, asked(way, tools=[function("tree", RICH)]))
    assert parameters_of(way, trip.up) == RICH
    assert not OPENAPI_ONLY & set(members(trip.up))
    trip = await go(way, asked(way, tools=(), response_format=schema_form(RICH)))
    config = trip.up["generationConfig"]
    assert config["responseJsonSchema"] == RICH
    assert config["responseMimeType"] == "application/json"
    assert not OPENAPI_ONLY & set(members(trip.up))


async def test_trap_20_gemini_gives_a_schema_beside_tools_from_3_on() -> None:
    body = asked(GEMINI, response_format=schema_form(CITY))
    config = (await go(GEMINI, body)).up["generationConfig"]
    assert config["responseJsonSchema"] == CITY
    error = (await go(OLD_GEMINI, {**body, "model": OLD_GEMINI.model})).refused()
    assert error["param"] == "response_format"


# --- Anthropic: closed objects, and what is not enforced is described ---


@pytest.mark.parametrize("row", models("anthropic"), ids=lambda row: row.id)
@pytest.mark.parametrize("strict", [None, False, True])
async def test_trap_20_claude_is_given_a_format_within_its_subset(row: Any, strict: bool | None) -> None:
    way = Way("anthropic", row.id, "anthropic")
    more = {} if strict is None else {"strict": strict}
    trip = await go(way, asked(way, tools=(), response_format=schema_form(RICH, **more)))
    form = trip.up["output_config"]["format"]
    assert form["type"] == "json_schema"
    within_anthropic(form["schema"])
    assert "output_format" not in trip.up
    assert trip.dropped == "/response_format (approximated)"


@pytest.mark.parametrize("way", CLAUDES, ids=str)
async def test_trap_20_what_claude_does_not_enforce_stands_in_the_description(way: Way) -> None:
    trip = await go(way, asked(way, tools=[function("tree", RICH, strict=True)]))
    (tool,) = trip.up["tools"]
    assert tool["strict"] is True
    schema = tool["input_schema"]
    within_anthropic(schema)
    for properties in (schema["properties"], schema["$defs"]["Node"]["properties"]):
        assert properties["name"] == {
            "type": "string",
            "description": '(pattern: "^[a-z]+$", minLength: 1, maxLength: 9)',
        }
        assert properties["size"]["anyOf"] == [
            {"type": "integer", "description": "(minimum: 1, exclusiveMaximum: 10, multipleOf: 2)"},
            {"type": "null"},
        ]
        assert properties["choice"] == {"anyOf": [{"type": "string"}, {"type": "integer"}]}
        assert properties["pair"]["items"] == {"type": "string"}
        assert "maxItems: 2" in properties["pair"]["description"]
        assert properties["children"] == {"type": "array", "items": {"$ref": "#/$defs/Node"}}
    assert "/tools/*/function/parameters (approximated)" in trip.dropped


@pytest.mark.parametrize("way", CLAUDES, ids=str)
async def test_trap_20_an_optional_property_stays_optional(way: Way) -> None:
    trip = await go(way, asked(way, tools=(), response_format=schema_form(RICH)))
    assert trip.up["output_config"]["format"]["schema"]["required"] == ["name"]


OPEN: list[Json] = [
    {"type": "object"},
    {"type": "object", "additionalProperties": {"type": "string"}},
    {"type": "object", "properties": {"any": {}}},
    {"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]},
    {"allOf": [CITY, NODE]},
    {"type": "object", "properties": {"b": {"type": "string"}}, "allOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": CITY}},
]
"""Schemas that leave a value open, or that closing every object would make impossible to meet."""


@pytest.mark.parametrize("way", CLAUDES, ids=str)
@pytest.mark.parametrize("schema", OPEN)
async def test_trap_20_a_strict_answer_that_claude_cannot_enforce_is_refused(way: Way, schema: Json) -> None:
    error = (await go(way, asked(way, tools=(), response_format=schema_form(schema, strict=True)))).refused()
    assert error["param"] == "response_format"


@pytest.mark.parametrize("way", CLAUDES, ids=str)
@pytest.mark.parametrize("schema", OPEN)
async def test_trap_20_one_that_was_not_to_be_enforced_is_asked_for_in_words(way: Way, schema: Json) -> None:
    trip = await go(way, asked(way, tools=(), response_format=schema_form(schema)))
    assert "output_config" not in trip.up
    assert json.dumps(schema, separators=(",", ":")) in trip.up["system"][-1]["text"]
    assert "/response_format (emulated)" in trip.dropped


@pytest.mark.parametrize("way", CLAUDES, ids=str)
@pytest.mark.parametrize("schema", [schema for schema in OPEN if "type" in schema])
async def test_trap_20_strict_arguments_that_claude_cannot_enforce_are_not_strict(way: Way, schema: Json) -> None:
    trip = await go(way, asked(way, tools=[function("tree", schema, strict=True)]))
    assert trip.up["tools"] == [{"name": "tree", "input_schema": schema}]
    assert trip.dropped == "/tools/*/function/strict"


@pytest.mark.parametrize("way", CLAUDES, ids=str)
async def test_trap_20_a_union_of_objects_can_still_be_met(way: Way) -> None:
    """The union itself must not be closed against its members."""
    schema = {"type": "object", "anyOf": [CITY, {"type": "object", "properties": {"n": {"type": "integer"}}}]}
    trip = await go(way, asked(way, tools=(), response_format=schema_form(schema, strict=True)))
    sent = trip.up["output_config"]["format"]["schema"]
    assert sent.keys() == {"anyOf"}
    assert [member["additionalProperties"] for member in sent["anyOf"]] == [False, False]


@pytest.mark.parametrize("way", CLAUDES, ids=str)
async def test_trap_20_each_type_of_several_keeps_its_own_words(way: Way) -> None:
    both = {"type": ["array", "string"], "items": {"type": "integer"}, "maxLength": 3, "minItems": 1}
    schema = {"type": "object", "properties": {"x": both}}
    trip = await go(way, asked(way, tools=(), response_format=schema_form(schema)))
    assert trip.up["output_config"]["format"]["schema"]["properties"]["x"]["anyOf"] == [
        {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        {"type": "string", "description": "(maxLength: 3)"},
    ]


# --- OpenAI: its own rules are the client's ---


@pytest.mark.parametrize("way", [RESPONSES, GROK], ids=str)
@pytest.mark.parametrize("strict", [None, False, True])
async def test_trap_20_a_format_is_flat_in_responses(way: Way, strict: bool | None) -> None:
    more = {} if strict is None else {"strict": strict}
    trip = await go(way, asked(way, tools=(), response_format=schema_form(RICH, description="A tree.", **more)))
    form = trip.up["text"]["format"]
    assert form.pop("strict", False) is bool(strict)
    assert form == {"type": "json_schema", "name": "answer", "schema": RICH, "description": "A tree."}


@pytest.mark.parametrize("way", [RESPONSES, GROK], ids=str)
async def test_trap_20_a_strict_schema_is_the_clients_own_affair(way: Way) -> None:
    """Its rules (all required, closed, null for what is optional) are OpenAI's: the client knows them, and their 400, from there."""
    trip = await go(way, asked(way, tools=[function("tree", CITY, strict=True)]))
    assert (parameters_of(way, trip.up), trip.up["tools"][0]["strict"]) == (CITY, True)
    assert trip.dropped == ""


# --- what is no schema of arguments at all ---


@each_way
@pytest.mark.parametrize("kind", ["string", "array", None, ["object", "null"]])
async def test_trap_20_arguments_are_an_object_everywhere(way: Way, kind: Any) -> None:
    error = (await go(way, asked(way, tools=[function("weather"), function("x", {"type": kind})]))).refused()
    assert error["param"] == "tools[1].function.parameters"


# --- large ones ---


@each_way
async def test_trap_20_a_large_schema_costs_what_it_weighs(way: Way) -> None:
    schema = {
        "type": "object",
        "properties": {
            f"p{at}": {"type": ["string", "null"], "maxLength": at, "enum": ["ä" * 20, None]} for at in range(3000)
        },
        "additionalProperties": False,
    }
    body = asked(way, tools=[function("big", schema, strict=True)])
    trip = await go(way, body)
    assert len(trip.up["tools"]) == 1
    assert len(json.dumps(trip.up)) < 2 * len(json.dumps(body))


@pytest.mark.parametrize("way", CLAUDES, ids=str)
async def test_trap_20_types_side_by_side_do_not_multiply_what_is_nested(way: Way) -> None:
    schema: Json = {"type": "string", "description": "x" * 1000}
    for _ in range(60):
        schema = {"type": ["object", "array", "string"], "properties": {"deeper": schema}}
    schema = {"type": "object", "properties": {"top": schema}}
    body = asked(way, tools=[function("deep", schema, strict=True)])
    trip = await go(way, body)
    assert len(json.dumps(trip.up)) < 3 * len(json.dumps(body))


@each_way
async def test_trap_20_a_schema_nested_too_deeply_is_no_defect_of_ours(way: Way) -> None:
    schema: Json = {"type": "string"}
    for _ in range(150):
        schema = {"type": "object", "properties": {"x": schema}}
    trip = await go(way, {**asked(way, tools=[function("deep", schema, strict=True)])}, [Made("deep", "{}")])
    assert trip.reply.status_code == 200
    trip = await go(way, {**asked(way, tools=(), messages=HELLO), "response_format": schema_form(schema)})
    assert trip.reply.status_code == 200
