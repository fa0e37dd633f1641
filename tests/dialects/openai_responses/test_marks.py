"""Prompt-cache breakpoints (trap 38)."""

from dataclasses import replace

import pytest

from dialects.openai_responses.bodies import REASONER, conversation, items, lost, reasons, said, write
from polyglot_cloud.neutral import Block, File, FileId, Image, Mark, Message, Text, ToolCall, ToolResult, Url

MARKING = replace(REASONER, cache_marks=True)
PLAIN_MARK = {"mode": "explicit"}


@pytest.mark.parametrize(
    "block",
    [Text("a", mark=Mark()), Image(Url("https://x.test/a.png"), mark=Mark()), File(FileId("file-1"), mark=Mark())],
    ids=["text", "image", "file"],
)
def test_parts_of_the_input_bear_them(block: Block) -> None:
    (item,) = items(conversation(Message("user", [block])), MARKING)
    assert item["content"][0]["prompt_cache_breakpoint"] == PLAIN_MARK


def test_without_the_quirk_they_are_lost() -> None:
    written = write(conversation(said("user", Text("a", mark=Mark()))), REASONER)
    assert "prompt_cache_breakpoint" not in str(written.body)
    assert lost(written) == [("/messages", "dropped")]


def test_an_assistant_bears_none() -> None:
    turns = [said("user", "a"), said("assistant", Text("b", mark=Mark())), said("user", "c")]
    written = write(conversation(*turns), MARKING)
    assert "prompt_cache_breakpoint" not in str(written.body)
    assert "parts of the input" in reasons(written.losses)


def test_a_result_and_its_last_part_have_one_between_them() -> None:
    result = ToolResult("c1", [Text("a"), Text("b", mark=Mark("30m"))], mark=Mark())
    turns = [said("user", "x"), Message("assistant", [ToolCall("c1", "f", "{}")]), Message("user", [result])]
    output = items(conversation(*turns), MARKING)[-1]["output"]
    assert [part.get("prompt_cache_breakpoint") for part in output] == [None, PLAIN_MARK | {"ttl": "30m"}]


def test_an_empty_result_bears_none() -> None:
    turns = [
        said("user", "x"),
        Message("assistant", [ToolCall("c1", "f", "{}")]),
        Message("user", [ToolResult("c1", [], mark=Mark())]),
    ]
    written = write(conversation(*turns), MARKING)
    assert written.body["input"][-1]["output"] == ""
    assert lost(written) == [("/messages", "dropped")]


def test_the_first_and_the_last_three_are_kept() -> None:
    written = write(conversation(said("user", *[Text(str(at), mark=Mark()) for at in range(6)])), MARKING)
    parts = written.body["input"][0]["content"]
    assert [part["text"] for part in parts if "prompt_cache_breakpoint" in part] == ["0", "3", "4", "5"]
    assert lost(written) == [("/messages", "dropped")]


@pytest.mark.parametrize(("asked", "sent"), [(None, None), ("5m", None), ("30m", "30m"), ("1h", "12h"), ("x", None)])
def test_ttls_become_those_of_the_vendor(asked: str | None, sent: str | None) -> None:
    written = write(conversation(said("user", Text("a", mark=Mark(asked)))), MARKING)
    assert written.body["input"][0]["content"][0]["prompt_cache_breakpoint"].get("ttl") == sent
    assert lost(written) == ([] if asked == sent else [("/messages", "approximated")])
