"""Hints of the neutral form that Anthropic has a field for; the others are told as losses (facts 2.4; trap 33)."""

from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.anthropic.draft import Draft
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.pseudonym import pseudonym

_TIERS = {"auto": "auto", "default": "standard_only", "flex": "standard_only", "priority": "auto"}
_APPROXIMATED = {
    "flex": "Anthropic has no flex tier: the standard one, at its price",
    "priority": "Anthropic gives priority only where capacity was bought",
}
_NO_SEARCH = (
    "This gateway hands no web search to Anthropic. Leave web_search_options out, or choose a model that has it."
)


def write_hints(draft: Draft) -> Body:
    """`metadata` and `service_tier`. Raises Unsupported where another output than text, or a web search, is asked for."""
    if not draft.request.hints:
        return {}
    body: Body = {}
    hints = {name: value for name, value in draft.request.hints.items() if value is not None}
    for name, value in hints.items():
        match name:
            case "safety_identifier":
                body["metadata"] = _metadata(value)
            case "user" if "safety_identifier" not in hints:
                body["metadata"] = _metadata(value)
            case "service_tier" if isinstance(value, str) and value in _TIERS:
                body["service_tier"] = _tier(draft, value)
            case "web_search_options":
                raise Unsupported(_NO_SEARCH, param="web_search_options")
            case _:
                _lose(draft, name, value)
    return body


def opaque_user(identifier: str) -> str:
    """A stable stand-in for a user: Anthropic wants an opaque id, and an e-mail address must never leave the house."""
    return pseudonym(identifier)


def _metadata(identifier: Any) -> Body:
    return {"user_id": opaque_user(str(identifier))}


def _tier(draft: Draft, tier: str) -> str:
    if tier in _APPROXIMATED:
        draft.lose("/service_tier", "approximated", _APPROXIMATED[tier])
    return _TIERS[tier]


def _lose(draft: Draft, name: str, value: Any) -> None:
    if name == "modalities" and value != ["text"]:
        raise Unsupported("Anthropic answers in text only.", param="modalities")
    if (name, value) in (("store", False), ("modalities", ["text"])):
        return  # so it is anyway
    draft.lose(f"/{name}", "dropped", f"Anthropic has nothing like {name}")
