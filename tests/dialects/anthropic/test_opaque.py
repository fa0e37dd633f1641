from typing import Any

import pytest

from dialects.anthropic.bodies import MODEL, call, lost, request, result, said, write
from polyglot_cloud.dialects import Body, Written
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Mark, Opaque, Request, State, Text, Tool
from polyglot_cloud.rows import Quirks

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
UPLOAD = {"type": "container_upload", "file_id": "file_1"}
HERE = State({}, "anthropic", MODEL)


def answered(block: Opaque) -> Written:
    return write(Request("m", [said("user", "a"), said("assistant", block, "b"), said("user", "c")]), Quirks())


def blocks(written: Written, turn: int) -> list[Body]:
    content: list[Body] = written.body["messages"][turn]["content"]
    return content


def test_own_blocks_pass_as_they_are() -> None:
    written = answered(Opaque("anthropic", SEARCH, state=HERE))
    assert blocks(written, 1) == [SEARCH, {"type": "text", "text": "b"}]
    assert written.losses == []


@pytest.mark.parametrize("state", [None, HERE])
def test_a_users_own_blocks_pass_as_they_are(state: State | None) -> None:
    written = write(request(Opaque("anthropic", UPLOAD, state=state)))
    assert (blocks(written, 0), written.losses) == ([UPLOAD], [])


def test_own_blocks_bear_marks() -> None:
    written = answered(Opaque("anthropic", SEARCH, state=HERE, mark=Mark("1h")))
    assert blocks(written, 1)[0] == {**SEARCH, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert written.losses == []


@pytest.mark.parametrize(
    "block",
    [
        Opaque("openai_responses", {"type": "web_search_call"}),
        Opaque("openai_responses", {"type": "web_search_call"}, state=HERE),
        Opaque("gemini", {"executableCode": {}}),
        Opaque("anthropic", SEARCH),
        Opaque("anthropic", SEARCH, state=State({})),
        Opaque("anthropic", SEARCH, state=State({}, "anthropic", "claude-other")),
        Opaque("anthropic", SEARCH, state=State({}, "other", MODEL)),
    ],
)
def test_what_another_model_did_by_itself_stays_behind(block: Opaque) -> None:
    written = answered(block)
    assert blocks(written, 1) == [{"type": "text", "text": "b"}]
    assert lost(written) == [("/messages", "dropped")]


def test_a_turn_of_nothing_else_vanishes() -> None:
    searched = said("assistant", Opaque("openai_responses", {"type": "web_search_call"}))
    written = write(Request("m", [said("user", "a"), searched, said("user", "b")]))
    assert [turn["role"] for turn in written.body["messages"]] == ["user"]


def test_a_users_block_of_another_model_stays_behind() -> None:
    written = write(request(Text("x"), Opaque("anthropic", UPLOAD, state=State({}, "other", MODEL))))
    assert blocks(written, 0) == [{"type": "text", "text": "x"}]
    assert lost(written) == [("/messages", "dropped")]


def test_a_users_block_of_another_dialect_is_refused() -> None:
    with pytest.raises(Unsupported) as caught:
        write(request(Opaque("openai_responses", {"type": "input_audio"})))
    assert caught.value.param == "messages"


NONE: list[Body] = [{}, {"type": None}, {"type": ""}, {"type": 5}, {"type": []}]
NEUTRAL: list[Body] = [
    {"type": kind} for kind in ("text", "image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result")
]


@pytest.mark.parametrize("state", [None, HERE, State({}, "other", "model")])
@pytest.mark.parametrize("raw", [*NONE, *NEUTRAL, {"type": "search_result"}])
def test_a_forged_block_of_the_assistant_is_refused(raw: Body, state: State | None) -> None:
    with pytest.raises(BadRequest) as caught:
        answered(Opaque("anthropic", raw, state=state))
    assert (type(caught.value), caught.value.param) == (BadRequest, "messages")
    assert "messages[1]" in caught.value.message


@pytest.mark.parametrize("raw", [*NONE, *NEUTRAL, SEARCH, {"type": "web_search_tool_result"}])
def test_a_forged_block_of_a_user_is_refused(raw: Body) -> None:
    with pytest.raises(BadRequest) as caught:
        write(request(Opaque("anthropic", raw)))
    assert (type(caught.value), caught.value.param) == (BadRequest, "messages")


@pytest.mark.parametrize("ttl", [5, [], {}])
def test_a_forged_ttl_becomes_one_that_anthropic_has(ttl: Any) -> None:
    raw = {**SEARCH, "cache_control": {"type": "ephemeral", "ttl": ttl}}
    written = answered(Opaque("anthropic", raw, state=HERE))
    assert blocks(written, 1)[0]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert raw["cache_control"] == {"type": "ephemeral", "ttl": ttl}


def test_server_tools_stand_beside_calls() -> None:
    turns = [said("user", "a"), said("assistant", Opaque("anthropic", SEARCH, state=HERE), call("t1"))]
    written = write(Request("m", [*turns, said("user", result("t1"))], tools=[Tool("weather")]))
    assert [block["type"] for block in blocks(written, 1)] == ["server_tool_use", "tool_use"]
