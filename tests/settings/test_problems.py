import pytest

from polyglot_cloud.settings.problems import Level, Problem, SettingsError


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("must be a port.", "POLYGLOT_PORT_X", "environment"), "POLYGLOT_PORT_X (environment) must be a port."),
        (Problem("is no setting.", "POLYGLOT_X"), "POLYGLOT_X is no setting."),
        (Problem("cannot be read.", source="catalog"), "cannot be read. (catalog)"),
        (Problem("Nothing."), "Nothing."),
    ],
)
def test_a_problem_reads_as_a_sentence(problem: Problem, text: str) -> None:
    assert str(problem) == text


@pytest.mark.parametrize(("level", "wrong"), [("error", True), ("warning", True), ("note", False)])
def test_only_a_note_is_not_wrong(level: Level, wrong: bool) -> None:
    assert Problem("x", level=level).is_wrong is wrong


def test_the_error_lists_every_fault() -> None:
    assert str(SettingsError([Problem("one."), Problem("two.")])) == "The settings have 2 faults:\n  one.\n  two."
    assert str(SettingsError([Problem("one.")])) == "The settings have a fault:\n  one."
