"""OpenAI: the habits of the base class are its own (facts of 2026-11-22: platform.openai.com, API reference)."""

from polyglot_cloud.providers.base import Provider


class OpenAI(Provider):
    counts = ("openai_responses",)
