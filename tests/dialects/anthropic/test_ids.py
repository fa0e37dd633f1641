import re

import pytest

from dialects.anthropic.bodies import call, result, said, write
from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic.ids import tool_id
from polyglot_cloud.neutral import Message, Request, Tool
from polyglot_cloud.rows import Quirks


def ids(*turns: Message) -> list[list[str]]:
    """The ids of calls and results, turn by turn."""
    messages: list[Body] = write(Request("m", list(turns), tools=[Tool("weather")]), Quirks()).body["messages"]
    return [
        [block.get("id") or block["tool_use_id"] for block in turn["content"] if block["type"] != "text"]
        for turn in messages
    ]


def round_of(*names: str) -> list[Message]:
    return [said("assistant", *[call(name) for name in names]), said("user", *[result(name) for name in names])]


@pytest.mark.parametrize("name", ["x", "call_0", "", "a b"])
def test_trap_14_an_id_used_again_gets_a_new_one_in_call_and_result(name: str) -> None:
    _, call1, result1, call2, result2, call3, result3 = ids(said("user", "a"), *round_of(name) * 3)
    assert call1 == result1 == [tool_id(name)]
    assert call2 == result2
    assert call3 == result3
    assert len({*call1, *call2, *call3}) == 3
    assert all(re.fullmatch(r"toolu_[0-9a-f]{24}", id_) for id_ in [*call2, *call3])


def test_ids_used_once_stay() -> None:
    assert ids(said("user", "a"), *round_of("x", "y"), *round_of("z")) == [[], ["x", "y"], ["x", "y"], ["z"], ["z"]]


def test_a_round_may_share_some_ids_with_an_earlier_one() -> None:
    found = ids(said("user", "a"), *round_of("x", "y"), *round_of("y", "z"))
    assert found[3] == found[4] == [found[3][0], "z"]
    assert found[3][0] not in {"x", "y", "z"}


def test_results_keep_the_order_of_their_calls() -> None:
    crossed = [said("assistant", call("x"), call("y")), said("user", result("y"), result("x"))]
    found = ids(said("user", "a"), *round_of("x", "y"), *crossed)
    assert found[3] == found[4]


def test_a_late_result_belongs_to_the_nearest_turn_that_called_its_id() -> None:
    late = [said("assistant", call("y")), said("user", result("y"), result("x"))]
    found = ids(said("user", "a"), *round_of("x"), *round_of("x"), *late)
    assert found[6] == ["y", found[3][0]]


def test_results_that_nobody_called_for_keep_their_id() -> None:
    assert ids(said("user", result("x"), "a"), *round_of("y"))[0] == ["x"]


def test_calls_of_one_turn_that_share_an_id_are_answered_in_order() -> None:
    _, called, answered = ids(said("user", "a"), *round_of("x", "x"))
    assert called == answered
    assert len(set(called)) == 2


def test_a_result_too_many_belongs_to_the_last_call() -> None:
    turns = [said("user", "a"), said("assistant", call("x")), said("user", result("x"), result("x"))]
    assert ids(*turns)[2] == ["x", "x"]


def test_trap_38_the_same_ids_in_every_turn_of_a_growing_conversation() -> None:
    start = [said("user", "a"), *round_of("x") * 2]
    assert ids(*start, *round_of("x"), *round_of("x"))[: len(start)] == ids(*start)
