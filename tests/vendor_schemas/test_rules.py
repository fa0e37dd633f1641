"""The rules can fire: each is broken once by a body of the right shape."""

import base64
import json
from typing import Any

import pytest

from dialects.outbound import subjects
from vendor_schemas import Body, Subject, faults
from vendor_schemas.subject import opened_seals, seal

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode()


def subject(model: str, dialect: str) -> Subject:
    return next(each for each in subjects() if each.wire_model == model and each.dialect == dialect)


def found(model: str, dialect: str, body: Body, version: str = "2026-10-21") -> str:
    return "; ".join(faults(subject(model, dialect), body, {"anthropic-version": version}))


# --- Anthropic ---

USER = {"role": "user", "content": [{"type": "text", "text": "Hello"}]}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


def used(id_: str = "a", name: str = "f") -> Body:
    return {"type": "tool_use", "id": id_, "name": name, "input": {}}


def answered(id_: str = "a", text: str = "x") -> Body:
    return {"type": "tool_result", "tool_use_id": id_, "content": [{"type": "text", "text": text}]}


def claude(*turns: Body, **more: Any) -> Body:
    return {"model": "m", "max_tokens": 2000, "messages": list(turns or [USER]), **more}


def assistant(*blocks: Body) -> Body:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: Body) -> Body:
    return {"role": "user", "content": list(blocks)}


LOOP = (USER, assistant(used()), user(answered()))
TEXT = {"type": "text", "text": "Hi"}
MARKED = {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}
LONG = {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}

BROKEN_CLAUDE: list[tuple[str, str, Body]] = [
    ("claude-opus-5-5", "neighbours of one role", claude(USER, USER)),
    ("claude-opus-5-5", "does not continue", claude(USER, assistant(TEXT))),
    ("claude-haiku-4-5-20251001", "ends in white space", claude(USER, assistant({"type": "text", "text": "Hi "}))),
    ("claude-haiku-4-5-20251001", "nobody answers", claude(USER, assistant(used()), tools=[TOOL])),
    ("claude-opus-5-5", "white space only", claude(user({"type": "text", "text": " "}))),
    ("claude-opus-5-5", "it is empty", claude(user())),
    ("claude-opus-5-5", "tools are absent", claude(*LOOP)),
    ("claude-opus-5-5", "do not answer", claude(USER, assistant(used()), USER, tools=[TOOL])),
    ("claude-opus-5-5", "do not answer", claude(USER, assistant(used()), user(answered("b")), tools=[TOOL])),
    ("claude-opus-5-5", "do not come first", claude(USER, assistant(used()), user(TEXT, answered()), tools=[TOOL])),
    ("claude-opus-5-5", "id 'a b'", claude(USER, assistant(used("a b")), user(answered("a b")), tools=[TOOL])),
    ("claude-opus-5-5", "not unique", claude(*LOOP, assistant(used()), user(answered()), tools=[TOOL])),
    ("claude-opus-5-5", "a call of 'a.b'", claude(USER, assistant(used(name="a.b")), user(answered()), tools=[TOOL])),
    ("claude-opus-5-5", "image block there", claude(USER, assistant({"type": "image", "source": {"type": "url", "url": "x"}}), USER)),
    ("claude-opus-5-5", "a tool_use block there", claude(user(used()))),
    ("claude-opus-5-5", "image/gif is named", claude(
        user({"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": PNG}}))),
    ("claude-opus-5-5", "empty document", claude(
        user({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": ""}}))),
    ("claude-opus-5-5", "thinking does not come first", claude(
        USER, assistant(TEXT, {"type": "thinking", "thinking": "", "signature": "x"}), USER)),
    ("claude-opus-4-7", "a system message", claude(USER, {"role": "system", "content": "x"})),
    ("claude-opus-5-5", "outside 1..", claude(max_tokens=10**9)),
    ("claude-opus-5-5", "forced", claude(tools=[TOOL], tool_choice={"type": "any"})),
    ("claude-opus-4-6", "while thinking", claude(tools=[TOOL], tool_choice={"type": "any"}, thinking={"type": "adaptive"})),
    ("claude-opus-5-5", "which is no tool", claude(tools=[TOOL], tool_choice={"type": "tool", "name": "g"})),
    ("claude-opus-5-5", "without tools", claude(tool_choice={"type": "auto"})),
    ("claude-opus-5-5", "must be unique", claude(tools=[TOOL, TOOL])),
    ("claude-opus-5-5", "tool name", claude(tools=[TOOL | {"name": "a.b"}])),
    ("claude-opus-5-5", "thinking disabled", claude(thinking={"type": "disabled"})),
    ("claude-opus-5", "off at a high effort", claude(thinking={"type": "disabled"}, output_config={"effort": "max"})),
    ("claude-sonnet-5-5", "between_tools at", claude(thinking={"type": "between_tools"}, output_config={"effort": "max"})),
    ("claude-haiku-4-5-20251001", "effort low is none", claude(output_config={"effort": "low"})),
    ("claude-haiku-4-5-20251001", "a budget of", claude(thinking={"type": "enabled", "budget_tokens": 2000})),
    ("claude-haiku-4-5-20251001", "a prefill while", claude(
        USER, assistant(TEXT), thinking={"type": "enabled", "budget_tokens": 1024})),
    ("claude-haiku-4-5-20251001", "does not begin with its thinking", claude(
        *LOOP, tools=[TOOL], thinking={"type": "enabled", "budget_tokens": 1024})),
    ("claude-opus-5-5", "a stop sequence", claude(stop_sequences=[" "])),
    ("claude-opus-5-5", "5 cache marks", claude(user(*[MARKED] * 5))),
    ("claude-opus-5-5", "a longer ttl after", claude(user(MARKED, LONG))),
    ("claude-opus-5-5", "not closed", claude(tools=[TOOL | {"strict": True}])),
    ("claude-opus-5-5", "['pattern']", claude(output_config={"format": {"type": "json_schema", "schema": {
        "type": "string", "pattern": "x"}}})),
    ("claude-opus-5-5", "allows anything", claude(output_config={"format": {"type": "json_schema", "schema": {}}})),
    ("claude-opus-5-5", "minItems 2", claude(output_config={"format": {"type": "json_schema", "schema": {
        "type": "array", "items": {"type": "string"}, "minItems": 2}}})),
    ("claude-opus-5-5", "the format 'phone'", claude(output_config={"format": {"type": "json_schema", "schema": {
        "type": "string", "format": "phone"}}})),
    ("claude-opus-5-5", "is no object", claude(output_config={"format": {"type": "json_schema", "schema": {
        "type": "object", "additionalProperties": False, "properties": {"a": True}, "anyOf": [{"type": "string"}]}}})),
]  # fmt: skip


@pytest.mark.parametrize(("model", "words", "body"), BROKEN_CLAUDE)
def test_anthropic(model: str, words: str, body: Body) -> None:
    assert words in found(model, "anthropic", body)


def test_anthropic_sampling() -> None:
    both = claude(temperature=1, top_p=1)
    assert "are refused" in found("claude-opus-5-5", "anthropic", both, "2023-06-01")
    assert "together" in found("claude-haiku-4-5-20251001", "anthropic", both, "2023-06-01")
    thinking = claude(temperature=1, thinking={"type": "enabled", "budget_tokens": 1024})
    assert "sampling while" in found("claude-haiku-4-5-20251001", "anthropic", thinking, "2023-06-01")


def test_anthropic_right() -> None:
    body = claude(*LOOP, assistant(TEXT), {"role": "user", "content": "more"}, tools=[TOOL], system=[LONG])
    assert found("claude-opus-5-5", "anthropic", body) == ""


# --- Gemini ---

ASK = {"role": "user", "parts": [{"text": "Hello"}]}
CALLS = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "eA=="}]}
GIVES = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}
DECLARED = {"functionDeclarations": [{"name": "f"}]}


def gemini(*contents: Body, **more: Any) -> Body:
    return {"contents": list(contents or [ASK]), **more}


def config(**members: Any) -> Body:
    return gemini(generationConfig=members)


def part(role: str, **members: Any) -> Body:
    return {"role": role, "parts": [members]}


BROKEN_GEMINI: list[tuple[str, str, Body]] = [
    ("gemini-3.5-flash", "neither user nor model", gemini({"role": "system", "parts": [{"text": "x"}]})),
    ("gemini-3.5-flash", "do not alternate", gemini(ASK, ASK)),
    ("gemini-3.5-flash", "the first content", gemini(part("model", text="x"), ASK)),
    ("gemini-3.5-flash", "does not continue", gemini(ASK, part("model", text="x"))),
    ("gemini-3.5-flash", "has no parts", gemini({"role": "user", "parts": []})),
    ("gemini-3.5-flash", "holds nothing", gemini({"role": "user", "parts": [{}]})),
    ("gemini-3.5-flash", "a blank text", gemini(part("user", text=" "))),
    ("gemini-3.5-flash", "a user's part", gemini(part("user", text="x", thought=True))),
    ("gemini-3.5-flash", "the model answers", gemini(ASK, part("model", functionResponse={"name": "f", "response": {}}), ASK)),
    ("gemini-3.5-flash", "is named", gemini(part("user", inlineData={"mimeType": "image/gif", "data": PNG}))),
    ("gemini-3.5-flash", "without bytes", gemini(part("user", inlineData={"mimeType": "image/gif", "data": ""}))),
    ("gemini-3.5-flash", "no URI", gemini(part("user", fileData={"fileUri": "file-1"}))),
    ("gemini-3.5-flash", "do not match", gemini(ASK, CALLS, ASK)),
    ("gemini-3.5-flash", "other ids", gemini(ASK, CALLS, part("user", functionResponse={"name": "f", "id": "x", "response": {}}))),
    ("gemini-3.5-flash", "is no object", gemini(ASK, CALLS, part("user", functionResponse={"name": "f"}))),
    ("gemini-3.5-flash", "do not come first", gemini(ASK, CALLS, {"role": "user", "parts": [{"text": "x"}, *GIVES["parts"]]})),
    ("gemini-3.5-flash", "nobody answers", gemini(ASK, CALLS)),
    ("gemini-3.5-flash", "thought_signature", gemini(ASK, part("model", functionCall={"name": "f", "args": {}}), GIVES)),
    ("gemini-3.5-flash", "a call of '1'", gemini(ASK, part("model", functionCall={"name": "1"}))),
    ("gemini-3.5-flash", "empty system", gemini(systemInstruction={"parts": []})),
    ("gemini-3.5-flash", "declare nothing", gemini(tools=[])),
    ("gemini-3.5-flash", "duplicate", gemini(tools=[DECLARED, DECLARED])),
    ("gemini-3.5-flash", "function name", gemini(tools=[{"functionDeclarations": [{"name": "1"}]}])),
    ("gemini-3.5-flash", "together", gemini(tools=[{"functionDeclarations": [
        {"name": "f", "parameters": {}, "parametersJsonSchema": {}}]}])),
    ("gemini-3.5-flash", "without mode ANY", gemini(tools=[DECLARED], toolConfig={"functionCallingConfig": {
        "mode": "AUTO", "allowedFunctionNames": ["f"]}})),
    ("gemini-3.5-flash", "not declared", gemini(tools=[DECLARED], toolConfig={"functionCallingConfig": {
        "mode": "ANY", "allowedFunctionNames": ["g"]}})),
    ("gemini-3.5-flash", "without functions", gemini(toolConfig={"functionCallingConfig": {"mode": "AUTO"}})),
    ("gemini-3.5-flash", "maxOutputTokens", config(maxOutputTokens=10**6)),
    ("gemini-3.8-flash", "no effect", config(temperature=1)),
    ("gemini-3.5-flash", "temperature 3", config(temperature=3)),
    ("gemini-3.5-flash", "stop sequences", config(stopSequences=list("abcdef"))),
    ("gemini-3.5-flash", "32 bits", config(seed=2**31)),
    ("gemini-3.5-flash", "several candidates", config(candidateCount=2)),
    ("gemini-3.5-flash", "logprobs 0", config(logprobs=0)),
    ("gemini-3.5-flash", "no log probabilities", config(responseLogprobs=True)),
    ("gemini-3.5-flash", "two response schemas", config(responseSchema={}, responseJsonSchema={})),
    ("gemini-3.5-flash", "without its media type", config(responseJsonSchema={})),
    ("gemini-2.5-flash", "is unsupported", gemini(tools=[DECLARED], generationConfig={"responseMimeType": "application/json"})),
    ("gemini-3.5-flash", "a thinking level and a budget", config(
        thinkingConfig={"thinkingLevel": "LOW", "thinkingBudget": 1})),
    ("gemini-3.8-flash", "level MINIMAL", config(thinkingConfig={"thinkingLevel": "MINIMAL"})),
    ("gemini-2.5-pro", "budget 0", config(thinkingConfig={"thinkingBudget": 0})),
]  # fmt: skip


@pytest.mark.parametrize(("model", "words", "body"), BROKEN_GEMINI)
def test_gemini(model: str, words: str, body: Body) -> None:
    assert words in found(model, "gemini", body)


def test_gemini_right() -> None:
    assert found("gemini-3.5-flash", "gemini", gemini(ASK, CALLS, GIVES, tools=[DECLARED])) == ""


# --- OpenAI and xAI ---

HELLO = {"role": "user", "content": "Hello"}
F = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
FLAT = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
CALLED: Body = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
OUTPUT: Body = {"type": "function_call_output", "call_id": "a", "output": "x"}


def calling(*ids: str, name: str = "f") -> Body:
    calls = [{"id": id_, "type": "function", "function": {"name": name, "arguments": "{}"}} for id_ in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def giving(id_: str = "a") -> Body:
    return {"role": "tool", "tool_call_id": id_, "content": "x"}


def chat(*messages: Body, **more: Any) -> Body:
    return {"model": "m", "messages": list(messages or [HELLO]), **more}


def seen(url: str) -> Body:
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}


BROKEN_CHAT: list[tuple[str, str, Body]] = [
    ("gpt-4.1", "answers no call", chat(HELLO, giving())),
    ("gpt-4.1", "comes before the results", chat(HELLO, calling("a"), HELLO)),
    ("gpt-4.1", "nothing answers", chat(HELLO, calling("a"))),
    ("gpt-4.1", "two calls have one id", chat(HELLO, calling("a", "a"), giving())),
    ("gpt-4.1", "call id", chat(HELLO, calling("x" * 65), giving("x" * 65))),
    ("gpt-4.1", "a call of", chat(HELLO, calling("a", name="a.b"), giving())),
    ("gpt-4.1", "says nothing at all", chat(HELLO, {"role": "assistant", "content": None}, HELLO)),
    ("gpt-4.1", "an empty array", chat({"role": "user", "content": []})),
    ("gpt-4.1", "neither a web address", chat(seen("ftp://x"))),
    ("gpt-4.1", "is named", chat(seen(f"data:image/gif;base64,{PNG}"))),
    ("grok-4.6", "no image that", chat(seen("data:image/tiff;base64,SUkqAC4u"))),
    ("gpt-4.1", "input_audio is not for", chat(
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}}]})),
    ("gpt-4.1", "tool_choice or parallel", chat(parallel_tool_calls=True)),
    ("gpt-4.1", "tools are empty", chat(tools=[])),
    ("gpt-4.1", "tool name", chat(tools=[{"type": "function", "function": {"name": "a.b"}}])),
    ("gpt-4.1", "one name", chat(tools=[F, F])),
    ("gpt-4.1", "JSON Schema of", chat(tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}])),
    ("gpt-4.1", "what is no tool", chat(tools=[F], tool_choice={"type": "function", "function": {"name": "g"}})),
    ("gpt-4.1", "without any", chat(tools=[F], tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}})),
    ("gpt-4.1", "a schema named", chat(response_format={"type": "json_schema", "json_schema": {"name": "a b"}})),
    ("gpt-4.1", "an output maximum", chat(max_tokens=10**6)),
    ("gpt-4.1", "output maxima", chat(max_tokens=1, max_completion_tokens=1)),
    ("gpt-4.1", "stream_options without", chat(stream_options={"include_usage": True})),
    ("gpt-4.1", "top_logprobs without", chat(top_logprobs=1)),
    ("gpt-4.1", "stop", chat(stop=[""])),
    ("gpt-4.1", "metadata beyond", chat(metadata={"k" * 65: ""})),
    ("gpt-4.1", "safety_identifier", chat(safety_identifier="x" * 129)),
    ("gpt-4.1", "cache breakpoints", chat({"role": "user", "content": [
        {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}]})),
    ("gpt-6.2-sol", "wants max_completion_tokens", chat(max_tokens=1)),
    ("gpt-6.2-sol", "tools is not for", chat(tools=[F])),
    ("gpt-6.2-sol", "stop is not for", chat(stop=["x"])),
    ("gpt-6.2-sol", "effort 'none'", chat(reasoning_effort="none")),
    ("gpt-6.2-sol", "are refused with effort", chat(temperature=1)),
    ("gpt-6.2-sol", "penalties", chat(presence_penalty=1)),
    ("gpt-6.2-sol", "prediction is refused", chat(prediction={"type": "content", "content": "x"})),
    ("grok-4.6", "penalties", chat(presence_penalty=1)),
]  # fmt: skip


@pytest.mark.parametrize(("model", "words", "body"), BROKEN_CHAT)
def test_chat(model: str, words: str, body: Body) -> None:
    assert words in found(model, "openai_chat", body)


def test_chat_right() -> None:
    body = chat(
        {"role": "developer", "content": "x"}, HELLO, calling("a", "b"), giving("b"), giving(), tools=[F], max_tokens=5
    )
    assert found("gpt-4.1", "openai_chat", body) == ""


def responses(*items: Body, **more: Any) -> Body:
    return {"model": "m", "input": list(items or [HELLO]), "store": False, **more}


def shown(**members: Any) -> Body:
    return {"role": "user", "content": [members]}


REASONING: Body = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
SAID: Body = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "x", "annotations": []}],
}

BROKEN_RESPONSES: list[tuple[str, str, Body]] = [
    ("gpt-6.2-sol", "store is not false", responses(store=True)),
    ("gpt-6.2-sol", "is below 16", responses(max_output_tokens=1)),
    ("gpt-6.2-sol", "an output maximum", responses(max_output_tokens=10**6)),
    ("gpt-6.2-sol", "the input is empty", {"model": "m", "input": [], "store": False}),
    ("gpt-6.2-sol", "answers no call", responses(HELLO, OUTPUT)),
    ("gpt-6.2-sol", "no tool output", responses(HELLO, CALLED)),
    ("gpt-6.2-sol", "comes before the output", responses(HELLO, CALLED, HELLO, OUTPUT)),
    ("gpt-6.2-sol", "call id", responses(HELLO, CALLED | {"call_id": ""}, OUTPUT | {"call_id": ""})),
    ("gpt-6.2-sol", "not stored", responses(HELLO, CALLED | {"id": "fc_1"}, OUTPUT)),
    ("gpt-6.2-sol", "a call of", responses(HELLO, CALLED | {"name": "a.b"}, OUTPUT)),
    ("gpt-6.2-sol", "required following item", responses(HELLO, REASONING, HELLO)),
    ("gpt-6.2-sol", "without encrypted_content", responses(HELLO, REASONING | {"encrypted_content": None}, SAID)),
    ("gpt-6.2-sol", "an empty array", responses({"role": "user", "content": []})),
    ("gpt-6.2-sol", "without an address", responses(shown(type="input_image", detail="auto"))),
    ("gpt-6.2-sol", "a file that is", responses(shown(type="input_file", filename="x"))),
    ("gpt-6.2-sol", "without a name", responses(shown(type="input_file", file_data="data:text/plain;base64,eA=="))),
    ("grok-4.7", "input_file is not for", responses(shown(type="input_file", file_id="x"))),
    ("gpt-4.1", "does not reason", responses(reasoning={"effort": "low"})),
    ("gpt-6.2-sol", "stream_options without", responses(stream_options={"include_obfuscation": False})),
    ("gpt-6.2-sol", "without their include", responses(top_logprobs=1)),
    ("gpt-6.2-sol", "gives no log", responses(include=["message.output_text.logprobs"])),
    ("gpt-5.6-sol", "while it reasons", responses(include=["message.output_text.logprobs"])),
    ("gpt-6.2-sol", "strict of f", responses(tools=[FLAT | {"strict": None}])),
    ("gpt-6.2-sol", "what is no tool", responses(tools=[FLAT], tool_choice={"type": "function", "name": "g"})),
    ("gpt-6.2-sol", "without any", responses(tools=[FLAT], tool_choice={"type": "allowed_tools", "mode": "auto", "tools": []})),
    ("gpt-6.2-sol", "a schema named", responses(text={"format": {"type": "json_schema", "name": "a b", "schema": {}}})),
    ("gpt-6.2-sol", "the word 'json'", responses(text={"format": {"type": "json_object"}})),
]  # fmt: skip


@pytest.mark.parametrize(("model", "words", "body"), BROKEN_RESPONSES)
def test_responses(model: str, words: str, body: Body) -> None:
    assert words in found(model, "openai_responses", body)


def test_responses_right() -> None:
    body = responses(HELLO, REASONING, CALLED, OUTPUT, SAID, HELLO, tools=[FLAT], reasoning={"effort": "low"})
    assert found("gpt-6.2-sol", "openai_responses", body) == ""


# --- seals ---


def test_a_seal_is_known_again_wherever_it_stands() -> None:
    sealed = seal("openai", "gpt-5.5", 3)
    assert list(opened_seals({"deep": [{"down": sealed}]})) == [("openai", "gpt-5.5")]
    assert list(opened_seals(json.dumps({"text": "c29tZXRoaW5nIGVsc2UgYWx0b2dldGhlcg=="}))) == []


def test_foreign_state_is_found() -> None:
    foreign = REASONING | {"encrypted_content": seal("openai", "gpt-5.5")}
    assert "was sent to" in found("gpt-6.2-sol", "openai_responses", responses(HELLO, foreign, SAID, HELLO))
    assert found("gpt-5.5", "openai_responses", responses(HELLO, foreign, SAID, HELLO)) == ""
