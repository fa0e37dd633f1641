"""How hard to think: `thinkingLevel` from Gemini 3 on, `thinkingBudget` in tokens before, never both."""

from polyglot_cloud.dialects import Body
from polyglot_cloud.efforts import EFFORTS, nearest
from polyglot_cloud.neutral import Loss, Reasoning
from polyglot_cloud.rows import Destination, Quirks

_LEVELS = ("minimal", "low", "medium", "high", "xhigh")
_COMMON = ("low", "medium", "high")
"""What every model with levels takes: asked of those whose own are not known."""
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 32768}
_POINTER = "/reasoning_effort"


def thinking_config(reasoning: Reasoning, destination: Destination, losses: list[Loss]) -> Body | None:
    """None where nothing was asked, or the model is not known to take it. Thoughts come back where an effort was asked for."""
    if reasoning.effort is None and reasoning.budget is None:
        return {"includeThoughts": True} if reasoning.summary and destination.quirks.thinking else None
    kinds = destination.quirks.thinking
    if kinds is None:
        losses.append(Loss(_POINTER, "dropped", f"{destination.model} is not known to take a thinking setting"))
        return None
    if not kinds:
        if reasoning.effort != "none":
            losses.append(Loss(_POINTER, "dropped", f"{destination.model} does not think"))
        return None
    return _level(reasoning, destination, losses) if "level" in kinds else _budget(reasoning, destination, losses)


def _level(reasoning: Reasoning, destination: Destination, losses: list[Loss]) -> Body:
    asked = reasoning.effort or _effort_for(reasoning.budget or 0)
    level = _nearest(asked, destination.quirks.efforts)
    if level != reasoning.effort:
        losses.append(Loss(_POINTER, "approximated", f"{destination.model} thinks at level {level} here"))
    return {"thinkingLevel": level.upper(), **_shown(reasoning)}


def _shown(reasoning: Reasoning) -> Body:
    """Who asked for no reasoning is shown none, though the model may not be able to leave it."""
    return {} if reasoning.effort == "none" else {"includeThoughts": True}


def _effort_for(budget: int) -> str:
    return next((effort for effort in ("low", "medium") if budget <= _BUDGETS[effort]), "high")


def _nearest(asked: str, efforts: tuple[str, ...] | None) -> str:
    """The nearest level that the model has; thinking at a level cannot be switched off."""
    if asked not in EFFORTS:
        return asked  # a word newer than our ladder: Google judges it
    levels = [level for level in _LEVELS if level in (efforts or _COMMON)] or list(_COMMON)
    return nearest(asked, levels) or levels[0]


def _budget(reasoning: Reasoning, destination: Destination, losses: list[Loss]) -> Body:
    quirks = destination.quirks
    asked = reasoning.budget if reasoning.budget is not None else _tokens(reasoning.effort)
    budget = _clamped(asked, quirks)
    if budget != asked and reasoning.effort != "max":  # which means as much as there is
        losses.append(Loss(_POINTER, "approximated", f"{destination.model} thinks within {budget} tokens here"))
    return {"thinkingBudget": budget, **(_shown(reasoning) if budget else {})}


def _tokens(effort: str | None) -> int:
    return 0 if effort == "none" else _BUDGETS.get(effort or "", _BUDGETS["medium"])


def _clamped(tokens: int, quirks: Quirks) -> int:
    """Between the model's bounds. 0 switches thinking off, where the model can."""
    if tokens == 0 and quirks.budget_zero:
        return 0
    highest = quirks.budget_max if quirks.budget_max is not None else tokens
    return max(min(tokens, highest), quirks.budget_min)
