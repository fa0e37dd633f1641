"""python -m polyglot_cloud.sandbox: the four stand-ins alone, on consecutive loopback ports. For hand tests and benchmarks."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable, Sequence

import uvicorn

from polyglot_cloud.sandbox import CLOUDS

_DEFAULT_PORT = 8190


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m polyglot_cloud.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=_DEFAULT_PORT, help="the first of four ports (default %(default)s)")
    parser.add_argument("--delay", type=float, default=None, metavar="MS", help="pause between the events of a stream")
    return parser.parse_args(arguments)


def servers(first_port: int, delay_ms: float | None) -> list[uvicorn.Server]:
    """A server a cloud, in the order of CLOUDS."""
    out = []
    for number, cloud in enumerate(CLOUDS.values()):
        if delay_ms is not None:
            cloud.app.pause = delay_ms / 1000
        config = uvicorn.Config(
            cloud.app, "127.0.0.1", first_port + number, lifespan="off", access_log=False, log_level="warning"
        )
        out.append(uvicorn.Server(config))
    return out


def table(first_port: int) -> str:
    lines = [
        f"{cloud.name:<10} http://127.0.0.1:{first_port + number}{cloud.base_path:<8} {cloud.key}"
        for number, cloud in enumerate(CLOUDS.values())
    ]
    return "\n".join(lines)


async def serve(
    first_port: int, delay_ms: float | None, started: Callable[[list[uvicorn.Server]], object] = len
) -> None:
    """Until one of them stops, by a signal as a rule; then the others do. `started` is told the servers, for tests."""
    running = servers(first_port, delay_ms)
    started(running)
    tasks = [asyncio.create_task(server.serve()) for server in running]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for server in running:
        server.should_exit = True
    await asyncio.gather(*tasks)


def main() -> None:
    options = parse()
    sys.stdout.write(table(options.port) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.port, options.delay))


if __name__ == "__main__":
    main()
