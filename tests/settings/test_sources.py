import copy
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from polyglot_cloud.settings.sources import ENVIRONMENT, Origin, Sources, read_dotenv

Write = Callable[[str], Path]
FILE = Origin("dotenv", "x/.env")


def test_the_file_is_read_as_python_dotenv_reads_it(dotenv: Write) -> None:
    path = dotenv("# a comment\n\nA=1\nexport B='two words'\nC=\"x\\ny\" # said\nD=a#b\nE=\n")
    result = read_dotenv(path, required=True)
    assert result.values == {"A": "1", "B": "two words", "C": "x\ny", "D": "a#b", "E": ""}
    assert result.faults == result.warnings == []


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(dotenv: Write) -> None:
    path = dotenv("")
    path.write_bytes(b"\xef\xbb\xbfA=1\r\nB=2\r\n")
    assert read_dotenv(path, required=True).values == {"A": "1", "B": "2"}


def test_nothing_is_expanded(dotenv: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    path = dotenv("A=1\nXAI_API_KEY=${OPENAI_API_KEY}\nB=${A}\n")
    assert read_dotenv(path, required=True).values == {"A": "1", "XAI_API_KEY": "${OPENAI_API_KEY}", "B": "${A}"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\n\n\nthis is prose\nB=2\n", 4),
        ('A=1\nB="open\n', 2),
        ("A='x' y\n", 1),
        ("A=1\nNAME\n", 2),
        ("\n\n  NAME\n", 3),
    ],
)
def test_a_line_that_cannot_be_understood_is_named(dotenv: Write, text: str, line: int) -> None:
    path = dotenv(text)
    (fault,) = read_dotenv(path, required=False).faults
    assert f"{path}, line {line}:" in str(fault)
    assert "Write NAME=value" in str(fault)
    assert "prose" not in str(fault)


def test_other_encodings_are_named_by_their_line(dotenv: Write) -> None:
    path = dotenv("")
    path.write_bytes(b"A=1\nB=2\nC=\xe4\n")
    result = read_dotenv(path, required=True)
    assert result.values == {}
    assert "line 3: is not UTF-8" in str(result.faults[0])


def test_the_last_of_two_counts_and_that_is_said(dotenv: Write) -> None:
    result = read_dotenv(dotenv("A=1\nB=2\nA=3\n"), required=True)
    assert result.values["A"] == "3"
    assert "stands twice, in lines 1 and 3" in str(result.warnings[0])
    assert result.warnings[0].level == "warning"


def test_a_missing_file_is_a_fault_only_if_asked_for(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env", required=False).faults == []
    (fault,) = read_dotenv(tmp_path / ".env", required=True).faults
    assert "does not exist" in str(fault)


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (fault,) = read_dotenv(tmp_path, required=False).faults
    assert "cannot be read" in str(fault)


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o600, False), (0o400, False), (0o644, True), (0o640, True), (0o602, True)]
)
def test_a_file_open_to_others_is_warned_of(dotenv: Write, mode: int, warned: bool) -> None:
    path = dotenv("A=1\n")
    path.chmod(mode)
    warnings = read_dotenv(path, required=True).warnings
    assert bool(warnings) is warned
    assert all("chmod 600" in str(warning) and warning.level == "warning" for warning in warnings)


def test_an_empty_file_may_be_open_to_others(dotenv: Write) -> None:
    path = dotenv("# nothing yet\n")
    path.chmod(0o644)
    assert read_dotenv(path, required=True).warnings == []


def test_the_null_device_is_an_empty_file() -> None:
    result = read_dotenv(Path(os.devnull), required=True)
    assert (result.values, result.faults, result.warnings) == ({}, [], [])


def test_the_environment_comes_before_the_file_and_then_the_order_of_the_names() -> None:
    sources = Sources({"B": "b-env", "BLANK": " "}, {"A": "a-file", "B": "b-file", "BLANK": "x"}, FILE)
    assert [(found.variable, found.value) for found in sources.all(("A", "B"))] == [
        ("B", "b-env"),
        ("A", "a-file"),
        ("B", "b-file"),
    ]
    first = sources.first(("A", "B"))
    assert first is not None
    assert (first.value, first.origin) == ("b-env", ENVIRONMENT)
    blank = sources.first(("BLANK",))
    assert blank is not None
    assert (blank.value, blank.origin) == ("x", FILE)
    assert sources.first(("C",)) is None


def test_what_begins_with_a_prefix_comes_by_source() -> None:
    sources = Sources({"P_A": "1", "P_B": " ", "Q": "1"}, {"P_A": "2"}, FILE)
    assert list(sources.starting("P_")) == [(ENVIRONMENT, {"P_A": "1"}), (FILE, {"P_A": "2"})]


def test_the_sources_show_and_store_nothing() -> None:
    sources = Sources({"OPENAI_API_KEY": "sk-live"}, {"XAI_API_KEY": "sk-live"}, FILE)
    assert "sk-live" not in repr(sources) + str(sources) + repr(list(sources.all(("OPENAI_API_KEY",))))
    assert copy.deepcopy(sources) is sources
    with pytest.raises(TypeError, match="not written down"):
        pickle.dumps(sources)
    with pytest.raises(TypeError, match="not written down"):
        sources.__getstate__()


def test_a_message_for_clients_names_no_directory() -> None:
    assert Sources({}, {}, Origin("dotenv", "home/me/prod.env")).file_name == "prod.env"
    assert str(FILE) == ".env (x/.env)"
    assert str(ENVIRONMENT) == "environment"


def test_later_changes_of_the_environment_do_not_reach_the_settings() -> None:
    environ = {"A": "1"}
    sources = Sources(environ, {}, FILE)
    environ["A"] = "2"
    found = sources.first(("A",))
    assert found is not None
    assert found.value == "1"
