"""Which of a large body's cuts may stay while it is read and written, and which texts are made whole again before that.

A cut stays where what stands for it is, to every reader and writer, as good as the text itself. They look at the ends of a text, so these
must say what they would say of the whole:

    prose      is not blank at either end; does not begin like a JSON object, which Gemini's writer would read; and where JSON mode
               makes writers look for the word, the token has it where the text has
    base64     in the standard alphabet throughout, unbroken and padded, so that nobody has to mend it; the token keeps its length
               modulo 4. A document is a PDF or an image by its first bytes: another may have to be decoded as text
    all else   (hints, schemas, a turn with reasoning state, a member that nobody foresaw) is made whole
"""

import base64
import re
from collections.abc import Generator
from hashlib import blake2b
from typing import Any

from polyglot_cloud import media_types, wire
from polyglot_cloud.dialects import Bulk, Dialect
from polyglot_cloud.large import Cut, Skeleton
from polyglot_cloud.large.boundaries import pieces
from polyglot_cloud.large.skeleton import PLAIN, WITH_JSON

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_CLEAN = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_DATA_URL = re.compile(r"\s*data:([^,]*),", re.IGNORECASE)
_HEAD = 32
"""Characters of base64 by which a file is known (media_types.head)."""
_STEP = 64 * 1024
_PLACES = 500
"""Places that are looked at in one step."""


def settled(found: Skeleton, dialect: Dialect, *, printed: bool) -> Generator[None, None, None]:
    """Makes `found.value` one that `dialect` may read, in place. `printed`: with the prints of the texts whose cuts stay."""
    kept: set[str] = set()
    json_mode = _json_mode(found.value)
    for number, place in enumerate(dialect.bulk(found.value)):
        if number % _PLACES == 0:
            yield
        text = place.holder[place.key]
        cut = found.found(text)
        if cut is None:
            continue
        if (yield from _stays(found, cut, text, place)):
            kept.add(cut.token)
            if place.kind == "text":
                found.unseen += cut.size - len(cut.token)
                if json_mode and (yield from _holds_json(found, cut, text)):
                    place.holder[place.key] = text.replace(cut.token, cut.token.removesuffix(PLAIN) + WITH_JSON)
            if printed:
                found.prints[cut.token] = yield from _print(found, cut, _payload(text, place))
        else:
            place.holder[place.key] = found.whole(text)
            kept.add(cut.token)
    if len(kept) < len(found.cuts):
        yield from _complete(found, {cut.token for cut in found.cuts} - kept)


def _json_mode(value: dict[str, Any]) -> bool:
    return value.get("response_format") is not None or value.get("format") is not None


# --- what may stay ---


def _stays(found: Skeleton, cut: Cut, text: str, place: Bulk) -> Generator[None, None, bool]:
    if place.kind == "text":
        return _is_prose(cut, text)
    data = _payload(text, place)
    if data is None or not _looks_clean(data, known=place.kind == "file"):
        return False
    return (yield from _is_base64(found, cut))


def _is_prose(cut: Cut, text: str) -> bool:
    head, _, tail = text.partition(cut.token)
    return bool(head.strip()) and bool(tail.strip()) and not head.lstrip().startswith("{")


def _payload(text: str, place: Bulk) -> str | None:
    """What a reader takes for the data, None where it is none that is kept as it is."""
    if place.kind in {"text", "base64"}:
        return text
    head = _DATA_URL.match(text)
    if head is None:
        return text if place.kind == "file" else None
    parameters = [piece.strip().lower() for piece in head[1].split(";")[1:]]
    return text[head.end() :] if "base64" in parameters else None


def _looks_clean(data: str, *, known: bool) -> bool:
    if len(data) % 4 or not _CLEAN.fullmatch(data):
        return False
    return not known or media_types.sniff(base64.b64decode(data[:_HEAD])) is not None


def _is_base64(found: Skeleton, cut: Cut) -> Generator[None, None, bool]:
    for at in range(cut.start, cut.end, _STEP):
        if found.body[at : min(at + _STEP, cut.end)].translate(None, _ALPHABET):
            return False
        yield
    return True


def _holds_json(found: Skeleton, cut: Cut, text: str) -> Generator[None, None, bool]:
    """Whether the word stands in what was cut out, or across its ends, in whatever case."""
    head, _, tail = text.partition(cut.token)
    before = head[-3:].lower()
    for _, inside in pieces(found.body, cut.start, cut.end, _STEP):
        seen = before + _text(inside).lower()
        if WITH_JSON in seen:
            return True
        before = seen[-3:]
        yield
    return WITH_JSON in before + tail[:3].lower()


def _text(inside: bytes) -> str:
    text: str = wire.decode(b'"%b"' % inside)
    return text


# --- what is made whole ---


def _complete(found: Skeleton, missing: set[str]) -> Generator[None, None, None]:
    """Makes every other text whole, wherever it stands."""
    waiting: list[Any] = [found.value]
    seen = 0
    while waiting:
        holder = waiting.pop()
        items = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, value in list(items):
            if isinstance(value, dict | list):
                waiting.append(value)
            elif isinstance(value, str) and (cut := found.found(value)) is not None and cut.token in missing:
                holder[key] = found.whole(value)
                yield
        seen += len(holder)
        if seen > _PLACES:
            seen = 0
            yield


# --- digests of whole texts ---


def _print(found: Skeleton, cut: Cut, payload: str | None) -> Generator[None, None, str]:
    """As `bound_state.fingerprint` has it of the whole text."""
    head, _, tail = (payload or "").partition(cut.token)
    running = blake2b(head.encode("utf-8", "surrogatepass"), digest_size=16)
    for _, inside in pieces(found.body, cut.start, cut.end, _STEP):
        running.update(_text(inside).encode("utf-8", "surrogatepass"))
        yield
    running.update(tail.encode("utf-8", "surrogatepass"))
    return running.hexdigest()
