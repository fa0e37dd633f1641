from typing import Any

import pytest

from polyglot_cloud.dialects.gemini.shape import count, mapping, mappings, string


@pytest.mark.parametrize("value", [None, 1, "x", [1], True])
def test_a_wrong_type_reads_as_absent(value: Any) -> None:
    assert mapping(value) == {}
    assert mappings(value) == []
    assert string([value]) == ""


def test_one_object_counts_as_a_list_of_one() -> None:
    assert mappings({"text": "x"}) == [{"text": "x"}]
    assert mappings([{"a": 1}, 2, {"b": 2}]) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("value", "counted"), [(7, 7), ("7", 7), (0, 0), (-1, 0), (True, 0), ("x", 0), ("²", 0), (None, 0), (1.5, 0)]
)
def test_count(value: Any, counted: int) -> None:
    assert count(value) == counted
