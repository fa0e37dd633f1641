"""What the documents name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def named_tests() -> list[tuple[str, str]]:
    """(file, test) for each `file.py::test` of docs/security.md; `::test` alone belongs to the file before it."""
    found, file = [], ""
    for path, name in re.findall(r"`([\w/]+\.py)?::(test_\w+)`", (ROOT / "docs" / "security.md").read_text("utf-8")):
        file = path or file
        found.append((file, name))
    return found


@pytest.mark.parametrize(("file", "name"), named_tests())
def test_every_threat_has_the_test_that_is_said_to_play_it(file: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / "tests" / file).read_text("utf-8")


def test_there_are_threats() -> None:
    assert len(named_tests()) > 50


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
