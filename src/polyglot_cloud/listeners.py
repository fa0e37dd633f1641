"""One app behind several ports: a listener turns the paths that clients build into the app's canonical ones.

    canonical                      what it is
    /v1/<face>/<rest>              everything of a face: a provider, or `any` for the models of all
    /ready  /metrics               of the process
    /v1/quote  receipts  usage     of the ledger

A face's root is where an SDK's `base_url` points, and every SDK builds on it in its own way. So a leading `v1` or `v1beta` (Gemini's
default) may stand or not, before the face's name and after it, and doubled; the innermost one is kept in `scope["state"]`:

    face           str         the provider, or "any"
    api_version    str | None  "v1" or "v1beta" as the client wrote it, None where only our own /v1/<face> names one

A path that names no face belongs to the listener's own provider. Only `/v1/<face>` names one (and `/any`): a second name, an encoded or
dotted way around, or a name after `v1beta` is part of the rest, which is passed on as it came and then found nowhere.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, unquote

from polyglot_cloud.asgi import App, Receive, Scope, Send

ANY = "any"
VERSIONS = ("v1", "v1beta")
GLOBAL = {
    "ready": "/ready",
    "metrics": "/metrics",
    "quote": "/v1/quote",
    "receipts": "/v1/receipts",
    "usage": "/v1/usage",
}
"""First segments that mean the same on every port and under every face."""
OF_A_FACE = frozenset({
    "health", "info", "docs", "openapi.json", "models", "generate", "chat", "completions", "messages", "responses", "embeddings", "files",
})  # fmt: skip
"""First segments that each face answers for itself. They need no mapping; they stand here so that no provider takes their name."""
RESERVED = frozenset(VERSIONS) | {ANY} | GLOBAL.keys() | OF_A_FACE

REMEMBERED = 256
"""Paths whose mapping is kept: clients build the same few over and over."""
LONGEST_REMEMBERED = 256

_FACE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_PLAIN = "/:@!$&'()*+,;=~"  # what RFC 3986 lets stand in a path unencoded


@dataclass(frozen=True, slots=True)
class Mapped:
    """`path` is canonical; `rest` the part of it that is the end of the path as it came; `version` the innermost that was written."""

    face: str
    path: str
    rest: str
    version: str | None


def map_path(path: str, provider: str, faces: Collection[str]) -> Mapped:
    """The canonical form of a decoded path that came to `provider`'s listener. Total, and idempotent in its `path`."""
    versions, rest = _versions(path)
    name, after = _first(rest)
    face = provider
    if (name in faces and versions and set(versions) == {"v1"}) or (name == ANY and "v1beta" not in versions):
        face = name
        versions, rest = _versions(after)
        name, after = _first(rest)
    version = versions[-1] if versions else None
    if name in GLOBAL:
        return Mapped(face, GLOBAL[name] + after, after, version)
    return Mapped(face, f"/v1/{face}/{rest}", rest, version)


def _first(path: str) -> tuple[str, str]:
    """The first segment, and what follows it from its slash on."""
    name, slash, after = path.lstrip("/").partition("/")
    return name, slash + after


def _versions(path: str) -> tuple[list[str], str]:
    """The version segments that a path begins with, and the rest without its leading slashes."""
    found: list[str] = []
    name, after = _first(path)
    while name in VERSIONS:
        found.append(name)
        path = after
        name, after = _first(path)
    return found, path.lstrip("/")


def map_raw(raw: bytes, path: str, mapped: Mapped) -> bytes:
    """The encoded form of the canonical path: what decodes to `mapped.path`.

    The rest keeps the encoding that it came in (`models/a%2Fb` is one model) where all before it is plain, else it is encoded anew.
    """
    before = path.removesuffix(mapped.rest).encode()
    end = raw[len(before) :]
    if raw.startswith(before) and unquote(end.decode("latin-1")) == mapped.rest:
        return quote(mapped.path.removesuffix(mapped.rest), safe=_PLAIN).encode() + end
    return quote(mapped.path, safe=_PLAIN).encode()


class Listener:
    """The app as one port shows it."""

    def __init__(self, app: App, provider: str, providers: Collection[str]) -> None:
        """`providers` are all faces that the app has; `provider` may be ANY, the face of all models.

        Raises ValueError for a name that a path could not tell from something else.
        """
        for name in {provider, *providers} - ({ANY} if provider == ANY else set()):
            if name in RESERVED or not _FACE_NAME.fullmatch(name):
                raise ValueError(
                    f"a provider cannot be called {name!r}: the name is reserved, or no plain path segment"
                )
        self._app = app
        self._provider = provider
        self._faces = frozenset({provider, *providers})
        self._known: dict[tuple[str, bytes], tuple[str, bytes, str, str | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(self._mapped(scope) if "path" in scope else scope, receive, send)

    def _mapped(self, scope: Scope) -> Scope:
        came = scope["path"], scope.get("raw_path") or b""
        known = self._known.get(came)
        if known is None:
            mapped = map_path(scope["path"], self._provider, self._faces)
            known = mapped.path, map_raw(came[1], scope["path"], mapped), mapped.face, mapped.version
            if len(self._known) < REMEMBERED and len(came[0]) <= LONGEST_REMEMBERED:
                self._known[came] = known
        path, raw_path, face, version = known
        state = {**scope.get("state", {}), "face": face, "api_version": version}
        return {**scope, "path": path, "raw_path": raw_path, "state": state}
