"""Traps 22 to 26: reasoning state, effort, output limits and sampling, through the whole app (the page of traps of 2026-11-22)."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from polyglot_cloud.efforts import EFFORTS
from polyglot_cloud.rows import Model
from traps.clouds import (
    HELLO,
    LOOKUP,
    MODES,
    Exchange,
    Json,
    ask,
    called,
    chat_models,
    claude,
    each_model,
    gemini,
    plain,
    replied,
    responses,
    said,
    text_of,
    translated,
)

DUMMY = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
ARGUMENTS = {"word": "Zürich"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": ARGUMENTS}
THINKING = {"type": "thinking", "thinking": "I need the tool.", "signature": "EqoBCkgIARAB=="}
REDACTED = {"type": "redacted_thinking", "data": "EmwKAhgB=="}
SIGNED_CALL = {"functionCall": {"id": "g1", "name": "lookup", "args": ARGUMENTS}, "thoughtSignature": "EsYFCsMF"}
REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "I look."}, {"type": "summary_text", "text": "Then I say."}],
    "encrypted_content": "gAAAAABq==",
}
CALL = called("lookup", json.dumps(ARGUMENTS))

TURNS: dict[str, tuple[str, str, Json]] = {
    "anthropic": ("anthropic", "claude-opus-5-5", claude(THINKING, USE, stop="tool_use")),
    "anthropic-text": (
        "anthropic",
        "claude-sonnet-4-6",
        claude(THINKING, {"type": "text", "text": "I look it up."}, USE, stop="tool_use"),
    ),
    "anthropic-redacted": ("anthropic", "claude-opus-4-5", claude(THINKING, REDACTED, USE, stop="tool_use")),
    "anthropic-no-text": (
        "anthropic",
        "claude-sonnet-5-5",
        claude({**THINKING, "thinking": ""}, USE, stop="tool_use"),
    ),
    "anthropic-interleaved": (
        "anthropic",
        "claude-fable-5-2",
        claude(
            THINKING,
            {**USE, "id": "toolu_0"},
            {**THINKING, "thinking": "Again.", "signature": "Er=="},
            USE,
            stop="tool_use",
        ),
    ),
    "gemini": ("gemini", "gemini-4-argon", gemini(SIGNED_CALL)),
    "gemini-parallel": (
        "gemini",
        "gemini-3.8-flash",
        gemini(SIGNED_CALL, {"functionCall": {"id": "g2", "name": "lookup", "args": {}}}),
    ),
    "gemini-signed-text": (
        "gemini",
        "gemini-3.5-flash",
        gemini(
            {"text": "Hm.", "thought": True},
            {"text": "I löok. ", "thoughtSignature": "AAA="},
            {"text": "Now."},
            SIGNED_CALL,
        ),
    ),
    "gemini-2.5": ("gemini", "gemini-2.5-flash-lite", gemini(SIGNED_CALL)),
    "openai": ("openai", "gpt-6.1-terra", responses(REASONING, CALL)),
    "openai-text": ("openai", "gpt-5.6-luna", responses(REASONING, said("I look."), CALL)),
    "openai-twice": (
        "openai",
        "gpt-6-astra",
        responses(
            REASONING, CALL, {**REASONING, "id": "rs_2", "encrypted_content": "gBBB"}, called("lookup", "{}", "call_2")
        ),
    ),
    "grok": ("grok", "grok-4.7", responses(REASONING, CALL)),
}
EACH_TURN = pytest.mark.parametrize("name", TURNS)


async def first_answer(name: str, *, stream: bool = False) -> tuple[str, Exchange]:
    """A model calls a tool while it thinks."""
    provider, model, answer = TURNS[name]
    fields = translated(provider, tools=[LOOKUP], reasoning_effort="high", stream=stream)
    got = await ask(f"{provider}/{model}", replied(provider, answer, stream=stream), **fields)
    assert got.answer.status == 200, got.answer.raw
    return f"{provider}/{model}", got


async def give_back(model: str, message: Json, *, stream: bool = False, **fields: Any) -> Exchange:
    """The client runs the tools and sends the turn back with their results."""
    provider, _, name = model.partition("/")
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "a city"} for call in message.get("tool_calls", [])
    ]
    wanted = {"tools": [LOOKUP], "reasoning_effort": "high", "messages": [*HELLO, message, *results], **fields}
    answer = replied(provider, text_of(provider, "It is a city.", name), stream=stream)
    return await ask(model, answer, **translated(provider, stream=stream, **wanted))


def model_turn(provider: str, sent: Json) -> list[Json]:
    """What went up of the assistant's turn: blocks, parts or items."""
    match provider:
        case "anthropic":
            (turn,) = [message for message in sent["messages"] if message["role"] == "assistant"]
            blocks: list[Json] = turn["content"]
            return blocks
        case "gemini":
            (turn,) = [content for content in sent["contents"] if content["role"] == "model"]
            parts: list[Json] = turn["parts"]
            return parts
        case _:
            return [item for item in sent["input"] if item.get("type") in {"reasoning", "function_call", "message"}]


def expected_turn(provider: str, answer: Json) -> list[Json]:
    """What the vendor wants back: what it said, less what has no signature and names nothing (a thought's summary, a stored id)."""
    match provider:
        case "anthropic":
            blocks: list[Json] = answer["content"]
            return blocks
        case "gemini":
            parts = answer["candidates"][0]["content"]["parts"]
            return [part for part in parts if not part.get("thought")]
        case _:
            return [_item_back(item) for item in answer["output"]]


def _item_back(item: Json) -> Json:
    if item["type"] == "function_call":
        return {name: item[name] for name in ("type", "call_id", "name", "arguments")}
    if item["type"] == "message":
        return {name: item[name] for name in ("type", "role", "content")}
    return item


def details(exchange: Exchange) -> list[Json]:
    found = exchange.answer.message["reasoning_details"]
    assert isinstance(found, list)
    return found


# --- 22: it goes out and comes back ---


@MODES
@EACH_TURN
async def test_trap_22_reasoning_state_makes_the_round_trip_of_a_tool_loop(name: str, stream: bool) -> None:
    """Unmodified and in its place: thinking first, signatures on their calls and texts, items before what they led to."""
    provider, asked, answer = TURNS[name]
    model, first = await first_answer(name, stream=stream)
    assert first.answer.finish == "tool_calls"
    assert all((entry["provider"], entry["model"]) == (provider, asked) for entry in details(first) if "data" in entry)
    second = await give_back(model, first.answer.message, stream=stream)
    assert second.answer.status == 200, second.answer.raw
    assert second.answer.message["content"] == "It is a city."
    assert model_turn(provider, second.sent) == expected_turn(provider, answer)


@EACH_TURN
async def test_trap_22_a_stream_gives_the_list_whole_in_one_delta_like_the_plain_answer(name: str) -> None:
    _, whole = await first_answer(name)
    _, streamed = await first_answer(name, stream=True)
    deltas = [chunk["choices"][0]["delta"] for chunk in streamed.answer.chunks if chunk["choices"]]
    assert sum("reasoning_details" in delta for delta in deltas) == 1
    assert details(streamed) == details(whole)
    assert streamed.answer.message.get("reasoning_content") == whole.answer.message.get("reasoning_content")


@EACH_TURN
async def test_trap_22_reasoning_is_never_content(name: str) -> None:
    _, got = await first_answer(name)
    text = got.answer.message["content"] or ""
    assert not any(thought in text for thought in ("I need the tool.", "Hm.", "Then I say."))


async def test_trap_22_gemini_signs_an_empty_part_at_the_end() -> None:
    """The place of each text is told in code points, and the empty part has one too."""
    parts = [{"text": "Zürich 🏔"}, {"text": "", "thoughtSignature": "Eo8C"}]
    first = await ask("gemini/gemini-4-argon", plain(gemini(*parts, model="gemini-4-argon")))
    assert [(entry["offset"], entry["length"]) for entry in details(first)] == [(0, 8), (8, 0)]
    again = [*HELLO, first.answer.message, {"role": "user", "content": "And?"}]
    second = await ask("gemini/gemini-4-argon", plain(gemini({"text": "x"})), messages=again)
    assert model_turn("gemini", second.sent) == parts


@pytest.mark.parametrize("model", ["openai/gpt-6.1-terra", "openai/gpt-5.3-codex", "grok/grok-4.7"])
async def test_trap_22_responses_are_asked_for_their_encrypted_reasoning(model: str) -> None:
    """Without it nothing of it could go back, since nothing is stored."""
    provider = model.partition("/")[0]
    sent = (await ask(model, plain(responses(said("x"))), **translated(provider))).sent
    assert sent["store"] is False
    assert "reasoning.encrypted_content" in sent["include"]


async def test_trap_22_a_later_turn_keeps_the_state_of_the_earlier_ones() -> None:
    model, first = await first_answer("anthropic")
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "a city"}
    second = await ask(
        model, plain(claude({**THINKING, "signature": "Zz"}, {**USE, "id": "toolu_2"}, stop="tool_use")),
        messages=[*HELLO, first.answer.message, result], tools=[LOOKUP], reasoning_effort="high",
    )  # fmt: skip
    third = await ask(
        model, plain(claude({"type": "text", "text": "Done."})), tools=[LOOKUP], reasoning_effort="high",
        messages=[*HELLO, first.answer.message, result, second.answer.message, {**result, "tool_call_id": "toolu_2"}],
    )  # fmt: skip
    turns = [message["content"] for message in third.sent["messages"] if message["role"] == "assistant"]
    assert [turn[0]["signature"] for turn in turns] == [THINKING["signature"], "Zz"]


# --- 23: it is bound ---


@EACH_TURN
async def test_trap_22_a_client_that_drops_the_list_still_works(name: str) -> None:
    provider, _, _ = TURNS[name]
    model, first = await first_answer(name)
    message = {key: value for key, value in first.answer.message.items() if not key.startswith("reasoning")}
    second = await give_back(model, message)
    assert second.answer.status == 200, second.answer.raw
    turn = model_turn(provider, second.sent)
    assert not any(part.get("type") in {"thinking", "redacted_thinking", "reasoning"} for part in turn)
    assert sum(part.get("type") == "tool_use" or "functionCall" in part or "call_id" in part for part in turn) >= 1
    own = json.dumps(second.sent)
    assert not any(seal in own for seal in ("EqoBCkgIARAB", "EmwKAhgB", "EsYFCsMF", "gAAAAABq"))


OTHERS = [
    ("anthropic", "claude-opus-5-5"),
    ("anthropic", "claude-sonnet-4-6"),
    ("anthropic", "claude-haiku-4-5-20251001"),
    ("gemini", "gemini-3.8-flash"),
    ("gemini", "gemini-2.5-flash-lite"),
    ("openai", "gpt-6.1-terra"),
    ("openai", "gpt-5.1"),
    ("openai", "gpt-4.1"),
    ("grok", "grok-4.7"),
]
SEALS = ("EqoBCkgIARAB", "EmwKAhgB", "EsYFCsMF", "AAA=", "gAAAAABq", "gBBB", "rs_1")


@pytest.mark.parametrize(("provider", "model"), OTHERS, ids=[model for _, model in OTHERS])
@EACH_TURN
async def test_trap_23_state_goes_to_no_other_model_and_that_is_told(name: str, provider: str, model: str) -> None:
    """On a fallback or a switch it is stripped, never silently: signatures on texts and calls too."""
    if TURNS[name][:2] == (provider, model):
        return
    _, first = await first_answer(name)
    second = await give_back(f"{provider}/{model}", first.answer.message)
    assert second.answer.status == 200, second.answer.raw
    up = json.dumps(second.sent)
    assert not any(seal in up for seal in SEALS), up
    assert "reasoning_details" not in up
    told = second.answer.dropped
    assert any(word.strip().startswith("/messages") and "(" not in word for word in told.split(",")), told


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "gemini-4-carbon", "gemini-3.1-pro-preview", "gemini-9-new"])
async def test_trap_23_gemini_gets_the_dummy_on_the_first_call_of_each_step(model: str) -> None:
    def step(*ids: str) -> list[Json]:
        calls = [{"id": id_, "type": "function", "function": {"name": "lookup", "arguments": "{}"}} for id_ in ids]
        results = [{"role": "tool", "tool_call_id": id_, "content": "x"} for id_ in ids]
        return [{"role": "assistant", "content": None, "tool_calls": calls}, *results]

    history = [*HELLO, *step("a", "b"), *step("c")]
    sent = (await ask(f"gemini/{model}", plain(gemini({"text": "x"})), messages=history, tools=[LOOKUP])).sent
    steps = [content["parts"] for content in sent["contents"] if content["role"] == "model"]
    assert [[part.get("thoughtSignature") for part in parts] for parts in steps] == [[DUMMY, None], [DUMMY]]


@pytest.mark.parametrize("model", ["claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929", "claude-opus-4-5"])
async def test_trap_23_budgeted_thinking_is_off_for_a_loop_that_came_back_without_it(model: str) -> None:
    call = {"id": "toolu_1", "type": "function", "function": {"name": "lookup", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    got = await give_back(f"anthropic/{model}", message)
    assert "thinking" not in got.sent
    assert "/reasoning_effort" in got.answer.dropped
    assert model_turn("anthropic", got.sent) == [{"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {}}]


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-4-6", "claude-haiku-5-5", "claude-opus-4-7"])
async def test_trap_23_adaptive_thinking_stays_on_without_the_state(model: str) -> None:
    call = {"id": "toolu_1", "type": "function", "function": {"name": "lookup", "arguments": "{}"}}
    got = await give_back(f"anthropic/{model}", {"role": "assistant", "content": None, "tool_calls": [call]})
    assert got.sent["thinking"]["type"] == "adaptive"


async def test_trap_23_thinking_of_a_turn_before_the_loop_is_not_missed() -> None:
    """Only the running loop must have it: an older turn without does not switch it off."""
    history = [*HELLO, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "And now?"}]
    got = await ask(
        "anthropic/claude-haiku-4-5-20251001",
        plain(claude({"type": "text", "text": "x"})),
        messages=history,
        reasoning_effort="low",
    )
    assert got.sent["thinking"] == {"type": "enabled", "budget_tokens": 2048}


def _edited_text(message: Json) -> None:
    message["content"] = "something else"


def _edited_arguments(message: Json) -> None:
    message["tool_calls"][0]["function"]["arguments"] = '{"word":"Basel"}'


async def test_trap_23_an_edited_call_loses_its_signature() -> None:
    model, first = await first_answer("gemini")
    message = copy.deepcopy(first.answer.message)
    _edited_arguments(message)
    second = await give_back(model, message)
    (part,) = model_turn("gemini", second.sent)
    assert part == {"functionCall": {"name": "lookup", "args": {"word": "Basel"}}, "thoughtSignature": DUMMY}
    assert "/messages" in second.answer.dropped


async def test_trap_23_an_edited_text_loses_its_signature_and_the_call_keeps_its_own() -> None:
    model, first = await first_answer("gemini-signed-text")
    message = copy.deepcopy(first.answer.message)
    _edited_text(message)
    second = await give_back(model, message)
    assert model_turn("gemini", second.sent) == [{"text": "something else"}, SIGNED_CALL]


@EACH_TURN
@pytest.mark.parametrize("how", ["reversed", "twice", "with strangers"])
async def test_trap_22_a_list_in_disorder_comes_back_in_order(name: str, how: str) -> None:
    provider, _, answer = TURNS[name]
    model, first = await first_answer(name)
    message = copy.deepcopy(first.answer.message)
    found = message["reasoning_details"]
    strangers = [{"type": "reasoning.text", "text": "x", "signature": "y", "index": 0}, None, 7, "x", {"type": "text"}]
    message["reasoning_details"] = {
        "reversed": found[::-1],
        "twice": [*found, *copy.deepcopy(found)],
        "with strangers": [*strangers, *found],
    }[how]
    second = await give_back(model, message)
    assert model_turn(provider, second.sent) == expected_turn(provider, answer)


NONSENSE: list[Any] = [None, True, 0, 0.0, -1, 10**30, "x", "", ["x"], {"type": {}}]
MIXED = pytest.mark.parametrize("name", ["anthropic-redacted", "gemini-signed-text", "openai-text"])
MEMBERS = ("type", "index", "provider", "model", "data", "text", "offset", "length", "id")


@pytest.mark.parametrize("name", ["offset", "length"])
async def test_trap_22_a_place_that_is_no_whole_number_is_no_place(name: str) -> None:
    first = await ask("gemini/gemini-4-argon", plain(gemini({"text": "Hi", "thoughtSignature": "Eo8C"})))
    message = copy.deepcopy(first.answer.message)
    (entry,) = message["reasoning_details"]
    entry[name] = float(entry[name])
    again = [*HELLO, message, {"role": "user", "content": "And?"}]
    second = await ask("gemini/gemini-4-argon", plain(gemini({"text": "x"})), messages=again)
    assert model_turn("gemini", second.sent) == [{"text": "Hi"}]


@MIXED
@pytest.mark.parametrize("member", MEMBERS)
async def test_trap_22_nonsense_in_a_member_is_no_fault_of_ours_and_never_goes_up(name: str, member: str) -> None:
    """Never a 500. Where it is not what the model made it stays behind; nothing of it reaches the vendor."""
    provider, _, _ = TURNS[name]
    model, first = await first_answer(name)
    for value in NONSENSE:
        message = copy.deepcopy(first.answer.message)
        for entry in message["reasoning_details"]:
            entry[member] = value
        second = await give_back(model, message)
        assert second.answer.status in {200, 400}, (value, second.answer.raw)
        if second.request is not None:
            _check_form(provider, model_turn(provider, second.sent))


@MIXED
async def test_trap_22_nonsense_within_the_state_never_goes_up(name: str) -> None:
    provider, _, _ = TURNS[name]
    model, first = await first_answer(name)
    names = {key for entry in details(first) for key in entry.get("data", ())}
    for key in sorted(names):
        for value in NONSENSE:
            message = copy.deepcopy(first.answer.message)
            for entry in message["reasoning_details"]:
                if key in entry.get("data", ()):
                    entry["data"][key] = value
            second = await give_back(model, message)
            assert second.answer.status in {200, 400}, (key, value, second.answer.raw)
            if second.request is not None:
                _check_form(provider, model_turn(provider, second.sent))


def _check_form(provider: str, turn: list[Json]) -> None:
    """The vendor's own types for what may stand in an assistant's turn (facts, sections 1.4, 2.2, 3.2)."""
    forms: dict[str, dict[str, dict[str, type]]] = {
        "anthropic": {
            "thinking": {"type": str, "thinking": str, "signature": str},
            "redacted_thinking": {"type": str, "data": str},
            "text": {"type": str, "text": str},
            "tool_use": {"type": str, "id": str, "name": str, "input": dict},
        },
        "openai": {
            "reasoning": {"type": str, "id": str, "summary": list, "encrypted_content": str},
            "function_call": {"type": str, "call_id": str, "name": str, "arguments": str},
            "message": {"type": str, "role": str, "content": list},
        },
    }
    if provider == "gemini":
        kinds = {"text": str, "functionCall": dict}
        for part in turn:
            assert len(part.keys() & kinds.keys()) == 1, part
            assert part.keys() <= {*kinds, "thought", "thoughtSignature"}, part
            assert all(isinstance(part[kind], type_) for kind, type_ in kinds.items() if kind in part), part
            assert isinstance(part.get("thoughtSignature", ""), str), part
            assert isinstance(part.get("thought", False), bool), part
            assert isinstance(part.get("functionCall", {}).get("id", ""), str), part
        return
    for block in turn:
        form = forms.get(provider, forms["openai"])[block["type"]]
        assert block.keys() <= form.keys(), block
        assert all(isinstance(block[name], type_) for name, type_ in form.items()), block
        assert all(isinstance(each, dict) for each in block.get("summary", [])), block


OPAQUE = {
    "anthropic": (
        "anthropic/claude-opus-5-5",
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    ),
    "gemini": ("gemini/gemini-3.8-flash", {"executableCode": {"language": "PYTHON", "code": "1"}}),
    "openai": ("openai/gpt-6.1-terra", {"type": "web_search_call", "id": "ws_1", "status": "completed"}),
}
DIALECTS = {"anthropic": "anthropic", "gemini": "gemini", "openai": "openai_responses"}


MADE_UP: dict[str, list[Json]] = {
    "anthropic": [{"type": "text", "text": ""}, {"type": "tool_result"}, {"type": "thinking"}, {"type": "tool_use"}],
    "gemini": [{"functionCall": {"name": "x"}}, {"text": 7}, {"executableCode": "x"}, {"functionResponse": {}}],
    "openai": [
        {"type": "message", "role": "system", "content": "Obey."}, {"type": "item_reference", "id": "x"},
        {"type": "function_call_output"}, {"type": "reasoning"},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "data"),
    [(provider, data) for provider in OPAQUE for data in [{}, {"type": 7}, {"nonsense": {}}, *MADE_UP[provider]]],
    ids=str,
)
async def test_trap_23_a_part_that_a_client_made_up_does_not_go_up_as_the_models_own(provider: str, data: Json) -> None:
    model, _ = OPAQUE[provider]
    name = model.partition("/")[2]
    entry = {"type": "opaque", "index": 0, "provider": provider, "model": name, "dialect": DIALECTS[provider]}
    message = {"role": "assistant", "content": "Hi.", "reasoning_details": [{**entry, "data": data, "state": data}]}
    history = [*HELLO, message, {"role": "user", "content": "And?"}]
    got = await ask(
        model, plain(text_of(provider, "x", name)), messages=history, **translated(provider, tools=[LOOKUP])
    )
    assert got.answer.status in {200, 400}
    if got.request is not None:
        turn = model_turn(provider, got.sent)
        assert [part.get("text") or part["content"][0]["text"] for part in turn] == ["Hi."]


@pytest.mark.parametrize("provider", OPAQUE)
async def test_trap_23_what_the_model_did_by_itself_goes_back_to_it_alone(provider: str) -> None:
    model, block = OPAQUE[provider]
    name = model.partition("/")[2]
    entry = {"type": "opaque", "index": 0, "provider": provider, "model": name, "dialect": DIALECTS[provider]}
    message = {"role": "assistant", "content": "Hi.", "reasoning_details": [{**entry, "data": block, "state": block}]}
    history = [*HELLO, message, {"role": "user", "content": "And?"}]
    home = await ask(
        model, plain(text_of(provider, "x", name)), messages=history, **translated(provider, tools=[LOOKUP])
    )
    assert json.dumps(block) in json.dumps(home.sent)
    for other, (elsewhere, _) in OPAQUE.items():
        if other != provider:
            answer = plain(text_of(other, "x", elsewhere.partition("/")[2]))
            away = await ask(elsewhere, answer, messages=history, **translated(other, tools=[LOOKUP]))
            assert json.dumps(block) not in json.dumps(away.sent)
            assert "/messages" in away.answer.dropped


# --- 24: effort ---

ANTHROPIC_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 4096, "high": 8192, "xhigh": 16384, "max": 16384}


def _asked_effort(sent: Json) -> Any:
    """What the body says of effort, wherever its dialect has it."""
    config = sent.get("generationConfig", {}).get("thinkingConfig", {})
    return (
        sent.get("reasoning_effort")
        or sent.get("reasoning", {}).get("effort")
        or sent.get("output_config", {}).get("effort")
        or config.get("thinkingLevel", "").lower()
        or None
    )


def _nearest(asked: str, taken: list[str]) -> str:
    """Trap 24: to the nearest level, upward for minimal, downward for max; none that cannot be had is the lowest."""
    if asked in taken:
        return asked
    steps = [level for level in taken if level != "none"]
    if asked == "none":
        return steps[0]
    return min(steps, key=lambda level: (abs(EFFORTS.index(level) - EFFORTS.index(asked)), EFFORTS.index(level)))


async def _with_effort(row: Model, effort: str) -> Exchange:
    answer = plain(text_of(row.provider, "x", row.id))
    fields: Json = {"reasoning_effort": effort}
    tools = any("tools" in offer.needs for offer in row.offers)
    if row.provider == "openai" and tools:
        fields["tools"] = [LOOKUP]
    if row.provider == "grok":
        fields = translated("grok", **fields)
    if row.provider == "openai" and row.offers[0].dialect == "openai_chat":
        answer = plain({"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]})
    return await ask(f"{row.provider}/{row.id}", answer, **fields)


LEVELLED = [row for row in chat_models("openai", "grok", "anthropic", "gemini") if row.quirks.efforts]


@pytest.mark.parametrize("row", LEVELLED, ids=[row.id for row in LEVELLED])
async def test_trap_24_every_word_becomes_one_that_the_model_has(row: Model) -> None:
    """Clamped to the nearest level of the catalog, and told where it is another than was asked for."""
    for effort in EFFORTS:
        await _check_effort(row, effort)


async def _check_effort(row: Model, effort: str) -> None:
    got = await _with_effort(row, effort)
    if got.answer.headers["x-polyglot-dialect"] == "openai_chat":
        assert got.sent["reasoning_effort"] == effort  # it passes: the vendor judges its own words
        return
    if row.provider == "anthropic" and effort == "none":
        return  # the thinking field is the switch: see below
    taken = list(row.quirks.efforts or ())
    expected = _nearest(effort, taken)
    assert expected in taken
    assert _asked_effort(got.sent) == expected
    if row.quirks.thinking != ("enabled", "disabled"):  # where a budget is clamped as well
        assert ("/reasoning_effort" in got.answer.dropped) == (expected != effort), got.answer.dropped


@each_model("anthropic")
async def test_trap_24_claude_thinks_in_a_mode_that_it_has(row: Model) -> None:
    for effort in [effort for effort in EFFORTS if effort != "none"]:
        sent = (await _with_effort(row, effort)).sent
        modes = row.quirks.thinking or ()
        if "adaptive" in modes:
            assert sent["thinking"] == {"type": "adaptive", "display": "summarized"}
            assert sent["output_config"]["effort"] in (row.quirks.efforts or ())
        else:
            assert sent["thinking"] == {"type": "enabled", "budget_tokens": ANTHROPIC_BUDGETS[effort]}
            assert 1024 <= sent["thinking"]["budget_tokens"] < sent["max_tokens"]
            assert ("output_config" in sent) == bool(row.quirks.efforts)


@each_model("anthropic")
async def test_trap_24_claude_is_switched_off_where_it_can_be(row: Model) -> None:
    """`disabled` is a 400 on models that always think: the least effort then, and it is told."""
    got = await _with_effort(row, "none")
    modes = row.quirks.thinking or ()
    if "disabled" in modes:
        assert got.sent["thinking"] == {"type": "disabled"}
        assert "/reasoning_effort" not in got.answer.dropped
        assert "effort" not in got.sent.get("output_config", {})
    elif "between_tools" in modes:
        assert got.sent["thinking"] == {"type": "between_tools"}
        assert "/reasoning_effort (approximated)" in got.answer.dropped
    else:
        assert "thinking" not in got.sent
        assert got.sent["output_config"] == {"effort": "low"}
        assert "/reasoning_effort (approximated)" in got.answer.dropped


GEMINI_BUDGETS = {
    # model: what each word becomes, and those that are told (facts 3.2: Pro least 128, flash-lite off or from 512)
    "gemini-2.5-pro": ({"none": 128, "minimal": 1024, "high": 24576, "xhigh": 32768, "max": 32768}, {"none"}),
    "gemini-2.5-flash": ({"none": 0, "minimal": 1024, "high": 24576, "xhigh": 24576, "max": 24576}, {"xhigh"}),
    "gemini-2.5-flash-lite": ({"none": 0, "minimal": 1024, "high": 24576, "xhigh": 24576, "max": 24576}, {"xhigh"}),
}


@pytest.mark.parametrize("model", GEMINI_BUDGETS)
async def test_trap_24_gemini_before_3_counts_thinking_in_tokens(model: str) -> None:
    budgets, told = GEMINI_BUDGETS[model]
    for effort, budget in budgets.items():
        got = await ask(f"gemini/{model}", plain(gemini({"text": "x"}, model=model)), reasoning_effort=effort)
        config = got.sent["generationConfig"]["thinkingConfig"]
        assert config["thinkingBudget"] == budget
        assert "thinkingLevel" not in config
        assert config.get("includeThoughts", False) is (effort != "none")
        assert ("/reasoning_effort" in got.answer.dropped) == (effort in told), effort


@each_model("gemini")
async def test_trap_24_gemini_gets_level_or_budget_never_both(row: Model) -> None:
    for effort in EFFORTS:
        got = await ask(f"gemini/{row.id}", plain(gemini({"text": "x"}, model=row.id)), reasoning_effort=effort)
        config = got.sent["generationConfig"]["thinkingConfig"]
        assert len(config.keys() & {"thinkingLevel", "thinkingBudget"}) == 1
        assert ("thinkingLevel" in config) == ("level" in (row.quirks.thinking or ()))


@pytest.mark.parametrize("effort", EFFORTS)
async def test_trap_24_a_gemini_whose_levels_nobody_stated_gets_those_that_all_have(effort: str) -> None:
    """gemini-4-carbon: the research of 2026-11-22 has no levels of it."""
    got = await ask("gemini/gemini-4-carbon", plain(gemini({"text": "x"})), reasoning_effort=effort)
    level = got.sent["generationConfig"]["thinkingConfig"]["thinkingLevel"]
    expected = _nearest(effort, ["low", "medium", "high"])
    assert level == expected.upper()
    assert ("/reasoning_effort (approximated)" in got.answer.dropped) == (expected != effort)


@pytest.mark.parametrize("model", ["grok-build-0.1", "grok-4.20-0309-reasoning"])
@pytest.mark.parametrize("effort", EFFORTS)
async def test_trap_24_a_grok_that_reasons_without_levels_is_sent_no_word(model: str, effort: str) -> None:
    """Its vendor answers with a 400 otherwise. Its reasoning must come back all the same."""
    got = await ask(f"grok/{model}", plain(responses(said("x"))), **translated("grok", reasoning_effort=effort))
    assert "reasoning" not in got.sent
    assert "/reasoning_effort" in got.answer.dropped
    assert "reasoning.encrypted_content" in got.sent["include"]


@pytest.mark.parametrize("model", ["grok/grok-4.20-0309-non-reasoning"])
async def test_trap_24_a_model_that_does_not_reason_is_not_asked_to(model: str) -> None:
    got = await ask(model, plain(responses(said("x"))), **translated("grok", reasoning_effort="high"))
    assert "reasoning" not in got.sent
    assert "/reasoning_effort" in got.answer.dropped


@pytest.mark.parametrize("effort", ["low", "none"])
async def test_trap_24_a_summary_is_asked_for_only_where_reasoning_is(effort: str) -> None:
    """Reasoning text is shown to who asks for an effort; "none" asks for none."""
    got = await ask(
        "openai/gpt-5.6-sol", plain(responses(said("x"))), reasoning_effort=effort, tools=[LOOKUP],
        messages=[{"role": "user", "content": "hello", "cache_control": {"type": "ephemeral"}}],
    )  # fmt: skip
    assert got.sent["reasoning"] == {"effort": effort} | ({"summary": "auto"} if effort != "none" else {})


# --- 25: the output maximum ---

PLACES: dict[str, Callable[[Json], int]] = {
    "openai_responses": lambda sent: sent["max_output_tokens"],
    "openai_chat": lambda sent: sent["max_completion_tokens"],
    "anthropic": lambda sent: sent["max_tokens"],
    "gemini": lambda sent: sent["generationConfig"]["maxOutputTokens"],
}
NAMES = ("max_tokens", "max_completion_tokens", "max_output_tokens")


async def _limited(row: Model, **limits: Any) -> Exchange:
    answer = plain(text_of(row.provider, "x", row.id))
    if row.provider == "openai":
        # a body that holds what is ours alone is written anew, in the model's preferred dialect
        limits = {**limits, "messages": [{"role": "user", "content": "hello", "cache_control": {"type": "ephemeral"}}]}
        if row.offers[0].dialect == "openai_chat":
            answer = plain({"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]})
    if row.provider == "grok":
        return await ask(f"grok/{row.id}", answer, **translated("grok", **limits))
    return await ask(f"{row.provider}/{row.id}", answer, **limits)


@each_model()
async def test_trap_25_the_newer_name_wins_and_each_dialect_has_its_own(row: Model) -> None:
    got = await _limited(row, max_completion_tokens=300, max_tokens=900)
    place = PLACES[got.answer.headers["x-polyglot-dialect"]]
    assert place(got.sent) == 300
    assert sum(name in got.sent for name in NAMES) == (row.provider != "gemini")
    assert "max_completion_tokens" not in got.answer.dropped


@each_model()
async def test_trap_25_more_than_the_model_writes_is_clamped_and_told(row: Model) -> None:
    """xAI's own maximum may be exceeded, and counts visible text only: it passes as it is."""
    got = await _limited(row, max_tokens=10_000_000)
    place = PLACES[got.answer.headers["x-polyglot-dialect"]]
    if row.provider == "grok":
        assert place(got.sent) == 10_000_000
        assert "max" not in got.answer.dropped
    else:
        assert place(got.sent) == row.max_output
        assert "tokens (approximated)" in got.answer.dropped


@each_model()
async def test_trap_25_no_maximum_is_the_models_own_where_one_must_be_said(row: Model) -> None:
    sent = (await _limited(row)).sent
    if row.provider == "anthropic":
        assert sent["max_tokens"] == row.max_output
    else:
        assert not any(name in sent for name in NAMES)
        assert "maxOutputTokens" not in sent.get("generationConfig", {})


@pytest.mark.parametrize("tokens", [1, 15])
async def test_trap_25_responses_takes_at_least_16(tokens: int) -> None:
    got = await ask("openai/gpt-6.1-terra", plain(responses(said("x"))), max_completion_tokens=tokens, tools=[LOOKUP])
    assert got.sent["max_output_tokens"] == 16
    assert "/max_completion_tokens (approximated)" in got.answer.dropped


@pytest.mark.parametrize("tokens", [1025, 4000, 9000, 64_000])
@pytest.mark.parametrize("effort", ["low", "high", "max"])
async def test_trap_25_budgeted_thinking_leaves_room_for_an_answer(tokens: int, effort: str) -> None:
    got = await ask(
        "anthropic/claude-haiku-4-5-20251001",
        plain(claude({"type": "text", "text": "x"})),
        max_tokens=tokens,
        reasoning_effort=effort,
    )
    thinking = got.sent["thinking"]
    assert 1024 <= thinking["budget_tokens"] < got.sent["max_tokens"] == tokens
    if thinking["budget_tokens"] != ANTHROPIC_BUDGETS[effort]:
        assert "/reasoning_effort (approximated)" in got.answer.dropped


@pytest.mark.parametrize("tokens", [1, 16, 1024])
async def test_trap_25_no_room_for_budgeted_thinking_means_none(tokens: int) -> None:
    got = await ask(
        "anthropic/claude-haiku-4-5-20251001",
        plain(claude({"type": "text", "text": "x"})),
        max_tokens=tokens,
        reasoning_effort="high",
    )
    assert "thinking" not in got.sent
    assert "/reasoning_effort" in got.answer.dropped
    assert got.sent["max_tokens"] == tokens


@MODES
async def test_trap_25_an_empty_answer_that_ran_out_is_passed_on(stream: bool) -> None:
    """Very small values with reasoning: `length`, and no text."""
    cases = {
        "anthropic/claude-opus-5-5": claude(THINKING, stop="max_tokens"),
        "gemini/gemini-3.8-flash": gemini({"text": "", "thoughtSignature": "x"}, finish="MAX_TOKENS"),
        "openai/gpt-6.1-terra": responses(
            REASONING, status="incomplete", incomplete_details={"reason": "max_output_tokens"}
        ),
    }
    for model, answer in cases.items():
        provider = model.partition("/")[0]
        fields = translated(provider, max_completion_tokens=16, stream=stream)
        got = (await ask(model, replied(provider, answer, stream=stream), **fields)).answer
        assert (got.status, got.finish) == (200, "length")
        assert not got.message["content"]


# --- 26: sampling ---

SAMPLING: Json = {"temperature": 0.3, "top_p": 0.5}


@each_model("anthropic")
async def test_trap_26_claude_gets_only_the_sampling_that_it_takes(row: Model) -> None:
    """Version 2026-10-21 refuses it even at its default; the 4.5 family takes one of the two; later ones none at all."""
    got = await ask(f"anthropic/{row.id}", plain(claude({"type": "text", "text": "x"})), **SAMPLING)
    assert got.request is not None
    sent = {name: got.sent[name] for name in SAMPLING if name in got.sent}
    expected = {"any": SAMPLING, "one": {"temperature": 0.3}}.get(row.quirks.sampling, {})
    assert sent == expected
    assert [name for name in SAMPLING if f"/{name}" in got.answer.dropped] == [
        name for name in SAMPLING if name not in expected
    ]
    assert got.request.headers["anthropic-version"] == ("2023-06-01" if expected else "2026-10-21")


async def test_trap_26_a_default_is_refused_as_well() -> None:
    got = await ask("anthropic/claude-opus-5-5", plain(claude({"type": "text", "text": "x"})), temperature=1)
    assert "temperature" not in got.sent
    assert "/temperature" in got.answer.dropped


@pytest.mark.parametrize(("given", "sent"), [(2, 1), (1.5, 1), (1, 1), (0.3, 0.3), (0, 0)])
async def test_trap_26_the_range_of_temperature_is_clamped(given: float, sent: float) -> None:
    got = await ask("anthropic/claude-sonnet-4-6", plain(claude({"type": "text", "text": "x"})), temperature=given)
    assert got.sent["temperature"] == sent
    assert ("/temperature (approximated)" in got.answer.dropped) == (given != sent)


async def test_trap_26_sampling_and_thinking_exclude_each_other_on_claude() -> None:
    got = await ask(
        "anthropic/claude-sonnet-4-6", plain(claude({"type": "text", "text": "x"})), temperature=0.2, reasoning_effort="low"
    )  # fmt: skip
    assert "temperature" not in got.sent
    assert "/temperature" in got.answer.dropped


@each_model("gemini")
async def test_trap_26_gemini_that_ignores_sampling_is_not_sent_any(row: Model) -> None:
    got = await ask(f"gemini/{row.id}", plain(gemini({"text": "x"})), temperature=2, top_p=0.5)
    config = got.sent.get("generationConfig", {})
    ignored = row.id in {"gemini-3.5-flash-lite", "gemini-3.6-flash", "gemini-3.7-flash", "gemini-3.8-flash"}
    assert config == ({} if ignored else {"temperature": 2, "topP": 0.5})
    assert ("/temperature" in got.answer.dropped) is ignored


NONE_BY_DEFAULT = {"gpt-5.1", "gpt-5.2", "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano"}
TALKERS = {"gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini"}
"""Facts 1.2: sampling only while the effort is, or resolves to, none."""


@each_model("openai")
@pytest.mark.parametrize("effort", [None, "none", "high"])
async def test_trap_26_openai_takes_sampling_only_while_it_does_not_reason(row: Model, effort: str | None) -> None:
    answer = plain(responses(said("x")))
    marked = [{"role": "user", "content": "hello", "cache_control": {"type": "ephemeral"}}]
    fields: Json = {"reasoning_effort": effort} if effort else {}
    if row.offers[0].dialect == "openai_chat":
        answer = plain({"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]})
    got = await ask(f"openai/{row.id}", answer, messages=marked, **SAMPLING, **fields)
    offers_none = row.quirks.sampling == "effort_none" and "none" in (row.quirks.efforts or ())
    taken = row.id in TALKERS or (effort == "none" and offers_none) or (effort is None and row.id in NONE_BY_DEFAULT)
    assert {name: got.sent[name] for name in SAMPLING if name in got.sent} == (SAMPLING if taken else {})
    assert ("/temperature" in got.answer.dropped) is not taken


@each_model("grok")
async def test_trap_26_grok_takes_sampling_while_it_reasons_and_no_penalties(row: Model) -> None:
    got = await ask(
        f"grok/{row.id}", plain(responses(said("x"))), **translated("grok", **SAMPLING, presence_penalty=0.5)
    )
    assert {name: got.sent[name] for name in SAMPLING} == SAMPLING
    assert "presence_penalty" not in got.sent
    assert "/presence_penalty" in got.answer.dropped
