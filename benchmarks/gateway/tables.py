"""Figures -> Markdown. Every figure stands beside its ratio to that of plain httpx, or what it adds to the path without a gateway."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from benchmarks.figures import Figures, percentile
from benchmarks.gateway.rounds import Found
from benchmarks.gateway.scenarios import PACED_SECONDS, Part, Scenario
from benchmarks.gateway.subjects import NO_GATEWAY, PLAIN

Row = Sequence[str]
NONE = "–"
QUIET = 0.05
"""Above this share of the core for others, a run is no good."""


def markdown(title: str, heads: Row, rows: Iterable[Row], words: int = 2) -> list[str]:
    """A heading and a table; the first `words` columns are text, the others figures. No row: nothing at all."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return []
    rule = " | ".join("---" if number < words else "---:" for number in range(len(heads)))
    return ["", f"### {title}", "", f"| {' | '.join(heads)} |", f"| {rule} |", *lines]


def per_second(value: float) -> str:
    return f"{value:,.0f}/s"


def milliseconds(microseconds: float) -> str:
    return f"{microseconds / 1000:,.2f}" if microseconds else NONE


def ratio(value: float, base: float | None) -> str:
    return f"{value / base:.1f}" if base and value else NONE


def added(value: float, base: float | None) -> str:
    return milliseconds(value - base) if base and value else NONE


class View:
    """The figures of one part, in the order of its scenarios and, within each, of the subjects."""

    def __init__(self, found: Found, part: Part) -> None:
        self._found = found
        self._cells = [cell for cell in found.figures if cell[1].part == part]

    def __iter__(self) -> Iterator[tuple[str, Scenario, Figures]]:
        for scenario in dict.fromkeys(scenario for _, scenario in self._cells):
            for subject, other in self._cells:
                if other == scenario:
                    yield subject, scenario, self._found.figures[subject, scenario]

    def of(self, subject: str, scenario: Scenario) -> Figures:
        """All zero where it was not measured, so that ratios to it are left out."""
        return self._found.figures.get((subject, scenario), Figures())

    def counterpart(self, subject: str, scenario: Scenario) -> Figures:
        """The same over plain HTTP, for a scenario over TLS."""
        for name, other in self._cells:
            if name == subject and other.name == scenario.name and other.where == "own":
                return self._found.figures[name, other]
        return Figures()

    def connections_per_thousand(self, subject: str, scenario: Scenario) -> str:
        opened, requests = self._found.connections.get((subject, scenario), (0, 0))
        return f"{opened / requests * 1000:.2f}" if requests else NONE

    def share_of_offered(self, subject: str, scenario: Scenario, figures: Figures) -> float:
        """A paced upstream sends so many events of so many streams in so many seconds; how many of them came through."""
        offered = scenario.load.connections * self._found.events[subject, scenario] / PACED_SECONDS
        return figures.events_per_second / offered if offered else 0.0


def calls(view: View) -> list[str]:
    heads = ("", "subject", "calls", "to plain httpx", "p50 ms", "p99 ms", "CPU us a call", "to plain httpx", "RSS MiB")
    rows = []
    for subject, scenario, each in view:
        plain = view.of(PLAIN, scenario)
        rate = [per_second(each.calls_per_second), ratio(each.calls_per_second, plain.calls_per_second)]
        cost = [f"{each.cpu_per_call:,.0f}", ratio(each.cpu_per_call, plain.cpu_per_call), f"{each.rss_mb:.0f}"]
        times = [milliseconds(each.p50), milliseconds(each.p99)]
        rows.append([scenario.name, subject, *rate, *times, *(cost if each.cpu_share else [NONE] * 3)])
    return markdown("Calls", heads, rows)


def latency(view: View) -> list[str]:
    heads = (
        "",
        "subject",
        "p50 ms",
        "p99 ms",
        "added p50 ms",
        "added p99 ms",
        "p50 to no gateway",
        "p99 to no gateway",
    )
    rows: list[list[str]] = []
    for subject, scenario, each in view:
        base, rate = view.of(NO_GATEWAY, scenario), scenario.load.rate
        if rate and (each.waiting or each.calls_per_second < rate * 0.97):
            missed = f"not reached ({per_second(each.calls_per_second)})"
            rows.append([scenario.name, subject, missed, *[NONE] * 5])
            continue
        times = [milliseconds(each.p50), milliseconds(each.p99), added(each.p50, base.p50), added(each.p99, base.p99)]
        rows.append([scenario.name, subject, *times, ratio(each.p50, base.p50), ratio(each.p99, base.p99)])
    return markdown("Added latency", heads, rows)


def streams(view: View) -> list[str]:
    heads = ("", "subject", "events", "to plain httpx", "CPU us an event", "to plain httpx", "CPU of its core")
    rows = []
    for subject, scenario, each in view:
        plain = view.of(PLAIN, scenario)
        rate = [per_second(each.events_per_second), ratio(each.events_per_second, plain.events_per_second)]
        cost = [f"{each.cpu_per_event:.1f}", ratio(each.cpu_per_event, plain.cpu_per_event), f"{each.cpu_share:.0%}"]
        rows.append([scenario.name, subject, *rate, *(cost if each.cpu_share else [NONE] * 3)])
    return markdown("Events of streams", heads, rows)


def open_streams(view: View) -> list[str]:
    heads = (
        *("", "subject", "events", "of those offered", "CPU of its core", "CPU us an event", "to plain httpx"),
        *("first byte p50 ms", "added p50 ms", "added p99 ms", "RSS MiB"),
    )
    rows = []
    for subject, scenario, each in view:
        base, plain = view.of(NO_GATEWAY, scenario), view.of(PLAIN, scenario)
        share = f"{view.share_of_offered(subject, scenario, each):.0%}"
        cost = [f"{each.cpu_share:.0%}", f"{each.cpu_per_event:.0f}", ratio(each.cpu_per_event, plain.cpu_per_event)]
        times = [milliseconds(each.first_byte_p50)]
        times += [added(each.chunk_p50, base.chunk_p50), added(each.chunk_p99, base.chunk_p99)]
        cells = [per_second(each.events_per_second), share, *(cost if each.cpu_share else [NONE] * 3), *times]
        rows.append([scenario.name, subject, *cells, f"{each.rss_mb:.0f}" if each.rss_mb else NONE])
    return markdown("Open streams, each with a chunk every 100 ms", heads, rows)


def tls(view: View) -> list[str]:
    heads = (
        *("", "subject", "upstream", "rate", "to the same in the clear", "to plain httpx"),
        *("CPU us each", "connections opened for 1,000 calls"),
    )
    rows = []
    for subject, scenario, each in view:
        secure, rate = scenario.where == "tls", of_kind(scenario, each)
        beside = ratio(rate, of_kind(scenario, view.counterpart(subject, scenario))) if secure else NONE
        cost = each.cpu_per_event if scenario.stream else each.cpu_per_call
        cells = [per_second(rate), beside, ratio(rate, of_kind(scenario, view.of(PLAIN, scenario)))]
        cells += [f"{cost:.1f}" if cost else NONE, view.connections_per_thousand(subject, scenario)]
        rows.append([scenario.name, subject, "TLS" if secure else "HTTP", *cells])
    return markdown("TLS upstream (of benchmarks/, as is the one in the clear beside it)", heads, rows, words=3)


def of_kind(scenario: Scenario, figures: Figures) -> float:
    return figures.events_per_second if scenario.stream else figures.calls_per_second


TABLES: dict[Part, Callable[[View], list[str]]] = {
    "calls": calls,
    "latency": latency,
    "streams": streams,
    "open-streams": open_streams,
    "tls": tls,
}


def report(found: Found) -> list[str]:
    lines = [line for part, table in TABLES.items() for line in table(View(found, part))]
    remarks = [*found.remarks, *([disturbance(found.others.values())] if found.others else [])]
    return [*lines, *(["", *(f"- {remark}" for remark in remarks)] if remarks else [])]


def disturbance(shares: Iterable[float]) -> str:
    """How quiet the machine was. The quieter round of each cell counts, as it does for the figures."""
    ordered = sorted(shares)
    told = f"Others took {percentile(ordered, 0.5):.0%} of the measured core (median of the cells; at worst {percentile(ordered, 1):.0%})."
    return (
        told
        if percentile(ordered, 0.5) < QUIET
        else f"{told} The machine was busy: take no figure here for more than a ratio."
    )
