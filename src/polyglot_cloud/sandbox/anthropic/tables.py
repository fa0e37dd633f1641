"""The bodies Anthropic takes, as tables. After the request types of the official SDK (anthropic 2.12.0, 2026-11-22)."""

from collections.abc import Mapping

from polyglot_cloud.sandbox.shapes import (
    Object,
    Shape,
    anything,
    each,
    either,
    flag,
    mapping,
    number,
    obj,
    opt,
    tagged,
    text,
    whole,
    word,
)

ID = text(1, None, r"^[a-zA-Z0-9_-]+$")
TOOL_NAME = text(1, 128, r"^[a-zA-Z0-9_-]{1,128}$")
_CACHE = opt(obj({"type!": word("ephemeral"), "ttl": word("5m", "1h")}))
_CITATIONS = opt(obj({"enabled": flag}))
_LOOSE = obj({"type!": text()}, open=True)

_IMAGE_SOURCE = tagged(
    "type",
    {
        "base64": obj(
            {
                "type!": text(),
                "media_type!": word("image/jpeg", "image/png", "image/gif", "image/webp"),
                "data!": text(),
            }
        ),
        "url": obj({"type!": text(), "url!": text()}),
        "file": obj({"type!": text(), "file_id!": text()}),
    },
    spelt=True,
)
_TEXT = obj({"type!": text(), "text!": text(), "cache_control": _CACHE, "citations": opt(each(_LOOSE))})
_IMAGE = obj(
    {
        "type!": text(), "source!": _IMAGE_SOURCE, "cache_control": _CACHE,
        "transformations": opt(obj({"oversized_image": word("downsize", "error")})),
    }
)  # fmt: skip
_PLAIN_SOURCE = obj({"type!": text(), "media_type!": word("text/plain"), "data!": text()})
_DOCUMENT_SOURCE = tagged(
    "type",
    {
        "base64": obj({"type!": text(), "media_type!": word("application/pdf"), "data!": text()}),
        "text": _PLAIN_SOURCE,
        "content": obj(
            {"type!": text(), "content!": either(text(), each(tagged("type", {"text": _TEXT, "image": _IMAGE})))}
        ),
        "url": obj({"type!": text(), "url!": text()}),
        "file": obj({"type!": text(), "file_id!": text()}),
    },
    spelt=True,
)
_DOCUMENT = obj(
    {
        "type!": text(), "source!": _DOCUMENT_SOURCE, "cache_control": _CACHE, "citations": _CITATIONS, "context": opt(text()),
        "title": opt(text(most=500)),
    }
)  # fmt: skip
_SEARCH_RESULT = obj(
    {
        "type!": text(), "content!": each(tagged("type", {"text": _TEXT}), 1), "source!": text(), "title!": text(), "cache_control": _CACHE,
        "citations": _CITATIONS,
    }
)  # fmt: skip
_RESULT_PARTS = {
    "text": _TEXT, "image": _IMAGE, "document": _DOCUMENT, "search_result": _SEARCH_RESULT,
    "tool_reference": obj({"type!": text(), "tool_name!": text(), "cache_control": _CACHE}), "browser_state": _LOOSE,
}  # fmt: skip
_TOOL_RESULT = obj(
    {
        "type!": text(), "tool_use_id!": ID, "content": either(text(), each(tagged("type", _RESULT_PARTS, spelt=True))), "is_error": flag,
        "cache_control": _CACHE, "toolset_name": opt(text()),
    }
)  # fmt: skip
_TOOL_USE = obj(
    {
        "type!": text(), "id!": ID, "name!": text(1, 200), "input!": mapping(anything), "cache_control": _CACHE, "caller": anything,
        "toolset_name": opt(text()),
    }
)  # fmt: skip
_SERVER_BLOCKS = [
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "container_upload",
]
BLOCKS: dict[str, Shape] = {
    "text": _TEXT,
    "image": _IMAGE,
    "document": _DOCUMENT,
    "search_result": _SEARCH_RESULT,
    "thinking": obj({"type!": text(), "thinking!": text(), "signature!": text()}),
    "redacted_thinking": obj({"type!": text(), "data!": text()}),
    "tool_use": _TOOL_USE,
    "tool_result": _TOOL_RESULT,
    **dict.fromkeys(_SERVER_BLOCKS, _LOOSE),
}
_CONTENT = either(text(), each(tagged("type", BLOCKS, spelt=True)))
_SYSTEM_CONTENT = either(text(), each(tagged("type", {"text": _TEXT}, spelt=True)))


_CONFIG_FIELDS: dict[str, Shape] = {"effort": opt(word("low", "medium", "high", "xhigh", "max"))}


def _messages(control: Mapping[str, Shape]) -> Shape:
    contents = {"user": _CONTENT, "assistant": _CONTENT, "system": _SYSTEM_CONTENT}
    by_role = {role: obj({"role!": text(), "content!": content, **control}) for role, content in contents.items()}
    return each(tagged("role", by_role), 1, 100_000)


_PLAIN_MESSAGES = _messages({})
_CONTROLLED_MESSAGES = _messages({"output_config": obj(_CONFIG_FIELDS)})
_INPUT_SCHEMA = obj(
    {"type!": word("object"), "properties": opt(mapping(anything)), "required": opt(each(text()))}, open=True
)
_CUSTOM = obj(
    {
        "name!": TOOL_NAME, "input_schema!": _INPUT_SCHEMA, "type": opt(word("custom")), "description": text(), "strict": flag,
        "cache_control": _CACHE, "defer_loading": flag, "eager_input_streaming": opt(flag), "input_examples": each(mapping(anything)),
        "allowed_callers": each(text()),
    }
)  # fmt: skip
_SERVER_TOOLS = [
    "bash_20250124",
    "code_execution_20250522",
    "code_execution_20250825",
    "code_execution_20260120",
    "code_execution_20260521",
    "browser_toolset_20260801",
    "memory_20250818",
    "computer_toolset_20260801",
    "text_editor_20250124",
    "text_editor_20250429",
    "text_editor_20250728",
    "web_search_20250305",
    "web_search_20260209",
    "web_search_20260318",
    "web_fetch_20250910",
    "web_fetch_20260209",
    "web_fetch_20260309",
    "web_fetch_20260318",
    "tool_search_tool_bm25_20251119",
    "tool_search_tool_bm25",
    "tool_search_tool_regex_20251119",
    "tool_search_tool_regex",
]
_TOOL = tagged("type", {"custom": _CUSTOM, **dict.fromkeys(_SERVER_TOOLS, _LOOSE)}, otherwise="custom", spelt=True)
_CHOICE = tagged(
    "type",
    {
        "auto": obj({"type!": text(), "disable_parallel_tool_use": flag}),
        "any": obj({"type!": text(), "disable_parallel_tool_use": flag}),
        "tool": obj({"type!": text(), "name!": text(1), "disable_parallel_tool_use": flag}),
        "none": obj({"type!": text()}),
    },
    spelt=True,
)
_DISPLAY = opt(word("summarized", "omitted"))
_THINKING = tagged(
    "type",
    {
        "adaptive": obj({"type!": text(), "display": _DISPLAY}),
        "enabled": obj({"type!": text(), "budget_tokens!": whole(1024), "display": _DISPLAY}),
        "disabled": obj({"type!": text()}),
        "between_tools": obj({"type!": text()}),
    },
    spelt=True,
)
_FORMAT = opt(obj({"type!": word("json_schema"), "schema!": mapping(anything)}))

_SHARED: dict[str, Shape] = {
    "model!": text(1, 256),
    "messages!": _PLAIN_MESSAGES,
    "system": either(text(), each(tagged("type", {"text": _TEXT}, spelt=True))),
    "tools": each(_TOOL),
    "tool_choice": _CHOICE,
    "thinking": _THINKING,
    "output_config": obj({**_CONFIG_FIELDS, "format": _FORMAT}),
    "output_format": _FORMAT,
    "cache_control": _CACHE,
    "speed": opt(word("fast", "standard")),
}
_SAMPLING: dict[str, Shape] = {"temperature": number(0, 1), "top_p": number(0, 1), "top_k": whole(0)}
_MESSAGES: dict[str, Shape] = {
    **_SHARED,
    "max_tokens!": whole(0),
    "stream": flag,
    "stop_sequences": each(text()),
    "metadata": obj({"user_id": opt(text(most=256))}),
    "service_tier": word("auto", "standard_only"),
    "inference_geo": opt(text()),
    "container": opt(either(text(), obj({"id": opt(text()), "skills": opt(each(mapping(anything)))}))),
    "diagnostics": opt(obj({"previous_message_id": opt(text())})),
}
_BETA: dict[str, Shape] = {
    "context_management": opt(mapping(anything)),
    "mcp_servers": each(mapping(anything)),
    "fallbacks": anything,
}


_PER_TURN = "per-turn-control-2026-07-01"


def request(*, sampling: bool, beta: str, counting: bool) -> Object:
    """The table for a request: `sampling` under the older version; the header `beta` opens further fields.

    The two betas that matter here are those Claude Code 2.1.330 sends: per-turn control puts `output_config` into a message.
    """
    fields = _SHARED if counting else _MESSAGES
    more = {**(_SAMPLING if sampling else {}), **(_BETA if beta else {})}
    if _PER_TURN in beta:
        more["messages!"] = _CONTROLLED_MESSAGES
    return obj({**fields, **more})
