from typing import Any

import pytest

from dialects.gemini.support import (
    FIXTURES,
    PNG,
    body,
    call,
    destination,
    load,
    own,
    pointers,
    request,
    result,
    user,
    write,
)
from polyglot_cloud.dialects.gemini.contents import OPERATOR, contents
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import (
    Audio,
    Block,
    File,
    Image,
    Inline,
    Loss,
    Mark,
    Message,
    Opaque,
    Refusal,
    Request,
    State,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)


def assistant(*blocks: Block) -> Message:
    return Message("assistant", list(blocks))


def results(*blocks: Block) -> Message:
    return Message("user", list(blocks))


def text(role: str, *texts: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": each} for each in texts]}


@pytest.mark.parametrize(
    ("messages", "contents"),
    [
        ([user("a"), user("b")], [text("user", "a", "b")]),
        ([user("a"), assistant(Text("b")), assistant(Text("c"))], [text("user", "a"), text("model", "b", "c")]),
        ([user("a"), assistant(Text(" \n")), user("b")], [text("user", "a", "b")]),
        ([user("a", "  "), user("")], [text("user", "a")]),
        ([user("a"), assistant(), user("b", "c")], [text("user", "a", "b", "c")]),
        ([user("a"), assistant(Refusal(" "))], [text("user", "a")]),
        ([user("a"), assistant(Text(" b "))], [text("user", "a"), text("model", " b ")]),
    ],
)  # fmt: skip
def test_trap_01_and_02_neighbours_merge_and_blanks_go(messages: list[Message], contents: list[dict[str, Any]]) -> None:
    assert body(request(*messages))["contents"] == contents


def test_a_refusal_becomes_text_aloud() -> None:
    written = write(request(user("a"), assistant(Refusal("No.")), user("b")))
    assert written.body["contents"] == [text("user", "a"), text("model", "No."), text("user", "b")]
    assert [(loss.pointer, loss.kind) for loss in written.losses] == [("/messages", "approximated")]


@pytest.mark.parametrize(
    "messages", [[assistant(Text("Hello!"))], [assistant(Text("Hello!")), user("Hi")], [user("")], [user("  ", "\n")]]
)
def test_trap_02_a_users_content_comes_first(messages: list[Message]) -> None:
    with pytest.raises(BadRequest, match="needs a user message") as raised:
        write(request(*messages))
    assert raised.value.param == "messages"


def test_trap_02_an_empty_last_turn_is_not_filled_with_invented_text() -> None:
    with pytest.raises(BadRequest, match="last message is empty"):
        write(request(user("a"), assistant(Text("b")), user(" ")))


def test_trap_08_a_prefill_passes_only_where_the_model_continues_it() -> None:
    messages = [user("a"), assistant(Text("b"))]
    assert body(request(*messages))["contents"][-1] == text("model", "b")
    with pytest.raises(Unsupported, match="does not continue") as raised:
        write(request(*messages), destination(prefill=False))
    assert raised.value.param == "messages"
    again = write(request(*messages, user("c")), destination(prefill=False))
    assert again.body["contents"][-1] == text("user", "c")


# --- system ---


def test_trap_06_and_07_leading_instructions_are_one_system_instruction() -> None:
    system = [
        Message("system", [Text("Be kind."), Text("Be brief.")]),
        Message("developer", [Text("No code.")]),
        Message("system", [Text(" ")]),
    ]
    written = body(request(user("Hi"), system=system))
    assert written["systemInstruction"] == {"parts": [{"text": "Be kind.\nBe brief."}, {"text": "No code."}]}


def test_no_instruction_is_no_field() -> None:
    assert "systemInstruction" not in body(request(user("Hi"), system=[Message("system", [Text("")])]))


@pytest.mark.parametrize("role", ["system", "developer"])
def test_trap_06_a_later_instruction_stays_in_its_place(role: Any) -> None:
    written = write(
        request(
            user("a"),
            assistant(Text("b")),
            Message(role, [Text("Now in French.")]),
            user("c"),
            Message(role, [Text("")]),
        )
    )
    assert written.body["contents"][2] == text("user", f"{OPERATOR}Now in French.", "c")
    assert [(loss.pointer, loss.kind) for loss in written.losses] == [("/messages", "approximated")]


def test_an_instruction_holds_text_only() -> None:
    with pytest.raises(Unsupported, match="system message"):
        write(request(user("a"), system=[Message("system", [Image(Inline("image/png", PNG))])]))


# --- tools ---


def test_the_tool_loop_of_the_fixture() -> None:
    expected = load(FIXTURES / "tool_loop", "request.json")
    first, second = expected["contents"][1]["parts"]
    declared = expected["tools"][0]["functionDeclarations"][0]
    written = body(
        request(
            user("Weather in Oslo and Rome?"),
            assistant(
                call("a1", arguments='{"city":"Oslo"}', state=own(first)),
                call("a2", arguments='{"city":"Rome"}', state=own(second)),
            ),
            results(result("a1", '{"celsius": -4}'), result("a2", "sunny")),
            system=[Message("system", [Text("Be brief.")])],
            tools=[Tool(declared["name"], declared["description"], declared["parametersJsonSchema"])],
        ),
        destination(thinking=("level",)),
    )
    assert written == expected


def test_trap_04_results_stand_in_the_order_of_the_calls_before_all_else() -> None:
    messages = [
        user("Hi"),
        assistant(call("c1", "one"), call("c2", "two"), call("c3", "three")),
        results(result("c3", "3"), Text("Quick!")),
        results(result("c1", "1")),
        results(result("c2", "2")),
        user("Please"),
    ]
    assert body(request(*messages))["contents"][2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "one", "response": {"result": "1"}}},
            {"functionResponse": {"name": "two", "response": {"result": "2"}}},
            {"functionResponse": {"name": "three", "response": {"result": "3"}}},
            {"text": "Quick!"},
            {"text": "Please"},
        ],
    }


@pytest.mark.parametrize(
    ("answer", "is_error", "response"),
    [
        ("sunny", False, {"result": "sunny"}),
        ("", False, {"result": ""}),
        ('{"a": 1}', False, {"a": 1}),
        ("[1]", False, {"result": "[1]"}),
        ("7", False, {"result": "7"}),
        ("{broken", False, {"result": "{broken"}),
        ("no such city", True, {"error": "no such city"}),
        ('{"code": 5}', True, {"error": {"code": 5}}),
    ],
)
def test_trap_04_a_response_is_an_object(answer: str, is_error: bool, response: dict[str, Any]) -> None:
    messages = [user("Hi"), assistant(call("c1")), results(result("c1", answer, is_error=is_error))]
    (part,) = body(request(*messages))["contents"][2]["parts"]
    assert part == {"functionResponse": {"name": "get_weather", "response": response}}


def test_trap_04_several_texts_of_a_result_are_one() -> None:
    messages = [user("Hi"), assistant(call("c1")), results(ToolResult("c1", [Text("a"), Text("b")]))]
    assert body(request(*messages))["contents"][2]["parts"][0]["functionResponse"]["response"] == {"result": "a\nb"}


def test_trap_04_and_14_an_id_goes_back_only_where_gemini_gave_it() -> None:
    raw = {"functionCall": {"id": "g7", "name": "get_weather", "args": {}}}
    messages = [
        user("Hi"),
        assistant(call("g7", state=own(raw)), call("toolu_1")),
        results(result("g7"), result("toolu_1")),
    ]
    _, model, answers = body(request(*messages))["contents"]
    assert [part["functionCall"].get("id") for part in model["parts"]] == ["g7", None]
    assert [part["functionResponse"].get("id") for part in answers["parts"]] == ["g7", None]


def test_trap_05_equal_ids_in_different_turns_do_not_meet() -> None:
    messages = [
        user("Hi"),
        assistant(call("c", "one")),
        results(result("c", "1")),
        assistant(call("c", "two")),
        results(result("c", "2")),
    ]
    contents = body(request(*messages))["contents"]
    assert [contents[at]["parts"][0]["functionResponse"]["name"] for at in (2, 4)] == ["one", "two"]


@pytest.mark.parametrize(
    ("messages", "match"),
    [
        ([user("Hi"), results(result("c1"))], "answers no tool call"),
        ([results(result("c1"))], "answers no tool call"),
        ([user("Hi"), assistant(call("c1")), results(result("c2"))], '"c2" answers no tool call'),
        ([user("Hi"), assistant(call("c1"), call("c2")), results(result("c1"))], '"c2" of get_weather has no result'),
        ([user("Hi"), assistant(call("c1")), user("Never mind")], '"c1" of get_weather has no result'),
    ],
)
def test_trap_05_orphans_and_unanswered_calls_are_refused(messages: list[Message], match: str) -> None:
    with pytest.raises(BadRequest, match=match) as raised:
        write(request(*messages))
    assert raised.value.param == "messages"


@pytest.mark.parametrize(
    ("arguments", "args"), [("", {}), (" ", {}), ('{"n":1.0,"x":[null]}', {"n": 1.0, "x": [None]})]
)
def test_trap_16_arguments_become_an_object(arguments: str, args: dict[str, Any]) -> None:
    messages = [user("Hi"), assistant(call("c1", arguments=arguments))]
    assert body(request(*messages))["contents"][1]["parts"] == [{"functionCall": {"name": "get_weather", "args": args}}]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [("{broken", "not JSON"), ("[1]", "must be a JSON object"), ('"x"', "must be a JSON object")],
)
def test_trap_16_other_arguments_are_refused(arguments: str, match: str) -> None:
    with pytest.raises(BadRequest, match=match):
        write(request(user("Hi"), assistant(call("c1", arguments=arguments))))


def test_a_custom_call_is_refused() -> None:
    with pytest.raises(Unsupported, match="no custom tools"):
        write(request(user("Hi"), assistant(ToolCall("c1", "shell", "ls", kind="custom"))))


def test_an_image_in_a_result_is_a_part_of_its_own() -> None:
    shown = ToolResult("c1", [Text("here"), Image(Inline("image/png", PNG))])
    parts = body(request(user("Hi"), assistant(call("c1")), results(shown, Text("And?"))))["contents"][2]["parts"]
    assert parts == [
        {"functionResponse": {"name": "get_weather", "response": {"result": "here"}}},
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"text": "And?"},
    ]


def test_a_result_holds_text_and_media_only() -> None:
    with pytest.raises(Unsupported, match="tool result"):
        write(request(user("Hi"), assistant(call("c1")), results(ToolResult("c1", [Refusal("no")]))))


# --- the rest ---


def test_a_users_part_of_another_dialect_is_refused() -> None:
    with pytest.raises(Unsupported, match="no equivalent"):
        write(request(Message("user", [Text("a"), Opaque("anthropic", {"type": "search_result"})])))


def test_media_stand_in_their_place() -> None:
    blocks: list[Block] = [
        Text("a"),
        Image(Inline("image/png", PNG)),
        Text("b"),
        Audio(Inline("audio/wav", "UklGRg==")),
    ]
    parts = body(request(Message("user", blocks)))["contents"][0]["parts"]
    assert [next(iter(part)) for part in parts] == ["text", "inlineData", "text", "inlineData"]


def test_what_media_lose_is_told_once() -> None:
    picture = Image(Inline("image/png", PNG), detail="low")
    paper = File(Inline("application/pdf", "JVBERi0xLjQ="), name="a.pdf")
    written = write(request(Message("user", [picture, picture, paper, Image(Inline("image/png", PNG), detail="auto")])))
    assert sorted(loss.reason for loss in written.losses) == [
        "Gemini has no detail of an image",
        "Gemini takes no name of an inline file",
    ]


def test_trap_38_marks_and_names_are_dropped_aloud() -> None:
    written = write(request(Message("user", [Text("a", mark=Mark("5m")), Text("b", mark=Mark())], name="Ada")))
    assert pointers(written) == ["/messages", "/messages"]
    assert pointers(write(request(user("a"), tools=[Tool("f", mark=Mark())]))) == ["/tools"]


@pytest.mark.parametrize(("signed", "lost"), [(True, []), (False, ["/messages/1"])])
def test_a_summary_of_thoughts_is_no_loss_where_the_signature_goes_back(signed: bool, lost: list[str]) -> None:
    raw = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}
    place = destination()
    asked = ToolCall("c", "f", "{}", state=State(raw, place.provider, place.model) if signed else None)
    turn = Message("assistant", [Thinking("hm"), asked], pointer="/messages/1")
    losses: list[Loss] = []
    turns = [Message("user", [Text("x")]), turn, Message("user", [ToolResult("c", [Text("y")])])]
    contents(Request("m", turns), place, losses)
    assert [loss.pointer for loss in losses] == lost
