"""What vendors refuse beyond the shape of a body: order, counts, ids, what a model does not take.

Written from the vendors' pages and 400 texts (as of 2026-11-22) and from the catalog, which is data; never from our writers, whose tables
would only agree with themselves.
"""

from collections.abc import Iterator
from typing import Any

from vendor_schemas import anthropic_rules, gemini_rules, openai_rules
from vendor_schemas.subject import Body, Subject, opened_seals

__all__ = ["Subject", "broken"]

_RULES = {
    "anthropic": anthropic_rules.broken,
    "gemini": gemini_rules.broken,
    "openai_chat": openai_rules.chat,
    "openai_responses": openai_rules.responses,
}


def broken(subject: Subject, body: Body, headers: dict[str, str]) -> Iterator[str]:
    """The rules that a body of the right shape breaks, each in words."""
    yield from _RULES[subject.dialect](subject, body)
    yield from _foreign_state(subject, body)


def _foreign_state(subject: Subject, body: Any) -> Iterator[str]:
    """Reasoning state goes to the provider and model that made it, to no other (trap 23)."""
    for maker in opened_seals(body):
        if maker != (subject.provider, subject.wire_model):
            yield f"reasoning state of {'/'.join(maker)} was sent to {subject.provider}/{subject.wire_model}"
