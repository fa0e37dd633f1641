"""How `polyglot-cloud swarm release` speaks to the process that serves the swarm: a path beside those of the services, on their ports.

It is asked for with a secret that this process drew and wrote into a file for its owner alone, so that no other user of the machine, and
no web page, takes the services away.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection

from polyglot_cloud import wire
from polyglot_cloud.asgi import App, Headers, Receive, Scope, Send, values
from polyglot_cloud.bodies import ClientGone, content_length, read_body
from polyglot_cloud.door import Door
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.routes.swarm_edge import refuse

PATH = "/polyglot/release"
LONGEST_BODY = 4096

Release = Callable[[Collection[str]], list[str]]
"""The services to give up, all without a name -> those that were given up."""


def controlled(app: App, secret: str, release: Release) -> App:
    """`app`, with the path of control beside its own, behind the same door."""
    control = Door(_Control(secret, release), refuse)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        chosen = control if scope.get("path") == PATH else app
        await chosen(scope, receive, send)

    return serve


class _Control:
    def __init__(self, secret: str, release: Release) -> None:
        self._digest = hashlib.sha256(b"Bearer " + secret.encode()).digest()
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._opens(scope):
            await _answer(send, 401, {"detail": "This path is for `polyglot-cloud swarm release`."})
        elif scope["method"] != "POST":
            await _answer(send, 405, {"detail": "POST is for this path."}, [(b"allow", b"POST")])
        else:
            await self._give_up(scope, receive, send)

    def _opens(self, scope: Scope) -> bool:
        shown = values(scope, b"authorization")
        digest = hashlib.sha256(shown[0] if len(shown) == 1 else b"").digest()
        return hmac.compare_digest(digest, self._digest)

    async def _give_up(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = bytes(await read_body(receive, LONGEST_BODY, content_length=content_length(scope)))
            names = _names(body)
        except ClientGone:
            return
        except GatewayError as error:
            await _answer(send, error.status, {"detail": error.message})
        except (wire.InvalidJson, ValueError):
            await _answer(send, 400, {"detail": 'The body is {"services": ["router", ...]}; an empty list is all.'})
        else:
            await _answer(send, 200, {"released": self._release(names)})


def _names(body: bytes) -> list[str]:
    value = wire.decode(body)
    names = value.get("services") if isinstance(value, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("services")
    return names


async def _answer(send: Send, status: int, value: object, headers: Headers | None = None) -> None:
    body = wire.encode(value)
    fixed = [
        (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store"),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})
