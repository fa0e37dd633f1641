"""xAI's chat and Responses requests, by hand: there is no Python SDK of theirs that types the REST bodies.

Facts from xAI's OpenAPI document (xai-org/xai-sdk-ts, spec/openapi.json, read 2026-11-22), and from its pages where these say more:
tiers, file parts, what is gone. Its unions are open there ("type": string); here only the kinds that it documents pass.
"""

from functools import cache

from vendor_schemas.closing import Checker, Schema, checker

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer"}
ANY_OBJECT: Schema = {"type": "object"}
STRICT: Schema = FLAG | {"description": "accepted, and without effect"}
TIER: Schema = {"type": "string"}


def _object(required: str, **members: Schema) -> Schema:
    """A closed object; `required` are the names of its members that must be there."""
    return {"type": "object", "properties": members, "required": required.split(), "additionalProperties": False}


def _kind(name: str) -> Schema:
    return {"enum": [name]}


def _many(items: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": items, **limits}


def _either(*members: Schema) -> Schema:
    return {"anyOf": list(members)}


def _number(least: float, most: float) -> Schema:
    return {"type": "number", "minimum": least, "maximum": most}


_SHARED: dict[str, Schema] = {
    "model": TEXT,
    "parallel_tool_calls": FLAG,
    "prompt_cache_key": TEXT,
    "safety_identifier": TEXT,
    "user": TEXT,
    "service_tier": TIER,
    "stream": FLAG,
    "temperature": _number(0, 2),
    "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    "top_logprobs": COUNT | {"minimum": 0, "maximum": 8},
}

# --- chat ---

_TEXT_PART = _object("type text", type=_kind("text"), text=TEXT)
_PARTS = _many(
    _either(
        _TEXT_PART,
        _object("type image_url", type=_kind("image_url"), image_url=_object("url", url=TEXT, detail=TEXT)),
        _object("type file", type=_kind("file"), file=_object("", file_id=TEXT, url=TEXT) | {"minProperties": 1}),
    )
)
_CONTENT = _either(TEXT, _PARTS)
_CALL = _object(
    "id type function",
    id=TEXT,
    type=_kind("function"),
    index=COUNT,
    function=_object("name arguments", name=TEXT, arguments=TEXT),
)
_MESSAGE = _either(
    _object("role content", role=_kind("system"), content=_CONTENT, name=TEXT),
    _object("role content", role=_kind("user"), content=_CONTENT, name=TEXT),
    _object(
        "role",
        role=_kind("assistant"),
        content=_either(_CONTENT, {"type": "null"}),
        name=TEXT,
        reasoning_content=TEXT,
        tool_calls=_many(_CALL),
    ),
    _object("role content tool_call_id", role=_kind("tool"), content=_CONTENT, tool_call_id=TEXT),
)
_FORMAT = _either(
    _object("type", type=_kind("text")),
    _object("type", type=_kind("json_object")),
    _object(
        "type json_schema",
        type=_kind("json_schema"),
        json_schema=_object("", name=TEXT, description=TEXT, schema=ANY_OBJECT, strict=FLAG),
    ),
)
_NAMED = _object("name", name=TEXT)


@cache
def chat() -> Checker:
    """`POST /chat/completions`. Without what is in the document and answered with 410: `search_parameters`, `web_search_options`."""
    function = _object(
        "name parameters", name=TEXT, description=TEXT, parameters=ANY_OBJECT, strict=STRICT, defer_loading=FLAG
    )
    members: dict[str, Schema] = _SHARED | {
        "messages": _many(_MESSAGE, minItems=1),
        "deferred": FLAG,
        "frequency_penalty": _number(-2, 2),
        "presence_penalty": _number(-2, 2),
        "logprobs": FLAG,
        "max_completion_tokens": COUNT,
        "max_tokens": COUNT,
        "n": COUNT | {"minimum": 1},
        "reasoning_effort": TEXT,
        "response_format": _FORMAT,
        "seed": COUNT,
        "stop": _many(TEXT, maxItems=4),
        "stream_options": _object("include_usage", include_usage=FLAG),
        "tool_choice": _either(
            {"enum": ["auto", "none", "required"]},
            _object("type function", type=_kind("function"), function=_NAMED),
        ),
        "tools": _many(_object("type function", type=_kind("function"), function=function), maxItems=350),
    }
    return checker(_object("model messages", **members))


# --- Responses ---

_INPUT_PARTS = _many(
    _either(
        _object("type text", type=_kind("input_text"), text=TEXT),
        _object(
            "type", type=_kind("input_image"), image_url=TEXT, file_id=TEXT, detail=TEXT
        ) | {"minProperties": 2},
        _object("type", type=_kind("input_file"), file_data=TEXT, file_id=TEXT, file_url=TEXT, filename=TEXT, mime_type=TEXT),
    )
)  # fmt: skip
_OUTPUT_PARTS = _many(
    _either(
        _object("type text", type=_kind("output_text"), text=TEXT, annotations=_many(ANY_OBJECT), logprobs=_many(ANY_OBJECT)),
        _object("type refusal", type=_kind("refusal"), refusal=TEXT),
    )
)  # fmt: skip
_WORDS = _many(_object("type text", type=TEXT, text=TEXT))
_ITEM = _either(
    _object(
        "role content",
        role={"enum": ["user", "system", "developer"]},
        content=_either(TEXT, _INPUT_PARTS),
        name=TEXT,
    ),
    _object(
        "type role content", type=_kind("message"), role=_kind("assistant"), content=_OUTPUT_PARTS, id=TEXT, status=TEXT
    ),
    _object(
        "type call_id name arguments",
        type=_kind("function_call"),
        id=TEXT,
        call_id=TEXT,
        name=TEXT,
        arguments=TEXT,
        status=TEXT,
    ),
    _object(
        "type call_id output",
        type=_kind("function_call_output"),
        call_id=TEXT,
        output=_either(TEXT, _INPUT_PARTS),
    ),
    _object(
        "type summary",
        type=_kind("reasoning"),
        id=TEXT,
        status=TEXT,
        encrypted_content=TEXT,
        summary=_WORDS,
        content=_WORDS,
    ),
    _object("type encrypted_content", type=_kind("compaction"), id=TEXT, encrypted_content=TEXT),
    *(
        {"type": "object", "properties": {"type": _kind(name)}, "required": ["type"], "additionalProperties": True}
        for name in ("web_search_call", "x_search_call", "code_interpreter_call", "mcp_call", "file_search_call")
    ),
)
_FUNCTION = _object(
    "type name parameters strict", type=_kind("function"), name=TEXT, description=TEXT, parameters=ANY_OBJECT, strict=STRICT
)  # fmt: skip
_TEXT_FORMAT = _either(
    _object("type", type=_kind("text")),
    _object("type", type=_kind("json_object")),
    _object("type schema", type=_kind("json_schema"), schema=ANY_OBJECT, name=TEXT, description=TEXT, strict=FLAG),
)


@cache
def responses() -> Checker:
    """`POST /responses`. No `metadata`, `truncation`, `background` or `prompt`, which the pages rule out; `strict` we always say."""
    members: dict[str, Schema] = _SHARED | {
        "input": _either(TEXT, _many(_ITEM, minItems=1)),
        "include": _many(TEXT),
        "instructions": TEXT,
        "logprobs": FLAG,
        "max_output_tokens": COUNT,
        "max_turns": COUNT,
        "min_p": {"type": "number"},
        "previous_response_id": TEXT,
        "reasoning": _object("", effort=TEXT, summary={"enum": ["auto", "concise", "detailed"]}),
        "store": FLAG,
        "text": _object("", format=_TEXT_FORMAT),
        "tool_choice": _either(
            {"enum": ["auto", "none", "required"]}, _object("type name", type=_kind("function"), name=TEXT)
        ),
        "tools": _many(_either(_FUNCTION, _object("type", type=_kind("web_search"))), maxItems=350),
        "top_k": COUNT | {"minimum": 1},
    }
    return checker(_object("model input", **members))
