from collections import Counter

from benchmarks.gateway.memory import growth, row, told
from benchmarks.gateway.mixture import KINDS, Batch
from benchmarks.gateway.tools import Door
from benchmarks.processes import Usage


def usages(*rss_mb: float) -> dict[int, Usage]:
    return {number * 1000: Usage(0.0, each, 10) for number, each in enumerate(rss_mb)}


def test_growth_is_of_the_second_half() -> None:
    assert growth(usages(50, 58, 60, 60, 62)) == 2 * 1024 / 2000 * 1000
    assert growth(usages(50, 58, 60, 60, 60)) == 0


def test_a_row_has_idle_and_checkpoints() -> None:
    cells = row("gateway", usages(*range(40, 51)), Usage(0.0, 20.0, 5))
    assert cells == ["gateway", "40.0", "2.0", "41.0", "43.0", "45.0", "47.0", "50.0", "1024.0", "10, 10"]


def test_the_kinds_share_a_hundred_calls() -> None:
    assert sum(kind.share for kind in KINDS) == 100
    calls = Batch._cycle(Door(1, "/"))
    assert sorted(kind.name for kind, _ in (next(calls) for _ in range(100))) == sorted(
        kind.name for kind in KINDS for _ in range(kind.share)
    )


def test_outcomes_are_told_by_kind() -> None:
    seen = Counter({("plain", "200"): 1500, ("not JSON", "400"): 20})
    assert told(seen) == "not JSON: 400 20; plain: 200 1,500"
