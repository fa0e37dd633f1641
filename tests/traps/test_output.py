"""Traps 27 to 29, 31, 33, 34, 41, 42 and 44: how an answer ends, what is in it, and the settings that shape it, through the whole app."""

import json
from typing import Any

import httpx
import pytest

from traps.clouds import (
    EACH_CLOUD,
    HELLO,
    LOOKUP,
    MODES,
    SPEAKERS,
    Answer,
    Json,
    ask,
    call_of,
    called,
    claude,
    claude_stream,
    each_model,
    events,
    gemini,
    plain,
    record,
    replied,
    responses,
    responses_stream,
    said,
    text_of,
    translated,
)

TEXT = {"type": "text", "text": "Hi."}
USE = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {}}
GEMINI_CALL = {"functionCall": {"name": "lookup", "args": {}}}
WORDS = {"stop", "length", "tool_calls", "content_filter"}

# --- 27: why it ended ---

ENDINGS: list[tuple[str, Json, str, str | None]] = [
    ("anthropic", claude(TEXT, stop="end_turn"), "stop", None),
    ("anthropic", claude(TEXT, stop="stop_sequence", stop_sequence="END"), "stop", None),
    ("anthropic", claude(TEXT, USE, stop="tool_use"), "tool_calls", None),
    ("anthropic", claude(TEXT, USE, stop="end_turn"), "tool_calls", None),
    ("anthropic", claude(TEXT, stop="tool_use"), "stop", None),
    ("anthropic", claude(TEXT, USE, stop="max_tokens"), "length", None),
    ("anthropic", claude(TEXT, stop="max_tokens"), "length", None),
    ("anthropic", claude(TEXT, stop="model_context_window_exceeded"), "length", "model_context_window_exceeded"),
    ("anthropic", claude(TEXT, stop="refusal"), "content_filter", "refusal"),
    ("anthropic", claude(TEXT, stop="invented_in_2027"), "stop", "invented_in_2027"),
    ("gemini", gemini({"text": "Hi."}, finish="STOP"), "stop", None),
    ("gemini", gemini({"text": "Hi."}, GEMINI_CALL, finish="STOP"), "tool_calls", None),
    ("gemini", gemini(GEMINI_CALL, finish="MAX_TOKENS"), "length", None),
    ("gemini", gemini({"text": "Hi."}, finish="MAX_TOKENS"), "length", None),
    ("gemini", gemini({"text": "Hi."}, finish="CONTINUATION"), "length", "CONTINUATION"),
    *(
        ("gemini", gemini({"text": "Hi."}, finish=word), "content_filter", word)
        for word in ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR")
    ),
    ("gemini", gemini({"text": "Hi."}, finish="ESCALATION"), "content_filter", "ESCALATION"),
    ("gemini", gemini({"text": "Hi."}, finish="IMAGE_SAFETY"), "content_filter", "IMAGE_SAFETY"),
    ("gemini", gemini({"text": "Hi."}, finish="OTHER"), "content_filter", "OTHER"),
    ("gemini", gemini({"text": "Hi."}, finish="MALFORMED_FUNCTION_CALL"), "stop", "MALFORMED_FUNCTION_CALL"),
    ("gemini", gemini({"text": "Hi."}, finish="INVENTED_IN_2027"), "stop", "INVENTED_IN_2027"),
    ("openai", responses(said("Hi.")), "stop", None),
    ("openai", responses(said("Hi."), called("lookup", "{}")), "tool_calls", None),
    (
        "openai",
        responses(said("Hi."), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        "length",
        None,
    ),
    (
        "openai",
        responses(called("lookup", "{"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        "length",
        None,
    ),
    (
        "openai",
        responses(said("Hi."), status="incomplete", incomplete_details={"reason": "content_filter"}),
        "content_filter",
        None,
    ),
    (
        "openai",
        responses(said("Hi."), status="incomplete", incomplete_details={"reason": "steered"}),
        "length",
        "steered",
    ),
    (
        "grok",
        responses(said("Hi."), status="incomplete", incomplete_details={"reason": "max_prompt_tokens"}),
        "length",
        "max_prompt_tokens",
    ),
    (
        "grok",
        responses(said("Hi."), status="incomplete", incomplete_details={"reason": "max_time_limit"}),
        "length",
        "max_time_limit",
    ),
]


async def answered(provider: str, answer: Json, *, stream: bool, **fields: Any) -> Answer:
    model = dict(SPEAKERS)[provider]
    fields = translated(provider, stream=stream, tools=[LOOKUP], **fields)
    return (await ask(f"{provider}/{model}", replied(provider, answer, stream=stream), **fields)).answer


@MODES
@pytest.mark.parametrize(("provider", "answer", "finish", "native"), ENDINGS)
async def test_trap_27_every_ending_has_one_of_chats_words(
    provider: str, answer: Json, finish: str, native: str | None, stream: bool
) -> None:
    got = await answered(provider, answer, stream=stream)
    assert (got.status, got.finish, got.native) == (200, finish, native)
    if stream:
        reasons = [choice["finish_reason"] for chunk in got.chunks for choice in chunk["choices"]]
        assert [reason for reason in reasons if reason is not None] == [finish]
        assert reasons[-1] == finish
        assert got.done


@MODES
@pytest.mark.parametrize(
    ("word", "calls", "finish"),
    [
        ("", True, "tool_calls"),
        ("end_turn", True, "tool_calls"),
        ("stop", True, "tool_calls"),
        ("end_turn", False, "stop"),
        ("", False, "stop"),
        ("function_call", True, "tool_calls"),
        ("length", True, "length"),
        ("invented", False, "stop"),
    ],
)
async def test_trap_27_the_odd_words_of_a_chat_host(word: str, calls: bool, finish: str, stream: bool) -> None:
    """xAI may say "" or "end_turn". Its Chat is translated for `generate` clients."""
    assert finish in WORDS
    call = [{"index": 0, "id": "c", "type": "function", "function": {"name": "lookup", "arguments": "{}"}}]
    message = {"role": "assistant", "content": "Hi.", **({"tool_calls": call} if calls else {})}
    head = {"id": "x", "object": "chat.completion", "created": 1, "model": "grok-4.7"}
    if stream:
        chunks = [
            {**head, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": word}]},
        ]
        reader = _chat().reader()
        read = [event for chunk in chunks for event in reader.feed(_record(chunk))]
        read += [*reader.feed(_record(None)), *reader.close()]
        assert read[-1].reason == finish
    else:
        body = {**head, "choices": [{"index": 0, "message": message, "finish_reason": word}]}
        assert _chat().read_response(body).choices[0].finish == finish


def _chat() -> Any:
    from polyglot_cloud.dialects.openai_chat import DIALECT  # noqa: PLC0415  # the one test that needs a dialect by itself

    return DIALECT


def _record(chunk: Json | None) -> Any:
    from polyglot_cloud.sse import parse  # noqa: PLC0415  # see above

    return parse(b"data: [DONE]\n\n" if chunk is None else record(chunk))


# --- 28: refusals and safety ---

REFUSED = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "refusal", "refusal": "I won't."}]}


@MODES
@pytest.mark.parametrize(
    ("provider", "answer", "content", "native"),
    [
        (
            "anthropic",
            claude(TEXT, stop="refusal", stop_details={"type": "refusal", "category": "cyber", "explanation": "No."}),
            "Hi.",
            "refusal (cyber): No.",
        ),
        (
            "anthropic",
            claude(stop="refusal", stop_details={"type": "refusal", "category": "bio"}),
            None,
            "refusal (bio)",
        ),
        ("anthropic", claude(stop="refusal", stop_details=None), None, "refusal"),
        ("gemini", gemini({"text": "Hi."}, finish="SAFETY"), "Hi.", "SAFETY"),
        (
            "openai",
            responses(said("Hi."), status="incomplete", incomplete_details={"reason": "content_filter"}),
            "Hi.",
            None,
        ),
        ("openai", responses(status="incomplete", incomplete_details={"reason": "content_filter"}), None, None),
    ],
    ids=["claude-partial", "claude-empty", "claude-bare", "gemini-partial", "openai-partial", "openai-empty"],
)
async def test_trap_28_what_was_stopped_is_a_200_with_its_detail(
    provider: str, answer: Json, content: str | None, native: str | None, stream: bool
) -> None:
    got = await answered(provider, answer, stream=stream)
    assert (got.status, got.finish, got.native) == (200, "content_filter", native)
    assert got.message["content"] == content
    assert got.message["role"] == "assistant"
    assert got.error is None


BLOCKED = {
    "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
    "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
    "modelVersion": "gemini-3.8-flash",
    "responseId": "r",
}
SILENT = {"candidates": [{"finishReason": "SAFETY", "index": 0}], "usageMetadata": {"promptTokenCount": 9}}


@MODES
@pytest.mark.parametrize(
    ("body", "native"),
    [
        (BLOCKED, "PROHIBITED_CONTENT"),
        ({**BLOCKED, "candidates": []}, "PROHIBITED_CONTENT"),
        (SILENT, "SAFETY"),
        ({"candidates": [{"finishReason": "SAFETY", "content": {}}]}, "SAFETY"),
        ({"candidates": [{"finishReason": "IMAGE_SAFETY", "finishMessage": "A face."}]}, "IMAGE_SAFETY: A face."),
    ],
    ids=["no candidates", "empty candidates", "no content", "empty content", "message"],
)
async def test_trap_28_gemini_blocks_without_a_candidate_or_without_content(
    body: Json, native: str, stream: bool
) -> None:
    reply = events(record(body)) if stream else plain(body)
    got = (await ask("gemini/gemini-3.8-flash", reply, stream=stream)).answer
    assert (got.status, got.finish, got.native) == (200, "content_filter", native)
    assert got.message["content"] is None
    assert got.message["role"] == "assistant"


@MODES
async def test_trap_28_a_refusal_in_words_is_a_refusal(stream: bool) -> None:
    got = await answered("openai", responses(REFUSED), stream=stream)
    assert (got.finish, got.message["refusal"], got.message["content"]) == ("stop", "I won't.", None)


@MODES
async def test_trap_28_a_refusal_after_text_keeps_both(stream: bool) -> None:
    both = {**REFUSED, "content": [*said("Well.")["content"], *REFUSED["content"]]}
    got = await answered("openai", responses(both), stream=stream)
    assert (got.finish, got.message["refusal"], got.message["content"]) == ("stop", "I won't.", "Well.")


@EACH_CLOUD
async def test_trap_28_a_refusal_comes_back_in_the_history(provider: str, model: str) -> None:
    """A client sends back what it got: nobody is asked with a member that its dialect lacks."""
    refused = {"role": "assistant", "content": None, "refusal": "I won't."}
    history = [*HELLO, refused, {"role": "user", "content": "Please."}]
    got = await ask(
        f"{provider}/{model}", plain(text_of(provider, "x", model)), **translated(provider, messages=history)
    )
    assert got.answer.status == 200
    assert "I won't." in json.dumps(got.sent)


# --- 29: a 200 that failed ---


@MODES
@pytest.mark.parametrize(
    ("code", "status", "retries"),
    [
        ("rate_limit_exceeded", 429, True),
        ("invalid_prompt", 400, False),
        ("server_error", 500, True),
        ("bio_policy", 400, False),
        ("server_is_overloaded", 503, True),
        ("invented", 502, True),
    ],
)
async def test_trap_29_a_failed_response_is_an_error_of_its_own(
    code: str, status: int, retries: bool, stream: bool
) -> None:
    failed = responses(status="failed", error={"code": code, "message": "It broke."})
    got = await answered("openai", failed, stream=stream)
    assert got.status == status
    assert got.error is not None
    assert got.error["message"] == "It broke."
    assert got.error["code"] == code
    assert "choices" not in json.loads(got.raw)
    assert (status >= 500 or status == 429) is retries


@MODES
@pytest.mark.parametrize(
    "word",
    [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "MALFORMED_RESPONSE",
    ],
)
@pytest.mark.parametrize("content", [{}, {"content": {}}, {"content": {"role": "model", "parts": [{"text": ""}]}}])
async def test_trap_29_a_gemini_answer_that_broke_is_a_502_to_be_tried_again(
    word: str, content: Json, stream: bool
) -> None:
    body = {"candidates": [{"finishReason": word, "index": 0, **content}], "usageMetadata": {"promptTokenCount": 1}}
    reply = events(record(body)) if stream else plain(body)
    got = (await ask("gemini/gemini-3.8-flash", reply, stream=stream)).answer
    assert got.status == 502
    assert got.error is not None
    assert got.error["code"] == "provider_broken_reply"
    assert word in got.error["message"]
    assert got.headers.get("x-should-retry") != "false"


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled"])
async def test_trap_29_an_unfinished_response_is_no_success(status: str) -> None:
    got = await answered("openai", responses(said("x"), status=status), stream=False)
    assert got.status == 502


@MODES
@EACH_CLOUD
async def test_trap_29_an_error_object_with_status_200_is_an_error(provider: str, model: str, stream: bool) -> None:
    error: Json = {"error": {"message": "It broke.", "type": "server_error", "code": "server_error"}}
    if provider == "anthropic":
        error = {"type": "error", "error": {"type": "api_error", "message": "It broke."}}
    if provider == "gemini":
        error = {"error": {"code": 500, "message": "It broke.", "status": "INTERNAL"}}
    reply = events(record(error, "error" if provider == "anthropic" else None)) if stream else plain(error)
    got = (await ask(f"{provider}/{model}", reply, **translated(provider, stream=stream))).answer
    assert got.status == 500
    assert got.error is not None
    assert got.error["message"] == "It broke."


# --- 31: log probabilities and biases ---


@each_model("anthropic", "grok")
async def test_trap_31_no_log_probabilities_is_a_400_before_anything_is_sent(row: Any) -> None:
    """Never silently: Anthropic has none, xAI ignores the wish since 4.20."""
    got = await ask(f"{row.provider}/{row.id}", None, logprobs=True, top_logprobs=2)
    assert got.request is None
    assert got.answer.status == 400
    assert got.answer.error is not None
    assert (got.answer.error["param"], got.answer.error["code"]) == ("logprobs", "unsupported_parameter")


@pytest.mark.parametrize("effort", [None, "low"])
async def test_trap_31_openai_gives_none_while_it_reasons(effort: str | None) -> None:
    fields: Json = {"reasoning_effort": effort} if effort else {}
    got = await ask("openai/gpt-6.1-terra", None, logprobs=True, tools=[LOOKUP], **fields)
    assert got.request is None
    assert got.answer.error is not None
    assert got.answer.error["param"] == "logprobs"


async def test_trap_31_openai_gives_them_while_it_does_not_reason() -> None:
    marked = [{"role": "user", "content": "hello", "cache_control": {"type": "ephemeral"}}]
    got = await ask(
        "openai/gpt-5.6-sol", plain(responses(said("x"))), logprobs=True, top_logprobs=3, reasoning_effort="none",
        messages=marked,
    )  # fmt: skip
    assert got.sent["top_logprobs"] == 3
    assert "message.output_text.logprobs" in got.sent["include"]


async def test_trap_31_gemini_has_its_own_members_for_them() -> None:
    got = await ask("gemini/gemini-2.5-flash-lite", plain(gemini({"text": "x"})), logprobs=True, top_logprobs=3)
    config = got.sent["generationConfig"]
    assert (config["responseLogprobs"], config["logprobs"]) == (True, 3)
    newer = await ask("gemini/gemini-4-argon", None, logprobs=True)
    assert (newer.request, newer.answer.status) == (None, 400)


@EACH_CLOUD
async def test_trap_31_a_bias_of_tokens_is_dropped_and_told_never_translated(provider: str, model: str) -> None:
    answer = plain(text_of(provider, "x", model))
    got = await ask(f"{provider}/{model}", answer, **translated(provider, logit_bias={"50256": -100}))
    assert "50256" not in json.dumps(got.sent)
    assert "/logit_bias" in got.answer.dropped


# --- 33: hints ---

HINTS: Json = {
    "seed": 7,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.25,
    "metadata": {"run": "1"},
    "store": True,
    "user": "ann@example.com",
    "verbosity": "low",
    "prompt_cache_key": "k",
}
TAKEN: dict[str, set[str]] = {
    "openai": {"metadata", "verbosity", "prompt_cache_key", "user"},
    "anthropic": {"user"},
    "gemini": {"seed", "presence_penalty", "frequency_penalty", "store"},
    "grok": {"prompt_cache_key", "user"},
}


@EACH_CLOUD
async def test_trap_33_a_hint_that_a_cloud_lacks_is_dropped_and_named(provider: str, model: str) -> None:
    answer = plain(text_of(provider, "x", model))
    got = await ask(f"{provider}/{model}", answer, **translated(provider, **HINTS))
    assert got.answer.status == 200
    for name in HINTS.keys() - TAKEN[provider]:
        assert f"/{name}" in got.answer.dropped.replace(" (approximated)", "").split(", "), name
    sent = json.dumps(got.sent)
    assert "ann@example.com" not in sent
    if provider not in {"openai", "gemini"}:
        assert '"run"' not in sent


async def test_trap_33_where_the_taken_hints_go() -> None:
    gotten = await ask("gemini/gemini-3.8-flash", plain(gemini({"text": "x"})), **HINTS)
    config = gotten.sent["generationConfig"]
    assert (config["seed"], config["presencePenalty"], config["frequencyPenalty"]) == (7, 0.5, 0.25)
    sent = (await ask("openai/gpt-6.1-terra", plain(responses(said("x"))), **HINTS, tools=[LOOKUP])).sent
    assert (sent["metadata"], sent["text"]["verbosity"], sent["prompt_cache_key"]) == ({"run": "1"}, "low", "k")


@pytest.mark.parametrize(("provider", "model"), [("openai", "gpt-6.1-terra"), ("grok", "grok-4.7")])
@pytest.mark.parametrize("store", [None, True, False])
async def test_trap_33_the_gateway_has_nothing_stored(provider: str, model: str, store: bool | None) -> None:
    fields = {} if store is None else {"store": store}
    got = await ask(f"{provider}/{model}", plain(responses(said("x"))), **translated(provider, **fields))
    assert got.sent["store"] is False
    assert ("/store" in got.answer.dropped) is bool(store)


@EACH_CLOUD
@pytest.mark.parametrize("name", ["user", "safety_identifier"])
async def test_trap_33_an_e_mail_address_never_goes_up(provider: str, model: str, name: str) -> None:
    """A stand-in that stays the same names the same person, where the cloud has a member for it."""
    answers = []
    for person in ("ann@example.com", "ann@example.com", "bob@example.com"):
        got = await ask(
            f"{provider}/{model}", plain(text_of(provider, "x", model)), **translated(provider, **{name: person})
        )
        assert "example.com" not in json.dumps(got.sent)
        answers.append(got.sent.get("safety_identifier") or got.sent.get("metadata", {}).get("user_id"))
    assert answers[0] == answers[1]
    if provider == "gemini":
        assert answers[0] is None
        assert f"/{name}" in got.answer.dropped
    else:
        assert answers[0]
        assert answers[0] != answers[2]
        assert len(answers[0]) <= 64


async def test_trap_33_an_opaque_identifier_stays_as_it_is_for_openai() -> None:
    got = await ask("openai/gpt-6.1-terra", plain(responses(said("x"))), safety_identifier="u-17", tools=[LOOKUP])
    assert got.sent["safety_identifier"] == "u-17"
    assert "/safety_identifier" not in got.answer.dropped


# --- 34: JSON mode ---

JSON_MODE: Json = {"response_format": {"type": "json_object"}}
IN_JSON = [{"role": "user", "content": "Answer in JSON."}]


@MODES
@pytest.mark.parametrize(("text", "kept"), [('{"a":1}', True), ("[1]", False), ("Sure! {}", False), ("", False)])
async def test_trap_34_claude_is_told_in_words_and_the_answer_is_looked_at(text: str, kept: bool, stream: bool) -> None:
    """The answer is handed on as it is: who asked for JSON is told where it is none."""
    answer = claude({"type": "text", "text": text}) if text else claude()
    reply = replied("anthropic", answer, stream=stream)
    got = await ask("anthropic/claude-opus-5-5", reply, stream=stream, messages=IN_JSON, **JSON_MODE)
    assert "JSON object" in got.sent["system"][-1]["text"]
    assert "/response_format (emulated)" in got.answer.dropped
    assert got.answer.status == 200
    assert (got.answer.message.get("content") or "") == text
    assert ("/response_format (approximated)" in got.answer.dropped) is not kept


async def test_trap_34_our_sentence_ends_the_system_prompt_and_leaves_the_clients_alone() -> None:
    system = [{"role": "system", "content": "Be brief."}]
    got = await ask(
        "anthropic/claude-opus-5-5", plain(claude(TEXT)), messages=[*system, *HELLO], tools=[LOOKUP], **JSON_MODE
    )
    assert got.sent["system"][0]["text"] == "Be brief."
    assert "tool_choice" not in got.sent  # never by a forced tool


async def test_trap_34_gemini_has_a_media_type_for_it() -> None:
    for model in ("gemini-3.8-flash", "gemini-2.5-flash-lite"):
        got = await ask(f"gemini/{model}", plain(gemini({"text": "{}"})), **JSON_MODE)
        assert got.sent["generationConfig"]["responseMimeType"] == "application/json"
        assert "responseJsonSchema" not in got.sent["generationConfig"]
        assert "/response_format" not in got.answer.dropped
    with_tools = await ask("gemini/gemini-3.8-flash", plain(gemini({"text": "{}"})), tools=[LOOKUP], **JSON_MODE)
    assert with_tools.sent["generationConfig"]["responseMimeType"] == "application/json"


@MODES
async def test_trap_34_an_older_gemini_with_tools_is_told_in_words(stream: bool) -> None:
    reply = replied("gemini", gemini({"text": "no"}), stream=stream)
    got = await ask("gemini/gemini-2.5-flash-lite", reply, tools=[LOOKUP], stream=stream, **JSON_MODE)
    assert "responseMimeType" not in got.sent.get("generationConfig", {})
    assert "JSON object" in got.sent["systemInstruction"]["parts"][-1]["text"]
    assert "/response_format (emulated)" in got.answer.dropped
    assert "/response_format (approximated)" in got.answer.dropped


SCHEMA: Json = {
    "type": "json_schema",
    "json_schema": {
        "name": "out",
        "schema": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    },
}


async def test_trap_34_a_schema_with_tools_on_an_older_gemini_is_refused() -> None:
    got = await ask("gemini/gemini-2.5-flash-lite", None, tools=[LOOKUP], response_format=SCHEMA)
    assert got.request is None
    assert got.answer.error is not None
    assert got.answer.error["param"] == "response_format"


@EACH_CLOUD
async def test_trap_34_a_schema_is_never_a_forced_tool(provider: str, model: str) -> None:
    answer = plain(text_of(provider, "{}", model))
    got = await ask(f"{provider}/{model}", answer, **translated(provider, tools=[LOOKUP], response_format=SCHEMA))
    assert got.answer.status == 200
    names = json.dumps(got.sent.get("tools"))
    assert "lookup" in names
    assert "out" not in names
    assert "tool_choice" not in got.sent
    assert "toolConfig" not in got.sent


@pytest.mark.parametrize(
    ("messages", "inserted"),
    [
        (HELLO, True),
        (IN_JSON, False),
        ([{"role": "system", "content": "Speak jSoN."}, *HELLO], False),
        ([{"role": "user", "content": [{"type": "text", "text": "a JSON"}]}], False),
    ],
)
async def test_trap_34_openai_needs_the_word(messages: list[Json], inserted: bool) -> None:
    got = await ask(
        "openai/gpt-6.1-terra", plain(responses(said("{}"))), messages=messages, tools=[LOOKUP], **JSON_MODE
    )
    assert got.sent["text"]["format"] == {"type": "json_object"}
    assert "json" in json.dumps(got.sent["input"]).lower()
    assert (len(got.sent["input"]) > len(messages)) is inserted
    assert ("/response_format (emulated)" in got.answer.dropped) is inserted


# --- 41: the same head on every chunk ---


@EACH_CLOUD
@pytest.mark.parametrize("calls", [False, True], ids=["text", "call"])
async def test_trap_41_the_first_delta_has_the_role_and_all_chunks_one_head(
    provider: str, model: str, calls: bool
) -> None:
    answer = call_of(provider, {"word": "x"}, model) if calls else text_of(provider, "Hi there.", model)
    got = await answered(provider, answer, stream=True, stream_options={"include_usage": True})
    deltas = [choice["delta"] for chunk in got.chunks for choice in chunk["choices"]]
    assert deltas[0]["role"] == "assistant"
    assert not any("role" in delta for delta in deltas[1:])
    heads = {(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in got.chunks}
    ((id_, created, named, kind),) = heads
    assert id_
    assert created > 1_700_000_000
    assert (named, kind) == (model, "chat.completion.chunk")


async def test_trap_41_a_cloud_that_names_nothing_is_given_names() -> None:
    chunk = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}
    got = (await ask("gemini/gemini-3.8-flash", events(record(chunk) * 2), stream=True)).answer
    assert {chunk["model"] for chunk in got.chunks} == {"gemini-3.8-flash"}
    ids = {chunk["id"] for chunk in got.chunks}
    assert len(ids) == 1
    assert ids.pop().startswith("chatcmpl-")


# --- 42: whose answer it is ---


@MODES
@EACH_CLOUD
async def test_trap_42_the_answer_names_the_upstreams_model_and_a_header_the_one_that_was_asked(
    provider: str, model: str, stream: bool
) -> None:
    answer = text_of(provider, "Hi.", f"{model}-0815")
    got = await answered(provider, answer, stream=stream)
    assert got.model == f"{model}-0815"
    assert got.headers["x-polyglot-model"] == model
    assert got.headers["x-polyglot-provider"] == provider


@MODES
async def test_trap_42_a_tier_is_answered_the_same_way(stream: bool) -> None:
    reply = replied("anthropic", claude(TEXT, model="claude-haiku-5-5"), stream=stream)
    got = (await ask("anthropic/low", reply, stream=stream)).answer
    assert (got.model, got.headers["x-polyglot-model"]) == ("claude-haiku-5-5", "claude-haiku-5-5")


# --- 44: holes in a stream ---

HOLES: list[Any] = [
    {},
    {"candidates": []},
    {"candidates": None},
    {"candidates": [{}]},
    {"candidates": [{"content": None, "index": 0}]},
    {"candidates": [{"content": {"role": "model"}}]},
    {"candidates": [{"content": {"parts": []}}]},
    {"candidates": [{"content": {"parts": [{}]}}]},
    {"candidates": [{"content": {"parts": [{"text": ""}]}}]},
    {"usageMetadata": {"promptTokenCount": 3}},
    {"usageMetadata": {"trafficType": "ON_DEMAND"}},
    {"modelStatus": {"modelStage": "STABLE"}},
]


@pytest.mark.parametrize("hole", HOLES, ids=str)
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_trap_44_chunks_without_candidates_content_or_parts_are_normal(hole: Any, place: int) -> None:
    chunks = [
        {"candidates": [{"content": {"parts": [{"text": "Hi "}]}}]},
        {"candidates": [{"content": {"parts": [{"text": "there."}]}, "finishReason": "STOP"}]},
    ]
    chunks.insert(place, hole)
    got = (await ask("gemini/gemini-3.8-flash", events(b"".join(map(record, chunks))), stream=True)).answer
    assert (got.status, got.message["content"], got.finish, got.done) == (200, "Hi there.", "stop", True)
    assert all(chunk["choices"] for chunk in got.chunks)


@MODES
async def test_trap_44_thoughts_are_never_content(stream: bool) -> None:
    parts: list[Json] = [
        {"text": "I muse. ", "thought": True},
        {"text": "Answer."},
        {"text": "", "thoughtSignature": "Zz"},
    ]
    got = await answered("gemini", gemini(*parts), stream=stream)
    assert (got.message["content"], got.message["reasoning_content"]) == ("Answer.", "I muse. ")
    assert got.message["reasoning_details"][-1]["data"] == parts[-1]


@pytest.mark.parametrize(
    "event", [b": ping\n\n", b"event: ping\ndata: {}\n\n", b"\n", b"event: new.thing\ndata: {}\n\n"]
)
@pytest.mark.parametrize("provider", ["anthropic", "openai", "grok"])
async def test_trap_44_and_40_foreign_events_are_skipped(provider: str, event: bytes) -> None:
    model = dict(SPEAKERS)[provider]
    answer = text_of(provider, "Hi.", model)
    stream = claude_stream(answer) if provider == "anthropic" else responses_stream(answer)
    crowded = event + event.join(piece + b"\n\n" for piece in stream.split(b"\n\n")[:-1])
    reply: httpx.Response = events(crowded)
    got = (await ask(f"{provider}/{model}", reply, **translated(provider, stream=True))).answer
    assert (got.message["content"], got.finish, got.done) == ("Hi.", "stop", True)
