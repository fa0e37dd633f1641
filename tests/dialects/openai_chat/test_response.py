from typing import Any

import pytest

from dialects.cases import Case, each_case
from dialects.openai_chat import grammar
from dialects.openai_chat.chunks import CONTEXT
from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.errors import BrokenReply, ProviderError, QuotaExhausted, RateLimited
from polyglot_cloud.neutral import (
    Block,
    Choice,
    Image,
    Inline,
    Opaque,
    Opened,
    Refusal,
    ReplyContext,
    Response,
    Text,
    Thinking,
    ToolCall,
    Usage,
)


def read(**members: Any) -> Response:
    assert DIALECT.read_response
    return DIALECT.read_response({"id": "c1", "created": 9, "model": "up", "choices": []} | members)


def message(finish: Any = "stop", **members: Any) -> Choice:
    return read(choices=[{"message": members, "finish_reason": finish}]).choices[0]


def write(choice: Choice, **members: Any) -> dict[str, Any]:
    assert DIALECT.write_response
    body = DIALECT.write_response(Response("c1", "up", [choice], **members), CONTEXT).body
    grammar.check_reply(body)
    return body


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("members", "blocks"),
    [
        ({"content": "x"}, [Text("x")]),
        ({"content": ""}, []),
        ({"content": None}, []),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, [Text("ab")]),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, [Refusal("no")]),
        ({"content": None, "refusal": "no"}, [Refusal("no")]),
        ({"content": "x", "reasoning_content": "hm"}, [Thinking("hm"), Text("x")]),
        ({"content": "x", "reasoning": "hm"}, [Thinking("hm"), Text("x")]),
        ({"content": "x", "tool_calls": [CALL]}, [Text("x"), ToolCall("a", "f", "{}")]),
        ({"content": "x", "tool_calls": None, "annotations": []}, [Text("x")]),
        ({"content": None, "audio": {"id": "a", "data": "AA", "transcript": "spoken"}}, [Text("spoken")]),
        ({"tool_calls": [{"id": "c", "custom": {"name": "q", "input": "S"}}]}, [ToolCall("c", "q", "S", "custom")]),
        ({}, []),
    ],
)
def test_messages_are_read(members: dict[str, Any], blocks: list[Block]) -> None:
    assert message(**members).blocks == blocks


def test_the_members_around_the_choices() -> None:
    response = read(
        choices=[{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}],
        system_fingerprint="fp",
        service_tier="flex",
        usage={"prompt_tokens": 1, "completion_tokens": 2},
    )
    assert response == Response(
        "c1", "up", [Choice([Text("x")], "stop")], Usage(1, 2, tier="flex"), created=9, fingerprint="fp"
    )


def test_members_of_odd_types_are_passed_over() -> None:
    response = read(id=None, created="now", model=5, system_fingerprint=7, choices=[{"message": None}])
    assert response == Response("", "", [Choice([], "stop")])


def test_several_choices_keep_their_numbers() -> None:
    choices = [{"index": 1, "message": {"content": "b"}}, {"message": {"content": "a"}}]
    assert [choice.index for choice in read(choices=choices).choices] == [1, 1]
    assert [choice.index for choice in read(choices=[{"message": {}}, {"message": {}}]).choices] == [0, 1]


def test_deprecated_calls_and_missing_ids() -> None:
    call = message("function_call", function_call={"name": "f", "arguments": "{}"})
    assert call.finish == "tool_calls"
    (block,) = call.blocks
    assert isinstance(block, ToolCall)
    assert (block.name, block.arguments) == ("f", "{}")
    assert block.id.startswith("call_")


@pytest.mark.parametrize(
    ("word", "calls", "finish", "detail"),
    [
        ("stop", [], "stop", None),
        ("stop", [CALL], "tool_calls", None),
        ("", [CALL], "tool_calls", None),
        (None, [], "stop", None),
        ("end_turn", [], "stop", "end_turn"),
        ("length", [CALL], "length", None),
        ("content_filter", [], "content_filter", None),
    ],
)
def test_why_it_ended(word: Any, calls: list[Any], finish: str, detail: str | None) -> None:
    choice = message(word, content="x", tool_calls=calls)
    assert (choice.finish, choice.detail) == (finish, detail)


def test_citations_beside_the_choices() -> None:
    response = read(choices=[{"message": {"content": "x"}}], citations=["https://y", 5])
    (block,) = response.choices[0].blocks
    assert isinstance(block, Text)
    assert block.annotations
    assert [found["url_citation"]["url"] for found in block.annotations] == ["https://y"]


@pytest.mark.parametrize("choices", [[], None, "x", ["x"]])
def test_no_choices_is_no_reply(choices: Any) -> None:
    with pytest.raises(BrokenReply):
        read(choices=choices)


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"message": "m", "code": "rate_limit_exceeded"}, RateLimited, 429),
        ({"message": "m", "code": "insufficient_quota"}, QuotaExhausted, 429),
        ({"message": "m"}, ProviderError, 502),
        ("text", ProviderError, 502),
    ],
)
def test_an_error_with_status_200(error: Any, kind: type[ProviderError], status: int) -> None:
    with pytest.raises(kind) as caught:
        read(error=error)
    assert caught.value.status == status


# --- writing ---


@pytest.mark.parametrize(
    ("blocks", "finish", "written"),
    [
        ([Text("a"), Text("b")], "stop", {"content": "ab"}),
        ([], "length", {"content": ""}),
        ([], "content_filter", {"content": None}),
        ([Refusal("no")], "stop", {"content": None, "refusal": "no"}),
        (
            [Thinking("a"), Thinking(""), Thinking("b"), Text("x")],
            "stop",
            {"content": "x", "reasoning_content": "a\n\nb"},
        ),
        ([Text(""), ToolCall("a", "f", "")], "tool_calls", {"content": None, "tool_calls": [CALL]}),
        (
            [ToolCall("c", "q", "", "custom")],
            "tool_calls",
            {"content": None, "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "q", "input": ""}}]},
        ),
        (
            [Image(Inline("image/png", "QUJD"))],
            "stop",
            {"content": "", "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]},
        ),
    ],
)
def test_messages_are_written(blocks: list[Block], finish: Any, written: dict[str, Any]) -> None:
    choice = write(Choice(blocks, finish))["choices"][0]
    assert choice["message"] == {"role": "assistant", "refusal": None} | written
    assert choice["finish_reason"] == finish


@pytest.mark.parametrize(("finish", "written"), [("tool_calls", "stop"), ("length", "length")])
def test_the_reason_is_always_one_of_chats(finish: Any, written: str) -> None:
    assert write(Choice([Text("x")], finish))["choices"][0]["finish_reason"] == written


def test_an_answer_without_its_end_is_never_written_as_a_whole_one() -> None:
    with pytest.raises(BrokenReply):
        write(Choice([Text("x")], None))


def test_annotations_of_every_shape() -> None:
    flat = {"type": "url_citation", "url": "https://x", "title": "t", "start_index": 0, "end_index": 1}
    written = write(Choice([Text("x", [flat])], "stop"))["choices"][0]["message"]["annotations"]
    assert written == [{"type": "url_citation", "url_citation": {key: flat[key] for key in flat if key != "type"}}]


def test_logprobs_of_all_texts() -> None:
    logprob = {"token": "x", "logprob": -0.1, "bytes": [120], "top_logprobs": []}
    choice = write(Choice([Text("x", logprobs=[logprob]), Text("y", logprobs=[logprob])], "stop"))["choices"][0]
    assert choice["logprobs"] == {"content": [logprob, logprob], "refusal": None}


def test_what_the_upstream_left_out_comes_from_the_call() -> None:
    assert DIALECT.write_response
    context = ReplyContext("p", "asked", created=5, id="ours")
    body = DIALECT.write_response(Response("", "", [Choice([Text("x")], "stop")]), context).body
    assert (body["id"], body["model"], body["created"]) == ("ours", "asked", 5)
    assert body.keys() == {"id", "object", "created", "model", "choices"}


def test_the_upstreams_own_words_are_kept() -> None:
    body = write(
        Choice([Text("x")], "stop", detail="end_turn", index=2), usage=Usage(1, 2, tier="flex"), fingerprint="fp"
    )
    assert (body["id"], body["model"], body["service_tier"], body["system_fingerprint"]) == ("c1", "up", "flex", "fp")
    assert (body["choices"][0]["native_finish_reason"], body["choices"][0]["index"]) == ("end_turn", 2)


def test_an_opaque_block_travels_in_the_details() -> None:
    choice = write(Choice([Text("x"), Opaque("anthropic", {"type": "t"})], "stop"))["choices"][0]
    assert choice["message"]["content"] == "x"
    assert choice["message"]["reasoning_details"][0]["dialect"] == "anthropic"


@each_case("response.json", names=["openai_chat"])
def test_fixtures_keep_the_vendors_schema_when_written(case: Case) -> None:
    assert DIALECT.read_response
    assert DIALECT.write_response
    grammar.check_reply(DIALECT.write_response(DIALECT.read_response(case.json("response")), CONTEXT).body)


def test_calls_under_one_id_get_ids_of_their_own_in_both_modes() -> None:
    blocks: list[Block] = [ToolCall("same", "f", "{}"), ToolCall("same", "g", "{}"), ToolCall("same", "f", "{}")]
    assert DIALECT.write_response
    assert DIALECT.writer
    body = DIALECT.write_response(Response("c", "m", [Choice(blocks, "tool_calls")]), CONTEXT).body
    ids = [call["id"] for call in body["choices"][0]["message"]["tool_calls"]]
    assert (ids[0], len(set(ids))) == ("same", 3)
    writer = DIALECT.writer(CONTEXT)
    written = b"".join(writer.feed(Opened(at, block)) for at, block in enumerate(blocks))
    assert [written.count(f'"id":"{id_}"'.encode()) for id_ in ids] == [1, 1, 1]
