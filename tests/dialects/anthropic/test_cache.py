import pytest

from dialects.anthropic.bodies import call, lost, reasons, request, said, write
from polyglot_cloud.dialects import Body
from polyglot_cloud.neutral import (
    File,
    FileId,
    Image,
    Mark,
    Message,
    Opaque,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Url,
)

PLAIN = {"type": "ephemeral"}


def marks(body: Body) -> list[str]:
    """Which blocks are marked, by a name of their own."""
    blocks = [*body.get("tools", []), *body.get("system", [])]
    blocks += [block for message in body["messages"] for block in message["content"]]
    return [block.get("name") or block.get("text") for block in blocks if "cache_control" in block]


@pytest.mark.parametrize(
    ("ttl", "expected"), [(None, PLAIN), ("5m", {**PLAIN, "ttl": "5m"}), ("1h", {**PLAIN, "ttl": "1h"})]
)
def test_trap_38_marks_of_every_kind_of_block(ttl: str | None, expected: Body) -> None:
    mark = Mark(ttl)
    for block in (
        Text("a", mark=mark),
        Image(Url("https://example.org/a.png"), mark=mark),
        File(FileId("file_1"), mark=mark),
        ToolResult("t1", [Text("x")], mark=mark),
    ):
        assert write(request(block)).body["messages"][0]["content"][0]["cache_control"] == expected
    tool = write(request(tools=[Tool("a", mark=mark)])).body["tools"][0]
    system = write(request(system=[Message("system", [Text("s", mark=mark)])])).body["system"][0]
    assert tool["cache_control"] == system["cache_control"] == expected
    turns = [said("user", "a"), said("assistant", ToolCall("t1", "b", "", mark=mark)), said("user", "c")]
    assert write(Request("m", turns)).body["messages"][1]["content"][0]["cache_control"] == expected


def test_trap_38_no_mark_no_cache_control() -> None:
    assert "cache_control" not in str(write(request(tools=[Tool("a")], system=[said("system", "s")])).body)


def test_mark_inside_a_tool_result() -> None:
    written = write(request(ToolResult("t1", [Text("x", mark=Mark())])))
    assert written.body["messages"][0]["content"][0]["content"][0]["cache_control"] == PLAIN


def test_trap_38_four_marks_pass() -> None:
    texts = [Text(name, mark=Mark()) for name in "bcd"]
    written = write(request(*texts, tools=[Tool("a", mark=Mark())]))
    assert marks(written.body) == ["a", "b", "c", "d"]
    assert written.losses == []


def test_trap_38_of_more_the_first_and_the_last_three_stay() -> None:
    texts = [Text(name, mark=Mark()) for name in "cdef"]
    system = [Message("system", [Text("b", mark=Mark())])]
    written = write(request(*texts, tools=[Tool("a", mark=Mark())], system=system))
    assert marks(written.body) == ["a", "d", "e", "f"]
    assert lost(written) == [("/messages", "dropped")]
    assert "of 6" in reasons(written.losses)


@pytest.mark.parametrize(
    ("asked", "sent", "lossless"),
    [
        (["1h", "5m"], ["1h", "5m"], True),
        (["1h", "1h", None], ["1h", "1h", None], True),
        (["5m", "1h"], ["5m", "5m"], False),
        ([None, "1h"], [None, "5m"], False),
        (["30m"], ["5m"], False),
        (["24h", "12h"], ["1h", "1h"], False),
        (["weeks"], ["5m"], False),
    ],
)
def test_trap_38_longer_marks_come_first(asked: list[str | None], sent: list[str | None], lossless: bool) -> None:
    written = write(request(*[Text("x", mark=Mark(ttl)) for ttl in asked]))
    content = written.body["messages"][0]["content"]
    assert [block["cache_control"].get("ttl") for block in content] == sent
    assert (written.losses == []) is lossless
    assert {kind for _, kind in lost(written)} <= {"approximated"}


def test_marks_of_opaque_blocks_count_and_stay_unharmed_at_their_owner() -> None:
    raw = {"type": "container_upload", "file_id": "f", "cache_control": {"type": "ephemeral"}}
    blocks = [Opaque("anthropic", raw) for _ in range(6)]
    content = write(request(*blocks)).body["messages"][0]["content"]
    assert ["cache_control" in block for block in content] == [True, False, False, True, True, True]
    assert "cache_control" in raw


def test_conversation_without_marks_in_calls() -> None:
    turns = [said("user", "a"), said("assistant", call("t1")), said("user", ToolResult("t1", []))]
    assert write(Request("m", turns)).body["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "t1"}]


def test_trap_38_a_mark_that_is_lost_or_changed_is_told_where_it_stood() -> None:
    tools = [Tool(name, mark=Mark("1h" if name == "b" else None)) for name in "ab"]
    written = write(request(*[Text(name, mark=Mark()) for name in "cde"], tools=tools))
    assert [(loss.pointer, loss.kind) for loss in written.losses] == [("/tools", "dropped")]
    written = write(request(Text("c", mark=Mark("1h")), tools=tools))
    assert [(loss.pointer, loss.kind) for loss in written.losses] == [
        ("/tools", "approximated"),
        ("/messages", "approximated"),
    ]
