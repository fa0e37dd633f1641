"""Requests whose strings were made long, and what becomes of them as whole bodies and as skeletons."""

import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from dialects.outbound import CHAT, _fetch, call_of, target_of
from polyglot_cloud import translate, wire
from polyglot_cloud.call import Call
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.large import Segments, Sizes, skeleton
from polyglot_cloud.translate.settling import settled
from vendor_schemas import Subject

Body = dict[str, Any]
TINY = Sizes(body=0, string=512, window=300)
_PROSE = (
    "plain words ",
    'a "quoted" one\n',
    "back\\slash ",
    "grüße, мир, 世界 ",
    "👩‍👩‍👧🏳️‍🌈",
    "\ud800 alone ",
    "\x00\x1f\x7f",
    "{}[],: ",
    "%41 ",
)
_BLANK = (" ", "\n", "\u3000")
_BASE64 = ("QUJD" * 20, "+/9a" * 30, "JVBE" * 10)
_BROKEN = ("\n", "-_-_", "!", "=", "é")


def grown(body: Body, random: Random) -> Body:
    """The body with most of its long-lived strings made long, now and then in a way that breaks them."""
    return {name: _grown(value, random, name) for name, value in body.items()}


def _grown(value: Any, random: Random, name: str) -> Any:
    match value:
        case dict():
            return {key: _grown(each, random, key) for key, each in value.items()}
        case list():
            return [_grown(each, random, name) for each in value]
        case str() if name in {"url", "data", "file_data", "images"}:
            return _long_data(value, random)
        case str() if name in {"content", "text", "prompt", "system", "refusal", "reasoning_content"}:
            return _long_prose(value, random)
        case _:
            return value


def _long_prose(text: str, random: Random) -> str:
    if random.random() < 0.3:
        return text
    pieces = _BLANK if random.random() < 0.1 else _PROSE
    middle = "".join(random.choice(pieces) for _ in range(random.randrange(40, 400)))
    middle += random.choice(("", "", "JSON", "json", '{"a": "b"}'))
    middle += random.choice(("", " " * 80, "x" * 100))
    match random.randrange(4):
        case 0:
            return text + middle
        case 1:
            return middle + text
        case 2:
            return '{"a": "' + "b\\n" * 400 + '"}'
        case _:
            return text + middle + text


def _long_data(text: str, random: Random) -> str:
    if not text or random.random() < 0.3:
        return text
    at = text.find(",") + 1 or min(len(text), 40) // 4 * 4
    at = min(at + 40, len(text))
    middle = "".join(random.choice(_BASE64) for _ in range(random.randrange(10, 40)))
    if random.random() < 0.2:
        cut = random.randrange(len(middle))
        middle = middle[:cut] + random.choice(_BROKEN) + middle[cut:]
    return text[:at] + middle + text[at:]


def encoded(body: Body, random: Random) -> bytes:
    """As some client would write it."""
    separators = random.choice(((",", ":"), (", ", ": "), (" ,\n", "\t: ")))
    try:
        return json.dumps(body, ensure_ascii=random.random() < 0.5, separators=separators).encode()
    except UnicodeEncodeError:  # half a character can only be written as an escape
        return json.dumps(body, separators=separators).encode()


def finished(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def large_call(raw: bytes, call: Call, sizes: Sizes = TINY) -> Call:
    """The same call, of a body that counts as large."""
    found, twice = finished(skeleton(Segments([raw]), call.dialect.reads, sizes))
    assert twice is None
    peek = call.dialect.peek(found.value, call.path)
    assert peek == call.peek
    return replace(call, body=found.body, value=found.value, skeleton=found)


def outcomes(subject: Subject, body: Body, raw: bytes) -> Iterator[Any]:
    """What goes out, or how it is refused: of the body decoded whole, then of its skeleton."""
    for large in (False, True):
        try:
            yield _sent(subject, body, raw, large=large)
        except BadRequest as error:
            yield type(error), error.message, error.param, error.code


def _sent(subject: Subject, body: Body, raw: bytes, *, large: bool) -> Any:
    call = call_of(subject, body)
    assert wire.decode(raw) == call.value
    target = target_of(subject, call)
    if target is None:
        return None
    call = large_call(raw, call) if large else replace(call, body=raw)
    if call.skeleton is not None:
        finished(settled(call.skeleton, CHAT, printed=target.destination.quirks.bound_thinking))
    request = translate.read(call, target)
    if request is not None:
        _fetch(request, target.dialect.takes_url)
    outbound = translate.outgoing(call, target, request)
    if call.skeleton is not None:
        assert call.skeleton.nonce.encode() not in bytes(outbound.body)
    value = wire.decode(bytes(outbound.body))
    return outbound.path, value, list(value), outbound.headers, outbound.losses, outbound.stop, outbound.afterwards
