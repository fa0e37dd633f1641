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


def values(scope: Scope, name: bytes) -> list[bytes]:
    """Every value of a header, one for each line that the client sent."""
    return [value for key, value in scope["headers"] if key == name]
