"""Texts whose stand-in would say something else than the whole: these are made whole, or their token says it."""

import base64
from random import Random
from typing import Any

import pytest

from dialects.outbound import CHAT, subjects
from polyglot_cloud.emulation.bound_state import fingerprint
from polyglot_cloud.large import Segments, skeleton
from polyglot_cloud.translate.settling import settled
from translate.grown import TINY, encoded, finished, outcomes

LONG = "long words " * 200
ESCAPED = "an escape\\n" * 200
SPACE = " " * 900
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
JSON_MODE: Any = {"response_format": {"type": "json_object"}}
NOTE = base64.b64encode(LONG.encode()).decode()


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def asked(content: Any, **members: Any) -> dict[str, Any]:
    return {"messages": [user(content)], **members}


def answered(*parts: str) -> dict[str, Any]:
    """A tool's result in several texts."""
    result = {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": text} for text in parts]}
    return {"messages": [user("?"), {"role": "assistant", "content": None, "tool_calls": [CALL]}, result]}


def divided(details: list[dict[str, Any]]) -> dict[str, Any]:
    answer = {"role": "assistant", "content": LONG + LONG.upper(), "reasoning_details": details}
    return {"messages": [user("?"), answer, user("!")]}


SPANS = [
    {"type": "text", "index": 0, "offset": 0, "length": len(LONG)},
    {"type": "opaque", "index": 1, "dialect": "x", "data": {"text": LONG}},
    {"type": "text", "index": 2, "offset": len(LONG), "length": len(LONG)},
]
CASES: dict[str, dict[str, Any]] = {
    "blank": asked(SPACE),
    "blank part": asked([{"type": "text", "text": SPACE}, {"type": "text", "text": "x"}]),
    "blank at the start": asked(SPACE + LONG),
    "prefill that ends blank": {"messages": [user("?"), {"role": "assistant", "content": LONG + SPACE}]},
    "prefill that ends a little blank": {"messages": [user("?"), {"role": "assistant", "content": LONG + "  "}]},
    "object in two texts": answered('{"a":', f'"{ESCAPED}"' + "}"),
    "object behind much space": answered(SPACE + '{"a": "' + ESCAPED + '"}'),
    "object in one text": answered('{"a": "' + LONG + '"}'),
    "array in one text": answered('["' + LONG + '"]'),
    "string in one text": answered('"' + LONG + '"'),
    "divided": divided(SPANS),
    "divided, but not of this": divided([{**SPANS[0], "length": 5}]),
    "json at the end of the head": asked("x" * 254 + "jSon" + LONG, **JSON_MODE),
    "json at the start of the tail": asked(LONG + "JSON" + "x" * 62, **JSON_MODE),
    "json in the middle": asked(LONG + "\u0130 json " + LONG, **JSON_MODE),
    "no json": asked(LONG, **JSON_MODE),
    "metadata": asked("?", metadata={"content": LONG}),
    "prediction": asked("?", prediction={"type": "content", "content": LONG}),
    "unknown": asked("?", text=LONG),
    "text file": asked([{"type": "file", "file": {"file_data": f"data:text/plain;base64,{NOTE}", "filename": "a.txt"}}]),
    "bare text file": asked([{"type": "file", "file": {"file_data": NOTE, "filename": "a.txt"}}]),
    "plain data": asked([{"type": "file", "file": {"file_data": f"data:text/plain,{LONG}"}}]),
    "long address": asked([{"type": "image_url", "image_url": {"url": "https://example.com/" + "a" * 900}}]),
    "no address": asked([{"type": "image_url", "image_url": {"url": "file:" + "a" * 900}}]),
    "broken base64": asked([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,iVBORw0K{NOTE}!{NOTE}"}}]),
    "wrapped base64": asked([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,iVBORw0K{NOTE}\n{NOTE}"}}]),
    "unpadded base64": asked([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,iVBORw0K{'QUJD' * 300}QUI"}}]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_written_as_the_whole_is(name: str) -> None:
    for seed, subject in enumerate(subjects()):
        body = {"model": subject.wire_model, **CASES[name]}
        whole, cut = outcomes(subject, body, encoded(body, Random(seed)))
        assert cut == whole, str(subject)


def test_a_print_is_that_of_the_whole_text() -> None:
    picture = "iVBORw0KGgo" + "QUJD" * 400 + "A"
    url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    body = asked([{"type": "text", "text": LONG + "\n\u4e16\U0001f469" * 300 + "x" * 99}, url])
    found, _ = finished(skeleton(Segments([encoded(body, Random(2))]), (), TINY))
    finished(settled(found, CHAT, printed=True))
    text, image = found.value["messages"][0]["content"]
    assert found.printed(text["text"]) == fingerprint(body["messages"][0]["content"][0]["text"])
    assert found.printed(image["image_url"]["url"]) == fingerprint(picture)
    assert found.printed("hello") is None
    assert found.unseen > 1_500
