"""A request, from the neutral form to the wire. The gateway never lets the provider keep it: `store` is always false."""

from polyglot_cloud.dialects import Body, Written
from polyglot_cloud.dialects.openai_responses.hints import write_hints
from polyglot_cloud.dialects.openai_responses.items import message_item, write_items
from polyglot_cloud.dialects.openai_responses.sampling import (
    write_effort,
    write_logprobs,
    write_reasoning,
    write_sampling,
)
from polyglot_cloud.dialects.openai_responses.tools import demand, is_forced, write_tools
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Format, Loss, Request, Text
from polyglot_cloud.rows import Destination, Quirks

JSON_INSTRUCTION = "Answer with one valid JSON object."
_LEAST_OUTPUT = 16
_OURS = ("store", "include", "stream_options")
"""Members that no client asked for: where a host refuses them, nothing of the client's is lost."""
_NEVER_DROPPED = {"tools": "tools", "tool_choice": "tool_choice", "text": "response_format"}


def write_request(request: Request, destination: Destination) -> Written:
    """Raises Unsupported, with `param` in Chat's words, where a loss would change what was asked."""
    _refuse(request, destination)
    quirks = destination.quirks
    losses: list[Loss] = []
    effort = write_effort(request.reasoning, quirks, losses)
    body: Body = {
        "model": destination.model,
        "input": write_items(request, destination, losses),
        **write_tools(request, quirks, losses),
        **_text(request, quirks),
        **write_reasoning(request.reasoning, effort, quirks),
        **_maximum(request.max_tokens, destination, losses),
        **write_sampling(request, effort, quirks, losses),
        **write_logprobs(request, effort, quirks),
        **write_hints(request, quirks, losses),
        "store": False,
        **_include(request, quirks),
        **_stream(request),
    }
    if is_forced(request) and not quirks.forced_tools:
        body["input"].append(message_item("developer", [{"type": "input_text", "text": demand(request.tool_choice)}]))
    if _lacks_the_word(request):
        body["input"].insert(0, message_item("developer", [{"type": "input_text", "text": JSON_INSTRUCTION}]))
        losses.append(Loss("/response_format", "emulated", "JSON mode wants the word JSON in a message: one was added"))
    accepted = _accepted(body, quirks, losses)
    return Written(accepted, losses=list(dict.fromkeys(losses)))


def _refuse(request: Request, destination: Destination) -> None:
    if request.stop:
        raise Unsupported(f"{destination.model} takes no stop sequences.", param="stop")
    if request.n > 1:
        raise Unsupported(f"{destination.model} gives one choice a request.", param="n")
    if request.messages and request.messages[-1].role == "assistant" and not destination.quirks.prefill:
        raise Unsupported(
            f"{destination.model} does not continue an assistant message; end with a user message.", param="messages"
        )


def _lacks_the_word(request: Request) -> bool:
    """JSON mode is a 400 unless the messages say what is wanted (providers' facts 1.3)."""
    if request.format is None or request.format.kind != "json":
        return False
    blocks = (block for message in [*request.system, *request.messages] for block in message.blocks)
    return not any(isinstance(block, Text) and "json" in block.text.lower() for block in blocks)


def _text(request: Request, quirks: Quirks) -> Body:
    text: Body = {"format": _format(request.format)} if request.format else {}
    verbosity = request.hints.get("verbosity")
    if verbosity is not None and "verbosity" not in quirks.refused:
        text["verbosity"] = verbosity
    return {"text": text} if text else {}


def _format(wanted: Format) -> Body:
    """Flat, where Chat nests it under `json_schema`."""
    if wanted.kind != "schema":
        return {"type": "json_object" if wanted.kind == "json" else "text"}
    told = {"description": wanted.description, "strict": wanted.strict}
    return {
        "type": "json_schema",
        "name": wanted.name or "answer",
        "schema": wanted.schema or {},
        **{name: value for name, value in told.items() if value is not None},
    }


def _maximum(asked: int | None, destination: Destination, losses: list[Loss]) -> Body:
    if asked is None:
        return {}
    limit = destination.max_output if destination.quirks.strict_max_output else None
    given = max(_LEAST_OUTPUT, asked if limit is None else min(asked, limit))
    if given != asked:
        losses.append(
            Loss(
                "/max_completion_tokens",
                "approximated",
                f"{asked} is outside what the model takes; {given} is asked for",
            )
        )
    return {"max_output_tokens": given}


def _include(request: Request, quirks: Quirks) -> Body:
    """Encrypted reasoning, without which nothing of it could go back; a model that never reasons refuses the wish."""
    reasons = quirks.efforts != () or bool(quirks.thinking)
    wanted = ["reasoning.encrypted_content"] if reasons else []
    if request.logprobs is not None:
        wanted.append("message.output_text.logprobs")
    return {"include": wanted} if wanted else {}


def _stream(request: Request) -> Body:
    """Padding against eavesdroppers on the length of pieces is left out: the client would have to carry it."""
    return {"stream": True, "stream_options": {"include_obfuscation": False}} if request.stream else {}


def _accepted(body: Body, quirks: Quirks, losses: list[Loss]) -> Body:
    """The body without the members that this host refuses."""
    if quirks.refused.isdisjoint(body):
        return body
    for name in sorted(quirks.refused & body.keys()):
        if name in _NEVER_DROPPED:
            param = _NEVER_DROPPED[name]
            raise Unsupported(f"{body['model']} cannot be asked with {param}.", param=param)
        if name not in _OURS:
            losses.append(Loss(f"/{name}", "dropped", "this model's provider refuses it"))
    return {name: value for name, value in body.items() if name not in quirks.refused}
