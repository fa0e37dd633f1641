import re

import pytest

from polyglot_cloud.sandbox import pattern

PATTERNS = [
    r"^\d{4}-\d{2}-\d{2}$",
    r"^[a-z]+(-[a-z0-9]+)*$",
    r"(red|green|blue)",
    r"^#[0-9a-fA-F]{6}$",
    r"^\+?[1-9]\d{1,14}$",
    r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
    r"^(?:a|b)?c$",
    r"^(?P<year>\d{4})$",
    r"^(?=.*\d)\w+\d$",
    r"^\bword\b$",
    r"^x{2}y{1,3}z{0,}$",
    r"^[\w.-]{3}$",
    r"^a\.b\\c$",
    r"^.{5}$",
    r"^\S+\s\D$",
    r"^[a-]$",
    r"^a+?$",
    r"^\n\t$",
    r"^[\]]$",
    "",
    r"^\W$",
]


@pytest.mark.parametrize("text", PATTERNS)
def test_examples_match(text: str) -> None:
    made = pattern.example(text)
    assert made is not None
    assert re.search(text, made)


def test_hints_come_first() -> None:
    assert pattern.example(r"^[A-Z]{3}$", ("nothing", "OSL")) == "OSL"


@pytest.mark.parametrize("text", ["[", "a{", r"^(?!.*)$", r"(?<=x)y", "[a", "(a", r"^\1$"])
def test_what_cannot_be_met(text: str) -> None:
    made = pattern.example(text)
    assert made is None or re.search(text, made)
