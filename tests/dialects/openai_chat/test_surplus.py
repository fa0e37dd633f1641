from typing import Any

import pytest

from polyglot_cloud.dialects.openai_chat import surplus

HELLO = {"role": "user", "content": "hello"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"x-ours": 1}}}
CUSTOM = {"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}


def pointers(**members: Any) -> list[str]:
    return [loss.pointer for loss in surplus.found({"messages": [HELLO], **members})]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({}, []),
        ({"messages": [{**HELLO, "x": None, "y": "", "z": [], "w": {}}]}, []),
        ({"messages": [{**HELLO, "x": 0}, {**HELLO, "a/b~": False}]}, ["/messages/0/x", "/messages/1/a~1b~0"]),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "x": 1}]}]},
            ["/messages/0/content/0/x"],
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "x": 1}}]}]},
            ["/messages/0/tool_calls/0/function/x"],
        ),
        ({"messages": [{**HELLO, "tool_calls": [1]}]}, ["/messages/0/tool_calls"]),
        ({"tools": [TOOL, CUSTOM]}, []),
        ({"tools": [{**TOOL, "custom": [1]}, {**CUSTOM, "function": [1]}]}, ["/tools/0/custom", "/tools/1/function"]),
        ({"functions": [{"name": "f", "x": 1}], "function_call": "auto"}, ["/functions", "/functions/0/x"]),
        ({"response_format": {"type": "text", "json_schema": [[1]]}}, []),
        ({"stream_options": {"include_usage": True}}, ["/stream_options"]),
        ({"stream": True, "stream_options": {"include_usage": True, "x": 1}}, ["/stream_options/x"]),
        (
            {"tool_choice": "none", "function_call": "none", "parallel_tool_calls": False},
            ["/tool_choice", "/function_call", "/parallel_tool_calls"],
        ),
        ({"tools": [TOOL], "tool_choice": "none", "parallel_tool_calls": False}, []),
        ({"max_tokens": 5, "max_completion_tokens": 6}, ["/max_tokens"]),
        ({"max_tokens": 5, "max_completion_tokens": 5}, []),
    ],
)
def test_what_comes_to_nothing_is_told(members: dict[str, Any], told: list[str]) -> None:
    assert pointers(**members) == told
