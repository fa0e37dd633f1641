"""A load generator over bare asyncio: so many connections, each asking again as soon as it was answered.

    python -m benchmarks.load PORT PATH BODY_FILE [--connections 64] [--seconds 4] [--pid GATEWAY]

Prints one JSON object: requests a second, latency percentiles in microseconds, events a second, and the CPU microseconds that the
gateway spent for each, by the kernel's account of its process.
"""

import argparse
import asyncio
import json
import os
import time
from pathlib import Path

import httptools
import uvloop

WARM_UP = 1.0


class Client(asyncio.Protocol):
    """One connection. Counts only what was asked after the warm-up."""

    def __init__(self, request: bytes, results: "Results") -> None:
        self._request = request
        self._results = results

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # what a client's protocol is given
        self._ask()

    def _ask(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._events = 0
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._events += body.count(b"\n\n")

    def on_message_complete(self) -> None:
        self._results.note(time.perf_counter() - self._asked, self._events, self._parser.get_status_code())
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._results.lost += not self._results.over


class Results:
    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.events = self.bad = self.lost = 0
        self.counting = self.over = False

    def note(self, seconds: float, events: int, status: int) -> None:
        if self.counting and not self.over:
            self.latencies.append(seconds)
            self.events += events
            self.bad += status != 200

    def summary(self, seconds: float, cpu: float) -> dict[str, float]:
        ordered = sorted(self.latencies) or [0.0]
        count = len(self.latencies)
        return {
            "requests_per_second": count / seconds,
            "p50_us": ordered[len(ordered) // 2] * 1e6,
            "p99_us": ordered[int(len(ordered) * 0.99)] * 1e6,
            "events_per_second": self.events / seconds,
            "cpu_us_per_request": cpu / count * 1e6 if count else 0.0,
            "cpu_us_per_event": cpu / self.events * 1e6 if self.events else 0.0,
            "cpu_share": cpu / seconds,
            "bad": self.bad + self.lost,
        }


def cpu_seconds(pid: int | None) -> float:
    """User and system time of a process so far (proc(5), fields 14 and 15)."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def run(port: int, path: str, body: bytes, connections: int, seconds: float, pid: int | None) -> dict[str, float]:
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\nauthorization: Bearer x\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    results, loop = Results(), asyncio.get_running_loop()
    clients = [
        await loop.create_connection(lambda: Client(request, results), "127.0.0.1", port) for _ in range(connections)
    ]
    await asyncio.sleep(WARM_UP)
    results.counting, spent, began = True, cpu_seconds(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    took, spent = time.perf_counter() - began, cpu_seconds(pid) - spent
    results.over = True
    for transport, _ in clients:
        transport.abort()
    return results.summary(took, spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("body", type=Path)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--pid", type=int)
    given = parser.parse_args()
    body = given.body.read_bytes()
    print(json.dumps(uvloop.run(run(given.port, given.path, body, given.connections, given.seconds, given.pid))))


if __name__ == "__main__":
    main()
