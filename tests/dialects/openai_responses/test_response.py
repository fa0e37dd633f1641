import copy
from typing import Any

import pytest

from dialects.openai_responses.replies import blocks, function_call, message, output_text, read, reply
from polyglot_cloud.errors import BrokenReply, Failed, ProviderError, QuotaExhausted, RateLimited, Refused
from polyglot_cloud.neutral import Opaque, Refusal, Response, State, Text, Thinking, ToolCall


def test_a_plain_reply() -> None:
    body = reply(message("Hello"), usage={"input_tokens": 3, "output_tokens": 2, "total_tokens": 5})
    before = copy.deepcopy(body)
    response = read(body)
    assert (response.id, response.model, response.created) == ("resp_1", "m", 1795305600)
    assert response.usage is not None
    assert response.usage.output == 2
    assert response.choices[0].blocks == [Text("Hello")]
    assert (response.choices[0].finish, response.choices[0].detail) == ("stop", None)
    assert body == before


@pytest.mark.parametrize(("given", "created"), [(1795305600.75, 1795305600), (None, 0), ("soon", 0)])
def test_created_is_in_whole_seconds(given: Any, created: int) -> None:
    assert read(reply(created_at=given)).created == created


def test_each_part_of_each_message_is_a_block() -> None:
    commentary, answer = message("a", "b", phase="commentary"), message("c", {"type": "refusal", "refusal": "no"})
    assert blocks(commentary, answer) == [Text("a"), Text("b"), Text("c"), Refusal("no")]


def test_an_unknown_part_is_skipped() -> None:
    assert blocks(message({"type": "output_hologram"}, "a")) == [Text("a")]


def test_annotations_come_in_chats_shape() -> None:
    url = {"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 1}
    file = {"type": "file_citation", "file_id": "file-1", "filename": "a.pdf", "index": 1}
    members = {name: value for name, value in url.items() if name != "type"}
    [text] = blocks(message(output_text("ab", annotations=[url, file])))
    assert text == Text("ab", [{"type": "url_citation", "url_citation": members}, file])


def test_trap_31_logprobs_come_in_chats_shape() -> None:
    top = [{"token": "é", "logprob": -0.1, "bytes": [195, 169]}, {"token": "e", "logprob": -3.0}]
    [text] = blocks(message(output_text("é", logprobs=[{"token": "é", "logprob": -0.1, "top_logprobs": top}])))
    assert text == Text(
        "é",
        logprobs=[
            {
                "token": "é",
                "logprob": -0.1,
                "bytes": [195, 169],
                "top_logprobs": [
                    {"token": "é", "logprob": -0.1, "bytes": [195, 169]},
                    {"token": "e", "logprob": -3.0, "bytes": [101]},
                ],
            }
        ],
    )


@pytest.mark.parametrize(
    ("item", "call"),
    [
        (function_call(), ToolCall("call_1", "look", "{}")),
        (function_call(call_id=None), ToolCall("fc_1", "look", "{}")),
        (function_call(arguments=""), ToolCall("call_1", "look", "")),
        (function_call(arguments=None), ToolCall("call_1", "look", "")),
        (function_call(arguments={"a": 1}), ToolCall("call_1", "look", '{"a":1}')),
        (function_call(arguments="{oops"), ToolCall("call_1", "look", "{oops")),
        (
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "sql", "input": "SELECT 1"},
            ToolCall("call_2", "sql", "SELECT 1", "custom"),
        ),
    ],
)
def test_trap_13_a_call_is_known_by_its_call_id(item: dict[str, Any], call: ToolCall) -> None:
    response = read(reply(item))
    assert response.choices[0].blocks == [call]
    assert response.choices[0].finish == "tool_calls"


@pytest.mark.parametrize(
    ("summary", "content", "text"),
    [
        ([], None, ""),
        (["a"], None, "a"),
        (["a", "", "b"], [], "a\n\nb"),
        ([], ["raw"], "raw"),
        (["short"], ["raw"], "raw\n\nshort"),
    ],
)
def test_trap_22_reasoning_keeps_the_whole_item(summary: list[str], content: list[str] | None, text: str) -> None:
    item = {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": each} for each in summary],
        "content": None if content is None else [{"type": "reasoning_text", "text": each} for each in content],
        "encrypted_content": "gAAAA",
    }
    [block] = blocks(item)
    assert block == Thinking(text, state=State(item))
    assert block.state is not None
    assert block.state.raw is item


def test_reasoning_that_cannot_go_back_has_no_state() -> None:
    assert blocks({"type": "reasoning", "summary": []}) == [Thinking("")]


def test_what_only_this_dialect_has_is_kept_whole_and_belongs_to_its_provider() -> None:
    item = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
    response = read(reply(item, message("a")))
    assert response.choices[0].blocks == [Opaque("openai_responses", item, state=State({})), Text("a")]
    assert response.choices[0].finish == "stop"


def test_steps_of_a_hosted_search_are_no_calls_for_the_client() -> None:
    """Recorded from xAI: x_search shows its steps as custom calls that it ran itself."""
    step = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "xs_1", "name": "x_keyword_search", "input": "{}"}
    response = read(reply(step, message("a"), tools=[{"type": "x_search"}]))
    assert response.choices[0].blocks == [Opaque("openai_responses", step, state=State({})), Text("a")]
    assert response.choices[0].finish == "stop"


@pytest.mark.parametrize(
    ("details", "finish", "detail"),
    [
        ({"reason": "max_output_tokens"}, "length", None),
        ({"reason": "content_filter"}, "content_filter", None),
        ({"reason": "max_time_limit"}, "length", "max_time_limit"),
        ({"reason": "steered"}, "length", "steered"),
        ({}, "length", None),
        (None, "length", None),
    ],
)
def test_trap_27_why_a_reply_is_incomplete(details: Any, finish: str, detail: str | None) -> None:
    choice = read(reply(message("a"), status="incomplete", incomplete_details=details)).choices[0]
    assert (choice.finish, choice.detail) == (finish, detail)


def test_trap_27_a_cut_call_is_a_cut_not_a_call() -> None:
    body = reply(
        function_call(arguments='{"a'), status="incomplete", incomplete_details={"reason": "max_output_tokens"}
    )
    assert read(body).choices[0].finish == "length"


def test_trap_28_a_refusal_alone_is_a_stop() -> None:
    assert read(reply(message({"type": "refusal", "refusal": "no"}))).choices[0].finish == "stop"


def test_a_server_that_names_no_status_is_taken_at_its_output() -> None:
    assert read({"output": [message("a")]}).choices[0].finish == "stop"


@pytest.mark.parametrize(
    ("error", "leaf", "status"),
    [
        ({"code": "rate_limit_exceeded", "message": "slow down"}, RateLimited, 429),
        ({"code": "insufficient_quota", "message": "no money"}, QuotaExhausted, 429),
        ({"code": "invalid_prompt", "message": "no"}, Refused, 400),
        ({"code": "image_too_large", "message": "no"}, Refused, 400),
        ({"code": "server_error", "message": "oops"}, Failed, 500),
        ({"code": "vector_store_timeout", "message": "late"}, Failed, 504),
        ({"code": "something_new", "message": "hm"}, Failed, 502),
        ({"code": 7}, Failed, 502),
        (None, Failed, 502),
    ],
)
def test_trap_29_a_failure_inside_a_200_is_an_error(error: Any, leaf: type[ProviderError], status: int) -> None:
    for body in (reply(status="failed", error=error), {"error": error} if error else {"status": "failed"}):
        with pytest.raises(leaf) as caught:
            read(body)
        assert caught.value.status == status
        assert caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        [],
        "hello",
        None,
        {},
        {"output": "hello"},
        {"choices": []},
        reply(status="in_progress"),
        reply(status="queued"),
        reply(status="cancelled"),
    ],
)
def test_what_is_no_reply_is_broken(body: Any) -> None:
    with pytest.raises(BrokenReply):
        read(body)


@pytest.mark.parametrize(
    "output",
    [
        [None, 5, "x"],
        [{"type": None}],
        [{"type": "message", "content": "text"}],
        [{"type": "message", "content": [{"type": "output_text", "text": 5, "logprobs": 5, "annotations": 5}]}],
        [{"type": "reasoning", "summary": [{"text": 5}], "content": "x"}],
        [{"type": "function_call"}],
    ],
)
def test_wrong_types_inside_do_no_harm(output: list[Any]) -> None:
    assert isinstance(read({"output": output, "usage": [], "model": 5, "id": 5}), Response)
