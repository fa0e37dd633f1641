import json
from dataclasses import replace

import pytest
from benchmarks.figures import Figures, parsed, percentile
from benchmarks.load import Results

PRINTED = {
    "label": "x", "c": 64, "rate": 0, "dur": 4.0, "rps": 1653.5, "p50_us": 36520, "p90_us": 40000, "p99_us": 80420, "max_us": 91000,
    "ttfb_p50_us": 36000, "ttfb_p99_us": 80000, "ev_s": 0, "ck_p50_us": 0, "ck_p99_us": 0, "bad": 2, "errs": 1, "cpu_pct": 97.9,
    "cpu_us_req": 592.0, "cpu_us_ev": 0.0, "rss_mb": 55.1, "queue": 3,
}  # fmt: skip
"""As the load generator in C prints it."""


def test_the_last_line_counts() -> None:
    found = parsed(f"non-200 sample: x\n{json.dumps(PRINTED)}\n")
    assert found.calls_per_second == 1653.5
    assert (found.p50, found.p99, found.longest) == (36520, 80420, 91000)
    assert found.cpu_share == pytest.approx(0.979)
    assert (found.failed, found.waiting) == (3, 3)


@pytest.mark.parametrize("printed", ["", "\n", "connect: refused", "{}", json.dumps({"rps": 1})])
def test_what_is_none_of_ours_is_refused(printed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(printed)


def test_our_own_generator_prints_what_is_read() -> None:
    results = Results(calls=[0.004, 0.002, 0.001], first_bytes=[0.001], chunks=[0.0005], events=30, refused=1, lost=2)
    found = parsed(json.dumps(results.summary(seconds=2.0, cpu=1.5, rss_mb=50.0, waiting=4)))
    assert found == Figures(
        calls_per_second=1.5, p50=2000, p99=4000, longest=4000, first_byte_p50=1000, events_per_second=15, chunk_p50=500,
        chunk_p99=500, cpu_share=0.75, cpu_per_call=500_000, cpu_per_event=50_000, rss_mb=50, failed=3, waiting=4,
    )  # fmt: skip


def test_a_generator_that_saw_nothing_prints_zeros() -> None:
    assert parsed(json.dumps(Results().summary(1.0, 0.0, 0.0, 0))) == Figures()


@pytest.mark.parametrize(("share", "expected"), [(0, 1), (0.5, 51), (0.99, 100), (1, 100)])
def test_percentiles(share: float, expected: float) -> None:
    assert percentile(list(range(1, 101)), share) == expected


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile([], 0.5) == 0


def test_of_two_rounds_the_better_figure_counts_and_the_worse_failure() -> None:
    one = Figures(calls_per_second=100, p50=5, p99=90, cpu_per_call=7, rss_mb=40, failed=0, waiting=1)
    other = replace(one, calls_per_second=90, p50=6, p99=80, cpu_per_call=8, rss_mb=45, failed=2, waiting=0)
    both = one.with_the_better_of(other)
    assert both == Figures(calls_per_second=100, p50=5, p99=80, cpu_per_call=7, rss_mb=45, failed=2, waiting=0)
