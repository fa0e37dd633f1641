"""The recorded replies of the shared store, played where they lie; skipped where they do not."""

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from dialects.openai_responses.replies import grammar_faults, play, read
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.neutral import Failed, Finished, Response, collect

STORE = Path(__file__).parents[3].parent / "shared" / "wire" / "store"


def _recorded() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for provider in ("openai", "grok"):
        path = STORE / f"{provider}.jsonl.gz"
        lines = gzip.decompress(path.read_bytes()).splitlines() if path.exists() else []
        found |= {each["id"]: each for each in map(json.loads, lines) if each["endpoint"] == "/v1/responses"}
    return found


ALL = _recorded()
STREAMS = [name for name, each in ALL.items() if each["streaming"]]
WHOLE = [name for name, each in ALL.items() if not each["streaming"]]
pytestmark = pytest.mark.skipif(not ALL, reason="the shared recordings are not here")


def _events(body: str) -> list[dict[str, Any]]:
    """The events as JSON, by another way than the reader's. Lines that are no JSON were recorded so."""
    found = []
    for line in body.splitlines():
        try:
            found.append(json.loads(line.removeprefix("data:")) if line.startswith("data:") else None)
        except ValueError:
            continue
    return [event for event in found if isinstance(event, dict)]


def _terminal(events: list[dict[str, Any]]) -> dict[str, Any] | None:
    ends = [event["response"] for event in events if event["type"] in {"response.completed", "response.incomplete"}]
    return ends[0] if ends else None


def _contradicts_itself(events: list[dict[str, Any]]) -> bool:
    """Whether a recording's deltas do not begin its own text: one was shortened by hand."""
    told: dict[tuple[int, int], str] = {}
    for event in events:
        at = (event.get("output_index", 0), event.get("content_index", 0))
        if event["type"] == "response.output_text.delta":
            told[at] = told.get(at, "") + event["delta"]
        elif event["type"] == "response.output_text.done" and not event["text"].startswith(told.pop(at, "")):
            return True
    return False


def _comparable(response: Response) -> Response:
    """Without what the provider makes anew in every event: ciphers, and the ids of one proxy."""
    response = copy.deepcopy(response)
    response.id = "resp"
    for block in response.choices[0].blocks:
        raw = getattr(block, "raw", None) or (block.state.raw if block.state else {})
        for name in ("id", "encrypted_content", "fingerprint"):
            raw.pop(name, None)
    return response


@pytest.mark.parametrize("name", STREAMS)
def test_law_modes_agree(name: str) -> None:
    body = ALL[name]["body"]
    events, terminal = _events(body), _terminal(_events(body))
    seen = play(body.encode())
    assert grammar_faults(seen) == []
    if terminal is None:
        assert isinstance(seen[-1], Failed)
    elif not _contradicts_itself(events):
        assert _comparable(collect(seen)) == _comparable(read(terminal))


@pytest.mark.parametrize("name", STREAMS)
def test_law_chunking_and_truncation(name: str) -> None:
    stream = ALL[name]["body"].encode()
    assert play(stream, 7) == play(stream)
    ends = [
        stream.find(mark)
        for mark in (b'"type":"response.completed"', b'"type": "response.completed"')
        if mark in stream
    ]
    for part in (0.1, 0.5, 0.9, 1.0):
        cut = stream[: int(part * min(ends, default=len(stream)))]
        assert not any(isinstance(event, Finished) for event in play(cut))


@pytest.mark.parametrize("name", WHOLE)
def test_whole_replies_are_read(name: str) -> None:
    body = json.loads(ALL[name]["body"])
    if "output" not in body:
        with pytest.raises(GatewayError):
            read(body)
        return
    response = read(body)
    assert response.usage is not None
    assert response.usage.input + response.usage.output == body["usage"]["total_tokens"]
    assert response.choices[0].finish in {"stop", "tool_calls"}


def test_there_is_something_to_judge() -> None:
    assert len(STREAMS) > 40
    assert len(WHOLE) > 150
    assert sum(_contradicts_itself(_events(ALL[name]["body"])) for name in STREAMS) == 1
