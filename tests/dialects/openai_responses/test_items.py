import pytest

from dialects.openai_responses.bodies import (
    MODEL,
    PROVIDER,
    body,
    conversation,
    items,
    lost,
    request,
    said,
    thought,
    write,
)
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import (
    Audio,
    Block,
    File,
    FileId,
    Image,
    Inline,
    Mark,
    Message,
    Opaque,
    Refusal,
    State,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Url,
)
from polyglot_cloud.rows import Quirks

PNG = Inline("image/png", "iVBORw0=")
PDF = Inline("application/pdf", "JVBERi0=")
CALL = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
ASKED = said("user", "Look!")


def call(id_: str = "call_1", arguments: str = "{}", state: State | None = None) -> ToolCall:
    return ToolCall(id_, "look", arguments, state=state)


def answer(*blocks: Block, id_: str = "call_1", is_error: bool = False) -> Message:
    return Message("user", [ToolResult(id_, list(blocks), is_error=is_error)])


def test_trap_1_same_role_neighbours_stay_apart() -> None:
    assert [item["content"][0]["text"] for item in items(conversation(said("user", "a"), said("user", "b")))] == [
        "a",
        "b",
    ]


@pytest.mark.parametrize("text", ["", None])
def test_trap_2_empty_assistant_text_beside_a_call_is_left_out(text: str | None) -> None:
    blocks: list[Block] = [] if text is None else [Text(text)]
    written = items(conversation(ASKED, said("assistant", *blocks, call()), answer(Text("ok"))))
    assert written[1] == CALL
    assert len(written) == 3


def test_trap_2_an_empty_user_text_is_the_vendors_to_judge() -> None:
    assert items(request(Text("")))[0]["content"] == [{"type": "input_text", "text": ""}]


def test_trap_6_and_7_system_and_developer_messages_keep_role_number_and_place() -> None:
    wanted = conversation(
        said("user", "a"),
        said("system", "from now on, rhyme"),
        said("user", "b"),
        system=[said("system", "one"), said("developer", "two", "three")],
    )
    assert items(wanted) == [
        {"role": "system", "content": [{"type": "input_text", "text": "one"}]},
        {
            "role": "developer",
            "content": [{"type": "input_text", "text": "two"}, {"type": "input_text", "text": "three"}],
        },
        {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"role": "system", "content": [{"type": "input_text", "text": "from now on, rhyme"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "b"}]},
    ]
    assert "instructions" not in body(wanted)


def test_assistant_text_and_refusal_share_a_message() -> None:
    written = items(conversation(ASKED, said("assistant", "a", Refusal("no")), said("user", "b")))
    assert written[1] == {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "a", "annotations": []}, {"type": "refusal", "refusal": "no"}],
    }


def test_a_refusal_that_a_client_quotes_as_user_is_text() -> None:
    assert items(request(Refusal("no")))[0]["content"] == [{"type": "input_text", "text": "no"}]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (Image(Url("https://x/a.png")), {"type": "input_image", "image_url": "https://x/a.png", "detail": "auto"}),
        (Image(PNG, "high"), {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0=", "detail": "high"}),
        (Image(FileId("file-1"), "low"), {"type": "input_image", "file_id": "file-1", "detail": "low"}),
        (
            File(PDF, "a.pdf"),
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        ),
        (
            File(PDF),
            {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        ),
        (
            File(Inline("text/csv", "YQ==")),
            {"type": "input_file", "filename": "document", "file_data": "data:text/csv;base64,YQ=="},
        ),
        (File(FileId("file-1"), "a.pdf"), {"type": "input_file", "file_id": "file-1"}),
        (File(Url("https://x/a.pdf"), "a.pdf"), {"type": "input_file", "file_url": "https://x/a.pdf"}),
    ],
)
def test_trap_9_and_10_media_parts(block: Block, part: dict[str, str]) -> None:
    written = items(request(Text("see"), block))
    assert written == [{"role": "user", "content": [{"type": "input_text", "text": "see"}, part]}]


def test_trap_9_an_image_type_that_the_model_does_not_take_is_refused() -> None:
    quirks = Quirks(image_types=("image/png", "image/jpeg"))
    assert items(request(Image(PNG)), quirks)
    assert items(request(Image(Url("https://x/a.gif"))), quirks)
    with pytest.raises(Unsupported, match="image/gif") as caught:
        write(request(Image(Inline("image/gif", "R0lG"))), quirks)
    assert caught.value.param == "messages"


JPEG, PAPER, UNKNOWN = "/9j/4AAQSkZJRg==", "JVBERi0xLjQ=", "AAECAwQFBgcICQ=="


@pytest.mark.parametrize(
    ("named", "data", "sent"),
    [
        ("image/jpg", JPEG, "image/jpeg"),
        ("application/octet-stream", JPEG, "image/jpeg"),
        ("image/png", JPEG, "image/jpeg"),
        ("image/jpeg", JPEG, "image/jpeg"),
        ("image/jpg", UNKNOWN, "image/jpg"),
        ("image/png", "no base64!", "image/png"),
        ("image/png", "", "image/png"),
    ],
)
def test_trap_9_the_bytes_decide_what_an_image_is(named: str, data: str, sent: str) -> None:
    (part,) = items(request(Image(Inline(named, data))))[0]["content"]
    assert part["image_url"] == f"data:{sent};base64,{data}"


def test_trap_9_a_type_is_taken_or_refused_by_what_the_bytes_are() -> None:
    quirks = Quirks(image_types=("image/jpeg",))
    assert items(request(Image(Inline("image/jpg", JPEG))), quirks)
    with pytest.raises(Unsupported, match="not image/gif"):
        write(request(Image(Inline("image/jpeg", "R0lGODlhAQABAA=="))), quirks)


def test_trap_10_a_pdf_is_one_whatever_it_was_called() -> None:
    (part,) = items(request(File(Inline("application/octet-stream", PAPER))))[0]["content"]
    assert (part["filename"], part["file_data"]) == ("document.pdf", f"data:application/pdf;base64,{PAPER}")


@pytest.mark.parametrize(
    "message",
    [
        said("user", Audio(Inline("audio/wav", "UklG"))),
        said("assistant", Image(PNG)),
        said("assistant", Audio(Inline("audio/wav", "UklG"))),
        said("user", Opaque("anthropic", {"type": "container_upload"})),
        Message("user", [ToolResult("call_1", [Audio(PNG)])]),
    ],
)
def test_trap_10_what_has_no_part_here_is_refused(message: Message) -> None:
    with pytest.raises(Unsupported) as caught:
        write(conversation(ASKED, message))
    assert (caught.value.param, caught.value.code) == ("messages", "unsupported_parameter")


def test_trap_13_a_call_goes_back_under_its_call_id_and_without_an_id() -> None:
    written = items(conversation(ASKED, said("assistant", "wait", call(arguments='{"a": 1}')), answer(Text("ok"))))
    assert written[1:] == [
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "wait", "annotations": []}],
        },
        CALL | {"arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "ok"},
    ]


def test_trap_14_an_id_that_is_too_long_is_shortened_alike_in_call_and_result() -> None:
    long = "x" * 65
    written = items(conversation(ASKED, said("assistant", call(long), call("y" * 64)), answer(Text("ok"), id_=long)))
    short = written[1]["call_id"]
    assert short == written[3]["call_id"]
    assert len(short) <= 64
    assert short != long
    assert written[2]["call_id"] == "y" * 64


@pytest.mark.parametrize(
    ("given", "sent"), [("", "{}"), ('{"a":1.0}', '{"a":1.0}'), ("not json", "not json"), ("[1]", "[1]")]
)
def test_trap_16_arguments_stay_the_text_they_were(given: str, sent: str) -> None:
    written = items(conversation(ASKED, said("assistant", call(arguments=given)), answer(Text("ok"))))
    assert written[1]["arguments"] == sent


@pytest.mark.parametrize(
    ("blocks", "output"),
    [
        ([], ""),
        ([Text("")], ""),
        ([Text("18")], "18"),
        ([Text("a"), Text("b")], [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]),
        (
            [Text("a"), Image(Url("https://x/a.png"))],
            [
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": "https://x/a.png", "detail": "auto"},
            ],
        ),
        ([File(FileId("file-1"))], [{"type": "input_file", "file_id": "file-1"}]),
    ],
)
def test_results_are_a_text_or_a_list_of_parts(blocks: list[Block], output: object) -> None:
    written = items(conversation(ASKED, said("assistant", call()), answer(*blocks)))
    assert written[2] == {"type": "function_call_output", "call_id": "call_1", "output": output}


def test_results_come_before_the_text_of_their_message() -> None:
    both = Message("user", [ToolResult("call_1", [Text("ok")]), Text("go on")])
    assert [
        item.get("type", item.get("role")) for item in items(conversation(ASKED, said("assistant", call()), both))
    ] == [
        "user",
        "function_call",
        "function_call_output",
        "user",
    ]


def test_a_failed_result_loses_its_flag_aloud() -> None:
    written = write(conversation(ASKED, said("assistant", call()), answer(Text("boom"), is_error=True)))
    assert written.body["input"][2]["output"] == "boom"
    assert lost(written) == [("/messages", "dropped")]


def test_custom_calls_have_items_of_their_own() -> None:
    sql = ToolCall("call_1", "sql", "", kind="custom")
    written = items(
        conversation(ASKED, said("assistant", sql, call("call_2")), answer(Text("Ada")), answer(id_="call_2"))
    )
    assert written[1] == {"type": "custom_tool_call", "call_id": "call_1", "name": "sql", "input": ""}
    assert written[3] == {"type": "custom_tool_call_output", "call_id": "call_1", "output": "Ada"}
    assert written[4]["type"] == "function_call_output"


# --- reasoning ---


def test_trap_22_reasoning_goes_back_verbatim_before_what_it_led_to() -> None:
    state, raw = thought("hm", status="completed")
    second, later = thought(id="rs_2")
    turn = said("assistant", Thinking("hm", state=state), "look", Thinking("", state=second), call())
    written = write(conversation(ASKED, turn, answer(Text("ok"))))
    assert [item is raw or item is later or item.get("type") for item in written.body["input"][1:]] == [
        True,
        "message",
        True,
        "function_call",
        "function_call_output",
    ]
    assert written.losses == []


def test_trap_22_reasoning_kept_at_a_call_or_text_stands_before_it() -> None:
    state, raw = thought()
    written = items(conversation(ASKED, said("assistant", "a", call(state=state)), answer(Text("ok"))))
    assert written[2:4] == [raw, CALL]
    written = items(conversation(ASKED, said("assistant", "a", Text("b", state=state)), said("user", "c")))
    assert [item.get("type") for item in written] == [None, "message", "reasoning", "message", None]


@pytest.mark.parametrize(
    "state",
    [
        None,
        thought(provider="grok")[0],
        thought(model="gpt-test-2")[0],
        thought(encrypted_content=None)[0],
        State({"type": "thinking", "signature": "s", "encrypted_content": "x"}, PROVIDER, MODEL),
    ],
)
def test_trap_23_reasoning_that_is_not_this_models_own_is_stripped_aloud(state: State | None) -> None:
    written = write(conversation(ASKED, said("assistant", Thinking("hm", state=state), call()), answer(Text("ok"))))
    assert written.body["input"][1] == CALL
    assert lost(written) == [("/messages", "dropped")]


def test_trap_23_foreign_state_of_a_call_is_stripped_and_the_call_stays() -> None:
    signed = call(state=State({"thoughtSignature": "s"}, "gemini", "gemini-3"))
    written = write(conversation(ASKED, said("assistant", signed), answer(Text("ok"))))
    assert written.body["input"][1] == CALL
    assert lost(written) == [("/messages", "dropped")]


def test_reasoning_that_nothing_follows_is_left_out() -> None:
    """The vendor: "was provided without its required following item"."""
    state, _ = thought()
    cut = said("assistant", Thinking("", state=state), Thinking("", state=thought(id="rs_2")[0]))
    written = write(conversation(ASKED, cut, said("user", "go on")))
    assert [item["role"] for item in written.body["input"]] == ["user", "user"]
    assert lost(written) == [("/messages", "dropped")]


def test_reasoning_before_reasoning_is_followed() -> None:
    first, second = thought()[0], thought(id="rs_2")[0]
    turn = said("assistant", Thinking("", state=first), Thinking("", state=second), "done")
    assert [item.get("type") for item in items(conversation(ASKED, turn))] == [
        None,
        "reasoning",
        "reasoning",
        "message",
    ]


# --- what only some have ---


SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}


def test_an_opaque_item_of_this_model_goes_back_in_its_place() -> None:
    block = Opaque("openai_responses", SEARCH, state=State({}, PROVIDER, MODEL))
    written = write(conversation(ASKED, said("assistant", "a", block, "b")))
    assert written.body["input"][2] is SEARCH
    assert written.losses == []


@pytest.mark.parametrize(
    "block",
    [
        Opaque("openai_responses", SEARCH),
        Opaque("openai_responses", SEARCH, state=State({})),
        Opaque("openai_responses", SEARCH, state=State({}, "grok", MODEL)),
        Opaque("openai_responses", SEARCH, state=State({}, PROVIDER, "gpt-test-2")),
        Opaque("openai_responses", {"id": "ws_1"}, state=State({}, PROVIDER, MODEL)),
        Opaque("openai_responses", {"id": "ws_1", "type": None}, state=State({}, PROVIDER, MODEL)),
        Opaque("openai_responses", {"id": "ws_1", "type": ["message"]}, state=State({}, PROVIDER, MODEL)),
        Opaque("anthropic", {"type": "server_tool_use"}),
    ],
)
def test_an_opaque_block_of_another_house_is_left_out_aloud(block: Opaque) -> None:
    written = write(conversation(ASKED, said("assistant", block, "b")))
    assert [item["role"] for item in written.body["input"]] == ["user", "assistant"]
    assert lost(written) == [("/messages", "dropped")]


def test_trap_38_cache_marks_are_dropped_aloud_once() -> None:
    written = write(request(Text("a", mark=Mark("1h")), Text("b", mark=Mark())))
    assert lost(written) == [("/messages", "dropped")]


def test_names_of_participants_are_dropped_aloud() -> None:
    written = write(conversation(Message("user", [Text("a")], name="Ada")))
    assert lost(written) == [("/messages", "dropped")]


def test_a_history_that_says_nothing_is_refused() -> None:
    with pytest.raises(BadRequest, match="nothing to answer"):
        write(conversation(Message("user", []), Message("assistant", [Text("")])))
