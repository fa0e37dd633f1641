import pytest
from benchmarks.figures import Figures
from benchmarks.gateway.rounds import Found
from benchmarks.gateway.scenarios import PARTS, SCENARIOS, Scenario
from benchmarks.gateway.subjects import NO_GATEWAY, PLAIN
from benchmarks.gateway.tables import TABLES, View, disturbance, markdown, report

from benchmarks.gateway import tables


def scenario(part: str, number: int = 0) -> Scenario:
    return [each for each in SCENARIOS if each.part == part][number]


def row(lines: list[str], *words: str) -> list[str]:
    (line,) = [line for line in lines if all(word in line for word in words)]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_part_has_a_table() -> None:
    assert tuple(TABLES) == PARTS
    assert {each.part for each in SCENARIOS} == set(PARTS)


def test_no_two_scenarios_are_the_same() -> None:
    assert len({(each.part, each.name, each.where) for each in SCENARIOS}) == len(SCENARIOS)


def test_rates_have_their_ratio_to_plain_httpx() -> None:
    chat, found = scenario("calls"), Found()
    found.add(
        (PLAIN, chat), Figures(calls_per_second=500, p50=2000, p99=9000, cpu_share=1, cpu_per_call=2000, rss_mb=40)
    )
    found.add(
        ("gateway", chat), Figures(calls_per_second=5000, p50=800, p99=1500, cpu_share=1, cpu_per_call=200, rss_mb=55)
    )
    cells = row(tables.calls(View(found, "calls")), "gateway |")
    assert cells[1:] == ["gateway", "5,000/s", "10.0", "0.80", "1.50", "200", "0.1", "55"]


def test_latency_is_what_is_added_to_the_path_without_a_gateway() -> None:
    found, one = Found(), scenario("latency")
    found.add((NO_GATEWAY, one), Figures(p50=100, p99=200))
    found.add(("gateway", one), Figures(p50=300, p99=1200))
    cells = row(tables.latency(View(found, "latency")), "| gateway |")
    assert cells[2:] == ["0.30", "1.20", "0.20", "1.00", "3.0", "6.0"]


@pytest.mark.parametrize("figures", [Figures(calls_per_second=1000, waiting=7), Figures(calls_per_second=900)])
def test_a_rate_that_was_not_reached_has_no_latency(figures: Figures) -> None:
    found, fixed = Found(), scenario("latency", 2)
    assert fixed.load.rate == 1000
    found.add(("gateway", fixed), figures)
    assert "not reached" in row(tables.latency(View(found, "latency")), "| gateway |")[2]


def test_chunks_are_held_against_those_that_the_upstream_offered() -> None:
    found, thousand = Found(), scenario("open-streams")
    found.add(("gateway", thousand), Figures(events_per_second=5100, cpu_share=0.5, chunk_p50=1, chunk_p99=1))
    found.events["gateway", thousand] = 102
    cells = row(tables.open_streams(View(found, "open-streams")), "| gateway |")
    assert cells[2:4] == ["5,100/s", "50%"]


def test_tls_stands_beside_the_same_in_the_clear() -> None:
    clear, secure = scenario("tls", 0), scenario("tls", 1)
    found = Found()
    found.add(("gateway", clear), Figures(calls_per_second=2000))
    found.add(("gateway", secure), Figures(calls_per_second=1000))
    found.connections["gateway", secure] = (8, 4000)
    cells = row(tables.tls(View(found, "tls")), "| TLS |")
    assert (cells[4], cells[7]) == ("0.5", "2.00")


def test_what_was_not_measured_leaves_no_table() -> None:
    assert report(Found()) == []
    assert markdown("x", ("a",), []) == []


def test_a_subject_that_failed_is_told_of() -> None:
    found = Found()
    found.remark("LiteLLM: calls failed.")
    found.remark("LiteLLM: calls failed.")
    assert report(found) == ["", "- LiteLLM: calls failed."]


def test_a_busy_machine_is_told_of() -> None:
    assert "busy" not in disturbance([0.01, 0.02, 0.3])
    assert "busy" in disturbance([0.2, 0.2, 0.3])


def test_ratios_to_nothing_are_left_out() -> None:
    assert tables.ratio(5, None) == tables.ratio(5, 0) == tables.ratio(0, 5) == tables.NONE
    assert tables.added(0, 5) == tables.milliseconds(0) == tables.NONE
