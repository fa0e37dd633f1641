from typing import Any

import pytest

from polyglot_cloud.sandbox.anthropic import wire
from sandbox.kit import GIF, PDF, PERSON, PNG, TORN_PNG, WEATHER, Asker, cloud, user

TOOL = {"name": "get_weather", "input_schema": WEATHER}
USE = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "18C"}
TEXT = {"type": "text", "text": "x"}
MARK = {"cache_control": {"type": "ephemeral"}}


@pytest.fixture
def anthropic() -> Asker:
    return cloud("anthropic")


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def loop(*results: Any) -> list[dict[str, Any]]:
    return [*user("weather?"), assistant(USE), {"role": "user", "content": list(results)}]


def image(data: str, kind: str = "image/png") -> list[dict[str, Any]]:
    return user([{"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}])


def document(**source: Any) -> list[dict[str, Any]]:
    return user([{"type": "document", "source": source}])


def form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "a schema that is none within",
        {"tools": [{**TOOL, "input_schema": {"type": "object", "items": 5}}]},
        "JSON schema is invalid",
    ),
    (
        "a format that is none",
        form({"type": "thing"}),
        "output_config.format.schema: JSON schema is invalid: /type is not valid",
    ),
    # what, body beyond model, max_tokens and messages, a part of the message
    ("no max_tokens", {"max_tokens": None}, "max_tokens: Input should be a valid integer"),
    ("max_tokens of text", {"max_tokens": "5"}, "max_tokens: Input should be a valid integer"),
    ("max_tokens below nought", {"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
    (
        "max_tokens too high",
        {"max_tokens": 64_001},
        "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens",
    ),
    ("an unknown field", {"top_n": 1}, "top_n: Extra inputs are not permitted"),
    (
        "an unknown field in a block",
        {"messages": user([{**TEXT, "index": 0}])},
        "messages.0.content.0.text.index: Extra inputs are not permitted",
    ),
    ("sampling", {"temperature": 1}, "temperature: Extra inputs are not permitted"),
    ("top_k", {"top_k": 1}, "top_k: Extra inputs are not permitted"),
    ("no messages", {"messages": []}, "messages: List should have at least 1 item after validation, not 0"),
    ("messages of a wrong type", {"messages": {}}, "messages: Input should be a valid list"),
    (
        "an unknown role",
        {"messages": [{"role": "tool", "content": "x"}]},
        "messages.0: Input tag 'tool' found using 'role'",
    ),
    ("a message without content", {"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    (
        "an unknown block",
        {"messages": user([{"type": "image_url"}])},
        "messages.0.content.0: Input tag 'image_url' found using 'type'",
    ),
    ("a block without a type", {"messages": user([{"text": "x"}])}, "messages.0.content.0.type: Field required"),
    ("empty text", {"messages": user([{"type": "text", "text": ""}])}, "text content blocks must be non-empty"),
    ("blank text", {"messages": user(" \n")}, "text content blocks must contain non-whitespace text"),
    (
        "blank text of the assistant without a call",
        {"messages": [*user("x"), assistant(TEXT, {**TEXT, "text": " "}), *user("y")]},
        "text content blocks must contain non-whitespace text",
    ),
    (
        "empty text beside a call",
        {"tools": [TOOL], "messages": [*user("x"), assistant({**TEXT, "text": ""}, USE), *user([RESULT])]},
        "text content blocks must be non-empty",
    ),
    (
        "blank text beside a result",
        {"tools": [TOOL], "messages": loop(RESULT, {**TEXT, "text": " "})},
        "text content blocks must contain non-whitespace text",
    ),
    (
        "blank text in the turn after a call",
        {
            "tools": [TOOL],
            "messages": [*loop(RESULT), assistant({**TEXT, "text": " "}), *user("y")],
        },
        "text content blocks must contain non-whitespace text",
    ),
    ("an empty string", {"messages": user("")}, "messages.0: all messages must have non-empty content"),
    ("an empty list", {"messages": user([])}, "messages.0: all messages must have non-empty content"),
    (
        "an empty system text",
        {"system": [{"type": "text", "text": ""}]},
        "system: text content blocks must be non-empty",
    ),
    (
        "a system role where there is none",
        {"messages": [*user("x"), {"role": "system", "content": "y"}]},
        "role 'system' is not supported on this model",
    ),
    (
        "a system role out of place",
        {"model": "claude-opus-5", "messages": [{"role": "system", "content": "y"}, *user("x")]},
        "must directly follow a user turn",
    ),
    ("a blank stop", {"stop_sequences": [" "]}, "stop_sequences: each stop sequence must contain non-whitespace"),
    ("a metadata nobody knows", {"metadata": {"team": "x"}}, "metadata.team: Extra inputs are not permitted"),
    ("a bad tier", {"service_tier": "fast"}, "service_tier: Input should be 'auto' or 'standard_only'"),
    (
        "a tool id with a dot",
        {"messages": [*user("x"), assistant({**USE, "id": "a.b"}), *user([RESULT])]},
        "messages.1.content.0.tool_use.id: String should match",
    ),
    (
        "a tool name with a space",
        {"tools": [{**TOOL, "name": "a b"}]},
        "tools.0.custom.name: String should match pattern",
    ),
    (
        "a schema that is no object",
        {"tools": [{**TOOL, "input_schema": {"type": "string"}}]},
        "tools.0.custom.input_schema.type: Input should be 'object'",
    ),
    ("two tools of a name", {"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
    (
        "a choice without tools",
        {"tool_choice": {"type": "auto"}},
        "tool_choice: tool_choice may only be specified while providing tools",
    ),
    (
        "a choice of another tool",
        {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "x"}},
        "tool_choice: Tool 'x' not found",
    ),
    (
        "a choice of no kind",
        {"tools": [TOOL], "tool_choice": {"type": "required"}},
        "tool_choice: Input tag 'required' found",
    ),
    *(
        (
            f"a forced choice on {model}",
            {"model": model, "tools": [TOOL], "tool_choice": {"type": "any"}},
            "forced tool use is not supported",
        )
        for model in (
            "claude-sonnet-5-5",
            "claude-opus-5-5",
            "claude-fable-5-1",
            "claude-fable-5-2",
            "claude-mythos-5-1",
            "claude-mythos-5-2",
        )
    ),
    (
        "a forced choice while thinking",
        {
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [TOOL],
            "tool_choice": {"type": "any"},
            "max_tokens": 2000,
        },
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    (
        "a budget too small",
        {"thinking": {"type": "enabled", "budget_tokens": 1}},
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    (
        "a budget above the limit",
        {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 2000},
        "`max_tokens` must be greater than",
    ),
    ("adaptive on 4.5", {"thinking": {"type": "adaptive"}}, '"thinking.type.adaptive" is not supported'),
    (
        "a budget on opus-4-7",
        {"model": "claude-opus-4-7", "thinking": {"type": "enabled", "budget_tokens": 1024}},
        '"thinking.type.enabled" is not supported',
    ),
    (
        "off on opus-5-5",
        {"model": "claude-opus-5-5", "thinking": {"type": "disabled"}},
        '"thinking.type.disabled" is not supported',
    ),
    (
        "off on opus-5 at xhigh",
        {"model": "claude-opus-5", "thinking": {"type": "disabled"}, "output_config": {"effort": "xhigh"}},
        "at effort xhigh",
    ),
    (
        "between tools at max",
        {"model": "claude-sonnet-5-5", "thinking": {"type": "between_tools"}, "output_config": {"effort": "max"}},
        "at effort max",
    ),
    ("effort on haiku-4-5", {"output_config": {"effort": "low"}}, "This model does not support the effort parameter."),
    (
        "xhigh on opus-4-6",
        {"model": "claude-opus-4-6", "output_config": {"effort": "xhigh"}},
        "output_config.effort: Input should be 'low'",
    ),
    (
        "an effort nobody knows",
        {"output_config": {"effort": "none"}},
        "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
    ),
    (
        "prefill on opus-4-6",
        {"model": "claude-opus-4-6", "messages": [*user("x"), assistant(TEXT)]},
        "does not support assistant message prefill",
    ),
    (
        "prefill that ends blank",
        {"messages": [*user("x"), assistant({"type": "text", "text": "a "})]},
        "cannot end with trailing whitespace",
    ),
    (
        "prefill while thinking",
        {
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 2000,
            "messages": [*user("x"), assistant(TEXT)],
        },
        "Prefilling assistant messages is not supported when thinking",
    ),
    ("tool blocks without tools", {"messages": loop(RESULT)}, "must define tools"),
    (
        "a result missing",
        {"tools": [TOOL], "messages": loop(TEXT)},
        "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_1",
    ),
    (
        "a result after text",
        {"tools": [TOOL], "messages": loop(TEXT, RESULT)},
        "without `tool_result` blocks immediately after",
    ),
    (
        "a result too many",
        {"tools": [TOOL], "messages": loop(RESULT, {**RESULT, "tool_use_id": "toolu_2"})},
        "unexpected `tool_use_id` found",
    ),
    ("a result twice", {"tools": [TOOL], "messages": loop(RESULT, RESULT)}, "each tool_use must have a single result"),
    (
        "a result out of nowhere",
        {"tools": [TOOL], "messages": user([RESULT])},
        "messages.0.content.0: unexpected `tool_use_id`",
    ),
    (
        "a call at the end",
        {"tools": [TOOL], "messages": [*user("x"), assistant(USE)]},
        "without `tool_result` blocks immediately after",
    ),
    (
        "a call id twice",
        {"tools": [TOOL], "messages": [*loop(RESULT), assistant(USE), *user([RESULT])]},
        "`tool_use` ids must be unique",
    ),
    (
        "a call of the user's",
        {"tools": [TOOL], "messages": user([USE])},
        "`tool_use` blocks can only be in `assistant` messages",
    ),
    (
        "a result of the assistant's",
        {"tools": [TOOL], "messages": [*user("x"), assistant(RESULT), *user("y")]},
        "`tool_result` blocks can only be in `user` messages",
    ),
    (
        "a document of the assistant's",
        {
            "messages": [
                *user("x"),
                assistant({"type": "document", "source": {"type": "url", "url": "https://a.b/c"}}),
                *user("y"),
            ]
        },
        "`document` blocks are not permitted",
    ),
    (
        "citations of the user's",
        {"messages": user([{**TEXT, "citations": [{"type": "char_location"}]}])},
        "text.citations: Extra inputs are not permitted",
    ),
    (
        "five marks",
        {"messages": user([{**TEXT, **MARK}] * 5)},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        "a long mark after a short one",
        {"messages": user([{**TEXT, **MARK}, {**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}])},
        "a ttl='1h' cache_control block must not come after a ttl='5m'",
    ),
    (
        "an open schema",
        form({"type": "object", "properties": {}}),
        "'additionalProperties' must be explicitly set to false",
    ),
    (
        "limits in a schema",
        form({**PERSON, "properties": {"age": {"type": "integer", "minimum": 0}}}),
        "property 'minimum' is not supported",
    ),
    (
        "two items at least",
        form({**PERSON, "properties": {"a": {"type": "array", "items": {}, "minItems": 2}}}),
        "'minItems' values other than 0 or 1",
    ),
    (
        "a strict tool with limits",
        {"tools": [{**TOOL, "strict": True, "input_schema": {**WEATHER, "maxProperties": 3}}]},
        "tools.0.custom.input_schema: For 'object'",
    ),
    (
        "an image of another kind",
        {"messages": image(PNG, "image/jpeg")},
        "but the image appears to be a image/png image",
    ),
    ("a torn image", {"messages": image(TORN_PNG)}, "Could not process image"),
    ("an image that is no base64", {"messages": image("!")}, "invalid base64 data"),
    (
        "an image of no kind",
        {"messages": image(GIF, "image/tiff")},
        "image.source.base64.media_type: Input should be 'image/jpeg'",
    ),
    (
        "a broken PDF",
        {"messages": document(type="base64", media_type="application/pdf", data=PNG)},
        "The PDF specified was not valid.",
    ),
    (
        "a PDF that is no base64",
        {"messages": document(type="base64", media_type="application/pdf", data="!")},
        "invalid base64 data",
    ),
    (
        "a picture without TLS",
        {"messages": document(type="url", url="http://a.b/c.pdf")},
        "Only HTTPS URLs are supported.",
    ),
    ("a context overrun", {"messages": user("word " * 170_000)}, "prompt is too long: "),
    (
        "a signature of nobody's",
        {"messages": [*user("x"), assistant({"type": "thinking", "thinking": "a", "signature": "b"}), *user("y")]},
        "Invalid `signature` in `thinking`",
    ),
    (
        "a redaction of nobody's",
        {"messages": [*user("x"), assistant({"type": "redacted_thinking", "data": "b"}), *user("y")]},
        "Invalid `data` in `redacted_thinking`",
    ),
    (
        "a thoughtless call while thinking",
        {
            "tools": [TOOL],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 2000,
            "messages": loop(RESULT),
        },
        "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
    ),
]


@pytest.mark.parametrize(("what", "change", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(anthropic: Asker, what: str, change: dict[str, Any], message: str) -> None:
    answer = anthropic.post(
        "/messages", {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": user("Hello"), **change}
    )
    assert answer.status == 400, answer.body[:300]
    assert answer.json["type"] == "error"
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert message in answer.json["error"]["message"]
    assert answer.json["request_id"] == answer.headers["request-id"]


def test_max_tokens_left_out(anthropic: Asker) -> None:
    answer = anthropic.post("/messages", {"model": "claude-haiku-4-5", "messages": user("x")})
    assert answer.json["error"]["message"] == "max_tokens: Field required"


@pytest.mark.parametrize(
    ("model", "sampling", "accepted"),
    [
        ("claude-haiku-4-5", {"temperature": 0.5}, True),
        ("claude-haiku-4-5", {"temperature": 0.5, "top_p": 0.9}, False),
        ("claude-haiku-4-5", {"temperature": 1.5}, False),
        ("claude-opus-4-6", {"temperature": 0.5, "top_k": 5}, True),
        ("claude-opus-4-7", {"temperature": 1}, False),
        ("claude-sonnet-5-5", {"top_p": 0.5}, False),
        ("claude-haiku-4-5", {"temperature": 0.5, "thinking": {"type": "enabled", "budget_tokens": 1024}}, False),
    ],
)
def test_sampling_under_the_older_version(
    anthropic: Asker, model: str, sampling: dict[str, Any], accepted: bool
) -> None:
    body = {"model": model, "max_tokens": 2000, "messages": user("Hello"), **sampling}
    assert (anthropic.post("/messages", body, anthropic_version=wire.OLD).status == 200) is accepted


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "anthropic-version: header is required"),
        ("2024-01-01", 'anthropic-version: "2024-01-01" is not a valid version'),
    ],
)
@pytest.mark.parametrize("path", ["/messages", "/messages/count_tokens"])
def test_versions(anthropic: Asker, path: str, given: str, message: str) -> None:
    answer = anthropic.post(path, {}, anthropic_version=given)
    assert (answer.status, answer.json["error"]["message"]) == (400, message)


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("a result before text", {"tools": [TOOL], "messages": loop(RESULT, TEXT)}),
    ("a result split over two messages", {"tools": [TOOL], "messages": [*loop(RESULT), *user("and now?")]}),
    (
        "blank text beside a call, as recorded",
        {"tools": [TOOL], "messages": [*user("x"), assistant({**TEXT, "text": " "}, USE), *user([RESULT])]},
    ),
    ("prefill on 4.5", {"messages": [*user("x"), assistant({"type": "text", "text": "Well,"})]}),
    ("a forced choice", {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "get_weather"}}),
    ("a forced choice on haiku-5-5", {"model": "claude-haiku-5-5", "tools": [TOOL], "tool_choice": {"type": "any"}}),
    ("a system turn", {"model": "claude-opus-5-5", "messages": [*user("x"), {"role": "system", "content": "y"}]}),
    ("an assistant first", {"messages": [assistant(TEXT), *user("x")]}),
    ("off on opus-5", {"model": "claude-opus-5", "thinking": {"type": "disabled"}}),
    ("between tools", {"model": "claude-sonnet-5-5", "thinking": {"type": "between_tools"}}),
    ("no tokens at all", {"max_tokens": 0}),
    ("a server tool", {"tools": [{"type": "web_search_20260318", "name": "web_search"}]}),
    ("a document of text", {"messages": document(type="text", media_type="text/plain", data="Once upon a time")}),
    ("a document of blocks", {"messages": document(type="content", content=[TEXT])}),
    ("a PDF", {"messages": document(type="base64", media_type="application/pdf", data=PDF)}),
    (
        "four marks and one at the top",
        {"messages": user([{**TEXT, **MARK}] * 3), "cache_control": {"type": "ephemeral"}},
    ),
    ("the deprecated format", {"output_format": {"type": "json_schema", "schema": PERSON}}),
]


@pytest.mark.parametrize(("what", "change"), ACCEPTED, ids=[row[0] for row in ACCEPTED])
def test_accepted(anthropic: Asker, what: str, change: dict[str, Any]) -> None:
    answer = anthropic.post(
        "/messages", {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": user("Hello"), **change}
    )
    assert answer.status == 200, answer.body


def test_betas_open_fields(anthropic: Asker) -> None:
    body = {"model": "claude-opus-5", "max_tokens": 50, "messages": user("x"), "context_management": {"edits": []}}
    assert anthropic.post("/messages", body).status == 400
    assert anthropic.post("/messages", body, anthropic_beta="context-management-2025-06-27").status == 200
    controlled = {
        **body,
        "messages": [*user("x"), {"role": "system", "content": "y", "output_config": {"effort": "low"}}],
    }
    assert anthropic.post("/messages", controlled, anthropic_beta="context-management-2025-06-27").status == 400
    assert anthropic.post("/messages", controlled, anthropic_beta="per-turn-control-2026-07-01").status == 200
