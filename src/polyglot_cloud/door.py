"""The door: who may come in, decided on raw headers before a byte of the body is read, on every port.

A gateway on loopback can be reached by every web page in its user's browser, and it spends money. What a page cannot forge shuts it out:

    Host             a rebound name (the page's own domain, pointed at 127.0.0.1) is not ours                       421
    Origin           a page of any other origin says so; `null` (a sandboxed frame, a file) is foreign too           403
    Sec-Fetch-Site   where a browser sends no Origin (an image, a script, a link), it says where it comes from       403
    Content-Type     what a page may send without asking first (text/plain, a form) is no JSON                       415

Origins can be listed; to those alone CORS is spoken (fetch.spec.whatwg.org, "CORS protocol"). Programs send none of Origin and
Sec-Fetch-Site and notice nothing. A page that we served ourselves (/docs) may read, not call.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from polyglot_cloud.asgi import App, Headers, Message, Receive, Scope, Send, values
from polyglot_cloud.errors import BadRequest, ForeignOrigin, GatewayError, Misdirected, WrongMediaType
from polyglot_cloud.hosts import is_loopback, is_wildcard, named_by

Refuse = Callable[[Scope, GatewayError], tuple[int, Headers, bytes]]
"""(scope, error) -> (status, headers, body): the error as the face that was called would write it."""

UPLOADS = "/files"
"""Where a path ends so, a body may be multipart/form-data."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_NOT_ACROSS_SITES = frozenset({b"none", b"same-origin"})
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s*]+")
_HEADER_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]*")
_NOT_IN_A_PATH = re.compile(r"[\x00-\x1f\x7f\\]|(?:^|/)\.\.?(?:/|$)")
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_:-]+(?:/[A-Za-z0-9_:-]+)*")
_TELLING = frozenset({b"origin", b"sec-fetch-site", b"content-encoding"})
_REMEMBERED = 64
_PREFLIGHT_SECONDS = b"600"


class Door:
    """Stands before the whole app. Requests pass as they came, or are answered here.

    hosts    names beside loopback that a `Host` may have: the bind address and what is configured; any port. An address that stands for
             all (0.0.0.0) names none
    origins  web origins that may call, as a browser writes them ("https://app.example", "vscode-webview://..."); raises ValueError
             for anything else, "*" and "null" among it
    """

    def __init__(self, app: App, refuse: Refuse, *, hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        self._app = app
        self._refuse = refuse
        self._hosts = frozenset(_host(host) for host in hosts if not is_wildcard(host))
        self._origins = frozenset(_origin(origin) for origin in origins)
        self._welcome: set[bytes] = set()  # Host headers that were let in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_plain(scope):
            await self._app(scope, receive, send)
            return
        visitor = _Visitor(None)
        try:
            self._check_host(scope)
            visitor = self._visitor(scope)
            if visitor.origin and _is_preflight(scope):
                await _send(send, 204, [*visitor.headers(), *_permissions(scope)], b"")
                return
            check_path(scope)
            check_body(scope)
        except GatewayError as error:
            status, headers, body = self._refuse(scope, error)
            await _send(send, status, [*headers, *visitor.headers()], body)
        else:
            await self._app(scope, receive, visitor.let_in(send) if visitor.origin else send)

    def _is_plain(self, scope: Scope) -> bool:
        """Whether this is a program's JSON for a host that was let in before, on a path without a dot: nearly every call, told by one
        look at its headers. False says nothing: all is checked then.
        """
        hosts = types = 0
        for name, value in scope["headers"]:
            if name == b"host":
                hosts += 1 if value in self._welcome else 2
            elif name == b"content-type":
                types += 1 if value == b"application/json" else 2
            elif name in _TELLING:
                return False
        path = scope["path"]
        return hosts == 1 and types == 1 and scope["method"] == "POST" and bool(_PLAIN_PATH.fullmatch(path))

    def _check_host(self, scope: Scope) -> None:
        found = values(scope, b"host")
        if len(found) != 1:
            raise BadRequest("The request must have one Host header.")
        host = named_by(found[0].decode("latin-1"))
        if host is None:
            raise BadRequest("The Host header is not host or host:port.")
        if not is_loopback(host) and host not in self._hosts:
            raise Misdirected(
                f"This gateway is not {host}. If that name is meant to lead here, its operator can list it in POLYGLOT_ALLOWED_HOSTS."
            )
        if len(self._welcome) < _REMEMBERED:
            self._welcome.add(found[0])

    def _visitor(self, scope: Scope) -> "_Visitor":
        origins = values(scope, b"origin")
        if not origins:
            if not _NOT_ACROSS_SITES.issuperset(values(scope, b"sec-fetch-site")):
                raise ForeignOrigin(
                    "Web pages of other sites may not load from this gateway. Open its address directly."
                )
            return _Visitor(None)
        origin = origins[0].decode("latin-1")
        if len(origins) > 1 or origin not in self._origins:
            raise ForeignOrigin(
                f"Web pages of {origin[:200]!r} may not call this gateway. If this one should, its operator can list it in "
                "POLYGLOT_ALLOWED_ORIGINS."
            )
        return _Visitor(origins[0])


@dataclass(frozen=True, slots=True)
class _Visitor:
    """A web page that may come in, by its origin; None is a program."""

    origin: bytes | None

    def headers(self) -> Headers:
        if self.origin is None:
            return []
        return [
            (b"access-control-allow-origin", self.origin),
            (b"access-control-expose-headers", b"*"),
            (b"vary", b"Origin"),
        ]

    def let_in(self, send: Send) -> Send:
        """`send`, with the headers that make the browser hand over the answer."""

        async def send_with_permission(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self.headers()]}
            await send(message)

        return send_with_permission


def _host(host: str) -> str:
    name = named_by(f"[{host}]" if ":" in host and not host.startswith("[") else host)
    if name is None:
        raise ValueError(f"{host!r} is no host name or address")
    return name


def _origin(origin: str) -> str:
    written = origin.strip().lower().removesuffix("/")
    if not _ORIGIN.fullmatch(written):
        raise ValueError(f"{origin!r} is no web origin: list each one as https://host or https://host:port")
    return written


def _is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and bool(values(scope, b"access-control-request-method"))


def _permissions(scope: Scope) -> Headers:
    asked = b", ".join(values(scope, b"access-control-request-headers"))
    permissions = [
        (b"access-control-allow-methods", b"GET, POST, DELETE"),
        (b"access-control-max-age", _PREFLIGHT_SECONDS),
    ]
    if asked and _HEADER_NAMES.fullmatch(asked):
        permissions.append((b"access-control-allow-headers", asked))
    if values(scope, b"access-control-request-private-network"):
        # Chrome asks so before a page of the public web reaches a private address
        permissions.append((b"access-control-allow-private-network", b"true"))
    return permissions


def check_path(scope: Scope) -> None:
    """Refuses a path that another reader could take for a different one: dot segments, backslashes, control characters."""
    if _NOT_IN_A_PATH.search(scope["path"]):
        raise BadRequest("The path has a dot segment, a backslash or a control character, which no endpoint has.")


def check_body(scope: Scope) -> None:
    """Refuses a body that is not plain JSON by its headers. A POST without any body (swarm calls with a query only) passes."""
    if scope["method"] not in _WITH_BODY:
        return
    types = values(scope, b"content-type")
    if (types or _has_body(scope)) and not (len(types) == 1 and _is_taken(types[0], scope["path"])):
        raise WrongMediaType("The request body must be JSON, with the one header Content-Type: application/json.")
    if any(coding.strip().lower() not in {b"", b"identity"} for coding in values(scope, b"content-encoding")):
        raise WrongMediaType("Compressed request bodies are not taken. Send it without Content-Encoding.")


def _has_body(scope: Scope) -> bool:
    lengths = values(scope, b"content-length")
    return bool(values(scope, b"transfer-encoding")) or any(length.strip(b"0") for length in lengths)


def _is_taken(content_type: bytes, path: str) -> bool:
    media_type = content_type.split(b";", 1)[0].strip().lower()
    return media_type == b"application/json" or (media_type == b"multipart/form-data" and path.endswith(UPLOADS))


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    if not any(name == b"content-length" for name, _ in headers) and status != 204:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
