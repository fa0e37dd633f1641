"""Requests for these tests, and the vendor's own schema, closed, that every body they write must satisfy."""

import functools
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
from anthropic.types import MessageCreateParams
from pydantic import TypeAdapter

from polyglot_cloud.dialects import Body, Written
from polyglot_cloud.dialects.anthropic import DIALECT
from polyglot_cloud.neutral import Block, Loss, Message, Request, Role, Text, ToolCall, ToolResult
from polyglot_cloud.rows import Destination, Quirks

MODEL = "claude-test-1"
NEW = Quirks(
    efforts=("low", "medium", "high", "xhigh", "max"),
    thinking=("adaptive",),
    sampling="none",
    forced_tools=False,
    prefill=False,
    inner_system=True,
)
"""A model of late 2026: thinks always, takes no sampling, no forced call, no prefill."""
OLD = Quirks(efforts=(), thinking=("enabled", "disabled"), sampling="one", prefill=True)
"""A model of the 4.5 family: counts thinking in tokens."""
MIDDLE = Quirks(
    efforts=("low", "medium", "high", "max"),
    thinking=("adaptive", "enabled", "disabled"),
    sampling="any",
    prefill=False,
)


def destination(quirks: Quirks, max_output: int | None = 64_000) -> Destination:
    return Destination("anthropic", MODEL, quirks, max_output=max_output, known=max_output is not None)


def request(*blocks: Block, **fields: Any) -> Request:
    """A request whose only message is one of the user."""
    return Request(MODEL, [Message("user", list(blocks) or [Text("Hello")])], **fields)


def said(role: Role, *parts: Block | str) -> Message:
    return Message(role, [Text(part) if isinstance(part, str) else part for part in parts])


def call(id_: str, name: str = "weather", arguments: str = "{}") -> ToolCall:
    return ToolCall(id_, name, arguments)


def result(id_: str, text: str = "18 degrees") -> ToolResult:
    return ToolResult(id_, [Text(text)])


def write(wanted: Request, quirks: Quirks = NEW, max_output: int | None = 64_000) -> Written:
    """What the dialect writes, checked against the vendor's schema."""
    assert DIALECT.write_request is not None
    written = DIALECT.write_request(wanted, destination(quirks, max_output))
    sampling = written.headers["anthropic-version"] == "2023-06-01"
    errors = [error.message for error in _validator(sampling=sampling).iter_errors(written.body)]
    assert errors == []
    return written


def lost(written: Written) -> list[tuple[str, str]]:
    return [(loss.pointer, loss.kind) for loss in written.losses]


def reasons(losses: list[Loss]) -> str:
    return "; ".join(loss.reason for loss in losses)


@functools.cache
def _validator(*, sampling: bool) -> jsonschema.Draft202012Validator:
    """The SDK's types (of version 2026-10-21) with every object closed; the older version also has the sampling fields."""
    schema: Body = TypeAdapter(MessageCreateParams).json_schema()
    for name, definition in schema["$defs"].items():
        if "properties" in definition and name != "InputSchemaTyped":
            definition["additionalProperties"] = False
        if sampling and name.startswith("MessageCreateParams"):
            definition["properties"] |= {
                "temperature": {"maximum": 1},
                "top_p": {"maximum": 1},
                "top_k": {"minimum": 0},
            }
    return jsonschema.Draft202012Validator(schema)
