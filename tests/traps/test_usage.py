"""Traps 35, 36 and 38: token counts in one convention, also where a stream breaks, and prompt-cache marks, through the whole app."""

import copy
import itertools
import json
from typing import Any

import httpx
import pytest

from harness import FIXTURES
from polyglot_cloud.call import Call, Outcome
from polyglot_cloud.pipeline import Pipeline
from traps.clouds import (
    EACH_CLOUD,
    HELLO,
    LOOKUP,
    MODES,
    SPEAKERS,
    Json,
    ask,
    claude,
    claude_events,
    events,
    gemini,
    plain,
    record,
    replied,
    responses,
    responses_events,
    said,
    text_of,
    translated,
)

ASKED: Json = {"stream_options": {"include_usage": True}}

# --- 35: four conventions ---

COUNTED: dict[str, tuple[str, Json, Json]] = {
    # what the cloud counted, and the same in OpenAI's convention
    "anthropic": (
        "anthropic",
        {
            "input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 40},
        },
        {"prompt": 140, "completion": 50, "cached": 100, "written": 30, "reasoning": 40},
    ),
    "anthropic-sum-only": (
        "anthropic",
        {"input_tokens": 10, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 30, "output_tokens": 5},
        {"prompt": 40, "completion": 5, "cached": 0, "written": 30, "reasoning": 0},
    ),
    "gemini": (
        "gemini",
        {"promptTokenCount": 9, "candidatesTokenCount": 23, "thoughtsTokenCount": 302, "totalTokenCount": 334},
        {"prompt": 9, "completion": 325, "cached": 0, "written": 0, "reasoning": 302},
    ),
    "gemini-cached-and-tools": (
        "gemini",
        {
            "promptTokenCount": 90, "cachedContentTokenCount": 64, "toolUsePromptTokenCount": 11,
            "candidatesTokenCount": 2, "totalTokenCount": 103,
        },
        {"prompt": 101, "completion": 2, "cached": 64, "written": 0, "reasoning": 0},
    ),
    "openai": (
        "openai",
        {
            "input_tokens": 1200,
            "input_tokens_details": {
                "cached_tokens": 1024, "cache_write_tokens": 150,
                "cache_write_tokens_details": {"ttl_30m_tokens": 100, "ttl_12h_tokens": 40},
            },
            "output_tokens": 180, "output_tokens_details": {"reasoning_tokens": 128}, "total_tokens": 1380,
        },
        {"prompt": 1200, "completion": 180, "cached": 1024, "written": 150, "reasoning": 128},
    ),
    "grok-outside": (
        "grok",
        {
            "input_tokens": 32, "input_tokens_details": {"cached_tokens": 6}, "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 94}, "total_tokens": 135, "cost_in_usd_ticks": 77,
        },
        {"prompt": 32, "completion": 103, "cached": 6, "written": 0, "reasoning": 94},
    ),
    "grok-inside": (
        "grok",
        {
            "input_tokens": 32, "output_tokens": 103, "output_tokens_details": {"reasoning_tokens": 94},
            "total_tokens": 135,
        },
        {"prompt": 32, "completion": 103, "cached": 0, "written": 0, "reasoning": 94},
    ),
}  # fmt: skip


def counted(provider: str, usage: Json) -> Json:
    match provider:
        case "anthropic":
            return claude({"type": "text", "text": "Hi."}) | {"usage": usage}
        case "gemini":
            return gemini({"text": "Hi."}) | {"usageMetadata": usage}
        case _:
            return responses(said("Hi.")) | {"usage": usage}


@MODES
@pytest.mark.parametrize("name", COUNTED)
async def test_trap_35_each_clouds_count_in_openais_convention(name: str, stream: bool) -> None:
    provider, usage, expected = COUNTED[name]
    fields = {**translated(provider), **({"stream": True, **ASKED} if stream else {})}
    reply = replied(provider, counted(provider, usage), stream=stream)
    got = (await ask(f"{provider}/{dict(SPEAKERS)[provider]}", reply, **fields)).answer
    told = got.usage
    assert told is not None
    assert told["prompt_tokens"] == expected["prompt"]
    assert told["completion_tokens"] == expected["completion"]
    assert told["prompt_tokens"] + told["completion_tokens"] == told["total_tokens"]
    assert told["prompt_tokens_details"]["cached_tokens"] == expected["cached"]
    assert told["prompt_tokens_details"].get("cache_write_tokens", 0) == expected["written"]
    assert told["completion_tokens_details"]["reasoning_tokens"] == expected["reasoning"]
    assert told.get("cost_in_usd_ticks") == usage.get("cost_in_usd_ticks")


NONSENSE: list[Any] = [None, "x", [], 7, {"input_tokens": "x", "promptTokenCount": None}, {"output_tokens": -3}]


@MODES
@EACH_CLOUD
@pytest.mark.parametrize("usage", NONSENSE, ids=str)
async def test_trap_35_nonsense_for_usage_is_no_fault_of_the_answer(
    provider: str, model: str, usage: Any, stream: bool
) -> None:
    answer = counted(provider, {"output_tokens": 1})
    answer["usageMetadata" if provider == "gemini" else "usage"] = usage
    if stream and provider == "anthropic":
        pieces = list(claude_events(text_of(provider, "Hi.", model)))
        start = {"type": "message_start", "message": {"id": "m", "usage": usage}}
        reply = events(b"".join([record(start, "message_start"), *pieces[1:]]))
    else:
        reply = replied(provider, answer, stream=stream)
    got = (
        await ask(f"{provider}/{model}", reply, **translated(provider, stream=stream, **(ASKED if stream else {})))
    ).answer
    assert (got.status, got.message["content"]) == (200, "Hi.")
    if got.usage is not None:
        assert got.usage["prompt_tokens"] + got.usage["completion_tokens"] == got.usage["total_tokens"]
        assert min(got.usage["prompt_tokens"], got.usage["completion_tokens"]) >= 0


# --- 36: in streams ---


@EACH_CLOUD
async def test_trap_36_the_usage_chunk_comes_only_to_who_asked(provider: str, model: str) -> None:
    """Clients index choices[0] blindly."""
    answer = text_of(provider, "Hi.", model)
    bare = await ask(f"{provider}/{model}", replied(provider, answer, stream=True), **translated(provider, stream=True))
    assert all(chunk["choices"] for chunk in bare.answer.chunks)
    assert not any("usage" in chunk for chunk in bare.answer.chunks)
    fields = translated(provider, stream=True, **ASKED)
    asked = await ask(f"{provider}/{model}", replied(provider, answer, stream=True), **fields)
    *others, last = asked.answer.chunks
    assert (last["choices"], last["usage"]["completion_tokens"]) == ([], 5)
    assert all(chunk["choices"] and chunk["usage"] is None for chunk in others)
    assert asked.answer.done


async def test_trap_36_a_cloud_that_can_be_asked_for_usage_always_is() -> None:
    """The bill needs it: our own wish in Chat is cut out of the answer again."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]},
        {**head, "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}},
    ]
    stream = b"".join(map(record, chunks)) + b"data: [DONE]\n\n"
    got = await ask("openai/gpt-4.1", events(stream), stream=True)
    assert got.sent["stream_options"] == {"include_usage": True}
    assert all(chunk["choices"] for chunk in got.answer.chunks)


async def test_trap_36_counts_of_claude_are_cumulative() -> None:
    """A later count replaces an earlier one; it is never added."""
    usage = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 2}
    pieces = list(claude_events(claude({"type": "text", "text": "Hi."})))
    start = {"type": "message_start", "message": {**claude(), "usage": usage}}
    delta = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 7}}
    last = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {**usage, "output_tokens": 9}}
    stream = [record(start), *pieces[1:-2], record(delta), record(last), pieces[-1]]
    got = (await ask("anthropic/claude-opus-5-5", events(b"".join(stream)), stream=True, **ASKED)).answer
    assert got.usage is not None
    assert (got.usage["prompt_tokens"], got.usage["completion_tokens"]) == (15, 9)


async def test_trap_36_the_last_count_of_gemini_is_the_truth() -> None:
    def chunk(text: str, tokens: int, finish: str | None = None) -> bytes:
        usage = {"promptTokenCount": 4, "candidatesTokenCount": tokens}
        return record(gemini({"text": text}, finish=finish) | {"usageMetadata": usage})

    stream = (
        chunk("a", 1)
        + chunk("b", 2, "STOP")
        + record({"usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 3}})
    )
    got = (await ask("gemini/gemini-3.8-flash", events(stream), stream=True, **ASKED)).answer
    assert got.usage is not None
    assert (got.usage["prompt_tokens"], got.usage["completion_tokens"]) == (4, 3)


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """What became of the attempts: it is for the ledger, and shown to no client."""
    found: list[Outcome] = []
    handle = Pipeline.handle

    async def kept(self: Pipeline, call: Call) -> Any:
        reply = await handle(self, call)
        found.append(reply.outcome)
        return reply

    monkeypatch.setattr(Pipeline, "handle", kept)
    return found


@pytest.mark.parametrize("how", ["ends", "breaks"])
async def test_trap_36_a_stream_that_breaks_has_the_usage_so_far(how: str, outcomes: list[Outcome]) -> None:
    """As far as the cloud has told it: Claude at the start, Gemini in every chunk, the others at the end alone."""
    error = httpx.ReadError("gone") if how == "breaks" else None
    claudes = claude({"type": "text", "text": "Hi there."}) | {
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 50}
    }
    told = {"promptTokenCount": 4, "candidatesTokenCount": 2, "thoughtsTokenCount": 7}
    geminis = gemini({"text": "Hi"}, finish=None) | {"usageMetadata": told}
    cut = {
        "anthropic/claude-opus-5-5": b"".join(list(claude_events(claudes))[:3]),
        "gemini/gemini-3.8-flash": record(geminis),
        "openai/gpt-6.1-terra": b"".join(list(responses_events(responses(said("Hi there."))))[:3]),
    }
    for model, stream in cut.items():
        fields = translated(model.partition("/")[0], stream=True)
        got = (await ask(model, events([stream], error), **fields)).answer
        assert got.error is not None
        assert (got.finish, got.done) == (None, False)
    assert [outcome.state for outcome in outcomes] == ["truncated"] * 3
    spent = [(outcome.usage.input, outcome.usage.output) if outcome.usage else None for outcome in outcomes]
    assert spent == [(15, 1), (4, 9), None]


async def test_trap_36_a_stream_that_failed_in_words_has_its_usage_too(outcomes: list[Outcome]) -> None:
    pieces = list(claude_events(claude({"type": "text", "text": "Hi there."})))[:3]
    error = record({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "error")
    await ask("anthropic/claude-opus-5-5", events(b"".join([*pieces, error])), stream=True)
    (outcome,) = outcomes
    assert outcome.usage is not None
    assert (outcome.state, outcome.usage.input) == ("failed", 10)


async def test_trap_36_a_recorded_stream_says_what_its_plain_twin_says() -> None:
    folder = FIXTURES / "anthropic" / "max_tokens_cached"
    whole = json.loads((folder / "response.json").read_text(encoding="utf-8"))
    first = await ask("anthropic/claude-opus-5-5", plain(whole))
    second = await ask("anthropic/claude-opus-5-5", events((folder / "stream.sse").read_bytes()), stream=True, **ASKED)
    assert first.answer.usage == second.answer.usage


# --- 38: prompt caching ---


def marked(name: str = "cache_control", **mark: str) -> list[Json]:
    value = {"type": "ephemeral", **mark} if name == "cache_control" else {"mode": "explicit", **mark}
    return [
        {"role": "system", "content": [{"type": "text", "text": "Rules.", name: value}]},
        {
            "role": "user",
            "content": [{"type": "text", "text": "A book."}, {"type": "text", "text": "And?", name: value}],
        },
    ]


@pytest.mark.parametrize("name", ["cache_control", "prompt_cache_breakpoint"])
@pytest.mark.parametrize(
    ("asked", "anthropic", "openai"),
    [
        (None, None, None),
        ("5m", "5m", None),
        ("30m", "5m", "30m"),
        ("1h", "1h", "12h"),
        ("12h", "1h", "12h"),
        ("nonsense", "5m", None),
    ],
)
async def test_trap_38_marks_are_mapped_both_ways(
    name: str, asked: str | None, anthropic: str | None, openai: str | None
) -> None:
    messages = marked(name, **({"ttl": asked} if asked else {}))
    got = await ask("anthropic/claude-opus-5-5", plain(claude()), messages=messages)
    mark = {"type": "ephemeral"} | ({"ttl": anthropic} if anthropic else {})
    assert got.sent["system"][0]["cache_control"] == mark
    assert [block.get("cache_control") for block in got.sent["messages"][0]["content"]] == [None, mark]
    assert ("/messages (approximated)" in got.answer.dropped) is (asked != anthropic)

    got = await ask("openai/gpt-6.1-terra", plain(responses(said("x"))), messages=messages, tools=[LOOKUP])
    mark = {"mode": "explicit"} | ({"ttl": openai} if openai else {})
    parts = [part for item in got.sent["input"] for part in item["content"]]
    assert [part.get("prompt_cache_breakpoint") for part in parts] == [mark, None, mark]
    assert ("/messages (approximated)" in got.answer.dropped) is (asked != openai)
    assert "cache_control" not in json.dumps(got.sent)


async def test_trap_38_a_mark_on_a_tools_result_is_carried() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "c1", "content": "a city", "cache_control": {"type": "ephemeral"}}
    history = [*HELLO, {"role": "assistant", "content": None, "tool_calls": [call]}, result]
    got = await ask("openai/gpt-5.6-sol", plain(responses(said("x"))), messages=history, tools=[LOOKUP])
    (output,) = [item["output"] for item in got.sent["input"] if item.get("type") == "function_call_output"]
    assert output == [{"type": "input_text", "text": "a city", "prompt_cache_breakpoint": {"mode": "explicit"}}]
    got = await ask("anthropic/claude-opus-5-5", plain(claude()), messages=history, tools=[LOOKUP])
    assert got.sent["messages"][-1]["content"][0]["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize(
    "model", ["openai/gpt-5.4", "openai/gpt-5.1", "openai/gpt-4.1", "grok/grok-4.7", "gemini/gemini-3.8-flash"]
)
async def test_trap_38_a_cloud_that_caches_by_itself_gets_no_marks_and_that_is_told(model: str) -> None:
    provider, _, name = model.partition("/")
    answer = text_of(provider, "x", name)
    if model == "openai/gpt-4.1":
        answer = {"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]}
    got = await ask(model, plain(answer), messages=marked())
    assert "cache_control" not in json.dumps(got.sent)
    assert "breakpoint" not in json.dumps(got.sent)
    assert "/messages" in got.answer.dropped


@pytest.mark.parametrize("model", ["anthropic/claude-opus-5-5", "openai/gpt-6.1-terra"])
async def test_trap_38_four_marks_at_most(model: str) -> None:
    provider, _, name = model.partition("/")
    parts = [{"type": "text", "text": str(at), "cache_control": {"type": "ephemeral"}} for at in range(7)]
    messages = [{"role": "user", "content": parts}]
    got = await ask(model, plain(text_of(provider, "x", name)), messages=messages, tools=[LOOKUP])
    sent = got.sent["messages" if provider == "anthropic" else "input"][0]["content"]
    name = "cache_control" if provider == "anthropic" else "prompt_cache_breakpoint"
    assert [part["text"] for part in sent if name in part] == ["0", "4", "5", "6"]
    assert "/messages" in got.answer.dropped.split(", ")


async def test_trap_38_the_longer_time_stands_first() -> None:
    parts = [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ]
    got = await ask("anthropic/claude-opus-5-5", plain(claude()), messages=[{"role": "user", "content": parts}])
    ttls = [block["cache_control"].get("ttl", "5m") for block in got.sent["messages"][0]["content"]]
    assert ttls == ["5m", "5m"]
    assert "/messages (approximated)" in got.answer.dropped


async def test_trap_38_a_mark_on_a_tool() -> None:
    tool = {**LOOKUP, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    got = await ask("anthropic/claude-opus-5-5", plain(claude()), tools=[tool])
    assert got.sent["tools"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    got = await ask("openai/gpt-6.1-terra", plain(responses(said("x"))), tools=[tool])
    assert "cache" not in json.dumps(got.sent["tools"])
    assert "/tools" in got.answer.dropped


@EACH_CLOUD
async def test_trap_38_the_prefix_of_a_conversation_keeps_its_bytes(provider: str, model: str) -> None:
    """Tools with their keys in the client's order, no time in the system text: each turn's body begins as the one before."""
    schema = {
        "type": "object",
        "properties": {"z": {"type": "string"}, "a": {"type": "integer"}},
        "required": ["z", "a"],
    }
    tools = [
        {"type": "function", "function": {"name": name, "description": name, "parameters": copy.deepcopy(schema)}}
        for name in ("zeta", "alpha")
    ]
    system = [{"role": "system", "content": "Rules."}]
    bodies = []
    history: list[Json] = []
    for text in ("one", "two", "three"):
        history.append({"role": "user", "content": text})
        got = await ask(
            f"{provider}/{model}", plain(text_of(provider, "x", model)),
            **translated(provider, messages=[*system, *history], tools=tools),
        )  # fmt: skip
        bodies.append(got.sent)
        history.append({"role": "assistant", "content": got.answer.message["content"]})
    assert list(bodies[0]) == list(bodies[2])
    turns = next(name for name in ("messages", "contents", "input") if name in bodies[0])
    for earlier, later in itertools.pairwise(bodies):
        assert json.dumps(later[turns]).startswith(json.dumps(earlier[turns])[:-1])
        rest = [json.dumps({name: value for name, value in body.items() if name != turns}) for body in (earlier, later)]
        assert rest[0] == rest[1]
    tools_up = json.dumps(bodies[0]["tools"])
    assert tools_up.index("zeta") < tools_up.index("alpha")
    assert tools_up.index('"z"') < tools_up.index('"a"')


@pytest.mark.parametrize(("provider", "model"), [("openai", "gpt-6.1-terra"), ("grok", "grok-4.7")])
async def test_trap_38_the_cache_key_goes_along(provider: str, model: str) -> None:
    got = await ask(
        f"{provider}/{model}", plain(responses(said("x"))), **translated(provider, prompt_cache_key="run-1")
    )
    assert got.sent["prompt_cache_key"] == "run-1"
