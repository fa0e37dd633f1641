"""Requests for these tests, and OpenAI's own schema, closed, that every body they write must satisfy.

Two deviations from the SDK's types, both accepted by the API and sent by its clients: an assistant's message in the input needs no `id` and
`status`, and `parameters` stay an open object.
"""

import copy
import functools
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
from openai.types.responses.response_create_params import ResponseCreateParams
from pydantic import TypeAdapter

from polyglot_cloud.dialects import Body, Written
from polyglot_cloud.dialects.openai_responses import DIALECT
from polyglot_cloud.neutral import Block, Loss, Message, Request, Role, State, Text
from polyglot_cloud.rows import Destination, Quirks

PROVIDER, MODEL = "openai", "gpt-test-1"
PLAIN = Quirks()
REASONER = Quirks(efforts=("low", "medium", "high", "xhigh"), sampling="none", strict_max_output=True)
SWITCHABLE = Quirks(efforts=("none", "low", "medium", "high"), sampling="effort_none")
TALKER = Quirks(efforts=())
"""A model without reasoning."""


def destination(quirks: Quirks = PLAIN, max_output: int | None = 128_000) -> Destination:
    return Destination(PROVIDER, MODEL, quirks, max_output=max_output, known=True)


def said(role: Role, *parts: Block | str) -> Message:
    return Message(role, [Text(part) if isinstance(part, str) else part for part in parts])


def request(*blocks: Block, **fields: Any) -> Request:
    """A request whose only message is one of the user."""
    return Request(MODEL, [Message("user", list(blocks) or [Text("Hello")])], **fields)


def conversation(*messages: Message, **fields: Any) -> Request:
    return Request(MODEL, list(messages), **fields)


def write(wanted: Request, quirks: Quirks = PLAIN, max_output: int | None = 128_000) -> Written:
    """What the dialect writes, checked against the vendor's schema; the request must be as it was."""
    before = copy.deepcopy(wanted)
    assert DIALECT.write_request is not None
    written = DIALECT.write_request(wanted, destination(quirks, max_output))
    assert wanted == before
    assert faults(written.body) == []
    return written


def body(wanted: Request, quirks: Quirks = PLAIN) -> Body:
    return write(wanted, quirks).body


def items(wanted: Request, quirks: Quirks = PLAIN) -> list[Body]:
    written: list[Body] = write(wanted, quirks).body["input"]
    return written


def lost(written: Written) -> list[tuple[str, str]]:
    return [(loss.pointer, loss.kind) for loss in written.losses]


def reasons(losses: list[Loss]) -> str:
    return "; ".join(loss.reason for loss in losses)


def thought(
    text: str = "", *, provider: str = PROVIDER, model: str = MODEL, **more: Any
) -> tuple[State, dict[str, Any]]:
    """Reasoning state as a provider gave it, and the item it holds."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    raw = {"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": "gAAAAAB", **more}
    return State(raw, provider, model), raw


def faults(value: Body) -> list[str]:
    """What the vendor's schema has against a request body."""
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in _validator().iter_errors(value)
    ]


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = _closed(TypeAdapter(ResponseCreateParams).json_schema())
    definitions = schema["$defs"]
    said_before = definitions["ResponseOutputMessageParam"]
    said_before["required"] = [name for name in said_before["required"] if name not in {"id", "status"}]
    streaming = next(each for name, each in definitions.items() if name.endswith("CreateParamsStreaming"))
    streaming["required"] = ["stream", "model", "input"]
    return jsonschema.Draft202012Validator(schema)


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    if closed.get("type") == "object" and "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed
