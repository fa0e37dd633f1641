"""Did something get slower? In relation to what it works with, never to the clock.

    python -m benchmarks.guard [--write] [--turns 5]

    translation/…   readers and writers, beside the JSON codec over the same bytes     (benchmarks/translation.py)
    transport/…     our transport, beside httpx's own                                  (benchmarks/transport.py)
    app/…           the whole app in process, beside a bare ASGI app that echoes JSON  (benchmarks/in_process.py)

Each ratio is held against its bound in benchmarks/bounds.toml. What is above it is measured again, since a machine may stumble; what
still is, is named, and the exit status is 1. `--write` measures and writes the bounds anew, with MARGIN over what was found.
"""

import argparse
import multiprocessing
import socket
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks import in_process, translation, transport
from polyglot_cloud import server

BOUNDS = Path(__file__).with_name("bounds.toml")
MARGIN = 1.6
PASSES = 3


class Pair(NamedTuple):
    """Microseconds of CPU: of what is guarded, and of what it is held against."""

    cost: float
    beside: float

    @property
    def ratio(self) -> float:
        return self.cost / self.beside


Pairs = dict[str, Pair]


def of_translation(turns: int) -> Pairs:
    figures = translation.figures(0.02 * turns)
    return {f"translation/{figure.work}": Pair(figure.microseconds, figure.codec) for figure in figures}


def of_transport(turns: int) -> Pairs:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        other = multiprocessing.get_context("fork").Process(target=transport.upstream, args=(listening,), daemon=True)
        other.start()
        try:
            base = f"http://127.0.0.1:{listening.getsockname()[1]}"
            costs = server.run(transport.costs(base, 0.1 * turns, turns=1))
        finally:
            other.terminate()
            other.join()
    httpx = costs.pop(transport.FOREIGN)
    return {
        f"transport/{name}, {kind}": Pair(cost, httpx[kind])
        for name, found in costs.items()
        for kind, cost in found.items()
    }


def of_app(turns: int) -> Pairs:
    found: Pairs = {}

    def tell(name: str, microseconds: float, echo: float) -> None:
        found[f"app/{name}"] = Pair(microseconds, echo)

    server.run(in_process.costs(100, turns, tell))
    return found


SOURCES: Mapping[str, Callable[[int], Pairs]] = {
    "translation": of_translation,
    "transport": of_transport,
    "app": of_app,
}


def better(one: Mapping[str, Pair], other: Mapping[str, Pair]) -> Pairs:
    """Of each figure the best of two passes, on both sides: what a busy machine adds is never part of a ratio for long."""
    found = dict(one)
    for name, pair in other.items():
        known = found.get(name, pair)
        found[name] = Pair(min(known.cost, pair.cost), min(known.beside, pair.beside))
    return found


def checked(bounds: Mapping[str, float], turns: int) -> dict[str, float]:
    """The ratios. A source with one above its bound is measured again, PASSES times in all."""
    found: Pairs = {}
    for source in SOURCES.values():
        pairs = source(turns)
        for _ in range(PASSES - 1):
            if all(pair.ratio <= bounds.get(name, pair.ratio) for name, pair in pairs.items()):
                break
            pairs = better(pairs, source(turns))
        found |= pairs
    return {name: pair.ratio for name, pair in found.items()}


def measured(turns: int) -> dict[str, float]:
    """The ratios, for bounds: the best of PASSES."""
    found: Pairs = {}
    for _ in range(PASSES):
        for source in SOURCES.values():
            found = better(found, source(turns))
    return {name: pair.ratio for name, pair in found.items()}


def problems(found: Mapping[str, float], bounds: Mapping[str, float]) -> list[str]:
    """In words, one line for each."""
    unknown = [f"{name}: there is no bound for it; --write makes one" for name in found if name not in bounds]
    gone = [f"{name}: is bound and was not measured; --write takes it out" for name in bounds if name not in found]
    above = [
        f"{name}: {ratio:.2f}, bound {bounds[name]:.2f}"
        for name, ratio in found.items()
        if ratio > bounds.get(name, ratio)
    ]
    return [*above, *unknown, *gone]


def written(found: Mapping[str, float]) -> str:
    lines = [f'"{name}" = {ratio * MARGIN:.2f}' for name, ratio in found.items()]
    head = f"# Ratios that are not to be exceeded: measured, times {MARGIN}. Written by: python -m benchmarks.guard --write"
    return "\n".join([head, "", "[bounds]", *lines]) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="measure, and write the bounds")
    parser.add_argument("--turns", type=int, default=5, help="more are steadier, and take longer")
    given = parser.parse_args(arguments)
    if given.write:
        BOUNDS.write_text(written(measured(given.turns)), "utf-8")
        return 0
    bounds: dict[str, float] = tomllib.loads(BOUNDS.read_text("utf-8"))["bounds"]
    found = checked(bounds, given.turns)
    print("| | ratio | bound |\n| --- | ---: | ---: |")
    for name, ratio in found.items():
        print(f"| {name} | {ratio:.2f} | {bounds.get(name, 0):.2f} |")
    wrong = problems(found, bounds)
    print("\n".join(["", *wrong] if wrong else []), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
