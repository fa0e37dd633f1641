"""A whole request: Chat's body into the neutral form, and the neutral form into a body for a destination."""

import re
from collections.abc import Callable

from polyglot_cloud.dialects import Written
from polyglot_cloud.dialects.openai_chat import fields, hints, messages, surplus, tools, tuning
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Loss, Request, Text
from polyglot_cloud.rows import Destination

_MEMBERS = hints.NAMES | {
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "response_format",
    "reasoning_effort", "max_tokens", "max_completion_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty",
    "stop", "n", "logprobs", "top_logprobs", "stream", "stream_options",
}  # fmt: skip
"""All top-level members of Chat (openai 3.54.0, CompletionCreateParams, read 2026-11-22)."""

_MAXIMUM = re.compile(r"^(/?)max_(?:completion_|output_)?tokens\b")
_TOOL_CHOICE = re.compile(r"^(/?)tool_choice\b")
_TOOLS = re.compile(r"^(/?)tools\b((?:/\d+|\[\d+\])?)(?:[/.]function\b)?")

_MEANING = frozenset({
    "tools", "tool_choice", "response_format", "stop", "n", "logprobs", "top_logprobs", "modalities", "audio",
    "web_search_options",
})  # fmt: skip
"""Members whose loss would change what was asked: a host that refuses one is not asked without it."""


JSON_INSTRUCTION = "Answer with one valid JSON object."


def read_request(body: Object) -> Request:
    """Raises BadRequest or Unsupported, with `param`. The body is not changed; large strings are shared with it."""
    if not body.keys() <= _MEMBERS:
        raise _unknown(next(name for name in body if name not in _MEMBERS))
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
        hints=hints.read_hints(body),
        losses=surplus.found(body),
        spelled=_spelling(body),
    )


def _unknown(name: str) -> BadRequest:
    return BadRequest(f"Unrecognized request argument supplied: {name}", param=name, code="unknown_parameter")


def _spelling(body: Object) -> Callable[[str], str]:
    """Chat has two names for some things; a writer uses the newer one, or its own format's."""
    maximum = "max_tokens" if body.get("max_completion_tokens") is None else "max_completion_tokens"
    legacy = bool(body.get("functions"))

    def spelled(place: str) -> str:
        if "max_" in place:
            place = _MAXIMUM.sub(rf"\g<1>{maximum}", place)
        if legacy:
            place = _TOOLS.sub(r"\g<1>functions\g<2>", _TOOL_CHOICE.sub(r"\g<1>function_call", place))
        return place

    return spelled


def _lacks_the_word(request: Request) -> bool:
    """JSON mode is a 400 unless the messages say what is wanted (providers' facts 1.3)."""
    if request.format is None or request.format.kind != "json":
        return False
    blocks = (block for message in [*request.system, *request.messages] for block in message.blocks)
    return not any(isinstance(block, Text) and "json" in block.text.lower() for block in blocks)


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
        **{name: value for name, value in request.hints.items() if name in hints.NAMES},
    }
    if _lacks_the_word(request):
        body["messages"].insert(0, {"role": "system", "content": JSON_INSTRUCTION})
        losses.append(Loss("/response_format", "emulated", "JSON mode wants the word JSON in a message: one was added"))
    if not request.hints.keys() <= hints.NAMES:
        losses += [
            Loss(f"/{name}", "dropped", "this format has no such setting")
            for name in sorted(request.hints.keys() - hints.NAMES)
        ]
    if request.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}  # always: the bill needs it
    if "stored_completions" in quirks.refused and (kept := body.pop("store", None)) is not None and kept:
        losses.append(Loss("/store", "dropped", "the provider keeps no completions of this format"))
    for name in () if quirks.refused.isdisjoint(body) else sorted(quirks.refused & body.keys()):
        if name in _MEANING and (name, body[name]) != ("modalities", ["text"]):
            raise Unsupported(f"The model '{destination.model}' does not take '{name}'.", param=name)
        if name != "stream_options":  # ours: the client's wish is the gateway's to fulfil
            losses.append(Loss(f"/{name}", "dropped", "the provider refuses it"))
        del body[name]
    return Written(body, losses=losses)
