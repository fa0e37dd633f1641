"""What stands in a fixture's folder, and what is never overwritten or written."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from scripts.recording import cases, folder
from scripts.recording.cases import Case, Mode
from scripts.recording.exchange import Answer, Exchange
from scripts.recording.scrub import Scrubber, SecretFound

TABLE = cases.load()
CASE = Case("anthropic", "text", {})
SOURCE = folder.Source("anthropic", "a test", "claude-x", date(2026, 11, 22), "0.0.0")
HEADERS = {"content-type": "application/json", "request-id": "req_aB3dE6gH9", "set-cookie": "a=b"}
REPLY = b'{"id":"msg_01aB3dE6gH","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1}}'
STREAM = (
    b'data: {"type":"message_start","message":{"id":"msg_01xY9zW8vU","model":"m","content":[],"usage":{"input_tokens":1}}}\n\n'
    b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}\n\n'
    b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\ndata: {"type":"message_stop"}\n\n'
)


def made(case: Case, answers: Mapping[Mode, Answer], request: bytes = b"{}\n") -> dict[str, bytes]:
    return folder.files(case, Exchange(request, dict(answers)), SOURCE, TABLE, Scrubber())


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, HEADERS, body)


def test_the_bytes_stand_as_they_came_and_the_origin_tells_the_rest() -> None:
    found = made(CASE, {"plain": answer(REPLY), "stream": answer(STREAM)})
    origin = json.loads(found.pop("origin.json"))
    assert found == {
        "request.json": b"{}\n",
        "response.json": REPLY.replace(b"01aB3dE6gH", b"0000000001"),
        "stream.sse": STREAM.replace(b"01xY9zW8vU", b"0000000001"),
    }
    assert origin == {
        "origin": "recorded from a test",
        "provider": "anthropic",
        "model": "m",
        "asked": "claude-x",
        "date": "2026-11-22",
        "source": "scripts/record, case text",
        "status": 200,
        "content_type": "application/json",
        "headers": {"content-type": "application/json", "request-id": "req_000000001"},
        "gateway": "0.0.0",
        "twins": True,
        "stream": {
            "added": {"stream": True},
            "headers": {"content-type": "application/json", "request-id": "req_000000001"},
        },
    }


@pytest.mark.parametrize(
    ("case", "reply", "name"),
    [
        (CASE, answer(b"{}"), "response.json"),
        (CASE, answer(b"{}", 429), "error.json"),
        (replace(CASE, path="messages/count_tokens"), answer(b"{}"), "count.json"),
    ],
)
def test_each_kind_of_reply_has_its_file(case: Case, reply: Answer, name: str) -> None:
    assert set(made(replace(case, modes=("plain",)), {"plain": reply})) == {"request.json", name, "origin.json"}


def test_a_stream_that_is_there_to_fail_says_so() -> None:
    found = made(replace(CASE, modes=("stream",), fails=True), {"stream": answer(STREAM)})
    assert json.loads(found["origin.json"])["fails"] is True


@pytest.mark.parametrize(
    ("plain", "stream"),
    [
        (REPLY.replace(b'"hi"', b'"ho"'), STREAM),
        (REPLY, STREAM.replace(b'"input_tokens":1', b'"input_tokens":2')),
        (REPLY, STREAM[: STREAM.index(b'data: {"type":"message_stop"}')]),
        (REPLY.replace(b'{"type":"text","text":"hi"}', b'{"type":"tool_use","id":"","name":"f","input":{}}'), STREAM),
    ],
)
def test_replies_that_differ_are_no_twins(plain: bytes, stream: bytes) -> None:
    assert json.loads(made(CASE, {"plain": answer(plain), "stream": answer(stream)})["origin.json"])["twins"] is False


@pytest.mark.parametrize("case", [replace(CASE, path="count"), CASE])
def test_a_single_reply_is_no_twin(case: Case) -> None:
    assert not folder.twins(case, Exchange(b"", {"plain": answer(REPLY)}))


def test_the_model_is_the_one_that_answered_or_else_the_one_asked() -> None:
    stream = replace(CASE, modes=("stream",))
    told = [
        made(CASE, {"plain": answer(REPLY)}),
        made(stream, {"stream": answer(STREAM)}),
        made(CASE, {"plain": answer(b"{}", 404)}),
    ]
    assert [json.loads(found["origin.json"])["model"] for found in told] == ["m", "m", "claude-x"]


def test_request_reply_and_headers_are_scrubbed_as_one() -> None:
    found = made(CASE, {"plain": answer(b'{"request_id":"req_aB3dE6gH9"}', 429)}, b'{"earlier":"req_aB3dE6gH9"}')
    assert found["request.json"] == b'{"earlier":"req_000000001"}'
    assert found["error.json"] == b'{"request_id":"req_000000001"}'
    assert json.loads(found["origin.json"])["headers"]["request-id"] == "req_000000001"


# --- writing ---

KEY = "a-key-that-is-long-enough"
OURS = {"origin.json": b'{"origin":"recorded from a test"}', "response.json": b"{}"}


def test_a_new_recording_takes_the_place_of_the_old(tmp_path: Path) -> None:
    place = tmp_path / "anthropic" / "text"
    folder.write(place, {**OURS, "stream.sse": b""}, [KEY])
    folder.write(place, OURS, [KEY])
    assert {file.name: file.read_bytes() for file in place.iterdir()} == OURS


@pytest.mark.parametrize("origin", [b'{"origin":"by hand"}', b"[]", b"{", None])
def test_what_was_made_by_hand_is_left_alone(tmp_path: Path, origin: bytes | None) -> None:
    (tmp_path / "note").write_bytes(b"mine")
    if origin is not None:
        (tmp_path / "origin.json").write_bytes(origin)
    with pytest.raises(folder.NotOurs):
        folder.write(tmp_path, OURS, [KEY])
    assert (tmp_path / "note").exists()


def test_a_key_in_any_file_stops_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(SecretFound, match=r"text/stream\.sse"):
        folder.write(tmp_path / "text", {**OURS, "stream.sse": f"data: {KEY}\n\n".encode()}, [KEY])
    assert not (tmp_path / "text").exists()
