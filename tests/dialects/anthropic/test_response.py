from typing import Any

import pytest

from polyglot_cloud.dialects.anthropic.response import read_response
from polyglot_cloud.errors import BrokenReply, CredentialRefused, Failed, QuotaExhausted, RateLimited
from polyglot_cloud.neutral import Choice, Opaque, Response, State, Text, Thinking, ToolCall, Usage

USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}}
HELLO = {"type": "text", "text": "Hello"}


def reply(*content: dict[str, Any], stop: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    return {"id": "msg_1", "type": "message", "model": "claude", "content": list(content), "stop_reason": stop, **more}


def choice(body: dict[str, Any]) -> Choice:
    return read_response(body).choices[0]


def test_whole_reply() -> None:
    assert read_response(reply(HELLO, usage={"input_tokens": 3, "output_tokens": 1})) == Response(
        "msg_1", "claude", [Choice([Text("Hello")], "stop")], Usage(3, 1)
    )


@pytest.mark.parametrize(
    ("raw", "block"),
    [
        (HELLO, Text("Hello")),
        ({**HELLO, "citations": None}, Text("Hello")),
        ({**HELLO, "citations": []}, Text("Hello")),
        ({"type": "text"}, Text("")),
        (USE, ToolCall("toolu_1", "weather", '{"city":"Zürich"}')),
        ({**USE, "input": {}}, ToolCall("toolu_1", "weather", "")),
        ({**USE, "input": {"a": [1, 2.5]}}, ToolCall("toolu_1", "weather", '{"a":[1,2.5]}')),
        ({"type": "thinking", "thinking": "hm"}, Thinking("hm")),
        (
            {"type": "server_tool_use", "id": "x"},
            Opaque("anthropic", {"type": "server_tool_use", "id": "x"}, state=State({})),
        ),
        ({"kind": "unheard"}, Opaque("anthropic", {"kind": "unheard"}, state=State({}))),
    ],
)
def test_blocks(raw: dict[str, Any], block: object) -> None:
    assert choice(reply(raw)).blocks == [block]


@pytest.mark.parametrize(
    "raw",
    [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
    ],
)
def test_trap_22_thinking_keeps_its_whole_block_as_state(raw: dict[str, Any]) -> None:
    assert choice(reply(raw)).blocks == [Thinking(raw.get("thinking", ""), state=State(raw))]


def test_citations_become_annotations() -> None:
    web = {"type": "web_search_result_location", "url": "https://example.org", "title": "T", "cited_text": "x"}
    own = {"type": "page_location", "document_index": 0, "cited_text": "x"}
    block = choice(reply({**HELLO, "citations": [web, own, "junk"]})).blocks[0]
    assert isinstance(block, Text)
    place = {"start_index": 0, "end_index": 5, "title": "T", "url": "https://example.org"}
    assert block.annotations == [{"type": "url_citation", "url_citation": place}, own]


@pytest.mark.parametrize(
    ("stop", "content", "finish", "detail"),
    [
        ("end_turn", [HELLO], "stop", None),
        ("end_turn", [HELLO, USE], "tool_calls", None),
        ("tool_use", [USE], "tool_calls", None),
        ("tool_use", [HELLO], "stop", None),
        ("stop_sequence", [HELLO], "stop", None),
        ("stop_sequence", [USE], "stop", None),
        ("max_tokens", [USE], "length", None),
        ("model_context_window_exceeded", [HELLO], "length", "model_context_window_exceeded"),
        ("pause_turn", [HELLO], "length", "pause_turn"),
        ("refusal", [], "content_filter", "refusal"),
        ("brand_new", [HELLO], "stop", "brand_new"),
        ("brand_new", [USE], "tool_calls", "brand_new"),
    ],
)
def test_trap_27_finish(
    stop: str | None, content: list[dict[str, Any]], finish: str | None, detail: str | None
) -> None:
    read = choice(reply(*content, stop=stop))
    assert (read.finish, read.detail) == (finish, detail)


@pytest.mark.parametrize(
    ("details", "detail"),
    [
        ({"explanation": "Blocked.", "category": "cyber"}, "refusal (cyber): Blocked."),
        ({"explanation": None, "category": "cyber"}, "refusal (cyber)"),
        ({"explanation": "Blocked."}, "refusal: Blocked."),
        ({}, "refusal"),
        (None, "refusal"),
    ],
)
def test_trap_28_refusal_is_a_reply(details: Any, detail: str) -> None:
    read = choice(reply(HELLO, stop="refusal", stop_details=details))
    assert (read.blocks, read.finish, read.detail) == ([Text("Hello")], "content_filter", detail)


def test_stop_sequence_is_told() -> None:
    assert choice(reply(HELLO, stop="stop_sequence", stop_sequence="END")).stop_sequence == "END"
    assert choice(reply(HELLO, stop_sequence=None)).stop_sequence is None


@pytest.mark.parametrize("stop", [None, "", 5])
def test_trap_27_a_reply_without_an_end_is_broken_as_its_stream_is(stop: Any) -> None:
    with pytest.raises(BrokenReply, match="without a stop reason"):
        read_response(reply(HELLO, stop=stop))
    with pytest.raises(BrokenReply, match="without a stop reason"):
        read_response({"id": "msg_1", "content": [HELLO]})


@pytest.mark.parametrize("body", [None, [], "x", {}, {"content": None}, {"content": "text"}, {"type": "message"}])
def test_what_is_no_reply_is_broken(body: Any) -> None:
    with pytest.raises(BrokenReply):
        read_response(body)


def test_blocks_that_are_no_objects_are_skipped() -> None:
    assert choice({**reply(HELLO), "content": [None, HELLO, 3]}).blocks == [Text("Hello")]


@pytest.mark.parametrize(
    ("error", "leaf", "status"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, Failed, 529),
        ({"type": "api_error", "message": "x"}, Failed, 500),
        ({"type": "rate_limit_error", "message": "x"}, RateLimited, 429),
        (
            {"type": "rate_limit_error", "message": "x", "details": {"error_code": "contract_spend_limit_reached"}},
            QuotaExhausted,
            429,
        ),
        ({"type": "authentication_error", "message": "x"}, CredentialRefused, 502),
        ({"type": "unheard_error"}, Failed, 500),
        (None, Failed, 500),
    ],
)
def test_trap_29_an_error_inside_a_200_is_an_error(error: Any, leaf: type[Exception], status: int) -> None:
    with pytest.raises(leaf) as caught:
        read_response({"type": "error", "error": error})
    assert type(caught.value) is leaf
    assert getattr(caught.value, "status", None) == status
    assert str(caught.value)
