"""`generationConfig`: limits, sampling, output format."""

from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.thinking import thinking_config
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Loss, Request
from polyglot_cloud.rows import Destination

MAX_STOPS = 5


def generation_config(request: Request, destination: Destination, losses: list[Loss]) -> Body:
    config: Body = {
        "maxOutputTokens": _maximum(request, destination, losses),
        **_sampling(request, destination, losses),
        **_penalties(request, destination, losses),
        "stopSequences": _stops(request),
        "seed": _seed(request.hints.get("seed"), losses),
        **_logprobs(request),
        **_format(request, destination, losses),
        "thinkingConfig": thinking_config(request.reasoning, destination, losses),
    }
    return {name: value for name, value in config.items() if value is not None}


def _maximum(request: Request, destination: Destination, losses: list[Loss]) -> int | None:
    """Thoughts count towards it at Gemini, as they do at OpenAI."""
    asked, most = request.max_tokens, destination.max_output
    if asked is None or most is None or asked <= most or not destination.quirks.strict_max_output:
        return asked
    losses.append(Loss("/max_tokens", "approximated", f"{destination.model} gives at most {most} tokens"))
    return most


def _sampling(request: Request, destination: Destination, losses: list[Loss]) -> Body:
    sampling, rule = request.sampling, destination.quirks.sampling
    asked: dict[str, Any] = {
        name: value
        for name, value in (("temperature", sampling.temperature), ("top_p", sampling.top_p), ("top_k", sampling.top_k))
        if value is not None
    }
    if not asked:
        return {}
    dropped: list[str] = []
    if rule in {"none", "ignored"} or (rule == "effort_none" and request.reasoning.effort != "none"):
        dropped = list(asked)
    elif rule == "one" and "temperature" in asked and "top_p" in asked:
        dropped = ["top_p"]
    losses += [Loss(f"/{name}", "dropped", f"{destination.model} does not heed it") for name in dropped]
    names = {"temperature": "temperature", "top_p": "topP", "top_k": "topK"}
    return {names[name]: value for name, value in asked.items() if name not in dropped}


def _penalties(request: Request, destination: Destination, losses: list[Loss]) -> Body:
    sampling = request.sampling
    if destination.quirks.penalties:
        return {"presencePenalty": sampling.presence_penalty, "frequencyPenalty": sampling.frequency_penalty}
    asked = {"presence_penalty": sampling.presence_penalty, "frequency_penalty": sampling.frequency_penalty}
    reason = f"{destination.model} does not take it"
    losses += [Loss(f"/{name}", "dropped", reason) for name, value in asked.items() if value is not None]
    return {}


def _stops(request: Request) -> list[str] | None:
    if len(request.stop) > MAX_STOPS:
        raise Unsupported(f"Gemini takes at most {MAX_STOPS} stop sequences, not {len(request.stop)}.", param="stop")
    return list(request.stop) or None


def _seed(seed: int | None, losses: list[Loss]) -> int | None:
    """Gemini's seed has 32 bits, OpenAI's 64."""
    if seed is None or -(2**31) <= seed < 2**31:
        return seed
    losses.append(Loss("/seed", "approximated", "Gemini's seed has 32 bits: the lower 31 are sent"))
    return seed % 2**31


def _logprobs(request: Request) -> Body:
    if request.logprobs is None:
        return {}
    return {"responseLogprobs": True, "logprobs": request.logprobs or None}


def asks_in_words(request: Request, destination: Destination) -> bool:
    """JSON mode that the model cannot be held to, since tools are offered as well."""
    json_mode = request.format is not None and request.format.kind == "json"
    return json_mode and bool(request.tools) and not destination.quirks.schema_with_tools


def _format(request: Request, destination: Destination, losses: list[Loss]) -> Body:
    """JSON is made by constrained decoding, which models before Gemini 3 cannot combine with tools: they are told in words."""
    wanted = request.format
    if wanted is None or wanted.kind == "text":
        return {}
    if asks_in_words(request, destination):
        reason = f"{destination.model} has no JSON mode beside tools: it is asked for in the system instruction"
        losses.append(Loss("/response_format", "emulated", reason))
        return {}
    if request.tools and not destination.quirks.schema_with_tools:
        raise Unsupported(
            f"{destination.model} cannot give JSON output in a request with tools. Leave out one, or take a newer model.",
            param="response_format",
        )
    if wanted.kind == "json":
        return {"responseMimeType": "application/json"}
    if wanted.description:
        losses.append(Loss("/response_format/json_schema/description", "dropped", "Gemini takes the schema only"))
    return {"responseMimeType": "application/json", "responseJsonSchema": wanted.schema}
