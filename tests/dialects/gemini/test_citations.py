from typing import Any

import pytest

from polyglot_cloud.dialects.gemini.citations import citations


def grounding(**segment: int) -> dict[str, Any]:
    return {
        "groundingMetadata": {
            "groundingChunks": [
                {"web": {"uri": "https://a.example", "title": "A"}},
                {"unknown": {"uri": "no"}},
                {"web": {"title": "no uri"}},
            ],
            "groundingSupports": [
                {"segment": segment, "groundingChunkIndices": [0, 1, 2, 9]},
                {"groundingChunkIndices": None},
            ],
        }
    }


def places(found: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(each["url_citation"]["start_index"], each["url_citation"]["end_index"]) for each in found]


def test_a_grounded_place() -> None:
    (found,) = citations(grounding(startIndex=3, endIndex=9), 20, exact=True)
    citation = {"url": "https://a.example", "title": "A", "start_index": 3, "end_index": 9}
    assert found == {"type": "url_citation", "url_citation": citation}


@pytest.mark.parametrize(
    ("segment", "exact", "place"),
    [
        ({"startIndex": 3, "endIndex": 9}, False, (0, 20)),
        ({"endIndex": 9}, True, (0, 9)),
        ({}, True, (0, 20)),
        ({"startIndex": 30, "endIndex": 90}, True, (20, 20)),
    ],
)
def test_places_never_leave_the_text(segment: dict[str, int], exact: bool, place: tuple[int, int]) -> None:
    assert places(citations(grounding(**segment), 20, exact=exact)) == [place]


def test_a_quotation() -> None:
    candidate = {
        "citationMetadata": {
            "citationSources": [{"startIndex": 1, "endIndex": 4, "uri": "https://b.example"}, {"license": "mit"}]
        }
    }
    (found,) = citations(candidate, 10, exact=True)
    assert found["url_citation"] == {
        "url": "https://b.example",
        "title": "https://b.example",
        "start_index": 1,
        "end_index": 4,
    }


def test_none() -> None:
    assert citations({}, 5, exact=True) == []


@pytest.mark.parametrize("kind", ["web", "maps", "retrievedContext"])
def test_every_kind_of_source_backs_the_whole_text_where_no_place_is_told(kind: str) -> None:
    grounded = {"groundingMetadata": {"groundingChunks": [{kind: {"uri": "https://a.example"}}]}}
    assert places(citations(grounded, 20, exact=True)) == [(0, 20)]


def test_the_sdk_s_word_for_quotations() -> None:
    quoted = {"citationMetadata": {"citations": [{"endIndex": 4, "uri": "https://b.example"}]}}
    assert places(citations(quoted, 10, exact=True)) == [(0, 4)]
