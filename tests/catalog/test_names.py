import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.catalog.names import HOSTILE, family, guard, objection
from polyglot_cloud.errors import BadRequest

REFUSED = [
    ("", "is empty"),
    ("a" * 201, "longer than 200"),
    ("a b", "white space"),
    ("a\nb", "white space"),
    ("a\x00b", "control"),
    ("a\x7fb", "control"),
    ("gpt‐4", "beyond ASCII"),
    ("gpt-4\u202e", "beyond ASCII"),
    ("..", '".."'),
    ("../../files", '".."'),
    ("a%2Fb", '"%"'),
    ("a?alt=sse", '"?"'),
    ("a#b", '"#"'),
    ("a\\b", "backslash"),
    ('a"b', "quote"),
    ("a{b}", "bracket"),
    ("/a", "empty part"),
    ("a/", "empty part"),
    ("a//b", "empty part"),
    ("a/./b", "empty part"),
    (".", "empty part"),
]
TAKEN = [
    "gpt-6.2-sol",
    "models/gemini-x",
    "meta-llama/Llama-9",
    "ft:gpt-4o:acme::x1",
    "llama-9:8b",
    "o3",
    "@cf/a",
    "x" * 200,
]


@pytest.mark.parametrize(("name", "reason"), REFUSED)
def test_hostile_ids(name: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=f"{reason}") as refused:
        guard(name)
    assert (refused.value.param, refused.value.code, refused.value.status) == ("model", "invalid_model_id", 400)
    assert len(str(refused.value)) < 200
    assert str(refused.value).isascii()


@pytest.mark.parametrize("name", TAKEN)
def test_honest_ids(name: str) -> None:
    guard(name)


@given(st.text(max_size=30))
def test_the_quick_look_agrees_with_the_table(name: str) -> None:
    assert (objection(name) is None) == (not any(pattern.search(name) for pattern, _ in HOSTILE))


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-sonnet-5-5-20261001", "claude-sonnet-5-5"),
        ("grok-4.20-0309", "grok-4.20"),
        ("gemini-2.5-flash-001", "gemini-2.5-flash"),
        ("grok-4.5-latest", "grok-4.5"),
        ("gemini-2.5-flash-preview-05-20", None),
        ("gpt-4o-2024-13-06", None),
        ("gpt-4o-20241399", None),
        ("gpt-4o-9999", None),
        ("gpt-4o-mini", None),
        ("gpt-4o-x-latest-1", None),
        ("latest", None),
    ],
)
def test_family(name: str, base: str | None) -> None:
    assert family(name) == base
