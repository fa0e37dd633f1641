"""Traps 1 to 8, 46 and 47: messages of a Chat client on their way to each cloud, judged by what that cloud takes."""

import functools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from harness import HOSTS, application, post
from polyglot_cloud.app import Application
from polyglot_cloud.dialects.openai_chat import DIALECT as CHAT
from polyglot_cloud.rows import Destination, Model, Quirks
from polyglot_cloud.sandbox import CLOUDS
from traps.clouds import LOOKUP, MODES, Exchange, Json, ask, chat_models, each_model, plain, replied, text_of

CLAUDES = ("claude-haiku-4-5", "claude-sonnet-4-6", "claude-opus-5-5")
"""One that continues a prefill, one that does neither, one that takes system messages in between."""
GEMINIS = ("gemini-2.5-flash", "gemini-3.8-flash")
"""One that thinks by budget, one by level, with signatures."""
PROVIDERS = dict.fromkeys(CLAUDES, "anthropic") | dict.fromkeys(GEMINIS, "gemini") | {
    "gpt-6.1-sol": "openai", "gpt-5.5-pro": "openai", "grok-4.7": "grok",
}  # fmt: skip
EACH = pytest.mark.parametrize("model", PROVIDERS)
EACH_CLAUDE = pytest.mark.parametrize("model", CLAUDES)
EACH_GEMINI = pytest.mark.parametrize("model", GEMINIS)
STRICT = pytest.mark.parametrize("model", [*CLAUDES, *GEMINIS])
"""Those with rules about turns."""
ITEMS = pytest.mark.parametrize("model", ["gpt-6.1-sol", "gpt-5.5-pro", "grok-4.7"])
"""Those that take items in any order, asked in Responses."""
BRIEF = {"role": "developer", "content": "Be brief."}


def user(content: Any, **more: Any) -> Json:
    return {"role": "user", "content": content, **more}


def assistant(content: Any, **more: Any) -> Json:
    return {"role": "assistant", "content": content, **more}


def system(content: Any, role: str = "system") -> Json:
    return {"role": role, "content": content}


def calling(*ids: str, content: Any = None, arguments: str = '{"word":"a"}') -> Json:
    calls = [{"id": id_, "type": "function", "function": {"name": "lookup", "arguments": arguments}} for id_ in ids]
    return assistant(content, tool_calls=calls)


def result(id_: str, content: Any = "found") -> Json:
    return {"role": "tool", "tool_call_id": id_, "content": content}


async def told(model: str, *messages: Json, stream: bool = False, fails: bool = False, **fields: Any) -> Exchange:
    """The call with tools on, so that every cloud but xAI is asked in another dialect than Chat; xAI is by a developer message."""
    provider = PROVIDERS[model]
    leading = [BRIEF] if provider == "grok" else []
    reply = None if fails else replied(provider, text_of(provider, "Well.", model), stream=stream)
    body = {"messages": [*leading, *messages], "tools": [LOOKUP], **({"stream": True} if stream else {}), **fields}
    got = await ask(model, reply, **body)
    if fails:
        assert got.answer.status == 400, got.answer.raw
        assert got.request is None, got.sent
    else:
        assert (got.answer.status, got.answer.message.get("content")) == (200, "Well."), got.answer.raw
    return got


def shift(model: str) -> int:
    """Where the first of the messages stands in what was sent."""
    return 1 if PROVIDERS[model] == "grok" else 0


def turns(body: Json) -> list[tuple[str, list[Json]]]:
    """Role and parts of each turn, of Anthropic's or Gemini's body."""
    if "contents" in body:
        return [({"model": "assistant"}.get(each["role"], each["role"]), each["parts"]) for each in body["contents"]]
    return [(each["role"], each["content"]) for each in body["messages"]]


def texts(body: Json) -> list[tuple[str, list[str]]]:
    return [(role, [part["text"] for part in parts if "text" in part]) for role, parts in turns(body)]


def items(got: Exchange, model: str) -> list[Json]:
    """The `input` after what was put before it to have the call translated."""
    found = got.sent["input"][shift(model) :]
    assert isinstance(found, list)
    return found


def walk(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


# --- 1. same-role neighbours ---

NEIGHBOURS = [
    user("one"),
    user([{"type": "text", "text": "two"}, {"type": "text", "text": "three"}]),
    assistant("four"),
    calling("a", content="five"),
    result("a"),
    user("six"),
    user("seven"),
]


@MODES
@STRICT
async def test_trap_01_neighbours_are_merged_by_joining_their_parts(model: str, stream: bool) -> None:
    sent = (await told(model, *NEIGHBOURS, stream=stream)).sent
    said = texts(sent)
    assert [role for role, _ in said] == ["user", "assistant", "user"]
    assert said[0][1] == ["one", "two", "three"]
    assert said[1][1] == ["four", "five"]
    assert said[2][1] == ["six", "seven"]
    roles_parts = turns(sent)
    assert "tool_use" in json.dumps(roles_parts[1][1][-1]) or "functionCall" in roles_parts[1][1][-1]


@MODES
@ITEMS
async def test_trap_01_openai_and_xai_take_neighbours_as_they_are(model: str, stream: bool) -> None:
    found = items(await told(model, *NEIGHBOURS, stream=stream), model)
    kinds = [each.get("role") or each["type"] for each in found]
    assert kinds == [
        "user",
        "user",
        "assistant",
        "assistant",
        "function_call",
        "function_call_output",
        "user",
        "user",
    ]
    assert [part["text"] for part in found[1]["content"]] == ["two", "three"]


# --- 2. empty or blank text ---

BLANKS: list[Any] = ["", "  \n\t", [], [{"type": "text", "text": ""}, {"type": "text", "text": " \n"}]]


@pytest.mark.parametrize("blank", [*BLANKS, None], ids=repr)
@STRICT
async def test_trap_02_a_blank_turn_goes_and_its_neighbours_merge(model: str, blank: Any) -> None:
    said = [user("one"), assistant(blank), user("two"), assistant("three")]
    if blank is not None:
        said.append(user(blank))
    sent = (await told(model, *said, assistant("four"), user("five"))).sent
    assert texts(sent) == [("user", ["one", "two"]), ("assistant", ["three", "four"]), ("user", ["five"])]


@pytest.mark.parametrize("blank", ["", None, []], ids=repr)
@EACH
async def test_trap_02_nothing_said_beside_tool_calls_is_no_text(model: str, blank: Any) -> None:
    got = await told(model, user("hi"), calling("a", content=blank), result("a", ""), user("and?"))
    assert not [each for each in walk(got.sent) if each.get("text") == ""]
    if PROVIDERS[model] in {"openai", "grok"}:
        assert [each.get("type") for each in items(got, model)[1:3]] == ["function_call", "function_call_output"]
    else:
        _, parts = turns(got.sent)[1]
        assert len(parts) == 1
        assert "text" not in parts[0]


@pytest.mark.parametrize("blank", BLANKS, ids=repr)
@STRICT
async def test_trap_02_an_empty_last_user_turn_is_refused_and_never_filled(model: str, blank: Any) -> None:
    for before in ([], [system("Be brief.")], [user("one"), assistant("two")]):
        error = (await told(model, *before, user(blank), fails=True)).answer.error
        assert error is not None
        assert (error["type"], error["param"]) == ("invalid_request_error", "messages")


@ITEMS
async def test_trap_02_a_last_user_turn_without_any_part_is_refused_by_the_others_too(model: str) -> None:
    error = (await told(model, user("one"), assistant("two"), user([]), fails=True)).answer.error
    assert error is not None
    assert error["param"] == "messages"


@EACH_CLAUDE
async def test_trap_02_blank_instructions_and_results_make_no_blocks(model: str) -> None:
    said = [system(""), system([{"type": "text", "text": " "}, {"type": "text", "text": "Be kind."}])]
    sent = (await told(model, *said, user("hi"), calling("a"), result("a", " "), system(""))).sent
    assert sent["system"] == [{"type": "text", "text": "Be kind."}]
    assert turns(sent)[-1] == ("user", [{"type": "tool_result", "tool_use_id": "a"}])


@MODES
async def test_trap_02_white_space_at_the_end_of_a_prefill_is_stripped(stream: bool) -> None:
    got = await told("claude-haiku-4-5", user("hi"), assistant("Well, \n"), stream=stream)
    assert texts(got.sent)[-1] == ("assistant", ["Well,"])


@STRICT
async def test_trap_02_a_blank_last_assistant_turn_is_none(model: str) -> None:
    assert texts((await told(model, user("hi"), assistant(" \n"))).sent) == [("user", ["hi"])]


# --- 3. tool results on Anthropic ---


@MODES
@EACH_CLAUDE
async def test_trap_03_results_are_one_user_turn_first_and_in_the_order_of_the_calls(model: str, stream: bool) -> None:
    said = [
        user("hi"),
        calling("a", "b", "c"),
        result("c", "third"),
        result("a", [{"type": "text", "text": "fir"}, {"type": "text", "text": "st"}]),
        result("b", '{"n":2}'),
        system("Answer in French."),
        user("go on"),
    ]
    role, blocks = turns((await told(model, *said, stream=stream)).sent)[2]
    assert role == "user"
    assert [block["type"] for block in blocks] == ["tool_result"] * 3 + ["text"] * 2
    assert [block["tool_use_id"] for block in blocks[:3]] == ["a", "b", "c"]
    contents = [[part["text"] for part in block["content"]] for block in blocks[:3]]
    assert contents == [["fir", "st"], ['{"n":2}'], ["third"]]
    assert "Answer in French." in blocks[3]["text"]
    assert blocks[4] == {"type": "text", "text": "go on"}


@EACH_CLAUDE
async def test_trap_03_each_round_has_its_own_results_and_ids_of_their_own(model: str) -> None:
    """Clients that number their calls begin anew in each round; Anthropic wants each id once."""
    said = [user("hi"), calling("a"), result("a", "one"), assistant(""), calling("a"), result("a", "two")]
    sent = (await told(model, *said)).sent
    assert [role for role, _ in turns(sent)] == ["user", "assistant", "user", "assistant", "user"]
    calls = [each["id"] for each in walk(sent["messages"]) if each.get("type") == "tool_use"]
    answers = [each["tool_use_id"] for each in walk(sent["messages"]) if each.get("type") == "tool_result"]
    assert calls == answers
    assert len(set(calls)) == 2


# --- 4. tool results on Gemini ---


@MODES
@EACH_GEMINI
async def test_trap_04_results_have_the_calls_names_count_and_order_in_one_user_content(
    model: str, stream: bool
) -> None:
    other = {"type": "function", "function": {"name": "weigh", "parameters": {"type": "object", "properties": {}}}}
    calls = calling("a", "b")
    calls["tool_calls"][1]["function"]["name"] = "weigh"
    said = [user("hi"), calls, result("b", "heavy"), result("a", '{"word":"ok"}'), user("go on")]
    got = await told(model, *said, stream=stream, tools=[LOOKUP, other])
    role, parts = turns(got.sent)[2]
    assert role == "user"
    assert parts == [
        {"functionResponse": {"name": "lookup", "response": {"word": "ok"}}},
        {"functionResponse": {"name": "weigh", "response": {"result": "heavy"}}},
        {"text": "go on"},
    ]


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ("plain words", {"result": "plain words"}),
        ("", {"result": ""}),
        ('{"a":{"b":[1,2]}}', {"a": {"b": [1, 2]}}),
        ("[1,2]", {"result": "[1,2]"}),
        ("3", {"result": "3"}),
        ("null", {"result": "null"}),
        ('{"a":', {"result": '{"a":'}),
        ([], {"result": ""}),
        ([{"type": "text", "text": '{"a":1}'}], {"a": 1}),
    ],
    ids=repr,
)
@EACH_GEMINI
async def test_trap_04_a_response_is_always_an_object(model: str, content: Any, response: Json) -> None:
    got = await told(model, user("hi"), calling("a"), result("a", content))
    assert turns(got.sent)[-1][1] == [{"functionResponse": {"name": "lookup", "response": response}}]


@MODES
@EACH_GEMINI
async def test_trap_04_an_id_goes_back_only_where_gemini_gave_one(model: str, stream: bool) -> None:
    parts = [
        {"functionCall": {"id": "g-1", "name": "lookup", "args": {"word": "a"}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "lookup", "args": {"word": "b"}}},
    ]
    answer = {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
        "modelVersion": model,
        "responseId": "r",
    }
    first = await ask(
        model, replied("gemini", answer, stream=stream), messages=[user("hi")], tools=[LOOKUP], stream=stream
    )
    message = {"role": "assistant", "content": None, **first.answer.message}
    ids = [call["id"] for call in message["tool_calls"]]
    assert ids[0] == "g-1"
    assert ids[1]
    sent = (await told(model, user("hi"), message, result(ids[1], "B"), result(ids[0], "A"))).sent
    calls = [part["functionCall"] for _, each in turns(sent) for part in each if "functionCall" in part]
    answers = [part["functionResponse"] for part in turns(sent)[-1][1]]
    assert [call.get("id") for call in calls] == ["g-1", None]
    assert [(each.get("id"), each["response"]["result"]) for each in answers] == [("g-1", "A"), (None, "B")]
    # a client that dropped what was handed to it, and one whose calls another cloud made
    bare = {name: value for name, value in message.items() if name != "reasoning_details"}
    sent = (await told(model, user("hi"), bare, result(ids[0]), result(ids[1]))).sent
    assert not [each for each in walk(sent["contents"]) if "id" in each]


# --- 5. orphan tool messages, unanswered calls ---

BROKEN: dict[str, tuple[list[Json], int, str]] = {
    "a result before any call": ([result("a"), user("hi")], 0, "tool_call_id"),
    "a result after a mere text": ([user("hi"), assistant("no call"), result("a")], 2, "tool_call_id"),
    "an unknown id": ([user("hi"), calling("a"), result("b")], 2, "tool_call_id"),
    "a second result": ([user("hi"), calling("a"), result("a"), result("a")], 3, "tool_call_id"),
    "a result that comes late": (
        [user("hi"), calling("a"), result("a"), user("so?"), result("a")],
        4,
        "tool_call_id",
    ),
    "no id": ([user("hi"), calling("a"), {"role": "tool", "content": "x"}], 2, "tool_call_id"),
    "no result": ([user("hi"), calling("a"), user("so?")], 1, "tool_calls"),
    "one result of two": ([user("hi"), calling("a", "b"), result("b"), user("so?")], 1, "tool_calls"),
    "no result at the end": ([user("hi"), calling("a")], 1, "tool_calls"),
    "an instruction in between": ([user("hi"), calling("a"), system("x"), result("a")], 1, "tool_calls"),
    "the same id twice in a turn": ([user("hi"), calling("a", "a"), result("a")], 1, "tool_calls"),
    "after a run of results": (
        [user("hi"), calling("a", "b"), result("a"), result("b"), calling("c"), user("so?")],
        4,
        "tool_calls",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_trap_05_every_cloud_refuses_a_broken_history_alike_before_anything_is_sent(case: str) -> None:
    messages, index, member = BROKEN[case]
    said = set()
    for model in PROVIDERS:
        error = (await told(model, *messages, fails=True)).answer.error
        assert error is not None
        param = f"messages[{index + shift(model)}].{member}"
        assert (error["type"], error["param"]) == ("invalid_request_error", param)
        said.add(error["message"].replace(param, ""))
    assert len(said) == 1


async def test_trap_05_in_the_vendors_own_dialect_the_vendor_judges() -> None:
    refusal = {"error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}}
    got = await ask("gpt-4.1", plain(refusal, 400), messages=[user("hi"), calling("a"), user("so?")])
    assert (got.answer.status, got.answer.error) == (400, refusal["error"])
    assert got.sent["messages"][1] == calling("a")


@pytest.mark.parametrize("model", [*CLAUDES, *GEMINIS])
async def test_trap_05_places_are_the_clients_after_a_run_of_results(model: str) -> None:
    """Several tool messages are one turn of these clouds; what is said of a later message still names the client's."""
    said = [user("hi"), calling("a", "b"), result("a"), result("b"), system("Now in French.")]
    got = await told(model, *said)
    seated = model == "claude-opus-5-5"
    assert got.answer.dropped.strip(", ") == ("" if seated else "/messages/4 (approximated)")


# --- 6. system messages in the middle ---

SEATED = {
    "claude-opus-4-8", "claude-opus-5", "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5",
    "claude-fable-5-1", "claude-fable-5-2", "claude-mythos-5", "claude-mythos-5-1", "claude-mythos-5-2",
}  # fmt: skip
"""The models that take `role: "system"` among the messages (facts 2.2; claude-sonnet-5 by the careful reading not)."""


@pytest.mark.parametrize("role", ["system", "developer"])
@each_model("anthropic")
async def test_trap_06_anthropic_has_it_in_place_where_the_model_takes_it(row: Model, role: str) -> None:
    said = [system("Be kind.", role), user("one"), system("Now in French.", role), assistant("two"), user("three")]
    got = await ask(row.id, replied("anthropic", text_of("anthropic", "Oui.", row.id), stream=False), messages=said)
    assert got.sent["system"] == [{"type": "text", "text": "Be kind."}]
    roles = [turn for turn, _ in turns(got.sent)]
    if row.id in SEATED:
        assert roles == ["user", "system", "assistant", "user"]
        assert turns(got.sent)[1][1] == [{"type": "text", "text": "Now in French."}]
        assert "messages" not in got.answer.dropped
        return
    assert roles == ["user", "assistant", "user"]
    one, marked = texts(got.sent)[0][1]
    assert one == "one"
    assert "not from its user" in marked
    assert marked.endswith("Now in French.")
    assert "/messages/2 (approximated)" in got.answer.dropped


@pytest.mark.parametrize(
    ("said", "roles"),
    [
        ([user("a"), system("S"), system("T"), assistant("b"), user("c")], ["user", "system", "assistant", "user"]),
        ([user("a"), system("S"), system(""), system("T")], ["user", "system"]),
        ([user("a"), system("S"), user("b")], ["user"]),
        ([assistant("a"), system("S"), user("b")], ["assistant", "user"]),
        ([user("a"), assistant("b"), system("S")], ["user", "assistant", "user"]),
        ([user("a"), calling("x"), result("x"), system("S")], ["user", "assistant", "user", "system"]),
        ([user("a"), calling("x"), result("x"), system("S"), user("b")], ["user", "assistant", "user"]),
    ],
    ids=[
        "neighbours",
        "with a blank between",
        "before a user",
        "first",
        "last",
        "after results",
        "between results and user",
    ],
)
async def test_trap_06_a_seat_is_after_a_user_and_before_an_assistant_or_the_end(
    said: list[Json], roles: list[str]
) -> None:
    sent = (await told("claude-opus-5-5", *said)).sent
    assert [role for role, _ in turns(sent)] == roles
    assert "system" not in sent
    for role, parts in turns(sent):
        assert role != "system" or {part["type"] for part in parts} == {"text"}
    assert sum("S" in text for _, each in texts(sent) for text in each) == 1


@pytest.mark.parametrize("role", ["system", "developer"])
@EACH_GEMINI
async def test_trap_06_gemini_has_one_instruction_and_later_ones_in_their_place(model: str, role: str) -> None:
    said = [
        system("Be kind."),
        system("Be brief.", role),
        user("one"),
        assistant("two"),
        system("Now in French.", role),
    ]
    got = await told(model, *said, user("three"))
    assert [part["text"] for part in got.sent["systemInstruction"]["parts"]] == ["Be kind.", "Be brief."]
    marked, three = texts(got.sent)[2][1]
    assert "operator" in marked
    assert marked.endswith("Now in French.")
    assert three == "three"
    assert "(approximated)" in got.answer.dropped


@ITEMS
async def test_trap_06_openai_and_xai_have_them_in_their_place_and_number(model: str) -> None:
    said = [system("Be kind."), user("one"), system("Now in French."), system("Stop."), assistant("two"), user("three")]
    got = await told(model, *said)
    assert [each["role"] for each in items(got, model)] == ["system", "user", "system", "system", "assistant", "user"]
    assert "instructions" not in got.sent
    assert "messages" not in got.answer.dropped


@STRICT
async def test_trap_06_instructions_alone_are_nothing_to_answer(model: str) -> None:
    error = (await told(model, system("Be kind."), BRIEF, fails=True)).answer.error
    assert error is not None
    assert error["param"] == "messages"


# --- 7. the developer role ---


@MODES
@EACH
async def test_trap_07_developer_is_system_but_at_openai(model: str, stream: bool) -> None:
    got = await told(model, system("Be kind.", "developer"), user("hi"), stream=stream)
    match PROVIDERS[model]:
        case "anthropic":
            assert [block["text"] for block in got.sent["system"]] == ["Be kind."]
        case "gemini":
            assert [part["text"] for part in got.sent["systemInstruction"]["parts"]] == ["Be kind."]
        case _:
            assert items(got, model)[0] == {
                "role": "developer",
                "content": [{"type": "input_text", "text": "Be kind."}],
            }
    if PROVIDERS[model] in {"anthropic", "gemini"}:
        assert '"developer"' not in json.dumps(got.sent)


@pytest.mark.parametrize(
    "fields", [{}, {"stop": "x"}, {"tools": [LOOKUP]}, {"max_tokens": 20}, {"seed": 1}], ids=",".join
)
@each_model("grok")
async def test_trap_07_xais_chat_never_sees_a_developer(row: Model, fields: Json) -> None:
    got = await ask(row.id, plain(text_of("grok", "Well.", row.id)), messages=[BRIEF, user("hi")], **fields)
    if "tools" in fields and "multi-agent" in row.id:  # it takes none
        assert (got.answer.status, got.request) == (400, None)
        return
    assert got.request is not None
    assert got.request.url.path == "/v1/responses"


def test_trap_07_where_chat_lacks_the_role_it_is_system() -> None:
    assert CHAT.read_request
    assert CHAT.write_request
    request = CHAT.read_request({"model": "m", "messages": [BRIEF, user("hi"), system("x", "developer"), user("so?")]})
    lacking = Destination("grok", "m", Quirks(refused=frozenset({"developer"})))
    for to, role in ((lacking, "system"), (Destination("openai", "m", Quirks()), "developer")):
        roles = [message["role"] for message in CHAT.write_request(request, to).body["messages"]]
        assert roles == [role, "user", role, "user"]


# --- 8. prefill ---

CONTINUES = {"claude-opus-4-5", "claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929"}
"""The 4.5 family; every later Claude answers 400, and Gemini's last content must be the user's (facts 2.2, 3.2)."""


@each_model("anthropic", "gemini")
async def test_trap_08_a_prefill_passes_where_the_model_continues_it_and_is_refused_elsewhere(row: Model) -> None:
    said = [user("Count."), assistant("One, two,")]
    got = await ask(row.id, plain(text_of(row.provider, " three", row.id)), messages=said)
    if row.id in CONTINUES:
        assert turns(got.sent)[-1] == ("assistant", [{"type": "text", "text": "One, two,"}])
        return
    assert (got.answer.status, got.request) == (400, None)
    assert got.answer.error is not None
    assert row.id in got.answer.error["message"]
    named = {name: got.answer.error[name] for name in ("type", "param", "code")}
    assert named == {"type": "invalid_request_error", "param": "messages", "code": "unsupported_parameter"}


@ITEMS
async def test_trap_08_openai_and_xai_are_given_it_as_the_last_item(model: str) -> None:
    last = items(await told(model, user("Count."), assistant("One, two,")), model)[-1]
    assert (last["role"], last["content"][0]["text"]) == ("assistant", "One, two,")


def test_trap_08_every_model_that_answers_chats_is_looked_at() -> None:
    assert {row.id for row in chat_models("anthropic")} >= CONTINUES | SEATED


# --- 46. members that mean nothing beside the others ---


def maximum(provider: str, body: Json) -> Any:
    match provider:
        case "anthropic":
            return body["max_tokens"]
        case "gemini":
            return body["generationConfig"]["maxOutputTokens"]
        case _:
            return body["max_output_tokens"]


@EACH
async def test_trap_46_the_newer_maximum_wins(model: str) -> None:
    provider = PROVIDERS[model]
    choices: list[Json] = [
        {"max_completion_tokens": 50, "max_tokens": 70},
        {"max_tokens": 50},
        {"max_completion_tokens": 50},
    ]
    for fields in choices:
        got = await told(model, user("hi"), **fields)
        assert maximum(provider, got.sent) == 50
        assert ("/max_tokens" in got.answer.dropped) is (len(fields) == 2)


@EACH
async def test_trap_46_stream_options_without_a_stream_are_stripped(model: str) -> None:
    got = await told(model, user("hi"), stream_options={"include_usage": True})
    assert not {"stream_options", "streamOptions", "stream"} & got.sent.keys()
    assert "/stream_options" in got.answer.dropped
    got = await told(model, user("hi"), stream=True, stream_options={"include_usage": True})
    assert "stream_options" not in got.answer.dropped


@pytest.mark.parametrize("choice", ["none", "auto", "required", {"type": "function", "function": {"name": "lookup"}}])
@EACH
async def test_trap_46_a_choice_among_no_tools_is_stripped(model: str, choice: Any) -> None:
    """OpenAI's models are asked in Responses here because of `max_tokens`."""
    got = await told(model, user("hi"), tools=[], tool_choice=choice, parallel_tool_calls=False, max_tokens=99)
    assert not {"tools", "tool_choice", "parallel_tool_calls", "toolConfig"} & got.sent.keys()
    assert "/tool_choice, /parallel_tool_calls" in got.answer.dropped


# --- 47. members that nobody knows ---

STRANGER = "a-member-nobody-knows"
AT_THE_TOP: Json = {STRANGER: 1}


def strange(value: Any) -> Any:
    """With a stranger in every object that is not the client's own data."""
    if isinstance(value, list):
        return [strange(each) for each in value]
    if not isinstance(value, dict):
        return value
    own = ("parameters", "schema")
    inner = {name: each if name in own else strange(each) for name, each in value.items()}
    return {**inner, STRANGER: {"x": STRANGER}}


PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
FULL: list[Json] = [
    system("Be kind."),
    user([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": PIXEL}}]),
    calling("a"),
    result("a", [{"type": "text", "text": "found"}]),
    user("so?"),
]


@MODES
@EACH
async def test_trap_47_a_stranger_below_the_top_is_never_passed_on_and_is_told(model: str, stream: bool) -> None:
    got = await told(model, *strange(FULL), stream=stream, tools=strange([LOOKUP]))
    assert got.request is not None
    assert STRANGER.encode() not in got.request.content
    for place in (
        "/messages/*/", "/messages/*/content/*/", "/messages/*/content/*/image_url/", "/messages/*/tool_calls/*/",
        "/messages/*/tool_calls/*/function/", "/tools/*/", "/tools/*/function/",
    ):  # fmt: skip
        assert f"{place}{STRANGER}" in got.answer.dropped


MISPLACED: dict[str, tuple[Json, str]] = {
    "a call of a user": (user("so?", tool_calls=[1]), "tool_calls"),
    "an image in a text": (user([{"type": "text", "text": "so?", "image_url": [1]}]), "content/*/image_url"),
    "a list where it makes no sense": (user("so?", prefix=[[[]]]), "prefix"),
    "a name with signs": (user("so?") | {"a/b~c": True}, "a~1b~0c"),
}


@pytest.mark.parametrize("case", MISPLACED)
@EACH
async def test_trap_47_a_member_in_the_wrong_place_is_a_stranger_too(model: str, case: str) -> None:
    message, place = MISPLACED[case]
    got = await told(model, message, response_format={"type": "text", "json_schema": [[1]]})
    assert f"/messages/*/{place}" in got.answer.dropped


@EACH
async def test_trap_47_what_clients_hand_back_of_an_answer_is_no_stranger(model: str) -> None:
    """A message as the SDKs dump it: members that are null or empty, the index of a streamed call, our own extensions."""
    message = calling("a")
    message["tool_calls"][0]["index"] = 0
    empty: Json = {"refusal": None, "annotations": [], "audio": None, "function_call": None, "parsed": None}
    got = await told(model, user("hi"), message | empty, result("a") | {"name": "lookup"}, user("so?", name=None))
    assert got.answer.dropped.strip(", ") == ""


@MODES
@STRICT
async def test_trap_47_a_stranger_at_the_top_is_refused_by_its_name_as_openai_does(model: str, stream: bool) -> None:
    """What it asks for cannot be known, so that leaving it out might change the meaning."""
    error = (await told(model, user("hi"), stream=stream, fails=True, **AT_THE_TOP)).answer.error
    assert error == {
        "message": f"Unrecognized request argument supplied: {STRANGER}",
        "type": "invalid_request_error",
        "param": STRANGER,
        "code": "unknown_parameter",
    }


async def test_trap_47_where_the_vendor_speaks_chat_it_is_the_judge_of_members_newer_than_we_are() -> None:
    refusal = {"error": {"message": "No.", "type": "invalid_request_error", "param": STRANGER, "code": None}}
    got = await ask("gpt-6.1-sol", plain(refusal, 400), messages=[user("hi")], tools=[LOOKUP], **AT_THE_TOP)
    assert (got.answer.error, got.sent[STRANGER]) == (refusal["error"], 1)


# --- odd histories, judged by the stand-ins, which refuse what their vendors refuse ---

TEXTS = [{"type": "text", "text": "x"}, {"type": "text", "text": ""}]
ODD: dict[str, list[Json]] = {
    "no parts": [user([]), user("x")],
    "no answer": [user("a"), {"role": "assistant"}, user("b")],
    "null answers": [user("a"), assistant(None), assistant(None), user("b")],
    "instructions only": [system("x"), BRIEF],
    "blank instruction": [system(" "), user("x")],
    "an instruction without parts": [system([]), user("x")],
    "an instruction in the middle": [user("a"), BRIEF, assistant("b"), BRIEF, user("c"), BRIEF],
    "instructions around a blank": [user("a"), BRIEF, user(""), BRIEF, assistant("b"), user("c")],
    "an instruction after the answer": [user("a"), assistant("b"), BRIEF],
    "an assistant first": [assistant("a"), user("b")],
    "an assistant first, then an instruction": [assistant("a"), BRIEF, user("b")],
    "an assistant only": [assistant("a")],
    "blank prefill": [user("a"), assistant("  ")],
    "prefill": [user("a"), assistant([{"type": "text", "text": "b "}, {"type": "text", "text": " "}])],
    "a blank beside a call": [user("a"), calling("c1", content="\n"), result("c1", " ")],
    "text and calls apart": [user("a"), assistant("let me see"), calling("c1"), result("c1"), assistant("so"), user("b")],
    "results of parts and of none": [user("a"), calling("c1", "c2"), result("c1", TEXTS), result("c2", [])],
    "an instruction after the results": [user("a"), calling("c1"), result("c1"), BRIEF],
    "an instruction and a question": [user("a"), calling("c1"), result("c1"), BRIEF, user("b")],
    "the same ids in each round": [user("a"), calling("c"), result("c"), calling("c"), result("c"), user("b")],
    "strange ids": [user("a"), calling("call/1 x", "ü", "y" * 100), result("ü"), result("y" * 100), result("call/1 x")],
    "no arguments": [user("a"), calling("c", arguments=""), result("c")],
    "no calls": [user("a"), assistant("x", tool_calls=[]), assistant("y", tool_calls=None), user("b")],
    "a refusal": [user("a"), assistant(None, refusal="no"), user("b")],
    "a call and nothing after but an instruction": [user("a"), calling("c"), result("c"), assistant(""), BRIEF],
    "two hundred": [user("a") if at % 2 == 0 else assistant("b") for at in range(201)],
    "two hundred of a user": [user(str(at)) for at in range(200)],
    "names": [user("a", name="bob"), assistant("b", name="al"), user("c")],
    "fifty calls": [user("a"), calling(*map(str, range(50))), *[result(str(at)) for at in reversed(range(50))]],
}  # fmt: skip


class _StandIns(httpx.AsyncBaseTransport):
    """Each vendor's host is its stand-in; `seen` counts what reached one."""

    def __init__(self) -> None:
        hosts = {httpx.URL(url).host: CLOUDS[name].app for name, url in HOSTS.items()}
        self._clouds = {host: httpx.ASGITransport(app=app) for host, app in hosts.items()}
        self.seen = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen += 1
        return await self._clouds[request.url.host].handle_async_request(request)


@functools.cache
def _stand_ins() -> tuple[Application, _StandIns]:
    variables = {
        "openai": "OPENAI_API_KEY",
        "anthropic": "ANTHROPIC_API_KEY",
        "gemini": "GEMINI_API_KEY",
        "grok": "XAI_API_KEY",
    }
    transport = _StandIns()
    return application(transport, {variables[name]: cloud.key for name, cloud in CLOUDS.items()}), transport


@pytest.mark.parametrize("case", ODD)
async def test_no_odd_history_is_sent_that_the_vendor_would_refuse(case: str) -> None:
    app, stand_ins = _stand_ins()
    for model in PROVIDERS:
        stand_ins.seen = 0
        body = {"model": model, "messages": [*([BRIEF] if shift(model) else []), *ODD[case]], "tools": [LOOKUP]}
        reply = await post(app, "/v1/any/chat/completions", body)
        accepted = reply.status_code == 200 and stand_ins.seen == 1
        refused = reply.status_code == 400 and stand_ins.seen == 0 and reply.json()["error"]["param"]
        assert accepted or refused, (model, reply.status_code, reply.text)
