"""What is asked of every subject, by the part that it belongs to."""

import json
from dataclasses import dataclass
from typing import Literal

from benchmarks.gateway.subjects import PASSED, TRANSLATED
from benchmarks.gateway.tools import Door, Load
from benchmarks.upstream import WORDS

AT_ONCE, PACED = "bench-t0-g0-n64", "bench-t100-g100-n100"
SHORT_OF_PACED = "bench-t0-g0-n100"
"""As many events as PACED has, without its waits."""
PACED_SECONDS = 10.0
Where = Literal["tools", "own", "tls"]
Part = Literal["calls", "latency", "streams", "open-streams", "tls"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`where`: the upstream of the tools; ours, in the clear; ours, over TLS. `doors` as in subjects.py."""

    part: Part
    name: str
    door: str
    load: Load
    stream: bool = False
    model: str = AT_ONCE
    where: Where = "tools"

    def body(self, door: Door) -> bytes:
        return body(door.model + self.model, stream=self.stream)


def body(model: str, *, stream: bool) -> bytes:
    """About a kilobyte, as a short question with a system prompt is."""
    messages = [{"role": "system", "content": WORDS * 6}, {"role": "user", "content": WORDS * 6}]
    value = {"model": model, "messages": messages, "max_tokens": 256, **({"stream": True} if stream else {})}
    return json.dumps(value).encode()


def _both(part: Part, words: str, load: Load, **other: object) -> list[Scenario]:
    return [
        Scenario(part, f"passed through, {words}", PASSED, load, **other),  # type: ignore[arg-type]  # names of fields
        Scenario(part, f"translated to Messages, {words}", TRANSLATED, load, **other),  # type: ignore[arg-type]  # see above
    ]


SCENARIOS = (
    *_both("calls", "64 connections", Load(64)),
    *_both("calls", "1 connection", Load(1)),
    *_both("latency", "1 connection at a time", Load(1)),
    *_both("latency", "1,000 calls a second", Load(64, rate=1000)),
    *_both("streams", "16 streams without a pace", Load(16), stream=True),
    *_both("open-streams", "1,000 open", Load(1000, ramp=400, settle=4), stream=True, model=PACED),
    *_both("open-streams", "3,000 open", Load(3000, ramp=400, settle=4), stream=True, model=PACED),
    Scenario("tls", "calls passed through, 64 connections", PASSED, Load(64), where="own"),
    Scenario("tls", "calls passed through, 64 connections", PASSED, Load(64), where="tls"),
    Scenario("tls", "streams passed through, 16 at a time", PASSED, Load(16), stream=True, where="own"),
    Scenario("tls", "streams passed through, 16 at a time", PASSED, Load(16), stream=True, where="tls"),
)
PARTS: tuple[Part, ...] = ("calls", "latency", "streams", "open-streams", "tls")
MODELS = (AT_ONCE, PACED, SHORT_OF_PACED)
