"""Which headers travel. Up: in the same dialect all but what is the connection's or a secret; across dialects a closed list.
Down: rate limits and request ids. `x-polyglot-*` is ours to say; of a provider only the mark of a stand-in comes through.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import unquote

from polyglot_cloud.asgi import Headers
from polyglot_cloud.neutral import Loss

PREFIX = "x-polyglot-"

HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "http2-settings",
})  # fmt: skip
CREDENTIALS = frozenset({
    "authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie", "cookie2", "x-goog-user-project", "x-amz-security-token",
})  # fmt: skip
OURS_TO_SET = frozenset({"host", "content-length", "accept-encoding", "content-encoding", "expect", "content-type"})
OF_THE_CLIENT = frozenset({
    "origin", "referer", "forwarded", "via", "x-real-ip", "x-run-id", "x-agent", "openai-organization", "openai-project",
    "anthropic-workspace-id",
})  # fmt: skip
"""Who or where the client is: not the provider's business, or said of an account that is not the gateway's."""
OF_THE_CLIENT_PREFIXES = ("sec-", "x-forwarded-", PREFIX, "cf-")
_PLACE = re.compile(r"/\d+/")
SECRET_PARAMETERS = frozenset({"key", "access_token", "oauth_token", "api_key"})
"""Query parameters that Google's clients may carry a credential in."""
ACROSS = frozenset({"traceparent", "tracestate", "x-client-request-id"})

DOWN = frozenset(
    {"x-polyglot-sandbox", "x-request-id", "request-id", "retry-after", "retry-after-ms", "x-should-retry"}
)
LONGEST = 4096
"""Characters of a header value that is passed on or written: clients and proxies in between refuse heads beyond 8 KiB."""
LISTED = 2048
DOWN_PREFIXES = (
    "x-ratelimit-",
    "anthropic-ratelimit-",
    "anthropic-priority-",
    "openai-processing-ms",
    "openai-version",
)


def upward(headers: Headers, *, same_dialect: bool) -> dict[str, str]:
    """The client's headers that go to the provider. A name that stands several times is joined by commas (RFC 9110, 5.3)."""
    chosen: dict[str, str] = {}
    of_the_hop: list[str] = []
    for raw, value in headers:
        if raw == b"connection":
            of_the_hop += _named_by(value)
        elif name := _going_up(raw, same_dialect):
            bare = value.decode("latin-1").strip(" \t")  # allowed around a value, refused by h11 (RFC 9110, 5.5)
            chosen[name] = f"{chosen[name]}, {bare}" if name in chosen else bare
    for name in of_the_hop:
        chosen.pop(name, None)
    return chosen


@lru_cache(maxsize=1024)
def _going_up(raw: bytes, same_dialect: bool) -> str:  # a key of the cache, always given by place
    """The header's name, "" where it stays behind."""
    name = raw.decode("latin-1")
    if not same_dialect:
        return name if name in ACROSS else ""
    stays = (
        name in HOP_BY_HOP
        or name in CREDENTIALS
        or name in OURS_TO_SET
        or name in OF_THE_CLIENT
        or name.startswith(OF_THE_CLIENT_PREFIXES)
    )
    return "" if stays else name


def _named_by(connection: bytes) -> list[str]:
    """Headers that `Connection` names are hop-by-hop as well (RFC 9110, 7.6.1)."""
    return [word.strip().lower() for word in connection.decode("latin-1").split(",")]


def downward(headers: Mapping[str, str]) -> dict[str, str]:
    """The provider's headers that come back to the client."""
    chosen = {
        name: value
        for name, value in headers.items()
        if _comes_down(name) and len(value) <= LONGEST and value.isprintable()
    }
    if "request-id" in chosen:  # Anthropic's name for it; OpenAI's SDKs look for the other
        chosen.setdefault("x-request-id", chosen["request-id"])
    return chosen


@lru_cache(maxsize=512)
def _comes_down(name: str) -> bool:
    return name in DOWN or name.startswith(DOWN_PREFIXES)


def query_upward(query: str) -> str:
    """A client's query string less its credentials; what else stands in it stays as it is spelled."""
    if not query:
        return query
    return "&".join(
        pair for pair in query.split("&") if unquote(pair.partition("=")[0]).lower() not in SECRET_PARAMETERS
    )


def loss_list(losses: Iterable[Loss]) -> str:
    """Losses in one header value: "/seed, /temperature (approximated)". A pointer may hold a client's words, so it is made printable."""
    words = (
        _general(loss.pointer) if loss.kind == "dropped" else f"{_general(loss.pointer)} ({loss.kind})"
        for loss in losses
    )
    unique = list(dict.fromkeys(_printable(word) for word in words))
    shown, size = 0, 0
    while shown < len(unique) and size + len(unique[shown]) <= LISTED:
        size += len(unique[shown]) + 2
        shown += 1
    more = [f"and {len(unique) - shown} more"] if shown < len(unique) else []
    return ", ".join([*unique[:shown], *more])


def _general(pointer: str) -> str:
    """The same loss in many messages is one loss: "/messages/7/name" -> "/messages/*/name"."""
    return _PLACE.sub("/*/", pointer)


def _printable(text: str) -> str:
    return "".join(sign if " " <= sign <= "~" else "?" for sign in text)
