"""Takes out of a recording what tells of an account or leads back to a call, and refuses to let a key pass.

A mark that is found keeps its length and its punctuation; its letters and digits become zeros that end in a number. In one body equal
marks become equal and different ones different; a mark that was seen before is blanked as it was then, so that the turns of a conversation
still fit together. Numbers begin at one in each body: who records again tomorrow sees in the difference only what has changed.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any
from urllib.parse import quote

START = rb"(?<![A-Za-z0-9_-])"
"""Marks stand at the start of a word: base64 that happens to hold such letters is left alone."""

IDS = (
    "chatcmpl-", "resp_", "msg_", "rs_", "fc_", "ctc_", "ws_", "call_", "call-", "toolu_", "srvtoolu_", "req_", "fp_",
    "org-", "org_", "proj_", "user-", "user_", "wrkspc_",
)  # fmt: skip
"""How the vendors' ids begin: of a reply and its parts, of a request, a back end, an account."""

ID = rb"(?P<mark>(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{6,}|[A-Za-z0-9]{16,})"
"""With a digit or long: `call_back` and `user_prompt` are words."""

RULES: dict[str, re.Pattern[bytes]] = {
    name: re.compile(START + pattern)
    for name, pattern in {
        "key": rb"(?:sk-|xai-|AIza|AQ\.)(?P<mark>[A-Za-z0-9_*-]{6,}(?:\.{3}[A-Za-z0-9]+)?)",  # some errors show one, masked
        **{prefix: prefix.encode() + ID for prefix in IDS},
        "Gemini reply": rb"\"responseId\": ?\"(?P<mark>[A-Za-z0-9_-]{8,})\"",
        "Gemini call": rb"\"id\": ?\"(?P<mark>[0-9a-z]{8})\"",
        "Google project": rb"(?:projects/|project_number:|project )(?P<mark>[0-9]{6,})",
        "UUID": rb"(?P<mark>[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})(?![0-9A-Fa-f-])",  # xAI's ids, teams
        "e-mail": rb"(?P<mark>[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)",
        "address": rb"(?P<mark>(?:[0-9]{1,3}\.){3}[0-9]{1,3})(?![0-9]|\.[0-9])",
    }.items()
}

KEPT_HEADERS = re.compile(
    r"content-type|retry-after(-ms)?|x-should-retry|(x-)?request-id|openai-(version|processing-ms)"
    r"|(x|anthropic)-ratelimit-[a-z-]+|x-polyglot-sandbox"
)
MARK_HEADERS = frozenset({"request-id", "x-request-id"})
"""Headers whose whole value is a mark, whatever it looks like."""

_LEAST_KNOWN, _WINDOW = 4, 16
_SIGN = re.compile(rb"[A-Za-z0-9]")


class SecretFound(Exception):
    """A key's text is in a recording. Nothing of that recording may be written."""


class Scrubber:
    """Scrubs what belongs together. `known` are texts that the settings name as the account's own; they go wherever they stand."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        texts = [re.escape(text.encode()) for text in known if len(text) >= _LEAST_KNOWN]
        self._rules = [*([re.compile(rb"(?P<mark>" + b"|".join(texts) + rb")")] if texts else []), *RULES.values()]
        self._blanks: dict[bytes, bytes] = {}

    def body(self, data: bytes) -> bytes:
        for rule in self._rules:
            self._number([match["mark"] for match in rule.finditer(data)])
            data = rule.sub(self._blanked, data)
        return data

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Those that are kept, scrubbed, in the order of their names."""
        kept = {name: value.encode() for name, value in sorted(headers.items()) if KEPT_HEADERS.fullmatch(name)}
        return {name: self._header(name, value).decode("utf-8", "replace") for name, value in kept.items()}

    def _header(self, name: str, value: bytes) -> bytes:
        known = self.body(value)
        if name not in MARK_HEADERS or known != value:
            return known
        self._number([value])
        return self._blanks[value]

    def _number(self, marks: list[bytes]) -> None:
        """A blank for each mark that has none: the first that no other mark among these has."""
        taken = {self._blanks[mark] for mark in marks if mark in self._blanks}
        for mark in marks:
            if mark not in self._blanks:
                blank = next(each for number in count(1) if (each := blanked(mark, number)) not in taken)
                self._blanks[mark] = blank
                self._blanks[blank] = blank  # what is blank stays as it is
                taken.add(blank)

    def _blanked(self, match: re.Match[bytes]) -> bytes:
        at = match.start()
        blank = self._blanks[match["mark"]]
        return match[0][: match.start("mark") - at] + blank + match[0][match.end("mark") - at :]


def blanked(mark: bytes, number: int) -> bytes:
    places = [match.start() for match in _SIGN.finditer(mark)]
    blank = bytearray(mark)
    for place, digit in zip(places, str(number).rjust(len(places), "0")[-len(places) :], strict=True):
        blank[place] = ord(digit)
    return bytes(blank)


def is_blank(mark: bytes) -> bool:
    """Whether a mark is one that was put in: zeros that end in a number, which no real mark is likely to be."""
    return re.fullmatch(rb"0*[0-9]{1,4}", b"".join(_SIGN.findall(mark))) is not None


def left(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Marks that still stand in `data`, by the name of their rule."""
    for name, rule in RULES.items():
        yield from ((name, match["mark"]) for match in rule.finditer(data) if not is_blank(match["mark"]))


# --- keys ---


def refuse_keys(data: bytes, keys: Iterable[str], where: str) -> None:
    """Raises SecretFound where a key, a good part of it, or its usual encodings stand in `data`, escaped as JSON or not."""
    texts = [data, *(leaf.encode("utf-8", "surrogatepass") for leaf in _leaves(data))]
    for key in keys:
        if any(part in text for part in _parts(key) for text in texts):
            raise SecretFound(f"{where} holds the text of a key. Nothing of this case was written.")


def _parts(key: str) -> Iterator[bytes]:
    raw = key.encode()
    yield from (raw[at : at + _WINDOW] for at in range(max(1, len(raw) - _WINDOW + 1)))
    yield quote(key, safe="").encode()
    yield base64.b64encode(raw).rstrip(b"=")


def _leaves(data: bytes) -> Iterator[str]:
    """Every text in the JSON of a body or of a stream's events, unescaped; and those of one name in one, since a stream cuts texts."""
    found: dict[str, list[str]] = {}
    for line in (data, *data.splitlines()):
        for name, text in _texts(_json(line.removeprefix(b"data:"))):
            found.setdefault(name, []).append(text)
    for name, texts in found.items():
        yield from (name, *texts, "".join(texts))


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(name of the member it stands under, text)."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, name)
    elif isinstance(value, dict):
        for under, each in value.items():
            yield under, ""
            yield from _texts(each, under)
