"""What the usual call is spared changes nothing: each quick path against the long one, which a member that says nothing calls for."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialects import cases
from dialects.cases import Case, each_case
from dialects.chat_requests import chat_requests
from dialects.test_laws import CONTEXT
from polyglot_cloud import wire
from polyglot_cloud.dialects.anthropic import blocks
from polyglot_cloud.dialects.anthropic.draft import Draft
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.neutral import (
    Block,
    Choice,
    FinishReason,
    Message,
    Opened,
    Request,
    Response,
    Role,
    Started,
    State,
    Text,
    TextDelta,
)
from polyglot_cloud.rows import Destination, Quirks

CHAT = cases.dialect("openai_chat")
MAKERS = [("there", "m", "anthropic"), ("there", "m", "gemini")]
TEXTS = ("", " ", "\n\t", "\u00a0", "\u200b", "\x1c", "hello", " hello \n", "a\ud800")
ROLES: tuple[Role, ...] = ("user", "assistant", "system", "developer")
CITED = [{"type": "url_citation", "url_citation": {"url": "https://example.com", "start_index": 0, "end_index": 1}}]

# --- requests of Chat ---


def lengthened(body: dict[str, Any]) -> dict[str, Any]:
    """The same call with a stranger that says nothing wherever a quick look would have been enough."""
    copy = deepcopy(body)
    for name in ("messages", "tools"):
        for holder in copy[name] if isinstance(copy.get(name), list) else ():
            if isinstance(holder, dict):
                holder.setdefault("unheard_of", None)
    return copy


def read(body: dict[str, Any]) -> Any:
    """The request with what its comparison leaves out, or its refusal."""
    assert CHAT.read_request
    try:
        request = CHAT.read_request(body)
    except GatewayError as error:
        return type(error), error.message, error.param, error.code
    pointers = [message.pointer for message in [*request.system, *request.messages]]
    return request, pointers, request.losses


@each_case("request.json", names=["openai_chat"])
def test_a_fixture_is_read_alike_both_ways(case: Case) -> None:
    assert read(case.json("request")) == read(lengthened(case.json("request")))


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example])
@given(chat_requests("m", MAKERS))
def test_any_request_is_read_alike_both_ways(body: dict[str, Any]) -> None:
    assert read(body) == read(lengthened(body))


def test_the_long_way_is_another_one() -> None:
    """A stranger with a value is told, so the lengthened call is really walked."""
    body = lengthened({"model": "m", "messages": [{"role": "user", "content": "a"}]})
    body["messages"][0]["unheard_of"] = 1
    assert [loss.pointer for loss in read(body)[2]] == ["/messages/0/unheard_of"]


# --- Anthropic's messages ---


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("role", ROLES)
def test_a_bare_text_is_written_as_any_block(role: Role, text: str) -> None:
    message = Message(role, [Text(text)])
    bare = blocks.bare_text(message)
    assert bare == text
    draft = Draft(Request("m", [message]), Destination("there", "m", Quirks()))
    assert blocks.text_alone(text) == blocks.write_blocks(draft, message, 0)
    assert draft.losses == []


# --- Chat's replies ---


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
@pytest.mark.parametrize("state", [None, State({"sealed": 1})])
@pytest.mark.parametrize("annotations", [None, CITED])
@pytest.mark.parametrize("text", ["", "hello"])
def test_a_lone_text_is_written_as_among_others(
    text: str, annotations: list[dict[str, Any]] | None, state: State | None, finish: FinishReason
) -> None:
    """A second text without a word in it leaves no trace in a reply."""
    alone: Block = Text(text, annotations, None, None, state)
    assert message([alone], finish) == message([alone, Text("")], finish)


def message(found: list[Block], finish: FinishReason) -> bytes:
    assert CHAT.write_response
    return wire.encode(CHAT.write_response(Response("c", "m", [Choice(found, finish)]), CONTEXT).body)


# --- Chat's chunks ---


@pytest.mark.parametrize("include_usage", [True, False])
@given(text=st.text(min_size=1))
def test_every_chunk_of_text_is_as_the_first(include_usage: bool, text: str) -> None:
    """The first is put together, behind the chunk with the role; the others have their frame ready."""
    assert CHAT.writer
    writer = CHAT.writer(replace(CONTEXT, include_usage=include_usage))
    writer.feed(Started('quo"te\x00', "m", 1, "print"))
    writer.feed(Opened(0, Text("")))
    role, first = writer.feed(TextDelta(0, text)).split(b"\n\n", 1)
    assert b'"role":"assistant"' in role
    assert writer.feed(TextDelta(0, text)) == first
