"""The providers: where a thing is said. A class a host, raw httpx underneath, 10 to 60 lines each.

`ADAPTERS` is what a catalog entry's `adapter` may name. A host with no habits of its own needs no class, only an entry.
"""

from polyglot_cloud.providers.anthropic import Anthropic
from polyglot_cloud.providers.base import Account, Provider
from polyglot_cloud.providers.gemini import Gemini
from polyglot_cloud.providers.grok import Grok
from polyglot_cloud.providers.openai import OpenAI

__all__ = ["ADAPTERS", "Account", "Anthropic", "Gemini", "Grok", "OpenAI", "Provider"]

ADAPTERS: dict[str, type[Provider]] = {"openai": OpenAI, "anthropic": Anthropic, "gemini": Gemini, "grok": Grok}
