"""How a Responses request is told to write less, and how its tokens are counted (OpenAI's guide to counting; 2026-11-22)."""

from typing import Any

from polyglot_cloud.dialects import Body, Counter, Lid

CLIENTS = frozenset({"function", "custom", "local_shell", "apply_patch"})
"""Kinds of tools that the client runs, and that are no more than the words in the request."""


def asked(body: Body) -> int | None:
    given = body.get("max_output_tokens")
    return given if type(given) is int else None


def billed(body: Body) -> str | None:
    tools = body.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict) and (kind := str(tool.get("type"))) not in CLIENTS:
            return kind
    return None


def count(body: Any) -> int | None:
    found = body.get("input_tokens") if isinstance(body, dict) else None
    return found if type(found) is int and found > 0 else None


LID = Lid(asked, lambda body: [("max_output_tokens",)], lambda body: 0, lambda body: bool(body.get("tools")), billed)
COUNTER = Counter(
    path=lambda model: "responses/input_tokens",
    counted=frozenset({
        "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text", "truncation",
        "previous_response_id", "conversation",
    }),
    free=frozenset({
        "max_output_tokens", "stream", "stream_options", "store", "metadata", "temperature", "top_p", "top_logprobs", "user",
        "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "service_tier", "include",
        "background", "max_tool_calls",
    }),
    around=lambda model: (b"{", b"}"),
    read=count,
    margin=0,
)  # fmt: skip
"""Told is "the exact count the model will receive" (developers.openai.com, counting tokens)."""
