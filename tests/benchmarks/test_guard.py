import tomllib

import pytest
from benchmarks.guard import Pair, better, checked, problems, written

from benchmarks import guard


def test_what_is_above_its_bound_is_named() -> None:
    assert problems({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 1.9}) == ["b: 2.00, bound 1.90"]


def test_a_figure_without_a_bound_and_a_bound_without_a_figure_are_named() -> None:
    (unknown, gone) = problems({"new": 1.0}, {"old": 1.0})
    assert unknown.startswith("new: there is no bound")
    assert gone.startswith("old: ")


def test_of_two_passes_each_side_has_its_best() -> None:
    assert better({"a": Pair(10, 5)}, {"a": Pair(12, 4), "b": Pair(1, 1)}) == {"a": Pair(10, 4), "b": Pair(1, 1)}


def test_bounds_are_written_with_a_margin() -> None:
    assert tomllib.loads(written({"app/a `b`": 10.0}))["bounds"] == {"app/a `b`": 10.0 * guard.MARGIN}


def test_who_is_above_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = iter([{"a": Pair(20, 10)}, {"a": Pair(12, 10)}, {"a": Pair(99, 10)}])
    monkeypatch.setattr(guard, "SOURCES", {"only": lambda _: next(passes)})
    assert checked({"a": 1.5}, 1) == {"a": 1.2}


@pytest.mark.parametrize(("ratio", "status"), [(0.9, 0), (3.0, 1)])
def test_the_exit_status_says_whether_something_is_slower(
    ratio: float, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bounds = tomllib.loads(guard.BOUNDS.read_text("utf-8"))["bounds"]
    pairs = {name: Pair(bound * ratio * 10, 10) for name, bound in bounds.items()}
    monkeypatch.setattr(guard, "SOURCES", {"only": lambda _: pairs})
    assert guard.main([]) == status
    assert ("bound" in capsys.readouterr().err) == bool(status)
