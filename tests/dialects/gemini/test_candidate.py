"""Parts to blocks, seen through `read_response`; that streams say the same is tested with the fixtures."""

import re
from typing import Any

import pytest

from dialects.gemini.support import reply
from polyglot_cloud.dialects.gemini import DIALECT
from polyglot_cloud.neutral import Block, Image, Inline, Opaque, Response, State, Text, Thinking, ToolCall

SIGNED = {"text": "", "thoughtSignature": "c2ln"}
PICTURE = Image(Inline("image/png", "iVBO"))


def read(body: Any) -> Response:
    assert DIALECT.read_response is not None
    return DIALECT.read_response(body)


def blocks(*parts: dict[str, Any]) -> list[Block]:
    return read(reply(*parts)).choices[0].blocks


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([{"text": "a"}, {"text": "b"}], [Text("ab")]),
        ([{"text": "a"}, {"text": ""}, {"text": "b"}], [Text("ab")]),
        ([{"text": ""}], []),
        ([{}], []),
        ([{"thought": True}], []),
        ([{"text": "a"}, SIGNED], [Text("a"), Text("", state=State(SIGNED))]),
        ([SIGNED, {"text": "b"}], [Text("", state=State(SIGNED)), Text("b")]),
        ([{"thoughtSignature": "x"}], [Text("", state=State({"thoughtSignature": "x"}))]),
        ([{"text": "t", "thought": True}, {"text": "u", "thought": True}, {"text": "a"}], [Thinking("tu"), Text("a")]),
        (
            [{"text": "t", "thought": True, "thoughtSignature": "x"}],
            [Thinking("t", state=State({"text": "t", "thought": True, "thoughtSignature": "x"}))],
        ),
        ([{"executableCode": {"code": "1"}}], [Opaque("gemini", {"executableCode": {"code": "1"}})]),
        ([{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}, {"text": "b"}],
         [Text("a"), PICTURE, Opaque("gemini", {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}), Text("b")]),
    ],
)  # fmt: skip
def test_trap_44_parts_become_blocks(parts: list[dict[str, Any]], expected: list[Block]) -> None:
    assert blocks(*parts) == expected


def test_a_signed_opaque_part_keeps_its_state() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}, "thoughtSignature": "x"}
    assert blocks(part) == [PICTURE, Opaque("gemini", part, state=State(part))]


@pytest.mark.parametrize(
    ("args", "arguments"),
    [
        (
            {"city": "Zürich", "n": 1.0, "big": 123456789012345678901234567890},
            '{"city":"Zürich","n":1,"big":123456789012345678901234567890}',
        ),
        ({}, "{}"),
        (None, "{}"),
    ],
)
def test_trap_16_arguments_become_compact_json_text(args: Any, arguments: str) -> None:
    (block,) = blocks({"functionCall": {"name": "f", "args": args}})
    assert isinstance(block, ToolCall)
    assert block.arguments == arguments


def test_trap_14_an_id_is_made_where_gemini_gives_none() -> None:
    part = {"functionCall": {"name": "f", "args": {}}}
    first, second = blocks(part, part)
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert re.fullmatch(r"call_[0-9a-f]{24}", first.id)
    assert first.id != second.id
    assert blocks(part, part) == [first, second]
    assert first.state is None


def test_made_ids_differ_between_replies_and_candidates() -> None:
    part = {"functionCall": {"name": "f", "args": {"n": 1}}}
    other = {"functionCall": {"name": "f", "args": {"n": 2}}}
    two = reply(part)
    two["candidates"] += [{**two["candidates"][0], "index": 1}]
    choices = read(two).choices
    ids = [choice.blocks[0] for choice in choices]
    ids += [read(reply(part, responseId="r2")).choices[0].blocks[0]]
    ids += [read(reply(each, responseId=None)).choices[0].blocks[0] for each in (part, other)]
    assert len({block.id for block in ids if isinstance(block, ToolCall)}) == 5


def test_trap_22_a_call_with_its_own_id_or_signature_keeps_the_part() -> None:
    named = {"functionCall": {"id": "a1", "name": "f", "args": {}}}
    signed = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "x"}
    first, second = blocks(named, signed)
    assert first == ToolCall("a1", "f", "{}", state=State(named))
    assert second.state == State(signed)


@pytest.mark.parametrize(
    "call",
    [
        {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}], "willContinue": True},
        {},
        {"name": 7},
        None,
    ],
)
def test_a_call_without_a_name_is_no_call(call: Any) -> None:
    choice = read(reply({"functionCall": call})).choices[0]
    assert choice.blocks == [Opaque("gemini", {"functionCall": call})]
    assert choice.finish == "stop"


def test_a_citation_is_measured_by_its_own_text() -> None:
    body = reply({"text": "Größe"}, SIGNED, {"text": "an ASCII text"})
    body["candidates"][0]["citationMetadata"] = {
        "citationSources": [{"startIndex": 3, "endIndex": 99, "uri": "https://a.example"}]
    }
    last = read(body).choices[0].blocks[-1]
    assert isinstance(last, Text)
    assert last.annotations is not None
    citation = {"url": "https://a.example", "title": "https://a.example", "start_index": 3, "end_index": 13}
    assert last.annotations == [{"type": "url_citation", "url_citation": citation}]


def test_a_citation_after_a_call_has_no_text_to_stand_at() -> None:
    body = reply({"functionCall": {"name": "f"}})
    body["candidates"][0]["citationMetadata"] = {"citationSources": [{"uri": "https://a.example"}]}
    assert len(read(body).choices[0].blocks) == 1


def test_logprobs_in_chats_shape_go_with_the_first_text() -> None:
    body = reply({"text": "Hi"}, {"text": "!"})
    body["candidates"][0]["logprobsResult"] = {
        "chosenCandidates": [{"token": "Hi", "logProbability": -0.5}, {"token": "!", "logProbability": None}],
        "topCandidates": [
            {"candidates": [{"token": "Hi", "logProbability": -0.5}, {"token": "Yo", "logProbability": -1}]}
        ],
    }
    assert read(body).choices[0].blocks == [
        Text(
            "Hi!",
            logprobs=[
                {
                    "token": "Hi",
                    "logprob": -0.5,
                    "bytes": [72, 105],
                    "top_logprobs": [
                        {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]},
                        {"token": "Yo", "logprob": -1, "bytes": [89, 111]},
                    ],
                },
                {"token": "!", "logprob": 0.0, "bytes": [33], "top_logprobs": []},
            ],
        )
    ]
