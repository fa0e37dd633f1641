"""Who may come in to administer: a program on this machine, with the key. All of it is decided before a byte of the body is read.

The door of the gateway's own ports stands here as well: a `Host` that is not loopback and everything that a web page cannot help telling
is refused, so that a page in the operator's browser can neither read nor change anything, rebound name or not.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from polyglot_cloud import wire
from polyglot_cloud.asgi import App, Headers, Receive, Scope, Send, values
from polyglot_cloud.door import Door
from polyglot_cloud.errors import ForeignOrigin, GatewayError, Misdirected

MESSAGES: Mapping[type[GatewayError], str] = {
    Misdirected: "The administration answers to names of loopback only: 127.0.0.1, [::1], localhost.",
    ForeignOrigin: "Web pages may not administer this gateway.",
}


def guarded(app: App, key: str) -> App:
    """`app` behind the door and the key."""
    return Door(_Keyed(app, key), _refused)


class _Keyed:
    """Asks every request for `Authorization: Bearer`, whatever its path. Both sides are hashed: lengths are not told either."""

    def __init__(self, app: App, key: str) -> None:
        self._app = app
        self._digest = hashlib.sha256(key.encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._opens(scope):
            await self._app(scope, receive, send)
            return
        message = "Send the key of administration as Authorization: Bearer. It is POLYGLOT_ADMIN_KEY, and no other key of the gateway."
        await answer(send, 401, failure("unauthorized", message), [(b"www-authenticate", b"Bearer")])

    def _opens(self, scope: Scope) -> bool:
        found = values(scope, b"authorization")
        word, _, shown = (found[0] if len(found) == 1 else b"").strip().partition(b" ")
        digest = hashlib.sha256(shown.strip()).digest()
        return hmac.compare_digest(digest, self._digest) and word.lower() == b"bearer"


def _refused(_: Scope, error: GatewayError) -> tuple[int, Headers, bytes]:
    message = MESSAGES.get(type(error), error.message)
    return error.status, [(b"content-type", b"application/json")], wire.encode(failure("refused", message))


def failure(code: str, message: str, faults: list[tuple[str, str]] | None = None) -> dict[str, Any]:
    """An error's body. `faults` are (member of the request's body, reason)."""
    found: dict[str, Any] = {"code": code, "message": message}
    if faults:
        found["faults"] = [{"member": member, "reason": reason} for member, reason in faults]
    return {"error": found}


async def answer(send: Send, status: int, value: Any, headers: Headers | None = None) -> None:
    body = wire.encode(value)
    fixed = [
        (b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"content-length", b"%d" % len(body)),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})
