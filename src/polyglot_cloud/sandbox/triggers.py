"""Behaviour on demand: a mark such as `[[sandbox:429 retry-after=2]]` in the text of the user's last message.

The whole list stands in docs/sandbox.md. The vendor modules turn a trigger into their own error or event.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass, field

from polyglot_cloud.sandbox.asgi import Delivery, Reply

_MARK = re.compile(r"\[\[sandbox:([a-z0-9-]+)((?:\s+(?!\]\])[^\s\]]+)*)\s*\]\]")
_LOWEST_ERROR, _HIGHEST_ERROR = 400, 599
_FOREVER = 3600.0
_REMEMBERED = 10_000

HTML = (
    b"<!DOCTYPE html>\n<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad Gateway</h1></center>\n"
    b"<hr><center>sandbox edge</center>\n</body>\n</html>\n"
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """One mark: its words after the name, and those of the form name=value."""

    words: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)

    def number(self, otherwise: float) -> float:
        """The first word as a number."""
        try:
            return float(self.words[0])
        except (IndexError, ValueError):
            return otherwise


Triggers = dict[str, Trigger]


def find(text: str) -> Triggers:
    """All marks in a text, by name."""
    return {match[1]: _read(match[2].split()) for match in _MARK.finditer(text)}


def without(text: str) -> str:
    """The text as a person meant it."""
    return _MARK.sub("", text).strip()


def _read(words: list[str]) -> Trigger:
    pairs = [word.split("=", 1) for word in words if "=" in word]
    return Trigger(tuple(word for word in words if "=" not in word), {pair[0]: pair[1] for pair in pairs})


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that was asked for: an HTTP status, or 429 because of money (`quota`). `retry_after` in seconds, as text."""

    status: int
    quota: bool = False
    retry_after: str | None = None


class Memory:
    """How often a text has failed, for `times=`: `[[sandbox:503 times=2]]` fails twice and then answers."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()

    def spent(self, text: str, trigger: Trigger) -> bool:
        times = trigger.options.get("times", "")
        if not times.isdigit():
            return False
        before = self._seen.pop(text, 0)
        self._seen[text] = before + 1
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return before >= int(times)


def failure(text: str, memory: Memory) -> Failure | None:
    """The error a text asks for, unless it has been given often enough."""
    for name, trigger in find(text).items():
        asked = _asked(name, trigger)
        if asked and not memory.spent(text, trigger):
            return asked
    return None


def _asked(name: str, trigger: Trigger) -> Failure | None:
    retry_after = trigger.options.get("retry-after")
    if name == "quota":
        return Failure(429, quota=True, retry_after=retry_after)
    if name.isdigit() and _LOWEST_ERROR <= int(name) <= _HIGHEST_ERROR:
        return Failure(int(name), retry_after=retry_after)
    return None


def delivery(triggers: Triggers) -> Delivery:
    """How the reply shall travel."""
    hang = triggers.get("hang")
    return Delivery(
        wait=_FOREVER if hang and not hang.words else _seconds(triggers, "slow"),
        gap=triggers["gap"].number(100) / 1000 if "gap" in triggers else None,
        cut=_events(triggers, "cut"),
        clean_cut=_events(triggers, "clean-cut"),
        error_after=_events(triggers, "error-event"),
        hang_after=_events(triggers, "hang") if hang and hang.words else None,
        split=_events(triggers, "split"),
    )


def _seconds(triggers: Triggers, name: str) -> float:
    return triggers[name].number(3) if name in triggers else 0.0


def _events(triggers: Triggers, name: str) -> int | None:
    return max(0, int(triggers[name].number(1))) if name in triggers else None


def instead(triggers: Triggers) -> Reply | None:
    """A reply that is no vendor's: a proxy's HTML page, or a body that is not JSON."""
    if "html" in triggers:
        return Reply(502, {"content-type": "text/html; charset=utf-8"}, HTML)
    if "malformed" in triggers:
        return Reply(200, {"content-type": "application/json"}, b'{"id": "sandbox", "object": "half a thou')
    return None


def finish(triggers: Triggers, usual: str, *, upper: bool = False) -> str:
    """The word why an answer ended: the usual, or the one asked for with `[[sandbox:finish WORD]]`. Without a word: the empty string."""
    if "finish" not in triggers:
        return usual
    word = (triggers["finish"].words or ("",))[0]
    return word.upper() if upper else word
