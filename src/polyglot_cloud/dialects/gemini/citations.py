"""Sources of an answer, in Chat's shape of an annotation: {"type": "url_citation", "url_citation": {url, title, start_index, end_index}}.

Gemini counts bytes where Chat counts characters. They agree in plain ASCII; elsewhere a source is given for the whole text rather than
for a place that is off.
"""

from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.shape import count, mapping, mappings, string

_SOURCES = ("web", "maps", "retrievedContext")


def has_citations(candidate: Body) -> bool:
    return "groundingMetadata" in candidate or "citationMetadata" in candidate


def citations(candidate: Body, length: int, *, exact: bool) -> list[dict[str, Any]]:
    """From search grounding and from quotations. `length` is that of the text cited, `exact` says that it is plain ASCII."""
    cited = [
        *_grounded(mapping(candidate.get("groundingMetadata"))),
        *_quoted(mapping(candidate.get("citationMetadata"))),
    ]
    return [_annotation(source, place if exact else {}, length) for source, place in cited if string(source.get("uri"))]


def _grounded(grounding: Body) -> list[tuple[Body, Body]]:
    """Sources with the places that they back; without a word of places, each backs the whole."""
    sources = [_source(chunk) for chunk in mappings(grounding.get("groundingChunks"))]
    if not mappings(grounding.get("groundingSupports")):
        return [(source, {}) for source in sources]
    return [
        (sources[at], mapping(support.get("segment")))
        for support in mappings(grounding.get("groundingSupports"))
        for at in _indices(support)
        if at < len(sources)
    ]


def _source(chunk: Body) -> Body:
    return next((found for kind in _SOURCES if (found := mapping(chunk.get(kind)))), {})


def _quoted(quoted: Body) -> list[tuple[Body, Body]]:
    """The API's own word is `citationSources`, its SDK's is `citations`."""
    return [(row, row) for name in ("citationSources", "citations") for row in mappings(quoted.get(name))]


def _indices(support: Body) -> list[int]:
    indices = support.get("groundingChunkIndices")
    return [count(index) for index in indices] if isinstance(indices, list) else []


def _annotation(source: Body, place: Body, length: int) -> dict[str, Any]:
    citation = {
        "url": source["uri"],
        "title": string(source.get("title")) or source["uri"],
        "start_index": min(count(place.get("startIndex")), length),
        "end_index": min(count(place.get("endIndex")) or length, length),
    }
    return {"type": "url_citation", "url_citation": citation}
