"""Traffic of the Responses API (OpenAI's and xAI's) beyond what was recorded: every event and item that OpenAI's SDK has types for (openai
3.54.0, 2026-11-22), early names, servers that leave half of it out, and what a Chat client hears of it, streamed and plain.
"""

from typing import Any, get_args

import pytest
from openai.types.responses import ResponseError, ResponseOutputItem, ResponseStreamEvent

from dialects.heard import Json, plain, streamed
from polyglot_cloud.dialects.openai_responses.fault import status_of
from polyglot_cloud.dialects.openai_responses.stream import _HANDLERS
from polyglot_cloud.errors import Fault

USAGE = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}


def response(items: list[Json], status: str = "completed", **more: Any) -> Json:
    head = {"id": "resp_1", "object": "response", "created_at": 1.5, "model": "gpt", "error": None}
    return {**head, "status": status, "output": items, "usage": USAGE, **more}


def said(text: str, **more: Any) -> Json:
    part = {"type": "output_text", "text": text, "annotations": [], **more}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}


def event(kind: str, **members: Any) -> Json:
    return {"type": kind if kind == "error" else f"response.{kind}", **members}


def whole(items: list[Json], kind: str = "completed", **more: Any) -> list[Json | str]:
    """A stream that tells each item when it is done, and nothing before."""
    rows = [event("output_item.done", output_index=at, item=item) for at, item in enumerate(items)]
    return [
        event("created", response=response([], "in_progress")),
        *rows,
        event(kind, response=response(items, kind, **more)),
    ]


def hears(items: list[Json], expected: Json, kind: str = "completed", **more: Any) -> None:
    for heard in (
        streamed("openai_responses", whole(items, kind, **more)),
        plain("openai_responses", response(items, kind, **more)),
    ):
        assert {name: heard.get(name) for name in expected} == expected
        assert "error" not in heard


CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "look",
    "arguments": '{"a":1}',
    "status": "completed",
}
CALLED = {"id": "call_1", "name": "look", "arguments": '{"a":1}'}

# --- items ---

READ = {"message", "function_call", "custom_tool_call", "reasoning"}


def _members(union: Any) -> list[Any]:
    while hasattr(union, "__metadata__"):
        union = union.__origin__
    return [get_args(member.model_fields["type"].annotation)[0] for member in get_args(union)]


OWN = [kind for kind in _members(ResponseOutputItem) if kind not in READ] + ["an_item_of_tomorrow"]


@pytest.mark.parametrize("kind", OWN)
def test_what_the_vendor_did_by_itself_is_kept_and_not_shown(kind: str) -> None:
    item = {"type": kind, "id": "x_1", "status": "completed", "result": "aGVsbG8="}
    hears([said("Hello"), item], {"content": "Hello", "finish": "stop", "tool_calls": None})
    for heard in (streamed("openai_responses", whole([item])), plain("openai_responses", response([item]))):
        (entry,) = heard["reasoning_details"]
        assert (entry["dialect"], entry["data"]) == ("openai_responses", item)


@pytest.mark.parametrize("phase", [None, "commentary", "final_answer"])
def test_messages_of_each_phase_and_several_parts(phase: str | None) -> None:
    message = said("Hello") | {"phase": phase}
    message["content"] = [*message["content"], {"type": "refusal", "refusal": "No."}, {"type": "a_part_of_tomorrow"}]
    hears([message, said(" you")], {"content": "Hello you", "refusal": "No.", "finish": "stop"})


@pytest.mark.parametrize(
    "reasoning",
    [{"summary": [{"type": "summary_text", "text": "Hm"}]}, {"content": [{"type": "reasoning_text", "text": "Hm"}]}],
)
def test_trap_22_reasoning_of_each_kind(reasoning: Json) -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e", **reasoning}
    hears([item, CALL], {"reasoning_content": "Hm", "tool_calls": [CALLED], "finish": "tool_calls"})
    heard = streamed("openai_responses", whole([item, CALL]))
    assert heard["reasoning_details"][0]["data"] == item


@pytest.mark.parametrize("kind", ["file_citation", "url_citation", "container_file_citation", "file_path"])
def test_annotations_of_each_kind_count_in_the_message_s_one_text(kind: str) -> None:
    annotation = {"type": kind, "start_index": 1, "end_index": 3, "url": "https://a.example"}
    items = [said("Hello"), said(" you", annotations=[annotation])]
    cited = {"start_index": 6, "end_index": 8, "url": "https://a.example"}
    hears(items, {"content": "Hello you", "annotations": [{"type": kind, kind: cited}]})


# --- events ---

SKIPPED = {
    "response.reasoning_summary_part.added", "response.reasoning_summary_part.done",
    "response.audio.delta", "response.audio.done", "response.audio.transcript.delta", "response.audio.transcript.done",
}  # fmt: skip
"""What they tell is told by another event too, or (audio) has no place in the API yet."""
OF_HOSTED_TOOLS = ("_call.", "_call_", "mcp_list_tools.", "compaction.")


def test_every_event_of_the_sdk_is_read_or_tells_of_a_hosted_tool() -> None:
    """The item of a hosted tool comes whole when it is done: its progress is nothing that a Chat client could be shown."""
    unread = {kind for kind in _members(ResponseStreamEvent) if kind not in _HANDLERS} - SKIPPED
    assert all(any(word in kind for word in OF_HOSTED_TOOLS) for kind in unread), unread


@pytest.mark.parametrize("kind", [kind for kind in _members(ResponseStreamEvent) if kind not in _HANDLERS])
def test_an_event_that_is_not_read_changes_nothing(kind: str) -> None:
    rows = whole([said("Hello")])
    odd = {
        "type": kind,
        "item_id": "msg_1",
        "output_index": 0,
        "delta": "x",
        "part": {"type": "summary_text", "text": ""},
    }
    assert streamed("openai_responses", [rows[0], odd, *rows[1:]]) == streamed("openai_responses", rows)


TEXT_AT = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
ADDED = event(
    "output_item.added",
    output_index=0,
    item={"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": ""},
)
HALVES = [
    event("function_call_arguments.delta", item_id="fc_1", output_index=0, delta=half) for half in ('{"a"', ":1}")
]
EMPTY = event("completed", response=response([]))

ODD: dict[str, tuple[list[Json | str], Json]] = {
    "only text.done": ([event("output_text.done", **TEXT_AT, text="Hello"), EMPTY], {"content": "Hello"}),
    "only content_part.done": (
        [event("content_part.done", **TEXT_AT, part={"type": "output_text", "text": "Hello"}), EMPTY],
        {"content": "Hello"},
    ),
    "only the terminal event": ([event("completed", response=response([said("Hello")]))], {"content": "Hello"}),
    "no created": ([event("output_text.delta", **TEXT_AT, delta="Hello"), EMPTY], {"content": "Hello"}),
    "queued": (
        [event("queued", response=response([], "queued")), event("output_text.delta", **TEXT_AT, delta="Hello"), EMPTY],
        {"content": "Hello"},
    ),
    "no indexes": ([event("output_text.delta", delta="Hello"), EMPTY], {"content": "Hello"}),
    "refusal.done only": ([event("refusal.done", **TEXT_AT, refusal="No."), EMPTY], {"refusal": "No."}),
    "arguments without added, then the item": (
        [*HALVES, event("output_item.done", output_index=0, item=CALL), EMPTY],
        {"tool_calls": [CALLED], "finish": "tool_calls"},
    ),
    "arguments without added, the item at the end": (
        [*HALVES, event("completed", response=response([CALL]))],
        {"tool_calls": [CALLED], "finish": "tool_calls"},
    ),
    "arguments whose end alone names the call": (
        [
            *HALVES,
            event("function_call_arguments.done", item_id="fc_1", output_index=0, name="look", arguments='{"a":1}'),
            EMPTY,
        ],
        {"tool_calls": [{**CALLED, "id": "fc_1"}], "finish": "tool_calls"},
    ),
    "the end names the call, the item follows": (
        [
            event("function_call_arguments.done", item_id="fc_1", output_index=0, name="look", arguments='{"a":1}'),
            event("output_item.done", output_index=0, item=CALL),
            EMPTY,
        ],
        {"tool_calls": [CALLED], "finish": "tool_calls"},
    ),
    "arguments.done only": (
        [ADDED, event("function_call_arguments.done", item_id="fc_1", output_index=0, arguments='{"a":1}'), EMPTY],
        {"tool_calls": [CALLED], "finish": "tool_calls"},
    ),
    "early name of an annotation": (
        [
            event("output_text.delta", **TEXT_AT, delta="Hello"),
            event("output_text_annotation.added", **TEXT_AT, annotation={"type": "url_citation", "url": "u"}),
            EMPTY,
        ],
        {"annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]},
    ),
    "completed, yet incomplete": (
        [event("completed", response=response([said("Hel")], "incomplete"))],
        {"content": "Hel", "finish": "length"},
    ),
    "a mark of another format": (["[DONE]", *whole([said("Hello")]), "[DONE]"], {"content": "Hello"}),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_servers_that_tell_it_otherwise(name: str) -> None:
    rows, expected = ODD[name]
    heard = streamed("openai_responses", rows)
    assert {key: heard.get(key) for key in expected} == expected
    assert heard["finish"] == expected.get("finish", "stop")


# --- how it ends ---


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("max_output_tokens", "length", None),
        ("max_messages", "length", "max_messages"),
        ("steered", "length", "steered"),
        ("content_filter", "content_filter", None),
        ("max_prompt_tokens", "length", "max_prompt_tokens"),
        ("max_time_limit", "length", "max_time_limit"),
        (None, "length", None),
    ],
)
def test_trap_27_every_reason_to_be_incomplete(reason: str | None, finish: str, detail: str | None) -> None:
    details = {"reason": reason} if reason else None
    hears(
        [said("Hel")], {"content": "Hel", "finish": finish, "detail": detail}, "incomplete", incomplete_details=details
    )
    hears([CALL], {"tool_calls": [CALLED], "finish": finish}, "incomplete", incomplete_details=details)


@pytest.mark.parametrize("code", [*get_args(ResponseError.model_fields["code"].annotation), "a_code_of_tomorrow"])
def test_trap_29_every_code_of_a_failure(code: str) -> None:
    """In the stream an error of that code; never a finish reason."""
    error = {"code": code, "message": "why"}
    for row in (
        event("failed", response=response([], "failed", error=error)),
        event("error", **error),
        event("error", error=error),
    ):
        heard = streamed("openai_responses", [*whole([said("Hello")])[:2], row])
        assert (heard["content"], heard["error"]) == ("Hello", code)
        assert "finish" not in heard
    status = status_of(Fault("why", code=code))
    assert status == 502 if code == "a_code_of_tomorrow" else 400 <= status < 600 and status != 502


@pytest.mark.parametrize(("kind", "status"), [("invalid_request_error", 400), ("rate_limit_error", 429), (None, 502)])
def test_an_error_without_a_code_goes_by_its_type(kind: str | None, status: int) -> None:
    assert status_of(Fault("why", type=kind)) == status


# --- usage ---


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (USAGE, (10, 5, 0, 0, 0)),
        ({**USAGE, "output_tokens_details": {"reasoning_tokens": 3}}, (10, 5, 0, 0, 3)),
        # xAI leaves reasoning out of output_tokens on some models; its total has it
        ({**USAGE, "total_tokens": 18, "output_tokens_details": {"reasoning_tokens": 3}}, (10, 8, 0, 0, 3)),
        ({**USAGE, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2}}, (10, 5, 4, 2, 0)),
        (
            {
                **USAGE,
                "input_tokens_details": {"cache_write_tokens": 5, "cache_write_tokens_details": {"ttl_30m_tokens": 2, "ttl_12h_tokens": 3}},
            },
            (10, 5, 0, 5, 0),
        ),
        ({**USAGE, "cost_in_usd_ticks": 7, "num_server_side_tools_used": 1}, (10, 5, 0, 0, 0)),
        ({"input_tokens": 10, "output_tokens": 5, "input_tokens_details": None}, (10, 5, 0, 0, 0)),
    ],
)  # fmt: skip
def test_trap_35_every_count(usage: Json, counts: tuple[int, ...]) -> None:
    hears([said("Hello")], {"usage": counts}, usage=usage)
    hears([said("Hello")], {"usage": counts}, "incomplete", usage=usage)
