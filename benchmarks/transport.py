"""What a request costs in the transport, and an event of a stream: ours by both ways in, beside httpx's own.

    python benchmarks/transport.py [--seconds 1.5] [--plain-loop]

The upstream is a server of a few lines in a second process, the same for all. What is counted is this process's own time on the CPU,
the kernel's part of it included, which others on the machine disturb least. Each cell is the best of three turns, taken in rotation.
The figures are for comparison within one run: a machine has its own.
"""

import argparse
import asyncio
import multiprocessing
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from polyglot_cloud import server
from polyglot_cloud.transport import HttpxReply, Incoming, NativeTransport, Outgoing, Timeouts, open_transport, send
from polyglot_cloud.transport.choice import Choice

BODY = b'{"id":"chatcmpl-1","object":"chat.completion","choices":[{"message":{"content":"%s"}}]}' % (b"x" * 1100)
QUESTION = b'{"model":"bench","messages":[{"role":"user","content":"%s"}]}' % (b"y" * 800)
EVENT = b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % (b"z" * 150)
EVENTS = 500
TIMEOUTS = Timeouts()
HEADERS = {
    "user-agent": "OpenAI/Python 3.0.0",
    "accept": "application/json",
    "x-stainless-lang": "python",
    "x-stainless-runtime": "CPython",
    "authorization": "Bearer sk-" + "0" * 48,
    "content-type": "application/json",
    "accept-encoding": "identity",
}


# --- the upstream ---


class Upstream(asyncio.Protocol):
    """Answers what ends with a `}`: a document, or, where the path says so, a stream of events in chunks."""

    reply = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_0123456789\r\nopenai-processing-ms: 12\r\n"
        b"x-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9999\r\ncontent-length: %d\r\n\r\n%s"
    ) % (len(BODY), BODY)
    start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if not self.seen.endswith(b"}"):
            return
        streamed, self.seen = self.seen.startswith(b"POST /stream"), b""
        if streamed:
            self.transport.write(self.start)  # type: ignore[attr-defined]  # uvloop's transports are no subclasses
            self.send(0)
        else:
            self.transport.write(self.reply)  # type: ignore[attr-defined]  # see above

    def send(self, number: int) -> None:
        """Ten chunks to a write, and a turn of the loop between two: as fast as a reader takes them."""
        if number == EVENTS:
            self.transport.write(b"0\r\n\r\n")  # type: ignore[attr-defined]  # see above
        else:
            self.transport.write(self.chunk * 10)  # type: ignore[attr-defined]  # see above
            asyncio.get_running_loop().call_soon(self.send, number + 10)


def upstream(listening: socket.socket) -> None:
    async def main() -> None:
        running = await asyncio.get_running_loop().create_server(Upstream, sock=listening)
        await running.serve_forever()

    server.run(main())


# --- what is measured ---

FOREIGN = "httpx's own transport"
Ask = Callable[[str], Awaitable[Incoming]]


@dataclass(frozen=True)
class Way:
    name: str
    transport: httpx.AsyncBaseTransport
    ask: Ask


def ways() -> list[Way]:
    def quick(transport: httpx.AsyncBaseTransport) -> Ask:
        return lambda url: send(transport, Outgoing("POST", url, HEADERS, QUESTION), TIMEOUTS)

    def slow(transport: httpx.AsyncBaseTransport) -> Ask:
        async def ask(url: str) -> Incoming:
            request = httpx.Request("POST", url, headers=HEADERS, content=QUESTION)
            request.extensions["timeout"] = TIMEOUTS.extension
            return HttpxReply(await transport.handle_async_request(request))

        return ask

    native, foreign = NativeTransport(), open_transport(Choice("httpx"))
    return [
        Way("ours, `send`", native, quick(native)),
        Way("ours, as an httpx transport", native, slow(native)),
        Way(FOREIGN, foreign, slow(foreign)),
    ]


async def requests(way: Way, url: str, workers: int, seconds: float) -> float:
    """Microseconds of CPU a request."""
    end, count = time.perf_counter() + seconds, 0

    async def work() -> None:
        nonlocal count
        while time.perf_counter() < end:
            incoming = await way.ask(url)
            await incoming.read(1 << 20)
            await incoming.close()
            count += 1

    began = time.process_time()
    await asyncio.gather(*(work() for _ in range(workers)))
    return (time.process_time() - began) / count * 1e6


async def events(way: Way, url: str, seconds: float) -> float:
    """Events a second of CPU, through one connection."""
    end, began, count = time.perf_counter() + seconds, time.process_time(), 0
    while time.perf_counter() < end:
        incoming = await way.ask(url)
        while piece := await incoming.piece():
            count += piece.count(b"\n\n")
        await incoming.close()
    return count / (time.process_time() - began)


async def costs(base: str, seconds: float, turns: int = 3) -> dict[str, dict[str, float]]:
    """Microseconds of CPU, by way and by kind: "alone" a request one at a time, "together" 64 at a time, "event" of a stream."""
    table = ways()
    found: dict[str, dict[str, list[float]]] = {way.name: {"alone": [], "together": [], "event": []} for way in table}
    for _ in range(turns):
        for way in table:
            cells = found[way.name]
            cells["alone"].append(await requests(way, f"{base}/plain", 1, seconds))
            cells["together"].append(await requests(way, f"{base}/plain", 64, seconds))
            cells["event"].append(1e6 / await events(way, f"{base}/stream", seconds))
    for way in table:
        await way.transport.aclose()
    return {name: {kind: min(values) for kind, values in cells.items()} for name, cells in found.items()}


async def measure(base: str, seconds: float) -> None:
    print("| transport | us of CPU a request, 1 at a time | 64 at a time | events a second of CPU |")
    print("| --- | ---: | ---: | ---: |")
    for name, cost in (await costs(base, seconds)).items():
        print(f"| {name} | {cost['alone']:.0f} | {cost['together']:.0f} | {1e6 / cost['event']:,.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="for each turn of each cell")
    parser.add_argument("--plain-loop", action="store_true", help="on asyncio's own loop instead of uvloop")
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        other = multiprocessing.get_context("fork").Process(target=upstream, args=(listening,), daemon=True)
        other.start()
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        run = asyncio.run if options.plain_loop else server.run
        run(measure(base, options.seconds))
        other.terminate()
        other.join()


if __name__ == "__main__":
    main()
