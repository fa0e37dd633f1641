from typing import Any

import pytest

from dialects.openai_responses.bodies import faults

BODY = {"model": "a", "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}]}
TOOL = {"type": "function", "name": "a", "parameters": {"type": "object", "properties": {}}, "strict": False}


def test_a_right_body_has_no_faults() -> None:
    assert faults(BODY | {"tools": [TOOL], "stream": True, "stream_options": {"include_obfuscation": False}}) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"stop": ["x"]},
        {"seed": 1},
        {"max_tokens": 5},
        {"reasoning_effort": "low"},
        {"tools": [{name: value for name, value in TOOL.items() if name != "strict"}]},
        {"tools": [{"type": "function", "function": TOOL}]},
        {"input": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://x", "detail": "vast"}]}]},
        {"input": [{"type": "function_call", "name": "a", "arguments": "{}"}]},
        {"stream": True, "stream_options": {"include_usage": True}},
    ],
)
def test_closed_schema_finds_what_the_vendor_refuses(wrong: dict[str, Any]) -> None:
    assert faults(BODY | wrong)
