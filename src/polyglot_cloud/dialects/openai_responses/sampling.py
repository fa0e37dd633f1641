"""How the model thinks and draws: effort, temperature, log probabilities. Which of them it takes depends on whether it reasons."""

from polyglot_cloud.dialects import Body
from polyglot_cloud.efforts import nearest
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Loss, Reasoning, Request
from polyglot_cloud.rows import Quirks

_ABSENT = ("top_k", "presence_penalty", "frequency_penalty")
_LEAST_TOP_P = 0.001
"""Stands for 0 where that is refused: the likeliest token alone, or nearly so."""
_BUDGETS = ((0, "none"), (4096, "low"), (16384, "medium"))
"""Thinking tokens up to which an effort fits: our own estimate, no vendor states one."""


def write_effort(reasoning: Reasoning, quirks: Quirks, losses: list[Loss]) -> str | None:
    """The effort to ask for: the nearest that the model takes, None where nothing was asked or it has no such setting.

    Upward for minimal and downward for max come by themselves; a model that is asked to think is never told not to.
    """
    asked = reasoning.effort or _effort_of(reasoning.budget, losses)
    if asked is None:
        return None
    if quirks.efforts == ():
        losses.append(Loss("/reasoning_effort", "dropped", "this model has no effort setting"))
        return None
    if quirks.efforts is None or asked in quirks.efforts:
        return asked
    taken = nearest(asked, quirks.efforts) or quirks.efforts[0]
    losses.append(
        Loss("/reasoning_effort", "approximated", f"this model takes no effort {asked!r}; {taken!r} is the nearest")
    )
    return taken


def _effort_of(budget: int | None, losses: list[Loss]) -> str | None:
    if budget is None:
        return None
    effort = next((effort for limit, effort in _BUDGETS if budget <= limit), "high")
    losses.append(
        Loss(
            "/reasoning/budget",
            "approximated",
            f"thinking is not counted here; effort {effort!r} stands for the budget",
        )
    )
    return effort


def write_reasoning(reasoning: Reasoning, effort: str | None, quirks: Quirks) -> Body:
    """The member `reasoning`. A summary is asked for with any effort: it is all that the vendor shows of its reasoning."""
    told: Body = {} if effort is None else {"effort": effort}
    summary = reasoning.summary or ("auto" if effort else None)
    if summary and effort != "none" and quirks.efforts != ():
        told["summary"] = summary
    return {"reasoning": told} if told else {}


def write_sampling(request: Request, effort: str | None, quirks: Quirks, losses: list[Loss]) -> Body:
    """The members `temperature` and `top_p`; penalties and top_k have no place here."""
    sampling = request.sampling
    body: Body = {}
    reason = _refusal(quirks, effort)
    for name in ("temperature", "top_p"):
        if (value := getattr(sampling, name)) is None:
            continue
        if reason is None and not (quirks.sampling == "one" and body):
            if name == "top_p" and value == 0 and "top_p_zero" in quirks.refused:
                losses.append(Loss("/top_p", "approximated", f"this host takes no top_p of 0: {_LEAST_TOP_P}"))
                value = _LEAST_TOP_P
            body[name] = value
        else:
            losses.append(Loss(f"/{name}", "dropped", reason or "this model takes temperature or top_p, not both"))
    absent = [name for name in _ABSENT if getattr(sampling, name) is not None]
    losses += [Loss(f"/{name}", "dropped", "there is no such setting in the Responses format") for name in absent]
    return body


def _refusal(quirks: Quirks, effort: str | None) -> str | None:
    match quirks.sampling:
        case "none":
            return "this model refuses sampling settings"
        case "ignored":
            return "this model ignores sampling settings"
        case "effort_none" if (effort or quirks.default_effort) != "none":
            return "this model refuses sampling settings unless reasoning_effort is none"
        case _:
            return None


def write_logprobs(request: Request, effort: str | None, quirks: Quirks) -> Body:
    """The member `top_logprobs`; `include` asks for them besides. Raises Unsupported where the model gives none."""
    if request.logprobs is None:
        return {}
    reasons = bool(quirks.efforts) and (effort or quirks.default_effort) != "none"
    if reasons or quirks.refused & {"top_logprobs", "include"}:
        raise Unsupported(f"{request.model} gives no log probabilities, or none while it reasons.", param="logprobs")
    return {"top_logprobs": request.logprobs} if request.logprobs else {}
