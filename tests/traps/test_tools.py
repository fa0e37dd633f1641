"""Traps 11 to 19 and 21 of translation: tools. A client's Chat body through the whole gateway, and a vendor's calls back to it."""

import json
import re
from typing import Any

import pytest

from harness import HELLO
from polyglot_cloud.rows import Model
from traps.tool_replies import (
    BUDGETED,
    CHAT,
    CITY,
    CLAUDE,
    GEMINI,
    GROK,
    NEW,
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
    history,
    joined,
    models,
)

each_way = pytest.mark.parametrize("way", WAYS, ids=str)
both_modes = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
ANTHROPIC_ID = re.compile(r"[a-zA-Z0-9_-]+")
TOOLS = [function("weather"), function("time"), function("mail")]


def forced(name: str) -> Json:
    return {"type": "function", "function": {"name": name}}


def allowed(mode: str, *names: str) -> Json:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [forced(name) for name in names]}}


def offered(body: Json) -> list[str]:
    """Names of the tools in a vendor's request."""
    tools = body.get("tools", [])
    tools = [inner for tool in tools for inner in tool.get("functionDeclarations", [tool])]
    return [tool.get("name") or tool["function"]["name"] for tool in tools]


def called(body: Json) -> list[tuple[str | None, str, Any]]:
    """(id, name, arguments) of the calls in a vendor's history."""
    found: list[tuple[str | None, str, Any]] = []
    for item in body.get("messages") or body.get("input") or body["contents"]:
        if item.get("type") == "function_call":
            found.append((item["call_id"], item["name"], item["arguments"]))
        found += [
            (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in item.get("tool_calls", ())
        ]
        for part in item.get("parts", item.get("content") if isinstance(item.get("content"), list) else ()):
            if part.get("type") == "tool_use":
                found.append((part["id"], part["name"], part["input"]))
            elif "functionCall" in part:
                call = part["functionCall"]
                found.append((call.get("id"), call["name"], call["args"]))
    return found


def answered(body: Json) -> list[tuple[str | None, str]]:
    """(id, text) of the results in a vendor's history."""
    found: list[tuple[str | None, str]] = []
    for item in body.get("messages") or body.get("input") or body["contents"]:
        if item.get("type") == "function_call_output":
            found.append((item["call_id"], item["output"]))
        elif item.get("role") == "tool":
            found.append((item["tool_call_id"], item["content"]))
        for part in item.get("parts", item.get("content") if isinstance(item.get("content"), list) else ()):
            if part.get("type") == "tool_result":
                found.append((part["tool_use_id"], part["content"][0]["text"]))
            elif "functionResponse" in part:
                response = part["functionResponse"]
                found.append((response.get("id"), response["response"]["result"]))
    return found


async def calls_of(way: Way, made: list[Made], *, stream: bool, **members: Any) -> list[Json]:
    """The calls that a client sees, as {id, type, name, arguments}."""
    names = dict.fromkeys(call.name for call in made)
    body = asked(way, tools=[function(name) for name in names] or None, **members)
    trip = await go(way, {**body, "stream": stream}, made)
    if stream:
        assert [choice["finish_reason"] for choice in trip.chunks if choice["finish_reason"]] == ["tool_calls"]
        return joined(trip.fragments)
    assert trip.finish == "tool_calls"
    return [{"id": call["id"], "type": call["type"], **call["function"]} for call in trip.message["tool_calls"]]


# --- 11: OpenAI's Chat refuses function tools on new models ---

NO_TOOLS_IN_CHAT = ("gpt-6-astra", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-6.2-astra", "gpt-6.2-sol")
ONLY_WITHOUT_EFFORT = ("gpt-6-sol", "gpt-6-luna", "gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna")


def openai_way(model: str, dialect: str) -> Way:
    return Way("openai", model, dialect)


@pytest.mark.parametrize("model", [*NO_TOOLS_IN_CHAT, *ONLY_WITHOUT_EFFORT])
@pytest.mark.parametrize("effort", [None, "low", "high"])
@both_modes
async def test_trap_11_tools_of_new_models_go_to_responses(model: str, effort: str | None, stream: bool) -> None:
    body = asked(NEW) | {"model": model, "stream": stream} | ({"reasoning_effort": effort} if effort else {})
    trip = await go(openai_way(model, "openai_responses"), body, [Made("weather")])
    assert trip.urls == ["/v1/responses"]
    assert offered(trip.up) == ["weather"]
    assert "messages" not in trip.up
    calls = joined(trip.fragments) if stream else [trip.message["tool_calls"][0]["function"]]
    assert [(call["name"], call["arguments"]) for call in calls] == [("weather", '{"city":"Bonn"}')]


@pytest.mark.parametrize("model", ONLY_WITHOUT_EFFORT)
async def test_trap_11_tools_without_effort_may_stay_in_chat(model: str) -> None:
    """gpt-5.6 and the two gpt-6 take them so; the very bytes pass."""
    body = asked(NEW) | {"model": model, "reasoning_effort": "none"}
    trip = await go(openai_way(model, "openai_chat"), body, [Made("weather")])
    assert trip.urls == ["/v1/chat/completions"]
    assert trip.up == body


@pytest.mark.parametrize("model", NO_TOOLS_IN_CHAT)
async def test_trap_11_no_effort_at_all_makes_chat_take_tools(model: str) -> None:
    body = asked(NEW) | {"model": model, "reasoning_effort": "none"}
    trip = await go(openai_way(model, "openai_responses"), body, [Made("weather")])
    assert trip.urls == ["/v1/responses"]


@pytest.mark.parametrize("row", models("openai"), ids=lambda row: row.id)
@pytest.mark.parametrize("form", ["tools", "functions"])
async def test_trap_11_no_model_is_asked_where_it_refuses_tools(row: Model, form: str) -> None:
    """Responses takes tools of every model; Chat only where the row says so, and never of a gpt-6 that reasons."""
    offers = [{"name": "weather", "parameters": CITY}] if form == "functions" else [function("weather")]
    body = {"model": row.id, "messages": HELLO, "reasoning_effort": "high", form: offers}
    in_chat = any(offer.dialect == "openai_chat" and "tools_with_effort" in offer.needs for offer in row.offers)
    dialect = "openai_chat" if in_chat else "openai_responses"
    trip = await go(openai_way(row.id, dialect), body, [Made("weather")])
    assert trip.urls == ["/v1/chat/completions" if in_chat else "/v1/responses"]
    assert not (in_chat and row.id.startswith(("gpt-6", "gpt-5.6")))


# --- 12: strict means another thing where it is left out ---


@pytest.mark.parametrize("way", [RESPONSES, GROK], ids=str)
@pytest.mark.parametrize(
    ("given", "sent"), [({}, False), ({"strict": None}, False), ({"strict": False}, False), ({"strict": True}, True)]
)
async def test_trap_12_strict_is_always_said_to_responses(way: Way, given: Json, sent: bool) -> None:
    closed = {**CITY, "additionalProperties": False}
    trip = await go(way, asked(way, tools=[function("weather", closed, **given)]))
    assert trip.up["tools"] == [{"type": "function", "name": "weather", "parameters": closed, "strict": sent}]


async def test_trap_12_the_deprecated_form_is_not_strict_either() -> None:
    body = {"model": RESPONSES.model, "messages": HELLO, "functions": [{"name": "weather", "parameters": CITY}]}
    trip = await go(RESPONSES, body)
    assert [tool["strict"] for tool in trip.up["tools"]] == [False]


@pytest.mark.parametrize("way", [CLAUDE, BUDGETED], ids=str)
async def test_trap_12_strict_is_said_of_each_tool_to_claude(way: Way) -> None:
    tools = [function("weather", strict=True), function("time", strict=False), function("mail")]
    trip = await go(way, asked(way, tools=tools))
    assert [tool.get("strict", False) for tool in trip.up["tools"]] == [True, False, False]
    assert trip.up["tools"][0]["input_schema"] == {**CITY, "additionalProperties": False}
    assert trip.up["tools"][1]["input_schema"] == CITY


@pytest.mark.parametrize("way", [GEMINI, OLD_GEMINI], ids=str)
async def test_trap_12_strict_is_told_as_lost_where_there_is_none(way: Way) -> None:
    trip = await go(way, asked(way, tools=[function("weather", strict=True), function("time")]))
    assert "strict" not in json.dumps(trip.up)
    assert trip.dropped == "/tools/0/function/strict".replace("/0/", "/*/")


# --- 13: a call's id in Responses is call_id ---


@pytest.mark.parametrize("way", [RESPONSES, GROK], ids=str)
@both_modes
async def test_trap_13_the_chat_id_is_the_call_id(way: Way, stream: bool) -> None:
    calls = await calls_of(way, [Made("weather", id="call_abc"), Made("time", id="call_def")], stream=stream)
    assert [call["id"] for call in calls] == ["call_abc", "call_def"]


@pytest.mark.parametrize("way", [RESPONSES, GROK], ids=str)
async def test_trap_13_results_refer_to_call_id_and_no_item_is_named(way: Way) -> None:
    trip = await go(way, asked(way, messages=history([("call_abc", "weather", "{}"), ("call_def", "weather", "{}")])))
    items = [item for item in trip.up["input"] if "call_id" in item]
    assert [(item["type"], item["call_id"]) for item in items] == [
        ("function_call", "call_abc"),
        ("function_call", "call_def"),
        ("function_call_output", "call_abc"),
        ("function_call_output", "call_def"),
    ]
    assert not any("id" in item for item in trip.up["input"])
    assert trip.up["store"] is False


# --- 14: ids of other vendors ---

FOREIGN = [
    "call_abc", "toolu_01A", "functions.weather:0", "call|1", "gemini/1", "ünïcode", "with space", "x" * 65, "x" * 300, "",
    "\ud83d", "a\nb",
]  # fmt: skip


@each_way
@pytest.mark.parametrize("id_", FOREIGN)
async def test_trap_14_a_foreign_id_is_rewritten_alike_in_call_and_result(way: Way, id_: str) -> None:
    trip = await go(way, asked(way, messages=history([(id_, "weather", "{}")])))
    ((call, _, _),), ((result, text),) = called(trip.up), answered(trip.up)
    assert call == result
    assert text == f"done {id_}"
    if way.dialect == "anthropic":
        assert call
        assert ANTHROPIC_ID.fullmatch(call)
        assert call == id_ or not ANTHROPIC_ID.fullmatch(id_), "an id that is fit stays as it is"
    elif way.dialect == "openai_responses":
        assert call
        assert 1 <= len(call) <= 64
        assert call == id_ or not 1 <= len(id_) <= 64
    elif way.dialect == "gemini":
        assert call is None, "Gemini gets an id only that it gave"


@each_way
async def test_trap_14_rewriting_is_the_same_in_every_turn(way: Way) -> None:
    """The next request of a stateless client repeats the history: what was sent of it before must not change."""
    first = [("a.1", "weather", "{}"), ("y" * 80, "weather", '{"city":"Bonn"}')]
    short = await go(way, asked(way, messages=history(first)))
    long = await go(way, asked(way, messages=history(first, [("a.1", "weather", "{}"), ("b.2", "weather", "{}")])))
    assert called(long.up)[:2] == called(short.up)
    assert answered(long.up)[:2] == answered(short.up)
    assert [text for _, text in answered(long.up)] == ["done a.1", f"done {'y' * 80}", "done a.1", "done b.2"]


@pytest.mark.parametrize("way", [CLAUDE, BUDGETED, UNFORCED, RESPONSES, GROK], ids=str)
async def test_trap_14_ids_that_only_differ_in_what_is_rewritten_stay_apart(way: Way) -> None:
    pairs = [("a.b", "a:b"), ("z" * 64 + "1", "z" * 64 + "2")]
    for one, other in pairs:
        trip = await go(way, asked(way, messages=history([(one, "weather", "{}"), (other, "weather", "{}")])))
        ids = [id_ for id_, _, _ in called(trip.up)]
        assert len(set(ids)) == 2
        assert answered(trip.up) == [(ids[0], f"done {one}"), (ids[1], f"done {other}")]


@pytest.mark.parametrize("way", [CLAUDE, BUDGETED, UNFORCED], ids=str)
@pytest.mark.parametrize("id_", ["call_0", "call.0", ""])
async def test_trap_14_ids_that_begin_anew_in_each_turn_stay_apart(way: Way, id_: str) -> None:
    turns = [[(id_, "weather", '{"city":"A"}')], [(id_, "weather", '{"city":"B"}')], [(id_, "weather", "{}")]]
    trip = await go(way, asked(way, messages=history(*turns)))
    ids = [call for call, _, _ in called(trip.up)]
    assert len(set(ids)) == 3
    assert [result for result, _ in answered(trip.up)] == ids


@pytest.mark.parametrize("way", [GEMINI, OLD_GEMINI], ids=str)
async def test_trap_14_a_call_without_id_gets_one_the_same_in_both_modes(way: Way) -> None:
    made = [Made("weather", id=None), Made("time", id=None), Made("weather", id=None)]
    plain = await calls_of(way, made, stream=False)
    stream = await calls_of(way, made, stream=True)
    assert plain == stream
    assert all(re.fullmatch(r"call_[0-9a-f]{24}", call["id"]) for call in plain)
    assert len({call["id"] for call in plain}) == 3


@each_way
@both_modes
async def test_trap_14_the_ids_that_a_client_is_given_come_home(way: Way, stream: bool) -> None:
    """A tool loop: the calls of the answer, handed back with their results, are the calls that the vendor knows."""
    ids = [None, None] if way is OLD_GEMINI else ["one", "two"]
    made = [Made("weather", '{"city":"A"}', ids[0]), Made("weather", '{"city":"B"}', ids[1])]
    calls = await calls_of(way, made, stream=stream)
    turn = [(call["id"], call["name"], call["arguments"]) for call in calls]
    trip = await go(way, asked(way, messages=history(turn)))
    assert [json.loads(text) if isinstance(text, str) else text for _, _, text in called(trip.up)] == [
        {"city": "A"},
        {"city": "B"},
    ]
    if way.dialect != "gemini":
        assert [id_ for id_, _, _ in called(trip.up)] == ids
        assert [id_ for id_, _ in answered(trip.up)] == ids
    assert [text for _, text in answered(trip.up)] == [f"done {call['id']}" for call in calls]


# --- 15: streamed calls ---

PARALLEL = [
    Made("weather", '{"city":"Bonn"}', "a"),
    Made("time", '{"city":"Köln","n":2}', "b"),
    Made("mail", "{}", "c"),
]


@each_way
async def test_trap_15_indexes_count_calls(way: Way) -> None:
    calls = await calls_of(way, PARALLEL, stream=True)
    assert [(call["name"], json.loads(call["arguments"])) for call in calls] == [
        ("weather", {"city": "Bonn"}),
        ("time", {"city": "Köln", "n": 2}),
        ("mail", {}),
    ]
    assert [call["type"] for call in calls] == ["function"] * 3
    assert [call["id"] for call in calls] == ["a", "b", "c"]


@pytest.mark.parametrize("way", [way for way in WAYS if way is not CHAT], ids=str)
async def test_trap_15_the_first_fragment_of_a_call_names_it_and_has_no_arguments_yet(way: Way) -> None:
    """Of Chat in Chat the provider's own chunks pass."""
    body = asked(way, tools=TOOLS, stream=True)
    fragments = (await go(way, body, PARALLEL)).fragments
    for number in range(3):
        first, *later = [fragment for fragment in fragments if fragment["index"] == number]
        assert first == {
            "index": number,
            "id": PARALLEL[number].id,
            "type": "function",
            "function": {"name": PARALLEL[number].name, "arguments": ""},
        }
        assert later
        assert all(set(fragment) == {"index", "function"} for fragment in later)
        assert all(set(fragment["function"]) == {"arguments"} for fragment in later)


@pytest.mark.parametrize("way", [RESPONSES, GROK], ids=str)
async def test_trap_15_arguments_that_come_in_turns_do_not_run_together(way: Way) -> None:
    trip = await go(way, asked(way, tools=TOOLS, stream=True), PARALLEL)
    order = [fragment["index"] for fragment in trip.fragments if fragment["function"]["arguments"]]
    assert order != sorted(order), "the stream of this test is interleaved"
    assert [call["arguments"] for call in joined(trip.fragments)] == [call.arguments for call in PARALLEL]


@pytest.mark.parametrize("way", [way for way in WAYS if way is not CHAT], ids=str)
@both_modes
async def test_trap_15_no_arguments_are_the_empty_object(way: Way, stream: bool) -> None:
    calls = await calls_of(way, [Made("ping", ""), Made("pong", "", "call_2")], stream=stream)
    assert [call["arguments"] for call in calls] == ["{}", "{}"]


@pytest.mark.parametrize("way", [GEMINI, OLD_GEMINI], ids=str)
async def test_trap_15_calls_that_come_whole_are_a_head_and_all_arguments(way: Way) -> None:
    fragments = (await go(way, asked(way, stream=True), [Made("weather")])).fragments
    assert [fragment["function"] for fragment in fragments] == [
        {"name": "weather", "arguments": ""},
        {"arguments": '{"city":"Bonn"}'},
    ]


@each_way
async def test_trap_15_plain_and_streamed_calls_are_the_same(way: Way) -> None:
    assert await calls_of(way, PARALLEL, stream=True) == await calls_of(way, PARALLEL, stream=False)


# --- 16: arguments are text here and an object there ---


@pytest.mark.parametrize("way", [CLAUDE, BUDGETED, GEMINI, OLD_GEMINI], ids=str)
async def test_trap_16_objects_become_compact_text(way: Way) -> None:
    made = [Made("weather", '{ "city" : "Köln – 東京", "n" : [1, 2] }')]
    calls = await calls_of(way, made, stream=False)
    assert calls[0]["arguments"] == '{"city":"Köln – 東京","n":[1,2]}'


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("", {}),
        ("  ", {}),
        ("{}", {}),
        ('{"n":12345678901234567890123456789}', {"n": 12345678901234567890123456789}),
        ('{"n":-9223372036854775809}', {"n": -9223372036854775809}),
        ('{"n":1.0,"m":1,"e":1e3}', {"n": 1.0, "m": 1, "e": 1000.0}),
        ('{"s":"\\ud83d"}', {"s": "\ud83d"}),
        ('{"s":"\\u0000\\ud83d\\ude00"}', {"s": "\0😀"}),
        ('{"a":{"b":[null,true,{"c":"Ü"}]}}', {"a": {"b": [None, True, {"c": "Ü"}]}}),
    ],
)
async def test_trap_16_arguments_of_the_history(way: Way, given: str, meant: Json) -> None:
    trip = await go(way, asked(way, messages=history([("a", "weather", given)])))
    ((_, _, sent),) = called(trip.up)
    if way.dialect in {"anthropic", "gemini"}:
        assert sent == meant
        assert [type(value) for value in sent.values()] == [type(value) for value in meant.values()]
    else:
        assert sent == (given or "{}"), "text stays the text that the client sent"


@pytest.mark.parametrize("way", [CLAUDE, UNFORCED, GEMINI, OLD_GEMINI], ids=str)
@pytest.mark.parametrize(
    "text", ['{"city":', "Bonn", "[1]", '"x"', "null", "1", '{"n":NaN}', '{"n":1e999}', "[" * 5000]
)
async def test_trap_16_arguments_that_are_no_object_are_refused_with_their_place(way: Way, text: str) -> None:
    first = [("a", "weather", "{}"), ("b", "weather", "{}")]
    body = asked(
        way,
        messages=[
            {"role": "system", "content": "Be kind."},
            *history(first, [("c", "weather", "{}"), ("d", "weather", text)]),
        ],
    )
    error = (await go(way, body)).refused()
    assert error["param"] == "messages[5].tool_calls[1].function.arguments"


@pytest.mark.parametrize("way", [RESPONSES, GROK, CLAUDE], ids=str)
@pytest.mark.parametrize("text", ['{"city":"Bo', "weather(Bonn)", '{"a":1}{"a":1}', '{"a":1,}', "[1]"])
async def test_trap_16_broken_text_of_a_model_passes_unchanged(way: Way, text: str) -> None:
    """The client decides. Claude can only break it in a stream."""
    stream = [True] if way is CLAUDE else [False, True]
    for mode in stream:
        made = [Made("weather", text)]
        if way is CLAUDE:
            trip = await go(way, asked(way, stream=True), made)
            calls = joined(trip.fragments)
        else:
            calls = await calls_of(way, made, stream=mode)
        assert [call["arguments"] for call in calls] == [text]


@pytest.mark.parametrize("way", [GEMINI, OLD_GEMINI], ids=str)
@both_modes
async def test_trap_16_whole_numbers_of_gemini_are_integers(way: Way, stream: bool) -> None:
    """A proto Struct knows doubles only, so Gemini says 1.0 where the model said 1."""
    made = [Made("weather", '{"n":1.0,"list":[2.0,{"m":-3.0}],"x":1.5,"big":1e300,"s":"1.0","b":true}')]
    calls = await calls_of(way, made, stream=stream)
    assert calls[0]["arguments"] == '{"n":1,"list":[2,{"m":-3}],"x":1.5,"big":1e300,"s":"1.0","b":true}'


@pytest.mark.parametrize("way", [CLAUDE, GEMINI], ids=str)
@both_modes
async def test_trap_16_big_numbers_and_surrogates_of_a_model_arrive(way: Way, stream: bool) -> None:
    text = '{"n":12345678901234567890123456789,"s":"\\ud83d"}'
    calls = await calls_of(way, [Made("weather", text)], stream=stream)
    assert json.loads(calls[0]["arguments"]) == {"n": 12345678901234567890123456789, "s": "\ud83d"}


# --- 17: a forced choice that a model refuses ---

UNFORCEABLE = [row for row in models() if not row.quirks.forced_tools]
FORCEABLE = [row for row in models("anthropic") if row.quirks.forced_tools]
COUNTED = [row for row in FORCEABLE if row.quirks.thinking and "adaptive" not in row.quirks.thinking]
BY_VENDOR = {
    "claude-sonnet-5-5", "claude-opus-5-5", "claude-fable-5-1", "claude-mythos-5-1", "claude-fable-5-2", "claude-mythos-5-2",
}  # fmt: skip


def claude(row: Model) -> Way:
    return Way(row.provider, row.id, "anthropic")


def test_trap_17_the_catalog_knows_them() -> None:
    assert {row.id for row in UNFORCEABLE} >= BY_VENDOR
    assert "claude-haiku-5-5" in {row.id for row in FORCEABLE}
    assert COUNTED


def system_of(body: Json) -> str:
    return "\n".join(block["text"] for block in body.get("system", ()))


@pytest.mark.parametrize("row", UNFORCEABLE, ids=lambda row: row.id)
@pytest.mark.parametrize(
    ("choice", "words", "tools"),
    [
        ("required", "at least one of the tools", ["weather", "time", "mail"]),
        (forced("time"), "`time`", ["weather", "time", "mail"]),
        (allowed("required", "time"), "`time`", ["weather", "time", "mail"]),
        (allowed("required", "time", "mail"), "at least one of the tools", ["time", "mail"]),
    ],
    ids=["required", "named", "allowed-one", "allowed-some"],
)
@both_modes
async def test_trap_17_forcing_is_emulated_and_told(
    row: Model, choice: Any, words: str, tools: list[str], stream: bool
) -> None:
    way = claude(row)
    trip = await go(way, asked(way, tools=TOOLS, tool_choice=choice, stream=stream), [Made("time")])
    assert trip.reply.status_code == 200
    assert trip.up["tool_choice"] == {"type": "auto"}
    assert words in system_of(trip.up)
    assert offered(trip.up) == tools
    assert "/tool_choice (emulated)" in trip.dropped


@pytest.mark.parametrize("row", COUNTED, ids=lambda row: row.id)
@pytest.mark.parametrize(
    ("choice", "words"), [("required", "at least one of the tools"), (forced("weather"), "`weather`")]
)
async def test_trap_17_forcing_while_thinking_is_counted_is_emulated_and_told(
    row: Model, choice: Any, words: str
) -> None:
    way = claude(row)
    trip = await go(way, asked(way, tool_choice=choice, reasoning_effort="high"), [Made("weather")])
    assert trip.up["thinking"]["type"] == "enabled"
    assert trip.up["tool_choice"] == {"type": "auto"}
    assert words in system_of(trip.up)
    assert trip.dropped == "/tool_choice (emulated)"


@pytest.mark.parametrize("row", FORCEABLE, ids=lambda row: row.id)
@pytest.mark.parametrize("effort", [None, "none", "high"])
async def test_trap_17_no_claude_is_forced_while_it_is_told_to_think(row: Model, effort: str | None) -> None:
    way = claude(row)
    body = asked(way, tool_choice="required") | ({"reasoning_effort": effort} if effort else {})
    trip = await go(way, body, [Made("weather")])
    thinks = trip.up.get("thinking", {"type": "disabled"})["type"] != "disabled"
    assert trip.up["tool_choice"] == {"type": "auto" if thinks else "any"}
    assert bool(trip.dropped) or not thinks


@pytest.mark.parametrize("row", FORCEABLE, ids=lambda row: row.id)
async def test_trap_17_a_model_that_can_be_forced_is(row: Model) -> None:
    way = claude(row)
    trip = await go(way, asked(way, tools=TOOLS, tool_choice=forced("time")), [Made("time")])
    assert trip.up["tool_choice"] == {"type": "tool", "name": "time"}
    assert "system" not in trip.up
    assert trip.dropped == ""


async def test_trap_17_our_sentence_ends_the_system_prompt_and_leaves_the_clients_alone() -> None:
    messages = [{"role": "system", "content": "Be kind."}, *HELLO]
    trip = await go(UNFORCED, asked(UNFORCED, messages=messages, tool_choice="required"), [Made("weather")])
    assert trip.up["system"][0] == {"type": "text", "text": "Be kind."}
    assert len(trip.up["system"]) == 2
    assert trip.up["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]


@pytest.mark.parametrize("row", models("anthropic"), ids=lambda row: row.id)
async def test_trap_17_a_schema_is_never_asked_for_by_a_forced_tool(row: Model) -> None:
    way = claude(row)
    closed = {**CITY, "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": closed, "strict": True}}
    trip = await go(way, asked(way, tools=(), response_format=form))
    assert trip.up["output_config"]["format"] == {"type": "json_schema", "schema": closed}
    assert "tools" not in trip.up
    assert "tool_choice" not in trip.up


@pytest.mark.parametrize(
    ("way", "choice", "sent"),
    [
        (RESPONSES, "required", "required"),
        (RESPONSES, forced("time"), {"type": "function", "name": "time"}),
        (GROK, "required", "required"),
        (GROK, forced("time"), {"type": "function", "name": "time"}),
        (CHAT, forced("time"), forced("time")),
    ],
)
async def test_trap_17_others_are_forced_in_their_own_words(way: Way, choice: Any, sent: Any) -> None:
    trip = await go(way, asked(way, tools=TOOLS, tool_choice=choice), [Made("time")])
    assert trip.up["tool_choice"] == sent
    assert trip.dropped == ""


@pytest.mark.parametrize("way", [GEMINI, OLD_GEMINI], ids=str)
@pytest.mark.parametrize(("choice", "names"), [("required", None), (forced("time"), ["time"])])
async def test_trap_17_gemini_is_forced_by_any(way: Way, choice: Any, names: list[str] | None) -> None:
    trip = await go(way, asked(way, tools=TOOLS, tool_choice=choice), [Made("time")])
    only = {"allowedFunctionNames": names} if names else {}
    assert trip.up["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", **only}}


# --- 18: none, and some of the tools ---

NONE = {
    "anthropic": ("tool_choice", {"type": "none"}),
    "gemini": ("toolConfig", {"functionCallingConfig": {"mode": "NONE"}}),
    "openai_responses": ("tool_choice", "none"),
    "openai_chat": ("tool_choice", "none"),
}


@each_way
@pytest.mark.parametrize("parallel", [None, False])
async def test_trap_18_none_keeps_the_tools(way: Way, parallel: bool | None) -> None:
    body = asked(way, messages=history([("a", "weather", "{}")]), tool_choice="none")
    trip = await go(way, body | ({} if parallel is None else {"parallel_tool_calls": parallel}))
    assert offered(trip.up) == ["weather"]
    name, value = NONE[way.dialect]
    assert trip.up[name] == value


@pytest.mark.parametrize("way", [CLAUDE, BUDGETED, UNFORCED], ids=str)
async def test_trap_18_calls_of_the_past_are_named_where_no_tool_is_offered(way: Way) -> None:
    past = history([("a", "weather", "{}"), ("b", "time", "{}")], [("c", "weather", "{}")])
    trip = await go(way, asked(way, tools=(), messages=past))
    assert offered(trip.up) == ["weather", "time"]
    assert trip.up["tool_choice"] == {"type": "none"}
    assert "(emulated)" in trip.dropped


@pytest.mark.parametrize("way", [RESPONSES, GROK, GEMINI, OLD_GEMINI], ids=str)
async def test_trap_18_others_take_calls_of_the_past_without_tools(way: Way) -> None:
    trip = await go(way, asked(way, tools=(), messages=history([("a", "weather", "{}")])))
    assert "tools" not in trip.up
    assert [name for _, name, _ in called(trip.up)] == ["weather"]


@each_way
@pytest.mark.parametrize(
    "members", [{"tool_choice": "required"}, {"tool_choice": "auto"}, {"parallel_tool_calls": False}]
)
async def test_trap_18_a_choice_without_tools_is_left_out(way: Way, members: Json) -> None:
    trip = await go(way, asked(way, tools=(), **members))
    assert not trip.up.keys() & {"tools", "toolConfig", "tool_choice", "parallel_tool_calls"}


@pytest.mark.parametrize("mode", ["auto", "required"])
@pytest.mark.parametrize("past", [False, True])
@each_way
async def test_trap_18_allowed_tools_are_all_that_can_be_called(way: Way, mode: str, past: bool) -> None:
    """Whatever the history calls: a tool that is not allowed cannot be called."""
    messages = history([("a", "mail", "{}")]) if past else HELLO
    trip = await go(way, asked(way, tools=TOOLS, messages=messages, tool_choice=allowed(mode, "weather", "time")))
    body, some = trip.up, ["weather", "time"]
    match way.dialect:
        case "anthropic":
            assert offered(body) == some
            forcible = way is not UNFORCED
            assert body["tool_choice"] == {"type": "any" if mode == "required" and forcible else "auto"}
            assert "/tool_choice (emulated)" in trip.dropped
        case "gemini":
            config = body["toolConfig"]["functionCallingConfig"]
            if mode == "required":
                assert config == {"mode": "ANY", "allowedFunctionNames": some}
            else:
                assert (offered(body), config) == (some, {"mode": "AUTO"})
                assert trip.dropped == "/tool_choice (emulated)"
        case "openai_responses" if way is GROK:
            assert (offered(body), body["tool_choice"]) == (some, mode)
            assert trip.dropped == "/tool_choice (emulated)"
        case "openai_responses":
            named = [{"type": "function", "name": name} for name in some]
            assert body["tool_choice"] == {"type": "allowed_tools", "mode": mode, "tools": named}
            assert offered(body) == ["weather", "time", "mail"]
        case _:
            assert body["tool_choice"] == allowed(mode, *some)


@each_way
async def test_trap_18_no_tool_allowed_is_refused(way: Way) -> None:
    """Else it would read as "all of them"."""
    error = (await go(way, asked(way, tool_choice=allowed("auto")))).refused()
    assert error["param"] == "tool_choice.allowed_tools.tools"


@each_way
@pytest.mark.parametrize("choice", [forced("mail"), allowed("auto", "weather", "mail")])
async def test_trap_18_a_choice_of_a_tool_that_is_not_there_is_refused(way: Way, choice: Json) -> None:
    error = (await go(way, asked(way, tool_choice=choice))).refused()
    assert error["param"] == "tool_choice"
    assert "mail" in error["message"]


# --- 19: one call at a time ---


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, {"type": "auto"}),
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        (forced("weather"), {"type": "tool", "name": "weather"}),
    ],
)
async def test_trap_19_claude_is_told_inside_the_choice(choice: Any, sent: Json) -> None:
    more = {} if choice is None else {"tool_choice": choice}
    trip = await go(CLAUDE, asked(CLAUDE, parallel_tool_calls=False, **more), [Made("weather")])
    assert trip.up["tool_choice"] == {**sent, "disable_parallel_tool_use": True}
    assert "parallel_tool_calls" not in trip.up
    assert trip.dropped == ""


async def test_trap_19_claude_is_told_where_forcing_is_emulated() -> None:
    body = asked(UNFORCED, parallel_tool_calls=False, tool_choice="required")
    trip = await go(UNFORCED, body, [Made("weather")])
    assert trip.up["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


@pytest.mark.parametrize("way", [RESPONSES, GROK, CHAT], ids=str)
@pytest.mark.parametrize("parallel", [True, False])
async def test_trap_19_others_take_it_as_it_is(way: Way, parallel: bool) -> None:
    trip = await go(way, asked(way, parallel_tool_calls=parallel), [Made("weather")])
    assert trip.up["parallel_tool_calls"] is parallel
    assert trip.dropped == ""


@pytest.mark.parametrize("way", [CLAUDE, GEMINI], ids=str)
async def test_trap_19_several_at_a_time_is_what_they_do_anyway(way: Way) -> None:
    trip = await go(way, asked(way, parallel_tool_calls=True), [Made("weather")])
    assert trip.dropped == ""
    assert "disable_parallel_tool_use" not in json.dumps(trip.up)


@pytest.mark.parametrize("way", [GEMINI, OLD_GEMINI], ids=str)
@both_modes
async def test_trap_19_gemini_has_no_switch_so_the_first_call_is_shown(way: Way, stream: bool) -> None:
    """The client never sees the others, neither whole nor in pieces, and it is told."""
    body = asked(way, tools=TOOLS, parallel_tool_calls=False, stream=stream)
    trip = await go(way, body, PARALLEL)
    assert "parallel" not in json.dumps(trip.up)
    assert trip.dropped == "/parallel_tool_calls (emulated)"
    if stream:
        calls = joined(trip.fragments)
        assert [choice["finish_reason"] for choice in trip.chunks if choice["finish_reason"]] == ["tool_calls"]
    else:
        calls = [{"id": call["id"], **call["function"]} for call in trip.message["tool_calls"]]
        assert trip.finish == "tool_calls"
    assert [(call["id"], call["name"], call["arguments"]) for call in calls] == [("a", "weather", '{"city":"Bonn"}')]
    assert "mail" not in trip.reply.text
    assert "Köln" not in trip.reply.text


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_trap_19_the_one_call_of_gemini_comes_home_with_its_signature(stream: bool) -> None:
    """The signature stands on the first of parallel calls, which is the one that was shown."""
    trip = await go(GEMINI, asked(GEMINI, tools=TOOLS, parallel_tool_calls=False, stream=stream), PARALLEL)
    if stream:
        (details,) = [
            choice["delta"]["reasoning_details"] for choice in trip.chunks if "reasoning_details" in choice["delta"]
        ]
    else:
        details = trip.message["reasoning_details"]
    messages = history([("a", "weather", '{"city":"Bonn"}')])
    messages[1]["reasoning_details"] = details
    messages[1]["content"] = "I look."
    again = await go(GEMINI, asked(GEMINI, tools=TOOLS, messages=messages, parallel_tool_calls=False))
    parts = again.up["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts if "functionCall" in part] == ["c2ln"]


# --- 21: names of tools ---

PLAIN = ["a", "_", "get_weather", "get-weather", "Zz9", "x" * 64]
LEADING = ["3d_render", "1password", "-x", "_3d", "__3d", "_-x", "0"]


@each_way
@pytest.mark.parametrize("name", [*PLAIN, *LEADING])
@both_modes
async def test_trap_21_a_client_sees_its_own_names(way: Way, name: str, stream: bool) -> None:
    """Every name that OpenAI takes, at every provider: in the tools, the choice, the history, and in the answer."""
    wire = wire_name(way, name)
    body = asked(
        way,
        tools=[function(name), function("other")],
        messages=history([("a", name, "{}"), ("b", "other", "{}")]),
        tool_choice=forced(name),
        stream=stream,
    )
    trip = await go(way, body, [Made(wire), Made("other", id="call_2")])
    assert offered(trip.up) == [wire, "other"]
    assert [called_ for _, called_, _ in called(trip.up)] == [wire, "other"]
    assert wire in json.dumps(trip.up.get("tool_choice") or trip.up.get("toolConfig")) or way is UNFORCED
    if way.dialect == "gemini":
        results = [
            part["functionResponse"]
            for turn in trip.up["contents"]
            for part in turn["parts"]
            if "functionResponse" in part
        ]
        assert [result["name"] for result in results] == [wire, "other"]
    seen = joined(trip.fragments) if stream else [call["function"] for call in trip.message["tool_calls"]]
    assert [call["name"] for call in seen] == [name, "other"]


def wire_name(way: Way, name: str) -> str:
    """Gemini wants a letter or _ first: another _ stands before a name that begins otherwise, and before those that look so."""
    return f"_{name}" if way.dialect == "gemini" and re.match(r"_*[0-9-]", name) else name


@pytest.mark.parametrize("way", [GEMINI, OLD_GEMINI], ids=str)
async def test_trap_21_allowed_names_are_the_ones_that_are_declared(way: Way) -> None:
    tools = [function("3d"), function("_3d"), function("x")]
    trip = await go(way, asked(way, tools=tools, tool_choice=allowed("required", "3d", "_3d")), [Made("__3d")])
    assert offered(trip.up) == ["_3d", "__3d", "x"]
    assert trip.up["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == ["_3d", "__3d"]
    assert trip.message["tool_calls"][0]["function"]["name"] == "_3d"


@both_modes
async def test_trap_21_a_renamed_call_of_gemini_goes_home_with_its_signature(stream: bool) -> None:
    """What Gemini signed goes back as it came, its own name in it."""
    body = asked(GEMINI, tools=[function("3d")], stream=stream)
    trip = await go(GEMINI, body, [Made("_3d", id="g1")])
    if stream:
        (call,) = joined(trip.fragments)
        (details,) = [
            choice["delta"]["reasoning_details"] for choice in trip.chunks if "reasoning_details" in choice["delta"]
        ]
    else:
        call = trip.message["tool_calls"][0]
        call, details = {**call, **call["function"]}, trip.message["reasoning_details"]
    messages = history([(call["id"], call["name"], call["arguments"])])
    messages[1]["reasoning_details"] = details
    again = await go(GEMINI, asked(GEMINI, tools=[function("3d")], messages=messages))
    (part,) = again.up["contents"][1]["parts"]
    assert part == {"functionCall": {"id": "g1", "name": "_3d", "args": {"city": "Bonn"}}, "thoughtSignature": "c2ln"}
    assert again.up["contents"][2]["parts"][0]["functionResponse"]["name"] == "_3d"


UNFIT = {
    "dot": ("a.b", {"gemini"}),
    "colon": ("a:b", {"gemini"}),
    "slash": ("mcp/search", set[str]()),
    "space": ("get weather", set[str]()),
    "unicode": ("größe", set[str]()),
    "surrogate": ("a\ud83d", set[str]()),
    "newline": ("weather\n", set[str]()),
    "65": ("x" * 65, {"gemini", "anthropic"}),
    "128": ("x" * 128, {"gemini", "anthropic"}),
    "129": ("x" * 129, set[str]()),
}


@pytest.mark.parametrize("way", [RESPONSES, CLAUDE, BUDGETED, GEMINI, OLD_GEMINI], ids=str)
@pytest.mark.parametrize(("name", "takers"), UNFIT.values(), ids=UNFIT)
async def test_trap_21_a_name_that_a_model_does_not_take_is_refused_with_its_place(
    way: Way, name: str, takers: set[str]
) -> None:
    """Beyond what OpenAI takes a name is judged by who is asked."""
    body = asked(way, tools=[function("weather"), function(name)])
    if way.dialect in takers:
        assert offered((await go(way, body)).up) == ["weather", name]
        return
    error = (await go(way, body)).refused()
    assert error["param"] == "tools[1].function.name"
    assert "name" in error["message"]


@pytest.mark.parametrize("way", [CLAUDE, GEMINI, RESPONSES], ids=str)
@pytest.mark.parametrize("name", ["default_api.search", "größe", "mcp/search", "x" * 200, "get weather", "3/d"])
async def test_trap_21_a_name_in_the_history_never_ends_the_conversation(way: Way, name: str) -> None:
    """Models invent names, and a client can only repeat what was said: made fit, and told."""
    trip = await go(way, asked(way, messages=history([("a", name, "{}")])))
    ((_, sent, _),) = called(trip.up)
    fit = {"anthropic": r"[a-zA-Z0-9_-]{1,128}", "gemini": r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}"}
    assert re.fullmatch(fit.get(way.dialect, r"[a-zA-Z0-9_-]{1,64}"), sent)
    assert ("/messages" in trip.dropped) == (sent != name)


@each_way
async def test_trap_21_two_tools_of_one_name_are_refused(way: Way) -> None:
    """Anthropic and Google refuse them, and no answer could say which was meant."""
    body = asked(way, tools=[function("weather"), function("time"), function("weather", {"type": "object"})])
    error = (await go(way, body)).refused()
    assert error["param"] == "tools[2]"


# --- the deprecated functions ---


def deprecated(way: Way, **members: Any) -> Json:
    body = asked(way, tools=(), **members)
    return {**body, "functions": [{"name": "weather", "parameters": CITY}, {"name": "time"}]}


@each_way
async def test_functions_are_offered_as_tools(way: Way) -> None:
    trip = await go(way, deprecated(way, function_call={"name": "time"}))
    assert offered(trip.up) == ["weather", "time"]
    assert "functions" not in trip.up


@each_way
@both_modes
async def test_functions_are_answered_with_tool_calls_and_it_is_told(way: Way, stream: bool) -> None:
    """A client of 2023 looks for message.function_call: the header says why it finds none."""
    trip = await go(way, {**deprecated(way), "stream": stream}, [Made("weather")])
    assert "/functions (approximated)" in trip.dropped
    (call,) = joined(trip.fragments) if stream else [each["function"] for each in trip.message["tool_calls"]]
    assert call["name"] == "weather"
