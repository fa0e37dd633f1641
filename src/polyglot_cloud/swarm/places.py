"""Whose an endpoint is: one of our own listeners, an address that may be called, or neither."""

from collections.abc import Callable, Iterable

from polyglot_cloud.addresses import read_place
from polyglot_cloud.hosts import LOCALHOST, is_loopback
from polyglot_cloud.swarm.offers import Listening

Place = tuple[str, str, int]
"""Scheme, host and port. All names of this machine itself are one."""


class Places:
    """`listening` tells our listeners anew each time: their ports may not be known yet. `others` are URLs of whom we may call."""

    def __init__(self, listening: Callable[[], Iterable[Listening]], others: Iterable[str] = ()) -> None:
        self._listening = listening
        self._others = frozenset(place(url) for url in others) - {None}

    def ours(self, endpoint: str) -> str | None:
        """The provider whose listener stands at this address."""
        found = place(endpoint)
        if found is None:
            return None
        return next((each.provider for each in self._listening() if place(each.endpoint) == found), None)

    def may_call(self, endpoint: str) -> bool:
        """Whether somebody else stands there whom the operator named."""
        return place(endpoint) in self._others


def place(url: str) -> Place | None:
    """None for what cannot be read: nobody checks what is registered."""
    try:
        found = read_place(url)
    except ValueError:
        return None
    return found.scheme, LOCALHOST if is_loopback(found.host) else found.host, found.port
