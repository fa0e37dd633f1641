"""docs/fidelity.md says what each mapping keeps and loses: its tables are held to the code.

Each row of the request table is asked of each dialect's writer, for a current model without quirks of its own. When one differs, the
failure shows the row as it must stand.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from dialects import cases
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Audio, File, Image, Request, Url
from polyglot_cloud.rows import Destination, Quirks

DOCUMENT = Path(__file__).parent.parent / "docs" / "fidelity.md"
COLUMNS = ("openai_chat", "openai_responses", "anthropic", "gemini")
QUIRKS = {
    "anthropic": Quirks(thinking=("adaptive", "disabled"), efforts=("low", "medium", "high")),
    "gemini": Quirks(thinking=("level",), efforts=("low", "medium", "high")),
}
"""How a current model is asked to think; nothing is sent to one of which that is unknown."""
GATEWAY_DOES = {"stop": "emulated", "n": "emulated"}
"""What a writer refuses and the pipeline does itself, before it asks (`Target.emulate`)."""

HELLO: dict[str, Any] = {"role": "user", "content": "Hello. Answer in JSON."}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "data:application/pdf;base64,JVBERi0xLjQKJSVFT0YK"
LOOK = {"name": "look", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}
TOOL = {"type": "function", "function": LOOK}
OTHER = {"type": "function", "function": {**LOOK, "name": "find"}}
CUSTOM = {"type": "custom", "custom": {"name": "free"}}
CLOSED = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def part(kind: str, **value: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Look."}, {"type": kind, kind: value}]}]}


def turns(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def tools(**more: Any) -> dict[str, Any]:
    return {"tools": [TOOL, OTHER], **more}


def forced(**choice: Any) -> dict[str, Any]:
    return tools(tool_choice=choice)


ROWS: dict[str, dict[str, Any]] = {
    "system, developer at the start": turns({"role": "developer", "content": "Be brief."}, HELLO),
    "system, developer later": turns(HELLO, {"role": "assistant", "content": "Hi"}, {"role": "system", "content": "Be brief."}, HELLO),
    "`name` of a speaker": turns({**HELLO, "name": "ann"}),
    "image, base64": part("image_url", url=f"data:image/png;base64,{PNG}"),
    "image, URL": part("image_url", url="https://a.example/a.png"),
    "`detail: low`": part("image_url", url=f"data:image/png;base64,{PNG}", detail="low"),
    "PDF, base64": part("file", file_data=PDF),
    "text file, base64": part("file", file_data="data:text/plain;base64,SGVsbG8="),
    "`filename` of a file": part("file", file_data=PDF, filename="a.pdf"),
    "`file_id`": part("file", file_id="file-1"),
    "audio": part("input_audio", data="UklGRg==", format="wav"),
    "assistant text and tool calls": turns(
        HELLO,
        {"role": "assistant", "content": "Hm", "tool_calls": [CALLED]},
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
        tools=[TOOL],
    ),
    "assistant refusal": turns(HELLO, {"role": "assistant", "refusal": "No."}, HELLO),
    "assistant message last (prefill)": turns(HELLO, {"role": "assistant", "content": "{"}),
    "function tools": tools(),
    "`strict` tools": {"tools": [{"type": "function", "function": {**LOOK, "parameters": CLOSED, "strict": True}}]},
    "custom tools": {"tools": [CUSTOM]},
    "`tool_choice` none, auto": tools(tool_choice="none"),
    "`tool_choice` required": tools(tool_choice="required"),
    "`tool_choice` one function": forced(type="function", function={"name": "look"}),
    "`tool_choice` allowed_tools": forced(
        type="allowed_tools",
        allowed_tools={"mode": "auto", "tools": [{"type": "function", "function": {"name": "look"}}]},
    ),
    "`parallel_tool_calls: false`": tools(parallel_tool_calls=False),
    "`response_format` json_object": {"response_format": {"type": "json_object"}},
    "`response_format` json_schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": CLOSED, "strict": True}}
    },
    "`reasoning_effort`": {"reasoning_effort": "high"},
    "`max_completion_tokens`, `max_tokens`": {"max_completion_tokens": 100},
    "`temperature` to 1": {"temperature": 0.5},
    "`temperature` above 1": {"temperature": 1.5},
    "`top_p`": {"top_p": 0.5},
    "`presence_penalty`, `frequency_penalty`": {"presence_penalty": 0.5},
    "`stop`": {"stop": ["END"]},
    "`n`": {"n": 2},
    "`logprobs`, `top_logprobs`": {"logprobs": True, "top_logprobs": 2},
    "`seed`": {"seed": 7},
    "`logit_bias`": {"logit_bias": {"5": 1}},
    "`user`": {"user": "ann"},
    "`safety_identifier`": {"safety_identifier": "ann"},
    "`metadata`": {"metadata": {"a": "b"}},
    "`service_tier` default": {"service_tier": "default"},
    "`service_tier` flex": {"service_tier": "flex"},
    "`service_tier` priority": {"service_tier": "priority"},
    "`store: true`": {"store": True},
    "`prompt_cache_key`": {"prompt_cache_key": "a"},
    "`verbosity`": {"verbosity": "low"},
    "`prediction`": {"prediction": {"type": "content", "content": "x"}},
    "`modalities` with audio": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
    "`web_search_options`": {"web_search_options": {}},
    "`cache_control` on a part": turns(
        {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}
    ),
}  # fmt: skip


def verdict(members: dict[str, Any], name: str) -> str:
    """carried, approximated, emulated, dropped, refused; fetched where the gateway puts the bytes in a URL's place."""
    chat, target = cases.dialect("openai_chat"), cases.dialect(name)
    assert chat.read_request
    assert target.write_request
    request = chat.read_request({"model": "m", "messages": [HELLO], **members})
    if _is_fetched(request, target):
        return "fetched"
    try:
        written = target.write_request(request, Destination("there", "m", QUIRKS.get(name, Quirks())))
    except Unsupported as error:
        return GATEWAY_DOES.get(error.param or "", "refused")
    kinds = {loss.kind for loss in [*request.losses, *written.losses]}
    if written.stop:
        kinds.add("emulated")
    return next((kind for kind in ("dropped", "emulated", "approximated") if kind in kinds), "carried")


def _is_fetched(request: Request, target: Dialect) -> bool:
    media = [
        block for message in request.messages for block in message.blocks if isinstance(block, Image | File | Audio)
    ]
    return any(isinstance(block.source, Url) and not target.takes_url(block) for block in media)


def table(title: str) -> list[list[str]]:
    """The rows of the first table under this heading, cells trimmed."""
    text = DOCUMENT.read_text("utf-8")
    section = text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_request_table_has_these_rows() -> None:
    head, _, *rows = table("What a request keeps")
    assert head[1:] == [f"`{name}`" for name in COLUMNS]
    assert [row[0] for row in rows] == list(ROWS)


@pytest.mark.parametrize("label", ROWS)
def test_the_request_table_is_true(label: str) -> None:
    told = next(row for row in table("What a request keeps") if row[0] == label)
    found = [verdict(ROWS[label], name) for name in COLUMNS]
    assert told[1:] == found, f"| {' | '.join([label, *found])} |"


def test_every_member_of_chat_is_in_a_row() -> None:
    rows = json.dumps(ROWS)
    elsewhere = {
        "model",
        "messages",
        "stream_options",
        "functions",
        "function_call",
        "moderation",
        "prompt_cache_options",
    }
    elsewhere |= {"prompt_cache_retention", "frequency_penalty", "max_tokens", "stream"}
    absent = [
        name for name in CompletionCreateParamsBase.__annotations__ if f'"{name}"' not in rows and name not in elsewhere
    ]
    assert absent == []


def test_what_the_document_says_of_runs_can_be_repeated() -> None:
    """The commands name a folder beside the checkout, and no path of one machine."""
    text = DOCUMENT.read_text("utf-8")
    assert "../shared/wire/roundtrip.py" in text
    assert not re.search(r"/(?:home|root|work|tmp|Users)/", text)
