import pytest

from polyglot_cloud.efforts import EFFORTS, nearest


@pytest.mark.parametrize("word", EFFORTS)
def test_an_offered_level_is_its_own_nearest(word: str) -> None:
    assert nearest(word, EFFORTS) == word


@pytest.mark.parametrize(
    ("asked", "taken", "found"),
    [
        ("minimal", ("none", "low", "high"), "low"),
        ("max", ("low", "high"), "high"),
        ("medium", ("low", "high"), "low"),
        ("xhigh", ("low", "medium", "high"), "high"),
        ("none", ("minimal", "low"), "minimal"),
        ("none", ("none", "low"), "none"),
        ("low", ("none",), None),
        ("low", (), None),
        ("low", ("turbo", "high"), "high"),
    ],
)
def test_nearest(asked: str, taken: tuple[str, ...], found: str | None) -> None:
    assert nearest(asked, taken) == found
