"""In which dialect a model is asked, given what a call needs."""

from collections.abc import Sequence
from dataclasses import dataclass

from polyglot_cloud.errors import Unsupported
from polyglot_cloud.neutral import NEEDS, Need
from polyglot_cloud.rows import Model, Offer

EMULABLE: frozenset[Need] = frozenset({"stop", "n"})
"""What the gateway can do itself where a dialect lacks it."""

WORDS: dict[Need, tuple[str, str]] = {
    "tools": ("tools", "function tools"),
    "tools_with_effort": ("tools", "function tools while it reasons"),
    "developer_role": ("messages", "developer messages"),
    "stop": ("stop", "stop sequences"),
    "n": ("n", "several choices"),
    "logprobs": ("logprobs", "log probabilities"),
    "schema": ("response_format", "a response schema"),
    "image": ("messages", "images"),
    "file": ("messages", "files"),
    "audio": ("messages", "audio (input_audio parts, modalities or audio)"),
    "max_tokens_name": ("max_tokens", "an output maximum under this name"),
}
"""Each need as the field of the client that asks for it, and in words."""
ENDPOINTS = {
    "openai_chat": "chat/completions",
    "openai_responses": "responses",
    "anthropic": "messages",
    "gemini": "models/{model}:generateContent",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """`emulate`: what of the call's needs the gateway must do itself, since the dialect cannot."""

    dialect: str
    emulate: frozenset[Need] = frozenset()


def plan(
    name: str, row: Model | None, spoken: Sequence[str], client: str, needs: frozenset[Need], *, readable: bool = True
) -> Plan:
    """The client's own dialect where the row lists every need for it, else the first offer that covers them all, else the one that
    leaves the gateway the least to emulate.

    `readable`: calls in the client's dialect can be translated; others pass as they are or not at all. `spoken` is what the
    provider speaks, for a model that nobody described: the client's dialect, else the first.
    Raises Unsupported, naming the client's field.
    """
    if not readable:
        return own(name, row, spoken, client)
    if row is not None and row.kind != "chat":
        raise Unsupported(f"{name} makes {row.kind}s; it does not chat.", param="model", code="not_a_chat_model")
    if row is None or not row.offers:
        return Plan(client if client in spoken else spoken[0])
    offers = sorted(row.offers, key=lambda offer: offer.dialect != client)
    for offer in offers:
        if needs <= offer.needs:
            return Plan(offer.dialect)
    able = [offer for offer in row.offers if needs - EMULABLE <= offer.needs]
    if not able:
        raise unsupported(name, row.offers, needs - EMULABLE)
    nearest = min(able, key=lambda offer: len(needs - offer.needs))
    return Plan(nearest.dialect, needs - nearest.needs)


def own(name: str, row: Model | None, spoken: Sequence[str], client: str) -> Plan:
    """For a client dialect that cannot be translated: as it is, whatever it needs. The provider is the judge of that."""
    offered = [offer.dialect for offer in row.offers] if row and row.offers else list(spoken)
    if client in offered:
        return Plan(client)
    ways = dict.fromkeys([*(ENDPOINTS.get(dialect, dialect) for dialect in offered), "chat/completions"])
    raise Unsupported(
        f"{name} is not offered in the format of this endpoint ({client}). Ask it at {' or '.join(ways)}.",
        param="model",
        code="unsupported_translation",
    )


def unsupported(name: str, offers: Sequence[Offer], needs: frozenset[Need]) -> Unsupported:
    """Names what the offer that comes nearest lacks first, in the order of NEEDS."""
    nearest = min(offers, key=lambda offer: len(needs - offer.needs))
    lacks = [need for need in NEEDS if need in needs - nearest.needs]
    param, words = WORDS[lacks[0]]
    others = needs & nearest.needs
    together = " together with the rest of this request" if any(lacks[0] in offer.needs for offer in offers) else ""
    return Unsupported(f"{name} does not take {words}{together if others else ''}.", param=param)
