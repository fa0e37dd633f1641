"""The closed schemas themselves: a right body passes, and a nonsense role, part, word or member is refused and named."""

from typing import Any

import pytest

from dialects import cases
from dialects.cases import Case
from vendor_schemas import Body, checker_for

ASKED: dict[tuple[str, str], Body] = {
    ("openai", "openai_chat"): {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "any": {"at": "all"}}}}
        ],
    },
    ("openai", "openai_responses"): {
        "model": "m",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}],
        "tools": [{"type": "function", "name": "f", "parameters": {"any": {"at": "all"}}, "strict": False}],
    },
    ("anthropic", "anthropic"): {
        "model": "m",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "tools": [{"name": "f", "input_schema": {"type": "object", "any": {"at": "all"}}}],
    },
    ("gemini", "gemini"): {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"any": {"at": "all"}}}]}],
    },
}
ASKED[("grok", "openai_chat")] = ASKED[("openai", "openai_chat")]
ASKED[("grok", "openai_responses")] = ASKED[("openai", "openai_responses")]


def faults(who: tuple[str, str], body: Body, version: str = "2026-10-21") -> list[str]:
    return checker_for(*who, {"anthropic-version": version}).faults(body)


@pytest.mark.parametrize("who", ASKED)
def test_a_right_body_has_no_faults(who: tuple[str, str]) -> None:
    assert faults(who, ASKED[who]) == []


@pytest.mark.parametrize("who", ASKED)
def test_a_member_that_the_vendor_does_not_have_is_refused(who: tuple[str, str]) -> None:
    assert "unheard_of" in faults(who, ASKED[who] | {"unheard_of": 1})[0]


@pytest.mark.parametrize("who", [who for who in ASKED if who[1] != "gemini"])  # a role is any string in Gemini's types
def test_a_nonsense_role_is_refused_and_named(who: tuple[str, str]) -> None:
    turns = "input" if who[1] == "openai_responses" else "messages"
    found = faults(who, ASKED[who] | {turns: [{"role": "wizard", "content": "Hello"}]})
    assert len(found) == 1
    assert "'wizard'" in found[0]
    assert "user" in found[0]


@pytest.mark.parametrize("who", ASKED)
def test_a_nonsense_part_is_refused(who: tuple[str, str]) -> None:
    turns = {"openai_responses": "input", "gemini": "contents"}.get(who[1], "messages")
    parts = "parts" if who[1] == "gemini" else "content"
    found = faults(who, ASKED[who] | {turns: [{"role": "user", parts: [{"type": "smell", "smell": "of rain"}]}]})
    assert found
    assert "smell" in found[0]


@pytest.mark.parametrize(
    ("who", "wrong"),
    [
        (("openai", "openai_chat"), {"reasoning_effort": "huge"}),
        (("openai", "openai_chat"), {"stream_options": {"include_everything": True}}),
        (("openai", "openai_chat"), {"messages": [{"role": "tool", "content": "x"}]}),
        (("openai", "openai_chat"), {"messages": [{"role": "assistant", "tool_calls": [{"type": "function", "id": "a"}]}]}),
        (("openai", "openai_chat"), {"logit_bias": {"1": "x"}}),
        (("openai", "openai_responses"), {"stop": ["x"]}),
        (("openai", "openai_responses"), {"seed": 1}),
        (("openai", "openai_responses"), {"tools": [{"type": "function", "name": "f", "parameters": {}}]}),
        (("openai", "openai_responses"), {"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}),
        (("openai", "openai_responses"), {"text": {"format": {"type": "yaml"}}}),
        (("anthropic", "anthropic"), {"temperature": 1}),
        (("anthropic", "anthropic"), {"max_tokens": None}),
        (("anthropic", "anthropic"), {"tools": [{"name": "f", "input_schema": {"type": "string"}}]}),
        (("anthropic", "anthropic"), {"output_config": {"effort": "huge"}}),
        (("anthropic", "anthropic"), {"thinking": {"type": "enabled"}}),
        (("gemini", "gemini"), {"generation_config": {}}),
        (("gemini", "gemini"), {"generationConfig": {"max_output_tokens": 1}}),
        (("gemini", "gemini"), {"generationConfig": {"thinkingConfig": {"thinkingLevel": "VAST"}}}),
        (("gemini", "gemini"), {"generationConfig": {"seed": None}}),
        (("gemini", "gemini"), {"serviceTier": "fast"}),
        (("gemini", "gemini"), {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "a/b", "data": "!"}}]}]}),
        # taken by Vertex alone
        (("gemini", "gemini"), {"toolConfig": {"functionCallingConfig": {"streamFunctionCallArguments": True}}}),
        (("gemini", "gemini"), {"tools": [{"enterpriseWebSearch": {}}]}),
        (("grok", "openai_chat"), {"messages": [{"role": "developer", "content": "x"}]}),
        (("grok", "openai_chat"), {"stop": "x"}),
        (("grok", "openai_chat"), {"metadata": {}}),
        (("grok", "openai_chat"), {"web_search_options": {}}),
        (("grok", "openai_chat"), {"top_p": 0}),
        (("grok", "openai_chat"), {"tools": [{"type": "function", "function": {"name": "f"}}]}),
        (("grok", "openai_responses"), {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}),
        (("grok", "openai_responses"), {"input": []}),
        (("grok", "openai_responses"), {"tools": [{"type": "custom", "name": "f"}]}),
    ],
)  # fmt: skip
def test_what_a_vendor_does_not_take_is_found(who: tuple[str, str], wrong: Body) -> None:
    assert faults(who, ASKED[who] | wrong)


def test_anthropic_takes_sampling_under_its_older_version_only() -> None:
    who = ("anthropic", "anthropic")
    assert faults(who, ASKED[who] | {"temperature": 0.5}, "2023-06-01") == []
    assert faults(who, ASKED[who] | {"temperature": 1.5}, "2023-06-01")
    with pytest.raises(AssertionError, match="1999"):
        faults(who, {}, "1999-01-01")


def test_an_unknown_dialect_has_no_schema() -> None:
    with pytest.raises(ValueError, match="no schema for ollama"):
        checker_for("openai", "ollama", {})


FIXTURES = [case for case in cases.cases("request.json") if "count_tokens" not in case.name]


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.dialect}-{case.name}") for case in FIXTURES])
def test_requests_of_clients_pass(case: Case) -> None:
    """A schema that refused what clients really send would prove nothing by refusing."""
    provider = "grok" if "grok" in case.name else "openai" if case.dialect.startswith("openai") else case.dialect
    request: Any = case.json("request")
    assert faults((provider, case.dialect), request, "2023-06-01") == []
