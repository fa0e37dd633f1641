"""What goes back as it came, and where the dummy stands. Seen through `write_request`."""

from typing import Any

import pytest

from dialects.gemini.support import MODEL, body, call, destination, own, request, result, user, write
from polyglot_cloud.dialects.gemini.state import DUMMY
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Block, Message, Opaque, State, Text, Thinking

RAW = {"functionCall": {"id": "a1", "name": "get_weather", "args": {"n": 1.0}}, "thoughtSignature": "c2ln"}
PLAIN = {"functionCall": {"name": "get_weather", "args": {"n": 1}}}
LEVEL: dict[str, Any] = {"thinking": ("level",), "efforts": ("low", "high")}


def model_parts(*blocks: Block, **quirks: Any) -> list[dict[str, Any]]:
    parts = write(request(user("Hi"), Message("assistant", list(blocks))), destination(**quirks)).body["contents"][1][
        "parts"
    ]
    assert isinstance(parts, list)
    return parts


def step(state: State | None, **quirks: Any) -> dict[str, Any]:
    (part,) = model_parts(call("a1", arguments='{"n":1}', state=state), **quirks)
    return part


def test_trap_22_a_signed_call_goes_back_exactly_as_it_came() -> None:
    assert step(own(RAW), **LEVEL) is RAW


@pytest.mark.parametrize("state", [own(RAW, provider="other"), own(RAW, model="gemini-4-argon"), State(RAW), None])
def test_trap_23_state_of_another_origin_is_never_sent(state: State | None) -> None:
    assert step(state) == PLAIN


@pytest.mark.parametrize(
    "raw",
    [
        {"functionCall": {"name": "other", "args": {"n": 1}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "get_weather", "args": {"n": 2}}, "thoughtSignature": "c2ln"},
        {"text": "x", "thoughtSignature": "c2ln"},
    ],
)
def test_trap_23_state_of_an_edited_call_is_stripped(raw: dict[str, Any]) -> None:
    assert step(own(raw)) == PLAIN


def test_a_call_that_is_no_json_has_no_state_to_keep() -> None:
    raw = {"functionCall": {"name": "get_weather"}, "thoughtSignature": "c2ln"}
    (part,) = model_parts(call("a1", arguments=" ", state=own(raw)))
    assert part is raw


def test_a_call_that_was_broken_by_an_edit_keeps_nothing() -> None:
    with pytest.raises(BadRequest, match="not JSON"):
        model_parts(call("a1", arguments="{broken", state=own(RAW)))


def test_the_prefix_of_a_model_makes_no_other_model() -> None:
    assert step(own(RAW, model=f"models/{MODEL}")) is RAW


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        (Text("", state=own({"text": "", "thoughtSignature": "c2ln"})), [{"text": "", "thoughtSignature": "c2ln"}]),
        (Text("", state=own({"thoughtSignature": "c2ln"})), [{"thoughtSignature": "c2ln"}]),
        (
            Text("ab", state=own({"text": "ab", "thoughtSignature": "c2ln"})),
            [{"text": "ab", "thoughtSignature": "c2ln"}],
        ),
        (Text("edited", state=own({"text": "ab", "thoughtSignature": "c2ln"})), [{"text": "edited"}]),
        (Text("", state=own(RAW)), []),
        (Text("", state=State({"text": "", "thoughtSignature": "c2ln"}, "x", "y")), []),
        (
            Thinking("t", state=own({"text": "t", "thought": True, "thoughtSignature": "c2ln"})),
            [{"text": "t", "thought": True, "thoughtSignature": "c2ln"}],
        ),
    ],
)
def test_trap_22_signed_text_and_thoughts(block: Block, parts: list[dict[str, Any]]) -> None:
    assert model_parts(Text("first"), block) == [{"text": "first"}, *parts]


def test_opaque_parts_are_signed_for_their_own_model_only() -> None:
    raw = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "c2ln"}
    bare = {"executableCode": {"language": "PYTHON", "code": "1"}}
    assert model_parts(Opaque("gemini", raw, state=own(raw))) == [raw]
    assert model_parts(Opaque("gemini", raw, state=own(raw, model="other"))) == [bare]
    assert model_parts(Opaque("gemini", bare, state=own(raw))) == [bare]
    assert model_parts(Opaque("gemini", bare), Opaque("gemini", {"thoughtSignature": "c2ln"})) == [bare]


@pytest.mark.parametrize("block", [Thinking("elsewhere"), Opaque("openai_responses", {"type": "reasoning"})])
def test_foreign_reasoning_is_dropped_aloud(block: Block) -> None:
    written = write(request(user("Hi"), Message("assistant", [block, Text("Yes")]), user("Go on")))
    assert written.body["contents"][1]["parts"] == [{"text": "Yes"}]
    assert [(loss.pointer, loss.kind) for loss in written.losses] == [("/messages", "dropped")]


# --- the dummy of the documented escape ---


def turns(*calls: Any) -> list[Message]:
    """A turn before, then the current one with a step for each call and parallel calls in the first."""
    return [
        user("Before"),
        Message("assistant", [call("c0")]),
        Message("user", [result("c0")]),
        Message("assistant", [Text("Sunny.")]),
        user("Now"),
        Message("assistant", [Text("I look."), calls[0], call("c9")]),
        Message("user", [result(calls[0].id), result("c9")]),
        Message("assistant", [calls[1]]),
        Message("user", [result(calls[1].id)]),
    ]


def signatures(contents: list[dict[str, Any]]) -> list[list[str | None]]:
    calls = [[part for part in content["parts"] if "functionCall" in part] for content in contents]
    return [[part.get("thoughtSignature") for part in parts] for parts in calls if parts]


def test_trap_23_the_dummy_stands_on_the_first_call_of_each_step_of_the_current_turn() -> None:
    contents = body(request(*turns(call("c1"), call("c2"))), destination(**LEVEL))["contents"]
    assert signatures(contents) == [[None], [DUMMY, None], [DUMMY]]


def test_trap_23_a_real_signature_needs_no_dummy() -> None:
    signed = call("a1", arguments='{"n": 1}', state=own(RAW))
    contents = body(request(*turns(signed, call("c2"))), destination(**LEVEL))["contents"]
    assert signatures(contents) == [[None], ["c2ln", None], [DUMMY]]


def test_an_unsigned_part_with_an_id_gets_the_dummy_in_a_copy() -> None:
    raw = {"functionCall": {"id": "a1", "name": "get_weather", "args": {}}}
    assert step(own({"functionCall": {**raw["functionCall"], "args": {"n": 1}}}), **LEVEL)["thoughtSignature"] == DUMMY
    assert "thoughtSignature" not in raw


@pytest.mark.parametrize("thinking", [None, (), ("budget",)])
def test_models_before_gemini_3_get_no_dummy(thinking: tuple[str, ...] | None) -> None:
    contents = body(request(*turns(call("c1"), call("c2"))), destination(thinking=thinking))["contents"]
    assert signatures(contents) == [[None], [None, None], [None]]


def test_results_with_a_users_word_do_not_begin_a_turn() -> None:
    mixed = Message("user", [result("c1"), Text("Hurry up")])
    messages = [
        user("Hi"),
        Message("assistant", [call("c1")]),
        mixed,
        Message("assistant", [call("c2")]),
        Message("user", [result("c2")]),
    ]
    contents = body(request(*messages), destination(**LEVEL))["contents"]
    assert signatures(contents) == [[DUMMY], [DUMMY]]
