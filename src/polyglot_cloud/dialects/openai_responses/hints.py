"""Hints: settings that may be left out without changing what was asked, if it is said aloud."""

from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import Loss, Request
from polyglot_cloud.pseudonym import pseudonym
from polyglot_cloud.rows import Quirks

_SAME_NAME = (
    "metadata", "service_tier", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "moderation",
)  # fmt: skip
_KNOWN = {*_SAME_NAME, "user", "store", "verbosity", "web_search_options"}


def write_hints(request: Request, quirks: Quirks, losses: list[Loss]) -> Body:
    """The members that a client's hints become. Raises Unsupported for audio output, which is no hint."""
    if not request.hints:
        return {}
    hints = {name: value for name, value in request.hints.items() if value is not None}
    _check_modalities(request, hints.pop("modalities", None))
    absent = sorted(hints.keys() - _KNOWN)
    losses += [Loss(f"/{name}", "dropped", "there is no such setting in the Responses format") for name in absent]
    for name in sorted(hints.keys() & quirks.refused & {*_SAME_NAME, "user", "verbosity"}):
        losses.append(Loss(f"/{name}", "dropped", "this model's provider refuses it"))
        del hints[name]
    if hints.get("store"):
        losses.append(Loss("/store", "dropped", "the gateway asks the provider to keep nothing"))
    if "@" in str(hints.get("safety_identifier", "")):
        hints["safety_identifier"] = pseudonym(str(hints["safety_identifier"]))
        losses.append(Loss("/safety_identifier", "approximated", "an e-mail address goes as a digest"))
    return {name: hints[name] for name in _SAME_NAME if name in hints} | _identity(hints, losses)


def _check_modalities(request: Request, modalities: Any) -> None:
    if isinstance(modalities, list) and any(modality != "text" for modality in modalities):
        raise Unsupported(f"{request.model} answers with text only on this path.", param="modalities")


def _identity(hints: dict[str, Any], losses: list[Loss]) -> Body:
    """`user` is often an e-mail address, which must not leave the house: a digest names the same person."""
    user = hints.get("user")
    if user is None:
        return {}
    if "safety_identifier" in hints:
        losses.append(Loss("/user", "dropped", "safety_identifier takes its place"))
        return {}
    losses.append(Loss("/user", "approximated", "sent as a digest in safety_identifier"))
    return {"safety_identifier": pseudonym(str(user))}
