from typing import Any

import pytest

from dialects.anthropic.bodies import _validator

MESSAGES = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": 1},
        {"temperature": 1},
        {"tools": [{"name": "a", "input_schema": {"type": "object"}, "parameters": {}}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello", "annotations": []}]}]},
    ],
)
def test_closed_schema_finds_foreign_fields(wrong: dict[str, Any]) -> None:
    body = {"model": "a", "max_tokens": 1, "messages": MESSAGES}
    assert not list(_validator(sampling=False).iter_errors(body))
    assert list(_validator(sampling=False).iter_errors(body | wrong))
