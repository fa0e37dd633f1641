"""Anthropic's traffic beyond what was recorded: every event, block, delta, stop reason, citation and count that its SDK has types for
(anthropic 2.12.0, 2026-11-22), and what a Chat client hears of it, streamed and plain.
"""

from typing import Any, get_args

import pytest
from anthropic.types.beta import BetaContentBlock, BetaRawContentBlockDelta, BetaStopReason, BetaTextCitation

from dialects import cases
from dialects.heard import Json, plain, streamed, wired
from polyglot_cloud.neutral import Metered

USAGE = {"input_tokens": 10, "output_tokens": 5}


def message(content: list[Json], stop: str = "end_turn", usage: Json | None = None, **more: Any) -> Json:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude"}
    return {**head, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage or USAGE, **more}


def stream(content: list[Json], stop: str = "end_turn", usage: Json | None = None, **more: Any) -> list[Json | str]:
    """The same answer in events: texts in two halves, input in JSON of two halves."""
    start = {**message([], stop, usage), "stop_reason": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
    rows: list[Json | str] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(content):
        head, deltas = _opened(block)
        rows.append({"type": "content_block_start", "index": index, "content_block": head})
        rows += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        rows.append({"type": "content_block_stop", "index": index})
    rows.append({"type": "message_delta", "delta": {"stop_reason": stop, **more}, "usage": usage or USAGE})
    return [*rows, {"type": "message_stop"}]


def _opened(block: Json) -> tuple[Json, list[Json]]:
    match block:
        case {"type": "text", "text": text}:
            said = [{"type": "text_delta", "text": half} for half in (text[:2], text[2:])]
            cited = [{"type": "citations_delta", "citation": each} for each in block.get("citations") or []]
            return {"type": "text", "text": ""}, [*said, *cited]
        case {"type": "thinking", "thinking": text, "signature": signature}:
            thought = [{"type": "thinking_delta", "thinking": text, "estimated_tokens": 3}] if text else []
            return {**block, "thinking": "", "signature": ""}, [
                *thought,
                {"type": "signature_delta", "signature": signature},
            ]
        case {"input": dict() as given}:
            text = str(given).replace("'", '"') if given else ""
            parts = [{"type": "input_json_delta", "partial_json": part} for part in ("", text[:3], text[3:])]
            return {**block, "input": {}}, parts
        case {"type": "compaction", "content": text}:
            return {**block, "content": None}, [{"type": "compaction_delta", "content": text}]
        case _:
            return block, []


def hears(content: list[Json], expected: Json, stop: str = "end_turn", usage: Json | None = None, **more: Any) -> None:
    for heard in (
        streamed("anthropic", stream(content, stop, usage, **more)),
        plain("anthropic", message(content, stop, usage, **more)),
    ):
        heard.pop("usage", None) if usage is None else None
        assert {name: heard.get(name) for name in expected} == expected
        assert "error" not in heard


TEXT = {"type": "text", "text": "Hello"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}, "caller": {"type": "direct"}}

# --- blocks ---

OWN: list[Json] = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result", "url": "https://a.example"}]},
    {"type": "web_fetch_tool_result", "tool_use_id": "srvtoolu_1", "content": {"type": "web_fetch_result", "url": "https://a.example"}},
    {"type": "advisor_tool_result", "tool_use_id": "srvtoolu_1", "content": {"type": "advisor_result", "text": "Do."}},
    {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {"type": "code_execution_result", "stdout": "1"}},
    {"type": "bash_code_execution_tool_result", "tool_use_id": "s", "content": {"type": "bash_code_execution_result", "stdout": "1"}},
    {"type": "text_editor_code_execution_tool_result", "tool_use_id": "s", "content": {"type": "text_editor_code_execution_view_result"}},
    {"type": "tool_search_tool_result", "tool_use_id": "s", "content": {"type": "tool_search_tool_search_result"}},
    {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "look", "server_name": "s", "input": {"a": 1}},
    {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": [TEXT]},
    {"type": "mcp_tool_listing", "mcp_server_name": "s", "tools": []},
    {"type": "container_upload", "file_id": "file_1"},
    {"type": "compaction", "content": "In short."},
    {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}, "trigger": {"type": "refusal"}},
    {"type": "a_block_of_tomorrow", "x": [1]},
]  # fmt: skip


@pytest.mark.parametrize("block", OWN, ids=lambda block: block["type"])
def test_what_the_vendor_did_by_itself_is_kept_and_not_shown(block: Json) -> None:
    """Its place among the texts, its whole content, and no word of it in the text, the calls or the finish reason."""
    content = [TEXT, block, {"type": "text", "text": " you"}]
    hears(content, {"content": "Hello you", "finish": "stop", "tool_calls": None})
    for heard in (streamed("anthropic", stream(content)), plain("anthropic", message(content))):
        (entry,) = [entry for entry in heard["reasoning_details"] if entry["type"] == "opaque"]
        assert (entry["index"], entry["data"]) == (1, block)


def test_every_block_of_the_sdk_is_in_a_table() -> None:
    known = {"text", "thinking", "redacted_thinking", "tool_use", *(block["type"] for block in OWN)}
    assert _types(BetaContentBlock) - known == set()


def test_every_delta_of_the_sdk_is_sent_by_these_streams() -> None:
    cited = {**TEXT, "citations": [CITED["page_location"]]}
    thought = {"type": "thinking", "thinking": "Hm", "signature": "s"}
    rows = stream([cited, thought, CALL, *OWN])
    sent = {row["delta"]["type"] for row in rows if isinstance(row, dict) and row["type"] == "content_block_delta"}
    assert _types(BetaRawContentBlockDelta) == sent


def _types(union: Any) -> set[str]:
    while hasattr(union, "__metadata__"):
        union = union.__origin__
    return {get_args(member.model_fields["type"].annotation)[0] for member in get_args(union)}


@pytest.mark.parametrize(
    ("block", "reasoning"),
    [
        ({"type": "thinking", "thinking": "Hmm.", "signature": "s"}, "Hmm."),
        ({"type": "thinking", "thinking": "", "signature": "s"}, None),  # display "omitted"
        ({"type": "redacted_thinking", "data": "d"}, None),
    ],
)
def test_trap_22_thinking_of_each_kind_comes_out_with_its_state(block: Json, reasoning: str | None) -> None:
    content: list[Json] = [block, CALL]
    hears(content, {"reasoning_content": reasoning, "finish": "tool_calls"}, "tool_use")
    for heard in (streamed("anthropic", stream(content)), plain("anthropic", message(content))):
        assert heard["reasoning_details"][0]["data"] == block


def test_calls_beside_server_tools_are_numbered_by_themselves() -> None:
    other = {**CALL, "id": "toolu_2", "input": {}}
    called = [
        {"id": "toolu_1", "name": "look", "arguments": '{"a":1}'},
        {"id": "toolu_2", "name": "look", "arguments": "{}"},
    ]
    for heard in (
        streamed("anthropic", stream([OWN[0], CALL, OWN[1], other], "tool_use")),
        plain("anthropic", message([OWN[0], CALL, OWN[1], other], "tool_use")),
    ):
        assert [{**call, "arguments": call["arguments"].replace(" ", "")} for call in heard["tool_calls"]] == called


# --- how it ends ---

STOPS: dict[str, tuple[str, str | None]] = {
    "end_turn": ("stop", None),
    "stop_sequence": ("stop", None),
    "tool_use": ("stop", None),
    "max_tokens": ("length", None),
    "model_context_window_exceeded": ("length", "model_context_window_exceeded"),
    "pause_turn": ("length", "pause_turn"),
    "compaction": ("length", "compaction"),
    "refusal": ("content_filter", "refusal"),
    "a_word_of_tomorrow": ("stop", "a_word_of_tomorrow"),
}


@pytest.mark.parametrize("word", [*get_args(BetaStopReason), "a_word_of_tomorrow"])
def test_trap_27_every_stop_reason(word: str) -> None:
    finish, detail = STOPS[word]
    hears([TEXT], {"content": "Hello", "finish": finish, "detail": detail}, word)


@pytest.mark.parametrize("word", ["end_turn", "tool_use", "a_word_of_tomorrow"])
def test_trap_27_a_call_is_what_counts(word: str) -> None:
    hears([CALL], {"finish": "tool_calls"}, word)


def test_trap_28_a_refusal_tells_why() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    for heard in (
        streamed("anthropic", stream([TEXT], "refusal", stop_details=details)),
        plain("anthropic", message([TEXT], "refusal", stop_details=details)),
    ):
        assert heard["finish"] == "content_filter"
        assert "No." in heard["detail"]


# --- citations ---

CITED: dict[str, Json] = {
    "char_location": {"cited_text": "c", "document_index": 0, "start_char_index": 1, "end_char_index": 2},
    "page_location": {"cited_text": "c", "document_index": 0, "start_page_number": 1, "end_page_number": 2},
    "content_block_location": {"cited_text": "c", "document_index": 0, "start_block_index": 1, "end_block_index": 2},
    "search_result_location": {"cited_text": "c", "source": "s", "title": "t", "search_result_index": 0},
    "web_search_result_location": {"cited_text": "c", "url": "https://a.example", "title": "t", "encrypted_index": "e"},
}
for _kind, _row in CITED.items():
    _row["type"] = _kind


def test_every_citation_of_the_sdk_is_in_the_table() -> None:
    assert _types(BetaTextCitation) == set(CITED)


@pytest.mark.parametrize("kind", CITED)
def test_a_citation_of_each_kind(kind: str) -> None:
    """A page of the web in Chat's shape, counted in the message's one text; a place in a client's document with the vendor's members."""
    content: list[Json] = [TEXT, {"type": "text", "text": " you", "citations": [CITED[kind]]}]
    cited = {name: value for name, value in CITED[kind].items() if name != "type"}
    annotation = {"type": kind, kind: cited}
    if kind == "web_search_result_location":
        place = {"start_index": 5, "end_index": 9, "title": "t", "url": "https://a.example"}
        annotation = {"type": "url_citation", "url_citation": place}
    hears(content, {"content": "Hello you", "annotations": [annotation]})


# --- usage ---


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (USAGE, (10, 5, 0, 0, 0)),
        ({**USAGE, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20}, (130, 5, 100, 20, 0)),
        (
            {
                **USAGE,
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            },
            (40, 5, 0, 30, 0),
        ),
        ({**USAGE, "output_tokens_details": {"thinking_tokens": 4}}, (10, 5, 0, 0, 4)),
        ({**USAGE, "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1}}, (10, 5, 0, 0, 0)),
        # a compaction is billed beside the reply's own counts
        (
            {
                **USAGE,
                "iterations": [
                    {"type": "compaction", "input_tokens": 900, "output_tokens": 50, "cache_read_input_tokens": 7},
                    {"type": "message", **USAGE},
                ],
            },
            (917, 55, 7, 0, 0),
        ),
        # an advisor is another model: not in this one's counts
        ({**USAGE, "iterations": [{"type": "advisor_message", "input_tokens": 900, "output_tokens": 50}]}, (10, 5, 0, 0, 0)),
        ({**USAGE, "iterations": [{"type": "message"}, {"type": "fallback_message", **USAGE}]}, (10, 5, 0, 0, 0)),
        ({**USAGE, "iterations": None, "cache_creation": None, "server_tool_use": None}, (10, 5, 0, 0, 0)),
        ({**USAGE, "iterations": [None, 7, {"type": "compaction"}]}, (10, 5, 0, 0, 0)),
    ],
)  # fmt: skip
def test_trap_35_every_count(usage: Json, counts: tuple[int, ...]) -> None:
    hears([TEXT], {"usage": counts}, usage=usage)


def test_an_advisor_s_tokens_are_named() -> None:
    read = cases.dialect("anthropic").read_usage
    advised = {"type": "advisor_message", "input_tokens": 900, "cache_read_input_tokens": 5, "output_tokens": 50}
    found = read({"usage": {**USAGE, "iterations": [advised]}})
    assert found is not None
    assert found.details == {"advisor_input": 905, "advisor_output": 50}


def test_trap_36_a_stream_that_breaks_has_told_its_input() -> None:
    body = wired(stream([TEXT])[:4], named=True)
    told = [event for event in cases.read_stream(cases.dialect("anthropic"), body) if isinstance(event, Metered)]
    assert told[-1].usage.input == 10


# --- errors ---


@pytest.mark.parametrize(
    "kind", ["invalid_request_error", "authentication_error", "overloaded_error", "api_error", "rate_limit_error", None]
)
def test_trap_40_an_error_in_the_stream_ends_it(kind: str | None) -> None:
    error: Json = {"type": "error", "error": {"type": kind, "message": "x"}}
    heard = streamed("anthropic", [*stream([TEXT])[:4], error, *stream([TEXT])[4:]])
    assert heard["content"] == "He"
    assert "error" in heard
    assert "finish" not in heard
