"""What Chat's writer does for a host that lacks a part of the format, and what no host takes."""

from typing import Any

import pytest

from polyglot_cloud.dialects import Written
from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Request
from polyglot_cloud.rows import Destination, Quirks

HELLO = {"role": "user", "content": "hello"}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def read(*messages: dict[str, Any], **members: Any) -> Request:
    assert DIALECT.read_request
    return DIALECT.read_request({"model": "m", "messages": list(messages or [HELLO]), **members})


def write(request: Request, *refused: str, **quirks: Any) -> Written:
    assert DIALECT.write_request
    return DIALECT.write_request(request, Destination("p", "m", Quirks(refused=frozenset(refused), **quirks)))


def told(written: Written) -> list[tuple[str, str]]:
    return [(loss.pointer, loss.kind) for loss in written.losses]


def calling(id_: str, name: str = "f") -> dict[str, Any]:
    call = {"id": id_, "type": "function", "function": {"name": name, "arguments": "{}"}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def custom(name: str = "c") -> dict[str, Any]:
    return {"type": "custom", "custom": {"name": name}}


def function(name: str = "f", **members: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **members}}


def test_a_refusal_is_text_where_the_host_has_none() -> None:
    said = {"role": "assistant", "content": None, "refusal": "No."}
    written = write(read(HELLO, said, HELLO), "refusal")
    assert written.body["messages"][1] == {"role": "assistant", "content": "No."}
    assert told(written) == [("/messages/1", "approximated")]


def test_custom_tools_are_refused_where_the_host_has_none() -> None:
    with pytest.raises(Unsupported) as refused:
        write(read(tools=[function(), custom()]), "custom")
    assert refused.value.param == "tools[1]"
    call = {"id": "a", "type": "custom", "custom": {"name": "c", "input": "x"}}
    answer = {"role": "tool", "tool_call_id": "a", "content": "x"}
    with pytest.raises(Unsupported) as refused:
        write(read(HELLO, {"role": "assistant", "tool_calls": [call]}, answer), "custom")
    assert refused.value.param == "messages"


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_allowed_tools_alone_are_offered_where_the_host_cannot_choose_among_them(mode: str) -> None:
    reference = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": reference}}
    request = read(tools=[function("f"), function("g"), function("h")], tool_choice=choice)
    written = write(request, "allowed_tools")
    assert [tool["function"]["name"] for tool in written.body["tools"]] == ["f", "g"]
    assert written.body["tool_choice"] == mode
    assert told(written) == [("/tool_choice", "emulated")]


def test_one_forced_tool_is_a_choice_that_every_host_has() -> None:
    choice = {"type": "function", "function": {"name": "g"}}
    written = write(read(tools=[function("f"), function("g")], tool_choice=choice), "allowed_tools")
    assert written.body["tool_choice"] == choice
    assert len(written.body["tools"]) == 2


@pytest.mark.parametrize(("store", "losses"), [(True, [("/store", "dropped")]), (False, [])])
def test_completions_are_not_stored_where_the_host_stores_none(store: bool, losses: list[Any]) -> None:
    written = write(read(store=store), "stored_completions")
    assert "store" not in written.body
    assert told(written) == losses


def test_top_p_of_0_is_as_small_as_the_host_takes_it() -> None:
    written = write(read(top_p=0), "top_p_zero")
    assert written.body["top_p"] == 0.001
    assert told(written) == [("/top_p", "approximated")]
    assert write(read(top_p=0.5), "top_p_zero").body["top_p"] == 0.5
    assert write(read(top_p=0)).body["top_p"] == 0


def test_the_clients_wish_for_usage_is_not_lost_where_the_host_takes_no_options() -> None:
    written = write(read(stream=True), "stream_options")
    assert "stream_options" not in written.body
    assert written.losses == []


@pytest.mark.parametrize("deep", [False, True])
def test_images_of_other_types_are_refused(deep: bool) -> None:
    shown = {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,SUkqAC4u"}}
    messages: list[dict[str, Any]] = [{"role": "user", "content": [shown]}]
    if deep:
        messages = [HELLO, calling("a"), {"role": "tool", "tool_call_id": "a", "content": [shown]}]
    with pytest.raises(Unsupported, match="image/tiff"):
        write(read(*messages), image_types=("image/png",))


def test_trap_9_a_wrong_label_is_corrected() -> None:
    part = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{PNG}"}}
    written = write(read({"role": "user", "content": [part]}))
    assert written.body["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png;")


@pytest.mark.parametrize("id_", ["", "x" * 65])
def test_trap_14_ids_that_are_not_taken_are_made_anew_alike(id_: str) -> None:
    written = write(read(HELLO, calling(id_), {"role": "tool", "tool_call_id": id_, "content": "x"}))
    call, result = written.body["messages"][1]["tool_calls"][0], written.body["messages"][2]
    assert call["id"] == result["tool_call_id"]
    assert call["id"].startswith("call_")


@pytest.mark.parametrize(("name", "fits"), [("a.b", "a_b"), ("", "_"), ("x" * 65, "x" * 64), ("ok-1", "ok-1")])
def test_trap_21_names_of_the_history_are_made_to_fit(name: str, fits: str) -> None:
    written = write(read(HELLO, calling("a", name), {"role": "tool", "tool_call_id": "a", "content": "x"}))
    assert written.body["messages"][1]["tool_calls"][0]["function"]["name"] == fits
    assert told(written) == ([] if name == fits else [("/messages/1", "approximated")])


def test_trap_21_names_of_tools_are_refused() -> None:
    with pytest.raises(Unsupported) as refused:
        write(read(tools=[function(), function("a.b")]))
    assert refused.value.param == "tools[1].function.name"


# --- what no vendor takes, refused where it is read ---


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"tools": [function(), function()]}, "tools[1]"),
        ({"tools": [function("c"), custom("c")]}, "tools[1]"),
        ({"functions": [{"name": "f"}, {"name": "f"}]}, "functions[1]"),
        ({"tools": [function(parameters={"type": "array"})]}, "tools[0].function.parameters"),
        ({"functions": [{"name": "f", "parameters": {"type": "string"}}]}, "functions[0].parameters"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}},
            "response_format.json_schema.name",
        ),
    ],
)
def test_refused(members: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(**members)
    assert refused.value.param == param


# --- the client's names for things ---


@pytest.mark.parametrize(
    ("members", "place", "spelled"),
    [
        ({"max_tokens": 1}, "/max_completion_tokens", "/max_tokens"),
        ({"max_completion_tokens": 1}, "/max_tokens", "/max_completion_tokens"),
        ({"max_completion_tokens": 1}, "max_tokens", "max_completion_tokens"),
        ({"functions": [{"name": "f"}]}, "/tools/0/function/strict", "/functions/0/strict"),
        ({"functions": [{"name": "f"}]}, "tools[0].function.name", "functions[0].name"),
        ({"functions": [{"name": "f"}]}, "/tool_choice", "/function_call"),
        ({"tools": [function()]}, "/tools/0/function/strict", "/tools/0/function/strict"),
        ({}, "/messages/0", "/messages/0"),
    ],
)
def test_places_are_told_in_the_clients_words(members: dict[str, Any], place: str, spelled: str) -> None:
    assert read(**members).spelled(place) == spelled


# --- cache marks that stand at nothing ---

MARK = {"cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("message", "pointers"),
    [
        ({"role": "user", "content": [], **MARK}, ["/messages/0/cache_control"]),
        ({"role": "assistant", "content": None, **MARK}, ["/messages/0/cache_control"]),
        ({"role": "assistant", "content": "", **MARK}, ["/messages/0/cache_control"]),
        ({"role": "assistant", "content": "x", **MARK}, []),
        ({"role": "user", "content": "", **MARK}, []),
        ({"role": "assistant", "content": [{"type": "text", "text": "", **MARK}]}, ["/messages/0/content/0/cache_control"]),
        ({"role": "assistant", "content": [{"type": "text", "text": "x", **MARK}]}, []),
        ({"role": "user", "content": [{"type": "text", "text": "x", **MARK}], **MARK}, ["/messages/0/content/0/cache_control"]),
    ],
)  # fmt: skip
def test_a_mark_at_nothing_is_told(message: dict[str, Any], pointers: list[str]) -> None:
    assert [loss.pointer for loss in read(message, HELLO).losses] == pointers


def test_of_two_marks_at_one_place_the_second_is_told() -> None:
    both = MARK | {"prompt_cache_breakpoint": {"mode": "explicit"}}
    request = read({"role": "user", "content": [{"type": "text", "text": "x", **both}]}, tools=[function() | both])
    assert [loss.pointer for loss in request.losses] == [
        "/messages/0/content/0/prompt_cache_breakpoint",
        "/tools/0/prompt_cache_breakpoint",
    ]


def test_marks_stay_with_the_text_that_they_stood_at() -> None:
    """`reasoning_details` cut the content anew; each piece keeps the last mark within it."""
    parts = [{"type": "text", "text": "ab", **MARK}, {"type": "text", "text": "cd"}, {"type": "text", "text": "ef"}]
    head = {"type": "text", "provider": "p", "model": "m", "data": {}}
    details = [head | {"index": 0, "offset": 0, "length": 3}, head | {"index": 1, "offset": 3, "length": 3}]
    said = {"role": "assistant", "content": parts, "reasoning_details": details}
    blocks = read(HELLO, said, HELLO).messages[1].blocks
    assert [block.mark is not None for block in blocks] == [True, False]
