"""Resident memory: idle, and over many calls of many kinds. What grows with the number of calls shows in the last rows."""

from collections import Counter
from collections.abc import Iterable

import uvloop

from benchmarks.gateway import tables
from benchmarks.gateway.mixture import visit
from benchmarks.gateway.subjects import PASSED, PLAIN, TRANSLATED, Subject
from benchmarks.gateway.tools import Upstream, own_upstream
from benchmarks.processes import MEASURED_CORE, Usage, running, usage

CHECKPOINTS = 10
SHOWN = (0.1, 0.3, 0.5, 0.7, 1.0)
Checkpoints = dict[int, Usage]


def visited(subject: Subject, upstream: Upstream, calls: int) -> tuple[Checkpoints, Counter[tuple[str, str]]]:
    """Usage by the number of calls so far, and how many calls of each kind ended how."""
    launch = subject.launch(upstream)
    doors = [launch.doors[PASSED], launch.doors[TRANSLATED]]
    found: Checkpoints = {}
    with running(launch.command, launch.environment, launch.port, MEASURED_CORE) as pid:

        def look(done: int) -> None:
            found[done] = usage(pid)

        return found, uvloop.run(visit(doors, calls, CHECKPOINTS, look))


def growth(found: Checkpoints) -> float:
    """KiB for each thousand calls, from the checkpoint at half of the calls to the last: what warms up is warm by then."""
    counts = sorted(found)
    middle, last = counts[len(counts) // 2], counts[-1]
    if last == middle:
        return 0.0
    return (found[last].rss_mb - found[middle].rss_mb) * 1024 / (last - middle) * 1000


def idle(subject: Subject, upstream: Upstream) -> Usage:
    launch = subject.launch(upstream)
    with running(launch.command, launch.environment, launch.port, MEASURED_CORE) as pid:
        return usage(pid)


def report(subjects: Iterable[Subject], calls: int) -> list[str]:
    """Of this gateway as it comes, by each Python; plain httpx stands beside it idle."""
    chosen = list(subjects)
    with own_upstream() as upstream:
        plain = [idle(subject, upstream) for subject in chosen if subject.name == PLAIN]
        found = {subject.name: visited(subject, upstream, calls) for subject in chosen if subject.ours}
    rows = [row(name, checkpoints, plain[0] if plain else None) for name, (checkpoints, _) in found.items()]
    if plain:
        rows.insert(0, [PLAIN, f"{plain[0].rss_mb:.1f}", "1.0", *[tables.NONE] * (len(SHOWN) + 1), f"{plain[0].files}"])
    heads = ("", "RSS MiB idle", "to plain httpx", *(f"after {share:.0%}" for share in SHOWN))
    lines = tables.markdown(
        f"Memory over {calls:,} calls of many kinds",
        [*heads, "growth in the second half, KiB for 1,000 calls", "files open before and after"],
        rows,
        words=1,
    )
    return [*lines, "", *(f"- {name}: {told(seen)}." for name, (_, seen) in found.items())]


def row(name: str, found: Checkpoints, plain: Usage | None) -> list[str]:
    counts = sorted(found)
    first, last = found[counts[0]], found[counts[-1]]
    shown = [found[counts[round(share * (len(counts) - 1))]] for share in SHOWN]
    cells = [f"{first.rss_mb:.1f}", tables.ratio(first.rss_mb, plain.rss_mb if plain else None)]
    cells += [f"{each.rss_mb:.1f}" for each in shown]
    return [name, *cells, f"{growth(found):.1f}", f"{first.files}, {last.files}"]


def told(seen: Counter[tuple[str, str]]) -> str:
    """What became of the calls, so that a kind that is answered otherwise than expected is noticed."""
    return "; ".join(f"{kind}: {outcome} {count:,}" for (kind, outcome), count in sorted(seen.items()))
