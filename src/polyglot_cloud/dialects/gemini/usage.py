"""Token counts.

Gemini counts thoughts outside the candidates and the prompts of its own tools outside the prompt; the cached part is inside the prompt
(providers.md 3.3, checked there on captures). In a stream every chunk has the counts so far: the last one is the truth.
"""

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.shape import count, mapping, mappings, string
from polyglot_cloud.neutral import Usage

_BY_MODALITY = {
    "promptTokensDetails": {"AUDIO": "input_audio", "IMAGE": "input_image"},
    "candidatesTokensDetails": {"AUDIO": "output_audio", "IMAGE": "output_image"},
}


def read_usage(body: Body) -> Usage | None:
    """None where no tokens were counted: some chunks have a `usageMetadata` with the kind of traffic only."""
    counts = mapping(mapping(body).get("usageMetadata"))
    if not counts:
        return None
    if "promptTokenCount" not in counts and not any(name.endswith("TokenCount") for name in counts):
        return None
    tool_use = count(counts.get("toolUsePromptTokenCount"))
    thoughts = count(counts.get("thoughtsTokenCount"))
    return Usage(
        input=count(counts.get("promptTokenCount")) + tool_use,
        output=count(counts.get("candidatesTokenCount")) + thoughts,
        cached=count(counts.get("cachedContentTokenCount")),
        reasoning=thoughts,
        details=_details(counts, tool_use) | _searches(body),
        tier=string(counts.get("serviceTier")) or None,
    )


def _searches(body: Body) -> dict[str, int]:
    """What Google searched for, which is billed beside the tokens. It stands with the candidates, in a stream once they are done."""
    found = sum(
        len(queries)
        for candidate in mappings(body.get("candidates"))
        if isinstance(queries := mapping(candidate.get("groundingMetadata")).get("webSearchQueries"), list)
    )
    return {"web_search_calls": found} if found else {}


def _details(counts: Body, tool_use: int) -> dict[str, int]:
    details = {"tool_use_input": tool_use} if tool_use else {}
    for name, kinds in _BY_MODALITY.items():
        if name not in counts:
            continue
        for row in mappings(counts[name]):
            kind = kinds.get(string(row.get("modality")))
            if kind and (tokens := count(row.get("tokenCount"))):
                details[kind] = details.get(kind, 0) + tokens
    return details
