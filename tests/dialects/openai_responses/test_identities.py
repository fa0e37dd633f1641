import pytest

from dialects.openai_responses.bodies import conversation, items, said
from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.openai_responses.identities import call_id, identified
from polyglot_cloud.neutral import Message, Request, Text, ToolCall, ToolResult


def called(*calls: ToolCall) -> Message:
    return Message("assistant", list(calls))


def answered(**results: str) -> Message:
    """Each as the text of a result; the id is the name without its underscores."""
    return Message("user", [ToolResult(name.strip("_"), [Text(text)]) for name, text in results.items()])


def nameless() -> Request:
    return conversation(
        said("user", "Look!"),
        called(ToolCall("", "one", "{}"), ToolCall("given", "two", "{}"), ToolCall("", "three", "{}")),
        answered(_="1", given="2", __="3"),
        called(ToolCall("", "one", "{}")),
        answered(_="4"),
    )


def ids(written: list[Body], kind: str) -> list[str]:
    return [item["call_id"] for item in written if item.get("type") == kind]


def test_trap_14_a_call_without_an_id_gets_one_alike_in_its_result() -> None:
    written = items(nameless())
    calls, results = ids(written, "function_call"), ids(written, "function_call_output")
    assert calls == results
    assert calls[1] == "given"
    assert len(set(calls)) == 4
    assert all(1 <= len(each) <= 64 for each in calls)


def test_trap_14_a_made_up_id_is_always_the_same() -> None:
    assert items(nameless()) == items(nameless())


def test_a_nameless_custom_call_has_a_result_of_its_kind() -> None:
    history = (called(ToolCall("", "sql", "x", kind="custom"), ToolCall("", "f", "{}")), answered(_="a", __="b"))
    written = items(conversation(said("user", "Look!"), *history))
    assert [item["type"] for item in written[3:]] == ["custom_tool_call_output", "function_call_output"]


def test_a_result_too_many_still_has_an_id() -> None:
    (result,) = items(conversation(answered(_="1")))
    assert result["call_id"].startswith("call_")


def test_a_history_with_ids_stays_what_it_is() -> None:
    messages = [called(ToolCall("a", "f", "{}")), answered(a="1")]
    assert identified(messages) is messages


@pytest.mark.parametrize(("given", "same"), [("x" * 64, True), ("x" * 65, False)])
def test_the_longest_id(given: str, same: bool) -> None:
    assert (call_id(given) == given) == same
    assert len(call_id(given)) <= 64
