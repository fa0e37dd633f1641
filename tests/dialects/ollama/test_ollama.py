"""`generate`, from the wire to the neutral form and back."""

import json
from typing import Any

import pytest

from polyglot_cloud.dialects.ollama import DIALECT
from polyglot_cloud.errors import BadRequest, Internal, Unsupported
from polyglot_cloud.neutral import (
    Choice,
    Event,
    Failed,
    Finished,
    Format,
    Image,
    Inline,
    Message,
    Metered,
    Opened,
    Refusal,
    RefusalDelta,
    ReplyContext,
    Request,
    Response,
    Sampling,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    Usage,
)
from polyglot_cloud.sse import Record

CONTEXT = ReplyContext("grok", "grok-4.7", 1_795_305_600, "id", elapsed=lambda: 5_000)
PNG = "iVBORw0KGgo="


def read(**fields: Any) -> Request:
    assert DIALECT.read_request
    return DIALECT.read_request({"prompt": "hi", **fields})


def test_a_prompt_becomes_one_user_message() -> None:
    assert read(model="grok-4.7", system="Be brief.") == Request(
        model="grok-4.7",
        system=[Message("system", [Text("Be brief.")])],
        messages=[Message("user", [Text("hi")])],
        include_usage=True,
    )


def test_options_images_and_format() -> None:
    request = read(
        images=[PNG],
        stream=True,
        format="json",
        keep_alive="5m",
        options={
            "temperature": 0, "top_p": 0.5, "top_k": 4, "num_predict": 9, "stop": "END", "seed": 7, "repeat_penalty": 1.1, "num_ctx": 4096,
        },
    )  # fmt: skip
    assert request.messages[0].blocks == [Image(Inline("image/png", PNG)), Text("hi")]
    assert request.sampling == Sampling(temperature=0.0, top_p=0.5, top_k=4)
    assert (request.max_tokens, request.stop, request.stream) == (9, ["END"], True)
    assert request.hints == {"seed": 7, "repeat_penalty": 1.1}
    assert request.format == Format("json")
    assert read(format={"type": "object"}).format == Format("schema", "response", {"type": "object"}, strict=False)
    assert read(format="", options={"stop": ["a", "b"], "num_predict": -1}).stop == ["a", "b"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"model": 5}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"options": []}, "options"),
        ({"options": {"temperature": "hot"}}, "options.temperature"),
        ({"options": {"temperature": True}}, "options.temperature"),
        ({"options": {"top_k": 1.5}}, "options.top_k"),
        ({"options": {"num_predict": "9"}}, "options.num_predict"),
        ({"options": {"num_predict": True}}, "options.num_predict"),
        ({"options": {"stop": [1]}}, "options.stop"),
        ({"options": {"stop": 1}}, "options.stop"),
        ({"format": "yaml"}, "format"),
        ({"images": ["AAAA"]}, "images[0]"),
        ({"images": [7]}, "images[0]"),
        ({"images": PNG}, "images"),
        ({"wizard": 1}, "wizard"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize("fields", [{"template": "x"}, {"context": [1]}, {"raw": True}, {"suffix": "x"}])
def test_what_only_a_local_model_has_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        read(**fields)
    assert read(template="", context=[], raw=False)


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({}, set()),
        ({"images": [PNG]}, {"image"}),
        ({"format": {"type": "object"}}, {"schema"}),
        ({"format": "json"}, set()),
        ({"options": {"stop": ["x"]}}, {"stop"}),
    ],
)
def test_peek(fields: dict[str, Any], needs: set[str]) -> None:
    peek = DIALECT.peek({"prompt": "hi", "model": "m", "options": {"num_predict": 3}, **fields}, "generate")
    assert (peek.model, peek.stream, set(peek.needs)) == ("m", False, needs)


RESPONSE = Response(
    id="x",
    model="grok-4.7-0901",
    choices=[Choice([Thinking("hm"), Text("a"), Text("b"), Refusal("!"), ToolCall("i", "f", "{}")], "length")],
    usage=Usage(3, 4),
)
TAIL = {
    "done": True, "done_reason": "length", "total_duration": 5000, "load_duration": 0, "prompt_eval_count": 3,
    "prompt_eval_duration": 0, "eval_count": 4, "eval_duration": 5000,
}  # fmt: skip


def test_a_whole_reply() -> None:
    assert DIALECT.write_response
    assert DIALECT.write_response(RESPONSE, CONTEXT).body == {
        "model": "grok-4.7-0901", "created_at": "2026-11-22T00:00:00Z", "response": "ab!", "thinking": "hm", **TAIL,
    }  # fmt: skip


def lines(events: list[Event]) -> list[dict[str, Any]]:
    assert DIALECT.writer
    writer = DIALECT.writer(CONTEXT)
    written = b"".join([*(writer.feed(event) for event in events), writer.close()])
    assert written.endswith(b"\n")
    return [json.loads(line) for line in written.splitlines()]


def test_a_stream_has_a_line_for_each_piece_and_the_figures_last() -> None:
    told = lines(
        [
            Started("x", "grok-4.7-0901"),
            Opened(0, Thinking("")),
            ThinkingDelta(0, "hm"),
            TextDelta(1, "a"),
            RefusalDelta(2, "!"),
            Finished("length"),
            Metered(Usage(3, 4)),
        ]
    )
    assert [line["response"] for line in told] == ["", "a", "!", ""]
    assert told[0]["thinking"] == "hm"
    assert [line["done"] for line in told] == [False, False, False, True]
    assert {name: told[-1][name] for name in TAIL} == {**TAIL, "prompt_eval_duration": 5000, "eval_duration": 0}
    assert {line["model"] for line in told} == {"grok-4.7-0901"}


@pytest.mark.parametrize("events", [[TextDelta(0, "a")], [TextDelta(0, "a"), Failed("gone", code="c")]])
def test_a_cut_stream_is_never_told_as_done(events: list[Event]) -> None:
    told = lines(events)
    assert "error" in told[-1]
    assert not any(line.get("done") for line in told)


def test_errors() -> None:
    error = Internal("broken")
    assert DIALECT.write_error(error) == {"error": "broken", "code": "internal_error", "param": None}
    assert json.loads(DIALECT.write_break(error))["error"] == "broken"
    assert DIALECT.read_error(500, b"oops", {}).message == "oops"
    assert DIALECT.read_error(500, b"", {}).message == "HTTP 500"


def test_nobody_answers_in_it() -> None:
    reader = DIALECT.reader()
    assert reader.feed(Record("", b"{}", b"")) == []
    assert isinstance(reader.close()[0], Failed)
    assert DIALECT.read_usage({}) is None
    assert DIALECT.path("m", False) == "generate"
