"""The vendors' request types as closed JSON Schemas, and the rules that no schema says: an opinion on outbound bodies that shares
nothing with the writers that make them.

`faults` is the one question that tests ask: what would the vendor have against this body?
"""

from typing import Any

from vendor_schemas import anthropic, gemini, openai, xai
from vendor_schemas.closing import Checker
from vendor_schemas.rules import Subject, broken

__all__ = ["Body", "Subject", "checker_for", "faults"]

Body = dict[str, Any]


def checker_for(provider: str, dialect: str, headers: dict[str, str]) -> Checker:
    """The vendor's closed schema. `headers` are the dialect's own: at Anthropic the version decides which members there are."""
    match dialect:
        case "anthropic":
            return anthropic.messages(headers["anthropic-version"])
        case "gemini":
            return gemini.generate_content()
        case "openai_chat":
            return xai.chat() if provider == "grok" else openai.chat()
        case "openai_responses":
            return xai.responses() if provider == "grok" else openai.responses()
    raise ValueError(f"no schema for {dialect}")


def faults(subject: Subject, body: Body, headers: dict[str, str]) -> list[str]:
    """What the vendor's types have against a body; where nothing, what its rules have."""
    found = checker_for(subject.provider, subject.dialect, headers).faults(body)
    return found or list(broken(subject, body, headers))
