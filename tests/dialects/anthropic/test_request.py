import copy
import hashlib
from typing import Any

import pytest

from dialects.anthropic.bodies import MIDDLE, MODEL, NEW, OLD, call, lost, reasons, request, result, said, write
from polyglot_cloud.dialects.anthropic.request import DEFAULT_MAX_TOKENS, JSON_INSTRUCTION
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Format, Image, Inline, Message, Request, Text, Tool, ToolChoice
from polyglot_cloud.rows import Quirks

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def test_plain_request_whole() -> None:
    wanted = Request(
        "alias",
        [said("user", "Hello"), said("assistant", "Hi"), said("user", "Bye")],
        system=[said("system", "Be kind.")],
        max_tokens=100,
        stream=True,
    )
    written = write(wanted)
    assert written.body == {
        "model": MODEL,
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be kind."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
            {"role": "user", "content": [{"type": "text", "text": "Bye"}]},
        ],
        "stream": True,
    }
    assert written.headers == {"anthropic-version": "2026-10-21"}
    assert written.losses == []


def test_request_is_not_changed_by_writing() -> None:
    pixel = Image(Inline("image/jpeg", "iVBORw0KGgoAAAANSUhEUg=="))
    wanted = Request(
        "alias",
        [
            said("user", "Hello", pixel),
            said("assistant", call("a b")),
            said("user", "", result("a b")),
            said("user", "x"),
        ],
        system=[said("developer", "Be kind.")],
        tools=[Tool("weather", parameters=dict(CITY), strict=True)],
        tool_choice=ToolChoice("required", ["weather"], parallel=False),
        format=Format("schema", "city", dict(CITY)),
        stop=[" ", "END"],
    )
    before = copy.deepcopy(wanted)
    first, second = write(wanted), write(wanted)
    assert wanted == before
    assert first == second


@pytest.mark.parametrize("role", ["system", "developer"])
def test_trap_07_leading_instructions_become_system_blocks(role: Any) -> None:
    wanted = request(system=[said(role, "One.", "  ", "Two."), said(role, "Three.")])
    assert [block["text"] for block in write(wanted).body["system"]] == ["One.", "Two.", "Three."]


def test_blank_system_is_left_out() -> None:
    assert "system" not in write(request(system=[said("system", " \n")])).body


def test_image_in_a_system_message_is_refused() -> None:
    wanted = request(system=[Message("system", [Image(Inline("image/png", ""))])])
    with pytest.raises(Unsupported) as caught:
        write(wanted)
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    ("asked", "most", "sent", "losses"),
    [
        (None, 64_000, 64_000, []),
        (None, None, DEFAULT_MAX_TOKENS, []),
        (5, 64_000, 5, []),
        (64_000, 64_000, 64_000, []),
        (64_001, 64_000, 64_000, [("/max_tokens", "approximated")]),
        (900_000, None, 900_000, []),
        (0, 64_000, 0, []),
    ],
)
def test_trap_25_max_tokens_is_always_sent(
    asked: int | None, most: int | None, sent: int, losses: list[tuple[str, str]]
) -> None:
    written = write(request(max_tokens=asked), max_output=most)
    assert written.body["max_tokens"] == sent
    assert lost(written) == losses


@pytest.mark.parametrize(("fields", "param"), [({"n": 2}, "n"), ({"logprobs": 0}, "logprobs")])
def test_traps_30_31_what_anthropic_cannot_do_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Unsupported) as caught:
        write(request(**fields))
    assert caught.value.param == param
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("stop", "sent", "losses"),
    [
        ([], None, []),
        (["END", "\n\nHuman:"], ["END", "\n\nHuman:"], []),
        (["END", "\n"], ["END"], [("/stop", "emulated")]),
        (["\n", " "], None, [("/stop", "emulated")]),
    ],
)
def test_trap_32_blank_stop_sequences_are_left_to_the_gateway(
    stop: list[str], sent: list[str] | None, losses: list[tuple[str, str]]
) -> None:
    written = write(request(stop=stop))
    assert written.body.get("stop_sequences") == sent
    assert [*(sent or ()), *written.stop] == stop
    assert lost(written) == losses


def test_trap_34_json_mode_is_a_sentence_at_the_end_of_the_system_prompt() -> None:
    written = write(request(system=[said("system", "Be kind.")], format=Format("json")))
    assert [block["text"] for block in written.body["system"]] == ["Be kind.", JSON_INSTRUCTION]
    assert lost(written) == [("/response_format", "emulated")]


def test_text_format_is_the_default() -> None:
    written = write(request(format=Format("text")))
    assert written.body.keys() == {"model", "max_tokens", "messages"}


def test_trap_20_schema_is_fitted_into_the_subset() -> None:
    wanted = {
        "type": "object",
        "properties": {"age": {"type": "integer", "minimum": 0}, "name": {"type": "string", "pattern": "^A"}},
        "required": ["age"],
    }
    written = write(request(format=Format("schema", "person", wanted, description="A person.")))
    assert written.body["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {
                "required": ["age"],
                "type": "object",
                "properties": {
                    "age": {"type": "integer", "description": "(minimum: 0)"},
                    "name": {"type": "string", "description": '(pattern: "^A")'},
                },
                "additionalProperties": False,
                "description": "A person.",
            },
        }
    }
    assert lost(written) == [("/response_format", "approximated")]
    assert "minimum, pattern" in reasons(written.losses)


def test_schema_that_fits_is_no_loss() -> None:
    wanted = {**CITY, "additionalProperties": False, "description": "Own words."}
    written = write(request(format=Format("schema", "city", wanted, description="Other words.")))
    assert written.body["output_config"]["format"]["schema"] == wanted
    assert written.losses == []


def test_what_stands_beside_a_reference_is_lost_aloud() -> None:
    wanted = {"$defs": {"City": {**CITY, "additionalProperties": False}}, "$ref": "#/$defs/City"}
    written = write(request(format=Format("schema", "city", wanted, description="A city.")))
    assert written.body["output_config"]["format"]["schema"] == wanted
    assert lost(written) == [("/response_format", "approximated")]
    assert "description" in reasons(written.losses)
    assert write(request(format=Format("schema", "city", wanted))).losses == []


@pytest.mark.parametrize(
    ("schema", "error"),
    [(None, BadRequest), ({"type": "object"}, Unsupported), ({"properties": {"a": {}}}, Unsupported)],
)
def test_schema_that_cannot_be_enforced_is_refused(schema: dict[str, Any] | None, error: type[BadRequest]) -> None:
    with pytest.raises(error) as caught:
        write(request(format=Format("schema", "open", schema, strict=True)))
    assert type(caught.value) is error
    assert caught.value.param == "response_format"


@pytest.mark.parametrize(
    ("field", "pointer"), [("stop_sequences", "/stop"), ("metadata", "/user"), ("service_tier", "/service_tier")]
)
def test_fields_that_a_host_refuses_are_taken_out(field: str, pointer: str) -> None:
    wanted = request(stop=["END"], hints={"user": "u", "service_tier": "auto"})
    written = write(wanted, Quirks(refused=frozenset({field, "container"})))
    assert field not in written.body
    assert lost(written) == [(pointer, "dropped")]


def test_effort_and_schema_share_the_output_config() -> None:
    wanted = request(format=Format("schema", "city", CITY))
    wanted.reasoning.effort = "high"
    config = write(wanted).body["output_config"]
    assert config["effort"] == "high"
    assert config["format"]["type"] == "json_schema"


@pytest.mark.parametrize("quirks", [NEW, MIDDLE, OLD, Quirks()])
def test_trap_47_only_fields_that_anthropic_has_are_sent(quirks: Quirks) -> None:
    wanted = request(
        Text("Hello"),
        tools=[Tool("weather", "Tells the weather.", CITY, strict=False)],
        tool_choice=ToolChoice("auto", parallel=True),
        stop=["END"],
        hints={"seed": 1, "user": "ann@example.org", "store": True, "verbosity": "low", "prompt_cache_key": "k"},
    )
    wanted.reasoning.effort, wanted.sampling.temperature, wanted.sampling.frequency_penalty = "low", 0.5, 1.0
    written = write(wanted, quirks)
    assert {loss.pointer for loss in written.losses} >= {"/seed", "/store", "/verbosity", "/prompt_cache_key"}
    digest = hashlib.sha256(b"ann@example.org").hexdigest()
    assert written.body["metadata"]["user_id"] == digest[:32]
    assert "ann@example.org" not in str(written)
