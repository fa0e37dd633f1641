import re

import pytest

from dialects.anthropic.bodies import MIDDLE, MODEL, NEW, OLD, call, destination, lost, result, said, write
from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic.request import write_request
from polyglot_cloud.dialects.anthropic.turns import OPERATOR_MARK
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Message, Request, Role, State, Text, Thinking, Tool
from polyglot_cloud.rows import Quirks

PLAIN = Quirks()
SEATS = Quirks(inner_system=True)


def messages(*turns: Message, quirks: Quirks = PLAIN) -> list[Body]:
    body: list[Body] = write(Request("m", list(turns), tools=[Tool("weather")]), quirks).body["messages"]
    return body


def shape(turns: list[Body]) -> list[tuple[str, list[str]]]:
    """(role, texts or ids) of each turn."""
    return [
        (turn["role"], [block.get("text") or block.get("id") or block.get("tool_use_id") for block in turn["content"]])
        for turn in turns
    ]


def test_trap_01_neighbours_of_a_role_are_joined() -> None:
    turns = messages(
        said("user", "a"), said("user", "b"), said("assistant", "c"), said("assistant", "d"), said("user", "e")
    )
    assert shape(turns) == [("user", ["a", "b"]), ("assistant", ["c", "d"]), ("user", ["e"])]


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_trap_02_blank_text_and_empty_turns_vanish(blank: str) -> None:
    turns = messages(said("user", "a", blank), said("assistant", blank), said("user", blank, "b"))
    assert shape(turns) == [("user", ["a", "b"])]


def test_trap_02_blank_text_beside_a_call_vanishes() -> None:
    turns = messages(said("user", "a"), said("assistant", "", call("t1")), said("user", result("t1")))
    assert shape(turns) == [("user", ["a"]), ("assistant", ["t1"]), ("user", ["t1"])]


def test_white_space_that_the_model_said_beside_a_call_stays() -> None:
    turns = messages(said("user", "a"), said("assistant", " ", call("t1")), said("user", result("t1")))
    assert shape(turns)[1] == ("assistant", [" ", "t1"])


@pytest.mark.parametrize(
    "turns",
    [
        [],
        [said("user", "")],
        [said("user", "a"), said("assistant", "b"), said("user", " "), said("user")],
        [said("assistant", " ")],
    ],
)
def test_trap_02_nothing_to_answer_is_an_error(turns: list[Message]) -> None:
    with pytest.raises(BadRequest) as caught:
        messages(*turns)
    assert type(caught.value) is BadRequest
    assert caught.value.param == "messages"


def test_trap_03_results_come_first_in_the_order_of_the_calls() -> None:
    turns = messages(
        said("user", "a"),
        said("assistant", call("t1"), call("t2"), call("t3")),
        said("user", result("t3")),
        said("user", result("t1")),
        said("user", "and now?"),
        said("user", result("t2")),
    )
    assert shape(turns)[2] == ("user", ["t1", "t2", "t3", "and now?"])


def test_trap_03_results_nobody_called_for_stand_last_of_the_results() -> None:
    turns = messages(said("user", "a"), said("assistant", call("t1")), said("user", "x", result("t9"), result("t1")))
    assert shape(turns)[2] == ("user", ["t1", "t9", "x"])


def test_trap_03_results_precede_an_instruction_that_stood_between() -> None:
    turns = messages(
        said("user", "a"), said("assistant", call("t1")), said("system", "Hurry."), said("user", result("t1"))
    )
    assert shape(turns)[2] == ("user", ["t1", OPERATOR_MARK + "Hurry."])


def test_first_turn_may_hold_orphans() -> None:
    assert shape(messages(said("user", "x", result("t1")))) == [("user", ["t1", "x"])]


def seats(*turns: Message, quirks: Quirks = SEATS) -> tuple[list[tuple[str, list[str]]], list[tuple[str, str]]]:
    written = write(Request("m", list(turns), system=[said("system", "lead")]), quirks)
    return shape(written.body["messages"]), lost(written)


@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize("after", [[], [said("assistant", "ok"), said("user", "b")]])
def test_trap_06_system_message_keeps_its_seat(role: str, after: list[Message]) -> None:
    inner = Message("system" if role == "system" else "developer", [Text("Be brief.")])
    turns, losses = seats(said("user", "a"), inner, *after)
    assert turns[:2] == [("user", ["a"]), ("system", ["Be brief."])]
    assert losses == []


def test_trap_06_neighbouring_system_messages_share_a_seat() -> None:
    turns, _ = seats(said("user", "a"), said("system", "One."), said("developer", "Two."))
    assert turns == [("user", ["a"]), ("system", ["One.", "Two."])]


@pytest.mark.parametrize(
    ("turns", "place", "expected"),
    [
        ([said("user", "a"), said("system", "x"), said("user", "b")], 2, [("user", ["a", OPERATOR_MARK + "x", "b"])]),
        ([said("system", "x"), said("user", "b")], 1, [("user", [OPERATOR_MARK + "x", "b"])]),
        (
            [said("user", "a"), said("assistant", "b"), said("system", "x"), said("user", "c")],
            3,
            [("user", ["a"]), ("assistant", ["b"]), ("user", [OPERATOR_MARK + "x", "c"])],
        ),
        (
            [said("user", "a"), said("assistant", "b"), said("system", "x")],
            3,
            [("user", ["a"]), ("assistant", ["b"]), ("user", [OPERATOR_MARK + "x"])],
        ),
    ],
)
def test_trap_06_without_a_seat_it_is_a_marked_user_text_in_place(
    turns: list[Message], place: int, expected: list[tuple[str, list[str]]]
) -> None:
    assert seats(*turns) == (expected, [(f"/messages/{place}", "approximated")])


def test_trap_06_model_without_seats() -> None:
    turns, losses = seats(said("user", "a"), said("system", "x"), quirks=PLAIN)
    assert turns == [("user", ["a", OPERATOR_MARK + "x"])]
    assert losses == [("/messages/2", "approximated")]


def test_names_of_speakers_are_lost() -> None:
    named = Message("user", [Text("a")], name="Ann")
    assert lost(write(Request("m", [named]))) == [("/messages/0/name", "dropped")]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_names_of_leading_instructions_are_lost(role: Role) -> None:
    system = [said("system", "a"), Message(role, [Text("b")], name="Ann")]
    assert lost(write(Request("m", [said("user", "c")], system=system))) == [("/messages/1/name", "dropped")]


def test_trap_08_prefill_passes_where_the_model_takes_it_and_is_stripped() -> None:
    turns = messages(said("user", "a"), said("assistant", "b ", "The answer is \n"), quirks=OLD)
    assert shape(turns)[-1] == ("assistant", ["b ", "The answer is"])


def test_trap_08_prefill_is_refused_elsewhere() -> None:
    with pytest.raises(Unsupported, match=re.escape(MODEL)) as caught:
        messages(said("user", "a"), said("assistant", "The answer is"), quirks=NEW)
    assert caught.value.param == "messages"


def test_last_call_without_result_is_left_to_others() -> None:
    turns = messages(said("user", "a"), said("assistant", "b ", call("t1")), quirks=OLD)
    assert shape(turns)[-1] == ("assistant", ["b ", "t1"])


def thought(signature: str) -> Thinking:
    raw = {"type": "thinking", "thinking": "hm", "signature": signature}
    return Thinking("hm", state=State(raw, "anthropic", MODEL))


def test_trap_22_thinking_is_first_in_the_turn() -> None:
    turns = messages(said("user", "a"), said("assistant", "b", call("t1"), thought("s1")), said("user", result("t1")))
    assert [block["type"] for block in turns[1]["content"]] == ["thinking", "text", "tool_use"]


def test_trap_22_interleaved_thinking_keeps_its_order() -> None:
    said_between = said("assistant", thought("s1"), "b", thought("s2"), call("t1"))
    turns = messages(said("user", "a"), said_between, said("user", result("t1")))
    assert [block["type"] for block in turns[1]["content"]] == ["thinking", "text", "thinking", "tool_use"]
    assert [block.get("signature") for block in turns[1]["content"]] == ["s1", None, "s2", None]


@pytest.mark.parametrize(
    ("turns", "thinks"),
    [
        ([said("user", "a")], True),
        ([said("assistant", call("t1")), said("user", result("t1"))], False),
        ([said("user", "a"), said("assistant", call("t1")), said("user", result("t1"))], False),
        ([said("user", "a"), said("assistant", thought("s"), call("t1")), said("user", result("t1"))], True),
        ([said("user", "a"), said("assistant", call("t1")), said("user", result("t1")), said("assistant", "b")], False),
        (
            [
                *(said("user", "a"), said("assistant", call("t1")), said("user", result("t1"))),
                *(said("assistant", "done"), said("user", "more")),
            ],
            True,
        ),
        (
            [
                *(said("user", "a"), said("assistant", thought("s"), call("t1")), said("user", result("t1"))),
                *(said("assistant", call("t2")), said("user", result("t2"))),
            ],
            True,
        ),
        (
            [
                *(said("user", "a"), said("assistant", call("t1")), said("user", result("t1"))),
                *(said("assistant", thought("s"), call("t2")), said("user", result("t2"))),
            ],
            False,
        ),
    ],
)
def test_trap_23_budget_thinking_needs_the_running_turns_thinking(turns: list[Message], thinks: bool) -> None:
    wanted = Request("m", turns, tools=[Tool("weather")])
    wanted.reasoning.effort = "low"
    written = write(wanted, OLD)
    assert ("thinking" in written.body) is thinks
    assert (("/reasoning_effort", "dropped") in lost(written)) is not thinks


def test_trap_23_adaptive_thinking_needs_none() -> None:
    turns = [said("user", "a"), said("assistant", call("t1")), said("user", result("t1"))]
    wanted = Request("m", turns, tools=[Tool("weather")])
    wanted.reasoning.effort = "low"
    written = write_request(wanted, destination(MIDDLE))
    assert written.body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert written.losses == []
