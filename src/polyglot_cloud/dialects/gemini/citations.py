"""Sources of an answer, in Chat's shape of an annotation: {"type": "url_citation", "url_citation": {url, title, start_index, end_index}}.

Gemini counts bytes where Chat counts characters. They agree in plain ASCII; elsewhere a source is given for the whole text rather than
for a place that is off.
"""

from typing import Any

from polyglot_cloud.dialects import Body
from polyglot_cloud.dialects.gemini.shape import count, mapping, mappings, string


def citations(candidate: Body, length: int, *, exact: bool) -> list[dict[str, Any]]:
    """From search grounding and from quotations. `length` is that of the text cited, `exact` says that it is plain ASCII."""
    cited = [
        *_grounded(mapping(candidate.get("groundingMetadata"))),
        *_quoted(mapping(candidate.get("citationMetadata"))),
    ]
    return [_annotation(source, place if exact else {}, length) for source, place in cited if string(source.get("uri"))]


def _grounded(grounding: Body) -> list[tuple[Body, Body]]:
    sources = [mapping(chunk.get("web")) for chunk in mappings(grounding.get("groundingChunks"))]
    return [
        (sources[at], mapping(support.get("segment")))
        for support in mappings(grounding.get("groundingSupports"))
        for at in _indices(support)
        if at < len(sources)
    ]


def _quoted(quoted: Body) -> list[tuple[Body, Body]]:
    return [(row, row) for row in mappings(quoted.get("citationSources"))]


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
