"""Neutral request -> Messages body (facts 2.2 and 2.4 of 2026-11-22; the traps named in the tests)."""

from polyglot_cloud.dialects import Afterwards, Body, Written
from polyglot_cloud.dialects.anthropic import cache, schema
from polyglot_cloud.dialects.anthropic.blocks import write_blocks
from polyglot_cloud.dialects.anthropic.draft import Draft
from polyglot_cloud.dialects.anthropic.hints import write_hints
from polyglot_cloud.dialects.anthropic.reasoning import Plan, plan
from polyglot_cloud.dialects.anthropic.sampling import version, write_sampling
from polyglot_cloud.dialects.anthropic.tools import write_tools
from polyglot_cloud.dialects.anthropic.turns import tools_used, write_turns
from polyglot_cloud.errors import BadRequest, Unsupported
from polyglot_cloud.neutral import Request
from polyglot_cloud.rows import Destination
from polyglot_cloud.wire import encode

DEFAULT_MAX_TOKENS = 8192
"""Anthropic wants `max_tokens` in every request. For a model whose maximum nobody knows: what every Claude since 3.5 can write."""
JSON_INSTRUCTION = "Answer with one valid JSON object and nothing else: no prose around it, no code fence."
SCHEMA_INSTRUCTION = (
    "Answer with JSON that fits this JSON Schema and nothing else: no prose around it, no code fence.\n"
)
_CLIENT_NAMES = {"stop_sequences": "stop", "metadata": "user", "thinking": "reasoning_effort", "system": "messages"}


def write_request(request: Request, destination: Destination) -> Written:
    """The body for `POST messages`. Raises BadRequest, or Unsupported where a loss would change what the request means."""
    draft = Draft(request, destination)
    _refuse_impossible(request)
    messages = write_turns(draft)
    max_tokens = _max_tokens(draft)
    thought = plan(draft, messages, max_tokens)
    forcible = destination.quirks.forced_tools and not thought.budgeted
    tools = write_tools(draft, [] if request.tools else tools_used(messages), forcible=forcible)
    output = _output_config(draft, thought)
    body: Body = {
        "model": destination.model,
        "max_tokens": max_tokens,
        **_system(draft),
        "messages": messages,
        **tools,
    }
    if thought.thinking:
        body["thinking"] = thought.thinking
    body |= output
    body |= _stop(request)
    body |= write_sampling(draft, thinks=thought.thinks)
    body |= write_hints(draft)
    if request.stream:
        body["stream"] = True
    _remove_refused(draft, body)
    cache.settle(draft, body)
    return Written(
        body,
        {"anthropic-version": version(body)},
        draft.losses,
        afterwards=_afterwards(request),
        stop=_blank_stops(draft),
    )


def _refuse_impossible(request: Request) -> None:
    if request.n > 1:
        raise Unsupported("Anthropic gives one answer a request; leave n out.", param="n")
    if request.logprobs is not None:
        raise Unsupported("Anthropic gives no log probabilities; leave logprobs out.", param="logprobs")


def _max_tokens(draft: Draft) -> int:
    most, wanted = draft.destination.max_output, draft.request.max_tokens
    if wanted is None:
        return most or DEFAULT_MAX_TOKENS
    if most is None or wanted <= most:
        return wanted
    draft.lose("/max_tokens", "approximated", f"this model writes at most {most} tokens")
    return most


def _system(draft: Draft) -> Body:
    """The leading system messages, then our own sentences: at the end, where they leave the cached prefix alone."""
    blocks: list[Body] = []
    for at, message in enumerate(draft.request.system):
        blocks += write_blocks(draft, message, at)
    blocks += [{"type": "text", "text": sentence} for sentence in draft.instructions]
    return {"system": blocks} if blocks else {}


def _output_config(draft: Draft, thought: Plan) -> Body:
    config: Body = {"effort": thought.effort} if thought.effort else {}
    wanted = draft.request.format
    if wanted is not None and wanted.kind == "json":
        draft.instructions.append(JSON_INSTRUCTION)
        draft.lose("/response_format", "emulated", "Anthropic has no JSON mode: it is asked for in the system prompt")
    if wanted is not None and wanted.kind == "schema":
        fitted = _schema(draft, wanted.schema, wanted.description, strict=bool(wanted.strict))
        config |= {"format": {"type": "json_schema", "schema": fitted}} if fitted else {}
    return {"output_config": config} if config else {}


def _schema(draft: Draft, wanted: Body | None, description: str | None, *, strict: bool) -> Body | None:
    """The schema within what Anthropic enforces. None where it cannot be said there and a promise is all that was asked for."""
    if wanted is None:
        raise BadRequest("response_format of type json_schema needs a schema.", param="response_format")
    if description and "description" not in wanted:
        wanted = {**wanted, "description": description}
    try:
        fitted = schema.fit(wanted)
    except schema.Inexpressible as error:
        if not strict:
            draft.instructions.append(SCHEMA_INSTRUCTION + encode(wanted).decode())
            reason = f"Anthropic cannot enforce this schema ({error}): it is asked for in the system prompt"
            draft.lose("/response_format", "emulated", reason)
            return None
        message = f"Anthropic cannot enforce this response_format: {error}. Say what is allowed there."
        raise Unsupported(message, param="response_format") from None
    if fitted.loss:
        draft.lose("/response_format", "approximated", fitted.loss)
    return fitted.schema


def _stop(request: Request) -> Body:
    kept = [word for word in request.stop if word.strip()]
    return {"stop_sequences": kept} if kept else {}


def _blank_stops(draft: Draft) -> list[str]:
    blank = [word for word in draft.request.stop if not word.strip()]
    if blank:
        draft.lose(
            "/stop",
            "emulated",
            "Anthropic refuses a stop sequence of white space only: the gateway ends the answer there",
        )
    return blank


def _afterwards(request: Request) -> set[Afterwards]:
    return {"json_object"} if request.format is not None and request.format.kind == "json" else set()


def _remove_refused(draft: Draft, body: Body) -> None:
    refused = draft.quirks.refused
    if refused.isdisjoint(body):
        return
    for name in sorted(refused & body.keys()):
        del body[name]
        draft.lose(f"/{_CLIENT_NAMES.get(name, name)}", "dropped", f"this host does not take {name}")
