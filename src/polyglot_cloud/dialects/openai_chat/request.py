"""A whole request: Chat's body into the neutral form, and the neutral form into a body for a destination."""

from collections.abc import Callable
from typing import Any

from polyglot_cloud.dialects import Written
from polyglot_cloud.dialects.openai_chat import fields, messages, tools, tuning
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import HINTS, Loss, Request
from polyglot_cloud.rows import Destination

_HINTS = HINTS - {"repeat_penalty"}
_MEMBERS = _HINTS | {
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "response_format",
    "reasoning_effort", "max_tokens", "max_completion_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty",
    "stop", "n", "logprobs", "top_logprobs", "stream", "stream_options",
}  # fmt: skip
"""All top-level members of Chat (openai 3.54.0, CompletionCreateParams, read 2026-11-22)."""

_MEANING = frozenset({
    "tools", "tool_choice", "response_format", "stop", "n", "logprobs", "top_logprobs", "modalities", "audio",
    "web_search_options",
})  # fmt: skip
"""Members whose loss would change what was asked: a host that refuses one is not asked without it."""


def read_request(body: Object) -> Request:
    """Raises BadRequest or Unsupported, with `param`. The body is not changed; large strings are shared with it."""
    for name in body:
        if name not in _MEMBERS:
            raise BadRequest(f"Unrecognized request argument supplied: {name}", param=name, code="unknown_parameter")
    system, turns = messages.read_messages(body)
    declared = tools.read_tools(body)
    stream = fields.boolean(body, "stream") or False
    options = fields.mapping(body, "stream_options") or {}
    return Request(
        model=fields.string(body, "model") or "",
        messages=turns,
        system=system,
        tools=declared,
        tool_choice=tools.read_choice(body, declared),
        max_tokens=tuning.read_max_tokens(body),
        sampling=tuning.read_sampling(body),
        stop=fields.strings(body, "stop", tuning.MAX_STOPS),
        n=fields.integer(body, "n", 1, 128) or 1,
        logprobs=tuning.read_logprobs(body),
        format=tuning.read_format(body),
        reasoning=tuning.read_reasoning(body),
        stream=stream,
        include_usage=stream and bool(fields.boolean(options, "include_usage", "stream_options.")),
        hints={name: _read_hint(body, name) for name in body if name in _HINTS and body[name] is not None},
    )


def _read_hint(body: Object, name: str) -> Any:
    check = _HINT_TYPES.get(name)
    if check is not None:
        check(body, name)
    return body[name]


_HINT_TYPES: dict[str, Callable[[Object, str], Any]] = {
    "seed": fields.integer,
    "user": fields.string,
    "safety_identifier": fields.string,
    "metadata": fields.mapping,
    "service_tier": fields.string,
    "prompt_cache_key": fields.string,
    "prompt_cache_options": fields.mapping,
    "prompt_cache_retention": fields.string,
    "verbosity": lambda body, name: fields.word(body, name, ("low", "medium", "high")),
    "store": fields.boolean,
    "logit_bias": fields.mapping,
    "prediction": fields.mapping,
    "audio": fields.mapping,
    "web_search_options": fields.mapping,
    "moderation": fields.mapping,
    "modalities": fields.words,
}


def write_request(request: Request, destination: Destination) -> Written:
    """A Chat body. Raises Unsupported where the host refuses a member that carries meaning; hints it refuses are losses."""
    quirks = destination.quirks
    losses: list[Loss] = []
    body: Object = {
        "model": destination.model,
        "messages": messages.write_messages(request.system, request.messages, quirks, losses),
        **tools.write_tools(request.tools, request.tool_choice, quirks, losses),
        **tuning.write_limits(request, destination, losses),
        **tuning.write_sampling(request, quirks, losses),
        **tuning.write_format(request.format),
        **tuning.write_effort(request.reasoning, quirks, losses),
        **{name: value for name, value in request.hints.items() if name in _HINTS},
    }
    losses += [
        Loss(f"/{name}", "dropped", "this format has no such setting") for name in sorted(request.hints.keys() - _HINTS)
    ]
    if request.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}  # always: the bill needs it
    for name in sorted(quirks.refused & body.keys()):
        if name in _MEANING and (name, body[name]) != ("modalities", ["text"]):
            raise Unsupported(f"The model '{destination.model}' does not take '{name}'.", param=name)
        losses.append(Loss(f"/{name}", "dropped", "the provider refuses it"))
        del body[name]
    return Written(body, losses=losses)
