from typing import Any

import pytest

from polyglot_cloud.dialects.gemini import DIALECT
from polyglot_cloud.neutral import Usage


def test_trap_35_thoughts_stand_outside_the_candidates_and_tool_prompts_outside_the_prompt() -> None:
    counts = {
        "promptTokenCount": 100,
        "toolUsePromptTokenCount": 40,
        "cachedContentTokenCount": 60,
        "candidatesTokenCount": 23,
        "thoughtsTokenCount": 302,
        "totalTokenCount": 465,
        "serviceTier": "priority",
    }
    usage = DIALECT.read_usage({"usageMetadata": counts})
    assert usage == Usage(140, 325, cached=60, reasoning=302, details={"tool_use_input": 40}, tier="priority")
    assert usage.input + usage.output == counts["totalTokenCount"]


def test_details_by_modality() -> None:
    counts = {
        "promptTokenCount": 300,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 10},
            {"modality": "IMAGE", "tokenCount": 258},
            {"modality": "AUDIO", "tokenCount": "32"},
        ],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}, {"modality": "AUDIO", "tokenCount": 5}],
    }
    usage = DIALECT.read_usage({"usageMetadata": counts})
    assert usage is not None
    assert usage.details == {"input_image": 258, "input_audio": 32, "output_image": 1290, "output_audio": 5}


@pytest.mark.parametrize(
    "body", [{}, {"usageMetadata": None}, {"usageMetadata": {"trafficType": "ON_DEMAND"}}, {"totalTokens": 3}, []]
)
def test_no_counts_is_none(body: Any) -> None:
    assert DIALECT.read_usage(body) is None


def test_searches_are_counted_by_their_queries() -> None:
    counts = {"promptTokenCount": 5, "totalTokenCount": 9}
    grounded = {"groundingMetadata": {"webSearchQueries": ["a", "b"]}}
    usage = DIALECT.read_usage({"usageMetadata": counts, "candidates": [grounded, {"groundingMetadata": {}}, {}]})
    assert usage is not None
    assert usage.details == {"web_search_calls": 2}
    odd = {"usageMetadata": counts, "candidates": [{"groundingMetadata": {"webSearchQueries": "a"}}]}
    usage = DIALECT.read_usage(odd)
    assert usage is not None
    assert usage.details == {}
