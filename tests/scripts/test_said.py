"""What replies say: read whole and from a stream alike, over every fixture that has both."""

import json
from pathlib import Path

import pytest
from scripts.recording import said

from harness import FIXTURES

TWINS = [
    pytest.param(folder.parent.name, folder, id=f"{folder.parent.name}-{folder.name}")
    for folder in sorted(FIXTURES.glob("*/*/"))
    if json.loads((folder / "origin.json").read_bytes()).get("twins") and (folder / "stream.sse").exists()
]


@pytest.mark.parametrize(("dialect", "folder"), TWINS)
def test_twins_say_the_same(dialect: str, folder: Path) -> None:
    one = said.plain(dialect, (folder / "response.json").read_bytes())
    two = said.streamed(dialect, (folder / "stream.sse").read_bytes())
    assert (one.text, one.refusal, one.finish, one.error) == (two.text, two.refusal, two.finish, two.error)
    assert [(name, json_or_text(text)) for _, name, text in one.calls] == [
        (name, json_or_text(text)) for _, name, text in two.calls
    ]


def json_or_text(text: str) -> object:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


@pytest.mark.parametrize("ends", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_events_whatever_their_line_ends(ends: bytes) -> None:
    data = (
        b'event: x\ndata: {"a":1}'
        + ends
        + b": note"
        + ends
        + b"data: [DONE]"
        + ends
        + b"data: [1]"
        + ends
        + b'data: {"a":'
    )
    assert list(said.events(data)) == [{"a": 1}]


def test_a_message_without_its_stop_has_no_end() -> None:
    start = b'data: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":1}}}\n\n'
    block = b'data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}\n\n'
    piece = (
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\\"a"}}\n\n'
    )
    delta = b'data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":2}}\n\n'
    cut = said.streamed("anthropic", start + block + piece + delta)
    assert (cut.finish, cut.calls, cut.usage) == (None, [("t", "f", "{}")], {"input_tokens": 1, "output_tokens": 2})
    assert said.streamed("anthropic", start + delta + b'data: {"type":"message_stop"}\n\n').finish == "tool_use"


@pytest.mark.parametrize("dialect", said.READ)
def test_nothing_says_nothing(dialect: str) -> None:
    assert said.streamed(dialect, b"") == said.Said()
