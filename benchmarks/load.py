"""A load generator over bare asyncio.

    python -m benchmarks.load PORT PATH BODY_FILE [--header 'NAME: VALUE' ...] [--connections 64] [--seconds 4] [--warm-up 1]
                              [--rate CALLS_PER_SECOND] [--ramp CONNECTIONS_PER_SECOND] [--pid GATEWAY]

Without a rate each connection asks again as soon as it was answered (a closed loop). With one, calls are due at fixed moments, however
slow the answers are, and their latency counts from then: a stall of the gateway is seen by every call that it delays (an open loop
without coordinated omission). `--ramp` opens the connections one after another. Prints one JSON object: benchmarks/figures.py.
"""

import argparse
import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httptools
import uvloop

from benchmarks.figures import percentile
from benchmarks.processes import usage

STAMP = re.compile(rb"@T(\d+)@")
"""The monotonic clock's nanoseconds, which an upstream puts into the text of each chunk."""


@dataclass(slots=True)
class Results:
    """What was measured while `counting`: latencies in seconds."""

    calls: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    chunks: list[float] = field(default_factory=list)
    events: int = 0
    refused: int = 0
    lost: int = 0
    counting: bool = False

    def summary(self, seconds: float, cpu: float, rss_mb: float, waiting: int) -> dict[str, float]:
        calls, chunks, first = sorted(self.calls), sorted(self.chunks), sorted(self.first_bytes)
        return {
            "rps": len(calls) / seconds,
            "p50_us": percentile(calls, 0.5) * 1e6,
            "p99_us": percentile(calls, 0.99) * 1e6,
            "max_us": percentile(calls, 1) * 1e6,
            "ttfb_p50_us": percentile(first, 0.5) * 1e6,
            "ev_s": self.events / seconds,
            "ck_p50_us": percentile(chunks, 0.5) * 1e6,
            "ck_p99_us": percentile(chunks, 0.99) * 1e6,
            "cpu_pct": cpu / seconds * 100,
            "cpu_us_req": cpu / len(calls) * 1e6 if calls else 0.0,
            "cpu_us_ev": cpu / self.events * 1e6 if self.events else 0.0,
            "rss_mb": rss_mb,
            "bad": self.refused,
            "errs": self.lost,
            "queue": waiting,
        }


class Client(asyncio.Protocol):
    """One connection. `idle` is called with it when it may ask: once it stands, and after each reply."""

    def __init__(self, results: Results, idle: "Callable[[Client], None]") -> None:
        self._results = results
        self._idle = idle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # what a client's protocol is given
        self._idle(self)

    def ask(self, request: bytes, due: float) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._due, self._begun = due, False
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        results = self._results
        if not results.counting:
            return
        now = time.monotonic()
        if not self._begun:
            self._begun = True
            results.first_bytes.append(now - self._due)
        results.events += body.count(b"data:")
        results.chunks += [now - int(stamp) / 1e9 for stamp in STAMP.findall(body)]

    def on_message_complete(self) -> None:
        if self._results.counting:
            if self._parser.get_status_code() == 200:
                self._results.calls.append(time.monotonic() - self._due)
            else:
                self._results.refused += 1
        self._idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._results.lost += self._results.counting

    def abort(self) -> None:
        self._transport.abort()


class Rate:
    """Calls at fixed moments, over whatever connection is free."""

    def __init__(self, request: bytes, rate: float) -> None:
        self._request = request
        self._every = 1 / rate
        self._free: deque[Client] = deque()
        self._due: deque[float] = deque()

    def begin(self) -> None:
        self._next = time.monotonic()
        self._tick()

    def _tick(self) -> None:
        now = time.monotonic()
        while self._next <= now:
            self._due.append(self._next)
            self._next += self._every
        while self._due and self._free:
            self._free.popleft().ask(self._request, self._due.popleft())
        asyncio.get_running_loop().call_later(self._next - now, self._tick)

    def idle(self, client: Client) -> None:
        if self._due:
            client.ask(self._request, self._due.popleft())
        else:
            self._free.append(client)

    @property
    def waiting(self) -> int:
        return len(self._due)


def request(port: int, path: str, headers: list[str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"host: 127.0.0.1:{port}", "content-type: application/json", *headers]
    return ("\r\n".join([*lines, f"content-length: {len(body)}"]) + "\r\n\r\n").encode() + body


async def run(given: argparse.Namespace, asking: bytes) -> dict[str, float]:
    results, loop, clients = Results(), asyncio.get_running_loop(), []
    schedule = Rate(asking, given.rate) if given.rate else None
    idle = schedule.idle if schedule else lambda client: client.ask(asking, time.monotonic())
    began = time.monotonic()
    for number in range(given.connections):
        if given.ramp:
            await asyncio.sleep(began + number / given.ramp - time.monotonic())
        _, client = await loop.create_connection(lambda: Client(results, idle), "127.0.0.1", given.port)
        clients.append(client)
    if schedule:
        schedule.begin()
    await asyncio.sleep(began + given.warm_up - time.monotonic())
    before = usage(given.pid).cpu if given.pid else 0.0
    results.counting, began = True, time.monotonic()
    await asyncio.sleep(given.seconds)
    results.counting, took = False, time.monotonic() - began
    after = usage(given.pid) if given.pid else None
    for client in clients:
        client.abort()
    waiting = schedule.waiting if schedule else 0
    return results.summary(took, after.cpu - before if after else 0.0, after.rss_mb if after else 0.0, waiting)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("body", type=Path)
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds, counted from the first connection")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--ramp", type=float)
    parser.add_argument("--pid", type=int)
    given = parser.parse_args()
    asking = request(given.port, given.path, given.header, given.body.read_bytes())
    print(json.dumps(uvloop.run(run(given, asking))))


if __name__ == "__main__":
    main()
