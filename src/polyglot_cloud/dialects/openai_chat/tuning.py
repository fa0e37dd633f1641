"""The settings of a call: sampling, limits, reasoning effort; read strictly, written as far as the destination takes them."""

import re
from typing import Any

from polyglot_cloud.dialects.openai_chat import fields
from polyglot_cloud.dialects.openai_chat.fields import Object
from polyglot_cloud.efforts import EFFORTS, nearest
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.neutral import Format, Loss, Reasoning, Request, Sampling
from polyglot_cloud.rows import Destination, Quirks

_BUDGETS = ((1024, "minimal"), (4096, "low"), (16384, "medium"))
"""A thinking budget of at most so many tokens is this effort; a larger one is "high". Our own scale: no vendor published one."""

_SAMPLING = frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty"})
MAX_STOPS = 4
LEAST_TOP_P = 0.001
"""Stands for 0 where that is refused: the likeliest token alone, or nearly so."""
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def read_sampling(body: Object) -> Sampling:
    if _SAMPLING.isdisjoint(body):
        return Sampling()
    return Sampling(
        temperature=fields.number(body, "temperature", 0, 2),
        top_p=fields.number(body, "top_p", 0, 1),
        presence_penalty=fields.number(body, "presence_penalty", -2, 2),
        frequency_penalty=fields.number(body, "frequency_penalty", -2, 2),
    )


def read_max_tokens(body: Object) -> int | None:
    """The newer name wins where both are given."""
    if "max_completion_tokens" not in body and "max_tokens" not in body:
        return None
    newer = fields.integer(body, "max_completion_tokens", least=1)
    older = fields.integer(body, "max_tokens", least=1)
    return newer if newer is not None else older


def read_logprobs(body: Object) -> int | None:
    if "logprobs" not in body and "top_logprobs" not in body:
        return None
    asked, alternatives = fields.boolean(body, "logprobs"), fields.integer(body, "top_logprobs", 0, 20)
    if alternatives is not None and not asked:
        raise BadRequest(
            "Invalid 'top_logprobs': it needs 'logprobs' to be true.", param="top_logprobs", code="invalid_value"
        )
    return (alternatives or 0) if asked else None


def read_reasoning(body: Object) -> Reasoning:
    return Reasoning(effort=fields.word(body, "reasoning_effort", EFFORTS))


def read_format(body: Object) -> Format | None:
    holder = fields.mapping(body, "response_format")
    if holder is None:
        return None
    match fields.word(holder, "type", ("text", "json_object", "json_schema"), "response_format."):
        case "text":
            return Format("text")
        case "json_object":
            return Format("json")
        case "json_schema":
            return _read_schema(fields.needed_mapping(holder, "json_schema", "response_format."))
        case _:
            raise fields.missing("response_format.type")


def _read_schema(holder: Object) -> Format:
    at = "response_format.json_schema."
    name = fields.needed_string(holder, "name", at)
    if not _NAME.fullmatch(name):
        message = f"Invalid '{at}name': {name[:80]!r} does not fit: letters, digits, _ and -, 1 to 64 of them."
        raise BadRequest(message, param=f"{at}name", code="invalid_value")
    return Format(
        "schema",
        name=name,
        schema=fields.mapping(holder, "schema", at),
        strict=fields.boolean(holder, "strict", at),
        description=fields.string(holder, "description", at),
    )


# --- writing ---


def write_limits(request: Request, to: Destination, losses: list[Loss]) -> Object:
    written: Object = {}
    limit = request.max_tokens
    if limit is not None:
        if to.quirks.strict_max_output and to.max_output is not None and limit > to.max_output:
            losses.append(Loss("/max_tokens", "approximated", f"this model gives at most {to.max_output} tokens"))
            limit = to.max_output
        # the newer name is taken by every current model; a host that knows the old one only says so in its row
        older = "max_completion_tokens" in to.quirks.refused
        written["max_tokens" if older else "max_completion_tokens"] = limit
    if request.stop:
        written["stop"] = request.stop  # always a list: xAI refuses a bare string
    if request.n > 1:
        written["n"] = request.n
    if request.logprobs is not None:
        written["logprobs"] = True
        if request.logprobs:
            written["top_logprobs"] = request.logprobs
    return written


def write_sampling(request: Request, quirks: Quirks, losses: list[Loss]) -> Object:
    """Sampling settings the model takes; the others are losses, since they tune an answer and do not change what was asked."""
    wanted = request.sampling
    given: dict[str, Any] = {
        "temperature": wanted.temperature,
        "top_p": wanted.top_p,
        "top_k": wanted.top_k,
        "presence_penalty": wanted.presence_penalty,
        "frequency_penalty": wanted.frequency_penalty,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return {}
    refused = _refused_sampling(request, quirks)
    written = {}
    for name, value in given.items():
        if name in refused:
            losses.append(Loss(f"/{name}", "dropped", refused[name]))
        elif name == "top_p" and value == 0 and "top_p_zero" in quirks.refused:
            losses.append(Loss("/top_p", "approximated", f"this host takes no top_p of 0: {LEAST_TOP_P}"))
            written[name] = LEAST_TOP_P
        else:
            written[name] = value
    return written


def _refused_sampling(request: Request, quirks: Quirks) -> dict[str, str]:
    """What this model does not take, and why."""
    refused = {"top_k": "this format has no such setting"}
    if not quirks.penalties:
        refused |= dict.fromkeys(("presence_penalty", "frequency_penalty"), "this model refuses penalties")
    match quirks.sampling:
        case "none" | "ignored":
            refused |= dict.fromkeys(("temperature", "top_p"), "this model has no such setting")
        case "effort_none" if (request.reasoning.effort or quirks.default_effort) != "none":
            refused |= dict.fromkeys(("temperature", "top_p"), "this model takes it only with reasoning_effort 'none'")
        case "one" if request.sampling.temperature is not None:
            refused["top_p"] = "this model takes temperature or top_p, not both"
        case _:
            pass
    return refused


def write_effort(reasoning: Reasoning, quirks: Quirks, losses: list[Loss]) -> Object:
    if reasoning.summary is not None:
        losses.append(Loss("/reasoning/summary", "dropped", "this format shows no summary of the reasoning"))
    effort = reasoning.effort
    if effort is None and reasoning.budget is not None:
        effort = _effort_of_budget(reasoning.budget)
        losses.append(Loss("/thinking/budget_tokens", "approximated", f"said as reasoning_effort {effort!r}"))
    if effort is None:
        return {}
    if quirks.efforts == ():
        if effort != "none":
            losses.append(Loss("/reasoning_effort", "dropped", "this model has no such setting"))
        return {}
    nearest = nearest_effort(effort, quirks.efforts)
    if nearest != effort:
        losses.append(
            Loss("/reasoning_effort", "approximated", f"this model does not take {effort!r}; sent as {nearest!r}")
        )
    return {"reasoning_effort": nearest}


def _effort_of_budget(budget: int) -> str:
    if budget == 0:
        return "none"
    return next((effort for most, effort in _BUDGETS if budget <= most), "high")


def nearest_effort(effort: str, taken: tuple[str, ...] | None) -> str:
    """The level that comes nearest. A word that is newer than our ladder is the provider's to judge."""
    if taken is None or effort in taken or effort not in EFFORTS:
        return effort
    return nearest(effort, taken) or taken[0]


def write_format(format_: Format | None) -> Object:
    match format_:
        case None:
            return {}
        case Format("text"):
            return {"response_format": {"type": "text"}}
        case Format("json"):
            return {"response_format": {"type": "json_object"}}
        case _:
            members = {
                "name": format_.name or "answer",
                "description": format_.description,
                "schema": format_.schema,
                "strict": format_.strict,
            }
            given = {name: value for name, value in members.items() if value is not None}
            return {"response_format": {"type": "json_schema", "json_schema": given}}
