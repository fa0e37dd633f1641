"""Sampling parameters, and the API version that still takes them (facts 2.1; trap 26)."""

from dataclasses import fields

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic.draft import Draft
from polyglot_cloud.neutral import Sampling

VERSION = "2026-10-21"
VERSION_WITH_SAMPLING = "2023-06-01"
_NAMES = ("temperature", "top_p", "top_k")
_SETTINGS = tuple(field.name for field in fields(Sampling))


def write_sampling(draft: Draft, *, thinks: bool) -> Body:
    """The sampling fields that this model takes in this request; the others are told as losses."""
    sampling = draft.request.sampling
    given = {name: value for name in _SETTINGS if (value := getattr(sampling, name)) is not None}
    if not given:
        return {}
    for name in [name for name in given if name not in _NAMES]:
        draft.lose(f"/{name}", "dropped", "Anthropic has no penalties")
    reason = _refusal(draft, thinks=thinks)
    if reason:
        for name in [name for name in _NAMES if name in given]:
            draft.lose(f"/{name}", "dropped", reason)
        return {}
    body = {name: given[name] for name in _NAMES if name in given}
    return _within_range(draft, _one_of_two(draft, body))


def version(body: Body) -> str:
    return VERSION if body.keys().isdisjoint(_NAMES) else VERSION_WITH_SAMPLING


def _refusal(draft: Draft, *, thinks: bool) -> str | None:
    taken = draft.quirks.sampling
    if taken in {"none", "ignored"}:
        return "this model takes no sampling parameters"
    return "sampling and thinking exclude each other" if thinks else None


def _one_of_two(draft: Draft, body: Body) -> Body:
    if draft.quirks.sampling != "one" or not body.keys() >= {"temperature", "top_p"}:
        return body
    draft.lose("/top_p", "dropped", "this model takes temperature or top_p, not both")
    return {name: value for name, value in body.items() if name != "top_p"}


def _within_range(draft: Draft, body: Body) -> Body:
    wanted = body.get("temperature")
    if wanted is None or 0 <= wanted <= 1:
        return body
    clamped = min(max(wanted, 0), 1)
    draft.lose("/temperature", "approximated", f"Anthropic's temperature runs from 0 to 1: {clamped}")
    return body | {"temperature": clamped}
