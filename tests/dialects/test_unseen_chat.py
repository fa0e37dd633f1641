"""Chat Completions as hosts of this format really speak it (OpenAI's own types, xAI, and what a fifth provider may do otherwise: reasoning
under other names, calls without an index or with one that restarts, members that are null, ends that are left out), and what a Chat
client hears of it. Sources: openai 3.54.0's types, xAI's OpenAPI document, the hosts' API references, 2026-11-22.
"""

from typing import Any

import pytest

from dialects import cases
from dialects.heard import Json, plain, streamed
from polyglot_cloud.errors import GatewayError

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def chunk(delta: Any = None, finish: Any = None, **more: Any) -> Json:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


def text(content: str = "Hello", **more: Any) -> Json:
    return chunk({"content": content}, **more)


END = chunk({}, "stop")
METER: Json = {"id": "c", "choices": [], "usage": USAGE}
DONE = "[DONE]"

# --- text, reasoning, ends ---

ODD: dict[str, tuple[list[Json | str], Json]] = {
    "reasoning_content": ([chunk({"reasoning_content": "Hm", "content": None}), text(), END, DONE], {"reasoning_content": "Hm"}),
    "reasoning": ([chunk({"reasoning": "Hm", "content": ""}), text(), END, DONE], {"reasoning_content": "Hm"}),
    "both names at once": ([chunk({"reasoning": "Hm", "reasoning_content": "Hm"}), text(), END, DONE], {"reasoning_content": "Hm"}),
    "reasoning as a part": (
        [chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]}), text(), END, DONE],
        {"reasoning_content": "Hm", "content": "Hello"},
    ),
    "content in parts": ([chunk({"content": [{"type": "text", "text": "Hello"}]}), END, DONE], {"content": "Hello"}),
    "null everywhere": (
        [chunk({"role": None, "content": None, "tool_calls": None, "refusal": None, "function_call": None}), text(), END, DONE],
        {"content": "Hello"},
    ),
    "a null delta": ([{**chunk(), "choices": [{"index": 0, "delta": None}]}, text(), END, DONE], {"content": "Hello"}),
    "the role again and again": (
        [chunk({"role": "assistant", "content": "Hel"}), chunk({"role": "assistant", "content": "lo"}), END, DONE],
        {"content": "Hello"},
    ),
    "empty choices at first": ([{**chunk(), "choices": [], "prompt_filter_results": []}, text(), END, DONE], {"content": "Hello"}),
    "no choices member": ([{"id": "c"}, text(), END, DONE], {"content": "Hello"}),
    "no index": ([{**chunk(), "choices": [{"delta": {"content": "Hello"}, "finish_reason": "stop"}]}, DONE], {"content": "Hello"}),
    "another choice": ([{**text("No"), "choices": [{"index": 1, "delta": {"content": "No"}}]}, text(), END, DONE], {"content": "Hello"}),
    "the finish reason twice": ([text(), END, END, DONE], {"content": "Hello"}),
    "finish with the last text": ([text("Hel"), chunk({"content": "lo"}, "stop"), DONE], {"content": "Hello"}),
    "no end mark": ([text(), END], {"content": "Hello"}),
    "an empty finish": ([text(), chunk({}, ""), DONE], {"content": "Hello"}),
    "end_turn": ([text(), chunk({}, "end_turn"), DONE], {"content": "Hello", "detail": "end_turn"}),
    "no finish but the mark": ([text(), DONE], {"content": "Hello"}),
    "an empty error member": ([{**text(), "error": None}, END, DONE], {"content": "Hello"}),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_hosts_that_tell_it_otherwise(name: str) -> None:
    rows, expected = ODD[name]
    heard = streamed("openai_chat", rows)
    assert {key: heard.get(key) for key in expected} == expected
    assert heard["finish"] == "stop"


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("stop", "stop"), ("length", "length"), ("max_tokens", "length"), ("content_filter", "content_filter"),
        ("tool_calls", "stop"), ("eos", "stop"),
    ],
)  # fmt: skip
def test_trap_27_every_finish_reason(word: str, finish: str) -> None:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": word}]}
    for heard in (streamed("openai_chat", [text(), chunk({}, word), DONE]), plain("openai_chat", body)):
        assert heard["finish"] == finish


# --- tool calls ---


def call(index: Any = ..., id_: Any = ..., name: Any = ..., arguments: Any = ..., **more: Any) -> Json:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not ...}
    members = {key: value for key, value in (("index", index), ("id", id_)) if value is not ...}
    return {**members, "function": function, **more}


def calls(*fragments: Json) -> Json:
    return chunk({"tool_calls": list(fragments)})


FRAGMENTS: dict[str, list[Json]] = {
    "as documented": [
        calls(call(0, "a", "look", "", type="function")), calls(call(0, arguments='{"x"')), calls(call(0, arguments=":1}")),
        calls(call(1, "b", "find", "")), calls(call(1, arguments="{}")),
    ],
    "in turns": [
        calls(call(0, "a", "look", "")), calls(call(1, "b", "find", "")),
        calls(call(0, arguments='{"x"'), call(1, arguments="{")), calls(call(0, arguments=":1}"), call(1, arguments="}")),
    ],
    "whole": [calls(call(0, "a", "look", '{"x":1}'), call(1, "b", "find", "{}"))],
    "whole, without an index": [calls(call(..., "a", "look", '{"x":1}'), call(..., "b", "find", "{}"))],
    "the same index for all": [calls(call(0, "a", "look", '{"x":1}')), calls(call(0, "b", "find", "{}"))],
    "an index of null": [
        calls(call(None, "a", "look", '{"x"')), calls(call(None, None, None, ":1}")), calls(call(None, "b", "find", "{}")),
    ],
    "without an index, in pieces": [
        calls(call(..., "a", "look", '{"x"')), calls(call(arguments=":1}")), calls(call(..., "b", "find", "{}")),
    ],
    "the id in every piece": [
        calls(call(0, "a", "look", '{"x"')), calls(call(0, "a", arguments=":1}")), calls(call(1, "b", "find", "{}")),
    ],
    "id and name in every piece": [
        calls(call(0, "a", "look", '{"x"')), calls(call(0, "a", "look", ":1}")), calls(call(1, "b", "find", "{}")),
    ],
    "an empty id and name in later pieces": [
        calls(call(0, "a", "look", '{"x"')), calls(call(0, "", "", ":1}")), calls(call(1, "b", "find", "{}")),
    ],
    "the name after the id": [
        calls(call(0, "a")), calls(call(0, name="look", arguments='{"x"')), calls(call(0, arguments=":1}")),
        calls(call(1, "b", "find", "{}")),
    ],
    "arguments before the name": [
        calls(call(0, "a", arguments='{"x"')), calls(call(0, name="look", arguments=":1}")), calls(call(1, "b", "find", "{}")),
    ],
    "an empty fragment first": [
        calls({}), calls({"index": 0}), calls(call(0, "a", "look", '{"x":1}')), calls(call(1, "b", "find", "{}")),
    ],
    "null members": [
        calls(call(0, "a", "look", None, type=None)), calls(call(0, None, None, '{"x":1}')), calls(call(1, "b", "find", None)),
    ],
    "indexes that begin at one": [calls(call(1, "a", "look", '{"x":1}')), calls(call(2, "b", "find", "{}"))],
}  # fmt: skip
TWO = [{"id": "a", "name": "look", "arguments": '{"x":1}'}, {"id": "b", "name": "find", "arguments": "{}"}]


@pytest.mark.parametrize("name", FRAGMENTS)
@pytest.mark.parametrize("finish", ["tool_calls", "stop", ""])
def test_trap_15_calls_however_they_are_cut(name: str, finish: str) -> None:
    heard = streamed("openai_chat", [text(), *FRAGMENTS[name], chunk({}, finish), DONE])
    assert heard["tool_calls"] == TWO
    assert (heard["content"], heard["finish"]) == ("Hello", "tool_calls")


def test_calls_without_ids_are_told_apart_by_name_and_get_ids() -> None:
    heard = streamed(
        "openai_chat",
        [calls(call(0, name="look", arguments="{}")), calls(call(0, name="find", arguments="{}")), END, DONE],
    )
    assert [each["name"] for each in heard["tool_calls"]] == ["look", "find"]
    assert len({each["id"] for each in heard["tool_calls"]} - {""}) == 2


def test_a_call_that_nobody_named_is_still_told() -> None:
    heard = streamed("openai_chat", [calls(call(0, "a", arguments="{}")), END, DONE])
    assert heard["tool_calls"] == [{"id": "a", "name": "", "arguments": "{}"}]


def test_the_deprecated_function_call() -> None:
    rows = [
        chunk({"function_call": {"name": "look", "arguments": '{"x"'}}),
        chunk({"function_call": {"arguments": ":1}"}}),
    ]
    heard = streamed("openai_chat", [*rows, chunk({}, "function_call"), DONE])
    assert [(each["name"], each["arguments"]) for each in heard["tool_calls"]] == [("look", '{"x":1}')]
    assert heard["finish"] == "tool_calls"


# --- usage ---


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (USAGE, (10, 5, 0, 0, 0)),
        ({**USAGE, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2}}, (10, 5, 4, 2, 0)),
        ({**USAGE, "completion_tokens_details": {"reasoning_tokens": 3}}, (10, 5, 0, 0, 3)),
        # xAI leaves reasoning out of completion_tokens; its total has it
        ({**USAGE, "total_tokens": 18, "completion_tokens_details": {"reasoning_tokens": 3}}, (10, 8, 0, 0, 3)),
        ({**USAGE, "prompt_tokens_details": None, "completion_tokens_details": None}, (10, 5, 0, 0, 0)),
        ({**USAGE, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6}, (10, 5, 4, 0, 0)),
        ({**USAGE, "cached_tokens": 4}, (10, 5, 4, 0, 0)),
        ({"prompt_tokens": 10.0, "completion_tokens": 5.0}, (10, 5, 0, 0, 0)),
        ({**USAGE, "num_sources_used": 2, "cost_in_usd_ticks": 7}, (10, 5, 0, 0, 0)),
    ],
)
def test_trap_35_every_count(usage: Json, counts: tuple[int, ...]) -> None:
    body = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}], "usage": usage}
    assert streamed("openai_chat", [text(), END, {**METER, "usage": usage}, DONE])["usage"] == counts
    assert plain("openai_chat", body)["usage"] == counts


@pytest.mark.parametrize(
    "rows",
    [
        [text(), END, METER, DONE],
        [text(), {**END, "usage": USAGE}, DONE],
        [text(usage={**USAGE, "completion_tokens": 1}), {**END, "usage": USAGE}, DONE],  # so far, in each chunk
        [text(usage=None), END, METER, {**METER, "usage": None}, DONE],
        [text(), END, METER, {**METER, "usage": {}}, DONE],
    ],
)
def test_trap_36_usage_wherever_it_stands(rows: list[Json | str]) -> None:
    assert streamed("openai_chat", rows)["usage"] == (10, 5, 0, 0, 0)


# --- sources ---


def test_the_pages_of_a_search() -> None:
    cited = {"url": "https://a.example", "title": "https://a.example", "start_index": 0, "end_index": 0}
    heard = streamed("openai_chat", [text(), {**END, "citations": ["https://a.example"]}, DONE])
    assert heard["annotations"] == [{"type": "url_citation", "url_citation": cited}]


# --- errors inside a 200 ---

ERRORS: list[Json] = [
    {"error": {"message": "why", "type": "server_error", "code": None}},
    {"error": {"message": "why", "type": None, "code": 502}},
    {"error": "why", "code": "server_error"},
    {"object": "error", "message": "why", "type": "BadRequestError", "code": 400},
    {"type": "error", "message": "why"},
    {"detail": "why"},
]


@pytest.mark.parametrize("error", ERRORS)
def test_trap_40_an_error_in_the_stream_is_never_an_end(error: Json) -> None:
    """Also where the host goes on to its end mark as if nothing had happened."""
    heard = streamed("openai_chat", [text(), error, DONE])
    assert heard["content"] == "Hello"
    assert "error" in heard
    assert "finish" not in heard


@pytest.mark.parametrize("error", [*ERRORS, [ERRORS[0]]])
def test_trap_29_an_error_instead_of_a_reply(error: Any) -> None:
    read = cases.dialect("openai_chat").read_response
    assert read
    with pytest.raises(GatewayError, match="why"):
        read(error)


def test_a_finish_reason_that_says_error() -> None:
    assert "error" in streamed("openai_chat", [text(), chunk({}, "error"), DONE])
