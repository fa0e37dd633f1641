"""The bodies OpenAI takes, as tables. After the request types of the official SDK (openai 3.54.0, 2026-11-22)."""

from polyglot_cloud.sandbox.shapes import (
    Shape,
    anything,
    each,
    either,
    flag,
    mapping,
    nothing,
    number,
    obj,
    opt,
    tagged,
    text,
    whole,
    word,
)

TOOL_NAME = text(1, 64, r"^[a-zA-Z0-9_-]+$")
_ID = text(1, 64)
_BREAKPOINT = obj({"mode!": word("explicit"), "ttl": word("30m", "12h")})
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
_METADATA = opt(mapping(text(most=512), most=16))
_LOCATION = obj(
    {
        "city": opt(text()),
        "country": opt(text()),
        "region": opt(text()),
        "timezone": opt(text()),
        "type": word("approximate"),
    }
)

_TEXT_PART = obj({"type!": word("text"), "text!": text(), "prompt_cache_breakpoint": opt(_BREAKPOINT)})
_REFUSAL_PART = obj({"type!": word("refusal"), "refusal!": text()})
_IMAGE_PART = obj(
    {
        "type!": word("image_url"),
        "image_url!": obj({"url!": text(1), "detail": word("auto", "low", "high", "original")}),
        "prompt_cache_breakpoint": opt(_BREAKPOINT),
    }
)
_AUDIO_PART = obj(
    {
        "type!": word("input_audio"),
        "input_audio!": obj({"data!": text(), "format!": word("wav", "mp3")}),
        "prompt_cache_breakpoint": opt(_BREAKPOINT),
    }
)
_FILE_PART = obj(
    {
        "type!": word("file"),
        "file!": obj({"file_data": text(), "file_id": text(), "filename": text()}),
        "prompt_cache_breakpoint": opt(_BREAKPOINT),
    }
)
_TEXTS = either(text(), each(tagged("type", {"text": _TEXT_PART}), 1))
_USER = {"text": _TEXT_PART, "image_url": _IMAGE_PART, "input_audio": _AUDIO_PART, "file": _FILE_PART}
_CALLED = obj({"name!": TOOL_NAME, "arguments!": text()})
_TOOL_CALL = tagged(
    "type",
    {
        "function": obj({"id!": _ID, "type!": word("function"), "function!": _CALLED}),
        "custom": obj({"id!": _ID, "type!": word("custom"), "custom!": obj({"name!": TOOL_NAME, "input!": text()})}),
    },
)
_MESSAGES = tagged(
    "role",
    {
        "developer": obj({"role!": text(), "content!": _TEXTS, "name": text()}),
        "system": obj({"role!": text(), "content!": _TEXTS, "name": text()}),
        "user": obj({"role!": text(), "content!": either(text(), each(tagged("type", _USER), 1)), "name": text()}),
        "assistant": obj(
            {
                "role!": text(),
                "content": opt(either(text(), each(tagged("type", {"text": _TEXT_PART, "refusal": _REFUSAL_PART})))),
                "name": text(),
                "refusal": opt(text()),
                "audio": opt(obj({"id!": text()})),
                "function_call": opt(_CALLED),
                "tool_calls": each(_TOOL_CALL, 1, 128),
                "annotations": opt(each(anything)),
            }
        ),
        "tool": obj({"role!": text(), "content!": _TEXTS, "tool_call_id!": _ID}),
        "function": obj({"role!": text(), "content!": opt(text()), "name!": TOOL_NAME}),
    },
)
_FUNCTION = obj({"name!": TOOL_NAME, "description": text(), "parameters": mapping(anything), "strict": opt(flag)})
_GRAMMAR = tagged(
    "type",
    {
        "text": obj({"type!": text()}),
        "grammar": obj({"type!": text(), "grammar!": obj({"definition!": text(), "syntax!": word("lark", "regex")})}),
    },
)
_CUSTOM = obj({"name!": TOOL_NAME, "description": text(), "format": _GRAMMAR})
_TOOL = tagged(
    "type",
    {"function": obj({"type!": text(), "function!": _FUNCTION}), "custom": obj({"type!": text(), "custom!": _CUSTOM})},
)
_NAMED = obj({"name!": TOOL_NAME})
_CHOICE = either(
    word("none", "auto", "required"),
    tagged(
        "type",
        {
            "function": obj({"type!": text(), "function!": _NAMED}),
            "custom": obj({"type!": text(), "custom!": _NAMED}),
            "allowed_tools": obj(
                {
                    "type!": text(),
                    "allowed_tools!": obj({"mode!": word("auto", "required"), "tools!": each(mapping(anything), 1)}),
                }
            ),
        },
    ),
)
_SCHEMA_FORMAT = obj(
    {"name!": text(1, 64, r"^[a-zA-Z0-9_-]+$"), "description": text(), "schema": mapping(anything), "strict": opt(flag)}
)
_FORMAT = tagged(
    "type",
    {
        "text": obj({"type!": text()}),
        "json_object": obj({"type!": text()}),
        "json_schema": obj({"type!": text(), "json_schema!": _SCHEMA_FORMAT}),
    },
)

CHAT = obj(
    {
        "model!": text(1),
        "messages!": each(_MESSAGES, 1),
        "audio": opt(obj({"format!": text(), "voice!": anything})),
        "frequency_penalty": opt(number(-2, 2)),
        "function_call": either(word("none", "auto"), _NAMED),
        "functions": each(obj({"name!": TOOL_NAME, "description": text(), "parameters": mapping(anything)}), 1, 128),
        "logit_bias": opt(mapping(number(-100, 100))),
        "logprobs": opt(flag),
        "max_completion_tokens": opt(whole(1)),
        "max_tokens": opt(whole(1)),
        "metadata": _METADATA,
        "modalities": opt(each(word("text", "audio"), 1)),
        "moderation": opt(mapping(anything)),
        "n": opt(whole(1, 128)),
        "parallel_tool_calls": flag,
        "prediction": opt(obj({"type!": word("content"), "content!": _TEXTS})),
        "presence_penalty": opt(number(-2, 2)),
        "prompt_cache_key": opt(text()),
        "prompt_cache_options": obj({"mode": word("implicit", "explicit"), "ttl": word("30m")}),
        "prompt_cache_retention": opt(word("in_memory", "24h")),
        "reasoning_effort": opt(word(*EFFORTS)),
        "response_format": _FORMAT,
        "safety_identifier": opt(text(most=128)),
        "seed": opt(whole(-(2**63), 2**63 - 1)),
        "service_tier": opt(word(*_TIERS)),
        "stop": opt(either(text(), each(text(), 0, 4))),
        "store": opt(flag),
        "stream": opt(flag),
        "stream_options": opt(obj({"include_usage": flag, "include_obfuscation": flag})),
        "temperature": opt(number(0, 2)),
        "tool_choice": _CHOICE,
        "tools": each(_TOOL, 1, 128),
        "top_logprobs": opt(whole(0, 20)),
        "top_p": opt(number(0, 1)),
        "user": text(),
        "verbosity": opt(word("low", "medium", "high")),
        "web_search_options": obj(
            {
                "search_context_size": word("low", "medium", "high"),
                "user_location": opt(obj({"type!": text(), "approximate!": _LOCATION})),
            }
        ),
    }
)

EMBEDDINGS = obj(
    {
        "model!": text(1),
        "input!": either(text(1), each(either(text(1), whole(0), each(whole(0), 1)), 1, 2048)),
        "dimensions": whole(1),
        "encoding_format": word("float", "base64"),
        "user": text(),
    }
)

_IN_TEXT = obj({"type!": text(), "text!": text(), "prompt_cache_breakpoint": opt(_BREAKPOINT)})
_IN_IMAGE = obj(
    {
        "type!": text(),
        "detail": opt(word("low", "high", "auto", "original")),
        "file_id": opt(text()),
        "image_url": opt(text()),
        "prompt_cache_breakpoint": opt(_BREAKPOINT),
    }
)
_IN_FILE = obj(
    {
        "type!": text(),
        "detail": word("auto", "low", "high"),
        "file_data": opt(text()),
        "file_id": opt(text()),
        "file_url": opt(text()),
        "filename": opt(text()),
        "prompt_cache_breakpoint": opt(_BREAKPOINT),
    }
)
_IN_PARTS = {"input_text": _IN_TEXT, "input_image": _IN_IMAGE, "input_file": _IN_FILE}
_OUT_PARTS = {
    "output_text": obj(
        {"type!": text(), "text!": text(), "annotations": each(anything), "logprobs": opt(each(anything))}
    ),
    "refusal": obj({"type!": text(), "refusal!": text()}),
}
_STATUS = opt(word("in_progress", "completed", "incomplete"))
_ASKED = either(text(), each(tagged("type", _IN_PARTS)))
_ANSWERED = either(text(), each(tagged("type", _OUT_PARTS)))


def _message(content: Shape) -> dict[str, Shape]:
    return {
        "type": word("message"), "role!": text(), "content!": content, "id": text(1, 64), "status": _STATUS,
        "phase": opt(word("commentary", "final_answer")),
    }  # fmt: skip


MESSAGE_ITEM = tagged(
    "role",
    {
        role: obj(_message(_ANSWERED if role == "assistant" else _ASKED))
        for role in ("user", "assistant", "system", "developer")
    },
)
_CALLER = opt(anything)
_OPEN_ITEM = obj({"type!": text()}, open=True)
ITEMS: dict[str, Shape] = {
    "message": MESSAGE_ITEM,
    "function_call": obj(
        {
            "type!": text(), "id": opt(text(1, 64)), "call_id!": _ID, "name!": text(1, 128), "arguments!": text(), "status": _STATUS,
            "namespace": opt(text()), "async": flag, "caller": _CALLER,
        }
    ),
    "function_call_output": obj(
        {
            "type!": text(), "id": opt(text(1, 64)), "call_id!": _ID, "output!": _ASKED, "status": _STATUS, "name": opt(text()),
            "namespace": opt(text()), "caller": _CALLER,
        }
    ),
    "custom_tool_call": obj(
        {
            "type!": text(), "id": opt(text(1, 64)), "call_id!": _ID, "name!": text(1, 128), "input!": text(), "status": _STATUS,
            "namespace": opt(text()), "async": flag, "caller": _CALLER,
        }
    ),
    "custom_tool_call_output": obj({"type!": text(), "id": opt(text()), "call_id!": _ID, "output!": _ASKED, "caller": _CALLER}),
    "reasoning": obj(
        {
            "type!": text(), "id": text(1, 64), "summary!": each(obj({"type!": word("summary_text"), "text!": text()})),
            "content": opt(each(obj({"type!": word("reasoning_text"), "text!": text()}))), "encrypted_content": opt(text()),
            "status": _STATUS,
        }
    ),
    "item_reference": obj({"type": opt(text()), "id!": text(1)}),
    "compaction": obj({"type!": text(), "id": opt(text()), "encrypted_content!": text()}),
}  # fmt: skip
_BUILT_IN_ITEMS = [
    "file_search_call",
    "computer_call",
    "computer_call_output",
    "web_search_call",
    "tool_search_call",
    "tool_search_output",
    "configuration_update",
    "image_generation_call",
    "code_interpreter_call",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "compaction_trigger",
    "program",
    "program_output",
]
_BUILT_IN_TOOLS = [
    "file_search",
    "computer",
    "computer_use_preview",
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "mcp",
    "code_interpreter",
    "programmatic_tool_calling",
    "image_generation",
    "local_shell",
    "shell",
    "tool_search",
    "apply_patch",
]
_CALLERS = opt(each(word("direct", "programmatic")))
_R_FUNCTION = obj(
    {
        "type!": text(), "name!": TOOL_NAME, "description": opt(text()), "parameters!": opt(mapping(anything)), "strict": opt(flag),
        "async": flag, "defer_loading": flag, "allowed_callers": _CALLERS, "output_schema": opt(mapping(anything)),
    }
)  # fmt: skip
_R_CUSTOM = obj(
    {
        "type!": text(), "name!": TOOL_NAME, "description": text(), "async": flag, "defer_loading": flag, "allowed_callers": _CALLERS,
        "format": tagged(
            "type",
            {"text": obj({"type!": text()}), "grammar": obj({"type!": text(), "definition!": text(), "syntax!": word("lark", "regex")})},
        ),
    }
)  # fmt: skip
_NAMESPACE = obj(
    {
        "type!": text(), "name!": TOOL_NAME, "description!": text(),
        "tools!": each(tagged("type", {"function": _R_FUNCTION, "custom": _R_CUSTOM}), 1),
    }
)  # fmt: skip
_R_TOOL = tagged(
    "type",
    {
        "function": _R_FUNCTION,
        "custom": _R_CUSTOM,
        "namespace": _NAMESPACE,
        **dict.fromkeys(_BUILT_IN_TOOLS, _OPEN_ITEM),
    },
)
_MORE_TOOLS = obj({"type!": text(), "id": opt(text()), "role!": word("developer"), "tools!": each(_R_TOOL)})
_ITEM = tagged(
    "type",
    {**ITEMS, "additional_tools": _MORE_TOOLS, **dict.fromkeys(_BUILT_IN_ITEMS, _OPEN_ITEM)},
    otherwise="message",
)
_R_NAMED = obj({"type!": text(), "name!": text(1)})
_R_CHOICE = either(
    word("none", "auto", "required"),
    tagged(
        "type",
        {
            "function": _R_NAMED,
            "custom": _R_NAMED,
            "allowed_tools": obj(
                {"type!": text(), "mode!": word("auto", "required"), "tools!": each(mapping(anything), 1)}
            ),
            "mcp": obj({"type!": text(), "server_label!": text(), "name": opt(text())}),
            **dict.fromkeys(_BUILT_IN_TOOLS, obj({"type!": text()})),
        },
    ),
)
_R_FORMAT = tagged(
    "type",
    {
        "text": obj({"type!": text()}),
        "json_object": obj({"type!": text()}),
        "json_schema": obj(
            {
                "type!": text(), "name!": text(1, 64, r"^[a-zA-Z0-9_-]+$"), "schema!": mapping(anything), "description": opt(text()),
                "strict": opt(flag),
            }
        ),
    },
)  # fmt: skip
_INCLUDES = (
    "file_search_call.results", "web_search_call.results", "web_search_call.action.sources", "message.input_image.image_url",
    "computer_call_output.output.image_url", "code_interpreter_call.outputs", "reasoning.encrypted_content", "message.output_text.logprobs",
)  # fmt: skip
_SUMMARY = opt(word("auto", "concise", "detailed"))

INPUT_FIELDS: dict[str, Shape] = {
    "model": text(1),
    "input": opt(either(text(), each(_ITEM))),
    "instructions": opt(text()),
    "conversation": opt(either(text(), obj({"id!": text()}))),
    "parallel_tool_calls": opt(flag),
    "previous_response_id": opt(text()),
    "reasoning": opt(
        obj(
            {
                "effort": opt(word(*EFFORTS)), "summary": _SUMMARY, "generate_summary": _SUMMARY,
                "context": opt(word("auto", "current_turn", "all_turns")), "mode": opt(text()),
            }
        )
    ),
    "text": opt(obj({"format": _R_FORMAT, "verbosity": opt(word("low", "medium", "high"))})),
    "tool_choice": _R_CHOICE,
    "tools": opt(each(_R_TOOL, 0, 128)),
    "truncation": opt(word("auto", "disabled")),
}  # fmt: skip

RESPONSES = obj(
    {
        **INPUT_FIELDS,
        "access_programs": mapping(anything),
        "background": opt(flag),
        "background_options": mapping(anything),
        "client_metadata": opt(mapping(text())),  # in no SDK's types; the vendor's own Codex CLI 0.169 sends it
        "context_management": opt(each(mapping(anything))),
        "image": mapping(anything),
        "include": opt(each(word(*_INCLUDES))),
        "max_output_tokens": opt(whole(16)),
        "max_tool_calls": opt(whole(1)),
        "metadata": _METADATA,
        "moderation": opt(mapping(anything)),
        "prompt": opt(obj({"id!": text(), "variables": opt(mapping(anything)), "version": opt(text())})),
        "prompt_cache_key": opt(text()),
        "prompt_cache_options": obj(
            {
                "mode": word("implicit", "explicit"),
                "ttl": word("30m", "12h"),
                "prewarm": flag,
                "comparison_response_id": opt(text()),
            }
        ),
        "prompt_cache_retention": opt(word("in_memory", "24h")),
        "safety_identifier": opt(text(most=128)),
        "service_tier": opt(word(*_TIERS, "ultrafast")),
        "store": opt(flag),
        "stream": opt(flag),
        "stream_options": opt(obj({"include_obfuscation": flag})),
        "temperature": opt(number(0, 2)),
        "top_logprobs": opt(whole(0, 20)),
        "top_p": opt(number(0, 1)),
        "user": text(),
    }
)
COUNT = obj({**INPUT_FIELDS, "personality": nothing})
