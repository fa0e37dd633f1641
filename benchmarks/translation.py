"""Readers and writers in process: microseconds per event of a stream, per request and per whole reply.

    python -m benchmarks.translation [--seconds 0.3] [--json]

Every figure stands beside that of decoding the same bytes and encoding the same body with the JSON codec alone, taken in the same
run: the ratio is what can be compared between machines.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.neutral import Metered, ReplyContext, Request, Response, TextDelta
from polyglot_cloud.rows import Destination, Quirks
from polyglot_cloud.sse import Decoder, Record

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"
STREAMS = {
    "openai_chat": "sandbox_openai_text",
    "openai_responses": "sandbox_openai_text",
    "anthropic": "sandbox_anthropic_text",
    "gemini": "sandbox_gemini_text",
}
EVENTS = 1_000
RUN = 0.001
"""Seconds that a run takes at least, as nearly as a first try can tell."""
REPEATABLE = (TextDelta, Metered)
CONTEXT = ReplyContext("there", "model", 1_795_305_600, "chatcmpl-benchmark", include_usage=True)
DESTINATION = Destination("there", "m", Quirks())
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}


@dataclass(frozen=True, slots=True)
class Figure:
    """`microseconds` per unit of work, and of the codec alone for the same bytes."""

    work: str
    unit: str
    microseconds: float
    codec: float

    @property
    def ratio(self) -> float:
        return self.microseconds / self.codec


def best(work: Callable[[], object], units: int, seconds: float) -> float:
    """Microseconds of CPU per unit, of the quickest of the runs that fit into the time. Short work runs many times for each look at the
    clock, which is a system call.
    """
    began = time.process_time()
    work()
    times = max(1, int(RUN / max(time.process_time() - began, 1e-7)))
    fastest, until = float("inf"), time.process_time() + seconds
    while time.process_time() < until or fastest == float("inf"):
        began = time.process_time()
        for _ in range(times):
            work()
        fastest = min(fastest, time.process_time() - began)
    return fastest / times / units * 1e6


def dialect(name: str) -> Dialect:
    found = import_module(f"polyglot_cloud.dialects.{name}").DIALECT
    assert isinstance(found, Dialect)
    return found


# --- streams ---


def records(data: bytes) -> list[Record]:
    decoder = Decoder()
    return [*decoder.feed(data), *decoder.close()]


def long_stream(found: Dialect, data: bytes) -> list[Record]:
    """The recorded stream with one of its deltas of text over and over, so that its head and end weigh nothing."""
    whole = records(data)
    reader = found.reader()
    for place, record in enumerate(whole):
        events = reader.feed(record)
        if any(isinstance(each, TextDelta) for each in events) and all(isinstance(each, REPEATABLE) for each in events):
            return [*whole[:place], *[record] * EVENTS, *whole[place + 1 :]]
    raise SystemExit(f"{found.name}: no delta of text in the fixture")


def streams(seconds: float) -> Iterable[Figure]:
    chat = dialect("openai_chat")
    for name, case in STREAMS.items():
        found = dialect(name)
        given = long_stream(found, (FIXTURES / name / case / "stream.sse").read_bytes())
        data = b"".join(record.raw for record in given)
        events = read(found, given)
        codec = best(partial(decode, given), len(given), seconds)
        yield Figure(f"frame {name}", "event", best(partial(records, data), len(given), seconds), codec)
        yield Figure(f"read {name}", "event", best(partial(read, found, given), len(given), seconds), codec)
        yield Figure(f"write {name} as chat", "event", best(partial(write, chat, events), len(events), seconds), codec)


def decode(given: list[Record]) -> None:
    for record in given:
        if record.data[:1] == b"{":
            wire.decode(record.data)


def read(found: Dialect, given: list[Record]) -> list[Any]:
    reader = found.reader()
    return [event for record in given for event in reader.feed(record)] + reader.close()


def write(found: Dialect, events: list[Any]) -> bytes:
    assert found.writer
    writer = found.writer(CONTEXT)
    return b"".join(writer.feed(event) for event in events) + writer.close()


# --- requests and replies ---


def request_bodies() -> dict[str, dict[str, Any]]:
    tools = [
        {
            "type": "function",
            "function": {"name": f"tool_{at}", "description": "The weather.", "parameters": PARAMETERS},
        }
        for at in range(20)
    ]
    call = {"id": "call_1", "type": "function", "function": {"name": "tool_1", "arguments": '{"city": "Oslo"}'}}
    turns = [
        {"role": "user", "content": "What is the weather in Oslo? " * 20},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain. " * 40},
        {"role": "assistant", "content": "It rains. " * 30},
    ]
    small = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "temperature": 0.5}
    return {
        "a short": small,
        "an agent's": {"model": "m", "messages": turns * 25, "tools": tools, "max_tokens": 4096},
    }


def requests(seconds: float) -> Iterable[Figure]:
    chat = dialect("openai_chat")
    assert chat.read_request
    for size, body in request_bodies().items():
        data = wire.encode(body)
        codec = best(partial(there_and_back, data), 1, seconds)
        words = f"{size} chat request ({len(data) / 1000:.1f} kB)"
        peek = best(partial(chat.peek, body, "chat/completions"), 1, seconds)
        yield Figure(f"peek at {words}", "request", peek, codec)
        yield Figure(f"read {words}", "request", best(partial(chat.read_request, body), 1, seconds), codec)
        neutral = chat.read_request(body)
        for name in STREAMS:
            work = partial(encode_request, dialect(name), neutral)
            yield Figure(f"write {size} request for {name}", "request", best(work, 1, seconds), codec)


def there_and_back(data: bytes) -> bytes:
    return wire.encode(wire.decode(data))


def encode_request(found: Dialect, request: Request) -> bytes:
    assert found.write_request
    return wire.encode(found.write_request(request, DESTINATION).body)


def replies(seconds: float) -> Iterable[Figure]:
    chat = dialect("openai_chat")
    for name, case in STREAMS.items():
        found = dialect(name)
        assert found.read_response
        data = (FIXTURES / name / case / "response.json").read_bytes()
        body = wire.decode_object(data)
        codec = best(partial(there_and_back, data), 1, seconds)
        yield Figure(f"read {name} reply", "reply", best(partial(found.read_response, body), 1, seconds), codec)
        writing = partial(encode_reply, chat, found.read_response(body))
        yield Figure(f"write {name} reply as chat", "reply", best(writing, 1, seconds), codec)


def encode_reply(found: Dialect, response: Response) -> bytes:
    assert found.write_response
    return wire.encode(found.write_response(response, CONTEXT).body)


def figures(seconds: float) -> Iterable[Figure]:
    """All of them; no two have the same `work`."""
    yield from streams(seconds)
    yield from requests(seconds)
    yield from replies(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.3, help="time for each figure")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = list(figures(given.seconds))
    if given.json:
        print(json.dumps([{**asdict(figure), "ratio": figure.ratio} for figure in found], indent=2))
        return
    print("| work | per | us | codec alone, us | ratio |\n| --- | --- | ---: | ---: | ---: |")
    for figure in found:
        print(
            f"| {figure.work} | {figure.unit} | {figure.microseconds:.2f} | {figure.codec:.2f} | {figure.ratio:.1f} |"
        )


if __name__ == "__main__":
    main()
