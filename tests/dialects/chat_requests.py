"""Whole Chat requests for hypothesis: every member of the schema, multi-turn histories with tool loops, our own extensions, odd values.

Most are right, so that they get far; each has a few odd members out of the tables below, and one in ten a broken history. Reasoning state
is sealed with its maker's name (`vendor_schemas.subject.seal`), so that it is known again wherever it went.
"""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from vendor_schemas.subject import seal

Body = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]
Makers = Sequence[tuple[str, str, str]]
"""(provider, model, dialect) of those who may have made the reasoning state in a history."""

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0 not much of a picture").decode()
GIF = base64.b64encode(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;").decode()
WEBP = base64.b64encode(b"RIFF\x10\x00\x00\x00WEBPVP8 ....").decode()
PDF = base64.b64encode(b"%PDF-1.7\n1 0 obj\n").decode()
WAV = base64.b64encode(b"RIFF\x24\x00\x00\x00WAVEfmt ").decode()
NOTE = base64.b64encode("A note, in UTF-8: déjà vu.".encode()).decode()
LATIN = base64.b64encode("déjà vu".encode("latin-1")).decode()

WORDS = (
    "Hello", "What is the weather?", "JSON, please.", "Grüße, мир, 世界", "👩‍👩‍👧 and 🏳️‍🌈", "line\nline\r\n\tend", "a" * 300,
    '{"a": 1}', "[1, 2]", "null", "</tool> {{x}}", "\u202eturned\u202c", "ends in space  ", " \u00a0begins so", "\x00\x1f\x7f",
)  # fmt: skip
BLANKS = ("", " ", "\n\n", "\t", "\u00a0", "\u200b", "\u3000")
_BLANK_SHARE = 6  # one text in so many


def texts() -> st.SearchStrategy[str]:
    return st.integers(0, _BLANK_SHARE).flatmap(
        lambda n: (
            st.sampled_from(BLANKS) if n == 0 else st.sampled_from(WORDS) if n < _BLANK_SHARE else st.text(max_size=20)
        )
    )


def chance(draw: Draw, share: int) -> bool:
    """True one time in `share`; shrinks to False."""
    return bool(draw(st.integers(1, share)) == share)


# --- JSON Schemas ---

SCHEMAS: tuple[Body, ...] = (
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
    {},
    {"type": "object"},
    {"properties": {"a": {"type": ["string", "null"], "default": None}}},
    {"type": "object", "additionalProperties": True},
    {"type": "object", "properties": {}, "additionalProperties": {"type": "integer"}},
    {
        "type": "object",
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "v": {"type": "integer"}}}},
        "properties": {"root": {"$ref": "#/$defs/Node"}},
    },
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "definitions": {"N": {"type": "string", "pattern": "^a+$", "maxLength": 9}},
        "properties": {"n": {"$ref": "#/definitions/N", "description": "beside a reference"}},
    },
    {
        "type": "object",
        "properties": {"x": {"oneOf": [{"type": "number", "minimum": 0}, {"type": "string", "format": "uri"}, {"const": None}]}},
    },
    {
        "type": "object",
        "properties": {
            "kind": {"const": "a"},
            "many": {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
            "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
            "when": {"type": "string", "format": "date-time"},
            "phone": {"type": "string", "format": "phone"},
            "size": {"enum": ["s", "m", 3, None]},
        },
    },
    {"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "object", "properties": {}}]},
    {"allOf": [{"type": "object", "properties": {"a": {}}}, {"required": ["a"]}]},
    {"type": "object", "properties": {"a": True, "b": False}},
    {"type": "object", "properties": {"deep": {"type": "object", "properties": {"er": {"type": "array"}}}}},
    {"type": "array", "items": {"type": "string"}},
    {"type": "string"},
    {"type": "object", "properties": {"items": {"type": "integer"}, "type": {"type": "string"}, "$ref": {"type": "null"}}},
    {"type": "object", "patternProperties": {"^x-": {"type": "string"}}},
    {"type": "object", "properties": {"a": {"not": {"type": "null"}}}, "if": {"required": ["a"]}, "then": {}},
)  # fmt: skip


def schemas() -> st.SearchStrategy[Body]:
    return st.sampled_from(SCHEMAS)


# --- parts ---


def _data_url(media_type: str, data: str) -> str:
    return f"data:{media_type};base64,{data}"


IMAGES: tuple[Body, ...] = (
    {"url": _data_url("image/png", PNG)},
    {"url": _data_url("image/png", PNG), "detail": "low"},
    {"url": _data_url("image/jpeg", JPEG), "detail": "auto"},
    {"url": _data_url("image/jpeg", PNG), "detail": "high"},
    {"url": _data_url("IMAGE/JPG", JPEG)},
    {"url": _data_url("image/webp;charset=utf-8", WEBP)},
    {"url": _data_url("image/gif", GIF)},
    {"url": f"data:;base64,{PNG}"},
    {"url": f"data:image/png;base64,{PNG[:40]}\n {PNG[40:]}"},
    {"url": f"data:image/png;base64,{PNG.rstrip('=').replace('+', '-').replace('/', '_')}"},
    {"url": "https://example.com/a.png"},
    {"url": "http://example.com/a.jpg", "detail": "original"},
    {"url": _data_url("image/tiff", base64.b64encode(b"II*\x00....").decode())},
    {"url": "data:image/png;base64,"},
    {"url": "data:image/png;base64,!!!!"},
    {"url": "file-abc123"},
    {"url": ""},
)
FILES: tuple[Body, ...] = (
    {"file_data": _data_url("application/pdf", PDF), "filename": "a.pdf"},
    {"file_data": _data_url("application/pdf", PDF)},
    {"file_data": PDF, "filename": "a.pdf"},
    {"file_data": _data_url("text/plain", NOTE), "filename": "note.txt"},
    {"file_data": _data_url("text/markdown", NOTE), "filename": "note.md"},
    {"file_data": f"data:text/plain,{'plain%20text'}"},
    {"file_data": _data_url("application/json", NOTE)},
    {"file_data": _data_url("text/plain", LATIN)},
    {"file_data": _data_url("application/zip", base64.b64encode(b"PK\x03\x04").decode()), "filename": "a.zip"},
    {"file_data": _data_url("application/pdf", ""), "filename": "empty.pdf"},
    {"file_data": _data_url("text/plain", ""), "filename": ""},
    {"file_id": "file-abc123"},
    {"file_id": "https://generativelanguage.googleapis.com/v1beta/files/abc"},
    {"file_id": "file-abc123", "filename": "known.pdf"},
    {"filename": "alone.pdf"},
)
AUDIO: tuple[Body, ...] = (
    {"data": WAV, "format": "wav"},
    {"data": WAV, "format": "mp3"},
    {"data": "", "format": "wav"},
)
MARKS: tuple[Body, ...] = (
    {"cache_control": {"type": "ephemeral"}},
    {"cache_control": {"type": "ephemeral", "ttl": "1h"}},
    {"cache_control": {"type": "ephemeral", "ttl": "5m"}},
    {"prompt_cache_breakpoint": {"mode": "explicit"}},
    {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}},
    {"cache_control": {"type": "ephemeral", "ttl": "7d"}},
)
STRANGE: tuple[Body, ...] = ({"extra": 1}, {"annotations": []}, {"name": "Ada"}, {"index": 0}, {"x-y": {"z": None}})


def marked(draw: Draw, part: Body) -> Body:
    return part | draw(st.sampled_from(MARKS)) if chance(draw, 8) else part


def text_part(draw: Draw) -> Body:
    return marked(draw, {"type": "text", "text": draw(texts())})


def user_part(draw: Draw, odd: set[str]) -> Body:
    kinds = ["text", "text", *(kind for kind in ("image_url", "file", "input_audio") if kind in odd)]
    match draw(st.sampled_from(kinds)):
        case "image_url":
            return marked(draw, {"type": "image_url", "image_url": draw(st.sampled_from(IMAGES))})
        case "file":
            return marked(draw, {"type": "file", "file": draw(st.sampled_from(FILES))})
        case "input_audio":
            return {"type": "input_audio", "input_audio": draw(st.sampled_from(AUDIO))}
        case _:
            return text_part(draw)


def content(draw: Draw, part: Callable[[Draw], Body]) -> Any:
    """A string, or parts."""
    if chance(draw, 2):
        return draw(texts())
    return [part(draw) for _ in range(draw(st.sampled_from((1, 1, 2, 3, 0))))]


# --- messages ---

NAMES = ("get_weather", "search", "f", "a-b_C9")
ODD_NAMES = ("1st", "naïve", "a.b", "x" * 65, "x" * 129, "with space", "")
IDS = ("call_1", "toolu_01A", "call_0123456789abcdef01234567")
ODD_IDS = ("", "a b", "é", "x" * 70, "call:1", "functions.f:0")
ARGUMENTS = (
    '{"city":"Oslo"}',
    "{}",
    "",
    '{"a":1.0,"b":[1,2,{"c":null}],"ü":"☃"}',
    '{"n":12345678901234567890}',
    " {} ",
)
ODD_ARGUMENTS = ("[1]", "null", '"text"', "{", "NaN", '{"a":1}{')


def _name(draw: Draw) -> str:
    return str(draw(st.sampled_from(ODD_NAMES if chance(draw, 25) else NAMES)))


def _id(draw: Draw, number: int) -> str:
    return f"{draw(st.sampled_from(ODD_IDS if chance(draw, 10) else IDS))}{number or ''}"


def _tool_call(draw: Draw, number: int, odd: set[str]) -> Body:
    id_, name = _id(draw, number), _name(draw)
    if "custom" in odd and chance(draw, 3):
        return {"id": id_, "type": "custom", "custom": {"name": name, "input": draw(texts())}}
    arguments = draw(st.sampled_from(ODD_ARGUMENTS if chance(draw, 25) else ARGUMENTS))
    return marked(draw, {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}})


def _result(draw: Draw, id_: str, odd: set[str]) -> Body:
    def part(draw: Draw) -> Body:
        return user_part(draw, odd & {"image_url", "file"})

    return marked(draw, {"role": "tool", "tool_call_id": id_, "content": content(draw, part)})


def _assistant(draw: Draw, calls: list[Body], makers: Makers) -> Body:
    message: Body = {"role": "assistant"}
    if not calls or chance(draw, 2):
        message["content"] = draw(st.none() | texts()) if chance(draw, 2) else [text_part(draw)]
    if calls:
        message["tool_calls"] = calls
    elif chance(draw, 8):
        message["refusal"] = draw(texts())
    elif chance(draw, 12):
        message["content"] = [{"type": "refusal", "refusal": draw(texts())}, text_part(draw)]
    if chance(draw, 4):
        message["reasoning_content"] = draw(texts())
    if makers and chance(draw, 2):
        message["reasoning_details"] = _details(draw, message, draw(st.sampled_from(makers)))
    if chance(draw, 10):
        message |= {"annotations": [], "audio": None, "function_call": None, "refusal": None} | message
    return message


def _tool_loop(draw: Draw, odd: set[str], makers: Makers) -> list[Body]:
    calls = [_tool_call(draw, at, odd) for at in range(draw(st.sampled_from((1, 1, 2, 3))))]
    results = [_result(draw, call["id"], odd) for call in calls]
    if chance(draw, 3):
        results.reverse()
    return [_assistant(draw, calls, makers), *results]


def _legacy_loop(draw: Draw) -> list[Body]:
    name = _name(draw)
    call = {"name": name, "arguments": draw(st.sampled_from(ARGUMENTS))}
    return [
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": name, "content": draw(texts() | st.none())},
    ]


def _leader(draw: Draw) -> Body:
    return {"role": draw(st.sampled_from(("system", "developer"))), "content": content(draw, text_part)}


def _user(draw: Draw, odd: set[str]) -> Body:
    message: Body = {"role": "user", "content": content(draw, lambda draw: user_part(draw, odd))}
    return marked(draw, message | ({"name": "Ada"} if chance(draw, 12) else {}))


def messages(draw: Draw, odd: set[str], makers: Makers) -> list[Body]:
    found: list[Body] = [_leader(draw) for _ in range(draw(st.sampled_from((0, 1, 0, 2))))]
    found.append(_user(draw, odd))
    for _ in range(draw(st.sampled_from((0, 1, 2, 4)))):
        match draw(
            st.sampled_from(("loop", "said", "asked", "loop", "leader", "legacy" if "legacy" in odd else "loop"))
        ):
            case "loop":
                found += _tool_loop(draw, odd, makers)
            case "said":
                found += [_assistant(draw, [], makers), _user(draw, odd)]
            case "asked":
                found.append(_user(draw, odd))
            case "leader":
                found.append(_leader(draw))
            case _:
                found += _legacy_loop(draw)
    if "prefill" in odd:
        found.append(_assistant(draw, [], makers))
    if "broken" in odd:
        _break(draw, found)
    return [message | draw(st.sampled_from(STRANGE)) if chance(draw, 20) else message for message in found]


def _break(draw: Draw, found: list[Body]) -> None:
    """One thing that is wrong with the history."""
    at = draw(st.integers(0, len(found) - 1))
    match draw(st.sampled_from(("orphan", "lose", "twice", "role", "shape", "swap", "call"))):
        case "orphan":
            found.insert(at, {"role": "tool", "tool_call_id": "call_nobody", "content": "x"})
        case "lose":
            del found[at]
        case "twice":
            found.insert(at, found[at])
        case "role":
            found[at] = found[at] | {"role": draw(st.sampled_from(("wizard", "model", "Assistant", None, 1)))}
        case "shape":
            found[at] = found[at] | {"content": draw(st.sampled_from((1, {}, [1], [{"type": "video"}], [{}], None)))}
        case "swap":
            found[at], found[0] = found[0], found[at]
        case _:
            found.append({"role": "assistant", "tool_calls": [_tool_call(draw, 9, set())]})


# --- reasoning state, as our own answers hand it out ---


def _details(draw: Draw, message: Body, maker: tuple[str, str, str]) -> Any:
    provider, model, dialect = maker
    if chance(draw, 25):
        return draw(
            st.sampled_from(
                ([], {}, [1], [{"type": "thinking"}], [{"type": "reasoning.text", "text": "another gateway's"}])
            )
        )
    thought = draw(texts())
    head = {"provider": provider, "model": model}
    state = _STATES[dialect](draw, thought, seal(provider, model))
    entries: list[Body] = [{"type": "thinking", "index": 0, **head, "data": state, "text": thought}]
    said = message.get("content")
    if dialect == "gemini":
        entries = entries[: draw(st.integers(0, 1))]
        if isinstance(said, str) and chance(draw, 2):
            raw = {"text": said, "thoughtSignature": seal(provider, model, 1)}
            entries.append({"type": "text", "index": 1, **head, "data": raw, "offset": 0, "length": len(said)})
        entries += [
            {
                "type": "tool_call",
                "index": 2 + at,
                **head,
                "id": call["id"],
                "data": _gemini_call(draw, call, seal(provider, model, at)),
            }
            for at, call in enumerate(message.get("tool_calls", ()))
            if call["type"] == "function" and (at == 0 or chance(draw, 3))
        ]
    if chance(draw, 8) and entries:
        entries.append(
            {"type": "opaque", "index": 9, **head, "dialect": dialect, "state": {}, "data": _OPAQUE[dialect]}
        )
    if chance(draw, 10) and entries:
        entries[0] = entries[0] | draw(st.sampled_from(_GARBLED))
    return entries


_GARBLED: tuple[Body, ...] = (
    {"data": {}}, {"data": {"type": "thinking"}}, {"data": {"type": "reasoning", "encrypted_content": 1}}, {"data": "text"},
    {"data": {"text": 1}}, {"index": 7}, {"index": -1}, {"text": None}, {"data": {"functionCall": {}}}, {"provider": 1},
    {"data": {"type": "redacted_thinking", "data": None}}, {"data": {"type": "thinking", "thinking": "x", "signature": "y", "z": 1}},
    {"data": {"type": "reasoning", "encrypted_content": "x", "content": "y"}},
)  # fmt: skip


def _anthropic_state(draw: Draw, text: str, sealed: str) -> Body:
    if chance(draw, 4):
        return {"type": "redacted_thinking", "data": sealed}
    return {"type": "thinking", "thinking": text, "signature": sealed}


def _gemini_state(draw: Draw, text: str, sealed: str) -> Body:
    return {"text": text, "thought": True, "thoughtSignature": sealed}


def _responses_state(draw: Draw, text: str, sealed: str) -> Body:
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": sealed}


def _gemini_call(draw: Draw, call: Body, sealed: str) -> Body:
    try:
        arguments = json.loads(call["function"]["arguments"] or "{}")
    except ValueError:
        arguments = {}
    given = {"id": "gemini-1"} if chance(draw, 3) else {}
    return {"functionCall": {**given, "name": call["function"]["name"], "args": arguments}, "thoughtSignature": sealed}


_STATES: dict[str, Callable[[Draw, str, str], Body]] = {
    "anthropic": _anthropic_state,
    "gemini": _gemini_state,
    "openai_responses": _responses_state,
    "openai_chat": _responses_state,
}
_OPAQUE: dict[str, Body] = {
    "anthropic": {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
    "gemini": {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
    "openai_responses": {
        "type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x", "queries": ["x"]},
    },
    "openai_chat": {"type": "unheard_of"},
}  # fmt: skip


def stateful_loop(maker: tuple[str, str, str]) -> list[Body]:
    """A question, a call with its maker's state, and the result."""
    provider, model, dialect = maker
    sealed, head = seal(provider, model), {"index": 0, "provider": provider, "model": model}
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    states: dict[str, Body] = {
        "anthropic": {"type": "thinking", "thinking": "Hm.", "signature": sealed},
        "gemini": {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": sealed},
    }
    state = states.get(dialect, {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed})
    place = {"type": "tool_call", "id": "call_1"} if dialect == "gemini" else {"type": "thinking", "text": "Hm."}
    details = [{**place, **head, "data": state}]
    return [
        {"role": "user", "content": "What is the weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_details": details},
        {"role": "tool", "tool_call_id": "call_1", "content": "18 degrees"},
    ]


# --- tools and their choice ---


def tools(draw: Draw, odd: set[str]) -> Body:
    """`tools` with `tool_choice` and `parallel_tool_calls`, or the deprecated members."""
    names = [_name(draw) for _ in range(draw(st.sampled_from((1, 2, 4))))]
    if not chance(draw, 20):
        names = list(dict.fromkeys(names))
    declared = [_tool(draw, name, odd) for name in names]
    if "legacy" in odd:
        legacy = [tool["function"] for tool in declared if tool["type"] == "function"]
        choice = draw(st.sampled_from(("auto", "none", {"name": names[0]}, None)))
        return {"functions": legacy} | ({"function_call": choice} if choice and legacy else {})
    found: Body = {"tools": declared}
    if chance(draw, 2):
        found["tool_choice"] = _choice(draw, declared)
    if chance(draw, 3):
        found["parallel_tool_calls"] = draw(st.booleans() | st.none())
    return found


def _tool(draw: Draw, name: str, odd: set[str]) -> Body:
    if "custom" in odd and chance(draw, 3):
        grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a+/"}}
        return {"type": "custom", "custom": {"name": name} | ({"format": grammar} if chance(draw, 2) else {})}
    function: Body = {"name": name}
    if not chance(draw, 6):
        function["parameters"] = draw(schemas())
    if chance(draw, 2):
        function["description"] = draw(texts())
    if chance(draw, 3):
        function["strict"] = draw(st.booleans() | st.none())
    return marked(draw, {"type": "function", "function": function})


def _reference(tool: Body) -> Body:
    kind = tool["type"]
    return {"type": kind, kind: {"name": tool[kind]["name"]}}


def _choice(draw: Draw, declared: list[Body]) -> Any:
    named = _reference(draw(st.sampled_from(declared)))
    allowed = [_reference(tool) for tool in declared[: draw(st.integers(1, len(declared)))]]
    return draw(
        st.sampled_from(
            (
                "auto",
                "none",
                "required",
                named,
                named,
                {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": allowed}},
                {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": allowed}},
                {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
                {"type": "function", "function": {"name": "nobody"}},
                None,
            )
        )
    )


# --- everything else ---

NUMBERS = (0, 0.0, 1, 1.0, 0.7, 2, 2.0, 1e-9, 1.999999, -1, 2.1, None)
MEMBERS: dict[str, tuple[Any, ...]] = {
    "temperature": NUMBERS,
    "top_p": (0, 1, 0.95, 1e-9, 1.0, 0.1, None),
    "presence_penalty": (0, -2, 2, 0.5, None),
    "frequency_penalty": (0, -2.0, 2, 0.5, 3),
    "max_tokens": (1, 15, 16, 1024, 1025, 4096, 200_000, 10**9, None, 0),
    "max_completion_tokens": (1, 15, 16, 1024, 1025, 4096, 64_000, 10**9, 2**63, None),
    "stop": ("END", ["a", "b"], [" "], ["\n\n", "x"], ["1", "2", "3", "4"], [], "", "\n", ["1", "2", "3", "4", "5"], [""], None),
    "n": (1, 1, 2, 128, None, 0),
    "seed": (0, 42, -1, 2**31, -(2**31) - 1, 2**63 - 1, None),
    "logprobs": (True, False, None),
    "reasoning_effort": ("none", "minimal", "low", "medium", "high", "xhigh", "max", "high", "medium", "huge", None),
    "user": ("ada@example.com", "", "u-1", "x" * 600, None),
    "safety_identifier": ("s-1", "", "x" * 200, None),
    "metadata": ({}, {"a": "b"}, {"k" * 65: "v"}, {"a": 1}, {str(n): "" for n in range(17)}, None),
    "service_tier": ("auto", "default", "flex", "priority", "scale", "fast", "banana", None),
    "prompt_cache_key": ("key", "", "x" * 200, None),
    "prompt_cache_options": ({"mode": "implicit"}, {"mode": "explicit", "ttl": "30m"}, {}, {"mode": "odd"}, {"x": 1}, None),
    "prompt_cache_retention": ("24h", "in_memory", "in-memory", "forever", None),
    "verbosity": ("low", "medium", "high", None, "loud"),
    "store": (True, False, None),
    "logit_bias": ({}, {"50256": -100}, {"1": 5.5}, {"a": "b"}, None),
    "prediction": (
        {"type": "content", "content": "x"}, {"type": "content", "content": [{"type": "text", "text": "x"}]}, {"type": "odd"}, None,
    ),
    "modalities": (["text"], ["text", "audio"], [], ["audio"], ["smell"], None),
    "audio": ({"voice": "alloy", "format": "wav"}, {"format": "wav"}, {}, None),
    "web_search_options": (
        {}, {"search_context_size": "low"},
        {"user_location": {"type": "approximate", "approximate": {"city": "Oslo", "country": "NO"}}},
        {"search_context_size": "vast"}, {"user_location": {"type": "approximate"}}, None,
    ),
    "moderation": ({"model": "omni-moderation-latest"}, {}, {"x": 1}, None),
    "response_format": (
        {"type": "text"}, {"type": "json_object"}, {"type": "json_object"}, {"type": "yaml"}, None,
        {"type": "json_schema", "json_schema": {"name": "answer"}},
    ),
    "stream_options": ({"include_usage": True}, {"include_usage": False}, {}, {"include_obfuscation": False}, None),
    "top_logprobs": (0, 1, 8, 20, 21),
    "unheard_of": (1, None),
}  # fmt: skip
"""Odd and ordinary values of each member, one list for all models; the right ones come first, to which examples shrink."""

ODDITIES = (
    "marks",
    "marks",
    "image_url",
    "file",
    "input_audio",
    "custom",
    "legacy",
    "prefill",
    "broken",
    *MEMBERS,
    "schema",
    "schema",
    "tools",
    "tools",
)
COMMON = ("tools", "image_url", "schema", "reasoning_effort", "max_tokens", "max_completion_tokens", "file")


@st.composite
def chat_requests(draw: Draw, model: str, makers: Makers) -> Body:
    """A request to `model`."""
    odd = {*draw(st.lists(st.sampled_from(ODDITIES), max_size=3)), *draw(st.lists(st.sampled_from(COMMON), max_size=2))}
    body: Body = {"model": model, "messages": messages(draw, odd, makers)}
    if "tools" in odd or "custom" in odd or "legacy" in odd:
        body |= tools(draw, odd)
    for name in sorted(odd & MEMBERS.keys()):
        body[name] = draw(st.sampled_from(MEMBERS[name]))
    if "schema" in odd:
        body["response_format"] = {"type": "json_schema", "json_schema": _named_schema(draw)}
    if chance(draw, 3):
        body["stream"] = True
    if "marks" in odd:
        _mark_everything(draw, body)
    return body


def _mark_everything(draw: Draw, body: Body) -> None:
    """More cache marks than any vendor takes."""
    for message in body["messages"]:
        parts = message.get("content")
        for part in parts if isinstance(parts, list) else [message]:
            if isinstance(part, dict):
                part.update(draw(st.sampled_from(MARKS)))


def _named_schema(draw: Draw) -> Body:
    found: Body = {
        "name": draw(st.sampled_from(("answer", "my-Schema_1", "with space", "x" * 65, "")))
        if chance(draw, 8)
        else "answer"
    }
    found["schema"] = draw(schemas())
    if chance(draw, 3):
        found["strict"] = draw(st.booleans() | st.none())
    if chance(draw, 4):
        found["description"] = draw(texts())
    return found
