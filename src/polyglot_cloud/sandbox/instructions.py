"""What a system prompt asks for in words, where a field of the request could have asked: a model obeys it, and so does a stand-in."""

import re
from dataclasses import replace

from polyglot_cloud.sandbox.prompt import Choice, Prompt

_ONLY_JSON = re.compile(
    r"\bvalid JSON\b|\bJSON\b.{0,40}\b(?:only|nothing else|nothing but)\b|\bonly\b.{0,40}\bJSON\b",
    re.IGNORECASE | re.DOTALL,
)
_ONE_TOOL = re.compile(r"\b(?:call|use)(?: of)? the (?:tool|function) [`'\"]?([\w:-]+(?:\.[\w:-]+)*)", re.IGNORECASE)
_ANY_TOOL = re.compile(r"\b(?:call|use)(?: of)? (?:at least )?one of the (?:tools|functions)", re.IGNORECASE)


def obeying(prompt: Prompt) -> Prompt:
    """The prompt with what its system text asks for in its fields. Fields that the client did fill win."""
    return _with_choice(_with_schema(prompt))


def _with_schema(prompt: Prompt) -> Prompt:
    if prompt.schema is None and _ONLY_JSON.search(prompt.system):
        return replace(prompt, schema={})
    return prompt


def _with_choice(prompt: Prompt) -> Prompt:
    if prompt.choice.mode != "auto" or prompt.results:
        return prompt
    offered = {tool.name for tool in prompt.tools}
    named = _ONE_TOOL.search(prompt.system)
    if named is not None and named[1] in offered:
        return replace(prompt, choice=Choice("required", (named[1],), prompt.choice.parallel))
    if offered and _ANY_TOOL.search(prompt.system):
        return replace(prompt, choice=Choice("required", prompt.choice.names, prompt.choice.parallel))
    return prompt
