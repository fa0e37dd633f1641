"""Keys: how one is made, hashed, and taken from a request.

A key is 256 random bits, so its plain SHA-256 is safe to keep: nobody can guess the input (a password would need a slow hash; what was
imported may be one, and is as strong as whoever made it). LiteLLM keeps the same hash, of the whole text "sk-..."
(litellm/proxy/_types.py, `hash_token`, seen 2026-11-23), so its keys are taken over by their hashes.
"""

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from polyglot_cloud.asgi import Headers
from polyglot_cloud.errors import Unauthorized
from polyglot_cloud.rows import ProviderRow

PREFIX = "pgk_"
ID_PREFIX = "key_"
_ID_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 12
_LONGEST_SHOWN = 24

_CARRIERS = {b"authorization": "Authorization", b"x-api-key": "x-api-key", b"x-goog-api-key": "x-goog-api-key"}
_CHALLENGE = {"www-authenticate": "Bearer"}


def make() -> str:
    """A new key: the prefix and 43 url-safe characters."""
    return PREFIX + secrets.token_urlsafe(32)


def make_id() -> str:
    """A new public id, which says nothing of the key and outlives its rotations."""
    return ID_PREFIX + "".join(secrets.choice(_ID_SIGNS) for _ in range(_ID_LENGTH))


def shown_id(text: str) -> str:
    """What should be an id, fit for a message: whoever puts a key in its place must not find it in a log."""
    return text if len(text) <= _LONGEST_SHOWN and not text.startswith(PREFIX) else "of that name"


def hashed(secret: str) -> str:
    """The SHA-256 of the whole key, in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def presented(headers: Headers, query_string: bytes = b"") -> bytes | None:
    """The key that a request carries, wherever its client puts it; None where it carries none.

    `Authorization: Bearer`, `x-api-key`, `x-goog-api-key`, and Google's `?key=`. Another scheme of Authorization is no key. Raises
    Unauthorized for two that differ: which of them counts would be a guess, and a proxy before us may have judged the other.
    """
    carrying = [pair for pair in headers if pair[0] in _CARRIERS]
    if len(carrying) == 1 and not query_string:  # nearly every request
        return _value(*carrying[0])
    found: bytes | None = None
    place = ""
    for where, value in (*_in_headers(carrying), *_in_query(query_string)):
        if found is None:
            found, place = value, where
        elif value != found:
            both = f"{place} and {where}" if place != where else f"{where}, twice"
            raise unauthorized(
                f"The request carries two different keys ({both}). Send one.", code="conflicting_credentials"
            )
    return found


def _value(name: bytes, raw: bytes) -> bytes | None:
    bare = raw.strip()
    if name == b"authorization":
        if bare[:7].lower() != b"bearer ":
            return None
        bare = bare[7:].lstrip()
    return bare or None


def _in_headers(carrying: Headers) -> Iterator[tuple[str, bytes]]:
    for name, raw in carrying:
        if value := _value(name, raw):
            yield _CARRIERS[name], value


def _in_query(query_string: bytes) -> Iterator[tuple[str, bytes]]:
    for pair in query_string.split(b"&"):
        name, _, raw = pair.partition(b"=")
        if unquote_to_bytes(name) == b"key" and (value := unquote_to_bytes(raw)):
            yield "?key=", value


def unauthorized(message: str, *, code: str | None = None) -> Unauthorized:
    return Unauthorized(message, code=code, headers=_CHALLENGE)


class Vendors:
    """Whose credentials begin how, by the catalog's examples ("sk-ant-...")."""

    def __init__(self, rows: Iterable[ProviderRow] = ()) -> None:
        known = [
            (row.key_example.removesuffix("...").encode(), row.title) for row in rows if row.key_example.endswith("...")
        ]
        self._known = sorted(((start, title) for start, title in known if start), key=lambda each: -len(each[0]))

    def of(self, secret: bytes) -> str | None:
        """The vendor whose credential this looks like. The longest beginning decides: "sk-ant-" before "sk-"."""
        return next((title for start, title in self._known if secret.startswith(start)), None)
