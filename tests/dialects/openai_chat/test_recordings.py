"""Real traffic, where it lies beside the checkout: nothing of it is kept here."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from dialects import cases
from dialects.openai_chat import grammar, schema
from dialects.openai_chat.chunks import METERED
from polyglot_cloud import wire
from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.errors import BadRequest, ProviderError
from polyglot_cloud.neutral import Choice, Failed, Finished, Refusal, Text, Thinking, ToolCall, collect
from polyglot_cloud.rows import Destination, Quirks

STORE = Path(__file__).parents[4] / "shared" / "wire" / "store"


def recordings() -> list[dict[str, Any]]:
    found = []
    for path in (STORE / "openai.jsonl.gz", STORE / "grok.jsonl.gz"):
        if path.exists():
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                found += [json.loads(line) for line in lines]
    return [one for one in found if one["endpoint"].endswith("/chat/completions")]


ALL = recordings()
pytestmark = pytest.mark.skipif(not ALL, reason="no recordings beside the checkout")


def each(chosen: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("recording", [pytest.param(one, id=one["id"]) for one in chosen])


STREAMS = [one for one in ALL if one["streaming"]]
REPLIES = [one for one in ALL if not one["streaming"]]
REQUESTS = [one for one in ALL if one["pair"]]


def first_choice(body: str) -> dict[str, Any]:
    """The plain concatenation of a stream's first choice, by eyes of its own."""
    joined: dict[str, Any] = {"content": "", "thinking": "", "calls": {}, "finish": None}
    for line in body.splitlines():
        payload = line.strip().removeprefix("data:").strip()
        if not payload.startswith("{"):
            continue
        for choice in json.loads(payload)["choices"]:
            if choice["index"] == 0:
                _join(joined, choice["delta"])
                joined["finish"] = choice.get("finish_reason") or joined["finish"]
    joined["calls"] = list(joined["calls"].values())
    return joined


def _join(joined: dict[str, Any], delta: dict[str, Any]) -> None:
    joined["content"] += delta.get("content") or ""
    joined["thinking"] += delta.get("reasoning_content") or ""
    for fragment in delta.get("tool_calls") or []:
        call = joined["calls"].setdefault(fragment["index"], ["", ""])
        call[0] = call[0] or fragment["function"].get("name") or ""  # one host says it twice
        call[1] += fragment["function"].get("arguments") or ""


def told(choice: Choice) -> dict[str, Any]:
    return {
        "content": "".join(block.text for block in choice.blocks if isinstance(block, Text)),
        "thinking": "".join(block.text for block in choice.blocks if isinstance(block, Thinking)),
        "calls": [[block.name, block.arguments] for block in choice.blocks if isinstance(block, ToolCall)],
        "finish": choice.finish,
    }


@each(STREAMS)
def test_streams_say_what_their_bytes_say(recording: dict[str, Any]) -> None:
    wanted = first_choice(recording["body"])
    found = told(collect(cases.read_stream(DIALECT, recording["body"].encode())).choices[0])
    wanted["finish"] = "tool_calls" if wanted["calls"] else wanted["finish"]
    assert found == wanted


@each(STREAMS)
def test_any_split_gives_the_same_events(recording: dict[str, Any]) -> None:
    data = recording["body"].encode()
    whole = cases.read_stream(DIALECT, data)
    for size in (1, 7, 64):
        assert cases.read_pieces(DIALECT, [data[at : at + size] for at in range(0, len(data), size)]) == whole


@each(STREAMS)
def test_a_cut_stream_never_reports_success(recording: dict[str, Any]) -> None:
    found = cases.records(recording["body"].encode())
    whole = collect(cases.read_records(DIALECT, found)).choices
    for count in range(0, len(found), 1 + len(found) // 40):
        events = cases.read_records(DIALECT, found[:count])
        assert isinstance(events[-1], Failed) or (isinstance(events[-1], Finished) and collect(events).choices == whole)


@each(STREAMS)
def test_streams_are_written_in_the_vendors_grammar(recording: dict[str, Any]) -> None:
    assert DIALECT.writer
    writer = DIALECT.writer(METERED)
    events = cases.read_stream(DIALECT, recording["body"].encode())
    data = b"".join(writer.feed(event) for event in events) + writer.close()
    grammar.check(data)
    again = collect(cases.read_stream(DIALECT, data))
    assert again.usage == collect(events).usage
    assert _less_empty(told(again.choices[0])) == _less_empty(told(collect(events).choices[0]))


def _less_empty(said: dict[str, Any]) -> dict[str, Any]:
    return said | {"calls": [[name, arguments or "{}"] for name, arguments in said["calls"]]}


@each(REPLIES)
def test_replies_survive(recording: dict[str, Any]) -> None:
    assert DIALECT.read_response
    assert DIALECT.write_response
    body = json.loads(recording["body"])
    if "error" in body:
        with pytest.raises(ProviderError):
            DIALECT.read_response(body)
        return
    response = DIALECT.read_response(body)
    written = DIALECT.write_response(response, METERED).body
    grammar.check_reply(written)
    assert DIALECT.read_response(wire.decode(wire.encode(written))) == response
    for choice, recorded in zip(response.choices, body["choices"], strict=True):
        said = recorded["message"]
        spoken = (said.get("audio") or {}).get("transcript")
        assert told(choice)["content"] == (said["content"] or spoken or "")
        assert told(choice)["thinking"] == (said.get("reasoning_content") or "")
        assert len(told(choice)["calls"]) == len(said.get("tool_calls") or [])
        assert any(isinstance(block, Refusal) for block in choice.blocks) == bool(said.get("refusal"))


@each(REQUESTS)
def test_requests_survive(recording: dict[str, Any]) -> None:
    assert DIALECT.read_request
    assert DIALECT.write_request
    body = recording["request"]
    DIALECT.peek(body, "chat/completions")
    if not body["messages"] or body.get("max_tokens") == 0:
        with pytest.raises(BadRequest):
            DIALECT.read_request(body)
        return
    request = DIALECT.read_request(body)
    written = DIALECT.write_request(request, Destination("p", request.model, Quirks()))
    schema.check(written.body)
    assert written.losses == []
    again = DIALECT.read_request(written.body)
    again.include_usage = request.include_usage
    assert again == request
