"""The words of ASGI 3.0 (asgi.readthedocs.io, "HTTP & WebSocket message format"), named once for all that speak it."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
"""Names in lower case, in the order and number in which they came."""


DEPARTURE = "polyglot_cloud.departure"
"""Key of a scope: who wants to know, at once and without a task that waits for it, that the client has left."""


class Departure:
    """Set by the server when the client's connection ends before the answer has; `tell` is called then, once."""

    __slots__ = ("gone", "tell")

    def __init__(self) -> None:
        self.gone = False
        self.tell: Callable[[], None] | None = None

    def leave(self) -> None:
        if not self.gone:
            self.gone = True
            if self.tell is not None:
                self.tell()


def values(scope: Scope, name: bytes) -> list[bytes]:
    """Every value of a header, one for each line that the client sent."""
    return [value for key, value in scope["headers"] if key == name]
