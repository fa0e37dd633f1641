"""Reasoning effort on Anthropic's two scales: the `thinking` field and `output_config.effort` (facts 2.2, 2.4; traps 23, 24)."""

from dataclasses import dataclass

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic.draft import Draft
from polyglot_cloud.dialects.anthropic.tools import forced
from polyglot_cloud.dialects.anthropic.turns import is_prefill, lost_thinking
from polyglot_cloud.efforts import EFFORTS, nearest
from polyglot_cloud.errors import BadRequest

BUDGETS = {"minimal": 1024, "low": 2048, "medium": 4096, "high": 8192, "xhigh": 16384}
LEAST_BUDGET = 1024
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_POINTER = "/reasoning_effort"


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes into the body; None leaves a field out."""

    thinking: Body | None = None
    effort: str | None = None

    @property
    def budgeted(self) -> bool:
        return self.thinking is not None and self.thinking["type"] == "enabled"

    @property
    def thinks(self) -> bool:
        return self.thinking is not None and self.thinking["type"] != "disabled"


_UNASKED = Plan()


def plan(draft: Draft, messages: list[Body], max_tokens: int) -> Plan:
    """How much the model thinks: as asked, or the nearest that it and this request allow, told as a loss."""
    asked, modes = draft.request.reasoning, draft.quirks.thinking
    if asked.effort is None and asked.budget is None:
        _forget_summary(draft)
        return _UNASKED
    if asked.effort not in {None, *EFFORTS}:
        message = f"reasoning_effort must be one of {', '.join(EFFORTS)}, not {asked.effort!r}."
        raise BadRequest(message, param="reasoning_effort")
    if asked.effort == "none" or asked.budget == 0:
        return _off(draft)
    counted = modes is not None and "enabled" in modes and ("adaptive" not in modes or asked.budget is not None)
    if counted:
        return Plan(_enabled(draft, messages, max_tokens), _effort(draft) if draft.quirks.efforts else None)
    return Plan(_adaptive(draft), _effort(draft))


def _forget_summary(draft: Draft) -> None:
    if draft.request.reasoning.summary not in {None, "none"}:
        draft.lose("/reasoning/summary", "dropped", "Anthropic shows thinking only where an effort is asked for")


def _off(draft: Draft) -> Plan:
    modes, efforts = draft.quirks.thinking, draft.quirks.efforts
    if modes is not None and "disabled" in modes:
        return Plan({"type": "disabled"})
    if modes == ():
        return Plan()
    if modes is not None and "between_tools" in modes:
        draft.lose(_POINTER, "approximated", "this model always thinks between tool calls")
        return Plan({"type": "between_tools"})
    lowest = nearest("minimal", _EFFORTS if efforts is None else efforts)
    reason = "this model's thinking cannot be switched off"
    draft.lose(_POINTER, "approximated", f"{reason}: effort {lowest}" if lowest else reason)
    return Plan(None, lowest)


def _adaptive(draft: Draft) -> Body | None:
    modes = draft.quirks.thinking
    if modes is None or "adaptive" not in modes:
        return None
    if forced(draft.request.tool_choice) and draft.quirks.forced_tools:
        reason = "thinking and a forced tool call exclude each other: only the effort was sent"
        draft.lose(_POINTER, "approximated", reason)
        return None
    return {"type": "adaptive", "display": "summarized"}


def _effort(draft: Draft) -> str | None:
    offered = draft.quirks.efforts
    asked = draft.request.reasoning.effort or _effort_of(draft.request.reasoning.budget)
    effort = nearest(asked, _EFFORTS if offered is None else offered)
    if effort is None:
        draft.lose(_POINTER, "dropped", "this model has no levels of effort")
    elif effort != draft.request.reasoning.effort:
        draft.lose(_POINTER, "approximated", f"the nearest effort that this model has is {effort}")
    return effort


def _effort_of(budget: int | None) -> str:
    """The weakest effort that allows as much thinking."""
    return next((word for word, tokens in BUDGETS.items() if budget is not None and budget <= tokens), "max")


def _enabled(draft: Draft, messages: list[Body], max_tokens: int) -> Body | None:
    reason = _hindrance(messages, max_tokens)
    if reason:
        draft.lose(_POINTER, "dropped", f"thinking is off for this request: {reason}")
        return None
    wanted = _budget(draft)
    budget = wanted if wanted < max_tokens else max(LEAST_BUDGET, max_tokens // 2)
    if budget != wanted:
        reason = f"{wanted} tokens of thinking do not fit into max_tokens {max_tokens}: {budget}"
        draft.lose(_POINTER, "approximated", reason)
    return {"type": "enabled", "budget_tokens": budget}


def _hindrance(messages: list[Body], max_tokens: int) -> str | None:
    if max_tokens <= LEAST_BUDGET:
        return f"it needs max_tokens above {LEAST_BUDGET}"
    if is_prefill(messages):
        return "it cannot be had together with a prefill"
    if lost_thinking(messages):
        return "the running tool calls came back without their thinking"
    return None


def _budget(draft: Draft) -> int:
    asked, quirks = draft.request.reasoning, draft.quirks
    wanted = asked.budget
    if wanted is None or wanted < 0:
        wanted = BUDGETS[_counted_effort(draft, asked.effort or "medium")]
    most = quirks.budget_max or wanted
    return max(LEAST_BUDGET, quirks.budget_min, min(wanted, most))


def _counted_effort(draft: Draft, effort: str) -> str:
    if effort in BUDGETS:
        return effort
    draft.lose(_POINTER, "approximated", f"the largest thinking budget is {BUDGETS['xhigh']} tokens")
    return "xhigh"
