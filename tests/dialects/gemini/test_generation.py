from typing import Any

import pytest

from dialects.gemini.support import body, destination, pointers, request, write
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Format, Reasoning, Sampling, Tool

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def config(to: Any = None, **fields: Any) -> dict[str, Any]:
    found = body(request(**fields), to).get("generationConfig", {})
    assert isinstance(found, dict)
    return found


def test_nothing_asked_is_nothing_sent() -> None:
    assert "generationConfig" not in body(request())


def test_all_that_has_its_own_name() -> None:
    sampling = Sampling(temperature=0.0, top_p=0.9, top_k=40, presence_penalty=0.1, frequency_penalty=-0.2)
    assert config(max_tokens=100, sampling=sampling, stop=["END"], hints={"seed": 7}, logprobs=3) == {
        "maxOutputTokens": 100,
        "temperature": 0.0,
        "topP": 0.9,
        "topK": 40,
        "presencePenalty": 0.1,
        "frequencyPenalty": -0.2,
        "stopSequences": ["END"],
        "seed": 7,
        "responseLogprobs": True,
        "logprobs": 3,
    }


def test_trap_31_logprobs_without_alternatives() -> None:
    assert config(logprobs=0) == {"responseLogprobs": True}


@pytest.mark.parametrize(
    ("rule", "effort", "sent"),
    [
        ("any", None, {"temperature", "topP", "topK"}),
        ("one", None, {"temperature", "topK"}),
        ("effort_none", None, set()),
        ("effort_none", "none", {"temperature", "topP", "topK"}),
        ("none", None, set()),
        ("ignored", None, set()),
    ],
)
def test_trap_26_sampling_that_the_model_does_not_heed(rule: Any, effort: str | None, sent: set[str]) -> None:
    asked = request(sampling=Sampling(0.5, 0.9, 40), reasoning=Reasoning(effort))
    written = write(asked, destination(sampling=rule, thinking=()))
    assert set(written.body.get("generationConfig", {})) == sent
    assert len(written.losses) == 3 - len(sent)
    assert set(pointers(written)) <= {"/temperature", "/top_p", "/top_k"}


@pytest.mark.parametrize("sampling", [Sampling(temperature=0.5), Sampling(top_p=0.5)])
def test_one_of_the_two_is_no_conflict(sampling: Sampling) -> None:
    assert len(config(destination(sampling="one"), sampling=sampling)) == 1


def test_trap_33_penalties_that_the_model_does_not_take() -> None:
    written = write(request(sampling=Sampling(presence_penalty=1.0)), destination(penalties=False))
    assert "generationConfig" not in written.body
    assert pointers(written) == ["/presence_penalty"]


@pytest.mark.parametrize(
    ("seed", "sent", "lost"), [(-1, -1, []), (2**31 - 1, 2**31 - 1, []), (2**31 + 5, 5, ["/seed"])]
)
def test_trap_33_a_seed_has_32_bits(seed: int, sent: int, lost: list[str]) -> None:
    written = write(request(hints={"seed": seed}))
    assert written.body["generationConfig"] == {"seed": sent}
    assert pointers(written) == lost


@pytest.mark.parametrize(
    ("asked", "most", "strict", "sent", "lost"),
    [
        (100, 50, True, 50, 1),
        (100, 50, False, 100, 0),
        (100, 100, True, 100, 0),
        (100, None, True, 100, 0),
        (None, 50, True, None, 0),
    ],
)
def test_trap_25_the_maximum_is_clamped_where_more_is_refused(
    asked: int | None, most: int | None, strict: bool, sent: int | None, lost: int
) -> None:
    written = write(request(max_tokens=asked), destination(max_output=most, strict_max_output=strict))
    assert written.body.get("generationConfig", {}).get("maxOutputTokens") == sent
    assert pointers(written) == ["/max_tokens"] * lost


def test_trap_32_stops() -> None:
    assert config(stop=list("abcde")) == {"stopSequences": list("abcde")}
    with pytest.raises(Unsupported, match="at most 5") as raised:
        write(request(stop=list("abcdef")))
    assert raised.value.param == "stop"


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        (None, {}),
        (Format("text"), {}),
        (Format("json"), {"responseMimeType": "application/json"}),
        (
            Format("schema", "out", SCHEMA, strict=True),
            {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        ),
        (Format("schema", "out"), {"responseMimeType": "application/json"}),
    ],
)
def test_trap_34_formats(wanted: Format | None, sent: dict[str, Any]) -> None:
    assert config(format=wanted) == sent


def test_a_schemas_description_is_dropped_aloud() -> None:
    assert pointers(write(request(format=Format("schema", "out", SCHEMA, description="An answer")))) == [
        "/response_format/json_schema/description"
    ]


def test_trap_34_json_mode_with_tools_where_the_model_cannot_is_asked_for_in_words() -> None:
    written = write(request(format=Format("json"), tools=[Tool("f")]), destination(schema_with_tools=False))
    assert pointers(written) == ["/response_format"]
    assert "generationConfig" not in written.body
    assert "JSON object" in written.body["systemInstruction"]["parts"][-1]["text"]
    assert written.afterwards == {"json_object"}


def test_trap_34_a_schema_with_tools_where_the_model_cannot_is_refused() -> None:
    wanted = Format("schema", "out", SCHEMA)
    asked = request(format=wanted, tools=[Tool("f")])
    assert write(request(format=wanted), destination(schema_with_tools=False)).losses == []
    assert write(asked).body["generationConfig"]["responseMimeType"] == "application/json"
    with pytest.raises(Unsupported, match="with tools") as raised:
        write(asked, destination(schema_with_tools=False))
    assert raised.value.param == "response_format"
    assert write(request(format=Format("text"), tools=[Tool("f")]), destination(schema_with_tools=False)).losses == []
