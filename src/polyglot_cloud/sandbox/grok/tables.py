"""The bodies xAI takes, as tables. After its OpenAPI document (xai-sdk-ts spec, 2026-11), which is closed at the top."""

from polyglot_cloud.sandbox.shapes import (
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

_NAME = text(1, 256)
_IMAGE = either(text(), obj({"url": text(), "detail": opt(text()), "file_id": opt(text())}, open=True))
_PARTS = {
    "text": obj({"type!": text(), "text!": text()}, open=True),
    "image_url": obj({"type!": text(), "image_url!": _IMAGE}, open=True),
    "file": obj({"type!": text(), "file!": obj({"file_id": opt(text()), "url": opt(text())}, open=True)}, open=True),
}
_CONTENT = either(text(), each(tagged("type", _PARTS)))
_CALLED = obj({"name!": text(), "arguments!": text()}, open=True)
_TOOL_CALL = obj({"id!": text(), "function!": _CALLED, "index": opt(whole()), "type": opt(text())}, open=True)
_MESSAGE = tagged(
    "role",
    {
        "system": obj({"role!": text(), "content!": _CONTENT, "name": opt(text())}),
        "user": obj({"role!": text(), "content!": _CONTENT, "name": opt(text())}),
        "assistant": obj(
            {
                "role!": text(), "content": opt(_CONTENT), "name": opt(text()), "reasoning_content": opt(text()),
                "tool_calls": opt(each(_TOOL_CALL)), "refusal": opt(text()),
            }
        ),
        "tool": obj({"role!": text(), "content!": _CONTENT, "tool_call_id": opt(text())}),
        "function": obj({"role!": text(), "content!": _CONTENT, "name": opt(text())}),
    },
)  # fmt: skip
_FUNCTION_FIELDS: dict[str, Shape] = {
    "name!": _NAME, "description": opt(text()), "parameters!": anything, "strict": opt(flag), "defer_loading": opt(flag),
}  # fmt: skip
_TOOL = tagged(
    "type",
    {
        "function": obj({"type!": text(), "function!": obj(_FUNCTION_FIELDS)}),
        "live_search": obj({"type!": text(), "sources!": each(anything)}),
    },
)
_CHOICE = either(word("none", "auto", "required"), obj({"type!": text(), "function": opt(obj({"name!": text()}))}))
_FORMAT = tagged(
    "type",
    {
        "text": obj({"type!": text()}, open=True),
        "json_object": obj({"type!": text()}, open=True),
        "json_schema": obj(
            {"type!": text(), "json_schema!": obj({"schema!": mapping(anything)}, open=True)}, open=True
        ),
    },
)

CHAT = obj(
    {
        "model!": text(),
        "messages!": each(_MESSAGE),
        "deferred": opt(flag),
        "frequency_penalty": opt(number(-2, 2)),
        "logit_bias": opt(mapping(anything)),
        "logprobs": opt(flag),
        "max_completion_tokens": opt(whole(1)),
        "max_tokens": opt(whole(1)),
        "n": opt(whole(1, 128)),
        "parallel_tool_calls": opt(flag),
        "presence_penalty": opt(number(-2, 2)),
        "prompt_cache_key": opt(text()),
        "reasoning_effort": opt(text()),
        "response_format": opt(_FORMAT),
        "safety_identifier": opt(text()),
        "search_parameters": anything,
        "seed": opt(whole()),
        "service_tier": opt(word("auto", "priority", "fast")),
        "stop": opt(each(text(), 0, 4)),
        "stream": opt(flag),
        "stream_options": opt(obj({"include_usage!": flag})),
        "temperature": opt(number(0, 2)),
        "tool_choice": opt(_CHOICE),
        "tools": opt(each(_TOOL, 0, 350)),
        "top_logprobs": opt(whole(0, 8)),
        "top_p": opt(number(0, 1)),
        "user": opt(text()),
        "web_search_options": anything,
    }
)

_IN_PARTS = {
    "input_text": obj({"type!": text(), "text!": text()}, open=True),
    "output_text": obj({"type!": text(), "text!": text()}, open=True),
    "input_image": obj({"type!": text(), "image_url!": text(), "file_id": opt(text())}, open=True),
    "input_file": obj(
        {
            "type!": text(),
            "file_data": opt(text()),
            "file_id": opt(text()),
            "file_url": opt(text()),
            "filename": opt(text()),
        },
        open=True,
    ),
    "refusal": obj({"type!": text(), "refusal!": text()}, open=True),
}
_IN_CONTENT = either(text(), each(tagged("type", _IN_PARTS)))
_SUMMARY = each(obj({"type!": text(), "text!": text()}, open=True))
_LOOSE = obj({"type!": text()}, open=True)
_ITEM = tagged(
    "type",
    {
        "message": obj({"role!": word("user", "assistant", "system", "developer"), "content!": _IN_CONTENT}, open=True),
        "function_call": obj({"type!": text(), "call_id!": text(), "name!": text(), "arguments!": text()}, open=True),
        "function_call_output": obj({"type!": text(), "call_id!": text(), "output!": _IN_CONTENT}, open=True),
        "reasoning": obj({"type!": text(), "summary!": _SUMMARY, "encrypted_content": opt(text())}, open=True),
        "compaction": obj({"type!": text(), "encrypted_content!": text()}, open=True),
        **dict.fromkeys(
            [
                "web_search_call",
                "x_search_call",
                "file_search_call",
                "code_interpreter_call",
                "mcp_call",
                "custom_tool_call",
                "shell_call",
                "shell_call_output",
                "image_generation_call",
                "tool_search_call",
                "tool_search_output",
            ],
            _LOOSE,
        ),
    },
    otherwise="message",
)
_SERVER_TOOLS = [
    "web_search",
    "x_search",
    "image_generation",
    "file_search",
    "code_interpreter",
    "mcp",
    "shell",
    "tool_search",
]
_R_TOOL = tagged(
    "type", {"function": obj({"type!": text(), **_FUNCTION_FIELDS}), **dict.fromkeys(_SERVER_TOOLS, _LOOSE)}
)
_R_FORMAT = tagged(
    "type",
    {
        "text": obj({"type!": text()}, open=True),
        "json_object": obj({"type!": text()}, open=True),
        "json_schema": obj({"type!": text(), "schema!": mapping(anything), "name": opt(text())}, open=True),
    },
)

RESPONSES = obj(
    {
        "model": text(),
        "input!": either(text(), each(_ITEM)),
        "background": opt(flag),
        "context_management": opt(each(anything)),
        "include": opt(each(text())),
        "instructions": opt(text()),
        "logprobs": opt(flag),
        "max_output_tokens": opt(whole(1)),
        "max_turns": opt(whole(1)),
        "metadata": anything,
        "min_p": opt(number(0, 1)),
        "parallel_tool_calls": opt(flag),
        "previous_response_id": opt(text()),
        "prompt_cache_key": opt(text()),
        "reasoning": opt(
            obj({"effort": opt(text()), "summary": opt(text()), "generate_summary": opt(text())}, open=True)
        ),
        "reasoning_effort": opt(text()),
        "safety_identifier": opt(text()),
        "search_parameters": anything,
        "service_tier": opt(text()),
        "store": opt(flag),
        "stream": opt(flag),
        "temperature": opt(number(0, 2)),
        "text": opt(obj({"format": opt(_R_FORMAT)}, open=True)),
        "tool_choice": opt(
            either(word("none", "auto", "required"), obj({"type!": text(), "name!": text()}, open=True))
        ),
        "tools": opt(each(_R_TOOL, 0, 350)),
        "top_k": opt(whole(1)),
        "top_logprobs": opt(whole(0, 8)),
        "top_p": opt(number(0, 1)),
        "truncation": opt(text()),
        "user": opt(text()),
    }
)
