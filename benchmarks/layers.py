"""Where the time of a call goes, layer by layer: each row has one more of them than the one before it.

    python -m benchmarks.layers [--seconds 3] [--rounds 3]

The same load of 64 connections on each, the process on the first core; what is counted is its CPU time a call, by the kernel's account.

    server      our uvicorn protocol and cycle, before an app that takes the body and answers at once
    app         the whole app, over a transport that answers at once: door, edge, planning, headers, usage; or with a translation
    transport   the gateway with its upstream on the other core, without log lines
    log lines   the gateway as it comes
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import in_process
from benchmarks.gateway.scenarios import AT_ONCE, body
from benchmarks.gateway.subjects import CHAT, PASSED, TRANSLATED, gateway
from benchmarks.gateway.tools import SHARED, Door, Load, Tools, Upstream, tools
from benchmarks.processes import MEASURED_CORE, free_ports, running
from benchmarks.upstream import CHAT as ANSWER
from polyglot_cloud import server
from polyglot_cloud.sockets import Port

LAYERS = ("server", "app", "transport", "log lines")
KINDS = {PASSED: "passed through", TRANSLATED: "translated to Messages"}
ANSWERED = json.dumps(ANSWER).encode()


async def bare(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["more_body"]:
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWERED))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWERED})


def serve(app: str, face: str, port: int) -> None:
    """One listener before one of the apps that need no upstream."""
    server.run(
        server.serve(bare if app == "server" else in_process.gateway(), [Port(face, port)], providers=list(KINDS))
    )


@contextmanager
def started(layer: str, face: str, upstream: Upstream) -> Iterator[tuple[Door, int]]:
    """Where a layer takes calls, and its process."""
    if layer in {"server", "app"}:
        (port,) = free_ports(1)
        door = Door(port, CHAT)
        command, environment = [sys.executable, "-m", "benchmarks.layers", "--serve", layer, face, str(port)], {}
    else:
        settings = {"POLYGLOT_LOG_LEVEL": "warning"} if layer == "transport" else {}
        launch = gateway(layer, sys.executable, None, **settings).launch(upstream)
        door, command, environment = launch.doors[face], launch.command, dict(launch.environment)
    with running(command, environment, door.port, MEASURED_CORE) as pid:
        yield door, pid


def measured(given: Tools, upstream: Upstream, seconds: float, rounds: int) -> dict[tuple[str, str], float]:
    """Microseconds of CPU a call by face and layer, the least of the rounds."""
    content = body(AT_ONCE, stream=False)
    found: dict[tuple[str, str], float] = {}
    for _ in range(rounds):
        for face in KINDS:
            for layer in LAYERS:
                with started(layer, face, upstream) as (door, pid):
                    figures = given.measure(door, content, Load(64), seconds, pid)
                found[face, layer] = min(found.get((face, layer), float("inf")), figures.cpu_per_call)
                print(f"{face}, {layer}: {figures.cpu_per_call:.0f} us", file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", nargs=3, metavar=("LAYER", "FACE", "PORT"), help="used by the benchmark itself")
    options = parser.parse_args()
    if options.serve:
        layer, face, port = options.serve
        serve(layer, face, int(port))
        return
    with tools(SHARED) as given, given.upstream() as upstream:
        found = measured(given, upstream, options.seconds, options.rounds)
    print("| | " + " | ".join(LAYERS) + " | all |\n| --- |" + " ---: |" * (len(LAYERS) + 1))
    for face, name in KINDS.items():
        sums = [0.0, *(found[face, layer] for layer in LAYERS)]
        parts = [after - before for before, after in itertools.pairwise(sums)]
        print(f"| {name}, us of CPU a call | " + " | ".join(f"{part:.0f}" for part in parts) + f" | {sums[-1]:.0f} |")


if __name__ == "__main__":
    main()
